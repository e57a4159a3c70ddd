from __future__ import annotations

import os
from pathlib import Path

import pytest

from rockery.errors import ProjectError
from rockery.project.source import Entry, inside, walk


def test_everything_is_found_in_order_and_links_stay_links(tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / "b").mkdir(parents=True)
    (project / "b" / "file").write_text("x")
    (project / "a").write_text("x")
    (project / "good").symlink_to("b/file")
    (project / "gone").symlink_to("node_modules/x")
    (project / "out").symlink_to(tmp_path)
    (project / "folder").symlink_to("b")
    os.mkfifo(project / "pipe")
    assert list(walk(project)) == [
        Entry("a", "file"),
        Entry("b/", "folder"),
        Entry("b/file", "file"),
        Entry("folder", "link", "b"),
        Entry("gone", "link", "node_modules/x", dangling=True),
        Entry("good", "link", "b/file"),
        Entry("out", "link", str(tmp_path), dangling=True),
        Entry("pipe", "other"),
    ]


def test_a_skipped_folder_is_never_read(tmp_path: Path) -> None:
    (tmp_path / "x" / "y").mkdir(parents=True)
    asked: list[str] = []

    def skip(path: str) -> bool:
        asked.append(path)
        return True

    assert list(walk(tmp_path, skip)) == []
    assert asked == ["x/"]


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="no such file"):
        list(walk(tmp_path / "none"))


def test_inside_follows_links(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (tmp_path / "secret").write_text("x")
    (project / "link").symlink_to("../secret")
    assert inside(project, project / "x/y")
    assert not inside(project, project / "link")
    assert not inside(project, project / "../secret")
    assert not inside(project, tmp_path / "project-two")
