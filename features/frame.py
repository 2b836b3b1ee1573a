"""The indicator frame: the customers of a snapshot ⟕ five dimensions, still lazy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import ibis.expr.types as ir

from features.dimensions.assemble import Assembly
from features.dimensions.dynamic import dynamic
from features.dimensions.potential import potential
from features.dimensions.risk import risk
from features.dimensions.strategic import strategic
from features.dimensions.value import value
from features.schema import CATALOGUE, Dimension
from features.snapshot import SnapshotTables

DIMENSIONS: Mapping[Dimension, Callable[[SnapshotTables], Assembly]] = MappingProxyType(
    {
        Dimension.VALUE: value,
        Dimension.POTENTIAL: potential,
        Dimension.RISK: risk,
        Dimension.STRATEGIC: strategic,
        Dimension.DYNAMIC: dynamic,
    }
)
"""The five dimensions (requirement #38): each maps tables to the pieces of one row a customer."""


def indicator_frame(tables: SnapshotTables, codes: ir.Table) -> ir.Table:
    """Return ``customer_id`` and every catalogue indicator, one row a customer, sorted.

    Customers are those with at least one visible purchase day.

    Parameters
    ----------
    tables
        What a snapshot sees.
    codes
        ``customer_id``, the text, and ``code``, its whole number in ``tables``.
    """
    frame = codes
    for name, dimension in DIMENSIONS.items():
        part = dimension(tables).joined().rename(**{f"code_of_{name}": "customer_id"})
        frame = frame.inner_join(part, [frame.code == part[f"code_of_{name}"]])
    named = frame.order_by("code")
    return named.select("customer_id", *CATALOGUE)
