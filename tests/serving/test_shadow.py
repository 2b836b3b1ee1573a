"""#75: a shadow grades beside the champion; it is stored, compared and never served."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from features.schema import IndicatorFrame
from serving.app import create_app
from serving.batch import run_batch
from serving.cli import app as cli
from serving.domain.shadow import Pair, ShadowGrade
from serving.errors import BatchError, NotReadyError
from serving.settings import Settings
from serving.shadow.comparison import compare
from serving.shadow.grading import grade_shadow
from serving.store.grades import Grades
from serving.store.session import Database
from serving.store.shadows import Shadows
from tierwise import shadow as command
from training.bundle import Bundle


def harsher(bundle: Bundle) -> Bundle:
    """The same models, and cuts five points higher."""
    tiers = tuple(
        tier.model_copy(update={"cut": tier.cut + 5 if tier.cut else tier.cut})
        for tier in bundle.scheme.tiers
    )
    scheme = bundle.scheme.model_copy(update={"tiers": tiers, "version": "9.0.0"})
    return replace(bundle, scheme=scheme).with_version("9")


@pytest.fixture
def world(
    tmp_path: Path, bundle: Bundle, frame: IndicatorFrame, publish_frame: Callable
) -> Settings:
    settings = Settings(home=tmp_path, world="small", environment="test")
    bundle.with_version("3").save(settings.bundle)
    publish_frame(frame, settings.state / "published")
    return settings


def batch(world: Settings) -> str:
    arguments = ["batch", "small", "--home", str(world.home)]
    result = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return " ".join(result.output.split())


def test_a_batch_is_graded_by_the_shadow_too_and_nothing_of_it_is_served(
    world: Settings, bundle: Bundle, frame: IndicatorFrame
) -> None:
    batch(world)
    application = create_app(world)
    with TestClient(application) as api:
        before = api.get("/v1/grades?limit=500").json()["items"]
        assert api.get("/v1/models/shadow").status_code == 404
    application.state.database.dispose()

    harsher(bundle).save(world.shadow)
    batch(world)  # the grades are there already, the shadow's are not

    application = create_app(world)
    with TestClient(application) as api:
        assert api.get("/v1/grades?limit=500").json()["items"] == before
        told = api.get("/v1/models/shadow").json()
        assert told["version"] == "9"
        assert api.get("/v1/model").json()["model"]["version"] == "3"
    store = application.state.database
    with store.read() as session:
        run = Grades(session).current_run()
        assert run is not None
        pairs = list(Shadows(session).pairs(run, told["bundle_digest"]))
    store.dispose()
    # The same models: the same scores to the last bit; only the cuts differ.
    assert len(pairs) == len(frame)
    assert all(pair.score == pair.shadow.score for pair in pairs)
    whole = told["comparison"]["slices"][0]
    moved = sum(pair.tier_id != pair.shadow.tier_id for pair in pairs)
    assert moved > 0
    assert (whole["customers"], whole["mean"]) == (len(frame), 0.0)
    assert whole["moved"] == pytest.approx(moved / len(frame))
    matrix = np.array(told["comparison"]["moves"])
    assert matrix.sum() == len(frame)
    assert np.triu(matrix).sum() == len(frame)  # higher cuts raise nobody
    assert sum(told["comparison"]["histogram"]["customers"]) == len(frame)
    tiers = [s for s in told["comparison"]["slices"] if s["name"].startswith("tier:")]
    assert sum(s["customers"] for s in tiers) == len(frame)
    assert any(s["name"].startswith("stage:") for s in told["comparison"]["slices"])


def test_a_broken_shadow_does_not_touch_the_run(world: Settings, bundle: Bundle) -> None:
    harsher(bundle).save(world.shadow)
    (world.shadow / "scheme.toml").write_text("")
    told = batch(world)
    assert "The shadow did not grade" in told
    store = Database(world.database)
    with store.read() as session:
        assert Grades(session).current_run() is not None
        assert Shadows(session).last() is None
    store.dispose()


def test_a_pass_that_was_interrupted_is_done_again(
    database: Database, served_bundle: Bundle, bundle: Bundle, frame: IndicatorFrame
) -> None:
    run = run_batch(served_bundle, frame, database).run
    shadow = harsher(bundle)

    class Dies:
        as_of, columns = frame.as_of, frame.columns

        def __len__(self) -> int:
            return len(frame)

        def blocks(self, size: int):
            for number, block in enumerate(frame.blocks(size)):
                if number == 2:
                    raise KeyboardInterrupt
                yield block

    with pytest.raises(KeyboardInterrupt):
        grade_shadow(shadow, Dies(), database, run, chunk=50)  # type: ignore[arg-type]
    with database.read() as session:
        assert Shadows(session).last() is None
    done = grade_shadow(shadow, frame, database, run, chunk=50)
    assert done.customers == len(frame)
    assert grade_shadow(shadow, frame, database, run) == done
    other = replace(frame, as_of=frame.as_of.replace(year=2001))
    with pytest.raises(BatchError, match="2001"):
        grade_shadow(shadow, other, database, run)


def test_a_comparison_of_a_few() -> None:
    def pair(score: float, tier: str, other: float, to: str, *, stage: str | None = None) -> Pair:
        return Pair(score, tier, True, stage, ShadowGrade("c", other, to, to == "b", None, None))

    found = compare(
        [pair(80, "a", 70, "b"), pair(60, "b", 65, "b", stage="new"), pair(40, "b", 90, "a")],
        ["a", "b"],
        ["a", "b"],
    )
    assert found["moves"] == [[0, 1], [1, 1]]
    whole, a, b, new = found["slices"]
    assert [s["name"] for s in found["slices"]] == ["all", "tier:a", "tier:b", "stage:new"]
    assert whole["moved"] == pytest.approx(2 / 3)
    assert whole["mean"] == pytest.approx(15)
    assert whole["quantiles"][2] == pytest.approx(5)
    assert whole["spearman"] == pytest.approx(-0.5)
    assert (whole["referred"], whole["shadow_referred"], whole["both_referred"]) == (3, 2, 2)
    assert (a["customers"], a["spearman"], b["customers"], new["customers"]) == (1, None, 2, 1)


def test_the_report_and_the_end(world: Settings, bundle: Bundle) -> None:
    run = CliRunner().invoke
    home = ["small", "--home", str(world.home)]
    store = Database(world.database)
    store.upgrade()
    store.downgrade("0011")
    store.upgrade()
    store.dispose()
    with pytest.raises(NotReadyError):
        run(command.app, ["report", *home], catch_exceptions=False)
    harsher(bundle).save(world.shadow)
    batch(world)
    told = run(command.app, ["report", *home], catch_exceptions=False)
    assert "would have another tier" in told.output
    folder = world.state / "reports"
    page = (folder / "shadow.md").read_text("utf-8")
    assert page.startswith("# Shadow 9 beside champion 3")
    assert "simulated" in page
    assert (folder / "shadow.svg").read_text("utf-8").count("<rect") == 41
    assert json.loads((folder / "shadow.json").read_text("utf-8"))["tiers"]
    assert "alone" in run(command.app, ["stop", *home]).output
    assert not world.shadow.exists()
    assert "no shadow" in run(command.app, ["stop", *home]).output
