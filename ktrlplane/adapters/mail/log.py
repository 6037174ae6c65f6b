import logging

from ktrlplane.ports.mail import Mail, Message, refuse_unmailable

_log = logging.getLogger(__name__)


class LogMail(Mail):
    """Where there is no mail server: whoever runs this finds the message in the log.

    It is a warning, since nobody else gets it, and so that no usual level leaves it out.
    """

    def send(self, message: Message) -> None:
        refuse_unmailable(message.to)
        told = {"to": message.to, "subject": message.subject, "text": message.text}
        _log.warning("mail_without_server", extra=told)
