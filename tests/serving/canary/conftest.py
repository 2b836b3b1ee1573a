"""A second model under the champion's scheme, of fewer columns, and a store that tries it."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from features.schema import IndicatorFrame
from serving.canary.standing import Deciding, start
from serving.domain.canary import PLACES
from serving.settings import Settings
from serving.sides import Tried
from serving.store.session import Database
from tests.blank_store import blank_store
from tests.serving.order_log import FIT_DAYS, RECIPE, SERVED_DAY, OrderLog, origin
from tests.training.registry.verdicts import PASSED
from tiering.scheme import load_scheme
from training.bundle import Bundle
from training.fitting import Provenance, fit_bundle
from training.recipe import parse_recipe
from training.registry import promotion
from training.registry.location import open_registry
from training.registry.registry import CHAMPION
from training.registry.versions import Submission

MODEL = "tierwise-small"
LEFT_OUT = "net_amount_30d"
T0 = datetime(2024, 7, 1, 2)
SALT = "a-salt"


@pytest.fixture(scope="session")
def second(order_log: OrderLog) -> Bundle:
    """Fewer trees over fewer columns: other scores, other layout, the same scheme."""
    given = order_log.training_set((*FIT_DAYS, SERVED_DAY))
    kept = [k for k, name in enumerate(given.columns) if name != LEFT_OUT]
    narrower = dataclasses.replace(
        given,
        columns=tuple(given.columns[k] for k in kept),
        values=np.ascontiguousarray(given.values[:, kept]),
    )
    return fit_bundle(
        narrower,
        origin(),
        parse_recipe(RECIPE.replace("rounds = 25", "rounds = 9")),
        load_scheme(),
        Provenance("small", "EUR", simulated=True, data_fingerprint="e" * 64, code_version="test"),
    ).with_version("4")


@pytest.fixture
def begin(second: Bundle) -> Callable[..., Tried]:
    """Return a function that starts a canary in a store, percent of the customers."""

    def started(database: Database, percent: float = 30, at: datetime = T0) -> Tried:
        who = Deciding("li.wei", at, "a trial")
        share = round(percent * PLACES / 100)
        return Tried(start(database, second, share, who, SALT), second)

    return started


@pytest.fixture
def frames(frame: IndicatorFrame) -> tuple[IndicatorFrame, IndicatorFrame]:
    """The customers of two days, the later with somebody new."""
    earlier = dataclasses.replace(
        frame,
        as_of=frame.as_of.replace(day=1),
        customer_id=frame.customer_id[:-5],
        values=frame.values[:-5],
    )
    return earlier, frame


@pytest.fixture
def lite(tmp_path: Path) -> Database:
    """A store in a file, for what does not depend on the engine."""
    return blank_store(f"sqlite:///{tmp_path}/lite.db")


@pytest.fixture(scope="session")
def shelved(
    tmp_path_factory: pytest.TempPathFactory,
    blank_registry: Path,
    bundle: Bundle,
    second: Bundle,
    frame: IndicatorFrame,
    publish_frame: Callable,
) -> Path:
    """A home with champion 1, the challenger 2, and a graded run."""
    home = tmp_path_factory.mktemp("shelved")
    shutil.copy(blank_registry, home / "mlflow.db")
    registry = open_registry(home)
    evidence = home / "evidence"
    evidence.mkdir()
    (evidence / "backtest.json").write_text("{}", "utf-8")
    for each in (bundle, second):
        folder = home / "trained" / each.digest
        each.save(folder)
        registry.register(
            MODEL,
            Submission(
                bundle_dir=folder,
                evidence_dir=evidence,
                params={},
                metrics={},
                tags={"world": "small"},
                description="# Model card",
                run_name="small",
                by="tina",
            ),
        )
    registry.promote(MODEL, 1, PASSED, by="ann")
    settings = Settings(home=home, world="small", environment="test")
    registry.pull(MODEL, CHAMPION, settings.bundle)
    publish_frame(frame, settings.published)
    return home


@pytest.fixture
def own_home(shelved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it; MLflow's paths still lead to the first, which nobody writes to."""
    mine = tmp_path / "home"
    shutil.copytree(shelved, mine, symlinks=True)
    # What judges reads reports that only a real training writes; it has tests of its own.
    monkeypatch.setattr(promotion, "judge", lambda *_: PASSED)
    return mine
