"""Showing what is in a rock: as text, as JSON, as a page, and beside another rock."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from rockery.cli import result
from rockery.cli.screen import Screen
from rockery.errors import Problem, UsageError

if TYPE_CHECKING:
    from rockery.image.contents import Contents


def inspect(options: Namespace, screen: Screen) -> int:
    """Show a rock's layers, services and packages."""
    if options.html:
        return _page(options)
    if options.size or options.diff:
        return _contents(options)
    from rockery.image.report import report

    found = report(options.rock)
    if options.json:
        result.document(found.document())
        return 0
    for line in found.lines():
        result.text(line)
    return 0


def _contents(options: Namespace) -> int:
    """Say where a rock's bytes are, or what another one has differently (status 1)."""
    from rockery.image import contents

    found, other = _read(options)
    if other:
        lines = [str(one) for one in contents.differences(found, other)]
        if options.json:
            result.document({"schema_version": 1, "same": not lines, "differences": lines})
        else:
            for line in lines or ["they are the same"]:
                result.text(line)
        return 1 if lines else 0
    document = contents.size_document(found)
    if options.json:
        result.document(document)
        return 0
    for number, (head, rows) in enumerate(contents.size_rows(document)):
        if number:
            result.text("")
        cells = [tuple(result.size(c) if isinstance(c, int) else c for c in row) for row in rows]
        result.table(head, cells)
    return 0


def _page(options: Namespace) -> int:
    """Write the page, and print its path; the status is 1 where another rock differs."""
    if options.json:
        raise UsageError(
            Problem(
                "cannot use --html with --json: a page is no JSON document",
                "bad-option",
                remedy="run 'rockery inspect' twice",
            )
        )
    path: Path = options.html
    to_output = str(path) == "-"
    if not to_output:
        _refuse_to_overwrite(path)
    from rockery.image import page
    from rockery.publish.replacement import replacement

    found, other = _read(options)
    text = page.render(found, other)
    if to_output:
        result.raw(text)
    else:
        with replacement(path, option="--html") as stream:
            stream.write(text.encode())
        result.path(path)
    return 1 if other and other.report.digest != found.report.digest else 0


def _read(options: Namespace) -> tuple[Contents, Contents | None]:
    from rockery.image.contents import contents

    return contents(options.rock), contents(options.diff) if options.diff else None


def _refuse_to_overwrite(path: Path) -> None:
    """Raise where there is a file that is no page: FILE may be left out, and ROCK taken for it."""
    if not path.is_file():
        return
    with path.open("rb") as stream:
        if stream.read(len(_PAGE)).lower() == _PAGE:
            return
    raise UsageError(
        Problem(
            f"cannot write a page to {path}: there is a file already that is none",
            "file-exists",
            remedy="name another file after --html, or remove this one",
        )
    )


#: What a page begins with.
_PAGE = b"<!doctype html>"
