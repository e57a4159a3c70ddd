from __future__ import annotations

import pytest

from rockery.verify import Application, applications


def _one(command: str, **service: object) -> Application | None:
    found = applications({"web": {"command": command, **service}}, working_dir="/flask/app")
    return found[0] if found else None


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("/bin/python3 -m gunicorn -c /flask/gunicorn.conf.py 'app:app' -k [ sync ]", "app:app"),
        ("/usr/bin/rock-gunicorn -c /flask/gunicorn.conf.py app:app -k [ gevent ]", "app:app"),
        ("gunicorn -b localhost:port -w 4 webapp.app:app", "webapp.app:app"),
        ("gunicorn -blocalhost:port webapp.app:app", "webapp.app:app"),
        ("gunicorn --bind=unix:sock -c python:conf.web webapp.app:app", "webapp.app:app"),
        ("gunicorn --preload app:app", "app:app"),
        ("gunicorn -- app:app", "app:app"),
        ("gunicorn 'main:create_app()'", "main:create_app()"),
        (
            "gunicorn \"main:create_app('prod', debug=False)\"",
            "main:create_app('prod', debug=False)",
        ),
        ("gunicorn project.wsgi", "project.wsgi:application"),
        ("ddtrace-run gunicorn app:app", "app:app"),
        ("uvicorn --host 0.0.0.0 --port 8000 --no-access-log app.main:app", "app.main:app"),
        ("/bin/python3 -m uvicorn app:app", "app:app"),
        ("uvicorn --factory app:make", "app:make()"),
        ("uvicorn [ app:app ]", "app:app"),
        ("gunicorn -c python:conf", None),
        ("celery -A webapp.app.celery_app worker", None),
        ("bash -c 'cd /srv && gunicorn app:app'", None),
        ("gunicorn 'unclosed", None),
        ("", None),
    ],
)
def test_words(command: str, expected: str | None) -> None:
    found = _one(command)
    assert (str(found) if found else None) == expected


def test_folder_is_the_services_own_first() -> None:
    default, own, changed = (
        _one("gunicorn app:app"),
        _one("gunicorn app:app", **{"working-dir": "/srv"}),
        _one("gunicorn --chdir web --pythonpath lib,/opt/lib app:app", **{"working-dir": "/srv"}),
    )
    assert default
    assert own
    assert changed
    assert default.working_dir == "/flask/app"
    assert own.working_dir == "/srv"
    assert changed.working_dir == "/srv/web"
    assert changed.path == ("/srv/web/lib", "/opt/lib")


def test_services_environment_is_above_the_images() -> None:
    services = {
        "exporter": {"command": "/bin/statsd_exporter"},
        "web": {"command": "gunicorn app:app", "environment": {"A": 1, "B": "two"}},
    }
    (found,) = applications(services, environment={"A": "0", "C": "3"})
    assert found.service == "web"
    assert found.environment == {"A": "1", "B": "two", "C": "3"}


def test_further_servers_of_the_launcher() -> None:
    services = {"flask": {"command": "/usr/bin/rock-gunicorn 'app:app' -k [ sync ]"}}
    environment = {"ROCK_SERVER_FASTAPI": "'main:make(1)' -k uvicorn --pythonpath /flask/app/src"}
    first, second = applications(services, environment=environment)
    assert str(first) == "app:app"
    assert str(second) == "main:make(1)"
    assert second.path == ("/flask/app/src",)
    services = {"flask": {"command": "gunicorn app:app"}}
    assert len(applications(services, environment=environment)) == 1
