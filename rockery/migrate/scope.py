"""What the names of a module are bound to, kept without its syntax tree.

An expression is kept as a small tuple, as far as it can lead to something of Flask's:
``("name", id)``, ``("attribute", expression, name)``, ``("call", expression)``,
``("import", module, attribute)``, ``("scope", scope)``, ``("parameter", name, annotation)``,
``("any", expressions)``. What can't is None, which still hides an outer name.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

#: Expressions nested deeper than this are taken for unknown.
_DEEPEST = 24

Expression = tuple[Any, ...] | None
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(eq=False, repr=False)
class Scope:
    """A module, class or function: its names, and what else of it must be known elsewhere.

    ``returns`` are what a function returns or yields; ``tuples`` and ``texts`` the lines on
    which it returns a tuple of two or three, or plain text. ``attributes`` are those that a
    class's methods give ``self``.
    """

    kind: Literal["module", "class", "function"]
    name: str
    file: str
    parent: Scope | None = None
    names: dict[str, list[Expression]] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)
    bases: list[Expression] = field(default_factory=list)
    decorators: list[Expression] = field(default_factory=list)
    returns: list[Expression] = field(default_factory=list)
    tuples: list[int] = field(default_factory=list)
    texts: list[int] = field(default_factory=list)
    attributes: dict[str, list[Expression]] = field(default_factory=dict)
    globals: set[str] = field(default_factory=set)
    children: dict[tuple[int, int], Scope] = field(default_factory=dict)
    known: dict[str, Any] = field(default_factory=dict)

    def bind(self, name: str, value: Expression) -> None:
        """Add what ``name`` may be bound to."""
        owner = self
        if name in self.globals:
            while owner.parent is not None:
                owner = owner.parent
        owner.names.setdefault(name, []).append(value)

    @property
    def is_test(self) -> bool:
        """Tell whether it is of a file of tests."""
        return is_test(self.file)

    def walk(self) -> Iterator[Scope]:
        """Give this scope and all in it."""
        waiting = [self]
        while waiting:
            scope = waiting.pop()
            yield scope
            waiting.extend(scope.children.values())


def is_test(file: str) -> bool:
    """Tell whether a file is one of tests, by its path."""
    *folders, name = file.split("/")
    return bool(
        {"test", "tests", "testing"} & {*folders}
        or re.fullmatch(r"(test_.*|.*_tests?|tests?|conftest)\.py", name)
    )


def collect(tree: ast.Module, file: str) -> Scope:
    """Return the scope of the module in ``file``. Raises RecursionError for absurd ones."""
    scope = Scope("module", "", file)
    _Collector(scope).run(tree.body)
    return scope


def expression(node: ast.expr | None, depth: int = 0) -> Expression:
    """Return what there is to know of an expression."""
    if depth > _DEEPEST or node is None:
        return None
    if isinstance(node, ast.Name):
        return ("name", node.id)
    if isinstance(node, ast.Attribute):
        inner = expression(node.value, depth + 1)
        return inner and ("attribute", inner, node.attr)
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Name) and node.func.id == "getattr" and node.args:
            inner = expression(node.args[0], depth + 1)
            attribute = node.args[1] if len(node.args) > 1 else None
            name = attribute.value if isinstance(attribute, ast.Constant) else "get"
            return inner and ("attribute", inner, str(name))
        inner = expression(node.func, depth + 1)
        return inner and ("call", inner)
    if isinstance(node, ast.Await | ast.NamedExpr):
        return expression(node.value, depth + 1)
    choices: Iterable[ast.expr] = ()
    if isinstance(node, ast.IfExp):
        choices = (node.body, node.orelse)
    elif isinstance(node, ast.BoolOp):
        choices = node.values[:_DEEPEST]
    found = [expression(choice, depth + 1) for choice in choices]
    return ("any", tuple(found)) if any(found) else None


class _Collector:
    """Runs over statements and fills a scope."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    def run(self, body: Iterable[ast.AST]) -> None:
        for node in body:
            self.take(node)

    def take(self, node: ast.AST) -> None:
        scope = self.scope
        if isinstance(node, Function | ast.Lambda):
            self.function(node)
        elif isinstance(node, ast.ClassDef):
            child = self.child("class", node.name, node)
            child.bases = [expression(base) for base in node.bases]
            scope.bind(node.name, ("scope", child))
            self.run(node.decorator_list)
            _Collector(child).run(node.body)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            self.imports(node)
        elif isinstance(node, ast.Global):
            scope.globals.update(node.names)
        else:
            self.other(node)

    def other(self, node: ast.AST) -> None:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                self.assign(target, node.value)
        elif isinstance(node, ast.AnnAssign | ast.NamedExpr):
            self.assign(node.target, node.value)
        elif isinstance(node, ast.For | ast.AsyncFor | ast.comprehension):
            self.assign(node.target, None)
        elif isinstance(node, ast.withitem) and node.optional_vars is not None:
            self.assign(node.optional_vars, node.context_expr)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            self.scope.bind(node.name, None)
        elif isinstance(node, ast.Return) and node.value is not None:
            self.returned(node.value)
        elif isinstance(node, ast.Yield):
            self.scope.returns.append(expression(node.value))
        elif isinstance(node, ast.Call):
            self.narrowed(node)
        self.run(ast.iter_child_nodes(node))

    def child(self, kind: Literal["class", "function"], name: str, node: Any) -> Scope:
        child = Scope(kind, name, self.scope.file, self.scope)
        self.scope.children[node.lineno, node.col_offset] = child
        return child

    def function(self, node: Function | ast.Lambda) -> None:
        child = self.child("function", getattr(node, "name", ""), node)
        arguments = node.args
        for argument in _arguments(arguments):
            annotation = expression(argument.annotation)
            child.bind(argument.arg, ("parameter", argument.arg, annotation))
        for default in (*arguments.defaults, *arguments.kw_defaults):
            if default is not None:
                self.take(default)
        if isinstance(node, ast.Lambda):
            _Collector(child).take(node.body)
            return
        self.scope.bind(node.name, ("scope", child))
        child.decorators = [expression(one) for one in node.decorator_list]
        self.run(node.decorator_list)
        first = next(iter(_arguments(arguments)), None)
        if self.scope.kind == "class" and first is not None:
            child.names[first.arg] = [("self", self.scope)]
        _Collector(child).run(node.body)

    def imports(self, node: ast.Import | ast.ImportFrom) -> None:
        scope = self.scope
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.asname:
                    scope.bind(alias.asname, ("import", alias.name, ""))
                else:
                    scope.bind(alias.name.split(".")[0], ("import", alias.name.split(".")[0], ""))
            return
        module = absolute(node, scope.file)
        for alias in node.names:
            if alias.name == "*":
                scope.stars.append(module)
            else:
                scope.bind(alias.asname or alias.name, ("import", module, alias.name))

    def assign(self, target: ast.expr, value: ast.expr | None) -> None:
        if isinstance(target, ast.Name):
            self.scope.bind(target.id, expression(value))
        elif isinstance(target, ast.Tuple | ast.List):
            values: list[Any] = [None] * len(target.elts)
            if isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts):
                values = value.elts
            for one, part in zip(target.elts, values, strict=True):
                self.assign(one, part)
        elif isinstance(target, ast.Starred):
            self.assign(target.value, None)
        elif isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
            bound = self.scope.names.get(target.value.id, [None])[0]
            if bound and bound[0] == "self":
                bound[1].attributes.setdefault(target.attr, []).append(
                    ("within", self.scope, expression(value))
                )

    def returned(self, value: ast.expr) -> None:
        if isinstance(value, ast.Tuple) and len(value.elts) in (2, 3):
            self.scope.tuples.append(value.lineno)
        elif is_text(value):
            self.scope.texts.append(value.lineno)
        self.scope.returns.append(expression(value))

    def narrowed(self, node: ast.Call) -> None:
        """After ``isinstance(name, Class)`` the name may be an object of the class."""
        match node:
            case ast.Call(
                func=ast.Name(id="isinstance"), args=[ast.Name(id=name), ast.expr() as kind]
            ) if name not in self.scope.globals:
                self.scope.bind(name, ("call", expression(kind)))


def _arguments(arguments: ast.arguments) -> Iterator[ast.arg]:
    yield from (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
    yield from (one for one in (arguments.vararg, arguments.kwarg) if one is not None)


def absolute(node: ast.ImportFrom, file: str) -> str:
    """Return the dotted module of a ``from … import``, relative to the project's folder."""
    if not node.level:
        return node.module or ""
    folders = file.split("/")[:-1]
    folders = folders[: len(folders) - (node.level - 1)]
    return ".".join([*folders, *((node.module or "").split(".") if node.module else [])])


def is_text(node: ast.expr) -> bool:
    """Tell whether an expression is plainly a text."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str)
    if isinstance(node, ast.JoinedStr):
        return True
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, ast.Mod | ast.Add) and is_text(node.left)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        of = node.func.value
        return node.func.attr == "decode" or (
            node.func.attr in ("join", "format", "strip") and is_text(of)
        )
    return False
