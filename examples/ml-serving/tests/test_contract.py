"""What both servers promise, asked over HTTP: whichever of them answers."""

from __future__ import annotations

import json
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import jwt
import pytest
from conftest import SETTINGS

ROW = [0.5, -1.25, 3, 0, 12.5, -0.75, 8, 1, -2, 0.1]


def fresh() -> list[float]:
    """Return a row that nobody has asked for, where the model knows its way about."""
    return [random.uniform(-2, 2) for _ in range(10)]


@pytest.fixture
def ask(client: httpx.Client, token: str) -> Any:
    """Post a body with the token."""

    def post(path: str, body: Any, **headers: str) -> httpx.Response:
        return client.post(path, json=body, headers={"Authorization": f"Bearer {token}", **headers})

    return post


def refused(answer: httpx.Response, status: int, error: str) -> None:
    """Assert that an answer is an error of this kind, in the one shape."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert set(body) == {"error", "detail"}
    assert body["error"] == error
    assert body["detail"]


# ---------------------------------------------------------------- health, headers, errors


def test_health(client: httpx.Client) -> None:
    answer = client.get("/health")
    body = answer.json()
    assert answer.status_code == 200
    assert set(body) == {"status", "time", "uptime", "model_loaded", "model_version"}
    assert (body["status"], body["model_loaded"]) == ("healthy", True)
    assert body["uptime"] > 0
    assert len(body["model_version"]) == 12


@pytest.mark.parametrize("path", ["/health", "/nowhere", "/predict"])
def test_every_answer_says_whose_it_is_and_how_long_it_took(
    client: httpx.Client, path: str
) -> None:
    answer = client.get(path, headers={"X-Request-ID": "mine-1"})
    assert answer.headers["X-Request-ID"] == "mine-1"
    assert 0 <= float(answer.headers["X-Process-Time"]) < 30


@pytest.mark.parametrize("given", [None, "", "two words", "ü".encode("latin-1"), "x" * 129])
def test_a_request_without_a_usable_id_is_given_one(
    client: httpx.Client, given: str | bytes | None
) -> None:
    headers = {} if given is None else {"X-Request-ID": given}
    answer = client.get("/health", headers=headers)
    assert len(answer.headers["X-Request-ID"]) == 32


def test_what_there_is_not(client: httpx.Client) -> None:
    refused(client.get("/nowhere"), 404, "not_found")
    answer = client.delete("/predict")
    refused(answer, 405, "method_not_allowed")
    assert "POST" in answer.headers["Allow"]


def test_origins(client: httpx.Client) -> None:
    def allowed(origin: str) -> str | None:
        answer = client.get("/health", headers={"Origin": origin})
        return answer.headers.get("Access-Control-Allow-Origin")

    assert allowed("https://app.example.org") == "https://app.example.org"
    assert allowed("https://other.example.org") == "https://other.example.org"
    assert allowed("https://evil.example.org") is None
    preflight = client.options(
        "/predict",
        headers={
            "Origin": "https://app.example.org",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type",
        },
    )
    assert preflight.status_code == 200
    assert preflight.headers["Access-Control-Allow-Origin"] == "https://app.example.org"
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
    assert "authorization" in preflight.headers["Access-Control-Allow-Headers"].lower()


def test_the_document(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    described = {
        (path, method): (operation["tags"], sorted(operation["responses"]))
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    assert described == {
        ("/health", "get"): (["service"], ["200", "503"]),
        ("/login", "post"): (["service"], ["200", "401", "422"]),
        ("/predict", "post"): (["predictions"], ["200", "401", "422", "503"]),
        ("/predict/batch", "post"): (["predictions"], ["200", "401", "422", "503"]),
        ("/reference", "get"): (["service"], ["200", "401", "502", "503"]),
    }
    schemas = document["components"]["schemas"]
    for name in ("Credentials", "PredictRequest", "BatchRequest", "Error"):
        assert schemas[name]["examples"]
    assert schemas["PredictRequest"]["properties"]["features"]["minItems"] == 10
    assert [tag["name"] for tag in document["tags"]] == ["predictions", "service"]


# ---------------------------------------------------------------- tokens


def test_a_token(client: httpx.Client) -> None:
    body = {"username": SETTINGS["API_USERNAME"], "password": SETTINGS["API_PASSWORD"]}
    answer = client.post("/login", json=body)
    assert answer.status_code == 200
    given = answer.json()
    assert (given["token_type"], given["expires_in"]) == ("bearer", 24 * 3600)
    claims = jwt.decode(given["access_token"], SETTINGS["SECRET_KEY"], algorithms=["HS256"])
    assert claims["exp"] - claims["iat"] == 24 * 3600


@pytest.mark.parametrize(
    ("username", "password"),
    [
        ("contract", "another password"),
        ("somebody", SETTINGS["API_PASSWORD"]),
        ("contract", "ünknown password"),
    ],
)
def test_wrong_credentials(client: httpx.Client, username: str, password: str) -> None:
    answer = client.post("/login", json={"username": username, "password": password})
    refused(answer, 401, "wrong_credentials")


@pytest.mark.parametrize(
    "body",
    [
        {"username": "ab", "password": "long enough"},
        {"username": "a" * 51, "password": "long enough"},
        {"username": "contract", "password": "7 chars"},
        {"username": "contract"},
        {"username": 17, "password": "long enough"},
        [],
        None,
    ],
)
def test_credentials_that_are_none(client: httpx.Client, body: Any) -> None:
    refused(client.post("/login", json=body), 422, "invalid_request")


def signed(secret: str = SETTINGS["SECRET_KEY"], algorithm: str = "HS256", **claims: Any) -> str:
    claims = {"sub": "contract", "exp": time.time() + 60, **claims}
    return jwt.encode({k: v for k, v in claims.items() if v is not None}, secret, algorithm)


@pytest.mark.parametrize(
    ("header", "error"),
    [
        (None, "missing_token"),
        ("Basic abc", "missing_token"),
        ("Bearer", "missing_token"),
        ("Bearer nonsense", "invalid_token"),
        ("Bearer " + signed(secret="another secret key that is long enough"), "invalid_token"),
        ("Bearer " + signed(algorithm="HS512"), "invalid_token"),
        ("Bearer " + signed(exp=None), "invalid_token"),
        ("Bearer " + jwt.encode({"sub": "x", "exp": 2**33}, None, "none"), "invalid_token"),
        ("Bearer " + signed(exp=time.time() - 60), "expired_token"),
    ],
    ids=["none", "basic", "empty", "nonsense", "secret", "algorithm", "endless", "unsigned", "old"],
)
@pytest.mark.parametrize("path", ["/predict", "/predict/batch", "/reference"])
def test_tokens_that_are_no_good(
    client: httpx.Client, path: str, header: str | None, error: str
) -> None:
    headers = {"Authorization": header} if header else {}
    if path == "/reference":
        answer = client.get(path, headers=headers)
    else:
        body = {"features": ROW} if path == "/predict" else {"rows": [ROW]}
        answer = client.post(path, json=body, headers=headers)
    refused(answer, 401, error)
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_good_token_whatever_the_case_of_its_scheme(client: httpx.Client) -> None:
    headers = {"Authorization": f"bearer {signed()}"}
    assert client.post("/predict", json={"features": ROW}, headers=headers).status_code == 200


# ---------------------------------------------------------------- predictions


def test_a_prediction_and_the_same_again(ask: Any, client: httpx.Client) -> None:
    row = fresh()
    first = ask("/predict", {"features": row}).json()
    assert set(first) == {"prediction", "cached", "model_version", "request_id"}
    assert first["cached"] is False
    assert first["model_version"] == client.get("/health").json()["model_version"]
    again = ask("/predict", {"features": row}).json()
    assert again["prediction"] == first["prediction"]
    assert ask("/predict", {"features": fresh()}).json()["prediction"] != first["prediction"]


def test_what_was_asked_before_comes_from_the_cache(ask: Any) -> None:
    # Each worker has its own: with several of them, one of these reaches the same again.
    row = fresh()
    assert any(ask("/predict", {"features": row}).json()["cached"] for _ in range(20))


def test_the_id_of_a_prediction(ask: Any) -> None:
    answer = ask("/predict", {"features": ROW, "request_id": "order-17"}, **{"X-Request-ID": "h1"})
    assert answer.json()["request_id"] == "order-17"
    assert answer.headers["X-Request-ID"] == "h1"
    answer = ask("/predict", {"features": ROW}, **{"X-Request-ID": "h2"})
    assert answer.json()["request_id"] == "h2"


@pytest.mark.parametrize("value", [-1000, 1000, 0, -0.0, 1e-300])
def test_numbers_at_the_edge(ask: Any, value: float) -> None:
    assert ask("/predict", {"features": [value] * 10}).status_code == 200


BAD_VALUES = ["1", None, True, [], {}, 1000.001, -1e308, 10**30]


@pytest.mark.parametrize("value", BAD_VALUES)
def test_what_is_no_number_in_range(ask: Any, value: Any) -> None:
    answer = ask("/predict", {"features": [*ROW[:9], value]})
    refused(answer, 422, "invalid_request")
    assert answer.json()["detail"][0]["field"] == "features.9"


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e999", "1" + "0" * 400])
def test_what_is_not_finite(client: httpx.Client, token: str, text: str) -> None:
    content = f'{{"features": [{", ".join(["1"] * 9 + [text])}]}}'
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    refused(client.post("/predict", content=content, headers=headers), 422, "invalid_request")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"features": ROW[:9]},
        {"features": [*ROW, 1]},
        {"features": "0123456789"},
        {"features": ROW, "request_id": ""},
        {"features": ROW, "request_id": "x" * 129},
        {"features": ROW, "request_id": "two\nlines"},
        {"features": ROW, "request_id": 17},
        [ROW],
        "text",
        None,
    ],
)
def test_bodies_that_are_no_row(ask: Any, body: Any) -> None:
    refused(ask("/predict", body), 422, "invalid_request")


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"features=1", b'{"features": [1,]}'])
def test_what_is_no_json(client: httpx.Client, token: str, content: bytes) -> None:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    answer = client.post("/predict", content=content, headers=headers)
    assert answer.status_code in (400, 422)
    assert set(answer.json()) == {"error", "detail"}


def test_an_error_never_repeats_what_was_sent(ask: Any) -> None:
    answer = ask("/predict", {"features": ["a secret that was sent by mistake"]})
    assert "by mistake" not in answer.text


@pytest.mark.parametrize("count", [1, 2, 100])
def test_a_batch(ask: Any, count: int) -> None:
    rows = [fresh() for _ in range(count)]
    body = ask("/predict/batch", {"rows": rows, "request_id": "many"}).json()
    assert set(body) == {
        "predictions", "count", "processing_time", "model_version", "request_id"
    }  # fmt: skip
    assert (body["count"], len(body["predictions"]), body["request_id"]) == (count, count, "many")
    assert body["processing_time"] > 0
    assert ask("/predict", {"features": rows[-1]}).json()["prediction"] == body["predictions"][-1]


@pytest.mark.parametrize("rows", [[], [ROW] * 101, [ROW, ROW[:9]], [1], "rows", None])
def test_batches_that_are_none(ask: Any, rows: Any) -> None:
    refused(ask("/predict/batch", {"rows": rows}), 422, "invalid_request")


def test_many_at_once_each_get_their_own(ask: Any) -> None:
    rows = [fresh() for _ in range(40)]
    with ThreadPoolExecutor(10) as pool:
        said = list(pool.map(lambda row: ask("/predict", {"features": row}).json(), rows))
    together = ask("/predict/batch", {"rows": rows}).json()["predictions"]
    assert [each["prediction"] for each in said] == pytest.approx(together)
    assert len(set(together)) > 30


def test_without_another_service_there_is_none_to_ask(client: httpx.Client, token: str) -> None:
    answer = client.get("/reference", headers={"Authorization": f"Bearer {token}"})
    refused(answer, 503, "no_reference")


def test_answers_are_json(client: httpx.Client) -> None:
    for path in ("/health", "/nowhere", "/openapi.json"):
        answer = client.get(path)
        assert answer.headers["Content-Type"].split(";")[0] == "application/json"
        json.loads(answer.content)


def test_health_answers_while_the_model_works(ask: Any, client: httpx.Client) -> None:
    done = threading.Event()

    def work() -> None:
        while not done.is_set():
            ask("/predict/batch", {"rows": [fresh() for _ in range(100)]})

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for _ in range(5):
            assert client.get("/health", timeout=10).status_code == 200
    finally:
        done.set()
        thread.join()
