"""Projects made from those of the corpus: files mixed, cut and spliced."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from random import Random

CORPUS = Path(__file__).parents[1] / "corpus"

#: What a file of a project is, as its content; a :class:`Path` is a link to it.
Files = dict[str, "bytes | Path"]

#: The files that are read, by name; the others of a case come along as they are.
_READ = (
    "rockcraft.yaml", "requirements.txt", "app.py", "main.py", "pyproject.toml", "uv.lock",
    "poetry.lock", "pylock.toml", "Pipfile.lock", "Pipfile", "setup.cfg", "rockery.toml",
    ".rockignore", ".flaskenv", "Procfile", "Dockerfile", "compose.yaml", ".python-version",
    "runtime.txt", "package.json",
)  # fmt: skip
_ALWAYS = ("rockcraft.yaml", "requirements.txt", "app.py")

_TOKENS = (
    b"[", b"]", b"{", b"}", b": ", b"\n", b"\r", b"\r\n", b"- ", b"*", b"&a ", b"*a", b"!x ",
    b'"', b"'", b"\\", b"\\\n", b"\x00", b"\xff", b"\x0c", b"\xe2\x80\xa8", b"#", b"-r ", b"-c ",
    b"-e .", b"-r ../x", b";", b"==", b"===", b"~=", b"@", b"def ", b"class ", b"import ",
    b"from . ", b"from .. import x", b"app", b"=", b":=", b"(", b")", b"    ", b"\t", b"null",
    b"1e999", b"0x", b"0o8", b"1_0", b"../", b"/", b"**", b"\xef\xbb\xbf", b"\xff\xfe",
    b"\xc3\xa9", b"\xed\xa0\x80", b"{{", b"%}", b"{% for x in range(999999) %}", b"flask",
    b"[gevent]", b"lambda:", b"match x:\n case _:", b"2024-99-99", b"~", b"<<: ", b"---\n",
    b"%YAML 9.9\n", b"$(x)", b"`x`", b"${X}", b"[[", b"]]", b"package", b'""', b"'''",
    b"# -*- coding: rot13 -*-\n", b"# -*- coding: utf-16 -*-\n", b"python_version < '3'",
    b"extra == 'x'", b"git+https://", b"file:///etc/passwd", b"\xf0\x9f\xa6\x86",
)  # fmt: skip

#: Places that no one may look at: what links and ``..`` are made to lead to.
OUTSIDE = (
    Path("../outside"), Path("../outside/app.py"), Path("../../../../../../etc/hostname"),
    Path("/etc/passwd"), Path("app.py"), Path(), Path("/dev/zero"),
)  # fmt: skip


def seeds() -> dict[str, list[bytes]]:
    """Return what the corpus has of each file that is read."""
    found: dict[str, list[bytes]] = {name: [] for name in _READ}
    for file in sorted(CORPUS.glob("*/project/**/*")):
        if file.name in found and file.is_file() and not file.is_symlink():
            found[file.name].append(file.read_bytes())
    return {name: contents for name, contents in found.items() if contents}


def project(random: Random, known: Mapping[str, list[bytes]]) -> Files:
    """Make a project of mixed and broken files."""
    files: Files = {}
    for name, contents in known.items():
        if name in _ALWAYS or random.random() < 0.2:
            files[name] = random.choice(contents)
            if random.random() < 0.6:
                files[name] = broken(random, files[name], contents)
    if random.random() < 0.2:
        files[random.choice([*files, "static", "app", "wsgi.py"])] = random.choice(OUTSIDE)
    if random.random() < 0.1:
        files["webapp/__init__.py"] = broken(random, random.choice(known["app.py"]), [])
    return files


def broken(random: Random, content: bytes, others: list[bytes]) -> bytes:
    """Break ``content`` in a few places."""
    data = bytearray(content)
    for _ in range(random.randint(1, 6)):
        at = random.randint(0, len(data))
        how = random.random()
        if how < 0.5:
            data[at:at] = random.choice(_TOKENS)
        elif how < 0.65:
            del data[at : at + random.randint(1, 12)]
        elif how < 0.75:
            data[at:at] = data[random.randint(0, len(data)) :][:60]
        elif how < 0.85 and data:
            data[at - 1] ^= 1 << random.randint(0, 7)
        elif how < 0.95 and others:
            data[at:] = random.choice(others)[random.randint(0, at) :]
        else:
            data[at:at] = random.choice(_TOKENS) * random.randint(2, 300)
    return bytes(data)


def write(files: Files, folder: Path) -> None:
    """Write a project, with a folder beside it that nothing may look into."""
    folder.mkdir(parents=True)
    outside = folder.parent / "outside"
    outside.mkdir(exist_ok=True)
    (outside / "app.py").write_text("app = None\n")
    (outside / "requirements.txt").write_text("flask\n")
    for name, content in files.items():
        path = folder / name
        if path.parent.is_symlink() or path.is_dir():
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Path):
            path.symlink_to(content)
        else:
            path.write_bytes(content)
