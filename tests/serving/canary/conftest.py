"""A second model under the champion's scheme, of fewer columns, and a store that tries it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from features.schema import IndicatorFrame
from serving.canary.standing import Deciding, start
from serving.domain.canary import PLACES
from serving.sides import Tried
from serving.store.session import Database
from tests.serving.order_log import FIT_DAYS, RECIPE, SERVED_DAY, OrderLog, origin
from tiering.scheme import load_scheme
from training.bundle import Bundle
from training.fitting import Provenance, fit_bundle
from training.recipe import parse_recipe

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
    store = Database(f"sqlite:///{tmp_path}/lite.db")
    store.upgrade()
    return store
