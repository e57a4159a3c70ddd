"""Where packages come from, as requirement files say it."""

from __future__ import annotations

from pathlib import Path

import pytest

from rockery.resolution.indexes import options

A = "https://a.example"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("flask\n", ()),
        (f"# --index-url {A}\nflask # -i x\n", ()),
        (f"--extra-index-url {A}/simple # ours\nflask", (f"--extra-index-url {A}/simple",)),
        (f"--index-url={A}", (f"--index-url {A}",)),
        (f"-i {A}\n-f {A}/x", (f"--index-url {A}", f"--find-links {A}/x")),
        (f"-i{A}\n  --no-index", (f"--index-url {A}", "--no-index")),
        ("--extra-index-url \\\n  https://${X}@a\r\n", ("--extra-index-url https://${X}@a",)),
        (f"\ufeff-i {A}", (f"--index-url {A}",)),
        ("--index-url\n--no-indexes\n", ()),
    ],
)
def test_options(text: str, lines: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text(text, newline="")
    assert options(tmp_path, ["requirements.txt", "missing.txt"]) == lines


def test_a_folder_of_wheels_is_found_from_anywhere(tmp_path: Path) -> None:
    (tmp_path / "needs/wheels").mkdir(parents=True)
    (tmp_path / "wheels").mkdir()
    (tmp_path / "needs/base.txt").write_text("--find-links wheels\n")
    (tmp_path / "requirements.txt").write_text("-r needs/base.txt\n-f wheels\n-f none\n")
    assert options(tmp_path, ["requirements.txt", "needs/base.txt"]) == (
        f"--find-links {tmp_path}/wheels",
        f"--find-links {tmp_path}/none",
        f"--find-links {tmp_path}/needs/wheels",
    )


def test_locks_have_none(tmp_path: Path) -> None:
    (tmp_path / "uv.lock").write_text("--index-url https://a.example\n")
    assert options(tmp_path, ["uv.lock"]) == ()
