"""What an import leaves behind of what it ran and read, with each Python that is here."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rockery.verify import probe


def runs(python: str) -> bool:
    """Tell whether a Python is more than a stand-in for one that isn't installed."""
    return subprocess.run([python, "-c", ""], capture_output=True).returncode == 0


OTHERS = filter(None, map(shutil.which, ("python3.12", "python3.13")))
PYTHONS = [sys.executable, *filter(runs, OTHERS)]

_IMPORT = """
import importlib.util, json, os, sys
own = importlib.util.spec_from_file_location("probe", sys.argv[1])
sys.modules["probe"] = probe = importlib.util.module_from_spec(own)
own.loader.exec_module(probe)
folder = sys.argv[2] + os.sep
sys.path.insert(0, folder)
trail = probe.Trail(folder)
trail.record()
import app
print(json.dumps(trail.end()))
"""

APP = """\
import helper
import json
def called():
    return [x for x in range(3)]
def idle():
    return 1
class Thing:
    text = open(__file__.replace("app.py", "read.txt")).read()
json.loads("1", parse_int=helper.back)
called()
"""


def trail(python: str, folder: Path, app: str) -> Any:
    (folder / "app.py").write_text(app)
    (folder / "read.txt").write_text("x")
    (folder / "helper.py").write_text("def back(text):\n    return 1\ndef other(): pass\n")
    done = subprocess.run(
        [python, "-c", _IMPORT, probe.__file__, folder], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize("python", PYTHONS)
def test_it_names_what_ran_and_was_read(python: str, tmp_path: Path) -> None:
    left = trail(python, tmp_path, APP)
    ran = {path: {name for name, _ in marks} for path, marks in left["ran"].items()}
    assert ran["app.py"] - {"<listcomp>"} == {"<module>", "called", "Thing"}
    assert ran["helper.py"] == {"<module>", "back"}
    assert left["opened"] == ["read.txt"]


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize(
    "app",
    [
        "import subprocess\nsubprocess.run(['true'])\n",
        "import threading, time\n"
        "threading.Thread(target=time.sleep, args=(3,), daemon=True).start()\n",
        "import sys\nsys.settrace(None)\nif hasattr(sys, 'monitoring'):\n"
        "    sys.monitoring.set_events(4, 0)\n",
    ],
    ids=["process", "thread", "another tracer"],
)
def test_there_is_none_of_what_cannot_be_seen(python: str, app: str, tmp_path: Path) -> None:
    assert trail(python, tmp_path, app) is None
