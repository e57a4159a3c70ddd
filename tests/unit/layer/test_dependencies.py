"""Which file of an installation is whose."""

from __future__ import annotations

from pathlib import Path

from rockery.layer.checksums import Checksums
from rockery.layer.dependencies import Installed
from rockery.layer.entry import read

PACKAGES = "usr/local/lib/python3.11/dist-packages"


def install(site: Path, name: str, paths: list[str]) -> None:
    """Write files and the RECORD that lists them as uv does."""
    for path in paths:
        place = site / ("bin/" + Path(path).name if path.startswith("../") else path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(path)
    info = site / f"{name}-1.0.dist-info"
    info.mkdir()
    listed = [*paths, f"{info.name}/RECORD"]
    (info / "RECORD").write_text("".join(f"{path},,\n" for path in listed))


def entries(installed: Installed, *names: str) -> set[str]:
    return {entry.path for entry in installed.entries(lambda name: name in names)}


def test_files_are_parted_by_distribution(tmp_path: Path) -> None:
    install(tmp_path, "Big_Thing", ["big/a.py", "../../bin/big", "shared/__init__.py"])
    install(tmp_path, "small", ["small.py", "shared/__init__.py", "shared/small.py"])
    (tmp_path / "big/__pycache__").mkdir()
    (tmp_path / "big/__pycache__/a.cpython-311.pyc").write_bytes(b"")
    (tmp_path / "stray.py").write_text("")
    installed = Installed(tmp_path, "3.11", Checksums())
    big = entries(installed, "big-thing")
    assert big == {
        f"{PACKAGES}/big/a.py",
        f"{PACKAGES}/big/__pycache__/a.cpython-311.pyc",
        f"{PACKAGES}/Big_Thing-1.0.dist-info/RECORD",
        "usr/bin/big",
    }
    rest = entries(installed, "small", "")
    assert rest == {
        f"{PACKAGES}/small.py",
        f"{PACKAGES}/shared/small.py",
        f"{PACKAGES}/small-1.0.dist-info/RECORD",
        f"{PACKAGES}/shared/__init__.py",
        f"{PACKAGES}/stray.py",
    }


def test_a_record_lists_what_is_there(tmp_path: Path) -> None:
    install(tmp_path, "big", ["big/a.py", "big/tests/b.py", "../../bin/big"])
    installed = Installed(tmp_path, "3.11", Checksums())
    before = installed.identity("big")
    (tmp_path / "big/tests/b.py").unlink()
    assert installed.identity("big") != before
    (record,) = [
        entry
        for entry in installed.entries(lambda name: name == "big")
        if entry.path.endswith("RECORD")
    ]
    assert record.content is not None
    named = [line.split(",")[0] for line in read(record.content).decode().splitlines()]
    assert named == ["../../../../bin/big", "big-1.0.dist-info/RECORD", "big/a.py"]
