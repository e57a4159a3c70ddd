"""What is installed, compared with the RECORDs of its wheels."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from rockery.layer.checksums import Checksums, altered, encoded


def install(site: Path, **files: str) -> None:
    info = site / "a-1.dist-info"
    info.mkdir(parents=True)
    (site / "bin").mkdir()
    (site / "bin/a").write_text("script")
    lines = [f"../../bin/a,sha256={encoded(hashlib.sha256(b'script').digest())},6"]
    for name, text in files.items():
        (site / f"{name}.py").write_text(text)
        digest = encoded(hashlib.sha256(text.encode()).digest())
        lines.append(f"{name}.py,sha256={digest},{len(text)}")
    lines += ["a-1.dist-info/RECORD,,", "not/there.py,sha256=x,1", "a-1.dist-info/INSTALLER"]
    (info / "RECORD").write_text("\n".join(lines) + "\n")


def test_files_that_are_others_are_found(tmp_path: Path) -> None:
    install(tmp_path, one="1", two="2", three="3")
    assert altered(tmp_path, Checksums()) == {}
    (tmp_path / "two.py").write_text("3")
    (tmp_path / "bin/a").write_text("Script")
    of_three = encoded(hashlib.sha256(b"3").digest())
    found = altered(tmp_path, Checksums())
    assert found == {"two.py": of_three, "bin/a": encoded(hashlib.sha256(b"Script").digest())}


def test_a_file_is_read_again_only_when_it_is_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x"
    path.write_text("1")
    checksums = Checksums()
    first = checksums.of(path)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", None)
        assert checksums.of(path) == first
    path.write_text("22")
    assert checksums.of(path) == encoded(hashlib.sha256(b"22").digest())
    (tmp_path / "new").write_text("33")
    times = path.stat()
    os.utime(tmp_path / "new", ns=(times.st_atime_ns, times.st_mtime_ns))
    (tmp_path / "new").replace(path)
    assert checksums.of(path) == encoded(hashlib.sha256(b"33").digest())
