"""From a command line to a rock: packed or remembered, then written where it was asked for."""

from __future__ import annotations

import contextlib
import functools
from argparse import Namespace
from collections import Counter
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

from rockery.cli import interruption, rockcraft, wishes
from rockery.cli.screen import Screen
from rockery.errors import Problem, SurroundingsError
from rockery.store import Digests, Store
from rockery.store.damage import DamagedLayerError

if TYPE_CHECKING:
    from rockery.image import Image
    from rockery.pack import Options, Outcome, Prepared, Watcher
    from rockery.pack.receipt import State


#: How often a damaged layer is made anew before the disk is given up.
_MOST_DAMAGED = 3


class Noted:
    """The screen as a pack's watcher, which remembers what was said."""

    def __init__(self, screen: Screen) -> None:
        self.notes: list[Problem] = []
        self.step, self.ended, self.done = screen.step, screen.ended, screen.done
        self.say = screen.say
        self._screen = screen

    def note(self, problem: Problem) -> None:
        """Say something that doesn't end the pack."""
        self.notes.append(problem)
        self._screen.note(problem)


def packed(options: Namespace, screen: Screen, store: Store, *, verify: bool = True) -> Outcome:
    """Pack the project for one platform; without ``verify`` its application is not imported."""
    (outcome,) = rocks(options, screen, store, every=False, verify=verify)
    return outcome


def rocks(
    options: Namespace,
    screen: Screen,
    store: Store,
    *,
    every: bool = True,
    verify: bool = True,
) -> Generator[Outcome, None, None]:
    """Pack the project for the platform that is asked for, else for ``every`` one of its own.

    Where nothing has changed since the last pack, what that came to is the answer.
    """
    from rockery.pack import ahead, receipt

    for sentence in rockcraft.without_effect(options):
        screen.detail(sentence)
    parts = getattr(options, "parts", ())
    asked = wishes.packing(options, verify=verify)
    before = receipt.state(asked)
    watcher = Noted(screen)
    if before and not parts:
        short = _short(asked, store, before, watcher, screen, every=every)
        if short is not None:
            yield short
            return
    with contextlib.closing(ahead.writer(asked, store)) as writer:
        from rockery.pack import amendment, image, prepare, prepare_all
        from rockery.pack.jobs import Job, Jobs

        files = Digests(store, f"project {asked.folder.resolve()}")
        prepared = prepare_all(asked, files.of) if every else (prepare(asked, files.of),)
        rockcraft.check_parts(parts, prepared[0].parts.rock.parts)
        if parts:
            screen.detail("all parts are made: those that nothing changed cost nothing")
        for note in prepared[0].notes:
            watcher.note(note)
        jobs = Jobs(asked.jobs, watcher)
        interruption.first(jobs.stop)

        def make(one: Prepared) -> Outcome:
            if len(prepared) > 1:
                jobs.say(f"for {one.platform}:")
            damaged = Counter[str]()
            while True:
                try:
                    return made_of(one)
                except DamagedLayerError as error:
                    _forget(error, jobs, store, damaged)

        def made_of(one: Prepared) -> Outcome:
            try:
                made = image(one, store, jobs, writer if len(prepared) == 1 else None)
            finally:
                files.save()
            plan = made.plan
            for note in one.parts.notes:
                jobs.note(note)
            said = plan.document()
            name, version, platform = plan.rock.name, plan.version, plan.platform
            outcome = receipt.Outcome(made.image, name, version, platform, said, len(prepared) == 1)
            if before is not None and outcome.alone:
                receipt.keep(
                    *(asked, store, before, outcome, plan, made.read, watcher.notes),
                    every=every,
                    basis=functools.partial(
                        amendment.basis, plan, made.image, one, made.ground, watcher.notes
                    ),
                )
            return outcome

        yield from jobs.together([Job(functools.partial(make, one)) for one in prepared])


def _short(
    asked: Options, store: Store, before: State, watcher: Noted, screen: Screen, *, every: bool
) -> Outcome | None:
    """Return what the last pack came to, amended where files of the app alone have changed."""
    from rockery.pack import receipt

    if found := receipt.find(asked, store, before, every=every):
        outcome, notes = found
        for note in notes:
            screen.note(note)
        screen.detail("nothing has changed since the last pack")
        return outcome
    from rockery.pack import amendment

    try:
        return amendment.amend(asked, store, before, watcher, every=every)
    except DamagedLayerError as error:
        _forget(error, watcher, store, Counter())
    return None


def published(
    outcome: Outcome, options: Namespace, folder: Path, screen: Screen, store: Store
) -> tuple[Outcome, Path, list[Path]]:
    """Write the rock and its bill of materials into ``folder``, unless they are there.

    A stored layer that the disk has damaged is made anew.

    Returns:
        What was packed, the path of the archive, and those of the bill's documents.
    """
    damaged = Counter[str]()
    while True:
        try:
            return outcome, *written(outcome, folder, screen, store)
        except DamagedLayerError as error:
            _forget(error, screen, store, damaged)
        import dataclasses

        again = Namespace(**{**vars(options), "platform": outcome.platform})
        remade = packed(again, screen, store)
        outcome = dataclasses.replace(remade, alone=outcome.alone)


def _forget(error: DamagedLayerError, watcher: Watcher, store: Store, before: Counter[str]) -> None:
    """Remove damaged layers, so that they are made anew, and say so.

    ``before`` counts how often each was.

    Raises:
        DamagedLayerError: it happens again and again.
    """
    before.update(error.layers.keys())
    if max(before.values()) > _MOST_DAMAGED:
        raise error
    for key, title in error.layers.items():
        watcher.note(
            Problem(
                f"the disk has damaged the stored layer {title!r}: it is made anew",
                "damaged-layer",
                remedy="'rockery clean --verify' finds all that is damaged",
            )
        )
        store.remove("layers", key)


def written(
    outcome: Outcome, folder: Path, screen: Screen, store: Store
) -> tuple[Path, list[Path]]:
    """Write the rock and its bill of materials into ``folder``, unless they are there.

    Returns:
        The path of the archive, and those of the bill's documents.
    """
    from rockery.amount import Amount
    from rockery.publish import archive, bill

    path = folder / outcome.file_name
    files = Digests(store, f"rock {path.absolute()}")
    if archive.begins(outcome.image, path) and files.of(path) == _digest(outcome.image, store):
        screen.detail(f"{path.name} is as it was")
    else:
        title, amount = f"writing {path.name}", Amount()
        screen.step(title, amount)
        archive.write(outcome.image, path, amount)
        screen.done(title, f"{path.stat().st_size / 1e6:.1f} MB")
    bills = bill.write(outcome.image, path, files.of)
    files.save()
    screen.detail(f"digest {outcome.image.digest}")
    return path, bills


def _digest(image: Image, store: Store) -> str:
    """Return the SHA-256 of the image's archive, reading its layers once in their life."""
    import hashlib

    from rockery.publish import archive

    name = hashlib.sha256(f"archive {image.digest} {image.settings.reference}".encode()).hexdigest()
    found = store.get("answers", name)
    if found is not None:
        return (found / "digest").read_text()
    digest = archive.digest(image)
    with contextlib.suppress(SurroundingsError), store.put("answers", name) as folder:
        (folder / "digest").write_text(digest)
    return digest
