"""Runs spread's task files on this machine, without spread.

What spread does to one job, in its order: ``prepare``, ``execute`` and, whatever came of
them, ``restore``; after a failure ``debug`` as well, once. Each is a script for bash under
``set -eu`` with tracing, run in the task's folder under ``$SPREAD_PATH``, with the
environment of the project, the suite and the task, and with the functions MATCH, NOMATCH and
ERROR. Facts from spread's own ``client.go`` and ``runner.go``.

Left to the real spread: backends and systems, the project's and the suite's own ``prepare``
and ``restore``, REBOOT.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import yaml

#: spread ends a script after as many seconds, unless ``kill-timeout`` says otherwise.
KILL_TIMEOUT = 15 * 60.0

#: What a script may call. Standard input is read whole, so that what writes it never gets a
#: SIGPIPE. ERROR is read from the output by its marker.
FUNCTIONS = r"""
MATCH() (
    { set +xu; } 2>/dev/null
    text=$(cat)
    if [ $# -eq 0 ]; then echo "MATCH wants a pattern"; exit 1; fi
    grep -qE "$@" <<<"$text" || { printf 'MATCH %s: not in:\n%s\n' "$*" "$text"; exit 1; }
)
NOMATCH() (
    { set +xu; } 2>/dev/null
    text=$(cat)
    if [ $# -eq 0 ]; then echo "NOMATCH wants a pattern"; exit 1; fi
    ! grep -qE "$@" <<<"$text" || { printf 'NOMATCH %s: found in:\n%s\n' "$*" "$text"; exit 1; }
)
ERROR() {
    { set +xu; } 2>/dev/null
    echo "<ERROR $*>"
    exit 213
}
"""


@dataclass(frozen=True)
class Job:
    """One task in one variant; ``environment`` is ordered, values are expanded by bash."""

    task: str
    variant: str
    environment: dict[str, str]
    prepare: str
    execute: str
    restore: str
    debug: str
    kill_timeout: float = KILL_TIMEOUT

    @property
    def name(self) -> str:
        """The name as ``spread -list`` gives it, without backend and system."""
        return f"{self.task}:{self.variant}" if self.variant else self.task


@dataclass
class Outcome:
    """What came of a job: the step that failed first, if any, and all that was said."""

    failed: str | None = None
    log: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return "\n".join(self.log)


def jobs(root: Path) -> list[Job]:
    """Return the jobs of the project whose ``spread.yaml`` is in ``root``, by name."""
    project = yaml.safe_load((root / "spread.yaml").read_text())
    found = []
    for suite_name, suite in project["suites"].items():
        each = {
            key: (project.get(f"{key}-each", ""), suite.get(f"{key}-each", ""))
            for key in ("prepare", "restore", "debug")
        }
        for file in sorted((root / suite_name).glob("*/task.yaml")):
            task = yaml.safe_load(file.read_text())
            if task.get("manual"):
                continue
            layers = [level.get("environment") or {} for level in (project, suite, task)]
            for variant in _variants(layers):
                environment: dict[str, str] = {
                    "SPREAD_PROJECT": project["project"],
                    "SPREAD_SUITE": suite_name,
                    "SPREAD_TASK": suite_name + file.parent.name,
                    "SPREAD_VARIANT": variant,
                    "SPREAD_REBOOT": "0",
                }
                for layer in layers:
                    for key, value in _chosen(layer, variant).items():
                        environment.pop(key, None)  # it takes its place in the later layer
                        environment[key] = value
                found.append(
                    Job(
                        task=suite_name + file.parent.name,
                        variant=variant,
                        environment=environment,
                        prepare=_join(*each["prepare"], task.get("prepare", "")),
                        execute=task.get("execute", ""),
                        restore=_join(task.get("restore", ""), *reversed(each["restore"])),
                        debug=_join(task.get("debug", ""), *reversed(each["debug"])),
                        kill_timeout=_seconds(task.get("kill-timeout")),
                    )
                )
    return found


def run(job: Job, path: Path, overrides: dict[str, str] | None = None) -> Outcome:
    """Run ``job`` in its folder under ``path``.

    ``overrides`` come after the environment of the project and before the task's scripts
    see it: what only this machine knows.
    """
    outcome = Outcome()
    environment = {**job.environment, "SPREAD_PATH": str(path)} | (overrides or {})
    folder = path / job.task

    def step(name: str, script: str) -> bool:
        if not script.strip():
            return True
        status, output = _bash(script, folder, environment, job.kill_timeout)
        outcome.log.append(f"--- {name} of {job.name}: status {status}\n{output}")
        return status == 0

    def show() -> None:
        step("debug", job.debug)

    try:
        for name, script in (("prepare", job.prepare), ("execute", job.execute)):
            if not step(name, script):
                outcome.failed = name
                show()
                break
    finally:
        if not step("restore", job.restore) and outcome.failed is None:
            outcome.failed = "restore"
            show()
    return outcome


def _bash(
    script: str, folder: Path, environment: dict[str, str], timeout: float
) -> tuple[int, str]:
    exports = "".join(_export(*item) for item in _ordered(environment))
    text = f"set -eu\n{FUNCTIONS}{exports}set -x\n(\n{script}\n) </dev/null\n"
    process = subprocess.Popen(
        ["/bin/bash", "-"],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(text.encode(), timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        output += f"\nkilled after {timeout:g} s".encode()
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    return process.returncode, output.decode(errors="replace")


def _ordered(environment: dict[str, str]) -> list[tuple[str, str]]:
    """What spread itself sets first: the rest may refer to it."""
    return sorted(environment.items(), key=lambda item: not item[0].startswith("SPREAD_"))


def _export(name: str, value: str) -> str:
    quoted = value if not value or value[0] in "\"'" else f'"{value}"'
    return f"export {name}={quoted}\n"


def _variants(layers: list[dict[str, str]]) -> list[str]:
    named = {
        variant
        for layer in layers
        for key in layer
        if "/" in key
        for variant in key.split("/", 1)[1].split(",")
    }
    return sorted(named) or [""]


def _chosen(layer: dict[str, str], variant: str) -> dict[str, str]:
    """The variables of ``layer`` in ``variant``: ``NAME/variant`` wins over ``NAME``."""
    chosen: dict[str, str] = {}
    for key, value in layer.items():
        name, _, variants = key.partition("/")
        if variants:
            if variant in variants.split(","):
                chosen[name] = str(value)
        elif name not in chosen:
            chosen[name] = str(value)
    return chosen


def _join(*scripts: str) -> str:
    return "\n\n".join(f"(\n{script.strip()}\n)" for script in scripts if script.strip())


def _seconds(timeout: str | None) -> float:
    if timeout is None:
        return KILL_TIMEOUT
    units = {"h": 3600, "m": 60, "s": 1}
    return sum(
        float(number) * units[unit] for number, unit in re.findall(r"([\d.]+)([hms])", str(timeout))
    )
