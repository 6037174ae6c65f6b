"""Logs: to standard error, one line an event, whichever library speaks."""

import logging
import sys
from collections.abc import Sequence
from io import StringIO
from typing import Any, Final, TextIO

import orjson
import structlog
from structlog.processors import ExceptionRenderer, JSONRenderer
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import EventDict, ExcInfo, Processor

from ktrlplane.entrypoints.settings import Settings

_SHARED: Final[Sequence[Processor]] = (
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)


def configure_logs(settings: Settings) -> None:
    """For this process; called again, it does the same again.

    What we log goes straight to the stream, since every request does; what libraries log
    comes by way of the standard library and looks the same.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter(settings.log_format))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    # One tells every statement of every step; the others whom they asked what, and what was
    # answered: customers, links that open their portals, secrets.
    for name in ("yoyo", "stripe", "urllib3"):
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*_SHARED, *_ends(settings.log_format), _encoded],
        logger_factory=_stream_logger,
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelName(settings.log_level.upper())
        ),
        cache_logger_on_first_use=True,
    )


def standard_logging(settings: Settings, *names: str) -> dict[str, Any]:
    """The same for a library that wants a dictConfig with its own loggers ``names``."""
    told = {"handlers": ["ktrlplane"], "level": settings.log_level.upper()}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"ktrlplane": {"()": lambda: _formatter(settings.log_format)}},
        "handlers": {
            "ktrlplane": {
                "class": "logging.StreamHandler",
                "formatter": "ktrlplane",
                "stream": "ext://sys.stderr",
            }
        },
        "root": told,
        "loggers": {name: told | {"propagate": False} for name in names},
    }


def _formatter(log_format: str) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*_SHARED, structlog.stdlib.ExtraAdder()],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            *_ends(log_format),
        ],
    )


def _ends(log_format: str) -> list[Processor]:
    """Tracebacks come without local variables: those hold tokens and what people sent."""
    if log_format == "json":
        return [
            ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
            JSONRenderer(serializer=_json),
        ]
    return [
        _visible_values,
        structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=_visible_traceback
        ),
    ]


def _visible_values(_logger: object, _method: str, event: EventDict) -> EventDict:
    """What people sent must not steer the terminal of who reads it."""
    for name, value in event.items():
        text = value if isinstance(value, str) else repr(value)
        if name != "exc_info" and not text.isprintable():
            event[name] = _visible(text, keep="\n" if name in ("exception", "stack") else "")
    return event


def _visible_traceback(stream: TextIO, exc_info: ExcInfo) -> None:
    told = StringIO()
    structlog.dev.plain_traceback(told, exc_info)
    stream.write(_visible(told.getvalue(), keep="\n"))


def _visible(text: str, *, keep: str) -> str:
    return "".join(
        sign if sign.isprintable() or sign in keep else sign.encode("unicode_escape").decode()
        for sign in text
    )


def _json(event: object, **options: Any) -> str:
    return orjson.dumps(event, default=options["default"]).decode()


def _encoded(_logger: object, _method: str, line: Any) -> bytes:
    return str(line).encode(errors="backslashreplace")


def _stream_logger(*name: str) -> structlog.BytesLogger:
    return structlog.BytesLogger(sys.stderr.buffer, name=name[0] if name else None)
