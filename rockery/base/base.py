"""The definition of a base, read from ``bases/<name>.yaml`` over ``bases/rules.yaml``."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from rockery.data import data_folder
from rockery.errors import Problem, UsageError


def _octal(value: object) -> object:
    """Read a mode as Python writes it: YAML 1.1 has another spelling for octal numbers."""
    return int(value, 8) if isinstance(value, str) else value


Mode = Annotated[int, BeforeValidator(_octal)]


class _Strict(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        populate_by_name=True,
        alias_generator=lambda name: name.replace("_", "-"),
    )


class Archive(_Strict):
    """An apt archive that a base is made from; the mirror comes from the host or an option."""

    name: str
    suites: tuple[str, ...]
    components: tuple[str, ...]


class Trim(_Strict):
    """Which paths of a package ship: ``only`` these, or all but ``drop``; globs."""

    only: tuple[str, ...] | None = None
    drop: tuple[str, ...] = ()


class User(_Strict):
    """A user of a bare rock, with a group of the same numeric id."""

    uid: int
    gid: int
    home: str
    shell: str
    group: str | None = None


class Plain(_Strict):
    """Mode and group of a directory or of an empty file."""

    mode: Mode
    gid: int = 0


class System(_Strict):
    """What the maintainer scripts of a minimal system leave behind, in a full base."""

    directories: dict[str, Plain]
    files: dict[str, Plain]
    copies: dict[str, str]


class AlternativeRule(_Strict):
    r"""An alternative whose script uses variables.

    ``path`` is a regular expression over the package's own paths; ``link`` and the paths of
    ``slaves`` (link: path) may use its groups ("\1").
    """

    path: str
    link: str
    priority: int
    slaves: dict[str, str] = {}


class TriggerRule(_Strict):
    """A path trigger: what a tool of the target makes when packages ship certain files.

    ``files`` are globs of the files that ask for it, ``needs`` of further ones the tool
    reads, ``makes`` of what it writes. In all of them and in ``arguments`` "{triplet}" is the
    multiarch name; in ``arguments`` and ``environment`` "{root}" is the folder the files lie
    in, and the argument "{files}" stands for all their paths. With ``output`` the tool prints
    what belongs there.
    """

    tool: str
    files: tuple[str, ...]
    needs: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    environment: dict[str, str] = {}
    makes: tuple[str, ...] = ()
    output: str | None = None


class Rules(_Strict):
    """How packages become a runtime; every key is described in ``bases/rules.yaml``."""

    runtime: tuple[str, ...]
    bare: tuple[str, ...]
    full: tuple[str, ...]
    merged_usr: tuple[str, ...]
    merged_usr_for: dict[str, tuple[str, ...]]
    directories: dict[str, Mode]
    script_dependencies: dict[str, tuple[str, ...]]
    spared_dependencies: dict[str, tuple[str, ...]]
    drop: tuple[str, ...]
    keep: tuple[str, ...]
    trim: dict[str, Trim]
    only_if_needed: tuple[str, ...]
    slices: dict[str, tuple[str, ...]]
    users: dict[str, User]
    links: dict[str, str]
    system: System
    alternatives: dict[str, tuple[AlternativeRule, ...]]
    triggers: dict[str, TriggerRule]


class Base(_Strict):
    """A distribution release that rocks are made from."""

    name: str
    distribution: Literal["debian", "ubuntu"]
    release: str
    python: str
    archives: tuple[Archive, ...]
    keyring: Path
    rules: Rules = Field(repr=False)

    @property
    def identity(self) -> dict[str, Any]:
        """Return all that decides what is made from this base, as JSON data."""
        return self.model_dump(mode="json", exclude={"keyring"}, by_alias=True)


def bases() -> tuple[str, ...]:
    """Return the names of all bases, sorted."""
    return tuple(sorted(path.stem for path in data_folder("bases").glob("*@*.yaml")))


@functools.cache
def load(name: str) -> Base:
    """Return the base called ``name``, such as "debian@12".

    Raises:
        UsageError: no such base.
    """
    folder = data_folder("bases")
    if name not in bases():
        raise UsageError(
            Problem(
                f'cannot use base "{name}": there is no such base',
                code="unknown-base",
                remedy=f"use one of {', '.join(bases())}",
            )
        )
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    own = yaml.load((folder / f"{name}.yaml").read_text(encoding="utf-8"), loader)  # noqa: S506
    shared = yaml.load((folder / "rules.yaml").read_text(encoding="utf-8"), loader)  # noqa: S506
    rules = {key: own.pop(key, value) for key, value in shared.items()}
    own["keyring"] = folder / "keys" / own["keyring"]
    return Base.model_validate({"name": name, **own, "rules": rules})
