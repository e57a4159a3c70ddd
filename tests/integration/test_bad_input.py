"""Bad input: one clear message each, the right exit status, and nothing left behind."""

from __future__ import annotations

import os
import re
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from attempt import ROCK, Attempt

pytestmark = pytest.mark.network

DONE, PROJECT, USAGE = 0, 1, 2

Change = Callable[[Attempt], object]


@pytest.fixture
def attempt(tmp_path: Path, store: Path) -> Attempt:
    return Attempt(tmp_path / "hello", store)


def removed(path: str) -> Change:
    return lambda attempt: (attempt.folder / path).unlink()


def written(path: str, content: str | bytes) -> Change:
    return lambda attempt: attempt.write(path, content)


def replaced(old: str, new: str) -> Change:
    return lambda attempt: attempt.replace("rockcraft.yaml", old, new)


def appended(text: str) -> Change:
    return lambda attempt: attempt.append("rockcraft.yaml", text)


def folder_instead(path: str) -> Change:
    def change(attempt: Attempt) -> None:
        (attempt.folder / path).unlink()
        (attempt.folder / path).mkdir()

    return change


def emptied(attempt: Attempt) -> None:
    for path in attempt.folder.iterdir():
        if path.name != ROCK:
            path.unlink()


# ---------------------------------------------------------------- what the files tell

FILES: dict[str, tuple[Change, str]] = {
    "no requirements": (
        removed("requirements.txt"),
        r"cannot tell what the project needs.*\n.*add a requirements.txt",
    ),
    "requirements without flask": (
        written("requirements.txt", "requests\n"),
        r"requirements.txt: .*does not ask for flask",
    ),
    "requirements that are none": (
        written("requirements.txt", "flask\n\n=== what\n"),
        r"^error: requirements.txt:3: cannot read the requirement",
    ),
    "requirements that are no text": (
        written("requirements.txt", b"flask\xff\xfe\n"),
        r"^error: requirements.txt:1: cannot read the requirement",
    ),
    "requirements that include a missing file": (
        written("requirements.txt", "flask\n-r more.txt\n"),
        r"requirements.txt:2.*more.txt",
    ),
    "no app in app.py": (
        written("app.py", "x = 1\n"),
        r"cannot find the application(.*\n)*.*app.py(.*\n)*.*entrypoint",
    ),
    "no Python file": (removed("app.py"), r"cannot find the application"),
    "a syntax error": (
        written("app.py", "import flask\n\ndef (:\n"),
        r"^error: app.py:3:5: cannot read app.py: invalid syntax",
    ),
    "a file that is no Python": (
        written("app.py", b"x = \0\n"),
        r"app.py.*null bytes",
    ),
    "broken YAML": (
        written("rockcraft.yaml", "name: a\n  b: [\n"),
        r"^error: rockcraft.yaml:2:4: cannot read rockcraft.yaml: ",
    ),
    "a tab in YAML": (
        written("rockcraft.yaml", "name: a\nparts:\n\tx: 1\n"),
        r"^error: rockcraft.yaml:3:1: cannot read",
    ),
    "an empty file": (written("rockcraft.yaml", ""), r"rockcraft.yaml.*it is empty"),
    "a folder called rockcraft.yaml": (
        folder_instead("rockcraft.yaml"),
        r"rockcraft.yaml: cannot read rockcraft.yaml: it is a directory",
    ),
    "no rockcraft.yaml": (
        removed("rockcraft.yaml"),
        r"cannot find rockcraft.yaml.*\n.*rockery init --profile",
    ),
    "an empty folder": (emptied, r"cannot find rockcraft.yaml"),
    "no build-base": (
        replaced("build-base: debian@12\n", ""),
        r"^error: rockcraft.yaml:7:1: .*'build-base' is missing\n.*add 'build-base: debian@",
    ),
    "an unknown base": (
        replaced("build-base: debian@12", "build-base: debian@99"),
        r"^error: rockcraft.yaml:8:1: .*'debian@99'.*\n.*debian@12",
    ),
    "an unknown extension": (
        replaced("flask-framework", "flusk-framework"),
        r"^error: rockcraft.yaml:12:5: .*did you mean 'flask-framework'",
    ),
    "an unknown key": (
        replaced("summary:", "sumary:"),
        r"^error: rockcraft.yaml:2:1: .*'sumary'.*did you mean 'summary'",
    ),
    "a name that is none": (
        replaced("name: flask-hello", "name: Flask Hello"),
        r"^error: rockcraft.yaml:1:1: cannot use 'name'",
    ),
    "a name too long": (
        replaced("name: flask-hello", f"name: {'a' * 300}"),
        r"^error: rockcraft.yaml:1:1: .*300 characters, and 40 is the most",
    ),
    "a version that leads elsewhere": (
        replaced("version: '0.1'", "version: '../../0.1'"),
        r"^error: rockcraft.yaml:6:1: cannot use 'version'",
    ),
    "a source that isn't there": (
        appended("parts:\n  data:\n    plugin: dump\n    source: nowhere\n"),
        r"rockcraft.yaml:16:5: cannot find the source of part 'data'",
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_files(attempt: Attempt, name: str) -> None:
    change, says = FILES[name]
    change(attempt)
    attempt.refused("pack", status=PROJECT, says=says)


def test_check_says_the_same(attempt: Attempt) -> None:
    attempt.write("app.py", "def (:\n")
    assert attempt.refused("check", status=PROJECT, says="app.py:1:5") == attempt.refused(
        "pack", status=PROJECT, says="app.py:1:5"
    )


# ---------------------------------------------------------------- what resolving tells

RESOLVED: dict[str, tuple[Change, str, int]] = {
    "a requirement that doesn't exist": (
        written("requirements.txt", "flask\n# web\nthis-is-no-package-at-all-0\n"),
        r'^error: requirements.txt:3: cannot install "this-is-no-package-at-all-0"',
        1,
    ),
    "a version that doesn't exist": (
        written("requirements.txt", "flask\nstatsd==999\n"),
        r'^error: requirements.txt:2: cannot install "statsd==999"',
        1,
    ),
    "requirements that contradict each other": (
        written("requirements.txt", "flask==3.0.0\nwerkzeug==2.0.0\n"),
        r"the requirements contradict each other(.*\n)*.*werkzeug==2.0.0",
        1,
    ),
    "stage-packages that don't exist": (
        appended(
            "parts:\n  extra:\n    plugin: nil\n    stage-packages:\n"
            "      - libpq5\n      - no-such-package\n      - nor-this_libs\n"
        ),
        r"^error: rockcraft.yaml:18:9: cannot stage no-such-package: (.*\n)*"
        r"^error: rockcraft.yaml:19:9: cannot stage nor-this: ",
        2,
    ),
    "stage-packages of the extension's part": (
        appended(
            "parts:\n  flask-framework/dependencies:\n    stage-packages: [no-such-package]\n"
        ),
        r"^error: rockcraft.yaml:15:22: cannot stage no-such-package: ",
        1,
    ),
}


@pytest.mark.parametrize("name", RESOLVED)
def test_resolving(attempt: Attempt, name: str) -> None:
    change, says, errors = RESOLVED[name]
    change(attempt)
    attempt.refused("pack", status=PROJECT, says=says, errors=errors)


# ---------------------------------------------------------------- what only packing tells

PACKED: dict[str, tuple[Change, str]] = {
    "a missing module": (
        written("app.py", "import nowhere_at_all\nfrom flask import Flask\napp = Flask('a')\n"),
        r"there is no module nowhere_at_all(.*\n)*.*app.py:1: import nowhere_at_all",
    ),
    "a service whose program isn't there": (
        appended(
            "services:\n  worker:\n    override: replace\n    startup: enabled\n"
            "    command: celery -A app worker\n"
        ),
        r"^error: rockcraft.yaml:17:5: cannot start service 'worker': there is no program celery",
    ),
    "a command with an open quote": (
        appended('services:\n  worker:\n    override: replace\n    command: run "that\n'),
        r"rockcraft.yaml:16:5: cannot read the command of service 'worker'",
    ),
    "two parts with different files at one path": (
        lambda attempt: (
            attempt.write("one/data", "1"),
            attempt.write("two/data", "2"),
            attempt.append(
                "rockcraft.yaml",
                "parts:\n  first:\n    plugin: dump\n    source: one\n"
                "  second:\n    plugin: dump\n    source: two\n",
            ),
        ),
        r"cannot pack /data: 'first' and 'second' ship different files",
    ),
}


@pytest.mark.parametrize("name", PACKED)
def test_packing(attempt: Attempt, name: str) -> None:
    change, says = PACKED[name]
    change(attempt)
    attempt.refused("pack", status=PROJECT, says=says)


def test_equal_files_of_two_parts_are_fine(attempt: Attempt) -> None:
    attempt.write("one/data", "same")
    attempt.write("two/data", "same")
    attempt.append(
        "rockcraft.yaml",
        "parts:\n  first:\n    plugin: dump\n    source: one\n"
        "  second:\n    plugin: dump\n    source: two\n",
    )
    assert attempt.run("pack").returncode == DONE


# ---------------------------------------------------------------- the command line

WORDS: dict[str, tuple[list[str], str]] = {
    "no command": ([], "no command is given"),
    "an unknown command": (["pak"], "no command 'pak'; did you mean 'pack'"),
    "an unknown option": (["pack", "--lod"], "no option '--lod' here; did you mean '--load'"),
    "an unknown base": (["pack", "--build-base", "debian@1"], "--build-base 'debian@1'"),
    "an unknown platform": (["pack", "--platform", "s390x"], "s390x.*\n.*amd64"),
    "a mirror of another form": (["pack", "--mirror", "debian"], "ARCHIVE=URL"),
    "a mirror that is no address": (["pack", "--mirror", "debian=over there"], "ARCHIVE=URL"),
    "a mirror of nothing": (["pack", "--mirror", "arch=http://localhost/"], "archive 'arch'"),
    "a component of another form": (["pack", "--component", "pebble"], "NAME=PATH"),
    "an unknown component": (["pack", "--component", "pebbles=/bin/true"], "mean 'pebble'"),
    "a component that isn't there": (["pack", "--component", "pebble=/no/such"], "/no/such"),
    "a missing settings file": (["pack", "--env-file", "none"], "cannot read --env-file none"),
    "an unknown part": (["pack", "web"], "cannot make part 'web'"),
    "a folder that isn't there": (["-C", "nowhere", "pack"], "-C nowhere: there is no such"),
    "a folder that is none": (["-C", "app.py", "pack"], "-C app.py: it is no folder"),
    "a rock that isn't there": (["inspect", "none.rock"], "none.rock: no such file"),
    "a folder as a rock": (["inspect", "."], "is a directory"),
    "a text as a rock": (["inspect", "app.py"], "it is no whole rock"),
}


@pytest.mark.parametrize("name", WORDS)
def test_words(attempt: Attempt, name: str) -> None:
    words, says = WORDS[name]
    attempt.refused(*words, status=USAGE, says=says)


@pytest.mark.parametrize("epoch", ["yesterday", "-5", "1e9", "9" * 30, "\u0661\u0662"])
def test_source_date_epoch(attempt: Attempt, epoch: str) -> None:
    attempt.refused(
        "pack",
        status=USAGE,
        says="cannot use SOURCE_DATE_EPOCH",
        env={"SOURCE_DATE_EPOCH": epoch},
    )


def test_craft_variable(attempt: Attempt) -> None:
    attempt.refused(
        "pack",
        status=USAGE,
        says="CRAFT_VERBOSITY_LEVEL='loud'(.*\n)*.*quiet, brief",
        env={"CRAFT_VERBOSITY_LEVEL": "loud"},
    )


def test_damaged_rocks(rockery: Callable[..., object], attempt: Attempt) -> None:
    attempt.run("pack", "--output", attempt.folder.parent)
    whole = (attempt.folder.parent / ROCK).read_bytes()
    half, bent, short = len(whole) // 2, bytearray(whole), whole[:-512]
    bent[half] ^= 1
    for name, data in {
        "nothing": b"",
        "a bit": whole[:700],
        "half": whole[:half],
        "bent": bytes(bent),
        "end": short[:-100],
    }.items():
        attempt.write(name, data)
        attempt.refused("inspect", name, status=USAGE, says=f"cannot read {name}: it is no whole")
    with tarfile.open(attempt.folder / "other.tar", "w") as archive:
        archive.add(attempt.folder / "app.py", "index.json")
    attempt.refused("inspect", "other.tar", status=USAGE, says="it is no whole rock")


# ---------------------------------------------------------------- names and places


def test_odd_names_of_files(attempt: Attempt) -> None:
    """Names that are no UTF-8, and those that steer a terminal, ship as they are."""
    static = attempt.folder / "static"
    static.mkdir()
    for name in (b"caf\xe9", b"a\nb", b"\x1b[31mred", b" \"quoted' ", b"n" * 255):
        Path(os.fsdecode(os.fsencode(static) + b"/" + name)).write_text("x")
    done = attempt.run("pack")
    assert done.returncode == DONE, done.stderr
    assert "\x1b[31m" not in done.stderr
    Path(os.fsdecode(os.fsencode(static) + b"/caf\xe9")).write_text("y")
    done = attempt.run("plan")
    assert done.returncode == DONE, done.stderr
    assert re.search(r"install-app +make +.*caf.* changed", done.stdout)
    assert attempt.run("plan", "--json").returncode == DONE
    assert attempt.run("inspect", ROCK).returncode == DONE


@pytest.mark.parametrize("name", ["-with spaces and 'quotes\"", "$HOME;#%&*ünï-☃"])
def test_odd_project_folders(attempt: Attempt, name: str) -> None:
    folder = attempt.folder.parent / name
    attempt.folder.rename(folder)
    attempt.folder = folder
    done = attempt.run("pack")
    assert done.returncode == DONE, done.stderr
    assert done.stdout == f"{ROCK}\n"


def test_through_a_link(attempt: Attempt) -> None:
    link = attempt.folder.parent / "link"
    link.symlink_to("hello")
    (attempt.folder / "loop").symlink_to(".")
    done = attempt.run("-C", link, "pack", "-o", attempt.folder.parent / "out", cwd=Path("/"))
    assert done.returncode == DONE, done.stderr
    assert (attempt.folder.parent / "out" / ROCK).is_file()


def test_a_current_folder_that_is_gone(attempt: Attempt) -> None:
    done = attempt.run(
        "check", prefix=["sh", "-c", 'mkdir gone && cd gone && rmdir ../gone && exec "$@"', "sh"]
    )
    assert done.returncode == USAGE
    assert "the current folder was removed" in done.stderr


def test_a_file_that_grows_while_it_is_packed(attempt: Attempt) -> None:
    """What isn't what was planned is never published."""
    growing = attempt.folder / "static" / "log"
    growing.parent.mkdir()
    growing.write_bytes(os.urandom(10_000_000))
    append = f'while :; do echo more >> "{growing}"; done & "$@"; status=$?; kill $!; exit $status'
    done = attempt.run("pack", prefix=["sh", "-c", append, "sh"])
    assert done.returncode == PROJECT, done.stderr
    assert "it changed while it was being packed" in done.stderr
    assert attempt.run("inspect", ROCK).returncode == USAGE, "the previous one is no rock"
