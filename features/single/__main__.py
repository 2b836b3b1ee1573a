"""A process that answers questions, one a line, until its input ends.

``python -m features.single``: a line of :class:`Question` in, a line out: ``{"told": ...}``, or
``{"fault": ...}`` where the engine gave up. The first line out says that it is ready.
"""

from __future__ import annotations

import json
import sys
from typing import TextIO

from ibis.backends import BaseBackend

from features.backends import ENGINE_ERRORS, connect
from features.single.indicators import answer
from features.single.question import Question, Told

READY = "ready"
MEMORY_LIMIT = "512MB"


def serve(questions: TextIO, answers: TextIO) -> None:
    """Answer line by line."""
    # One customer's rows: a second thread would have nothing to do.
    connection = connect(threads=1, memory_limit=MEMORY_LIMIT)
    _say(answers, {READY: True})
    for line in questions:
        _say(answers, _answer(line, connection))


def _answer(line: str, connection: BaseBackend) -> dict[str, object]:
    try:
        told: Told = answer(Question.from_json(line), connection)
    except ENGINE_ERRORS as error:
        # Its words may quote a row.
        return {"fault": type(error).__name__}
    return {"told": told.to_json()}


def _say(answers: TextIO, what: dict[str, object]) -> None:
    print(json.dumps(what), file=answers, flush=True)


if __name__ == "__main__":
    serve(sys.stdin, sys.stdout)
