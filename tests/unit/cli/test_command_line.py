"""The command line as scripts and people meet it: names, words, statuses, streams."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from rockery import __version__
from rockery.cli import commands, main, page
from rockery.errors import ProjectError

ROOT = Path(__file__).parents[3]
HEAVY = {"argparse", "docker", "jinja2", "pydantic", "requests", "rich", "yaml", "craft_parts"}


@pytest.fixture(autouse=True)
def _signals(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the test runner's own way to end alone."""
    monkeypatch.setattr("rockery.cli.interruption.install", lambda: None)
    for name in ("CRAFT_VERBOSITY_LEVEL", "CRAFT_PLATFORM", "CRAFT_BUILD_FOR", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "app.py").write_text("from flask import Flask\napp = Flask(__name__)\n")
    (tmp_path / "requirements.txt").write_text("flask\n")
    (tmp_path / "rockcraft.yaml").write_text(
        "name: hello\nversion: '0.1'\nbase: bare\nbuild-base: debian@12\n"
        "platforms:\n  amd64:\nextensions: [flask-framework]\n"
    )
    monkeypatch.setenv("ROCKERY_STORE", str(tmp_path / "store"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words],
        env={**os.environ, "PYTHONPATH": str(ROOT), **env},
        capture_output=True,
        text=True,
    )


# ---------------------------------------------------------------- start-up


def imported(*words: str) -> set[str]:
    """Return the top-level modules that a command line imports."""
    said = run("-X", "importtime", "-m", "rockery", *words).stderr
    return {line.rpartition("|")[2].strip().split(".")[0] for line in said.splitlines()}


def test_the_version_costs_nothing() -> None:
    assert not imported("--version") & HEAVY
    spent = []
    for _ in range(7):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert run("-m", "rockery", "--version").stdout == f"rockery {__version__}\n"
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(spent) <= 0.060


def test_the_help_needs_no_library() -> None:
    assert not imported("--help") & HEAVY - {"argparse"}


def test_checking_knows_no_engine_and_no_terminal(project: Path) -> None:
    assert not imported("check") & {"docker", "requests", "rich", "craft_parts"}


# ---------------------------------------------------------------- names


def test_a_link_answers_to_its_name(tmp_path: Path) -> None:
    link = tmp_path / "rockcraft"
    link.write_text("import sys\nfrom rockery.cli import main\nsys.exit(main())\n")
    assert run(str(link), "--version").stdout == f"rockcraft {__version__} (rockery)\n"
    assert run(str(link), "version").stdout == f"rockcraft {__version__} (rockery)\n"
    assert run(str(link), "--help").stdout.startswith("usage: rockcraft ")
    assert "'rockcraft --help'" in run(str(link), "pak").stderr
    refused = run(str(link), "clean", "--all", ROCKERY_STORE=str(tmp_path / "store"))
    assert refused.returncode == 2
    assert "rockery clean --all" in refused.stderr


@pytest.mark.parametrize("words", [["--version"], ["-V"], ["version"], ["-q", "version"]])
def test_version(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    assert capsys.readouterr().out == f"rockery {__version__}\n"


@pytest.mark.parametrize("name", [*commands.NAMES, "pull", "prime", "extensions"])
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    told = capsys.readouterr().out
    assert main(["help", name]) == 0
    assert capsys.readouterr().out == told
    assert "everywhere:" in told
    assert "==SUPPRESS==" not in told


def test_the_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == main(["help"]) == 0
    told = capsys.readouterr().out
    assert "rockery init --profile flask-framework" in told
    assert "exit status:" in told
    for name in commands.NAMES:
        assert f"\n    {name} " in told
    assert "overlay" not in told.split("commands:")[1].split("everywhere")[0]


# ---------------------------------------------------------------- words


def test_what_was_meant(capsys: pytest.CaptureFixture[str]) -> None:
    for words, meant in {
        ("pak",): "did you mean 'pack'",
        ("expand-extension",): "did you mean 'expand-extensions'",
        ("pack", "--outputs", "x"): "did you mean '--output'",
        ("pack", "--jso"): "did you mean '--json'",
    }.items():
        assert main(words) == 2
        told = capsys.readouterr()
        assert meant in told.err
        assert told.out == ""


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["overlay"], "overlays are not supported"),
        (["remote-build", "--launchpad-accept-public-upload"], "another machine"),
        (["test", "spread/"], "spread"),
        (["pack", "--shell"], "no shell|a shell"),
        (["pack", "--shell-after"], "a shell"),
        (["prime", "--pro", "esm-apps"], "Ubuntu Pro"),
    ],
)
def test_words_that_are_refused_with_a_sentence(
    project: Path, words: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    import re

    assert main(words) == 2
    assert re.search(reason, capsys.readouterr().err)


@pytest.mark.parametrize(
    "words",
    [
        ["pack", "--destructive-mode", "--use-lxd", "--debug", "--ignore", "unmaintained", "x"],
        ["--verbosity", "debug", "build", "x"],
        ["pull", "-v", "x"],
        ["stage", "--platform", "amd64", "x"],
        ["prime", "--build-for=amd64", "x"],
    ],
)
def test_words_that_are_taken(
    project: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """All of them get as far as looking for the part, which isn't there."""
    assert main(words) == 2
    assert "cannot make part 'x'" in capsys.readouterr().err


def test_a_part_may_be_spelled_with_a_dot() -> None:
    from rockery.cli.rockcraft import check_parts

    check_parts(["flask-framework.install-app"], ["flask-framework/install-app"])
    check_parts(["flask-framework/install-app"], ["flask-framework.install-app"])


@pytest.mark.parametrize(
    ("words", "level"),
    [
        ([], (False, False)),
        (["--quiet"], (True, False)),
        (["-v"], (False, True)),
        (["--verbosity", "quiet"], (True, False)),
        (["--verbosity=brief"], (False, False)),
        (["--verbosity=trace"], (False, True)),
    ],
)
def test_levels(words: list[str], level: tuple[bool, bool]) -> None:
    from rockery.cli.options import parse

    for order in (["check", *words], [*words, "check"]):
        options = parse(order, program="rockery")
        assert (options.quiet, options.verbose) == level


def test_variables_of_rockcraft(monkeypatch: pytest.MonkeyPatch) -> None:
    from rockery.cli.options import parse

    monkeypatch.setenv("CRAFT_VERBOSITY_LEVEL", "Verbose")
    monkeypatch.setenv("CRAFT_BUILD_FOR", "arm64")
    monkeypatch.setenv("CRAFT_PARALLEL_BUILD_COUNT", "4")
    options = parse(["pack"], program="rockcraft")
    assert options.verbose
    assert options.platform == "arm64"
    monkeypatch.setenv("CRAFT_PLATFORM", "mine")
    assert parse(["pack"], program="rockcraft").platform == "mine"
    assert parse(["pack", "--platform", "given"], program="rockcraft").platform == "given"
    assert not parse(["pack", "--verbosity", "brief"], program="rockcraft").verbose


# ---------------------------------------------------------------- streams and statuses


def test_init_check_expand(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "rockcraft.yaml").unlink()
    assert main(["init", "--offline", "--profile", "flask-framework", "--name", "hello"]) == 0
    assert capsys.readouterr().out == ""
    assert main(["init", "--profile", "flask-framework"]) == 1
    assert "there is one already" in capsys.readouterr().err
    assert main(["check"]) == 0
    told = capsys.readouterr()
    assert told.out == ""
    assert "nothing is wrong" in told.err
    assert main(["-q", "check"]) == 0
    assert capsys.readouterr().err == ""
    assert main(["expand-extensions"]) == 0
    told = capsys.readouterr()
    assert told.out.startswith("name: hello\n")
    assert "plugin: dump" in told.out


def test_init_without_profile(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is the one that fits, and where none does each says why."""
    (project / "rockcraft.yaml").unlink()
    (project / "requirements.txt").rename(project / "elsewhere.txt")
    assert main(["init", "--offline"]) == 1
    assert "flask-framework: cannot tell what the project needs" in capsys.readouterr().err
    (project / "elsewhere.txt").rename(project / "requirements.txt")
    assert main(["init", "--offline"]) == 0
    assert "- flask-framework" in (project / "rockcraft.yaml").read_text()


def test_list_extensions(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list-extensions"]) == 0
    told = capsys.readouterr().out
    assert told.splitlines()[0].startswith("extension ")
    assert {line.split()[0] for line in told.splitlines()[1:]} == {
        "fastapi-framework",
        "flask-framework",
    }
    assert main(["extensions"]) == 0
    assert capsys.readouterr().out == told


def test_check_as_json(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "app.py").write_text("def (:\n")
    assert main(["check", "--json"]) == 1
    told = capsys.readouterr()
    document = json.loads(told.out)
    assert document["schema_version"] == 1
    (finding,) = [each for each in document["findings"] if each["level"] == "error"]
    assert (finding["file"], finding["line"], finding["column"]) == ("app.py", 1, 5)
    assert finding["code"]
    assert told.err == "", "the document has it all"
    (project / "app.py").write_text("from flask import Flask\napp = Flask('a')\n")
    assert main(["check", "--json"]) == 0
    assert all(f["level"] == "note" for f in json.loads(capsys.readouterr().out)["findings"])


def test_clean(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["clean"]) == 0
    assert "removed 0 layers" in capsys.readouterr().err


def test_a_fault_of_our_own(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> int:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(commands, "check", fail)
    assert main(["check"]) == 70
    told = capsys.readouterr().err
    assert "ZeroDivisionError: oops" in told
    assert "please report it" in told


def test_interrupted(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "check", stop)
    assert main(["check"]) == 130
    assert capsys.readouterr().err == "interrupted; nothing was left half-written\n"


@pytest.mark.parametrize(
    ("error", "status", "says"),
    [
        (PermissionError(13, "Permission denied", "data/x"), 1, "data/x: cannot read data/x: perm"),
        (PermissionError(13, "Permission denied", "/elsewhere/x"), 74, "/elsewhere/x: permission"),
        (OSError(28, "No space left on device"), 74, "no space left on device"),
    ],
)
def test_what_the_system_refuses(
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: OSError,
    status: int,
    says: str,
) -> None:
    def refuse(*_: object) -> int:
        raise error

    monkeypatch.setattr(commands, "check", refuse)
    assert main(["check"]) == status
    assert says in capsys.readouterr().err


def test_several_problems_are_told_one_by_one(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from rockery.errors import Location, Problem

    def fail(*_: object) -> int:
        raise ProjectError(
            Problem("cannot a: b", "one", Location("x", 1, 2), "do c"), Problem("cannot d", "two")
        )

    monkeypatch.setattr(commands, "check", fail)
    assert main(["check"]) == 1
    assert capsys.readouterr().err == "error: x:1:2: cannot a: b\n  → do c\nerror: cannot d\n"


def test_a_reader_who_has_enough(project: Path) -> None:
    piped = subprocess.run(
        ["sh", "-c", '"$@" | true', "sh", sys.executable, "-m", "rockery", "expand-extensions"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert "Traceback" not in piped.stderr
    assert "BrokenPipe" not in piped.stderr


def test_a_result_in_any_locale(project: Path) -> None:
    """Paths are printed as the file system has them, JSON in ASCII."""
    (project / "rockcraft.yaml").write_text(
        (project / "rockcraft.yaml").read_text() + "summary: Grüße ☃\n"
    )
    locale = {"LC_ALL": "C", "PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"}
    expanded = subprocess.run(
        [sys.executable, "-m", "rockery", "expand-extensions"],
        env={**os.environ, "PYTHONPATH": str(ROOT), **locale},
        capture_output=True,
        check=True,
    )
    assert "summary: Grüße ☃".encode() in expanded.stdout


# ---------------------------------------------------------------- the page


def test_the_page_is_what_the_parser_says() -> None:
    assert (ROOT / "docs/cli.md").read_text() == page.text(), (
        "run python -m rockery.cli.page > docs/cli.md"
    )


# ---------------------------------------------------------------- export


def test_export(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "compose", "--replicas", "2"]) == 0
    said = capsys.readouterr()
    assert said.out == "fleet/compose\n"
    assert "the image is hello:0.1" in said.err
    assert "next: cd fleet/compose && docker compose up -d" in said.err
    assert "hello-2:8000" in (project / "fleet/compose/haproxy/haproxy.cfg").read_text()
    assert main(["export", "compose"]) == 1
    assert "--force writes over it" in capsys.readouterr().err
    assert main(["export", "compose", "--force", "--image", "r.example/hello:1"]) == 0
    assert "kept fleet/compose/rock.env as it is" in capsys.readouterr().err
    assert "r.example/hello:1" in (project / "fleet/compose/compose.yaml").read_text()
    # What was exported doesn't ship.
    assert main(["check", "--files"]) == 0
    assert "the default ignore list has '/fleet/compose/'" in capsys.readouterr().out


def test_export_many(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "kubernetes", "--replicas", "30", "--output", "out"]) == 0
    assert "maxReplicas: 30" in (project / "out/horizontalpodautoscaler.yaml").read_text()
    assert main(["export", "kubernetes", "--copy-templates", "ours"]) == 0
    assert "ours/deployment.yaml.j2\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["compose", "--max-replicas", "5"], "it belongs to 'export kubernetes'"),
        (["kubernetes", "--port", "80"], "it belongs to 'export compose'"),
        (["compose", "--replicas", "0"], "0 is not above 0"),
        (["compose", "--port", "70000"], "70000 is not from 1 to 65535"),
        (["kubernetes", "--max-replicas", "2"], "it is below the 3 of --replicas"),
        (["compose", "--templates", "nowhere"], "there is no such folder"),
        (["helm"], "invalid choice: 'helm'"),
        ([], "required: "),
    ],
)
def test_export_of_nonsense(
    words: list[str], reason: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", *words]) == 2
    assert reason in capsys.readouterr().err
    assert not (project / "fleet").exists()
