"""Tables and sentences about schemes for a terminal, in both languages."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from tiering.difference import rule_text

if TYPE_CHECKING:
    from tiering.policy import Scheme
    from tiering.rehearsal import Rehearsal, Side
    from training.dry_run import Population

Language = Literal["en", "zh"]
Rows = list[list[str]]

DECIDERS = {
    "score": ("score", "得分"),
    "rules": ("rules", "规则"),
    "matrix": ("matrix", "矩阵"),
    "combined": ("score and rules", "得分与规则"),
}
CADENCES = {
    "month": ("month", "每月"),
    "quarter": ("quarter", "每季度"),
    "half_year": ("half a year", "每半年"),
    "year": ("year", "每年"),
}


def say(language: Language, english: str, chinese: str) -> str:
    """Return one of two texts."""
    return english if language == "en" else chinese


def title(scheme: Scheme, language: Language) -> str:
    """Return a scheme's name and version."""
    return f"{say(language, scheme.title_en, scheme.title_zh)} ({scheme.id} {scheme.version})"


def cadence(scheme: Scheme, language: Language) -> str:
    """Return how often a scheme is used."""
    return say(language, *CADENCES[scheme.cadence]) if scheme.cadence else "–"


def overview(schemes: Sequence[tuple[str, Scheme]], language: Language) -> Rows:
    """Return one row a scheme: name, title, what decides, number of tiers, cadence."""
    header = say(
        language,
        "name|title|decided by|tiers|every",
        "名称|标题|分级依据|等级数|周期",
    )
    return [
        header.split("|"),
        *(
            [
                name,
                say(language, scheme.title_en, scheme.title_zh),
                say(language, *DECIDERS[scheme.decider]),
                str(len(scheme.tiers)),
                cadence(scheme, language),
            ]
            for name, scheme in schemes
        ),
    ]


def weights(scheme: Scheme, language: Language) -> Rows:
    """Return dimensions and their indicators with the share of the whole score."""
    rows = [say(language, "dimension|indicator|of score", "维度|指标|占总分").split("|")]
    for dimension in scheme.dimensions:
        label = say(language, dimension.label_en, dimension.label_zh)
        rows.append([label, "", f"{dimension.weight:.1%}"])
        rows += [["", i.name, f"{dimension.weight * i.weight:.1%}"] for i in dimension.indicators]
    return rows


def tiers(scheme: Scheme, language: Language) -> Rows:
    """Return the tiers with what they ask for."""
    header = say(language, "tier|label|asks for", "等级|名称|条件").split("|")
    return [
        header,
        *(
            [t.id, say(language, t.label_en, t.label_zh), say(language, *rule_text(t))]
            for t in scheme.tiers
        ),
    ]


def migration(found: Rehearsal, language: Language) -> Rows:
    """Return the migration matrix: a row each tier before, customers and percent of all."""
    before, after = found.before.scheme, found.after.scheme
    total = int(found.matrix.sum())
    header = [f"{before.id} ↓  {after.id} →"]
    header += [say(language, t.label_en, t.label_zh) for t in after.tiers]
    return [
        header,
        *(
            [
                say(language, tier.label_en, tier.label_zh),
                *(f"{count:,} ({count / total:.1%})" for count in row),
            ]
            for tier, row in zip(before.tiers, found.matrix.tolist(), strict=True)
        ),
    ]


def sizes(side: Side, language: Language) -> Rows:
    """Return customers and revenue share of each tier."""
    total = int(side.size.sum())
    header = say(
        language, "tier|customers|share|of revenue", "等级|客户数|占客户|占收入（近365天净采购额）"
    ).split("|")
    return [
        header,
        *(
            [
                say(language, tier.label_en, tier.label_zh),
                f"{size:,}",
                f"{size / total:.1%}",
                "–" if math.isnan(share) else f"{share:.1%}",
            ]
            for tier, size, share in zip(
                side.scheme.tiers, side.size.tolist(), side.revenue.tolist(), strict=True
            )
        ),
    ]


def remarks(found: Rehearsal, language: Language) -> Iterator[str]:
    """Yield what else there is to say: unchanged, referred, switched off, too little data."""
    if found.unchanged is not None:
        yield say(
            language,
            f"Unchanged: {found.unchanged:.1%} of the customers.",
            f"等级不变：{found.unchanged:.1%}的客户。",
        )
    for side in (found.before, found.after):
        yield say(
            language,
            f"{side.scheme.id}: {side.referred:.1%} of the customers go to the panel.",
            f"{side.scheme.id}：{side.referred:.1%}的客户需评审会复核。",
        )
        yield from data_remarks(
            side.scheme,
            side.switched_off,
            side.weight_without_data,
            poor=side.poor,
            blind=side.blind,
            language=language,
        )


def data_remarks(
    scheme: Scheme,
    off: Sequence[str],
    weight: float,
    *,
    poor: bool,
    blind: Sequence[str],
    language: Language,
) -> Iterator[str]:
    """Yield which indicators have no data here, and what to do if they are the most."""
    if off:
        listed = ", ".join(off)
        yield say(
            language,
            f"{scheme.id}: no data here for {weight:.0%} of the weight: {listed}.",
            f"{scheme.id}：{weight:.0%}的权重在此无数据：{listed}。",
        )
    if blind:
        listed = ", ".join(blind)
        yield say(
            language,
            f"Warning: {scheme.id} decides by what nobody has data for: {listed}.",
            f"警告：{scheme.id}的分级依据在此无数据：{listed}。",
        )
    if poor:
        yield say(
            language,
            f"Warning: most of {scheme.id}'s weight has no data. Start with `amount-only` (#12), "
            "which states its lower confidence, and map more tables.",
            f"警告：{scheme.id}过半权重无数据。建议先用 `amount-only` 方案（置信度较低），"
            "并补充数据来源。",
        )


def movers(found: Rehearsal, population: Population, tiers_of: Sequence[Sequence[int]]) -> Rows:
    """Return who moves farthest: customer, tier before, tier after, revenue.

    Parameters
    ----------
    tiers_of
        Tier index of every customer, before and after.
    """
    before, after = found.before.scheme.tiers, found.after.scheme.tiers
    revenue = population.values["net_amount_365d"]
    return [
        ["customer", found.before.scheme.id, found.after.scheme.id, "net_amount_365d"],
        *(
            [
                str(population.customer_id[row]),
                before[tiers_of[0][row]].id,
                after[tiers_of[1][row]].id,
                f"{revenue[row]:,.0f}",
            ]
            for row in found.movers.tolist()
        ),
    ]
