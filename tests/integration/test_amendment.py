"""A pack of a project in which nothing but files of the app has changed."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

from surroundings import EXAMPLES, Rockery

#: Seconds after which the file system's words tell of every change.
_SETTLED = 2.2


def test_it_is_the_rock_that_the_long_way_makes(
    rockery: Rockery, store: Path, tmp_path: Path
) -> None:
    project = tmp_path / "amended"
    shutil.copytree(EXAMPLES / "flask-hello", project)
    app = project / "app.py"

    def pack(status: int = 0) -> tuple[dict[str, Any], str]:
        done = rockery("pack", "--json", "--output", tmp_path, cwd=project, status=status)
        return json.loads(done.stdout) if status == 0 else {}, done.stderr

    pack()
    time.sleep(_SETTLED)
    first, _ = pack()  # leaves what the next ones begin with
    app.write_text(app.read_text().replace("Hello, world!", "Hello, amended!"))
    amended, said = pack()
    assert "importable as before" in said
    assert amended["digest"] != first["digest"]
    changed = [layer for layer in amended["layers"] if layer["action"] == "make"]
    assert [layer["reason"] for layer in changed] == ["flask/app/app.py changed"]

    shutil.rmtree(store / "receipts")
    long, said = pack()
    assert "importing" not in said
    assert long["digest"] == amended["digest"]
    assert [x["key"] for x in long["layers"]] == [x["key"] for x in amended["layers"]]

    time.sleep(_SETTLED)
    pack()
    app.write_text(app.read_text() + "\nimport not_there\n")
    _, said = pack(status=1)
    assert "there is no module not_there in the rock" in said
    (project / "other.py").touch()  # a path came: the long way
    app.write_text(app.read_text().replace("import not_there", ""))
    longer, _ = pack()
    assert longer["digest"] != amended["digest"]
