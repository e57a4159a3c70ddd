"""A pack of a project in which nothing but files of the app has changed."""

from __future__ import annotations

import json
import shutil
import time
import uuid
from pathlib import Path
from typing import Any

from surroundings import EXAMPLES, Rockery

#: Seconds after which the file system's words tell of every change.
_SETTLED = 2.2


def test_it_is_the_rock_that_the_long_way_makes(rockery: Rockery, tmp_path: Path) -> None:
    project = tmp_path / "amended"
    shutil.copytree(EXAMPLES / "flask-hello", project)
    app = project / "app.py"

    def pack(status: int = 0, folder: Path = project) -> tuple[dict[str, Any], str]:
        done = rockery("pack", "--json", "--output", tmp_path, cwd=folder, status=status)
        return json.loads(done.stdout) if status == 0 else {}, done.stderr

    pack()
    time.sleep(_SETTLED)
    first, _ = pack()  # leaves what the next ones begin with
    # Something that no run before this one has left in the store.
    app.write_text(app.read_text().replace("Hello, world!", f"Hello, {uuid.uuid4()}!"))
    amended, said = pack()
    assert "importable as before" in said
    assert amended["digest"] != first["digest"]
    changed = [layer for layer in amended["layers"] if layer["action"] == "make"]
    assert [layer["reason"] for layer in changed] == ["flask/app/app.py changed"]

    shutil.copytree(project, tmp_path / "elsewhere")  # where no receipt tells of anything
    long, _ = pack(folder=tmp_path / "elsewhere")
    assert long["digest"] == amended["digest"]
    assert [x["key"] for x in long["layers"]] == [x["key"] for x in amended["layers"]]

    app.write_text(app.read_text() + "\nimport not_there\n")
    _, said = pack(status=1)
    assert "there is no module not_there in the rock" in said
    (project / "other.py").touch()  # a path came: the long way
    app.write_text(app.read_text().replace("import not_there", ""))
    longer, _ = pack()
    assert longer["digest"] != amended["digest"]
