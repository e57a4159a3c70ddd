"""What the host's own apt is set up for: the mirrors it uses.

Asking it takes as long as all else of a pack that changes nothing, so its answers are kept
in the store until a file changes that they depend on.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from rockery.store import Store

#: Release names by which a host's own sources tell whose archive a mirror carries.
_RELEASES = {
    "debian": {"bullseye", "bookworm", "trixie", "forky", "sid", "stable", "testing", "unstable"},
    "ubuntu": {"jammy", "noble", "oracular", "plucky", "questing", "resolute"},
}

#: The same as the archives' Release files say it: origin and label.
_ORIGINS = {
    "Debian/Debian": "debian",
    "Debian/Debian-Security": "debian-security",
    "Ubuntu/Ubuntu": "ubuntu",
}

#: Ubuntu's archive for all but amd64.
PORTS = "ubuntu-ports"

#: Where an ordinary apt has its configuration and its indexes.
_READ = ("/etc/apt", "/usr/share/apt", "/var/lib/apt/lists")


class HostApt:
    """The host's apt, whose answers ``store`` keeps; without one it is asked each time."""

    def __init__(self, store: Store | None = None) -> None:
        self._store = store

    def fetched_mirrors(self) -> dict[str, str]:
        """Return the mirrors whose indexes the host's apt has, by the archive's name.

        There each archive says itself what it is.
        """
        fields = "$(REPO_URI) $(ORIGIN)/$(LABEL)"
        said = self._ask("apt-get", "indextargets", "--format", fields, "Created-By: Packages")
        mirrors: dict[str, str] = {}
        for line in said.splitlines():
            url, _, origin = line.partition(" ")
            if name := _ORIGINS.get(origin):
                mirrors.setdefault(PORTS if name == "ubuntu" and "ports" in url else name, url)
        return mirrors

    def configured_mirrors(self) -> dict[str, str]:
        """Return the mirrors the host's apt is set up for, told by their releases' names.

        Third parties use these names too, but for few suites; the distribution has several.
        """
        said = self._ask("apt-get", "update", "--print-uris")
        suites: dict[str, dict[str, int]] = {}
        for url, suite in re.findall(r"^'(\S+?/)dists/(\S+)/InRelease' ", said, re.MULTILINE):
            release, _, part = suite.replace("/", "-").partition("-")
            for distribution, releases in _RELEASES.items():
                if release in releases and part in ("", "updates", "security", "backports"):
                    name = distribution
                    if distribution == "debian" and part == "security":
                        name = "debian-security"
                    elif distribution == "ubuntu" and "ports" in url:
                        name = PORTS
                    urls = suites.setdefault(name, {})
                    urls[url] = urls.get(url, 0) + 1
        return {name: max(urls, key=lambda url: urls[url]) for name, urls in suites.items()}

    def _ask(self, *command: str) -> str:
        # A configuration of the caller's may move every folder.
        if self._store is None or "APT_CONFIG" in os.environ:
            return _said(command)
        key = _key(command)
        if found := self._store.get("answers", key):
            return (found / "answer").read_text()
        said = _said(command)
        if _key(command) == key:  # else something changed meanwhile
            with self._store.put("answers", key) as folder:
                (folder / "answer").write_text(said)
        return said


def files() -> Iterator[Path]:
    """Give every file that decides what the host's apt answers, links followed."""
    for folder in _READ:
        for here, names, found in os.walk(folder):
            names.sort()
            yield from (Path(os.path.realpath(Path(here, name))) for name in sorted(found))


def _said(command: tuple[str, ...]) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"}, check=False
    )
    return done.stdout


def _key(command: tuple[str, ...]) -> str:
    """Return what names an answer: the question, the program and the files that it reads."""
    states = [_state(path) for path in (Path(shutil.which(command[0]) or command[0]), *files())]
    return hashlib.sha256(json.dumps([command, sorted(states)]).encode()).hexdigest()


def _state(path: Path) -> tuple[str, int, int, int, int]:
    try:
        found = path.stat()
    except OSError:  # gone meanwhile, or a link to nothing
        return str(path), 0, 0, 0, 0
    return str(path), found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
