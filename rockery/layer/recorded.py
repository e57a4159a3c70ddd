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
    with record.open(newline="", encoding="utf-8") as stream:
        for row in csv.reader(stream):
            if row and row[0]:
                path = os.path.normpath(row[0])
                yield f"bin/{Path(path).name}" if path.startswith("../") else path
