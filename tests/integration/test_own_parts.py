"""Parts of the user's own, built for real: scripts, what follows them, a file from the network."""

from __future__ import annotations

import functools
import http.server
import json
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from surroundings import Rockery

PROJECT = """\
name: own-parts
summary: A demo
description: A demo
version: '0.1'
base: bare
build-base: debian@12
platforms:
  amd64:
extensions: [flask-framework]
parts:
  flask-framework/dependencies:
    override-build: |
      craftctl default
      test -d $CRAFT_PART_INSTALL/lib/python3.11/site-packages/flask
      mkdir $CRAFT_PART_INSTALL/own
      echo added > $CRAFT_PART_INSTALL/own/deps
  front:
    plugin: nil
    source: front
    build-environment:
      - FLAVOUR: sweet
    override-build: |
      mkdir -p $CRAFT_PART_INSTALL/own
      date +%s%N > $CRAFT_PART_INSTALL/own/front-ran
      cp in.css $CRAFT_PART_INSTALL/own/out.css
      echo $FLAVOUR > $CRAFT_PART_INSTALL/own/flavour
      echo changed > in.css
      echo junk > left-behind
  later:
    plugin: nil
    after: [front]
    override-build: |
      mkdir -p $CRAFT_PART_INSTALL/own
      date +%s%N > $CRAFT_PART_INSTALL/own/later-ran
      cp $CRAFT_STAGE/own/flavour $CRAFT_PART_INSTALL/own/seen
  fetched:
    plugin: dump
    source: ADDRESS/data.txt
    source-type: file
    organize: {data.txt: own/data.txt}
"""


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """A web server's, on loopback, with ``data.txt``."""
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "data.txt").write_text("from the network\n")
    handler = functools.partial(_Quiet, directory=str(tmp_path / "web"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def project(tmp_path: Path, address: str) -> Path:
    folder = tmp_path / "project"
    (folder / "front").mkdir(parents=True)
    (folder / "front" / "in.css").write_text("body {}\n")
    (folder / "requirements.txt").write_text("flask\n")
    (folder / "app.py").write_text("from flask import Flask\napp = Flask(__name__)\n")
    (folder / "rockcraft.yaml").write_text(PROJECT.replace("ADDRESS", address))
    return folder


def own(rock: str) -> dict[str, str]:
    """Return the files that the parts put under ``/own``."""
    found = {}
    with tarfile.open(rock) as archive:
        (image,) = json.load(archive.extractfile("manifest.json"))  # type: ignore[arg-type]
        for name in image["Layers"]:
            with tarfile.open(fileobj=archive.extractfile(name)) as layer:
                for entry in layer:
                    if entry.isfile() and entry.name.startswith("own/"):
                        found[entry.name[4:]] = layer.extractfile(entry).read().decode()  # type: ignore[union-attr]
    return found


def files(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): p.read_text() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.network
def test_scripts_run_when_their_inputs_changed_and_never_in_the_project(
    rockery: Rockery, project: Path, tmp_path: Path
) -> None:
    def pack() -> dict[str, str]:
        return own(rockery("-C", project, "pack", "--output", tmp_path).stdout.strip())

    before = files(project)
    first = pack()
    assert files(project) == before
    ran = {name: first.pop(name) for name in ("front-ran", "later-ran")}
    assert first == {
        "deps": "added\n",
        "flavour": "sweet\n",
        "out.css": "body {}\n",
        "seen": "sweet\n",
        "data.txt": "from the network\n",
    }
    (project / "app.py").write_text("from flask import Flask\napp = Flask('other')\n")
    second = pack()
    assert {name: second[name] for name in ran} == ran
    (project / "front" / "in.css").write_text("a {}\n")
    third = pack()
    assert third["out.css"] == "a {}\n"
    assert all(third[name] != ran[name] for name in ran)

    (tmp_path / "web" / "data.txt").write_text("newer\n")
    assert pack() == third  # fetched once, until it is forgotten
    rockery("-C", project, "clean")
    fourth = pack()
    assert fourth["data.txt"] == "newer\n"
    assert fourth["front-ran"] != third["front-ran"]


@pytest.mark.network
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("data.txt\n", "none.txt\n", "not found"),
        (
            "source-type: file\n",
            f"source-type: file\n    source-checksum: sha256/{'0' * 64}\n",
            "checksum mismatch",
        ),
    ],
)
def test_a_source_that_cannot_be_had(
    rockery: Rockery, project: Path, tmp_path: Path, old: str, new: str, said: str
) -> None:
    file = project / "rockcraft.yaml"
    file.write_text(file.read_text().replace(old, new, 1))
    done = rockery("-C", project, "pack", "--output", tmp_path, status=1)
    assert "cannot fetch the source of part 'fetched'" in done.stderr
    assert said in done.stderr
    assert not list(tmp_path.glob("*.rock"))
