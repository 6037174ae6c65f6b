import logging

import orjson
import pytest

from ktrlplane.adapters.mail import LogMail
from ktrlplane.entrypoints import logs
from ktrlplane.ports.mail import Message

LINK = "https://kp.example.com/invitations/i1?token=a_b"
INVITED = Message(to="grace@example.com", subject="Join\x85", text=f"Join:\n\n{LINK}\n", key="i1")


def line(caplog: pytest.LogCaptureFixture, log_format: str) -> str:
    LogMail().send(INVITED)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    return logs._formatter(log_format).format(record)


def test_the_message_is_one_line_with_fields(caplog: pytest.LogCaptureFixture) -> None:
    said = line(caplog, "json")
    assert "\n" not in said
    told = orjson.loads(said)
    assert told["event"] == "mail_without_server"
    assert (told["to"], told["subject"], told["text"]) == (
        INVITED.to,
        INVITED.subject,
        INVITED.text,
    )


def test_a_person_finds_the_link_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    said = line(caplog, "console")
    assert LINK in said
    assert "\n" not in said
