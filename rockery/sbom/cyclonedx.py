"""The bill of materials as CycloneDX 1.6, made by the CycloneDX project's own library."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from cyclonedx.model import (
    ExternalReference,
    ExternalReferenceType,
    HashAlgorithm,
    HashType,
    Property,
    XsUri,
)
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense, LicenseAcknowledgement, LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from rockery.sbom.licence import known
from rockery.sbom.material import Bill, Material

_DECLARED = LicenseAcknowledgement.DECLARED


def document(bill: Bill) -> bytes:
    """Return the CycloneDX document; the same bytes for an equal bill."""
    rock = Component(
        type=ComponentType.CONTAINER,
        name=bill.name,
        version=bill.version,
        bom_ref="rock",
        licenses=_licences(known(bill.licence) or ""),
    )
    system = Component(
        type=ComponentType.OPERATING_SYSTEM,
        name=bill.system[0],
        version=bill.system[1],
        bom_ref="system",
    )
    components = {material.purl: _component(material) for material in bill.materials}
    bom = Bom(components=[system, *components.values()], serial_number=bill.identity)
    bom.metadata.component = rock
    bom.metadata.timestamp = datetime.fromtimestamp(bill.mtime, UTC)
    bom.metadata.tools.components.add(Component(type=ComponentType.APPLICATION, name="rockery"))
    linked = {part for material in bill.materials for part in material.contains}
    direct = [component for purl, component in components.items() if purl not in linked]
    bom.register_dependency(rock, [system, *direct])
    for material in bill.materials:
        if material.contains:
            bom.register_dependency(
                components[material.purl], [components[part] for part in material.contains]
            )
    # Written anew, so that the order of the library's keys doesn't decide the bytes.
    plain = json.loads(JsonV1Dot6(bom).output_as_string())
    for component in plain["metadata"]["tools"]["components"]:
        component.pop("bom-ref", None)  # the library makes up another one each time
    text = json.dumps(plain, indent=1, sort_keys=True, ensure_ascii=False)
    return text.encode("utf-8", "replace") + b"\n"


def _component(material: Material) -> Component:
    return Component(
        type=ComponentType.APPLICATION if material.contains else ComponentType.LIBRARY,
        name=material.name,
        version=material.version or None,
        bom_ref=material.purl,
        purl=PackageURL.from_string(material.purl),
        description=material.summary or None,
        licenses=_licences(material.licence.expression),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=material.sha256)]
        if material.sha256
        else None,
        external_references=list(_references(material)),
        properties=list(_properties(material)),
    )


def _licences(expression: str) -> list[Any]:
    """Return the licence in the form that readers know best: an identifier where it is one."""
    if not expression:
        return []
    if re.fullmatch(r"[A-Za-z0-9.-]+", expression):
        if expression.startswith("LicenseRef-"):
            return [DisjunctiveLicense(name=expression, acknowledgement=_DECLARED)]
        return [DisjunctiveLicense(id=expression, acknowledgement=_DECLARED)]
    return [LicenseExpression(expression, acknowledgement=_DECLARED)]


def _references(material: Material) -> Iterable[ExternalReference]:
    if material.website:
        url = XsUri(material.website)
        yield ExternalReference(type=ExternalReferenceType.WEBSITE, url=url)


def _properties(material: Material) -> Iterable[Property]:
    if material.source:
        yield Property(name="rockery:source", value=material.source)
    for name, value in sorted(material.notes.items()):
        yield Property(name=f"rockery:{name}", value=value)
