"""Which origins learn, calibrate and are tested, and what is certified with them (#93)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from features.schema import FloatArray
from tests.training.evaluation.rows_by_hand import judged
from tiering.certification.search import Promise
from tiering.certification.watch import watch
from tiering.scheme import load_scheme, scheme_names
from training.bundle import Bundle
from training.evaluation.certification import (
    Graded,
    Roles,
    certified,
    certified_tiers,
    roles,
    trial_of,
    with_certificates,
)
from training.evaluation.judged import Forecast, Judged
from training.models.tier_view import TierView, cuts_of, shares_of

DAYS = tuple(np.datetime64("2025-01-01") + np.timedelta64(30 * k, "D") for k in range(12))
CUTS = np.array([70.0, 40.0])


def graded(day: np.datetime64, noise: float, n: int = 1_200) -> Graded:
    """Return an origin whose realised scores differ by normal noise."""
    rng = np.random.default_rng(int(day.astype(np.int64)))
    score = rng.uniform(0.0, 100.0, n)
    tier = (score[:, None] < CUTS).sum(axis=1)
    view = TierView(
        tier=tier,
        score=score,
        settled=score - 10.0,
        open_weight=np.full(n, 0.2),
        cuts=CUTS,
        shares=shares_of(tier, 3),
        churn=rng.random(n),
        ltv=score,
        lower=score - 5.0,
        upper=score + 5.0,
        width=np.ones(n),
        dimensions=score[:, None],
    )
    later = score + rng.normal(0.0, noise, n)
    right = (later[:, None] < CUTS).sum(axis=1)
    return Graded(day, view, right, rng.random(n) < 0.9)


def test_roles_keep_a_horizon_between_them() -> None:
    # Today is origin 9. With 90 days, origin 6 is the latest closed one; 4, 5 and 6 calibrate,
    # and what had closed on the day of origin 4 is at most origin 1.
    assert roles(DAYS, DAYS[9], 90) == Roles((0, 1), (4, 5, 6))
    assert roles(DAYS, DAYS[9], 90, 1) == Roles((0, 1, 2, 3), (6,))
    assert roles(DAYS, DAYS[4], 90) is None  # nothing had closed before the first to calibrate
    assert roles(DAYS, DAYS[2], 90) is None


def test_no_origin_from_the_future_is_used() -> None:
    for today in range(6, 12):
        part = roles(DAYS, DAYS[today], 60)
        assert part is not None
        horizon = np.timedelta64(60, "D")
        assert all(DAYS[k] + horizon <= DAYS[today] for k in part.calibrate)
        assert all(DAYS[k] + horizon <= DAYS[part.calibrate[0]] for k in part.learn)


def test_certified_on_the_past_and_kept_later() -> None:
    """#93: the certificate is about this model, this definition and these origins."""
    every = [graded(day, 3.0) for day in DAYS]
    found = certified(every, DAYS[10], 90, definition="hindsight", promise=Promise(), seed=1)
    assert found is not None
    model, certificate = found
    assert certificate.model == model.digest
    assert certificate.definition == "hindsight"
    assert [row.of for row in certificate.origins] == [str(DAYS[k]) for k in (5, 6, 7)]
    assert certificate.threshold is not None
    trial = trial_of(model, [every[10]])
    after, seen = watch(certificate, trial)
    assert seen.selected > 600
    assert seen.risk is not None
    assert seen.risk <= 0.05
    assert after.in_force
    # Of the candidates, those whom the model places elsewhere are none.
    assert trial.candidate.sum() < every[10].candidate.sum()


def test_a_shift_is_seen_by_the_watch() -> None:
    every = [graded(day, 3.0 if k < 10 else 25.0) for k, day in enumerate(DAYS)]
    found = certified(every, DAYS[10], 90, definition="hindsight", promise=Promise(), seed=1)
    assert found is not None
    model, certificate = found
    after, seen = watch(certificate, trial_of(model, [every[10]]))
    assert seen.broken
    assert after.suspended == str(DAYS[10])


def test_noise_certifies_nothing() -> None:
    every = [graded(day, 60.0) for day in DAYS]
    found = certified(every, DAYS[10], 90, definition="hindsight", promise=Promise(), seed=1)
    assert found is not None
    assert found[1].threshold is None


def test_too_few_origins_give_no_certificate() -> None:
    every = [graded(day, 3.0) for day in DAYS[:4]]
    assert certified(every, DAYS[4], 90, definition="hindsight", promise=Promise(), seed=1) is None


def judged_part(each: Graded, rng: np.random.Generator) -> Judged:
    """Return an origin as a backtest hands it over."""
    n = len(each.view)
    actual = np.zeros(n)
    return replace(
        judged(
            str(each.day),
            np.arange(n),
            (Forecast("churn", 30, actual, {}, {}), Forecast("ltv", 90, actual, {}, {})),
            tier=each.view.tier,
            hindsight=each.right,
            value_tier=rng.permutation(each.right),
            referred=~each.candidate,
        ),
        view=each.view,
    )


def test_a_backtest_certifies_by_both_definitions() -> None:
    """#93: the longer horizon decides what has closed; each definition has its certificate."""
    rng = np.random.default_rng(1)
    every = [graded(day, 3.0) for day in DAYS[:10]]
    parts = [judged_part(each, rng) for each in every]
    shares = np.array([0.3, 0.6])
    found = certified_tiers(parts, DAYS[10], shares, promise=Promise(), seed=1)
    assert found is not None
    assert list(found.certificates) == ["hindsight", "value"]
    told = found.certificates["hindsight"]
    assert [row.of for row in told.origins] == [str(DAYS[k]) for k in (5, 6, 7)]
    assert told.in_force
    # Tiers shuffled among customers cannot be foreseen.
    assert found.certificates["value"].threshold is None
    same = certified(every, DAYS[10], 90, definition="hindsight", promise=Promise(), seed=1)
    assert same is not None
    assert told == same[1]
    assert (found.cuts == CUTS).all()
    assert certified_tiers(parts[:4], DAYS[4], shares, promise=Promise(), seed=1) is None


def test_a_bundle_gets_the_certificates_of_its_backtest(bundle: Bundle, values: FloatArray) -> None:
    """#93: certified with what had closed on the day of service; not at all with too little."""
    rng = np.random.default_rng(2)
    tier = bundle.decide(values)[1].tier
    today = np.datetime64(bundle.meta.trained_as_of)
    days = [today - np.timedelta64(30 * k, "D") for k in range(12, 2, -1)]
    parts = [judged_part(graded(day, 3.0), rng) for day in days]
    found = with_certificates(bundle, parts, values).certified
    assert found is not None
    told = found.certificates["hindsight"]
    assert [row.of for row in told.origins] == [str(day) for day in days[-3:]]
    assert found.shares[0] == (tier == 0).mean()
    assert with_certificates(bundle, parts[-3:], values).certified is None
    few = [judged_part(graded(day, 3.0, 50), rng) for day in days]
    assert with_certificates(bundle, few, values).certified is None


def test_cuts_of_a_scheme_without_a_score_are_unknown() -> None:
    assert cuts_of(load_scheme("default")).tolist() == [75.0, 60.0, 45.0]
    other = next(scheme for scheme in map(load_scheme, scheme_names()) if scheme.decider != "score")
    assert np.isnan(cuts_of(other)).all()
    assert len(cuts_of(other)) == len(other.tiers) - 1
