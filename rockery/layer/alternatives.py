"""Alternatives, as ``update-alternatives --install`` in maintainer scripts would make them.

Commands that a script spells out are read from it, simple variables included. For those in
loops and functions `bases/rules.yaml` has rules; of others a note says that they were not
understood.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rockery.base import AlternativeRule
from rockery.glob import matcher
from rockery.layer.composition import Composition, Member
from rockery.layer.entry import file, symlink

_ASSIGNMENT = re.compile(r"^\s*(\w+)=([^\s`$()]*)\s*$")
_WORDS_OF_INSTALL = 4
_WORDS_OF_SLAVE = 3


@dataclass(frozen=True)
class Alternative:
    """One candidate for ``link``; ``slaves`` are (link, name, path), all paths absolute."""

    link: str
    name: str
    path: str
    priority: int
    slaves: tuple[tuple[str, str, str], ...] = ()


def install(
    composition: Composition,
    members: Sequence[Member],
    rules: Mapping[str, Sequence[AlternativeRule]],
) -> None:
    """Add the links of all alternatives of ``members`` whose paths are there, with a record."""
    groups: dict[str, list[Alternative]] = {}
    for member in members:
        name = member.package.name
        own = [rule for glob, some in rules.items() if matcher([glob])(name) for rule in some]
        if own:
            found = list(_of_rules(member, own))
        else:
            script = member.contents.control("postinst")
            found, unclear = read_script(script)
            if unclear:
                composition.notes.append(
                    f"{name} registers an alternative that can't be read from its script "
                    f"({unclear[0]}); a command may be missing its usual name"
                )
        for one in found:
            if composition.has(one.path):
                groups.setdefault(one.name, []).append(one)
    for name, group in sorted(groups.items()):
        best = max(group, key=lambda one: (one.priority, one.path))
        shown = [s for s in best.slaves if composition.has(s[2])]
        for link, own_name, path in [(best.link, name, best.path), *shown]:
            composition.add(symlink(f"etc/alternatives/{own_name}", path))
            composition.add(symlink(link.lstrip("/"), f"/etc/alternatives/{own_name}"))
        composition.add(file(f"var/lib/dpkg/alternatives/{name}", record(group)))


def read_script(script: str) -> tuple[list[Alternative], list[str]]:
    """Return the alternatives that a maintainer script registers, and what wasn't understood."""
    found, unclear = [], []
    variables: dict[str, str] = {}
    for line in _logical_lines(script):
        if assigned := _ASSIGNMENT.match(line):
            variables[assigned[1]] = assigned[2].strip("'\"")
        if not re.search(r"update-alternatives\b.*\s--install\s", line):
            continue
        try:
            words = shlex.split(line, comments=True)
        except ValueError:
            unclear.append(_shortened(line))
            continue
        expanded = [_expanded(word, variables) for word in words]
        one = _parse(expanded)
        if one is None:
            unclear.append(_shortened(line))
        else:
            found.append(one)
    return found, unclear


def record(group: Sequence[Alternative]) -> str:
    """Return dpkg's own record of one alternative's candidates, in "auto" mode.

    The format is that of ``/var/lib/dpkg/alternatives`` (update-alternatives(1)): mode and
    link, then name and link of each slave, an empty line, then each candidate with its
    priority and its slaves' paths, and an empty line.
    """
    ours = sorted(group, key=lambda one: one.path)
    slaves = {name: link for one in ours for link, name, _ in one.slaves}
    lines = ["auto", ours[0].link]
    for name in sorted(slaves):
        lines += [name, slaves[name]]
    lines.append("")
    for one in ours:
        paths = {name: path for _, name, path in one.slaves}
        lines += [one.path, str(one.priority), *(paths.get(name, "") for name in sorted(slaves))]
    return "\n".join([*lines, "", ""])


def _of_rules(member: Member, rules: Sequence[AlternativeRule]) -> Iterator[Alternative]:
    for entry in member.contents.entries():
        for rule in rules:
            match = re.fullmatch(rule.path, entry.path)
            if match is None:
                continue
            link = "/" + match.expand(rule.link)
            pairs = [(match.expand(a), match.expand(b)) for a, b in rule.slaves.items()]
            slaves = [(f"/{link}", posixpath.basename(link), f"/{path}") for link, path in pairs]
            name = posixpath.basename(link)
            yield Alternative(link, name, f"/{entry.path}", rule.priority, tuple(slaves))


def _logical_lines(script: str) -> Iterator[str]:
    joined = re.sub(r"\\\n", " ", script)
    for line in joined.splitlines():
        if not line.lstrip().startswith("#"):
            yield line


def _expanded(word: str, variables: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        return variables.get(match[1], match[0])

    return re.sub(r"\$\{?(\w+)\}?", value, word)


def _parse(words: Sequence[str]) -> Alternative | None:
    start = words.index("--install") + 1
    given = words[start : start + _WORDS_OF_INSTALL]
    if len(given) < _WORDS_OF_INSTALL or not given[3].lstrip("-").isdecimal():
        return None
    slaves = []
    for index, word in enumerate(words):
        if word == "--slave":
            slave = words[index + 1 : index + 1 + _WORDS_OF_SLAVE]
            if len(slave) == _WORDS_OF_SLAVE:
                slaves.append((slave[0], slave[1], slave[2]))
    texts = [*given, *(text for slave in slaves for text in slave)]
    if any(character in text for text in texts for character in "$`*"):
        return None
    return Alternative(given[0], given[1], given[2], int(given[3]), tuple(slaves))


def _shortened(line: str) -> str:
    return " ".join(line.split())[:100]
