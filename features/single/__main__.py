"""A process that answers questions, one a line, until its input ends.

``python -m features.single``: a line of :class:`Question` in, a line out: ``{"told": ...}``, or
``{"fault": ...}`` where the engine gave up. The first line out says that it is ready.
"""

from __future__ import annotations

import json
import sys
from typing import TextIO

from features.backends import ENGINE_ERRORS, connect
from features.single.answering import Answering
from features.single.question import Question, Told

READY = "ready"
MEMORY_LIMIT = "512MB"


def serve(questions: TextIO, answers: TextIO) -> None:
    """Answer line by line."""
    # One customer's rows: a second thread would have nothing to do.
    answering = Answering(connect(threads=1, memory_limit=MEMORY_LIMIT))
    _say(answers, {READY: True})
    for line in questions:
        _say(answers, _answer(line, answering))


def _answer(line: str, answering: Answering) -> dict[str, object]:
    try:
        told: Told = answering.answer(Question.from_json(line))
    except ENGINE_ERRORS as error:
        # Its words may quote a row.
        return {"fault": type(error).__name__}
    return {"told": told.to_json()}


def _say(answers: TextIO, what: dict[str, object]) -> None:
    print(json.dumps(what), file=answers, flush=True)


if __name__ == "__main__":
    serve(sys.stdin, sys.stdout)
