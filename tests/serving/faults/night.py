"""A nightly batch as a process of its own, which tells where it is and can be held there.

python night.py BUNDLE FRAME URL [STAGE DONE]
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from features.parquet import read_frame
from serving.batch import run_batch
from serving.errors import ServiceError
from serving.store.session import Database
from training.bundle import Bundle


def say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def main(bundle: str, frame: str, url: str, stage: str = "", done: str = "0") -> int:
    """Grade; wait where asked to, long enough to be killed there."""

    def progress(here: str, so_far: int, total: int) -> None:
        if here == stage and so_far >= int(done):
            say("here")
            time.sleep(60)

    loaded, rows = Bundle.load(Path(bundle)), read_frame(Path(frame))
    say("ready")
    sys.stdin.readline()
    try:
        result = run_batch(loaded, rows, Database(url), progress=progress, chunk=100, piece=100)
    except ServiceError as error:
        say(type(error).__name__)
        return 3
    say(result.run.run_id)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
