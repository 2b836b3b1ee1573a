"""Giving way: a process that has time lets those go first that have callers waiting."""

from __future__ import annotations

import os
from contextlib import suppress

NICENESS = 10
"""Of a process that has all night: a tenth of what others get of a busy processor. At 19 it would
be a seventieth, and a transaction that others wait for would take too long on a busy machine."""


def give_way() -> None:
    """Give this process, and threads it starts from now on, a low priority.

    It still gets whatever is left of the processors. Where the system knows it, it is also told
    that this is a batch: then it does not push others aside for a moment whenever it wakes up.
    """
    if hasattr(os, "nice"):  # not on Windows
        os.nice(NICENESS)
    if hasattr(os, "sched_setscheduler"):  # Linux
        with suppress(OSError):  # some containers forbid it; the niceness stays
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
