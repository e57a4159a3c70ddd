"""Build all components for all architectures into a folder, for a wheel that carries them.

``python -m rockery.component FOLDER`` fills ``FOLDER/<architecture>/<name>/``.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from rockery.component.component import Binaries, components
from rockery.layer.layer import key
from rockery.store import Store, default_root


def main(folder: Path) -> None:
    """Build into ``folder``, through the store."""
    store, binaries = Store(default_root()), Binaries({})
    for architecture in ("amd64", "arm64"):
        for component in components():
            name = key("program", 1, binaries.inputs(component, architecture))
            program = binaries.program(store, component, architecture, name)
            target = folder / architecture / component.name
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy2(program.binary, target / component.binary)
            (target / "copyright").write_bytes(program.copyright)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
