"""Disks without room, told in words: which one, how much is left, and what to do."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
"""No space left on the device; the quota of the account is used up."""

MAKE_ROOM = "Make room there, then run the command again."


def is_full(error: BaseException | None) -> bool:
    """Tell whether an error, or one it came from, is that of a disk without room.

    It is looked for in the text: ``shutil`` and MLflow, which copy many files, tell it there only.
    """
    while error is not None:
        told = str(error)
        if any(f"[Errno {number}]" in told for number in NO_ROOM):
            return True
        error = error.__cause__ or error.__context__
    return False


def room(folder: Path) -> str:
    """Return which disk is full and what is free on it; ``folder`` need not exist yet."""
    place = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    free = shutil.disk_usage(place).free // 1024
    return f"The disk of {place} has no room for it: {free:,} kB free."
