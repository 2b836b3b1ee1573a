"""Grades of many past origins, judged by what came; kept, because fitting them takes minutes.

The recipe's models of churn and LTV are fitted at every origin as a backtest does
(``training/evaluation/backtest.py``), without the baselines beside them: those are not certified.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from features.schema import FloatArray
from features.sources import Sources
from tests.benchmarks.models.bench_cases import changed
from tiering.assign import decide
from tiering.policy import Scheme
from tiering.referral import MISSING_WEIGHT, UNEXPLAINED_JUMP
from tiering.scores import Reference
from training.bundle import Bundle
from training.dataset import learned_from
from training.evaluation.tier_evidence import value_tiers
from training.manifest import BundleMeta
from training.models.churn import fit_churn
from training.models.ltv import fit_ltv
from training.models.threads import single_threaded_algebra
from training.models.tier_view import PREDICTIONS, TierView, shares_of, tier_view
from training.pipeline import Material, prepare
from training.recipe import Recipe, load_recipe, parse_recipe
from training.splits import Origin

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

DEFINITIONS = ("hindsight", "value")
"""The two meanings of "the right tier" that a backtest reports."""

_BLOCKING = frozenset({MISSING_WEIGHT, UNEXPLAINED_JUMP})
"""Reasons that refer a customer whatever a certificate says; a score near a cut is not one of
them here, so that the fixed band can be compared."""


@dataclass(frozen=True, slots=True)
class Case:
    """A data set, the recipe it starts from and what is changed in it."""

    data: str
    recipe_name: str
    change: Mapping[str, Mapping[str, Any]]

    @property
    def recipe(self) -> Recipe:
        """The recipe with its changes."""
        text = changed(load_recipe(self.recipe_name).text, self.change)
        return parse_recipe(text, origin=f"{self.data}, certified")


# No more horizons than grades need, and as many origins as the log holds: a certificate needs
# closed origins to learn confidence from, later ones to calibrate on, and later ones to be
# tested on, each a horizon after the last. Hence 30 days on the one year of Complete Journey,
# and 90 on the simulated company, where recipes look 90 and 180 days ahead.
CASES: Mapping[str, Case] = MappingProxyType(
    {
        "online_retail_II": Case(
            "online_retail_II",
            "default",
            {
                "churn": {"more_horizons_days": []},
                "demand": {"horizon_days": 90},
                "origins": {"min_history_days": 60},
                "backtest": {"origins": 14},
            },
        ),
        "journey": Case(
            "journey",
            "journey",
            {
                "churn": {"more_horizons_days": []},
                "ltv": {"horizon_days": 30},
                "backtest": {"origins": 24},
            },
        ),
        "b2b": Case(
            "b2b",
            "b2b",
            {
                "churn": {"more_horizons_days": []},
                "ltv": {"horizon_days": 90},
                "demand": {"horizon_days": 90},
                "backtest": {"origins": 20, "step_days": 30},
            },
        ),
    }
)


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Eligible customers of one origin: what was known, and what came.

    Attributes
    ----------
    day
        The origin.
    customer_id
        ``(n,)``.
    view
        What was known on the day.
    right
        By definition the realised tier ``(n,)``.
    net_value, churned
        ``(n,)`` outcomes over the horizons.
    margin
        ``(n,)`` points to the nearest cut.
    blocked
        ``(n,)`` referred for other reasons than a score near a cut.
    weight
        ``(n, 2)`` effective weights of LTV and churn in the score.
    """

    day: np.datetime64
    customer_id: npt.NDArray[np.str_]
    view: TierView
    right: Mapping[str, IntArray]
    net_value: FloatArray
    churned: FloatArray
    margin: FloatArray
    blocked: BoolArray
    weight: FloatArray


@dataclass(frozen=True, slots=True)
class Judgement:
    """All origins of a case, ascending, and the days until their outcomes had closed."""

    case: str
    simulated: bool
    horizon_days: int
    rows: tuple[Rows, ...]


def judged_rows(case: Case, sources: Sources, scheme: Scheme, state: Path) -> Judgement:
    """Fit every origin of a case and judge its grades, or read what an earlier run kept."""
    recipe = case.recipe
    material = prepare(sources, state / case.data, recipe)
    kept = state / f"certified-{case.data}-{recipe.sha256[:12]}-{scheme.sha256[:12]}.pickle"
    if kept.is_file():
        found: Judgement = pickle.loads(kept.read_bytes())
        return found
    with single_threaded_algebra():
        rows = tuple(_judge(material, at, recipe, scheme) for at in material.plan.backtest)
    horizon = max(recipe.churn.horizon_days, recipe.ltv.horizon_days)
    judged = Judgement(case.data, material.provenance.simulated, horizon, rows)
    kept.write_bytes(pickle.dumps(judged))
    return judged


def _judge(material: Material, origin: Origin, recipe: Recipe, scheme: Scheme) -> Rows:
    bundle = _bundle(material, origin, recipe, scheme)
    rows = material.data.on(origin.day)
    rows = rows.where(rows.eligible)
    scores, decisions = bundle.decide(rows.values)
    tier = decisions.tier.astype(np.int64)
    graded = decisions.composite
    outcome = {"ltv": rows.net_value, "churn_probability": rows.churned}
    known = {**bundle.indicator_values(rows.values, scores), **outcome}
    ranks = {**bundle.reference.knots, **Reference.fit(outcome).knots}
    at = [graded.indicator.index(name) for name in PREDICTIONS]
    blocked = [not _BLOCKING.isdisjoint(codes) for codes in decisions.reasons]
    return Rows(
        day=np.datetime64(origin.day),
        customer_id=rows.customer_id,
        view=tier_view(
            tier,
            graded,
            scores,
            bundle.reference,
            np.array([each.cut for each in scheme.tiers[:-1]]),
            shares_of(tier, len(scheme.tiers)),
        ),
        right={
            "hindsight": decide(scheme, Reference(ranks), known).tier.astype(np.int64),
            "value": value_tiers(rows.net_value, tier, len(scheme.tiers)),
        },
        net_value=rows.net_value,
        churned=rows.churned,
        margin=np.fmin(decisions.margin_up, decisions.margin_down),
        blocked=np.array(blocked),
        weight=graded.weight[:, at],
    )


def _bundle(material: Material, origin: Origin, recipe: Recipe, scheme: Scheme) -> Bundle:
    # What training.fitting.fit_bundle does, less the models that grades do not ask for.
    data, known = learned_from(material.data, recipe.eligibility), material.provenance
    present = data.on(origin.day)
    present = present.where(present.eligible)
    meta = BundleMeta(
        version=None,
        world=known.world,
        currency=known.currency,
        simulated=known.simulated,
        trained_as_of=str(origin.day),
        churn_horizon_days=recipe.churn.horizon_days,
        ltv_horizon_days=recipe.ltv.horizon_days,
        interval_nominal=recipe.intervals.nominal,
        data_fingerprint=known.data_fingerprint,
        code_version=known.code_version,
        recipe_sha256=recipe.sha256,
        scheme_sha256=scheme.sha256,
        created_at="",
    )
    churn, ltv = fit_churn(data, origin.churn, recipe), fit_ltv(data, origin.ltv, recipe)
    bare = Bundle(data.columns, churn, ltv, Reference.fit({}), scheme, recipe, meta)
    reference = Reference.fit(bare.indicator_values(present.values))
    return Bundle(data.columns, churn, ltv, reference, scheme, recipe, meta)
