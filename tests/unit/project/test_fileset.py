from __future__ import annotations

import random
import time
from dataclasses import dataclass, field

import pytest

from rockery.errors import ProjectError
from rockery.project.fileset import passes, permissions_for, prunable, select
from rockery.project.part import Permission


@dataclass
class Files:
    organize: dict[str, str] = field(default_factory=dict)
    stage: tuple[str, ...] = ()
    prime: tuple[str, ...] = ()


TREE = ["a/", "a/b/", "a/b/x.py", "a/b/.hid", "a/y.txt", "app.py", "app.pyc", ".env", "empty/"]


def chosen(files: Files, tree: list[str] = TREE) -> list[str]:
    return [path for path in select(files, tree) if not path.endswith("/")]


def test_without_keys_all_but_hidden_names_at_the_top() -> None:
    assert list(select(Files(), TREE)) == [
        "a/", "a/b/", "a/b/.hid", "a/b/x.py", "a/y.txt", "app.py", "app.pyc", "empty/",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        (["a"], ["a/b/.hid", "a/b/x.py", "a/y.txt"]),
        (["a/b/"], ["a/b/.hid", "a/b/x.py"]),
        (["*.py"], ["app.py"]),
        (["**/*.py"], ["a/b/x.py", "app.py"]),
        (["a/*"], ["a/b/.hid", "a/b/x.py", "a/y.txt"]),
        (["a/**"], ["a/b/.hid", "a/b/x.py", "a/y.txt"]),
        (["-a/b"], ["a/y.txt", "app.py", "app.pyc"]),
        (["-**/.hid"], ["a/b/x.py", "a/y.txt", "app.py", "app.pyc"]),
        (["a", "-a/b/*.py"], ["a/b/.hid", "a/y.txt"]),
        (["-a/y.tx[t]", "a"], ["a/b/.hid", "a/b/x.py"]),
        ([".env"], [".env"]),
        (["-*"], []),
        (["app.p?"], []),  # an include is a glob only where it has a *
        (["-app.p?", "app.py", "app.pyc"], ["app.pyc"]),
        (["nothing"], []),
        (["ap"], []),
    ],
)
def test_includes_and_excludes(entries: list[str], expected: list[str]) -> None:
    assert chosen(Files(stage=tuple(entries))) == expected
    if entries != [".env"]:  # which the default of stage doesn't take
        assert chosen(Files(prime=tuple(entries))) == expected


def test_prime_takes_what_stage_named() -> None:
    assert chosen(Files(stage=(".env",))) == [".env"]
    assert chosen(Files(stage=(".env",), prime=("*",))) == [".env"]
    assert chosen(Files(stage=(".env", "a"), prime=("-a",))) == [".env"]


def test_a_file_passes_stage_and_prime() -> None:
    assert chosen(Files(stage=("a",), prime=("-a/b",))) == ["a/y.txt"]


def test_organize_comes_first_and_folders_above_are_there() -> None:
    files = Files({"app.py": "flask/app/app.py", "a": "flask/app/a"}, ("flask/app",))
    assert select(files, TREE) == {
        "flask/": "",
        "flask/app/": "",
        "flask/app/a/": "a/",
        "flask/app/a/b/": "a/b/",
        "flask/app/a/b/.hid": "a/b/.hid",
        "flask/app/a/b/x.py": "a/b/x.py",
        "flask/app/a/y.txt": "a/y.txt",
        "flask/app/app.py": "app.py",
    }


@pytest.mark.parametrize(
    ("organize", "expected"),
    [
        ({"app.py": "bin/"}, {"bin/app.py": "app.py"}),
        ({"app.py": "a"}, {"a/app.py": "app.py"}),
        ({"app.*": "bin/"}, {"bin/app.py": "app.py", "bin/app.pyc": "app.pyc"}),
        ({"a": "c", "app.py": "c/y.txt"}, {"c/y.txt": "a/y.txt"}),
        ({"app.py": "/opt/x"}, {"opt/x": "app.py"}),
        ({"none": "x"}, {}),
    ],
)
def test_organize_moves(organize: dict[str, str], expected: dict[str, str]) -> None:
    if organize == {"a": "c", "app.py": "c/y.txt"}:
        with pytest.raises(ProjectError, match="is there already"):
            select(Files(organize), TREE)
        return
    assert expected.items() <= select(Files(organize), TREE).items()


@pytest.mark.parametrize(
    "organize", [{"a": "a/b"}, {"app.*": "one"}, {"app.py": "app.pyc"}, {"a": "app.py/x"}]
)
def test_organize_that_cannot_be_is_an_error(organize: dict[str, str]) -> None:
    with pytest.raises(ProjectError, match="cannot organize"):
        select(Files(organize), TREE)


def test_a_source_that_is_left_where_it_was_goes_with_stage() -> None:
    files = Files({"app.py": "x/app.py"}, ("x",))
    assert chosen(files) == ["x/app.py"]


def test_permissions_are_applied_in_order() -> None:
    permissions = [
        Permission.model_validate(each)
        for each in (
            {"owner": 1, "group": 2},
            {"path": "flask/*", "mode": "0640"},
            {"path": "/flask/app/secret", "owner": 3, "group": 3},
        )
    ]
    plain = permissions_for(permissions, "etc/x")
    deep = permissions_for(permissions, "flask/app/deep/file")
    secret = permissions_for(permissions, "flask/app/secret")
    assert (plain.owner, plain.group, plain.mode) == (1, 2, None)
    assert (deep.owner, deep.mode) == (1, 0o640)
    assert (secret.owner, secret.mode) == (3, 0o640)
    assert permissions_for(permissions, "flask/app/").mode == 0o640


def test_passes_is_what_select_goes_by() -> None:
    assert passes(["-x"], "y")
    assert not passes(["-x"], "x/y")


def test_pruning_never_loses_a_file() -> None:
    names = ["a", "b", ".h", "c.py", "x"]
    patterns = ["a", "b/x", "*", "-a/*", "-**/c.py", "x/c.py", "-x", "n", "n/a", ".h"]
    for seed in range(500):
        chance = random.Random(seed)
        tree = [
            f"{top}/{mid}/{leaf}" for top in names for mid in names for leaf in names
            if chance.random() < 0.3
        ]  # fmt: skip
        folders = {f"{path.split('/')[0]}/" for path in tree}
        folders |= {"/".join(path.split("/")[:2]) + "/" for path in tree}
        files = Files(
            {chance.choice(["a", "b/x", "x/c.py"]): chance.choice(["n", "n/a", "x"])}
            if chance.random() < 0.5
            else {},
            tuple(chance.sample(patterns, chance.randint(0, 3))),
            tuple(chance.sample(patterns, chance.randint(0, 3))),
        )
        everything = sorted([*tree, *folders])
        skip = prunable(files)
        cut = tuple(folder for folder in folders if skip(folder))
        try:
            whole = select(files, everything)
        except ProjectError:
            continue
        kept = select(files, [path for path in everything if not path.startswith(cut)])
        assert [path for path in kept if kept[path][-1:] != "/"] == [
            path for path in whole if whole[path][-1:] != "/"
        ]


def test_fifty_thousand_files_take_little() -> None:
    tree = ["big/"]
    for folder in range(500):
        tree.append(f"big/{folder}/")
        tree += [f"big/{folder}/{number}.html" for number in range(100)]
    files = Files({"big": "flask/app/big"}, ("flask/app",), ("-flask/app/**/__pycache__",))
    start = time.process_time()
    assert len(select(files, tree)) == len(tree) + 2
    assert time.process_time() - start < 20  # what is quadratic takes minutes
