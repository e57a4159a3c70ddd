"""What is found of Flask in a project, and what isn't."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from rockery.cli import main
from rockery.migrate import KINDS, checklist, document, summary, survey

RECORDS = Path(__file__).parents[3] / "bench/migrate"


def found(folder: Path, files: dict[str, str]) -> list[tuple[str, int, str]]:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return [(use.file, use.line, use.kind) for use in survey(folder).uses]


def kinds(folder: Path, text: str) -> list[tuple[int, str]]:
    """Return line and kind of each use in a module, without the import on its first line."""
    return [(line, kind) for _, line, kind in found(folder, {"app.py": text}) if line > 1]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("app = Flask(__name__)", "app"),
        ("app.logger.info('x')", "app"),
        ("app.config['X'] = 1", "config"),
        ("app.secret_key = 'x'", "config"),
        ("bp = Blueprint('b', __name__)", "blueprint"),
        ("app.register_blueprint(x)", "blueprint"),
        ("@app.route('/')\ndef f(): pass", "route"),
        ("@app.get('/')\ndef f(): pass", "route"),
        ("app.add_url_rule('/', view_func=f)", "route"),
        ("@app.before_request\ndef f(): pass", "hook"),
        ("@app.teardown_appcontext\ndef f(e): pass", "hook"),
        ("@app.errorhandler(404)\ndef f(e): pass", "error-handler"),
        ("@app.cli.command()\ndef f(): pass", "cli"),
        ("x = request.args", "request"),
        ("x = flask.request.args", "request"),
        ("g.user = 1", "g"),
        ("session['a'] = 1", "session"),
        ("current_app.logger.info('x')", "current_app"),
        ("x = jsonify(a=1)", "jsonify"),
        ("x = redirect('/')", "redirect"),
        ("x = url_for('f')", "url_for"),
        ("abort(404)", "abort"),
        ("flash('x')", "flash"),
        ("x = render_template('a.html')", "template"),
        ("@app.context_processor\ndef f(): pass", "template"),
        ("x = make_response('a')", "response"),
        ("r = make_response('a'); y = r\nr.data", "response"),
        ("isinstance(x, Response)", "isinstance"),
        ("isinstance(x, (int, flask.Response))", "isinstance"),
        ("import werkzeug.exceptions", "werkzeug"),
        ("logging.getLogger('werkzeug')", "werkzeug"),
        ("from flask_login import current_user", "extension"),
        ("from sentry_sdk.integrations.flask import FlaskIntegration", "extension"),
        ("app.run()", "development-server"),
        ("from gevent import monkey", "server"),
        ("c = app.test_client()", "test"),
        ("with app.app_context(): pass", "context"),
    ],
)
def test_each_kind_is_found(code: str, kind: str, tmp_path: Path) -> None:
    head = (
        "import flask; from flask import *; from flask import Flask, Blueprint, Response, "
        "abort, current_app, flash, g, jsonify, make_response, redirect, render_template, "
        "request, session, url_for; import logging; app = Flask(__name__)\n"
    )
    assert kind in {found for _, found in kinds(tmp_path, head + code + "\n")}
    assert kind in KINDS


@pytest.mark.parametrize(
    "code",
    [
        "def f(request): return request.args",
        "def f():\n    def jsonify(x): return x\n    jsonify(1)",
        "def f():\n    session = requests.Session()\n    session.get('/')",
        "class C:\n    def g(self): return self.request\n    config = 1\nC().config",
        "def f():\n    for abort in (): abort(1)",
        "from fastapi import Request as R\nx = R.headers",
        "user = make()\nuser.data = user.json",
        "text = 'flask.request and jsonify()'",
    ],
)
def test_names_of_the_project_are_left_alone(code: str, tmp_path: Path) -> None:
    head = "from flask import request, jsonify, session, abort\n"
    assert kinds(tmp_path, head + code + "\n") == []


def test_names_are_followed_across_modules(tmp_path: Path) -> None:
    assert found(
        tmp_path,
        {
            "shop/__init__.py": "from .extensions import mail\nfrom flask import Flask\n"
            "def create_app():\n    app = Flask(__name__)\n    mail.init_app(app)\n"
            "    return app\n",
            "shop/extensions.py": "from flask_mail import Mail\nmail = Mail()\n",
            "shop/views.py": "from shop import create_app, mail\n\napp = create_app()\n"
            "@app.get('/')\ndef f():\n    mail.send('x')\n    return helper()\n"
            "def helper():\n    return 'no', 404\ndef other():\n    return 1, 2\n",
        },
    ) == [
        ("shop/__init__.py", 2, "import"),
        ("shop/__init__.py", 4, "app"),
        ("shop/__init__.py", 5, "extension"),
        ("shop/extensions.py", 1, "extension"),
        ("shop/extensions.py", 2, "extension"),
        ("shop/views.py", 4, "route"),
        ("shop/views.py", 6, "extension"),
        ("shop/views.py", 9, "return"),
    ]


def test_a_database_object_counts_where_it_is_made(tmp_path: Path) -> None:
    code = (
        "from flask_sqlalchemy import SQLAlchemy\n"
        "db = SQLAlchemy()\n"
        "class A(db.Model):\n    id = db.Column(db.Integer)\n"
        "A.query.all()\ndb.session.add(1)\ndb.paginate(1)\nA.query.get_or_404(1)\n"
    )
    assert kinds(tmp_path, code) == [(2, "extension"), (7, "extension"), (8, "extension")]


def test_translations_count_where_they_are_imported(tmp_path: Path) -> None:
    code = "from flask_babel import gettext as _, get_locale\n_('x')\nget_locale()\n"
    assert kinds(tmp_path, code) == [(3, "extension")]


def test_tests(tmp_path: Path) -> None:
    assert found(
        tmp_path,
        {
            "tests/conftest.py": "import pytest\nfrom app import app\n"
            "@pytest.fixture\ndef web():\n    with app.test_client() as client:\n"
            "        yield client\n",
            "tests/test_it.py": "def test_it(web):\n    answer = web.post('/', json={})\n"
            "    assert answer.status_code == 200\n    assert answer.json == {}\n"
            "    assert answer.get_json() and answer.headers['x']\n"
            "    web.get('/', query_string={})\n    web.delete('/', json={})\n",
            "app.py": "from flask import Flask\napp = Flask(__name__)\n",
        },
    ) == [
        ("app.py", 1, "import"),
        ("app.py", 2, "app"),
        ("tests/conftest.py", 5, "test"),
        *(("tests/test_it.py", line, "test") for line in (4, 5, 6, 7)),
    ]


def test_templates(tmp_path: Path) -> None:
    template = (
        "{% set config = 1 %}{{ config.x }}\n"
        "<a href=\"{{ url_for('index') }}\">{{ _('x') }}</a>\n"
        "{{ g.x }} {{ form.hidden_tag() }} {# g.y #}\n"
        "{% for request in requests %}{{ request }}{% endfor %}\n"
        "{{ f(g=1) }} {{ x.session }} {% trans %}x{% endtrans %}\n"
        "<script>flask_moment_render_all()</script>\n"
    )
    files = {"templates/a.html": template, "static/b.html": template, "templates/c.html": "{{ ("}
    assert [line for _, line, _ in found(tmp_path, files)] == [2, 3, 6]


def test_how_it_is_started(tmp_path: Path) -> None:
    assert found(
        tmp_path,
        {
            "Procfile": "release: flask db upgrade\nweb: gunicorn app:app\nworker: rq worker\n",
            "Dockerfile": "# gunicorn app:app\nFROM python\nENV FLASK_APP=a.py\n"
            "RUN pip install Flask-Login gunicorn requests\nRUN echo flask\n"
            'CMD ["gunicorn", "-k", "gevent", "app:app"]\n',
            "start.sh": "set -e\nexec poetry run gunicorn app:app\necho my flask app\n",
            "gunicorn.conf.py": "bind = ':8000'\nworker_class = 'gevent'\nworkers = 2\n",
            "compose.yml": "services:\n  flask:\n    command: flask run --debug\n",
            "rockcraft.yaml": "extensions:\n  - flask-framework\n",
        },
    ) == [
        ("Dockerfile", 3, "server"),
        ("Dockerfile", 4, "requirement"),
        ("Dockerfile", 6, "server"),
        ("Procfile", 1, "server"),
        ("Procfile", 2, "server"),
        ("compose.yml", 3, "server"),
        ("gunicorn.conf.py", 2, "server"),
        ("rockcraft.yaml", 2, "server"),
        ("start.sh", 2, "server"),
    ]


def test_requirements(tmp_path: Path) -> None:
    assert found(
        tmp_path,
        {
            "requirements.txt": "# flask\n-r flask.txt\nFlask==3.0\nflask_login\nWerkzeug>=3\n"
            "sentry-sdk[flask]\nrequests\nitsdangerous\n",
            "pyproject.toml": '[project]\nname = "flask-shop"\nkeywords = ["flask"]\n'
            'dependencies = [\n  "flask>=3",  # the framework\n  "rich[all]",\n]\n'
            '[project.optional-dependencies]\nweb = ["gevent", "x"]\n'
            '[tool.poetry.dependencies]\nFlask = "^3"\npython = "^3.11"\n'
            '[tool.other]\nflask = "x"\n',
            "Pipfile": '[packages]\nflask = "*"\n"gunicorn" = "*"\nrequests = "*"\n',
            "setup.py": "from setuptools import setup\nsetup(keywords=['flask'],\n"
            "  install_requires=['flask>=1', 'six'])\n",
        },
    ) == [
        ("Pipfile", 2, "requirement"),
        ("Pipfile", 3, "requirement"),
        *(("pyproject.toml", line, "requirement") for line in (5, 9, 11)),
        *(("requirements.txt", line, "requirement") for line in (3, 4, 5, 6)),
        ("setup.py", 3, "requirement"),
    ]


def test_how_far_a_project_is(tmp_path: Path) -> None:
    files = {
        "old.py": "from flask import Flask\napp = Flask(__name__)\n@app.get('/a')\ndef a(): pass\n",
        "new.py": "from fastapi import APIRouter\nrouter = APIRouter()\n"
        "@router.get('/b')\ndef b(): pass\n@router.post('/b')\ndef c(): pass\n",
    }
    found(tmp_path, files)
    counted = survey(tmp_path)
    assert (counted.modules, counted.free, counted.flask, counted.fastapi) == (2, 1, 1, 2)
    assert summary(counted) == (
        "3 uses of Flask in 1 file, 1 of 2 modules free of it, 2 of 3 routes FastAPI's"
    )
    (tmp_path / "old.py").unlink()
    assert "nothing of Flask" in summary(survey(tmp_path))


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("def f(:\n")
    (tmp_path / "b.py").write_text("x = 1\n" * 60_000)
    (tmp_path / "c.py").write_text("x = " + "-" * 50_000 + "1\n")
    (tmp_path / "out").symlink_to("/")
    (tmp_path / "d.py").symlink_to("/etc/passwd")
    problems = {p.where.file: p.code for p in survey(tmp_path).unread if p.where}
    assert problems == {"a.py": "syntax-error", "b.py": "large-module", "c.py": "syntax-error"}


def test_the_forms_of_the_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "app.py").write_text("from flask import Flask\napp = Flask(__name__)\n")
    base = ["-C", str(tmp_path), "migrate"]
    assert main(base) == 0
    told = capsys.readouterr()
    assert "app.py:2" in told.out
    assert "FastAPI()" in told.out
    assert "2 uses of Flask" in told.err
    assert main([*base, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data == document(survey(tmp_path))
    assert data["schema_version"] == 1
    assert data["uses"][0] == {
        "file": "app.py",
        "line": 1,
        "kind": "import",
        "name": "import flask.Flask",
        "instead": KINDS["import"],
    }
    assert main([*base, "--markdown"]) == 0
    assert capsys.readouterr().out.splitlines() == list(checklist(survey(tmp_path)))
    assert "- [ ] `app.py:2` `Flask`" in list(checklist(survey(tmp_path)))


@pytest.mark.parametrize("file", sorted(RECORDS.glob("*.yaml")), ids=lambda file: file.stem)
def test_the_records_are_whole(file: Path) -> None:
    listed = yaml.safe_load(file.read_text())
    assert len(listed["commit"]) == 40
    for found in listed["lines"].values():
        assert set(found) <= {*KINDS}
        assert all(lines == sorted({*lines}) for lines in found.values())


def test_the_page_tells_of_every_kind() -> None:
    page = (RECORDS.parents[1] / "docs/migrate.md").read_text()
    for kind, instead in KINDS.items():
        assert f"| `{kind}` | {instead} |" in page
