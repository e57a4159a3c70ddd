import pytest
from hypothesis import given
from hypothesis import strategies as st

from rockery.layer.entry import Entry, directory, file, symlink
from rockery.layer.ground import Ground, parents, settled

MERGED = Ground(links={"lib": "usr/lib", "bin": "usr/bin", "var/run": "/run"})

names = st.sampled_from(["usr", "lib", "bin", "a", "b", "etc"])
paths = st.lists(names, min_size=1, max_size=4).map("/".join)


def test_parents_come_from_the_top() -> None:
    assert parents("a/b/c") == ["a", "a/b"]
    assert parents("a") == []


def test_a_path_goes_through_the_links_below() -> None:
    assert MERGED.resolve("lib/x86_64-linux-gnu/libz.so.1") == "usr/lib/x86_64-linux-gnu/libz.so.1"
    assert MERGED.resolve("var/run/pid") == "run/pid"


def test_the_link_itself_stays_where_it_is() -> None:
    assert MERGED.resolve("lib") == "lib"


def test_links_that_lead_to_each_other_end() -> None:
    assert Ground(links={"a": "b", "b": "a"}).resolve("a/x")


@given(st.lists(paths, max_size=8, unique=True))
def test_settled_entries_are_sorted_with_all_parents_once(found: list[str]) -> None:
    entries = [file(path, b"") for path in found if not any(p in found for p in parents(path))]
    entries = [e for e in entries if not any(o.startswith(e.path + "/") for o in found)]
    members, _ = settled(entries, MERGED)
    order = [member.path for member in members]
    assert order == sorted(set(order))
    for path in order:
        assert set(parents(path)) <= set(order)
        assert not set(parents(path)) & MERGED.links.keys()


@given(st.permutations(["a/b", "a/c", "d", "lib/z", "usr/lib/y"]))
def test_the_order_of_entries_does_not_show(order: list[str]) -> None:
    members, _ = settled([file(path, path) for path in order], MERGED)
    assert [m.path for m in members] == [
        *("a", "a/b", "a/c", "d", "usr", "usr/lib", "usr/lib/y", "usr/lib/z")
    ]


def test_an_implied_parent_is_as_below() -> None:
    members, implied = settled(
        [file("tmp/x/y", b"")], Ground(directories={"tmp": (0o1777, 0, 0), "tmp/x": (0o700, 5, 6)})
    )
    modes = {m.path: (m.mode, m.uid, m.gid) for m in members if m.kind == "directory"}
    assert modes == {"tmp": (0o1777, 0, 0), "tmp/x": (0o700, 5, 6)}
    assert implied == {"tmp", "tmp/x"}


def test_a_named_directory_keeps_its_own_mode() -> None:
    members, implied = settled(
        [directory("a", 0o700), file("a/b", b"")], Ground(directories={"a": (0o1777, 0, 0)})
    )
    assert members[0].mode == 0o700
    assert implied == set()


def test_of_equal_paths_the_later_entry_stays() -> None:
    members, _ = settled([file("lib/x", b"1"), symlink("usr/lib/x", "y")], MERGED)
    assert [(m.path, m.kind) for m in members][-1] == ("usr/lib/x", "symlink")


def test_a_directory_over_a_link_below_is_left_out() -> None:
    members, _ = settled([directory("lib"), file("lib/x", b"")], MERGED)
    assert [m.path for m in members] == ["usr", "usr/lib", "usr/lib/x"]


def test_a_hard_link_follows_its_target_through_links() -> None:
    link = Entry("bin/b", "hardlink", 0o755, target="bin/a")
    members, _ = settled([file("bin/a", b"x"), link], MERGED)
    assert members[-1].target == "usr/bin/a"


def test_a_hard_link_leads_to_what_is_before_it() -> None:
    links = [Entry(path, "hardlink", 0o644, target="c") for path in ("b", "a", "d")]
    members, _ = settled([*links, file("c", "text", 0o755)], Ground())
    assert [(m.path, m.kind, m.target, m.size) for m in members] == [
        ("a", "file", "", 4),
        ("b", "hardlink", "a", 0),
        ("c", "hardlink", "a", 0),
        ("d", "hardlink", "a", 0),
    ]
    assert members[0].mode == 0o755


def test_a_hard_link_out_of_the_layer_is_refused() -> None:
    with pytest.raises(ValueError, match="leads to"):
        settled([Entry("b", "hardlink", 0o755, target="a")], MERGED)
