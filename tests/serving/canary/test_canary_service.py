"""A canary in the service: each customer is answered by its side, also while it comes and goes."""

from __future__ import annotations

import dataclasses
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from features.schema import IndicatorFrame
from serving.app import create_app
from serving.archive import BundleArchive
from serving.batch import run_batch
from serving.canary.reporting import make_report
from serving.canary.standing import Deciding, change_share, end
from serving.domain.canary import CanaryEnding, CanaryPlan
from serving.settings import Settings
from serving.sides import Sides, Tried, load_canary
from serving.store.session import Database
from tests.blank_store import blank_store
from tests.serving.canary.conftest import LEFT_OUT, T0
from tests.serving.furnishing import write_manifest
from training.bundle import Bundle
from training.folders import swap

LATER = Deciding("ana", T0.replace(hour=9), "enough")


@pytest.fixture
def world(tmp_path: Path, bundle: Bundle, second: Bundle) -> Settings:
    settings = Settings(home=tmp_path, world="small", environment="test")
    bundle.with_version("3").save(settings.bundle)
    second.save(tmp_path / "second")
    BundleArchive(settings.archive).keep(tmp_path / "second", second.digest)
    write_manifest(settings.published)
    return settings


@pytest.fixture
def application(
    world: Settings, served_bundle: Bundle, frame: IndicatorFrame, begin: Callable[..., Tried]
) -> Iterator[FastAPI]:
    """A service whose run has a canary of half of the customers."""
    store = blank_store(world.database)
    earlier = dataclasses.replace(frame, as_of=frame.as_of.replace(day=1))
    run_batch(served_bundle, earlier, store)
    tried = begin(store, 50)
    run_batch(served_bundle, frame, store, canary=tried)
    store.dispose()
    made = create_app(world)
    yield made
    made.state.service.single.close()
    made.state.database.dispose()


@pytest.fixture
def api(application: FastAPI) -> TestClient:
    return TestClient(application, raise_server_exceptions=False)


def plan_of(application: FastAPI) -> Tried:
    tried = application.state.service.sides.canary
    assert tried is not None
    return tried


def one_of_each(application: FastAPI, frame: IndicatorFrame) -> tuple[str, str]:
    """Return a customer of the champion and one of the canary."""
    takes = plan_of(application).plan.takes
    ids = frame.customer_id.tolist()
    return next(c for c in ids if not takes(c)), next(c for c in ids if takes(c))


def test_every_answer_about_a_customer_is_by_its_side(
    application: FastAPI, api: TestClient, frame: IndicatorFrame, second: Bundle, bundle: Bundle
) -> None:
    sides = zip(one_of_each(application, frame), (bundle, second), strict=True)
    for place, (customer, by) in enumerate(sides):
        side = ("champion", "canary")[place]
        told = api.get(f"/v1/grades/{customer}").json()
        wanted = {"version": ("3", "4")[place], "bundle_digest": by.digest, "side": side}
        assert wanted.items() <= told["model"].items()
        why = api.get(f"/v1/grades/{customer}/explanation").json()
        total = why["base"] + sum(each["contribution"] for each in why["contributions"])
        assert abs(total - told["score"]) < 1e-9
        assert api.get(f"/v1/grades/{customer}/lift").json()["score"] == told["score"]
        change = api.get(f"/v1/grades/{customer}/change?since=2024-06-05").json()
        # Who came to the canary since then was graded by another model: what that did is told.
        assert change["how"] == ("same_model", "graded_again")[place]
        assert change["after"]["model"]["side"] == side
        assert change["before"]["model"]["side"] == "champion"
        assert abs(sum(part["points"] for part in change["parts"]) - change["points"]) < 1e-9
        history = api.get(f"/v1/grades/{customer}/history").json()["items"]
        assert [each["model"]["side"] for each in history] == [side, "champion"]
        # By the quick way and by the endpoint behind it: nothing changed, so nothing differs.
        for address in ("/v1/grades:simulate", "/v1/grades:simulate?"):
            what_if = api.post(address, json={"customer_id": customer}).json()
            assert what_if["grade"]["model"]["bundle_digest"] == by.digest
            assert what_if["grade"]["model"]["side"] == side
            assert what_if["difference"]["score"] == 0.0
        page = api.get(f"/customers/{customer}").text
        assert ("the canary for a share" in page) == (side == "canary")
        assert f"version {('3', '4')[place]}" in page
    nobody = api.post("/v1/grades:simulate", json={"indicators": {"net_amount_365d": 100.0}}).json()
    assert nobody["grade"]["model"]["side"] == "champion"
    # A column that only the champion's model has cannot be asked of the canary's.
    of_canary = one_of_each(application, frame)[1]
    asked = {"customer_id": of_canary, "indicators": {LEFT_OUT: 1.0}}
    assert api.post("/v1/grades:simulate", json=asked).status_code == 422


def test_a_customer_told_by_events_is_graded_by_its_side(
    application: FastAPI, api: TestClient, frame: IndicatorFrame
) -> None:
    for customer, side in zip(one_of_each(application, frame), ("champion", "canary"), strict=True):
        body = {
            "customer_id": customer,
            "orders": [
                {"order_id": f"o{n}", "occurred_at": f"2024-0{n}-03", "net_amount": 100.0 * n}
                for n in range(1, 6)
            ],
        }
        told = api.post("/v1/grades:simulateFromEvents", json=body)
        assert told.status_code == 200, told.text
        assert told.json()["grade"]["model"]["side"] == side


def test_the_state_is_told_everywhere(
    application: FastAPI, api: TestClient, world: Settings, second: Bundle
) -> None:
    assert api.get("/readyz").json()["canary_fault"] is None
    serving = api.get("/v1/model").json()
    assert serving["canary"]["bundle_digest"] == second.digest
    assert 100 < serving["canary_customers"] < 220
    assert serving["loaded_is_served"] is True
    told = api.get("/v1/models/canary").json()
    assert (told["plan"]["version"], told["plan"]["percent"]) == ("4", 50.0)
    assert told["run_id"] is told["comparison"] is None
    tried = plan_of(application)
    report = make_report(application.state.database, tried.plan, world.published, LATER.at)
    assert report is not None
    told = api.get("/v1/models/canary").json()
    assert told["run_id"] == report.run_id
    assert told["comparison"]["canary"]["bundle_digest"] == second.digest
    assert told["made_at"] == "2024-07-01T09:00:00Z"
    metrics = api.get("/metrics").text
    assert "tierwise_canary_share 0.5" in metrics
    assert f'bundle_digest="{second.digest}",model_version="4"' in metrics
    assert "the canary, version 4" in api.get("/").text
    served = api.get("/v1/grades?limit=500").json()["items"]
    ours = {each["model"]["side"] for each in served}
    assert ours == {"champion", "canary"}


def test_a_new_share_a_stop_and_a_promotion_are_taken_up(
    application: FastAPI, api: TestClient, world: Settings, second: Bundle, frame: IndicatorFrame
) -> None:
    first, of_canary = one_of_each(application, frame)
    store = application.state.database

    def side(customer: str) -> str:
        told = api.post("/v1/grades:simulate", json={"customer_id": customer}).json()
        return str(told["grade"]["model"]["side"])

    def refreshed() -> bool:
        return bool(api.post("/v1/models:refresh").json()["changed"])

    assert (side(first), side(of_canary), refreshed()) == ("champion", "canary", False)
    change_share(store, 10_000, LATER)
    assert (refreshed(), side(first), side(of_canary)) == (True, "canary", "canary")
    # Promoted, and killed before the end was written: there is no canary in effect.
    staging = world.home / "staging"
    second.save(staging)
    swap(staging, world.bundle)
    assert refreshed()
    assert (side(first), side(of_canary)) == ("champion", "champion")
    assert api.get("/readyz").json()["canary_fault"] == "it is the champion"
    assert "tierwise_canary_faulty 1.0" in api.get("/metrics").text
    end(store, CanaryEnding.PROMOTED, LATER)
    assert refreshed()
    assert api.get("/readyz").json()["canary_fault"] is None
    assert api.get("/v1/models/canary").json()["plan"]["ending"] == "promoted"
    assert "tierwise_canary_share 0.0" in api.get("/metrics").text
    # The stored grades of the canary are the champion's model by now: they can be lifted.
    assert api.get(f"/v1/grades/{of_canary}/lift").status_code == 200


def test_requests_go_on_while_canaries_come_and_go(
    application: FastAPI, frame: IndicatorFrame, begin: Callable[..., Tried]
) -> None:
    parts, store = application.state.service, application.state.database
    customers = frame.customer_id.tolist()[:20]
    digests: set[str] = set()
    wrong: list[object] = []
    over = threading.Event()

    def asking() -> None:
        with TestClient(application) as api:
            while not over.is_set():
                for customer in customers:
                    answer = api.post("/v1/grades:simulate", json={"customer_id": customer})
                    if answer.status_code != 200:
                        wrong.append(answer.text)
                        return
                    digests.add(answer.json()["grade"]["model"]["bundle_digest"])

    thread = threading.Thread(target=asking)
    thread.start()
    for number in range(6):
        end(store, CanaryEnding.STOPPED, LATER)
        parts.sides.refresh()
        begin(store, 50, T0.replace(hour=10 + number))
        parts.sides.refresh()
    over.set()
    thread.join()
    assert wrong == []
    assert len(digests) == 2


def test_a_canary_that_cannot_be_loaded_costs_nobody_an_answer(
    application: FastAPI, api: TestClient, world: Settings, second: Bundle, frame: IndicatorFrame
) -> None:
    parts, store = application.state.service, application.state.database
    of_canary = one_of_each(application, frame)[1]
    kept = world.archive / second.digest
    shutil.move(kept, world.home / "elsewhere")
    # What is in memory stays there.
    assert not parts.sides.refresh()
    fresh = Sides(parts.models, store, BundleArchive(world.archive))
    assert not fresh.refresh()
    assert (fresh.canary, fresh.trouble) == (None, "AuditError")
    assert not fresh.of_customer(of_canary).canary
    assert fresh.of_digest(second.digest).digest == parts.models.bundle.digest
    shutil.move(world.home / "elsewhere", kept)
    fresh.look()  # it has just been tried
    assert fresh.trouble == "AuditError"
    assert fresh.refresh()
    assert fresh.of_customer(of_canary).canary
    assert fresh.trouble is None
    # The champion may be another one by now, under another scheme.
    scheme = second.scheme.model_copy(update={"version": "9.0.0"})
    staging = world.home / "staging"
    replace(second, scheme=scheme).with_version("5").save(staging)
    swap(staging, world.bundle)
    parts.models.refresh()
    assert "another scheme" in str(fresh.trouble)
    assert not fresh.of_customer(of_canary).canary
    # A store that does not answer changes nothing.
    lost = Sides(parts.models, Database(f"sqlite:///{world.home}/none.db"), parts.sides._archive)
    assert not lost.refresh()
    assert api.get("/readyz").status_code == 200


def test_a_bundle_is_tried_under_the_number_of_its_version(world: Settings, second: Bundle) -> None:
    plan = CanaryPlan("p", second.digest, "7", 100, "s", T0, "li.wei", "")
    tried = load_canary(plan, BundleArchive(world.archive))
    assert (tried.bundle.digest, tried.bundle.meta.version) == (second.digest, "7")


def test_without_a_canary_there_is_none_to_read(client: TestClient) -> None:
    assert client.get("/v1/models/canary").status_code == 404
    assert client.get("/v1/model").json()["canary"] is None
