"""How a dimension ends: one row a customer, every catalogue column, nulls by policy."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from features.schema import CATALOGUE, Dimension
from features.snapshot import SnapshotTables
from features.windows import window_days


def assemble(
    tables: SnapshotTables, dimension: Dimension, whole: ir.Table, *parts: ir.Table
) -> ir.Table:
    """Join the parts of a dimension on the customers of the snapshot.

    An indicator whose source columns are not all mapped is null for everybody: a column
    that was filled with a default says nothing about the customer. Otherwise a missing
    value becomes 0 where the catalogue's null policy is ``zero``. Indicators that are the
    latest assessment of some kind are added here; they have no code of their own.

    Parameters
    ----------
    whole
        One row for every customer of the spine: ``customer_id`` and columns named as the
        catalogue names them.
    parts
        Tables of some customers with ``customer_id`` and columns named as the catalogue names them.
    """
    wanted = [i for i in CATALOGUE.values() if i.dimension is dimension]
    if tables.assessments is not None and any(i.assessment is not None for i in wanted):
        parts = (*parts, latest_assessments(tables.assessments))
    joined = whole
    for number, part in enumerate(parts):
        joined = joined.left_join(part, "customer_id", rname=f"{{name}}_of_part_{number}")
    columns: dict[str, ir.Value] = {}
    for indicator in wanted:
        if not all(tables.has(column) for column in indicator.source):
            columns[indicator.name] = ibis.null("float64")
            continue
        measured = joined[indicator.name].cast("float64")
        if indicator.null_policy == "zero":
            measured = measured.fill_null(0.0)
        columns[indicator.name] = measured
    return joined.select("customer_id", **columns)


def latest_assessments(assessments: ir.Table) -> ir.Table:
    """Return the latest value of each indicator's kind of assessment, if it is in the window.

    Latest is by time; of two at the same instant, the one with the larger identifier (#33).
    The indicators of all dimensions come together, so that the engine reads the table once.
    """
    return assessments.group_by("customer_id").aggregate(
        **{
            indicator.name: assessments["value"].max(
                where=(assessments.kind == indicator.assessment)
                & (assessments.age < window_days(indicator.window))
            )
            for indicator in CATALOGUE.values()
            if indicator.assessment is not None
        }
    )
