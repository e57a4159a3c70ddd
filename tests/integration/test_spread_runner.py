"""The runner of spread's task files does to them what spread does."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

import pytest
from spread import Outcome, jobs, run

ROOT = Path(__file__).parents[2]


def outcome_of(folder: Path, task: str, project: str = "") -> Outcome:
    (job,) = jobs(write(folder, task, project))
    return run(job, folder)


def write(folder: Path, task: str, project: str = "") -> Path:
    (folder / "suite" / "dummy").mkdir(parents=True)
    (folder / "spread.yaml").write_text(
        "project: dummy\nsuites:\n  suite/:\n    summary: dummies\n" + textwrap.dedent(project)
    )
    (folder / "suite/dummy/task.yaml").write_text("summary: dummy\n" + textwrap.dedent(task))
    return folder


def steps(outcome: Outcome) -> list[str]:
    return [entry.split()[1] for entry in outcome.log]


def test_the_steps_share_the_folder_and_run_in_order(tmp_path: Path) -> None:
    outcome = outcome_of(
        tmp_path,
        """
        prepare: echo a > file
        execute: cat file; echo b >> file
        restore: rm file
        debug: echo never
        """,
    )
    assert outcome.failed is None
    assert steps(outcome) == ["prepare", "execute", "restore"]
    assert not (tmp_path / "suite/dummy/file").exists()


@pytest.mark.parametrize("step", ["prepare", "execute"])
def test_a_failure_is_debugged_and_restored(tmp_path: Path, step: str) -> None:
    outcome = outcome_of(
        tmp_path,
        f"""
        {step}: |
            false
            echo not reached
        restore: touch restored
        debug: echo the state of things
        """,
    )
    assert outcome.failed == step
    assert steps(outcome) == [step, "debug", "restore"]
    assert "the state of things" in str(outcome)
    assert "not reached" not in str(outcome).replace("echo not reached", "")
    assert (tmp_path / "suite/dummy/restored").exists()


def test_a_failing_restore_fails_the_job(tmp_path: Path) -> None:
    outcome = outcome_of(tmp_path, "execute: 'true'\nrestore: exit 3\n")
    assert outcome.failed == "restore"


def test_an_unset_variable_fails(tmp_path: Path) -> None:
    assert outcome_of(tmp_path, "execute: echo $nothing_of_this_name\n").failed == "execute"


@pytest.mark.parametrize(
    ("script", "passes"),
    [
        ("echo abc | MATCH 'a.c'", True),
        ("echo abc | MATCH '^b'", False),
        ("echo abc | NOMATCH '^b'", True),
        ("echo abc | NOMATCH 'a.c'", False),
        ("seq 100000 | MATCH '^1$'", True),
        ("ERROR out of luck", False),
        ("read line; echo got $line", False),
    ],
)
def test_functions_and_input(tmp_path: Path, script: str, passes: bool) -> None:
    outcome = outcome_of(tmp_path, f"execute: {json.dumps(script)}\n")
    assert (outcome.failed is None) == passes, str(outcome)


def test_a_script_is_ended_after_its_time(tmp_path: Path) -> None:
    outcome = outcome_of(tmp_path, "kill-timeout: 0.5s\nexecute: sleep 60\n")
    assert outcome.failed == "execute"
    assert "killed after 0.5 s" in str(outcome)


def test_variants_and_the_cascade_of_environments(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        """
        environment:
          GREETING/bar,baz: Goodbye
          GREETING: Hello
          TEXT: $GREETING $SUBJECT!
        execute: echo "$TEXT" > "$SPREAD_PATH/$SPREAD_VARIANT"
        """,
        """
            environment:
              SUBJECT/foo: world
              SUBJECT: moon
        """,
    )
    found = jobs(root)
    assert [job.name for job in found] == [f"suite/dummy:{v}" for v in ("bar", "baz", "foo")]
    for job in found:
        assert run(job, root).failed is None
    assert (root / "bar").read_text() == "Goodbye moon!\n"
    assert (root / "foo").read_text() == "Hello world!\n"


def test_every_task_has_what_spread_wants_and_cleans_up() -> None:
    found = jobs(ROOT)
    assert {job.task for job in found} >= {
        f"tests/spread/{name}"
        for name in ("flask-sync", "flask-async", "flask-prime", "flask-pyproject", "fastapi")
    }
    for job in found:
        assert job.execute.strip(), job.name
        assert job.restore.strip(), job.name
