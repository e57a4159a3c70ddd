"""The kinds of value in ``rockcraft.yaml``, and what is said of one that doesn't fit."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, WithJsonSchema

from rockery.project.wording import kind

_DURATION = r"0|((\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h))+"
_MODE = "(0o)?[0-7]{1,5}"


def _kebab(name: str) -> str:
    return name.replace("_", "-")


class Model(BaseModel):
    """What every model of the file shares: spelled with hyphens, never changed."""

    model_config = ConfigDict(frozen=True, alias_generator=_kebab, extra="ignore")


def _text(value: Any) -> str:
    if isinstance(value, bool):
        raise ValueError(f"needs a text: write it in quotes, '{str(value).lower()}'")
    if isinstance(value, str | int | float):
        return str(value)
    raise ValueError(f"needs a text, not {kind(value)}")


def _list(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return value
    raise ValueError(f"needs a list, not {kind(value)}")


def _mapping(value: Any) -> Any:
    if isinstance(value, dict):
        return value
    raise ValueError(f"needs keys and values, not {kind(value)}")


def _path(value: str) -> str:
    name = value.removeprefix("-") if value.startswith("-") else value
    if not name:
        raise ValueError("needs a path, and this one is empty")
    if name.startswith("/"):
        raise ValueError(
            f"{value!r} has to be relative to the rock's root: leave out the first '/'"
        )
    if ".." in name.split("/"):
        raise ValueError(f"{value!r} leads out of the part: '..' is not allowed")
    return value


def _duration(value: str) -> str:
    if not re.fullmatch(_DURATION, value):
        raise ValueError(f"{value!r} is no duration such as '30s', '500ms' or '1m30s'")
    return value


def _octal(value: str) -> str:
    if not re.fullmatch(_MODE, value):
        raise ValueError(f"{value!r} is no mode such as '755' or '0644'")
    return value


def _shown(**schema: Any) -> WithJsonSchema:
    """Give what editors go by; a text may be written as a number."""
    return WithJsonSchema({"type": ["string", "number"], **schema})


#: Text; a number counts as it is written, a truth value has to be quoted.
Text = Annotated[str, BeforeValidator(_text), _shown()]
Texts = Annotated[tuple[Text, ...], BeforeValidator(_list)]
TextByName = Annotated[dict[str, Text], BeforeValidator(_mapping)]
#: A relative path, a glob, or either with ``-`` in front.
RelativePath = Annotated[
    Text,
    AfterValidator(_path),
    _shown(minLength=1, pattern=r"^(?!-?(/|$))(?!-?([\s\S]*/)?\.\.(/|$))"),
]
RelativePaths = Annotated[tuple[RelativePath, ...], BeforeValidator(_list)]
Duration = Annotated[Text, AfterValidator(_duration), _shown(pattern=f"^({_DURATION})$")]
Mode = Annotated[Text, AfterValidator(_octal), _shown(pattern=f"^{_MODE}$")]
