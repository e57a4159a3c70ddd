"""Pack and serve the projects of a folder of checkouts; scripts/projects starts it."""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
ROCKERY = shlex.split(os.environ.get("ROCKERY", f"{shlex.quote(sys.executable)} -m rockery"))
#: What a release that a Dockerfile or rockcraft.yaml names has as its Python.
RELEASES = {
    "bionic": "3.6", "18.04": "3.6", "focal": "3.8", "20.04": "3.8", "jammy": "3.10",
    "22.04": "3.10", "noble": "3.12", "24.04": "3.12",
}  # fmt: skip
#: Where a file of a project says which Python it is written for; the first found counts.
PYTHON = (
    (".python-version", r"^(?:python-)?(\d+\.\d+)"),
    ("runtime.txt", r"^python-(\d+\.\d+)"),
    ("pyproject.toml", r'requires-python\s*=\s*"([^"]+)"'),
    ("pyproject.toml", r'^python\s*=\s*"([^"]+)"'),
    ("Pipfile", r'python_version\s*=\s*"([^"]+)"'),
    ("Dockerfile", r"FROM \S*python:(\d+\.\d+)"),
    ("rockcraft.yaml", r"base: *ubuntu[@:](\d+\.\d+)"),
    ("Dockerfile", r"FROM \S*ubuntu:(\S+)"),
)


@dataclass(frozen=True)
class Entry:
    """What is known of a project: ``folder`` lies in its checkout, ``path`` must answer."""

    name: str
    commit: str = ""
    folder: str = "."
    profile: str = ""
    base: str = ""
    path: str = "/"
    environment: dict[str, str] = field(default_factory=dict)
    #: Files the project expects its user to make, such as ``.env``: name to text.
    files: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """What came of one: ``outcome`` is "refused", "packs" or "serves"; ``words`` say more."""

    name: str
    commit: str
    python: str
    base: str
    outcome: str
    words: str = ""
    seconds: float = 0.0


def entries(folder: Path) -> Iterator[tuple[Entry, Path]]:
    """Yield each project of ``folder`` with its checkout."""
    known = [Entry(**entry) for entry in yaml.safe_load((HERE / "projects.yaml").read_text())]
    seen = set()
    for entry in known:
        checkout = folder / entry.name.rpartition("/")[2].partition(":")[0]
        seen.add(checkout)
        if checkout.is_dir():
            yield entry, checkout
    for checkout in sorted(set(folder.iterdir()) - seen):
        if checkout.is_dir():
            yield Entry(checkout.name), checkout


def wanted_python(folder: Path) -> str:
    """Say which Python the project in ``folder`` names, and where."""
    for name, pattern in PYTHON:
        file = folder / name
        if file.is_file() and (found := re.search(pattern, file.read_text("utf-8"), re.MULTILINE)):
            return f"{RELEASES.get(found[1], found[1])} ({name})"
    return "any"


def rockery(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run rockery; its messages are plain, without colour or progress."""
    return subprocess.run(
        [*ROCKERY, *arguments], capture_output=True, text=True, env=os.environ | {"NO_COLOR": "1"}
    )


def complaint(run: subprocess.CompletedProcess[str]) -> str:
    """Return the words of the first error among the messages of a run."""
    lines = run.stderr.splitlines()
    for number, line in enumerate(lines):
        if line.startswith("error: "):
            more = [each.strip() for each in lines[number + 1 : number + 9]]
            return " ".join([line.removeprefix("error: "), *more])
    return " ".join(lines[-8:])


def attempt(entry: Entry, checkout: Path, scratch: Path, serve: bool) -> Result:
    """Pack the project from a copy of its checkout, and serve the rock."""
    project = scratch / "project"
    shutil.copytree(checkout, project, symlinks=True)
    folder = project / entry.folder
    python = wanted_python(folder)
    for name, text in entry.files.items():
        (folder / name).write_text(text)

    def result(outcome: str, words: str = "", base: str = "") -> Result:
        # Where this machine keeps things is no part of an outcome.
        words = words.replace(str(folder) + "/", "").replace(str(scratch), "")
        return Result(entry.name, entry.commit, python, base, outcome, " ".join(words.split()))

    if not any((folder / name).is_file() for name in ("rockcraft.yaml", "rock/rockcraft.yaml")):
        profile = entry.profile or "flask-framework"
        name = re.sub("[^a-z0-9]+", "-", entry.name.rpartition("/")[2].lower()).strip("-")
        init = rockery("-C", str(folder), "init", "--profile", profile, "--name", name)
        if init.returncode:
            return result("refused", complaint(init))
    given = ["--base", "bare", "--build-base", entry.base] if entry.base else []
    (scratch / "settings").write_text(
        "".join(f"{key}={value}\n" for key, value in entry.environment.items())
    )
    pack = rockery(
        "-C", str(folder), "pack", *given, "--env-file", str(scratch / "settings"),
        "--output", str(scratch), *(["--load"] if serve else []), "--json",
    )  # fmt: skip
    if pack.returncode:
        return result("refused", complaint(pack), entry.base)
    if not serve:
        return result("packs", "", entry.base)
    document = yaml.safe_load((folder / "rockcraft.yaml").read_text())
    image = f"{document['name']}:{document['version']}"
    outcome, words = answer(image, entry)
    return result(outcome, words, entry.base)


def answer(image: str, entry: Entry) -> tuple[str, str]:
    """Start a container of ``image`` and ask it; say "serves" and how, or "packs" and why not."""
    settings = [part for item in entry.environment.items() for part in ("-e", "=".join(item))]
    container = docker("run", "-d", "-p", "127.0.0.1::8000", *settings, image)
    try:
        port = int(docker("port", container, "8000/tcp").rpartition(":")[2])
        deadline = time.monotonic() + 60
        said = "no answer in 60 s"
        while time.monotonic() < deadline:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
                connection.request("GET", entry.path, headers={"Host": "localhost"})
                response = connection.getresponse()
                said = f"{entry.path} answers {response.status}"
                if response.status < 500:
                    return "serves", said
                break
            except (OSError, http.client.HTTPException):
                time.sleep(0.5)
            if docker("inspect", "-f", "{{.State.Running}}", container) != "true":
                said = "the container ended"
                break
        return "packs", f"{said}: " + " | ".join(
            docker("logs", "--tail", "12", container).splitlines()
        )
    finally:
        docker("rm", "-f", container)
        docker("rmi", "-f", image)


def docker(*arguments: str) -> str:
    """Return what Docker's command line says, errors included."""
    run = subprocess.run(
        ["docker", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    return run.stdout.strip()


def table(results: list[dict[str, Any]]) -> str:
    """Return ``results`` as a Markdown table."""
    rows = [
        "| project | commit | Python it names | base | outcome | words |",
        "|---|---|---|---|---|---|",
    ]
    for each in results:
        words = each["words"].replace("|", "\\|")
        rows.append(
            f"| {each['name']} | {each['commit']} | {each['python']} | {each['base']} "
            f"| {each['outcome']} | {words} |"
        )
    return "\n".join(rows) + "\n"


def main() -> int:
    """Run every project that is asked for."""
    parser = argparse.ArgumentParser(prog="scripts/projects")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", action="append", default=[], metavar="NAME")
    parser.add_argument("--results", type=Path, help="append one JSON line for each")
    parser.add_argument("--table", type=Path, help="write them as a table")
    parser.add_argument("--no-serve", action="store_true", help="pack only, without Docker")
    options = parser.parse_args()
    results: list[dict[str, Any]] = []
    for entry, checkout in entries(options.folder):
        if options.only and entry.name not in options.only:
            continue
        begun = time.monotonic()
        with tempfile.TemporaryDirectory() as scratch:
            result = asdict(attempt(entry, checkout, Path(scratch), not options.no_serve))
        result["seconds"] = round(time.monotonic() - begun, 1)
        results.append(result)
        print(f"{result['name']}: {result['outcome']} ({result['seconds']} s) {result['words']}",
              flush=True)  # fmt: skip
        if options.results:
            with options.results.open("a") as file:
                file.write(json.dumps(result) + "\n")
    if options.table:
        options.table.write_text(table(results))
    served = sum(result["outcome"] == "serves" for result in results)
    print(f"{served} of {len(results)} serve")
    return 0


if __name__ == "__main__":
    sys.exit(main())
