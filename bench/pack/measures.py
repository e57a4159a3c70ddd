"""Everything that is measured, case by case."""

from __future__ import annotations

import contextlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.pack.case import (
    BUILDKIT,
    BY_APT,
    CRAFT,
    EDITED,
    LOAD,
    PACK,
    STIRRED,
    UV,
    FailedError,
    Samples,
    Way,
)
from bench.pack.engine import IMAGES, Docker, client
from bench.pack.project import Project
from bench.pack.serving import loops
from bench.pack.side import BuildKit, CraftParts, Rockery, Uv, run

#: Numbers of files of 4 KB beside the app.
GROWTH = (100, 1_000, 5_000, 20_000)

_BASE = "debian@12"
_SET_UP = {f"{IMAGES}-{name}" for name in ("runtime", "debian", "uv")}
#: How many layers of a rock are its runtime and the components.
_BELOW = 3


class Bench:
    """The three sides and their places; measures into ``samples`` and ``facts``.

    ``rounds`` is how often a short case is repeated; longer ones are repeated less.
    """

    def __init__(self, place: Path, rounds: int, samples: Samples) -> None:
        self.place = place
        self.docker = Docker(client())
        self.rockery = Rockery(place)
        self.buildkit = BuildKit(place, self.docker)
        self.craft = CraftParts(place)
        self.uv = Uv(place)
        self.samples = samples
        self.rounds = rounds
        self._short, self._long = range(rounds), range(max(1, rounds // 2))

    def project(self, source: str, kind: str) -> Project:
        """Return a new copy of a project, for one side."""
        name = f"{source}-{kind}"
        made = Project(source, self.place / name, name)
        self.buildkit.prepare(made)
        return made

    def set_up(self) -> None:
        """Build the components, and the images that the Dockerfile begins with; once in a place."""
        done = self.place / "set-up"
        if done.exists():
            return
        first = self.project("flask-hello", "components")
        began = time.perf_counter()
        rock = self.rockery.pack(first)
        took = time.perf_counter() - began
        name = "seconds with nothing, components built with Go"
        self.samples.note("flask-hello", name, took)
        self.docker.import_layers(rock, _BELOW, f"{IMAGES}-runtime")
        first.add_base(_BASE)
        self.docker.import_layers(self.rockery.pack(first), 1, f"{IMAGES}-debian")
        self.docker.import_program(Path(sys.executable).with_name("uv"), f"{IMAGES}-uv")
        self.rockery.prepared()
        done.touch()

    def begin(self) -> None:
        """Let a case begin with nothing that another has left behind but what was set up."""
        self.rockery.begin()
        self.buildkit.forget()
        self.craft.forget()

    def tear_down(self, *, everything: bool) -> None:
        """Remove the images that were made; without ``everything`` those set up stay."""
        names = self.docker("images", "--format", "{{.Repository}}:{{.Tag}}").split()
        made = {folder.name for folder in self.place.iterdir()}
        ours = [n for n in names if n.startswith(IMAGES) or n.partition(":")[0] in made]
        if not everything:
            ours = [n for n in ours if n.partition(":")[0] not in _SET_UP]
        subprocess.run([self.docker.program, "rmi", "--force", *ours], capture_output=True)

    def first(self, source: str) -> None:
        """A first pack on a machine: with nothing, and with the packages' caches warm."""
        ours, theirs, other = (self.project(source, f"first-{n}") for n in ("a", "b", "c"))
        pack = Way(PACK, lambda: self.rockery.pack(ours), lambda n: self.rockery.forget())
        by_apt = Way(
            BY_APT, lambda: self._anew(theirs, "packages"), lambda n: self.buildkit.forget()
        )
        craft = Way(CRAFT, lambda: self.craft.bring_up(other), lambda n: self.craft.forget())
        self.samples.take(source, "the very first pack", [pack, by_apt, craft], range(1))
        self._anew(theirs)
        ways = [
            Way(pack.side, pack.act, lambda n: self.rockery.forget_layers()),
            Way(by_apt.side, by_apt.act),
            Way(BUILDKIT, lambda: self._anew(theirs)),
            Way(craft.side, craft.act, lambda n: self.craft.forget_parts(other), most=1),
        ]
        self.samples.take(source, "first pack, package caches warm", ways, self._long)

    def _anew(self, project: Project, runtime: str = f"{IMAGES}-runtime") -> None:
        self.buildkit.build(project, "--no-cache", runtime=runtime)

    def arm64(self, source: str) -> None:
        """Another architecture, beside this machine's, each from warm package caches."""
        project = self.project(source, "arm64")
        project.add_platform("arm64")
        ways = [
            Way(
                f"rockery pack --platform {name}",
                lambda name=name: self.rockery.pack(project, platform=name),
                lambda n: self.rockery.forget_layers(),
            )
            for name in ("amd64", "arm64")
        ]
        for way in ways:  # the caches of its packages
            way.act()
        self.samples.take(source, "arm64 from amd64", ways, self._long)

    def daily(self, source: str) -> None:
        """What is done day by day: nothing, a file of the app, the requirements."""
        sides = self._sides()
        every = {**sides, UV: self.uv.install}
        projects = {side: self.project(source, f"daily-{n}") for n, side in enumerate(every)}
        for side, act in every.items():
            act(projects[side])

        def each(
            prepare: Callable[[Project, int], object] | None = None,
            sides: dict[str, Callable[[Project], object]] = sides,
        ) -> list[Way]:
            return [
                Way(
                    side,
                    lambda act=act, side=side: act(projects[side]),
                    lambda number, side=side: prepare and prepare(projects[side], number),
                    1 if prepare and side == CRAFT else 1_000,
                )
                for side, act in sides.items()
            ]

        take = self.samples.take
        take(source, "nothing changed", each(), self._short)
        take(
            source,
            "one app file changed",
            each(lambda project, n: project.greet(f"round {n}")),
            self._short,
        )
        stirred = each(lambda project, n: project.stir(f"round {n}"))
        take(source, STIRRED, [way for way in stirred if way.side != CRAFT], self._short)
        take(
            source,
            "requirements changed by one package",
            each(lambda project, n: project.require(n), every),
            self._long,
        )

    def _sides(self) -> dict[str, Callable[[Project], object]]:
        return {
            PACK: self.rockery.pack,
            LOAD: lambda project: self.rockery.pack(project, "--load"),
            BUILDKIT: self.buildkit.build,
            CRAFT: self.craft.bring_up,
        }

    def second(self, source: str) -> None:
        """A new project beside one that is there, with its requirements and with others."""
        sides = self._sides()
        installing = {**sides, UV: self.uv.install}
        for number, act in enumerate(installing.values()):
            act(self.project(source, f"there-{number}"))
        for title, own in (("the same", False), ("other", True)):
            kind = title.replace(" ", "-")
            self.samples.take(
                source,
                f"first pack of a second project, {title} requirements",
                self._second(source, installing if own else sides, kind, own),
                self._long,
            )

    def _second(
        self, source: str, sides: dict[str, Callable[[Project], object]], kind: str, own: bool
    ) -> list[Way]:
        """Return ways to pack a new project each time, with requirements of its own or not."""
        made: dict[str, Project] = {}

        def prepare(side: str, number: int) -> None:
            place = list(sides).index(side)
            made[side] = self.project(source, f"{kind}-{place}-{number}")
            made[side].greet(f"{kind} {number}")
            if own:
                made[side].require(-1 - number)

        return [
            Way(
                side,
                lambda act=act, side=side: act(made[side]),
                lambda number, side=side: prepare(side, number),
                1 if side == CRAFT else 1_000,
            )
            for side, act in sides.items()
        ]

    def edits(self, source: str) -> None:
        """From saving a file to the first 200 that shows the change."""
        with contextlib.ExitStack() as stack:
            started = loops(stack, self.rockery, self.buildkit, source, self.place)
            words = iter(range(1_000))
            ways = [
                Way(side, lambda loop=loop: loop.edit(f"edit {next(words)}"))
                for side, loop in started.items()
            ]
            self.samples.take(source, EDITED, ways, self._short)

    def growth(self, source: str) -> None:
        """How the time grows with the number of the app's files."""
        sides = {
            PACK: self.rockery.pack,
            LOAD: lambda project: self.rockery.pack(project, "--load"),
            BUILDKIT: self.buildkit.build,
        }
        projects = {side: self.project(source, f"grown-{n}") for n, side in enumerate(sides)}
        for files in GROWTH:
            for side, act in sides.items():
                projects[side].grow(files)
                act(projects[side])
            for title, change in (
                ("nothing changed", False),
                ("one app file changed", True),
            ):
                ways = [
                    Way(
                        side,
                        lambda act=act, side=side: act(projects[side]),
                        (lambda n, side=side, files=files: projects[side].greet(f"{files} {n}"))
                        if change
                        else (lambda n: None),
                    )
                    for side, act in sides.items()
                ]
                self.samples.take(source, f"{title}, {files} files", ways, self._long)

    def sizes(self, source: str) -> None:
        """The archive, and the images unpacked and as a registry would carry them."""
        facts = self.samples.facts.setdefault(source, {})
        ours, theirs = self.project(source, "size-a"), self.project(source, "size-b")
        rock = self.rockery.pack(ours, "--compression", "zstd")
        facts["MB of the archive, zstd"] = rock.stat().st_size / 1e6
        facts["MB of the archive, gzip"] = self.rockery.pack(ours, "--load").stat().st_size / 1e6
        facts["MB of the rock, unpacked"] = self.docker.size(f"{ours.name}:0.1") / 1e6
        image = self.buildkit.build(theirs)
        facts["MB of BuildKit's image, unpacked"] = self.docker.size(image) / 1e6
        facts["MB of BuildKit's image, gzip -6"] = self._compressed(image) / 1e6
        image = self.buildkit.build(theirs, runtime="packages")
        facts["MB of BuildKit's image, runtime by apt, unpacked"] = self.docker.size(image) / 1e6
        facts["MB of BuildKit's image, runtime by apt, gzip -6"] = self._compressed(image) / 1e6

    def _compressed(self, image: str) -> int:
        with tempfile.TemporaryFile(dir=self.place) as sink:
            save = subprocess.Popen([self.docker.program, "save", image], stdout=subprocess.PIPE)
            subprocess.run(["gzip", "-6"], stdin=save.stdout, stdout=sink, check=True)
            if save.wait():
                raise FailedError(f"docker save {image} failed")
            return sink.seek(0, 2)

    def start(self, source: str) -> None:
        """What ``rockery --version`` takes of the processor, in milliseconds."""
        times = []
        for _ in range(20):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            run([self.rockery.program, "--version"])
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        middle = statistics.median(times) * 1000
        self.samples.note(source, "ms of CPU for rockery --version", middle)
