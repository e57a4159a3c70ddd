"""Real imports with a real target's Python, in a view and as a plain process."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rockery.verify import Application, Verdict, verify, view

# One process runs them all: what one leaves behind another would see.
pytestmark = [pytest.mark.network, pytest.mark.xdist_group("verify")]

Project = Callable[..., Path]
Check = Callable[..., Verdict]

FLASK = "from flask import Flask\napp = Flask(__name__)\n"


@pytest.fixture(scope="session")
def allowed(runtime: Path) -> bool:
    """Whether this host allows views."""
    try:
        ended = view.enter([runtime], ["/usr/bin/python3", "-c", ""], env={}, capture=True)
    except view.Forbidden:
        return False
    assert ended.status == 0, ended
    return True


@pytest.fixture(params=["view", "plain"])
def isolate(request: pytest.FixtureRequest, allowed: bool) -> bool:
    if request.param == "view" and not allowed:
        pytest.skip("this host forbids views")
    return bool(request.param == "view")


@pytest.fixture
def check(isolate: bool, runtime: Path, dependencies: Path, project: Project) -> Check:
    def checked(
        app: str, *, attribute: str = "app", module: str = "app", call: bool = False,
        arguments: str = "", timeout: float = 60, environment: dict[str, str] | None = None,
        **files: str,
    ) -> Verdict:  # fmt: skip
        tree = project(app=textwrap.dedent(app), **files)
        verdict = verify(
            Application("flask", module, attribute, call, arguments, "/flask/app",
                        environment or {}),
            [runtime, dependencies, tree], timeout=timeout, isolate=isolate,
        )  # fmt: skip
        assert verdict.isolated is isolate
        assert "/tmp/rockery" not in f"{verdict.message} {verdict.details}"
        return verdict

    return checked


class TestImportable:
    def test_flask(self, check: Check) -> None:
        assert check(FLASK) == check(FLASK)
        assert check(FLASK).outcome == "importable"

    def test_siblings_and_dotted_names(self, check: Check) -> None:
        verdict = check(
            "from webapp.views import holder",
            attribute="holder.app",
            webapp____init__="",
            webapp__views="import types\nholder = types.SimpleNamespace(app=print)",
        )
        assert verdict.outcome == "importable", verdict

    def test_factory(self, check: Check) -> None:
        source = """
            from flask import Flask
            def create_app(name, debug=False):
                assert name == "prod" and debug is True
                return Flask(name)
        """
        verdict = check(source, attribute="create_app", call=True, arguments="'prod', debug=True")
        assert verdict.outcome == "importable", verdict

    def test_given_environment_counts(self, check: Check) -> None:
        source = "import os\n" + FLASK + "assert os.environ['SECRET_KEY'] == 'given'"
        assert check(source, environment={"SECRET_KEY": "given"}).outcome == "importable"

    def test_writes_where_it_lies(
        self, check: Check, runtime: Path, dependencies: Path, project: Project,
        snapshot: Callable[..., object],
    ) -> None:  # fmt: skip
        tree = project(data="VALUE = 1\n")
        source = FLASK + textwrap.dedent("""
            import os, sqlite3, flask, data
            os.makedirs("logs"); open("logs/app.log", "w").write("x")
            sqlite3.connect(__file__ + ".db").execute("create table t (i)")
            open(data.__file__, "a").write("# changed")
            open(os.path.join(os.path.dirname(flask.__file__), "cache"), "w").write("x")
        """)
        project(app=source)
        before = snapshot(runtime, dependencies, tree)
        assert check(source).outcome == "importable"
        assert snapshot(runtime, dependencies, tree) == before

    def test_prints_megabytes(self, check: Check) -> None:
        assert check(FLASK + "for _ in range(500): print('x' * 10000)").outcome == "importable"

    def test_lingering_threads_and_children(self, check: Check) -> None:
        source = FLASK + textwrap.dedent("""
            import os, subprocess, sys, threading, time
            threading.Thread(target=time.sleep, args=(600,)).start()
            for _ in range(3):
                if os.fork() == 0:
                    os.setsid()
                    if os.fork() == 0:
                        time.sleep(600)
                    os._exit(0)
        """)
        assert check(source, timeout=30).outcome == "importable"

    def test_a_forked_child_that_comes_back(self, check: Check) -> None:
        assert check(FLASK + "import os\nos.fork()").outcome == "importable"


class TestBroken:
    def test_missing_module(self, check: Check) -> None:
        verdict = check(FLASK + "import nowhere.at_all\n")
        assert verdict.outcome == "broken"
        assert verdict.missing_module == "nowhere"
        assert verdict.message == "cannot import app:app: there is no module nowhere in the rock"
        assert verdict.details[0] == "/flask/app/app.py:3: import nowhere.at_all"

    def test_missing_library(self, check: Check) -> None:
        verdict = check("import ctypes\nctypes.CDLL('libnowhere.so.5')")
        assert (verdict.outcome, verdict.missing_library) == ("broken", "libnowhere.so.5")

    def test_crash(self, check: Check) -> None:
        verdict = check("import ctypes\nctypes.string_at(0)")
        assert (verdict.outcome, "signal 11" in verdict.message) == ("broken", True)

    def test_no_python(self, isolate: bool, project: Project) -> None:
        application = Application("web", "app", "app", working_dir="/flask/app")
        verdict = verify(application, [project(app=FLASK)], isolate=isolate)
        assert verdict.outcome == "broken"
        assert verdict.message.endswith("cannot start /usr/bin/python3: no such file or directory")


class TestBrokenHowever:
    @pytest.fixture
    def isolate(self, allowed: bool) -> bool:
        return allowed

    def test_missing_submodule(self, check: Check) -> None:
        verdict = check("from webapp import models", webapp____init__="")
        assert (verdict.outcome, verdict.missing_module) == ("broken", "webapp.models")

    def test_the_application_itself_is_not_there(self, check: Check) -> None:
        verdict = check(FLASK, module="main")
        assert (verdict.outcome, verdict.missing_module) == ("broken", "main")

    def test_missing_module_behind_another_exception(self, check: Check) -> None:
        source = """
            try:
                import nowhere
            except ImportError as error:
                raise RuntimeError("install it") from error
        """
        verdict = check(source)
        assert (verdict.outcome, verdict.missing_module) == ("broken", "nowhere")

    def test_missing_module_behind_a_missing_setting(self, check: Check) -> None:
        verdict = check("import os\nos.environ['SECRET']\nimport nowhere")
        assert (verdict.outcome, verdict.missing_module) == ("broken", "nowhere")

    def test_syntax_error(self, check: Check) -> None:
        verdict = check("import config", config="a = 1\nif a\n    b = 2\n")
        assert verdict.outcome == "broken"
        assert "/flask/app/config.py, line 2" in verdict.message
        assert "/flask/app/config.py:2: if a" in verdict.details

    def test_attribute(self, check: Check) -> None:
        missing = check("from flask import Flask\napplication = Flask('x')")
        assert missing.outcome == "broken"
        assert missing.message.endswith("module app has no attribute 'app'; it has application")
        assert check("app = None").outcome == "broken"
        assert check("app = {}").message.endswith(
            "app:app is of type dict, which no server can call"
        )

    def test_factories(self, check: Check) -> None:
        uncalled = check("def create_app(): ...", attribute="create_app")
        assert uncalled.outcome == "broken"
        assert "a factory" in uncalled.message
        empty = check("def create_app(): ...", attribute="create_app", call=True)
        assert (empty.outcome, "returned None" in empty.message) == ("broken", True)
        arguments = check("def create_app(name): ...", attribute="create_app", call=True)
        assert (arguments.outcome, "'name'" in arguments.message) == ("broken", True)

    def test_dependency_that_fails_by_itself(
        self, isolate: bool, runtime: Path, project: Project, tmp_path: Path
    ) -> None:
        packages = tmp_path / "other/usr/local/lib"
        packages = packages / (runtime / "usr/bin/python3").readlink().name / "dist-packages"
        packages.mkdir(parents=True)
        (packages / "old.py").write_text("import collections\ncollections.Mapping\n")
        tree = project(app="import os\nX = os.environ.get('X')\nimport old\n")
        verdict = verify(
            Application("web", "app", "app", working_dir="/flask/app"),
            [runtime, tmp_path / "other", tree], isolate=isolate,
        )  # fmt: skip
        assert verdict.outcome == "broken"
        assert "no attribute 'Mapping'" in verdict.message


class TestNamedSettings:
    @pytest.fixture
    def isolate(self, allowed: bool) -> bool:
        return allowed

    @pytest.mark.parametrize(
        "source",
        [
            "import os\nKEY = os.environ['SECRET_KEY']",
            "import os\nKEY = dict(os.environ)['SECRET_KEY']",
            "import os\nKEY = os.environ.get('SECRET_KEY').split(',')",
            "import os\nif not os.getenv('SECRET_KEY'): raise SystemExit('SECRET_KEY is missing')",
            "import os\nif 'SECRET_KEY' not in os.environ: raise ValueError('set SECRET_KEY')",
            "import os\nKEY = int(os.environ['SECRET_KEY'])",
            "import os, json\nKEY = json.loads(os.environ['SECRET_KEY'])",
            "from decouple import config\nKEY = config('SECRET_KEY')",
            "from decouple import config\nKEY = config('SECRET_KEY', cast=bool)",
            "import environs\nKEY = environs.Env().str('SECRET_KEY')",
            "import environs\nKEY = environs.Env().int('SECRET_KEY')",
            "from starlette.config import Config\nKEY = Config()('SECRET_KEY')",
            "from pydantic_settings import BaseSettings\n"
            "class S(BaseSettings):\n  secret_key: str\nS()",
            "from pydantic_settings import BaseSettings\n"
            "class S(BaseSettings, env_prefix='secret_'):\n  key: int\nS()",
            "from pydantic_settings import BaseSettings\nfrom pydantic import Field, HttpUrl\n"
            "class S(BaseSettings, env_prefix='x_'):\n"
            "  k: HttpUrl = Field(alias='SECRET_KEY')\nS()",
            "from pydantic_settings import BaseSettings\n"
            "class S(BaseSettings):\n  secret_key: list[str]\nS()",
            "import os, sqlalchemy\nsqlalchemy.create_engine(os.environ['SECRET_KEY'])",
            "import os, importlib\nimportlib.import_module(os.environ['SECRET_KEY'])",
            "import os\n{'dev': 1}[os.environ['SECRET_KEY']]",
            "try:\n  import local_settings\n"
            "except ImportError:\n  import os; os.environ['SECRET_KEY']",
        ],
    )  # fmt: skip
    def test_named(self, check: Check, source: str) -> None:
        verdict = check(f"{FLASK}\n{source}")
        assert verdict.outcome == "wants-settings", verdict
        assert verdict.wanted == ("SECRET_KEY",), verdict

    def test_a_database_url_leads_on_to_what_it_hides(self, check: Check) -> None:
        source = "import os, sqlalchemy\nsqlalchemy.create_engine(os.environ['DATABASE_URL'])\n"
        assert check(source + FLASK).wanted == ("DATABASE_URL",)
        hidden = check(source + "import nowhere")
        assert (hidden.outcome, hidden.missing_module) == ("broken", "nowhere")

    def test_several_one_after_the_other(self, check: Check) -> None:
        source = FLASK + "import os\na = os.environ['A_KEY']\nb = int(os.environ['B_PORT'])\n"
        verdict = check(source)
        assert verdict.wanted == ("A_KEY", "B_PORT")
        assert verdict.message == "app:app wants settings: A_KEY, B_PORT"

    def test_more_than_there_are_attempts(self, check: Check) -> None:
        lines = "\n".join(f"os.environ['KEY_{number}']" for number in range(20))
        verdict = check(f"import os\n{lines}")
        assert verdict.outcome == "wants-settings"
        assert len(verdict.wanted) == 8

    def test_a_name_that_makes_no_difference_is_not_wanted(self, check: Check) -> None:
        source = "import os\nos.environ.get('DEBUG')\nraise RuntimeError('no DEBUG today')"
        verdict = check(source)
        assert (verdict.outcome, verdict.wanted) == ("wants-settings", ())


class TestWantsSettings:
    def test_handed_to_a_dependency(self, check: Check) -> None:
        source = "import os, markupsafe, flask\nkey = os.getenv('NAME')\nflask.Flask(key)"
        verdict = check(source)
        assert (verdict.outcome, verdict.wanted) == ("wants-settings", ("NAME",))

    def test_exit(self, check: Check) -> None:
        verdict = check("import sys\nprint('no settings!')\nsys.exit('come back with settings')")
        assert verdict.outcome == "wants-settings"
        assert verdict.message.endswith("it exits while it is imported: come back with settings")
        hard = check("import os\nprint('bye', flush=True)\nos._exit(3)")
        assert (hard.outcome, "status 3" in hard.message) == ("wants-settings", True)
        assert hard.details == ("bye",)

    def test_names_read_as_one(self, check: Check) -> None:
        source = FLASK + "app.config.from_prefixed_env()\nfrom flask_sqlalchemy import SQLAlchemy\n"
        assert check(source + "SQLAlchemy(app)").outcome == "wants-settings"
        assert check(FLASK + "import flask_sqlalchemy as s\ns.SQLAlchemy(app)").outcome == "broken"

    def test_unreachable_while_an_optional_import_is_handled(self, check: Check) -> None:
        source = """
            try:
                import nowhere
            except ImportError:
                import socket
                socket.create_connection(("127.0.0.1", 1))
        """
        assert check(source).outcome == "wants-settings"

    def test_missing_file(self, check: Check) -> None:
        verdict = check("open('/flask/app/redirects.yaml')")
        assert verdict.outcome == "wants-settings"
        assert verdict.missing_file == "/flask/app/redirects.yaml"
        relative = check("import yaml\nopen('data/x.yaml')", yaml="")
        assert relative.missing_file == "/flask/app/data/x.yaml"

    def test_endless(self, check: Check) -> None:
        verdict = check(
            "import time\ndef wait():\n    while True: time.sleep(1)\nwait()", timeout=8
        )
        assert verdict.outcome == "wants-settings"
        assert verdict.message == "app:app was still being imported after 8 s"
        assert 'File "/flask/app/app.py", line 3 in wait' in verdict.details[0]


class TestNetwork:
    @pytest.fixture
    def isolate(self, allowed: bool) -> bool:
        if not allowed:
            pytest.skip("this host forbids views")
        return True

    def test_loopback_alone(self, check: Check) -> None:
        source = FLASK + textwrap.dedent("""
            import socket
            with socket.create_server(("127.0.0.1", 0)) as server:
                socket.create_connection(server.getsockname()).close()
            socket.gethostbyname(socket.gethostname())
            try:
                socket.create_connection(("192.0.2.1", 53), timeout=5)
            except OSError as error:
                assert "unreachable" in str(error), error
            else:
                raise ImportError("there is a network")
        """)
        verdict = check(source)
        assert verdict.outcome == "importable", verdict

    def test_an_unreachable_service_is_no_fault(self, check: Check) -> None:
        source = FLASK + "import socket\nsocket.create_connection(('db', 5432))"
        assert check(source).outcome == "wants-settings"


_PROGRAM = """
import sys
from pathlib import Path
from rockery.verify import Application, verify
application = Application("flask", "app", "app", working_dir="/flask/app")
isolate, *trees = sys.argv[1:]
print(verify(application, [Path(tree) for tree in trees], isolate=bool(int(isolate))))
"""
_ROOT = Path(__file__).parents[3]


def test_falls_back_where_views_are_forbidden(
    allowed: bool, runtime: Path, dependencies: Path, project: Project
) -> None:
    if not allowed:
        pytest.skip("this host forbids views anyway")
    # A user namespace in which no other may be made.
    forbid = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"'
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "sh", "-c", forbid, "sh",
         sys.executable, "-c", _PROGRAM, "1", runtime, dependencies, project(app=FLASK)],
        capture_output=True, text=True, cwd=_ROOT,
    )  # fmt: skip
    assert "outcome='importable'" in done.stdout, done
    assert "isolated=False" in done.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to be root to become somebody else")
def test_as_an_ordinary_user(allowed: bool, runtime: Path, project: Project) -> None:
    become = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
    wanted = (
        "import os, sys;"
        "sys.exit(sys.version_info < (3, 11) or not os.access(sys.executable, os.X_OK))"
    )
    works = [
        python
        for python in (sys.executable, "/usr/bin/python3")
        if not subprocess.run([*become, python, "-c", wanted]).returncode
    ]
    if not works:
        pytest.skip("no Python that an ordinary user can run")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        shutil.copytree(runtime, place / "runtime", symlinks=True)
        source = "open(__file__, 'a').write('#')\napp = print"
        shutil.copytree(project(app=source), place / "app")
        for name in ("__init__.py", "errors.py", "record.py"):
            (place / "rockery").mkdir(exist_ok=True)
            shutil.copy(_ROOT / "rockery" / name, place / "rockery" / name)
        shutil.copytree(_ROOT / "rockery/verify", place / "rockery/verify")
        (place / "tmp").mkdir()
        for path in [place, *place.rglob("*")]:
            os.chown(path, 65534, 65534, follow_symlinks=False)
        for isolate in "10":
            done = subprocess.run(
                [*become, works[0], "-c", _PROGRAM, isolate, place / "runtime", place / "app"],
                capture_output=True, text=True, cwd=place,
                env={"PATH": "/usr/bin:/bin", "TMPDIR": f"{place}/tmp"},
            )  # fmt: skip
            assert "outcome='importable'" in done.stdout, done
            assert f"isolated={isolate == '1' and allowed}" in done.stdout
            assert (place / "app/flask/app/app.py").read_text() == source


@pytest.mark.parametrize("isolate", "10")
def test_nothing_survives_a_killed_caller(
    isolate: str,
    runtime: Path,
    project: Project,
    tmp_path: Path,
    probes: Callable[[], list[int]],
) -> None:
    source = """
        import os, time
        if os.fork() == 0:
            os.setsid()
        time.sleep(600)
    """
    tree = project(app=textwrap.dedent(source))
    (tmp_path / "tmp").mkdir()
    caller = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, isolate, runtime, tree],
        cwd=_ROOT, env={**os.environ, "TMPDIR": str(tmp_path / "tmp")},
    )  # fmt: skip
    deadline = time.monotonic() + 30
    while len(probes()) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(probes()) == 2
    caller.kill()
    caller.wait()
    while probes() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not probes()


def test_an_ordinary_users_trees_may_have_any_name(runtime: Path, tmp_path: Path) -> None:
    odd = tmp_path / "a:b,c\\d e"
    shutil.copytree(runtime, odd, symlinks=True)
    many = [tmp_path / "x" / (str(number) * 20) for number in range(100)]
    for number, tree in enumerate(many):
        (tree / "flask/app").mkdir(parents=True)
        (tree / "flask/app/app.py").write_text(f"NUMBER = {number}\napp = print\n")
    last = "assert NUMBER == 99\n"
    (many[-1] / "flask/app/app.py").write_text("NUMBER = 99\napp = print\n" + last)
    application = Application("flask", "app", "app", working_dir="/flask/app")
    verdict = verify(application, [odd, *many])
    assert verdict.outcome == "importable", verdict
