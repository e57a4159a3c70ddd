"""Python packages and the licences that their metadata names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_sbom_licence import BSD, ENDORSE, MIT

from rockery.sbom.material import Material
from rockery.sbom.python import materials

CLASSIFIER = "Classifier: License :: OSI Approved :: "


def found(
    root: Path, metadata: str, files: dict[str, str] | None = None, name: str = "thing-1.dist-info"
) -> Material:
    folder = root / "packages" / name
    (folder / "licenses").mkdir(parents=True)
    text = f"Metadata-Version: 2.1\nName: Thing.One\nVersion: 1.0+x\n{metadata}\n\nLong text\n"
    (folder / "METADATA").write_text(text)
    for path, content in (files or {}).items():
        (folder / path).write_text(content)
    (material,) = materials(root, [f"packages/{name}/METADATA", f"packages/{name}/RECORD"])
    return material


def test_what_is_taken(tmp_path: Path) -> None:
    one = found(tmp_path, "Summary: A thing\nProject-URL: Homepage, https://thing.example\n")
    assert (one.name, one.version, one.summary) == ("Thing.One", "1.0+x", "A thing")
    assert one.purl == "pkg:pypi/thing.one@1.0%2Bx"
    assert one.homepage == "https://thing.example"
    assert not one.licence


@pytest.mark.parametrize(
    ("metadata", "files", "expression"),
    [
        ("License-Expression: MIT OR Apache-2.0", {}, "MIT OR Apache-2.0"),
        ("License: MIT License", {}, "MIT"),
        (CLASSIFIER + "Apache Software License", {}, "Apache-2.0"),
        ("License: Apache-2.0\n" + CLASSIFIER + "MIT License", {}, "Apache-2.0"),
        ("License: BSD\n" + CLASSIFIER + "BSD License", {"LICENSE": BSD}, "BSD-2-Clause"),
        ("License: BSD", {"licenses/LICENSE.txt": BSD + ENDORSE}, "BSD-3-Clause"),
        ("", {"COPYING": MIT, "LICENSE.bsd": BSD}, "BSD-2-Clause AND MIT"),
        ("License: " + MIT.replace("\n", "\n        "), {}, "MIT"),
        ("License: BSD", {}, "LicenseRef-BSD"),
        (CLASSIFIER + "BSD License\n" + CLASSIFIER + "MIT License", {}, None),
        ("License: UNKNOWN", {}, ""),
        ("License: UNKNOWN", {"LICENSE": "Mine."}, None),
    ],
)
def test_licences(
    metadata: str, files: dict[str, str], expression: str | None, tmp_path: Path
) -> None:
    licence = found(tmp_path, metadata, files).licence
    if expression is None:
        assert licence.expression.startswith("LicenseRef-")
    else:
        assert licence.expression == expression


@pytest.mark.parametrize(
    ("direct", "query"),
    [
        (
            {
                "url": "https://user:secret@git.example/thing.git",
                "vcs_info": {"vcs": "git", "commit_id": "abc"},
            },
            "?vcs_url=git%2Bhttps://git.example/thing.git%40abc",
        ),
        (
            {"url": "https://files.example/thing.whl", "archive_info": {}},
            "?download_url=https://files.example/thing.whl",
        ),
        ({"url": "file:///home/me/thing", "dir_info": {}}, ""),
        ({"vcs_info": 3}, ""),
        ([], ""),
    ],
)
def test_what_no_index_has_says_where_it_came_from(
    direct: object, query: str, tmp_path: Path
) -> None:
    one = found(tmp_path, "", {"direct_url.json": json.dumps(direct)})
    assert one.purl == f"pkg:pypi/thing.one@1.0%2Bx{query}"
    assert "secret" not in one.purl


def test_what_is_no_metadata_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a.dist-info").mkdir()
    (tmp_path / "a.dist-info/METADATA").write_bytes(b"\xff\xfe nothing")
    (tmp_path / "METADATA").write_text("Name: x\nVersion: 1\n")
    assert list(materials(tmp_path, ["a.dist-info/METADATA", "METADATA"])) == []


def test_debians_single_file(tmp_path: Path) -> None:
    (tmp_path / "old-1.egg-info").write_text("Name: old\nVersion: 1\nLicense: MIT\n")
    (one,) = materials(tmp_path, ["old-1.egg-info"])
    assert (one.name, one.licence.expression) == ("old", "MIT")
