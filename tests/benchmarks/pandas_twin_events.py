"""The pandas twin's indicators of every table but orders."""

from __future__ import annotations

import pandas as pd

from features.dimensions.risk_relation import CREDIT_SCORES
from features.schema import CATALOGUE
from features.windows import window_days
from tests.benchmarks.pandas_twin_columns import (
    ID,
    Columns,
    Frames,
    change,
    count,
    ratio,
    total,
    window,
)

SECONDS_PER_DAY = 86_400


def event_indicators(seen: Frames, buyers: pd.DataFrame) -> Columns:
    """Return the indicators by name; those that divide by orders come as their numerators.

    ``service``, ``tickets_365d`` are such numerators.
    """
    return {
        **payments(seen["invoices"]),
        **service(seen["tickets"]),
        **contacts(seen["interactions"], buyers),
        **persons(seen["contacts"]),
        **contracts(seen["contracts"]),
        **surveys(seen["surveys"]),
        **assessments(seen["assessments"]),
        **accounts(seen["customers"], seen["market"], buyers),
    }


def payments(invoices: pd.DataFrame) -> Columns:
    owed = invoices[invoices["amount"] > 0]
    issued = window(owed, 365).copy()
    issued["weighted"] = issued["amount"] * (issued["age"] - issued["paid_age"].fillna(0))
    amount = total(issued, "amount")
    disputed = total(issued[issued["is_disputed"]], "amount").reindex(amount.index, fill_value=0)
    due = owed[(owed["due_age"] >= 0) & (owed["due_age"] < 365)]
    due_amount = total(due, "amount")
    on_time = total(due[due["paid_age"] >= due["due_age"]], "amount")
    overdue = owed[owed["paid_at"].isna() & (owed["due_age"] > 0)]
    return {
        "dso_days_365d": ratio(total(issued, "weighted"), amount),
        "dispute_rate_365d": ratio(disputed, amount),
        "on_time_collection_rate_365d": ratio(
            on_time.reindex(due_amount.index, fill_value=0), due_amount
        ),
        "overdue_amount": total(overdue, "amount"),
        "max_overdue_days": overdue.groupby(ID)["due_age"].max(),
    }


def service(tickets: pd.DataFrame) -> Columns:
    opened = window(tickets, 365)
    complaints = tickets[tickets["is_complaint"]]
    resolved = tickets[(tickets["resolved_age"] >= 0) & (tickets["resolved_age"] < 365)].copy()
    resolved["seconds"] = seconds(resolved, "resolved_at")
    response = tickets["first_response_age"]
    answered = tickets[(response >= 0) & (response < 365)].copy()
    answered["seconds"] = seconds(answered, "first_response_at").clip(lower=0)
    n_opened = count(opened)
    n_closed = count(opened[opened["resolved_at"].notna()]).reindex(n_opened.index, fill_value=0)
    return {
        "complaint_count_180d": count(window(complaints, 180)),
        "complaint_count_30d": count(window(complaints, 30)),
        "open_ticket_count": count(tickets[tickets["resolved_at"].isna()]),
        "complaint_open_days": complaints[complaints["resolved_at"].isna()]
        .groupby(ID)["age"]
        .max(),
        "resolution_days_mean_365d": resolved.groupby(ID)["seconds"].mean() / SECONDS_PER_DAY,
        "first_response_days_mean_365d": answered.groupby(ID)["seconds"].mean() / SECONDS_PER_DAY,
        "resolution_rate_365d": ratio(n_closed, n_opened),
        "csat_mean_365d": opened["csat"].round(6).groupby(opened[ID]).mean(),
        "low_csat_streak": streaks(tickets),
        "tickets_365d": n_opened,
        "service": total(resolved, "service_cost"),
    }


def seconds(tickets: pd.DataFrame, later: str) -> pd.Series:
    passed = tickets[later].dt.floor("s") - tickets["occurred_at"].dt.floor("s")
    return passed.dt.total_seconds()


def streaks(tickets: pd.DataFrame) -> pd.Series:
    rated = tickets[tickets["csat"].notna()].copy()
    rated["moment"] = rated["resolved_at"].fillna(rated["occurred_at"])
    rated = rated.sort_values(["moment", "ticket_id"], ascending=False)
    good = (rated["csat"] >= 80).groupby(rated[ID]).cumsum()
    return (good == 0).groupby(rated[ID]).sum()


def contacts(interactions: pd.DataFrame, buyers: pd.DataFrame) -> Columns:
    kind = interactions["kind"]
    logins, downloads = interactions[kind == "login"], interactions[kind == "download"]
    recent = window(interactions, 180)
    found: Columns = {
        "interaction_change_30d": month_on_month(interactions),
        "login_change_30d": month_on_month(logins),
        "document_download_change_30d": month_on_month(downloads),
        "login_count_30d": count(window(logins, 30)),
        "document_download_count_30d": count(window(downloads, 30)),
        "interaction_count_90d": count(
            window(interactions[kind.isin(["call", "visit", "mail"])], 90)
        ),
        "enquiry_count_90d": count(window(interactions[kind == "enquiry"], 90)),
        "meeting_count_180d": count(recent[recent["kind"] == "meeting"]),
        "inbound_interaction_count_180d": count(recent[recent["is_inbound"]]),
        "outbound_interaction_count_180d": count(recent[~recent["is_inbound"]]),
    }
    weeks = window(logins, 84)[[ID, "age"]]
    weeks = weeks.assign(week=weeks["age"] // 7)[[ID, "week"]].drop_duplicates()
    weeks = weeks.merge((buyers["first_age"] // 7).rename("first").reset_index(), on=ID)
    used = count(weeks[weeks["week"] <= weeks["first"]])
    existing = (buyers["first_age"] // 7 + 1).clip(upper=12)
    found["login_week_share_12w"] = used / existing
    return found


def month_on_month(interactions: pd.DataFrame) -> pd.Series:
    return change(count(window(interactions, 30)), count(window(interactions, 30, ending=30)))


def persons(rows: pd.DataFrame) -> Columns:
    left = rows[(rows["left_age"] >= 0) & (rows["left_age"] < 730)]
    known = count(rows).index
    stated = rows[rows["approval_levels"].notna()].sort_values(["occurred_at", "contact_id"])
    return {
        "contact_change_count_730d": count(left).reindex(known, fill_value=0),
        "contact_tenure_days": rows[rows["left_at"].isna()].groupby(ID)["age"].min(),
        "approval_level_count": stated.groupby(ID)["approval_levels"].last(),
    }


def contracts(rows: pd.DataFrame) -> Columns:
    ended = rows[(rows["ends_age"] >= 0) & (rows["ends_age"] < 730)]
    decided = ended[ended["is_fulfilled"].notna()]
    due = rows[(rows["ends_age"] < 0) & rows["renewed_at"].isna()]
    return {
        "contract_renewal_rate_730d": ended["renewed_at"].notna().groupby(ended[ID]).mean(),
        "contract_fulfilment_rate_730d": (
            decided["is_fulfilled"].astype("float64").groupby(decided[ID]).mean()
        ),
        "active_contract_value": total(rows[rows["ends_age"] < 0], "value"),
        "contract_days_to_end": -due.groupby(ID)["ends_age"].max(),
        "contract_ended_count_730d": ended.groupby(ID).size(),
    }


def surveys(rows: pd.DataFrame) -> Columns:
    asked = window(rows[rows["nps"].notna()], 730).sort_values(["occurred_at", "survey_id"])
    recent = window(rows, 365)
    return {
        "nps_latest_730d": asked.groupby(ID)["nps"].last() * 10,
        "survey_csat_mean_365d": recent["csat"].round(6).groupby(recent[ID]).mean(),
    }


def assessments(rows: pd.DataFrame) -> Columns:
    ordered = rows.sort_values(["occurred_at", "assessment_id"])
    latest = ordered.drop_duplicates([ID, "kind"], keep="last")
    found: Columns = {}
    for name, indicator in CATALOGUE.items():
        if indicator.assessment is not None:
            kind = latest[latest["kind"] == indicator.assessment]
            found[name] = window(kind, window_days(indicator.window)).set_index(ID)["value"]
    return found


def accounts(rows: pd.DataFrame, market: pd.DataFrame, buyers: pd.DataFrame) -> Columns:
    rows = rows.set_index(ID)
    new = buyers.index[buyers["first_age"] < 730]
    named = rows.loc[rows.index.intersection(new), "referrer_id"]
    named = named[named.notna() & (named != named.index)]
    outlook = industries(market)
    return {
        "acquisition_cost": rows["acquisition_cost"],
        "credit_grade_score": rows["credit_grade"].str.strip().str.upper().map(CREDIT_SCORES),
        "referral_count_730d": named.value_counts(),
        "industry_index_change_12m": rows["industry"].map(outlook["change"]),
        "policy_impact_365d": rows["industry"].map(outlook["policy"]),
    }


def industries(market: pd.DataFrame) -> pd.DataFrame:
    values = market.assign(value=market["value"].round(6))
    index, policy = values[values["kind"] == "index"], values[values["kind"] == "policy"]
    now = window(index, 90).groupby("industry")["value"].mean()
    before = window(index, 90, ending=365).groupby("industry")["value"].mean()
    both = now.index.intersection(before.index)
    return pd.DataFrame(
        {
            "change": change(now[both], before[both]),
            "policy": window(policy, 365).groupby("industry")["value"].mean().clip(-1, 1),
        }
    )
