"""Images and their archives: exact bytes from layers and settings."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

from rockery.errors import SurroundingsError
from rockery.image import Image, ImageSettings, assemble
from rockery.layer import Ground, Layer, build, file
from rockery.layer.compression import GZIP
from rockery.publish import archive
from rockery.store import Store

SETTINGS = ImageSettings(
    name="hello",
    version="0.1+git",
    architecture="amd64",
    user="584792",
    environment={"PATH": "/usr/bin"},
    entrypoint=("/usr/bin/pebble", "enter"),
    command=(),
    annotations={"org.opencontainers.image.version": "0.1+git"},
)


@pytest.fixture
def layers(tmp_path: Path) -> list[Layer]:
    store = Store(tmp_path / "store")
    return [
        build(
            store,
            f"key{number}",
            kind="part",
            title=f"layer {number}",
            entries=[file(f"srv/file{number}", f"content {number}")],
            ground=Ground(),
            scheme=GZIP,
            mtime=0,
        )
        for number in range(2)
    ]


@pytest.fixture
def image(layers: list[Layer]) -> Image:
    return assemble(layers, SETTINGS, 0)


def _members(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as opened:
        return {
            member.name: opened.extractfile(member).read()  # type: ignore[union-attr]
            for member in opened
            if member.isfile()
        }


def test_the_same_layers_and_settings_give_the_same_image(layers: list[Layer]) -> None:
    assert assemble(layers, SETTINGS, 0).digest == assemble(layers, SETTINGS, 0).digest


def test_the_configuration_lists_the_plain_layers_from_the_bottom(image: Image) -> None:
    config = json.loads(image.config)
    assert config["rootfs"]["diff_ids"] == [layer.diff_id for layer in image.layers]
    assert [entry["comment"] for entry in config["history"]] == ["layer 0", "layer 1"]
    assert config["created"] == "1970-01-01T00:00:00Z"
    assert config["config"]["User"] == "584792"


def test_every_blob_of_an_archive_has_the_digest_that_names_it(
    image: Image, tmp_path: Path
) -> None:
    archive.write(image, tmp_path / "hello.rock")
    blobs = {
        name.rpartition("/")[2]: data
        for name, data in _members(tmp_path / "hello.rock").items()
        if name.startswith("blobs/")
    }
    assert len(blobs) == 4
    for name, data in blobs.items():
        assert hashlib.sha256(data).hexdigest() == name


def test_both_readers_of_an_archive_find_the_same_image(image: Image, tmp_path: Path) -> None:
    archive.write(image, tmp_path / "hello.rock")
    members = _members(tmp_path / "hello.rock")
    (oci,) = json.loads(members["index.json"])["manifests"]
    (docker,) = json.loads(members["manifest.json"])
    manifest = json.loads(members[archive.path_of(oci["digest"])])
    assert docker["Config"] == archive.path_of(manifest["config"]["digest"])
    assert docker["Layers"] == [archive.path_of(layer["digest"]) for layer in manifest["layers"]]
    assert docker["RepoTags"] == ["hello:0.1_git"]
    assert oci["annotations"]["io.containerd.image.name"] == "docker.io/library/hello:0.1_git"


def test_an_archive_is_the_same_bytes_each_time(image: Image, tmp_path: Path) -> None:
    archive.write(image, tmp_path / "a")
    archive.write(image, tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_failed_write_leaves_the_previous_archive(image: Image, tmp_path: Path) -> None:
    target = tmp_path / "hello.rock"
    target.write_text("previous")
    (image.layers[1].folder / "blob").unlink()
    with pytest.raises((SurroundingsError, FileNotFoundError)):
        archive.write(image, target)
    assert target.read_text() == "previous"
    assert [path.name for path in tmp_path.iterdir() if path.name != "store"] == ["hello.rock"]


def test_a_layer_is_a_readable_gzip_tar(layers: list[Layer]) -> None:
    with tarfile.open(fileobj=io.BytesIO(layers[0].blob.read_bytes()), mode="r:gz") as opened:
        assert opened.getnames() == ["srv", "srv/file0"]
        assert {member.mtime for member in opened} == {0}


def test_an_archive_that_is_there_is_known_by_its_start_and_its_digest(
    image: Image, layers: list[Layer], tmp_path: Path
) -> None:
    path = tmp_path / "hello.rock"
    assert not archive.begins(image, path)
    archive.write(image, path)
    assert archive.begins(image, path)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == archive.digest(image)
    assert not archive.begins(assemble(layers[:1], SETTINGS, 0), path)
