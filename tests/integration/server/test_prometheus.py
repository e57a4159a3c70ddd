"""Alert rules and dashboards, with the real Prometheus and the real exporter."""

from __future__ import annotations

import json
import re
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote
from urllib.request import urlopen

import pytest
import yaml
from surroundings import tool

from .conftest import ROOT, Exporter, free_port, until

FOLDER = ROOT / "statsd-exporter"
FRAMEWORKS = ["flask", "fastapi"]

#: What makes every metric appear that a rock can have.
EVENTS = b"""gunicorn.requests:1|c
gunicorn.request.status.200:1|c
gunicorn.request.duration:1|ms
gunicorn.request.histogram:1|ms
gunicorn.workers:1|g
gunicorn.log.critical:0|c
gunicorn.log.error:0|c
gunicorn.log.exception:0|c
gunicorn.log.warning:0|c"""

#: What the exporter has only once something was wrong.
ON_ERRORS = {"statsd_exporter_events_conflict_total", "statsd_exporter_sample_errors_total"}

Start = Callable[[str], Exporter]

_NOT_NAMES = re.compile(r'"[^"]*"|\{[^}]*\}|\[[^\]]*\]|\bby\s*\([^)]*\)')
_FUNCTIONS = re.compile(r"\b[a-z_]+\s*\(")


def names(expression: str) -> set[str]:
    """Return the metrics that an expression speaks of."""
    left = _FUNCTIONS.sub("(", _NOT_NAMES.sub(" ", expression))
    words = re.findall(r"[a-z_:]+[a-z0-9_:]*", left)
    return {word for word in words if "_" in word or word == "up"}


def expressions(framework: str) -> list[str]:
    dashboard = json.loads((FOLDER / f"grafana/{framework}.json").read_text())
    rules = yaml.safe_load((FOLDER / f"prometheus/{framework}.rules.yaml").read_text())
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    asked += [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    return asked


def send(exporter: Exporter, lines: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(lines, ("127.0.0.1", exporter.port))


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_dashboards_and_rules_ask_for_metrics_that_exist(framework: str, exporter: Start) -> None:
    running = exporter(framework)
    send(running, EVENTS)
    until(lambda: "gunicorn_workers" in running.metrics(), "the exporter has it all")
    there = {name.split("{")[0] for name in running.metrics()} | ON_ERRORS | {"up"}
    asked = set().union(*map(names, expressions(framework)))
    assert len(asked) > 8
    assert asked - there == set()


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_what_is_scraped_is_well_formed(framework: str, exporter: Start) -> None:
    promtool = tool("promtool")
    running = exporter(framework)
    send(running, EVENTS)
    until(lambda: "gunicorn_workers" in running.metrics(), "the exporter has it all")
    with urlopen(f"http://127.0.0.1:{running.web}/metrics", timeout=5) as answer:
        text = answer.read()
    checked = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True)
    # Of names it may complain: those of a Flask rock are what the charm's dashboards expect.
    assert checked.returncode in (0, 3), checked.stderr.decode()


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_prometheus_scrapes_and_evaluates(framework: str, exporter: Start, tmp_path: Path) -> None:
    prometheus = tool("prometheus")
    running = exporter(framework)
    send(running, EVENTS)
    configuration = yaml.safe_load((FOLDER / "prometheus/prometheus.yml").read_text())
    configuration["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    configuration["rule_files"] = [str(FOLDER / "prometheus/*.rules.yaml")]
    configuration["scrape_configs"] = [
        {"job_name": framework, "static_configs": [{"targets": [f"127.0.0.1:{running.web}"]}]}
    ]
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(configuration))
    port = free_port()
    log = (tmp_path / "log").open("w")
    process = subprocess.Popen(
        [
            prometheus,
            f"--config.file={tmp_path}/prometheus.yml",
            f"--storage.tsdb.path={tmp_path}/data",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        stdout=log,
        stderr=log,
    )

    def ask(query: str) -> list[dict[str, object]]:
        with urlopen(f"http://127.0.0.1:{port}/api/v1/{query}", timeout=5) as answer:
            data = json.load(answer)["data"]
        return list(data["groups" if query == "rules" else "result"])

    try:
        until(lambda: ask("query?query=gunicorn_workers"), "it has scraped", process)
        for expression in expressions(framework):
            given = expression.replace("$__rate_interval", "1m")
            given = given.replace("$job", ".*").replace("$instance", ".*")
            ask(f"query?query={quote(given)}")  # an error is an HTTP error
        groups = ask("rules")
        assert {rule["health"] for group in groups for rule in group["rules"]} <= {"ok", "unknown"}
    finally:
        process.terminate()
        process.wait()


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_alerts_fire_when_they_should(framework: str, tmp_path: Path) -> None:
    promtool = tool("promtool")
    status, seconds = {
        "flask": ("flask_response_code", "flask_request_duration_seconds"),
        "fastapi": ("http_requests_total", "http_request_duration_seconds"),
    }[framework]
    labels = f'job="{framework}", instance="i"'

    def series(name: str, values: str, more: str = "") -> dict[str, str]:
        return {"series": f"{name}{{{labels}{more}}}", "values": values}

    bad = [
        series(status, "0+90x30", ', status="200"'),
        series(status, "0+10x30", ', status="503"'),
        series(f"{seconds}_bucket", "0+10x30", ', le="1"'),
        series(f"{seconds}_bucket", "0+100x30", ', le="5"'),
        series(f"{seconds}_bucket", "0+100x30", ', le="+Inf"'),
        series(f"{seconds}_sum", "0+120x30"),
        series("gunicorn_workers", "2x30"),
        series("gunicorn_log_critical", "0x10 1x20"),
        series("statsd_exporter_udp_packet_drops_total", "0x10 7x20"),
        series("process_start_time_seconds", "1 2 3 4x27"),
        series("up", "1x3 0x27"),
    ]
    good = [
        series(status, "0+90x30", ', status="200"'),
        series(status, "0+1x30", ', status="503"'),
        series(f"{seconds}_bucket", "0+100x30", ', le="1"'),
        series(f"{seconds}_bucket", "0+100x30", ', le="+Inf"'),
        series(f"{seconds}_sum", "0+20x30"),
        series("gunicorn_workers", "2x30"),
        series("gunicorn_log_critical", "3x30"),
        series("statsd_exporter_udp_packet_drops_total", "0x30"),
        series("process_start_time_seconds", "1x30"),
        series("up", "1x30"),
    ]
    rules = yaml.safe_load((FOLDER / f"prometheus/{framework}.rules.yaml").read_text())
    alerts = [rule["alert"] for group in rules["groups"] for rule in group["rules"]]

    def firing(given: list[dict[str, str]]) -> set[str]:
        """Return what fires after a quarter of an hour, asked of promtool one by one."""
        test = tmp_path / "test.yaml"
        fired = set()
        for alert in alerts:
            # "No alert is expected" fails if there is one, and then says which.
            document = {
                "rule_files": [str(FOLDER / f"prometheus/{framework}.rules.yaml")],
                "tests": [
                    {
                        "interval": "1m",
                        "input_series": given,
                        "alert_rule_test": [
                            {"eval_time": at, "alertname": alert, "exp_alerts": []}
                            for at in ("8m", "15m")
                        ],
                    }
                ],
            }
            test.write_text(yaml.safe_dump(document))
            done = subprocess.run([promtool, "test", "rules", test], capture_output=True, text=True)
            if done.returncode:
                assert "got:[" in done.stderr.replace(" ", "").replace("\n", ""), done.stderr
                fired.add(alert)
        return fired

    assert firing(bad) == set(alerts)
    assert firing(good) == set()
