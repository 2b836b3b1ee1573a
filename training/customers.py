"""What is known of customers beyond their indicators."""

from __future__ import annotations

from collections.abc import Mapping

from features.sources import Sources


def industries(sources: Sources) -> Mapping[str, str]:
    """Return each customer's industry, the latest on record; empty where no source tells it."""
    return _latest(sources, "industry")


def owners(sources: Sources) -> Mapping[str, str]:
    """Return each customer's account manager, the latest on record; empty where none is told."""
    return _latest(sources, "owner")


def _latest(sources: Sources, column: str) -> Mapping[str, str]:
    table = sources.table("customers")
    if table is None or not sources.has(f"customers.{column}"):
        return {}
    rows = table.order_by("recorded_at").select("customer_id", column).to_pyarrow()
    known = zip(rows["customer_id"].to_pylist(), rows[column].to_pylist(), strict=True)
    return {customer: told for customer, told in known if told}
