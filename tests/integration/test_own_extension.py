"""A framework that rockery doesn't know, added by one YAML file, packed and served."""

from __future__ import annotations

import pytest
from served import Load, Packed, Serve
from surroundings import EXAMPLES, Rockery

pytestmark = [pytest.mark.engine, pytest.mark.network]

#: Requests that ``serve`` makes before it hands over.
SERVE = 1


def test_litestar(packed: Packed, load: Load, serve: Serve) -> None:
    with serve(load(packed("litestar-hello"))) as rock:
        assert rock.get("/").text == '{"message":"Hello, world!"}'
        assert rock.get("/nowhere").status == 404
        rock.metrics(
            **{
                'http_requests_total{status="200"}': 1 + SERVE,
                'http_requests_total{status="404"}': 1,
            }
        )
        assert rock.stop() == 0


def test_no_python_of_rockery_knows_it(rockery: Rockery) -> None:
    project = EXAMPLES / "litestar-hello"
    assert "litestar-framework" in rockery("-C", project, "list-extensions").stdout
    said = rockery("-C", project, "check", "--verbose").stderr
    assert "litestar-framework: pass: app:app" in said
    assert "flask-framework: fail:" in said
