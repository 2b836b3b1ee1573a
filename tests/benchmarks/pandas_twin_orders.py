"""The pandas twin's indicators of order lines."""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.dimensions.value import CAPITAL_COST_RATE
from tests.benchmarks.pandas_twin_columns import (
    ID,
    Columns,
    change,
    count,
    positive,
    ratio,
    total,
    window,
)

YEAR = 365
PAIR = [ID, "category"]


def order_indicators(lines: pd.DataFrame, buyers: pd.DataFrame, events: Columns) -> Columns:
    """Return the indicators by name.

    Parameters
    ----------
    lines
        Visible lines that are not cancelled.
    buyers
        ``first_age`` and ``last_age`` of the purchase days, by customer.
    events
        What :func:`event_indicators` found.
    """
    sold = lines[~lines["is_return"]]
    days = sold.groupby([ID, "age"], as_index=False)["net_amount"].sum()
    return {
        **spend(lines, days, buyers),
        **profit(lines, buyers, events),
        **growth(lines, days, buyers),
        **categories(lines[lines["category"].notna()], buyers),
        **rhythm(days, buyers),
        **amounts(lines, days, buyers, events),
        **months(lines, days, buyers),
    }


def spend(lines: pd.DataFrame, days: pd.DataFrame, buyers: pd.DataFrame) -> Columns:
    net = total(window(lines, YEAR), "net_amount")
    order_days = count(window(days, YEAR))
    repeat = days[days["age"] != days[ID].map(buyers["first_age"])]
    return {
        "net_amount_30d": total(window(lines, 30), "net_amount"),
        "net_amount_90d": total(window(lines, 90), "net_amount"),
        "net_amount_180d": total(window(lines, 180), "net_amount"),
        "net_amount_365d": net,
        "net_amount_total": total(lines, "net_amount"),
        "order_days_365d": order_days,
        "average_order_value_365d": ratio(net, order_days),
        "repeat_order_value_mean": repeat.groupby(ID)["net_amount"].mean(),
        "order_days_30d": count(window(days, 30)),
        "order_days_90d": count(window(days, 90)),
        "repeat_count": count(days) - 1,
    }


def profit(lines: pd.DataFrame, buyers: pd.DataFrame, events: Columns) -> Columns:
    everyone = buyers.index

    def added(rows: pd.DataFrame, column: str) -> pd.Series:
        return total(rows, column).reindex(everyone, fill_value=0.0)

    year = window(lines, YEAR)
    sold = year[~year["is_return"]]
    net, bought = added(year, "net_amount"), added(sold, "net_amount")
    discount, rebate = added(sold, "discount"), added(sold, "rebate")
    costed = added(year[year["cost"].notna()], "net_amount")
    cost = added(year, "cost")
    earned = (costed - cost - rebate).round(4)
    earned = earned.where((net == 0) | (costed != 0) | (cost != 0))
    net_ever, cost_ever = added(lines, "net_amount"), added(lines, "cost")
    costed_ever = added(lines[lines["cost"].notna()], "net_amount")
    gross = costed_ever - cost_ever
    gross = gross.where((net_ever == 0) | (costed_ever != 0) | (cost_ever != 0))
    service = events["service"].reindex(everyone, fill_value=0.0)
    years = events["dso_days_365d"].reindex(everyone).fillna(0.0) / YEAR
    invested = positive(events["acquisition_cost"].reindex(everyone))
    carrying = net.clip(lower=0) * years * CAPITAL_COST_RATE
    return {
        "discount_rate_365d": ratio(discount, positive(bought + discount)).clip(0, 1),
        "gross_margin_rate_365d": ratio(costed - cost, positive(costed)).clip(-1, 1),
        "rebate_rate_365d": ratio(rebate, positive(bought)).clip(0, 1),
        "profit_contribution_rate_365d": ratio(earned, positive(costed)).clip(-1, 1),
        "profit_share_365d": (earned / positive(earned).sum(min_count=1)).clip(0, 1),
        "service_cost_rate_365d": ratio(service, positive(net)).clip(0, 1),
        "contribution_365d": earned - service - carrying,
        "acquisition_payback_ratio": ratio(gross, invested).clip(lower=0),
    }


def growth(lines: pd.DataFrame, days: pd.DataFrame, buyers: pd.DataFrame) -> Columns:
    everyone, tenure = buyers.index, buyers["first_age"]

    def net(length: int, *, ending: int = 0) -> pd.Series:
        rows = window(lines, length, ending=ending)
        return total(rows, "net_amount").reindex(everyone, fill_value=0.0)

    now, before = net(90), net(90, ending=90)
    days_now = count(window(days, 90)).reindex(everyone, fill_value=0)
    days_before = count(window(days, 90, ending=90)).reindex(everyone, fill_value=0)
    average_now, average_before = ratio(now, days_now), ratio(before, days_before)
    compared = average_now.notna() & average_before.notna()
    next_last_year = net(90, ending=YEAR - 90)
    season = np.nan
    if tenure.max() >= YEAR:
        season = season_index(pd.Series([next_last_year.sum()]), pd.Series([net(YEAR).sum()]))[0]
    return {
        "net_amount_growth_90d": change(now, before).where(tenure >= 90),
        "order_days_growth_90d": change(days_now, days_before).where(tenure >= 90),
        "average_order_value_growth_90d": change(average_now, average_before).where(compared),
        "net_amount_change_1y_90d": change(now, net(90, ending=YEAR)).where(tenure >= YEAR + 90),
        "net_amount_next_90d_last_year": next_last_year.where(tenure >= YEAR),
        "season_index_next_90d": pd.Series(season, everyone),
    }


def season_index(next_90d: pd.Series, year: pd.Series) -> pd.Series:
    return (next_90d * YEAR / (positive(year) * 90)).clip(0, YEAR / 90)


def categories(lines: pd.DataFrame, buyers: pd.DataFrame) -> Columns:
    """Trends, breadth and season of the categories, from lines that have one."""
    sold = lines[~lines["is_return"]]
    tenure = buyers["first_age"]
    first = sold.groupby(PAIR)["age"].max()
    year = window(lines, YEAR)
    net = year.groupby(PAIR)["net_amount"].sum().round(4)
    spent = net[net > 0]
    owned = window(sold, YEAR)[PAIR].drop_duplicates()
    share = spent / spent.groupby(ID).transform("sum")
    found: Columns = {
        "new_category_count_90d": (first < 90).groupby(ID).sum(),
        "category_breadth_rate_365d": count(owned) / owned["category"].nunique(),
        "category_concentration_365d": (share**2).groupby(ID).sum(),
        "season_index_category_next_90d": seasons(year, first, spent),
    }
    return found | trends(lines, window(sold, 180), tenure)


def seasons(year: pd.DataFrame, first: pd.Series, spent: pd.Series) -> pd.Series:
    """Return the mean season of a customer's categories, weighted by amount."""
    amount = year.groupby("category")["net_amount"].sum().round(4)
    next_90d = window(year, 90, ending=YEAR - 90).groupby("category")["net_amount"].sum().round(4)
    index = season_index(next_90d.reindex(amount.index, fill_value=0.0), amount).round(6)
    index = index.where(first.groupby("category").max().reindex(amount.index) >= YEAR).dropna()
    own = spent.rename("amount").reset_index()
    own = own[own["category"].isin(index.index)]
    own["weighted"] = own["amount"] * own["category"].map(index).astype("float64")
    sums = own.groupby(ID)[["weighted", "amount"]].sum()
    return ratio(sums["weighted"], sums["amount"])


def trends(lines: pd.DataFrame, bought: pd.DataFrame, tenure: pd.Series) -> Columns:
    """Compare the categories bought in 180 days, last 90 days against the 90 before."""
    pairs = pd.MultiIndex.from_frame(bought[PAIR].drop_duplicates())

    def net(ending: int) -> pd.Series:
        sums = window(lines, 90, ending=ending).groupby(PAIR)["net_amount"].sum().round(4)
        return sums.reindex(pairs, fill_value=0.0)

    moves = pd.DataFrame({"now": net(0), "before": net(90)})
    moves["step"] = (moves["now"] - moves["before"]).round(4)
    moves["weight"] = moves["now"].abs() + moves["before"].abs()
    size = moves["before"].abs()
    everything = moves.groupby(ID)[["now", "before", "weight"]].sum().round(4)
    all_change = change(everything["now"], everything["before"])
    apart = change(moves["now"], moves["before"]) - moves.index.get_level_values(ID).map(all_change)
    apart = (moves["weight"] * apart.abs()).groupby(ID).sum().where(all_change.notna())
    long_known = tenure >= 180
    growing = ((moves["step"] * 5).round(4) > size).groupby(ID).mean()
    declining = ((-moves["step"] * 5).round(4) > size).groupby(ID).mean()
    return {
        "category_count_180d": moves.groupby(ID).size(),
        "growing_category_rate_90d": growing.reindex(tenure.index).where(long_known),
        "declining_category_rate_90d": declining.reindex(tenure.index).where(long_known),
        "category_divergence_90d": (
            ratio(apart, everything["weight"]).reindex(tenure.index).where(long_known)
        ),
    }


def rhythm(days: pd.DataFrame, buyers: pd.DataFrame) -> Columns:
    days = days.sort_values([ID, "age"], ascending=[True, False])
    before = days.groupby(ID)["age"].shift()
    gap = before - days["age"]
    steps = gap.groupby(days[ID])
    mean = steps.mean()
    followed = ((gap <= 90) & (before >= 90)).groupby(days[ID]).sum()
    earlier = count(days[days["age"] >= 90])
    return {
        "days_since_last_order": buyers["last_age"],
        "last_order_age_days": buyers["first_age"] - buyers["last_age"],
        "tenure_days": buyers["first_age"],
        "recency_to_interval_ratio": ratio(buyers["last_age"], mean),
        "order_interval_cv": ratio(steps.std(ddof=0), mean).where(steps.count() >= 2),
        "repurchase_rate_90d": ratio(followed, earlier),
    }


def amounts(
    lines: pd.DataFrame, days: pd.DataFrame, buyers: pd.DataFrame, events: Columns
) -> Columns:
    year = window(lines, YEAR)
    sold, returned = year[~year["is_return"]], year[year["is_return"]]
    bought = total(sold, "net_amount")
    back = -total(returned, "net_amount").reindex(buyers.index, fill_value=0.0)
    custom = total(sold[sold["is_custom"]], "net_amount").reindex(bought.index, fill_value=0.0)
    spent = window(days, 730).groupby(ID)["net_amount"]
    largest, others = spent.max(), spent.size() - 1
    usual = ratio((spent.sum() - largest).round(4), others)
    net = total(year, "net_amount").reindex(buyers.index, fill_value=0.0)
    net_before = total(window(lines, YEAR, ending=YEAR), "net_amount").reindex(buyers.index)
    grown = ratio(net, positive(net_before)).clip(lower=0)
    order_days = count(window(days, YEAR))
    tickets = events["tickets_365d"].reindex(order_days.index, fill_value=0)
    return {
        "return_rate_365d": ratio(back, positive(bought)).clip(0, 1),
        "custom_order_share_365d": ratio(custom, positive(bought)).clip(0, 1),
        "largest_order_ratio_730d": ratio(largest, usual).where(others >= 4),
        "net_amount_jump_365d": grown.where(buyers["first_age"] >= 730),
        "ticket_rate_365d": ratio(tickets, order_days),
    }


def months(lines: pd.DataFrame, days: pd.DataFrame, buyers: pd.DataFrame) -> Columns:
    tenure = buyers["first_age"]
    half = window(lines, 180)
    by_month = half.groupby([ID, half["age"] // 30])["net_amount"].sum().round(4).unstack()
    net = by_month.reindex(index=buyers.index, columns=range(6)).fillna(0.0)  # 0 is the latest
    mean = net.mean(axis=1)
    slope = (net * (2.5 - np.arange(6)) / 17.5).sum(axis=1)
    step = net.sub(net.shift(-1, axis=1)).iloc[:, :5]
    existed = pd.DataFrame({k: tenure >= 30 * (k + 1) for k in range(5)})
    usual = net[[1, 2, 3]].sum(axis=1) / 3
    earlier = net[[2, 3, 4]].sum(axis=1) / 3
    whole = tenure >= 180
    active = window(days, 360)
    active = active.assign(month=active["age"] // 30)[[ID, "month"]].drop_duplicates()
    return {
        "net_amount_momentum_30d": change(net[0], usual).where(tenure >= 30),
        "net_amount_slope_6m": ratio(slope, positive(mean)).where(whole),
        "net_amount_cv_6m": ratio(net.std(axis=1, ddof=0), positive(mean)).where(whole),
        "net_amount_drop_2m": (1 - net[[0, 1]].max(axis=1) / positive(earlier))
        .clip(0, 1)
        .where(tenure >= 150),
        "declining_months": (step < 0).astype(int).cumprod(axis=1).sum(axis=1),
        "growing_months": ((step > 0) & existed).astype(int).cumprod(axis=1).sum(axis=1),
        "active_month_share_12m": (
            count(active).reindex(tenure.index, fill_value=0) / (tenure // 30 + 1).clip(upper=12)
        ),
    }
