from ktrlplane.adapters.mail.log import LogMail
from ktrlplane.adapters.mail.smtp import SmtpMail

__all__ = ["LogMail", "SmtpMail"]
