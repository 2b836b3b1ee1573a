"""The verdict of the gates on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from training.evaluation.gates import GateReport


def show_gates(console: Console, report: GateReport) -> None:
    """Print every gate with value and limit, then the notes and the advice of those that failed."""
    from training.evaluation.tables import rich_table

    rows = [["gate", "value", "limit", "verdict"]]
    rows += [
        [
            check.name,
            f"{check.value:.4g}",
            f"{check.relation} {check.limit:.4g}",
            "passed" if check.passed else "FAILED",
        ]
        for check in report.checks
    ]
    console.print(rich_table(rows, "Gates"))
    for note in report.notes:
        console.print(note)
    for check in report.failed:
        console.print(f"{check.name}: {check.message}")
