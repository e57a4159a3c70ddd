"""The bill of materials as SPDX 2.3, made by the SPDX project's own library."""

from __future__ import annotations

import io
import json
import re
from datetime import UTC, datetime
from typing import Any

from spdx_tools.spdx.model.actor import Actor, ActorType
from spdx_tools.spdx.model.checksum import Checksum, ChecksumAlgorithm
from spdx_tools.spdx.model.document import CreationInfo, Document
from spdx_tools.spdx.model.extracted_licensing_info import ExtractedLicensingInfo
from spdx_tools.spdx.model.package import (
    ExternalPackageRef,
    ExternalPackageRefCategory,
    Package,
    PackagePurpose,
)
from spdx_tools.spdx.model.relationship import Relationship, RelationshipType
from spdx_tools.spdx.model.spdx_no_assertion import SpdxNoAssertion
from spdx_tools.spdx.writer.json.json_writer import write_document_to_stream

from rockery.sbom.licence import known, parse
from rockery.sbom.material import Bill, Material

_DOCUMENT = "SPDXRef-DOCUMENT"
_ROCK = "SPDXRef-rock"
_SYSTEM = "SPDXRef-system"

_PURPOSES = {
    "deb": PackagePurpose.LIBRARY,
    "pypi": PackagePurpose.LIBRARY,
    "golang": PackagePurpose.LIBRARY,
    "generic": PackagePurpose.APPLICATION,
}


def document(bill: Bill) -> bytes:
    """Return the SPDX document; the same bytes for an equal bill."""
    ids = _ids(bill)
    packages = [_rock(bill), _system(bill)]
    packages += [_package(material, ids[material.purl]) for material in bill.materials]
    relationships = [Relationship(_DOCUMENT, RelationshipType.DESCRIBES, _ROCK)]
    relationships += [
        Relationship(_ROCK, RelationshipType.CONTAINS, package.spdx_id) for package in packages[1:]
    ]
    relationships += [
        Relationship(ids[material.purl], RelationshipType.CONTAINS, ids[part])
        for material in bill.materials
        for part in material.contains
    ]
    name = f"{bill.name}-{bill.version}"
    made = Document(
        CreationInfo(
            spdx_version="SPDX-2.3",
            spdx_id=_DOCUMENT,
            name=name,
            document_namespace=f"https://spdx.org/spdxdocs/{_word(name)}-{bill.identity}",
            creators=[Actor(ActorType.TOOL, "rockery")],
            created=datetime.fromtimestamp(bill.mtime, UTC).replace(tzinfo=None),
        ),
        packages=packages,
        extracted_licensing_info=[
            ExtractedLicensingInfo(license_id=name, extracted_text=text)
            for name, text in bill.texts.items()
        ],
        relationships=relationships,
    )
    stream = io.StringIO()
    write_document_to_stream(made, stream, validate=False)
    # Written anew, so that the order of the library's keys doesn't decide the bytes.
    plain = json.loads(stream.getvalue())
    text = json.dumps(plain, indent=1, sort_keys=True, ensure_ascii=False)
    return text.encode("utf-8", "replace") + b"\n"


def _rock(bill: Bill) -> Package:
    declared = known(bill.licence)
    return Package(
        spdx_id=_ROCK,
        name=bill.name,
        version=bill.version,
        download_location=SpdxNoAssertion(),
        files_analyzed=False,
        license_concluded=SpdxNoAssertion(),
        license_declared=parse(declared) if declared else SpdxNoAssertion(),
        primary_package_purpose=PackagePurpose.CONTAINER,
    )


def _system(bill: Bill) -> Package:
    name, release = bill.system
    return Package(
        spdx_id=_SYSTEM,
        name=name,
        version=release,
        download_location=SpdxNoAssertion(),
        files_analyzed=False,
        license_concluded=SpdxNoAssertion(),
        license_declared=SpdxNoAssertion(),
        primary_package_purpose=PackagePurpose.OPERATING_SYSTEM,
    )


def _package(material: Material, spdx_id: str) -> Package:
    notes = "\n".join(f"{name}: {value}" for name, value in sorted(material.notes.items()))
    declared: Any = SpdxNoAssertion()
    if material.licence:
        declared = parse(material.licence.expression)
    return Package(
        spdx_id=spdx_id,
        name=material.name,
        version=material.version or None,
        download_location=SpdxNoAssertion(),
        files_analyzed=False,
        checksums=[Checksum(ChecksumAlgorithm.SHA256, material.sha256)] if material.sha256 else [],
        homepage=material.website or None,
        source_info=f"built from {material.source}" if material.source else None,
        license_concluded=SpdxNoAssertion(),
        license_declared=declared,
        summary=material.summary or None,
        comment=notes or None,
        external_references=[
            ExternalPackageRef(ExternalPackageRefCategory.PACKAGE_MANAGER, "purl", material.purl)
        ],
        primary_package_purpose=(
            PackagePurpose.APPLICATION if material.contains else _PURPOSES[material.kind]
        ),
    )


def _ids(bill: Bill) -> dict[str, str]:
    """Return an SPDX identifier per purl: names lose letters, so a number may tell them apart."""
    ids: dict[str, str] = {}
    used: set[str] = set()
    for material in bill.materials:
        word = _word(f"{material.kind}-{material.name}-{material.version}")
        name, number = word, 1
        while name in used:
            number += 1
            name = f"{word}-{number}"
        used.add(name)
        ids[material.purl] = f"SPDXRef-{name}"
    return ids


def _word(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-")
