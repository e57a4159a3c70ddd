"""An image: its layers, its configuration and its manifest, as exact bytes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rockery.image.settings import HealthCheck, ImageSettings
from rockery.layer import Layer
from rockery.record import Record

CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"


class Image(Record):
    """A finished image; nothing in it says where it will go."""

    settings: ImageSettings
    layers: tuple[Layer, ...]
    config: bytes
    manifest: bytes

    @property
    def id(self) -> str:
        """The digest of the configuration, by which engines with graph drivers know it."""
        return digest(self.config)

    @property
    def digest(self) -> str:
        """The digest of the manifest: the rock's identity."""
        return digest(self.manifest)

    def blobs(self) -> Iterator[tuple[str, int, bytes | Path]]:
        """Give each blob once: its digest, its size and its bytes or where they are."""
        seen = set()
        small = [(self.digest, self.manifest), (self.id, self.config)]
        for name, data in small:
            yield name, len(data), data
        for layer in self.layers:
            if layer.digest not in seen:
                seen.add(layer.digest)
                yield layer.digest, layer.size, layer.blob


def digest(data: bytes) -> str:
    """Return "sha256:…" of ``data``."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def canonical(document: Any) -> bytes:
    """Return JSON that is the same for equal documents."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def assemble(layers: Sequence[Layer], settings: ImageSettings, mtime: int) -> Image:
    """Make an image of ``layers``, from the bottom up; ``mtime`` is its time in seconds."""
    created = datetime.fromtimestamp(mtime, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    container: dict[str, Any] = {
        "Env": [f"{name}={value}" for name, value in settings.environment.items()],
        "Entrypoint": list(settings.entrypoint),
        "Labels": dict(settings.annotations),
        "WorkingDir": "/",
    }
    if settings.command:
        container["Cmd"] = list(settings.command)
    if settings.user:
        container["User"] = settings.user
    if settings.ports:
        container["ExposedPorts"] = {f"{port}/tcp": {} for port in settings.ports}
    if settings.health:
        container["Healthcheck"] = _health_check(settings.health)
    config = canonical(
        {
            "architecture": settings.architecture,
            "os": "linux",
            "created": created,
            "config": container,
            "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
            "history": [
                {"created": created, "created_by": "rockery", "comment": layer.title}
                for layer in layers
            ],
        }
    )
    manifest = canonical(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": {"mediaType": CONFIG_TYPE, "digest": digest(config), "size": len(config)},
            "layers": [
                {
                    "mediaType": layer.media_type,
                    "digest": layer.digest,
                    "size": layer.size,
                    "annotations": {
                        "org.opencontainers.image.title": layer.title,
                    },
                }
                for layer in layers
            ],
            "annotations": dict(settings.annotations),
        }
    )
    return Image(settings, tuple(layers), config, manifest)


def _health_check(health: HealthCheck) -> dict[str, Any]:
    """Return Docker's own extension of the configuration; its times are nanoseconds."""
    return {
        "Test": ["CMD", *health.command],
        "Interval": round(health.interval * 1e9),
        "Timeout": round(health.timeout * 1e9),
        "StartPeriod": round(health.start * 1e9),
        "Retries": health.retries,
    }
