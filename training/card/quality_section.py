"""The model card's parts on tiers by two definitions, on parts of the customers, on indicators.

Sentences and tables of a backtest report in either language. What an older report did not
measure is left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from features.schema import CATALOGUE
from tiering.policy import Scheme
from training.card.wording import Language
from training.evaluation.indicators import LIMIT
from training.evaluation.report import POOLED, BacktestReport, SliceRow

Words = Mapping[str, str]
Table = list[list[str]]


def chapters(
    report: BacktestReport, scheme: Scheme, text: Words, language: Language
) -> list[tuple[str, list[str], Table, tuple[str, ...]]]:
    """Return title, sentences, table and figures of each part that the report has figures for."""
    told: list[tuple[str, list[str], Table, tuple[str, ...]]] = [
        (
            "parts",
            [text["slices_text"], *slice_sentences(report, text)],
            slice_table(report, text),
            ("parts",) if bias_points(report, text) else (),
        ),
        (
            "indicators",
            indicator_sentences(report, text),
            indicator_table(report, scheme, text, language),
            ("indicators",),
        ),
        (
            "weights",
            weight_sentences(report, text),
            weight_table(report, scheme, text, language),
            (),
        ),
    ]
    return [chapter for chapter in told if chapter[2]]


def definition_table(report: BacktestReport, text: Words) -> Table:
    """Return the given tiers beside those of both definitions of right, header first."""
    rows = [
        [
            text[name],
            f"{row.n:,}",
            *(_percent(x) for x in (row.accuracy, row.within_one, row.too_high, row.too_low)),
            *(_percent(x) for x in (row.majority, row.auto_accuracy)),
        ]
        for name, of in (("by_hindsight", report.tiers), ("by_value", report.value_tiers))
        for row in of
        if row.origin == POOLED
    ]
    names = ("right_by", "n", "accuracy", "within_one", "too_high", "too_low", "majority", "auto")
    return [[text[f"tier_{name}"] if name != "n" else text["n"] for name in names], *rows]


def steadiness(report: BacktestReport, text: Words) -> list[str]:
    """Return how often tiers changed and changed back, in a sentence; none if not measured."""
    told = report.stability
    if told.get("reversal_rate") is None:
        return []
    names = ("change_rate", "reversal_rate", "hindsight_change_rate", "hindsight_reversal_rate")
    shares = {name: _percent(_number(told.get(name))) for name in names}
    return [text["stability_text"].format(**shares, triples=f"{told['triples']:,}")]


def slice_sentences(report: BacktestReport, text: Words) -> list[str]:
    """Return how much the grades lean on past spend, and whom that undervalues."""
    told = report.history
    if not told:
        return []
    names = ("score", "forecast", "realised")
    ranks = {name: _figure(_number(told[f"{name}_on_past_spend"])) for name in names}
    limit = f"{told['limit']:.0%}"
    found = [
        text["history_text"].format(
            **ranks, beyond=_figure(_number(told["beyond_past_spend"])), limit=limit
        )
    ]
    parts = text["and_list"].join(
        f"{part_name(each['by'], each['part'], text)} ({_signed(each['bias_beside_all'])})"
        for each in told["undervalued"]
    )
    key = "undervalued_text" if parts else "nobody_undervalued"
    return [*found, text[key].format(parts=parts, limit=limit)]


def slice_table(report: BacktestReport, text: Words) -> Table:
    """Return the served model's figures by part of the customers, header first."""
    names = ("part", "n", "auc", "churn_bias", "mae", "ltv_bias", "tier_accuracy", "tier_value")
    rows = []
    for (by, part), of in _by_part(report).items():
        churn, ltv, tier = of.get("churn"), of.get("ltv"), of.get("tier")
        size = max(row.n for row in of.values())
        rows.append(
            [
                part_name(by, part, text),
                f"{size:,}",
                _figure(_metric(churn, "auc")),
                _interval(churn, "bias", text),
                _figure(_metric(ltv, "mae")),
                _interval(ltv, "bias", text),
                _percent(_metric(tier, "accuracy")),
                _percent(_metric(tier, "value_accuracy")),
            ]
        )
    return [[text[f"slice_{name}"] for name in names], *rows] if rows else []


def bias_points(report: BacktestReport, text: Words) -> list[tuple[str, float, float, float]]:
    """Return name, LTV bias and the ends of its interval of every part that has one."""
    found = []
    for (by, part), of in _by_part(report).items():
        row = of.get("ltv")
        if row is not None and "bias" in row.intervals:
            found.append((part_name(by, part, text), row.metrics["bias"], *row.intervals["bias"]))
    return found


def misjudged_points(
    report: BacktestReport, text: Words, language: Language
) -> list[tuple[str, float, float, float, float]]:
    """Return name, share misjudged, the ends of its interval, and the share by chance."""
    found = []
    for row in (each for each in report.indicators if each["n"]):
        share, low, high, chance = (
            _number(row[name]) for name in ("misjudged", "low", "high", "by_chance")
        )
        found.append((indicator_name(row["indicator"], text, language), share, low, high, chance))
    return found


def part_name(by: str, part: str, text: Words) -> str:
    """Return a part of the customers in words; an industry is called as the source calls it."""
    return text.get(f"part_{by}_{part}", text.get(f"part_{part}", part))


def indicator_sentences(report: BacktestReport, text: Words) -> list[str]:
    """Return which indicators exceed the limit, and that a new weight is a proposal."""
    known = [row for row in report.indicators if row["n"]]
    if not known:
        return []
    over = [row for row in known if row["over_limit"]]
    key = "over_limit_text" if over else "none_over_limit"
    figures = {"over": len(over), "all": len(known), "limit": f"{LIMIT:.0%}"}
    unknown = len(report.indicators) - len(known)
    more = [text["unknown_indicators"].format(unknown=unknown)] if unknown else []
    return [text["indicators_text"].format(**figures), text[key].format(**figures), *more]


def indicator_table(
    report: BacktestReport, scheme: Scheme, text: Words, language: Language
) -> Table:
    """Return every known indicator's misjudgment and the weight proposed, header first."""
    dimensions = _dimensions(scheme, language)
    rows = [
        [
            indicator_name(row["indicator"], text, language) + (" *" if row["over_limit"] else ""),
            dimensions[row["dimension"]],
            f"{row['n']:,}",
            *(_percent(_number(row[name])) for name in ("too_high", "too_low")),
            f"{row['misjudged']:.1%} ({row['low']:.1%}{text['to']}{row['high']:.1%})",
            _percent(_number(row["by_chance"])),
            f"{row['weight']:.2f} → {row['proposed_weight']:.2f}",
        ]
        for row in report.indicators
        if row["n"]
    ]
    names = ("name", "dimension", "n", "too_high", "too_low", "misjudged", "chance", "weight")
    return [[text[f"indicator_{name}"] for name in names], *rows] if rows else []


def indicator_name(name: str, text: Words, language: Language) -> str:
    """Return an indicator's label, or what a prediction is called."""
    found = CATALOGUE.get(name)
    if found is None:
        return text.get(f"prediction_{name}", name)
    return found.label_zh if language == "zh" else found.label_en


def weight_table(report: BacktestReport, scheme: Scheme, text: Words, language: Language) -> Table:
    """Return the dimensions' weights of the scheme and of data, header first; empty if none."""
    dimensions = _dimensions(scheme, language)
    rows = []
    for row in report.weights.get("dimensions", ()):
        data, low, high = (_number(row[name]) for name in ("data", "low", "high"))
        told = "–" if math.isnan(data) else f"{data:.2f} ({low:.2f}{text['to']}{high:.2f})"
        rows.append([dimensions[row["dimension"]], f"{row['expert']:.2f}", told])
    names = ("dimension", "scheme", "data")
    return [[text[f"weight_{name}"] for name in names], *rows] if rows else []


def weight_sentences(report: BacktestReport, text: Words) -> list[str]:
    """Return what weights from data are, and how well either set ranks; none if not measured."""
    told = report.weights
    if not told.get("dimensions"):
        return []
    return [
        text["weights_text"].format(
            days=told["horizon_days"],
            n=f"{told['n']:,}",
            expert=_figure(_number(told["expert_spearman"])),
            data=_figure(_number(told["data_spearman"])),
        )
    ]


def _dimensions(scheme: Scheme, language: Language) -> dict[str, str]:
    return {
        each.id: (each.label_zh if language == "zh" else each.label_en) or each.id
        for each in scheme.dimensions
    }


def _by_part(report: BacktestReport) -> dict[tuple[str, str], dict[str, SliceRow]]:
    main = {target: next(iter(report.horizons(target)), 0) for target in ("churn", "ltv")}
    found: dict[tuple[str, str], dict[str, SliceRow]] = {}
    for row in report.slices:
        if row.horizon_days == main.get(row.target, 0):
            found.setdefault((row.by, row.part), {})[row.target] = row
    return found


def _metric(row: SliceRow | None, name: str) -> float:
    return math.nan if row is None else row.metrics.get(name, math.nan)


def _interval(row: SliceRow | None, name: str, text: Words) -> str:
    value = _metric(row, name)
    if row is None or math.isnan(value):
        return "–"
    if name not in row.intervals:
        return _signed(value)
    low, high = row.intervals[name]
    return f"{_signed(value)} ({_signed(low)}{text['to']}{_signed(high)})"


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def _figure(value: float) -> str:
    if math.isnan(value):
        return "–"
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.4g}"


def _percent(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.1%}"


def _signed(value: float) -> str:
    return f"{value:+.1%}"
