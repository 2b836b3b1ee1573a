"""Assess the sources at a snapshot: every query of the report, in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from features.contract import CONTRACT
from features.door.reconciliation import ROWS
from features.quality.accuracy import DELIBERATE, Accuracy
from features.quality.codes import odd_codes
from features.quality.customers import ATTRIBUTES, BoolArray, Customers, customers
from features.quality.examples import examples
from features.quality.findings import findings
from features.quality.flags import flags, missing_counts
from features.quality.follow_up import challenged_lines, follow_up, top_days
from features.quality.jumps import jumps
from features.quality.references import market_match, references
from features.quality.report import CustomerQuality, QualityReport, References, TableQuality
from features.quality.tables import counts, freshness
from features.quality.view import View, opened
from features.schema import IndicatorFrame
from features.snapshot import Snapshot
from features.sources import Sources


def quality(
    sources: Sources,
    snapshot: Snapshot,
    frame: IndicatorFrame | None = None,
    *,
    folder: Path | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> QualityReport:
    """Report on the sources at a snapshot.

    Parameters
    ----------
    sources
        Opened sources.
    snapshot
        What may be seen.
    frame
        The indicators of that snapshot, for their completeness and for the jumps.
    folder
        Where the sources lie, for examples of refused rows; None gives none.
    progress
        Called with what is being done, steps done, and steps in all.
    """
    tell = progress or (lambda _text, _done, _total: None)
    steps = len(sources.tables) + 2
    with opened(sources, snapshot) as view:
        tell("check customers", 0, steps)
        who = customers(view)
        found = jumps(view, who, frame)
        raised = flags(who, found)
        tops = top_days(view, who, found.challenged)
        challenged = challenged_lines(view, who, found, tops)
        tell("check references", 1, steps)
        pointing = references(view, who)
        tables = {}
        for done, name in enumerate(view.tables, start=2):
            tell(f"check {name}", done, steps)
            lines = challenged if name == "orders" else 0
            tables[name] = _table(view, name, pointing[name], lines, folder)
        report = QualityReport(
            world=sources.info.world,
            currency=sources.info.currency,
            simulated=sources.info.simulated,
            terms=sources.info.terms,
            as_of=snapshot.as_of,
            known_at=snapshot.known_at,
            tables=tables,
            absent_tables=tuple(name for name in CONTRACT if name not in sources.tables),
            customers=_customers(who, raised),
            market=market_match(view),
            follow_up=follow_up(view, who, raised, found, tops),
            completeness={} if frame is None else _completeness(frame),
        )
    tell("check", steps, steps)
    return replace(report, findings=findings(report))


def _table(
    view: View, name: str, pointing: References, challenged: int, folder: Path | None
) -> TableQuality:
    info, counted = view.sources.info, counts(view, name)
    refused = dict(info.quarantined[name])
    faulty = sum(rows for reason, rows in refused.items() if reason not in DELIBERATE)
    given, kept = view.given(name), info.totals.get(name, {})
    return TableQuality(
        rows=info.rows[name],
        visible=counted.visible,
        superseded=counted.superseded,
        later=counted.later,
        refused=refused,
        causes=info.causes.get(name, ()),
        examples={} if folder is None else examples(folder, name, view.sources.connection),
        totals={column: kept[column] for column in (ROWS, *given) if column in kept},
        systems=info.systems.get(name, {}),
        missing=counted.missing,
        absent=tuple(c for c in CONTRACT[name].column_names if c not in given),
        freshness=freshness(view, name),
        references=pointing,
        odd_codes=odd_codes(view, name),
        accuracy=Accuracy(counted.visible + faulty, faulty, pointing.orphans, challenged),
    )


def _customers(who: Customers, raised: Mapping[str, BoolArray]) -> CustomerQuality:
    n = max(len(who), 1)
    missing = {name: float((~known).sum()) / n for name, known in who.has.items()}
    buyers = int(who.has["order"].sum())
    lacking = np.bincount(missing_counts(who), minlength=len(who.has) + 1)
    return CustomerQuality(
        customers=len(who),
        with_orders=buyers,
        without_orders=len(who) - buyers,
        unlisted=int((~who.listed).sum()),
        missing=missing,
        not_given=tuple(name for name in ATTRIBUTES if name not in who.has),
        missing_counts=tuple(int(count) for count in lacking),
        industry_missing=missing.get("industry"),
        flagged={name: int(flag.sum()) for name, flag in raised.items()},
        to_follow_up=int(np.logical_or.reduce(list(raised.values())).sum()),
    )


def _completeness(frame: IndicatorFrame) -> dict[str, float]:
    if not len(frame):
        return dict.fromkeys(frame.columns, 0.0)
    share = 1 - np.isnan(frame.values).mean(axis=0)
    return {name: float(value) for name, value in zip(frame.columns, share, strict=True)}
