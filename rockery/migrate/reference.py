"""What a name or expression of a project refers to, across its modules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from rockery.migrate import counterpart
from rockery.migrate.scope import Expression, Scope

_DEEPEST = 30

#: What the test clients of Flask and WebTest are called here, and their answers.
CLIENT, ANSWER = "flask.testing.FlaskClient", "flask.testing.TestResponse"
WEBTEST, WEBTEST_ANSWER = "webtest.TestApp", "webtest.TestResponse"
CONTEXT = "flask.ctx.AppContext"
_APPLICATIONS = ("app", "application", "flask_app")
_ANSWERS = ("resp", "response", "rv", "res")
#: Attributes whose call gives something that is known by its class, whatever has them.
_GIVES = {
    "test_client": CLIENT,
    "app_context": CONTEXT,
    "test_request_context": CONTEXT,
    "request_context": CONTEXT,
}


@dataclass(frozen=True)
class Reference:
    """What something is.

    "external" is a dotted name from elsewhere, "alias" another name the project gives to that,
    "made" what calling it gives, "scope" a module, class or function of the project, and
    "object" an object of one of its classes.
    """

    kind: Literal["external", "alias", "made", "scope", "object"]
    name: str = ""
    scope: Scope | None = field(default=None, repr=False)


@dataclass(eq=False, repr=False)
class References:
    """The modules of a project, by file; answers what their expressions refer to."""

    modules: Mapping[str, Scope]
    fixtures: dict[str, Scope] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for module in self.modules.values():
            if not module.is_test:
                continue
            for scope in module.walk():
                if any(_last(one) in ("fixture", "yield_fixture") for one in scope.decorators):
                    self.fixtures[scope.name] = scope

    def module(self, dotted: str, file: str) -> Scope | None:
        """Return the project's own module of that name, as ``file`` would import it."""
        if not dotted:
            return self.modules.get("__init__.py")
        path = dotted.replace(".", "/")
        folders = file.split("/")[:-1]
        for count in range(len(folders) + 1):
            root = "/".join(folders[:count])
            base = f"{root}/{path}" if root else path
            for name in (f"{base}/__init__.py", f"{base}.py"):
                if name in self.modules:
                    return self.modules[name]
        return None

    def name(self, name: str, scope: Scope, depth: int = 0) -> Reference | None:
        """Return what a name refers to in a scope."""
        if depth > _DEEPEST:
            return None
        inner: Scope | None = scope
        while inner is not None:
            # Functions don't see the names of the class they are in.
            if name in inner.names and (inner is scope or inner.kind != "class"):
                return self._bound(name, inner, depth)
            if inner.kind == "module":
                for star in inner.stars:
                    found = self._of_module(star, name, inner, depth)
                    if found is not None:
                        return found
            inner = inner.parent
        return None

    def of(self, what: Expression, scope: Scope, depth: int = 0) -> Reference | None:
        """Return what an expression refers to in a scope."""
        if what is None or depth > _DEEPEST:
            return None
        kind, *rest = what
        if kind == "name":
            return self.name(rest[0], scope, depth + 1)
        if kind == "attribute":
            return self.attribute(self.of(rest[0], scope, depth + 1), rest[1], depth)
        if kind == "call":
            return self._called(rest[0], scope, depth)
        if kind == "import":
            return self._of_module(rest[0], rest[1], scope, depth)
        if kind == "scope":
            return Reference("scope", scope=rest[0])
        if kind == "self":
            return Reference("object", scope=rest[0])
        if kind == "within":
            return self.of(rest[1], rest[0], depth + 1)
        if kind == "parameter":
            return self._parameter(rest[0], rest[1], scope, depth)
        return self._best(rest[0], scope, depth)

    def attribute(self, holder: Reference | None, name: str, depth: int = 0) -> Reference | None:
        """Return what an attribute of something refers to."""
        if holder is None or depth > _DEEPEST:
            return None
        if holder.scope is None:
            return Reference(holder.kind, f"{holder.name}.{name}")
        if holder.kind == "scope" and holder.scope.kind == "module":
            return self._of_scope(holder.scope, name, depth)
        return self._of_class(holder.scope, name, depth)

    def _bound(self, name: str, scope: Scope, depth: int) -> Reference | None:
        if name not in scope.known:
            scope.known[name] = None  # against circles
            scope.known[name] = self._best(scope.names[name], scope, depth)
        found: Reference | None = scope.known[name]
        return found

    def _best(self, choices: Iterable[Expression], scope: Scope, depth: int) -> Reference | None:
        """Return the last that is known, better one that is something of Flask's."""
        last = None
        # A name that is bound thousands of times says as little as one that isn't.
        for one in list(choices)[-_DEEPEST:]:
            found = self.of(one, scope, depth + 1)
            if found is not None and found.kind == "external" and one and one[0] != "import":
                found = Reference("alias", found.name)
            if found is not None and not (last and _tells(last) and not _tells(found)):
                last = found
        return last

    def _of_module(self, module: str, attribute: str, scope: Scope, depth: int) -> Reference | None:
        own = self.module(module, scope.file)
        if not attribute:
            return Reference("scope", scope=own) if own else Reference("external", module)
        if own is not None:
            found = self._of_scope(own, attribute, depth)
            if found is not None or attribute in own.names:
                return found
        below = self.module(f"{module}.{attribute}", scope.file)
        if below is not None:
            return Reference("scope", scope=below)
        return None if own else Reference("external", f"{module}.{attribute}")

    def _of_scope(self, module: Scope, name: str, depth: int) -> Reference | None:
        found = self.name(name, module, depth + 1)
        if found is None and module.file.endswith("__init__.py"):
            folder = module.file.removesuffix("__init__.py")
            for path in (f"{folder}{name}/__init__.py", f"{folder}{name}.py"):
                if path in self.modules:
                    return Reference("scope", scope=self.modules[path])
        return found

    def _of_class(self, scope: Scope, name: str, depth: int) -> Reference | None:
        if depth > _DEEPEST or scope.kind != "class":
            return None
        if name in scope.attributes:
            return self._best(scope.attributes[name], scope, depth)
        if name in scope.names:
            return self._bound(name, scope, depth + 1)
        for base in scope.bases:
            found = self.of(base, scope.parent or scope, depth + 1)
            if found is not None and found.scope is not None:
                inherited = self._of_class(found.scope, name, depth + 1)
                if inherited is not None:
                    return inherited
        return None

    def _called(self, what: Expression, scope: Scope, depth: int) -> Reference | None:
        if what is not None and what[0] == "attribute" and what[2] in _GIVES:
            return Reference("made", _GIVES[what[2]])
        called = self.of(what, scope, depth + 1)
        if called is None:
            return None
        if called.kind in ("external", "alias"):
            return Reference("made", called.name)
        if called.kind == "made":
            return _result(called.name)
        assert called.scope is not None
        if called.kind == "object" or called.scope.kind == "module":
            return None
        if called.scope.kind == "class":
            return self._object(called.scope, depth)
        return self._best(called.scope.returns, called.scope, depth)

    def _object(self, scope: Scope, depth: int) -> Reference:
        for base in scope.bases:
            found = self.of(base, scope.parent or scope, depth + 1)
            if found is None:
                continue
            if found.scope is None and counterpart.external(found.name) in (
                *("app", "blueprint", "response", "test"),
            ):
                return Reference("made", found.name)
            if found.scope is not None and found.scope.kind == "class" and depth < _DEEPEST:
                made = self._object(found.scope, depth + 1)
                if made.kind == "made":
                    return made
        return Reference("object", scope=scope)

    def _parameter(
        self, name: str, annotation: Expression, scope: Scope, depth: int
    ) -> Reference | None:
        if annotation is not None:
            found = self.of(annotation, scope, depth + 1)
            if found is not None:
                return Reference("made", found.name) if found.scope is None else None
        if scope.is_test:
            if name in self.fixtures:
                fixture = self.fixtures[name]
                return None if fixture is scope else self._best(fixture.returns, fixture, depth)
            if name == "client" and "app" in self.fixtures:
                return Reference("made", CLIENT)
            if name.rstrip("0123456789") in _ANSWERS:
                return Reference("made", ANSWER)
        if name in _APPLICATIONS:
            return Reference("made", "flask.Flask")
        if any(_last(one) in ("after_request", "after_app_request") for one in scope.decorators):
            return Reference("made", "flask.Response")
        return None


def _result(name: str) -> Reference | None:
    """Return what calling an attribute of a made object gives; ``name`` is that of both."""
    holder, _, method = name.rpartition(".")
    if holder == CLIENT:
        return Reference("made", ANSWER)
    if holder == WEBTEST:
        return Reference("made", WEBTEST_ANSWER)
    if method == "make_response":
        return Reference("made", "flask.make_response")
    return None


def _tells(found: Reference) -> bool:
    return found.scope is None and counterpart.external(found.name) is not None


def _last(what: Expression) -> str:
    """Return the last name of an expression, called or not."""
    while what is not None and what[0] == "call":
        what = what[1]
    if what is None:
        return ""
    return str(what[-1]) if what[0] in ("attribute", "name") else ""
