"""Large projects: the time grows with what there is to pack, and rockery's memory does not.

``scripts/test --soak tests/integration/test_scale.py -s`` prints a line for docs/soak.md.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from attempt import Attempt

pytestmark = [pytest.mark.network, pytest.mark.soak]

#: Runs the command line and says the peak of its own memory: VmHWM begins anew with an exec.
_MEASURED = """
import sys
from pathlib import Path
from rockery.cli import main

status = main(sys.argv[1:])
peak = next(x for x in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in x)
print(peak, file=sys.stderr)
sys.exit(status)
"""

#: What rockery's own processes may take together, in kilobytes.
_MOST_MEMORY = 200_000


def pack(attempt: Attempt) -> tuple[float, int]:
    """Pack; return the seconds that took and the peak of memory in kilobytes."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", _MEASURED, "pack", "--quiet"],
        cwd=attempt.folder,
        env=attempt.environment(),
        capture_output=True,
        text=True,
        timeout=3600,
    )
    assert done.returncode == 0, done.stderr
    found = re.search(r"VmHWM:\s+(\d+) kB", done.stderr)
    assert found is not None, done.stderr
    return time.monotonic() - began, int(found[1])


def many_files(attempt: Attempt, number: int) -> None:
    for n in range(number):
        path = attempt.folder / f"data/{n // 500}/{n}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{n}\n")


def large(attempt: Attempt, megabytes: int) -> None:
    """Write a file of which half can be compressed."""
    with (attempt.folder / "model.bin").open("wb") as stream:
        for n in range(megabytes):
            stream.write(os.urandom(500_000) + bytes([n % 256]) * 500_000)


def wheels(attempt: Attempt, number: int) -> None:
    """Require so many packages, whose tiny wheels lie in the project: no index has them."""
    folder = attempt.folder.parent / "wheels"
    folder.mkdir()
    for n in range(number):
        name, info = f"tiny_{n}", f"tiny_{n}-1.0.dist-info"
        files = {
            f"{name}/__init__.py": f"number = {n}\n",
            f"{info}/METADATA": f"Metadata-Version: 2.1\nName: tiny-{n}\nVersion: 1.0\n",
            f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\n"
            "Tag: py3-none-any\n",
        }
        record = "".join(
            f"{path},sha256={_encoded(text)},{len(text)}\n" for path, text in files.items()
        )
        with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
            for path, text in {**files, f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}.items():
                wheel.writestr(path, text)
    attempt.append("requirements.txt", "".join(f"tiny-{n}==1.0\n" for n in range(number)))


def _encoded(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


#: By name: how a project becomes large, two sizes, and how much longer the larger one may take
#: for each time it is larger. What a small pack takes anyway is in both.
CASES: dict[str, tuple[Callable[[Attempt, int], None], int, int]] = {
    "files in the app": (many_files, 5_000, 50_000),
    "MB in the app": (large, 100, 1_000),
    "MB of a model": (large, 200, 2_000),
    "dependencies": (wheels, 30, 300),
}


@pytest.mark.parametrize("name", CASES)
def test_time_is_linear_and_memory_flat(
    name: str, tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, small, big = CASES[name]
    took = {}
    for size in (small, big):
        folder = tmp_path / str(size)
        folder.mkdir()
        attempt = Attempt(folder / "hello", store)
        make(attempt, size)
        if (folder / "wheels").is_dir():
            monkeypatch.setenv("UV_FIND_LINKS", str(folder / "wheels"))
        first, peak = pack(attempt)
        (attempt.folder / "app.py").touch()
        pack(attempt)
        again, peak_again = pack(attempt)
        took[size] = first
        print(
            f"\nsoak: {size} {name}: {first:.1f} s, nothing changed {again:.1f} s, "
            f"at most {max(peak, peak_again) / 1000:.0f} MB of memory",
            flush=True,
        )
        assert max(peak, peak_again) < _MOST_MEMORY
        attempt.run("clean")
    assert took[big] < 2 * took[small] * big / small
