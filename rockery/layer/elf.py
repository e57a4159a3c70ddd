"""What of an ELF file's header matters here: the machine it is for."""

from __future__ import annotations

import struct
from pathlib import Path

#: The machine numbers of the ELF specification, by Debian's name of the architecture.
MACHINES = {"amd64": 62, "arm64": 183}


def is_for(path: Path, architecture: str) -> bool:
    """Tell whether the file runs on ``architecture``; what is no ELF file runs anywhere."""
    with path.open("rb") as stream:
        header = stream.read(20)
    if header[:4] != b"\x7fELF" or len(header) < 20:
        return True
    machine: int = struct.unpack_from("<H", header, 18)[0]
    return machine == MACHINES[architecture]
