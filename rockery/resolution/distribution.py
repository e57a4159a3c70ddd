"""Which packages of a distribution make a rock's base and its runtime."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rockery.base import Base
from rockery.glob import matcher
from rockery.resolution.apt import Apt, Package
from rockery.store import Store


@dataclass(frozen=True)
class DistributionResolution:
    """Which packages make the base and the runtime, and since when that is known.

    ``base`` is empty for a bare rock; ``runtime`` holds nothing of ``base``. ``wanted`` are
    the names that were asked for, without slices.
    """

    base: tuple[Package, ...]
    runtime: tuple[Package, ...]
    wanted: tuple[str, ...]
    made: str

    def dump(self) -> str:
        """Return this as JSON."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def parse(cls, text: str) -> DistributionResolution:
        """Read what :meth:`dump` wrote."""
        raw = json.loads(text)
        return cls(
            tuple(Package(**p) for p in raw["base"]),
            tuple(Package(**p) for p in raw["runtime"]),
            tuple(raw["wanted"]),
            raw["made"],
        )


def iter_relations(field: str) -> Iterator[list[str]]:
    """Give the groups of alternatives of a dependency field, by name: "a (>= 1) | b, c"."""
    for group in field.replace("\n", " ").split(","):
        names = [
            re.split(r"[ (\[<:]", alternative.strip(), maxsplit=1)[0]
            for alternative in group.split("|")
        ]
        if any(names):
            yield [name for name in names if name]


def split_slice(word: str) -> tuple[str, str | None]:
    """Split a slice name: "libpq5_libs" is libs of libpq5; package names have no underscore."""
    name, _, meaning = word.partition("_")
    return name, meaning or None


def own_words(base: Base, *, bare: bool) -> tuple[str, ...]:
    """Return what every runtime of this base is asked for, slices included."""
    return base.rules.runtime + (base.rules.bare if bare else ())


def request(base: Base, stage_packages: Iterable[str], *, bare: bool) -> tuple[str, ...]:
    """Return all that the runtime is asked for, slices included: the base's words, the user's.

    A word may be there twice: the user's own one asks for the whole package.
    """
    return (*own_words(base, bare=bare), *dict.fromkeys(stage_packages))


def identity(base: Base, architecture: str, words: Sequence[str], *, bare: bool) -> str:
    """Return the key under which a resolution is stored."""
    inputs = [base.identity, architecture, sorted(words), bare]
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def stored(store: Store, key: str) -> DistributionResolution | None:
    """Return the stored resolution ``key``, or None."""
    folder = store.get("resolutions", key)
    return DistributionResolution.parse((folder / "packages.json").read_text()) if folder else None


def resolve(
    store: Store, key: str, apt: Apt, words: Sequence[str], *, bare: bool
) -> DistributionResolution:
    """Ask apt, remember the answer as ``key`` and return it.

    Raises:
        ProjectError: a package doesn't exist, or the set contradicts itself.
    """
    names = tuple(dict.fromkeys(split_slice(word)[0] for word in words))
    if bare:
        base: tuple[Package, ...] = ()
        runtime = without_script_dependencies(apt.resolve(names), names, apt.base)
    else:
        base = apt.resolve(apt.base.rules.full)
        below = {(p.name, p.architecture) for p in base}
        everything = apt.resolve((*apt.base.rules.full, *names))
        runtime = tuple(p for p in everything if (p.name, p.architecture) not in below)
    made = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    resolution = DistributionResolution(base, runtime, names, made)
    with store.put("resolutions", key, replace=True) as folder:
        (folder / "packages.json").write_text(resolution.dump())
    return resolution


def without_script_dependencies(
    packages: Sequence[Package], wanted: Sequence[str], base: Base
) -> tuple[Package, ...]:
    """Leave out what only maintainer scripts would have used.

    ``bases/rules.yaml`` names such dependencies; a package stays where a name that was asked
    for, or a dependency that counts, leads to it.
    """
    reached = reachable(packages, wanted, base)
    return tuple(package for package in packages if package.name in reached)


def reachable(packages: Sequence[Package], wanted: Iterable[str], base: Base) -> set[str]:
    """Return the names of the packages to which ``wanted`` leads over real dependencies.

    A package that comes trimmed has fewer of them than one that the user named.
    """
    by_name: dict[str, list[Package]] = {}
    for package in packages:
        for name in [package.name, *_flat(package.fields.get("Provides", ""))]:
            by_name.setdefault(name, []).append(package)
    rules = base.rules
    words = list(wanted)
    named = {_plain(word) for word in _of_the_user(words, base)}
    reached: set[str] = set()
    waiting = [_plain(word) for word in words]
    while waiting:
        for package in by_name.get(waiting.pop(), ()):
            if package.name in reached:
                continue
            reached.add(package.name)
            skip = _globs(rules.script_dependencies, package.name)
            if package.name not in named:
                skip += _globs(rules.spared_dependencies, package.name)
            skipped = matcher(skip)
            fields = package.fields
            for field in ("Pre-Depends", "Depends"):
                for alternatives in iter_relations(fields.get(field, "")):
                    if not any(map(skipped, alternatives)):
                        waiting += [name for name in alternatives if name in by_name]
    return reached


def _of_the_user(words: Sequence[str], base: Base) -> list[str]:
    """Return the words that aren't there for the base alone, see :func:`request`."""
    own = list(own_words(base, bare=True))
    found = []
    for word in words:
        if word in own:
            own.remove(word)
        else:
            found.append(word)
    return found


def _plain(word: str) -> str:
    """Return the name of a package that may be asked for by slice, version or architecture."""
    return re.split("[:=/]", split_slice(word)[0])[0]


def _globs(rules: Mapping[str, Sequence[str]], name: str) -> list[str]:
    return [glob for key, globs in rules.items() if matcher([key])(name) for glob in globs]


def _flat(field: str) -> list[str]:
    return [name for group in iter_relations(field) for name in group]
