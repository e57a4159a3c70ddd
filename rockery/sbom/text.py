"""Tells well-known licences by their texts.

A licence counts as found when the phrases that only it has are all there, whatever the line
breaks, quotes and list marks around them. What isn't recognised is not guessed at.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

#: Phrases of the text itself, in words of lower case; those of "without" must be absent.
_MIT = "permission is hereby granted free of charge to any person obtaining a copy"
_MIT_KEPT = "copyright notice and this permission notice shall be included in all copies"
_BSD = (
    "redistribution and use in source and binary forms with or without modification are permitted"
)
_BSD_NAME = (
    r"neither the names? of|names? of .{0,80}may not be used to endorse|not use the name of"
    r"|may be used to endorse or promote products"
)
_BSD_ADVERTISING = "all advertising materials mentioning features"
_ISC = "permission to use copy modify and or distribute this software for any purpose"
_ISC_OLD = "permission to use copy modify and distribute this software for any purpose"
_ISC_FEE = "with or without fee is hereby granted"
_ISC_KEPT = "copyright notice and this permission notice appear in all copies"

#: The licences of the Free Software Foundation begin with their title, version and date.
_TITLES = {
    "GPL-2.0-only": "gnu general public license version 2 june 1991",
    "GPL-3.0-only": "gnu general public license version 3 29 june 2007",
    "LGPL-2.0-only": "gnu library general public license version 2 june 1991",
    "LGPL-2.1-only": "gnu lesser general public license version 2 1 february 1999",
    "LGPL-3.0-only": "gnu lesser general public license version 3 29 june 2007",
    "AGPL-3.0-only": "gnu affero general public license version 3 19 november 2007",
}

_PHRASES: dict[str, tuple[Sequence[str], Sequence[str]]] = {
    "MIT": ((_MIT, _MIT_KEPT), ("except as contained in this notice",)),
    "X11": ((_MIT, _MIT_KEPT, "except as contained in this notice"), ()),
    "BSD-2-Clause": ((_BSD,), (_BSD_NAME, _BSD_ADVERTISING)),
    "BSD-3-Clause": ((_BSD, _BSD_NAME), (_BSD_ADVERTISING,)),
    "BSD-4-Clause": ((_BSD, _BSD_NAME, _BSD_ADVERTISING), ()),
    "ISC": ((f"{_ISC}|{_ISC_OLD}", _ISC_FEE, _ISC_KEPT), ()),
    "0BSD": ((_ISC, _ISC_FEE), (_ISC_KEPT,)),
    "Apache-2.0": (
        (
            "apache license version 2 0 january 2004"
            "|licensed under the (terms of the )?apache license version 2 0",
        ),
        (),
    ),
    "MPL-2.0": (("mozilla public license version 2 0", "covered software"), ()),
    "PSF-2.0": (("python software foundation license version 2",), ()),
    "Unlicense": (("free and unencumbered software released into the public domain",), ()),
    "Zlib": (
        (
            "this software is provided as is without any express or implied warranty",
            "altered source versions must be plainly marked",
        ),
        (),
    ),
    "BSL-1.0": (("boost software license version 1 0",), ()),
    "CC0-1.0": (("cc0 1 0 universal",), ()),
}

#: Where a title must begin, in characters: further down it is only spoken of.
_BEGINNING = 600


def recognised(text: str) -> tuple[str, ...]:
    """Return the SPDX identifiers of the licences in ``text``, sorted."""
    plain = " ".join(re.findall(r"[a-z0-9]+", text.lower()))
    beginning = plain[:_BEGINNING]
    for name, title in _TITLES.items():
        if title in beginning:
            return (name,)
    found = [
        name
        for name, (present, absent) in _PHRASES.items()
        if all(re.search(phrase, plain) for phrase in present)
        and not any(re.search(phrase, plain) for phrase in absent)
    ]
    return tuple(sorted(found))
