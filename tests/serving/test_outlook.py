"""``GET /v1/grades/{id}/outlook``: what a bundle says of a batch, told of one customer (#14)."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

from features.schema import FloatArray, IndicatorFrame
from serving.api import outlook_presenting, outlook_schemas
from serving.api.outlook_examples import OUTLOOK
from serving.app import create_app
from serving.archive import BundleArchive
from serving.batch import run_batch
from serving.canary.standing import Deciding, start
from serving.domain.canary import PLACES
from serving.domain.grade import LANGS, Grade
from serving.domain.outlook import Outlook
from serving.errors import NotReadyError
from serving.nightly.watching import health_score
from serving.outlook import _WORDS, outlook_of
from serving.scoring import basis_of, grade_alone
from serving.settings import Settings
from serving.sides import Tried
from serving.store.grades import Grades
from serving.store.session import Database
from tests.blank_store import blank_store
from tests.serving.order_log import HORIZON, SERVED_DAY
from tests.serving.rich_models import LONG, SHORT, rich_bundle, rich_frame
from tiering.health import packaged_health, plain_health
from training.bundle import Bundle
from training.models.companions import Companions

NEXT = SERVED_DAY + timedelta(days=30)


@pytest.fixture(scope="module")
def known(frame: IndicatorFrame) -> IndicatorFrame:
    return rich_frame(frame)


@pytest.fixture(scope="module")
def rich(bundle: Bundle, known: IndicatorFrame) -> Bundle:
    return rich_bundle(bundle, known)


@pytest.fixture(scope="module")
def settings(
    tmp_path_factory: pytest.TempPathFactory, rich: Bundle, known: IndicatorFrame
) -> Settings:
    """A world that was graded by a bundle with everything."""
    home = tmp_path_factory.mktemp("outlook")
    made = Settings(home=home, world="small", environment="test")
    rich.save(made.bundle)
    store = blank_store(made.database)
    run_batch(rich, known, store)
    store.dispose()
    return made


@pytest.fixture(scope="module")
def client(settings: Settings) -> Iterator[TestClient]:
    application = create_app(settings)
    with TestClient(application) as opened:
        yield opened
    application.state.database.dispose()


@pytest.fixture(scope="module")
def told(settings: Settings, known: IndicatorFrame) -> list[Outlook]:
    """The outlook of every customer, one after the other, in the order of the frame."""
    bundle, grades = Bundle.load(settings.bundle), stored(settings)
    return [outlook_of(bundle, grades[customer]) for customer in known.customer_id]


def stored(settings: Settings) -> dict[str, Grade]:
    store = Database(settings.database)
    with store.read() as session:
        run = Grades(session).current_run()
        assert run is not None
        found = {g.customer_id: g for g, _ in Grades(session).with_evidence(run)}
    store.dispose()
    return found


def same(told: list[float | None], batch: FloatArray) -> None:
    """Hold every number to the bit; None stands for NaN."""
    assert np.array_equal(
        np.array([np.nan if x is None else x for x in told]), batch, equal_nan=True
    )


def test_a_whole_run_is_what_the_batch_functions_say_to_the_bit(
    rich: Bundle, known: IndicatorFrame, told: list[Outlook]
) -> None:
    assert len(told) > 300
    bundle, values = rich, known.values
    scores, lifetime = bundle.score(values), bundle.lifetime(values)

    def every(of: Callable[[Outlook], float | None]) -> list[float | None]:
        return [of(each) for each in told]

    assert every(lambda x: x.dormant) == scores.dormant.tolist()
    same(every(lambda x: x.p_active), lifetime.p_active)
    same(every(lambda x: x.order_value), lifetime.order_value)
    same(every(lambda x: x.correction), lifetime.correction)
    values_at = [scores.ltv, *lifetime.value.T]
    frequencies = [lifetime.near_frequency, *lifetime.frequency.T]
    cost = known.column("acquisition_cost")
    same(every(lambda x: x.acquisition_cost), np.where(cost > 0, cost, np.nan))
    for each in told:  # what is said to be unknown is not told
        unknown = {lacking.figure for lacking in each.unknown}
        assert (each.acquisition_cost is None) == ("acquisition_cost" in unknown)
    for at, (days, net, frequency) in enumerate(
        zip((HORIZON, *lifetime.horizons_days), values_at, frequencies, strict=True)
    ):
        assert {x.values[at].horizon_days for x in told} == {days}
        kept = bundle.contribution(values, net)
        same(every(lambda x, at=at: x.values[at].net_value), net)
        same(every(lambda x, at=at: x.values[at].contribution), kept)
        same(every(lambda x, at=at: x.values[at].purchase_days_if_active), frequency)
        same(every(lambda x, at=at: x.values[at].purchase_days), lifetime.p_active * frequency)
        paid = np.where(cost > 0, cost, np.nan)
        same(every(lambda x, at=at: x.values[at].value_to_cost), net / paid)
        same(every(lambda x, at=at: x.values[at].contribution_to_cost), kept / paid)
    near = [x.values[0] for x in told]
    assert {(x.discounted, len(x.intervals)) for x in near} == {(False, 2)}
    assert {(y.discounted, y.intervals) for x in told for y in x.values[1:]} == {(True, ())}
    assert [each.nominal for each in near[0].intervals] == [0.8, 0.95]
    same([x.intervals[0].lower for x in near], scores.ltv_lower)
    same([x.intervals[0].upper for x in near], scores.ltv_upper)
    for place, (days, probability) in enumerate(bundle.churn_curve(values).items()):
        assert {x.churn[place].horizon_days for x in told} == {days}
        assert {x.churn[place].graded for x in told} == {days == HORIZON}
        same(every(lambda x, at=place: x.churn[at].probability), probability)
    expected = bundle.demand_forecast(values)
    same([x.demand.value for x in told], expected)
    model = bundle.companions.demand
    assert model is not None
    same([x.demand.intervals[0].upper for x in told], model.intervals.bounds(expected)[1])
    same([x.demand.intervals[1].lower for x in told], model.others[0].bounds(expected)[0])


def test_health_and_renewal_of_a_whole_run_too(
    rich: Bundle, known: IndicatorFrame, told: list[Outlook]
) -> None:
    bundle, values = rich, known.values
    health = bundle.health(values)
    same([x.health.score for x in told], health.score)
    same([x.health.stays for x in told], health.stays)
    same([x.health.known for x in told], health.known)
    by_name = dict(zip(known.columns, values.T, strict=True))
    policy = packaged_health()
    plain = plain_health(policy, by_name, len(known))
    band = policy.band(health_score(bundle, by_name, values, len(known)))
    assert [x.health.band for x in told] == [policy.bands[at] for at in band]
    for d in range(6):
        same([x.health.dimensions[d].points for x in told], health.dimensions[:, d])
        same([x.health.dimensions[d].scale_points for x in told], plain.dimensions[:, d])
        bands = policy.band(plain.dimensions[:, d])
        assert [x.health.dimensions[d].band for x in told] == [
            policy.bands[at] if at >= 0 else None for at in bands
        ]
        for k, part in enumerate(told[0].health.dimensions[d].parts):
            at = [part for x in told for part in x.health.dimensions[d].parts[k : k + 1]]
            same([each.points for each in at], health.points[:, 2 * d + k])
            same([each.value for each in at], known.column(part.indicator))
    weights = [part.weight for each in told[0].health.dimensions for part in each.parts]
    assert math.fsum(weights) == pytest.approx(1.0)
    days = known.column("contract_days_to_end")
    assert [x.renewal is None for x in told] == np.isnan(days).tolist()
    lapse = bundle.contract_lapse(values)
    for x, left, chance in zip(told, days, lapse, strict=True):
        if x.renewal is None:
            assert [(y.figure, y.why) for y in x.unknown][-1] == ("renewal", "no_contract")
            continue
        within = {each.horizon_days: each.probability for each in x.renewal.lapse}
        assert list(within) == [SHORT, HORIZON, LONG]
        assert list(within.values()) == sorted(within.values())
        assert within[HORIZON] == (chance if left <= HORIZON else 0.0)
        assert (within[LONG] > 0.0) == (left <= LONG)
        assert x.renewal.days_to_end == left


def test_the_parts_of_the_value_make_the_value(settings: Settings) -> None:
    bundle = Bundle.load(settings.bundle)
    for each in list(stored(settings).values())[:40]:
        found = outlook_of(bundle, each)
        assert each.churn_probability == next(x.probability for x in found.churn if x.graded)
        assert each.ltv == found.values[0].net_value
        for at in found.values:
            factors = (found.p_active, at.purchase_days_if_active, found.order_value)
            assert math.prod((*factors, found.correction)) == pytest.approx(at.net_value)


def test_the_api_tells_what_was_found(
    client: TestClient, settings: Settings, known: IndicatorFrame
) -> None:
    bundle = Bundle.load(settings.bundle)
    for customer, graded in list(stored(settings).items())[:25]:
        answer = client.get(f"/v1/grades/{customer}/outlook")
        assert answer.status_code == 200
        told, found = answer.json(), outlook_of(bundle, graded)
        assert (told["customer_id"], told["grade_id"]) == (customer, graded.grade_id)
        assert (told["currency"], told["simulated"], told["world"]) == ("EUR", True, "small")
        assert [x["net_value"] for x in told["values"]] == [x.net_value for x in found.values]
        assert [x["probability"] for x in told["churn"]] == [x.probability for x in found.churn]
        assert told["health"]["stays"] == found.health.stays
        assert (told["renewal"] is None) == (found.renewal is None)
        assert [x["figure"] for x in told["unknown"]] == [x.figure for x in found.unknown]
    tag = {"If-None-Match": answer.headers["etag"]}
    assert client.get(f"/v1/grades/{customer}/outlook", headers=tag).status_code == 304


@pytest.mark.parametrize(
    ("path", "status", "kind"),
    [
        ("nobody/outlook", 404, "customer-not-found"),
        ("nobody/outlook?as_of=2030-01-01", 404, "customer-not-found"),
        ("c-0007/outlook?as_of=2020-01-01", 404, "customer-not-found"),
        ("c-0007/outlook?as_of=yesterday", 422, "invalid-request"),
        ("c-0007/outlook?day=2024-01-01", 422, "invalid-request"),
    ],
)
def test_what_cannot_be_told_is_refused(
    client: TestClient, path: str, status: int, kind: str
) -> None:
    answer = client.get(f"/v1/grades/{path}")
    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:tierwise:problem:{kind}")


def test_the_past_is_told_by_the_bundle_of_then(
    settings: Settings,
    client: TestClient,
    served_bundle: Bundle,
    bundle_dir: Path,
    known: IndicatorFrame,
    tmp_path: Path,
) -> None:
    """A new champion and a new run change nothing in what was told, if its bundle is kept."""
    address = "/v1/grades/c-0007/outlook"
    then = client.get(address).json()
    mine = settings.model_copy(update={"home": tmp_path, "bundle_dir": bundle_dir})
    rich = Bundle.load(settings.bundle)
    store = blank_store(mine.database)
    few = replace(known, customer_id=known.customer_id[:20], values=known.values[:20])
    run_batch(rich, few, store)
    run_batch(served_bundle, replace(few, as_of=NEXT, values=few.values * 1.5), store)
    store.dispose()
    application = create_app(mine)
    with TestClient(application) as later:
        now = later.get(address).json()
        assert now["demand"] is None
        assert now["model"]["bundle_digest"] == served_bundle.digest
        past = f"{address}?as_of={SERVED_DAY}"
        gone = later.get(past)
        assert (gone.status_code, gone.json()["type"]) == (503, "urn:tierwise:problem:not-ready")
        BundleArchive(mine.archive).keep(settings.bundle, rich.digest)
        again = later.get(past).json()
        own = {"run_id", "grade_id"}
        assert {k: v for k, v in again.items() if k not in own} == {
            k: v for k, v in then.items() if k not in own
        }
        sides = application.state.service.sides
        assert sides.that_graded(rich.digest) is sides.that_graded(rich.digest)
        assert sides.that_graded(served_bundle.digest) is sides.of_digest(served_bundle.digest)
        assert later.get(f"{address}?as_of={NEXT}").json() == now
    application.state.database.dispose()
    bare = create_app(mine.model_copy(update={"bundle_dir": tmp_path / "none"}))
    with TestClient(bare) as without:
        assert without.get(past).json() == again
    bare.state.database.dispose()


def test_a_grade_of_the_canary_is_told_by_the_canary(
    settings: Settings, rich: Bundle, bundle: Bundle, known: IndicatorFrame, tmp_path: Path
) -> None:
    mine = settings.model_copy(update={"home": tmp_path, "bundle_dir": settings.bundle})
    tries = replace(bundle, recipe=rich.recipe).with_version("4")
    tries.save(tmp_path / "tries")
    BundleArchive(mine.archive).keep(tmp_path / "tries", tries.digest)
    store = blank_store(mine.database)
    who = Deciding("li.wei", datetime(2024, 7, 1), "a trial")
    tried = Tried(start(store, tries, PLACES // 2, who, "salt"), tries)
    few = replace(known, customer_id=known.customer_id[:20], values=known.values[:20])
    run_batch(rich, few, store, canary=tried)
    store.dispose()
    application = create_app(mine)
    with TestClient(application) as client:
        told = [client.get(f"/v1/grades/{each}/outlook").json() for each in few.customer_id]
    application.state.database.dispose()
    sides = {each["model"]["side"] for each in told}
    assert sides == {"champion", "canary"}
    for row, each in enumerate(told):
        own = tries if each["model"]["side"] == "canary" else rich
        values = few.values[row : row + 1]
        assert each["model"]["bundle_digest"] == own.digest
        assert each["demand"]["value"] == own.demand_forecast(values)[0]
        assert len(each["churn"]) == len(own.churn_curve(values))


# --- what is not there ---------------------------------------------------------------------


def graded_by(bundle: Bundle, values: FloatArray) -> Grade:
    (graded,) = grade_alone(bundle, values, ["c"], basis_of(bundle, SERVED_DAY, "run"))
    return graded


def one(bundle: Bundle, values: FloatArray) -> Outlook:
    return outlook_of(bundle, graded_by(bundle, values))


def test_a_bare_bundle_says_what_it_does_not_know_and_why(
    bundle: Bundle, frame: IndicatorFrame
) -> None:
    found = one(bundle, frame.values[:1])
    why = {each.figure: (each.why, each.detail) for each in found.unknown}
    assert why["demand"] == ("not_asked", None)
    assert why["acquisition_cost"] == ("no_data", None)
    assert why["contribution"][0] == why["renewal"][0] == "no_model"
    assert "Renewal cannot be learned" in str(why["renewal"][1])
    assert (found.demand, found.renewal, found.contribution_rate) == (None, None, None)
    assert {each.contribution for each in found.values} == {None}
    assert [each.horizon_days for each in found.churn] == [HORIZON]


def test_without_a_model_health_is_by_the_scales_of_the_policy(
    rich: Bundle, known: IndicatorFrame
) -> None:
    companions = replace(rich.companions, health=None, absent={"health": "Nobody stayed."})
    bundle = replace(rich, companions=companions)
    by_name = dict(zip(known.columns, known.values.T, strict=True))
    plain = plain_health(packaged_health(), by_name, len(known))
    for row in range(12):
        health = one(bundle, known.values[row : row + 1]).health
        assert (health.source, health.stays, health.horizon_days) == ("scales", None, None)
        assert health.score == plain.score[row]
        assert health.known == plain.known[row]
        for each, points in zip(health.dimensions, plain.dimensions[row], strict=True):
            assert each.points == each.scale_points == (None if np.isnan(points) else points)
            seen = [part.points for part in each.parts if part.points is not None]
            assert each.points == (pytest.approx(np.mean(seen)) if seen else None)
    told = {each.figure: each for each in one(bundle, known.values[:1]).unknown}
    assert (told["health"].why, told["health"].detail) == ("no_model", "Nobody stayed.")


def test_who_is_unknown_has_no_health_and_no_band(rich: Bundle, known: IndicatorFrame) -> None:
    values = known.values[7:8].copy()
    for each in rich.companions.health.scheme.indicators:
        values[0, known.columns.index(each.name)] = np.nan
    found = one(rich, values)
    assert (found.health.score, found.health.stays, found.health.band) == (None, None, None)
    assert found.health.known == 0.0
    assert {(x.points, x.scale_points, x.band) for x in found.health.dimensions} == {(None,) * 3}
    assert ("health", "no_data") in [(each.figure, each.why) for each in found.unknown]
    told = outlook_presenting.outlook(graded_by(rich, values), found).health
    assert (told.score, told.band, told.response) == (None, None, None)
    assert {each.band for each in told.dimensions} == {None}


def test_a_bundle_of_fewer_columns_is_asked_by_those_it_has(
    bundle: Bundle, frame: IndicatorFrame
) -> None:
    """As a bundle from before the days to the end of a contract were told."""
    new = ("contract_days_to_end", "contract_ended_count_730d")
    kept = [k for k, name in enumerate(frame.columns) if name not in new]
    fewer = replace(bundle, columns=tuple(frame.columns[k] for k in kept), companions=Companions())
    values = np.ascontiguousarray(frame.values[3:4, kept])
    found = one(fewer, values)
    assert found.renewal is None
    assert found.health.source == "scales"
    whole = one(bundle, frame.values[3:4])
    assert found.values[0].net_value == whole.values[0].net_value


def test_another_bundle_is_refused(rich: Bundle, bundle: Bundle, known: IndicatorFrame) -> None:
    graded = graded_by(rich, known.values[:1])
    with pytest.raises(NotReadyError, match="another model than the one that is at hand"):
        outlook_of(bundle, graded)


def test_the_example_is_an_answer() -> None:
    answer = outlook_schemas.Outlook.model_validate(OUTLOOK)
    assert json.loads(answer.model_dump_json(by_alias=True)) == OUTLOOK


def test_every_reason_has_words_in_both_languages() -> None:
    reasons = set(outlook_schemas.OutlookUnknown.model_fields["reason"].annotation.__args__)
    assert {lang: set(_WORDS[lang]) for lang in LANGS} == dict.fromkeys(LANGS, reasons)
