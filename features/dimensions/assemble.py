"""How a dimension ends: one row a customer, every catalogue column, nulls by policy."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from features.schema import CATALOGUE, Dimension
from features.snapshot import SnapshotTables


def assemble(tables: SnapshotTables, dimension: Dimension, *parts: ir.Table) -> ir.Table:
    """Join the parts of a dimension on the customers of the snapshot.

    An indicator whose source columns are not all mapped is null for everybody: a column
    that was filled with a default says nothing about the customer. Otherwise a missing
    value becomes 0 where the catalogue's null policy is ``zero``.

    Parameters
    ----------
    parts
        Tables with ``customer_id`` and columns named as the catalogue names them.
    """
    joined = tables.spine.select("customer_id")
    for number, part in enumerate(parts):
        joined = joined.left_join(part, "customer_id", rname=f"{{name}}_of_part_{number}")
    columns: dict[str, ir.Value] = {}
    for indicator in CATALOGUE.values():
        if indicator.dimension is not dimension:
            continue
        if not all(tables.has(column) for column in indicator.source):
            columns[indicator.name] = ibis.null("float64")
            continue
        measured = joined[indicator.name].cast("float64")
        if indicator.null_policy == "zero":
            measured = measured.fill_null(0.0)
        columns[indicator.name] = measured
    return joined.select("customer_id", **columns)
