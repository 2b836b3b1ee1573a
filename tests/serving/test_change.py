"""Why a score is another than it was: the parts add up, whatever changed in between (#56, #74)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

from features.schema import IndicatorFrame
from serving.app import create_app
from serving.batch import run_batch
from serving.change_words import part_text, tell_change
from serving.changing import ChangePart, ScoreChange, score_change
from serving.domain.grade import Run
from serving.settings import Settings
from serving.store.grades import Grades
from serving.store.past import Past
from serving.store.session import Database
from tests.blank_store import blank_store
from tests.serving.order_log import SERVED_DAY
from tiering.errors import UngradableError
from tiering.scheme import load_scheme
from training.bundle import Bundle

NEXT = SERVED_DAY + timedelta(days=30)
Account = Callable[[Database, Run, Run, Bundle | None], list[ScoreChange]]


@pytest.fixture
def later(frame: IndicatorFrame) -> IndicatorFrame:
    """A month later: some buy more, some less, of some it is not known."""
    values = frame.values.copy()
    money = [i for i, name in enumerate(frame.columns) if name.startswith("net_amount_")]
    values[::2, money] *= 0.4
    values[1::3, money] *= 1.7
    values[::5, frame.columns.index("net_amount_365d")] = np.nan
    return replace(frame, as_of=NEXT, values=values)


def changes(
    database: Database, before: Run, after: Run, bundle: Bundle | None
) -> list[ScoreChange]:
    found = []
    with database.read() as session:
        store = Grades(session)
        told = {g.customer_id: g for g, _ in store.with_evidence(after)}
        for then, _ in list(store.with_evidence(before))[::3]:
            now = told[then.customer_id]
            first, last = store.explanation(then), store.explanation(now)
            assert first is not None
            assert last is not None
            found.append(score_change(then, first, now, last, bundle, after.explainer))
    return found


def adds_up(change: ScoreChange) -> None:
    total = math.fsum(part.points for part in change.parts)
    assert change.before.score + total == pytest.approx(change.after.score, abs=1e-9)
    by_dimension = math.fsum(change.by_dimension().values())
    rest = math.fsum(part.points for part in change.parts if part.kind != "indicator")
    assert by_dimension + rest == pytest.approx(change.points, abs=1e-9)
    sizes = [abs(part.points) for part in change.parts]
    assert sizes == sorted(sizes, reverse=True)
    assert 0.0 not in sizes


def test_under_one_model_only_figures_change_a_score(
    database: Database, served_bundle: Bundle, frame: IndicatorFrame, later: IndicatorFrame
) -> None:
    before = run_batch(served_bundle, frame, database).run
    after = run_batch(served_bundle, later, database).run
    found = changes(database, before, after, None)
    assert len(found) == 107
    for change in found:
        adds_up(change)
        assert change.how == "same_model"
        assert "model" not in {part.kind for part in change.parts}
    # Whose figures are the same has the same score, and nothing to tell.
    quiet = [c for c in found if dict(c.before.indicators) == dict(c.after.indicators)]
    assert quiet
    for change in quiet:
        assert change.parts == ()
        assert change.points == 0.0
        assert tell_change(change, "en")[0].endswith(f"as on {SERVED_DAY}.")
    assert any(part.kind == "base" for change in found for part in change.parts)


def test_a_change_of_scheme_is_a_part_of_its_own(
    database: Database, served_bundle: Bundle, frame: IndicatorFrame, later: IndicatorFrame
) -> None:
    before = run_batch(served_bundle, frame, database).run
    scheme = load_scheme()
    weights = [d.weight for d in scheme.dimensions]
    turned = scheme.model_copy(
        update={
            "version": "9",
            "dimensions": tuple(
                d.model_copy(update={"weight": w})
                for d, w in zip(scheme.dimensions, reversed(weights), strict=True)
            ),
        }
    )
    other = replace(served_bundle, scheme=turned)
    assert other.digest != served_bundle.digest
    after = run_batch(other, later, database).run
    found = changes(database, before, after, other)
    for change in found:
        adds_up(change)
        assert change.how == "graded_again"
    # Whose figures are the same changed by the scheme alone.
    quiet = [c for c in found if dict(c.before.indicators) == dict(c.after.indicators)]
    assert quiet
    for change in quiet:
        assert [part.kind for part in change.parts] == ["model"]
        assert (change.parts[0].before, change.parts[0].after) == (
            change.before.score,
            change.after.score,
        )
        assert str(SERVED_DAY) in part_text(change, change.parts[0], "zh-CN")
    # Without what is in force now, the accounts are set side by side, and still add up.
    for at_hand in (None, served_bundle):
        for change in changes(database, before, after, at_hand):
            adds_up(change)
            assert change.how == "side_by_side"


def test_figures_that_cannot_be_graded_by_the_new_model_are_set_side_by_side(
    database: Database,
    served_bundle: Bundle,
    frame: IndicatorFrame,
    later: IndicatorFrame,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = run_batch(served_bundle, frame, database).run
    other = replace(served_bundle, scheme=load_scheme().model_copy(update={"version": "9"}))
    after = run_batch(other, later, database).run
    with database.read() as session:
        store = Grades(session)
        then = store.of(str(frame.customer_id[0]), before)
        now = store.of(str(frame.customer_id[0]), after)
        assert then is not None
        assert now is not None
        first, last = store.explanation(then), store.explanation(now)
    assert first is not None
    assert last is not None
    assert score_change(then, first, now, last, other).how == "graded_again"

    def refuse(*_: object) -> None:
        raise UngradableError("No dimension of the scheme of now was measured then.")

    monkeypatch.setattr("serving.changing.grade", refuse)
    change = score_change(then, first, now, last, other)
    adds_up(change)
    assert change.how == "side_by_side"


@pytest.fixture
def served(
    tmp_path: Path, served_bundle: Bundle, frame: IndicatorFrame, later: IndicatorFrame
) -> Iterator[TestClient]:
    folder = tmp_path / "bundle"
    served_bundle.save(folder)
    settings = Settings(home=tmp_path, world="small", environment="test", bundle_dir=folder)
    store = blank_store(settings.database)
    few = replace(frame, customer_id=frame.customer_id[1:], values=frame.values[1:])
    run_batch(served_bundle, few, store)
    run_batch(served_bundle, later, store)
    store.dispose()
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        yield client


def test_the_api_tells_the_change(served: TestClient, frame: IndicatorFrame) -> None:
    """#74: the same account in both languages, by indicator and by dimension."""
    moved = 0
    for customer in frame.customer_id[2:40:2].tolist():
        told = served.get(f"/v1/grades/{customer}/change?since={SERVED_DAY}").json()
        total = math.fsum(part["points"] for part in told["parts"])
        before, after = told["before"]["score"], told["after"]["score"]
        assert before + total == pytest.approx(after, abs=1e-9)
        assert told["points"] == after - before
        assert told["after"] == served.get(f"/v1/grades/{customer}/history").json()["items"][0]
        for part in told["parts"]:
            points = part["contribution_after"] - part["contribution_before"]
            assert part["points"] == points
            assert (part["kind"] == "indicator") == (part["label"] is not None)
        own = math.fsum(d["points"] for d in told["dimensions"])
        rest = math.fsum(p["points"] for p in told["parts"] if p["kind"] != "indicator")
        assert own + rest == pytest.approx(told["points"], abs=1e-9)
        assert set(told["texts"]) == {"en", "zh-CN"}
        assert len(told["texts"]["en"]) == len(told["texts"]["zh-CN"])
        moved += abs(told["points"]) > 1
        chinese = served.get(f"/v1/grades/{customer}/change?since={NEXT}&lang=zh-CN").json()
        assert (chinese["points"], chinese["parts"]) == (0.0, [])
        assert set(chinese["texts"]) == {"zh-CN"}
    assert moved


def test_who_was_not_graded_then_is_told_since_when_it_is(
    served: TestClient, frame: IndicatorFrame
) -> None:
    first = frame.customer_id[0]
    refused = served.get(f"/v1/grades/{first}/change?since={SERVED_DAY}")
    assert refused.status_code == 404
    assert f"first grade is of {NEXT}" in refused.json()["hint"]
    assert served.get(f"/v1/grades/nobody/change?since={NEXT}").status_code == 404
    assert served.get("/v1/grades/c-0002/change?since=2001-01-01").status_code == 404
    assert served.get("/v1/grades/c-0002/change?since=yesterday").status_code == 422
    assert served.get("/v1/grades/c-0002/change").status_code == 422
    assert served.get("/v1/grades/nobody/history").status_code == 404


def test_the_history_is_paged(served: TestClient) -> None:
    newest = served.get("/v1/grades/c-0002/history?limit=1").json()
    assert (newest["total"], len(newest["items"])) == (2, 1)
    assert newest["items"][0]["as_of"] == str(NEXT)
    oldest = served.get(newest["next"]).json()
    assert [item["as_of"] for item in oldest["items"]] == [str(SERVED_DAY)]
    assert oldest["cursor"] is None
    assert oldest["next"] is None
    for wrong in ("x", "WyJhIiwiYiJd", "WyIyMDI0LTAxLTAxVDAwOjAwOjAwWiIsImIiXQ"):
        assert served.get(f"/v1/grades/c-0002/history?cursor={wrong}").status_code == 422


def test_a_change_without_a_bundle_is_still_told(served: TestClient, tmp_path: Path) -> None:
    settings = Settings(
        home=tmp_path, world="small", environment="test", bundle_dir=tmp_path / "none"
    )
    with TestClient(create_app(settings), raise_server_exceptions=False) as bare:
        told = bare.get(f"/v1/grades/c-0002/change?since={SERVED_DAY}").json()
    assert told == served.get(f"/v1/grades/c-0002/change?since={SERVED_DAY}").json()


def test_the_grade_of_a_day_is_that_of_the_last_run_up_to_it(
    database: Database, served_bundle: Bundle, frame: IndicatorFrame, later: IndicatorFrame
) -> None:
    runs = [
        run_batch(served_bundle, each, database, force=True).run for each in (frame, later, frame)
    ]
    with database.read() as session:
        past = Past(session, "c-0003")
        days: list[tuple[date, str | None]] = [
            (SERVED_DAY - timedelta(days=1), None),
            (SERVED_DAY, runs[2].run_id),
            (NEXT - timedelta(days=1), runs[2].run_id),
            (NEXT, runs[1].run_id),
        ]
        for day, run_id in days:
            found = past.on(day)
            assert (found and found.basis.run_id) == run_id
        assert past.first_day() == SERVED_DAY
        assert [run for run, _ in past.page().items] == runs[::-1]


def part(then: float | None, now: float | None, name: str = "order_days_365d") -> ChangePart:
    return ChangePart("indicator", name, "value", then, now, 1.0, 3.5)


def test_every_way_a_figure_can_go_has_its_sentence(
    database: Database, served_bundle: Bundle, frame: IndicatorFrame, later: IndicatorFrame
) -> None:
    before = run_batch(served_bundle, frame, database).run
    after = run_batch(served_bundle, later, database).run
    change = changes(database, before, after, None)[0]
    told = {
        (then, now, name): part_text(change, part(then, now, name), "en")
        for then, now, name in (
            (2.0, 5.0, "order_days_365d"),
            (None, 5.0, "order_days_365d"),
            (2.0, None, "order_days_365d"),
            (2.0, 2.0, "order_days_365d"),
            (None, None, "order_days_365d"),
            (None, None, "baseline"),
        )
    }
    sentences = list(told.values())
    assert "went from 2 to 5; this adds 2.5 points" in sentences[0]
    assert "is known now (5)" in sentences[1]
    assert "no longer known (it was 2)" in sentences[2]
    assert "is still 2, but counts differently" in sentences[3]
    assert "is not known" in sentences[4]
    assert sentences[5] == "Overall purchase history adds 2.5 points."
    costs = replace(part(2.0, 5.0), after=-1.0)
    assert part_text(change, costs, "zh-CN").endswith("减2.0分。")
