"""What is written beside Flask's modules serves as they do."""

from __future__ import annotations

import importlib
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from flask import Flask

from rockery.cli import main
from rockery.migrate import convert, survey

EXAMPLES = Path(__file__).parents[3] / "examples"
Load = Callable[[str], Any]

#: A request: its method, path, and what else the clients of both take.
Request = tuple[str, str, dict[str, Any]]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """Import a module of the project in ``tmp_path``."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def load(name: str) -> Any:
        # Pytest may know a folder of tests by that name.
        if not is_below(sys.modules.get(name), tmp_path):
            monkeypatch.delitem(sys.modules, name, raising=False)
        return importlib.import_module(name)

    yield load
    for name, module in list(sys.modules.items()):
        if is_below(module, tmp_path):
            del sys.modules[name]


def is_below(module: Any, folder: Path) -> bool:
    """Return whether a module was loaded from a file below a folder."""
    return str(folder) in str(getattr(module, "__file__", ""))


def written(folder: Path, files: dict[str, str]) -> dict[str, str]:
    """Convert a project and return what was written."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    assert main(["-C", str(folder), "migrate", "--write"]) == 0
    for name, text in files.items():
        assert (folder / name).read_text() == text
    found = {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*.py")}
    return {name: text for name, text in found.items() if name not in files}


def asked(app: Flask | FastAPI, request: Request) -> tuple[Any, ...]:
    """Return what there is of an answer that a client sees."""
    method, path, more = request
    if isinstance(app, Flask):
        answer = app.test_client().open(path, method=method, **more)
        data, json = answer.get_data(), answer.get_json(silent=True)
    else:
        client = TestClient(
            app, follow_redirects=False, raise_server_exceptions=False, client=("127.0.0.1", 5)
        )
        reply = client.request(method, path, **more)
        answer, data = reply, reply.content  # type: ignore[assignment]
        json = reply.json() if data and "json" in reply.headers["content-type"] else None
    if answer.status_code == 302:
        data = b""  # Flask writes a page for those that don't follow
    kind = answer.headers.get("content-type", "").partition(";")[0] if data else ""
    own = {k.lower(): v for k, v in answer.headers.items() if k.lower().startswith(("x-", "loc"))}
    return answer.status_code, kind, json if json is not None else data, own


EVERYTHING = """\
import time
import flask
from flask import Flask, Blueprint, Response, abort, current_app, g, jsonify, make_response
from flask import redirect, request, url_for
from werkzeug.exceptions import HTTPException

app = Flask(__name__)
app.config["LIMIT"] = 3
bp = Blueprint("items", __name__, url_prefix="/items")


@app.before_request
def begin():
    g.id = request.headers.get("X-Id") or "made"
    if request.path == "/closed":
        return jsonify(error="closed"), 503


@app.after_request
def first(response):
    response.headers["X-Order"] = response.headers.get("X-Order", "") + "first"
    return response


@app.after_request
def second(response):
    response.headers["X-Order"] = "second"
    response.headers["X-Id"] = g.id
    response.headers["X-Limit"] = str(current_app.config["LIMIT"])
    return response


@app.errorhandler(HTTPException)
def failed(error):
    return jsonify({"code": error.code}), error.code


@app.errorhandler(ValueError)
def bad(error: ValueError) -> flask.Response:
    response = jsonify(error=str(error))
    response.status_code = 400
    return response


def who():
    return request.args.get("who", "nobody") + g.get("id", "") + str("id" in g)


@bp.route("/<int:number>", methods=["GET", "DELETE"])
def item(number):
    if number == 13:
        abort(404, description="no such item")
    if number == 14:
        raise ValueError("fourteen")
    if request.method == "DELETE":
        return "", 204
    return jsonify(number=number, who=who(), q=request.args.get("q"))


@bp.post("/")
def create():
    data = request.get_json(silent=True)
    if data is None:
        return {"error": "no JSON"}, 400
    return jsonify(data), 201, {"Location": url_for("items.item", number=7)}


@bp.put("/")
def replace():
    return {"kept": request.json, "size": 1}


@bp.patch("/<path:rest>/<name>")
def patch(rest, name):
    return [rest, name, request.data.decode()]


@app.route("/go")
def go():
    return redirect(url_for("text"))


@app.route("/text")
def text():
    return "text"


@app.get("/stream")
def stream():
    def pieces():
        yield "a"
        yield "b"

    return Response(pieces(), mimetype="text/plain")


@app.get("/raw")
def raw():
    made = make_response("x", 202)
    made.headers["X-Kind"] = str(isinstance(made, Response))
    return made


app.register_blueprint(bp)

if __name__ == "__main__":
    app.run(port=5000, debug=True)
"""


@pytest.mark.parametrize(
    "request_",
    [
        ("GET", "/items/5?q=1&who=me", {"headers": {"X-Id": "7"}}),
        ("GET", "/items/13", {}),
        ("GET", "/items/14", {}),
        ("GET", "/items/x", {}),
        ("HEAD", "/items/5", {}),
        ("DELETE", "/items/5", {}),
        ("POST", "/items/", {"json": {"a": 1}}),
        ("POST", "/items/", {}),
        ("PUT", "/items/", {"json": [1]}),
        ("PUT", "/items/", {}),
        ("PUT", "/items/", {"data": b"{", "headers": {"Content-Type": "application/json"}}),
        ("PATCH", "/items/a/b/c", {"data": b"sent"}),
        ("GET", "/go", {}),
        ("GET", "/text", {}),
        ("HEAD", "/text", {}),
        ("GET", "/stream", {}),
        ("GET", "/raw", {}),
        ("GET", "/closed", {}),
        ("GET", "/nowhere", {}),
        ("PUT", "/text", {}),
    ],
    ids=lambda request: f"{request[0]}{request[1]}",
)
def test_a_converted_module_answers_alike(request_: Request, tmp_path: Path, load: Load) -> None:
    (text,) = written(tmp_path, {"everything.py": EVERYTHING}).values()
    assert "TODO" not in text
    assert "flask" not in re.sub(r'""".*?"""', "", text, flags=re.DOTALL)
    flask, fastapi = load("everything").app, load("everything_fastapi").app
    if "data" in request_[2]:
        body = request_[2]["data"]
        sent: Request = (*request_[:2], {**request_[2], "content": body})
        sent[2].pop("data")
    else:
        sent = request_
    assert asked(fastapi, sent) == asked(flask, request_)


HOOK = '''\
from flask import Blueprint, Flask, g, jsonify, request

bp = Blueprint("extra", __name__, url_prefix="/extra")


@bp.route("/hello")
def hello():
    return jsonify(hello=request.args.get("name", "you"), started=g.started)


def init_app(app: Flask) -> None:
    """Add what is ours."""

    @app.before_request
    def begin() -> None:
        g.started = 1

    @app.after_request
    def end(response):
        response.headers["X-Started"] = str(g.started)
        return response

    @app.errorhandler(KeyError)
    def missing(error):
        return jsonify(error="missing"), 404

    @app.route("/fails")
    def fails():
        raise KeyError("x")

    app.register_blueprint(bp)
'''


def test_a_hook_file_is_converted_for_the_other_server(tmp_path: Path, load: Load) -> None:
    assert set(written(tmp_path, {"custom_flask.py": HOOK})) == {"custom_fastapi.py"}
    flask, fastapi = Flask("flask"), FastAPI()
    load("custom_flask").init_app(flask)
    load("custom_fastapi").init_app(fastapi)
    for path in ("/extra/hello?name=me", "/fails"):
        assert asked(fastapi, ("GET", path, {})) == asked(flask, ("GET", path, {}))


def test_modules_that_are_converted_together_find_each_other(tmp_path: Path, load: Load) -> None:
    files = {
        "shop/__init__.py": "from flask import Flask\n\n\ndef create_app():\n"
        "    from shop.items import bp\n    from .pages.views import pages\n\n"
        "    app = Flask(__name__)\n"
        "    app.register_blueprint(bp, url_prefix='/items')\n"
        "    app.register_blueprint(pages)\n    return app\n",
        "shop/items.py": "from flask import Blueprint\nfrom shop.plain import PRICE\n\n"
        "bp = Blueprint('items', __name__)\n\n\n@bp.get('/')\ndef all():\n    return [PRICE]\n",
        "shop/plain.py": "PRICE = 3\n",
        "shop/pages/__init__.py": "",
        "shop/pages/views.py": "from flask import Blueprint\n\npages = Blueprint('p', __name__)\n\n"
        "\n@pages.get('/about/<name>')\ndef about(name):\n    return f'about {name}'\n",
    }
    assert set(written(tmp_path, files)) == {
        *("shop/init_fastapi.py", "shop/items_fastapi.py", "shop/pages/views_fastapi.py"),
    }
    flask = load("shop").create_app()
    fastapi = load("shop.init_fastapi").create_app()
    for path in ("/items/", "/about/us"):
        assert asked(fastapi, ("GET", path, {})) == asked(flask, ("GET", path, {}))


def test_what_is_not_sure_is_marked_and_stays(tmp_path: Path, load: Load) -> None:
    code = (
        "from flask import Flask, flash, request\nfrom flask_login import login_required\n\n"
        "app = Flask(__name__)\n\n\n"
        "@app.route('/a', defaults={'x': 1})\n@login_required\ndef a(x):\n"
        "    flash('a')\n    return request.files['f'].read()\n"
    )
    (text,) = written(tmp_path, {"app.py": code}).values()
    marked = [line.strip() for line in text.splitlines() if "TODO(rockery migrate)" in line]
    assert [re.search(r"migrate\): (.+?): ", line)[1] for line in marked] == [  # type: ignore[index]
        *("import flask_login.login_required", "route", "login_required", "flash", "request"),
    ]
    assert "from flask import flash\n" in text
    compile(text, "app_fastapi.py", "exec")


ERRORS = """\
from flask import Flask, abort, jsonify
from werkzeug.exceptions import HTTPException

app = Flask(__name__)


class Own(Exception):
    code = 7


@app.errorhandler(HTTPException)
def failed(error):
    methods = getattr(error, "valid_methods", ["none"])
    told = {"name": error.name, "methods": methods, "args": hasattr(error, "args")}
    return jsonify(told, getattr(error, "description", "")), getattr(error, "code", 500)


@app.errorhandler(405)
def no_such_method(error):
    return jsonify("POST" in error.valid_methods, about(error)), 405


def about(error: HTTPException):
    return f"{error.code} {error.name}"


def what(error):
    if isinstance(error, HTTPException):
        return error.description
    return type(error).__name__


@app.post("/only/<code>")
def only(code):
    return code


@app.get("/abort/<int:code>")
def stop(code):
    abort(code, description="because")


@app.get("/caught/<kind>")
def caught(kind):
    try:
        if kind == "own":
            raise Own
        abort(410, description="gone")
    except HTTPException as error:
        return jsonify(code=error.code, description=error.description)
    except (KeyError, Own) as error:
        return jsonify(code=error.code)


@app.get("/tested/<kind>")
def tested(kind):
    try:
        if kind == "own":
            raise Own
        abort(410, description="gone")
    except Exception as error:
        code = error.code if isinstance(error, HTTPException) else -error.code
        return jsonify(code=code, what=what(error))
"""


@pytest.mark.parametrize(
    "request_",
    [
        ("GET", "/abort/404", {}),
        ("GET", "/abort/409", {}),
        ("GET", "/only/x", {}),
        *[("GET", f"/{path}/{kind}", {}) for path in ("caught", "tested") for kind in ("own", "x")],
    ],
    ids=lambda request: request[1],
)
def test_what_is_asked_of_an_http_error(request_: Request, tmp_path: Path, load: Load) -> None:
    (text,) = written(tmp_path, {"errors.py": ERRORS}).values()
    assert "TODO" not in text
    flask, fastapi = load("errors").app, load("errors_fastapi").app
    assert asked(fastapi, request_) == asked(flask, request_)


def test_what_only_an_error_of_werkzeug_has_is_marked(tmp_path: Path) -> None:
    code = (
        "from flask import Flask\nfrom werkzeug.exceptions import HTTPException\n\n"
        "app = Flask(__name__)\n\n\n"
        "@app.errorhandler(404)\ndef missing(error):\n"
        "    response = error.get_response()\n    return response\n\n\n"
        "@app.errorhandler(HTTPException)\ndef failed(error):\n"
        "    print(error.args, error.code)\n    return error\n\n\n"
        "@app.errorhandler(ValueError)\ndef other(error):\n    return error.get_response(), 400\n"
    )
    (text,) = written(tmp_path, {"app.py": code}).values()
    lines = [line.strip() for line in text.splitlines()]
    marked = {lines[i + 1]: line for i, line in enumerate(lines) if "TODO" in line}
    assert set(marked) == {"response = error.get_response()", "return error"}
    assert "error.get_response: fastapi.HTTPException" in marked["response = error.get_response()"]


SERVER = """\
from flask import Flask, jsonify, request
from flask_cors import CORS

after = []
mine = ["https://a.example", "https://b.example"]


def create_app():
    app = Flask(__name__)
    app.json.sort_keys = False
    CORS(app, origins=mine, expose_headers="X-Size", supports_credentials=True)

    @app.post("/size")
    def size():
        response = jsonify(size=length(), kind=kind(), text=text(), agent=5)
        response.headers["X-Size"] = str(length())
        response.call_on_close(lambda: after.append("sent"))
        return response

    @app.get("/openapi.json")
    def document():
        return jsonify(openapi="mine")

    def length() -> int:
        return len(request.get_data())

    def kind():
        return request.headers["Content-Type"]

    def text():
        return kind() + request.data.decode()

    return app
"""


def test_what_a_model_server_does_besides(tmp_path: Path, load: Load) -> None:
    (text,) = written(tmp_path, {"server.py": SERVER}).values()
    assert "TODO" not in text
    assert "sort_keys" not in text
    modules = load("server"), load("server_fastapi")
    flask, fastapi = (module.create_app() for module in modules)
    assert asked(fastapi, ("GET", "/openapi.json", {})) == asked(
        flask, ("GET", "/openapi.json", {})
    )
    seen = []
    for origin in ("https://a.example", "https://evil.example"):
        headers = {"Origin": origin, "Content-Type": "text/x"}
        one = flask.test_client().post("/size", data=b"four", headers=headers)
        two = TestClient(fastapi).post("/size", content=b"four", headers=headers)
        assert two.json() == one.get_json()
        assert two.json() == {"size": 4, "kind": "text/x", "text": "text/xfour", "agent": 5}
        assert list(two.json()) == list(one.get_json())
        seen.append(
            [
                {answer.headers.get(f"access-control-{name}") for answer in (one, two)}
                for name in ("allow-origin", "allow-credentials")
            ]
        )
        one.close()
    assert seen[0] == [{"https://a.example"}, {"true"}]
    assert seen[1][0] == {None}
    assert modules[0].after == modules[1].after == ["sent", "sent"]


@pytest.mark.parametrize(
    ("arguments", "written_as"),
    [
        ("app", 'CORSMiddleware, allow_origins=["*"]'),
        ("app, origins='*'", "allow_origins=['*']"),
        ("app, origins='https://a.example'", "allow_origins=['https://a.example']"),
        ("app, origins=list(several)", "allow_origins=list(several)"),
        ("app, origins=one.split(',')", "allow_origins=one.split(',')"),
        ("app, origins=known", "allow_origins=known"),
        ("app, origins=one", None),
        ("app, origins=both", None),
        ("app, origins=r'https://.*\\.example'", None),
        ("app, origins=['https://*.example']", None),
        ("app, resources={'/api': {}}", None),
        ("", None),
    ],
)
def test_origins_are_converted_where_they_are_sure(
    arguments: str, written_as: str | None, tmp_path: Path
) -> None:
    code = (
        "import os\nfrom flask import Flask\nfrom flask_cors import CORS\n\n"
        "several = one = os.environ.get('ORIGINS', '')\nknown = ['https://a.example']\n"
        "both = ['https://a.example']\nboth = one\n"
        f"app = Flask(__name__)\nCORS({arguments})\n"
    )
    (text,) = written(tmp_path, {"app.py": code}).values()
    assert ("TODO" in text) == (written_as is None)
    assert (written_as or f"\nCORS({arguments})\n") in text


def test_a_piece_has_another_name_where_its_own_is_taken(tmp_path: Path, load: Load) -> None:
    code = (
        "from flask import Flask, render_template, request\n\napp = Flask(__name__)\n"
        "templates = body = answer = 'x'\n\n\n"
        "@app.post('/')\ndef show():\n    return render_template('a.html', sent=request.data)\n"
        "\n\n@app.get('/')\ndef get():\n    return templates + body + answer, 202\n"
    )
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/a.html").write_text("sent {{ sent.decode() }}")
    (text,) = written(tmp_path, {"app.py": code}).values()
    assert '"""Read the whole body."""' in text
    app = load("app_fastapi").app
    assert TestClient(app).post("/", content=b"it").text == "sent it"
    assert asked(app, ("GET", "/", {})) == asked(load("app").app, ("GET", "/", {}))


def test_nothing_is_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "custom_flask.py").write_text(HOOK)
    (tmp_path / "custom_fastapi.py").write_text("mine = 1\n")
    assert main(["-C", str(tmp_path), "migrate", "--write"]) == 0
    told = capsys.readouterr()
    assert told.out == ""
    assert "left custom_fastapi.py as it is" in told.err
    assert (tmp_path / "custom_fastapi.py").read_text() == "mine = 1\n"
    (tmp_path / "custom_fastapi.py").unlink()
    assert main(["-C", str(tmp_path), "migrate", "--write"]) == 0
    assert capsys.readouterr().out == "custom_fastapi.py\n"
    assert main(["-C", str(tmp_path), "migrate", "--write"]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"custom_flask.py", "custom_fastapi.py"}


def test_a_survey_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(EVERYTHING)
    assert survey(tmp_path).uses == convert(tmp_path)[0].uses
    assert [path.name for path in tmp_path.iterdir()] == ["app.py"]


@pytest.mark.parametrize(
    ("example", "module", "paths"),
    [
        ("flask-hello", "app", ["/", "/count", "/nowhere"]),
        ("flask-web", "app", ["/", "/status", "/static/style.css", "/static/none.css"]),
        ("flask-async", "main", ["/", "/wait"]),
    ],
)
def test_the_examples_answer_alike(
    example: str,
    module: str,
    paths: list[str],
    tmp_path: Path,
    load: Load,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shutil.copytree(EXAMPLES / example, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    assert main(["migrate", "--write"]) == 0
    both = []
    for name in (module, f"{module}_fastapi"):
        found = load(name)
        if hasattr(found, "WAIT"):
            monkeypatch.setattr(found, "WAIT", 0)
        both.append(found.app if hasattr(found, "app") else found.create_app())
    assert isinstance(both[1], FastAPI)
    for path in paths:
        for method in ("GET", "HEAD"):
            flask, fastapi = (asked(app, (method, path, {})) for app in both)
            if flask[0] == 404:
                assert fastapi[0] == 404  # each with a page of its own
            else:
                assert fastapi == flask
