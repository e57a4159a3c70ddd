from __future__ import annotations

from pathlib import Path

import pytest

from rockery.extension import load_definition, settings
from rockery.extension.entrypoint import Search, search
from rockery.project import pyproject

FLASK = "from flask import Flask\n"
APP = FLASK + "app = Flask(__name__)\n"
FAST = "from fastapi import FastAPI\napp = FastAPI()\n"


def hunt(
    folder: Path,
    files: dict[str, str],
    framework: str = "flask-framework",
    python: str = "3.11",
    name: str = "my-shop",
) -> Search:
    for file, text in files.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text)
    project = pyproject.read(folder)
    own = settings.read(folder, project)
    rules = load_definition(framework).entrypoint
    assert rules is not None
    return search(folder, name, rules, python, project, own)


def found(folder: Path, files: dict[str, str], framework: str = "flask-framework") -> str | None:
    entrypoint = hunt(folder, files, framework).entrypoint
    return entrypoint and f"{entrypoint.path}|{entrypoint.text}".lstrip("|")


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("app = Flask(__name__)", "app:app"),
        ("application = Flask(__name__)", "app:application"),
        ("application = Flask(__name__)\napp = application", "app:app"),
        ("app: Flask = Flask(__name__)", "app:app"),
        ("app: Flask", None),
        ("a, app = 1, Flask(__name__)", "app:app"),
        ("app, db = make()", "app:app"),
        ("server = app = Flask(__name__)", "app:app"),
        ("app = None", None),
        ("app = Flask(__name__)\napp = None", None),
        ("app = Flask(__name__)\ndel app", None),
        ("app = 'name'", None),
        ("app = [Flask(__name__)]", None),
        ("if True:\n    app = Flask(__name__)\nelse:\n    app = None", "app:app"),
        ("try:\n    app = Flask(__name__)\nexcept Exception:\n    app = None", "app:app"),
        ("with x():\n    app = Flask(__name__)", "app:app"),
        ("if __name__ == '__main__':\n    app = Flask(__name__)", None),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    app = Flask(__name__)", None),
        ("class Shop(Flask):\n    pass\n\napp = Shop(__name__)", "app:app"),
        ("class app:\n    pass", None),
        ("def app(environ, start_response):\n    return []", "app:app"),
        ("def app(a):\n    return []", None),
        ("def create_app():\n    return Flask(__name__)", "app:create_app()"),
        ("def make_app(config=None, *, debug=False):\n    return x", "app:make_app()"),
        ("def create_app(config):\n    return Flask(__name__)", None),
        ("def create_app(*, config):\n    return Flask(__name__)", None),
        ("def create_app(*args, **kwargs):\n    return Flask(__name__)", "app:create_app()"),
        ("async def create_app():\n    return Flask(__name__)", None),
        ("def build():\n    web = Flask(__name__)\n    return web\n\napp = build()", "app:app"),
        ("web = Flask(__name__)", "app:web"),
        ("web = Flask(__name__)\nserver = web", "app:web"),
        ("if (app := Flask(__name__)):\n    pass", "app:app"),
        ("web = Flask(__name__)\nadmin = Flask(__name__)", None),
        ("import flask as f\nweb = f.Flask(__name__)", "app:web"),
        ("app = Flask(__name__) if x else None", "app:app"),
        ("app = x or Flask(__name__)", "app:app"),
        ("import fastapi\napp = fastapi.FastAPI()", None),
        ("import celery\napp = celery.Celery()\nweb = Flask(__name__)", "app:web"),
        ("import fastapi\ndef create_app():\n    return fastapi.FastAPI()", None),
        ("app = Wrapped(Flask(__name__))", "app:app"),
        ("app = Flask(__name__)\nfor x in y:\n    app.x = x", "app:app"),
        ("app = app", "app:app"),
    ],
)
def test_what_python_would_bind(tmp_path: Path, code: str, expected: str | None) -> None:
    assert found(tmp_path, {"app.py": f"{FLASK}{code}\n"}) == expected


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"app.py": APP, "main.py": APP}, "app:app"),
        ({"main.py": FLASK + "def create_app(): ...\n", "wsgi.py": APP}, "wsgi:app"),
        ({"app.py": APP, "app/__init__.py": "", "app/main.py": APP}, "app.main:app"),
        ({"app.py": APP, "app/readme": ""}, "app:app"),
        ({"src/__init__.py": "", "src/main.py": APP}, "src.main:app"),
        ({"src/main.py": APP}, "src|main:app"),
        ({"src/main.py": "import src.config\n" + APP, "src/config.py": ""}, "src.main:app"),
        ({"app/main.py": APP}, "app.main:app"),
        ({"app/main.py": "import config\n" + APP, "app/config.py": ""}, "app|main:app"),
        ({"my_shop/__init__.py": APP}, "my_shop:app"),
        ({"webapp/__init__.py": "", "webapp/app.py": APP}, "webapp.app:app"),
        ({"src/shop/__init__.py": APP}, "src|shop:app"),
        ({"app.py": "from webapp.app import app", "webapp/app.py": APP}, "app:app"),
        ({"app.py": "from webapp import app", "webapp/__init__.py": APP}, "app:app"),
        ({"app.py": "from webapp import *", "webapp/__init__.py": APP}, "app:app"),
        ({"app.py": "from webapp import app", "webapp/app.py": "x = 1"}, None),
        ({"app.py": "from x import app", "x.py": "from app import app"}, "app:app"),
        ({"app/__init__.py": "from .web import app", "app/web.py": APP}, "app:app"),
        ({"autoapp.py": "from shop import create_app\napp = create_app()",
          "shop/__init__.py": FLASK + "def create_app(): return Flask(__name__)"}, "autoapp:app"),
        ({"setup.py": APP, "conftest.py": APP, "test_x.py": APP}, None),
        ({"tests/__init__.py": APP}, None),
    ],
)  # fmt: skip
def test_where_it_is_looked_for(
    tmp_path: Path, files: dict[str, str], expected: str | None
) -> None:
    assert found(tmp_path, files) == expected


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"app.py": FAST}, "app:app"),
        ({"app/main.py": FAST}, "app.main:app"),
        ({"app.py": APP}, None),
        ({"main.py": "from fastapi import FastAPI\ndef get_app(): return FastAPI()"},
         "main:get_app()"),
        ({"main.py": "from starlette.applications import Starlette\nsite = Starlette()"},
         "main:site"),
        ({"app.py": "async def app(scope, receive, send): ..."}, "app:app"),
    ],
)  # fmt: skip
def test_fastapi_is_found_by_its_own_rules(
    tmp_path: Path, files: dict[str, str], expected: str | None
) -> None:
    assert found(tmp_path, files, "fastapi-framework") == expected


TWO = FLASK + "one = Flask('1')\ntwo = Flask('2')\ndef build(): return Flask('3')\n"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"pyproject.toml": '[tool.rockery]\nentrypoint = "site_:two"'}, "site_:two"),
        ({"rockery.toml": 'entrypoint = "site_:build"'}, "site_:build()"),
        ({".flaskenv": "# x\nFLASK_APP=site_:two\n"}, "site_:two"),
        ({".flaskenv": "export FLASK_APP='site_:build()'\n"}, "site_:build()"),
        ({".flaskenv": "FLASK_APP=site_.py:two\n"}, "site_:two"),
        ({"Procfile": "web: gunicorn -b 0.0.0.0:8000 site_:two --log-file -"}, "site_:two"),
        ({"Dockerfile": 'CMD ["gunicorn", "--bind", "0.0.0.0:80", "site_:two"]'}, "site_:two"),
        ({"Dockerfile": "CMD exec gunicorn \\\n  -w 4 \\\n  site_:build()"}, "site_:build()"),
        ({"compose.yaml": "services: {web: {command: gunicorn site_:two}}"}, "site_:two"),
        ({"run.sh": "/venv/bin/gunicorn 'site_:two'"}, "site_:two"),
        ({"Procfile": "# web: gunicorn site_:two"}, None),
        ({"Procfile": "web: gunicorn site_:three"}, None),
        ({"Procfile": "web: gunicorn site_:two", "rockery.toml": 'entrypoint="site_:one"'},
         "site_:one"),
        ({"Procfile": "web: gunicorn gone:x", "run.sh": "gunicorn site_:two"}, "site_:two"),
    ],
)  # fmt: skip
def test_evidence_in_its_order(tmp_path: Path, files: dict[str, str], expected: str | None) -> None:
    assert found(tmp_path, {"site_.py": TWO, **files}) == expected


def test_evidence_that_fails_is_reported_and_passed_over(tmp_path: Path) -> None:
    result = hunt(tmp_path, {"app.py": APP, "Procfile": "x: y\nweb: gunicorn gone:app"})
    assert result.entrypoint is not None
    assert result.entrypoint.text == "app:app"
    (note,) = result.notes
    assert str(note.where) == "Procfile:2"
    assert "there is no module 'gone'" in note.message


def test_a_syntax_error_is_said_with_its_place(tmp_path: Path) -> None:
    result = hunt(tmp_path, {"app.py": FLASK + "app = Flask(\n", "other.py": APP})
    assert result.entrypoint is None
    assert [str(problem.where) for problem in result.problems] == ["app.py:2:12"]


def test_syntax_newer_than_this_python_is_no_error(tmp_path: Path) -> None:
    result = hunt(tmp_path, {"app.py": APP + "newer syntax here\n"}, python="3.99")
    assert result.entrypoint is not None
    assert result.entrypoint.text == "app:app"
    assert [note.code for note in result.notes] == ["newer-syntax"]


def test_one_candidate_in_a_subfolder_is_suggested(tmp_path: Path) -> None:
    result = hunt(tmp_path, {"backend/app.py": APP, "frontend/x.js": ""})
    assert "-C backend" in (result.problems[0].remedy or "")


def test_a_module_that_a_package_hides_is_said_to_be(tmp_path: Path) -> None:
    found = hunt(tmp_path, {"app.py": APP, "app/__init__.py": "", "app/views.py": ""})
    assert found.entrypoint is None
    assert found.problems[0].details == (
        "looked at: app/",
        "app.py is passed over: Python imports the package app/ in its place",
    )


def test_nothing_of_the_project_is_run(tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    code = f"open({str(witness)!r}, 'w')\n"
    files = {"app.py": code + APP, "setup.py": code, "conftest.py": code, "flask.py": code}
    hunt(tmp_path, files)
    assert not witness.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"\x00",
        b"\xff\xfe",
        b"# coding: nonsense\n",
        b"app = " + b"(" * 5000,
        b"app = " + b"-" * 50_000 + b"1\n",
        b"app = " + b"a." * 50_000 + b"b\n",
        b"app = " + b"x()" + b"()" * 3000 + b"\n",
        b"app = 1\n" * 200_000,
        b"from app import app\n",
        b"from .. import app\nfrom ..... import *\n",
        b"import app.app.app\napp = app.app.app\n",
        b"from flask import Flask\nclass A(A): pass\napp = A()\n",
        b"def create_app(): return create_app()\napp = create_app()\n",
    ],
)
def test_hostile_modules_get_no_traceback(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "app.py").write_bytes(content)
    hunt(tmp_path, {})


def test_a_module_outside_is_not_read(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (tmp_path / "app.py").write_text(APP)
    (project / "app.py").symlink_to("../app.py")
    assert hunt(project, {}).entrypoint is None
