"""What changed between two schemes, in words (English and Chinese)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from features.schema import CATALOGUE, PREDICTIONS, describe
from tiering.policy import DimensionWeight, IndicatorWeight, Scheme, Tier


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is not the same.

    Attributes
    ----------
    path
        Where, as written in the TOML.
    en, zh
        What was and what is.
    """

    path: str
    en: str
    zh: str


Texts = tuple[str, str]
"""The same in English and Chinese."""

_HEAD: Mapping[str, Texts] = {
    "id": ("Id", "标识"),
    "version": ("Version", "版本"),
    "title_en": ("English title", "英文名称"),
    "title_zh": ("Chinese title", "中文名称"),
    "source": ("Source", "来源"),
    "cadence": ("Cadence", "评估周期"),
    "confidence": ("Stated confidence", "标称置信度"),
    "combine": ("Of score and rules counts the", "得分与规则取"),
    "decider": ("Tiers are decided by", "分级依据"),
}
_REFERRAL: Mapping[str, Texts] = {
    "band": ("Referral band", "复核边界带"),
    "max_missing_weight": ("Missing weight without referral", "可缺失权重上限"),
    "refer_flags": ("Flags that refer", "触发复核的标记"),
    "max_jump_ratio": ("Jump that refers", "触发复核的突增倍数"),
    "certified": ("Grades only under a certificate", "仅凭证书自动定级"),
}
_NONE: Texts = ("none", "无")


def differences(before: Scheme, after: Scheme) -> list[Change]:
    """Return every change from one scheme to another, in the order of the file's sections."""
    return [
        *_fields("", before, after, _HEAD),
        *_fields("referral.", before.referral, after.referral, _REFERRAL),
        *_named(
            "dimensions",
            ("Dimension", "维度"),
            {d.id: d for d in before.dimensions},
            {d.id: d for d in after.dimensions},
            _dimension,
            lambda d: (f"{d.label_en}, {d.weight:.4g}", f"{d.label_zh}，{d.weight:.4g}"),
        ),
        *_whole("stages", ("Weights by stage of life", "分生命周期权重"), before, after),
        *_whole("axes", ("Axes of the matrix", "矩阵坐标轴"), before, after),
        *_named(
            "tiers",
            ("Tier", "等级"),
            {t.id: t for t in before.tiers},
            {t.id: t for t in after.tiers},
            _tier,
            _tier_words,
        ),
        *_whole("segments", ("Segments", "细分"), before, after),
        *_whole("migration", ("Rules over time", "等级变动规则"), before, after),
        *_whole("packs", ("Promises", "等级服务承诺"), before, after),
    ]


def _fields(path: str, before: Any, after: Any, names: Mapping[str, Texts]) -> Iterator[Change]:
    for key, (english, chinese) in names.items():
        old, new = getattr(before, key), getattr(after, key)
        if old != new:
            yield Change(
                f"{path}{key}",
                f"{english}: {_value(old)[0]} → {_value(new)[0]}.",
                f"{chinese}：{_value(old)[1]} → {_value(new)[1]}。",
            )


def _value(value: Any) -> Texts:
    if value is None or value in {"", ()}:
        return _NONE
    if isinstance(value, tuple):
        listed = ", ".join(str(part) for part in value)
        return listed, listed
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text, text


def _named(
    path: str,
    what: Texts,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    inside: Callable[[str, Any, Any], Iterator[Change]],
    words: Callable[[Any], Texts],
) -> Iterator[Change]:
    for name, old in before.items():
        if name not in after:
            yield Change(
                f"{path}.{name}",
                f"{what[0]} {name!r} is gone ({words(old)[0]}).",
                f"{what[1]} {name!r} 已移除（{words(old)[1]}）。",
            )
    for name, new in after.items():
        if name in before:
            yield from inside(f"{path}.{name}", before[name], new)
        else:
            yield Change(
                f"{path}.{name}",
                f"{what[0]} {name!r} is new ({words(new)[0]}).",
                f"{what[1]} {name!r} 为新增（{words(new)[1]}）。",
            )
    shared = [name for name in before if name in after]
    if shared != [name for name in after if name in before]:
        yield Change(
            path,
            f"Order: {', '.join(before)} → {', '.join(after)}.",
            f"顺序：{'、'.join(before)} → {'、'.join(after)}。",
        )


def _dimension(path: str, old: DimensionWeight, new: DimensionWeight) -> Iterator[Change]:
    yield from _fields(
        f"{path}.",
        old,
        new,
        {
            "weight": (f"Weight of {new.label_en}", f"{new.label_zh}权重"),
            "label_en": ("English label", "英文标签"),
            "label_zh": ("Chinese label", "中文标签"),
        },
    )
    yield from _named(
        f"{path}.indicators",
        ("Indicator", "指标"),
        {i.name: i for i in old.indicators},
        {i.name: i for i in new.indicators},
        _indicator,
        lambda i: (f"{_label(i.name)[0]}, {i.weight:.4g}", f"{_label(i.name)[1]}，{i.weight:.4g}"),
    )


def _indicator(path: str, old: IndicatorWeight, new: IndicatorWeight) -> Iterator[Change]:
    english, chinese = _label(new.name)
    yield from _fields(
        f"{path}.",
        old,
        new,
        {
            "weight": (f"Share of {english}", f"{chinese}占比"),
            "range": (f"Bounds of {english}", f"{chinese}取值区间"),
            "steps": (f"Steps of {english}", f"{chinese}计分阶梯"),
            "scale": (f"Scale of {english}", f"{chinese}计分方式"),
        },
    )


def _label(name: str) -> Texts:
    if name not in CATALOGUE and name not in PREDICTIONS:
        return name, name
    entry = describe(name)
    return entry.label_en, entry.label_zh


def _tier(path: str, old: Tier, new: Tier) -> Iterator[Change]:
    yield from _fields(
        f"{path}.",
        old,
        new,
        {
            "label_en": ("English label", "英文标签"),
            "label_zh": ("Chinese label", "中文标签"),
            "cut": (f"Cut of {new.label_en}", f"{new.label_zh}分级线"),
        },
    )
    for key, english, chinese in (("when", "Rule", "规则"), ("cells", "Cells", "单元格")):
        was, now = getattr(old, key), getattr(new, key)
        if was != now:
            yield Change(
                f"{path}.{key}",
                f"{english} of {new.label_en}: {_rule(was)[0]} → {_rule(now)[0]}.",
                f"{new.label_zh}{chinese}：{_rule(was)[1]} → {_rule(now)[1]}。",
            )


def rule_text(tier: Tier) -> Texts:
    """Return in words what a tier asks for."""
    if tier.cells is not None:
        return _rule(tier.cells)
    cut = [] if tier.cut is None else [(f"score >= {tier.cut:g}", f"得分 >= {tier.cut:g}")]
    rule = [] if tier.when is None else [_rule(tier.when)]
    both = [*cut, *rule]
    if not both:
        return "all the rest", "其余全部"
    return "; ".join(text[0] for text in both), "；".join(text[1] for text in both)


def _rule(value: Sequence[Any] | None) -> Texts:
    if value is None:
        return _NONE
    parts = [part if isinstance(part, str) else (" and ".join(part)) for part in value]
    return " or ".join(parts), " 或 ".join(part.replace(" and ", " 且 ") for part in parts)


def _tier_words(tier: Tier) -> Texts:
    english, chinese = rule_text(tier)
    return f"{tier.label_en}: {english}", f"{tier.label_zh}：{chinese}"


def _whole(key: str, what: Texts, before: Scheme, after: Scheme) -> Iterator[Change]:
    old, new = getattr(before, key), getattr(after, key)
    if old == new:
        return
    if old is None or new is None:
        came = old is None
        yield Change(
            key,
            f"{what[0]} {'are new' if came else 'are gone'}.",
            f"{what[1]}{'为新增' if came else '已移除'}。",
        )
        return
    was = dict(_leaves(key, before.model_dump(mode="json", exclude_none=True)[key]))
    now = dict(_leaves(key, after.model_dump(mode="json", exclude_none=True)[key]))
    for path in (*was, *(path for path in now if path not in was)):
        if was.get(path) != now.get(path):
            yield Change(
                path,
                f"{what[0]}: {_value(was.get(path))[0]} → {_value(now.get(path))[0]}.",
                f"{what[1]}：{_value(was.get(path))[1]} → {_value(now.get(path))[1]}。",
            )


def _leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(f"{path}.{key}", inner)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _leaves(f"{path}[{index}]", inner)
    else:
        yield path, value
