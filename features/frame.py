"""The indicator frame: the customers of a snapshot ⟕ five dimensions, still lazy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import ibis.expr.types as ir

from features.dimensions.dynamic import dynamic
from features.dimensions.potential import potential
from features.dimensions.risk import risk
from features.dimensions.strategic import strategic
from features.dimensions.value import value
from features.schema import CATALOGUE, Dimension
from features.snapshot import Snapshot, SnapshotTables

if TYPE_CHECKING:
    from features.sources import Sources

DIMENSIONS: Mapping[Dimension, Callable[[SnapshotTables], ir.Table]] = MappingProxyType(
    {
        Dimension.VALUE: value,
        Dimension.POTENTIAL: potential,
        Dimension.RISK: risk,
        Dimension.STRATEGIC: strategic,
        Dimension.DYNAMIC: dynamic,
    }
)
"""The five dimensions (requirement #38): each maps tables to one row a customer."""


def indicator_frame(sources: Sources, snapshot: Snapshot) -> ir.Table:
    """Return ``customer_id`` and every catalogue indicator, one row a customer, unsorted.

    Customers are those with at least one visible purchase day.
    """
    tables = snapshot.cut(sources)
    frame = tables.spine.select("customer_id")
    for name, dimension in DIMENSIONS.items():
        frame = frame.left_join(dimension(tables), "customer_id", rname=f"{{name}}_of_{name}")
    return frame.select("customer_id", *CATALOGUE)
