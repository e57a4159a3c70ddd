"""Gunicorn's application, with what must hold in a rock whatever its configuration says.

Works with Gunicorn 20.1 to 27. Defaults go in where every other source of settings is
stronger; what must hold goes in after all of them, at each SIGHUP again. A Juju charm
overwrites the configuration file, so nothing here relies on it.
"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.app.wsgiapp import WSGIApplication
from rock_metrics.check import checked
from rock_metrics.logger import MetricsLogger

from rock_server import hook
from rock_server.access import JsonAccess
from rock_server.arbiter import Arbiter
from rock_server.environment import (
    EXPORTER,
    UNCHOSEN,
    access_log_format,
    defaults,
    exporter,
    ready_path,
)
from rock_server.servers import Server, is_asgi
from rock_server.uvicorn_logging import UvicornLogging
from rock_server.workers import limits, worker_count

#: The short name of our Uvicorn worker, and the usual names of those it takes the place of.
UVICORN_NAMES = frozenset(
    {"uvicorn", "uvicorn.workers.UvicornWorker", "uvicorn_worker.UvicornWorker"}
)
UVICORN_WORKER = "rock_metrics.worker.UvicornWorker"

#: What brings each kind of worker that Gunicorn doesn't have alone, by the start of its name.
REQUIREMENTS = {
    "gevent": "gunicorn[gevent]",
    "eventlet": "gunicorn[eventlet]",
    "tornado": "gunicorn[tornado]",
    UVICORN_WORKER: "uvicorn",
}

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

    ``server`` is the one that was chosen of those the rock has. ``ready_path`` is what a check
    asks for, and ``workers_reason`` a few words for the log; ``remarks`` are further lines.
    ``log`` is the master's logger, None where nothing is served.
    """

    cfg: Any
    app_uri: str | None
    ready_path = "/"
    workers_reason = "as told"
    remarks: tuple[str, ...] = ()
    log: Any = None

    def __init__(self, server: Server, usage: str, prog: str) -> None:
        self.server = server
        super().__init__(usage, prog)

    def init(self, parser: ArgumentParser, opts: Namespace, args: list[str]) -> dict[str, object]:
        """Return the weakest settings, limited to those this Gunicorn knows."""
        if self.server.app:
            args = [self.server.app, *args[1:]]
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
        if self.server.pythonpath:
            own = self.cfg.pythonpath
            self.cfg.set("pythonpath", ",".join(filter(None, (self.server.pythonpath, own))))
        self.remarks = tuple(self._remarks())
        self._choose_worker()
        self._compose_logger()

    def load(self) -> Any:
        """Return the app that workers serve."""
        app = super().load()
        if hook.find(self.server.name, self._folders()):
            hook.load(self.server.name, app)
            if self.log is not None:
                self.log.info("Loaded custom_%s.py", self.server.name)
        # Around an ASGI app the worker stands itself.
        return app if self._is_asgi() else checked(app, self.ready_path)

    def _folders(self) -> list[str]:
        return [*filter(None, (self.cfg.pythonpath or "").split(",")), self.cfg.chdir]

    def _remarks(self) -> Iterator[str]:
        """Give what the log says of the server and of its hook, before the worker is set."""
        server, named = self.server, self.cfg.worker_class_str
        if len(server.all) > 1:
            reason = server.chosen_by or "nothing chooses another"
            service = "" if server.is_own else f"; the service is still called {server.own}"
            yield f"Serving with {server.name}: {reason}{service}"
        elif server.chosen_by and not server.chosen_by.lower().endswith(f"={server.name}"):
            yield f"Serving with {server.name}, the one server of this rock, not {server.chosen_by}"
        if server.worker_for(named) != named:
            yield f"Using {server.worker} workers: {named} ones can't serve with {server.name}"
        if path := hook.find(server.name, self._folders()):
            yield f"Found {path}"

    def _is_asgi(self) -> bool:
        return is_asgi(self.cfg.worker_class_str)

    def _choose_worker(self) -> None:
        cfg = self.cfg
        named = cfg.worker_class_str
        if (worker := self.server.worker_for(named)) != named:
            cfg.set("worker_class", worker)
        if cfg.settings["worker_class"].get() in UVICORN_NAMES:
            cfg.set("worker_class", UVICORN_WORKER)
        kind = cfg.worker_class_str
        self._check_worker(kind)
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

    def _check_worker(self, kind: str) -> None:
        """End with one line where the class of the workers can't be loaded."""
        try:
            _ = self.cfg.worker_class
        except Exception as error:
            # Gunicorn gives a traceback as the text.
            lines = str(error).rstrip("]\n ").splitlines() or [type(error).__name__]
            reason = lines[-1].removeprefix("RuntimeError: ").strip()
            brings = [one for start, one in REQUIREMENTS.items() if kind.startswith(start)]
            remedy = f"; add {brings[0]} to the requirements" if brings else ""
            sys.exit(f"rock-gunicorn: cannot use {kind} workers: {reason}{remedy}")

    def _compose_logger(self) -> None:
        cfg = self.cfg
        address = cfg.statsd_host
        if address == EXPORTER:
            # Configuration files name its usual port, a charm's too.
            address = exporter(os.environ)
        # Gunicorn's own StatsD logger would count everything a second time.
        cfg.set("statsd_host", None)
        bases = [MetricsLogger, cfg.logger_class]
        if access_log_format(os.environ) == "json":
            bases.insert(1, JsonAccess)
        elif self._is_asgi() and os.environ.get("UVICORN_LOG_CONFIG"):
            bases.insert(1, UvicornLogging)
        members = {
            "statsd_address": address,
            "statsd_prefix": cfg.statsd_prefix,
            # The exporter's mapping knows by it whose requests these are.
            "requests_prefix": "" if self.server.is_own else f"{self.server.name}.",
        }
        cfg.set("logger_class", type("Logger", tuple(bases), members))
