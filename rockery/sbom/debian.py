"""The distribution's packages: what the archive's index and their copyright files say."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence

from debian_inspector.copyright import (
    CopyrightFilesParagraph,
    CopyrightLicenseParagraph,
    DebianCopyright,
)
from packageurl import PackageURL

from rockery.layer.deb import PackageContents
from rockery.layer.entry import Entry, read
from rockery.resolution.apt import Package
from rockery.sbom.licence import NO_LICENCE, Licence, joined, known, reference
from rockery.sbom.material import Material
from rockery.sbom.text import recognised

#: Names of DEP-5 (https://dep-team.pages.debian.net/deps/dep5/) that SPDX spells otherwise.
_NAMES = {
    "expat": "MIT",
    "apache-2": "Apache-2.0",
    "bsd-2-clause": "BSD-2-Clause",
    "bsd-3-clause": "BSD-3-Clause",
    "bsd-4-clause": "BSD-4-Clause",
    "mpl-2": "MPL-2.0",
    "cc0": "CC0-1.0",
    "boost-1.0": "BSL-1.0",
}

#: GNU's licences: the versions that exist, and how SPDX writes one of two digits.
_GNU = re.compile(r"(GPL|LGPL|AGPL|GFDL|GFDL-NIV)-(\d(?:\.\d)?)(\+?)", re.IGNORECASE)

#: Names that are on SPDX's list but used for other texts too.
_AMBIGUOUS = {"MIT"}

_MOST_LINKS = 5


def materials(
    packages: Sequence[tuple[Package, PackageContents]], system: tuple[str, str]
) -> Iterator[Material]:
    """Give a material per package; ``system`` is the distribution and its release."""
    papers = _papers(contents for _, contents in packages)
    distribution, release = system
    for package, _ in packages:
        fields = package.fields
        source, _, version = fields.get("Source", package.name).partition(" ")
        version = version.strip("()") or package.version
        qualifiers = {"arch": package.architecture, "distro": f"{distribution}-{release}"}
        if source != package.name or version != package.version:
            # Advisories name source packages; scanners look for them here.
            qualifiers["upstream"] = f"{source}@{version}"
        purl = PackageURL("deb", distribution, package.name, package.version, qualifiers)
        yield Material(
            kind="deb",
            name=package.name,
            version=package.version,
            purl=purl.to_string(),
            licence=_licence(package.name, source, papers),
            sha256=package.sha256,
            homepage=fields.get("Homepage", ""),
            summary=fields.get("Description", "").splitlines()[0]
            if "Description" in fields
            else "",
            source=f"{source} {version}",
        )


def _papers(packages: Iterable[PackageContents]) -> dict[str, Entry]:
    """Return the copyright files, and the links that may lead to one, by path."""
    return {
        entry.path: entry
        for contents in packages
        for entry in contents.entries()
        if entry.path.startswith("usr/share/doc/")
        and entry.kind != "directory"
        and (entry.path.endswith("/copyright") or entry.kind == "symlink")
    }


def _licence(name: str, source: str, papers: dict[str, Entry]) -> Licence:
    """Return what a package's copyright file says, wherever links lead to it."""
    path = f"usr/share/doc/{name}/copyright"
    for _ in range(_MOST_LINKS):
        entry = papers.get(path)
        if entry is not None and entry.content is not None:
            return licence(read(entry.content).decode("utf-8", "replace"), source)
        if entry is not None:  # a link, soft or hard
            folder = posixpath.dirname(path) if entry.kind == "symlink" else "/"
            path = posixpath.normpath(posixpath.join("/", folder, entry.target)).lstrip("/")
            continue
        folder = posixpath.dirname(path)
        link = papers.get(folder)
        if link is None:
            break
        target = posixpath.join("/", posixpath.dirname(folder), link.target, "copyright")
        path = posixpath.normpath(target).lstrip("/")
    return NO_LICENCE


def licence(text: str, source: str) -> Licence:
    """Return the licence of the source package whose copyright file is ``text``.

    A file in DEP-5's format names the licences; any other is one of its own, with all of the
    file as its text.
    """
    try:
        paragraphs = DebianCopyright.from_text(text).paragraphs
    except Exception:
        # What a package ships is no fault of the user's, and the parser raises many kinds.
        return reference(f"{source}-copyright", text)
    of_files = [p.license for p in paragraphs if isinstance(p, CopyrightFilesParagraph)]
    alone = [p.license for p in paragraphs if isinstance(p, CopyrightLicenseParagraph)]
    texts = {one.name: one.text for one in [*alone, *of_files] if one.name and one.text}
    names = {one.name.strip() for one in of_files if one.name}
    found = [expression(name, texts) for name in sorted(names) if name]
    return joined(found) if found else reference(f"{source}-copyright", text)


def expression(name: str, texts: dict[str, str]) -> Licence:
    """Return the licence that a DEP-5 short name or expression means.

    "and" binds tighter than "or", unless a comma stands before it. ``texts`` are the texts
    that the file has for names.
    """
    groups = re.split(r",\s+and\s+", name, flags=re.IGNORECASE)
    return joined(_alternatives(group, texts) for group in groups)


def _alternatives(group: str, texts: dict[str, str]) -> Licence:
    words = re.split(r",?\s+or\s+", group, flags=re.IGNORECASE)
    return joined((_all(word, texts) for word in words), "OR")


def _all(words: str, texts: dict[str, str]) -> Licence:
    return joined(_one(word.strip(" ,"), texts) for word in re.split(r"\s+and\s+", words))


def _one(name: str, texts: dict[str, str]) -> Licence:
    text = texts.get(name, "")
    base, _, exception = name.partition(" with ")
    plain = _plain(base)
    if plain is not None and exception:
        both = known(f"{plain} WITH {exception.removesuffix(' exception').strip()}")
        return Licence(both) if both else reference(name, text)
    if name in _AMBIGUOUS and text and plain not in recognised(text):
        plain = None
    return Licence(plain) if plain else reference(name, text)


def _plain(name: str) -> str | None:
    """Return the SPDX identifier of a single name, or None where that isn't certain."""
    if gnu := _GNU.fullmatch(name.strip()):
        family, version, later = gnu.groups()
        family, version = family.upper(), version if "." in version else f"{version}.0"
        middle = "-no-invariants" if family == "GFDL-NIV" else ""
        ending = "or-later" if later else "only"
        return known(f"{family.removesuffix('-NIV')}-{version}{middle}-{ending}")
    return _NAMES.get(name.lower()) or (known(name) if " " not in name else None)
