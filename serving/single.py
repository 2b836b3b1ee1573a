"""Processes that make indicators of one customer's rows, each asked one thing at a time.

The web process knows no query engine: it is slow to load, takes memory and can be made to work
hard by what is posted. So it runs in processes beside it (``features/single/__main__.py``), a
line in and a line out. A process is started when first needed and kept; one that takes too long
is killed, and the next question starts another. When this process ends, however it does, their
input ends and so do they.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from queue import Empty, LifoQueue
from typing import ParamSpec, TypeVar

from features.single.question import Question, Told
from serving.admission import Queue
from serving.errors import InvalidRequestError, UnfinishedError

LOG = logging.getLogger("tierwise.single")
# ``-P``: what lies in the working folder is not imported.
COMMAND = (sys.executable, "-P", "-m", "features.single")
STARTING = 60.0
"""Seconds that a process may take until it is ready, on a machine that is busy."""

# Nothing else of the environment: what is posted is parsed there, and needs no secret.
_ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PYTHONPATH", "LD_LIBRARY_PATH")

_P = ParamSpec("_P")
_T = TypeVar("_T")


class SingleCustomers:
    """A few processes, and a queue before them.

    Parameters
    ----------
    processes
        Questions that are worked on at the same time.
    waiting
        How many more may wait.
    seconds
        How long one question may take.
    """

    def __init__(
        self, processes: int, waiting: int, seconds: float, command: Sequence[str] = COMMAND
    ) -> None:
        self._queue = Queue(processes, waiting)
        self._seconds = seconds
        self._free: LifoQueue[Worker] = LifoQueue()
        self._all = [Worker(command) for _ in range(processes)]
        for worker in self._all:
            self._free.put(worker)

    async def run(self, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Do work that asks, on a thread.

        Raises
        ------
        OverloadedError
            If there is no room for it.
        """
        return await self._queue.run(work, *args, **kwargs)

    def ask(self, question: Question) -> Told:
        """Return what comes of a question.

        Raises
        ------
        InvalidRequestError
            If the rows cannot be measured: amounts beyond counting, for instance.
        UnfinishedError
            If it took too long, or the process ended.
        """
        try:
            # The work that holds a worker is as many as there are, or it waits for one.
            worker = self._free.get(timeout=self._seconds)
        except Empty:
            raise _unfinished() from None
        try:
            answer = json.loads(worker.ask(question.to_json(), self._seconds))
        finally:
            self._free.put(worker)
        if "told" not in answer:
            raise InvalidRequestError(
                "The rows cannot be measured: a number or a time is beyond what can be counted.",
                hint="Look for amounts and times that are slips.",
            )
        return Told.from_json(answer["told"])

    def close(self) -> None:
        """End the processes; a question that comes later starts them again."""
        for worker in self._all:
            worker.close()


class Worker:
    """One process, or none yet."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = tuple(command)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Process id, None while there is none."""
        return self._process.pid if self._process is not None else None

    def ask(self, line: str, seconds: float) -> bytes:
        """Return the line that answers a line.

        Raises
        ------
        UnfinishedError
            If there is no answer in time, or the process ended.
        """
        process = self._process
        if process is None or process.poll() is not None:
            self.close()
            process = self._start()
        return self._exchanged(process, line.encode() + b"\n", seconds)

    def close(self) -> None:
        """Kill the process, if there is one, and wait for its end."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for stream in (process.stdin, process.stdout):
            assert stream is not None
            with contextlib.suppress(OSError):  # what could not be written any more
                stream.close()
        process.wait()

    def _start(self) -> subprocess.Popen[bytes]:
        self._process = process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # An engine's complaint may quote a row.
            stderr=subprocess.DEVNULL,
            env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
            # Ctrl-C is for the service, which then ends this.
            start_new_session=True,
        )
        LOG.info("process %d makes indicators of single customers", process.pid)
        self._exchanged(process, b"", STARTING)
        return process

    def _exchanged(self, process: subprocess.Popen[bytes], line: bytes, seconds: float) -> bytes:
        assert process.stdin is not None
        assert process.stdout is not None
        # Killing it ends the reading and the writing, whichever it is that hangs.
        limit = threading.Timer(seconds, process.kill)
        limit.start()
        try:
            if line:
                process.stdin.write(line)
                process.stdin.flush()
            answer = process.stdout.readline()
        except (OSError, ValueError):  # it ended, or was closed, while it was written to
            answer = b""
        finally:
            limit.cancel()
        if not answer.endswith(b"\n"):
            LOG.warning("process %d ended before it answered", process.pid)
            self.close()
            raise _unfinished()
        return answer


def _unfinished() -> UnfinishedError:
    return UnfinishedError(
        "The indicators were not ready in time, or the process that made them ended.",
        hint="Try again in a second; if it happens again, post fewer rows.",
    )
