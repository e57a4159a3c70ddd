"""Tells whether a module may be another now without its import noticing.

This runs with the rock's own Python and its standard library, as ``probe.py`` does, and runs
nothing of the application: it compiles. The arguments are, for each module, the paths of its two
sources and how many pieces of code of the first ran while it was imported, then the name and the
line of each. It prints ``same`` where all code that ran is the same, and every function that
didn't run looks the same from outside: name, parameters, documentation.

It imports next to nothing, since starting is most of what it takes.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import types
    from typing import Any


def main() -> None:
    """Compare the sources."""
    words = iter(sys.argv[1:])
    for before in words:
        now, count = next(words), int(next(words))
        marks = {(next(words), int(next(words))) for _ in range(count)}
        old, new = map(_compiled, (before, now))
        if not same(old, new, marks):
            return
    print("same")


def same(old: types.CodeType, new: types.CodeType, marks: set[tuple[str, int]]) -> bool:
    """Tell whether what ran of ``old`` is the same in ``new``."""
    if _outside(old) != _outside(new):
        return False
    if (old.co_name, old.co_firstlineno) not in marks and old.co_name != "<module>":
        return True  # it was defined, and not called
    if _inside(old) != _inside(new) or len(old.co_consts) != len(new.co_consts):
        return False
    return all(
        same(one, other, marks)
        if isinstance(one, _CODE) and isinstance(other, _CODE)
        else _constant(one) == _constant(other)
        for one, other in zip(old.co_consts, new.co_consts)  # noqa: B905 - of Python 3.9 and older
    )


def _compiled(path: str) -> types.CodeType:
    with open(path, "rb") as source:  # noqa: PTH123
        return compile(source.read(), "", "exec")


_CODE = type(main.__code__)


def _outside(code: types.CodeType) -> list[Any]:
    """Return what whoever defines a function, or looks at it, sees of it."""
    count = code.co_argcount + code.co_kwonlyargcount
    count += bool(code.co_flags & 0x04) + bool(code.co_flags & 0x08)  # *args and **kwargs
    first = code.co_consts[0] if code.co_consts else None
    text = first if isinstance(first, str) else None  # the documentation, where it has one
    counts = [code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount]
    return [code.co_name, code.co_flags, counts, code.co_varnames[:count], code.co_freevars, text]


def _inside(code: types.CodeType) -> list[Any]:
    handlers = getattr(code, "co_exceptiontable", b"")
    return [code.co_code, code.co_names, code.co_varnames, code.co_cellvars, handlers]


def _constant(value: Any) -> str:
    """Return a text that two constants share only where they are the same."""
    if isinstance(value, (tuple, frozenset)):
        members = [_constant(each) for each in value]
        ordered = sorted(members) if isinstance(value, frozenset) else members
        return f"{type(value).__name__}({', '.join(ordered)})"
    return f"{type(value).__name__} {value!r}"


if __name__ == "__main__":
    main()
