"""What is told of an alert: the customer's numbers and the limit they passed, in two languages."""

from __future__ import annotations

import math
from collections.abc import Mapping
from string import Formatter

from features.schema import CATALOGUE, PREDICTIONS
from tiering.alerts.catalogue import HEALTH, Alert, Language
from tiering.condition import Condition

_UNKNOWN = {"en": "unknown", "zh": "未知"}
_NEW = {"en": "from nothing", "zh": "从无到有"}
_HEALTH = {"en": "Health score", "zh": "健康度得分"}


def tell(alert: Alert, values: Mapping[str, float | None], language: Language) -> str:
    """Return an alert's text with a customer's values in it.

    Parameters
    ----------
    values
        Indicator to value; what is absent, None or NaN is told as unknown.
    """
    parts = Formatter().parse(alert.text(language))
    return "".join(
        literal + ("" if name is None else measured(name, values.get(name), language))
        for literal, name, _, _ in parts
    )


def threshold_text(conditions: tuple[Condition, ...], language: Language) -> str:
    """Return in words the limits that an alert was raised by."""
    joint = "；" if language == "zh" else "; "
    told = [
        (_label(c.indicator, language), _SIGN[c.sign], measured(c.indicator, c.limit, language))
        for c in conditions
    ]
    return joint.join(map(" ".join, told))


def measured(name: str, value: float | None, language: Language) -> str:
    """Return a value in the unit of its indicator, rounded for reading.

    A ``change``, which runs from -1 to 1, is told as the percentage it stands for.
    """
    if value is None or math.isnan(value):
        return _UNKNOWN[language]
    unit = _unit(name)
    if unit == "rate":
        return f"{100 * value:.0f} %"
    if unit == "change":
        return _NEW[language] if value >= 1.0 else f"{200 * value / (1 - value):+.0f} %"
    if unit == "days":
        return f"{value:.0f}天" if language == "zh" else f"{value:.0f} days"
    if unit == "money":
        return f"{value:,.0f}"
    return f"{value:.0f}" if unit == "count" else f"{value:.1f}"


_SIGN = {">=": "≥", "<": "<", "unknown": "?"}


def _unit(name: str) -> str:
    if name == HEALTH:
        return "score"
    return (CATALOGUE.get(name) or PREDICTIONS[name]).unit


def _label(name: str, language: Language) -> str:
    if name == HEALTH:
        return _HEALTH[language]
    described = CATALOGUE.get(name) or PREDICTIONS[name]
    return described.label_zh if language == "zh" else described.label_en
