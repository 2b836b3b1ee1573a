"""What happened after a snapshot: churn, net value, contribution and lapsed contracts.

The only file that looks ahead. Only ``features.publish`` may import it; a test holds that law.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

import ibis
import ibis.expr.types as ir

from features.contract import CONTRACT
from features.dimensions.value import carrying_cost, where_costed
from features.errors import SnapshotError
from features.ledger import day_number, number_of
from features.receivables import days_sales_outstanding
from features.schema import CATALOGUE
from features.snapshot import Snapshot
from features.windows import instant

if TYPE_CHECKING:
    from features.sources import Sources

_DSO_DAYS = 365  # the window of days_sales_outstanding


@dataclass(frozen=True)
class Happened:
    """What customers did after a day, as it is known in the end.

    Late records and corrections count, ``known_at`` does not. Days are days since 1970-01-01,
    ``customer_id`` is text.

    Attributes
    ----------
    days
        One row a customer and day: ``is_purchase``; ``net``, decimal, returns counted
        negatively; ``costed`` and ``cost``, net and cost of the lines whose cost is known;
        ``rebate`` of the lines that are not returns.
    tickets
        ``day`` of resolution, ``service_cost``; None for a source without tickets.
    invoices
        ``day``, ``paid_day``, ``amount``, from a year before the day on; None likewise.
    contracts
        ``contract_id``, ``end_day``, ``renewed_day``; None where renewals are not told.
    """

    days: ir.Table
    tickets: ir.Table | None
    invoices: ir.Table | None
    contracts: ir.Table | None

    def tables(self) -> dict[str, ir.Table]:
        """Return the tables that exist, by name."""
        named = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {name: table for name, table in named.items() if table is not None}


def closed(sources: Sources, snapshot: Snapshot, horizon_days: int) -> bool:
    """Say whether the orders reach to the end of the horizon."""
    return snapshot.day + timedelta(days=horizon_days) <= sources.info.last_day


def happened(sources: Sources, after: date) -> Happened:
    """Fold what customers did after a day; lazy."""
    start = number_of(after)
    tickets, invoices, contracts = (
        _final(sources, name) for name in ("tickets", "invoices", "contracts")
    )
    if tickets is not None:
        done = tickets.mutate(day=day_number(tickets.resolved_at)).filter(lambda t: t.day > start)
        tickets = done.select("customer_id", "day", "service_cost")
    if invoices is not None:
        issued = invoices.mutate(day=day_number(invoices.occurred_at))
        issued = issued.filter(issued.day > start - _DSO_DAYS)
        paid = day_number(issued.paid_at)
        invoices = issued.select("customer_id", "day", "amount", paid_day=paid)
    if contracts is not None and sources.has("contracts.renewed_at"):
        ends, renewed = day_number(contracts.ends_at), day_number(contracts.renewed_at)
        contracts = contracts.select("contract_id", end_day=ends, renewed_day=renewed)
    else:
        contracts = None
    return Happened(_order_days(sources, start), tickets, invoices, contracts)


def outcome_table(
    sources: Sources,
    later: Happened,
    customers: ir.Table,
    snapshot: Snapshot,
    horizon_days: int,
    *,
    grace_days: int = 0,
) -> ir.Table:
    """Return what every customer did in ``(as_of, as_of + horizon_days]``; lazy, sorted.

    Parameters
    ----------
    later
        What :func:`happened` returned for this day or an earlier one.
    customers
        ``customer_id``: the customers of the snapshot.
    grace_days
        A contract renewed so many days after its end did not lapse.

    Returns
    -------
    ir.Table
        ``customer_id``; ``churned``, no purchase day in the horizon; ``net_value``, net
        amount in the horizon, 0 where nothing was bought; ``contribution``, the definition
        of ``contribution_365d`` over the horizon, with the ``dso_days_365d`` of its last
        day, null where that indicator would be; ``contract_lapsed``, 1 if a contract that
        was known to run at as_of and to end in the horizon ended there without renewal,
        0 if none did; null without such a contract, and while the grace of an unrenewed
        one is not over.

    Raises
    ------
    SnapshotError
        If the horizon is not positive, or ends after the last order of the data.
    """
    if horizon_days < 1:
        raise SnapshotError(
            f"A horizon of {horizon_days} days has no outcome.",
            hint="Give a horizon of one day or more.",
            horizon_days=horizon_days,
        )
    if not closed(sources, snapshot, horizon_days):
        raise SnapshotError(
            f"The {horizon_days} days after {snapshot.day} are not over: "
            f"the last order is of {sources.info.last_day}.",
            hint="Choose an earlier day or a shorter horizon.",
            as_of=snapshot.as_of.isoformat(),
            horizon_days=horizon_days,
            last_day=sources.info.last_day.isoformat(),
        )
    today = number_of(snapshot.day)
    end = today + horizon_days
    ahead = later.days.filter(later.days.day > today, later.days.day <= end)
    sums = ahead.group_by("customer_id").aggregate(
        bought=ahead.is_purchase.any(),
        **{name: ahead[name].sum() for name in ("net", "costed", "cost", "rebate")},
    )
    both = customers.select("customer_id").left_join(sums, "customer_id")
    both = both.select(
        "customer_id",
        bought=both.bought.fill_null(False),
        **{name: both[name].fill_null(0) for name in ("net", "costed", "cost", "rebate")},
    )
    told = both.select("customer_id", churned=~both.bought, net_value=both.net.cast("float64"))
    earned = _contribution(sources, later, both, today, end)
    lapsed = _lapsed(sources, later, customers, snapshot, end, grace_days)
    for part in (earned, lapsed):
        told = told.left_join(part, "customer_id").drop("customer_id_right")
    return told.order_by("customer_id")


def _contribution(
    sources: Sources, later: Happened, sums: ir.Table, today: int, end: int
) -> ir.Table:
    """Return ``customer_id`` and ``contribution`` of the horizon ``(today, end]``."""
    if not all(map(sources.has, CATALOGUE["contribution_365d"].source)):
        return sums.select("customer_id", contribution=ibis.null("float64"))
    assert later.tickets is not None  # the catalogue names columns of both tables
    assert later.invoices is not None
    served = later.tickets.filter(later.tickets.day > today, later.tickets.day <= end)
    service = served.group_by("customer_id").aggregate(service=served.service_cost.sum())
    bills = later.invoices.mutate(age=ibis.literal(end, "int32") - later.invoices.day)
    # What is paid after the horizon is unpaid in it, so that a closed outcome stays as it is.
    paid_age = ibis.literal(end, "int32") - bills.paid_day
    bills = bills.mutate(paid_age=ibis.ifelse(paid_age >= 0, paid_age, ibis.null("int32")))
    owed = days_sales_outstanding(bills.filter(bills.age >= 0))
    facts = sums.left_join(service, "customer_id", rname="{name}_served")
    facts = facts.left_join(owed, "customer_id", rname="{name}_owed")
    profit = where_costed(
        facts.costed - facts.cost - facts.rebate, facts.net, facts.costed, facts.cost
    )
    before_capital = (profit - facts.service.fill_null(0)).cast("float64")
    return facts.select(
        "customer_id",
        contribution=before_capital - carrying_cost(facts.net, facts.dso_days_365d),
    )


def _lapsed(
    sources: Sources,
    later: Happened,
    customers: ir.Table,
    snapshot: Snapshot,
    end: int,
    grace_days: int,
) -> ir.Table:
    """Return ``customer_id`` and ``contract_lapsed`` of the customers whom it concerns."""
    if later.contracts is None:
        return customers.select("customer_id", contract_lapsed=ibis.null("float64"))
    signed = sources.tables["contracts"]
    signed = signed.filter(signed.recorded_at <= instant(snapshot.known_at))
    if sources.info.versioned.get("contracts", False):
        signed = _latest(signed, CONTRACT["contracts"].key)
    due = day_number(signed.ends_at)
    running = signed.filter(
        signed.occurred_at <= instant(snapshot.as_of), due > number_of(snapshot.day), due <= end
    ).select("contract_id", "customer_id")
    # One put off by a correction goes on; one cut short by it has ended.
    final = running.inner_join(later.contracts, "contract_id")
    kept = (final.renewed_day <= final.end_day + grace_days).fill_null(False)
    lapsed = (final.end_day <= end) & ~kept
    last_day = number_of(sources.info.last_day)
    open_still = lapsed & (final.end_day + grace_days > last_day)
    fate = ibis.ifelse(open_still, ibis.null("float64"), lapsed.cast("float64"))
    fates = final.mutate(fate=fate, open_still=open_still)
    by_customer = fates.group_by("customer_id").aggregate(
        worst=fates.fate.max(), undecided=fates.open_still.any()
    )
    undecided = by_customer.undecided & (by_customer.worst.fill_null(0.0) < 1.0)
    return by_customer.select(
        "customer_id",
        contract_lapsed=ibis.ifelse(undecided, ibis.null("float64"), by_customer.worst),
    )


def _order_days(sources: Sources, start: int) -> ir.Table:
    orders = _final(sources, "orders")
    assert orders is not None  # the one table every source has
    lines = orders.mutate(day=day_number(orders.occurred_at)).filter(
        lambda t: t.day > start, ~orders.is_cancelled.fill_null(False)
    )
    sold = ~lines.is_return.fill_null(False)
    return lines.group_by("customer_id", "day").aggregate(
        is_purchase=sold.any(),
        net=lines.net_amount.sum(),
        costed=lines.net_amount.sum(where=lines.cost.notnull()).fill_null(0),
        cost=lines.cost.sum().fill_null(0),
        rebate=lines.rebate.sum(where=sold).fill_null(0),
    )


def _final(sources: Sources, name: str) -> ir.Table | None:
    """Return the last version of each row of a table, None where there is no table."""
    table = sources.table(name)
    if table is None or not sources.info.versioned.get(name, False):
        return table
    return _latest(table, CONTRACT[name].key)


def _latest(table: ir.Table, key: tuple[str, ...]) -> ir.Table:
    """Keep the row recorded last of each key."""
    order = ibis.row_number().over(group_by=list(key), order_by=ibis.desc("recorded_at"))
    return table.mutate(version__=order).filter(lambda t: t.version__ == 0).drop("version__")
