"""Explanations add up, and mean what they say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from features.schema import FloatArray, IndicatorFrame
from serving.explain import concatenate, explain
from serving.scoring import aligned, basis_of, grade
from tiering.assign import decide
from tiering.scheme import load_scheme, parse_scheme, scheme_names, scheme_text
from tiering.scores import Reference
from training.bundle import Bundle


@dataclass
class Account:
    """An attribution made by hand."""

    names: tuple[str, ...]
    base_margin: float
    phi: FloatArray
    value_at: Callable[[FloatArray], FloatArray] = field(default=np.exp)

    @property
    def margin(self) -> FloatArray:
        return self.base_margin + self.phi.sum(axis=1)


@pytest.fixture(scope="module")
def scheme():
    return load_scheme()


def columns(scheme, n: int, **known: FloatArray) -> dict[str, FloatArray]:
    return {name: np.full(n, np.nan) for name in scheme.indicators} | known


def test_every_score_of_a_real_bundle_is_accounted_for(
    bundle: Bundle, frame: IndicatorFrame
) -> None:
    values = aligned(bundle, frame)
    ids = frame.customer_id.tolist()
    graded = grade(bundle, values, ids, basis_of(bundle, frame.as_of, "r"))
    told = graded.explanations
    scores = np.array([g.score for g in graded.grades])
    missing = np.array([None in g.dimension_scores.values() for g in graded.grades])
    assert 0 < missing.sum() < len(missing)
    np.testing.assert_allclose(told.base + told.contributions.sum(axis=1), scores, atol=1e-9)
    for row, one in enumerate(graded.grades):
        account = told.of(row, one)
        total = account.base + sum(e.contribution for e in account.entries)
        assert abs(total - one.score) < 1e-9
        assert sum(account.by_dimension().values()) == pytest.approx(one.score - account.base)
        assert sum(account.by_indicator().values()) == pytest.approx(one.score - account.base)


@pytest.mark.parametrize("name", scheme_names())
def test_every_shipped_scheme_is_explained_to_the_last_point(
    bundle: Bundle, frame: IndicatorFrame, name: str
) -> None:
    values = aligned(bundle, frame)
    reference = Reference.fit(bundle.indicator_values(values))
    other = replace(bundle, scheme=load_scheme(name), reference=reference)
    ids = frame.customer_id[:40].tolist()
    graded = grade(other, values[:40], ids, basis_of(other, frame.as_of, "r"))
    told = graded.explanations
    scores = np.array([g.score for g in graded.grades])
    np.testing.assert_allclose(told.base + told.contributions.sum(axis=1), scores, atol=1e-9)
    for row in (0, 39):
        account = told.of(row, graded.grades[row])
        total = sum(account.by_dimension().values())
        assert total == pytest.approx(account.score - account.base, abs=1e-9)


def test_a_forecast_of_demand_is_an_entry_of_its_own(bundle: Bundle, frame: IndicatorFrame) -> None:
    values = aligned(bundle, frame)[:50]
    forecast = np.linspace(1.0, 100.0, 50)  # the bundle here was asked for none
    by_name = bundle.indicator_values(values) | {"demand_forecast": forecast}
    text = scheme_text(bundle.scheme).replace(
        "net_amount_growth_90d = 0.35 ", "net_amount_growth_90d = 0.20\ndemand_forecast = 0.15 "
    )
    scheme = parse_scheme(text)
    everybody = bundle.indicator_values(aligned(bundle, frame))
    reference = Reference.fit(everybody | {"demand_forecast": forecast})
    decisions = decide(scheme, reference, by_name)
    told = explain(reference, decisions, by_name, bundle.contributions(values))
    (entry,) = [k for k, e in enumerate(told.layout) if e.indicator == "demand_forecast"]
    assert told.layout[entry].channel == "direct"
    assert (np.diff(told.contributions[:, entry] / told.weights[:, told.weighed[entry]]) > 0).all()
    total = told.base + told.contributions.sum(axis=1)
    np.testing.assert_allclose(total, decisions.composite.score, atol=1e-9)


def test_predictions_are_split_to_their_inputs(bundle: Bundle, frame: IndicatorFrame) -> None:
    values = aligned(bundle, frame)[:50]
    ids = frame.customer_id[:50].tolist()
    graded = grade(bundle, values, ids, basis_of(bundle, frame.as_of, "r"))
    told = graded.explanations
    for channel in ("churn_probability", "ltv"):
        own = [e.channel == channel and e.indicator == channel for e in told.layout]
        inputs = [e.channel == channel and e.indicator != channel for e in told.layout]
        # Almost nothing is left unexplained: the model's margin is its attribution's.
        assert np.abs(told.contributions[:, own]).max() < 1e-6
        assert np.abs(told.contributions[:, inputs]).max() > 0.1


def test_a_customer_is_explained_alike_alone_and_in_company(
    bundle: Bundle, frame: IndicatorFrame
) -> None:
    values = aligned(bundle, frame)[:40]
    ids = frame.customer_id[:40].tolist()
    basis = basis_of(bundle, frame.as_of, "r")
    together = grade(bundle, values, ids, basis)
    halves = [
        grade(bundle, values[rows], ids[rows], basis) for rows in (slice(0, 13), slice(13, 40))
    ]
    joined = concatenate([half.explanations for half in halves])
    np.testing.assert_array_equal(joined.contributions, together.explanations.contributions)
    np.testing.assert_array_equal(joined.base, together.explanations.base)
    assert [g for half in halves for g in half.grades] == together.grades


def test_a_linear_case_by_hand(scheme) -> None:
    # ltv 0..100 uniform in the reference: points rise 1 for 1 with ltv between the ends.
    reference = Reference.fit({"ltv": np.arange(101.0), "tenure_days": np.arange(101.0)})
    account = Account(("baseline", "a"), 40.0, np.array([[10.0, 5.0]]), value_at=np.asarray)
    values = columns(scheme, 1, ltv=np.array([55.0]), tenure_days=np.array([20.0]))
    decisions = decide(scheme, reference, values)
    told = explain(reference, decisions, values, {"ltv": account})
    # Weights: value .40 and strategic .15 are the dimensions with data.
    w_ltv, w_tenure = 0.40 / 0.55, 0.15 / 0.55
    points = {x: reference.knots["ltv"].at(np.array([x]))[0] for x in (20.0, 40.0, 55.0)}
    slope = points[55.0] - points[40.0]
    expected = {
        ("tenure_days", "direct"): w_tenure * (points[20.0] - 50.0),
        ("baseline", "ltv"): w_ltv * slope * 10 / 15,
        ("a", "ltv"): w_ltv * slope * 5 / 15,
        ("ltv", "ltv"): 0.0,
    }
    found = {
        (e.indicator, e.channel): c
        for e, c in zip(told.layout, told.contributions[0], strict=True)
        if c != 0 or e.channel == "ltv"
    }
    assert found == pytest.approx(expected, abs=1e-9)
    assert told.base[0] == pytest.approx(w_ltv * points[40.0] + w_tenure * 50.0)


def test_a_prediction_without_account_of_its_own_value_keeps_the_rest(scheme) -> None:
    reference = Reference.fit({"ltv": np.arange(101.0)})
    # The inputs say exp(log 10) = 10, the bundle says 60 (an override): 50 points unexplained.
    account = Account(("a",), np.log(10.0), np.zeros((1, 1)))
    values = columns(scheme, 1, ltv=np.array([60.0]))
    told = explain(reference, decide(scheme, reference, values), values, {"ltv": account})
    by_name = {e.indicator: c for e, c in zip(told.layout, told.contributions[0], strict=True)}
    assert by_name["a"] == 0.0
    assert by_name["ltv"] == pytest.approx(50.0, abs=0.6)


phis = arrays(np.float64, (6, 4), elements=st.floats(-8, 8, allow_nan=False, allow_subnormal=False))


@given(phi=phis, base=st.floats(-2, 6))
def test_parts_add_up_keep_their_sign_and_stay_in_range(phi: FloatArray, base: float) -> None:
    scheme = load_scheme()
    steep = np.unique(np.concatenate([np.linspace(0, 5, 40), 5 + 1e-7 * np.arange(40), [900.0]]))
    reference = Reference.fit({"ltv": steep})
    account = Account(("a", "b", "c", "d"), base, phi)
    ltv = np.exp(account.margin)
    values = columns(scheme, len(phi), ltv=ltv)
    decisions = decide(scheme, reference, values)
    told = explain(reference, decisions, values, {"ltv": account})
    channel = [e.channel == "ltv" for e in told.layout]
    parts = told.contributions[:, channel][:, :4]
    np.testing.assert_allclose(
        told.base + told.contributions.sum(axis=1), decisions.composite.score, atol=1e-9
    )
    assert (parts * phi >= -1e-9).all()
    assert (np.abs(parts) <= 100 + 1e-9).all()


def test_large_inputs_that_cancel_do_not_blow_up(scheme) -> None:
    # A jump of the population at 1: the points differ although the margin hardly moves.
    reference = Reference.fit({"ltv": np.array([0.5] * 50 + [1.0] * 50)})
    account = Account(("a", "b"), -1e-10, np.array([[5.0, -5.0 + 2e-10]]))
    values = columns(scheme, 1, ltv=np.exp(account.margin))
    told = explain(reference, decide(scheme, reference, values), values, {"ltv": account})
    assert np.abs(told.contributions).max() <= 100.0
