"""What to do about an indicator that misjudges: a proposal, never a change (#65).

The documents' rule: an indicator that misjudges more than a tenth of the customers has its
weight adjusted. A proposal says by how much and where the weight goes. Nothing takes it up by
itself: it becomes a draft of weights, and a draft is nothing until it is signed
(``tiering/weights/record.py``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tiering.weights.rules import Language, Rules

_SAME = 1e-12


@dataclass(frozen=True, slots=True)
class Change:
    """One indicator's weight inside its dimension, before and after.

    Attributes
    ----------
    misjudged, by_chance
        Shares of the customers: by the indicator, and by one that knows nothing.
    over
        Whether ``misjudged`` is beyond the limit, and ``sure`` whether all of its interval is.
    """

    indicator: str
    before: float
    after: float
    misjudged: float
    by_chance: float
    over: bool
    sure: bool


@dataclass(frozen=True, slots=True)
class Flow:
    """Weight that goes from one indicator to another of its dimension."""

    source: str
    target: str
    weight: float


@dataclass(frozen=True, slots=True)
class Proposal:
    """New weights inside one dimension that holds an indicator beyond the limit.

    Attributes
    ----------
    changes
        The measured indicators, in the scheme's order.
    flows
        Largest first; empty where none judges better than the others.
    weights
        Every indicator of the dimension to its proposed weight, summing to what it summed to.
    text
        Language to the proposal in words.
    """

    dimension: str
    changes: tuple[Change, ...]
    flows: tuple[Flow, ...]
    weights: Mapping[str, float]
    text: Mapping[Language, str]


def adjusted(
    weights: Sequence[float], misjudged: Sequence[float], limit: float
) -> tuple[float, ...]:
    """Return weights cut in the proportion by which they exceed the limit, with their old sum.

    ``w limit / misjudged`` beyond the limit; what is freed goes to the indicators within it, in
    proportion to their weights, so that no indicator beyond the limit gains. Where all are
    beyond it, all are brought back to the sum: weight goes from what misjudges more to what does
    less.
    """
    over = [wrong > limit for wrong in misjudged]
    cut = [
        weight * limit / wrong if beyond else weight
        for weight, wrong, beyond in zip(weights, misjudged, over, strict=True)
    ]
    freed = sum(weights) - sum(cut)
    taking = sum(weight for weight, beyond in zip(cut, over, strict=True) if not beyond)
    if taking <= 0:
        return tuple(weight * sum(weights) / sum(cut) for weight in cut)
    return tuple(
        weight if beyond else weight * (1 + freed / taking)
        for weight, beyond in zip(cut, over, strict=True)
    )


def propose(rows: Sequence[Mapping[str, Any]], rules: Rules) -> tuple[Proposal, ...]:
    """Return a proposal for every dimension with an indicator beyond the limit.

    Parameters
    ----------
    rows
        ``indicators`` of a backtest report: ``indicator``, ``dimension``, ``weight``, ``n``,
        ``misjudged``, ``low``, ``by_chance``. What nobody has (``n`` of 0) keeps its weight.
    """
    limit = rules.indicators.limit
    found = []
    for dimension in dict.fromkeys(str(row["dimension"]) for row in rows):
        inside = [row for row in rows if row["dimension"] == dimension]
        known = [row for row in inside if row["n"]]
        if not any(row["misjudged"] > limit for row in known):
            continue
        after = adjusted(
            [row["weight"] for row in known], [row["misjudged"] for row in known], limit
        )
        changes = tuple(
            Change(
                indicator=row["indicator"],
                before=row["weight"],
                after=weight,
                misjudged=row["misjudged"],
                by_chance=row["by_chance"],
                over=row["misjudged"] > limit,
                sure=row["low"] > limit,
            )
            for row, weight in zip(known, after, strict=True)
        )
        flows = _flows(changes)
        weights = {row["indicator"]: float(row["weight"]) for row in inside}
        weights |= {change.indicator: change.after for change in changes}
        text = {
            language: _words(dimension, changes, flows, rules, language) for language in _LANGUAGES
        }
        found.append(Proposal(dimension, changes, flows, weights, text))
    return tuple(found)


_LANGUAGES: tuple[Language, ...] = ("en", "zh")


def _flows(changes: Sequence[Change]) -> tuple[Flow, ...]:
    """Return what each loser gives to each winner, in proportion to what the winners take."""
    losses = {c.indicator: c.before - c.after for c in changes if c.before - c.after > _SAME}
    gains = {c.indicator: c.after - c.before for c in changes if c.after - c.before > _SAME}
    total = sum(gains.values())
    flows = [
        Flow(source, target, loss * gain / total)
        for source, loss in losses.items()
        for target, gain in gains.items()
    ]
    return tuple(sorted(flows, key=lambda flow: -flow.weight))


def _words(
    dimension: str,
    changes: Sequence[Change],
    flows: Sequence[Flow],
    rules: Rules,
    language: Language,
) -> str:
    texts = rules.texts(language)
    if not flows:
        return texts.say("no_better", dimension=dimension) + "\n"
    told = [
        texts.say(
            "proposal",
            indicator=change.indicator,
            misjudged=f"{change.misjudged:.1%}",
            limit=f"{rules.indicators.limit:.0%}",
            by_chance=f"{change.by_chance:.1%}",
            before=f"{change.before:.3f}",
            after=f"{change.after:.3f}",
        )
        for change in changes
        if abs(change.after - change.before) > _SAME
    ]
    told += [
        texts.say("flow", share=f"{flow.weight:.3f}", source=flow.source, target=flow.target)
        for flow in flows
    ]
    return "\n".join(told) + "\n"
