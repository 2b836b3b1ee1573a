"""The model bundle: everything a grade needs, as text in one folder.

No pickle, and nothing here imports the registry or the query engine: a web process
loads a bundle in a fraction of a second. ``bundle.json`` (``training/manifest.py``)
names every other file with its SHA-256, so an altered or half-copied bundle is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from features.schema import FloatArray
from tiering.assign import Decisions, decide
from tiering.errors import PolicyError
from tiering.policy import Scheme
from tiering.scheme import parse_scheme, scheme_text
from tiering.scores import Reference
from training.dataset import eligible
from training.errors import BundleError, RecipeError
from training.manifest import (
    BundleMeta,
    Manifest,
    dump,
    other_version,
    read_bundle,
    sha256,
    write_bundle,
)
from training.models.boosting import common
from training.models.certified import CertifiedTiers, sureness
from training.models.churn import ChurnModel, coherent
from training.models.companions import Companions, correction_texts, stored
from training.models.correction import Views
from training.models.design import checked
from training.models.health import Health
from training.models.lifetime import Lifetime, LifetimeTerms, lifetime, value_to_acquisition_cost
from training.models.ltv import LtvModel
from training.recipe import Recipe, parse_recipe
from training.scores import Attribution, Scores

__all__ = ["Attribution", "Bundle", "BundleMeta", "Scores", "Views", "value_to_acquisition_cost"]


@dataclass(frozen=True, eq=False)
class Bundle:
    """Models, scheme and frozen reference population that together grade customers.

    Attributes
    ----------
    columns
        ``(k,)`` indicator names, the order of the values it takes.
    churn, ltv
        The fitted models.
    reference
        Frozen population that points are measured against.
    scheme, recipe
        Grading policy and training recipe, with their texts.
    meta
        Where the bundle comes from.
    companions
        What it knows beside: other horizons, demand, contribution, health, renewal.
    certified
        Which grades may be issued without an expert; None: none is certified.
    """

    columns: tuple[str, ...]
    churn: ChurnModel
    ltv: LtvModel
    reference: Reference
    scheme: Scheme
    recipe: Recipe
    meta: BundleMeta
    companions: Companions = field(default_factory=Companions)
    certified: CertifiedTiers | None = None

    def view(self, values: FloatArray) -> Views:
        """Return what both :meth:`score` and :meth:`contributions` are made from."""
        columns, values = self.columns, checked(self.columns, values)
        churn, ltv = self.churn.correction, self.ltv.correction
        return Views(churn.view(columns, values), ltv.view(columns, values))

    def score(self, values: FloatArray, seen: Views | None = None) -> Scores:
        """Predict for ``(n, k)`` indicator values in the order of :attr:`columns`.

        A customer's scores do not depend on which others are scored with it. ``seen`` is what
        :meth:`view` said of the same values, if it is known already.

        Raises
        ------
        BundleError
            If the values do not have ``k`` columns.
        """
        values, seen = checked(self.columns, values), seen or self.view(values)
        probability, start = self.churn.predict(self.columns, values, seen.churn)
        ltv = self.ltv.predict(self.columns, values, seen.ltv)
        lower, upper = self.ltv.intervals.bounds(ltv)
        active = eligible(values, self.columns, self.recipe.eligibility)
        return Scores(probability, ltv, lower, upper, start.p_alive, ~active)

    def churn_curve(self, values: FloatArray) -> dict[int, FloatArray]:
        """Return the churn probability ``(n,)`` over every horizon of the recipe, by days.

        It does not rise with the horizon; that of the graded one is :meth:`score`'s.
        """
        values = checked(self.columns, values)
        curve = {
            model.horizon_days: model.predict(self.columns, values)[0]
            for model in (self.churn, *self.companions.more_churn)
        }
        return coherent(curve, self.churn.horizon_days)

    def demand_forecast(self, values: FloatArray) -> FloatArray:
        """Return the net spend ``(n,)`` expected over the horizon of demand (#69), money.

        Raises
        ------
        BundleError
            If the recipe asked for no forecast of demand.
        """
        if self.recipe.demand is None:
            raise BundleError(
                "The bundle forecasts no demand.",
                hint="Give the recipe a section [demand] with horizon_days, and train again.",
            )
        model = self.companions.demand or self.ltv  # they may share a horizon
        return model.predict(self.columns, checked(self.columns, values))

    def lifetime(self, values: FloatArray, scores: Scores | None = None) -> Lifetime:
        """Return the discounted value of ``(n, k)`` customers over the recipe's long horizons."""
        values = checked(self.columns, values)
        scores = self.score(values) if scores is None else scores
        terms = self.recipe.lifetime
        return lifetime(
            self.ltv.correction.purchase,
            self.columns,
            values,
            scores.ltv,
            self.recipe.ltv.horizon_days,
            LifetimeTerms(terms.horizons_days, terms.annual_rate),
        )

    def contribution(self, values: FloatArray, net_value: FloatArray) -> FloatArray:
        """Return what of a net value ``(n,)`` stays after cost, service and receivables, money.

        Raises
        ------
        BundleError
            If the sources the bundle learned from tell no costs.
        """
        values = checked(self.columns, values)
        model = self.companions.needed("contribution", self.companions.contribution)
        told = (self.columns.index(name) for name in ("contribution_365d", "net_amount_365d"))
        return model.predict(net_value, *(values[:, column] for column in told))

    def health(self, values: FloatArray) -> Health:
        """Return the health score of ``(n, k)`` customers (#81), or raise a BundleError."""
        model = self.companions.needed("health", self.companions.health)
        return model.score(self.columns, checked(self.columns, values))

    def contract_lapse(self, values: FloatArray) -> FloatArray:
        """Return the chance ``(n,)`` that the contract ending within churn's horizon lapses.

        Raises
        ------
        BundleError
            If the sources the bundle learned from hold too few contracts that ended.
        """
        model = self.companions.needed("renewal", self.companions.renewal)
        values = checked(self.columns, values)
        return model.lapse_within(self.columns, values, self.churn.horizon_days)

    def indicator_values(
        self, values: FloatArray, scores: Scores | None = None, *, every: bool = False
    ) -> dict[str, FloatArray]:
        """Return the indicators by name and the predictions: the input of ``decide``.

        ``scores`` is what :meth:`score` said of the same values, if it is known already. Demand
        takes a model of its own: it is NaN without it, and where the scheme does not weigh it
        unless ``every`` asks for it.
        """
        values = checked(self.columns, values)
        scores = self.score(values) if scores is None else scores
        told = {"ltv": scores.ltv, "churn_probability": scores.churn_probability}
        asked = self.recipe.demand and (every or "demand_forecast" in self.scheme.indicators)
        demand = self.demand_forecast(values) if asked else np.full(len(values), np.nan)
        return {**dict(zip(self.columns, values.T, strict=True)), **told, "demand_forecast": demand}

    def decide(self, values: FloatArray, seen: Views | None = None) -> tuple[Scores, Decisions]:
        """Score ``(n, k)`` customers and assign their tiers."""
        scores = self.score(values, seen)
        return scores, self.decide_on(scores, self.indicator_values(values, scores))

    def decide_on(self, scores: Scores, known: Mapping[str, FloatArray]) -> Decisions:
        """Assign the tiers of customers by their :meth:`indicator_values`."""
        return decide(self.scheme, self.reference, known, flags={"dormant": scores.dormant})

    def certify(self, scores: Scores, decisions: Decisions) -> Decisions:
        """Return decisions as they may be issued: under a certificate if the scheme asks for one.

        Where it does and nothing is certified, everybody is referred (ADR 0018).
        """
        if not self.scheme.referral.certified:
            return decisions
        return decisions.under(sureness(self.certified, decisions, scores, self.reference))

    @cached_property
    def explainer(self) -> str:
        """Who explains if nobody in particular is asked to: kept with what was explained."""
        return common(model.correction.explainer for model in (self.churn, self.ltv))

    def contributions(
        self, values: FloatArray, explainer: str | None = None, seen: Views | None = None
    ) -> dict[str, Attribution]:
        """Explain both predictions exactly; keys ``churn_probability`` and ``ltv``.

        Explainers (``quadrature-1``, ``lightgbm``) agree within 1e-9: a replay takes its run's.
        """
        values, seen = checked(self.columns, values), seen or self.view(values)
        asked = explainer or self.explainer
        return {
            "churn_probability": self.churn.attribution(self.columns, values, asked, seen.churn),
            "ltv": self.ltv.attribution(self.columns, values, asked, seen.ltv),
        }

    def with_version(self, version: str) -> Bundle:
        """Return the same bundle under its registry version; the digest stays."""
        return replace(self, meta=replace(self.meta, version=version))

    @cached_property
    def digest(self) -> str:
        """SHA-256 over provenance, columns and every file's hash, hex."""
        return self._manifest.digest

    def save(self, folder: Path) -> None:
        """Write the bundle into ``folder``; the manifest comes last.

        Raises
        ------
        BundleError
            If the recipe was not read from a text, so it could not be stored.
        """
        if not self.recipe.text:
            raise BundleError(
                "The bundle's recipe has no text to store.",
                hint="Read the recipe by load_recipe or parse_recipe.",
            )
        write_bundle(folder, self._manifest, self._texts)

    @classmethod
    def load(cls, folder: Path) -> Bundle:
        """Read a bundle and check every file against its hash.

        Raises
        ------
        BundleError
            If the folder is no bundle, of another format, incomplete or altered.
        """
        manifest, texts = read_bundle(folder)
        try:
            recipe = parse_recipe(texts["recipe.toml"], origin=str(folder / "recipe.toml"))
            threads = recipe.lightgbm.threads
            return cls(
                columns=manifest.columns,
                churn=ChurnModel.from_dict(*stored(texts, "churn", threads)),
                ltv=LtvModel.from_dict(*stored(texts, "ltv", threads)),
                reference=Reference.from_dict(json.loads(texts["reference.json"])),
                scheme=parse_scheme(texts["scheme.toml"], origin=str(folder / "scheme.toml")),
                recipe=recipe,
                meta=manifest.meta,
                companions=Companions.from_texts(texts, threads),
                certified=CertifiedTiers.from_texts(texts, threads),
            )
        except (KeyError, TypeError, ValueError, RecipeError, PolicyError) as error:
            raise other_version(folder, error) from error

    @cached_property
    def _texts(self) -> Mapping[str, str]:
        return {
            **correction_texts("churn", self.churn),
            **correction_texts("ltv", self.ltv),
            **self.companions.texts(),
            **(self.certified.texts() if self.certified is not None else {}),
            "recipe.toml": self.recipe.text,
            "reference.json": dump(self.reference.to_dict()),
            "scheme.toml": scheme_text(self.scheme),
        }

    @property
    def _manifest(self) -> Manifest:
        return Manifest(self.meta, self.columns, self._hashes)

    @cached_property
    def _hashes(self) -> dict[str, str]:
        return {name: sha256(text) for name, text in self._texts.items()}
