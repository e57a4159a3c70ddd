"""How long ``rockery check`` takes: ``python -m bench.check [--rounds N] [--write]``.

The project is a clean one of 2,000 files: a Flask app of packages and modules, templates, static
files and data. What is printed, and written to bench/CHECK.md with ``--write``: the least and the
median of the wall clock and of the processor's time.
"""

from __future__ import annotations

import argparse
import datetime
import os
import statistics
import sys
import tempfile
from pathlib import Path

from bench.stopwatch import ROCKERY, ROOT, measured

RESULT = ROOT / "bench/CHECK.md"
FILES = 2_000
MOST = 0.150


def write(project: Path) -> None:
    """Write the project into an empty folder."""
    texts = {
        "rockcraft.yaml": "name: shop\nsummary: A shop\ndescription: A shop\nversion: '0.1'\n"
        "base: bare\nbuild-base: debian@12\nplatforms:\n  amd64:\nextensions:\n"
        "  - flask-framework\n",
        "requirements.txt": "".join(f"{name}\n" for name in ("flask==3.0.3", "gevent", "requests")),
        "app.py": "from shop import create_app\n\napp = create_app()\n",
        "shop/__init__.py": "from flask import Flask\n\n\ndef create_app():\n"
        "    return Flask(__name__)\n",
    }
    kinds = (
        ("shop/package{}/module{}.py", "def answer():\n    return 42\n"),
        ("shop/templates/pages{}/page{}.html", "<p>{{ title }}</p>\n"),
        ("shop/static/group{}/style{}.css", "p { margin: 0 }\n"),
        ("data/set{}/table{}.json", "[1, 2, 3]\n"),
    )
    for number in range(FILES - len(texts)):
        name, text = kinds[number % len(kinds)]
        texts[name.format(number // 80, number)] = text
    for name, text in texts.items():
        file = project / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def main() -> int:
    """Measure and report; status 1 where the clock's median is more than is asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench.check")
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--write", action="store_true", help="write bench/CHECK.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        project = Path(scratch, "project")
        write(project)
        command = [*ROCKERY, "check"]
        measured(command, project, Path(scratch, "store"))  # compiles, and warms the caches
        times = [measured(command, project, Path(scratch, "store")) for _ in range(options.rounds)]
    clock, processor = ([each[index] * 1000 for each in times] for index in (0, 1))
    text = (
        "# Checking a project of 2,000 files\n\n"
        f"Written by `python -m bench.check --write`: {options.rounds} runs of `rockery check` on "
        f"a clean project of {FILES:,} files, on {datetime.datetime.now(datetime.UTC):%Y-%m-%d}, "
        f"with {os.cpu_count()} CPUs (load {os.getloadavg()[0]:.1f}), in milliseconds.\n\n"
        "| | least | median |\n|---|---|---|\n"
        f"| clock | {min(clock):.0f} | {statistics.median(clock):.0f} |\n"
        f"| processor | {min(processor):.0f} | {statistics.median(processor):.0f} |\n\n"
        f"At most {MOST * 1000:.0f} ms of the clock are asked for.\n"
    )
    print(text, end="")
    if options.write:
        RESULT.write_text(text)
    return 0 if statistics.median(clock) <= MOST * 1000 else 1


if __name__ == "__main__":
    sys.exit(main())
