"""Surroundings of the processes that tests start."""

from __future__ import annotations

import os


def untraced() -> dict[str, str]:
    """Return the environment without coverage's hook.

    For processes that are killed, whose measurements die with them, and for those that run
    nothing of ours: tracing a cold start takes as long as the start itself.
    """
    return {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE_PROCESS_")}
