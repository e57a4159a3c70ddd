"""The page of a rock: that it holds what the rock has, and nothing of it as HTML."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import re
from pathlib import Path

import pytest
from small_rock import SETTINGS, small_rock

from rockery.cli import main
from rockery.image.contents import contents
from rockery.image.page import LAYOUT, LICENCE, render
from rockery.image.report import report
from rockery.layer import Entry, file

ROOT = Path(__file__).parents[3]
EVIL = "<script>alert(1)</script>"
PACKAGES = "usr/local/lib/python3.11/dist-packages"
PLAN = """\
services:
  web:
    override: replace
    command: /usr/bin/serve --port 8000
    startup: enabled
    user: _daemon_
    environment: {SECRET_KEY: hunter2}
  "<img src=x onerror=alert(2)>": {command: "</script><script>alert(3)</script>"}
checks:
  up: {level: ready, period: 10s, http: {url: "http://localhost:8000/", headers: {Key: hunter3}}}
"""
BILL = {
    "components": [
        {
            "name": "Flask",
            "purl": "pkg:pypi/flask@3.1",
            "licenses": [{"license": {"id": "BSD-3-Clause"}}],
        },
        {
            "name": "libstdc++6",
            "purl": "pkg:deb/debian/libstdc%2B%2B6@12?arch=amd64",
            "licenses": [{"expression": "GPL-3.0-or-later WITH GCC-exception-3.1"}],
        },
        {
            "name": "example.org/module",
            "version": "v1.2.0",
            "purl": "pkg:golang/example.org/module@v1.2.0",
            "licenses": [{"license": {"name": "LicenseRef-own"}}],
        },
    ]
}


def rock(folder: Path, name: str = "a.rock", *more: Entry, key: str = "hunter4") -> Path:
    plain = [
        file("usr/share/rock/pebble/layers/001-hello.yaml", PLAN),
        file(".rock/sbom.cdx.json", json.dumps(BILL)),
        file(".rock/python-packages.txt", f"flask==3.1\n{EVIL}==1\n"),
        file("var/lib/dpkg/status.d/a", f"Package: libstdc++6\nVersion: 12\n\nPackage: {EVIL}\n"),
        file(f"{PACKAGES}/flask/app.py", b"x" * 3000),
        file(f"srv/{EVIL.replace('/', '|')}", b"x" * 2000),
        file("srv/\udcff\u202etxt", b"x" * 1500),
    ]
    settings = dataclasses.replace(
        SETTINGS,
        environment={"PATH": "/usr/bin", "TOKEN": key},
        annotations={"org.opencontainers.image.title": EVIL},
    )
    return small_rock(folder / name, {"base": plain, EVIL: more or [file("a", b"a")]}, settings)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return render(contents(rock(tmp_path_factory.mktemp("rock"))))


def test_it_has_services_packages_layers_and_settings(page: str) -> None:
    for text in (
        *("/usr/bin/serve --port 8000", "_daemon_", "SECRET_KEY", "http://localhost:8000/"),
        *("BSD-3-Clause", "GPL-3.0-or-later WITH GCC-exception-3.1", "LicenseRef-own", "v1.2.0"),
        *("org.opencontainers.image.title", "PATH, TOKEN", "libstdc++6", "/usr/bin/pebble"),
    ):
        assert text in page, text
    assert page.startswith("<!doctype html>")


def test_values_that_may_be_secrets_are_left_out(page: str) -> None:
    assert "hunter" not in page


def test_nothing_of_a_rock_is_html(page: str) -> None:
    assert "<script>alert" not in page
    assert "<img" not in page
    assert page.count("<script") == page.count("</script>") == 2
    boxes = re.search(r'<script type="application/json" id="boxes">(.*?)</script>', page)
    assert boxes is not None
    assert EVIL in json.dumps(json.loads(boxes[1]))
    assert page.encode(), "bytes that are no UTF-8 are written as escapes"


def test_the_browser_is_told_to_run_this_script_alone_and_to_load_nothing(page: str) -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    wanted = {"default-src 'none'", "base-uri 'none'", "form-action 'none'"}
    for kind, pattern in (("script", r"<script>(.*?)</script>"), ("style", r"<style>(.*?)</style")):
        (inline,) = re.findall(pattern, page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()
        wanted.add(f"{kind}-src 'sha256-{digest}'")
    assert set(policy[1].split("; ")) == wanted
    assert not re.search(r"""<[a-z][^>]*\b(?:src|href)=["']?[^"'#]""", page.partition("<body>")[2])
    assert "@import" not in page
    assert "url(" not in page


def test_the_layout_comes_with_its_licence(page: str) -> None:
    folder = ROOT / "templates/inspect"
    version = re.fullmatch(r"d3-hierarchy-([0-9.]+)\.min\.js", LAYOUT)
    assert version is not None
    assert f"v{version[1]}" in (folder / LAYOUT).read_text().splitlines()[0]
    assert (folder / LICENCE).read_text().strip() in page


def test_the_same_rock_gives_the_same_page(page: str, tmp_path: Path) -> None:
    assert render(contents(rock(tmp_path))) == page


def test_differences(tmp_path: Path) -> None:
    one = contents(rock(tmp_path))
    other = contents(rock(tmp_path, "b.rock", file("b", b"b" * 5000), key="hunter5"))
    text = render(one, other)
    assert 'id="differences"' in text
    assert "/b: only in the second" in text
    assert "Env TOKEN: other values" in text
    assert "hunter" not in text
    assert "<script>alert" not in text
    assert "They are the same" in render(one, one)
    assert 'id="differences"' not in render(one)


# ---------------------------------------------------------------- the command


def test_the_page_is_written_and_its_path_printed(
    tmp_path: Path, page: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path, out = rock(tmp_path), tmp_path / "out/page.html"
    for _ in range(2):  # a page may replace another
        assert main(["inspect", str(path), "--html", str(out)]) == 0
        assert capfd.readouterr().out == f"{out}\n"
    assert out.read_text() == page
    assert main(["inspect", "--html", "-", str(path)]) == 0
    assert capfd.readouterr().out == page
    other = rock(tmp_path, "b.rock", file("b", b""))
    assert main(["inspect", "--html", str(out), "--diff", str(other), str(path)]) == 1
    assert main(["inspect", "--html", str(out), "--diff", str(path), str(path)]) == 0


def test_no_other_file_is_replaced(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = rock(tmp_path)
    before = path.read_bytes()
    assert main(["inspect", "--html", str(path), str(path)]) == 2
    assert "there is a file already that is none" in capfd.readouterr().err
    assert path.read_bytes() == before
    assert main(["inspect", "--html", str(tmp_path / "x"), "--json", str(path)]) == 2
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    "odd",
    [
        {"services": {"a": 5}},
        {"services": {"a": {"command": ["x", ["y"]], "environment": ["A"], 5: {6: {7: 8}}}}},
    ],
)
def test_an_odd_plan_is_shown_or_refused(
    odd: dict[str, object], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    plan = file("usr/share/rock/pebble/layers/002-odd.yaml", json.dumps(odd))
    path = small_rock(tmp_path / "odd.rock", {"base": [plan]})
    status = main(["inspect", "--html", str(tmp_path / "page.html"), str(path)])
    assert status in (0, 2)
    assert "Traceback" not in capfd.readouterr().err


def test_licences_are_known_by_package(tmp_path: Path) -> None:
    assert report(rock(tmp_path)).licences == {
        "pypi/flask": "BSD-3-Clause",
        "deb/libstdc++6": "GPL-3.0-or-later WITH GCC-exception-3.1",
        "golang/example.org/module": "LicenseRef-own",
    }
