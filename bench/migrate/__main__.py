"""Measures `rockery migrate` against the lists of this folder.

    python -m bench.migrate FOLDER [--table FILE] [--differences]

FOLDER holds a checkout of each project under its name without the owner
(`microblog`), at the commit of its list. Prints a table, and exits with 1 where
less than 95 % of the records were found or more than 2 % of what was reported is not recorded.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from rockery.migrate import survey

HERE = Path(__file__).parent
LEAST_FOUND, MOST_WRONG = 0.95, 0.02

#: A file, a line and a kind.
Record = tuple[str, int, str]


@dataclass(frozen=True)
class Outcome:
    """What came of one project."""

    project: str
    commit: str
    recorded: frozenset[Record]
    reported: frozenset[Record]

    @property
    def missed(self) -> frozenset[Record]:
        return self.recorded - self.reported

    @property
    def wrong(self) -> frozenset[Record]:
        return self.reported - self.recorded

    def row(self) -> str:
        found = len(self.recorded) - len(self.missed)
        return (
            f"| {self.project} | {self.commit[:8]} | {len(self.recorded)} | {found} "
            f"({found / len(self.recorded):.1%}) | {len(self.missed)} | {len(self.reported)} "
            f"| {len(self.wrong)} ({len(self.wrong) / max(1, len(self.reported)):.1%}) |"
        )

    @property
    def holds(self) -> bool:
        found = 1 - len(self.missed) / len(self.recorded)
        wrong = len(self.wrong) / max(1, len(self.reported))
        return found >= LEAST_FOUND and wrong <= MOST_WRONG


def outcomes(folder: Path) -> Iterator[Outcome]:
    """Measure each project whose list is here."""
    for file in sorted(HERE.glob("*.yaml")):
        listed = yaml.safe_load(file.read_text())
        checkout = folder / listed["project"].rpartition("/")[2]
        if not checkout.is_dir():
            sys.exit(f"there is no {checkout}: check out {listed['project']} {listed['commit']}")
        recorded = frozenset(
            (path, line, kind)
            for path, kinds in listed["lines"].items()
            for kind, lines in kinds.items()
            for line in lines
        )
        reported = frozenset((use.file, use.line, use.kind) for use in survey(checkout).uses)
        yield Outcome(listed["project"], listed["commit"], recorded, reported)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.migrate")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--table", type=Path, help="write the table to this file too")
    parser.add_argument("--differences", action="store_true", help="list what was missed or wrong")
    options = parser.parse_args()
    found = list(outcomes(options.folder))
    table = [
        "| project | commit | recorded | found | missed | reported | wrong |",
        "|---|---|---|---|---|---|---|",
        *(one.row() for one in found),
    ]
    print("\n".join(table))
    if options.table:
        options.table.write_text("\n".join(table) + "\n")
    if options.differences:
        for one in found:
            for what, records in (("missed", one.missed), ("wrong", one.wrong)):
                for path, line, kind in sorted(records):
                    print(f"{what} {one.project} {path}:{line} {kind}")
    return 0 if all(one.holds for one in found) else 1


if __name__ == "__main__":
    sys.exit(main())
