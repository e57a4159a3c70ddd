"""Files of installed packages are read once for each distribution."""

from __future__ import annotations

from pathlib import Path

from rockery.layer.scan import scanned
from rockery.store import Store


def installed(site: Path, name: str, files: dict[str, str]) -> None:
    """Install files as a distribution; its RECORD tells other texts apart."""
    for path, text in files.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_text(text)
    info = site / f"{name}-1.dist-info"
    info.mkdir(exist_ok=True)
    lines = "".join(f"{path},sha256={text},\n" for path, text in files.items())
    (info / "RECORD").write_text(lines + f"{info.name}/RECORD,,\n")


def test_each_distribution_is_read_once(tmp_path: Path) -> None:
    site, store, read = tmp_path / "site", Store(tmp_path / "store"), []
    installed(site, "one", {"one/a.py": "A", "one/b.py": "", "both.py": "x"})
    installed(site, "two", {"two/c.py": "C", "both.py": "x"})
    (site / "nobodys.py").write_text("N")
    paths = ["one/a.py", "one/b.py", "two/c.py", "both.py", "nobodys.py"]

    def ask() -> dict[str, str]:
        read.clear()

        def scan(path: str) -> str:
            read.append(path)
            return (site / path).read_text()

        return scanned(store, site, paths, ("letters", 1), scan)

    said = {"one/a.py": "A", "two/c.py": "C", "both.py": "x", "nobodys.py": "N"}
    assert ask() == said
    assert sorted(read) == sorted(paths)
    assert ask() == said
    assert sorted(read) == ["both.py", "nobodys.py"]
    installed(site, "two", {"two/c.py": "D", "both.py": "x"})
    assert ask() == {**said, "two/c.py": "D"}
    assert sorted(read) == ["both.py", "nobodys.py", "two/c.py"]
