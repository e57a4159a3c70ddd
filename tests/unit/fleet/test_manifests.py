"""The manifests for Kubernetes, against its own schemas, and what they have to say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from rockery.fleet import fleet, write

from .conftest import Project
from .test_template import KUBERNETES

#: The oldest with `preStop: sleep` by default, and the newest that is known.
VERSIONS = ["1.30", kubernetes_validate.latest_version()]

#: The keys of a ServiceMonitor that we use, as the operator's definition has them (v0.84).
_SERVICE_MONITOR = {
    "type": "object",
    "additionalProperties": False,
    "required": ["apiVersion", "kind", "metadata", "spec"],
    "properties": {
        "apiVersion": {"const": "monitoring.coreos.com/v1"},
        "kind": {"const": "ServiceMonitor"},
        "metadata": {"type": "object", "required": ["name"]},
        "spec": {
            "type": "object",
            "additionalProperties": False,
            "required": ["endpoints", "selector"],
            "properties": {
                "jobLabel": {"type": "string"},
                "selector": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {
                        "matchLabels": {
                            "type": "object",
                            "additionalProperties": {"type": "string"},
                        }
                    },
                },
                "endpoints": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "additionalProperties": False,
                        "properties": {
                            "port": {"type": "string"},
                            "path": {"type": "string"},
                            "interval": {"type": "string", "pattern": "^([0-9]+m)?([0-9]+s)?$"},
                        },
                    },
                },
            },
        },
    },
}


@pytest.fixture
def manifests(project: Project, tmp_path: Path) -> dict[str, Any]:
    """Return what is written for a Flask project, by kind."""
    folder = project(more="environment: {ROCK_READY_PATH: '/ready?x=1'}\n")
    write("kubernetes", fleet(folder, replicas=3), tmp_path / "out", project=folder, **KUBERNETES)
    found = [yaml.safe_load(path.read_text()) for path in (tmp_path / "out").iterdir()]
    return {each["kind"]: each for each in found}


def test_all_are_there(manifests: dict[str, Any]) -> None:
    assert manifests.keys() == {
        "Deployment",
        "Service",
        "HorizontalPodAutoscaler",
        "PodDisruptionBudget",
        "ServiceMonitor",
        "NetworkPolicy",
    }


@pytest.mark.parametrize("version", VERSIONS)
def test_schemas(version: str, manifests: dict[str, Any]) -> None:
    for kind, manifest in manifests.items():
        if kind == "ServiceMonitor":
            jsonschema.validate(manifest, _SERVICE_MONITOR)
        else:
            kubernetes_validate.validate(manifest, version, strict=True)


def test_a_mistake_is_found(manifests: dict[str, Any]) -> None:
    manifests["Deployment"]["spec"]["template"]["spec"]["containers"][0]["readOnly"] = True
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(manifests["Deployment"], VERSIONS[-1], strict=True)


def test_hardened(manifests: dict[str, Any]) -> None:
    pod = manifests["Deployment"]["spec"]["template"]["spec"]
    assert pod["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 584792,
        "runAsGroup": 584792,
        "fsGroup": 584792,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["automountServiceAccountToken"] is False
    assert container["readinessProbe"]["httpGet"]["path"] == "/ready?x=1"


def test_the_pod_outlives_the_slowest_stop(manifests: dict[str, Any]) -> None:
    pod = manifests["Deployment"]["spec"]["template"]["spec"]
    wait = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod["terminationGracePeriodSeconds"] > wait + 40


def test_they_mean_one_another(manifests: dict[str, Any]) -> None:
    pod = manifests["Deployment"]["spec"]["template"]
    labels = pod["metadata"]["labels"]
    selectors = [
        manifests["Deployment"]["spec"]["selector"]["matchLabels"],
        manifests["Service"]["spec"]["selector"],
        manifests["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
        manifests["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
    ]
    assert all(selector.items() <= labels.items() for selector in selectors)
    service = manifests["Service"]
    monitor = manifests["ServiceMonitor"]["spec"]
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert service["metadata"]["labels"][monitor["jobLabel"]] == "flask"
    offered = {port["name"] for port in service["spec"]["ports"]}
    assert {endpoint["port"] for endpoint in monitor["endpoints"]} <= offered
    ports = {port["name"] for port in pod["spec"]["containers"][0]["ports"]}
    assert {port["targetPort"] for port in service["spec"]["ports"]} == ports
    assert {
        port["port"]
        for rule in manifests["NetworkPolicy"]["spec"]["ingress"]
        for port in rule["ports"]
    } == ports
    scaler = manifests["HorizontalPodAutoscaler"]["spec"]
    assert scaler["scaleTargetRef"]["name"] == manifests["Deployment"]["metadata"]["name"]
    # Both would tell how many there are.
    assert "replicas" not in manifests["Deployment"]["spec"]
