"""Runs in a bare rock and prints, as one JSON document, what Python finds there."""

import ctypes.util
import hashlib
import importlib
import json
import locale
import os
import re
import ssl
import subprocess
import sys
import zoneinfo
from pathlib import Path

LOADERS = ("/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1")
LIBRARIES = ("ssl", "crypto", "c", "m", "z", "sqlite3", "ffi", "stdc++", "uuid", "nothing")


def lost_modules():
    lost = []
    for name in sorted(sys.stdlib_module_names - {"antigravity", "this"}):
        try:
            importlib.import_module(name)
        except ImportError:
            lost.append(name)
    return lost


def cache():
    shown = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True).stdout
    pairs = re.findall(r"^\t(\S+) \(.*?\) => (\S+)$", shown, re.MULTILINE)
    return sorted((name, os.path.realpath(path)) for name, path in pairs)


def files(folder):
    for root, _, names in os.walk(folder):
        for name in names:
            path = Path(root, name)
            if not path.is_symlink():
                yield path


def unresolved():
    """Give the libraries that programs and libraries need and don't find."""
    loader = next(path for path in LOADERS if Path(path).exists())
    found = {}
    for path in files("/usr"):
        with path.open("rb") as stream:
            if stream.read(4) != b"\x7fELF":
                continue
        said = subprocess.run([loader, "--list", path], capture_output=True, text=True).stdout
        if "not found" in said:
            found[str(path)] = re.findall(r"(\S+) => not found", said)
    return found


def checksums():
    """Give how many files packages have a checksum of, and those that differ from it."""
    changed, checked = [], 0
    for sums in Path("/var/lib/dpkg/status.d").glob("*.md5sums"):
        for line in sums.read_text().splitlines():
            digest, path = line.split("  ", 1)
            checked += 1
            if hashlib.md5(Path("/", path).read_bytes()).hexdigest() != digest:
                changed.append(path)
    return {"changed": changed, "checked": checked}


def shell(command):
    return subprocess.run(command, shell=True, capture_output=True, text=True).stdout


ours = cache()
subprocess.run(["/sbin/ldconfig"], check=True)
special = [str(path) for path in files("/usr") if path.lstat().st_mode & 0o6000]
modes = {path: oct(Path(path).stat().st_mode & 0o7777) for path in ("/root", "/tmp", "/var/tmp")}
print(
    json.dumps(
        {
            "lost": lost_modules(),
            "libraries": {name: ctypes.util.find_library(name) for name in LIBRARIES},
            "cache": [len(ours), ours == cache()],
            "unresolved": unresolved(),
            "special": special,
            **checksums(),
            "trusted": len(ssl.create_default_context().get_ca_certs()),
            "zones": len(zoneinfo.available_timezones()),
            "locale": [locale.setlocale(locale.LC_ALL, "C.UTF-8"), sys.getfilesystemencoding()],
            "modes": modes,
            "shell": shell("which ls && id -u && echo $((1 + 1))"),
        }
    )
)
