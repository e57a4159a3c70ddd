"""Parts that craft-parts builds: their files, at their places in the rock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from rockery.errors import Location
from rockery.layer import Entry, Stored
from rockery.part import Built, build, prepare_host
from rockery.plan import BuiltSpec
from rockery.project import build_source, source
from rockery.project.fileset import permissions_for, select
from rockery.project.schema import Part
from rockery.store import Store


def craft(
    store: Store,
    spec: BuiltSpec,
    *,
    project: str,
    below: Sequence[Path],
    installed: Path | None,
    scratch: Path,
    where: Location,
) -> Built:
    """Build a part in a copy of the project; ``below`` are what the parts before it made.

    ``installed`` is what ``craftctl default`` installs in a Python part's build step.

    Raises:
        ProjectError: a script failed.
        SurroundingsError: a package or tool that it builds with isn't on this machine.
    """
    with store.lock("host"):  # no two at once may install packages there
        prepare_host(spec.name, spec.part.build_packages, spec.part.build_snaps, where)
    copy, work = scratch / "project", scratch / "craft"
    work.mkdir()
    build_source.copy(spec.folder, copy)
    return build(
        spec.name,
        spec.keys,
        copy=copy,
        below=below,
        installed=installed,
        scratch=work,
        cache=store.root / "craft",
        architecture=spec.architecture,
        project=project,
        where=where,
    )


def files_of(folder: Path, part: Part) -> Iterator[Entry]:
    """Give the files below ``folder`` as the part's filesets and permissions have them."""
    found = {entry.path: entry for entry in source.walk(folder)}
    for place, origin in select(part, found).items():
        path = place.rstrip("/")
        owner = permissions_for(part.permissions, path)
        uid, gid = owner.owner or 0, owner.group or 0
        if place.endswith("/"):
            mode = owner.mode if owner.mode is not None else 0o755
            yield Entry(path, "directory", mode, uid, gid)
        elif found[origin].kind == "link":
            yield Entry(path, "symlink", 0o777, uid, gid, found[origin].target or "")
        elif found[origin].kind == "file":
            status = (folder / origin).stat()
            mode = 0o755 if status.st_mode & 0o100 else 0o644
            mode = owner.mode if owner.mode is not None else mode
            content = Stored(folder / origin, status.st_size)
            yield Entry(path, "file", mode, uid, gid, content=content)
