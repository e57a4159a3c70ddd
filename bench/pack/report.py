"""The table of ratios, and the page with everything that was measured."""

from __future__ import annotations

import json
import os
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version

from bench.pack import chart
from bench.pack.case import BUILDKIT, BY_APT, CRAFT, EDITED, LOAD, PACK, STIRRED, UV, Samples
from bench.pack.project import ROOT
from bench.pack.serving import ALONE, BY_HAND, EMBEDDED, IN_DOCKER, REPLACED

RESULT = ROOT / "bench/RESULTS.md"
_CHARTS = ROOT / "bench/results"
_SAMPLES = _CHARTS / "samples.json"


@dataclass(frozen=True)
class Comparison:
    """Two sides of a case; ``most`` is what is asked for: ours over theirs, at most so much."""

    case: str
    ours: str
    theirs: str
    most: float | None = None


_SECOND = "first pack of a second project"
_PLATFORM = "rockery pack --platform"

COMPARISONS = (
    Comparison("nothing changed", PACK, BUILDKIT, 1.5),
    Comparison("nothing changed", LOAD, BUILDKIT),
    Comparison("one app file changed", LOAD, BUILDKIT, 1.5),
    Comparison("one app file changed", PACK, BUILDKIT),
    Comparison(STIRRED, LOAD, BUILDKIT, 1.5),
    Comparison(EDITED, IN_DOCKER, REPLACED, 1.0),
    Comparison(EDITED, EMBEDDED, REPLACED, 0.5),
    Comparison(EDITED, IN_DOCKER, ALONE),
    Comparison(EDITED, EMBEDDED, ALONE),
    Comparison(EDITED, BY_HAND, REPLACED),
    Comparison("requirements changed by one package", PACK, BUILDKIT, 0.5),
    Comparison("requirements changed by one package", LOAD, BUILDKIT),
    Comparison("requirements changed by one package", UV, BUILDKIT),
    Comparison(f"{_SECOND}, the same requirements", PACK, BUILDKIT, 0.3),
    Comparison(f"{_SECOND}, other requirements", PACK, BUILDKIT, 0.3),
    Comparison(f"{_SECOND}, other requirements", UV, BUILDKIT),
    Comparison("first pack, package caches warm", PACK, BY_APT, 0.5),
    Comparison("first pack, package caches warm", PACK, BUILDKIT),
    Comparison("arm64 from amd64", f"{_PLATFORM} arm64", f"{_PLATFORM} amd64", 1.3),
    Comparison("the very first pack", PACK, BY_APT),
    Comparison("nothing changed", PACK, CRAFT),
    Comparison("one app file changed", PACK, CRAFT),
    Comparison("requirements changed by one package", PACK, CRAFT),
    Comparison("first pack, package caches warm", PACK, CRAFT),
    Comparison("the very first pack", PACK, CRAFT),
)

#: Figures that aren't times, and what each may be at most, in their project.
LIMITS = {
    ("flask-hello", "MB of the archive, gzip"): 28.0,
    ("flask-hello", "MB of the archive, zstd"): 24.0,
    ("flask-hello", "ms of CPU for rockery --version"): 60.0,
}

_WHAT = """\
| side | what it does |
|---|---|
| rockery pack | `rockery pack`: the archive and the bills of materials on disk; the app imported \
with the rock's Python, unless nothing has changed of what its last import ran and read |
| rockery pack --load | that, and the image in the engine |
| BuildKit | `docker build` with the Dockerfile in `bench/pack`: a base image of the rock's own \
layers (Python's runtime, Pebble, the exporter), the packages by uv into it with its cache mounted \
and bytecode compiled, the app; the image is in the engine, no archive is written, \
nothing is verified |
| BuildKit, runtime by apt | the same, on a minimal Debian into which `apt-get` installs Python, \
its caches mounted: for first builds, where rockery makes the runtime from packages as well |
| craft-parts | rockcraft's engine in a process of its own, through `prime`: a `python` part and a \
`dump` part, as rockcraft's extension has them; no build machine, no runtime, no Pebble, no image |
| uv alone | `uv pip compile` with hashes and `uv pip install` into a folder, for this machine's \
Python: what any way to pack changed requirements waits for; no bytecode, no layer, no image |
| rockery run --watch | saves are noticed, packed, loaded, and served again; nothing is typed |
| BuildKit, docker run | `docker build`, `docker rm -f` of the old container, `docker run` with \
Pebble, the exporter and Gunicorn |
| BuildKit, docker run of gunicorn alone | the same image with Gunicorn and nothing else |

One app file changed: a string in a function that requests alone run, so that rockery compares and
doesn't import; "in what its import runs" is a line of the module itself, and then it imports.
The first pack of a second project with the same requirements: BuildKit finds the layer of the
packages in its cache and has nothing to do but copy the app; with others both install.

craft-parts installs everything anew whenever a file of the project changes, as rockcraft does: it
takes part in one round of these cases. Each side has a copy of the project, and changes it in
the same way. The sides take turns, another
one first in each round. Pebble and the exporter are built beforehand for all. A second project
with other requirements, and one whose requirements change, need one small package that nobody has
yet: both download it. For a first pack with warm caches, rockery's store keeps downloaded packages
and indexes, and neither layers nor resolutions; BuildKit builds with `--no-cache` and keeps its
cache mounts; craft-parts keeps pip's cache. The very first pack has none of these.
"""


def text(samples: Samples, engine: str) -> tuple[str, bool]:
    """Return the page, and whether everything went well and is as asked for."""
    ratios, kept = _ratios(samples)
    figures, small = _figures(samples)
    times = _times(samples)
    runs, ended = _runs(samples)
    page = f"""\
# Packing, beside BuildKit and craft-parts

Written by `python -m bench.pack --write`, on a machine with {os.cpu_count()} CPUs. Docker \
{engine}; uv {version("uv")}; craft-parts {version("craft-parts")}. Every measurement is in
[results/samples.json](results/samples.json).

## Ratios

Ours by theirs, of the medians; the spread is that of the rounds' own ratios, from the least to
the most. "Asked" is the most that it may be. What `expand-extensions` takes beside the stock tool
is in [EXPAND.md](EXPAND.md).

{ratios}
{figures}
## Runs

When each case was measured, the rounds that were asked for (a case of minutes takes half as many,
or one), what it took with all that isn't timed, and the machine's load (median) as each
measurement began. Above the number of CPUs others used the machine: then the seconds say little,
and the ratios, whose sides took turns, something.

{runs}
## Seconds

Medians, with the least and the most.

{times}
{_charts(samples)}

## What each side does

{_WHAT}"""
    return page, kept and small and ended


def _ratios(samples: Samples) -> tuple[str, bool]:
    rows = ["| project | case | ours | theirs | ratio | spread | asked | |", "|" + "---|" * 8]
    kept = True
    for project, cases in samples.seconds.items():
        for each in COMPARISONS:
            sides = cases.get(each.case, {})
            if each.ours not in sides or each.theirs not in sides:
                continue
            one, other = sides[each.ours], sides[each.theirs]
            ratio = statistics.median(one) / statistics.median(other)
            rounds = [a / b for a, b in zip(one, other, strict=False)]
            fits = each.most is None or ratio <= each.most
            kept = kept and fits
            rows.append(
                f"| {project} | {each.case} | {each.ours} | {each.theirs} | {ratio:.2f} "
                f"| {min(rounds):.2f} to {max(rounds):.2f} | {each.most or ''} "
                f"| {'' if each.most is None else 'kept' if fits else 'missed'} |"
            )
    return "\n".join(rows) + "\n", kept


def _figures(samples: Samples) -> tuple[str, bool]:
    rows, kept = ["| project | figure | value | asked | |", "|" + "---|" * 5], True
    for project, facts in samples.facts.items():
        for name, value in facts.items():
            most = LIMITS.get((project, name))
            fits = most is None or value <= most
            kept = kept and fits
            verdict = "" if most is None else "kept" if fits else "missed"
            rows.append(f"| {project} | {name} | {value:.1f} | {most or ''} | {verdict} |")
    return "\n".join(rows) + "\n", kept


def _charts(samples: Samples) -> str:
    """Return the links to what :func:`write` draws."""
    drawn = {name: f"Seconds, {name}" for name in samples.seconds}
    if _growth(list(samples.seconds.values())):
        drawn["growth"] = "Growth with the app's files"
    return "\n".join(f"![{title}](results/{name}.svg)" for name, title in drawn.items())


def _runs(samples: Samples) -> tuple[str, bool]:
    rows = ["| case | day | rounds | seconds | load |", "|" + "---|" * 5]
    ended = True
    for name, run in samples.runs.items():
        if why := run.get("failed"):
            ended = False
            line = " ".join(why.split()).replace("|", "/")[:300]
            rows.append(f"| {name} | {run['day']} | failed: {line} | | |")
        else:
            load = "" if run["load"] is None else run["load"]
            values = (run["day"], run["rounds"], run["seconds"], load)
            rows.append(f"| {name} | {' | '.join(map(str, values))} |")
    return "\n".join(rows) + "\n", ended


def _times(samples: Samples) -> str:
    rows = ["| project | case | side | median | least | most | runs |", "|" + "---|" * 7]
    for project, cases in samples.seconds.items():
        for case, sides in cases.items():
            for side, times in sides.items():
                rows.append(
                    f"| {project} | {case} | {side} | {statistics.median(times):.2f} "
                    f"| {min(times):.2f} | {max(times):.2f} | {len(times)} |"
                )
    return "\n".join(rows) + "\n"


def write(samples: Samples, engine: str) -> None:
    """Merge the measurements into those that are there; draw the page and the charts anew."""
    _CHARTS.mkdir(exist_ok=True)
    if _SAMPLES.exists():
        samples = samples.over(Samples(**json.loads(_SAMPLES.read_text())))
    for project, cases in samples.seconds.items():
        whole = {case: _medians(sides) for case, sides in cases.items() if " files" not in case}
        if whole:
            drawn = chart.bars(f"Seconds, {project}", whole, "s")
            (_CHARTS / f"{project}.svg").write_text(drawn)
    if growth := _growth(list(samples.seconds.values())):
        drawn = chart.lines("Growth with the app", growth, "files of 4 KB beside the app", "s")
        (_CHARTS / "growth.svg").write_text(drawn)
    document = asdict(samples)
    del document["loads"]
    _SAMPLES.write_text(json.dumps(document, indent=1) + "\n")
    RESULT.write_text(text(samples, engine)[0])


def _medians(sides: Mapping[str, Sequence[float]]) -> dict[str, float]:
    return {side: statistics.median(times) for side, times in sides.items()}


def _growth(
    projects: Sequence[Mapping[str, Mapping[str, Sequence[float]]]],
) -> dict[str, dict[float, float]]:
    """Return medians by the number of files, for each side with and without a change."""
    series: dict[str, dict[float, float]] = {}
    for cases in projects:
        for case, sides in cases.items():
            if case.endswith(" files"):
                title, _, files = case.removesuffix(" files").rpartition(", ")
                for side, value in _medians(sides).items():
                    series.setdefault(f"{side}, {title}", {})[float(files)] = value
    return series
