"""An expansion that stock rockcraft packs: nothing of it lies outside of the file.

What rockery's own packer takes for granted is said here in rockcraft's terms: which packages
bring Python, where it is, and the folder for temporary files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rockery.data import VARIABLE, data_folder
from rockery.errors import Problem, ProjectError
from rockery.extension.dependencies import PLUGINS
from rockery.extension.expansion import ordered
from rockery.extension.merging import merged
from rockery.project import bases
from rockery.project.rules import Where

#: The distribution that rockcraft packs on.
_DISTRIBUTION = "ubuntu"

#: Where rockcraft says that its rocks have Python, whatever the base.
_PYTHON = "#!/bin/python3"

#: What the image's own settings say in a rock of rockery's.
ENVIRONMENT = {"PYTHONUNBUFFERED": "1", "PEBBLE_VERBOSE": "1"}

#: The line that ends an embedded file; no file has it.
_END = "END_OF_FILE"


def portable(data: Mapping[str, Any], where: Where) -> dict[str, Any]:
    """Return an expansion with everything in it; ``where`` finds positions in the user's file.

    Raises:
        ProjectError: stock rockcraft could not pack it, with the reason.
    """
    check(data, where)
    summary = data.get("summary") or data.get("title") or data.get("name")
    return ordered(
        {
            **data,
            # rockcraft does nothing without these.
            "summary": summary,
            "description": data.get("description") or summary,
            "environment": {**ENVIRONMENT, **(data.get("environment") or {})},
            "parts": parts(data, data),
        }
    )


def check(data: Mapping[str, Any], where: Where) -> None:
    """Raise :class:`ProjectError` where stock rockcraft could not pack the expansion."""
    problems = [*_of_base(data, where), *_of_locks(data, where)]
    if problems:
        raise ProjectError(*problems)


def parts(added: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parts of ``added`` with rockery's own files embedded, and what brings Python.

    ``data`` is the whole expansion, which says for which base.
    """
    bare = data.get("base") == bases.BARE
    python = bases.python_of(str(data.get("build-base") if bare else data.get("base")))
    made = {
        name: _embedded(part) if _is_ours(part) else dict(part)
        for name, part in (added.get("parts") or {}).items()
    }
    for name, part in made.items():
        if part.get("plugin") == "python":
            made[name] = merged(_python(python, bare=bare), part)
        elif part.get("plugin") == "nil" and name.endswith("/runtime"):
            made[name] = merged(part, _runtime(bare=bare))
            made[name]["stage-packages"] = _slices(made[name]["stage-packages"])
    return made


def _is_ours(part: Any) -> bool:
    return isinstance(part, dict) and str(part.get("source", "")).startswith(VARIABLE)


def _python(python: str | None, *, bare: bool) -> dict[str, Any]:
    if bare:
        return {
            "plugin": "python",
            "stage-packages": [f"python{python}-venv_ensurepip"],
            "build-environment": [{"PARTS_PYTHON_INTERPRETER": f"python{python}"}],
        }
    # The certificates are in the package and, made by its scripts, in the runtime's slice.
    return {
        "plugin": "python",
        "stage-packages": ["python3-venv"],
        "stage": ["-etc/ssl/certs/ca-certificates.crt"],
    }


def _runtime(*, bare: bool) -> dict[str, Any]:
    if not bare:
        return {}
    return {
        "stage-packages": ["libstdc++6_libs"],
        "override-build": "craftctl default\nmkdir -p $CRAFT_PART_INSTALL/tmp\n"
        "chmod 1777 $CRAFT_PART_INSTALL/tmp\n",
    }


def _slices(packages: list[str]) -> list[str]:
    """Return packages with the slice of the certificates, which brings the bundle."""
    return list(
        dict.fromkeys("ca-certificates_data" if p == "ca-certificates" else p for p in packages)
    )


# --- what cannot be packed there --------------------------------------------------------


def _of_base(data: Mapping[str, Any], where: Where) -> list[Problem]:
    key = "build-base" if data.get("base") == bases.BARE else "base"
    name = str(data.get(key, ""))
    if name.partition("@")[0] == _DISTRIBUTION:
        return []
    fitting = [base for base in bases.known() if base.startswith(_DISTRIBUTION)]
    return [
        Problem(
            f"cannot write a portable file for {name}: rockcraft packs on Ubuntu",
            "not-portable",
            where(key),
            f"use one of {', '.join(fitting)}; --{key} overrides it for one run",
        )
    ]


def _of_locks(data: Mapping[str, Any], where: Where) -> list[Problem]:
    for name, part in (data.get("parts") or {}).items():
        locks = [file for file in part.get("python-requirements") or () if file in PLUGINS]
        if part.get("plugin") in ("uv", "poetry"):
            locks = [file for file, plugin in PLUGINS.items() if plugin == part["plugin"]]
        if locks:
            return [
                Problem(
                    f"cannot write a portable file for {locks[0]}: rockcraft would install the "
                    "server without looking at the lock, or not read it at all",
                    "not-portable",
                    where("parts", name),
                    "export it to a requirements.txt and name that under 'python-requirements' of "
                    f"{name}",
                )
            ]
    return []


# --- embedding --------------------------------------------------------------------------


def _embedded(part: Mapping[str, Any]) -> dict[str, Any]:
    """Return a ``dump`` part of rockery's own files as one whose script writes them."""
    from rockery.project import fileset
    from rockery.project.part import Part
    from rockery.project.source import walk

    model = Part.model_validate(part)
    name, _, rest = str(part["source"]).removeprefix(VARIABLE).strip("/").partition("/")
    root = data_folder(name) / rest
    found = {entry.path: entry for entry in walk(root)}
    lines: list[str] = []
    folders = {""}
    for place, origin in sorted(fileset.select(model, found).items()):
        folder = place.rpartition("/")[0]
        if folder not in folders:
            folders.add(folder)
            lines.append(f'mkdir -p "$CRAFT_PART_INSTALL/{folder}"')
        if not place.endswith("/"):
            lines += _written(place, root / origin)
    kept = {key: part[key] for key in ("permissions", "after") if key in part}
    return {"plugin": "nil", "override-build": "\n".join(lines) + "\n", **kept}


def _written(place: str, file: Path) -> list[str]:
    text = re.sub(r"\A#!/usr/bin/python3\b", _PYTHON, file.read_text("utf-8"))
    assert _END not in text, file
    written = [f"cat > \"$CRAFT_PART_INSTALL/{place}\" <<'{_END}'"]
    written += [*text.splitlines(), _END]
    if file.stat().st_mode & 0o100:
        written.append(f'chmod 755 "$CRAFT_PART_INSTALL/{place}"')
    return written
