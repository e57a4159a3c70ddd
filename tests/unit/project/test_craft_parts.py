"""Random parts against craft-parts itself, where it is installed."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rockery.errors import ProjectError
from rockery.project.fileset import select

pytest.importorskip("craft_parts")

_NAMES = ("a", "b", ".h", "c.py", "d.py", "x")
_GLOBS = (*_NAMES, "*", "*.py", "**", ".*", "?", "[ab]", "c*")


@dataclass
class _Part:
    organize: dict[str, str]
    stage: tuple[str, ...]
    prime: tuple[str, ...]


def test_the_meaning_is_that_of_craft_parts() -> None:
    assert compare(range(300)) == []


def compare(seeds: Iterable[int]) -> list[str]:
    """Return a line for each seed where the two disagree.

    Left out: what craft-parts fails at, and what it does with a folder that is organized
    into itself (it loses the files; select() refuses).
    """
    found = []
    for seed in seeds:
        files, part = _random(random.Random(seed))
        expected = _theirs(files, part)
        if expected is None:
            continue
        try:
            ours = {k: v for k, v in select(part, files).items() if not k.endswith("/")}
        except ProjectError as error:
            if "into itself" not in str(error):
                found.append(f"{seed}: {part} {error}")
            continue
        if ours != expected:
            found.append(f"{seed}: {files} {part}: {ours} is not {expected}")
    return found


def _random(chance: random.Random) -> tuple[list[str], _Part]:
    files: list[str] = []

    def grow(prefix: str, depth: int) -> None:
        for name in chance.sample(_NAMES, chance.randint(1, 4)):
            if "." not in name[1:] and depth < 3 and chance.random() < 0.6:
                files.append(f"{prefix}{name}/")
                grow(f"{prefix}{name}/", depth + 1)
            else:
                files.append(prefix + name)

    def pattern() -> str:
        return "/".join(chance.choice(_GLOBS) for _ in range(chance.randint(1, 3)))

    def entries() -> tuple[str, ...]:
        return tuple(
            chance.choice(["", "-"]) + pattern()
            if chance.random() < 0.7
            else chance.choice(files).rstrip("/")
            for _ in range(chance.randint(0, 3))
        )

    grow("", 0)
    # Several moves at once meet in ways that depend on the order of a folder's listing.
    organize = {}
    if chance.random() < 0.5:
        organize[pattern()] = chance.choice(["n", "flask/app", "n/", "a", "x/"])
    return files, _Part(organize, entries(), entries())


def _theirs(files: list[str], part: _Part) -> dict[str, str] | None:
    from craft_parts import errors
    from craft_parts.executor.filesets import Fileset, migratable_filesets
    from craft_parts.executor.organize import organize_files

    folder = Path(tempfile.mkdtemp())
    try:
        for file in files:
            if file.endswith("/"):
                (folder / file).mkdir(parents=True, exist_ok=True)
            else:
                (folder / file).write_text(file)
        arguments: dict[str, Any] = {"default_partition": None}
        organize_files(
            part_name="part",
            file_map=part.organize,
            install_dir_map={None: folder},
            overwrite=False,
            **arguments,
        )
        stage, prime = Fileset(list(part.stage) or ["*"]), Fileset(list(part.prime) or ["*"])
        if prime.entries == ["*"] or not prime.includes:  # as its prime step does
            prime.combine(stage)
        chosen: list[set[Path]] = []
        for fileset in (stage, prime):
            found, _ = migratable_filesets(fileset, folder, **arguments)
            chosen.append({path for path in found if (folder / path).exists()})
        return {str(path): (folder / path).read_text() for path in chosen[0] & chosen[1]}
    except (errors.PartsError, OSError, ValueError, NotImplementedError, IndexError):
        return None
    finally:
        shutil.rmtree(folder)
