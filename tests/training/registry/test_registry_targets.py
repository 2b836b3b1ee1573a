"""One registered model per target beside the bundle's, linked both ways."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tests.training.registry.verdicts import PASSED
from training.bundle import Bundle
from training.errors import RegistryError
from training.registry.registry import CHALLENGER, CHAMPION, Registry
from training.registry.versions import TARGETS, Submission

FIGURES = {
    "backtest.churn.auc": 0.8,
    "backtest.churn.logistic.auc": 0.75,
    "backtest.ltv.mae": 31.0,
    "stress.fall.psi": 0.1,
}


@pytest.fixture
def figured(submission: Submission) -> Submission:
    return replace(submission, metrics=FIGURES, by="tina")


def test_a_target_carries_its_own_figures_and_text(
    registry: Registry, figured: Submission, model: str, bundle: Bundle
) -> None:
    version = registry.register(model, figured)
    churn = registry.store.version(f"{model}-churn", 1)
    ltv = registry.store.version(f"{model}-ltv", 1)
    assert churn.metrics == {"backtest.churn.auc": 0.8, "backtest.churn.logistic.auc": 0.75}
    assert ltv.metrics == {"backtest.ltv.mae": 31.0}
    assert ltv.tags["backtest.ltv.mae"] == "31"
    assert version.metrics == FIGURES
    assert registry.store.read(churn, "churn.odds.lgb.txt") == (
        bundle.churn.correction.trees["odds"].text
    )
    assert registry.store.read(ltv, "ltv.mean.lgb.txt") == (
        bundle.ltv.correction.trees["mean"].text
    )
    with pytest.raises(RegistryError, match="has no artifact ltv"):
        registry.store.read(churn, "ltv.mean.lgb.txt")


def test_bundle_and_targets_name_each_other(
    registry: Registry, figured: Submission, model: str
) -> None:
    registry.store.create(f"{model}-ltv", replace(figured, target="ltv"), {})  # as after a kill
    version = registry.register(model, figured)
    assert (version.tags["churn_version"], version.tags["ltv_version"]) == ("1", "2")
    for target, number in (("churn", 1), ("ltv", 2)):
        part = registry.store.version(f"{model}-{target}", number)
        assert part.tags["bundle_model"] == model
        assert part.tags["bundle_version"] == "1"
        assert part.tags["bundle_digest"] == version.tags["bundle_digest"]
        assert part.tags["target"] == target
        assert part.tags["registered_by"] == version.tags["registered_by"] == "tina"
        assert part.tags["world"] == "small"
        assert part.aliases == (CHALLENGER,)


def test_targets_follow_promotion_and_rollback(
    registry: Registry, figured: Submission, model: str
) -> None:
    for number in (1, 2):
        registry.register(model, figured)
        registry.promote(model, number, PASSED, by="ann")
    for target in TARGETS:
        assert registry.store.alias_version(f"{model}-{target}", CHAMPION) == 2
        assert registry.store.alias_version(f"{model}-{target}", CHALLENGER) is None
    registry.rollback(model, by="ann")
    for target in TARGETS:
        assert registry.store.alias_version(f"{model}-{target}", CHAMPION) == 1


def test_a_target_pointed_elsewhere_is_set_right(
    registry: Registry, figured: Submission, model: str
) -> None:
    for number in (1, 2):
        registry.register(model, figured)
        registry.promote(model, number, PASSED, by="ann")
    registry.store.point(f"{model}-churn", CHAMPION, 1)
    champion = registry.champion(model)
    assert champion is not None
    assert champion.version == 2
    assert registry.store.alias_version(f"{model}-churn", CHAMPION) == 2


def test_data_scientists_load_one_target(
    registry: Registry,
    figured: Submission,
    model: str,
    bundle: Bundle,
    values: npt.NDArray[np.float64],
) -> None:
    import mlflow
    import pandas as pd

    registry.register(model, figured)
    frame = pd.DataFrame(values[:20], columns=list(bundle.columns))
    with registry.store._session(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loaded = mlflow.pyfunc.load_model(f"models:/{model}-churn@challenger")
        found = loaded.predict(frame)
        assert list(found.columns) == ["churn_probability", "p_alive", "dormant"]
        with pytest.raises(mlflow.exceptions.MlflowException, match="net_amount_30d"):
            loaded.predict(frame.drop(columns="net_amount_30d"))
    np.testing.assert_array_equal(
        found["churn_probability"], bundle.score(values[:20]).churn_probability
    )


def test_a_world_that_sounds_like_a_target_is_refused(
    registry: Registry, figured: Submission, tmp_path: Path
) -> None:
    with pytest.raises(RegistryError, match="taken for a target of another world"):
        registry.register("tierwise-journey-churn", figured)
