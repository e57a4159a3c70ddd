"""A part of ``rockcraft.yaml``."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from rockery.project.value import (
    Mode,
    Model,
    RelativePaths,
    Text,
    TextByName,
    Texts,
    _kebab,
    _list,
)
from rockery.project.wording import kind

_SCRIPTS = ("override-pull", "override-build", "override-stage", "override-prime")


class Permission(Model):
    """Owner, group and mode of the paths that ``path`` matches; ``*`` matches ``/`` too."""

    model_config = ConfigDict(
        json_schema_extra={
            "additionalProperties": False,
            "dependentRequired": {"owner": ["group"], "group": ["owner"]},
        }
    )

    path: Text = "*"
    owner: int | None = None
    group: int | None = None
    mode: Mode | None = None

    @model_validator(mode="before")
    @classmethod
    def _both(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            raise ValueError(f"needs keys and values, not {kind(value)}")
        if ("owner" in value) != ("group" in value):
            raise ValueError("needs 'owner' and 'group' together, or neither")
        unknown = set(value) - {"path", "owner", "group", "mode"}
        if unknown:
            raise ValueError(f"knows 'path', 'owner', 'group' and 'mode', not {min(unknown)!r}")
        return value


class Part(Model):
    """One part; keys that only its plugin knows are in ``options``."""

    model_config = ConfigDict(frozen=True, alias_generator=_kebab, extra="allow")

    plugin: Text = "nil"
    source: Text | None = None
    source_type: Text | None = None
    source_subdir: Text | None = None
    source_branch: Text | None = None
    source_tag: Text | None = None
    source_commit: Text | None = None
    source_depth: int = 0
    source_submodules: Texts | None = None
    source_checksum: Text | None = None
    after: Texts = ()
    build_packages: Texts = ()
    build_snaps: Texts = ()
    build_environment: Annotated[tuple[TextByName, ...], BeforeValidator(_list)] = ()
    build_attributes: Texts = ()
    stage_packages: Texts = ()
    stage_slices: Texts = ()
    stage: RelativePaths = ()
    prime: RelativePaths = ()
    organize: TextByName = Field(default_factory=dict)
    permissions: Annotated[tuple[Permission, ...], BeforeValidator(_list)] = ()
    override_pull: Text | None = None
    override_build: Text | None = None
    override_stage: Text | None = None
    override_prime: Text | None = None
    disable_parallel: bool = False
    python_requirements: Texts = ()
    python_constraints: Texts = ()
    python_packages: Texts = ()
    uv_extras: Texts = ()
    uv_groups: Texts = ()
    poetry_with: Texts = ()

    @cached_property
    def keys_given(self) -> frozenset[str]:
        """The keys that the file gives, as they are spelled there."""
        return frozenset(_kebab(name) for name in self.model_fields_set)

    @cached_property
    def options(self) -> dict[str, Any]:
        """The keys that only the plugin knows, as they are spelled in the file."""
        return dict(self.model_extra or {})

    @cached_property
    def scripts(self) -> tuple[str, ...]:
        """The ``override-`` keys that the part has."""
        return tuple(key for key in _SCRIPTS if key in self.keys_given)
