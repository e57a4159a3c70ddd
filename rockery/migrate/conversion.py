"""Writing a FastAPI module beside a Flask one: what is sure is changed, the rest is marked."""

from __future__ import annotations

import ast
import os
import re
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Literal

from rockery.migrate import counterpart, snippet
from rockery.migrate.edit import Edits
from rockery.migrate.reference import Reference, References
from rockery.migrate.scope import Function, Scope, absolute, expression, is_text
from rockery.migrate.use import Use

Role = Literal["view", "before", "after", "error", "plain"]

_CONVERTERS = {"int": "int", "float": "float", "path": "path", "uuid": "uuid"}
_TYPES = {"int": "int", "float": "float", "path": "str", "uuid": "", "string": "str", "": "str"}
_ARGUMENT = re.compile(r"<(?:([^<>:()]+)(\([^<>]*\))?:)?([^<>:]+)>")

#: What makes a pattern of an origin for Flask-CORS; ``*`` alone is every origin for both.
_PATTERN = re.compile(r"(?!\*$)[][*\\?$^()]")

#: Attributes of the request that are elsewhere with Starlette's.
_REQUEST = {
    "args": "request.query_params",
    "headers": "request.headers",
    "cookies": "request.cookies",
    "method": "request.method",
    "path": "request.url.path",
    "url": "str(request.url)",
    "base_url": "str(request.base_url)",
    "host": "request.url.netloc",
    "scheme": "request.url.scheme",
    "remote_addr": "(request.client and request.client.host)",
    "content_type": 'request.headers.get("content-type")',
    "view_args": "request.path_params",
    "is_secure": '(request.url.scheme == "https")',
}
#: Attributes of Werkzeug's HTTP errors that Starlette's have elsewhere.
_ERROR = {
    "code": "{}.status_code",
    "description": "{}.detail",
    "name": "HTTPStatus({}.status_code).phrase",
}
#: What reads the body, by the attribute of Flask's request: the dependency.
_BODIES = {"json": "json_body()", "data": "body", "form": "form"}
_PROXIES = {"flask.g": "request.state", "flask.session": "request.session"}
#: Names of Flask's that have one of FastAPI's in their place, as they are.
_CLASSES = {"flask.Flask": "FastAPI", "flask.Blueprint": "APIRouter", "flask.Response": "Response"}


@dataclass(frozen=True)
class Written:
    """What a module of Flask's, ``source``, converts to; ``marked`` counts the places left."""

    source: str
    path: str
    text: str
    marked: int


@dataclass(eq=False, repr=False)
class _Known:
    """A function of the module: what it was to Flask, and what it wants to be given."""

    node: Function
    scope: Scope
    role: Role = "plain"
    wants: set[str] = field(default_factory=set)
    arguments: dict[str, str] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    called: bool = False


def target(path: str) -> str:
    """Return the path that the converted module of ``path`` has."""
    pure = PurePosixPath(path)
    stem = pure.stem.replace("flask", "fastapi")
    stem = stem if stem != pure.stem else f"{pure.stem.strip('_')}_fastapi"
    return str(pure.with_name(f"{stem}.py"))


def write(folder: Path, module: Written) -> bool:
    """Write a new module as a whole; tell whether it was, False where its path is taken."""
    path = folder / module.path
    with tempfile.NamedTemporaryFile("w", dir=path.parent, encoding="utf-8") as new:
        new.write(module.text)
        new.flush()
        Path(new.name).chmod(0o644)
        try:
            os.link(new.name, path)  # unlike a rename it never takes another's place
        except FileExistsError:
            return False
    return True


class Conversion(ast.NodeVisitor):
    """Converts one module; ``uses`` are those that were found in it."""

    def __init__(
        self, folder: Path, content: bytes, tree: ast.Module, scope: Scope, references: References
    ) -> None:
        self.folder = folder
        self.tree = tree
        self.references = references
        self.module = scope
        self.edits = Edits(content)
        self.needs: set[str] = set()
        self.pieces: set[str] = set()
        self.done: set[tuple[int, str]] = set()
        self.undone: set[tuple[int, str]] = set()
        self.unsure: list[Use] = []  # what the survey doesn't count, and yet may be Flask's
        self.errors: frozenset[str] = frozenset()  # the names of Werkzeug's errors hereabouts
        self.left: set[str] = set()
        self.taken = {name for inner in scope.walk() for name in inner.names}
        self.known: dict[ast.AST, _Known] = {}
        self.scopes: list[Scope] = [scope]
        self.functions: list[_Known] = []
        self.helpers: dict[str, _Known] = {}
        self.hooks: dict[str, list[_Known]] = {"before": [], "after": []}
        self.application = ""

    # --- the whole ---------------------------------------------------------------------

    def run(self, uses: Iterable[Use], converted: frozenset[str]) -> tuple[str, int]:
        """Return the text of the converted module, and how many places are marked in it.

        ``converted`` are the modules that are converted with it.
        """
        self._classify(self.tree, self.module)
        self._spread()
        for node in self.tree.body:
            self.visit(node)
        marked = self._mark(uses)
        self._write_hooks()
        return self.finished(self.edits.result(), converted), marked

    def _classify(self, node: ast.AST, scope: Scope, outer: _Known | None = None) -> None:
        """Find out what each function is, and what it wants."""
        for child in ast.iter_child_nodes(node):
            inner, around = scope, outer
            if isinstance(child, Function | ast.ClassDef | ast.Lambda):
                inner = scope.children[child.lineno, child.col_offset]
            if isinstance(child, Function):
                found = _Known(child, inner)
                found.role = self._role(child, scope)
                self.known[child] = found
                if found.role != "plain" or outer is None or outer.role == "plain":
                    around = found
            if around is not None:
                around.wants |= self._wants(child, scope)
                if isinstance(child, ast.Call) and isinstance(child.func, ast.Name):
                    around.calls[child.func.id] += 1
            self._classify(child, inner, around)

    def _role(self, node: Function, scope: Scope) -> Role:
        for decorator in node.decorator_list:
            call = decorator.func if isinstance(decorator, ast.Call) else decorator
            if not isinstance(call, ast.Attribute):
                continue
            made = self._made(call.value, scope)
            if made == "app" and call.attr in ("before_request", "before_app_request"):
                return "before"
            if made == "app" and call.attr in ("after_request", "after_app_request"):
                return "after"
            if made == "app" and call.attr in ("errorhandler", "app_errorhandler"):
                return "error"
            if made and call.attr in ("route", *counterpart.VERBS):
                return "view"
        return "plain"

    def _made(self, node: ast.expr, scope: Scope) -> str | None:
        """Tell whether an expression is an application or a blueprint of Flask's."""
        found = self.references.of(expression(node), scope)
        kind = counterpart.external(found.name) if found and found.kind == "made" else None
        return kind if kind in ("app", "blueprint") else None

    def _wants(self, node: ast.AST, scope: Scope) -> set[str]:
        if isinstance(node, ast.Attribute) and node.attr in ("data", "get_data"):
            return {"sent_body"} if self._dotted(node.value, scope) == "flask.request" else set()
        if not isinstance(node, ast.Name) or not isinstance(node.ctx, ast.Load):
            return set()
        name = self._dotted(node, scope)
        proxies = ("flask.request", "flask.g", "flask.session", "flask.current_app")
        functions = ("flask.url_for", "flask.render_template")
        return {"request"} if name in (*proxies, *functions) else set()

    def _dotted(self, node: ast.expr, scope: Scope | None = None) -> str:
        found = self.references.of(expression(node), scope or self.scopes[-1])
        return found.name if found is not None and found.kind in ("external", "alias") else ""

    def _spread(self) -> None:
        """Give what a function wants to those that call it by name, and to nobody else."""
        helpers = [known for known in self.known.values() if self._is_helper(known)]
        names = Counter(known.node.name for known in helpers)
        named = {k.node.name: k for k in helpers if names[k.node.name] == 1}
        self.helpers = named
        loads = Counter(
            node.id
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
        )
        calls: Counter[str] = Counter()
        waiting = list(named.values())
        callers: dict[str, list[_Known]] = {}
        for known in self.known.values():
            for name in known.calls:
                callers.setdefault(name, []).append(known)
            if known.role != "plain" or self._is_helper(known):
                calls.update(known.calls)
        while waiting:
            called = waiting.pop()
            for known in callers.get(called.node.name, ()) if called.wants else ():
                if not known.wants >= called.wants:
                    known.wants |= called.wants
                    if named.get(known.node.name) is known:
                        waiting.append(known)
        for name, known in named.items():
            known.called = 0 < loads[name] == calls[name]

    def _is_helper(self, known: _Known) -> bool:
        """Tell whether it is a function that the views of the module may call by its name."""
        parent = known.scope.parent
        within = (
            {other.scope: other for other in self.known.values()}.get(parent) if parent else None
        )
        return known.role == "plain" and (
            parent is self.module or (within is not None and within.role == "plain")
        )

    # --- functions ---------------------------------------------------------------------

    def visit_FunctionDef(self, node: Function) -> None:
        """Convert a function by what it was to Flask."""
        known = self.known[node]
        outer = self.functions[-1] if self.functions else None
        inherits = known.role == "plain" and outer is not None and outer.role != "plain"
        for decorator in node.decorator_list:
            self._decorator(decorator, known)
        for default in (*node.args.defaults, *node.args.kw_defaults):
            if default is not None:
                self.visit(default)
        self.scopes.append(known.scope)
        self.functions.append(outer if inherits and outer else known)
        errors, self.errors = self.errors, self._errors(known)
        for argument in (*node.args.args, *node.args.kwonlyargs):
            if argument.annotation is not None:
                self.visit(argument.annotation)
        self._returned_annotation(node, known)
        for statement in node.body:
            self.visit(statement)
        self.errors = errors
        self.functions.pop()
        self.scopes.pop()
        if not inherits and (known.role != "plain" or known.called):
            self._signature(node, known)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815 - ast's name for it

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        """Convert what is in a class."""
        self.scopes.append(self.scopes[-1].children[node.lineno, node.col_offset])
        self.generic_visit(node)
        self.scopes.pop()

    def visit_Lambda(self, node: ast.Lambda) -> None:
        """Convert what is in a lambda."""
        self.scopes.append(self.scopes[-1].children[node.lineno, node.col_offset])
        self.generic_visit(node)
        self.scopes.pop()

    def _returned_annotation(self, node: Function, known: _Known) -> None:
        if node.returns is None:
            return
        if known.role == "plain":
            self.visit(node.returns)
            return
        plain = ast.unparse(node.returns)
        data = re.match(r"(dict|list|Dict|List|Any)\b", plain) or self._answers_text(known)
        if (known.role == "view" and data) or plain == "None":
            return
        # FastAPI would take it for a model of the answer.
        responds = all(self._responds(value) for value in _returns(node))
        kind = "Response" if known.role in ("after", "error") or responds else "Any"
        self.edits.replace(node.returns, kind)
        self.needs.add(kind)
        for inner in ast.walk(node.returns):
            if isinstance(inner, ast.expr):
                self._settle(inner)

    def _signature(self, node: Function, known: _Known) -> None:
        """Add the parameters that a function wants."""
        added = []
        if known.role in ("before", "after", "error") or "request" in known.wants:
            added.append("request: Request")
            self.needs.add("Request")
        if "sent_body" in known.wants and known.role == "view":
            self._wants_body(known)
        elif "sent_body" in known.wants and known.role == "plain":
            added.append("sent_body: bytes")
        for name, annotation in known.arguments.items():
            added.append(f"{name}: {annotation}")
        if not added:
            return
        arguments = node.args
        first = next(iter((*arguments.posonlyargs, *arguments.args)), None)
        opening = self._opening(node)
        alone = first is None and not (arguments.vararg or arguments.kwonlyargs or arguments.kwarg)
        text = ", ".join(added) + ("" if alone else ", ")
        self.edits.put(opening, opening, text)

    def _opening(self, node: Function) -> int:
        """Return where the parameters of a function begin."""
        start, _ = self.edits.span(node)
        return self.edits.content.index(b"(", start) + 1

    # --- decorators --------------------------------------------------------------------

    def _decorator(self, decorator: ast.expr, known: _Known) -> None:
        call = decorator.func if isinstance(decorator, ast.Call) else decorator
        if isinstance(call, ast.Attribute) and known.role != "plain":
            made = self._made(call.value, self.scopes[-1])
            if made and known.role == "view" and isinstance(decorator, ast.Call):
                self._route(decorator, call, known)
                return
            if made and known.role in ("before", "after"):
                self.application = self.edits.text(call.value)
                self.hooks[known.role].append(known)
                self._remove_decorator(decorator)
                self.done.add((decorator.lineno, "hook"))
                return
            if made and known.role == "error" and isinstance(decorator, ast.Call):
                for argument in decorator.args:
                    self.visit(argument)
                self.edits.replace(call, f"{self.edits.text(call.value)}.exception_handler")
                self.done.add((call.end_lineno or call.lineno, "error-handler"))
                return
        self.visit(decorator)

    def _remove_decorator(self, decorator: ast.expr) -> None:
        start, end = self.edits.line(decorator.lineno), self.edits.span(decorator)[1]
        self.edits.put(start, end + 1, "")

    def _route(self, node: ast.Call, call: ast.Attribute, known: _Known) -> None:
        holder = self.edits.text(call.value)
        path = node.args[0] if node.args else None
        methods = ["GET"] if call.attr == "route" else [call.attr.upper()]
        further: list[str] = []
        for keyword in node.keywords:
            if keyword.arg == "methods" and isinstance(
                keyword.value, ast.List | ast.Tuple | ast.Set
            ):
                methods = [str(getattr(one, "value", "")).upper() for one in keyword.value.elts]
            elif keyword.arg == "endpoint":
                further.append(f"name={self.edits.text(keyword.value)}")
            elif keyword.arg != "strict_slashes":
                return  # defaults, subdomains and the like: marked
        if not isinstance(path, ast.Constant) or not isinstance(path.value, str):
            return
        converted = self._path(path.value, known)
        verbs = [method.lower() for method in methods if method.lower() in counterpart.VERBS]
        if converted is None or len(verbs) != len(methods):
            return
        if self._answers_text(known):
            further.insert(0, "response_class=HTMLResponse")
            self.needs.add("HTMLResponse")
        elif known.node.returns is not None and not re.match(
            r"(dict|list|Dict|List|Any)\b", ast.unparse(known.node.returns)
        ):
            further.insert(0, "response_model=None")
        indent = self.edits.indent(node.lineno)
        lines = []
        if "get" in verbs and "head" not in verbs:
            verbs.insert(0, "head")
        for verb in dict.fromkeys(verbs):
            hidden = ["include_in_schema=False"] if verb == "head" else []
            arguments = ", ".join([_quoted(converted), *further, *hidden])
            lines.append(f"{holder}.{verb}({arguments})")
        self.edits.replace(node, f"\n{indent}@".join(lines))
        self.done.add((call.end_lineno or call.lineno, "route"))

    def _path(self, path: str, known: _Known) -> str | None:
        """Return a path as FastAPI writes it; note the types of its arguments."""
        pieces, at = [], 0
        defaults = _defaults(known.node)
        given = {argument.arg: argument for argument in known.node.args.args}
        for found in _ARGUMENT.finditer(path):
            kind, options, name = found[1] or "", found[2], found[3]
            if options or kind not in _TYPES or name not in given or name in defaults:
                return None
            converter = f":{_CONVERTERS[kind]}" if kind in _CONVERTERS else ""
            pieces += [path[at : found.start()], "{", name, converter, "}"]
            at = found.end()
            argument = given[name]
            if argument.annotation is None and _TYPES[kind]:
                end = self.edits.span(argument)[1]
                if (end, end) not in self.edits.made:
                    self.edits.put(end, end, f": {_TYPES[kind]}")
        return "".join([*pieces, path[at:]])

    def _answers_text(self, known: _Known) -> bool:
        """Tell whether all that a view returns is text."""
        returns = known.node.returns
        if isinstance(returns, ast.Name) and returns.id == "str":
            return not any(self._renders(one) for one in _returns(known.node))
        values = list(_returns(known.node))
        return bool(values) and all(is_text(value) for value in values)

    def _renders(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Call) and self._dotted(node.func) == "flask.render_template"

    # --- statements --------------------------------------------------------------------

    def visit_Return(self, node: ast.Return) -> None:
        """Convert what a view, a hook or an error handler returns."""
        known = self.functions[-1] if self.functions else None
        own = known is not None and known.scope is self.scopes[-1]
        value = node.value
        if value is None or known is None or not own or known.role in ("plain", "after"):
            self.generic_visit(node)
            return
        parts = value.elts if isinstance(value, ast.Tuple) else [value]
        rest = parts[1:]
        if isinstance(parts[0], ast.Name) and parts[0].id in self.errors:
            self._doubt(value, "return", f"return {parts[0].id}")  # Werkzeug's is an answer, too
            return
        for part in rest:
            self.visit(part)
        if known.role == "view" and not rest:
            self._single(value, known)
            return
        plain = self._data(parts[0])
        if plain is None:
            self.visit(parts[0])
            plain = self.edits.text(parts[0])
        self.edits.replace(value, self._piece("answer", [plain, *map(self.edits.text, rest)]))
        self.done.add((value.lineno, "return"))

    def _single(self, value: ast.expr, known: _Known) -> None:
        """Convert what a view returns without a status."""
        plain = self._data(value)
        if plain is not None:
            self.edits.replace(value, plain)
            return
        self.visit(value)
        if self._answers_text(known):
            self.done.add((value.lineno, "return"))
            return
        data = ast.Dict | ast.List | ast.ListComp | ast.DictComp
        returns = known.node.returns
        declared = returns is not None and re.match(
            r"(dict|list|Dict|List)\b", ast.unparse(returns)
        )
        if isinstance(value, data) or declared or self._responds(value):
            return
        self.edits.replace(value, self._piece("answer", [self.edits.text(value)]))
        self.done.add((value.lineno, "return"))

    def _responds(self, node: ast.expr) -> bool:
        """Tell whether an expression is plainly a response."""
        if not isinstance(node, ast.Call):
            return False
        return self._dotted(node.func) in (
            *("flask.redirect", "flask.render_template", "flask.Response", "flask.make_response"),
        )

    def _data(self, node: ast.expr) -> str | None:
        """Return the data of a call of jsonify, or None where it is none."""
        if not isinstance(node, ast.Call) or self._dotted(node.func) not in (
            *("flask.jsonify", "flask.json.jsonify"),
        ):
            return None
        self._settle(node.func)
        for part in (*node.args, *(keyword.value for keyword in node.keywords)):
            self.visit(part.value if isinstance(part, ast.Starred) else part)
        args = [self.edits.text(one) for one in node.args]
        if node.keywords:
            pairs = [
                f'"{one.arg}": {self.edits.text(one.value)}'
                if one.arg
                else f"**{self.edits.text(one.value)}"
                for one in node.keywords
            ]
            return "{" + ", ".join(pairs) + "}"
        starred = any(isinstance(one, ast.Starred) for one in node.args)
        return args[0] if len(args) == 1 and not starred else "[" + ", ".join(args) + "]"

    def visit_Expr(self, node: ast.Expr) -> None:
        """Convert a statement that is a call: abort raises."""
        value = node.value
        if isinstance(value, ast.Call) and self._dotted(value.func) == "flask.abort":
            raised = self._abort(value)
            if raised is not None:
                self.edits.replace(value, raised)
                return
        if isinstance(value, ast.Call) and (
            self._dotted(value.func) == "flask_cors.CORS" and self._cors(value)
        ):
            return
        if (
            isinstance(value, ast.Call)
            and isinstance(value.func, ast.Attribute)
            and value.func.attr == "call_on_close"
            and len(value.args) == 1
        ):
            self.visit(value.func.value)
            self.visit(value.args[0])
            response, then = self.edits.text(value.func.value), self.edits.text(value.args[0])
            self.needs.add("BackgroundTask")
            self.edits.replace(value, f"{response}.background = BackgroundTask({then})")
            self.done.add((value.func.end_lineno or value.lineno, "response"))
            return
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        """Leave out that keys of JSON aren't sorted: FastAPI never does."""
        match node.targets:
            case [ast.Attribute(attr="sort_keys", value=ast.Attribute(attr="json") as json)] if (
                self._made(json.value, self.scopes[-1]) == "app"
            ):
                start = self.edits.line(node.lineno)
                end = self.edits.line((node.end_lineno or node.lineno) + 1)
                self.edits.put(start, end, "")
                self.done.add((node.lineno, "app"))
            case _:
                self.generic_visit(node)

    def _cors(self, node: ast.Call) -> bool:
        """Convert Flask-CORS to a middleware; its defaults are written out."""
        names = {"origins": "allow_origins", "methods": "allow_methods", "max_age": "max_age",
                 "allow_headers": "allow_headers", "expose_headers": "expose_headers",
                 "supports_credentials": "allow_credentials"}  # fmt: skip
        given = {names.get(one.arg or "", ""): one.value for one in node.keywords}
        if len(node.args) != 1 or "" in given or not all(map(self._is_listed, given.items())):
            return False
        self._settle(node.func)
        texts = ["CORSMiddleware"]
        for name, value in given.items():
            self.visit(value)
            text = self.edits.text(value)
            single = isinstance(value, ast.Constant) and isinstance(value.value, str)
            texts.append(f"{name}=[{text}]" if single else f"{name}={text}")
        for name in ("allow_origins", "allow_methods", "allow_headers"):
            texts += [] if name in given else [f'{name}=["*"]']
        self.needs.add("CORSMiddleware")
        app = self.edits.text(node.args[0])
        self.edits.replace(node, f"{app}.add_middleware({', '.join(texts)})")
        return True

    def _is_listed(self, item: tuple[str, ast.expr]) -> bool:
        """Tell whether an argument of CORS is plainly a list, or one text, as the other wants it.

        Of a text that may hold all of it Starlette would take any part for an origin.
        """
        name, value = item
        if name in ("max_age", "allow_credentials"):
            return True
        if name == "allow_origins" and any(
            isinstance(one, ast.Constant) and _PATTERN.search(str(one.value))
            for one in ast.walk(value)
        ):
            return False
        return (isinstance(value, ast.Constant) and isinstance(value.value, str)) or (
            self._is_list(value)
        )

    def _is_list(self, node: ast.expr) -> bool:
        match node:
            case ast.List() | ast.Tuple() | ast.Set() | ast.ListComp():
                return True
            case ast.Call(func=ast.Name(id="list" | "tuple" | "set" | "sorted")):
                return True
            case ast.Call(func=ast.Attribute(attr="split")):
                return True
            case ast.Name(id=name):
                values = [
                    each.value
                    for each in ast.walk(self.tree)
                    if isinstance(each, ast.Assign)
                    and any(isinstance(one, ast.Name) and one.id == name for one in each.targets)
                ]
                return bool(values) and not any(
                    isinstance(value, ast.Name) or not self._is_list(value) for value in values
                )
        return False

    def _abort(self, node: ast.Call) -> str | None:
        named = {keyword.arg: keyword.value for keyword in node.keywords}
        if not node.args or len(node.args) > 2 or set(named) - {"description"}:
            return None
        code = node.args[0]
        if isinstance(code, ast.Call):
            return None  # a response
        self._settle(node.func)
        parts = [*node.args, *named.values()]
        for part in parts:
            self.visit(part)
        self.needs.add("HTTPException")
        return f"raise HTTPException({', '.join(self.edits.text(part) for part in parts)})"

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """Leave imports for the end, when it is known what is used."""

    visit_Import = visit_ImportFrom  # type: ignore[assignment]  # noqa: N815 - ast's name for it

    # --- expressions -------------------------------------------------------------------

    def visit_Name(self, node: ast.Name) -> None:
        """Convert a name of Flask's."""
        if not isinstance(node.ctx, ast.Load):
            return
        name = self._dotted(node)
        if name in _CLASSES:
            self._name(node, _CLASSES[name])
        elif name in _PROXIES and self._has_request():
            self.edits.replace(node, _PROXIES[name])
            self._settle(node)
        elif name == "flask.request" and self._has_request():
            self._settle(node)  # its attributes are looked at by visit_Attribute
        elif name == "flask.current_app" and self._has_request():
            self.edits.replace(node, "request.app")
            self._settle(node)
        elif name == "werkzeug.exceptions.HTTPException":
            self._name(node, "StarletteHTTPException")
        elif name.startswith(("flask", "werkzeug")):
            self.left.add(node.id)
            self._leave(node)

    def _name(self, node: ast.expr, name: str) -> None:
        self.needs.add(name)
        self.edits.replace(node, name)
        self._settle(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """Convert an attribute of the request, the application or an error."""
        of = self._dotted(node.value)
        if of == "flask.request" and self._has_request():
            instead = _REQUEST.get(node.attr)
            if instead is not None:
                self.edits.replace(node, instead)
                self._settle(node.value)
                return
            known = self.functions[-1]
            if node.attr == "data" and known.role == "plain":
                self.edits.replace(node, "sent_body")
                self._settle(node.value)
                return
            if node.attr in _BODIES and known.role == "view":
                self._body(node, known, _BODIES[node.attr])
                return
            self._leave(node.value)  # Starlette's has no such thing
            return
        if node.attr == "logger" and self._is_app(node.value):
            self.pieces.add("logger")
            self.edits.replace(node, "logger")
            self.done.add((node.end_lineno or node.lineno, "app"))
            self._settle(node.value)
            return
        if node.attr == "config" and of == "flask.current_app" and self._has_request():
            self.edits.replace(node, "request.app.state.config")
            self._settle(node.value)
            return
        if node.attr == "config" and self._made(node.value, self.scopes[-1]) == "app":
            self.edits.replace(node, f"{self.edits.text(node.value)}.state.config")
            self.done.add((node.end_lineno or node.lineno, "config"))
            return
        if self._error_attribute(node, node.value, node.attr):
            return
        if self._dotted(node) in _CLASSES:
            self._name(node, _CLASSES[self._dotted(node)])
            return
        self.generic_visit(node)

    def _errors(self, known: _Known) -> frozenset[str]:
        """Return the names that stand for HTTP errors of Werkzeug's in a function."""
        node = known.node
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        handled = [one for decorator in node.decorator_list for one in _arguments(decorator)]
        given = {
            argument.arg
            for argument in arguments
            if argument.annotation is not None and self._is_http(argument.annotation)
        }
        if known.role == "error" and any(map(self._is_http, handled)):
            given |= {argument.arg for argument in arguments[:1]}
        return (self.errors - {argument.arg for argument in arguments}) | given

    def _within(self, nodes: Iterable[ast.AST], errors: Iterable[str]) -> None:
        """Convert nodes in which these names, too, stand for errors of Werkzeug's."""
        before, self.errors = self.errors, self.errors.union(errors)
        for node in nodes:
            self.visit(node)
        self.errors = before

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        """Convert what catches an HTTP error, and what is asked of it."""
        kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        http = all(kind is not None and self._is_http(kind) for kind in kinds)
        if node.type is not None:
            self.visit(node.type)
        self._within(node.body, {node.name} if node.name and http else ())

    def visit_If(self, node: ast.If | ast.IfExp) -> None:
        """Convert a choice; after ``isinstance`` a name stands for an HTTP error."""
        self.visit(node.test)
        bodies = [part if isinstance(part, list) else [part] for part in (node.body, node.orelse)]
        self._within(bodies[0], self._tested(node.test))
        self._within(bodies[1], ())

    visit_IfExp = visit_If  # noqa: N815 - ast's name for it

    def _tested(self, node: ast.expr) -> set[str]:
        """Return the name that a test says is an HTTP error of Werkzeug's."""
        match node:
            case ast.Call(func=ast.Name(id="isinstance"), args=[ast.Name(id=name), kind]):
                return {name} if self._is_http(kind) else set()
        return set()

    def _error_attribute(
        self, node: ast.expr, error: ast.expr, name: str, default: ast.expr | None = None
    ) -> bool:
        """Convert what is asked of an HTTP error, as its attribute or by ``getattr``."""
        if not isinstance(error, ast.Name) or error.id not in self.errors:
            return False
        if name == "valid_methods":
            text = self._piece(name, [error.id])
            if default is not None and ast.unparse(default) != "None":
                self.visit(default)
                text = f"({text} or {self.edits.text(default)})"
        elif name in _ERROR:
            text = _ERROR[name].format(error.id)
            self.needs |= {"HTTPStatus"} if name == "name" else set()
        else:
            if not hasattr(Exception, name):
                self._doubt(node, "werkzeug", f"{error.id}.{name}")
            return False
        self.edits.replace(node, text)
        self.done.add((node.end_lineno or node.lineno, "werkzeug"))
        return True

    def _is_http(self, node: ast.expr) -> bool:
        """Tell whether an expression is an HTTP error's class or status."""
        if isinstance(node, ast.Constant):
            return isinstance(node.value, int)
        return self._dotted(node).startswith("werkzeug.exceptions.")

    def _is_app(self, node: ast.expr) -> bool:
        found: Reference | None = self.references.of(expression(node), self.scopes[-1])
        if found is None:
            return False
        return found.name == "flask.current_app" or (
            found.kind == "made" and counterpart.external(found.name) == "app"
        )

    def visit_Compare(self, node: ast.Compare) -> None:
        """Convert ``"x" in g``."""
        (right, *others) = node.comparators
        if (
            not others
            and isinstance(node.ops[0], ast.In | ast.NotIn)
            and self._dotted(right) == "flask.g"
            and self._has_request()
        ):
            self.visit(node.left)
            self._settle(right)
            sign = "" if isinstance(node.ops[0], ast.In) else "not "
            self.edits.replace(node, f"{sign}hasattr(request.state, {self.edits.text(node.left)})")
            return
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        """Convert a call of Flask's."""
        function = node.func
        name = self._dotted(function)
        if name.startswith("flask.") and self._flask_call(node, name):
            return
        if isinstance(function, ast.Attribute) and self._method_call(node, function):
            return
        match node:
            case ast.Call(
                func=ast.Name(id="getattr"),
                args=[error, ast.Constant(value=str(attribute)), *default],
            ) if self._error_attribute(node, error, attribute, *default):
                return
        if isinstance(function, ast.Name) and function.id in ("isinstance", "issubclass"):
            before = len(self.done)
            self.generic_visit(node)
            if len(self.done) > before:
                self.done.add((node.lineno, "isinstance"))
            return
        self.generic_visit(node)
        self._hand_on(node)

    def _hand_on(self, node: ast.Call) -> None:
        """Give the request to a function of the module that wants it."""
        if not isinstance(node.func, ast.Name) or not self._has_request():
            return
        known = self.helpers.get(node.func.id)
        if known is not None and known.called and known.wants:
            opening = self.edits.span(node.func)[1] + 1
            given = ", ".join(name for name in ("request", "sent_body") if name in known.wants)
            self.edits.put(opening, opening, given + (", " if node.args or node.keywords else ""))

    def _flask_call(self, node: ast.Call, name: str) -> bool:
        function = name.removeprefix("flask.")
        if function == "Flask":
            self._application(node)
        elif function == "Blueprint":
            return self._router(node)
        elif function in ("jsonify", "json.jsonify"):
            data = self._data(node) or ""
            self.needs |= {"JSONResponse", "jsonable_encoder"}
            self.edits.replace(node, f"JSONResponse(jsonable_encoder({data}))")
        elif function == "redirect" and node.args:
            self._settle(node.func)
            for part in (*node.args, *(one.value for one in node.keywords)):
                self.visit(part)
            code = next((one.value for one in node.keywords if one.arg == "code"), None)
            code = node.args[1] if len(node.args) > 1 else code
            status = self.edits.text(code) if code is not None else "302"
            self.needs.add("RedirectResponse")
            where = self.edits.text(node.args[0])
            self.edits.replace(node, f"RedirectResponse({where}, status_code={status})")
        elif function == "make_response":
            self._settle(node.func)
            for part in node.args:
                self.visit(part)
            texts = [self.edits.text(one) for one in node.args] or ['""']
            self.edits.replace(node, self._piece("answer", texts))
        elif function == "Response":
            return self._response(node)
        elif function == "render_template" and self._has_request():
            return self._template(node)
        elif function == "url_for" and self._has_request():
            return self._url_for(node)
        else:
            return False
        return True

    def _application(self, node: ast.Call) -> None:
        self._settle(node.func)
        self.needs.add("FastAPI")
        # Its own document would come before a route of that path.
        own = b"/openapi.json" in self.edits.content
        self.edits.replace(node, f"FastAPI({'openapi_url=None' if own else ''})")
        statement = self._statement(node)
        if not isinstance(statement, ast.Assign) or not isinstance(statement.targets[0], ast.Name):
            return
        name = statement.targets[0].id
        indent = " " * statement.col_offset
        end = self.edits.span(statement)[1]
        if b".config" in self.edits.content:
            self.edits.put(end, end, f"\n{indent}{name}.state.config = {{}}")
        if (self.folder / self.module.file).parent.joinpath("static").is_dir():
            self.needs |= {"Path", "StaticFiles"}
            static = 'StaticFiles(directory=Path(__file__).parent / "static")'
            self.edits.put(end, end, f'\n{indent}{name}.mount("/static", {static}, name="static")')

    def _router(self, node: ast.Call) -> bool:
        named = {keyword.arg: keyword.value for keyword in node.keywords}
        if set(named) - {"url_prefix"}:
            return False
        self._settle(node.func)
        self.needs.add("APIRouter")
        prefix = f"prefix={self.edits.text(named['url_prefix'])}" if named else ""
        self.edits.replace(node, f"APIRouter({prefix})")
        return True

    def _response(self, node: ast.Call) -> bool:
        names = {"response": "content", "status": "status_code", "headers": "headers",
                 "mimetype": "media_type", "content_type": "media_type"}  # fmt: skip
        positions = ("response", "status", "headers", "mimetype")
        given = dict(zip(positions, node.args, strict=False))
        given |= {keyword.arg or "": keyword.value for keyword in node.keywords}
        if set(given) - set(names) or len(node.args) > len(positions):
            return False
        self._settle(node.func)
        for part in given.values():
            self.visit(part)
        content = given.get("response")
        streams = content is not None and self._streams(content)
        kind = "StreamingResponse" if streams else "Response"
        if not streams and not {"mimetype", "content_type"} & set(given):
            kind = "HTMLResponse"
        self.needs.add(kind)
        texts = [f"{names[key]}={self.edits.text(value)}" for key, value in given.items()]
        self.edits.replace(node, f"{kind}({', '.join(texts)})")
        return True

    def _streams(self, node: ast.expr) -> bool:
        """Tell whether an expression gives its pieces one after the other."""
        if isinstance(node, ast.GeneratorExp):
            return True
        if not isinstance(node, ast.Call):
            return False
        found = self.references.of(expression(node.func), self.scopes[-1])
        return (
            found is not None
            and found.scope is not None
            and any(
                known.scope is found.scope
                and any(isinstance(one, ast.Yield | ast.YieldFrom) for one in ast.walk(known.node))
                for known in self.known.values()
            )
        )

    def _template(self, node: ast.Call) -> bool:
        if not node.args or any(keyword.arg is None for keyword in node.keywords):
            return False
        self._settle(node.func)
        self.visit(node.args[0])
        pairs = []
        for keyword in node.keywords:
            self.visit(keyword.value)
            pairs.append(f'"{keyword.arg}": {self.edits.text(keyword.value)}')
        self.pieces.add("templates")
        context = f", {{{', '.join(pairs)}}}" if pairs else ""
        name = self.edits.text(node.args[0])
        self.edits.replace(
            node, f"{self._own('templates')}.TemplateResponse(request, {name}{context})"
        )
        return True

    def _url_for(self, node: ast.Call) -> bool:
        name = node.args[0] if len(node.args) == 1 else None
        values = {keyword.arg: keyword.value for keyword in node.keywords}
        if not isinstance(name, ast.Constant) or not isinstance(name.value, str) or None in values:
            return False
        external = values.pop("_external", None)
        if external is not None and not (isinstance(external, ast.Constant) and external.value):
            return False
        if not self._takes(name.value.rpartition(".")[2], {key or "" for key in values}):
            return False
        self._settle(node.func)
        texts = [_quoted(name.value.rpartition(".")[2])]
        for key, value in values.items():
            self.visit(value)
            texts.append(f"{'path' if key == 'filename' else key}={self.edits.text(value)}")
        method = "request.url_for" if external is not None else "request.app.url_path_for"
        self.edits.replace(node, f"str({method}({', '.join(texts)}))")
        return True

    def _takes(self, name: str, values: set[str]) -> bool:
        """Tell whether a route of the module has exactly these arguments in its path."""
        if name == "static":
            return values == {"filename"}
        for known in self.known.values():
            if known.role == "view" and known.node.name == name:
                return values == {one.arg for one in known.node.args.args}
        return False

    def _method_call(self, node: ast.Call, function: ast.Attribute) -> bool:
        of = self._dotted(function.value)
        name = function.attr
        if of == "flask.request" and self._has_request():
            known = self.functions[-1]
            options = {keyword.arg: keyword.value for keyword in node.keywords}
            plain = all(isinstance(value, ast.Constant) for value in options.values())
            if name == "get_json" and not node.args and plain and known.role == "view":
                texts = [f"{key}={self.edits.text(one)}" for key, one in options.items()]
                self._body(node, known, f"json_body({', '.join(texts)})")
                return set(options) <= {"force", "silent"}
            if name == "get_data" and not node.args and not options and known.role == "plain":
                self.edits.replace(node, "sent_body")
                self._settle(function.value)
                return True
            if name == "get_data" and not node.args and not options and known.role == "view":
                self._body(node, known, "body")
                return True
            return False
        if of == "flask.g" and name == "get" and self._has_request() and node.args:
            self._settle(function.value)
            for part in node.args:
                self.visit(part)
            texts = [self.edits.text(one) for one in node.args]
            default = texts[1] if len(texts) > 1 else "None"
            self.edits.replace(node, f"getattr(request.state, {texts[0]}, {default})")
            return True
        made = self._made(function.value, self.scopes[-1])
        if made == "app" and name == "register_blueprint":
            self._include(node, function)
            return True
        if made == "app" and name == "make_response":
            for part in node.args:
                self.visit(part)
            self.edits.replace(node, self._piece("answer", [self.edits.text(n) for n in node.args]))
            self.done.add((function.end_lineno or function.lineno, "response"))
            return True
        if made == "app" and name == "run":
            statement = self._statement(node)
            if not isinstance(statement, ast.Expr) or statement.value is not node:
                return False
            texts = [self.edits.text(function.value)]
            for keyword in node.keywords:
                if keyword.arg in ("host", "port"):
                    texts.append(f"{keyword.arg}={self.edits.text(keyword.value)}")
            indent = self.edits.indent(statement.lineno)
            # Only who starts the module this way needs it.
            self.edits.replace(node, f"import uvicorn\n\n{indent}uvicorn.run({', '.join(texts)})")
            self.done.add((function.end_lineno or function.lineno, "development-server"))
            return True
        return False

    def _include(self, node: ast.Call, function: ast.Attribute) -> None:
        texts = [self.edits.text(one) for one in node.args]
        for keyword in node.keywords:
            name = "prefix" if keyword.arg == "url_prefix" else keyword.arg
            texts.append(f"{name}={self.edits.text(keyword.value)}")
        holder = self.edits.text(function.value)
        self.edits.replace(node, f"{holder}.include_router({', '.join(texts)})")
        self.done.add((function.end_lineno or function.lineno, "blueprint"))

    def _wants_body(self, known: _Known) -> None:
        """Let a view be given the body."""
        self.pieces.add("body")
        self.needs |= {"Annotated", "Depends"}
        known.arguments["sent_body"] = f"Annotated[bytes, Depends({self._own('body')})]"

    def _body(self, node: ast.expr, known: _Known, dependency: str) -> None:
        """Let a view be given what it read from the body."""
        piece = dependency.partition("(")[0]
        self.pieces.add(piece)
        given = "sent_json" if piece == "json_body" else f"sent_{piece}"
        self.needs |= {"Annotated", "Any", "Depends"}
        own = dependency.replace(piece, self._own(piece), 1)
        depends = own if piece == "json_body" else f"Depends({own})"
        kind = "bytes" if piece == "body" else "Any"
        known.arguments[given] = f"Annotated[{kind}, {depends}]"
        self.edits.replace(node, given)
        inner = node.func.value if isinstance(node, ast.Call) else node.value  # type: ignore[attr-defined]
        self._settle(inner)

    # --- bookkeeping -------------------------------------------------------------------

    def _has_request(self) -> bool:
        if not self.functions:
            return False
        known = self.functions[-1]
        if known.role == "plain":
            return self._is_helper(known) and bool(known.wants) and known.called
        return True

    def _piece(self, name: str, texts: list[str]) -> str:
        self.pieces.add(name)
        return f"{self._own(name)}({', '.join(texts)})"

    def _settle(self, node: ast.expr) -> None:
        """Note that the use of a name is taken care of."""
        self.done.add((node.lineno, counterpart.external(self._dotted(node)) or ""))

    def _leave(self, node: ast.expr) -> None:
        """Note that the use of a name isn't, whatever else is on its line."""
        self.undone.add((node.lineno, counterpart.external(self._dotted(node)) or ""))

    def _doubt(self, node: ast.expr, kind: str, name: str) -> None:
        """Note what may be Flask's, and stays."""
        line = node.end_lineno or node.lineno
        use = Use(
            self.module.file, line, kind, name, counterpart.instead(kind, "werkzeug.exceptions")
        )
        self.unsure.append(use)
        self.undone.add((line, kind))

    def _statement(self, node: ast.AST) -> ast.stmt | None:
        """Return the innermost statement that a node is in."""
        start, end = self.edits.span(node)
        found: ast.stmt | None = None
        for one in ast.walk(self.tree):
            if isinstance(one, ast.stmt):
                first, last = self.edits.span(one)
                if first <= start and end <= last:
                    found = one
        return found

    # --- what is left, and what is needed ----------------------------------------------

    def _mark(self, uses: Iterable[Use]) -> int:
        """Mark the uses that weren't converted, each above its statement."""
        marks: dict[int, list[str]] = {}
        known = {(use.line, use.kind): use for use in (*uses, *self.unsure)}
        for use in known.values():
            key = (use.line, use.kind)
            imported = use.name.startswith("import ") and use.kind in ("import", "werkzeug")
            imported |= use.name == "import flask_cors.CORS" and "CORS" not in self.left
            if imported or (key in self.done and key not in self.undone):
                continue
            line = self._first_line(use.line)
            text = f"TODO(rockery migrate): {use.name.lstrip('.')}: {use.instead}"
            if text not in marks.setdefault(line, []):
                marks[line].append(text)
        for line, texts in marks.items():
            start, indent = self.edits.line(line), self.edits.indent(line)
            self.edits.put(start, start, "".join(f"{indent}# {text}\n" for text in texts))
        return sum(map(len, marks.values()))

    def _first_line(self, line: int) -> int:
        """Return the first line of the statement that ``line`` is of."""
        return self._statements.get(line, line)

    @cached_property
    def _statements(self) -> dict[int, int]:
        """For each line the first of the innermost statement that it is of."""
        found: dict[int, int] = {}
        for one in ast.walk(self.tree):  # outer ones come first
            if isinstance(one, ast.stmt):
                decorators = getattr(one, "decorator_list", [])
                first = min([one.lineno, *(each.lineno for each in decorators)])
                found.update(dict.fromkeys(range(first, (one.end_lineno or first) + 1), first))
        return found

    def _write_hooks(self) -> None:
        if not any(self.hooks.values()):
            return
        last = max((k for ks in self.hooks.values() for k in ks), key=lambda k: k.node.lineno).node
        self.needs |= {"Any", "Request", "Response", "run_in_threadpool"}
        names = {kind: "".join(f"{k.node.name}, " for k in ks) for kind, ks in self.hooks.items()}
        names["after"] = "".join(f"{k.node.name}, " for k in reversed(self.hooks["after"]))
        text = snippet.HOOKS.format(
            app=self.application, before=names["before"].strip(), after=names["after"].strip()
        )
        text = text.replace("answer(", f"{self._own('answer')}(")
        self.pieces.add("answer")
        indent = " " * last.col_offset
        if indent:
            text = re.sub(r"(?m)^(?=.)", indent, text).replace("\n", "", 1)
        end = self.edits.span(last)[1]
        self.edits.put(end, end, text.rstrip("\n"))

    def _own(self, name: str) -> str:
        """Return what a piece is called here: the module may have the name already."""
        return f"{name}_" if name in self.taken else name

    def finished(self, text: str, converted: frozenset[str]) -> str:
        """Return the converted text with its imports put right."""
        tree = ast.parse(text)
        edits = Edits(text.encode())
        used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        bound: set[str] = set()
        last: ast.stmt | None = None
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                self._import(node, edits, used, converted)
                if node in tree.body and not ast.unparse(node).startswith(
                    ("from flask", "from werk")
                ):
                    bound |= {alias.asname or alias.name for alias in node.names}
        for number, statement in enumerate(tree.body):
            if isinstance(statement, ast.Import | ast.ImportFrom) or (
                number == 0 and isinstance(statement, ast.Expr)
            ):
                last = statement
            elif last is not None:
                break
        added = ""
        for piece, (_, needs) in snippet.PIECES.items():
            if piece not in self.pieces or (piece == "logger" and "logger" in self.module.names):
                continue
            self.needs |= set(needs)
            added += f"{snippet.named(piece, self._own(piece))}\n"
        wanted = {name for name in self.needs if name not in bound or name not in snippet.IMPORTS}
        end = 0
        if last is not None:
            after = edits.content.find(b"\n", edits.span(last)[1])
            end = len(edits.content) if after < 0 else after + 1
        imported = snippet.imports(wanted)
        edits.put(end, end, imported + (f"\n{added}" if added else ""))
        return re.sub(r"\n{4,}", "\n\n\n", edits.result())

    def _import(
        self,
        node: ast.Import | ast.ImportFrom,
        edits: Edits,
        used: set[str],
        converted: frozenset[str],
    ) -> None:
        """Leave out what isn't used any more, and lead to the other converted modules."""
        if isinstance(node, ast.Import):
            flask = [alias for alias in node.names if alias.name.split(".")[0] == "flask"]
            if (
                flask
                and not any((a.asname or "flask") in used for a in flask)
                and len(node.names) == 1
            ):
                self._drop(node, edits)
            return
        module = absolute(node, self.module.file)
        own = self.references.module(module, self.module.file)
        if own is None:
            if module.split(".")[0] not in ("flask", "werkzeug", "flask_cors"):
                return
            left = [alias for alias in node.names if (alias.asname or alias.name) in self.left]
            if not left:
                self._drop(node, edits)
            elif len(left) < len(node.names):
                listed = ", ".join(ast.unparse(alias) for alias in left)
                edits.replace(node, f"from {module} import {listed}")
            return
        self._lead(node, edits, own, converted)

    def _lead(
        self, node: ast.ImportFrom, edits: Edits, own: Scope, converted: frozenset[str]
    ) -> None:
        """Let an import from a module of the project lead to what that was converted to."""
        module = absolute(node, self.module.file)
        names, changed = [], False
        for alias in node.names:
            below = self.references.module(f"{module}.{alias.name}", self.module.file)
            if below is not None and below.file in converted and alias.name not in own.names:
                stem = PurePosixPath(target(below.file)).stem
                names.append(
                    f"{alias.name}.{stem}"
                    if below.file.endswith("__init__.py")
                    else f"{stem} as {alias.asname or alias.name}"
                )
                changed = True
            else:
                names.append(ast.unparse(alias))
        source = "." * node.level + (node.module or "")
        if own.file in converted and not changed:
            stem = PurePosixPath(target(own.file)).stem
            if own.file.endswith("__init__.py"):
                source += ("" if source.endswith(".") else ".") + stem
            else:
                source = source[: len(source) - len(PurePosixPath(own.file).stem)] + stem
            changed = True
        if changed:
            edits.replace(node, f"from {source} import {', '.join(names)}")

    def _drop(self, node: ast.stmt, edits: Edits) -> None:
        start, end = edits.span(node)
        if node.col_offset:
            edits.replace(node, "pass")
        else:
            edits.put(start, end + (edits.content[end : end + 1] == b"\n"), "")


def _returns(function: Function) -> list[ast.expr]:
    """Return what a function returns, without those in it."""
    found: list[ast.expr] = []
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, Function | ast.Lambda | ast.ClassDef):
            continue
        if isinstance(node, ast.Return) and node.value is not None:
            found.append(node.value)
        waiting.extend(ast.iter_child_nodes(node))
    return found


def _defaults(function: Function) -> set[str]:
    arguments = [*function.args.posonlyargs, *function.args.args]
    given = len(function.args.defaults)
    return {argument.arg for argument in arguments[len(arguments) - given :]} if given else set()


def _arguments(decorator: ast.expr) -> list[ast.expr]:
    return decorator.args if isinstance(decorator, ast.Call) else []


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
