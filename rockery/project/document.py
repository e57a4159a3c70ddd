"""A YAML file of the user's, read with the position of everything in it."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any, NoReturn

from rockery.errors import Location, Problem, ProjectError
from rockery.libyaml import yaml

#: Values a file may hold once its aliases are followed. Real files hold hundreds; what is
#: above this is an alias that repeats an alias that repeats an alias.
_MOST_VALUES = 20_000

#: The C parser recurses per level of nesting and dies of it somewhere above 10,000 levels,
#: which a file of fewer bytes cannot have.
_SMALL = 10_000
_MOST_LEVELS = 100

_MERGE_TAG = "tag:yaml.org,2002:merge"

_Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Dumper: type[Any] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class WrittenInt(int):
    """A whole number whose text says more than its value: ``0755``, ``1_000``."""

    text: str

    def __str__(self) -> str:
        return self.text


class WrittenFloat(float):
    """A number whose text says more than its value: version ``1.10``."""

    text: str

    def __str__(self) -> str:
        return self.text


class Document:
    """A parsed file: ``data`` is plain Python with text as keys, ``where`` finds positions.

    Scalars have YAML 1.1's types, as rockcraft's have. Numbers whose text is lost in the
    value (``1.10``) are :class:`WrittenFloat` or :class:`WrittenInt`.
    """

    def __init__(self, file: str, root: yaml.MappingNode, data: dict[str, Any]) -> None:
        self.file = file
        self.data = data
        self._root = root
        self._children: dict[int, dict[str, tuple[Any, yaml.Node]]] = {}

    @classmethod
    def read(cls, path: Path, file: str) -> Document:
        """Parse the file at ``path``; ``file`` is the name that positions carry.

        Raises :class:`ProjectError` with the position for anything that is not one YAML
        mapping without duplicate keys.
        """
        try:
            content = path.read_bytes()
        except OSError as error:
            problem = Problem(
                f"cannot read {file}: {(error.strerror or str(error)).lower()}",
                "unreadable-file",
                Location(file),
            )
            raise ProjectError(problem) from error
        return cls.parse(content, file)

    @classmethod
    def parse(cls, content: bytes | str, file: str) -> Document:
        """Parse ``content``; raises as :meth:`read` does."""
        try:
            if len(content) > _SMALL:
                _check_size(content, file)
            loader = _Loader(content)
            try:
                root = loader.get_single_node()
                if root is None:
                    _fail(file, "it is empty", None)
                if not isinstance(root, yaml.MappingNode):
                    _fail(file, "it holds no keys, such as 'name: hello'", root)
                data = _Construction(file, loader).mapping(root)
            finally:
                loader.dispose()
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            reason = ", ".join(
                part for part in (error.context, error.problem or "it is not valid YAML") if part
            )
            where = Location(file, mark.line + 1, mark.column + 1) if mark else Location(file)
            raise ProjectError(_problem(reason, where)) from error
        except yaml.YAMLError as error:  # a character that YAML does not allow
            reason = str(error).splitlines()[0]
            raise ProjectError(_problem(reason, Location(file))) from error
        except RecursionError as error:
            raise ProjectError(_problem("it is nested too deeply", Location(file))) from error
        return cls(file, root, data)

    def where(self, *path: str | int) -> Location:
        """Return the position of the value at ``path``, or of its nearest parent.

        For a key of a mapping that is where the key stands, for an item of a list where
        the item starts; an item that is a text may be named by itself.
        """
        mark = self._root.start_mark
        node: yaml.Node = self._root
        for step in path:
            found = self._child(node, step)
            if found is None:
                break
            mark, node = found
        return Location(self.file, mark.line + 1, mark.column + 1)

    def has(self, *path: str | int) -> bool:
        """Tell whether the file itself has a value at ``path``."""
        node: yaml.Node = self._root
        for step in path:
            found = self._child(node, step)
            if found is None:
                return False
            node = found[1]
        return True

    def _child(self, node: yaml.Node, step: str | int) -> tuple[Any, yaml.Node] | None:
        """Return the mark and node of a key or an item, or None."""
        if isinstance(node, yaml.MappingNode):
            return self._keys(node).get(str(step))
        if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            return node.value[step].start_mark, node.value[step]
        if isinstance(node, yaml.SequenceNode):
            for item in node.value:
                if isinstance(item, yaml.ScalarNode) and item.value == step:
                    return item.start_mark, item
        return None

    def _keys(self, node: yaml.MappingNode, depth: int = 0) -> dict[str, tuple[Any, yaml.Node]]:
        """Return where the keys of a mapping stand, its own before those it merges."""
        if id(node) in self._children:
            return self._children[id(node)]
        own: dict[str, tuple[Any, yaml.Node]] = {}
        merged: dict[str, tuple[Any, yaml.Node]] = {}
        for key, value in node.value:
            if key.tag == _MERGE_TAG:
                for source in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                    if isinstance(source, yaml.MappingNode) and depth < _MOST_LEVELS:
                        merged = self._keys(source, depth + 1) | merged
            elif isinstance(key, yaml.ScalarNode):
                own[key.value] = key.start_mark, value
        self._children[id(node)] = merged | own
        return self._children[id(node)]


def dump(data: dict[str, Any]) -> str:
    """Return ``data`` as YAML text in the order of its keys, which parses to the same data."""
    text: str = yaml.dump(
        data, Dumper=_Readable, sort_keys=False, allow_unicode=True, width=1000, indent=2
    )
    return text


class _Readable(_Dumper):  # type: ignore[misc]
    """Writes text of several lines as a block, nothing as nothing, no aliases."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _represent_text(dumper: Any, value: str) -> yaml.ScalarNode:
    style = (
        "|" if "\n" in value and not any(line.endswith(" ") for line in value.split("\n")) else None
    )
    node: yaml.ScalarNode = dumper.represent_scalar("tag:yaml.org,2002:str", value, style)
    return node


_Readable.add_representer(str, _represent_text)
_Readable.add_representer(
    type(None), lambda dumper, _: dumper.represent_scalar("tag:yaml.org,2002:null", "")
)
_Readable.add_representer(
    WrittenInt,
    lambda dumper, value: dumper.represent_scalar("tag:yaml.org,2002:int", value.text),
)
_Readable.add_representer(
    WrittenFloat,
    lambda dumper, value: dumper.represent_scalar("tag:yaml.org,2002:float", value.text),
)


class _Construction:
    """Makes plain data of nodes; values that aliases share are made once."""

    def __init__(self, file: str, loader: Any) -> None:
        self._file = file
        self._loader = loader
        self._made: dict[int, tuple[Any, int]] = {}
        self._open: set[int] = set()

    def mapping(self, node: yaml.MappingNode) -> dict[str, Any]:
        data, _ = self._value(node)
        assert isinstance(data, dict)
        return data

    def _value(self, node: yaml.Node) -> tuple[Any, int]:
        """Return the value of ``node`` and how many values it holds."""
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node), 1
        known = self._made.get(id(node))
        if known:
            return known
        if id(node) in self._open:
            _fail(self._file, "it contains itself through an alias", node)
        self._open.add(id(node))
        made = self._sequence(node) if isinstance(node, yaml.SequenceNode) else self._keys(node)
        self._open.discard(id(node))
        if made[1] > _MOST_VALUES:
            _fail(self._file, f"its aliases make more than {_MOST_VALUES:,} values", node)
        self._made[id(node)] = made
        return made

    def _sequence(self, node: yaml.SequenceNode) -> tuple[list[Any], int]:
        items = [self._value(item) for item in node.value]
        return [value for value, _ in items], 1 + sum(size for _, size in items)

    def _keys(self, node: yaml.Node) -> tuple[dict[str, Any], int]:
        assert isinstance(node, yaml.MappingNode)
        merged: dict[str, Any] = {}
        own: dict[str, Any] = {}
        size = 1
        for key, child in node.value:
            value, count = self._value(child)
            size += count
            if key.tag == _MERGE_TAG:
                for source in reversed(value if isinstance(value, list) else [value]):
                    if not isinstance(source, dict):
                        _fail(self._file, "'<<' needs a mapping", child)
                    merged |= source
                continue
            if not isinstance(key, yaml.ScalarNode):
                _fail(self._file, "a key has to be a word", key)
            # The text of a key, never its YAML 1.1 value: "on" is no truth value here.
            if key.value in own:
                _fail(self._file, f"the key {key.value!r} is given twice", key)
            own[key.value] = value
        return merged | own, size

    def _scalar(self, node: yaml.ScalarNode) -> Hashable:
        try:
            value: Any = self._loader.construct_object(node)
        except (ValueError, OverflowError):
            _fail(self._file, f"{node.value[:40]!r} looks like a number or date but is none", node)
        if type(value) is int and str(value) != node.value:
            written = WrittenInt(value)
            written.text = node.value
            return written
        if type(value) is float and str(value) != node.value:
            precise = WrittenFloat(value)
            precise.text = node.value
            return precise
        if isinstance(value, str | int | float | None):
            return value
        return str(node.value)  # dates and the like: what was written is what is meant


def _check_size(content: bytes | str, file: str) -> None:
    depth = values = 0
    for event in yaml.parse(content, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _MOST_LEVELS:
                _fail(file, "it is nested too deeply", event)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.ScalarEvent):
            values += 1
            if values > 2 * _MOST_VALUES:
                _fail(file, f"it holds more than {_MOST_VALUES:,} values", event)


def _problem(reason: str, where: Location) -> Problem:
    return Problem(
        f"cannot read {where.file}: {reason}",
        "broken-yaml",
        where,
        "quote texts that contain ': ', '#' or start with a special character, and indent with "
        "spaces only",
    )


def _fail(file: str, reason: str, node: yaml.Node | yaml.Event | None) -> NoReturn:
    mark = node.start_mark if node is not None else None
    where = Location(file, mark.line + 1, mark.column + 1) if mark else Location(file)
    raise ProjectError(Problem(f"cannot read {file}: {reason}", "broken-yaml", where))
