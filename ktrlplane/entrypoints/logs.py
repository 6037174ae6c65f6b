"""Logs: to standard error, one line an event, whichever library speaks."""

import logging
import sys
from collections.abc import Sequence
from typing import Any, Final

import orjson
import structlog
from structlog.processors import ExceptionRenderer, JSONRenderer
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import Processor

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
    # It tells every statement of every step.
    logging.getLogger("yoyo").setLevel(logging.WARNING)
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
        foreign_pre_chain=list(_SHARED),
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
        structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    ]


def _json(event: object, **options: Any) -> str:
    return orjson.dumps(event, default=options["default"]).decode()


def _encoded(_logger: object, _method: str, line: Any) -> bytes:
    return str(line).encode(errors="backslashreplace")


def _stream_logger(*name: str) -> structlog.BytesLogger:
    return structlog.BytesLogger(sys.stderr.buffer, name=name[0] if name else None)
