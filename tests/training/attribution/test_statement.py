"""The statement of #110, and when it is refused."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from training.attribution.bandwidth import Bandwidths
from training.attribution.differences import Difference
from training.attribution.discontinuity import Jump
from training.attribution.falsification import Check
from training.attribution.figure import discontinuity_figure
from training.attribution.manipulation import DensityJump
from training.attribution.statement import REASONS, fieller, state
from training.attribution.study import Observed, study_cut
from training.card.svg import to_svg
from training.errors import FitError

N = 400
CLUSTER = np.arange(N)
CORE = (np.arange(N) < 200).astype(float)
GROWTH = np.where(CORE > 0, 10.0, 0.0) + np.tile([-4.0, 4.0], N // 2)
AT_CUT = Jump(6.0, 4.0, 8.0, 1.0, 0.001, 1.0, Bandwidths(5, 8), 80, 90, np.full(N, 1 / 20))
CHECK = Check("x", 1.0, -1.0, 3.0, 0.5, 0.5)
DENSITY = DensityJump(0.1, 0.1, 0.5, 5.0, 100)
NAN = math.nan
DIFFERENCE = Difference(5, 4, 6, 0.5, 0.0, np.zeros(2), np.zeros(2), 0.5, 40)


def test_fieller_by_hand() -> None:
    # (6 - r·10)² = 4·(1 + r²·0.25) → 99 r² - 120 r + 32 = 0
    low, high = fieller(6.0, 10.0, 1.0, 0.0, 0.25, 2.0) or (NAN, NAN)
    roots = np.sort(np.roots([99.0, -120.0, 32.0]))
    assert (low, high) == pytest.approx(tuple(roots))
    assert fieller(6.0, 1.0, 1.0, 0.0, 0.25, 2.0) is None  # growth of nought cannot be excluded
    # Without chance in the growth it is the plain interval over it.
    assert fieller(6.0, 10.0, 1.0, 0.0, 0.0, 2.0) == pytest.approx((0.4, 0.8))


def test_the_form_of_the_document() -> None:
    found = state(AT_CUT, GROWTH, CORE, CLUSTER, density=DENSITY, balance=[CHECK])
    assert found.share == pytest.approx(0.6)  # 6 of 10 a customer
    assert found.refusals == ()
    assert found.customers == 200
    assert found.lower < 0.6 < found.upper
    assert found.text_en.startswith("60% of the growth of 200 customers comes from tier service")
    assert "40% from the market" in found.text_en
    assert "60%来自分级服务" in found.text_zh
    assert "40%来自市场" in found.text_zh


@pytest.mark.parametrize(
    ("code", "changed"),
    [
        ("manipulation", {"density": replace(DENSITY, p_value=0.01)}),
        ("imbalance", {"balance": [CHECK, replace(CHECK, holm=0.01)]}),
        ("placebo_jumps", {"placebos": [replace(CHECK, holm=0.04)]}),
        ("pre_trend", {"difference": replace(DIFFERENCE, pre_trend=0.001)}),
    ],
)
def test_a_design_that_fails_makes_no_statement(code: str, changed: dict) -> None:
    passing = {
        "density": DENSITY,
        "balance": [CHECK],
        "placebos": [CHECK],
        "difference": DIFFERENCE,
    }
    assert state(AT_CUT, GROWTH, CORE, CLUSTER, **passing).refusals == ()
    found = state(AT_CUT, GROWTH, CORE, CLUSTER, **(passing | changed))
    assert found.refusals == (code,)
    assert math.isnan(found.share)
    assert math.isnan(found.lower)
    assert REASONS[code][0] in found.text_en
    assert REASONS[code][1] in found.text_zh


def test_too_little_to_go_by_makes_no_statement() -> None:
    few = replace(AT_CUT, n_left=49)
    assert state(few, GROWTH, CORE, CLUSTER).refusals == ("few_customers",)
    assert state(AT_CUT, -GROWTH, CORE, CLUSTER).refusals == ("no_growth",)
    assert state(AT_CUT, GROWTH, np.zeros(N), CLUSTER).refusals == ("no_growth",)
    noise = np.tile([-40.0, 41.0], N // 2)
    assert state(AT_CUT, noise, CORE, CLUSTER).refusals == ("growth_unclear",)


def _company(rng: np.random.Generator, effect: float, n: int = 1500) -> Observed:
    score = np.clip(rng.normal(56, 12, n), 0, 99.9)
    served = (score >= 60) * effect
    return Observed(
        customer=np.arange(n),
        grading=np.zeros(n, dtype=np.int64),
        score=score,
        growth=20 + 0.3 * (score - 60) + served + rng.normal(0, 30, n),
        before={"tenure_days": 10 * score + rng.normal(0, 100, n)},
    )


def test_a_planted_effect_is_told_with_its_share() -> None:
    rng = np.random.default_rng(0)
    truth, covered, refused = 30.0, [], 0
    for _ in range(60):
        observed = _company(rng, truth)
        found = study_cut(observed, 60, low=0, high=101, simulated=True)
        core = observed.growth[observed.score >= 60].mean()
        if found.statement.refusals:
            refused += 1
            continue
        # Growth without chance: 20, 30 from service, and 0.3 a point above the cut.
        covered.append(found.statement.lower <= truth / core <= found.statement.upper)
    assert refused <= 20  # three checks at 5 % and Holm's two families
    assert np.mean(covered) >= 0.87


def test_a_study_is_json_and_says_that_it_is_simulated() -> None:
    found = study_cut(_company(np.random.default_rng(1), 30.0), 60, low=40, simulated=True)
    told = json.loads(json.dumps(found.to_dict()))
    assert told["simulated"] is True
    assert told["cut"] == 60
    assert "influence" not in told["jump"]
    assert told["statement"]["text_zh"] == found.statement.text_zh
    assert [check["name"] for check in told["balance"]] == ["tenure_days"]


def test_one_account_does_not_decide() -> None:
    observed = _company(np.random.default_rng(4), 30.0)
    calm = study_cut(observed, 60, low=0, simulated=True)
    growth = observed.growth.copy()
    growth[np.argmin(np.abs(observed.score - 61))] = 1e7
    wild = study_cut(replace(observed, growth=growth), 60, low=0, simulated=True)
    assert wild.jump.estimate == pytest.approx(calm.jump.estimate, abs=5)
    uncapped = study_cut(replace(observed, growth=growth), 60, low=0, cap=0.0, simulated=True)
    assert uncapped.jump.error > 100 * calm.jump.error


def test_a_study_without_scores() -> None:
    observed = _company(np.random.default_rng(2), 0.0)
    with pytest.raises(FitError, match="Nobody"):
        study_cut(observed, 60, low=200, high=300, simulated=True)
    # Too few scores above the cut for the density; the jump has enough.
    near = observed.between(40, 75)
    tied = replace(near, score=np.round(near.score))
    assert study_cut(tied, 60, simulated=True).density is None


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_figure_shows_both_sides(language: str) -> None:
    rng = np.random.default_rng(3)
    observed = _company(rng, 30.0)
    x = observed.score - 60
    figure = discontinuity_figure(
        x, observed.growth, Bandwidths(5.0, 9.0), title="Jump", language=language
    )
    left, line, *_ = figure.data
    assert max(left.x) < 0
    level_below, level_above = line.y[0], figure.data[3].y[0]
    assert level_above - level_below == pytest.approx(30, abs=15)
    drawn = to_svg(figure)
    assert drawn.startswith("<svg")
    assert ("growth per customer" if language == "en" else "单客增长") in drawn
