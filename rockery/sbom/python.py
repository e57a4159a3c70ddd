"""Python packages, as their metadata describes them (PyPA core metadata)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from packageurl import PackageURL
from packaging.metadata import RawMetadata, parse_email

from rockery.sbom.licence import NO_LICENCE, Licence, joined, known, reference
from rockery.sbom.material import Material
from rockery.sbom.text import recognised

#: Where metadata lies: an installed wheel's, and what Debian's packages still have.
METADATA = re.compile(r"(?:.*/)?[^/]+\.(?:dist-info/METADATA|egg-info/PKG-INFO|egg-info)")

#: What authors write into the field License, in lower case without "license", "the", "v",
#: commas and brackets, where it can mean one licence only.
_NAMES = {
    "apache": "Apache-2.0",
    "apache 2": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache software": "Apache-2.0",
    "apache software 2.0": "Apache-2.0",
    "apache version 2.0": "Apache-2.0",
    "bsd 2-clause": "BSD-2-Clause",
    "2-clause bsd": "BSD-2-Clause",
    "simplified bsd": "BSD-2-Clause",
    "bsd 3-clause": "BSD-3-Clause",
    "bsd 3 clause": "BSD-3-Clause",
    "3-clause bsd": "BSD-3-Clause",
    "new bsd": "BSD-3-Clause",
    "modified bsd": "BSD-3-Clause",
    "mit mit": "MIT",
    "expat": "MIT",
    "isc iscl": "ISC",
    "mpl 2.0": "MPL-2.0",
    "mpl2": "MPL-2.0",
    "mozilla public 2.0": "MPL-2.0",
    "mozilla public 2.0 mpl 2.0": "MPL-2.0",
    "psf": "PSF-2.0",
    "python software foundation": "PSF-2.0",
    "unlicense unlicense": "Unlicense",
    "gpl2": "GPL-2.0-only",
    "gpl3": "GPL-3.0-only",
    "gpl2+": "GPL-2.0-or-later",
    "gpl3+": "GPL-3.0-or-later",
    "lgpl2.1": "LGPL-2.1-only",
    "lgpl2.1+": "LGPL-2.1-or-later",
    "lgpl3": "LGPL-3.0-only",
    "lgpl3+": "LGPL-3.0-or-later",
    "agpl3": "AGPL-3.0-only",
    "agpl3+": "AGPL-3.0-or-later",
    "gnu general public 2 gpl2": "GPL-2.0-only",
    "gnu general public 2 or later gpl2+": "GPL-2.0-or-later",
    "gnu general public 3 gpl3": "GPL-3.0-only",
    "gnu general public 3 or later gpl3+": "GPL-3.0-or-later",
    "gnu lesser general public 2 lgpl2": "LGPL-2.0-only",
    "gnu lesser general public 2 or later lgpl2+": "LGPL-2.0-or-later",
    "gnu lesser general public 3 lgpl3": "LGPL-3.0-only",
    "gnu lesser general public 3 or later lgpl3+": "LGPL-3.0-or-later",
    "gnu affero general public 3": "AGPL-3.0-only",
    "gnu affero general public 3 or later agpl3+": "AGPL-3.0-or-later",
    "cc0 1.0 universal cc0 1.0 public domain dedication": "CC0-1.0",
    "mit no attribution mit-0": "MIT-0",
}

_CLASSIFIER = "License ::"
_LICENCE_FILE = re.compile(r"(?:.*/)?(?:LICEN[CS]E|COPYING)[^/]*", re.IGNORECASE)

#: Longer than any name of a licence: it is the text.
_LONGEST_NAME = 100


def materials(root: Path, paths: Iterable[str]) -> Iterator[Material]:
    """Give a material per metadata file among ``paths``, all of them below ``root``."""
    for path in paths:
        if not METADATA.fullmatch(path) or not (root / path).is_file():
            continue
        raw, _ = parse_email((root / path).read_bytes())
        name, version = raw.get("name", ""), raw.get("version", "")
        if not name:
            continue
        folder = (root / path).parent if path.endswith(("METADATA", "PKG-INFO")) else None
        purl = PackageURL("pypi", None, name, version or None, _origin(folder))
        yield Material(
            kind="pypi",
            name=name,
            version=version,
            purl=purl.to_string(),
            licence=_licence(raw, folder),
            homepage=_homepage(raw),
            summary=raw.get("summary", "").split("\n")[0],
        )


def _origin(folder: Path | None) -> dict[str, str]:
    """Return where a package that no index has came from, as a purl says that (PEP 610)."""
    path = folder / "direct_url.json" if folder else None
    if path is None or not path.is_file():
        return {}
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        # A password that someone wrote into a requirement doesn't belong here.
        url = re.sub(r"(?<=://)[^/@]*@", "", raw["url"])
        vcs = raw.get("vcs_info")
        vcs_url = f"{vcs['vcs']}+{url}@{vcs['commit_id']}" if vcs else ""
    except (ValueError, KeyError, TypeError):
        return {}
    if url.startswith("file:"):
        return {}
    return {"vcs_url": vcs_url} if vcs else {"download_url": url}


def _homepage(raw: RawMetadata) -> str:
    urls = {label.lower(): url for label, url in raw.get("project_urls", {}).items()}
    for label in ("homepage", "home", "source", "repository", "source code"):
        if label in urls:
            return urls[label]
    return raw.get("home_page", "")


def _licence(raw: RawMetadata, folder: Path | None) -> Licence:
    """Return a package's licence: the expression, else a name that can mean one only."""
    field = raw.get("license", "").strip()
    field = "" if field.upper() == "UNKNOWN" else field
    classifiers = [c for c in raw.get("classifiers", ()) if c.startswith(_CLASSIFIER)]
    names = [name for name in (c.rpartition(" :: ")[2] for c in classifiers) if name]
    names = [name for name in names if name != "OSI Approved"]
    if certain := known(raw.get("license_expression", "")) or named(field):
        return Licence(certain)
    if len(names) == 1 and (certain := named(names[0])):
        return Licence(certain)
    texts = list(_texts(folder)) if folder else []
    if len(field) > _LONGEST_NAME or "\n" in field:
        texts.append(field)
        field = ""
    found = [Licence(name) for text in texts for name in recognised(text)]
    if found:
        return joined(found)
    text = "\n\n".join(texts)
    wanted = raw.get("license_expression") or field or " and ".join(names)
    if not wanted and not text:
        return NO_LICENCE
    return reference(wanted or f"{raw['name']}-license", text)


def named(text: str) -> str | None:
    """Return the SPDX expression that a name or an expression means, if it means one only."""
    text = text.strip()
    if not text or len(text) > _LONGEST_NAME:
        return None
    words = re.sub(r"[(),]", " ", text.lower())
    words = re.sub(r"\b(licence|license|the)\b", " ", words)
    words = re.sub(r"\bv(?=\d)|(?<=[a-z])v(?=\d)", "", " ".join(words.split()))
    return known(text) or _NAMES.get(words) or known(words)


def _texts(folder: Path) -> Iterator[str]:
    """Give the licence files that a wheel ships, in the order of their names."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and _LICENCE_FILE.fullmatch(path.relative_to(folder).as_posix()):
            yield path.read_text(encoding="utf-8", errors="replace")
