"""From judged origins to a certificate: who learns, who calibrates, and what is promised.

On a day, only origins whose outcomes have closed may be used. The latest of them calibrate; the
model of confidence learns from those that had closed before the first calibration origin. So a
calibration origin is as new to the model as the customers are that it will be used on, and what
is certified is the model that is used. At the next origin everything is done again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from features.schema import FloatArray
from tiering.certification.certificate import Certificate, certify
from tiering.certification.search import Promise
from tiering.certification.trial import Trial
from tiering.certification.watch import Watch, watch
from training.bundle import Bundle
from training.dataset import TrainingSet
from training.errors import FitError
from training.evaluation.judged import Judged
from training.evaluation.tier_evidence import in_hindsight
from training.models.certified import GOVERNING, CertifiedTiers
from training.models.tier_confidence import (
    TierConfidence,
    confidence_of,
    fit_tier_confidence,
    likeliest,
)
from training.models.tier_view import IntArray, TierView, shares_of

CALIBRATION_ORIGINS = 3
"""Latest closed origins that a threshold must hold at."""


@dataclass(frozen=True, slots=True, eq=False)
class Graded:
    """Grades of one origin and what they should have been.

    Attributes
    ----------
    day
        The origin.
    view
        What was known on the day, of ``n`` customers.
    right
        ``(n,)`` realised tiers by one definition.
    candidate
        ``(n,)`` whether nothing else refers the customer.
    """

    day: np.datetime64
    view: TierView
    right: IntArray
    candidate: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Roles:
    """Positions of the origins that the model learns from, and of those that calibrate."""

    learn: tuple[int, ...]
    calibrate: tuple[int, ...]


def roles(
    days: Sequence[np.datetime64],
    today: np.datetime64,
    horizon_days: int,
    calibration_origins: int = CALIBRATION_ORIGINS,
) -> Roles | None:
    """Return what each origin may be used for today, or None if there are too few.

    Parameters
    ----------
    days
        Origins, ascending.
    horizon_days
        Days until the outcomes of an origin have closed.
    """
    horizon = np.timedelta64(horizon_days, "D")
    closed = [at for at, day in enumerate(days) if day + horizon <= today]
    calibrate = closed[-calibration_origins:]
    if len(calibrate) < calibration_origins:
        return None
    learn = [at for at in closed if days[at] + horizon <= days[calibrate[0]]]
    return Roles(tuple(learn), tuple(calibrate)) if learn else None


def trial_of(model: TierConfidence, graded: Sequence[Graded]) -> Trial:
    """Return the grades of closed origins as a trial of the scheme's tiers.

    A customer for whom the model holds another tier to be likelier is no candidate.
    """
    parts = []
    for each in graded:
        probability = model.probabilities(each.view)
        parts.append(
            Trial(
                origin=np.full(len(each.view), str(each.day)),
                confidence=confidence_of(probability, each.view.tier),
                tier=each.view.tier,
                right=each.right,
                candidate=each.candidate & (likeliest(probability) == each.view.tier),
                tiers=each.view.tiers,
            )
        )
    return Trial(
        origin=np.concatenate([part.origin for part in parts]),
        confidence=np.concatenate([part.confidence for part in parts]),
        tier=np.concatenate([part.tier for part in parts]),
        right=np.concatenate([part.right for part in parts]),
        candidate=np.concatenate([part.candidate for part in parts]),
        tiers=parts[0].tiers,
    )


def certified(
    graded: Sequence[Graded],
    today: np.datetime64,
    horizon_days: int,
    *,
    definition: str,
    promise: Promise,
    seed: int,
) -> tuple[TierConfidence, Certificate] | None:
    """Learn confidence and certify a threshold with what has closed today.

    Returns
    -------
    tuple or None
        The model and the certificate, which may certify nothing; None if there are too few
        closed origins to learn and calibrate.

    Raises
    ------
    FitError
        If the origins to learn from hold too few customers.
    """
    part = roles([each.day for each in graded], today, horizon_days)
    if part is None:
        return None
    model = fit_tier_confidence(
        [(graded[at].view, graded[at].right) for at in part.learn],
        definition=definition,
        seed=seed,
    )
    trial = trial_of(model, [graded[at] for at in part.calibrate])
    return model, certify(trial, promise, definition=definition, model=model.digest)


def certified_tiers(
    parts: Sequence[Judged],
    today: np.datetime64,
    shares: FloatArray,
    *,
    promise: Promise,
    seed: int,
) -> CertifiedTiers | None:
    """Certify a scheme's tiers by both definitions, with a backtest's rows that have closed.

    Whoever the scheme refers for a reason of its own is no candidate.

    Parameters
    ----------
    parts
        Judged rows of each origin, ascending, with their views.
    today
        The day of service.
    shares
        Shares of the reference population of that day (``TierView.shares``).

    Returns
    -------
    CertifiedTiers or None
        None if there are too few closed origins; then everyone is referred.

    Raises
    ------
    FitError
        If the origins to learn from hold too few customers.
    """
    first = parts[0]
    horizon = max(first.main("churn").horizon_days, first.main("ltv").horizon_days)
    models: dict[str, TierConfidence] = {}
    certificates: dict[str, Certificate] = {}
    for definition, right in _RIGHT.items():
        graded = [
            Graded(np.datetime64(part.origin), part.view, getattr(part, right), ~part.referred)
            for part in parts
            if part.view is not None
        ]
        found = certified(graded, today, horizon, definition=definition, promise=promise, seed=seed)
        if found is None:
            return None
        models[definition], certificates[definition] = found
    return CertifiedTiers(models, certificates, graded[-1].view.cuts, shares)


def with_certificates(
    bundle: Bundle,
    parts: Sequence[Judged],
    present: FloatArray,
    *,
    promise: Promise | None = None,
) -> Bundle:
    """Return the bundle with the certificates that a backtest of its recipe gives it.

    Without any where the backtest holds too few closed origins or customers to learn from:
    then nothing is certified.

    Parameters
    ----------
    bundle
        Fitted for the day of service.
    parts
        Judged rows of the backtest of the same recipe and scheme.
    present
        ``(n, k)`` indicator values of the eligible customers of the day of service.
    promise
        5 % with 95 % confidence by default.
    """
    _, decisions = bundle.decide(present)
    shares = shares_of(decisions.tier.astype(np.int64), len(bundle.scheme.tiers))
    try:
        found = certified_tiers(
            parts,
            np.datetime64(bundle.meta.trained_as_of),
            shares,
            promise=promise or Promise(),
            seed=bundle.recipe.seed,
        )
    except FitError:
        return bundle
    return replace(bundle, certified=found)


def watched(bundle: Bundle, rows: TrainingSet) -> Watch:
    """Judge a bundle's certificate by the customers of one closed day.

    Parameters
    ----------
    rows
        Eligible customers of the day, with their outcomes.

    Raises
    ------
    FitError
        If the bundle carries no certificate.
    """
    if bundle.certified is None:
        raise FitError(
            "The bundle carries no certificate: everyone is referred as it is.",
            hint="Train with a scheme that has `certified = true` in [referral].",
        )
    scores, decisions = bundle.decide(rows.values)
    tier = decisions.tier.astype(np.int64)
    verdict = bundle.certified.judge(tier, decisions.composite, scores, bundle.reference)
    trial = Trial(
        origin=rows.as_of.astype("datetime64[D]").astype(str),
        confidence=verdict.confidence,
        tier=tier,
        right=in_hindsight(bundle, rows, scores)[0],
        candidate=~decisions.referred & (verdict.likeliest == tier),
        tiers=len(bundle.scheme.tiers),
    )
    return watch(bundle.certified.certificates[GOVERNING], trial)[1]


_RIGHT: Mapping[str, str] = MappingProxyType({GOVERNING: "hindsight", "value": "value_tier"})
"""Definition of the realised tier to the field of ``Judged`` that holds it."""
