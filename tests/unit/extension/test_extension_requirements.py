from __future__ import annotations

import time
from pathlib import Path

import pytest

from rockery.extension.requirements import Requirements, Target, read

TARGET = Target("3.11")


def reading(folder: Path, text: str | bytes, **more: str) -> Requirements:
    (folder / "requirements.txt").write_bytes(text if isinstance(text, bytes) else text.encode())
    for name, content in more.items():
        (folder / f"{name}.txt").write_text(content)
    return read(folder, "requirements.txt", TARGET)


def names(requirements: Requirements) -> list[str | None]:
    assert requirements.problems == ()
    return [wanted.name for wanted in requirements.wanted]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("flask==3.0  # web", ["flask"]),
        ("Flask_SQLAlchemy", ["flask-sqlalchemy"]),
        ("flask#egg", None),
        ("#flask", []),
        ("flask \\\n  --hash=sha256:aa \\\n  --hash=sha256:bb\nredis", ["flask", "redis"]),
        ("flask>=2, \\\n<3", ["flask"]),
        ("flask # a \\\nredis", ["flask", "redis"]),
        ("flask --config-settings x=y", ["flask"]),
        ('gevent; sys_platform == "win32"', []),
        ('gevent; sys_platform == "linux" and python_version < "3.12"', ["gevent"]),
        ('gevent ; python_version>="3.13"', []),
        ('gevent ; platform_machine == "x86_64"', ["gevent"]),
        ("--index-url https://x\n-i https://x\n--pre\n--no-binary :all:\nflask", ["flask"]),
        ("-f ./wheels\nflask", ["flask"]),
        ("git+https://github.com/pallets/flask", ["flask"]),
        ("git+https://github.com/pallets/flask.git@3.0.3", ["flask"]),
        ("git+ssh://git@github.com/x/y.git@v1#egg=Flask", ["flask"]),
        ("-e git+https://github.com/pallets/flask.git#egg=flask&subdirectory=x", ["flask"]),
        ("flask @ https://x/flask-3.0.3-py3-none-any.whl", ["flask"]),
        ("https://x/Flask-3.0.3-py3-none-any.whl", ["flask"]),
        ("https://x/flask-3.0.3.tar.gz", ["flask"]),
        ("./wheels/flask-3.0.3-py3-none-any.whl", ["flask"]),
        ("-e .", [None]),
        (".[dev]", [None]),
        ("./lib ; sys_platform == 'win32'", []),
        ("", []),
        ("\n\n  \n", []),
    ],
)
def test_lines_mean_what_they_mean_to_pip(
    tmp_path: Path, line: str, expected: list[str | None] | None
) -> None:
    found = reading(tmp_path, line)
    if expected is None:
        assert found.problems
    else:
        assert names(found) == expected


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "latin-1", "utf-16-le-with-mark"]
)
def test_any_encoding_that_pip_reads(tmp_path: Path, encoding: str) -> None:
    text = "flask  # café\ngevent\n"
    content = (
        b"\xff\xfe" + text.encode("utf-16-le")
        if encoding == "utf-16-le-with-mark"
        else text.encode(encoding)
    )
    assert names(reading(tmp_path, content)) == ["flask", "gevent"]


def test_a_coding_line_counts(tmp_path: Path) -> None:
    content = "# -*- coding: cp1251 -*-\nflask # я\n".encode("cp1251")
    assert names(reading(tmp_path, content)) == ["flask"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"# coding: nonsense\nflask", "its encoding is unknown"),
        (b"\xff\xfef", "it is not the utf-16"),
        (b"flask==\n", "cannot read the requirement 'flask=='"),
        (b"fl ask\n", "cannot read the requirement 'fl ask'"),
        (b"flask; python_version = 3\n", "cannot read the requirement"),
        (b"--nonsense\n", "pip knows no such option"),
        (b"-r none.txt\n", "there is no such file"),
        (b"-r ../out.txt\n", "it lies outside of the project"),
        (b"-r /etc/passwd\n", "it lies outside of the project"),
        (b"\x00\n", "cannot read the requirement"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_line(
    tmp_path: Path, content: bytes, message: str
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (tmp_path / "out.txt").write_text("flask")
    (problem,) = reading(project, content).problems
    assert message in problem.message
    assert problem.where is not None
    assert problem.where.file == "requirements.txt"


def test_a_link_out_of_the_project_is_not_followed(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (tmp_path / "secret.txt").write_text("flask")
    (project / "requirements.txt").symlink_to("../secret.txt")
    found = read(project, "requirements.txt", TARGET)
    assert found.wanted == ()
    assert "outside" in found.problems[0].message


def test_includes_are_relative_to_the_file_and_constraints_require_nothing(
    tmp_path: Path,
) -> None:
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "prod.txt").write_text("-r base.txt\ngunicorn\n-c pins.txt\n")
    (tmp_path / "requirements" / "base.txt").write_text("--requirement=prod.txt\nflask\n")
    (tmp_path / "requirements" / "pins.txt").write_text("gevent==1\n-r more.txt\n")
    (tmp_path / "requirements" / "more.txt").write_text("redis\n")
    found = reading(tmp_path, "-rrequirements/prod.txt\n")
    assert names(found) == ["flask", "gunicorn"]
    assert found.files == (
        "requirements.txt",
        "requirements/prod.txt",
        "requirements/base.txt",
        "requirements/pins.txt",
        "requirements/more.txt",
    )
    assert str(found.wanted[0].where) == "requirements/base.txt:2"


def test_what_may_ask_for_more_is_not_complete(tmp_path: Path) -> None:
    assert reading(tmp_path, "flask\nredis\n").complete
    for line in ("-e .", "git+https://x/y", "-r https://x/r.txt"):
        assert not reading(tmp_path, line).complete


def test_extras_are_asked_for(tmp_path: Path) -> None:
    found = reading(tmp_path, "Gunicorn[gevent, tornado]==23\n")
    assert found.asks_for("gunicorn")
    assert found.asks_for("gunicorn[gevent]")
    assert not found.asks_for("gunicorn[eventlet]")
    assert not found.asks_for("gevent")


def test_the_target_decides_markers_not_the_host(tmp_path: Path) -> None:
    (tmp_path / "r.txt").write_text(
        'a; python_version == "3.14"\nb; platform_machine == "aarch64"\n'
    )
    found = read(tmp_path, "r.txt", Target("3.14", "arm64"))
    assert names(found) == ["a", "b"]
    assert names(read(tmp_path, "r.txt", Target("3.11"))) == []


@pytest.mark.parametrize(
    "text",
    ["flask\n" * 170_000, "flask" + " " * 1_000_000 + "x", " " * 1_000_000 + "x", "./" * 500_000],
)
def test_large_input_takes_seconds_at_most(tmp_path: Path, text: str) -> None:
    start = time.process_time()
    reading(tmp_path, text)
    assert time.process_time() - start < 20  # what is quadratic takes minutes
