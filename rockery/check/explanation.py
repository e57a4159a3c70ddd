"""What is said of each code: the page of ``docs/checks.md``."""

from __future__ import annotations

import re

from rockery.data import data_folder

_FILE = "checks.md"


def explanations() -> dict[str, str]:
    """Return the text for each code, in the order of the page."""
    text = (data_folder("docs") / _FILE).read_text("utf-8")
    sections = re.split(r"^### ", text.partition("\n## Codes\n")[2], flags=re.MULTILINE)[1:]
    parted = (section.partition("\n") for section in sections)
    return {code.strip(): said.strip() for code, _, said in parted}
