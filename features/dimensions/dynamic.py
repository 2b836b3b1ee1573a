"""Dynamic: what is changing right now (requirements #14, #26, #27, #29, #54, #58, #76, #87)."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from features.dimensions.assemble import Assembly, assemble
from features.schema import Dimension
from features.snapshot import SnapshotTables
from features.totals import net_between, purchase_days
from features.windows import (
    MONTH_DAYS,
    aged,
    change,
    falls_in_a_row,
    known_if,
    positive,
    ratio,
    relative_slope,
    variation,
)

MONTHS = 6
WEEKS = 12
CONTACTS = ("call", "visit", "mail")


def dynamic(tables: SnapshotTables) -> Assembly:
    """Return the dynamic indicators, one row a customer; a month has 30 days.

    ``order_days_30d``, ``order_days_90d``
        Purchase days in the window.
    ``net_amount_momentum_30d``
        ``change`` of the net amount of the last 30 days against a third of that of the
        90 before; unknown with a tenure below 30 days or where both are 0.
    ``net_amount_slope_6m``
        Least-squares slope per month of the net amount of the last six months over
        their mean; unknown with a tenure below 180 days or where the mean is not
        positive.
    ``net_amount_cv_6m``
        Population standard deviation of those six amounts over their mean; unknown in
        the same cases.
    ``net_amount_drop_2m``
        One minus the larger net amount of the last two months over a third of that of
        the 90 days before them, cut to 0..1: 0.5 says that both months brought at most half
        of a usual one. Unknown with a tenure below 150 days or where those 90 days
        brought nothing.
    ``declining_months``
        Latest of the five steps between those months in a row that fall, 0 to 5.
    ``growing_months``
        The same of steps that rise, counting only months since the one of the first
        purchase: to begin is not to grow.
    ``interaction_change_30d``
        ``change`` of the interactions of the last 30 days against the 30 before;
        unknown where both are 0.
    ``repeat_count``
        Purchase days after the first.
    ``last_order_age_days``
        Calendar days from the first purchase day to the last.
    ``repurchase_rate_90d``
        Share of the purchase days of 90 days ago or earlier that were followed by
        another within 90 days; unknown without such a day.
    ``interaction_count_90d``
        Interactions of the kinds call, visit and mail in the window.
    ``login_count_30d``, ``document_download_count_30d``
        Interactions of the kind login, and download, in the window.
    ``login_change_30d``, ``document_download_change_30d``
        ``change`` of those against the 30 days before; unknown where both are 0: who
        never logs in has not stopped to.
    ``login_week_share_12w``
        Share with a login of the last twelve weeks, counting only weeks since the one
        of the first purchase.
    """
    parts = [_trend(tables)]
    if tables.interactions is not None:
        parts += [_contacts(tables.interactions), _usage(tables, tables.interactions)]
    return assemble(tables, Dimension.DYNAMIC, *parts)


def _trend(tables: SnapshotTables) -> ir.Table:
    totals = tables.totals
    sums = totals.mutate(
        order_days_30d=purchase_days(totals, 0, 1),
        order_days_90d=purchase_days(totals, 0, 3),
        **{
            f"m{k}": net_between(totals, k * MONTH_DAYS, (k + 1) * MONTH_DAYS)
            for k in range(MONTHS)
        },
    )
    oldest_first = [sums[f"m{k}"] for k in reversed(range(MONTHS))]
    amounts = [amount.cast("float64") for amount in oldest_first]
    usual = (sums.m1 + sums.m2 + sums.m3).cast("float64") / 3.0
    # Where the relation had not begun there is no amount to rise from.
    fallen = [
        ibis.ifelse(sums.tenure >= k * MONTH_DAYS, -sums[f"m{k}"], ibis.null(sums.m0.type()))
        for k in reversed(range(MONTHS))
    ]
    whole = sums.tenure >= MONTHS * MONTH_DAYS
    settled = sums.tenure >= 5 * MONTH_DAYS
    before = sums.m2 + sums.m3 + sums.m4
    # Sums of decimals, divided once: a drop to exactly half is exactly 0.5.
    drop = ratio(before - 3 * ibis.greatest(sums.m0, sums.m1), positive(before)).clip(0.0, 1.0)
    earlier = sums.order_days - sums.order_days_90d
    return sums.select(
        "customer_id",
        "order_days_30d",
        "order_days_90d",
        net_amount_momentum_30d=known_if(sums.tenure >= MONTH_DAYS, change(sums.m0, usual)),
        net_amount_slope_6m=known_if(whole, relative_slope(amounts)),
        net_amount_cv_6m=known_if(whole, variation(amounts)),
        net_amount_drop_2m=known_if(settled, drop),
        declining_months=falls_in_a_row(oldest_first),
        growing_months=falls_in_a_row(fallen),
        repeat_count=sums.order_days - 1,
        last_order_age_days=sums.first_age - sums.last_age,
        repurchase_rate_90d=ratio(sums.followed_90d, earlier),
    )


def _contacts(interactions: ir.Table) -> ir.Table:
    recent = interactions.filter(aged(interactions.age, 90))
    kind = recent.kind
    now, before = aged(recent.age, 30), aged(recent.age, 30, ending=30)
    counts = recent.group_by("customer_id").aggregate(
        all_now=recent.count(where=now),
        all_before=recent.count(where=before),
        interaction_count_90d=recent.count(where=kind.isin(CONTACTS)),
        login_count_30d=recent.count(where=(kind == "login") & now),
        logins_before=recent.count(where=(kind == "login") & before),
        document_download_count_30d=recent.count(where=(kind == "download") & now),
        downloads_before=recent.count(where=(kind == "download") & before),
    )
    downloads = counts.document_download_count_30d
    return counts.select(
        "customer_id",
        "interaction_count_90d",
        "login_count_30d",
        "document_download_count_30d",
        interaction_change_30d=change(counts.all_now, counts.all_before),
        login_change_30d=change(counts.login_count_30d, counts.logins_before),
        document_download_change_30d=change(downloads, counts.downloads_before),
    )


def _usage(tables: SnapshotTables, interactions: ir.Table) -> ir.Table:
    logins = interactions.filter((interactions.kind == "login") & aged(interactions.age, WEEKS * 7))
    used = logins.select("customer_id", week=logins.age // 7).distinct()
    customers = tables.spine.select("customer_id", first_week=tables.spine.first_age // 7)
    weeks = used.inner_join(customers, "customer_id")
    weeks = weeks.filter(weeks.week <= weeks.first_week)
    share = ratio(weeks.count(), ibis.least(weeks.first_week.max() + 1, WEEKS))
    return weeks.group_by("customer_id").aggregate(login_week_share_12w=share)
