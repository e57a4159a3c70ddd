"""A command's result: all of standard output, and nothing else is on it."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def text(line: str) -> None:
    """Print a line; what the output's encoding lacks is printed as an escape."""
    print(_printable(line))


def raw(text: str) -> None:
    """Print text as it is, as UTF-8: a file of it means the same everywhere."""
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape"))
    sys.stdout.buffer.flush()


def path(found: Path) -> None:
    """Print a path, byte for byte as the file system has it."""
    sys.stdout.flush()
    sys.stdout.buffer.write(os.fsencode(found) + b"\n")
    sys.stdout.buffer.flush()


def document(data: dict[str, Any]) -> None:
    """Print one JSON document; ASCII alone, which no locale can break."""
    import json

    print(json.dumps(data, indent=2))


def documents(several: Sequence[dict[str, Any]], name: str) -> None:
    """Print the only one of these documents, or one that has all of them as ``name``."""
    document(several[0] if len(several) == 1 else {"schema_version": 1, name: list(several)})


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Print rows under their heads: in colour on a terminal, plain columns elsewhere."""
    rows = [tuple(_printable(cell) for cell in row) for row in rows]
    if on_terminal():
        from rich.console import Console
        from rich.table import Table

        drawn = Table(*head, box=None, pad_edge=False, header_style="bold")
        for row in rows:
            drawn.add_row(*(_escaped(cell) for cell in row))
        Console(no_color="NO_COLOR" in os.environ).print(drawn)
        return
    widths = [max(len(row[n]) for row in [head, *rows]) for n in range(len(head))]
    for row in [head, *rows]:
        cells = zip(row, widths, strict=True)
        print("  ".join(cell.ljust(width) for cell, width in cells).rstrip())


def size(count: int) -> str:
    """Return a number of bytes as people read it: ``1.2 MB``."""
    if count < 1000:
        return f"{count} B"
    return f"{count / 1000:.1f} kB" if count < 1_000_000 else f"{count / 1_000_000:.1f} MB"


def on_terminal() -> bool:
    """Tell whether a person looks at the result."""
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def _printable(line: str) -> str:
    encoding = sys.stdout.encoding or "utf-8"
    return line.encode(encoding, "backslashreplace").decode(encoding)


def _escaped(cell: str) -> str:
    from rich.markup import escape

    return escape(cell)
