"""What a ``.rock`` file tells of itself: layers, services and packages."""

from __future__ import annotations

import hashlib
import io
import json
import os
import posixpath
import re
import tarfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import unquote

import yaml

from rockery.errors import Problem, UsageError
from rockery.layer.compression import plain
from rockery.layer.configuration import OWN_PEBBLE


@dataclass
class LayerReport:
    """A layer: sizes in bytes, compressed and not."""

    title: str
    digest: str
    size: int
    content_size: int = 0
    files: int = 0


@dataclass
class Report:
    """What is in a rock; ``licences`` are SPDX expressions by package: "pypi/flask".

    ``compiled`` are the Python packages that were compiled on the machine that packed;
    ``left_out`` holds files and bytes by kind, by package.
    """

    name: str
    digest: str
    image_id: str
    config: dict[str, Any]
    archive_size: int
    layers: list[LayerReport] = field(default_factory=list)
    services: dict[str, dict[str, Any]] = field(default_factory=dict)
    checks: dict[str, dict[str, Any]] = field(default_factory=dict)
    distribution: dict[str, str] = field(default_factory=dict)
    python: dict[str, str] = field(default_factory=dict)
    go: dict[str, list[str]] = field(default_factory=dict)
    licences: dict[str, str] = field(default_factory=dict)
    compiled: list[str] = field(default_factory=list)
    left_out: dict[str, dict[str, tuple[int, int]]] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """Return this as JSON data."""
        return {
            "schema_version": 1,
            "name": self.name,
            "digest": self.digest,
            "image_id": self.image_id,
            "architecture": self.config["architecture"],
            "created": self.config["created"],
            "user": self.config["config"].get("User", ""),
            "entrypoint": self.config["config"].get("Entrypoint", []),
            "environment": self.config["config"].get("Env", []),
            "archive_size": self.archive_size,
            "layers": [vars(layer) for layer in self.layers],
            "services": self.services,
            "checks": self.checks,
            "packages": {
                "distribution": self.distribution,
                "python": self.python,
                "go": self.go,
            },
            "compiled_here": self.compiled,
        }

    def lines(self) -> list[str]:
        """Return this as text for a person."""
        config = self.config["config"]
        lines = [
            f"{self.name}  {_megabytes(self.archive_size)}  {self.config['architecture']}",
            f"digest      {self.digest}",
            f"image id    {self.image_id}",
            f"created     {self.config['created']}",
            f"user        {config.get('User') or 'root'}",
            f"entrypoint  {' '.join(config.get('Entrypoint', []))}",
            "",
            "layers, from the bottom (compressed, files' sizes, files)",
        ]
        width = max(len(layer.title) for layer in self.layers)
        for layer in self.layers:
            sizes = f"{_megabytes(layer.size):>9}  {_megabytes(layer.content_size):>9}"
            lines.append(
                f"  {layer.title:<{width}}  {sizes}  {layer.files:>6}  {layer.digest[7:19]}"
            )
        lines += ["", "services"]
        for name, service in self.services.items():
            lines.append(
                f"  {name} ({service.get('startup', 'disabled')}): {service.get('command', '')}"
            )
        for title, packages in (
            ("packages of the distribution", self.distribution),
            ("Python packages", self.python),
            ("Go modules", {name: ", ".join(found) for name, found in self.go.items()}),
        ):
            lines += ["", f"{title} ({len(packages)})"]
            lines += [f"  {name} {version}" for name, version in sorted(packages.items())]
        if self.compiled:
            lines += ["", "compiled on the machine that packed, so that the digest depends on it"]
            lines += [f"  {name}" for name in self.compiled]
        return lines


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size / 1e3:.1f} kB"


class Member:
    """An entry of a layer while the layer is read: its content can be had once, in any form."""

    def __init__(self, info: tarfile.TarInfo, files: tarfile.TarFile) -> None:
        self.info = info
        self._files = files
        self._data: bytes | None = None

    def text(self) -> str:
        """Return all of a file as text."""
        if self._data is None:
            stream = self._files.extractfile(self.info)
            assert stream is not None
            self._data = stream.read()
        return self._data.decode("utf-8", "replace")

    def sha256(self) -> str:
        """Return the SHA-256 of a file's content; only small files' can be read afterwards."""
        if self._data is None and self.info.size <= 1 << 22:
            self.text()
        if self._data is not None:
            return hashlib.sha256(self._data).hexdigest()
        stream = self._files.extractfile(self.info)
        assert stream is not None
        digest = hashlib.sha256()
        while piece := stream.read(1 << 18):
            digest.update(piece)
        return digest.hexdigest()


#: Who is shown each entry of each layer.
Visit = Callable[[LayerReport, Member], object]


def report(path: Path, visit: Visit | None = None) -> Report:
    """Read the archive at ``path``, and compare every blob with its digest.

    ``visit`` is shown every entry on the way.

    Raises:
        UsageError: it isn't a rock, or not a whole one.
    """
    try:
        with path.open("rb") as stream, tarfile.open(fileobj=stream, mode="r:") as archive:
            found = _read(archive, path, visit)
            end = stream.seek(-2 * tarfile.BLOCKSIZE, os.SEEK_END)
            if any(stream.read()) or end % tarfile.BLOCKSIZE:
                raise EOFError("its end is missing")
            return found
    except OSError as error:
        if error.filename is None:  # what a broken archive makes of reading
            raise _unreadable(path, f"it is no whole rock ({error})") from error
        raise _unreadable(path, (error.strerror or str(error)).lower()) from error
    except _BROKEN as error:
        reason = error.args[0] if isinstance(error, KeyError) else error
        raise _unreadable(path, f"it is no whole rock ({reason})") from error


#: What reading an archive, a blob or JSON of unexpected content raises.
_BROKEN = (
    *(tarfile.TarError, zlib.error, EOFError, yaml.YAMLError, RecursionError),
    *(ValueError, LookupError, TypeError, AttributeError),
)


def _unreadable(path: Path, reason: str) -> UsageError:
    return UsageError(
        Problem(
            f"cannot read {path}: {reason}",
            "unreadable-rock",
            remedy="name a .rock file that 'rockery pack' wrote",
        )
    )


def _read(archive: tarfile.TarFile, path: Path, visit: Visit | None) -> Report:
    def load(digest: str) -> Any:
        with _Blob(archive, digest) as blob:
            return json.loads(blob.read())

    index = archive.extractfile("index.json")
    if index is None:
        raise ValueError("its index is no file")
    entry = json.loads(index.read())["manifests"][0]
    manifest = load(entry["digest"])
    image_id = manifest["config"]["digest"]
    config = _checked(load(image_id))
    annotations = manifest.get("annotations", {})
    version = annotations.get("org.opencontainers.image.version", "")
    name = f"{annotations.get('org.opencontainers.image.ref.name', path.stem)} {version}"
    found = Report(name, entry["digest"], image_id, config, path.stat().st_size)
    for layer in manifest["layers"]:
        title = layer.get("annotations", {}).get("org.opencontainers.image.title", "layer")
        one = LayerReport(str(title), layer["digest"], int(layer["size"]))
        found.layers.append(one)
        with (
            _Blob(archive, layer["digest"]) as blob,
            plain(io.BufferedReader(blob), layer["mediaType"]) as stream,
            tarfile.open(fileobj=stream, mode="r|") as files,
        ):
            for member in files:
                one.files += member.isfile()
                one.content_size += member.size
                shown = Member(member, files)
                if visit is not None:
                    visit(one, shown)
                if member.isfile():
                    _look(found, shown)
    return found


#: What is read of a container's configuration, and what it has to be where it is there.
_SHAPE = dict.fromkeys(("Env", "Entrypoint", "Cmd"), list) | dict.fromkeys(
    ("Labels", "ExposedPorts", "Healthcheck"), dict
)


def _checked(config: dict[str, Any]) -> dict[str, Any]:
    """Return an image's configuration if those who tell of it can rely on its shape."""
    container = config["config"]
    told: list[tuple[str, Any, type]] = [
        (key, config[key], str) for key in ("architecture", "created")
    ]
    told += [(key, container.get(key) or kind(), kind) for key, kind in _SHAPE.items()]
    for key, value, kind in told:
        if not isinstance(value, kind):
            raise ValueError(f"{key} in its configuration is no {kind.__name__}")
    return config


class _Blob(io.RawIOBase):
    """A blob of an archive; closing it reads what is left and compares it with its digest."""

    def __init__(self, archive: tarfile.TarFile, digest: str) -> None:
        super().__init__()
        stream = archive.extractfile(f"blobs/{digest.replace(':', '/')}")
        if stream is None:
            raise ValueError(f"blob {digest} is no file")
        self._stream = stream
        self._digest = digest
        self._hash = hashlib.sha256()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            while piece := self._stream.read(1 << 18):
                self._hash.update(piece)
            if f"sha256:{self._hash.hexdigest()}" != self._digest:
                raise ValueError(f"blob {self._digest} has another checksum")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        self._hash.update(data)
        return len(data)


def _look(found: Report, shown: Member) -> None:
    """Take what a file says of services and packages."""
    member = shown.info
    folder, name = posixpath.split(member.name)
    if folder == f"{OWN_PEBBLE}/layers":
        plan = yaml.safe_load(shown.text())
        found.services |= _named(plan, "services")
        found.checks |= _named(plan, "checks")
    elif member.name == ".rock/python-packages.txt":
        pinned = re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\\s]+)", shown.text(), re.M)
        found.python |= dict(pinned)
    elif member.name == ".rock/left-out.json":
        found.left_out |= {
            str(package): {str(kind): (int(files), int(size)) for kind, (files, size) in of.items()}
            for package, of in json.loads(shown.text()).items()
        }
    elif name == "WHEEL" and folder.endswith(".dist-info"):
        # An index takes no wheel for "linux" alone (PEP 513): only a build makes one.
        if re.search(r"^Tag: \S+-linux_\w+\s*$", shown.text(), re.M):
            found.compiled.append(posixpath.basename(folder).partition("-")[0])
    elif member.name == ".rock/sbom.cdx.json":
        for component in json.loads(shown.text()).get("components", []):
            _take(found, component)
    elif member.name == "var/lib/dpkg/status" or (
        folder == "var/lib/dpkg/status.d" and not name.endswith(".md5sums")
    ):
        for stanza in shown.text().split("\n\n"):
            fields = dict(re.findall(r"^(Package|Version): (.*)$", stanza, re.M))
            if "Package" in fields:
                found.distribution[fields["Package"]] = fields.get("Version", "")


def _named(plan: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    """Return a Pebble plan's services or checks."""
    found: dict[str, dict[str, Any]] = plan.get(kind, {})
    if not all(isinstance(one, dict) for one in found.values()):
        raise ValueError(f"one of its {kind} is no mapping")
    return found


def _take(found: Report, component: dict[str, Any]) -> None:
    """Take what a component of the bill of materials says."""
    purl = re.fullmatch(r"pkg:(deb|golang|pypi)/(?:[^@?]*/)?([^@?/]+).*", component.get("purl", ""))
    if purl is None:
        return
    kind, name = purl[1], unquote(purl[2])
    if kind == "pypi":
        name = re.sub(r"[-_.]+", "-", name).lower()
    if kind == "golang":
        # A module may be there in two versions: each program has its own.
        name = str(component["name"])
        found.go.setdefault(name, []).append(str(component.get("version", "")))
    said = component.get("licenses", [])
    texts = [
        one.get("expression") or one["license"].get("id") or one["license"]["name"] for one in said
    ]
    found.licences[f"{kind}/{name}"] = " AND ".join(texts)
