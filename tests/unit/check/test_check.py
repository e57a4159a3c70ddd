"""Checking a project: everything at once, in each format, and quickly."""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from rockery.check import check, verdicts
from rockery.check.files import listings
from rockery.project import load

ROOT = Path(__file__).parents[3]
GOOD = """\
name: hello
version: '1'
base: bare
build-base: debian@12
platforms: {amd64: }
extensions: [flask-framework]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text("from flask import Flask\napp = Flask(__name__)\n")
    (tmp_path / "requirements.txt").write_text("flask\n")
    (tmp_path / "rockcraft.yaml").write_text(GOOD)
    return tmp_path


def command(folder: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "rockery", "-C", str(folder), *words],
        env={**os.environ, "PYTHONPATH": str(ROOT), "GITHUB_ACTIONS": "", **env},
        capture_output=True,
        text=True,
    )


def test_a_good_project(project: Path) -> None:
    report = check(project)
    assert not report.problems
    assert {finding.topic for finding in report.findings["flask-framework"]} == {
        *("base", "packages", "framework", "worker", "application", "files"),
    }


def test_the_file_and_the_code_are_told_at_once(project: Path) -> None:
    (project / "rockcraft.yaml").write_text(GOOD + "sumary: x\n")
    (project / "app.py").write_text("x = 1\n")
    (project / "requirements.txt").write_text("redis\n")
    codes = {problem.code for problem in check(project).problems}
    assert codes == {"unknown-key", "missing-entrypoint", "missing-requirement"}


def test_each_extension_passes_or_fails_with_a_reason(project: Path) -> None:
    told = {each.extension: (each.fits, each.reason) for each in verdicts(load(project))}
    assert told["flask-framework"] == (True, "app:app (search in app.py)")
    fits, reason = told["fastapi-framework"]
    assert not fits
    assert "does not ask for fastapi" in reason
    said = command(project, "check", "--verbose").stderr
    assert "flask-framework: pass: app:app" in said
    assert "flask-framework: worker: sync: nothing asks for another" in said


def test_a_part_without_its_folder(project: Path) -> None:
    (project / "rockcraft.yaml").write_text(
        GOOD + "parts:\n  web:\n    plugin: dump\n    source: frontend\n"
    )
    (problem,) = check(project).problems
    assert (problem.code, str(problem.where)) == ("missing-source", "rockcraft.yaml:10:5")


BROKEN = GOOD.replace("name: hello", "name: Hello") + "parts: {web: {plugin: nul}}\n"


def test_json(project: Path) -> None:
    (project / "rockcraft.yaml").write_text(BROKEN)
    done = command(project, "check", "--json")
    assert done.returncode == 1
    found = json.loads(done.stdout)["findings"]
    assert {(each["level"], each["code"], each["line"]) for each in found} >= {
        ("error", "bad-value", 1),
        ("error", "unknown-plugin", 7),
        ("note", "found-entrypoint", 2),
    }


def test_sarif(project: Path) -> None:
    (project / "rockcraft.yaml").write_text(BROKEN)
    done = command(project, "check", "--format", "sarif")
    assert done.returncode == 1
    log = json.loads(done.stdout)
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    for result in run["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
        (location,) = result["locations"]
        assert location["physicalLocation"]["artifactLocation"]["uri"]
    assert {result["level"] for result in run["results"]} == {"error", "note"}


def test_github(project: Path) -> None:
    (project / "rockcraft.yaml").write_text(BROKEN)
    lines = command(project, "check", "--format", "github").stdout.splitlines()
    file = os.path.normpath(project / "rockcraft.yaml")
    assert any(
        line.startswith(f"::error title=unknown-plugin,file={file},line=7,col=") for line in lines
    )


def test_secrets_named_on_purpose_are_told_without_values(project: Path) -> None:
    (project / ".env").write_text("export API_KEY=s3cret\n# x\nDEBUG = 1\n")
    (project / "rockcraft.yaml").write_text(
        GOOD + "parts: {flask-framework/install-app: {prime: [flask/app/app.py, flask/app/.env]}}\n"
    )
    done = command(project, "check")
    assert done.returncode == 0
    assert "warning: rockcraft.yaml:7" in done.stderr
    assert "it sets API_KEY, DEBUG" in done.stderr
    assert "s3cret" not in done.stderr + done.stdout


def test_what_ships_and_why(project: Path) -> None:
    (project / "static").mkdir()
    (project / "static" / "a.css").write_text("a")
    (project / "data.sqlite3").write_text("x")
    (project / "film.bin").write_bytes(bytes(1_500_000))
    (project / "node_modules").mkdir()
    (project / "node_modules" / "x.js").write_bytes(bytes(2000))
    (project / ".env").write_text("A=1")
    expansion = check(project).expansion
    assert expansion is not None
    (listing,) = listings(project, expansion)
    assert {each.path: each.files for each in listing.shipped} == {
        **dict.fromkeys(["app.py", "data.sqlite3", "film.bin", "requirements.txt", "static/"], 1),
    }
    remarks = {each.path: (each.ships, each.size, each.reason) for each in listing.remarks}
    assert remarks["data.sqlite3"][0]
    assert "it is a database" in remarks["data.sqlite3"][2]
    assert remarks["film.bin"][:2] == (True, 1_500_000)
    assert remarks["node_modules/"] == (False, 2000, "the default ignore list has 'node_modules/'")
    assert remarks[".env"][0] is False
    printed = command(project, "check", "--files").stdout
    assert "into /flask/app" in printed
    assert "node_modules/" in printed


def test_explain() -> None:
    done = command(ROOT, "explain", "competing-locks")
    assert (done.returncode, "two lock files" in done.stdout) == (0, True)
    done = command(ROOT, "explain", "competing-lock")
    assert done.returncode == 2
    assert "did you mean 'competing-locks'?" in done.stderr
    assert "competing-locks" in command(ROOT, "explain").stdout


VALUES: list[Any] = [
    None,
    True,
    3,
    "x",
    "",
    [],
    {},
    ["x"],
    {"x": "y"},
    [{}],
    [[]],
    "flask-framework",
]


@pytest.mark.parametrize("seed", range(60))
def test_no_file_makes_a_check_fail_otherwise_than_by_findings(project: Path, seed: int) -> None:
    chance = random.Random(seed)
    data: dict[str, Any] = {
        **yaml.safe_load(GOOD),
        "services": {"flask": {"command": "x", "override": "merge"}},
        "checks": {"up": {"tcp": {"port": 1}}},
        "parts": {
            "flask-framework/install-app": {
                "prime": ["flask/app/app.py"],
                "organize": {"a": "b"},
                "permissions": [{"path": "x"}],
            },
            "flask-framework/dependencies": {
                "python-packages": ["x"],
                "python-requirements": ["requirements.txt"],
                "uv-groups": [],
            },
        },
    }
    for _ in range(chance.randint(1, 3)):
        holder: Any = data
        while holder:
            key = chance.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
            if isinstance(holder[key], dict | list) and holder[key] and chance.random() < 0.7:
                holder = holder[key]
                continue
            holder[key] = chance.choice(VALUES)
            break
    (project / "rockcraft.yaml").write_text(yaml.safe_dump(data))
    report = check(project)
    assert report.problems or report.expansion


@pytest.fixture
def large(project: Path) -> Path:
    """A clean project of 2,000 files."""
    for number in range(40):
        folder = project / f"package{number}"
        folder.mkdir()
        for each in range(50):
            (folder / f"module{each}.py").write_text(f"import flask\nx = {each}\n")
    return project


def test_a_clean_check_imports_nothing_heavy(large: Path) -> None:
    code = (
        "import sys; from rockery.cli import main; status = main(sys.argv[1:])\n"
        "heavy = {'pydantic', 'jinja2', 'packaging', 'docker', 'craft_parts', 'rich', 'tomllib'}\n"
        "heavy |= {'dataclasses', 'inspect'}\n"
        "assert not status and not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    for words in (["check"], ["expand-extensions"]):
        done = subprocess.run(
            [sys.executable, "-c", code, "-C", str(large), *words],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr


def test_a_clean_check_of_2000_files_is_quick(large: Path, tmp_path: Path) -> None:
    """150 ms of an idle machine: about twelve times what starting Python takes, and less here."""
    copied = tmp_path / "copied"  # with its bytecode, as when installed
    shutil.copytree(ROOT / "rockery", copied / "rockery")
    for name in ("bases", "docs", "extensions", "schema"):
        (copied / name).symlink_to(ROOT / name)
    environment = {**os.environ, "PYTHONPATH": str(copied)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)

    def spent(*words: str) -> float:
        best = 100.0
        for _ in range(7):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run(
                [sys.executable, *words], env=environment, capture_output=True, check=True
            )
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            best = min(best, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        return best

    start = spent("-c", "pass")
    took = spent("-m", "rockery", "-C", str(large), "check")
    assert took < max(0.15, 15 * start), (took, start)
