"""A signature cannot be dropped silently: not when registering, not in the store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.training.registry.verdicts import PASSED
from training.bundle import Bundle
from training.errors import RegistryError
from training.registry.registry import CHALLENGER, Registry
from training.registry.versions import Submission

Change = Callable[[dict[str, Any]], object]


def schema(document: dict[str, Any], part: str) -> list[dict[str, Any]]:
    import json

    found: list[dict[str, Any]] = json.loads(document["signature"][part])
    return found


def put(document: dict[str, Any], part: str, columns: list[dict[str, Any]]) -> None:
    import json

    document["signature"][part] = json.dumps(columns)


def without_first_input(document: dict[str, Any]) -> None:
    put(document, "inputs", schema(document, "inputs")[1:])


def with_another_input(document: dict[str, Any]) -> None:
    put(document, "inputs", [*schema(document, "inputs"), {"type": "double", "name": "alien"}])


def turned_around(document: dict[str, Any]) -> None:
    put(document, "inputs", schema(document, "inputs")[::-1])


def as_text(document: dict[str, Any]) -> None:
    first, *others = schema(document, "inputs")
    put(document, "inputs", [first | {"type": "string"}, *others])


BREACHES: list[tuple[Change, str]] = [
    (lambda document: document.pop("signature"), "the signature"),
    (lambda document: document["signature"].pop("outputs"), "the signature's outputs"),
    (without_first_input, "input net_amount_30d"),
    (with_another_input, r"input alien \(not the bundle's\)"),
    (turned_around, "the order of inputs"),
    (as_text, "input net_amount_30d as double"),
]


IDS = ("whole", "outputs", "input", "alien", "order", "kind")


def alter(folder: Path, change: Change) -> None:
    import yaml  # MLflow's own format of the file

    path = folder / "MLmodel"
    document = yaml.safe_load(path.read_text("utf-8"))
    change(document)
    path.write_text(yaml.safe_dump(document), "utf-8")


@pytest.mark.parametrize(("change", "named"), BREACHES, ids=IDS)
def test_registration_refuses_a_model_without_a_sound_signature(
    registry: Registry,
    submission: Submission,
    model: str,
    monkeypatch: pytest.MonkeyPatch,
    change: Change,
    named: str,
) -> None:
    from training.registry import mlflow_flavor  # the registry has imported MLflow, quietly

    save = mlflow_flavor.save

    def forgetful(target: Path, *given: Any) -> None:
        save(target, *given)
        alter(target, change)

    monkeypatch.setattr(mlflow_flavor, "save", forgetful)
    with pytest.raises(RegistryError, match=f"no sound signature: wrong or missing is .*{named}"):
        registry.register(model, submission)
    assert registry.versions(model) == []
    assert registry.challenger(model) is None


@pytest.mark.parametrize(("change", "named"), BREACHES, ids=IDS)
def test_a_signature_lost_in_the_store_stops_pull_and_promotion(
    registry: Registry,
    submission: Submission,
    model: str,
    tmp_path: Path,
    change: Change,
    named: str,
) -> None:
    version = registry.register(model, submission)
    alter(stored(registry, version.model_id), change)
    with pytest.raises(RegistryError, match=f"version 1 has no sound signature: .*{named}"):
        registry.pull(model, CHALLENGER, tmp_path / "bundle")
    with pytest.raises(RegistryError, match=named):
        registry.promote(model, 1, PASSED, by="ann")
    assert registry.champion(model) is None
    assert registry.ledger.entries(model) == []


def test_a_lost_model_file_is_named(
    registry: Registry, submission: Submission, model: str, bundle: Bundle
) -> None:
    version = registry.register(model, submission)
    assert registry.verify(version).digest == bundle.digest
    (stored(registry, version.model_id) / "MLmodel").unlink()
    with pytest.raises(RegistryError, match="missing is the file MLmodel"):
        registry.verify(version)


def stored(registry: Registry, model_id: str) -> Path:
    with registry.store._session():
        logged = registry.store._client.get_logged_model(model_id)
    return Path(logged.artifact_location.removeprefix("file://"))
