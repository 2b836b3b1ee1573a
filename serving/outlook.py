"""What a model expects of a graded customer, computed on reading (#14, #15, #69, #81).

Nothing here is stored: the figures are those of the bundle's own functions, of the indicators
that the grade was made from and the bundle that made it. A customer's figures do not depend on
who else is asked about, so they are those of a whole batch, to the bit
(``tests/serving/test_outlook.py``), and the same again whenever they are asked for.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files

import numpy as np

from features.schema import FloatArray
from serving.domain.grade import Grade, Lang
from serving.domain.outlook import (
    ChurnWithin,
    Demand,
    Figure,
    HealthOutlook,
    Interval,
    LapseWithin,
    Outlook,
    Renewal,
    Unknown,
    ValueWithin,
    Why,
)
from serving.errors import NotReadyError
from serving.health_outlook import health_outlook, known
from training.bundle import Bundle, value_to_acquisition_cost

_WORDS: Mapping[str, dict[str, str]] = tomllib.loads(
    (files("serving") / "outlook.toml").read_text("utf-8")
)


def outlook_of(bundle: Bundle, grade: Grade) -> Outlook:
    """Return what the bundle that gave a grade expects of the customer.

    Raises
    ------
    NotReadyError
        If it is another bundle.
    """
    if bundle.digest != grade.basis.bundle_digest:
        raise NotReadyError(
            "The grade was given by another model than the one that is at hand.",
            hint="Load the bundle of the run, or grade again by the one that is loaded.",
            run_id=grade.basis.run_id,
        )
    row = [grade.indicators.get(name) for name in bundle.columns]
    return _Asked(bundle, np.array([row], dtype=np.float64)).outlook()


def why_text(unknown: Unknown, lang: Lang) -> str:
    """Return why a figure is unknown, in a language."""
    return _WORDS[lang][unknown.why]


@dataclass(slots=True)
class _Asked:
    """One customer ``(1, k)``; collects what is not known while it is asked about."""

    bundle: Bundle
    values: FloatArray
    unknown: list[Unknown] = field(default_factory=list)

    def outlook(self) -> Outlook:
        bundle, values = self.bundle, self.values
        scores = bundle.score(values)
        lifetime = bundle.lifetime(values, scores)
        cost, rate = self._acquisition_cost(), self._contribution_rate()
        return Outlook(
            dormant=bool(scores.dormant[0]),
            annual_rate=bundle.recipe.lifetime.annual_rate,
            p_active=float(lifetime.p_active[0]),
            order_value=float(lifetime.order_value[0]),
            correction=float(lifetime.correction[0]),
            contribution_rate=rate,
            acquisition_cost=cost,
            values=(
                self._within(
                    bundle.meta.ltv_horizon_days,
                    scores.ltv,
                    lifetime.near_frequency,
                    lifetime.p_active,
                    near=True,
                ),
                *(
                    self._within(
                        days, lifetime.at(days), lifetime.frequency[:, place], lifetime.p_active
                    )
                    for place, days in enumerate(lifetime.horizons_days)
                ),
            ),
            churn=tuple(
                ChurnWithin(days, float(probability[0]), days == bundle.churn.horizon_days)
                for days, probability in bundle.churn_curve(values).items()
            ),
            demand=self._demand(),
            health=self._health(),
            renewal=self._renewal(),
            unknown=tuple(self.unknown),
        )

    def _named(self, name: str) -> float | None:
        if name not in self.bundle.columns:
            return None
        return known(self.values[0, self.bundle.columns.index(name)])

    def _lacks(self, figure: Figure, why: Why) -> None:
        detail = self.bundle.companions.absent.get(figure) if why == "no_model" else None
        self.unknown.append(Unknown(figure, why, detail))

    def _acquisition_cost(self) -> float | None:
        """Return what was spent to win the customer; None where that is unknown, or nothing."""
        cost = self._named("acquisition_cost")
        if cost is None or cost <= 0.0:
            self._lacks("acquisition_cost", "no_data")
            return None
        return cost

    def _contribution_rate(self) -> float | None:
        if self.bundle.companions.contribution is None:
            self._lacks("contribution", "no_model")
            return None
        return float(self.bundle.contribution(self.values, np.ones(1))[0])

    def _within(
        self,
        days: int,
        net_value: FloatArray,
        frequency: FloatArray,
        p_active: FloatArray,
        *,
        near: bool = False,
    ) -> ValueWithin:
        bundle, kept = self.bundle, None
        cost = np.array([self._named("acquisition_cost")], dtype=np.float64)
        if bundle.companions.contribution is not None:
            kept = bundle.contribution(self.values, net_value)
        return ValueWithin(
            horizon_days=days,
            discounted=not near and bundle.recipe.lifetime.annual_rate > 0.0,
            net_value=float(net_value[0]),
            contribution=None if kept is None else float(kept[0]),
            value_to_cost=known(value_to_acquisition_cost(net_value, cost)[0]),
            contribution_to_cost=(
                None if kept is None else known(value_to_acquisition_cost(kept, cost)[0])
            ),
            purchase_days=float((p_active * frequency)[0]),
            purchase_days_if_active=float(frequency[0]),
            intervals=_intervals(bundle.ltv.every_interval(net_value)) if near else (),
        )

    def _demand(self) -> Demand | None:
        bundle = self.bundle
        if bundle.recipe.demand is None:
            self._lacks("demand", "not_asked")
            return None
        expected = bundle.demand_forecast(self.values)
        model = bundle.companions.demand or bundle.ltv  # they may share a horizon
        return Demand(
            horizon_days=bundle.recipe.demand.horizon_days,
            value=float(expected[0]),
            intervals=_intervals(model.every_interval(expected)),
        )

    def _health(self) -> HealthOutlook:
        found = health_outlook(self.bundle, self.values)
        if found.source == "scales":
            self._lacks("health", "no_model")
        elif found.score is None:
            self._lacks("health", "no_data")
        return found

    def _renewal(self) -> Renewal | None:
        bundle, model = self.bundle, self.bundle.companions.renewal
        days_to_end = self._named("contract_days_to_end")
        if model is None:
            self._lacks("renewal", "no_model")
            return None
        if days_to_end is None:
            self._lacks("renewal", "no_contract")
            return None
        horizons = [each.horizon_days for each in bundle.companions.more_churn]
        lapse = {
            days: known(model.lapse_within(bundle.columns, self.values, days)[0])
            for days in sorted({bundle.churn.horizon_days, *horizons})
        }
        return Renewal(
            days_to_end=days_to_end,
            ended=self._named("contract_ended_count_730d"),
            renewed_share=self._named("contract_renewal_rate_730d"),
            # it can lapse on its last day only
            lapse=tuple(LapseWithin(days, chance or 0.0) for days, chance in lapse.items()),
        )


def _intervals(
    levels: Sequence[tuple[float, FloatArray, FloatArray]],
) -> tuple[Interval, ...]:
    return tuple(
        Interval(nominal, float(lower[0]), float(upper[0])) for nominal, lower, upper in levels
    )
