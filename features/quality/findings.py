"""What is wrong, most pressing first: the figures of a report boiled down to a few lines."""

from __future__ import annotations

from collections.abc import Iterator

from features.quality.accuracy import DELIBERATE
from features.quality.report import Finding, QualityReport

_WORTH_TELLING = 0.01
_MOST = 8
_LATE_SHARE = 0.05
_HALF_KNOWN = 0.30


def findings(report: QualityReport) -> tuple[Finding, ...]:
    """Return at most eight findings.

    Totals that do not add up come first, then what makes grades wrong (challenged jumps,
    zombies), then lost rows by their share, then stale tables and gaps.
    """
    return tuple([*_totals(report), *_customers(report), *_rows(report), *_rest(report)][:_MOST])


def _totals(report: QualityReport) -> Iterator[Finding]:
    for name, table in report.tables.items():
        for column, total in table.totals.items():
            if not total.agrees():
                yield Finding("unreconciled", name, table.rows, 0.0, column)


def _customers(report: QualityReport) -> Iterator[Finding]:
    who = report.customers
    for code in ("challenged", "zombie", "unlisted"):
        if count := who.flagged[code]:
            yield Finding(code, "", count, count / max(who.customers, 1))


def _rows(report: QualityReport) -> Iterator[Finding]:
    """Yield refusals and orphans that touch at least 1 % of a table's rows."""
    found = []
    for name, table in report.tables.items():
        total = max(table.accuracy.rows, 1)
        for reason, rows in table.refused.items():
            if reason not in DELIBERATE:
                found.append(Finding("refused", name, rows, rows / total, reason))
        orphans = table.references.orphans
        # Orders without a customers row are told as customers.
        if orphans and name != "orders":
            code = "dangling" if name == "customers" else "orphans"
            found.append(Finding(code, name, orphans, orphans / total))
    worth = [one for one in found if one.share >= _WORTH_TELLING]
    yield from sorted(worth, key=lambda one: -one.share)


def _rest(report: QualityReport) -> Iterator[Finding]:
    for name, table in report.tables.items():
        if table.freshness.stale:
            yield Finding("stale", name, table.freshness.age or 0, 0.0)
    who = report.customers
    if count := who.flagged["incomplete"]:
        yield Finding("incomplete", "", count, count / max(who.customers, 1))
    for attribute, share in sorted(who.missing.items(), key=lambda item: -item[1]):
        if share >= _HALF_KNOWN and attribute not in ("order", "interaction"):
            yield Finding("attribute", "", round(share * who.customers), share, attribute)
    if who.not_given:
        yield Finding("not_given", "", len(who.not_given), 0.0, ",".join(who.not_given))
    for name, table in report.tables.items():
        late = table.freshness.late_share or 0.0
        if late >= _LATE_SHARE:
            yield Finding("late", name, round(late * table.visible), late)
    for name, table in report.tables.items():
        if table.odd_codes:
            yield Finding("odd_codes", name, len(table.odd_codes), 0.0)
