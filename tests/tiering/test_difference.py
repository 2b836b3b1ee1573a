"""What changed between two schemes, in words."""

from __future__ import annotations

from typing import Any

from tiering.difference import differences, rule_text
from tiering.policy import Scheme, Tier
from tiering.scheme import load_scheme, scheme_names


def changed(scheme: Scheme, **changes: Any) -> list[tuple[str, str, str]]:
    after = Scheme.model_validate(scheme.model_dump(mode="json") | changes)
    return [(c.path, c.en, c.zh) for c in differences(scheme, after)]


def test_nothing_changed() -> None:
    for name in scheme_names():
        assert differences(load_scheme(name), load_scheme(name)) == []


def test_head_and_referral(small: Scheme) -> None:
    referral = small.referral.model_dump() | {"band": 3.0, "refer_flags": ()}
    assert changed(small, version="2", confidence=0.5, referral=referral) == [
        ("version", "Version: 1 → 2.", "版本：1 → 2。"),
        ("confidence", "Stated confidence: none → 0.5.", "标称置信度：无 → 0.5。"),
        ("referral.band", "Referral band: 2 → 3.", "复核边界带：2 → 3。"),
        (
            "referral.refer_flags",
            "Flags that refer: dormant → none.",
            "触发复核的标记：dormant → 无。",
        ),
    ]


def test_dimensions_and_indicators(small: Scheme) -> None:
    listed = small.model_dump(mode="json")["dimensions"]
    listed[0]["weight"] = 0.45
    listed[0]["indicators"] = [
        {"name": "ltv", "weight": 0.5, "range": [0, 10]},
        {"name": "ltx", "weight": 0.5},
    ]
    del listed[4]
    listed.append({"id": "green", "weight": 0.05, "label_en": "Green", "label_zh": "绿色"})
    listed[1], listed[2] = listed[2], listed[1]
    assert changed(small, dimensions=listed) == [
        (
            "dimensions.dynamic",
            "Dimension 'dynamic' is gone (Dynamics, 0.05).",
            "维度 'dynamic' 已移除（动态，0.05）。",
        ),
        ("dimensions.value.weight", "Weight of Value: 0.4 → 0.45.", "价值权重：0.4 → 0.45。"),
        (
            "dimensions.value.indicators.net_amount_365d",
            "Indicator 'net_amount_365d' is gone (Net spend, last 365 days, 0.4).",
            "指标 'net_amount_365d' 已移除（近365天净采购额，0.4）。",
        ),
        (
            "dimensions.value.indicators.ltv.weight",
            "Share of Expected net value over the horizon: 0.6 → 0.5.",
            "预期客户价值占比：0.6 → 0.5。",
        ),
        (
            "dimensions.value.indicators.ltv.range",
            "Bounds of Expected net value over the horizon: none → 0.0, 10.0.",
            "预期客户价值取值区间：无 → 0.0, 10.0。",
        ),
        (
            "dimensions.value.indicators.ltx",
            "Indicator 'ltx' is new (ltx, 0.5).",
            "指标 'ltx' 为新增（ltx，0.5）。",
        ),
        (
            "dimensions.green",
            "Dimension 'green' is new (Green, 0.05).",
            "维度 'green' 为新增（绿色，0.05）。",
        ),
        (
            "dimensions",
            "Order: value, potential, risk, strategic, dynamic → "
            "value, risk, potential, strategic, green.",
            "顺序：value、potential、risk、strategic、dynamic → "
            "value、risk、potential、strategic、green。",
        ),
    ]


def test_tiers_by_score(small: Scheme) -> None:
    listed = small.model_dump(mode="json")["tiers"]
    listed[0]["cut"], listed[1]["label_en"] = 80, "Centre"
    listed.insert(2, {"id": "lower", "label_en": "Lower", "label_zh": "下层", "cut": 30})
    assert changed(small, tiers=listed) == [
        ("tiers.top.cut", "Cut of Top: 75 → 80.", "顶层分级线：75 → 80。"),
        ("tiers.middle.label_en", "English label: Middle → Centre.", "英文标签：Middle → Centre。"),
        (
            "tiers.lower",
            "Tier 'lower' is new (Lower: score >= 30).",
            "等级 'lower' 为新增（下层：得分 >= 30）。",
        ),
    ]


def test_rules_and_cells_in_words() -> None:
    before = load_scheme("purchase-tenure")
    tiers = before.model_dump(mode="json")["tiers"]
    tiers[0]["when"] = [["net_amount_365d >= 30000000"], ["ltv >= 5", "tenure_days >= 9"]]
    ((path, english, chinese),) = changed(before, tiers=tiers)
    assert path == "tiers.strategic.when"
    assert english == (
        "Rule of Strategic customer: net_amount_365d >= 20000000 and tenure_days >= 1095 → "
        "net_amount_365d >= 30000000 or ltv >= 5 and tenure_days >= 9."
    )
    assert chinese.endswith("→ net_amount_365d >= 30000000 或 ltv >= 5 且 tenure_days >= 9。")
    assert rule_text(Tier(id="a", cells=("high low", "low *"))) == (
        "high low or low *",
        "high low 或 low *",
    )
    assert rule_text(Tier(id="a", cut=5, when=(("ltv >= 1",),)))[0] == "score >= 5; ltv >= 1"
    assert rule_text(Tier(id="a")) == ("all the rest", "其余全部")
    cells = load_scheme("rfm-strategic")
    tiers = cells.model_dump(mode="json")["tiers"]
    tiers[0]["cells"] = None
    ((_, english, _),) = changed(cells, tiers=tiers)
    assert english == "Cells of Strategic customer: high high → none."


def test_axes_stages_and_segments() -> None:
    rfm = load_scheme("pyramid-rfm")
    axes = rfm.model_dump(mode="json")["axes"]
    axes[0]["levels"][1]["cut"] = 96.0
    assert changed(rfm, axes=axes, segments=None) == [
        (
            "axes[0].levels[1].cut",
            "Axes of the matrix: 95 → 96.",
            "矩阵坐标轴：95 → 96。",
        ),
        ("segments", "Segments are gone.", "细分已移除。"),
    ]
    axes[0]["levels"].append({**axes[0]["levels"][-1], "id": "tiny", "cut": 0.0})
    added = [path for path, _, _ in changed(rfm, axes=axes)]
    assert "axes[0].levels[4].id" in added
    default = load_scheme()
    staged = load_scheme("five-dimension-lifecycle")
    told = {c.path: c.en for c in differences(default, staged)}
    assert told["stages"] == "Weights by stage of life are new."
    assert (
        "new (Purchase days after the first, 0)"
        in told["dimensions.dynamic.indicators.repeat_count"]
    )


def test_no_part_of_a_scheme_is_passed_over() -> None:
    default = load_scheme()
    others = [load_scheme(name) for name in scheme_names()]
    for field in Scheme.model_fields:
        values = [getattr(other, field) for other in others] + [None, "lower"]
        value = next(value for value in values if value != getattr(default, field))
        told = differences(default, default.model_copy(update={field: value}))
        assert any(change.path.startswith(field) for change in told), field


def test_another_decider_is_told() -> None:
    told = {c.path: c.en for c in differences(load_scheme(), load_scheme("retail"))}
    assert told["decider"] == "Tiers are decided by: score → rules."
