"""The report as one HTML page: pure, self-contained, without scripts."""

from __future__ import annotations

from decimal import Decimal
from importlib.resources import files

from jinja2 import DictLoader, Environment, StrictUndefined

from features.quality.accuracy import DELIBERATE, TARGET
from features.quality.flags import FLAGS
from features.quality.jumps import JUMP
from features.quality.report import Finding, FollowUp, QualityReport, TableQuality
from features.quality.writing import Language, Writer

SHOWN = 10
"""Customers shown of each flag."""

_PARTS = ("page.html", "marks.html", "tables.html", "customers.html", "sheet.css")


def render(report: QualityReport, language: Language) -> str:
    """Return the page in a language; every text of the data is escaped."""
    writer = Writer(language, report.currency)
    page = _environment().get_template("page.html")
    return page.render(
        report=report,
        w=writer,
        t=writer.say,
        target=TARGET,
        jump=JUMP,
        kpi=report.accuracy,
        findings=[_sentence(finding, writer) for finding in report.findings],
        refused=sum(_refused(table) for table in report.tables.values()),
        visible=sum(table.visible for table in report.tables.values()),
        stale=sum(table.freshness.stale for table in report.tables.values()),
        filled={name: _filled(table) for name, table in report.tables.items()},
        deliberate=DELIBERATE,
        top_rows=max((t.visible + _refused(t) for t in report.tables.values()), default=1),
        flagged={flag: _shown(report, flag) for flag in FLAGS},
        limit=_limit(report),
        partly={
            name: share
            for name, share in sorted(report.completeness.items(), key=lambda item: item[1])
            if share < 1
        },
        nowhere=[writer.indicator(n) for n, share in report.completeness.items() if not share],
    )


def _environment() -> Environment:
    folder = files("features.quality") / "templates"
    environment = Environment(
        loader=DictLoader({name: (folder / name).read_text("utf-8") for name in _PARTS}),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["decimal"] = lambda number: Decimal(repr(number))
    environment.filters["translated"] = lambda key, writer: writer.say(key)
    environment.filters["titled"] = lambda table, writer: writer.table(table)
    environment.filters["labelled"] = lambda name, writer, table: writer.column(table, name)
    return environment


def _sentence(finding: Finding, writer: Writer) -> str:
    detail = finding.detail
    if finding.code == "refused":
        detail = writer.reason(detail)
    elif finding.code == "unreconciled":
        detail = writer.total(finding.table, detail)
    elif finding.code in ("attribute", "not_given"):
        detail = writer.names([writer.say(name) for name in detail.split(",")])
    return writer.say(
        f"finding_{finding.code}",
        table=writer.table(finding.table) if finding.table else "",
        rows=writer.number(finding.rows),
        share=writer.percent(finding.share),
        detail=detail,
    )


def _refused(table: TableQuality) -> int:
    return sum(table.refused.values())


def _filled(table: TableQuality) -> float:
    """Return the share of filled cells over the given columns."""
    return 1 - sum(table.missing.values()) / max(len(table.missing), 1)


def _shown(report: QualityReport, flag: str) -> list[FollowUp]:
    """Return the flagged customers with the largest net amount."""
    found = (customer for customer in report.follow_up if flag in customer.flags)
    return sorted(found, key=lambda customer: (-customer.net_amount, customer.customer_id))[:SHOWN]


def _limit(report: QualityReport) -> int:
    """Return how many missing attributes are tolerated."""
    asked = len(report.customers.missing)
    return max(n for n in range(asked + 1) if 100 * n <= 30 * asked)
