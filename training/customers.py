"""What is known of customers beyond their indicators."""

from __future__ import annotations

from collections.abc import Mapping

from features.sources import Sources


def industries(sources: Sources) -> Mapping[str, str]:
    """Return each customer's industry, the latest on record; empty where no source tells it."""
    table = sources.table("customers")
    if table is None or not sources.has("customers.industry"):
        return {}
    rows = table.order_by("recorded_at").select("customer_id", "industry").to_pyarrow()
    known = zip(rows["customer_id"].to_pylist(), rows["industry"].to_pylist(), strict=True)
    return {customer: industry for customer, industry in known if industry}
