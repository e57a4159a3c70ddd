"""The command ``export``: files that run a rock several times, for Compose or Kubernetes."""

from __future__ import annotations

import argparse
from argparse import Namespace
from pathlib import Path

from rockery.cli import result
from rockery.cli.screen import Screen
from rockery.errors import Problem, UsageError

_COMPOSE, _KUBERNETES = "compose", "kubernetes"

#: What is known at one form only: the form, the default, what it is.
_OPTIONS: dict[str, tuple[str, str | int, str]] = {
    "port": (_COMPOSE, 8000, "where the app answers on this machine"),
    "haproxy-image": (_COMPOSE, "haproxy:3.2", "what runs HAProxy, 2.6 or newer, and has bash"),
    "prometheus-image": (_COMPOSE, "prom/prometheus:v3.5.0", "what runs Prometheus"),
    "grafana-image": (_COMPOSE, "grafana/grafana:12.1.0", "what runs Grafana"),
    "max-replicas": (_KUBERNETES, 10, "how many there may be under load"),
    "monitoring-namespace": (_KUBERNETES, "monitoring", "where Prometheus runs"),
}

#: Seconds for which Kubernetes may send requests to a pod that it has told to stop.
_STOP_WAIT = 5


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what ``export`` takes."""
    parser.add_argument(
        "form",
        choices=(_COMPOSE, _KUBERNETES),
        help="compose: replicas behind HAProxy, with Prometheus and Grafana, on one machine; "
        "kubernetes: Deployment, Service, HorizontalPodAutoscaler, PodDisruptionBudget, "
        "ServiceMonitor and NetworkPolicy",
    )
    parser.add_argument(
        "--output",
        "-o",
        metavar="DIR",
        type=Path,
        help="where the files go (default: fleet/compose or fleet/kubernetes, here)",
    )
    parser.add_argument(
        "--force",
        action="store_true",
        help="write over files that are there and differ, but never over rock.env",
    )
    parser.add_argument(
        "--image",
        metavar="IMAGE",
        help="the rock's name in a registry (default: NAME:VERSION, as pack --load has it)",
    )
    parser.add_argument(
        "--replicas",
        type=int,
        default=3,
        metavar="N",
        help="how many there are, with kubernetes at least (default: 3)",
    )
    parser.add_argument(
        "--templates",
        metavar="DIR",
        type=Path,
        help="templates that take the place of ours (default: the project's rockery-templates/"
        "compose or rockery-templates/kubernetes)",
    )
    parser.add_argument(
        "--copy-templates",
        metavar="DIR",
        type=Path,
        help="copy our templates to DIR, to be changed there, and export nothing",
    )
    for name, (form, default, about) in _OPTIONS.items():
        parser.add_argument(
            f"--{name}",
            metavar="N" if isinstance(default, int) else name.rpartition("-")[2].upper(),
            type=type(default),
            help=f"{form}: {about} (default: {default})",
        )


def export(options: Namespace, screen: Screen) -> int:
    """Write the files of a fleet; print the folder they are in."""
    from rockery import fleet

    values = _values(options)
    if options.copy_templates is not None:
        for path in fleet.copy(options.form, options.copy_templates):
            result.path(path)
        return 0
    folder = options.output or Path("fleet", options.form)
    made = fleet.fleet(options.folder, replicas=options.replicas, image=options.image)
    kept = fleet.write(
        options.form,
        made,
        folder,
        project=options.folder,
        templates=options.templates,
        force=options.force,
        **values,
    )
    for name in kept:
        screen.say(f"kept {folder / name} as it is")
    if options.image is None:
        screen.say(f"the image is {made.image}, as 'pack --load' names it; see --image")
    if options.form == _COMPOSE:
        screen.say(f"next: cd {folder} && docker compose up -d")
    else:
        screen.say(f"next: kubectl apply -f {folder}")
    result.path(folder)
    return 0


def _values(options: Namespace) -> dict[str, str | int]:
    """Return what the templates of the form can name.

    Raises:
        UsageError: an option belongs to the other form, or its value is nonsense.
    """
    values: dict[str, str | int] = {}
    for flag, (form, default, _) in _OPTIONS.items():
        name = flag.replace("-", "_")
        given = getattr(options, name)
        if form == options.form:
            values[name] = default if given is None else given
        elif given is not None:
            raise _unusable(f"--{flag}", f"it belongs to 'export {form}'")
    if options.replicas < 1:
        raise _unusable("--replicas", f"{options.replicas} is not above 0")
    if options.form == _COMPOSE:
        if not 0 < int(values["port"]) < 65536:
            raise _unusable("--port", f"{values['port']} is not from 1 to 65535")
        return values
    if options.max_replicas is None:
        values["max_replicas"] = max(int(values["max_replicas"]), options.replicas)
    elif options.max_replicas < options.replicas:
        raise _unusable("--max-replicas", f"it is below the {options.replicas} of --replicas")
    return {**values, "stop_wait": _STOP_WAIT}


def _unusable(flag: str, reason: str) -> UsageError:
    return UsageError(Problem(f"cannot use {flag}: {reason}", "bad-option"))
