from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from rockery.base import Base, bases, load
from rockery.data import data_folder
from rockery.errors import UsageError
from rockery.project import bases as known_to_projects

KEYS = {
    "debian.asc": {
        "4D64FEC119C2029067D6E791F8D2585B8783D481",  # Debian Stable Release Key (12/bookworm)
        "B8B80B5B623EAB6AD8775C45B7C5D7D6350947F8",  # archive, 12
        "05AB90340C0C5E797F44A8C8254CF3B5AEC0A8F0",  # security archive, 12, signing
        "41587F7DB8C774BCCF131416762F67A0B2C39DE4",  # Debian Stable Release Key (13/trixie)
        "04B54C3CDCA79751B16BC6B5225629DF75B188BD",  # archive, 13
        "5E04A1E3223A19A20706E20F9904613D4CCE68C6",  # security archive, 13, signing
    },
    "ubuntu.asc": {
        "790BC7277767219C42C86F933B4FE6ACC0B21F32",  # Ubuntu Archive (2012)
        "F6ECB3762474EDA9D21B7022871920D1991BC93C",  # Ubuntu Archive (2018)
    },
}


def test_there_are_five_bases() -> None:
    assert bases() == ("debian@12", "debian@13", "ubuntu@22.04", "ubuntu@24.04", "ubuntu@26.04")
    assert known_to_projects.known() == bases()


@pytest.mark.parametrize("name", bases())
def test_each_base_is_complete(name: str) -> None:
    base = load(name)
    assert base.name == name
    assert name.startswith(base.distribution)
    assert base.keyring.name in KEYS
    assert base.keyring.is_file()
    assert base.archives[0].name == base.distribution
    assert base.archives[0].suites[0] == base.release
    assert any("security" in suite for archive in base.archives for suite in archive.suites)
    assert base.python == known_to_projects.python_of(name)


@pytest.mark.skipif(shutil.which("gpg") is None, reason="no gpg to read keys with")
@pytest.mark.parametrize("name", KEYS)
def test_the_keys_are_the_distributions_own(name: str, tmp_path: Path) -> None:
    shown = subprocess.run(
        [
            "gpg",
            "--homedir",
            tmp_path,
            "--show-keys",
            "--with-colons",
            data_folder("bases") / "keys" / name,
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    found = set(re.findall(r"^fpr:+(\w+):", shown, re.MULTILINE))
    assert KEYS[name] <= found
    assert "sec:" not in shown


def test_an_unknown_base_names_those_there_are() -> None:
    with pytest.raises(UsageError) as caught:
        load("ubuntu@25.10")
    (problem,) = caught.value.problems
    assert problem.message == 'cannot use base "ubuntu@25.10": there is no such base'
    assert "ubuntu@24.04" in (problem.remedy or "")


def test_what_is_made_from_a_base_hangs_on_its_rules_and_not_on_this_machine() -> None:
    base = load("debian@12")
    text = str(base.identity)
    assert str(data_folder("bases")) not in text
    changed = base.model_copy(
        update={"rules": base.rules.model_copy(update={"drop": ("usr/share/**",)})}
    )
    assert changed.identity != base.identity


def test_modes_are_octal() -> None:
    assert load("debian@12").rules.directories["tmp"] == 0o1777


def test_a_key_that_nobody_reads_is_refused() -> None:
    document = load("debian@12").model_dump(by_alias=True)
    document["rules"]["dorp"] = []
    with pytest.raises(ValidationError, match="dorp"):
        Base.model_validate(document)


def test_every_rule_that_leaves_out_is_explained() -> None:
    """Each section of the rules, and each entry of `trim`, has its reason above it."""
    text = (data_folder("bases") / "rules.yaml").read_text()
    document = yaml.safe_load(text)
    keys = [f"\n{section}:" for section in document]
    keys += [f"\n  {package}:" for package in document["trim"]]
    trimmed = text.index("\ntrim:")
    for key in keys:
        start = text.index(key, trimmed if key.startswith("\n ") else 0)
        assert text[:start].splitlines()[-1].lstrip().startswith("#"), f"{key} has no reason"
