"""All that can be wrong with ``rockcraft.yaml``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain, islice
from typing import Any, Protocol

from rockery.errors import Location, Problem
from rockery.project import bases, conformity, keys, wording

#: Who has more to correct isn't helped by a longer list, and each costs a search for the
#: nearest right word.
_MOST = 100


class Where(Protocol):
    """Finds the position of the value at a path of keys and indexes."""

    def __call__(self, *path: str | int) -> Location:
        """Return the position of the value, or of its nearest parent."""


def problems(data: Mapping[str, Any], where: Where) -> list[Problem]:
    """Return all that is wrong with ``data``, in the order of the file.

    Where ``data`` still has ``extensions``, what they add (services, checks and parts are
    partial then) isn't missed.
    """
    partial = bool(data.get("extensions"))
    looked_at = chain(
        _key_problems(data, where),
        _required(data, where, partial=partial),
        _base_problems(data, where),
        _part_problems(data, where, partial=partial),
        () if partial else _service_problems(data, where),
    )
    found = list(islice(looked_at, _MOST))
    given = with_plugins(data)
    if len(found) < _MOST and (found or not conformity.conforms(given, "rockcraft")):
        # Only the models tell in words what is wrong, and they take long to import.
        from rockery.project import schema

        # A key that is missing stands nowhere: its place is that of what is there.
        skip = {problem.where for problem in found if problem.code != "missing-key"}
        found += wording.translate(schema.findings(given), where, skip=skip)
    return sorted(found, key=lambda problem: problem.where or where())


def with_plugins(data: Mapping[str, Any]) -> dict[str, Any]:
    """Give each part without ``plugin`` the one that has its name, as craft-parts does."""
    parts = data.get("parts")
    if not isinstance(parts, dict):
        return {key: value for key, value in data.items() if value is not None}
    named = {
        name: {"plugin": name, **part}
        if isinstance(part, dict) and "plugin" not in part and name in keys.PLUGINS
        else part
        for name, part in parts.items()
    }
    return {key: value for key, value in data.items() if value is not None} | {"parts": named}


def _key_problems(data: Mapping[str, Any], where: Where) -> Iterator[Problem]:
    yield from _keys_of("the file", data, keys.ROCK, where)
    for section, table, noun in (
        ("services", keys.SERVICE, "service"),
        ("checks", keys.CHECK, "check"),
        ("parts", keys.PART, "part"),
    ):
        for name, item in _items(data, section):
            known = dict(table)
            if section == "parts":
                plugin = str(item.get("plugin", name))
                known |= {key: keys.Key("") for key in keys.PLUGINS.get(plugin, ())}
                if plugin not in keys.PLUGINS and "plugin" not in item:
                    # Its plugin comes from an extension, or is reported as missing.
                    known |= {key: keys.Key("") for own in keys.PLUGINS.values() for key in own}
            yield from _keys_of(f"{noun} {name!r}", item, known, where, section, name)


def _keys_of(
    owner: str,
    item: Mapping[str, Any],
    known: Mapping[str, keys.Key],
    where: Where,
    *path: str,
) -> Iterator[Problem]:
    for key in item:
        if key not in known:
            yield Problem(
                f"cannot use {key!r} in {owner}: there is no such key"
                f"{wording.nearest(key.replace('_', '-').lower(), known)}",
                "unknown-key",
                where(*path, key),
                _plugin_remedy(key),
            )
        elif not known[key].honoured:
            yield Problem(
                f"cannot use {key!r} in {owner}: {known[key].refusal}",
                "refused-key",
                where(*path, key),
            )


def _plugin_remedy(key: str) -> str | None:
    owners = [name for name, own in keys.PLUGINS.items() if key in own]
    return f"it belongs to 'plugin: {owners[0]}'" if owners else None


def _required(data: Mapping[str, Any], where: Where, *, partial: bool) -> Iterator[Problem]:
    required = {
        "name": "such as 'name: hello'",
        "base": f"one of {_base_names()}",
        "platforms": "such as 'platforms: {amd64: }'",
    }
    if data.get("adopt-info") is None:
        required["version"] = "such as \"version: '0.1'\""
    if not partial:
        required["parts"] = "or declare an extension: 'extensions: [flask-framework]'"
    for key, example in required.items():
        if data.get(key) is None:
            place = where(key)
            yield Problem(
                f"cannot do without {key!r}: {place.file} does not give it",
                "missing-key",
                place,
                f"add it, {example}",
            )


def _base_problems(data: Mapping[str, Any], where: Where) -> Iterator[Problem]:
    base, build_base = data.get("base"), data.get("build-base")
    for key, name in (("base", base), ("build-base", build_base)):
        if not isinstance(name, str):
            continue
        allowed = bases.known() + ((bases.BARE,) if key == "base" else ())
        if bases.spelled(name) not in allowed:
            yield Problem(
                f"cannot use {key} {name!r}: there is no such base"
                f"{wording.nearest(bases.spelled(name), allowed)}",
                "unknown-base",
                where(key),
                f"there are {', '.join(allowed)}",
            )
    if base == bases.BARE and build_base is None:
        yield Problem(
            "cannot tell which release a bare rock's packages come from: 'build-base' is missing",
            "missing-build-base",
            where("base"),
            f"add 'build-base: debian@12', or another of {', '.join(bases.known())}",
        )
    elif (
        isinstance(base, str)
        and isinstance(build_base, str)
        and base != bases.BARE
        and bases.spelled(base) != bases.spelled(build_base)
    ):
        yield Problem(
            f"cannot pack on {base!r} with packages of {build_base!r}: the two releases differ",
            "conflicting-build-base",
            where("build-base"),
            "leave out 'build-base'; only 'base: bare' needs it",
        )


def _base_names() -> str:
    return ", ".join((bases.BARE, *bases.known()))


def _part_problems(data: Mapping[str, Any], where: Where, *, partial: bool) -> Iterator[Problem]:
    parts = dict(_items(data, "parts"))
    for name, part in parts.items():
        plugin = part.get("plugin", name if name in keys.PLUGINS else None)
        if plugin is None:
            if not partial:
                yield Problem(
                    f"cannot build part {name!r}: it has no 'plugin'",
                    "missing-plugin",
                    where("parts", name),
                    "add 'plugin: nil' where it only has packages or scripts, 'plugin: dump' "
                    "where it copies files",
                )
        elif plugin not in keys.PLUGINS:
            yield Problem(
                f"cannot build part {name!r}: there is no plugin {plugin!r}"
                f"{wording.nearest(str(plugin), keys.PLUGINS)}",
                "unknown-plugin",
                where("parts", name, "plugin"),
            )
        elif "source" not in part and plugin not in keys.SOURCELESS and not partial:
            yield Problem(
                f"cannot build part {name!r}: plugin {plugin!r} needs a 'source'",
                "missing-source",
                where("parts", name),
                "add 'source: .' for the project's own folder",
            )
        pinned = [key for key in ("source-branch", "source-tag", "source-commit") if part.get(key)]
        if len(pinned) > 1:
            yield Problem(
                f"cannot fetch the source of part {name!r}: it has {' and '.join(pinned)}",
                "conflicting-source",
                where("parts", name, pinned[1]),
                "keep one of them",
            )
        for index, other in _texts(part.get("after") if not partial else None):
            if other not in parts:
                yield Problem(
                    f"cannot build part {name!r} after {other!r}: there is no such part"
                    f"{wording.nearest(other, parts)}",
                    "unknown-part",
                    where("parts", name, "after", index),
                )


def _service_problems(data: Mapping[str, Any], where: Where) -> Iterator[Problem]:
    services, checks = dict(_items(data, "services")), dict(_items(data, "checks"))
    for section, items in (("services", services), ("checks", checks)):
        for name, item in items.items():
            if "override" not in item:
                yield Problem(
                    f"cannot add {section[:-1]} {name!r} to the Pebble plan: it has no 'override'",
                    "missing-override",
                    where(section, name),
                    "add 'override: replace'",
                )
    for name, service in services.items():
        if "command" not in service:
            yield Problem(
                f"cannot run service {name!r}: it has no 'command'",
                "missing-command",
                where("services", name),
            )
        for key in ("after", "before", "requires"):
            for index, other in _texts(service.get(key)):
                if other not in services:
                    yield Problem(
                        f"cannot start service {name!r} ({key} {other!r}): there is no such "
                        f"service{wording.nearest(other, services)}",
                        "unknown-service",
                        where("services", name, key, index),
                    )
        watched = service.get("on-check-failure")
        for other in watched if isinstance(watched, dict) else ():
            if other not in checks:
                yield Problem(
                    f"cannot watch check {other!r} in service {name!r}: there is no such check"
                    f"{wording.nearest(other, checks)}",
                    "unknown-check",
                    where("services", name, "on-check-failure", other),
                )
    for name, check in checks.items():
        if not check.keys() & {"http", "tcp", "exec"}:
            yield Problem(
                f"cannot run check {name!r}: it needs one of 'http', 'tcp' and 'exec'",
                "empty-check",
                where("checks", name),
            )
    commands = [(("services", name, "command"), s.get("command")) for name, s in services.items()]
    for path, command in [*commands, (("entrypoint-command",), data.get("entrypoint-command"))]:
        reason = _unsplittable(command) if isinstance(command, str) else None
        if reason:
            what = (
                "'entrypoint-command'" if len(path) == 1 else f"the command of service {path[1]!r}"
            )
            yield Problem(f"cannot read {what}: {reason}", "command", where(*path))
    entrypoint = data.get("entrypoint-service")
    if isinstance(entrypoint, str) and entrypoint not in services:
        yield Problem(
            f"cannot make service {entrypoint!r} the entrypoint: there is no such service"
            f"{wording.nearest(entrypoint, services)}",
            "unknown-service",
            where("entrypoint-service"),
        )
    if entrypoint and data.get("entrypoint-command"):
        yield Problem(
            "cannot have two entrypoints: 'entrypoint-service' and 'entrypoint-command' are given",
            "conflicting-entrypoint",
            where("entrypoint-command"),
            "keep one of them",
        )


def _unsplittable(command: str) -> str | None:
    """Return why a shell, and Pebble, could not split ``command`` into words."""
    import shlex

    try:
        shlex.split(command)
    except ValueError as error:
        return str(error).lower()
    return None


def _texts(value: Any) -> Iterator[tuple[int, str]]:
    for index, item in enumerate(value if isinstance(value, list) else ()):
        if isinstance(item, str):
            yield index, item


def _items(data: Mapping[str, Any], section: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    items = data.get(section)
    for name, item in items.items() if isinstance(items, dict) else ():
        if isinstance(item, dict):
            yield name, item
