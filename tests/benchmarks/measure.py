"""Timing against a named baseline, and the report of what was found.

A contender never runs alone: each of its runs is paired with a run of the baseline right
beside it, and the order within a pair alternates, so that a machine that slows down or warms
up moves both. What is reported is the ratio within pairs.
"""

from __future__ import annotations

import gc
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
OUTPUT = "TIERWISE_BENCH_JSON"
"""Environment variable that says where the figures go instead of ``var/bench.json``."""

QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false"}
"""Environment in which MLflow neither calls home nor draws bars."""

_PACKAGES = (
    *("numpy", "lightgbm", "shap", "mlflow", "duckdb", "ibis-framework"),
    *("sqlalchemy", "fastapi", "pydantic", "uvicorn"),
)


def _nothing() -> None:
    return None


@dataclass(frozen=True, slots=True)
class Task:
    """Something to time: ``calls`` calls of ``run``; ``before`` makes ready and is not timed."""

    name: str
    run: Callable[[], object]
    calls: int = 1
    before: Callable[[], object] = _nothing

    def seconds(self) -> float:
        """Return the time of one call."""
        self.before()
        begun = perf_counter()
        for _ in range(self.calls):
            self.run()
        return (perf_counter() - begun) / self.calls


@dataclass(frozen=True, slots=True)
class Figure:
    """What a race of pairs found; ``items`` of ``unit`` are done by one call."""

    area: str
    name: str
    baseline: str
    items: int
    unit: str
    seconds: tuple[float, ...]
    baseline_seconds: tuple[float, ...]

    @property
    def ratios(self) -> list[float]:
        """How many times as long as the baseline it took, pair by pair."""
        return [a / b for a, b in zip(self.seconds, self.baseline_seconds, strict=True)]

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able dict."""
        return {
            "area": self.area,
            "name": self.name,
            "baseline": self.baseline,
            "items": self.items,
            "unit": self.unit,
            "ratio": _spread(self.ratios),
            "seconds": _spread(self.seconds),
            "baseline_seconds": _spread(self.baseline_seconds),
            "rounds": len(self.seconds),
        }

    def to_row(self) -> str:
        """Return a row of the Markdown table."""
        each = statistics.median(self.seconds)
        rate = f"{self.items / each:,.0f} {self.unit}/s" if self.items / each >= 10 else ""
        cells = (
            self.name,
            self.baseline,
            _times(self.ratios),
            _duration(each),
            _duration(statistics.median(self.baseline_seconds)),
            rate,
        )
        return f"| {' | '.join(cells)} |"


@dataclass(frozen=True, slots=True)
class Footprint:
    """Peak memory of a process that does one thing, against a process that does less."""

    name: str
    peak_mb: float
    baseline: str
    baseline_mb: float

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able dict."""
        return {
            "name": self.name,
            "peak_mb": round(self.peak_mb, 1),
            "baseline": self.baseline,
            "baseline_mb": round(self.baseline_mb, 1),
            "ratio": round(self.peak_mb / self.baseline_mb, 3),
        }

    def to_row(self) -> str:
        """Return a row of the Markdown table."""
        ratio = self.peak_mb / self.baseline_mb
        return (
            f"| {self.name} | {self.baseline} | {ratio:.2f} | {self.peak_mb:,.0f} MB "
            f"| {self.baseline_mb:,.0f} MB |"
        )


@dataclass(slots=True)
class Ledger:
    """All that one run of the benchmarks measured, and where."""

    begun: datetime = field(default_factory=lambda: datetime.now(UTC))
    load_before: float = field(default_factory=lambda: os.getloadavg()[0])
    figures: list[Figure] = field(default_factory=list)
    footprints: list[Footprint] = field(default_factory=list)

    def race(
        self,
        area: str,
        baseline: Task,
        contenders: Sequence[Task],
        *,
        rounds: int,
        items: int = 1,
        unit: str = "rows",
        warm: bool = True,
    ) -> None:
        """Time contenders against the baseline in interleaved pairs and keep the figures.

        ``warm`` runs everything once before: caches fill and code is loaded.
        """
        for task in (baseline, *contenders) if warm else ():
            task.before()
            task.run()
        found: dict[str, list[tuple[float, float]]] = {task.name: [] for task in contenders}
        for number in range(rounds):
            gc.collect()
            for task in contenders:
                if number % 2:
                    mine, other = task.seconds(), baseline.seconds()
                else:
                    other, mine = baseline.seconds(), task.seconds()
                found[task.name].append((mine, other))
        for name, pairs in found.items():
            mine_all, other_all = zip(*pairs, strict=True)
            self.figures.append(Figure(area, name, baseline.name, items, unit, mine_all, other_all))

    def weigh(self, baseline: tuple[str, float], others: dict[str, float]) -> None:
        """Keep peak memories in MB against a baseline's."""
        self.footprints += [Footprint(name, peak, *baseline) for name, peak in others.items()]

    def save(self) -> Path:
        """Write everything as JSON and return where."""
        path = Path(os.environ.get(OUTPUT) or ROOT / "var" / "bench.json")
        path.parent.mkdir(parents=True, exist_ok=True)
        document = {
            "machine": self._machine(),
            "figures": [figure.to_dict() for figure in self.figures],
            "footprints": [footprint.to_dict() for footprint in self.footprints],
        }
        path.write_text(json.dumps(document, indent=2) + "\n", "utf-8")
        return path

    def to_markdown(self) -> str:
        """Return the tables, with one line that says where and when they come from."""
        machine = self._machine()
        packages = ", ".join(f"{name} {number}" for name, number in machine["packages"].items())
        lines = [
            f"Measured {machine['begun'][:16].replace('T', ' ')} UTC on {machine['cpus']} CPUs "
            f"({machine['cpu']}), Python {machine['python']}; {packages}. Load average "
            f"{machine['load_before']:.1f} before and {machine['load_after']:.1f} after the run"
            + ("; the machine was shared." if machine["shared"] else "."),
        ]
        for area in dict.fromkeys(figure.area for figure in self.figures):
            lines += ["", f"### {area}", ""]
            lines += [
                "| What | Baseline | Ratio, median (min to max) | Time | Baseline's | Rate |",
                "|---|---|---|---|---|---|",
            ]
            lines += [figure.to_row() for figure in self.figures if figure.area == area]
        if self.footprints:
            lines += ["", "### Peak memory of a process", ""]
            lines += ["| What | Baseline | Ratio | Peak | Baseline's |", "|---|---|---|---|---|"]
            lines += [footprint.to_row() for footprint in self.footprints]
        return "\n".join(lines)

    def _machine(self) -> dict[str, Any]:
        return {
            "begun": self.begun.replace(microsecond=0, tzinfo=None).isoformat(),
            "cpus": os.cpu_count(),
            "cpu": _cpu(),
            "python": platform.python_version(),
            "load_before": round(self.load_before, 2),
            "load_after": round(os.getloadavg()[0], 2),
            # Afterwards the load is our own; before, it is somebody else's.
            "shared": self.load_before > (os.cpu_count() or 1),
            "packages": {name: version(name) for name in _PACKAGES},
        }


def peak_of(pid: int | str) -> float | None:
    """Return the peak resident memory of a running process in MB, None where unknown.

    ``ru_maxrss`` would do, were it not that a child inherits that of the process it was
    started from; the kernel's high-water mark begins anew with the program.
    """
    status = Path(f"/proc/{pid}/status")
    if not status.is_file():
        return None
    line = next(li for li in status.read_text("utf-8").split("\n") if li.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def footprint(task: str, *arguments: Path | str) -> float | None:
    """Run one task of ``footprints.py`` in a process of its own; return its peak in MB."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.benchmarks.footprints", task]
    result = subprocess.run(
        [*command, *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | QUIET,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    peak = json.loads(result.stdout.strip().split("\n")[-1])["peak_mb"]
    return None if peak is None else float(peak)


def _spread(values: Sequence[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def _times(ratios: Sequence[float]) -> str:
    low, middle, high = min(ratios), statistics.median(ratios), max(ratios)
    digits = 2 if middle < 10 else 1 if middle < 100 else 0
    return f"**{middle:.{digits}f}** ({low:.{digits}f} to {high:.{digits}f})"


def _duration(seconds: float) -> str:
    if seconds < 1e-3:
        return f"{seconds * 1e6:.0f} µs"
    return f"{seconds * 1e3:.3g} ms" if seconds < 1 else f"{seconds:.2f} s"


def _cpu() -> str:
    listed = Path("/proc/cpuinfo")
    if listed.is_file():
        for line in listed.read_text("utf-8").split("\n"):
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.machine()
