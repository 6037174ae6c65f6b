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
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)


def configure_logs(settings: Settings) -> None:
    """For this process; called again, it does the same again."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter(settings.log_format))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    # It tells every statement of every step.
    logging.getLogger("yoyo").setLevel(logging.WARNING)
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelName(settings.log_level.upper())
        ),
        cache_logger_on_first_use=False,
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
    # Tracebacks without local variables: those hold tokens and what people sent.
    ends: list[Processor] = (
        [
            ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
            JSONRenderer(serializer=_json),
        ]
        if log_format == "json"
        else [
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            )
        ]
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=list(_SHARED),
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *ends],
    )


def _json(event: object, **options: Any) -> str:
    return orjson.dumps(event, default=options["default"]).decode()
