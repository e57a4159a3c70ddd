"""The one module that knows craft-parts: runs the steps of one part, told on standard input.

Not imported by the rest of rockery; ``rockery.part.build`` starts it.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any, Literal, cast

from craft_parts import LifecycleManager, Step, errors, packages, plugins
from craft_parts.packages.base import DummyRepository
from craft_parts.sources.errors import SourceError

#: The exit status where the part's source can't be had; 1 is for all else.
NO_SOURCE = 3

# Packages of the host are rockery.part.build's business: craft-parts wants root and python-apt.
packages._get_repository_for_platform = lambda: DummyRepository


class _Installed(plugins.Plugin):
    """A plugin whose build step copies what rockery has installed already."""

    properties_class = plugins.PluginProperties
    folder = ""

    def get_build_snaps(self) -> set[str]:
        return set()

    def get_build_packages(self) -> set[str]:
        return set()

    def get_build_environment(self) -> dict[str, str]:
        return {}

    def get_build_commands(self) -> list[str]:
        return [f'cp -a "{self.folder}/." "$CRAFT_PART_INSTALL/"']


def _plugin(name: str, folder: str) -> Any:
    """Return the plugin class under ``name``; unknown keys of its namesake are accepted."""

    class Properties(plugins.PluginProperties, frozen=True, extra="allow"):
        plugin: Literal["python", "uv", "poetry"] = cast(Any, name)

        @classmethod
        def unmarshal(cls, data: dict[str, Any]) -> Properties:
            return cls(plugin=cast(Any, name), source=data.get("source"))

    return type("Installed", (_Installed,), {"properties_class": Properties, "folder": folder})


def main() -> int:
    """Run what standard input asks for; the log goes to standard output."""
    request = json.loads(sys.stdin.buffer.read())
    if request["installed"]:
        kind = request["part"]["plugin"]
        plugins.register({kind: _plugin(kind, request["installed"])})
    work = Path(request["work"])
    work.mkdir(parents=True)
    manager = LifecycleManager(
        {"parts": {request["name"]: request["part"]}},
        application_name="rockery",
        cache_dir=Path(request["cache"]),
        work_dir=work,
        arch=request["architecture"],
        base="rockery",
        project_name=request["project"],
        project_vars={"version": "", "grade": ""},
        project_vars_part_name=request["name"],
        parallel_build_count=_cores(),
    )
    stage = manager.project_info.dirs.stage_dir
    for folder in request["below"]:
        shutil.copytree(folder, stage, symlinks=True, dirs_exist_ok=True)
    last = Step.PRIME if request["through"] == "prime" else Step.BUILD
    try:
        actions = manager.plan(last)
        with manager.action_executor() as context:
            for action in actions:
                context.execute(action, stdout=sys.stdout, stderr=sys.stderr)
    except errors.PartsError as error:
        print(error, file=sys.stderr)
        return NO_SOURCE if isinstance(error, SourceError) else 1
    dirs = manager.project_info.dirs
    folder = dirs.prime_dir
    if last is Step.BUILD:
        folder = dirs.parts_dir / request["name"] / "install"
    version = manager.project_info.get_project_var("version", raw_read=True)
    Path(request["result"]).write_text(
        json.dumps({"folder": str(folder), "version": version or None})
    )
    return 0


def _cores() -> int:
    import os

    given = os.environ.get("CRAFT_PARALLEL_BUILD_COUNT", "")
    return int(given) if given.isdecimal() and int(given) else len(os.sched_getaffinity(0))


if __name__ == "__main__":
    raise SystemExit(main())
