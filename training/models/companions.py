"""What a bundle knows beside the two predictions that grades use.

Other horizons of churn, the demand of the next month (#69), the contribution behind the net
value (#14, #15), the health score (#81) and whether contracts are renewed. Each is fitted to the
same closed days; one that the sources cannot tell is absent, and says why.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from training.dataset import TrainingSet
from training.errors import BundleError, FitError
from training.manifest import dump
from training.models.boosting import Boosted
from training.models.churn import ChurnModel, fit_churn
from training.models.economics import ContributionModel, fit_contribution
from training.models.health import HealthModel, fit_health
from training.models.health_scheme import load_health_scheme
from training.models.lesson import Lessons
from training.models.ltv import LtvModel, fit_ltv
from training.models.renewal import Contracts, RenewalModel, ending, fit_renewal
from training.recipe import Recipe
from training.splits import Fold, Origin

TREES = ".lgb.txt"
"""End of the name of a file that holds trees."""

_MORE_CHURN = re.compile(r"churn_(\d+)d\.json")
_Model = TypeVar("_Model")


@dataclass(frozen=True, slots=True, eq=False)
class Companions:
    """The companions of one bundle.

    Attributes
    ----------
    more_churn
        Churn over the recipe's other horizons, ascending.
    demand
        Net spend over the horizon of demand; None if the recipe asks for none, or for LTV's.
    contribution
        Share of the net value that stays after cost, rebates, service and receivables.
    health
        Six dimensions of twelve indicators.
    renewal
        Chance that a contract that ends is not renewed.
    absent
        Why a model is missing, by name.
    """

    more_churn: tuple[ChurnModel, ...] = ()
    demand: LtvModel | None = None
    contribution: ContributionModel | None = None
    health: HealthModel | None = None
    renewal: RenewalModel | None = None
    absent: Mapping[str, str] = field(default_factory=dict)

    def needed(self, name: str, model: _Model | None) -> _Model:
        """Return a companion.

        Raises
        ------
        BundleError
            If it is absent, with the reason.
        """
        if model is None:
            raise BundleError(
                f"The bundle has no model of {name}: {self.absent.get(name, 'unknown')}",
                hint="Map what it needs (docs/lifetime-value.md), and train again.",
                model=name,
            )
        return model

    def texts(self) -> dict[str, str]:
        """Return every model as files, text by name."""
        found: dict[str, str] = {}
        for model in self.more_churn:
            found |= correction_texts(f"churn_{model.horizon_days}d", model)
        if self.demand is not None:
            found |= correction_texts("demand", self.demand)
        if self.renewal is not None:
            found[f"renewal{TREES}"] = self.renewal.boosted.text
        told = {
            name: model.to_dict()
            for name, model in (
                ("contribution", self.contribution),
                ("health", self.health),
                ("renewal", self.renewal),
            )
            if model is not None
        }
        return found | {"companions.json": dump({"absent": dict(self.absent), **told})}

    @classmethod
    def from_texts(cls, texts: Mapping[str, str], threads: int) -> Companions:
        """Read :meth:`texts`."""
        told = json.loads(texts["companions.json"])
        more = sorted(int(found[1]) for name in texts if (found := _MORE_CHURN.fullmatch(name)))

        def read(name: str, reader: Callable[[dict[str, Any]], _Model]) -> _Model | None:
            return reader(told[name]) if name in told else None

        return cls(
            more_churn=tuple(
                ChurnModel.from_dict(*stored(texts, f"churn_{days}d", threads)) for days in more
            ),
            demand=(
                LtvModel.from_dict(*stored(texts, "demand", threads))
                if "demand.json" in texts
                else None
            ),
            contribution=read("contribution", ContributionModel.from_dict),
            health=read("health", HealthModel.from_dict),
            renewal=read(
                "renewal",
                lambda document: RenewalModel.from_dict(
                    document, Boosted(texts[f"renewal{TREES}"], threads=threads)
                ),
            ),
            absent=told["absent"],
        )


def fit_companions(
    data: TrainingSet, origin: Origin, recipe: Recipe, lessons: Lessons
) -> Companions:
    """Fit what the sources can tell; the rest is absent with its reason.

    ``lessons`` are those of ``data``.

    Raises
    ------
    FitError
        If another horizon that the recipe asks for cannot be learned.
    """
    absent: dict[str, str] = {}

    def attempt(name: str, fit: Callable[[], _Model]) -> _Model | None:
        try:
            return fit()
        except FitError as error:
            absent[name] = str(error)
            return None

    health = load_health_scheme()
    looked_at = [each.name for each in health.indicators if each.name in data.columns]
    learned = data.rows(origin.churn.train_days) & data.eligible
    closed = data.rows(origin.ltv.train_days) & data.eligible
    more_churn: list[ChurnModel] = []
    demand: LtvModel | None = None
    # churn and value over one horizon share a lesson while they come one after the other
    for fold in sorted(origin.more, key=lambda fold: (fold.horizon_days, fold.target)):
        over = data.over(fold.target, fold.horizon_days)
        if fold.target == "churn":
            more_churn.append(fit_churn(over, fold, recipe, lessons))
        else:
            demand = fit_ltv(over, fold, recipe, lessons)
    return Companions(
        more_churn=tuple(more_churn),
        demand=demand,
        contribution=attempt(
            "contribution",
            lambda: fit_contribution(
                data.column("contribution_365d")[closed],
                data.column("net_amount_365d")[closed],
                data.contribution[closed],
                data.net_value[closed],
            ),
        ),
        health=attempt(
            "health",
            lambda: fit_health(
                health,
                looked_at,
                data.some(learned, looked_at),
                data.churned[learned],
                origin.churn.horizon_days,
            ),
        ),
        renewal=attempt("renewal", lambda: _fit_renewal(data, origin.churn, recipe)),
        absent=absent,
    )


def correction_texts(name: str, model: ChurnModel | LtvModel) -> dict[str, str]:
    """Return a model's document and trees as files, text by name."""
    trees = model.correction.trees
    return {
        f"{name}.json": dump(model.to_dict()),
        **{f"{name}.{part}{TREES}": boosted.text for part, boosted in trees.items()},
    }


def stored(
    texts: Mapping[str, str], name: str, threads: int
) -> tuple[dict[str, Any], dict[str, Boosted]]:
    """Read what :func:`correction_texts` wrote: a document and trees."""
    document = json.loads(texts[f"{name}.json"])
    return document, {
        part: Boosted(texts[f"{name}.{part}{TREES}"], threads=threads)
        for part in document["shares"]
    }


def _fit_renewal(data: TrainingSet, fold: Fold, recipe: Recipe) -> RenewalModel:
    known = np.isfinite(data.contract_lapsed)
    due = ending(data.columns, data.values, fold.horizon_days) & known
    earlier, latest = (
        Contracts.of(some.columns, some.values, some.contract_lapsed)
        for some in (
            data.where(data.rows(days) & due) for days in (fold.fit_days, fold.calibration_day)
        )
    )
    return fit_renewal(
        earlier,
        latest,
        recipe.lightgbm.churn,
        seed=recipe.seed,
        threads=recipe.lightgbm.threads,
    )
