"""RECORD: the list that each installed distribution has of its files.

https://packaging.python.org/en/latest/specifications/recording-installed-packages/
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from pathlib import Path


def listed(record: Path) -> Iterator[str]:
    """Give the paths that a RECORD lists, relative to where uv installed.

    uv writes scripts relative to where it put them: always below ``bin``.
    """
    for path, _ in checksums(record):
        yield path


def checksums(record: Path) -> Iterator[tuple[str, str]]:
    """Give the paths as :func:`listed` does, each with its checksum: "sha256=…", or nothing."""
    with record.open(newline="", encoding="utf-8") as stream:
        for row in csv.reader(stream):
            if row and row[0]:
                path = os.path.normpath(row[0])
                path = f"bin/{Path(path).name}" if path.startswith("../") else path
                yield path, row[1] if len(row) > 1 else ""
