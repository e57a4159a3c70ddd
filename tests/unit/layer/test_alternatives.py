from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from signed_archive import Deb

from rockery.base import AlternativeRule
from rockery.layer.alternatives import Alternative, install, read_script, record
from rockery.layer.composition import Composition, Member
from rockery.layer.entry import file
from rockery.layer.ground import Ground

GROUND = Ground(links={"bin": "usr/bin"})

SCRIPT = """\
#!/bin/sh
set -e
ver=1.16
prio=34
# update-alternatives --install /usr/bin/no no /usr/bin/no 1
update-alternatives --install /usr/bin/automake automake \\
\t/usr/bin/automake-$ver $prio \\
\t--slave /usr/bin/aclocal aclocal /usr/bin/aclocal-${ver}
    update-alternatives --quiet --install /usr/bin/cc cc /usr/bin/gcc 20 \\
    #--slave /usr/share/man/man1/cc.1.gz cc.1.gz /usr/share/man/man1/gcc.1.gz
if x; then update-alternatives --install /etc/my.cnf my.cnf "/etc/mariadb.cnf" 500 || true; fi
update-alternatives --remove rename /usr/bin/prename
"""


def test_commands_are_read_with_continuations_quotes_and_variables() -> None:
    found, unclear = read_script(SCRIPT)
    assert unclear == []
    slave = ("/usr/bin/aclocal", "aclocal", "/usr/bin/aclocal-1.16")
    assert found == [
        Alternative("/usr/bin/automake", "automake", "/usr/bin/automake-1.16", 34, (slave,)),
        Alternative("/usr/bin/cc", "cc", "/usr/bin/gcc", 20),
        Alternative("/etc/my.cnf", "my.cnf", "/etc/mariadb.cnf", 500),
    ]


@pytest.mark.parametrize(
    "line",
    [
        "update-alternatives --install /usr/bin/$i $i $basedir/bin/$i $priority",
        "update-alternatives --install /usr/bin/x x `find x` 20",
        "update-alternatives --install /usr/bin/x x /usr/bin/y",
        "update-alternatives --install /usr/bin/x x '/usr/bin/y 20",
    ],
)
def test_what_cannot_be_read_is_named(line: str) -> None:
    found, unclear = read_script(f"#!/bin/sh\n{line}\n")
    assert found == []
    assert len(unclear) == 1


def composed(*members: Member, **rules: list[AlternativeRule]) -> Composition:
    composition = Composition(GROUND)
    for member in members:
        for entry in member.contents.entries():
            composition.add(entry)
    install(composition, members, rules)
    return composition


def links(composition: Composition) -> dict[str, str]:
    return {p: e.target for p, e in composition.entries.items() if e.kind == "symlink"}


def test_the_highest_priority_wins_and_missing_paths_do_not_count(
    member: Callable[[Deb], Member],
) -> None:
    def candidate(name: str, priority: int, *, there: bool = True) -> Member:
        script = f"update-alternatives --install /usr/bin/editor editor /bin/{name} {priority}\n"
        files = [file(f"bin/{name}", name)] if there else []
        return member(Deb(name, files=files, control={"postinst": script}))

    made = composed(
        candidate("nano", 40), candidate("vim", 15), candidate("emacs", 99, there=False)
    )
    assert links(made) == {
        "etc/alternatives/editor": "/bin/nano",
        "usr/bin/editor": "/etc/alternatives/editor",
    }
    assert "var/lib/dpkg/alternatives/editor" in made.entries


def test_a_rule_stands_for_a_loop(member: Callable[[Deb], Member]) -> None:
    script = "for p in convert identify; do update-alternatives --install /usr/bin/$p $p x 1; done"
    package = member(
        Deb(
            "imagemagick-6.q16",
            files=[file(f"usr/bin/{name}-im6.q16", "") for name in ("convert", "identify")],
            control={"postinst": script},
        )
    )
    rule = AlternativeRule(path=r"usr/bin/(.+)-im6\.q16", link=r"usr/bin/\1", priority=1)
    made = composed(package, **{"imagemagick-6.q16": [rule]})
    assert links(made)["usr/bin/convert"] == "/etc/alternatives/convert"
    assert links(made)["etc/alternatives/identify"] == "/usr/bin/identify-im6.q16"
    assert made.notes == []
    assert "imagemagick-6.q16 registers" in composed(package).notes[0]


def test_slaves_come_with_their_master(member: Callable[[Deb], Member]) -> None:
    package = member(Deb("xz-utils", files=[file("usr/bin/xz", ""), file("usr/bin/xzcat", "")]))
    rule = AlternativeRule(
        path="usr/bin/xz",
        link="usr/bin/lzma",
        priority=20,
        slaves={"usr/bin/lzcat": "usr/bin/xzcat", "usr/bin/lzmore": "usr/bin/xzmore"},
    )
    made = composed(package, **{"xz-*": [rule]})
    assert links(made)["usr/bin/lzcat"] == "/etc/alternatives/lzcat"
    assert "usr/bin/lzmore" not in links(made)


@pytest.mark.skipif(shutil.which("update-alternatives") is None, reason="no update-alternatives")
def test_update_alternatives_reads_the_record(tmp_path: Path) -> None:
    def alternative(name: str, priority: int) -> Alternative:
        program, manual = tmp_path / name, tmp_path / f"{name}.1"
        program.touch()
        manual.touch()
        slave = (str(tmp_path / "editor.1"), "editor.1", str(manual))
        return Alternative(str(tmp_path / "editor"), "editor", str(program), priority, (slave,))

    admin, links_folder = tmp_path / "admin", tmp_path / "alternatives"
    admin.mkdir()
    links_folder.mkdir()
    (admin / "editor").write_text(record([alternative("nano", 40), alternative("vim", 50)]))
    where = ["--admindir", str(admin), "--altdir", str(links_folder), "--log", "/dev/null"]
    shown = subprocess.run(
        ["update-alternatives", *where, "--query", "editor"], capture_output=True, text=True
    )
    assert shown.returncode == 0, shown.stderr
    assert f"Best: {tmp_path}/vim" in shown.stdout
    priorities = re.findall(r"^Priority: (\d+)$", shown.stdout, re.MULTILINE)
    assert priorities == ["40", "50"]
