"""What a batch did, told at the console."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from serving.batch import BatchResult
    from serving.domain.drift import DriftReport


def show_result(console: Console, result: BatchResult) -> None:
    """Tell what a batch did."""
    run = result.run
    if not result.created:
        console.print(
            f"Run {run.run_id} already holds these grades; nothing was written "
            "(--force grades again).",
            highlight=False,
        )
        return
    title = f"{run.customers:,} customers graded as of {run.basis.as_of}"
    table = Table(title=title, title_justify="left")
    for heading in ("Tier", "Customers", "Referred", f"Expected value ({run.basis.currency})"):
        table.add_column(heading, justify="left" if heading == "Tier" else "right")
    for summary in run.tiers:
        table.add_row(
            summary.tier.label_en,
            f"{summary.customers:,}",
            f"{summary.referred:,}",
            f"{summary.ltv:,.0f}",
        )
    console.print(table)
    console.print(
        f"Review cases: {result.opened} opened, {result.kept} kept, "
        f"{result.withdrawn} withdrawn. {_alerts_told(result)}Run {run.run_id}.",
        highlight=False,
    )


def _alerts_told(result: BatchResult) -> str:
    """Return a sentence about the alerts; empty where nothing was written."""
    if result.alerts is None:
        return ""
    steps = sorted(result.alerts.steps.items())
    told = ", ".join(f"{count:,} {step.value}" for step, count in steps)
    waiting = sum(result.alerts.waiting.values())
    more = f" ({waiting:,} more wait for others to be worked off)" if waiting else ""
    return f"Alerts: {told or 'none'}{more}. "


def show_drift(console: Console, report: DriftReport | None) -> None:
    """Tell what moved since the run before, if anything did."""
    if report is None or not report.moved:
        return
    told = ", ".join(f"{each.indicator} (PSI {each.psi:.2f})" for each in report.moved[:5])
    more = f" and {len(report.moved) - 5} more" if len(report.moved) > 5 else ""
    style, word = ("bold red", "Drift alarm") if report.alarm else ("yellow", "Drift watched")
    console.print(
        f"{word} since run {report.before_run_id}: {told}{more}.", style=style, highlight=False
    )
