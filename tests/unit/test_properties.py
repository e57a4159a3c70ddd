"""What must hold for any requirement file, YAML, glob or Python source."""

from __future__ import annotations

import codecs
import fnmatch
import re
import string
import tempfile
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rockery.errors import Problem, ProjectError
from rockery.extension import expand
from rockery.extension.requirements import Target, normalised, read
from rockery.glob import expression
from rockery.project import load
from rockery.project.document import Document, dump
from rockery.project.ignore import Ignore

TARGET = Target("3.11")
HEAD = textwrap.dedent(
    """\
    name: demo
    version: '0.1'
    base: bare
    build-base: debian@12
    platforms:
      amd64:
    extensions:
      - flask-framework
    """
)
APPLICATION = "from flask import Flask\n\napp = Flask(__name__)\n"


@contextmanager
def project(**files: str | bytes) -> Iterator[Path]:
    """Make a project of files whose names have ``_`` for ``.``."""
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            path = Path(folder, ".".join(name.rsplit("_", 1)))
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        yield Path(folder)


def refused(folder: Path) -> tuple[Problem, ...]:
    """Return why the project in ``folder`` can't be expanded, or nothing."""
    try:
        expand(load(folder))
    except ProjectError as error:
        return error.problems
    return ()


# --- requirements -----------------------------------------------------------------------

names = st.from_regex(r"[A-Za-z][A-Za-z0-9]{0,6}([._-][A-Za-z0-9]{1,4})?", fullmatch=True)
versions = st.lists(st.integers(0, 99), min_size=1, max_size=3).map(
    lambda parts: ".".join(map(str, parts))
)
clauses = st.one_of(
    st.just(""), st.builds("{}{}".format, st.sampled_from(["==", ">=", "<"]), versions)
)
hashes = st.lists(st.just("--hash=sha256:" + "0" * 64), max_size=2)
ends = st.sampled_from(["", " # why", "  #", "\t# x==1", " ", " \\\n", " \\\n   # continued"])


@st.composite
def written(draw: st.DrawFn) -> tuple[str, str]:
    """Give a requirement's name, and a way to write the requirement that pip reads."""
    name = draw(names)
    extra = draw(st.sampled_from(["", "[extra]", "[a, b]"]))
    space = draw(st.sampled_from(["", " "]))
    text = f"{name}{extra}{space}{draw(clauses)}"
    for each in draw(hashes):
        text += draw(st.sampled_from([" ", " \\\n    "])) + each
    marker = draw(st.sampled_from(["", ' ; python_version > "3"', "; os_name == 'posix'"]))
    return name, (text if "--hash" in text else text + marker) + draw(ends)


@given(
    st.lists(written(), max_size=6),
    st.sampled_from(["\n", "\r\n", "\n\n", "\n# a comment\n"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_how_requirements_are_written_does_not_matter(
    lines: list[tuple[str, str]], end: str, encoding: str
) -> None:
    text = "".join(line + end for _, line in lines)
    with project(requirements_txt=text.encode(encoding)) as folder:
        found = read(folder, "requirements.txt", TARGET)
    assert [wanted.name for wanted in found.wanted] == [normalised(name) for name, _ in lines]
    assert found.problems == ()


@given(st.binary(max_size=300))
def test_any_bytes_are_a_requirement_file_or_problems_of_one(content: bytes) -> None:
    with project(requirements_txt=content) as folder:
        found = read(folder, "requirements.txt", TARGET)
    for problem in found.problems:
        assert problem.where is not None
        assert problem.where.file == "requirements.txt"


@given(st.text(max_size=200))
def test_a_byte_order_mark_changes_nothing(text: str) -> None:
    content = text.encode("utf-8", "replace")
    assume(not content.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_BE, codecs.BOM_UTF16_LE)))
    assume(b"coding" not in content)
    with project(requirements_txt=content) as plain:
        one = read(plain, "requirements.txt", TARGET)
    with project(requirements_txt=codecs.BOM_UTF8 + content) as marked:
        other = read(marked, "requirements.txt", TARGET)
    assert one.wanted == other.wanted
    assert (one.problems, one.complete) == (other.problems, other.complete)


# --- YAML -------------------------------------------------------------------------------

words = st.text(string.ascii_letters + string.digits + " :#'\"-\n{}[]&*!é\t", max_size=12)
scalars = st.one_of(st.none(), st.integers(-9999, 9999), words)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)
documents = st.dictionaries(words, values, min_size=1, max_size=4)


@given(documents)
def test_what_is_written_reads_the_same(data: dict[str, Any]) -> None:
    assert Document.parse(dump(data), "rockcraft.yaml").data == data


@given(st.dictionaries(st.from_regex(r"k[a-z]{1,5}[0-9]?", fullmatch=True), values, min_size=1))
def test_a_key_stands_where_it_is_said_to(data: dict[str, Any]) -> None:
    text = dump(data)
    parsed = Document.parse(text, "rockcraft.yaml")
    for key in data:
        where = parsed.where(key)
        assert where.line is not None
        assert where.column is not None
        line = text.splitlines()[where.line - 1]
        assert line[where.column - 1 :].startswith(f"{key}:")


@given(st.one_of(st.binary(max_size=200), st.text(max_size=200)))
def test_any_text_is_a_document_or_a_problem_of_one(content: bytes | str) -> None:
    problems: tuple[Problem, ...] = ()
    try:
        Document.parse(content, "rockcraft.yaml")
    except ProjectError as error:
        problems = error.problems
    assert all(each.where and each.where.file == "rockcraft.yaml" for each in problems)


@given(documents)
def test_any_document_is_a_project_or_problems_of_one(data: dict[str, Any]) -> None:
    with project(
        rockcraft_yaml=HEAD + dump({key: value for key, value in data.items() if key not in HEAD}),
        requirements_txt="flask\n",
        app_py=APPLICATION,
    ) as folder:
        assert all(problem.message for problem in refused(folder))


# --- globs ------------------------------------------------------------------------------

steps = st.sampled_from(["**", "*", "a", "a*", "*b", "*a*b", "?b", "*a*", "[ab]", "ab*a"])
paths = st.lists(st.text("ab", min_size=1, max_size=4), min_size=1, max_size=5)


def fits(steps: list[str], path: list[str]) -> bool:
    """Tell by trying each way whether a path matches: ``**`` is any folders, or all below."""
    if not steps or not path:
        return not steps and not path
    if steps == ["**"]:
        return True
    if steps[0] == "**":
        return any(fits(steps[1:], path[start:]) for start in range(len(path)))
    return fnmatch.fnmatchcase(path[0], steps[0]) and fits(steps[1:], path[1:])


@given(st.lists(steps, min_size=1, max_size=5), paths)
@settings(max_examples=300)
def test_a_glob_matches_what_it_means(steps: list[str], path: list[str]) -> None:
    matched = re.fullmatch(expression("/".join(steps)), "/".join(path)) is not None
    assert matched == fits(steps, path)


@given(st.text("*?[]!ab/\\ #", max_size=60), st.text("ab/", min_size=1, max_size=60))
@settings(max_examples=300)
def test_any_line_is_a_rule_of_an_ignore_file(line: str, path: str) -> None:
    Ignore.parse([line]).matching(path.strip("/") or "a", folder=False)


# --- Python -----------------------------------------------------------------------------

STATEMENTS = (
    "app = Flask(__name__)",
    "app = None",
    "app = site",
    "site = Flask(__name__)",
    "site = None",
    "application = Flask(__name__)",
    "app, other = Flask(__name__), 1",
    "app: Flask = Flask(__name__)",
    "app = site = Flask(__name__)",
    "del app",
    "def app():\n    return 1",
    "def create_app():\n    return Flask(__name__)",
    "def create_app(config):\n    return Flask(__name__)",
    "def make_app(config=None):\n    made = Flask(__name__)\n    return made",
    "app = create_app()",
    "class Site(Flask):\n    pass",
    "app = Site(__name__)",
    "if True:\n    app = Flask(__name__)",
    "try:\n    app = Flask(__name__)\nexcept ValueError:\n    app = None",
    "if __name__ == '__main__':\n    app = Flask(__name__)",
    "app.debug = True",
)


class Flask:
    """What an application is made of when the module is really run."""

    debug = False

    def __init__(self, name: str) -> None:
        self.name = name


@given(st.lists(st.sampled_from(STATEMENTS), min_size=1, max_size=6))
@settings(max_examples=250)
def test_the_application_that_is_found_is_what_python_binds(statements: list[str]) -> None:
    body = "\n".join(statements) + "\n"
    bound: dict[str, Any] = {"__name__": "app", "Flask": Flask}
    try:
        exec(compile(body, "app.py", "exec"), bound)
    except (NameError, TypeError, AttributeError):
        assume(False)  # a module that doesn't import says nothing of what it binds
    source = "from flask import Flask\n" + body
    with project(rockcraft_yaml=HEAD, requirements_txt="flask\n", app_py=source) as folder:
        problems = refused(folder)
        found = None if problems else expand(load(folder)).entrypoints["flask"]
    if found is not None:
        value = bound[found.attribute]
        assert isinstance(value() if found.call else value, Flask)
    else:
        assert not any(isinstance(bound.get(name), Flask) for name in ("app", "application"))


@given(
    st.one_of(
        st.binary(max_size=200),
        st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")),
    )
)
def test_any_bytes_are_a_module(content: bytes) -> None:
    with project(rockcraft_yaml=HEAD, requirements_txt="flask\n", app_py=content) as folder:
        assert all(problem.message for problem in refused(folder))


# --- what tools write -------------------------------------------------------------------


@given(
    st.sampled_from(["pyproject_toml", "uv_lock", "poetry_lock", "pylock_toml", "Pipfile_lock"]),
    st.one_of(
        st.binary(max_size=200), st.text("[]{}='\"\n#.,:1afp-", max_size=120).map(str.encode)
    ),
)
def test_any_bytes_are_a_lock_or_a_problem_of_one(name: str, content: bytes) -> None:
    files: dict[str, str | bytes] = {"rockcraft_yaml": HEAD, "app_py": APPLICATION}
    files["pyproject_toml"] = '[project]\nname = "demo"\nversion = "1"\ndependencies = ["flask"]\n'
    with project(**{**files, name: content}) as folder:
        assert all(problem.message for problem in refused(folder))
