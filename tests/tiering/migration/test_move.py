"""Tiers over time: every rule by hand, against a slow twin, and what must always hold."""

from __future__ import annotations

import itertools
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tiering.migration.oracle import Held, Rules, by_score, step
from tiering.errors import PolicyError
from tiering.migration.move import Moves, move
from tiering.migration.policy import AutomaticUpgrade, MigrationPolicy
from tiering.migration.reasons import EVENTS
from tiering.migration.state import NEW, MigrationState, TierArray

TIERS = ("top", "core", "potential", "basic")
CUTS = np.array([75.0, 60.0, 45.0, 0.0])
DAY = np.datetime64("2026-03-31")
AMOUNT_AND_TENURE = AutomaticUpgrade(
    tier="core", when=("net_amount_365d >= 5000000", "tenure_days >= 730")
)


def raw_of(scores: np.ndarray) -> TierArray:
    return np.array([by_score(s, CUTS.tolist(), 0.0) for s in scores], dtype=np.intp)


def held(*customers: tuple[int, str, str]) -> MigrationState:
    tier, since, pending = zip(*customers, strict=True)
    return MigrationState(
        np.array(tier, dtype=np.intp),
        np.array(since, dtype="datetime64[D]"),
        np.array(pending, dtype="datetime64[D]"),
    )


def one(policy: MigrationPolicy, before: tuple[int, str, str], score: float) -> Moves:
    scores = np.array([score])
    return move(policy, TIERS, held(before), raw_of(scores), DAY, score=scores, cuts=CUTS)


def event(moves: Moves, row: int = 0) -> str:
    return EVENTS[int(moves.event[row])]


def test_a_first_grade_is_the_raw_tier_from_that_day() -> None:
    moves = move(MigrationPolicy(), TIERS, MigrationState.new(1), np.array([2]), DAY)
    assert (moves.tier[0], event(moves), moves.state.since[0]) == (2, "entered", DAY)
    assert np.isnat(moves.state.pending_since[0])


@pytest.mark.parametrize(
    ("score", "tier", "what"),
    [
        (61.9, 2, "held_by_hysteresis"),  # core begins at 60, and 2 points above are asked for
        (62.0, 1, "upgraded"),
        (77.0, 0, "upgraded"),
        (76.9, 1, "upgraded"),  # raw top, but not by 2 points: as far as it is sure
        (44.0, 2, "held_by_hysteresis"),  # basic begins below 45, and 1 point below is kept
        (43.9, 3, "downgraded"),
        (50.0, 2, "unchanged"),
    ],
)
def test_hysteresis_asks_for_points_beyond_the_cut(score: float, tier: int, what: str) -> None:
    policy = MigrationPolicy(hysteresis_up=2.0, hysteresis_down=1.0)
    moves = one(policy, (2, "2026-01-31", "NaT"), score)
    assert (moves.tier[0], event(moves)) == (tier, what)


def test_no_move_before_the_dwell_has_passed_in_either_direction() -> None:
    policy = MigrationPolicy(min_dwell_days=60)
    for score in (80.0, 10.0):
        soon = one(policy, (1, "2026-01-31", "NaT"), score)  # 59 days ago
        assert (soon.tier[0], event(soon), soon.days_left[0]) == (1, "held_by_dwell", 1.0)
        assert one(policy, (1, "2026-01-30", "NaT"), score).tier[0] != 1
        assert one(policy, (1, "NaT", "NaT"), score).tier[0] != 1


def test_a_downgrade_waits_for_its_grace_and_is_lifted_by_recovery() -> None:
    """#59: downgraded customers are carried through a transition."""
    policy = MigrationPolicy(grace_days=90)
    first = one(policy, (1, "2025-01-31", "NaT"), 50.0)
    assert (first.tier[0], event(first), first.days_left[0]) == (1, "in_grace", 90.0)
    assert first.state.pending_since[0] == DAY
    later = one(policy, (1, "2025-01-31", "2026-01-01"), 50.0)  # 89 days ago
    assert (later.tier[0], later.days_left[0]) == (1, 1.0)
    assert str(later.state.pending_since[0]) == "2026-01-01"
    gone = one(policy, (1, "2025-01-31", "2025-12-31"), 50.0)
    assert (gone.tier[0], event(gone), gone.state.since[0]) == (2, "downgraded", DAY)
    assert np.isnan(gone.days_left[0])
    assert np.isnat(gone.state.pending_since[0])
    well = one(policy, (1, "2025-01-31", "2026-01-01"), 60.0)
    assert well.codes(0) == ("unchanged", "recovered")
    assert np.isnat(well.state.pending_since[0])


def test_grace_runs_during_the_dwell_and_the_longer_of_both_counts() -> None:
    policy = MigrationPolicy(min_dwell_days=100, grace_days=30)
    waiting = one(policy, (1, "2026-03-01", "2026-03-01"), 50.0)
    assert (event(waiting), waiting.days_left[0]) == ("held_by_dwell", 70.0)
    both = one(policy, (1, "2026-03-01", "2026-03-11"), 50.0)
    assert (event(both), both.days_left[0]) == ("in_grace", 70.0)


def test_amount_and_tenure_upgrade_automatically_and_keep_the_tier() -> None:
    """#57: an automatic upgrade when amount *and* tenure reach the next tier."""
    policy = MigrationPolicy(automatic=(AMOUNT_AND_TENURE,))
    state = held(*[(2, "2025-01-31", "NaT")] * 4, (1, "2025-01-31", "NaT"))
    values = {
        "net_amount_365d": np.array([5e6, 5e6, 4.9e6, 5e6, 6e6]),
        "tenure_days": np.array([730.0, 729.0, 900.0, np.nan, 731.0]),
    }
    scores = np.full(5, 50.0)
    moves = move(policy, TIERS, state, raw_of(scores), DAY, score=scores, cuts=CUTS, values=values)
    assert moves.tier.tolist() == [1, 2, 2, 2, 1]
    assert moves.codes(0) == ("automatic_upgrade", "by_conditions")
    assert moves.codes(1) == ("unchanged",)
    assert moves.codes(4) == ("held_by_conditions", "by_conditions")
    # Whoever is better by the score is not brought down to the conditions' tier.
    assert one(policy, (0, "2025-01-31", "NaT"), 80.0).tier[0] == 0


def test_the_best_of_several_automatic_upgrades_counts() -> None:
    top = AutomaticUpgrade(tier="top", when=("tenure_days >= 1000",))
    policy = MigrationPolicy(automatic=(top, AMOUNT_AND_TENURE))
    values = {"net_amount_365d": np.array([5e6]), "tenure_days": np.array([1000.0])}
    state = held((3, "2025-01-31", "NaT"))
    assert move(policy, TIERS, state, np.array([3]), DAY, values=values).tier[0] == 0


def test_one_assessment_moves_no_further_than_the_steps() -> None:
    policy = MigrationPolicy(max_steps_up=1, max_steps_down=2, grace_days=30)
    up = one(policy, (3, "2025-01-31", "NaT"), 80.0)
    assert (up.tier[0], up.codes(0)) == (2, ("upgraded", "partial_move"))
    assert np.isnat(up.state.pending_since[0])
    down = one(policy, (0, "2025-01-31", "2026-01-31"), 10.0)
    assert (down.tier[0], down.codes(0)) == (2, ("downgraded", "partial_move"))
    # The rest is due from today on, and has a grace of its own.
    assert down.state.pending_since[0] == DAY


def test_what_the_panel_decided_takes_effect_at_once() -> None:
    policy = MigrationPolicy(
        hysteresis_down=5.0, min_dwell_days=90, grace_days=90, automatic=(AMOUNT_AND_TENURE,)
    )
    state = held((1, "2026-03-30", "2026-03-30"), (2, "2026-03-30", "NaT"))
    values = {"net_amount_365d": np.array([9e6, 0]), "tenure_days": np.array([900.0, 0])}
    moves = move(
        policy, TIERS, state, np.array([2, 2]), DAY,
        values=values, decided=np.array([True, True]),
    )  # fmt: skip
    assert moves.tier.tolist() == [2, 2]
    assert moves.codes(0) == ("downgraded", "decided")
    assert moves.codes(1) == ("unchanged", "decided")
    assert np.isnat(moves.state.pending_since).all()


def test_hysteresis_leaves_alone_what_no_score_decided() -> None:
    policy = MigrationPolicy(hysteresis_up=5.0, hysteresis_down=5.0)
    state = held(*[(1, "2025-01-31", "NaT")] * 3)
    raw = np.array([2, 3, 2])
    score = np.array([np.nan, 58.0, 58.0])  # unknown; overruled by a rule; by score
    moves = move(policy, TIERS, state, raw, DAY, score=score, cuts=CUTS)
    assert moves.tier.tolist() == [2, 3, 1]
    assert move(policy, TIERS, state, raw, DAY).tier.tolist() == [2, 3, 2]


def test_margins_stand_in_where_no_score_decides() -> None:
    """Rules and matrices have margins, but no cuts."""
    policy = MigrationPolicy(hysteresis_up=3.0, hysteresis_down=5.0)
    state = held(*[(1, "2025-01-31", "NaT")] * 5)
    raw = np.array([2, 2, 0, 0, 3])
    up = np.array([5.0, 5.1, np.nan, np.nan, 4.0])
    down = np.array([1.0, 1.0, 2.9, 3.0, np.nan])
    moves = move(policy, TIERS, state, raw, DAY, margin_up=up, margin_down=down)
    assert moves.tier.tolist() == [1, 2, 1, 0, 2]
    # The same tier told by cuts and by margins.
    score = np.array([58.0, 54.0, 77.0, 79.0, 41.0])
    cuts = move(policy, TIERS, state, raw_of(score), DAY, score=score, cuts=CUTS)
    margins = move(
        policy, TIERS, state, raw_of(score), DAY,
        margin_up=np.array([2.0, 6.0, np.nan, np.nan, 4.0]),
        margin_down=np.array([13.0, 9.0, 2.0, 4.0, np.nan]),
    )  # fmt: skip
    assert cuts.tier.tolist() == margins.tier.tolist() == [1, 2, 1, 0, 2]


def test_states_of_other_customers_or_tiers_are_refused() -> None:
    policy, state = MigrationPolicy(), held((1, "2025-01-31", "NaT"))
    raw = np.array([1])
    with pytest.raises(PolicyError, match="same 2 customers"):
        move(policy, TIERS, state, np.array([1, 1]), DAY)
    with pytest.raises(PolicyError, match="Tiers held"):
        move(policy, TIERS[:1], state, np.array([0]), DAY)
    with pytest.raises(PolicyError, match="Raw tiers"):
        move(policy, TIERS, state, np.array([4]), DAY)
    with pytest.raises(PolicyError, match="Scores"):
        move(policy, TIERS, state, raw, DAY, score=np.array([1.0, 2.0]))
    with pytest.raises(PolicyError, match="margins"):
        move(policy, TIERS, state, raw, DAY, margin_up=np.array([1.0, 2.0]))
    with pytest.raises(PolicyError, match="Scores"):
        move(policy, TIERS, state, raw, DAY, decided=np.array([True, False]))
    with pytest.raises(PolicyError, match="4 tiers"):
        move(policy, TIERS, state, raw, DAY, cuts=CUTS[:2])
    assert len(move(policy, TIERS, MigrationState.new(0), raw[:0], DAY).state) == 0


# --- what must always hold -------------------------------------------------------------------

policies = st.builds(
    MigrationPolicy,
    hysteresis_up=st.sampled_from([0.0, 1.0, 2.5, 8.0, 20.0]),
    hysteresis_down=st.sampled_from([0.0, 1.0, 2.5, 8.0, 20.0]),
    min_dwell_days=st.sampled_from([0, 30, 90, 180]),
    grace_days=st.sampled_from([0, 30, 90]),
    max_steps_up=st.sampled_from([None, 1, 2]),
    max_steps_down=st.sampled_from([None, 1, 2]),
    automatic=st.sampled_from([(), (AMOUNT_AND_TENURE,)]),
)
points = st.one_of(
    st.floats(0, 100), st.sampled_from([44.0, 45.0, 46.0, 59.0, 60.0, 61.0, 74.0, 75.0, 77.5])
)
amounts = st.sampled_from([0.0, 5e6, float("nan")])


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[date], np.ndarray, np.ndarray, np.ndarray]:
    """Return days, and by customer and day: scores, amounts, and what the panel decided."""
    n, k = draw(st.integers(1, 5)), draw(st.integers(1, 8))
    gaps = draw(st.lists(st.sampled_from([1, 30, 90]), min_size=k, max_size=k))
    days = [date(2026, 1, 1) + timedelta(days=sum(gaps[: i + 1])) for i in range(k)]
    score = draw(st.lists(points, min_size=n * k, max_size=n * k))
    amount = draw(st.lists(amounts, min_size=n * k, max_size=n * k))
    panel = draw(st.lists(st.integers(0, 9), min_size=n * k, max_size=n * k))
    shape = (k, n)
    return (
        days,
        np.reshape(score, shape),
        np.reshape(amount, shape),
        np.reshape(panel, shape) == 0,
    )


def replay(
    policy: MigrationPolicy,
    days: list[date],
    score: np.ndarray,
    amount: np.ndarray,
    panel: np.ndarray,
) -> list[Moves]:
    state, found = MigrationState.new(score.shape[1]), []
    for row, day in enumerate(days):
        values = {"net_amount_365d": amount[row], "tenure_days": np.full(score.shape[1], 800.0)}
        moves = move(
            policy, TIERS, state, raw_of(score[row]), np.datetime64(day),
            score=score[row], cuts=CUTS, values=values, decided=panel[row],
        )  # fmt: skip
        found.append(moves)
        state = moves.state
    return found


@given(policies, histories())
def test_it_does_what_the_slow_twin_does(policy, history) -> None:  # type: ignore[no-untyped-def]
    days, score, amount, panel = history
    found = replay(policy, *history)
    rules = Rules(
        policy.hysteresis_up, policy.hysteresis_down, policy.min_dwell_days, policy.grace_days,
        policy.max_steps_up or 99, policy.max_steps_down or 99,
    )  # fmt: skip
    for c in range(score.shape[1]):
        state = Held()
        for row, day in enumerate(days):
            floor = 1 if policy.automatic and amount[row, c] >= 5e6 else 4
            raw = by_score(score[row, c], CUTS.tolist(), 0.0)
            state, what = step(
                rules, state, raw, score[row, c], CUTS.tolist(), floor, panel[row, c], day
            )
            after = found[row].state
            pending = after.pending_since[c].item()
            assert (what, state) == (
                event(found[row], c),
                Held(int(after.tier[c]), after.since[c].item(), pending),
            )


@given(policies, histories())
def test_the_order_of_customers_and_their_company_do_not_matter(policy, history) -> None:  # type: ignore[no-untyped-def]
    days, *arrays = history
    tiers = np.stack([m.tier for m in replay(policy, *history)])
    backwards = np.stack([m.tier for m in replay(policy, days, *(a[:, ::-1] for a in arrays))])
    assert (tiers[:, ::-1] == backwards).all()
    alone = np.stack([m.tier for m in replay(policy, days, *(a[:, :1] for a in arrays))])
    assert (tiers[:, :1] == alone).all()


@given(policies, histories(), st.floats(0, 30))
def test_a_better_score_never_gives_a_worse_tier(policy, history, more) -> None:  # type: ignore[no-untyped-def]
    days, score, amount, panel = history
    state = ([MigrationState.new(score.shape[1])] + [m.state for m in replay(policy, *history)])[-2]
    values = {"net_amount_365d": amount[-1], "tenure_days": np.full(score.shape[1], 800.0)}

    def tiers(points: np.ndarray) -> TierArray:
        return move(
            policy, TIERS, state, raw_of(points), np.datetime64(days[-1]),
            score=points, cuts=CUTS, values=values, decided=panel[-1],
        ).tier  # fmt: skip

    assert (tiers(np.minimum(score[-1] + more, 100.0)) <= tiers(score[-1])).all()


@given(policies, histories())
def test_nobody_goes_there_and_back_inside_the_dwell(policy, history) -> None:  # type: ignore[no-untyped-def]
    days, score, amount, panel = history
    found = replay(policy, days, score, amount, np.zeros_like(panel))
    changed = [(d, m.tier != m.before.tier) for d, m in zip(days, found, strict=True)]
    for c in range(score.shape[1]):
        moved = [day for day, mask in changed if mask[c]]
        gaps = [(b - a).days for a, b in itertools.pairwise(moved)]
        assert all(gap >= policy.min_dwell_days for gap in gaps)


@given(histories())
def test_without_a_policy_the_tier_is_the_raw_tier(history) -> None:  # type: ignore[no-untyped-def]
    for moves in replay(MigrationPolicy(), *history):
        assert (moves.tier == moves.raw).all()
        assert not moves.partial.any()
        assert np.isnan(moves.days_left).all()


@given(policies, histories())
def test_everybody_has_a_tier_and_one_event(policy, history) -> None:  # type: ignore[no-untyped-def]
    for moves in replay(policy, *history):
        assert ((moves.tier >= 0) & (moves.tier < 4)).all()
        assert ((moves.event >= 0) & (moves.event < len(EVENTS))).all()
        assert (moves.before.tier == NEW).sum() == (moves.event == 0).sum()


def test_an_assessment_on_the_same_day_changes_nothing_more() -> None:
    policy = MigrationPolicy(hysteresis_down=2.0, grace_days=30)
    first = one(policy, (1, "2025-01-31", "NaT"), 50.0)
    again = move(policy, TIERS, first.state, first.raw, DAY, score=np.array([50.0]), cuts=CUTS)
    assert again.tier[0] == first.tier[0]
    assert again.state.pending_since[0] == first.state.pending_since[0]
