"""Packages and an archive of them, signed, made on the spot: what apt takes for a distribution's.

A `Deb` is written out with the compression asked for (Ubuntu's have zstd); `repackaged` makes
one of a package that the store has unpacked. `SignedArchive` lays them out under a folder
with Packages, Release and InRelease, signed by a key of its own; it is served as ``file:`` or
by a small HTTP server on loopback.
"""

from __future__ import annotations

import contextlib
import functools
import gzip
import hashlib
import http.server
import io
import lzma
import os
import subprocess
import tarfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import zstandard

from rockery.layer.deb import PackageContents
from rockery.layer.entry import Entry, read

_TYPES = {
    "file": tarfile.REGTYPE,
    "directory": tarfile.DIRTYPE,
    "symlink": tarfile.SYMTYPE,
    "hardlink": tarfile.LNKTYPE,
}


def compressed(data: bytes, suffix: str) -> bytes:
    """Return ``data`` as a member with this suffix has it; "" is plain."""
    match suffix:
        case "":
            return data
        case "gz":
            return gzip.compress(data, 6, mtime=0)
        case "xz":
            return lzma.compress(data, preset=1)
        case "zst":
            return zstandard.ZstdCompressor(level=3).compress(data)
    raise ValueError(suffix)


def ar(members: Sequence[tuple[str, bytes]]) -> bytes:
    """Return an ar archive (deb(5) uses its common variant)."""
    out = b"!<arch>\n"
    for name, data in members:
        out += f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n".encode()
        out += data + b"\n" * (len(data) % 2)
    return out


def tar(entries: Sequence[Entry]) -> bytes:
    """Return a tar as dpkg-deb writes it: "./" before each name, GNU headers."""
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for entry in entries:
            info = tarfile.TarInfo("./" + entry.path)
            info.type = _TYPES[entry.kind]
            info.mode, info.uid, info.gid = entry.mode, entry.uid, entry.gid
            info.uname = info.gname = "root"
            info.linkname = f"./{entry.target}" if entry.kind == "hardlink" else entry.target
            data = read(entry.content) if entry.content else b""
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return sink.getvalue()


@dataclass(frozen=True)
class Deb:
    """A package to be written; ``fields`` are further ones of its control file."""

    name: str
    version: str = "1.0-1"
    architecture: str = "amd64"
    fields: dict[str, str] = field(default_factory=dict)
    files: Sequence[Entry] = ()
    control: dict[str, str] = field(default_factory=dict)
    compression: str = "zst"

    @property
    def stanza(self) -> str:
        """Its control file."""
        fields = {
            "Package": self.name,
            "Version": self.version,
            "Architecture": self.architecture,
            "Maintainer": "Nobody <nobody@example.org>",
            "Installed-Size": "1",
            **self.fields,
            "Description": f"the package {self.name}",
        }
        return "".join(f"{name}: {value}\n" for name, value in fields.items())

    def build(self) -> bytes:
        """Return the ``.deb``."""
        sums = "".join(
            f"{hashlib.md5(read(e.content)).hexdigest()}  {e.path}\n"
            for e in self.files
            if e.content is not None
        )
        control = {"control": self.stanza, "md5sums": sums, **self.control}
        return _deb(control, tar(self.files), self.compression)


def repackaged(contents: PackageContents, compression: str = "zst") -> bytes:
    """Return the ``.deb`` of a package that the store has, with another compression."""
    names = contents.control_names()
    control = {name: contents.control(name) for name in names}
    return _deb(control, (contents.folder / "data.tar").read_bytes(), compression)


def _deb(control: dict[str, str], data: bytes, compression: str) -> bytes:
    scripts = ("preinst", "postinst", "prerm", "postrm", "config")
    entries = []
    for name, content in sorted(control.items()):
        mode = 0o755 if name in scripts else 0o644
        raw = _Bytes(content.encode("utf-8", "surrogateescape"))
        entries.append(Entry(name, "file", mode, content=raw))
    end = f".{compression}" if compression else ""
    return ar(
        [
            ("debian-binary", b"2.0\n"),
            (f"control.tar{end}", compressed(tar(entries), compression)),
            (f"data.tar{end}", compressed(data, compression)),
        ]
    )


@dataclass(frozen=True)
class _Bytes:
    data: bytes

    @property
    def size(self) -> int:
        return len(self.data)

    def open(self) -> io.BytesIO:
        return io.BytesIO(self.data)


class Key:
    """A signing key in a GnuPG home of its own; the folder's path must be short (sockets)."""

    def __init__(self, home: Path, name: str = "Test Archive Key") -> None:
        self.home = home
        home.mkdir(mode=0o700)
        address = f"{name} <archive@example.org>"
        self._gpg("--passphrase", "", "--quick-gen-key", address, "rsa2048", "sign", "never")

    def armored(self) -> bytes:
        """Return the public key."""
        return self._gpg("--armor", "--export")

    def signed(self, text: bytes) -> bytes:
        """Return the text with a signature around it, as InRelease has it."""
        return self._gpg("--clearsign", "--digest-algo", "SHA256", stdin=text)

    def close(self) -> None:
        """Stop the agent that GnuPG starts."""
        with contextlib.suppress(OSError, subprocess.CalledProcessError):
            environment = {**os.environ, "GNUPGHOME": str(self.home)}
            subprocess.run(["gpgconf", "--kill", "all"], env=environment, check=True)

    def _gpg(self, *words: str, stdin: bytes = b"") -> bytes:
        done = subprocess.run(
            ["gpg", "--homedir", str(self.home), "--batch", "--no-tty", "--quiet", *words],
            input=stdin,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode(errors="replace")
        return done.stdout


class SignedArchive:
    """An archive of one distribution under ``root``, signed with ``key``."""

    def __init__(self, root: Path, key: Key, architecture: str = "amd64") -> None:
        self.root = root
        self.key = key
        self.architecture = architecture
        self._stanzas: list[str] = []

    def add(self, name: str, data: bytes, stanza: str) -> Path:
        """Put a ``.deb`` into the pool and return its path; `publish` makes it known."""
        path = self.root / "pool" / f"{name}.deb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        self._stanzas.append(
            f"{stanza.strip()}\nFilename: pool/{name}.deb\nSize: {len(data)}\n"
            f"SHA256: {hashlib.sha256(data).hexdigest()}\n"
        )
        return path

    def add_deb(self, deb: Deb) -> Path:
        """Build a package and put it into the pool."""
        return self.add(f"{deb.name}_{deb.version}", deb.build(), deb.stanza)

    def forget(self) -> None:
        """Leave all packages out of the next `publish`; their files stay."""
        self._stanzas.clear()

    def publish(self, suites: Sequence[str], components: Sequence[str]) -> None:
        """Write the indexes; the packages are in the first suite's first component."""
        for suite in suites:
            folder = self.root / "dists" / suite
            lines = []
            for component in components:
                first = suite == suites[0] and component == components[0]
                text = "\n".join(self._stanzas if first else []).encode()
                place = f"{component}/binary-{self.architecture}"
                (folder / place).mkdir(parents=True, exist_ok=True)
                for name, data in (("Packages", text), ("Packages.gz", compressed(text, "gz"))):
                    (folder / place / name).write_bytes(data)
                    digest = hashlib.sha256(data).hexdigest()
                    lines.append(f" {digest} {len(data)} {place}/{name}\n")
            release = (
                f"Origin: Test\nLabel: Test\nSuite: {suite}\nCodename: {suite}\n"
                "Date: Thu, 01 Jan 2026 00:00:00 UTC\n"
                f"Architectures: {self.architecture}\nComponents: {' '.join(components)}\n"
                f"SHA256:\n{''.join(lines)}"
            )
            (folder / "InRelease").write_bytes(self.key.signed(release.encode()))

    @property
    def url(self) -> str:
        """Where the archive is without a server."""
        return f"file:{self.root}"


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on loopback and give its address."""
    handler = functools.partial(_Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
