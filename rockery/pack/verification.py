"""The last look at a rock before it is published: do its services start?"""

from __future__ import annotations

import functools
import itertools
import json
import posixpath
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rockery.amount import Amount
from rockery.errors import Location, Problem, ProjectError
from rockery.image import ImageSettings
from rockery.layer import Layer, bytecode, load, tree
from rockery.layer import key as layer_key
from rockery.pack.host import host_architecture
from rockery.record import Record
from rockery.store import Store

if TYPE_CHECKING:
    from rockery.pack.options import Watcher
    from rockery.verify import Application, Verdict

#: Raise it when the rules of rockery.verify change what is said of an application.
_RECIPE = 3

#: What is said of an application that isn't broken: the codes of these notes.
NOTES = ("not-isolated", "wants-settings", "not-imported")

_MOST_LINKS = 40


class Subject(Record):
    """What of a project its rock is looked at for.

    ``environment`` is what the user gives beside the image's, ``folder`` the project's,
    ``where`` tells a value's place in its file, ``python`` is the rock's version of it.
    """

    services: Mapping[str, Mapping[str, Any]]
    environment: Mapping[str, str]
    folder: Path
    where: Callable[..., Location]
    python: str
    watcher: Watcher


def verify(
    layers: Sequence[Layer],
    settings: ImageSettings,
    subject: Subject,
    store: Store,
    *,
    programs: bool = True,
) -> None:
    """Check that the services' programs are in the rock and their applications importable.

    ``layers`` are all but the bill of materials, which no application runs. A program that
    isn't there never triggers ``on-failure``: Pebble would stay up serving nothing; without
    ``programs`` that is known. Findings that don't stop the rock are told to
    the watcher.

    Raises:
        ProjectError: a program is missing, or an application can't be imported.
    """
    from rockery.verify import applications

    if programs:
        _check_programs(layers, settings, subject, store)
    environment = {**settings.environment, **subject.environment}
    for application in applications(subject.services, environment=environment):
        if settings.architecture != host_architecture():
            _check_module(layers, settings, application, subject)
            continue
        verdict = _verdict(layers, settings, application, subject, store)
        _tell(verdict, application, subject)


def _verdict(
    layers: Sequence[Layer],
    settings: ImageSettings,
    application: Application,
    subject: Subject,
    store: Store,
) -> Verdict:
    """Import the application, or remember how that went for exactly these layers.

    Where the layers differ in nothing that the last import ran or read, it would go that way.
    """
    from rockery.verify import Verdict

    watcher = subject.watcher
    inputs = [[layer.digest for layer in layers], vars(application)]
    key = layer_key("verdict", _RECIPE, inputs)
    folder = store.get("verdicts", key)
    if folder is not None:
        raw: dict[str, Any] = json.loads((folder / "verdict.json").read_text())
        values: Any = {k: tuple(v) if isinstance(v, list) else v for k, v in raw.items()}
        return Verdict(**values)
    last = _Last(layers, settings, application, store)
    if last.holds(subject.python):
        verdict = Verdict("importable", f"{application} can be imported")
        _keep(store, key, verdict)
        title = f"importing {application}"
        watcher.step(title)
        watcher.done(title, "importable as before: nothing that runs then has changed")
        return verdict
    from rockery.verify import verify as imported

    _unpack(layers, store, watcher)
    title = f"importing {application}"
    watcher.step(title)
    started = functools.partial(bytecode.startable, store, layers, settings.architecture)
    verdict = imported(application, started())
    if verdict.outcome == "broken" and bytecode.forget_damaged(store, layers):
        verdict = imported(application, started())
    watcher.done(title, verdict.outcome)
    if verdict.outcome != "broken":
        _keep(store, key, verdict)
    if verdict.outcome == "importable" and verdict.isolated and verdict.trail is not None:
        last.keep(verdict.trail)
    return verdict


def _unpack(layers: Sequence[Layer], store: Store, watcher: Watcher) -> None:
    for layer in layers:
        if not tree.has(store, layer):
            title, amount = f"unpacking {layer.title}", Amount()
            watcher.step(title, amount)
            tree.unpacked(store, layer, amount=amount)
            watcher.ended(title)


def _keep(store: Store, key: str, verdict: Verdict) -> None:
    with store.put("verdicts", key) as content:
        (content / "verdict.json").write_text(json.dumps({**vars(verdict), "trail": None}))


class _Last:
    """The last import of an application on these layers but for the topmost one, the app's."""

    def __init__(
        self,
        layers: Sequence[Layer],
        settings: ImageSettings,
        application: Application,
        store: Store,
    ) -> None:
        self._layers, self._settings = layers, settings
        self._application, self._store = application, store
        below = [layer.digest for layer in layers[:-1]]
        self._key = layer_key("trail", _RECIPE, [below, vars(application)])

    def keep(self, trail: Mapping[str, Any]) -> None:
        """Keep what it ran and read."""
        with self._store.put("verdicts", self._key, replace=True) as content:
            kept = {"layer": self._layers[-1].key, "trail": trail}
            (content / "trail.json").write_text(json.dumps(kept))

    def holds(self, version: str) -> bool:
        """Tell whether an import of what is there now would go the same way."""
        from rockery.verify import trail

        folder = self._store.get("verdicts", self._key)
        if folder is None:
            return False
        try:
            kept = json.loads((folder / "trail.json").read_text())
        except (OSError, ValueError):
            return False  # it is being replaced
        before, now = load(self._store, kept["layer"]), self._layers[-1]
        changed = None if before is None else _changed(before, now)
        if before is None or changed is None:
            return False
        root = self._application.working_dir.strip("/")
        if not all(path.startswith(f"{root}/") for path in changed):
            return False
        places = [tree.unpacked(self._store, layer) for layer in (before, now)]
        sources = {path[len(root) + 1 :]: (places[0] / path, places[1] / path) for path in changed}
        system = [layer for layer in self._layers if layer.kind in ("base", "runtime")]
        architecture = self._settings.architecture
        python = tree.interpreter(self._store, system, architecture, version)
        return trail.holds(kept["trail"], sources, python)


def _changed(before: Layer, now: Layer) -> list[str] | None:
    """Return the files whose contents differ between two layers; None if more does."""
    changed = []
    for one, other in itertools.zip_longest(before.entries(), now.entries()):
        if one == other:
            continue
        if one is None or other is None or "sha256" not in one or "sha256" not in other:
            return None
        content = {"sha256": other["sha256"], "size": other["size"]}
        if {**one, **content} != other:
            return None
        changed.append(str(other["path"]))
    return changed


def _check_module(
    layers: Sequence[Layer], settings: ImageSettings, application: Application, subject: Subject
) -> None:
    """Look for the application's module where it can't be imported on this machine.

    Raises:
        ProjectError: it isn't in the rock.
    """
    stem = application.module.replace(".", "/")
    folders = [application.working_dir, *application.path]
    folders.append(f"/usr/local/lib/python{subject.python}/dist-packages")
    wanted = {
        f"{folder.strip('/')}/{name}"
        for folder in folders
        for name in (f"{stem}.py", f"{stem}/__init__.py", stem)
    }
    found = any(entry["path"] in wanted for layer in layers for entry in layer.entries())
    if not found:
        raise ProjectError(
            Problem(
                f"cannot start {application}: the module {application.module} is not in the rock",
                "broken-application",
                subject.where("services", application.service, "command"),
                "see the install-app part's 'prime' and .rockignore",
            )
        )
    subject.watcher.note(
        Problem(
            f"{application} was only looked for, not imported: it is for "
            f"{settings.architecture}, and this machine is {host_architecture()}",
            "not-imported",
        )
    )


def _tell(verdict: Verdict, application: Application, subject: Subject) -> None:
    where = subject.where("services", application.service, "command")
    if not verdict.isolated:
        subject.watcher.note(
            Problem(
                f"{application} was imported in an ordinary process: this host allows no "
                "namespaces for it",
                "not-isolated",
            )
        )
    if verdict.outcome == "importable":
        return
    left_out = _left_out(verdict, application, subject)
    if left_out is not None:
        raise ProjectError(
            Problem(
                f"cannot start {application}: it reads {verdict.missing_file}, which is not in "
                "the rock",
                "missing-file",
                where,
                f"{left_out} is in the project: see the install-app part's 'prime' and .rockignore",
                verdict.details,
            )
        )
    if verdict.outcome == "wants-settings":
        subject.watcher.note(
            Problem(
                verdict.message,
                "wants-settings",
                where,
                _give(verdict.wanted),
                verdict.details,
            )
        )
        return
    remedy = "correct it, then pack again"
    if verdict.missing_module:
        top = verdict.missing_module.split(".")[0]
        folder = subject.folder
        if (folder / f"{top}.py").is_file() or (folder / top).is_dir():
            remedy = (
                f"{top} is in the project but not in the rock: see the install-app part's "
                "'prime' and .rockignore"
            )
        else:
            remedy = f"add what provides {top!r} to the requirements"
    elif verdict.missing_library:
        remedy = f"add the package with {verdict.missing_library} to a part's stage-packages"
    raise ProjectError(
        Problem(verdict.message, "broken-application", where, remedy, verdict.details)
    )


def _left_out(verdict: Verdict, application: Application, subject: Subject) -> str | None:
    """Return the project's file that the application missed in the rock, if it is one."""
    if verdict.missing_file is None:
        return None
    path = posixpath.relpath(verdict.missing_file, application.working_dir)
    if path.startswith("..") or not (subject.folder / path).exists():
        return None
    return path


def _give(names: tuple[str, ...]) -> str:
    if not names:
        return "give the container its settings (docker run --env NAME=value)"
    return f"give them to the container: docker run {' '.join(f'--env {n}=…' for n in names)}"


def _check_programs(
    layers: Sequence[Layer], settings: ImageSettings, subject: Subject, store: Store
) -> None:
    wanted = {}
    for name, service in subject.services.items():
        command = str(service.get("command") or "")
        try:
            words = shlex.split(command)
        except ValueError as error:
            where = subject.where("services", name, "command")
            raise ProjectError(
                Problem(f"cannot read the command of service {name!r}: {error}", "command", where)
            ) from error
        if words:
            wanted[name] = words[0]
    key = layer_key("programs", 1, [[layer.digest for layer in layers], wanted])
    if store.get("verdicts", key) is not None:
        return
    paths: dict[str, str] = {}
    for layer in layers:
        paths |= {
            e["path"]: e.get("target", "") for e in layer.entries() if e["kind"] != "directory"
        }
    links = {path: target for path, target in paths.items() if target}
    folders = settings.environment["PATH"].split(":")
    for name, program in wanted.items():
        tried = [program] if "/" in program else [f"{folder}/{program}" for folder in folders]
        if not any(_resolved(path, links) in paths for path in tried):
            raise ProjectError(
                Problem(
                    f"cannot start service {name!r}: there is no program {program} in the rock",
                    "missing-program",
                    subject.where("services", name, "command"),
                    "add the package that has it to a part's stage-packages or python-packages, "
                    "or correct the command",
                )
            )
    with store.put("verdicts", key) as folder:
        (folder / "none").touch()


def _resolved(path: str, links: Mapping[str, str]) -> str:
    """Return where ``path`` leads in the rock."""
    path = posixpath.normpath(path).lstrip("/")
    for _ in range(_MOST_LINKS):
        steps = path.split("/")
        for n in range(1, len(steps) + 1):
            link = "/".join(steps[:n])
            if link in links:
                target = posixpath.join("/", posixpath.dirname(link), links[link])
                path = posixpath.normpath(posixpath.join(target, *steps[n:])).lstrip("/")
                break
        else:
            return path
    return path
