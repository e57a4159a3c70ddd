from __future__ import annotations

from pathlib import Path

import pytest

from rockery.errors import Location
from rockery.extension.shipping import Shipping, rewritten, ship
from rockery.project.fileset import select
from rockery.project.part import Part
from rockery.project.source import walk

FILES = {
    "app.py": "",
    "requirements.txt": "",
    ".env": "KEY=x\nexport OTHER = y\n# z\n",
    ".env.example": "",
    ".git/config": "",
    ".venv/pyvenv.cfg": "",
    "odd-name/pyvenv.cfg": "",
    "node_modules/x.js": "",
    "tests/test_x.py": "",
    "test_y.py": "",
    "web/__init__.py": "",
    "web/tests/data.json": "",
    "web/__pycache__/x.pyc": "",
    "web/.env": "",
    "web/node_modules/y.js": "",
    "web/x[1].txt": "",
    "keys/private.pem": "-----BEGIN RSA PRIVATE KEY-----",
    "keys/public.pem": "-----BEGIN CERTIFICATE-----",
    "instance/config.py": "",
    "instance/app.db": "",
    "old.rock": "",
    "rockcraft.yaml": "",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def shipped(folder: Path, *prime: str) -> tuple[Shipping, list[str]]:
    """Return what was decided, and the files that a packer makes of it."""
    decided = ship(folder, "flask/app", prime, lambda index: Location("rockcraft.yaml", index))
    part = Part.model_validate(
        {
            "plugin": "dump",
            "organize": decided.organize,
            "stage": ["flask/app"],
            "prime": [*decided.excludes, *prime],
        }
    )
    files = select(part, [entry.path for entry in walk(folder)])
    return decided, [path.removeprefix("flask/app/") for path in files if not path.endswith("/")]


def test_by_default_the_project_goes_without_secrets_tests_and_caches(project: Path) -> None:
    decided, files = shipped(project)
    assert files == [
        "app.py",
        "keys/public.pem",
        "requirements.txt",
        "web/__init__.py",
        "web/tests/data.json",
        "web/x[1].txt",
    ]
    assert decided.notes == ()
    reasons = {ignored.path: ignored.reason for ignored in decided.ignored}
    assert reasons[".env"] == "the default ignore list has '.env'"
    assert reasons["odd-name/"] == "it is a virtual environment"
    assert reasons["keys/private.pem"] == "it holds a private key"


def test_what_is_named_goes_and_secrets_with_a_warning(project: Path) -> None:
    decided, files = shipped(project, "flask/app/app.py", "flask/app/.env", "flask/app/tests")
    assert files == [".env", "app.py", "tests/test_x.py"]
    (note,) = decided.notes
    assert note.where == Location("rockcraft.yaml", 1)
    assert note.details == ("it sets KEY, OTHER",)
    assert "x" not in " ".join(note.details).split()


def test_what_is_named_in_an_ignored_folder_goes_alone(project: Path) -> None:
    _, files = shipped(project, "flask/app/*", "flask/app/instance/config.py")
    assert "instance/config.py" in files
    assert "instance/app.db" not in files
    assert ".env" not in files


def test_globs_and_excludes_mix(project: Path) -> None:
    _, files = shipped(project, "flask/app/*.py", "flask/app/web", "-flask/app/web/tests")
    assert files == ["app.py", "web/__init__.py", "web/x[1].txt"]
    _, files = shipped(project, "-flask/app/requirements.txt")
    assert "requirements.txt" not in files
    assert "app.py" in files


def test_entries_that_match_nothing_are_noted(project: Path) -> None:
    decided, _ = shipped(project, "flask/app/app.py", "flask/app/gone", "-flask/app/*.none")
    assert [(note.code, note.where) for note in decided.notes] == [
        ("unmatched-entry", Location("rockcraft.yaml", 1)),
        ("unmatched-entry", Location("rockcraft.yaml", 2)),
    ]


def test_rockignore_adds_and_brings_back(project: Path) -> None:
    (project / ".rockignore").write_text("web/tests\nrequirements.txt\n!test_y.py\n")
    _, files = shipped(project)
    assert files == ["app.py", "keys/public.pem", "test_y.py", "web/__init__.py", "web/x[1].txt"]


def test_caches_do_not_change_what_is_decided(project: Path) -> None:
    before, _ = shipped(project)
    (project / "keys" / "__pycache__").mkdir()
    (project / "keys" / "__pycache__" / "z.cpython-311.pyc").write_text("")
    (project / "__pycache__").mkdir()
    (project / "__pycache__" / "z.pyc").write_text("")
    after, _ = shipped(project)
    assert (before.organize, before.excludes) == (after.organize, after.excludes)


def test_dangling_links_are_noted_and_go(project: Path) -> None:
    (project / "web" / "lib.js").symlink_to("../node_modules/none.js")
    decided, files = shipped(project)
    assert "web/lib.js" in files
    assert [note.code for note in decided.notes] == ["dangling-link"]


def test_names_that_are_globs_are_taken_literally(project: Path) -> None:
    (project / "data[1]").mkdir()
    (project / "data[1]" / ".env").write_text("")
    (project / "data[1]" / "what?.txt").write_text("")
    (project / "data1").write_text("")
    decided, files = shipped(project)
    assert {"data[1]/what?.txt", "data1"} < set(files)
    assert "data[1]/.env" not in files
    assert "data[[]1]" in decided.organize


def test_a_package_that_would_hide_the_framework_is_refused(project: Path) -> None:
    (project / "flask").mkdir()
    assert not ship(project, "flask/app", (), lambda _: Location("x")).problems
    (project / "flask/__init__.py").touch()
    decided = ship(project, "flask/app", (), lambda _: Location("x"))
    assert [problem.code for problem in decided.problems] == ["hiding-folder"]


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("app/app.py", "fastapi/app/app.py"),
        ("-app/x", "-fastapi/app/x"),
        ("- app/x", "-fastapi/app/x"),
        ("app", "fastapi/app"),
        ("fastapi/app/x", "fastapi/app/x"),
        ("application/x", "application/x"),
        ("fastapi/application", "fastapi/application"),
    ],
)
def test_aliases_are_paths_by_component(entry: str, expected: str) -> None:
    assert rewritten(entry, "fastapi/app", ("app",)) == expected
