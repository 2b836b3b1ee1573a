"""The section of the certified page about true tiers, which only a simulated company tells."""

from __future__ import annotations

from tests.benchmarks.certified.certified_figure import Row

_GOAL = 0.92

_TRUTH = """

## Where the true tier can be known (simulated)

> **Simulated.** The truths below were planted; no real log states any.

At each test origin the future of every account is drawn {futures} times from the planted truths: an
oracle that knows each account's rate, growth, order value, season, industry shock, hazard, and how
far its intent to buy has faded, but not when a sound account will leave, when it orders and how
much. The **true tier** is the one most of these futures end in; it **can be known** if at least
{knowable:.0%} of them do. What even the oracle gets wrong is irreducible.

| | hindsight | value |
|---|--:|--:|
"""


def truth_section(case: Row) -> str:
    """Return how often the tier is right where the true one can be known, as Markdown."""
    truth = case["truth"]
    lines = (
        ("customers and origins", "n", "{:,}"),
        ("whose true tier can be known", "knowable", "{:.1%}"),
        ("irreducible: the oracle's error, all customers", "oracle_error", "{:.1%}"),
        ("… as its own futures expect", "oracle_error_expected", "{:.1%}"),
        ("… where the tier can be known", "oracle_error_knowable", "{:.1%}"),
        ("scheme's tier is the realised one, all customers", "scheme_accuracy", "{:.1%}"),
        ("**scheme's tier is the true one, where it can be known**", "scheme_true_tier_knowable",
         "**{:.1%}**"),
        ("… is the realised one there", "scheme_accuracy_knowable", "{:.1%}"),
        ("… within one tier of the true one there", "within_one_knowable", "{:.1%}"),
        ("model's likeliest tier is the realised one, all customers", "model_accuracy", "{:.1%}"),
        ("**model's likeliest tier is the true one, where it can be known**",
         "model_true_tier_knowable", "**{:.1%}**"),
        ("… is the realised one there", "model_accuracy_knowable", "{:.1%}"),
    )  # fmt: skip
    rows = (
        f"| {label} | {shape.format(truth['hindsight'][key])} "
        f"| {shape.format(truth['value'][key])} |"
        for label, key, shape in lines
    )
    verdict = "; ".join(
        f"{name}: the scheme's tier {_met(truth[name]['scheme_true_tier_knowable'])}, "
        f"the model's {_met(truth[name]['model_true_tier_knowable'])}"
        for name in ("hindsight", "value")
    )
    head = _TRUTH.format(futures=truth["futures"], knowable=truth["knowable_from"])
    return head + "\n".join(rows) + f"\n\nGoal, {_GOAL:.0%} where it can be known: {verdict}."


def _met(accuracy: float) -> str:
    return f"{'meets it' if accuracy >= _GOAL else '**misses it**'} ({accuracy:.1%})"
