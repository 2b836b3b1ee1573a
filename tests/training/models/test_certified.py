"""Models of confidence and their certificates in a bundle's texts: whole, paired and unaltered."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from features.schema import Dimension
from tiering.certification.automation import LOW_CONFIDENCE, NO_CERTIFICATE
from tiering.certification.search import Promise
from tiering.composite import Composite
from tiering.scores import Reference
from training.errors import BundleError
from training.evaluation.certification import Graded, certified
from training.models.certified import GOVERNING, CertifiedTiers
from training.models.tier_view import IntArray, TierView, shares_of, tier_view
from training.scores import Scores

CUTS = np.array([70.0, 40.0])
DAYS = tuple(np.datetime64("2025-01-01") + np.timedelta64(30 * k, "D") for k in range(6))
REFERENCE = Reference.fit({"ltv": np.linspace(0.0, 1_000.0, 501)})


def grades(seed: int, n: int = 1_000) -> tuple[Composite, Scores, IntArray, IntArray]:
    """Return graded customers, half of whose score is their LTV, and their realised tiers."""
    rng = np.random.default_rng(seed)
    ltv = rng.uniform(0.0, 1_000.0, n)
    points = np.column_stack([rng.uniform(0.0, 100.0, n), REFERENCE.knots["ltv"].at(ltv)])
    score = points.mean(axis=1)
    graded = Composite(
        indicator=("tenure_days", "ltv"),
        dimension=(Dimension.STRATEGIC, Dimension.VALUE),
        dimensions=(Dimension.STRATEGIC, Dimension.VALUE),
        points=points,
        weight=np.full((n, 2), 0.5),
        dimension_score=points,
        score=score,
        missing_dimension=np.zeros((n, 2), dtype=np.bool_),
        missing_weight=np.zeros(n),
        switched_off=(),
    )
    scores = Scores(
        churn_probability=rng.random(n),
        ltv=ltv,
        ltv_lower=0.8 * ltv,
        ltv_upper=1.2 * ltv,
        p_alive=np.ones(n),
        dormant=np.zeros(n, dtype=np.bool_),
    )
    tier = (score[:, None] < CUTS).sum(axis=1)
    right = ((score + rng.normal(0.0, 3.0, n))[:, None] < CUTS).sum(axis=1)
    return graded, scores, tier, right


def viewed(seed: int) -> tuple[TierView, IntArray]:
    graded, scores, tier, right = grades(seed)
    return tier_view(tier, graded, scores, REFERENCE, CUTS, shares_of(tier, 3)), right


@pytest.fixture(scope="module")
def warrant() -> CertifiedTiers:
    every = [
        Graded(day, *viewed(seed), np.ones(1_000, dtype=np.bool_)) for seed, day in enumerate(DAYS)
    ]
    models, certificates = {}, {}
    for name in (GOVERNING, "value"):
        found = certified(every, DAYS[5], 30, definition=name, promise=Promise(), seed=1)
        assert found is not None
        models[name], certificates[name] = found
    shares = shares_of(grades(0)[2], 3)
    return CertifiedTiers(models, certificates, CUTS, shares)


def test_view_by_hand() -> None:
    graded, scores, tier, _ = grades(7, 3)
    view = tier_view(tier, graded, scores, REFERENCE, CUTS, shares_of(tier, 3))
    # Half of the score hangs on the LTV, the rest is settled.
    assert view.open_weight.tolist() == [0.5, 0.5, 0.5]
    assert view.settled == pytest.approx(graded.points[:, 0] / 2)
    assert view.ltv == pytest.approx(scores.ltv / 10.0, abs=0.2)
    assert view.width[0] == pytest.approx(
        np.log1p(scores.ltv_upper[0]) - np.log1p(scores.ltv_lower[0])
    )


def test_the_texts_hold_everything(warrant: CertifiedTiers) -> None:
    texts = warrant.texts()
    again = CertifiedTiers.from_texts(texts, 1)
    assert again is not None
    assert again.texts() == texts
    graded, scores, tier, _ = grades(20)
    one, other = (each.judge(tier, graded, scores, REFERENCE) for each in (warrant, again))
    assert (one.confidence == other.confidence).all()
    assert (one.automation.auto == other.automation.auto).all()
    assert CertifiedTiers.from_texts({"bundle.json": "{}"}, 1) is None


def test_a_customer_alone_is_judged_as_among_others(warrant: CertifiedTiers) -> None:
    graded, scores, tier, right = grades(21)
    every = warrant.judge(tier, graded, scores, REFERENCE)
    auto = every.automation.auto
    assert auto.mean() > 0.3
    assert (tier != right)[auto].mean() <= 0.05
    assert every.automation.reason[LOW_CONFIDENCE].any()
    row = slice(3, 4)
    alone = warrant.judge(
        tier[row],
        dataclasses.replace(
            graded,
            points=graded.points[row],
            weight=graded.weight[row],
            dimension_score=graded.dimension_score[row],
            score=graded.score[row],
            missing_dimension=graded.missing_dimension[row],
            missing_weight=graded.missing_weight[row],
        ),
        Scores(*(getattr(scores, field.name)[row] for field in dataclasses.fields(scores))),
        REFERENCE,
    )
    assert alone.confidence[0] == every.confidence[3]
    assert alone.likeliest[0] == every.likeliest[3]


def test_a_suspended_certificate_stays_suspended_in_the_texts(warrant: CertifiedTiers) -> None:
    stopped = dataclasses.replace(
        warrant,
        certificates={
            name: each.suspend("2025-06-30") for name, each in warrant.certificates.items()
        },
    )
    again = CertifiedTiers.from_texts(stopped.texts(), 1)
    assert again is not None
    graded, scores, tier, _ = grades(22, 10)
    found = again.judge(tier, graded, scores, REFERENCE).automation
    assert not found.auto.any()
    assert not found.reason[NO_CERTIFICATE].any()


def test_a_certificate_of_another_model_is_refused(warrant: CertifiedTiers) -> None:
    swapped = dict(zip(warrant.models, reversed(list(warrant.models.values())), strict=True))
    with pytest.raises(BundleError, match="not about these models"):
        dataclasses.replace(warrant, models=swapped)
    with pytest.raises(BundleError, match="not about these models"):
        dataclasses.replace(warrant, models={}, certificates={})


def test_an_altered_certificate_is_refused(warrant: CertifiedTiers) -> None:
    texts = warrant.texts()
    name = f"certificate.{GOVERNING}.json"
    altered = texts[name].replace('"level": 0.05', '"level": 0.5')
    assert altered != texts[name]
    with pytest.raises(BundleError, match="altered"):
        CertifiedTiers.from_texts({**texts, name: altered}, 1)
