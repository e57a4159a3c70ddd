"""The uses of Flask in a Python module."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from rockery.migrate import counterpart
from rockery.migrate.reference import (
    ANSWER,
    CLIENT,
    CONTEXT,
    WEBTEST,
    WEBTEST_ANSWER,
    Reference,
    References,
)
from rockery.migrate.scope import Function, Scope, absolute, expression
from rockery.migrate.use import Use

#: A logger or class of Werkzeug's, named in a text.
_NAMED = re.compile(r"werkzeug(\.\w+)*")
_FASTAPI = ("fastapi.FastAPI", "fastapi.APIRouter", "fastapi.routing.APIRouter")
#: Methods of a test client that take no body with httpx.
_BODILESS = frozenset({"get", "delete", "head", "options"})


@dataclass(eq=False, repr=False)
class Module:
    """The uses in one module; ``fastapi`` counts the routes that are FastAPI's already."""

    scope: Scope
    references: References
    uses: dict[tuple[int, str], Use] = field(default_factory=dict)
    fastapi: int = 0

    def read(self, tree: ast.Module) -> None:
        """Find the uses in the module's tree. Raises RecursionError for absurd ones."""
        _Reader(self, self.scope).run(tree.body)
        for scope in self.scope.walk():
            for line in scope.known.get(_RETURNS, ()):
                self.add(line, "return", "return")

    def add(self, line: int, kind: str, name: str, dotted: str = "") -> None:
        """Note a use, once for each line and kind."""
        use = Use(self.scope.file, line, kind, name, counterpart.instead(kind, dotted))
        self.uses.setdefault((line, kind), use)


#: Under this name a scope knows the lines on which it returns what FastAPI would send otherwise.
_RETURNS = "return"


def follow_views(references: References) -> None:
    """Find the views, and the functions whose value they return."""
    waiting: list[tuple[Scope, bool]] = []
    for module in references.modules.values():
        for scope in module.walk():
            if scope.kind == "function" and any(
                _registers(one, scope.parent or scope, references) for one in scope.decorators
            ):
                waiting.append((scope, True))
    seen: set[Scope] = set()
    while waiting:
        scope, view = waiting.pop()
        if scope in seen:
            continue
        seen.add(scope)
        scope.known[_RETURNS] = [*scope.tuples, *(scope.texts if view else ())]
        for returned in scope.returns:
            if returned is not None and returned[0] == "call":
                found = references.of(returned[1], scope)
                if found is not None and found.scope is not None and found.kind == "scope":
                    waiting.append((found.scope, False))


def _registers(decorator: object, scope: Scope, references: References) -> bool:
    """Tell whether a decorator makes a view, a hook or an error handler of a function."""
    if isinstance(decorator, tuple) and decorator[0] == "call":
        decorator = decorator[1]
    if not isinstance(decorator, tuple) or decorator[0] != "attribute":
        return False
    name = str(decorator[2])
    if counterpart.PLAIN.get(name) in ("hook", "error-handler"):
        return not name.startswith(("after", "teardown", "url"))
    holder = references.of(decorator[1], scope)
    if name == "route":
        return holder is None or not holder.name.startswith(("fastapi.", "starlette."))
    return name in counterpart.VERBS and holder is not None and _is_flask(holder)


def _is_flask(holder: Reference) -> bool:
    return holder.kind == "made" and counterpart.external(holder.name) in ("app", "blueprint")


class _Reader(ast.NodeVisitor):
    """Visits the nodes of a scope; each inner scope gets a reader of its own."""

    def __init__(self, module: Module, scope: Scope) -> None:
        self.module = module
        self.scope = scope
        self.references = module.references

    def run(self, nodes: Iterable[ast.AST | None]) -> None:
        for node in nodes:
            if node is not None:
                self.visit(node)

    def inside(self, node: ast.AST) -> _Reader:
        position = (node.lineno, node.col_offset)  # type: ignore[attr-defined]
        return _Reader(self.module, self.scope.children[position])

    # Statements.

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._imported(node, alias.name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = absolute(node, self.scope.file)
        if not node.level and self.references.module(module, self.scope.file) is None:
            for alias in node.names:
                self._imported(node, f"{module}.{alias.name}")

    def _imported(self, node: ast.Import | ast.ImportFrom, dotted: str) -> None:
        top = dotted.partition(".")[0]
        kind = "import" if top == "flask" else counterpart.external(dotted)
        if kind is not None:
            self.module.add(node.lineno, kind, f"import {dotted}", dotted)

    def visit_FunctionDef(self, node: Function) -> None:
        arguments = node.args
        for decorator in node.decorator_list:
            self._count_fastapi(decorator)
        self.run(node.decorator_list)
        self.run((*arguments.defaults, *arguments.kw_defaults, node.returns))
        for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
            self.run((argument.annotation,))
        self.inside(node).run(node.body)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815 - ast's name for it

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self.run((*node.args.defaults, *node.args.kw_defaults))
        self.inside(node).visit(node.body)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.run((*node.decorator_list, *node.bases, *node.keywords))
        self.inside(node).run(node.body)

    # Expressions.

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self._external(node, self.references.name(node.id, self.scope), node.id)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str) and _NAMED.fullmatch(node.value):
            self.module.add(node.lineno, "werkzeug", node.value, node.value)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self._chain(node, called=False)

    def visit_Call(self, node: ast.Call) -> None:
        function = node.func
        if isinstance(function, ast.Name) and function.id in ("isinstance", "issubclass"):
            self._isinstance(node)
            return
        if isinstance(function, ast.Name) and function.id == "getattr" and node.args:
            self.run(node.args)
            return
        if isinstance(function, ast.Attribute):
            self._client_call(node, function)
            self._chain(function, called=True)
        else:
            self.visit(function)
        if self.scope.is_test:
            for keyword in node.keywords:
                if keyword.arg in counterpart.PLAIN_ARGUMENTS:
                    self.module.add(keyword.lineno, "test", f"{keyword.arg}=")
        self.run((*node.args, *(keyword.value for keyword in node.keywords)))

    def _external(self, node: ast.expr, found: Reference | None, written: str) -> bool:
        """Note the use of a name from elsewhere; tell whether it was one."""
        if found is None or found.kind != "external":
            return False
        kind = counterpart.external(found.name)
        if kind is None:
            return False
        if kind == "extension" and found.name.rpartition(".")[2] in counterpart.TRANSLATION:
            return True
        self.module.add(node.lineno, kind, written, found.name)
        return True

    def _chain(self, node: ast.Attribute, *, called: bool) -> None:
        """Note the first of ``a.b.c`` that is Flask's, from the left."""
        links: list[ast.Attribute] = []
        root: ast.expr = node
        while isinstance(root, ast.Attribute):
            links.append(root)
            root = root.value
        if isinstance(root, ast.Name):
            found = self.references.name(root.id, self.scope)
            if self._external(root, found, root.id):
                return
        else:
            self.visit(root)
            found = self._of(root)
        for link in reversed(links):
            if self._member(link, found, called=called and link is node):
                return
            found = self.references.attribute(found, link.attr)
            if found is None and link.attr == "headers":
                continue
            if self._external(link, found, link.attr):
                return

    def _of(self, node: ast.expr) -> Reference | None:
        return self.references.of(expression(node), self.scope)

    def _member(self, node: ast.Attribute, holder: Reference | None, *, called: bool) -> bool:
        """Note an attribute that is Flask's; tell whether it was."""
        name = node.attr
        line = node.end_lineno or node.lineno
        made = holder.name if holder is not None and holder.kind == "made" else ""
        kind = _kind(made, name)
        if kind is None and name in counterpart.PLAIN:
            known = name not in counterpart.CALLED or called
            kind = counterpart.PLAIN[name] if known else None
        if kind is None:
            return False
        self.module.add(line, kind, f".{name}", made if kind == "extension" else "")
        return True

    def _isinstance(self, node: ast.Call) -> None:
        self.run(node.args[:1])
        for argument in node.args[1:]:
            several = argument.elts if isinstance(argument, ast.Tuple) else [argument]
            for one in several:
                found = self._of(one)
                if found is None or found.scope or not counterpart.external(found.name):
                    self.visit(one)
                else:
                    self.module.add(node.lineno, "isinstance", "isinstance", found.name)

    # Tests.

    def _client_call(self, node: ast.Call, function: ast.Attribute) -> None:
        """Note what httpx wouldn't take of a test client's call."""
        client = self._of(function.value)
        if client is None or client.kind != "made" or client.name not in (CLIENT, WEBTEST):
            return
        for keyword in node.keywords:
            if keyword.arg in counterpart.ARGUMENTS:
                self.module.add(keyword.lineno, "test", f"{keyword.arg}=")
            elif keyword.arg in ("data", "json") and function.attr in _BODILESS:
                self.module.add(node.lineno, "test", f".{function.attr}({keyword.arg}=…)")
        if any(_is_bytes(argument) for argument in node.args[:1]):
            self.module.add(node.lineno, "test", f".{function.attr}(b'…')")

    def _count_fastapi(self, decorator: ast.expr) -> None:
        call = decorator.func if isinstance(decorator, ast.Call) else decorator
        if isinstance(call, ast.Attribute):
            holder = self._of(call.value)
            routes = (*counterpart.VERBS, "api_route", "route", "websocket")
            if holder is not None and holder.name in _FASTAPI and call.attr in routes:
                self.module.fastapi += 1


def _is_bytes(node: ast.expr) -> bool:
    if isinstance(node, ast.BinOp):
        return _is_bytes(node.left)
    return isinstance(node, ast.Constant) and isinstance(node.value, bytes)


def _kind(made: str, name: str) -> str | None:
    """Return the kind of an attribute of what ``made`` gives, or None."""
    if not made:
        return None
    holder, _, last = made.rpartition(".")
    if made in (CLIENT, WEBTEST):
        known = counterpart.CLIENT if made == CLIENT else counterpart.WEBTEST_CLIENT
        return "test" if name in known else None
    if made in (ANSWER, WEBTEST_ANSWER):
        known = counterpart.ANSWER if made == ANSWER else counterpart.WEBTEST_ANSWER
        return "test" if name in known else None
    if holder in (ANSWER, WEBTEST_ANSWER):
        return "test" if last == "headers" and name in counterpart.HEADERS else None
    if made == CONTEXT:
        return "context"
    kind = counterpart.external(made)
    if kind == "app":
        return counterpart.APP.get(name) or ("route" if name in counterpart.VERBS else None)
    if kind == "blueprint":
        if name in ("route", *counterpart.VERBS):
            return "route"
        return {"cli": "cli", "record": "blueprint", "record_once": "blueprint"}.get(name)
    if kind in ("response", "jsonify", "redirect"):
        if last == "headers":
            return "response" if name in counterpart.HEADERS else None
        return "response" if name in counterpart.RESPONSE else None
    module = counterpart.extension(made)
    if module in counterpart.DATABASES:
        return "extension" if name in counterpart.DATABASE else None
    if kind in ("extension", "werkzeug") and last[:1].isupper():
        return kind
    return None
