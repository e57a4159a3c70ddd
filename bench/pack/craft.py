"""What rockcraft does inside its build machine, without that machine: craft-parts, all steps.

``python -m bench.pack.craft PROJECT WORK CACHE``: the application and its packages as rockcraft's
own extension lays them out, by the ``python`` plugin and ``dump``, up to the end of ``prime``.
Rockcraft itself would also start a container of LXD's, unpack a base, fetch Python and Pebble
into it and make an image of the result: none of that is in here.
"""

from __future__ import annotations

import sys
from pathlib import Path

from craft_parts import LifecycleManager, Step, packages
from craft_parts.packages.base import DummyRepository

# With python-apt it would install the host's packages; none are asked for.
packages._get_repository_for_platform = lambda: DummyRepository


def main() -> None:
    """Bring the project's parts up to date."""
    project, work, cache = map(Path, sys.argv[1:])
    parts = {
        "dependencies": {
            "plugin": "python",
            "source": str(project),
            "python-packages": ["gunicorn"],
            "python-requirements": ["requirements.txt"],
        },
        "app": {
            "plugin": "dump",
            "source": str(project),
            "organize": {"*": "flask/app/"},
            "stage": ["flask/app"],
            "prime": ["flask/app"],
            "permissions": [{"owner": 584792, "group": 584792}],
        },
    }
    manager = LifecycleManager(
        {"parts": parts}, application_name="bench", cache_dir=cache, work_dir=work, base="bench"
    )
    actions = manager.plan(Step.PRIME)
    with manager.action_executor() as context:
        context.execute(actions)


if __name__ == "__main__":
    main()
