"""Packages of an index, and of a folder, that requirement files name: a company's, most often."""

from __future__ import annotations

import base64
import functools
import gzip
import hashlib
import json
import os
import shutil
import subprocess
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from surroundings import EXAMPLES

from rockery.uv import uv

USER = "someone:open-sesame"
WHEEL = "ourlib-2-py3-none-any.whl"


class Index(SimpleHTTPRequestHandler):
    """Serves a folder to who knows the password."""

    def do_GET(self) -> None:
        expected = "Basic " + base64.b64encode(USER.encode()).decode()
        if self.headers.get("Authorization") == expected:
            return super().do_GET()
        self.send_response(401)
        self.end_headers()
        return None

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    handler = functools.partial(Index, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def wheel(folder: Path) -> None:
    """Write a wheel, and the page of an index that has it."""
    folder.mkdir(parents=True)
    about = "ourlib-2.dist-info"
    files = {
        "ourlib.py": "",
        f"{about}/METADATA": "Metadata-Version: 2.1\nName: ourlib\nVersion: 2\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in [*files, f"{about}/RECORD"])
    with zipfile.ZipFile(folder / WHEEL, "w") as archive:
        for path, text in {**files, f"{about}/RECORD": record}.items():
            archive.writestr(path, text)
    digest = hashlib.sha256((folder / WHEEL).read_bytes()).hexdigest()
    (folder / "index.html").write_text(f'<a href="{WHEEL}#sha256={digest}">{WHEEL}</a>')


@pytest.fixture
def project(tmp_path: Path) -> Path:
    project = tmp_path / "project"
    shutil.copytree(EXAMPLES / "flask-hello", project)
    app = (project / "app.py").read_text()
    (project / "app.py").write_text(f"import ourlib\n{app}")
    return project


@pytest.mark.network
def test_another_index(rockery: Callable[..., Any], project: Path, tmp_path: Path) -> None:
    wheel(tmp_path / "index/ourlib")
    own = (project / "requirements.txt").read_text()
    with serving(tmp_path / "index") as address:
        (project / "company.txt").write_text(
            f"--extra-index-url http://{USER.replace('open', '${SECRET}')}@{address}/\nourlib\n"
        )
        (project / "requirements.txt").write_text(f"-r company.txt\n{own}")
        pack = ("-C", project, "pack", "--output", tmp_path)
        rock = Path(rockery(*pack, env={"SECRET": "open"}).stdout.strip())
        shown = json.loads(rockery("inspect", "--json", rock).stdout)
    assert "ourlib" in json.dumps(shown)
    bills = [path.read_bytes() for path in tmp_path.glob("*.json")]
    assert bills
    for data in (*bills, *contents(rock)):
        assert b"open-sesame" not in data


def contents(rock: Path) -> Iterator[bytes]:
    """Give what is in a rock's archive: layers without their compression, and all else."""
    with tarfile.open(rock) as archive:
        for member in archive:
            if (file := archive.extractfile(member)) is not None:
                data = file.read()
                yield gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data


@pytest.mark.network
def test_a_folder_of_wheels_with_a_lock(
    rockery: Callable[..., Any], project: Path, tmp_path: Path
) -> None:
    wheel(project / "wheels")
    own = (project / "requirements.txt").read_text()
    (project / "requirements.txt").write_text(f"--find-links wheels\n{own}\nourlib==2\n")
    rockery("-C", project, "lock")
    assert str(project) not in (project / "rockery.lock").read_text()
    rockery("-C", project, "pack", "--output", tmp_path)


@pytest.mark.network
def test_an_index_for_one_package_of_a_uv_lock(
    rockery: Callable[..., Any], project: Path, tmp_path: Path
) -> None:
    wheel(tmp_path / "index/ourlib")
    # Another one that the index has as well, and not in the version that is locked.
    shutil.copytree(tmp_path / "index/ourlib", tmp_path / "index/click")
    with serving(tmp_path / "index") as address:
        (project / "pyproject.toml").write_text(
            '[project]\nname = "x"\nversion = "1"\nrequires-python = ">=3.11"\n'
            'dependencies = ["flask", "statsd", "ourlib"]\n'
            '[tool.uv.sources]\nourlib = { index = "ours" }\n'
            f'[[tool.uv.index]]\nname = "ours"\nurl = "http://{address}/"\nexplicit = true\n'
        )
        known = dict(zip(("USERNAME", "PASSWORD"), USER.split(":"), strict=True))
        env = {f"UV_INDEX_OURS_{name}": value for name, value in known.items()}
        subprocess.run([uv(), "lock", "--quiet"], cwd=project, check=True, env=os.environ | env)
        (project / "requirements.txt").unlink()
        rockery("-C", project, "pack", "--output", tmp_path, env=env)
