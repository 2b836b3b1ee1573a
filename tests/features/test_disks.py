"""A disk without room is known by what was raised, however deep it lies."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest

from features.disks import is_full, room


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_it_is_known_whoever_tells_it(number: int) -> None:
    plain = OSError(number, os.strerror(number), "bundle.json")
    assert is_full(plain)
    assert is_full(shutil.Error([("from", "to", str(plain))]))
    wrapped = RuntimeError("could not be copied")
    wrapped.__cause__ = ValueError(f"downloading failed: {plain}")
    assert is_full(wrapped)


def test_other_troubles_are_none() -> None:
    assert not is_full(None)
    assert not is_full(OSError(errno.EACCES, "Permission denied"))
    assert not is_full(ValueError("No space left"))


def test_the_disk_is_named_by_what_is_there_already(tmp_path: Path) -> None:
    told = room(tmp_path / "not" / "yet")
    assert told.startswith(f"The disk of {tmp_path} has no room for it: ")
    assert told.endswith(" kB free.")
