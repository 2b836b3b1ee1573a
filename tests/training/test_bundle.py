"""The bundle: what is stored is what was judged, bit for bit, or it is refused."""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from features.schema import FloatArray
from tiering.scheme import load_scheme, parse_scheme, scheme_text
from tiering.scores import Reference
from training.bundle import Bundle, Scores
from training.dataset import TrainingSet
from training.errors import BundleError, FitError
from training.fitting import Provenance, fit_bundle
from training.manifest import MANIFEST
from training.models.boosting import Boosted
from training.models.design import build
from training.models.linear import Linear
from training.recipe import Recipe
from training.splits import OriginPlan

FILES = (
    "companions.json",
    "churn.json",
    "churn.odds.lgb.txt",
    "churn_30d.json",
    "churn_30d.odds.lgb.txt",
    "demand.json",
    "demand.mean.lgb.txt",
    "demand.median.lgb.txt",
    "ltv.json",
    "ltv.mean.lgb.txt",
    "ltv.median.lgb.txt",
    "recipe.toml",
    "reference.json",
    "scheme.toml",
)


@pytest.fixture(scope="module")
def folder(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bundle") / "champion"
    bundle.save(path)
    return path


def _same(ours: Scores, theirs: Scores) -> None:
    for field in fields(Scores):
        assert np.array_equal(getattr(ours, field.name), getattr(theirs, field.name)), field.name


def test_scores_are_bit_identical_after_a_round_trip(
    bundle: Bundle, folder: Path, values: FloatArray
) -> None:
    begun = time.perf_counter()
    again = Bundle.load(folder)
    assert time.perf_counter() - begun < 1.0
    _same(bundle.score(values), again.score(values))
    assert again.digest == bundle.digest
    assert again.meta == bundle.meta
    assert np.array_equal(again.decide(values)[1].tier, bundle.decide(values)[1].tier)
    ours, theirs = bundle.contributions(values), again.contributions(values)
    assert np.array_equal(ours["ltv"].phi, theirs["ltv"].phi)


def test_a_customer_does_not_depend_on_the_batch(bundle: Bundle, values: FloatArray) -> None:
    many = np.tile(values, (40, 1))
    whole = bundle.score(many)
    for row in range(0, len(many), 709):
        one = bundle.score(many[row : row + 1])
        for field in fields(Scores):
            assert getattr(one, field.name)[0] == getattr(whole, field.name)[row], field.name
    order = np.random.default_rng(1).permutation(len(values))
    shuffled = bundle.score(values[order])
    assert np.array_equal(shuffled.ltv, bundle.score(values).ltv[order])
    assert np.array_equal(bundle.score(np.asfortranarray(values)).ltv, bundle.score(values).ltv)


def test_ranges(bundle: Bundle, values: FloatArray) -> None:
    scores = bundle.score(values)
    assert len(scores) == len(values)
    assert np.all((scores.churn_probability > 0) & (scores.churn_probability < 1))
    assert np.all((scores.p_alive >= 0) & (scores.p_alive <= 1))
    assert np.all((scores.ltv_lower >= 0) & (scores.ltv_lower <= scores.ltv))
    assert np.all((scores.ltv <= scores.ltv_upper) & (scores.ltv > 0))
    assert scores.dormant.dtype == np.bool_


def test_dormant_means_outside_the_recipe(bundle: Bundle, values: FloatArray) -> None:
    since = values[:, bundle.columns.index("days_since_last_order")]
    expected = since > bundle.recipe.eligibility.active_within_days
    scores, decisions = bundle.decide(values)
    assert 0 < expected.sum() < len(values)
    assert np.array_equal(scores.dormant, expected)
    assert all("dormant" in decisions.reasons[row] for row in np.flatnonzero(expected))


def _shap(boosted: Boosted, matrix: FloatArray) -> FloatArray:
    """Path-dependent values by the shap package's own code."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the plotting library it imports
        import shap

        explainer = shap.TreeExplainer(boosted._booster)
        # left alone it asks LightGBM for the very numbers under test
        explainer.model.model_type = "internal"
        by_input = np.asarray(explainer.shap_values(matrix, check_additivity=False))
    return by_input[..., -1] if by_input.ndim == 3 else by_input


def _by_hand(linear: Linear, matrix: FloatArray) -> FloatArray:
    """Shapley values of a sum are its terms, one customer and one term at a time."""
    found = np.zeros(matrix.shape)
    for row, inputs in enumerate(matrix):
        for term, centre, scale, weight in zip(
            linear.term, linear.centre, linear.scale, linear.weight, strict=True
        ):
            column = int(term) % len(inputs)
            raw = float(inputs[column])
            if term >= len(inputs):
                told = float(np.isnan(raw))
            else:
                told = 0.0 if np.isnan(raw) else float(np.sign(raw) * np.log(1.0 + abs(raw)))
            found[row, column] += weight * min(5.0, max(-5.0, (told - centre) / scale))
    return found


@pytest.mark.parametrize("target", ["churn_probability", "ltv"])
def test_contributions_equal_those_of_the_shap_package(
    bundle: Bundle, values: FloatArray, target: str
) -> None:
    values = values[:100]
    correction = (bundle.ltv if target == "ltv" else bundle.churn).correction
    told = bundle.contributions(values)[target]
    np.testing.assert_allclose(
        told.base_margin + told.phi.sum(axis=1), told.margin, rtol=0, atol=1e-9
    )
    start = correction.baseline(bundle.columns, values)
    design = build(bundle.columns, values, start, scale=correction.scale)
    by_input = sum(
        correction.shares[name] * _shap(boosted, design.matrix)
        for name, boosted in correction.trees.items()
    )
    common = correction.level + sum(
        correction.shares[name] * boosted.contributions(design.matrix[:1])[1]
        for name, boosted in correction.trees.items()
    )
    trust = np.ones(len(values))
    if correction.half_trust:
        trust = 1 / (1 + start.value / (correction.half_trust * correction.scale))
    by_input = by_input * trust[:, None]
    if correction.linear is not None:
        by_input = by_input + _by_hand(correction.linear, design.matrix)
    slow = np.zeros_like(told.phi)
    for column, source in enumerate(design.source_indicator):
        slow[:, told.names.index(source)] += by_input[:, column]
    offset = np.log(start.value) if target == "ltv" else np.zeros(len(values))
    slow[:, told.names.index("baseline")] += (
        offset - correction.typical_offset + (trust - 1.0) * common
    )
    np.testing.assert_allclose(told.phi, slow, rtol=0, atol=1e-9)


def test_the_margin_leads_to_the_score(bundle: Bundle, values: FloatArray) -> None:
    scores, told = bundle.score(values), bundle.contributions(values)
    for name in ("churn_probability", "ltv"):
        attribution = told[name]
        assert np.array_equal(attribution.value_at(attribution.margin), getattr(scores, name))
        steps = attribution.value_at(np.linspace(-4, 4, 100))
        assert np.all(np.diff(steps) > 0)


def test_churn_over_other_horizons_does_not_contradict_the_grade(
    bundle: Bundle, values: FloatArray
) -> None:
    curve = bundle.churn_curve(values)
    assert list(curve) == [30, 60]
    assert np.array_equal(curve[60], bundle.score(values).churn_probability)
    assert np.all(curve[30] >= curve[60])
    assert float(curve[30].mean()) > float(curve[60].mean())


def test_demand_of_a_month_is_less_than_that_of_two(bundle: Bundle, values: FloatArray) -> None:
    demand = bundle.demand_forecast(values)
    assert np.all(demand > 0)
    assert float(demand.sum()) < float(bundle.score(values).ltv.sum())


def test_demand_enters_the_grade_where_the_scheme_weighs_it(
    bundle: Bundle, values: FloatArray
) -> None:
    assert np.isnan(bundle.indicator_values(values)["demand_forecast"]).all()
    every = bundle.indicator_values(values, every=True)["demand_forecast"]
    assert np.array_equal(every, bundle.demand_forecast(values))
    assert "demand_forecast" in bundle.reference  # a scheme may come later
    text = scheme_text(bundle.scheme).replace(
        "net_amount_growth_90d = 0.35 ", "net_amount_growth_90d = 0.20\ndemand_forecast = 0.15 "
    )
    weighing = replace(bundle, scheme=parse_scheme(text))
    _, decisions = weighing.decide(values)
    column = decisions.composite.indicator.index("demand_forecast")
    points = decisions.composite.points[:, column]
    assert not np.isnan(points).any()
    order = np.argsort(every)
    assert (np.diff(points[order]) >= 0).all()
    # A bundle without that model leaves its weight to the others and refuses nothing.
    unasked = replace(
        weighing,
        recipe=bundle.recipe.model_copy(update={"demand": None}),
        reference=Reference.fit(
            {k: v for k, v in bundle.indicator_values(values).items() if not np.isnan(v).all()}
        ),
    )
    _, without = unasked.decide(values)
    assert "demand_forecast" in without.composite.switched_off


def test_a_forecast_of_demand_has_to_be_asked_for(
    data: TrainingSet, plan: OriginPlan, recipe: Recipe, values: FloatArray
) -> None:
    asked = recipe.model_copy(update={"demand": None})
    none = replace(plan.final, more=())
    provenance = Provenance("small", "EUR", True, "0" * 64, "test")
    bundle = fit_bundle(data, none, asked, load_scheme(), provenance)
    with pytest.raises(BundleError, match="forecasts no demand"):
        bundle.demand_forecast(values)
    assert list(bundle.churn_curve(values)) == [60]


def test_value_grows_with_the_horizon_and_is_worth_less_later(
    bundle: Bundle, values: FloatArray
) -> None:
    found = bundle.lifetime(values)
    assert found.horizons_days == (365, 1095, 1825)
    assert np.all(np.diff(found.value, axis=1) >= 0)
    assert np.all(found.value[:, 0] > 0)
    factors = found.frequency * (found.p_active * found.order_value * found.correction)[:, None]
    np.testing.assert_allclose(factors, found.value, rtol=1e-12)


def test_what_the_sources_lack_is_named(folder: Path, values: FloatArray) -> None:
    again = Bundle.load(folder)
    assert set(again.companions.absent) == {"contribution", "health", "renewal"}
    with pytest.raises(BundleError, match="no model of renewal: Renewal cannot be learned"):
        again.contract_lapse(values)
    with pytest.raises(BundleError, match="no model of contribution: A contribution rate needs"):
        again.contribution(values, values[:, 0])
    with pytest.raises(BundleError, match="no model of health: None of the indicators"):
        again.health(values)


def test_costs_contracts_and_service_bring_their_models(
    data: TrainingSet, plan: OriginPlan, recipe: Recipe, tmp_path: Path
) -> None:
    """A company that keeps a quarter of its sales, and whose late payers do not renew."""
    rng = np.random.default_rng(3)
    told = data.values.copy()
    spend = told[:, data.columns.index("net_amount_365d")]
    late = rng.random(len(data)) < 0.5
    for name, column in {
        "contribution_365d": 0.25 * spend,
        "on_time_collection_rate_365d": np.where(late, 0.2, 0.9),
        "contract_days_to_end": np.where(rng.random(len(data)) < 0.6, 20.0, 400.0),
        "contract_ended_count_730d": np.full(len(data), 2.0),
        "contract_renewal_rate_730d": np.where(late, 0.5, 1.0),
    }.items():
        told[:, data.columns.index(name)] = column
    lapsed = np.where(late, rng.random(len(data)) < 0.8, rng.random(len(data)) < 0.1)
    rich = replace(
        data,
        values=told,
        contribution=0.25 * data.net_value,
        contract_lapsed=np.where(np.isnan(data.churned), np.nan, lapsed),
    )
    provenance = Provenance("small", "EUR", True, "0" * 64, "test")
    fitted = fit_bundle(rich, plan.final, recipe, load_scheme(), provenance)
    fitted.save(tmp_path / "rich")
    again = Bundle.load(tmp_path / "rich")
    assert dict(again.companions.absent) == {}
    assert again.digest == fitted.digest
    today = rich.on(plan.serve_day)
    here = late[rich.as_of == np.datetime64(plan.serve_day)]
    risk = again.contract_lapse(today.values)
    due = today.column("contract_days_to_end") <= recipe.churn.horizon_days
    assert np.array_equal(np.isnan(risk), ~due)
    assert float(risk[due & here].mean()) > float(risk[due & ~here].mean()) + 0.3
    ltv = again.score(today.values).ltv
    kept = again.contribution(today.values, ltv)
    spent = today.column("net_amount_365d") > 0
    np.testing.assert_allclose(kept[spent], 0.25 * ltv[spent], rtol=0.02)
    health = again.health(today.values)
    np.testing.assert_allclose(health.parts.sum(axis=1), health.score, atol=1e-9)
    assert np.array_equal(health.score, fitted.health(today.values).score)


def test_no_customers_are_no_trouble(bundle: Bundle, values: FloatArray) -> None:
    assert len(bundle.score(values[:0])) == 0
    assert bundle.contributions(values[:0])["ltv"].phi.shape == (0, len(bundle.columns) + 1)


def test_an_incomplete_what_if_row_is_scored(bundle: Bundle) -> None:
    scores = bundle.score(np.full((1, len(bundle.columns)), np.nan))
    assert np.isfinite([scores.ltv[0], scores.churn_probability[0], scores.ltv_upper[0]]).all()
    assert scores.dormant[0]


def test_decide_takes_the_predictions_into_the_grade(bundle: Bundle, values: FloatArray) -> None:
    scores, decisions = bundle.decide(values)
    given = bundle.indicator_values(values)
    assert set(given) == {*bundle.columns, "ltv", "churn_probability", "demand_forecast"}
    assert np.array_equal(given["ltv"], scores.ltv)
    assert len(decisions.tier) == len(values)
    assert {"ltv", "churn_probability"} <= set(bundle.reference.knots)


def test_values_of_another_catalogue_are_refused(bundle: Bundle, values: FloatArray) -> None:
    with pytest.raises(BundleError, match="indicators a customer"):
        bundle.score(values[:, :-1])


@pytest.mark.parametrize("name", FILES)
def test_an_altered_file_is_refused(folder: Path, tmp_path: Path, name: str) -> None:
    copy = _copy(folder, tmp_path)
    content = (copy / name).read_text("utf-8")
    (copy / name).write_text(content + " ", "utf-8")
    with pytest.raises(BundleError, match="altered") as caught:
        Bundle.load(copy)
    assert caught.value.context["file"] == name


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_told(folder: Path, tmp_path: Path, name: str) -> None:
    copy = _copy(folder, tmp_path)
    (copy / name).unlink()
    with pytest.raises(BundleError, match=f"{name} is missing"):
        Bundle.load(copy)


def test_altered_provenance_is_refused(folder: Path, tmp_path: Path) -> None:
    copy = _copy(folder, tmp_path)
    _edit(copy, lambda document: document["meta"].update(world="elsewhere"))
    with pytest.raises(BundleError, match="digest"):
        Bundle.load(copy)


def test_another_format_is_told(folder: Path, tmp_path: Path) -> None:
    copy = _copy(folder, tmp_path)
    _edit(copy, lambda document: document.update(format=99))
    with pytest.raises(BundleError, match="format 2"):
        Bundle.load(copy)


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b'{"format": 1}'])
def test_a_damaged_manifest_is_told(folder: Path, tmp_path: Path, content: bytes) -> None:
    copy = _copy(folder, tmp_path)
    (copy / MANIFEST).write_bytes(content)
    with pytest.raises(BundleError, match=r"bundle\.json"):
        Bundle.load(copy)


def test_a_folder_that_is_no_bundle_is_told(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no bundle"):
        Bundle.load(tmp_path)


def test_sound_hashes_around_foreign_content_are_told(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = {**bundle._texts, "churn.json": '{"calibration": {}}\n'}
    foreign = Bundle(
        bundle.columns,
        bundle.churn,
        bundle.ltv,
        bundle.reference,
        bundle.scheme,
        bundle.recipe,
        bundle.meta,
    )
    monkeypatch.setitem(foreign.__dict__, "_texts", texts)
    foreign.save(tmp_path / "foreign")
    with pytest.raises(BundleError, match="another version"):
        Bundle.load(tmp_path / "foreign")


def test_the_version_is_not_part_of_the_digest(bundle: Bundle, tmp_path: Path) -> None:
    named = bundle.with_version("7")
    assert named.digest == bundle.digest
    named.save(tmp_path / "named")
    assert Bundle.load(tmp_path / "named").meta.version == "7"


def test_a_recipe_without_text_cannot_be_stored(bundle: Bundle, tmp_path: Path) -> None:
    made = Recipe.model_validate(bundle.recipe.model_dump())
    bare = Bundle(
        bundle.columns,
        bundle.churn,
        bundle.ltv,
        bundle.reference,
        bundle.scheme,
        made,
        bundle.meta,
    )
    with pytest.raises(BundleError, match="no text"):
        bare.save(tmp_path / "bare")


def test_the_same_inputs_give_the_same_bundle(
    bundle: Bundle, data: TrainingSet, plan: OriginPlan, recipe: Recipe
) -> None:
    provenance = Provenance("small", "EUR", True, "0" * 64, "test")
    again = fit_bundle(data, plan.final, recipe, load_scheme(), provenance)
    assert again.digest == bundle.digest


def test_a_day_without_eligible_customers_is_refused(
    data: TrainingSet, plan: OriginPlan, recipe: Recipe
) -> None:
    today = data.as_of == np.datetime64(plan.serve_day)
    asleep = TrainingSet(
        data.columns,
        data.values,
        data.customer_id,
        data.as_of,
        data.churned,
        data.net_value,
        data.eligible & ~today,
    )
    provenance = Provenance("small", "EUR", True, "0" * 64, "test")
    with pytest.raises(FitError, match="No customer is eligible"):
        fit_bundle(asleep, plan.final, recipe, load_scheme(), provenance)


def test_all_files_are_text(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {*FILES, MANIFEST}
    for path in folder.iterdir():
        assert "\x00" not in path.read_text("utf-8")


def _copy(folder: Path, target: Path) -> Path:
    copy = target / "copy"
    copy.mkdir()
    for path in folder.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    return copy


def _edit(folder: Path, change: Callable[[dict[str, dict[str, object]]], None]) -> None:
    path = folder / MANIFEST
    document = json.loads(path.read_text("utf-8"))
    change(document)
    path.write_text(json.dumps(document), "utf-8")
