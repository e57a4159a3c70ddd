"""The projects that are packed, and the changes that are made to them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

ROOT = Path(__file__).parents[2]

#: Where the projects come from.
SOURCES = {
    "flask-hello": ROOT / "examples/flask-hello",
    "scikit": ROOT / "bench/pack/scikit",
}

#: Releases of one small package: each change of the requirements takes another, so that
#: nobody has it already.
_PACKAGE = "certifi"
# fmt: off
RELEASES = (
    "2026.7.22", "2026.6.17", "2026.5.20", "2026.4.22", "2026.2.25", "2026.1.4", "2025.11.12",
    "2025.10.5", "2025.8.3", "2025.7.14", "2025.7.9", "2025.6.15", "2025.4.26", "2025.1.31",
    "2024.12.14", "2024.8.30", "2024.7.4", "2024.6.2", "2024.2.2", "2023.11.17", "2023.7.22",
    "2023.5.7", "2022.12.7", "2022.9.24", "2022.9.14", "2022.6.15", "2021.10.8", "2021.5.30",
    "2020.12.5", "2020.11.8", "2020.6.20", "2020.4.5.1", "2019.11.28", "2019.9.11", "2019.6.16",
    "2019.3.9", "2018.11.29", "2018.10.15", "2018.8.24", "2018.8.13", "2018.4.16", "2018.1.18",
    "2017.11.5", "2017.7.27.1",
)
# fmt: on


class Project:
    """One side's own copy of a project."""

    def __init__(self, source: str, folder: Path, name: str) -> None:
        if folder.exists():
            shutil.rmtree(folder)
        shutil.copytree(SOURCES[source], folder)
        self.folder = folder
        self.name = name
        self.file = folder / "rockcraft.yaml"
        self.file.write_text(re.sub("(?m)^name: .*", f"name: {name}", self.file.read_text()))

    def greet(self, word: str) -> str:
        """Change one file of the app; return what it answers from then on."""
        app = self.folder / "app.py"
        app.write_text(re.sub(r'"Hello, .*\\n"', rf'"Hello, {word}!\\n"', app.read_text()))
        return f"Hello, {word}!\n"

    def stir(self, word: str) -> None:
        """Change what importing the app runs."""
        app = self.folder / "app.py"
        kept = app.read_text().partition("\nSTIRRED")[0].rstrip("\n")
        app.write_text(f'{kept}\n\nSTIRRED = "{word}"\n')

    def require(self, number: int) -> None:
        """Change the requirements by one package: its release with this number."""
        path = self.folder / "requirements.txt"
        kept = [word for word in path.read_text().split() if not word.startswith(_PACKAGE)]
        release = RELEASES[number % len(RELEASES)]
        path.write_text("\n".join([*kept, f"{_PACKAGE}=={release}"]) + "\n")

    def add_base(self, base: str) -> None:
        """Build on a whole release instead of on nothing."""
        self.file.write_text(re.sub("(?m)^base: .*", f"base: {base}", self.file.read_text()))

    def add_platform(self, name: str) -> None:
        """Build for another platform too."""
        self.file.write_text(self.file.read_text().replace("  amd64:", f"  amd64:\n  {name}:"))

    def grow(self, files: int) -> None:
        """Have so many files of 4 KB beside the app, a hundred in a folder."""
        for number in range(files):
            path = self.folder / f"static/{number // 100}/{number}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                path.write_text(f"{number:08}" * 512)
