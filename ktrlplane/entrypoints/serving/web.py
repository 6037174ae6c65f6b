"""The web server's process, with the settings in its environment:
``python -m ktrlplane.entrypoints.serving.web SERVER HOST PORT PARENT``."""

import os
import shutil
import signal
import sys
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import structlog
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]
from gunicorn.glogging import Logger  # type: ignore[import-untyped]

from ktrlplane.entrypoints.http import waiting
from ktrlplane.entrypoints.logs import configure_logs, standard_logging
from ktrlplane.entrypoints.processes import allow_many_files, die_with
from ktrlplane.entrypoints.serving.addresses import Address
from ktrlplane.entrypoints.setting_sources import load_settings
from ktrlplane.entrypoints.settings import Settings

APP: Final = "ktrlplane.entrypoints.http.wsgi:app"

DRAIN_S: Final = 30
"""How long running requests may take to finish once a stop is asked for."""

KEEP_ALIVE_S: Final = 75
"""Longer than the 60 s for which load balancers keep an idle connection to us, so that it is
they who close it, never we at the moment when they send."""

SPARE_THREADS: Final = 32
"""That granian has where there are backends to wait for, since it cannot put requests aside."""

LONGEST_LINE: Final = 8190
"""Bytes of method and address: gunicorn's most."""
LONGEST_FIELD: Final = 20 * 1024
"""Bytes of a header: more than any token, so that it is we who refuse one that is too long."""

_IS_LINUX: Final = sys.platform == "linux"


def has(server: str) -> bool:
    return find_spec(server) is not None


class _GunicornLogs(Logger):  # type: ignore[misc]
    """Through our own handler. The application itself logs its requests."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True


class _Gunicorn(BaseApplication):  # type: ignore[misc]
    def __init__(self, settings: Settings, address: Address) -> None:
        self._settings, self._address = settings, address
        super().__init__()

    def load_config(self) -> None:
        wanted: dict[str, Any] = {
            "bind": self._address.bind,
            "worker_class": "ktrlplane.entrypoints.serving.patience.PatientWorker",
            "workers": self._settings.workers,
            "threads": self._settings.threads,
            "keepalive": KEEP_ALIVE_S,
            "graceful_timeout": DRAIN_S,
            "limit_request_line": LONGEST_LINE,
            "limit_request_field_size": LONGEST_FIELD,
            # Headers that would take the place of the address asked for.
            "forwarder_headers": "",
            # One shared socket now and then gives every lasting connection to one worker.
            # Only Linux spreads connections over the sockets of one port.
            "reuse_port": _IS_LINUX,
            "loglevel": self._settings.log_level,
            "logger_class": _GunicornLogs,
            "proc_name": "ktrlplane",
            "post_fork": lambda arbiter, _: die_with(arbiter.pid),
            # A file in the home directory that two instances would quarrel about.
            "control_socket_disable": True,
        }
        for name, value in wanted.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Any:
        # After the fork: the pool of connections belongs to one process.
        return _load_app(APP)


def _load_app(path: str) -> Any:
    configure_logs(load_settings())
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)


def _load_in_granian_worker(main: int, path: str) -> Any:
    die_with(main)
    waiting.spare_threads = SPARE_THREADS
    # Until granian's own handlers are there, the inherited ones would swallow a stop.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    return _load_app(path)


def _run_gunicorn(settings: Settings, address: Address) -> None:
    _Gunicorn(settings, address).run()


def _run_granian(settings: Settings, address: Address) -> None:
    # An extra that may not be installed.
    from granian import Granian  # noqa: PLC0415
    from granian.constants import Interfaces  # noqa: PLC0415
    from granian.log import LogLevels  # noqa: PLC0415

    Granian(
        APP,
        address=address.host,
        port=address.port,
        interface=Interfaces.WSGI,
        workers=settings.workers,
        blocking_threads=settings.threads + (SPARE_THREADS if settings.backends else 0),
        workers_kill_timeout=DRAIN_S,
        log_level=LogLevels(settings.log_level),
        log_dictconfig=standard_logging(settings, "_granian", "granian.access"),
        process_name=None,
    ).serve(target_loader=partial(_load_in_granian_worker, os.getpid()))


def _count_together(folder: Path) -> None:
    """The workers add up what they count, in files; those of an earlier run are over.

    prometheus_client looks for this variable when it is imported.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = os.fspath(folder)


def main() -> None:
    server, host, port, parent = sys.argv[1:]
    die_with(int(parent))
    allow_many_files()
    settings = load_settings()
    configure_logs(settings)
    _count_together(settings.data_dir / "metrics" / port)
    structlog.get_logger(__name__).info("web_server_starting", server=server, pid=os.getpid())
    # Before the fork, once for all: what takes time to load and opens nothing.
    import_module("ktrlplane.entrypoints.http.app")
    run = _run_granian if server == "granian" else _run_gunicorn
    run(settings, Address(host, int(port)))


if __name__ == "__main__":
    main()
