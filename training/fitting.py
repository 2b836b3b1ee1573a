"""From a training set and an origin to a bundle: the one way models are fitted.

The backtest calls it for past origins and the pipeline for the day of service, so what
is judged is what is served.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from tiering.policy import Scheme
from tiering.scores import Reference
from training.bundle import Bundle
from training.dataset import TrainingSet, learned_from
from training.errors import FitError
from training.manifest import BundleMeta
from training.models.churn import fit_churn
from training.models.companions import fit_companions
from training.models.lesson import Lessons
from training.models.ltv import fit_ltv
from training.recipe import Recipe
from training.splits import Origin


@dataclass(frozen=True, slots=True)
class Provenance:
    """What the caller knows about data and code; see :class:`BundleMeta`."""

    world: str
    currency: str
    simulated: bool
    data_fingerprint: str
    code_version: str


def fit_bundle(
    data: TrainingSet, origin: Origin, recipe: Recipe, scheme: Scheme, provenance: Provenance
) -> Bundle:
    """Fit both models for an origin and freeze its reference population.

    Nothing is learned from customers whose spend jumped without an explanation
    (``eligibility.max_jump_ratio``, #7). The reference are the other eligible customers of
    ``origin.day``: their indicators are known that day, their outcomes are not needed.

    Raises
    ------
    FitError
        If the days of the origin hold too little to learn from.
    """
    data = learned_from(data, recipe.eligibility)
    lessons = Lessons(data, recipe)
    churn = fit_churn(data, origin.churn, recipe, lessons)
    ltv = fit_ltv(data, origin.ltv, recipe, lessons)
    companions = fit_companions(data, origin, recipe, lessons)
    present, _ = lessons.present(origin.day)
    present = present.where(present.eligible)
    if len(present) == 0:
        raise FitError(
            f"No customer is eligible on {origin.day}.",
            hint="Widen eligibility.active_within_days in the recipe.",
            day=str(origin.day),
        )
    meta = BundleMeta(
        version=None,
        world=provenance.world,
        currency=provenance.currency,
        simulated=provenance.simulated,
        trained_as_of=str(origin.day),
        churn_horizon_days=recipe.churn.horizon_days,
        ltv_horizon_days=recipe.ltv.horizon_days,
        interval_nominal=recipe.intervals.nominal,
        data_fingerprint=provenance.data_fingerprint,
        code_version=provenance.code_version,
        recipe_sha256=recipe.sha256,
        scheme_sha256=scheme.sha256,
        created_at=datetime.now(UTC).replace(tzinfo=None, microsecond=0).isoformat(),
    )
    bare = Bundle(data.columns, churn, ltv, Reference.fit({}), scheme, recipe, meta, companions)
    return replace(bare, reference=Reference.fit(bare.indicator_values(present.values, every=True)))
