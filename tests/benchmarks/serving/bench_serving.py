"""Measure the service beside its peers and write the page: `make bench-serving`.

    python -m tests.benchmarks.serving.bench_serving [--only WORD] [--out docs/benchmarks]

Environment: ``BENCH_SERVING_SECONDS`` a cell (4), ``BENCH_SERVING_ROUNDS`` (3), and
``TIERWISE_HOME`` (var), whose champion is served.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from features.parquet import atomic_path
from tests.benchmarks.measure import ROOT, _cpu
from tests.benchmarks.serving.bench_load import Load, drive, tool
from tests.benchmarks.serving.bench_peers import peers
from tests.benchmarks.serving.bench_servers import Cell, Server, check, run, tierwise, unkept
from tests.benchmarks.serving.bench_worlds import World, champion, reference
from tests.benchmarks.serving.serving_page import draw, goals, page

CONNECTIONS = (1, 16)
WARM = 1.0


@dataclass(slots=True)
class Found:
    """What all rounds found about one server on one model."""

    ready: list[float] = field(default_factory=list)
    rss: list[float] = field(default_factory=list)
    pss: list[float] = field(default_factory=list)
    loads: dict[tuple[str, int], list[Load]] = field(default_factory=dict)


def measure(world: World, servers: list[Server], rounds: int, seconds: float) -> dict[str, Found]:
    """Start one server after the other, ``rounds`` times in changing order."""
    found = {server.name: Found() for server in servers}
    log = world.folder / "servers.log"
    log.unlink(missing_ok=True)
    for number in range(rounds):
        turn = number % len(servers)
        for server in servers[turn:] + servers[:turn]:
            one = found[server.name]
            with run(server, log) as running:
                one.ready.append(running.ready)
                check(server, running.port)
                for cell in server.cells:
                    for connections in CONNECTIONS:
                        load = _cell(cell, running.port, connections, seconds)
                        one.loads.setdefault((cell.name, connections), []).append(load)
                rss, pss = running.memory()
                one.rss.append(rss)
                one.pss.append(pss)
            _say(f"{world.name}, round {number + 1}: {_line(server, one)}")
    return found


def _cell(cell: Cell, port: int, connections: int, seconds: float) -> Load:
    sent = 0
    while sent < len(cell.requests):  # what is kept in memory is there, what is compiled is ready
        sent += drive(port, cell.requests, connections=connections, seconds=WARM).requests
    return drive(port, cell.requests, connections=connections, seconds=seconds)


def _line(server: Server, found: Found) -> str:
    cells = (
        f"{cell.name} "
        + " / ".join(f"{found.loads[cell.name, c][-1].rate:,.0f}" for c in CONNECTIONS)
        for cell in server.cells
    )
    return (
        f"{server.name}: {'; '.join(cells)} requests/s; "
        f"ready {found.ready[-1]:.1f} s, {found.rss[-1]:.0f} MB"
    )


def to_document(world: World, found: dict[str, Found], missing: dict[str, str]) -> dict[str, Any]:
    """Return one model's figures as JSON would have them."""
    servers = {}
    for name, one in found.items():
        cells = [
            {
                "request": request,
                "connections": connections,
                **{key: _spread([getattr(load, key) for load in loads]) for key in _KEYS},
                "requests": sum(load.requests for load in loads),
                "errors": sum(load.errors for load in loads),
            }
            for (request, connections), loads in one.loads.items()
        ]
        servers[name] = {
            "ready_seconds": _spread(one.ready),
            "rss_mb": _spread(one.rss),
            "pss_mb": _spread(one.pss),
            "cells": cells,
        }
    document = {"name": world.name, "told": world.told, "servers": servers, "missing": missing}
    return {**document, "goals": [asdict(goal) for goal in goals(document)]}


_KEYS = ("rate", "p50", "p99")


def _spread(values: list[float]) -> dict[str, float]:
    return {
        "median": round(statistics.median(values), 4),
        "min": round(min(values), 4),
        "max": round(max(values), 4),
    }


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="servers whose name holds this word")
    parser.add_argument("--model", default="", help="champion or reference")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks")
    given = parser.parse_args()
    seconds = float(os.environ.get("BENCH_SERVING_SECONDS", "4"))
    rounds = int(os.environ.get("BENCH_SERVING_ROUNDS", "3"))
    home = Path(os.environ.get("TIERWISE_HOME", ROOT / "var"))
    kept = ROOT / "var" / "bench-serving"
    begun, load_before = datetime.now(UTC), os.getloadavg()[0]
    worlds = [
        make()
        for name, make in (
            ("champion", lambda: champion(home, kept)),
            ("reference", lambda: reference(kept)),
        )
        if given.model in name
    ]
    models = []
    for world in worlds:
        others, missing = peers(world, kept)
        for name, why in missing.items():
            _say(f"{name} is left out: it {why}")
        servers = [
            each for each in (tierwise(world), unkept(world), *others) if given.only in each.name
        ]
        found = measure(world, servers, rounds, seconds)
        models.append(to_document(world, found, missing))
    results = {
        "machine": {
            "begun": begun.replace(microsecond=0, tzinfo=None).isoformat(),
            "minutes": round((datetime.now(UTC) - begun).total_seconds() / 60, 1),
            "cpus": os.cpu_count(),
            "cpu": _cpu(),
            "python": platform.python_version(),
            "load_before": round(load_before, 2),
            "packages": {name: version(name) for name in ("uvicorn", "fastapi", "lightgbm")},
        },
        "tool": tool(),
        "seconds": seconds,
        "rounds": rounds,
        "models": models,
    }
    given.out.mkdir(parents=True, exist_ok=True)
    with atomic_path(given.out / "serving.json") as path:
        path.write_text(json.dumps(results, indent=2) + "\n", "utf-8")
    with atomic_path(given.out / "serving.md") as path:
        path.write_text(page(results), "utf-8")
    draw(results, given.out / "serving.svg")
    _say(page(results))


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
