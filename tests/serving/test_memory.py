"""What LLVM had mapped is given back, and what was compiled goes on as before."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from serving import memory
from serving.memory import give_back
from training.bundle import Bundle

SMAPS = """\
7f00-7f10 r--p 00000000 fe:00 11 /lib/libllvmlite.so
Rss:                  12 kB
Anonymous:             0 kB
VmFlags: rd mr mw me
7f10-7f30 r-xp 00001000 fe:00 11 /lib/libllvmlite.so
Rss:                  20 kB
Anonymous:             0 kB
7f30-7f40 r--p 00003000 fe:00 11 /lib/libllvmlite.so
Rss:                   8 kB
Anonymous:             4 kB
7f40-7f50 rw-p 00004000 fe:00 11 /lib/libllvmlite.so
Rss:                   8 kB
Anonymous:             0 kB
7f50-7f60 r-xp 00000000 fe:00 12 /lib/libother.so
Rss:                  40 kB
Anonymous:             0 kB
7f60-7f70 r-xp 00000000 fe:00 11 /lib/libllvmlite.so
Rss:                   0 kB
Anonymous:             0 kB
7f70-7f80 rw-p 00000000 00:00 0
Rss:                  16 kB
Anonymous:            16 kB
7f80-7f90 r-xp 00000000 fe:00 11 /lib/libllvmlite.so
Rss:                   4 kB
Anonymous:             0 kB
"""


def test_only_what_was_never_written_is_dropped() -> None:
    assert list(memory._clean(SMAPS.splitlines(keepends=True))) == [
        (0x7F00, 0x7F10, 12 * 1024),
        (0x7F10, 0x7F30, 20 * 1024),
        (0x7F80, 0x7F90, 4 * 1024),
    ]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks Linux for its mappings")
def test_what_was_compiled_goes_on_as_before(served_bundle: Bundle) -> None:
    rows = np.zeros((3, len(served_bundle.columns)))
    before = served_bundle.contributions(rows)
    assert give_back() > 1 << 20
    assert give_back() < 1 << 20
    after = served_bundle.contributions(rows)
    assert repr(after) == repr(before)


def test_elsewhere_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert give_back() == 0
