"""Gunicorn's application, with what must hold in a rock whatever its configuration says.

Works with Gunicorn 20.1 to 27. Defaults go in where every other source of settings is
stronger; what must hold goes in after all of them, at each SIGHUP again. A Juju charm
overwrites the configuration file, so nothing here relies on it.
"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.app.wsgiapp import WSGIApplication
from rock_metrics.check import checked
from rock_metrics.logger import MetricsLogger

from rock_server.access import JsonAccess
from rock_server.arbiter import Arbiter
from rock_server.environment import UNCHOSEN, access_log_format, defaults, ready_path
from rock_server.uvicorn_logging import UvicornLogging
from rock_server.workers import limits, worker_count

#: The short name of our Uvicorn worker, and the usual names of those it takes the place of.
UVICORN_NAMES = frozenset(
    {"uvicorn", "uvicorn.workers.UvicornWorker", "uvicorn_worker.UvicornWorker"}
)
UVICORN_WORKER = "rock_metrics.worker.UvicornWorker"

#: A gthread worker with one thread would be a sync worker.
THREADS = 4

# What a worker takes of the memory, in MiB (measured, hello world and some room).
_WSGI_WORKER = 40
_ASGI_WORKER = 55


class _Run(BaseApplication):  # type: ignore[misc] # Gunicorn has no types
    """The last step of Gunicorn's ``run()``: become the master."""

    def run(self) -> None:
        """Serve until stopped."""
        try:
            Arbiter(self).run()
        except RuntimeError as error:
            sys.exit(f"\nError: {error}\n")


# In the order of resolution _Run comes last but for the class that it replaces.
class Application(WSGIApplication, _Run):  # type: ignore[misc]
    """Gunicorn for a rock.

    ``ready_path`` is what a check asks for, and ``workers_reason`` a few words for the log.
    """

    cfg: Any
    ready_path = "/"
    workers_reason = "as told"

    def init(self, parser: ArgumentParser, opts: Namespace, args: list[str]) -> dict[str, object]:
        """Return the weakest settings, limited to those this Gunicorn knows."""
        chosen: dict[str, object] = super().init(parser, opts, args) or {}
        known = self.cfg.settings
        return {
            **{name: value for name, value in defaults(os.environ).items() if name in known},
            **chosen,
        }

    def load_config(self) -> None:
        """Gather the settings from everywhere, then put in what must hold."""
        before = list(sys.path)
        super().load_config()
        # Gunicorn puts the folder it was started in on the path before it reads which
        # folder is the app's; in a rock that is "/".
        started_in = self.cfg.settings["chdir"].default
        if started_in in sys.path and started_in not in (*before, self.cfg.chdir):
            sys.path.remove(started_in)
        self.ready_path = ready_path(os.environ)
        self._choose_worker()
        self._compose_logger()

    def load(self) -> Any:
        """Return the app that workers serve."""
        app = super().load()
        # Around an ASGI app the worker stands itself.
        return app if self._is_asgi() else checked(app, self.ready_path)

    def _is_asgi(self) -> bool:
        kind = self.cfg.worker_class_str
        return kind == "asgi" or "vicorn" in kind

    def _choose_worker(self) -> None:
        cfg = self.cfg
        if cfg.settings["worker_class"].get() in UVICORN_NAMES:
            cfg.set("worker_class", UVICORN_WORKER)
        kind = cfg.worker_class_str
        if cfg.threads == UNCHOSEN:
            cfg.set("threads", THREADS if kind == "gthread" else 1)
        if cfg.workers == UNCHOSEN:
            given = limits()
            count = worker_count(
                given,
                sync=kind == "sync" or kind.endswith("SyncWorker"),
                worker_mib=_ASGI_WORKER if self._is_asgi() else _WSGI_WORKER,
            )
            cfg.set("workers", count)
            self.workers_reason = f"{kind.rpartition('.')[2]}, {given}"

    def _compose_logger(self) -> None:
        cfg = self.cfg
        address = cfg.statsd_host
        # Gunicorn's own StatsD logger would count everything a second time.
        cfg.set("statsd_host", None)
        bases = [MetricsLogger, cfg.logger_class]
        if access_log_format(os.environ) == "json":
            bases.insert(1, JsonAccess)
        elif self._is_asgi() and os.environ.get("UVICORN_LOG_CONFIG"):
            bases.insert(1, UvicornLogging)
        members = {"statsd_address": address, "statsd_prefix": cfg.statsd_prefix}
        cfg.set("logger_class", type("Logger", tuple(bases), members))
