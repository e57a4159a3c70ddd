"""Classes of named values that cost next to nothing to define.

They are declared and used as dataclasses, and are ones to who asks (:func:`dataclasses.replace`,
:func:`dataclasses.asdict`, pydantic). But that module imports ``inspect`` and compiles methods for
each class: of a quick command, that was a third. What every command goes through is made of
records; elsewhere dataclasses do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, dataclass_transform


class _Factory:
    """Makes the default of a field."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make


def field(*, default_factory: Callable[[], Any]) -> Any:
    """Describe a field as :func:`dataclasses.field` does."""
    return _Factory(default_factory)


class _LateFields:
    """``__dataclass_fields__``, which tell that a class is a dataclass, made when asked for."""

    def __get__(self, _record: object, class_: type[Record]) -> Any:
        import dataclasses

        for name, default in class_._defaults.items():
            if type(default) is _Factory:
                setattr(class_, name, dataclasses.field(default_factory=default.make))
        dataclasses.dataclass(init=False, repr=False, eq=False)(class_)
        return vars(class_)["__dataclass_fields__"]


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
class Record:
    """Base of a class whose annotations are its fields; frozen unless ``frozen=False`` is said."""

    if TYPE_CHECKING:
        __dataclass_fields__: ClassVar[dict[str, Any]]

    #: The names of the fields, in order.
    field_names: ClassVar[tuple[str, ...]] = ()
    _defaults: ClassVar[dict[str, Any]] = {}

    def __init_subclass__(cls, *, frozen: bool = True) -> None:
        said, own = cls.__annotations__, vars(cls)
        cls.field_names = tuple(name for name in said if not said[name].startswith("ClassVar"))
        cls._defaults = {name: own[name] for name in cls.field_names if name in own}
        cls.__dataclass_fields__ = _LateFields()  # type: ignore[assignment]
        if not frozen:
            cls.__setattr__ = object.__setattr__  # type: ignore[assignment]

    def __init__(self, *given: Any, **named: Any) -> None:
        values = self.__dict__
        values.update(zip(self.field_names, given, strict=False), **named)
        if len(values) != len(given) + len(named):
            raise TypeError(f"a {type(self).__name__} has {', '.join(self.field_names)}, each once")
        if len(values) < len(self.field_names):
            for name, default in self._defaults.items():
                if name not in values:
                    values[name] = default.make() if type(default) is _Factory else default
        if values.keys() != {*self.field_names}:
            raise TypeError(f"a {type(self).__name__} needs {', '.join(self.field_names)}")
        self.__post_init__()

    def __post_init__(self) -> None:
        """Finish a record whose fields are set."""

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"cannot set {name!r}: a {type(self).__name__} is frozen")

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        said = ", ".join(f"{name}={self.__dict__[name]!r}" for name in self.field_names)
        return f"{type(self).__name__}({said})"

    def _key(self) -> tuple[Any, ...]:
        """Return what a record is compared by."""
        return tuple([self.__dict__[name] for name in self.field_names])
