"""What would lift the tier (#96): feasible, minimal, verified; nothing cheaper exists."""

from __future__ import annotations

import math
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.schema import Direction, FloatArray, describe
from tiering.assign import decide
from tiering.lift.actions import Actions, packaged_actions, parse_actions
from tiering.lift.found import Lift
from tiering.lift.options import levels
from tiering.lift.proposals import lifts
from tiering.scheme import Scheme, load_scheme, parse_scheme, scheme_names
from tiering.scores import Reference

TEXTS = 'cause_en = "c"\ncause_zh = "因"\ntext_en = "t {n}"\ntext_zh = "做 {n}"\n'
HEAD = 'version = "1"\nmost_changes = 3\nmost_proposals = 3\n'


def policy(*entries: tuple[str, str], head: str = HEAD) -> Actions:
    """Entries of indicator and the keys that say how it moves."""
    listed = (f'[[actions]]\nindicator = "{name}"\n{keys}\n{TEXTS}' for name, keys in entries)
    return parse_actions(head + "".join(listed))


FEW = policy(
    ("net_amount_growth_90d", "by = 5\nsteps = 4\neffort = 2"),
    ("on_time_collection_rate_365d", "by = 10\nsteps = 4\neffort = 1"),
    ("order_days_30d", "to = 50\neffort = 3"),
    ("net_amount_365d", "by_share = 0.2\nsteps = 3\neffort = 2"),
    head=HEAD + 'supplies = ["on_time_collection_rate_365d", "net_amount_growth_90d"]\n',
)


def one(scheme: Scheme, population: Reference, values: dict[str, FloatArray], **k: Actions) -> Lift:
    return lifts(scheme, population, values, **k)[0]


def told(lift: Lift) -> list[dict[str, float]]:
    return [{c.action.indicator: c.after for c in p.changes} for p in lift.proposals]


def test_a_customer_lifted_by_hand(
    small: Scheme, population: Reference, customer: dict[str, FloatArray]
) -> None:
    # 60 points everywhere but 50 for growth (value 30): 60 - .25 * 10 = 57.5, 2.5 short of 60.
    customer["net_amount_growth_90d"] = np.array([30.0])
    # Growth 5 up is 10 points times .25: exactly 2.5, on the cut. 2 points of effort.
    # Spend 7 up is 14 points times .16: 2.24; 14 up is 4.48 for 4, beyond percentile 90 = 50.
    # Collection 10 up is 20 times .075: 1.5; the next level is clipped at 50: 30, 2.25.
    # Order days to 50 is 30 times .05: 1.5, for 3.
    found = one(small, population, customer, actions=FEW)
    assert (found.tier, found.score, found.margin_up) == (2, 57.5, 2.5)
    assert not found.near
    assert told(found) == [
        {"net_amount_growth_90d": 35.0},
        # Without growth: 2.24 of spend and 1.5 of collection for 3; of two for 3, the first.
        {"net_amount_365d": 42.0, "on_time_collection_rate_365d": 45.0},
        {"net_amount_365d": 49.0},
    ]
    best = found.proposals[0]
    assert (best.effort, best.score, best.tier, best.to_panel) == (2, 60.0, 1, True)
    assert best.changes[0].points == pytest.approx(2.5)
    assert [p.effort for p in found.proposals] == [2, 3, 4]
    assert found.proposals[2].score == pytest.approx(57.5 + 28 * 0.16)
    assert found.proposals[2].to_panel  # 61.98 is within the band of 2 above the cut
    assert found.attainable is None
    assert found.supplies == found.blocked == ()


def test_near_the_border_it_says_so(
    small: Scheme, population: Reference, customer: dict[str, FloatArray]
) -> None:
    customer["net_amount_growth_90d"] = np.array([31.5])
    assert one(small, population, customer, actions=FEW).near


def test_the_best_tier_needs_no_lift(small: Scheme, population: Reference) -> None:
    best = {name: np.array([50.0]) for name in small.indicators}
    best["churn_probability"] = np.array([10.0])
    found = one(small, population, best, actions=FEW)
    assert (found.tier, found.proposals, found.attainable, found.supplies) == (0, (), None, ())
    assert found.margin_up is None


def test_out_of_reach_tells_the_best_attainable(
    small: Scheme, population: Reference, customer: dict[str, FloatArray]
) -> None:
    customer["ltv"] = np.array([10.0])  # 10 points: 50 * .24 = 12 below the 60
    only = policy(("order_days_30d", "by = 1\nsteps = 2\neffort = 1"))
    found = one(small, population, customer, actions=only)
    assert found.proposals == ()
    assert found.attainable is not None
    # Two days more are 4 points times .05.
    assert found.attainable.score == pytest.approx(48.2)
    assert found.attainable.tier == found.tier == 2
    nothing = policy(("order_days_30d", "by = 0.1\neffort = 1"))
    assert one(small, population, customer, actions=nothing).attainable is None
    assert one(small, population, customer, actions=policy(head=HEAD + "actions = []\n")) == Lift(
        48.0, 2, 12.0, False, (), None, (), ()
    )


def test_missing_data_worth_supplying(
    small: Scheme, population: Reference, customer: dict[str, FloatArray]
) -> None:
    customer["net_amount_growth_90d"] = np.array([np.nan])
    customer["ltv"] = np.array([30.0])
    # Without growth: (.24 * 50 + .51 * 60) / .75 = 56.8; with 90 for it: 42.6 + 22.5 = 65.1.
    found = one(small, population, customer, actions=FEW)
    assert [(s.indicators, s.tier) for s in found.supplies] == [(("net_amount_growth_90d",), 1)]
    both = {**customer, "on_time_collection_rate_365d": np.array([np.nan])}
    found = one(small, population, both, actions=FEW)
    # Both together are not told beside one that is enough.
    assert [s.indicators for s in found.supplies] == [("net_amount_growth_90d",)]
    low = {**both, "ltv": np.array([20.0]), "net_amount_365d": np.array([30.0])}
    found = one(small, population, low, actions=FEW)
    assert [s.indicators for s in found.supplies] in (
        [("on_time_collection_rate_365d", "net_amount_growth_90d")],
        [],
    )


def test_no_customers_no_lifts(small: Scheme, population: Reference) -> None:
    assert lifts(small, population, dict.fromkeys(small.indicators, np.empty(0))) == []


# --- levels -------------------------------------------------------------------------------


def test_levels_stay_within_their_bounds(population: Reference) -> None:
    # Percentile 90 is 50; lower is better: percentile 10 is 10.
    reference = Reference.fit(
        {
            name: np.array([10.0, 20.0, 30.0, 40.0, 50.0])
            for name in ("order_days_90d", "dso_days_365d", "net_amount_90d", "return_rate_365d")
        }
    )

    def reached(name: str, keys: str, value: float) -> list[tuple[float, int]]:
        action = policy((name, f"{keys}\neffort = 2")).actions[0]
        targets, efforts = levels(action, reference, value)
        return list(zip(targets.tolist(), efforts.tolist(), strict=True))

    assert reached("order_days_90d", "by = 3\nsteps = 3", 45.0) == [(48, 2), (50, 4)]
    assert reached("order_days_90d", "by = 3", 50.0) == []
    assert reached("order_days_90d", "by = 3\nsteps = 2\npercentile = 80", 43.0) == [(45, 2)]
    # Percentile 85 is 47.5, which no count can be.
    assert reached("order_days_90d", "by = 3\nsteps = 2\npercentile = 85", 43.0) == [
        (46, 2),
        (47, 4),
    ]
    assert reached("dso_days_365d", "by = 15\nsteps = 4", 40.0) == [(25, 2), (10, 4)]
    assert reached("dso_days_365d", "to = 0", 40.0) == [(0, 2)]
    assert reached("dso_days_365d", "to = 0", 0.0) == []
    assert reached("net_amount_90d", "by_share = 0.1\nsteps = 2", 20.0) == [(22, 2), (24, 4)]
    assert reached("net_amount_90d", "by_share = 0.1", -20.0) == []
    assert reached("return_rate_365d", "by = 15\nsteps = 2\nuntil = 30", 40.0) == [(30, 2)]
    assert reached("return_rate_365d", "by = 15", math.nan) == []
    # What people count is whole: the bound of 50 leaves a third of the last step.
    assert reached("order_days_90d", "by = 6\nsteps = 3\nper = 0.1666666666666667", 36.0) == [
        (42, 2),
        (48, 4),
    ]


# --- rules, matrices, both ----------------------------------------------------------------

RULES = """
id = "ruled"
version = "1"
title_en = "Ruled"
title_zh = "规则"
[referral]
band = 0.0
max_missing_weight = 1.0
[dimensions.value]
weight = 1
label_en = "Value"
label_zh = "价值"
[dimensions.value.indicators]
net_amount_365d = 0.5
tenure_days = 0.25
order_days_365d = 0.25
[[tiers]]
id = "top"
label_en = "Top"
label_zh = "顶"
when = [["net_amount_365d >= 40", "tenure_days >= 30"], ["order_days_365d >= 45"]]
[[tiers]]
id = "middle"
label_en = "Middle"
label_zh = "中"
when = [["net_amount_365d >= 30", "order_days_365d >= 20", "order_days_365d >= 22"]]
[[tiers]]
id = "foot"
label_en = "Foot"
label_zh = "底"
"""
ON_RULES = policy(
    ("net_amount_365d", "by = 5\nsteps = 4\neffort = 2"),
    ("order_days_365d", "by = 5\nsteps = 2\neffort = 1"),
)


def ruled(text: str = RULES) -> tuple[Scheme, Reference]:
    scheme = parse_scheme(text)
    values = np.array([10.0, 20.0, 30.0, 40.0, 50.0])
    return scheme, Reference.fit(dict.fromkeys(scheme.indicators, values))


def row(spend: float, tenure: float, days: float) -> dict[str, FloatArray]:
    names = ("net_amount_365d", "tenure_days", "order_days_365d")
    return {n: np.array([x]) for n, x in zip(names, (spend, tenure, days), strict=True)}


def test_rules_ask_for_what_fails() -> None:
    scheme, reference = ruled()
    found = one(scheme, reference, row(25, 40, 15), actions=ON_RULES)
    # Middle: 30 and 22: 2 + 2. Top: 40 of spend, 6; by order days out of reach (25).
    assert told(found) == [
        {"net_amount_365d": 30.0, "order_days_365d": 25.0},
        {"net_amount_365d": 40.0},
    ]
    assert [p.tier for p in found.proposals] == [1, 0]


def test_rules_that_nothing_reaches_are_told() -> None:
    scheme, reference = ruled()
    found = one(scheme, reference, row(35, 10, 30), actions=ON_RULES)
    assert found.tier == 1
    assert found.proposals == ()
    assert found.blocked == ("tenure_days", "order_days_365d")
    assert found.attainable is None  # more points would not help where rules decide
    only = policy(("order_days_365d", "by = 1\neffort = 1"), head=HEAD.replace("3", "1"))
    found = one(scheme, reference, row(10, 40, 10), actions=only)
    assert found.blocked == ("net_amount_365d", "order_days_365d")


def test_more_changes_than_allowed_are_none() -> None:
    scheme, reference = ruled()
    single = policy(
        ("net_amount_365d", "by = 5\nsteps = 1\neffort = 2"),
        ("order_days_365d", "by = 5\nsteps = 2\neffort = 1"),
        head=HEAD.replace("most_changes = 3", "most_changes = 1"),
    )
    assert one(scheme, reference, row(25, 40, 15), actions=single).proposals == ()


BOTH = (
    RULES.replace('label_zh = "顶"', 'label_zh = "顶"\ncut = 80')
    .replace('label_zh = "中"', 'label_zh = "中"\ncut = 52')
    .replace('label_zh = "底"', 'label_zh = "底"\ncut = 0')
)


def test_the_lower_of_both_needs_both() -> None:
    scheme, reference = ruled(
        BOTH.replace('title_zh = "规则"', 'title_zh = "规"\ncombine = "lower"')
    )
    # The rule needs spend 30 (50 points) and 25 days (40); tenure 29 is 48: 25 + 12 + 10 = 47,
    # and 52 is due: 10 more points of spend.
    found = one(scheme, reference, row(25, 29, 15), actions=ON_RULES)
    assert found.tier == 2
    assert told(found)[0] == {"net_amount_365d": 35.0, "order_days_365d": 25.0}
    assert found.proposals[0].tier == 1
    # The score is there already: the rule alone is missing.
    found = one(scheme, reference, row(25, 50, 44), actions=ON_RULES)
    assert told(found)[0] == {"order_days_365d": 49.0}


def test_the_higher_of_both_needs_one() -> None:
    scheme, reference = ruled(
        BOTH.replace('title_zh = "规则"', 'title_zh = "规"\ncombine = "higher"')
    )
    # 40 of spend are 70 points; .5 * 70 + .25 * 30 + .25 * 30 = 50; the rule: 30 and 22.
    found = one(scheme, reference, row(25, 20, 20), actions=ON_RULES)
    assert told(found)[0] == {"net_amount_365d": 30.0, "order_days_365d": 25.0}
    # By the score: 22 + 21 + 7.5 = 50.5, and five days more add 2.5.
    found = one(scheme, reference, row(27, 47, 20), actions=ON_RULES)
    assert told(found)[0] == {"order_days_365d": 25.0}
    assert found.proposals[0].tier == 1


MATRIX = """
id = "square"
version = "1"
title_en = "Square"
title_zh = "矩阵"
[referral]
band = 0.0
max_missing_weight = 1.0
[dimensions.worth]
weight = 0.5
label_en = "Worth"
label_zh = "价值"
[dimensions.worth.indicators]
net_amount_365d = 1
[dimensions.fit]
weight = 0.5
label_en = "Fit"
label_zh = "契合"
[dimensions.fit.indicators]
order_days_365d = 0.5
tenure_days = 0.5
[[axes]]
dimension = "worth"
levels = [
  { id = "high", label_en = "High", label_zh = "高", cut = 50 },
  { id = "low", label_en = "Low", label_zh = "低", cut = 0 },
]
[[axes]]
dimension = "fit"
levels = [
  { id = "high", label_en = "High", label_zh = "高", cut = 40 },
  { id = "low", label_en = "Low", label_zh = "低", cut = 0 },
]
[[tiers]]
id = "both"
label_en = "Both"
label_zh = "双高"
cells = ["high high"]
[[tiers]]
id = "worth"
label_en = "Worth"
label_zh = "高价值"
cells = ["high low"]
[[tiers]]
id = "rest"
label_en = "Rest"
label_zh = "其他"
cells = ["low *"]
"""


def test_a_matrix_asks_for_points_of_its_axes() -> None:
    scheme, reference = ruled(MATRIX)
    # Spend 25 is 40, days 15 and tenure 20 are (20 + 30) / 2 = 25.
    found = one(scheme, reference, row(25, 20, 15), actions=ON_RULES)
    assert told(found)[0] == {"net_amount_365d": 30.0}
    assert found.proposals[0].tier == 1
    found = one(scheme, reference, row(30, 20, 15), actions=ON_RULES)
    assert found.tier == 1
    assert found.proposals == ()  # 25 of days is 40: (40 + 30) / 2
    found = one(scheme, reference, row(25, 30, 15), actions=ON_RULES)
    assert told(found) == [{"net_amount_365d": 30.0}]
    unknown = row(30, np.nan, np.nan)
    found = one(scheme, reference, unknown, actions=ON_RULES)
    assert (found.proposals, found.blocked) == ((), ("fit",))
    # An axis without data stands on its lowest level, which some cells ask no more of.
    found = one(scheme, reference, row(25, np.nan, np.nan), actions=ON_RULES)
    assert told(found) == [{"net_amount_365d": 30.0}]


def test_two_axes_at_once() -> None:
    # The middle tier gone: only both axes together lift.
    text = MATRIX.replace('cells = ["low *"]', 'cells = ["low *", "high low"]')
    start = text.index('[[tiers]]\nid = "worth"')
    scheme, reference = ruled(text[:start] + text[text.index('[[tiers]]\nid = "rest"') :])
    found = one(scheme, reference, row(25, 30, 15), actions=ON_RULES)
    # Worth 50: spend 30. Fit 40: (p + 50) / 2, p = 30: days 20.
    assert told(found) == [{"net_amount_365d": 30.0, "order_days_365d": 20.0}]
    lone = policy(
        ("net_amount_365d", "by = 5\neffort = 2"),
        ("order_days_365d", "by = 5\neffort = 1"),
        head=HEAD.replace("most_changes = 3", "most_changes = 1"),
    )
    assert one(scheme, reference, row(25, 30, 15), actions=lone).proposals == ()


WAYS = ("lower", "higher")


def test_what_fails_when_graded_again_is_not_proposed(small_text: str) -> None:
    # More growth is a new stage of life, whose weights leave the customer worse off.
    scheme = parse_scheme(
        f"""{small_text}
[stages]
lifecycle = "six"
[stages.growing.dimensions]
value = 0.8
potential = 0.05
risk = 0.05
strategic = 0.05
dynamic = 0.05
"""
    )
    members = dict.fromkeys(scheme.indicators, np.array([10.0, 20.0, 30.0, 40.0, 50.0]))
    members["net_amount_growth_90d"] = np.array([-0.1, 0.0, 0.1, 0.2, 0.3])
    members["tenure_days"] = members["tenure_days"] * 10
    values = {name: np.array([column[4]]) for name, column in members.items()}
    values |= {
        "ltv": np.array([20.0]),
        "net_amount_365d": np.array([20.0]),
        "net_amount_growth_90d": np.array([0.1]),
        "churn_probability": np.array([10.0]),
        "repeat_count": np.array([5.0]),
    }
    # .4 * 30 + .25 * 50 + .35 * 90 = 56; 90 for growth would be 66, but is .8 * 30 + .2 * 90.
    grow = policy(("net_amount_growth_90d", "by = 0.1\nsteps = 2\neffort = 1"))
    found = one(scheme, Reference.fit(members), values, actions=grow)
    assert found.score == 56.0
    assert found.proposals == ()
    assert found.attainable is None


# --- against brute force ------------------------------------------------------------------


def brute_force(
    scheme: Scheme, reference: Reference, values: dict[str, FloatArray], actions: Actions
) -> int | None:
    """Grade every combination of levels and return the least effort that lifts."""
    reach = {}
    for action in actions.actions:
        targets, efforts = levels(action, reference, float(values[action.indicator][0]))
        reach[action.indicator] = list(zip(targets, efforts, strict=True))
    tried: list[tuple[int, dict[str, float]]] = []
    for size in range(1, actions.most_changes + 1):
        for names in combinations(reach, size):
            for picked in product(*(reach[name] for name in names)):
                effort = sum(int(e) for _, e in picked)
                tried.append((effort, {n: x for n, (x, _) in zip(names, picked, strict=True)}))
    if not tried:
        return None
    columns = {
        name: np.array([moved.get(name, float(column[0])) for _, moved in tried])
        for name, column in values.items()
    }
    tier = decide(scheme, reference, columns).tier
    now = decide(scheme, reference, values).tier[0]
    return min((e for (e, _), t in zip(tried, tier, strict=True) if t < now), default=None)


CUSTOMER = st.lists(
    st.floats(5, 55).map(lambda x: round(x, 1)) | st.just(math.nan), min_size=7, max_size=7
)


@given(CUSTOMER)
@settings(max_examples=60, deadline=None)
def test_nothing_cheaper_lifts_a_score(drawn: list[float]) -> None:
    from tests.tiering.conftest import SMALL

    scheme = parse_scheme(SMALL)
    members = np.array([10.0, 20.0, 30.0, 40.0, 50.0])
    reference = Reference.fit(dict.fromkeys(scheme.indicators, members))
    drawn[0] = 30.0 if math.isnan(drawn[0]) else drawn[0]
    values = {n: np.array([x]) for n, x in zip(scheme.indicators, drawn, strict=True)}
    found = one(scheme, reference, values, actions=FEW)
    least = None if found.tier == 0 else brute_force(scheme, reference, values, FEW)
    assert (found.proposals[0].effort if found.proposals else None) == least
    assert_holds(scheme, reference, values, found)


@given(CUSTOMER, st.floats(0, 20))
@settings(max_examples=40, deadline=None)
def test_a_better_customer_needs_no_more_effort(drawn: list[float], step: float) -> None:
    from tests.tiering.conftest import SMALL

    scheme = parse_scheme(SMALL)
    members = np.array([10.0, 20.0, 30.0, 40.0, 50.0])
    reference = Reference.fit(dict.fromkeys(scheme.indicators, members))
    drawn[0] = 30.0 if math.isnan(drawn[0]) else drawn[0]
    values = {n: np.array([x]) for n, x in zip(scheme.indicators, drawn, strict=True)}
    better = {**values, "ltv": values["ltv"] + step}
    before, after = (one(scheme, reference, v, actions=FEW) for v in (values, better))
    if before.proposals and after.tier == before.tier:
        assert after.proposals[0].effort <= before.proposals[0].effort


@given(st.lists(st.integers(8, 52).map(float), min_size=3, max_size=3))
@pytest.mark.parametrize(
    "text",
    [RULES, MATRIX, *(BOTH.replace("[referral]", f'combine = "{w}"\n[referral]') for w in WAYS)],
    ids=["rules", "matrix", *WAYS],
)
@settings(max_examples=40, deadline=None)
def test_nothing_cheaper_lifts_by_rules_or_cells(text: str, drawn: list[float]) -> None:
    scheme, reference = ruled(text)
    values = row(*drawn)
    found = one(scheme, reference, values, actions=ON_RULES)
    least = None if found.tier == 0 else brute_force(scheme, reference, values, ON_RULES)
    assert (found.proposals[0].effort if found.proposals else None) == least
    assert_holds(scheme, reference, values, found)


def assert_holds(
    scheme: Scheme, reference: Reference, values: dict[str, FloatArray], lift: Lift
) -> None:
    """Every proposal is better and feasible, lifts, and lifts not without any of its parts."""
    for proposal in lift.proposals:
        moved = {c.action.indicator: np.array([c.after]) for c in proposal.changes}
        graded = decide(scheme, reference, {**values, **moved})
        assert graded.tier[0] == proposal.tier < lift.tier
        assert graded.composite.score[0] == proposal.score > lift.score
        for change in proposal.changes:
            name = change.action.indicator
            sign = -1 if describe(name).direction is Direction.LOWER_IS_BETTER else 1
            assert sign * (change.after - change.before) > 0
            assert change.points >= 0
            rest = {n: x for n, x in moved.items() if n != name}
            assert decide(scheme, reference, {**values, **rest}).tier[0] == lift.tier
    assert [p.effort for p in lift.proposals] == sorted(p.effort for p in lift.proposals)


def test_the_packaged_actions_on_the_default_scheme() -> None:
    scheme = load_scheme()
    rng = np.random.default_rng(5)
    values = {
        name: np.round(rng.random(300) * (5 if describe(name).unit == "count" else 1), 2)
        for name in scheme.indicators
    }
    for name in ("csat_mean_365d", "inbound_interaction_count_180d"):
        values[name] = np.where(rng.random(300) < 0.5, np.nan, values[name])
    reference = Reference.fit(values)
    found = lifts(scheme, reference, values)
    assert sum(bool(each.proposals) for each in found) > 50
    assert any(each.attainable for each in found)
    for number, each in enumerate(found):
        own = {name: column[number : number + 1] for name, column in values.items()}
        assert_holds(scheme, reference, own, each)
        for proposal in each.proposals:
            assert len(proposal.changes) <= packaged_actions().most_changes
    # One alone is as in the batch.
    first = {name: column[:1] for name, column in values.items()}
    assert one(scheme, reference, first) == found[0]


@pytest.mark.parametrize("name", scheme_names())
def test_the_packaged_actions_on_every_shipped_scheme(name: str) -> None:
    scheme = load_scheme(name)
    rng = np.random.default_rng(6)
    asked = [*scheme.indicators, "days_since_last_order", "repeat_count"]
    values = {
        each: np.round(rng.lognormal(2, 1.5, 80), 1)
        if describe(each).unit in ("money", "days", "ratio")
        else np.round(rng.random(80) * (1 if describe(each).unit == "rate" else 9))
        for each in asked
    }
    reference = Reference.fit(values)
    for number, each in enumerate(lifts(scheme, reference, values)):
        assert_holds(
            scheme,
            reference,
            {key: column[number : number + 1] for key, column in values.items()},
            each,
        )


# --- the policy file ----------------------------------------------------------------------


def test_packaged_actions_are_sound_and_have_a_digest() -> None:
    actions = packaged_actions()
    assert len(actions.sha256) == 64
    assert {"category_count_180d", "on_time_collection_rate_365d"} <= {
        each.indicator for each in actions.actions
    }
    assert not {"tenure_days", "ltv", "churn_probability"} & {
        each.indicator for each in actions.actions
    }
    for each in actions.actions:
        assert (each.text_en + each.one_en).isascii()
        assert any("\u4e00" <= sign <= "\u9fff" for sign in each.text_zh)
