"""How a dimension ends: one row a customer, every catalogue column, nulls by policy."""

from __future__ import annotations

from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from features.schema import CATALOGUE, Dimension
from features.snapshot import SnapshotTables
from features.windows import window_days


@dataclass(frozen=True, slots=True)
class Assembly:
    """A dimension in pieces, which an engine may join, or run one by one.

    Attributes
    ----------
    whole
        One row for every customer of the spine: ``customer_id`` and columns named as the
        catalogue names them.
    parts
        Tables of some customers, of the same form. A column is that of the first table
        which has it.
    assessments
        Rows of which indicators are the latest value of their kind; None without such ones.
    columns
        The indicators of the dimension, in the order of the catalogue.
    unmapped
        Those that are null for everybody.
    zeros
        Others, whose missing value is 0.
    """

    whole: ir.Table
    parts: tuple[ir.Table, ...]
    assessments: ir.Table | None
    columns: tuple[str, ...]
    unmapped: frozenset[str]
    zeros: frozenset[str]

    def joined(self) -> ir.Table:
        """Return ``customer_id`` and the indicators, one row for every customer."""
        joined, parts = self.whole, self.parts
        if self.assessments is not None:
            parts = (*parts, latest_assessments(self.assessments))
        for number, part in enumerate(parts):
            joined = joined.left_join(part, "customer_id", rname=f"{{name}}_of_part_{number}")
        columns: dict[str, ir.Value] = {}
        for name in self.columns:
            if name in self.unmapped:
                columns[name] = ibis.null("float64")
                continue
            measured = joined[name].cast("float64")
            columns[name] = measured.fill_null(0.0) if name in self.zeros else measured
        return joined.select("customer_id", **columns)


def assemble(
    tables: SnapshotTables, dimension: Dimension, whole: ir.Table, *parts: ir.Table
) -> Assembly:
    """Put a dimension together from tables of its customers (:class:`Assembly`).

    An indicator whose source columns are not all mapped is null for everybody: a column
    that was filled with a default says nothing about the customer. Otherwise a missing
    value becomes 0 where the catalogue's null policy is ``zero``. Indicators that are the
    latest assessment of some kind are added here; they have no code of their own.
    """
    wanted = [i for i in CATALOGUE.values() if i.dimension is dimension]
    assessed = any(i.assessment is not None for i in wanted)
    unmapped = frozenset(i.name for i in wanted if not all(map(tables.has, i.source)))
    return Assembly(
        whole=whole,
        parts=parts,
        assessments=tables.assessments if assessed else None,
        columns=tuple(i.name for i in wanted),
        unmapped=unmapped,
        zeros=frozenset(i.name for i in wanted if i.null_policy == "zero") - unmapped,
    )


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
