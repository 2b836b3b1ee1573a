"""The report of a canary for people: a page in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from serving.domain.canary import CanaryPlan, CanaryReport

_VERDICTS = {"too_few": "too few", "differs": "**differs**", "not_shown": "not shown"}
_NAMES = {
    "referred": "referred to people",
    "alerted": "with an alert raised since the start",
    "overruled": "overruled by a panel since the start",
    "appealed": "appealed against since the start",
    "score": "score",
    "churn_probability": "churn probability",
    "ltv": "expected value",
    "realised:churned": "did churn",
    "realised:churn_brier": "churn promise missed by (Brier)",
    "realised:net_value": "did bring",
    "realised:ltv_error": "expected value missed by (mean)",
}


def page(plan: CanaryPlan, report: CanaryReport) -> str:
    """Return a report in Markdown."""
    found = report.comparison
    champion, canary = found["champion"], found["canary"]
    simulated = " **The customers are simulated.**" if found["simulated"] else ""
    allocation = found["allocation"]
    lines = [
        f"# Canary {_name(canary)} beside champion {_name(champion)}",
        "",
        f"Run {report.run_id}, as of {found['as_of']}; {found['runs']} runs since "
        f"{plan.started_at:%Y-%m-%d %H:%M} UTC.{simulated} Both sides are served what their own "
        "model says. Who is on which side is chance (a salted hash of the customer's id), so "
        "what differs beyond the interval is the model's doing.",
        "",
        f"Share: {100 * found['share']:.2f} % planned; {canary['customers']:,} of "
        f"{canary['customers'] + champion['customers']:,} customers, "
        f"{_percent(allocation)}.",
    ]
    if found["small"]:
        lines += [
            "",
            f"**One side has fewer than {found['smallest']} customers: nothing is said about "
            "differences.**",
        ]
    lines += [
        "",
        "## Figures: each with its 95 % interval, the difference is canary less champion",
        "",
        *_table(
            ["figure", "champion", "canary", "difference", "verdict"],
            [_row(each) for each in found["figures"]],
        ),
        "",
        "The intervals are each 95 % by itself: of twenty figures that are the same on both "
        "sides, one is expected to be told as different. “Not shown” is not “the same”.",
        "",
        "## Scores",
        "",
        *_table(
            ["side", *(f"{100 * each:.0f} %" for each in found["scores"]["quantiles"])],
            [_quantiles(found["scores"], side) for side in ("champion", "canary")],
        ),
        "",
        *_outcomes(found),
    ]
    return "\n".join(lines)


def _row(each: Mapping[str, Any]) -> list[str]:
    name = each["id"]
    title = f"in tier {name[5:]}" if name.startswith("tier:") else _NAMES[name]
    form = _percent if each["kind"] == "share" else _number
    unit = f", {each['unit']}" if each["unit"] else ""
    difference = form(each["difference"], signed=True)
    sides = [form(each[side]) for side in ("champion", "canary")]
    return [f"{title}{unit}", *sides, difference, _VERDICTS[each["verdict"]]]


def _percent(told: Mapping[str, Any], *, signed: bool = False) -> str:
    return _interval(told, "+.1%" if signed else ".1%")


def _number(told: Mapping[str, Any], *, signed: bool = False) -> str:
    return _interval(told, "+,.3g" if signed else ",.4g")


def _interval(told: Mapping[str, Any], form: str) -> str:
    value, lower, upper = told["value"], told["lower"], told["upper"]
    if value is None:
        return "–"
    said = format(value, form)
    if lower is None or upper is None:
        return said
    return f"{said} ({format(lower, form)} … {format(upper, form)})"


def _quantiles(scores: Mapping[str, Any], side: str) -> list[str]:
    quantiles = scores[side]["quantiles"] or [None] * len(scores["quantiles"])
    return [side, *("–" if each is None else f"{each:.1f}" for each in quantiles)]


def _outcomes(found: Mapping[str, Any]) -> list[str]:
    if found["churn_outcomes"] is None and found["value_outcomes"] is None:
        return ["What the customers did after they were graded is not known yet.", ""]
    return [
        f"What became of {what}: run {told['run_id']} of {told['as_of']}, the "
        f"{told['horizon_days']} days after it."
        for what, told in (
            ("the churn promise", found["churn_outcomes"]),
            ("the expected value", found["value_outcomes"]),
        )
        if told is not None
    ] + [""]


def _name(model: Mapping[str, Any]) -> str:
    return str(model["version"] or model["bundle_digest"][:12])


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    rule = ["---", *("---:" for _ in heads[1:])]
    return [f"| {' | '.join(line)} |" for line in (heads, rule, *rows)]
