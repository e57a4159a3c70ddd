"""Importing an application with its rock's own Python."""

from __future__ import annotations

import contextlib
import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from rockery.verify import merged, settings, view
from rockery.verify.application import Application
from rockery.verify.outcome import Verdict
from rockery.verify.verdict import judge, judge_end, report_of

_PROBE = Path(__file__).with_name("probe.py")
# Fresh processes for one application: a project names its settings one at a time.
_ATTEMPTS = 8
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

#: Runs the probe: environment and seconds in, how it ended out.
_Run = Callable[[Mapping[str, str], float], view.Ended]


def verify(
    application: Application,
    trees: Sequence[Path],
    *,
    python: str = "/usr/bin/python3",
    timeout: float = 60,
    isolate: bool = True,
) -> Verdict:
    """Import ``application`` with the rock's own Python and judge what happens.

    ``trees`` are the rock's unpacked layers, bottom to top, which stay as they are.
    ``python`` is a path in the rock. ``timeout`` are seconds for all attempts together:
    when an import fails for a setting that the failure names, it is tried again with a
    placeholder for it.

    It is the user's code that runs: in a view (writable, thrown away, without network but
    loopback), or, where the host forbids views or ``isolate`` is false, as a plain process
    of the caller's on a copy; the verdict says which.
    """
    deadline = time.monotonic() + timeout
    if isolate:
        with contextlib.suppress(view.Forbidden):
            return _judged(application, _in_view(application, trees, python), deadline, timeout)
    with tempfile.TemporaryDirectory(prefix="rockery-verify-", ignore_cleanup_errors=True) as name:
        root = Path(name).resolve()
        merged.merge(trees, root, application.working_dir)
        run = _in_folder(application, root, python)
        return replace(_judged(application, run, deadline, timeout), isolated=False)


def _judged(application: Application, run: _Run, deadline: float, timeout: float) -> Verdict:
    """Try until the import succeeds, or nothing that its failure names is left to try."""
    placeholders: dict[str, str] = {}
    useless: set[str] = set()
    last: tuple[tuple[str, ...], dict[str, str]] | None = None
    verdict = None
    for _ in range(_ATTEMPTS):
        left = deadline - time.monotonic()
        if verdict is not None and left <= 0:
            return verdict
        environment = {"PATH": _PATH, **application.environment, **placeholders}
        ended = run(environment, max(left, 1))
        report = report_of(ended.reply)
        if report is None:
            return judge_end(application, ended, ended.reply, list(placeholders), timeout)
        if last is not None and report.failure == last[0]:
            # What was set made no difference, so it isn't what was wanted.
            changed = {name for name in placeholders if name not in last[1]}
            useless |= changed
            placeholders = {
                name: value for name, value in placeholders.items() if name not in changed
            }
        named = [
            name
            for name in settings.asked_for(report)
            if name not in useless and name not in application.environment
        ]
        verdict = judge(application, report, placeholders, named)
        new = {name: settings.placeholder(name) for name in settings.unset(named, placeholders)}
        new |= settings.refined(report, placeholders)
        if report.stage == "done" or not new:
            return verdict
        last = (report.failure, dict(placeholders))
        placeholders |= new
    assert verdict is not None
    return verdict


def _in_view(application: Application, trees: Sequence[Path], python: str) -> _Run:
    def run(environment: Mapping[str, str], seconds: float) -> view.Ended:
        return view.enter(
            trees,
            [python, *_arguments(application, "", seconds)],
            env=environment,
            cwd=application.working_dir,
            timeout=seconds,
            capture=True,
        )

    return run


def _in_folder(application: Application, root: Path, python: str) -> _Run:
    words = merged.command(root, python)

    def run(environment: Mapping[str, str], seconds: float) -> view.Ended:
        if words is None:
            return view.Ended(127, failed=f"{python}: no such file or directory")
        cwd = Path(str(root) + application.working_dir)
        if not cwd.is_dir():
            reason = f"the working folder {application.working_dir}: no such file or directory"
            return view.Ended(127, failed=reason)
        ended = view.stay(
            [*words, *_arguments(application, str(root), seconds)],
            env=merged.environment(root, environment),
            cwd=str(cwd),
            timeout=seconds,
        )
        # Paths as they are in the rock.
        output, reply = (text.replace(bytes(root), b"") for text in (ended.output, ended.reply))
        return replace(ended, output=output, reply=reply)

    return run


def _arguments(application: Application, root: str, seconds: float) -> list[str]:
    request = {
        "module": application.module,
        "attribute": application.attribute,
        "call": application.call,
        "arguments": application.arguments,
        # Uvicorn puts --app-dir first, Gunicorn its folder and then --pythonpath before it.
        "path": [root + entry for entry in (*application.path, application.working_dir)],
        "folder": root + application.working_dir,
        "seconds": seconds,
    }
    # Compiled under a name of its own, to be told from the application's frames.
    source = f"exec(compile({_PROBE.read_text()!r}, '<rockery probe>', 'exec'))"
    return ["-c", source, json.dumps(request)]
