"""The certificates a rock trusts, as ``update-ca-certificates`` and Java's hook make them."""

from __future__ import annotations

import base64
import hashlib
import posixpath
import re
import struct
from collections.abc import Mapping, Sequence

from rockery.layer.composition import Composition, Member, listed
from rockery.layer.entry import file, read, symlink

_FOLDER = "usr/share/ca-certificates/"
_BUNDLE = "etc/ssl/certs/ca-certificates.crt"
_JAVA = "etc/ssl/certs/java/cacerts"

# The format of a JKS key store: sun.security.provider.JavaKeyStore in OpenJDK.
_MAGIC, _VERSION, _TRUSTED = 0xFEEDFEED, 2, 2
_WHITENER = b"Mighty Aphrodite"
_PASSWORD = "changeit"  # noqa: S105 - the well-known one, for integrity only


def trust(composition: Composition, members: Sequence[Member], *, configure: bool) -> None:
    """Add the bundle of all certificates that ``members`` bring, and lead OpenSSL to it.

    ``configure`` adds the list that ``update-ca-certificates`` reads. Where Java's own store
    is expected, it is made too.
    """
    found: dict[str, bytes] = {}
    java = False
    for member in members:
        java = java or member.package.name == "ca-certificates-java"
        for entry in member.contents.entries():
            if entry.path.startswith(_FOLDER) and entry.path.endswith(".crt") and entry.content:
                found[entry.path.removeprefix(_FOLDER)] = read(entry.content)
    if not found:
        return
    ordered = [found[name] for name in sorted(found)]
    bundle = b"".join(text if text.endswith(b"\n") else text + b"\n" for text in ordered)
    composition.add(file(_BUNDLE, bundle))
    if configure:
        composition.add(file("etc/ca-certificates.conf", listed(sorted(found))))
    composition.add_missing(symlink("usr/lib/ssl/certs", "/etc/ssl/certs"))
    composition.add_missing(symlink("usr/lib/ssl/cert.pem", f"/{_BUNDLE}"))
    if java:
        named = {f"debian:{posixpath.basename(name)}": data for name, data in found.items()}
        composition.add(file(_JAVA, key_store(named)))


def key_store(certificates: Mapping[str, bytes]) -> bytes:
    """Return a JKS key store that trusts these PEM certificates, by alias; dated 1970.

    Java's default type, PKCS12, reads this one too (``keystore.type.compat``).
    """
    entries = []
    for alias, text in certificates.items():
        for block in re.findall(rb"-----BEGIN CERTIFICATE-----(.+?)-----END", text, re.DOTALL):
            entries.append((alias.lower(), base64.b64decode(block)))
    data = struct.pack(">III", _MAGIC, _VERSION, len(entries))
    for alias, der in sorted(entries):
        data += struct.pack(">I", _TRUSTED) + _utf(alias) + struct.pack(">Q", 0)
        data += _utf("X.509") + struct.pack(">I", len(der)) + der
    keyed = hashlib.sha1(usedforsecurity=False)
    keyed.update(_PASSWORD.encode("utf-16-be") + _WHITENER + data)
    return data + keyed.digest()


def _utf(text: str) -> bytes:
    raw = text.encode()
    return struct.pack(">H", len(raw)) + raw
