"""Licences as SPDX expressions, by name and by text."""

from __future__ import annotations

import pytest

from rockery.sbom.licence import NO_LICENCE, Licence, joined, known, reference
from rockery.sbom.python import named
from rockery.sbom.text import recognised

MIT = """The MIT License (MIT)

Copyright (c) 2017 Someone

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.
"""
BSD = """Redistribution and use in source and binary forms, with or without
modification, are permitted provided that the following conditions are met:
 * Redistributions of source code must retain the above copyright notice.
"""
ENDORSE = """ * Neither the name of the copyright holder nor the names of its
contributors may be used to endorse or promote products derived from it."""
ADVERTISE = """ * All advertising materials mentioning features or use of this
software must display the following acknowledgement."""
ISC = """Permission to use, copy, modify, and/or distribute this software for any
purpose with or without fee is hereby granted"""
APACHE = "                Apache License\n        Version 2.0, January 2004\n"
GPL = "GNU GENERAL PUBLIC LICENSE\n   Version 3, 29 June 2007\n ... MIT is compatible"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (MIT, ["MIT"]),
        (MIT + "Except as contained in this notice, the name of X shall not be used", ["X11"]),
        (BSD, ["BSD-2-Clause"]),
        (BSD + ENDORSE, ["BSD-3-Clause"]),
        (BSD + ENDORSE + ADVERTISE, ["BSD-4-Clause"]),
        (
            ISC + ", provided that the above copyright notice and this permission notice appear "
            "in all copies.",
            ["ISC"],
        ),
        (ISC + ".", ["0BSD"]),
        (APACHE, ["Apache-2.0"]),
        (f"Two licenses.\n{MIT}\nLicensed under the Apache License, Version 2.0", None),
        (GPL, ["GPL-3.0-only"]),
        ("x" * 5000 + GPL, []),
        ("You may use this.", []),
        ("", []),
    ],
)
def test_texts(text: str, names: list[str] | None) -> None:
    assert list(recognised(text)) == (["Apache-2.0", "MIT"] if names is None else names)


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("MIT", "MIT"),
        ("mit or apache-2.0", "MIT OR Apache-2.0"),
        ("GPL-3.0+", "GPL-3.0-or-later"),
        ("GPL-2.0-only WITH Classpath-exception-2.0", "GPL-2.0-only WITH Classpath-exception-2.0"),
        ("BSD", None),
        ("Dual License", None),
        ("", None),
        ("LicenseRef-mine", None),
        ("MIT OR", None),
        ("(((", None),
        ("see LICENSE file", None),
    ],
)
def test_expressions(text: str, expression: str | None) -> None:
    assert known(text) == expression


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("MIT License", "MIT"),
        ("The MIT License", "MIT"),
        ("Apache License, Version 2.0", "Apache-2.0"),
        ("Apache Software License", "Apache-2.0"),
        ("Apache 2", "Apache-2.0"),
        ("3-Clause BSD License", "BSD-3-Clause"),
        ("BSD License", None),
        ("ISC License (ISCL)", "ISC"),
        ("Mozilla Public License 2.0 (MPL 2.0)", "MPL-2.0"),
        ("Python Software Foundation License", "PSF-2.0"),
        ("LGPLv3+", "LGPL-3.0-or-later"),
        ("GNU Lesser General Public License v3 (LGPLv3)", "LGPL-3.0-only"),
        ("GNU General Public License v2 or later (GPLv2+)", "GPL-2.0-or-later"),
        ("GNU General Public License (GPL)", None),
        ("The Unlicense (Unlicense)", "Unlicense"),
        ("UNKNOWN", None),
        ("m" * 500, None),
    ],
)
def test_names(text: str, expression: str | None) -> None:
    assert named(text) == expression


def test_joined_names_each_once_and_keeps_precedence() -> None:
    both = joined([Licence("MIT"), Licence("ISC AND MIT"), Licence("GPL-2.0-only OR MIT")])
    assert both.expression == "(GPL-2.0-only OR MIT) AND ISC AND MIT"
    assert joined([Licence("MIT AND ISC"), Licence("Zlib")], "OR").expression == (
        "(MIT AND ISC) OR Zlib"
    )
    assert joined([NO_LICENCE, Licence("MIT")]).expression == "MIT"
    assert not joined([])


def test_references_of_unequal_texts_do_not_meet() -> None:
    one, two = reference("public-domain", "Do as you like."), reference("public-domain", "Free.")
    assert one.expression != two.expression
    assert one.expression.startswith("LicenseRef-public-domain-")
    assert one == reference("public-domain", "  Do as you like.\n")
    assert reference("GPL-2+ with odd exception").expression == (
        "LicenseRef-GPL-2-or-later-with-odd-exception"
    )
    assert reference("…").expression == "LicenseRef-unnamed"
