"""What the command line asks of a pack."""

from __future__ import annotations

from pathlib import Path

import pytest

from rockery.cli import wishes
from rockery.cli.options import parse
from rockery.errors import SurroundingsError, UsageError
from rockery.pack import Options


def asked(*words: str) -> Options:
    return wishes.packing(parse(["pack", *words], program="rockery"))


def test_what_is_asked(tmp_path: Path) -> None:
    program = tmp_path / "pebble"
    program.touch()
    settings = tmp_path / "settings"
    settings.write_text("# those\nA=1\n\nB = two=three \nC\n")
    options = asked(
        *("--build-base", "debian@13", "--platform", "mine", "--refresh", "--no-verify"),
        *("--mirror", "debian=http://localhost/debian", "--component", f"pebble={program}"),
        *("--env-file", str(settings)),
    )
    assert options.build_base == "debian@13"
    assert options.platform == "mine"
    assert (options.refresh, options.offline, options.verify) == (True, False, False)
    assert options.mirrors.given == {"debian": "http://localhost/debian/"}
    assert options.binaries.given == {"pebble": program}
    assert options.environment == {"A": "1", "B": " two=three"}


def test_old_spelling_of_a_base() -> None:
    assert asked("--base", "ubuntu:24.04").base == "ubuntu:24.04"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--base", "debian@0"), "--base 'debian@0'"),
        (("--build-base", "bare"), "--build-base 'bare'"),
        (("--component", "pebbel=/x"), "did you mean 'pebble'"),
        (("--component", "pebble="), "NAME=PATH"),
        (("--component", "pebble=/"), "no file /"),
        (("--mirror", "=http://localhost"), "no base has an archive ''"),
        (("--mirror", "debian=localhost/debian"), "ARCHIVE=URL"),
        (("--env-file", "/"), "is a directory"),
        (("--compression", "lz4"), "no such method"),
        (("--compression", "zstd:20"), "levels from 1 to 19"),
    ],
)
def test_nonsense(words: tuple[str, ...], says: str) -> None:
    with pytest.raises(UsageError, match=says.replace("(", r"\(")):
        asked(*words)


def test_mirrors_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROCKERY_MIRRORS", "debian=http://one/ debian-security=file:/two")
    assert asked("--mirror", "debian=http://three").mirrors.given == {
        "debian": "http://three/",
        "debian-security": "file:/two/",
    }
    monkeypatch.setenv("ROCKERY_MIRRORS", "http://one/")
    with pytest.raises(UsageError, match="ROCKERY_MIRRORS"):
        asked()


def test_output(tmp_path: Path) -> None:
    def folder(path: Path) -> Path:
        return wishes.output(parse(["pack", "-o", str(path)], program="rockery"))

    assert wishes.output(parse(["pack"], program="rockery")) == Path()
    assert folder(tmp_path / "a/b") == tmp_path / "a/b"
    assert not (tmp_path / "a").exists(), "it is made when there is something to write"
    (tmp_path / "file").touch()
    with pytest.raises(SurroundingsError, match="is no folder"):
        folder(tmp_path / "file/below")
