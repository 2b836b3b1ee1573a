"""Swapping a folder: the target is the old one or the new one, never less."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from training.folders import KEPT, swap


def _folder(parent: Path, name: str, content: str) -> Path:
    folder = parent / name
    folder.mkdir()
    for file in ("a.txt", "b.txt"):
        (folder / file).write_text(content, "utf-8")
    return folder


def test_the_target_shows_the_new_content(tmp_path: Path) -> None:
    target = tmp_path / "bundle"
    for content in ("one", "two", "three", "four"):
        swap(_folder(tmp_path, "new", content), target)
        assert (target / "a.txt").read_text("utf-8") == content
    assert not (tmp_path / "new").exists()
    assert len(list(tmp_path.glob(".bundle.*"))) == KEPT


def test_a_reader_that_resolves_keeps_its_generation(tmp_path: Path) -> None:
    target = tmp_path / "bundle"
    swap(_folder(tmp_path, "new", "one"), target)
    held = target.resolve()
    swap(_folder(tmp_path, "new", "two"), target)
    assert (held / "b.txt").read_text("utf-8") == "one"
    assert (target / "b.txt").read_text("utf-8") == "two"


def test_a_real_folder_gives_way(tmp_path: Path) -> None:
    target = _folder(tmp_path, "bundle", "copied by hand")
    swap(_folder(tmp_path, "new", "one"), target)
    assert (target / "a.txt").read_text("utf-8") == "one"


def test_a_missing_source_leaves_the_target(tmp_path: Path) -> None:
    target = tmp_path / "bundle"
    swap(_folder(tmp_path, "new", "one"), target)
    with pytest.raises(FileNotFoundError):
        swap(tmp_path / "absent", target)
    assert (target / "a.txt").read_text("utf-8") == "one"


def test_readers_never_find_it_absent(tmp_path: Path) -> None:
    target = tmp_path / "bundle"
    swap(_folder(tmp_path, "new", "0"), target)
    done = threading.Event()
    missed = []

    def read() -> None:
        while not done.is_set():
            if not (target / "a.txt").exists():
                missed.append(1)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(40):
        swap(_folder(tmp_path, "new", str(number)), target)
    done.set()
    reader.join()
    assert missed == []
