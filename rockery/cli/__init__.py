"""The command line. Nothing below this package prints."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence

from rockery import __version__


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    # A link to the program that is called rockcraft answers to that name.
    rockcraft = sys.argv[0].rpartition("/")[2] == "rockcraft"
    if words in (["--version"], ["-V"], ["version"]):
        # Asked for by scripts all the time; all else costs more than the answer.
        print(f"rockcraft {__version__} (rockery)" if rockcraft else f"rockery {__version__}")
        return 0
    if arguments is None and sys.getfilesystemencoding() != "utf-8":
        _start_again()
    # What starting makes stays: looking for garbage in it takes a tenth of a quick command.
    gc.disable()
    from rockery.cli.run import INTERRUPTED, run

    status = run(words, program="rockcraft" if rockcraft else "rockery")
    # Nor does Python look for garbage on its way out, where it collects once more.
    gc.freeze()
    if status == INTERRUPTED and arguments is None:
        # Python would end with the signal itself where the interrupt came inside an exec().
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    return status


def _start_again() -> None:
    """Become a Python to which all text is UTF-8: the locale must not show in a rock."""
    if os.environ.get("PYTHONUTF8") != "1":
        os.execve(sys.executable, sys.orig_argv, {**os.environ, "PYTHONUTF8": "1"})  # noqa: S606
