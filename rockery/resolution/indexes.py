"""Where Python packages come from, as a project's requirement files say it.

A resolution pins versions and hashes; that a version lies on a company's index, or in a folder
of wheels, is no fact of it, and the address may hold a password. So whoever installs asks the
requirement files again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

#: The options of pip's requirement files that uv heeds. A value follows after "=" or white space,
#: of the short ones at once as well.
_OPTION = re.compile(
    r"(?P<name>--index-url|--extra-index-url|--find-links)(?:\s*=\s*|\s+)(?P<value>\S+)"
    r"|(?P<short>-[if])\s*=?\s*(?P<short_value>\S+)"
    r"|--no-index\b"
)
_LONG = {"-i": "--index-url", "-f": "--find-links"}


def options(folder: Path, paths: Iterable[str]) -> tuple[str, ...]:
    """Return the lines about indexes of the requirement files ``paths`` in ``folder``, each once.

    A folder of wheels has its absolute path: it stands relative to the file that names it, or
    to the project. Lock files, and files that can't be read, have none.
    """
    found: dict[str, None] = {}
    for path in paths:
        if not path.endswith((".toml", ".lock")):
            found.update(dict.fromkeys(_of(folder, path)))
    return tuple(found)


def _of(folder: Path, path: str) -> Iterator[str]:
    try:
        text = (folder / path).read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return
    for line in text.replace("\\\n", "").splitlines():
        option = _OPTION.match(line.strip())
        if option is None:
            continue
        if option[0] == "--no-index":
            yield option[0]
            continue
        name = option["name"] or _LONG[option["short"]]
        value = option["value"] or option["short_value"]
        if name == "--find-links" and "://" not in value:
            beside = (folder / path).parent / value
            value = str((beside if beside.exists() else folder / value).absolute())
        yield f"{name} {value}"
