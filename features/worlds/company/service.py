"""Tickets and surveys of the simulated company: opinions fall and complaints rise before churn."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from features.worlds.company.accounts import Accounts
from features.worlds.company.columns import ids, pick, table
from features.worlds.company.seasons import DAYS, SEASON, WORKDAY, clock, lateness
from features.worlds.company.streams import arrivals, stream

TICKET_NUMBERS = 100_000
"""Ticket and survey numbers set aside for a block."""

_COMPLAINTS = (
    *("货物破损，要求换货", "交期延误三周，产线停工", "发错型号，请尽快处理"),
    *("质量不稳定，考虑更换供应商", "发票金额有误，已多次反映", "售后响应太慢"),
    *("Goods arrived damaged, replacement wanted", "Wrong type delivered again"),
    *("Delivery three weeks late, our line stands still", "Quality varies from batch to batch"),
)
_QUESTIONS = (
    *("咨询安装尺寸", "索取检测报告", "询问交货时间", "请求技术支持", "需要更新报价"),
    *("账户登录问题", "Question about mounting dimensions", "Please send the test report"),
    *("When will it be delivered?", "Help with commissioning"),
)
_TEXTS = (*_COMPLAINTS, *_QUESTIONS)
_SEVERITY = ("low", "normal", "high")


def tickets(seed: int, block: int, a: Accounts, accounts: int) -> pa.Table:
    """Return the tickets of a block."""
    rng = stream(seed, block, "tickets")
    base = (0.9 + 24 * a.rate) / 365 * np.exp(-0.35 * a.satisfaction + 0.4 * a.demanding)
    most = 4 * WORKDAY.max()
    who, day = arrivals(rng, base * most, a.start, np.minimum(a.churn + 10, DAYS))
    chance = (1 + 3 * a.distress(who, day)) * WORKDAY[day] / most
    kept = rng.random(len(who)) < chance
    who, day = who[kept], day[kept]
    n, mood, trouble = len(who), a.satisfaction[who], a.distress(who, day)
    opened = day + clock(rng, n)
    complaint = rng.random(n) < 1 / (1 + np.exp(1.3 + 0.7 * mood - 1.8 * trouble))
    responded = opened + rng.lognormal(-1.6 - 0.2 * mood, 0.8, n)
    resolved = responded + rng.lognormal(0.7 - 0.3 * mood + 0.5 * complaint, 0.8, n)
    opinion = 80 + 11 * mood - 14 * complaint - 1.2 * (resolved - opened)
    opinion += rng.normal(0, 9, n) - 8 * trouble
    over = resolved < DAYS
    told = (rng.random(n) < 0.6) & over
    severity = rng.choice(3, n, p=[0.4, 0.45, 0.15])
    cost = rng.lognormal(5.0 + 0.5 * severity + 0.6 * complaint + 0.5 * a.demanding[who], 0.6, n)
    template = rng.integers(0, len(_COMPLAINTS), n) + np.where(complaint, 0, len(_COMPLAINTS))
    columns = {
        "ticket_id": ids("T", block * TICKET_NUMBERS + np.arange(n) + 1, 10),
        "occurred_at": opened,
        "recorded_at": opened + lateness(rng, n),
        "first_response_at": np.where(responded < DAYS, responded, np.nan),
        "resolved_at": np.where(over, resolved, np.nan),
        "severity": pick(_SEVERITY, severity),
        "is_complaint": complaint,
        "csat": np.where(told, np.clip(np.round(opinion), 0, 100), np.nan),
        "service_cost": np.where(over, cost, np.nan),
        "text": pick(_TEXTS, template),
    }
    return table("tickets", who, a.first, columns, accounts=accounts)


def surveys(seed: int, block: int, a: Accounts, accounts: int) -> pa.Table:
    """Return the answered surveys of a block, about one account and year."""
    rng = stream(seed, block, "surveys")
    most = SEASON[:DAYS].max()
    per_day = np.full(len(a.start), 1.1 / 365 * most)
    who, day = arrivals(rng, per_day, a.start + 20, np.minimum(a.churn, DAYS))
    kept = rng.random(len(who)) < SEASON[day] / most
    who, day = who[kept], day[kept]
    n, mood, trouble = len(who), a.satisfaction[who], a.distress(who, day)
    answered = day + clock(rng, n)
    recommend = np.clip(np.round(7.4 + 1.3 * mood - 2.5 * trouble + rng.normal(0, 1.4, n)), 0, 10)
    content = np.clip(np.round(79 + 10 * mood - 18 * trouble + rng.normal(0, 8, n)), 0, 100)
    columns = {
        "survey_id": ids("U", block * TICKET_NUMBERS + np.arange(n) + 1, 10),
        "occurred_at": answered,
        "recorded_at": answered + lateness(rng, n),
        "nps": np.where(rng.random(n) < 0.9, recommend, np.nan),
        "csat": np.where(rng.random(n) < 0.8, content, np.nan),
    }
    return table("surveys", who, a.first, columns, accounts=accounts)
