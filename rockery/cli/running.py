"""The command ``run``: packs, starts the rock, says when it answers, ends it."""

from __future__ import annotations

import time
from argparse import Namespace
from typing import TYPE_CHECKING

from rockery.cli import interruption, wishes
from rockery.cli.screen import Screen
from rockery.errors import RockeryError

if TYPE_CHECKING:
    from rockery.image import Image
    from rockery.run import Runner
    from rockery.store import Store

#: What a rock is told while its app is being written: one worker imports the app sooner than
#: several do, and keeps what the app remembers between two requests.
_WRITING = {"WEB_CONCURRENCY": "1"}


def run(options: Namespace, screen: Screen) -> int:
    """Pack and run the project until Ctrl-C, or until it ends by itself."""
    from rockery.store import Store, default_root

    store = Store(default_root())
    with store.use():
        return _run(options, screen, store)


def _run(options: Namespace, screen: Screen, store: Store) -> int:
    from rockery.run import Watch, Wishes, choose
    from rockery.run.ports import free_port

    # What changes while it is packed counts.
    watch = Watch(options.folder) if options.watch else None
    image = _image(options, screen, store)
    port, metrics = free_port(options.port), free_port(options.metrics_port)
    for wanted, got in ((options.port, port), (options.metrics_port, metrics)):
        if wanted != got:
            screen.say(f"port {wanted} is in use; {got} serves instead")
    given = {**wishes.packing(options).environment, **wishes.variables(options.env)}
    if watch is not None:
        given = {**_WRITING, **given}
    runner = choose(
        Wishes(port, metrics, given, tuple(options.arguments), options.engine),
        store,
    )
    for remark in runner.remarks:
        screen.say(remark)
    try:
        status = _start(runner, image, port, metrics, screen)
        served = image if status is None else None
        for _ in watch.changes() if watch is not None else ():
            try:
                image = _image(options, screen, store, verify=False)
                if _start(runner, image, port, metrics, screen) is None:
                    served = image
                    continue
                _image(options, screen, store)  # says why, most often
            except RockeryError as error:
                screen.problems(error.problems)
            if served is not None and runner.ended() is not None:
                screen.say("serving what was there before")
                _start(runner, served, port, metrics, screen)
        while status is None:
            time.sleep(0.2)
            status = runner.ended()
    finally:
        interruption.spare(None)
        screen.say("stopping; running requests finish first")
        runner.stop()
    screen.say(f"the rock ended with status {status}")
    return 1 if status else 0


def _image(options: Namespace, screen: Screen, store: Store, *, verify: bool = True) -> Image:
    """Pack; a rock that is started at once needs no import of its app to show that it can."""
    from rockery.cli import packing

    return packing.packed(options, screen, store, verify=verify).image


def _start(runner: Runner, image: Image, port: int, metrics: int, screen: Screen) -> int | None:
    """Start the rock; return its exit status where it ends instead of answering."""
    from rockery.run.runner import wait_until_it_answers

    began = time.monotonic()
    runner.start(image)
    interruption.spare(runner.process)
    status = wait_until_it_answers(runner, port)
    if status is None:
        took = time.monotonic() - began
        screen.say(
            f"{image.settings.reference} answers on http://localhost:{port} after {took:.1f} s "
            f"({runner.name}); metrics on http://localhost:{metrics}/metrics; Ctrl-C ends it"
        )
    else:
        screen.say(f"the rock ended with status {status}; the reason is in its log above")
    return status
