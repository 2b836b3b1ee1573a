"""Sources with one thing made worse, for stress tests: what would the grades do?

A perturbation changes the tables behind a snapshot and nothing else; the same
dimensions, bundle and scheme then run on them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

import ibis
import ibis.expr.types as ir

from features.errors import DataError
from features.snapshot import Snapshot
from features.windows import instant

if TYPE_CHECKING:
    from features.sources import Sources

_HASH_DIGITS = 8


@dataclass(frozen=True, slots=True)
class Perturbation:
    """One stress scenario on the data.

    Attributes
    ----------
    kind
        ``drop_orders``: whole orders vanish. ``delay_payments``: invoices are paid later.
    share
        Share of orders that vanish, 0 to 1; only for ``drop_orders``.
    days
        Delay in days, 0 or more; only for ``delay_payments``.
    window_days
        Only what happened in these days before as_of is touched; None for everything.
    seed
        Another seed drops other orders.
    """

    kind: Literal["drop_orders", "delay_payments"]
    share: float | None = None
    days: int | None = None
    window_days: int | None = None
    seed: int = 0


def perturb(sources: Sources, snapshot: Snapshot, perturbation: Perturbation) -> Sources:
    """Return a copy of the sources with the perturbation applied; still lazy.

    Raises
    ------
    DataError
        If the table it changes does not exist, or the perturbation lacks its size.
    """
    if perturbation.kind == "drop_orders":
        share = perturbation.share
        if share is None or not 0.0 <= share <= 1.0:
            raise _refusal(perturbation, "a share from 0 to 1", share)
        return sources.replace(
            orders=_drop(_table(sources, "orders"), snapshot, perturbation, share)
        )
    days = perturbation.days
    if days is None or days < 0:
        raise _refusal(perturbation, "a delay of 0 days or more", days)
    return sources.replace(
        invoices=_delay(_table(sources, "invoices"), snapshot, perturbation, days)
    )


def _drop(orders: ir.Table, snapshot: Snapshot, p: Perturbation, share: float) -> ir.Table:
    # A cryptographic hash of the order number: the same on every engine and version,
    # and all lines of an order share its fate.
    digest = (orders.order_id + f":{p.seed}").hexdigest("sha256").lower()[:_HASH_DIGITS]
    limit = round(share * 16**_HASH_DIGITS)
    if limit == 16**_HASH_DIGITS:
        vanishes: ir.BooleanValue = ibis.literal(True)
    else:
        vanishes = digest < f"{limit:0{_HASH_DIGITS}x}"
    return orders.filter(~(_touched(orders, snapshot, p) & vanishes))


def _delay(invoices: ir.Table, snapshot: Snapshot, p: Perturbation, days: int) -> ir.Table:
    later = invoices.paid_at + ibis.interval(days=days)
    return invoices.mutate(
        paid_at=ibis.ifelse(_touched(invoices, snapshot, p), later, invoices.paid_at)
    )


def _touched(table: ir.Table, snapshot: Snapshot, p: Perturbation) -> ir.BooleanValue:
    if p.window_days is None:
        return ibis.literal(True)
    first = snapshot.as_of - timedelta(days=p.window_days)
    occurred = table.occurred_at
    return (occurred > instant(first)) & (occurred <= instant(snapshot.as_of))


def _table(sources: Sources, name: str) -> ir.Table:
    table = sources.table(name)
    if table is None:
        raise DataError(
            f"The sources have no table {name!r} to perturb.",
            hint="Leave this scenario out for this world.",
            table=name,
            world=sources.info.world,
        )
    return table


def _refusal(perturbation: Perturbation, wanted: str, got: float | None) -> DataError:
    return DataError(
        f"The perturbation {perturbation.kind!r} needs {wanted}, got {got}.",
        hint="Correct the scenario file.",
        kind=perturbation.kind,
    )
