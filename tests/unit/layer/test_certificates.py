from __future__ import annotations

import base64
import hashlib
import struct
from collections.abc import Callable

from signed_archive import Deb

from rockery.layer.certificates import key_store, trust
from rockery.layer.composition import Composition, Member
from rockery.layer.entry import file, read
from rockery.layer.ground import Ground


def pem(data: bytes) -> bytes:
    text = base64.encodebytes(data)
    return b"-----BEGIN CERTIFICATE-----\n" + text + b"-----END CERTIFICATE-----"


def authorities(member: Callable[[Deb], Member]) -> Member:
    folder = "usr/share/ca-certificates/mozilla"
    files = [file(f"{folder}/B.crt", pem(b"b")), file(f"{folder}/A_ű.crt", pem(b"a") + b"\n")]
    return member(Deb("ca-certificates", files=files))


def text(composition: Composition, path: str) -> bytes:
    content = composition.entries[path].content
    assert content is not None
    return read(content)


def test_the_bundle_has_all_in_order_of_their_names(member: Callable[[Deb], Member]) -> None:
    composition = Composition(Ground())
    trust(composition, [authorities(member)], configure=False)
    bundle = text(composition, "etc/ssl/certs/ca-certificates.crt")
    assert bundle == pem(b"a") + b"\n" + pem(b"b") + b"\n"
    assert composition.entries["usr/lib/ssl/cert.pem"].target.endswith("ca-certificates.crt")
    assert "etc/ca-certificates.conf" not in composition.entries
    assert "etc/ssl/certs/java/cacerts" not in composition.entries


def test_a_list_and_a_store_for_java_where_they_are_read(member: Callable[[Deb], Member]) -> None:
    composition = Composition(Ground())
    java = member(Deb("ca-certificates-java"))
    trust(composition, [authorities(member), java], configure=True)
    listed = text(composition, "etc/ca-certificates.conf").decode()
    assert listed == "mozilla/A_ű.crt\nmozilla/B.crt\n"
    assert text(composition, "etc/ssl/certs/java/cacerts")[:4] == b"\xfe\xed\xfe\xed"


def test_without_certificates_nothing_is_made(member: Callable[[Deb], Member]) -> None:
    composition = Composition(Ground())
    trust(composition, [member(Deb("libc6"))], configure=True)
    assert composition.entries == {}


def test_a_key_store_is_whole() -> None:
    data = key_store({"debian:B.crt": pem(b"second"), "debian:a.crt": pem(b"first")})
    magic, version, count = struct.unpack_from(">III", data)
    assert (magic, version, count) == (0xFEEDFEED, 2, 2)
    assert data.index(b"debian:a.crt") < data.index(b"debian:b.crt")
    assert b"first" in data
    secret = "changeit".encode("utf-16-be") + b"Mighty Aphrodite"
    assert data[-20:] == hashlib.sha1(secret + data[:-20]).digest()
