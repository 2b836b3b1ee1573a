"""A real disk of a few hundred kilobytes that only one thread sees, and fills up.

Linux gives each thread its own view of what is mounted where, if it asks (``unshare(2)``). A tmpfs
mounted in that view is gone with the thread, and with those that it started.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp

CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x20000, 0x4000, 1 << 18


def _call(name: str, *arguments: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def _in_own_view(work: Callable[[], None]) -> None:
    """Run something in a thread with a view of its own; raises what it raised."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            _call("unshare", CLONE_NEWNS)
            # What is mounted from here on is not to be seen by others.
            _call("mount", None, b"/", None, MS_REC | MS_PRIVATE, None)
            work()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if raised:
        raise raised[0]


def on_a_small_disk(folder: Path, room: int, work: Callable[[], None]) -> None:
    """Run something that finds a folder, with all its content, on a disk with little room left.

    Parameters
    ----------
    room
        Bytes that are free on it.
    """

    def mounted() -> None:
        content = folder.parent / f"{folder.name}-content"
        shutil.copytree(folder, content, symlinks=True)
        kept = sum(-(-path.lstat().st_size // 4096) * 4096 for path in content.rglob("*"))
        options = f"size={kept + room}".encode()
        _call("mount", b"tmpfs", str(folder).encode(), b"tmpfs", 0, options)
        shutil.copytree(content, folder, symlinks=True, dirs_exist_ok=True)
        work()

    _in_own_view(mounted)


def _missing() -> str:
    if not sys.platform.startswith("linux"):
        return "private mounts are Linux's"
    place = Path(mkdtemp(prefix="tierwise-disk-"))
    try:
        on_a_small_disk(place, 4096, lambda: None)
    except OSError as error:
        return f"no private mount is allowed here ({error}); run by `unshare -rm` or as root"
    finally:
        shutil.rmtree(place.parent / f"{place.name}-content", ignore_errors=True)
        place.rmdir()
    return ""


MISSING = _missing()
"""Why there can be no small disk; empty: there can."""
