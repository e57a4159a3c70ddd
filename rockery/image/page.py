"""A rock as one HTML page, which needs no network and no server.

What stands in a rock is somebody else's: names are escaped, and a content security policy lets
the page run its own script and load nothing.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rockery import __version__
from rockery.data import data_folder
from rockery.image.contents import Contents, Difference, differences, size_document
from rockery.image.report import Report
from rockery.image.treemap import treemap

#: The layout of the map, from npm; its licence stands beside it, and in each page.
LAYOUT = "d3-hierarchy-3.1.3.min.js"
LICENCE = "d3-hierarchy.LICENSE"

#: What a service or a check is told by name alone: the values may be secrets.
_NAMES_ONLY = frozenset({"environment", "headers"})

Fact = tuple[str, str]


@dataclass(frozen=True)
class Package:
    """A package; ``size`` are its files' bytes, where it is known which they are."""

    kind: str
    name: str
    version: str
    licence: str
    size: int | None


@dataclass(frozen=True)
class Change:
    """A layer or package and its bytes in two rocks; None where it isn't there."""

    name: str
    first: int | None
    second: int | None

    @property
    def growth(self) -> int:
        """How many bytes the second has more."""
        return (self.second or 0) - (self.first or 0)

    @property
    def sign(self) -> str:
        """What stands before the number of bytes."""
        return "+" if self.growth > 0 else "\N{MINUS SIGN}"


def render(found: Contents, other: Contents | None = None) -> str:
    """Return the page of a rock, with what another one has differently; the same each time."""
    import jinja2
    from markupsafe import Markup

    folder = data_folder("templates") / "inspect"
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    licence = (folder / LICENCE).read_text("utf-8").strip()
    layout = (folder / LAYOUT).read_text("utf-8")
    script = f"/*\n{licence}\n*/\n{layout}\n{(folder / 'page.js').read_text('utf-8')}"
    style = (folder / "page.css").read_text("utf-8")
    report = found.report
    text = environment.from_string((folder / "page.html.j2").read_text("utf-8")).render(
        script=Markup(script),  # noqa: S704 - ours
        style=Markup(style),  # noqa: S704
        script_digest=_digest(script),
        style_digest=_digest(style),
        version=__version__,
        report=report,
        files=sum(layer.files for layer in report.layers),
        unpacked=sum(layer.content_size for layer in report.layers),
        sizes=size_document(found),
        packages=_packages(found),
        services={name: list(_facts(one)) for name, one in report.services.items()},
        checks={name: list(_facts(one)) for name, one in report.checks.items()},
        settings=list(_settings(report)),
        labels=sorted((report.config["config"].get("Labels") or {}).items()),
        other=other.report if other else None,
        changes=_changes(found, other) if other else {},
        differences=_by_subject(differences(found, other)) if other else {},
        map=treemap(found).document(),
    )
    # A path that is no UTF-8 is shown as the bytes it has.
    return text.encode("utf-8", "backslashreplace").decode()


def _digest(text: str) -> str:
    """Return how a content security policy names a script or style."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _packages(found: Contents) -> list[Package]:
    report, sizes = found.report, found.package_sizes()
    rows = [
        *(("Python", "pypi", name, version) for name, version in sorted(report.python.items())),
        *(
            ("distribution", "deb", name, version)
            for name, version in sorted(report.distribution.items())
        ),
        *(
            ("Go", "golang", name, ", ".join(versions))
            for name, versions in sorted(report.go.items())
        ),
    ]
    return [
        Package(
            kind,
            name,
            version,
            report.licences.get(f"{ecosystem}/{name}", ""),
            sizes.get(name) if kind != "Go" else None,
        )
        for kind, ecosystem, name, version in rows
    ]


def _settings(report: Report) -> Iterator[Fact]:
    """Give what a container engine reads of the image."""
    config = report.config["config"]
    yield "digest", report.digest
    yield "image id", report.image_id
    yield "architecture", f"{report.config.get('os', 'linux')}/{report.config['architecture']}"
    yield "created", str(report.config["created"])
    yield "user", str(config.get("User") or "root")
    yield "working directory", str(config.get("WorkingDir") or "/")
    yield "entrypoint", _text(config.get("Entrypoint") or [], " ")
    if command := config.get("Cmd"):
        yield "command", _text(command, " ")
    names = [str(one).partition("=")[0] for one in config.get("Env") or []]
    yield "environment (names)", ", ".join(names)
    if ports := config.get("ExposedPorts"):
        yield "ports", ", ".join(sorted(ports))
    if health := config.get("Healthcheck"):
        asked = _text(health.get("Test"), " ").removeprefix("CMD ")
        interval = health.get("Interval")
        often = f", every {interval / 1e9:g} s" if isinstance(interval, int) else ""
        yield "health check", f"{asked}{often}"


def _facts(said: Mapping[str, Any]) -> Iterator[Fact]:
    """Give the keys of a service or check and what they say, one level deep."""
    for key, value in said.items():
        if isinstance(value, Mapping) and key not in _NAMES_ONLY:
            for inner, one in value.items():
                yield f"{key} {inner}", _text(_names(inner, one))
        elif key != "override":
            yield str(key), _text(_names(key, value))


def _names(key: Any, value: Any) -> Any:
    return list(value) if key in _NAMES_ONLY and isinstance(value, Mapping) else value


def _text(value: Any, between: str = ", ") -> str:
    """Return a scalar or a list of them; what is deeper can be exponentially long in YAML."""
    if isinstance(value, list):
        return between.join(_text(one) if not isinstance(one, list) else "…" for one in value)
    if isinstance(value, Mapping):
        return "…"
    return json.dumps(value) if isinstance(value, bool) else str(value)


def _changes(found: Contents, other: Contents) -> dict[str, list[Change]]:
    """Return the sizes in both rocks: compressed ones of layers, files' sizes of packages."""
    layers = [{layer.title: layer.size for layer in one.report.layers} for one in (found, other)]
    # What no package owns counts for its layer, which has a row already.
    packages = [
        {name: size for name, size in one.package_sizes().items() if name not in layers[number]}
        for number, one in enumerate((found, other))
    ]
    return {"layer": list(_pairs(*layers)), "package": list(_pairs(*packages))}


def _pairs(first: Mapping[str, int], second: Mapping[str, int]) -> Iterator[Change]:
    changes = [Change(name, first.get(name), second.get(name)) for name in {**first, **second}]
    for change in sorted(changes, key=lambda change: (-abs(change.growth), change.name)):
        if change.first != change.second:
            yield change


def _by_subject(found: Iterable[Difference]) -> dict[str, list[str]]:
    said: dict[str, list[str]] = {}
    for one in found:
        text = f"{one.text.partition(':')[0]}: other values" if one.secret else one.text
        said.setdefault(one.subject, []).append(text)
    return said
