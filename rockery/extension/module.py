"""What names the modules of a project bind when Python imports them, without importing.

Only the syntax tree is looked at. A name can turn out to be something made by a known
constructor, a function, a module, plainly no application, or something unknown.
"""

from __future__ import annotations

import ast
import contextlib
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

from rockery.errors import Location, Problem, ProjectError
from rockery.project import syntax
from rockery.project.source import inside
from rockery.record import Record

_DEEPEST = 24

_DOTTED = re.compile(r"\w+(\.\w+)*")

Kind = Literal["made", "function", "class", "module", "external", "nothing", "unknown"]


class Value(Record):
    """What an expression is.

    ``name`` is dotted: the constructor of what is made, the module, the external name.
    ``node`` and ``module`` say where a function or class stands.
    """

    kind: Kind
    name: str = ""
    node: ast.AST | None = None
    module: Module | None = None

    def _key(self) -> tuple[str, str]:
        return self.kind, self.name


_UNKNOWN = Value("unknown")
_NOTHING = Value("nothing")


class _Import(Record):
    """A name that an import statement binds; ``attribute`` is empty for the module itself."""

    module: str
    attribute: str = ""
    lineno: int | None = None


class _Alias(Record):
    """What another name could be bound to when it was read: the first ``count`` of ``bound``."""

    bound: list[_Bound]
    count: int
    lineno: int


_Bound = ast.expr | _Import | _Alias | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class Module(Record, frozen=False):
    """One module: its dotted name below ``root``, its file, what its body binds.

    ``bindings`` has for each name what it may be bound to when the body has run, the likely
    last. ``stars`` are the modules it imports everything from.
    """

    name: str
    root: str
    file: str
    bindings: dict[str, list[_Bound]]
    stars: tuple[str, ...]
    imports: frozenset[str]
    problem: Problem | None = None
    text: str = ""

    @property
    def is_package(self) -> bool:
        """Tell whether it is the ``__init__.py`` of a package."""
        return self.file.endswith("__init__.py")

    def is_alias(self, name: str) -> bool:
        """Tell whether ``name`` is only one more name for what another one has."""
        return isinstance(self.bindings[name][-1], ast.Name | _Alias)

    def where(self, name: str) -> Location:
        """Return where ``name`` is bound."""
        bound = self.bindings.get(name)
        line = getattr(bound[-1], "lineno", None) if bound else None
        return Location(self.file, line)


class Modules:
    """The modules of the project in ``folder``, parsed once each.

    ``python`` is the version they are for: syntax that is newer than the Python that runs
    rockery cannot be judged, and is not held against the project.
    """

    def __init__(self, folder: Path, python: str | None = None) -> None:
        self._folder = folder
        self._version = tuple(int(part) for part in python.split(".")) if python else None
        self._known: dict[tuple[str, str], Module | None] = {}

    @property
    def judges_syntax(self) -> bool:
        """Tell whether a syntax error here is one for the target too."""
        return self._version is None or self._version <= sys.version_info[:2]

    def get(self, name: str, root: str = "") -> Module | None:
        """Return the module ``name`` found below the folder ``root``, or None.

        A package beats a module of the same name; a folder without ``__init__.py`` is
        neither.
        """
        key = (root, name)
        if key not in self._known:
            path = self._path(name, root)
            self._known[key] = self._parsed(name, root, path) if path else None
        return self._known[key]

    def is_folder(self, name: str, root: str = "") -> bool:
        """Tell whether ``name`` is a folder that could be a namespace package."""
        return (self._folder / root / name.replace(".", "/")).is_dir()

    def value(self, module: Module, name: str) -> Value | None:
        """Return what ``module`` binds ``name`` to, or None where it doesn't bind it."""
        return self._lookup(module, name, 0)

    def returned(self, value: Value) -> Value:
        """Return what a call of the function ``value`` gives."""
        return self._called(value, 0)

    def _path(self, name: str, root: str) -> str | None:
        if not _DOTTED.fullmatch(name):
            return None
        base = "/".join(part for part in (root, name.replace(".", "/")) if part)
        for file in (f"{base}/__init__.py", f"{base}.py"):
            path = self._folder / file
            # A name of the user's may be longer than any file's can be.
            with contextlib.suppress(OSError):
                if path.is_file() and inside(self._folder, path):
                    return file
        return None

    def _parsed(self, name: str, root: str, file: str) -> Module:
        module = Module(name, root, file, {}, (), frozenset())
        collector = _Collector(module)
        content = b""
        try:
            content = (self._folder / file).read_bytes()
            collector.run(syntax.tree(content, self._folder, file, self._version).body)
        except ProjectError as error:
            module.problem = error.problems[0]
            if isinstance(error.__cause__, SyntaxError):
                module.text = content.decode("utf-8", "replace")
            return module
        except (OSError, RecursionError) as error:
            reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
            module.problem = Problem(
                f"cannot read {file}: {reason}", "syntax-error", Location(file)
            )
            return module
        module.bindings = collector.bindings
        module.stars = tuple(collector.stars)
        module.imports = frozenset(collector.imports)
        return module

    # --- what a name or an expression is ------------------------------------------------

    def _lookup(self, module: Module, name: str, depth: int) -> Value | None:
        if depth > _DEEPEST:
            return _UNKNOWN
        bound = module.bindings.get(name)
        if bound is not None:
            return self._best(module, bound, depth + 1)
        for star in module.stars:
            other = self._imported(star, module)
            given = other is not None and _gives(other, name)
            found = self._lookup(other, name, depth + 1) if other and given else None
            if found:
                return found
        below = self.get(f"{module.name}.{name}", module.root) if module.is_package else None
        return Value("module", below.name, module=below) if below else None

    def _best(
        self,
        module: Module,
        bound: Sequence[_Bound],
        depth: int,
        local: dict[str, list[_Bound]] | None = None,
    ) -> Value:
        """Return the value of the last binding that could be an application, else the last."""
        last = _NOTHING
        for number, one in enumerate(reversed(bound)):
            value = self._value(module, one, depth, local)
            if value.kind != "nothing":
                return value
            last = value if number == 0 else last
        return last

    def _value(
        self, module: Module, bound: _Bound, depth: int, local: dict[str, list[_Bound]] | None
    ) -> Value:
        if depth > _DEEPEST:
            return _UNKNOWN
        if isinstance(bound, _Import):
            return self._import(module, bound, depth)
        if isinstance(bound, _Alias):
            return self._best(module, bound.bound[: bound.count], depth + 1, local)
        if isinstance(bound, ast.FunctionDef | ast.AsyncFunctionDef):
            return Value("function", bound.name, bound, module)
        if isinstance(bound, ast.ClassDef):
            return Value("class", bound.name, bound, module)
        return self._expression(module, bound, depth + 1, local or {})

    def _import(self, module: Module, bound: _Import, depth: int) -> Value:
        other = self._imported(bound.module, module)
        if not bound.attribute:
            if other is not None or self.is_folder(bound.module, module.root):
                return Value("module", bound.module, module=other)
            return Value("external", bound.module)
        if other is not None:
            found = self._lookup(other, bound.attribute, depth + 1)
            if found is not None:
                return found
            return _UNKNOWN if other.stars or other.problem else _NOTHING
        below = self._imported(f"{bound.module}.{bound.attribute}", module)
        if below is not None:
            return Value("module", below.name, module=below)
        return Value("external", f"{bound.module}.{bound.attribute}")

    def _imported(self, name: str, module: Module) -> Module | None:
        """Return the project's own module that ``import name`` in ``module`` gives."""
        return self.get(name, module.root) or (self.get(name) if module.root else None)

    def _expression(
        self, module: Module, node: ast.expr, depth: int, local: dict[str, list[_Bound]]
    ) -> Value:
        if depth > _DEEPEST:
            return _UNKNOWN
        if isinstance(
            node,
            ast.Constant | ast.List | ast.Dict | ast.Set | ast.Tuple | ast.JoinedStr
            | ast.ListComp | ast.DictComp | ast.SetComp | ast.Compare,
        ):  # fmt: skip
            return _NOTHING
        if isinstance(node, ast.Name):
            if node.id in local:
                rest = {key: value for key, value in local.items() if key != node.id}
                return self._best(module, local[node.id], depth + 1, rest)
            return self._lookup(module, node.id, depth + 1) or _UNKNOWN
        if isinstance(node, ast.Attribute):
            return self._attribute(module, node, depth, local)
        if isinstance(node, ast.Call):
            return self._called(self._expression(module, node.func, depth + 1, local), depth + 1)
        choices: list[ast.expr] = []
        if isinstance(node, ast.IfExp):
            choices = [node.orelse, node.body]
        elif isinstance(node, ast.BoolOp):
            choices = node.values[::-1]
        elif isinstance(node, ast.NamedExpr):
            choices = [node.value]
        if choices:
            return self._best(module, choices, depth + 1, local)
        return _UNKNOWN

    def _attribute(
        self, module: Module, node: ast.Attribute, depth: int, local: dict[str, list[_Bound]]
    ) -> Value:
        holder = self._expression(module, node.value, depth + 1, local)
        if holder.kind == "external":
            return Value("external", f"{holder.name}.{node.attr}")
        if holder.kind != "module":
            return _UNKNOWN
        if holder.module is not None:
            found = self._lookup(holder.module, node.attr, depth + 1)
            if found is not None:
                return found
        below = self._imported(f"{holder.name}.{node.attr}", module)
        return Value("module", below.name, module=below) if below else _UNKNOWN

    def _called(self, called: Value, depth: int) -> Value:
        if depth > _DEEPEST:
            return _UNKNOWN
        if called.kind == "external":
            return Value("made", called.name)
        if called.kind == "class" and isinstance(called.node, ast.ClassDef) and called.module:
            for base in called.node.bases:
                parent = self._expression(called.module, base, depth + 1, {})
                if parent.kind in ("external", "class"):
                    made = self._called(parent, depth + 1)
                    if made.kind == "made":
                        return made
            return _UNKNOWN
        if called.kind == "function" and isinstance(called.node, ast.FunctionDef) and called.module:
            return self._returns(called.node, called.module, depth)
        return _UNKNOWN

    def _returns(self, node: ast.FunctionDef, module: Module, depth: int) -> Value:
        collector = _Collector(module)
        collector.run(node.body)
        found = _UNKNOWN
        for expression in collector.returns:
            value = self._expression(module, expression, depth + 1, collector.bindings)
            if value.kind == "made":
                return value
        if node.returns is not None and not isinstance(node.returns, ast.Constant):
            annotated = self._expression(module, node.returns, depth + 1, {})
            if annotated.kind in ("external", "class"):
                found = self._called(annotated, depth + 1)
        return found


def required_arguments(node: ast.AST | None) -> list[str]:
    """Return the names of the arguments that a call of the function has to give."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return []
    arguments = node.args
    positional = [*arguments.posonlyargs, *arguments.args]
    required = positional[: len(positional) - len(arguments.defaults)]
    named = [
        argument
        for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        if default is None
    ]
    return [argument.arg for argument in (*required, *named)]


def _gives(module: Module, name: str) -> bool:
    """Tell whether ``from module import *`` gives ``name``, as far as ``__all__`` is plain."""
    listed = module.bindings.get("__all__")
    if listed is None:
        return not name.startswith("_")
    if len(listed) > 1 or not isinstance(listed[0], ast.List | ast.Tuple):
        return True
    names = [item.value for item in listed[0].elts if isinstance(item, ast.Constant)]
    return name in names or len(names) < len(listed[0].elts)


class _Collector:
    """Runs over statements in order and keeps what each name may be bound to afterwards."""

    def __init__(self, module: Module) -> None:
        self._module = module
        self.bindings: dict[str, list[_Bound]] = {}
        self.stars: list[str] = []
        self.imports: set[str] = set()
        self.returns: list[ast.expr] = []

    def run(self, body: Iterable[ast.stmt], *, certain: bool = True) -> None:
        """Take the statements of ``body``; ``certain`` is False where they may not run."""
        for statement in body:
            self._statement(statement, certain)

    def _statement(self, node: ast.stmt, certain: bool) -> None:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                self._assign(target, node.value, certain)
        elif isinstance(node, ast.AnnAssign):
            if node.value is not None:
                self._assign(node.target, node.value, certain)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            self._bind(node.name, node, certain)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            self._import(node, certain)
        elif isinstance(node, ast.Delete):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    self.bindings.pop(target.id, None)
        elif isinstance(node, ast.AugAssign):
            # Of what comes out nothing is known, such as which names "__all__" has then.
            self._assign(node.target, ast.Await(value=node.value, lineno=node.lineno), False)
        elif isinstance(node, ast.Return):
            if node.value is not None:
                self.returns.append(node.value)
        else:
            self._block(node, certain)

    def _block(self, node: ast.stmt, certain: bool) -> None:
        if isinstance(node, ast.If):
            for each in ast.walk(node.test):
                if isinstance(each, ast.NamedExpr):
                    self._assign(each.target, each.value, certain)
            if not _never_on_import(node.test):
                self.run(node.body, certain=False)
            self.run(node.orelse, certain=False)
        elif isinstance(node, ast.Try | ast.TryStar):
            # What the handlers bind comes first: the body's is the likelier, so the last.
            for handler in node.handlers:
                self.run(handler.body, certain=False)
            self.run(node.body, certain=False)
            self.run(node.orelse, certain=False)
            self.run(node.finalbody, certain=certain)
        elif isinstance(node, ast.With | ast.AsyncWith):
            self.run(node.body, certain=certain)
        elif isinstance(node, ast.For | ast.AsyncFor | ast.While):
            self.run(node.body, certain=False)
            self.run(node.orelse, certain=False)
        elif isinstance(node, ast.Match):
            for case in node.cases:
                self.run(case.body, certain=False)

    def _assign(self, target: ast.expr, value: ast.expr, certain: bool) -> None:
        if isinstance(target, ast.Name):
            self._bind(target.id, self._read(value), certain)
        elif isinstance(target, ast.Tuple | ast.List):
            values: Iterator[ast.expr] | None = None
            if (
                isinstance(value, ast.Tuple | ast.List)
                and len(value.elts) == len(target.elts)
                and not any(isinstance(item, ast.Starred) for item in (*value.elts, *target.elts))
            ):
                values = iter(value.elts)
            for item in target.elts:
                # Of what a call returns in parts nothing is known: Ellipsis stands for that.
                unknown = ast.Await(value=value, lineno=value.lineno)
                self._assign(item, next(values) if values else unknown, certain)
        elif isinstance(target, ast.Starred):
            self._assign(target.value, ast.List(elts=[], lineno=value.lineno), certain)

    def _read(self, value: ast.expr) -> _Bound:
        """Return what ``value`` is by now, where it is a name that may be bound anew below."""
        bound = self.bindings.get(value.id) if isinstance(value, ast.Name) else None
        return _Alias(bound, len(bound), value.lineno) if bound else value

    def _bind(self, name: str, bound: _Bound, certain: bool) -> None:
        if certain:
            self.bindings[name] = [bound]
        else:
            self.bindings.setdefault(name, []).append(bound)

    def _import(self, node: ast.Import | ast.ImportFrom, certain: bool) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name.partition(".")[0]
                self.imports.add(first)
                name = alias.asname or first
                module = alias.name if alias.asname else first
                self._bind(name, _Import(module, lineno=node.lineno), certain)
            return
        module = self._absolute(node)
        if not node.level:
            self.imports.add(module.partition(".")[0])
        for alias in node.names:
            if alias.name == "*":
                self.stars.append(module)
            else:
                bound = _Import(module, alias.name, node.lineno)
                self._bind(alias.asname or alias.name, bound, certain)

    def _absolute(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        steps = self._module.name.split(".")
        above = node.level - (1 if self._module.is_package else 0)
        steps = steps[: len(steps) - above] if above else steps
        return ".".join([*steps, *([node.module] if node.module else [])])


def _never_on_import(test: ast.expr) -> bool:
    """Tell whether ``test`` is False when a module is imported."""
    text = ast.unparse(test)
    return bool(
        re.fullmatch(r"__name__ == '__main__'|'__main__' == __name__", text)
        or re.fullmatch(r"(typing\.)?TYPE_CHECKING|False|0", text)
    )
