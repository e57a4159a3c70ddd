"""Bytecode of what is installed: compiled once for each distribution."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from rockery.errors import SurroundingsError
from rockery.layer import bytecode
from rockery.store import Store


def install(site: Path, name: str, text: str, digest: str) -> None:
    """Lay a distribution of one module into ``site``; its RECORD says ``digest``."""
    (site / f"{name}-1.dist-info").mkdir(parents=True)
    (site / f"{name}.py").write_text(text)
    lines = f"{name}.py,sha256={digest},1\n{name}-1.dist-info/RECORD,,\n../bin/{name},,\n"
    (site / f"{name}-1.dist-info/RECORD").write_text(lines)


def compiled(site: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in site.rglob("*.pyc")}


def test_it_is_what_compiling_all_makes(tmp_path: Path) -> None:
    store, python = Store(tmp_path / "store"), Path(sys.executable)
    found = []
    for name in ("one", "two", "all"):
        site = tmp_path / name
        install(site, "a", "A = 1\n", "x")
        install(site, "b", f"B = {len(found)}\n", str(len(found)))
        (site / "of_nobody.py").write_text("C = 3\n")
        if name == "all":
            (site / "b.py").write_text("B = 1\n")
            bytecode.compiled(site, python, "/packages")
        else:
            bytecode.installed(store, site, python, "/packages")
        found.append(compiled(site))
    assert len(found[0]) == 3
    assert found[0] != found[1] == found[2]


def test_what_does_not_ship_is_not_compiled(tmp_path: Path) -> None:
    store, python = Store(tmp_path / "store"), Path(sys.executable)
    for name, gone in (("one", None), ("two", "a.py"), ("three", None)):
        install(tmp_path / name, "a", "A = 1\n", "x")
        if gone:
            (tmp_path / name / gone).unlink()
        bytecode.installed(store, tmp_path / name, python, "/packages")
    assert compiled(tmp_path / "one") == compiled(tmp_path / "three") != {}
    assert compiled(tmp_path / "two") == {}


def test_a_known_distribution_is_not_compiled_again(tmp_path: Path) -> None:
    store, python = Store(tmp_path / "store"), Path(sys.executable)
    install(tmp_path / "one", "a", "A = 1\n", "x")
    bytecode.installed(store, tmp_path / "one", python, "/packages")
    install(tmp_path / "two", "a", "A =\n", "x")  # cannot be compiled at all
    bytecode.installed(store, tmp_path / "two", python, "/packages")
    assert compiled(tmp_path / "two") == compiled(tmp_path / "one") != {}


def program(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_what_cannot_be_compiled_has_no_bytecode(tmp_path: Path) -> None:
    install(tmp_path / "site", "a", "print 1\n", "x")
    install(tmp_path / "site", "b", "B = 1\n", "x")
    bytecode.compiled(tmp_path / "site", Path(sys.executable), "/packages")
    assert [name.partition(".")[0] for name in compiled(tmp_path / "site")] == ["b"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("exit 139", "the rock's own Python fails"),
        ("echo the loader of this tree is missing >&2; exit 127", "the rock's own Python fails"),
        (
            f'exec {sys.executable} -S -c "raise ImportError"',
            "the rock's own Python fails",
        ),
        (
            "echo '*** Error compiling a.py...'; "
            "echo 'OSError: [Errno 28] No space left on device'; exit 1",
            "the disk is full",
        ),
    ],
)
def test_a_python_that_fails_is_an_error_and_no_missing_bytecode(
    tmp_path: Path, text: str, message: str
) -> None:
    install(tmp_path / "site", "a", "A = 1\n", "x")
    with pytest.raises(SurroundingsError, match=message):
        bytecode.compiled(tmp_path / "site", program(tmp_path / "python", text), "/packages")


def test_a_module_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    install(tmp_path / "site", "a", "A = 1\n", "x")
    (tmp_path / "site/__pycache__").touch()  # as root writes everywhere else
    with pytest.raises(SurroundingsError, match="the rock's own Python fails"):
        bytecode.compiled(tmp_path / "site", Path(sys.executable), "/packages")
