"""Composing packages, with the rules of a real base and packages made on the spot."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pytest
from signed_archive import Deb

from rockery.base import Base, load
from rockery.layer import runtime
from rockery.layer.composition import Composition, Filter, Member
from rockery.layer.elf import Elf
from rockery.layer.entry import Entry, directory, file, read, symlink

Make = Callable[[Deb], Member]


@pytest.fixture
def base() -> Base:
    return load("debian@12")


def bare(
    base: Base, members: Sequence[Member], *words: str, filters: Mapping[str, Filter] | None = None
) -> Composition:
    asked = (*base.rules.runtime, *base.rules.bare, *words)
    return runtime.compose_bare(base, "amd64", members, asked, filters or {})


def shipped(composition: Composition, name: str) -> set[str]:
    return {path for path, owner in composition.owner.items() if owner == name}


def text(composition: Composition, path: str) -> str:
    content = composition.entries[path].content
    assert content is not None
    return read(content).decode()


def test_files_under_lib_and_bin_land_in_usr(base: Base, member: Make) -> None:
    files = [directory("lib"), file("lib/y", b"y"), file("bin/z", b"z"), file("var/run/p", b"")]
    made = bare(base, [member(Deb("a", files=files))], "a")
    assert {"usr/lib/y", "usr/bin/z", "run/p"} <= made.entries.keys()
    assert made.entries["lib"].kind == "symlink"
    assert made.entries["lib"].target == "usr/lib"


def test_a_link_that_a_package_ships_is_followed_by_others(base: Base, member: Make) -> None:
    first = member(Deb("a", files=[symlink("usr/share/new", "old"), directory("usr/share/old")]))
    second = member(Deb("b", files=[file("usr/share/new/x", b"x")]))
    made = {e.path: e for e in bare(base, [first, second], "a", "b").finished()}
    assert made["usr/share/new"].kind == "symlink"
    assert made["usr/share/old/x"].kind == "file"
    assert "usr/share/new/x" not in made


def test_no_program_is_set_uid_and_directories_keep_their_bits(base: Base, member: Make) -> None:
    files = [directory("var/spool/q", 0o3770, 0, 7), file("usr/bin/su", b"", 0o4755)]
    made = bare(base, [member(Deb("a", files=files))], "a")
    assert made.entries["usr/bin/su"].mode == 0o755
    queue = made.entries["var/spool/q"]
    assert (queue.mode, queue.gid) == (0o3770, 7)


def test_a_parent_with_a_mode_of_its_own_is_repeated(base: Base, member: Make) -> None:
    files = [directory("etc/ssl"), directory("etc/ssl/private", 0o710, 0, 5)]
    files += [file("etc/ssl/private/key", b"")]
    made = {e.path: e for e in bare(base, [member(Deb("a", files=files))], "a").finished()}
    assert (made["etc/ssl/private"].mode, made["etc/ssl/private"].gid) == (0o710, 5)
    assert made["root"].mode == 0o700
    assert made["tmp"].mode == 0o1777


def test_documentation_stays_out_and_copyright_stays(base: Base, member: Make) -> None:
    files = [file(f"usr/share/doc/a/{name}", b"") for name in ("copyright", "README")]
    files += [file("usr/share/man/man1/a.1.gz", b""), file("usr/share/a", b"")]
    made = bare(base, [member(Deb("a", files=files))], "a")
    assert shipped(made, "a") == {"usr/share/doc/a/copyright", "usr/share/a"}


STDLIB = Deb(
    "libpython3.11-stdlib",
    files=[file(f"usr/lib/python3.11/{name}", b"") for name in ("os.py", "turtle.py")],
)


def test_the_bases_own_packages_are_trimmed(base: Base, member: Make) -> None:
    made = bare(base, [member(STDLIB)])
    assert shipped(made, STDLIB.name) == {"usr/lib/python3.11/os.py"}


def test_a_library_that_nothing_needs_stays_out(
    base: Base, member: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, names = "usr/lib/x86_64-linux-gnu", ("libform", "libmenu")
    library = Deb(
        "libncursesw6",
        files=[
            *(file(f"{folder}/{name}w.so.6.4", name) for name in names),
            *(symlink(f"{folder}/{name}w.so.6", f"{name}w.so.6.4") for name in names),
            file(f"{folder}/program", "program"),
        ],
    )
    needs = Elf(62, True, "", ("libmenuw.so.6",))
    monkeypatch.setattr(runtime, "elf", lambda content: needs if content.size == 7 else None)
    assert shipped(bare(base, [member(library)]), library.name) == {
        *(f"{folder}/{name}" for name in ("libmenuw.so.6", "libmenuw.so.6.4", "program")),
    }


def test_a_package_that_the_user_names_comes_whole(base: Base, member: Make) -> None:
    made = bare(base, [member(STDLIB)], STDLIB.name)
    assert "usr/lib/python3.11/turtle.py" in made.entries


def test_a_word_of_the_base_that_the_user_names_comes_whole(base: Base, member: Make) -> None:
    bash = member(Deb("bash", files=[file("bin/bash", b""), file("etc/bash.bashrc", b"")]))
    assert shipped(bare(base, [bash]), "bash") == {"usr/bin/bash"}
    assert "etc/bash.bashrc" in bare(base, [bash], "bash").entries


SLICED = Deb(
    "a",
    files=[
        file(path, b"")
        for path in (
            *("usr/bin/a", "usr/lib/x86_64-linux-gnu/liba.so", "etc/a.conf", "usr/share/a"),
            *("usr/share/doc/a/copyright", "usr/include/a.h", "lib/old"),
        )
    ],
)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["a_bins"], {"usr/bin/a"}),
        (["a_libs"], {"usr/lib/x86_64-linux-gnu/liba.so", "usr/lib/old"}),
        (
            ["a_libs", "a_headers"],
            {"usr/lib/x86_64-linux-gnu/liba.so", "usr/lib/old", "usr/include/a.h"},
        ),
        (["a_config"], {"etc/a.conf"}),
        (["a_data"], {"etc/a.conf", "usr/share/a"}),
        (["a_copyright"], set()),
    ],
)
def test_a_slice_ships_its_paths_and_the_copyright(
    base: Base, member: Make, words: list[str], expected: set[str]
) -> None:
    made = bare(base, [member(SLICED)], *words)
    assert shipped(made, "a") == expected | {"usr/share/doc/a/copyright"}
    assert made.notes == []


@pytest.mark.parametrize("words", [["a_frobs"], ["a_bins", "a"], ["a", "a_bins"], ["a:amd64"]])
def test_the_whole_package_wins(base: Base, member: Make, words: list[str]) -> None:
    made = bare(base, [member(SLICED)], *words)
    assert len(shipped(made, "a")) == len(SLICED.files)


def test_an_unknown_slice_is_noted(base: Base, member: Make) -> None:
    made = bare(base, [member(SLICED)], "a_frobs")
    assert made.notes == ["a_frobs: no rule for this slice, so all of a ships"]


def test_the_slice_of_the_venv_package_has_ensurepip(base: Base, member: Make) -> None:
    files = [file(f"usr/lib/python3.11/{name}", b"") for name in ("ensurepip/x.whl", "other")]
    made = bare(base, [member(Deb("python3.11-venv", files=files))], "python3.11-venv_ensurepip")
    assert shipped(made, "python3.11-venv") == {"usr/lib/python3.11/ensurepip/x.whl"}


def test_the_bundle_stands_without_its_parts(base: Base, member: Make) -> None:
    name = "usr/share/ca-certificates/mozilla/X.crt"
    package = member(Deb("ca-certificates", files=[file(name, b"PEM")]))
    for words in ([], ["ca-certificates_data"]):
        made = bare(base, [package], *words)
        assert name not in made.entries
        assert text(made, "etc/ssl/certs/ca-certificates.crt") == "PEM\n"
    assert name in bare(base, [package], "ca-certificates").entries


def test_hard_links_to_what_stays_out_become_files(base: Base, member: Make) -> None:
    link = Entry("usr/bin/b", "hardlink", 0o755, target="usr/share/doc/a/original")
    files = [file("usr/share/doc/a/original", b"data", 0o755), link]
    made = bare(base, [member(Deb("a", files=files))], "a")
    assert made.entries["usr/bin/b"].kind == "file"
    assert text(made, "usr/bin/b") == "data"


def test_hard_links_within_the_layer_stay_and_go_through_links(base: Base, member: Make) -> None:
    link = Entry("bin/b", "hardlink", 0o755, target="bin/a")
    made = bare(base, [member(Deb("a", files=[file("bin/a", b"x", 0o755), link]))], "a")
    assert (made.entries["usr/bin/b"].kind, made.entries["usr/bin/b"].target) == (
        *("hardlink", "usr/bin/a"),
    )


def test_a_parts_filesets_move_and_leave_out(base: Base, member: Make) -> None:
    package = member(
        Deb(
            "a",
            files=[
                directory("usr/share/a"),
                directory("usr/share/empty"),
                file("usr/share/a/x", b"x"),
                file("usr/share/a/y", b"y"),
                Entry("usr/share/a/z", "hardlink", 0o644, target="usr/share/a/x"),
            ],
        )
    )
    places = {
        "usr/share/a/": "opt/a/",
        "usr/share/a/x": "opt/a/x",
        "usr/share/a/z": "opt/a/z",
    }
    made = bare(base, [package], "a", filters={"a": places.get})
    assert shipped(made, "a") == {"opt/a/x", "opt/a/z"}
    assert made.entries["opt/a"].kind == "directory"
    assert "usr/share/empty" not in made.entries
    assert text(made, "opt/a/z") == "x", "its target was moved, so it is a file"


def test_bare_has_its_users(base: Base) -> None:
    made = bare(base, [])
    lines = text(made, "etc/passwd").splitlines()
    assert [line.split(":")[0] for line in lines] == ["root", "nobody", "_daemon_"]
    assert ":584792:584792:" in lines[-1]
    assert "etc/shadow" not in made.entries


def test_python_is_found_and_leads_to_the_dependencies(base: Base, member: Make) -> None:
    made = bare(base, [member(Deb("python3.11-minimal", files=[file("usr/bin/python3.11", b"")]))])
    assert made.entries["usr/bin/python3"].target == "python3.11"
    site = made.entries["usr/lib/python3.11/site-packages"]
    assert site.target == "/usr/local/lib/python3.11/dist-packages"


def full(base: Base, members: Sequence[Member]) -> Composition:
    return runtime.compose_full(base, "amd64", members)


MASTER = "root:*:0:0:root:/root:/bin/bash\n_apt:*:42:65534::/nonexistent:/usr/sbin/nologin\n"
BASE_PASSWD = Deb(
    "base-passwd",
    files=[
        file("usr/share/base-passwd/passwd.master", MASTER),
        file("usr/share/base-passwd/group.master", "root:*:0:\nshadow:*:42:\n"),
    ],
)


def test_a_full_base_is_not_trimmed(base: Base, member: Make) -> None:
    assert "usr/lib/python3.11/turtle.py" in full(base, [member(STDLIB)]).entries


def test_a_full_base_has_accounts_with_shadows(base: Base, member: Make) -> None:
    made = full(base, [member(BASE_PASSWD)])
    assert text(made, "etc/passwd").startswith("root:x:0:0:")
    assert text(made, "etc/shadow").splitlines()[0] == "root:*:1:0:99999:7:::"
    assert (made.entries["etc/shadow"].mode, made.entries["etc/shadow"].gid) == (0o640, 42)
    assert text(made, "etc/gshadow") == "root:*::\nshadow:*::\n"


def test_above_a_full_base_its_accounts_stay(base: Base, member: Make) -> None:
    below_members = [member(BASE_PASSWD)]
    below = full(base, below_members)
    new = member(Deb("new", files=[file("usr/share/new", b"")]))
    made = runtime.compose_above(base, "amd64", below, below_members, [new], ["new"], {})
    names = [line.split(":")[0] for line in text(made, "etc/passwd").splitlines()]
    assert names == ["root", "_apt", "_daemon_"]
    assert text(made, "etc/shadow").splitlines()[-1].startswith("_daemon_:!")
    assert "Package: base-passwd" in text(made, "var/lib/dpkg/status")
    assert "Package: new" in text(made, "var/lib/dpkg/status")
    assert "var/lib/dpkg/info/new.list" in made.entries
    assert "var/lib/dpkg/info/base-passwd.list" not in made.entries


PROFILE = """\
Name: Unix authentication
Default: yes
Auth-Type: Primary
Auth-Initial:
\t[success=end default=ignore]\tpam_unix.so nullok
Session-Type: Additional
Session-Initial:
\trequired\tpam_unix.so
"""


def test_pam_is_set_up_as_its_own_tool_does(base: Base, member: Make) -> None:
    template = "# x\n$auth_primary\nauth\trequisite\tpam_deny.so\n$auth_additional\n# end\n"
    session = "$session_primary\nsession\trequired\tpam_permit.so\n$session_additional\n"
    package = Deb(
        "libpam-runtime",
        files=[
            file("usr/share/pam-configs/unix", PROFILE),
            file("usr/share/pam/common-auth", template),
            file("usr/share/pam/common-session", session),
        ],
    )
    made = full(base, [member(package)])
    assert text(made, "etc/pam.d/common-auth") == (
        "# x\nauth\t[success=1 default=ignore]\tpam_unix.so nullok\n"
        "auth\trequisite\tpam_deny.so\n# end\n"
    )
    assert text(made, "etc/pam.d/common-session") == (
        "session\t[default=1]\t\t\tpam_permit.so\nsession\trequired\tpam_permit.so\n"
        "session\trequired\tpam_unix.so \n"
    )
    assert text(made, "var/lib/pam/auth").startswith("Module: unix\n[success=end")


def test_shells_are_listed_with_their_usr_names(base: Base, member: Make) -> None:
    package = Deb(
        "dash",
        files=[
            file("usr/share/debianutils/shells", "# valid login shells\n/bin/sh\n"),
            file("usr/share/debianutils/shells.d/bash", "/bin/bash\n"),
            file("usr/share/debianutils/shells.d/dash", "/usr/bin/dash\n"),
        ],
    )
    shells = text(full(base, [member(package)]), "etc/shells").splitlines()
    assert shells[1:] == ["/bin/sh", "/usr/bin/sh", "/bin/bash", "/usr/bin/bash", "/usr/bin/dash"]


def test_sources_name_the_distributions_own_address(base: Base, member: Make) -> None:
    example = (
        "Types: deb\nURIs: http://archive.example/debian\nSuites: x\n\n"
        "Types: deb\nURIs: http://archive.example/debian-security\n"
    )
    key = "usr/share/keyrings/debian-archive-keyring.gpg"
    package = Deb(
        "apt",
        files=[file("usr/share/doc/apt/examples/debian.sources", example), file(key, b"")],
    )
    sources = text(full(base, [member(package)]), "etc/apt/sources.list.d/debian.sources")
    assert "URIs: http://archive.example/debian\n" in sources
    assert "URIs: http://archive.example/debian-security\n" in sources
    assert f"Signed-By: /{key}" in sources


def test_links_of_scripts_are_made_where_they_lead_somewhere(base: Base, member: Make) -> None:
    files = [file("etc/dpkg/origins/debian", b"Vendor: Debian\n")]
    made = full(base, [member(Deb("base-files", files=files))])
    assert made.entries["etc/dpkg/origins/default"].target == "debian"
    assert made.entries["var/spool/mail"].target == "../mail"
    assert "etc/fonts/conf.d/70-no-bitmaps.conf" not in made.entries


def test_a_trigger_that_cannot_run_is_noted(base: Base, member: Make) -> None:
    files = [file("usr/share/fonts/a.ttf", b""), file("usr/bin/fc-cache", b"", 0o755)]
    made = bare(base, [member(Deb("fontconfig", files=files))], "fontconfig")
    assert made.notes == [
        "the font cache is not made for amd64 on this machine; it is made at run time, or what "
        "needs it is missing"
    ]


def test_nothing_is_noted_without_the_tool(base: Base, member: Make) -> None:
    made = bare(base, [member(Deb("fonts", files=[file("usr/share/fonts/a.ttf", b"")]))], "fonts")
    assert made.notes == []
