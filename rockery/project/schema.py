"""Ordinary ``rockcraft.yaml``: its model."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationError,
    WithJsonSchema,
    field_validator,
)

from rockery.errors import ProjectError
from rockery.project import bases, wording
from rockery.project.part import Part, Permission
from rockery.project.rules import Where, problems, with_plugins
from rockery.project.service import Check, Service
from rockery.project.value import Model, Text, TextByName, Texts, _mapping, _shown
from rockery.project.wording import kind

__all__ = [
    "ARCHITECTURES",
    "Check",
    "Part",
    "Permission",
    "Platform",
    "RockFile",
    "Service",
    "problems",
    "validate",
]

ARCHITECTURES = ("amd64", "arm64")

_OTHER_ARCHITECTURES = frozenset({"armhf", "i386", "ppc64el", "riscv64", "s390x", "all"})


def _architecture(value: str) -> str:
    # craft-platforms allows a base in front of an architecture: "ubuntu@24.04:amd64".
    name = value.rpartition(":")[2]
    if name in ARCHITECTURES:
        return name
    if name in _OTHER_ARCHITECTURES:
        raise ValueError(f"rockery packs for {' and '.join(ARCHITECTURES)}, not for {name!r}")
    raise ValueError(f"there is no architecture {name!r}{wording.nearest(name, ARCHITECTURES)}")


def _one_or_more(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class Platform(Model):
    """Where a rock is packed, and the one architecture it runs on."""

    build_on: Annotated[
        tuple[Annotated[Text, AfterValidator(_architecture)], ...], BeforeValidator(_one_or_more)
    ]
    build_for: Annotated[Text, AfterValidator(_architecture)]

    @field_validator("build_for", mode="before")
    @classmethod
    def _single(cls, value: Any) -> Any:
        if isinstance(value, list) and len(value) == 1:
            return value[0]
        if isinstance(value, list):
            raise ValueError("needs one architecture: give each its own platform")
        return value


def _platforms(value: Any) -> Any:
    """Bring the short forms (null, a text, a list) into the long one."""
    if isinstance(value, str):
        value = [value]
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        value = dict.fromkeys(value)
    if not isinstance(value, dict) or not value:
        raise ValueError("needs at least one platform, such as 'amd64:'")
    return {label: _platform(label, given) for label, given in value.items()}


def _platform(label: str, given: Any) -> Any:
    if "/" in label or label in ("any", "*"):
        raise ValueError(f"{label!r} cannot name a platform")
    if not given:
        given = {}
    elif isinstance(given, str | list):
        given = {"build-on": given, "build-for": given}
    elif not isinstance(given, dict):
        raise ValueError(f"platform {label!r} needs 'build-on' and 'build-for', not {kind(given)}")
    unknown = set(given) - {"build-on", "build-for"}
    if unknown:
        raise ValueError(
            f"platform {label!r} knows 'build-on' and 'build-for', not {min(unknown)!r}"
        )
    if given.get("build-for") and not given.get("build-on"):
        raise ValueError(f"platform {label!r} has 'build-for' and needs 'build-on' too")
    return {
        "build-on": given.get("build-on") or label,
        "build-for": given.get("build-for") or label,
    }


_NAME = r"^(?=.*[a-z])[a-z0-9](-?[a-z0-9])*$"
_VERSION = r"^[a-zA-Z0-9]([a-zA-Z0-9:.+~-]*[a-zA-Z0-9+~])?$"


def _name(value: str) -> str:
    if not re.fullmatch(_NAME, value):
        raise ValueError(
            f"{value!r} is no name: lower-case letters, digits and single hyphens between them, "
            "with at least one letter"
        )
    return _at_most(40)(value)


def is_version(value: str) -> bool:
    """Tell whether a rock can have ``value`` for its version."""
    return len(value) <= 32 and re.fullmatch(_VERSION, value) is not None


def _version(value: str) -> str:
    if not re.fullmatch(_VERSION, value):
        raise ValueError(
            f"{value!r} is no version: letters, digits and '.', ':', '+', '~', '-' between them"
        )
    return _at_most(32)(value)


def _at_most(length: int) -> Callable[[str], str]:
    def check(value: str) -> str:
        if len(value) > length:
            raise ValueError(f"has {len(value)} characters, and {length} is the most")
        return value

    return check


_ARCHITECTURE = {"type": "string", "pattern": "^([^:]+:)?(amd64|arm64)$"}
_BUILD = {"anyOf": [_ARCHITECTURE, {"type": "array", "items": _ARCHITECTURE, "minItems": 1}]}
_ONE = {
    "anyOf": [
        _ARCHITECTURE,
        {"type": "array", "items": _ARCHITECTURE, "minItems": 1, "maxItems": 1},
    ]
}
_PLATFORM = {
    "type": "object",
    "properties": {"build-on": _BUILD, "build-for": _ONE},
    "additionalProperties": False,
}
#: Only what an architecture names needs no more than its name.
_PLATFORMS = {
    "type": "object",
    "minProperties": 1,
    "propertyNames": {"pattern": "^[^/*]+$", "not": {"const": "any"}},
    "patternProperties": {
        _ARCHITECTURE["pattern"]: {
            "anyOf": [
                {"type": "null"},
                {**_PLATFORM, "dependentRequired": {"build-for": ["build-on"]}},
            ]
        }
    },
    "additionalProperties": {**_PLATFORM, "required": ["build-on", "build-for"]},
}
_ONE_OR_MORE = {
    "anyOf": [
        {"type": "string"},
        {"type": "array", "items": {"type": ["string", "number"]}},
    ]
}


class RockFile(Model):
    """An ordinary ``rockcraft.yaml``: extensions expanded, everything valid."""

    name: Annotated[Text, AfterValidator(_name), _shown(pattern=_NAME, maxLength=40)]
    title: Annotated[Text, AfterValidator(_at_most(40)), _shown(maxLength=40)] | None = None
    version: (
        Annotated[Text, AfterValidator(_version), _shown(pattern=_VERSION, maxLength=32)] | None
    ) = None
    summary: Annotated[Text, AfterValidator(_at_most(78)), _shown(maxLength=78)] | None = None
    description: Text | None = None
    base: Annotated[Text, AfterValidator(bases.spelled)]
    build_base: Annotated[Text, AfterValidator(bases.spelled)] | None = None
    license: Text | None = None
    contact: Annotated[Texts, BeforeValidator(_one_or_more), WithJsonSchema(_ONE_OR_MORE)] = ()
    issues: Annotated[Texts, BeforeValidator(_one_or_more), WithJsonSchema(_ONE_OR_MORE)] = ()
    source_code: Text | None = None
    adopt_info: Text | None = None
    platforms: Annotated[
        dict[str, Platform], BeforeValidator(_platforms), WithJsonSchema(_PLATFORMS)
    ]
    run_user: Literal["_daemon_"] | None = None
    environment: TextByName = Field(default_factory=dict)
    entrypoint_service: Text | None = None
    entrypoint_command: Text | None = None
    services: Annotated[dict[str, Service], BeforeValidator(_mapping)] = Field(default_factory=dict)
    checks: Annotated[dict[str, Check], BeforeValidator(_mapping)] = Field(default_factory=dict)
    parts: Annotated[dict[str, Part], BeforeValidator(_mapping)] = Field(default_factory=dict)

    @property
    def distribution(self) -> str:
        """The release that packages come from: the base, or what a bare rock is built from."""
        return self.build_base or self.base if self.base == bases.BARE else self.base


def validate(data: Mapping[str, Any], where: Where) -> RockFile:
    """Return the model of ``data``, a file without ``extensions``.

    Raises one :class:`ProjectError` with everything that is wrong, each at its position.
    """
    found = problems(data, where)
    if found:
        raise ProjectError(*found)
    return RockFile.model_validate(with_plugins(data))


def findings(data: Mapping[str, Any]) -> ValidationError | None:
    """Return what the models find wrong with ``data``, or None."""
    try:
        RockFile.model_validate(data)
    except ValidationError as error:
        return error
    return None
