"""``tierwise canary promote`` in processes that wait half-way to be killed.

python promoting.py HOME, then ``crowned`` or ``brought`` a line: answers with the process's id when
it is there, and with ``gone`` when it was killed. MLflow, which takes seconds to come, comes once.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

from serving.canary import standing
from tests.training.registry.verdicts import PASSED
from tierwise import canary
from training.registry import mlflow_store, promotion, registry


def say(word: object) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def held(*_given: Any, **_named: Any) -> None:
    say(os.getpid())
    time.sleep(60)


def promote(home: Path, stage: str) -> None:
    """Hold where the champion is crowned and its folder not switched, or switched and not told."""
    promotion.judge = lambda *_: PASSED
    if stage == "crowned":
        registry.swap = held
    else:
        standing.end = held
    canary.console.quiet = True
    canary.promote("small", home, by="ann", reason="no worse")


def main(home: str) -> None:
    mlflow_store._import()
    say("ready")
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            promote(Path(home), line.strip())
            os._exit(0)
        os.waitpid(child, 0)
        say("gone")


if __name__ == "__main__":
    main(*sys.argv[1:])
