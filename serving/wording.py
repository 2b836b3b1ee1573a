"""Names, amounts and standings in words (English and Chinese): what sentences are made of."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files

from features.schema import CATALOGUE, PREDICTIONS, Indicator
from serving.domain.grade import Lang

BASELINE = "baseline"
"""The pseudo indicator of the purchase-history baseline that the LTV model corrects."""
WORDS: Mapping[str, dict[str, str]] = tomllib.loads(
    (files("serving") / "reasons.toml").read_text("utf-8")
)
"""Words and sentences by language; both have the same keys and fields."""


@lru_cache(maxsize=1_000)
def label_of(name: str, lang: Lang) -> str:
    """Return the name for people of an indicator, a prediction or the baseline."""
    if name == BASELINE:
        return WORDS[lang]["baseline"]
    indicator = _described(name)
    if indicator is None:
        return name
    return indicator.label_zh if lang == "zh-CN" else indicator.label_en


def channel_of(channel: str, lang: Lang) -> str:
    """Return the words for a channel: empty for ``direct``, else ``through churn risk``."""
    return WORDS[lang][f"channel.{channel}"]


def amount_of(name: str, value: float, currency: str, lang: Lang) -> str:
    """Return an indicator's value with its unit."""
    indicator = _described(name)
    unit = "ratio" if indicator is None else indicator.unit
    if unit == "money":
        return f"{currency} {fixed(value, 0 if abs(value) >= 1000 else 2)}"
    if unit == "rate":
        return f"{fixed(value * 100, 1)}%"
    if unit == "change":
        return fixed(value, 2, signed=True)
    if unit == "score":
        return fixed(value, 1)
    if unit == "ratio":
        return fixed(value, 2)
    number = fixed(value, 0 if value == round(value) else 1)
    if unit == "count":
        return number
    return WORDS[lang]["days" if abs(value) != 1 else "day"].format(n=number)


def standing_of(percentile: float | None, lang: Lang) -> str:
    """Return where a value stands: ``higher than 93% of customers``; empty if unknown."""
    if percentile is None:
        return ""
    if 45.0 <= percentile <= 55.0:
        return WORDS[lang]["middle"]
    # Never "100% of customers": the customer is one of them.
    share = min(math.floor(max(percentile, 100.0 - percentile)), 99)
    return _beyond("higher" if percentile > 50.0 else "lower", share, lang)


@lru_cache(maxsize=400)
def _beyond(side: str, share: int, lang: Lang) -> str:
    return WORDS[lang][side].format(share=f"{share}%")


def _described(name: str) -> Indicator | None:
    return CATALOGUE.get(name) or PREDICTIONS.get(name)


def lowered(label: str, lang: Lang) -> str:
    """Return a label as it stands inside a sentence."""
    return label if lang == "zh-CN" else label[:1].lower() + label[1:]


def fixed(value: float, decimals: int, *, signed: bool = False) -> str:
    """Return ``1,234.5``, with a real minus sign; with ``signed`` a plus above 0."""
    text = f"{abs(value):,.{decimals}f}"
    if not text.strip("0.,"):  # nothing but zeros has no sign
        return text
    return f"{'−' if value < 0 else '+' if signed else ''}{text}"
