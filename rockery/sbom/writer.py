"""Who writes a bill of materials: a process of its own.

The libraries that do it take a third of a second to import, and longer still to use. In a thread
all else that makes a pack would wait for that; a process has a processor to itself, and may be
started while it isn't known yet what there will be to write.
"""

from __future__ import annotations

import dataclasses
import pickle
import subprocess
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rockery.errors import Problem, RockeryError
from rockery.store import Store

if TYPE_CHECKING:
    from rockery.layer import Layer
    from rockery.layer.deb import PackageContents
    from rockery.resolution.apt import Package
    from rockery.sbom.material import Bill

_PROGRAM = """
import sys
sys.path[:] = sys.argv[1:]
from rockery.sbom.writer import main
main()
"""


@dataclass(frozen=True)
class Order:
    """What a bill is written from.

    ``store`` is the store's root, ``bill`` the bill without materials. ``checksums`` are those of
    the distribution's packages; ``packages`` is None where the store has their materials.
    """

    store: Path
    bill: Bill
    checksums: Sequence[str]
    packages: Sequence[tuple[Package, PackageContents]] | None
    layers: Sequence[Layer]

    def documents(self) -> dict[str, bytes]:
        """Write the bill; its documents by their paths in the rock."""
        from rockery.layer import tree
        from rockery.sbom import written
        from rockery.sbom.gather import gather

        store = Store(self.store)
        materials = gather(
            *(store, self.packages, self.checksums, self.layers),
            lambda layer: tree.unpacked(store, layer, checked=True),
            self.bill.system,
        )
        return written(store, dataclasses.replace(self.bill, materials=materials))


class Writer:
    """Writes one bill. It ends by itself when nobody waits for it any more."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Have it get ready, unless it does already."""
        if self._process is None:
            # Nothing that the project's folder holds may take the place of a module.
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", _PROGRAM, *filter(None, sys.path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )

    def write(self, order: Order) -> dict[str, bytes]:
        """Return the documents by their paths in the rock.

        Raises:
            DamagedLayerError: a layer isn't what it was.
            RockeryError: it ended without an answer.
        """
        self.start()
        process, self._process = self._process, None
        assert process is not None
        answer, said = process.communicate(pickle.dumps(order))
        if process.returncode:
            lines = said.decode(errors="replace").splitlines()
            why = lines[-1] if lines else f"its process ended with status {process.returncode}"
            raise RockeryError(
                Problem(
                    f"cannot write the bill of materials: {why}", "bill-failed", details=(*lines,)
                )
            )
        found: dict[str, bytes] | Exception = pickle.loads(answer)  # noqa: S301 - our own
        if isinstance(found, Exception):
            raise found
        return found

    def close(self) -> None:
        """End it where it has nothing to write."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()


def main() -> None:
    """Write the bill that standard input orders."""
    from rockery.sbom import prepare

    prepare()
    try:
        order: Order = pickle.load(sys.stdin.buffer)  # noqa: S301 - our own
    except EOFError:
        return  # nobody waits for it any more
    answer: dict[str, bytes] | Exception
    try:
        answer = order.documents()
    except (RockeryError, OSError) as error:
        answer = error
    except Exception:
        traceback.print_exc()
        sys.exit(1)
    pickle.dump(answer, sys.stdout.buffer)
