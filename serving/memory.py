"""Memory that a service does not need once it serves is given back to the system.

Loading compiled loops takes LLVM, of which some 70 MB of the library's file are then mapped into
the process; afterwards nothing in it is called again, unless a bundle brings a loop of another
kind. Those pages are clean copies of a file: dropped, they take no memory of this process, and
whichever is needed after all is mapped again from the system's cache.
"""

from __future__ import annotations

import ctypes
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

LIBRARIES = ("libllvmlite",)
"""Beginnings of the names of libraries that are used to begin with."""
_DONTNEED = 4  # MADV_DONTNEED of Linux
_HEAD = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ \d+ +(\S.*)")


def give_back() -> int:
    """Drop the pages of `LIBRARIES` and return how many bytes the process holds less.

    Only what cannot be written and never was: whatever was changed after loading has no other
    copy, and stays. Does nothing where the system is not Linux.
    """
    if not sys.platform.startswith("linux"):
        return 0
    system = ctypes.CDLL(None, use_errno=True)
    dropped = 0
    with Path("/proc/self/smaps").open(encoding="utf-8", errors="replace") as lines:
        found = list(_clean(lines))
    for start, stop, held in found:
        place, length = ctypes.c_void_p(start), ctypes.c_size_t(stop - start)
        if system.madvise(place, length, _DONTNEED) == 0:
            dropped += held
    return dropped


def _clean(lines: Iterable[str]) -> Iterator[tuple[int, int, int]]:
    """Yield start, stop and bytes held of mappings that are nothing but pages of the files."""
    head: re.Match[str] | None = None
    held: dict[str, int] = {}
    for line in (*lines, "0-0 ---p 0 0 0 end"):
        begins = _HEAD.match(line)
        if begins is None:
            name, _, size = line.partition(":")
            if size.endswith("kB\n"):
                held[name] = int(size.split()[0]) * 1024
            continue
        if head is not None and head[3] in ("r-xp", "r--p"):
            ours = Path(head[4]).name.startswith(LIBRARIES)
            if ours and held.get("Rss") and held.get("Anonymous") == 0:
                yield int(head[1], 16), int(head[2], 16), held["Rss"]
        head, held = begins, {}
