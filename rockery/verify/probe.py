"""Imports an application as its server would, and tells what happened.

This runs inside the rock, with the rock's own Python (3.10 or newer) and its standard
library: it is passed as source text after ``-c``, with a request as its one argument, and
imports nothing of rockery. It judges nothing either; ``verdict.py`` does.

The request is JSON: ``module``, ``attribute``, ``call``, ``arguments``, ``path`` (folders
to put first on ``sys.path``), ``folder`` (the application's) and ``seconds`` until the command
is killed. The reply goes to
descriptor 3 as JSON on a line of its own: ``{"hello": …}`` at the start and the report at
the end. What else stands there are stacks of threads, written shortly before the time is up.
"""

from __future__ import annotations

import ast
import builtins
import faulthandler
import functools
import importlib
import inspect
import json
import os
import pwd
import re
import sys
import threading
import traceback
import types
from collections.abc import Callable, Iterator
from typing import Any

_REPLY = 3
_MISSING: Any = object()
_LONGEST = 4000


def main() -> None:
    """Carry out the request, report, and end the process, whatever threads are left."""
    request = json.loads(sys.argv[1])
    sys.argv[:] = ["gunicorn"]
    process = os.getpid()
    _reply({"hello": sys.version})
    sys.path[:] = request["path"] + [entry for entry in sys.path if entry]
    if "HOME" not in os.environ:
        try:
            os.environ["HOME"] = pwd.getpwuid(os.getuid()).pw_dir
        except KeyError:
            os.environ["HOME"] = "/"
    seconds = request["seconds"]
    # The limit counts from before this process began: on a busy machine, that was a while ago.
    faulthandler.dump_traceback_later(seconds * 0.8, file=_REPLY)
    places = Places(request["module"])
    reads = Reads(places)
    reads.record()
    trail = Trail(request["folder"].rstrip("/") + "/")
    trail.record()
    stage, sentence, raised = "import", None, []
    try:
        module = importlib.import_module(request["module"])
        stage = "attribute"
        found, sentence = _attribute(module, request["module"], request["attribute"])
        if sentence is None and request["call"]:
            stage = "call"
            arguments = _arguments(request["arguments"])
            found = found(*arguments[0], **arguments[1])
        if sentence is None:
            stage = "object"
            sentence = _complaint(found, called=request["call"])
        if sentence is None:
            stage = "done"
    except BaseException as error:
        raised = [places.described(each) for each in _chain(error)]
    if os.getpid() != process:
        os._exit(0)  # a child that the application forked, and that came back to us
    left = trail.end()
    faulthandler.cancel_dump_traceback_later()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:  # noqa: S112 - the application may have closed or replaced them
            continue
    report = {"stage": stage, "sentence": sentence, "raised": raised}
    _reply({**report, "reads": reads.found, "copied": reads.copied, "trail": left})
    os._exit(0)


def _attribute(module: types.ModuleType, name: str, attribute: str) -> tuple[Any, str | None]:
    found: Any = module
    for part in attribute.split("."):
        found = getattr(found, part, _MISSING)
        if found is _MISSING:
            served = sorted(
                key
                for key, value in vars(module).items()
                if type(value).__name__ in ("Flask", "FastAPI", "Starlette", "Quart")
            )
            instead = f"; it has {', '.join(served)}" if served else ""
            return None, f"module {name} has no attribute {part!r}{instead}"
    if not callable(found):
        what = "None" if found is None else f"of type {type(found).__name__}"
        return None, f"{name}:{attribute} is {what}, which no server can call"
    return found, None


def _complaint(found: Any, *, called: bool) -> str | None:
    """Say why ``found`` is no application, if it isn't one."""
    if called and not callable(found):
        what = "None" if found is None else f"an object of type {type(found).__name__}"
        return f"the factory returned {what}, not an application"
    if not called and inspect.isfunction(found):
        # WSGI calls with two arguments, ASGI with three, its version 2 with one.
        signature = inspect.signature(found)
        for count in (2, 3, 1):
            try:
                signature.bind(*[None] * count)
            except TypeError:
                continue
            return None
        return f"{found.__name__} is a function without parameters: a factory, not an application"
    return None


def _arguments(source: str) -> tuple[list[Any], dict[str, Any]]:
    """Read literal arguments as Gunicorn does."""
    call = ast.parse(f"f({source})", mode="eval").body
    if not isinstance(call, ast.Call):
        raise TypeError("not the arguments of a call")
    return (
        [ast.literal_eval(argument) for argument in call.args],
        {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in call.keywords},
    )


class Places:
    """Tells the project's files from its dependencies' and from Python's own."""

    def __init__(self, module: str) -> None:
        # A project may be installed as a package, and then lies among its dependencies.
        self._package = module.partition(".")[0]
        self._library = os.path.dirname(os.__file__) + os.sep  # noqa: PTH120

    def origin(self, filename: str) -> str:
        """Return "project", "dependency" or "python"."""
        installed = re.search(r"/(?:dist|site)-packages/([^/]+?)(?:\.py)?(?:/|$)", filename)
        if installed:
            return "project" if installed[1] == self._package else "dependency"
        if filename.startswith((self._library, "<")):  # "<frozen os>", "<string>", ours
            return "python"
        return "project"

    def described(self, error: BaseException) -> dict[str, Any]:
        """Return what is worth knowing about an exception, as JSON has it."""
        first = error.args[0] if error.args else None
        text = getattr(error, "text", None)
        filename = getattr(error, "filename", None)
        return {
            "type": type(error).__name__,
            "kinds": [
                kind.__name__
                for kind in type(error).__mro__
                if kind.__module__ == builtins.__name__
            ],
            "message": _shown(error),
            "key": first if isinstance(error, KeyError) and isinstance(first, str) else None,
            "name": _text(getattr(error, "name", None)),
            "submodule": _text(getattr(error, "name_from", None)),
            "owner": self._owner(error),
            "file": _text(filename),
            "line": getattr(error, "lineno", None) if isinstance(error, SyntaxError) else None,
            "text": text.strip()[:200] if isinstance(text, str) else None,
            "frames": self._frames(error),
            "fields": _settings(error),
        }

    def _owner(self, error: BaseException) -> str | None:
        """Return whose module it is that lacks an attribute."""
        module = getattr(error, "obj", None) if isinstance(error, AttributeError) else None
        if not isinstance(module, types.ModuleType):
            return None
        return self.origin(getattr(module, "__file__", None) or "<frozen")

    def _frames(self, error: BaseException) -> list[dict[str, Any]]:
        frames = []
        for frame in traceback.extract_tb(error.__traceback__):
            if frame.filename == _OWN or frame.filename.startswith("<frozen importlib"):
                continue
            frames.append(
                {
                    "file": frame.filename,
                    "line": frame.lineno or 0,
                    "function": frame.name,
                    "text": (frame.line or "")[:200],
                    "origin": self.origin(frame.filename),
                }
            )
        return frames if len(frames) <= 40 else frames[:20] + frames[-20:]


_OWN = main.__code__.co_filename


class Reads:
    """The environment variables that were asked for and aren't set."""

    # They look a name up for the project, which says there whether it can do without.
    _LIBRARIES = ("environs", "decouple", "environ", "dotenv", "starlette", "prettyconf")

    def __init__(self, places: Places) -> None:
        self._places = places
        #: {"name", "origin": as of ``Places``, or "settings" for a library that reads on the
        #: project's behalf, "need": "required", "optional" or "defaulted"}, in their order.
        self.found: list[dict[str, str]] = []
        #: Whether the project, or what it called, went through all variables: then we don't
        #: know which it looked for.
        self.copied = False

    def record(self) -> None:
        """Begin: from here on ``os.environ`` tells us."""
        kind: Any = type(os.environ)
        wholly: Callable[..., str] = kind.__getitem__

        @functools.wraps(wholly)
        def item(environ: Any, key: Any) -> str:
            try:
                return wholly(environ, key)
            except KeyError:
                self._note(key, "required")
                raise

        def get(environ: Any, key: Any, default: Any = None) -> Any:
            try:
                return wholly(environ, key)
            except KeyError:
                self._note(key, "optional" if default is None else "defaulted")
                return default

        def contains(environ: Any, key: Any) -> bool:
            try:
                wholly(environ, key)
            except KeyError:
                self._note(key, "defaulted")
                return False
            return True

        def setdefault(environ: Any, key: Any, value: Any) -> Any:
            if key not in environ:
                environ[key] = value
            return wholly(environ, key)

        every: Callable[..., Iterator[str]] = kind.__iter__

        def iterate(environ: Any) -> Iterator[str]:
            self.copied = self.copied or self._for_the_project()
            return every(environ)

        kind.__iter__ = iterate
        kind.__getitem__ = item
        kind.get = get
        kind.__contains__ = contains
        kind.setdefault = setdefault

    def _note(self, name: Any, need: str) -> None:
        read = {"name": name, "origin": self._reader(), "need": need}
        if isinstance(name, str) and read not in self.found and len(self.found) < 1000:
            self.found.append(read)

    def _reader(self) -> str:
        """Tell on whose behalf a name is read, from the frames that lead there."""
        frame = sys._getframe(3)
        origin = "python"
        while frame is not None:
            origin = self._places.origin(frame.f_code.co_filename)
            if origin != "python":
                break
            if frame.f_code.co_filename.startswith("<frozen importlib"):
                return "python"
            frame = frame.f_back  # type: ignore[assignment]
        if origin == "dependency":
            package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
            if package in self._LIBRARIES:
                return "settings"
        return origin

    def _for_the_project(self) -> bool:
        """Say whether the project made the call that leads here, rather than an import."""
        frame: types.FrameType | None = sys._getframe(2)
        while frame is not None and not frame.f_code.co_filename.startswith("<frozen importlib"):
            if self._places.origin(frame.f_code.co_filename) == "project":
                return True
            frame = frame.f_back
        return False


#: The number of a tool of ``sys.monitoring`` that none of Python's own has.
_TOOL = 4


class Trail:
    """What of the application's own files an import runs and reads.

    An import of files that differ in nothing of that goes the same way. Where more may have
    been read than can be seen (by a process or a thread of its own), there is no trail.
    """

    _HIDDEN = ("os.fork", "os.exec", "os.posix_spawn", "os.system", "subprocess.Popen", "pty.spawn")
    # Who looks at a function's parameters alone.
    _LOOK = ("/inspect.py", "/asyncio/coroutines.py", "/dataclasses.py", "/functools.py")

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._codes: dict[int, types.CodeType] = {}
        self._opened: set[str] = set()
        self._imported: set[str] = set()
        self._hidden = False
        self._busy = False
        self._watches: Callable[[], bool] = lambda: False

    def record(self) -> None:
        """Begin: from here on every call is noted, and every file that is opened."""
        sys.addaudithook(self._heard)
        # Tracing makes an import of scikit-learn take twice as long; monitoring costs nothing.
        self._watches = self._monitor() if sys.version_info >= (3, 12) else self._trace()

    def _trace(self) -> Callable[[], bool]:
        """Note what is called; return who tells whether that is still so."""
        others: set[str] = set()

        def called(frame: types.FrameType, event: str, arg: Any) -> None:
            # Called a million times. For each id() Python calls the audit hook too; and code
            # can't be a key, since it equals another file's.
            if frame.f_code.co_filename not in others and not self._ran(frame.f_code):
                others.add(frame.f_code.co_filename)

        threading.settrace(called)
        sys.settrace(called)
        return lambda: sys.gettrace() is called

    def _monitor(self) -> Callable[[], bool]:
        """Do as :meth:`_trace`, each code once (Python 3.12, PEP 669)."""
        monitoring: Any = sys.monitoring  # type: ignore[attr-defined]
        events = monitoring.events

        def started(code: types.CodeType, _offset: int) -> Any:
            self._ran(code)
            return monitoring.DISABLE

        monitoring.use_tool_id(_TOOL, __name__)
        monitoring.register_callback(_TOOL, events.PY_START, started)
        monitoring.set_events(_TOOL, events.PY_START)
        return lambda: bool(
            monitoring.get_tool(_TOOL) == __name__
            and monitoring.get_events(_TOOL) == events.PY_START
        )

    def _ran(self, code: types.CodeType) -> bool:
        """Note code that runs if it is the application's, and say whether it is."""
        path = code.co_filename
        own = path.startswith(self._folder) or path[:1] not in ("/", "<")
        if own:
            self._codes[id(code)] = code
        return own

    def _heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path = arguments[0]
            if isinstance(path, (str, bytes)):
                path = os.path.join(os.getcwd(), os.fsdecode(path))  # noqa: PTH109, PTH118
                caller = sys._getframe(1).f_code.co_filename
                importing = caller.startswith("<frozen importlib")
                # What Python compiles comes of the module, and is written by a chance name.
                if path.startswith(self._folder) and not (importing and "/__pycache__/" in path):
                    module = importing and path.endswith(".py")
                    (self._imported if module else self._opened).add(path)
        elif event == "object.__getattr__":
            if arguments[1] == "__code__" and not self._busy:
                caller = sys._getframe(1).f_code.co_filename
                if not caller.endswith(self._LOOK):
                    self._busy = True
                    code = getattr(arguments[0], "__code__", None)
                    self._busy = False
                    if isinstance(code, types.CodeType):
                        self._codes[id(code)] = code
        elif event in self._HIDDEN:
            self._hidden = True

    def end(self) -> dict[str, Any] | None:
        """Return ``ran``: by file, the name and line of the code that ran; and ``opened``."""
        alone = self._watches() and len(sys._current_frames()) == 1
        sys.settrace(None)
        if self._hidden or not alone:
            return None
        ran: dict[str, list[tuple[str, int]]] = {}
        for code in self._codes.values():
            path = os.path.join(os.getcwd(), code.co_filename)  # noqa: PTH109, PTH118
            if path.startswith(self._folder) and not code.co_filename.startswith("<"):
                ran.setdefault(path, []).append((code.co_name, code.co_firstlineno))
        opened = self._opened | (self._imported - ran.keys())
        cut = len(self._folder)
        return {
            "ran": {path[cut:]: sorted(marks) for path, marks in ran.items()},
            "opened": sorted(path[cut:] for path in opened),
        }


def _chain(error: BaseException) -> list[BaseException]:
    """Return the exception, its causes and contexts, and the members of groups."""
    found: list[BaseException] = []
    waiting = [error]
    while waiting and len(found) < 20:
        each = waiting.pop(0)
        if any(each is other for other in found):
            continue
        found.append(each)
        following = [each.__cause__, each.__context__, *getattr(each, "exceptions", ())]
        waiting.extend(other for other in following if isinstance(other, BaseException))
    return found


def _settings(error: BaseException) -> list[dict[str, str]]:
    """Return the environment variables that a pydantic settings class misses."""
    errors = getattr(error, "errors", None)
    if not callable(errors):
        return []
    try:
        return list(_fields(error, errors()))
    except Exception:
        return []  # not pydantic's errors after all


def _fields(error: Any, problems: list[dict[str, Any]]) -> Iterator[dict[str, str]]:
    model = getattr(error, "model", None) or _model(error)
    if model is None:
        return
    old = getattr(model, "__config__", None)  # pydantic 1
    config = getattr(model, "model_config", {})
    for problem in problems:
        first, *rest = [str(part) for part in problem["loc"]] or [""]
        if old is not None and hasattr(old, "env_prefix"):
            field = model.__fields__.get(first)
            names = sorted(field.field_info.extra.get("env_names", ())) if field else []
            name = names[0] if names else old.env_prefix + first
        elif "env_prefix" in config:
            # A field with an alias is reported, and read, under that alias alone.
            name = config["env_prefix"] + first if first in model.model_fields else first
        else:
            return
        nested = config.get("env_nested_delimiter")
        if rest and nested:
            name = nested.join([name, *rest])
        if not config.get("case_sensitive"):
            name = name.upper()
        given = "" if problem["type"] == "missing" else repr(problem.get("input"))[:200]
        yield {"name": name, "type": str(problem["type"]), "input": given}


def _model(error: Any) -> Any:
    """Find the class that pydantic 2 validated: its error knows only the name."""
    title = getattr(error, "title", None)
    for frame, _ in traceback.walk_tb(error.__traceback__):
        for value in frame.f_locals.values():
            kind = value if isinstance(value, type) else type(value)
            if kind.__name__ == title and isinstance(getattr(kind, "model_config", None), dict):
                return kind
    return None


def _shown(error: BaseException) -> str:
    try:
        return str(error)[:_LONGEST]
    except Exception:
        return "(its message cannot be shown)"


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _reply(message: dict[str, Any]) -> None:
    # Not escaped, so that paths stand there as they are; half a surrogate pair is.
    text = json.dumps(message, ensure_ascii=False)
    line = b"\n" + text.encode("utf-8", "backslashreplace") + b"\n"
    while line:
        line = line[os.write(_REPLY, line) :]


if __name__ == "__main__":
    main()
