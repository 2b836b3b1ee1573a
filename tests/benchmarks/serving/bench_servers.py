"""Servers of the benchmark: how one is started, asked, checked and watched; and Tierwise itself."""

from __future__ import annotations

import http.client
import json
import math
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.benchmarks.measure import QUIET, ROOT
from tests.benchmarks.serving.bench_load import Asked
from tests.benchmarks.serving.bench_worlds import World, as_json

PATIENCE = 90.0
CALM = {"OMP_NUM_THREADS": "1", "BENTOML_DO_NOT_TRACK": "True", "PYTHONWARNINGS": "ignore", **QUIET}
"""One thread: nobody gets more of the machine than another."""

Right = Callable[[int, Any], bool]
"""Whether the answer (JSON) to a cell's request of that number is right."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One kind of request to one server."""

    name: str
    requests: list[Asked]
    right: Right


@dataclass(frozen=True, slots=True)
class Server:
    """One server on one model; ``{port}`` in its command is filled in."""

    name: str
    command: list[str]
    cwd: Path
    cells: list[Cell]
    environment: dict[str, str] = field(default_factory=dict)
    before: Callable[[int], None] | None = None
    """Makes ready for a port, where the command cannot say it."""


@dataclass(slots=True)
class Running:
    """A server that has given its first right answer."""

    port: int
    pid: int
    ready: float
    """Seconds from its launch to that answer."""

    def memory(self) -> tuple[float, float]:
        """Return RSS and PSS of the process and its children, MB."""
        rss = pss = 0.0
        for pid in _family(self.pid):
            try:
                rolled = Path(f"/proc/{pid}/smaps_rollup").read_text("utf-8")
            except OSError:
                continue
            for line in rolled.split("\n"):
                name, _, value = line.partition(":")
                rss += int(value.split()[0]) / 1024 if name == "Rss" else 0.0
                pss += int(value.split()[0]) / 1024 if name == "Pss" else 0.0
        return rss, pss

    def processor(self) -> float:
        """Return the processor time of the process and its children so far, seconds."""
        ticks = 0
        for pid in _family(self.pid):
            try:
                told = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
            except OSError:
                continue
            ticks += int(told[11]) + int(told[12])  # utime and stime, as in proc(5)
        return ticks / os.sysconf("SC_CLK_TCK")


@contextmanager
def run(server: Server, log: Path) -> Iterator[Running]:
    """Start a server, wait for its first right answer, and end it afterwards."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    if server.before is not None:
        server.before(port)
    command = [part.replace("{port}", str(port)) for part in server.command]
    begun = time.monotonic()
    with log.open("ab") as out:
        process = subprocess.Popen(
            command,
            cwd=server.cwd,
            env=os.environ | CALM | server.environment,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _await_answer(server, port, process, log)
            yield Running(port, process.pid, time.monotonic() - begun)
        finally:
            family = _family(process.pid)
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(20)
            for pid in family[1:]:  # workers that outlive who started them
                with suppress(ProcessLookupError):
                    os.kill(pid, 9)


def check(server: Server, port: int, each: int = 16) -> None:
    """Hold some answers of every cell to what they must be.

    Raises
    ------
    AssertionError
        If one is not right.
    """
    for cell in server.cells:
        for number in range(0, len(cell.requests), max(1, len(cell.requests) // each)):
            answer = _ask(port, cell.requests[number])
            assert answer is not None, f"{server.name}, {cell.name}: no answer"
            assert cell.right(number, answer), f"{server.name}, {cell.name}: {str(answer)[:300]}"


def tierwise(world: World) -> Server:
    """Return the product."""
    whole = [as_json({"indicators": row}) for row in world.what_ifs]
    bare = [as_json({"indicators": row, "explanation": False}) for row in world.what_ifs]
    few = [as_json({"indicators": row, "explanation": "contributions"}) for row in world.what_ifs]
    ids = world.customers

    def summed(document: Any) -> bool:
        parts = math.fsum(each["contribution"] for each in document["contributions"])
        return abs(document["base"] + parts - document["score"]) < 1e-9

    def split(document: Any) -> bool:
        parts = [part for each in document["dimensions"] for part in each["indicators"].values()]
        return abs(document["base"] + math.fsum(parts) - document["score"]) < 1e-9

    def explained(number: int, answer: Any) -> bool:
        return bool(answer["customer_id"] == ids[number] and summed(answer))

    def simulated(number: int, answer: Any) -> bool:
        probability = answer["grade"]["churn"]["probability"]
        return probability is not None and 0.0 <= probability <= 1.0

    return Server(
        "Tierwise",
        [
            *(sys.executable, "-m", "tierwise", "serve", "journey", "--port", "{port}"),
            *("--bundle", str(world.folder / "bundle"), "--home", str(world.folder / "home")),
            *("--database", f"sqlite:///{world.folder / 'tierwise.db'}"),
        ],
        ROOT,
        [
            Cell(
                "GET grade",
                [Asked("GET", f"/v1/grades/{each}") for each in ids],
                lambda number, answer: bool(answer["customer_id"] == ids[number]),
            ),
            Cell(
                "GET explanation",
                [Asked("GET", f"/v1/grades/{each}/explanation") for each in ids],
                explained,
            ),
            Cell(
                "POST simulate, no explanation",
                [Asked("POST", "/v1/grades:simulate", each) for each in bare],
                lambda number, answer: (
                    simulated(number, answer) and answer.get("explanation") is None
                ),
            ),
            Cell(
                "POST simulate, contributions",
                [Asked("POST", "/v1/grades:simulate", each) for each in few],
                lambda number, answer: simulated(number, answer) and split(answer["contributions"]),
            ),
            Cell(
                "POST simulate, explanation",
                [Asked("POST", "/v1/grades:simulate", each) for each in whole],
                lambda number, answer: simulated(number, answer) and summed(answer["explanation"]),
            ),
        ],
    )


def unkept(world: World) -> Server:
    """Return the product with no answers kept in memory: every read comes from the store."""
    ours = tierwise(world)
    return replace(
        ours,
        name="Tierwise, nothing kept",
        cells=[cell for cell in ours.cells if cell.name.startswith("GET")],
        environment={"TIERWISE_ANSWER_CACHE_MB": "0"},
    )


def close(told: float, expected: float) -> bool:
    """Tell whether two predictions are the same one."""
    return abs(told - float(expected)) < 1e-9


def _ask(port: int, asked: Asked) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        headers = {"Content-Type": "application/json"} if asked.body is not None else {}
        connection.request(asked.method, asked.path, asked.body, headers | dict(asked.headers))
        answer = connection.getresponse()
        text = answer.read()
        return json.loads(text) if answer.status == 200 else None
    except OSError:
        return None
    finally:
        connection.close()


def _await_answer(server: Server, port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    first = server.cells[0]
    while True:
        answer = _ask(port, first.requests[0])
        if answer is not None and first.right(0, answer):
            return
        told = log.read_text("utf-8", "replace")[-2000:]
        assert process.poll() is None, f"{server.name} ended: {told}"
        assert time.monotonic() < deadline, f"{server.name} gave no right answer: {told}"
        time.sleep(0.02)


def _family(pid: int) -> list[int]:
    """Return a process and those it started, and so on."""
    found = [pid]
    for each in found:
        for task in Path(f"/proc/{each}/task").glob("*/children"):
            try:
                found += [int(child) for child in task.read_text("ascii").split()]
            except OSError:
                continue
    return found
