"""Syntax trees of a project's modules, within bounds."""

from __future__ import annotations

import ast
import sys
import warnings
from pathlib import Path

from rockery.errors import Location, Problem, ProjectError

#: Larger files are data, not modules with an application. The syntax tree of 1 MB of short
#: statements takes 700 MB and 6 s.
LARGEST = 256 * 1024
#: And statements, by what ends them: each takes more than 1 kB, however short it is.
MOST = 50_000


def tree(content: bytes, folder: Path, file: str, version: tuple[int, ...] | None) -> ast.Module:
    """Return the syntax tree of ``content``, which is that of ``file`` in ``folder``.

    ``version`` is the Python it is for; None is the one that runs rockery. Raises
    :class:`ProjectError` with a problem ``large-module`` or ``syntax-error``.
    """
    size = f"{LARGEST // 1024} kB" if len(content) > LARGEST else ""
    if not size and content.count(b"\n") + content.count(b";") > MOST:
        size = f"{MOST} lines"
    if size:
        reason = f"it has more than {size}, which no application has"
        raise ProjectError(Problem(f"cannot read {file}: {reason}", "large-module", Location(file)))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes in the user's strings
            return ast.parse(
                content,
                # The whole path: at a syntax error CPython reads the line from there.
                folder / file,
                feature_version=version if version and version < sys.version_info[:2] else None,  # type: ignore[arg-type]
            )
    except SyntaxError as error:
        raise ProjectError(
            Problem(
                f"cannot read {file}: {error.msg}",
                "syntax-error",
                Location(file, error.lineno or None, error.offset or None),
            )
        ) from error
    except (ValueError, RecursionError, MemoryError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise ProjectError(
            Problem(f"cannot read {file}: {reason}", "syntax-error", Location(file))
        ) from error
