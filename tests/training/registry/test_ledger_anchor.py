"""A ledger whose end is cut off, or that is gone, does not pass: the registry knows its head."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.training.registry.verdicts import PASSED
from training.errors import RegistryError
from training.registry.registry import CHAMPION, Registry
from training.registry.versions import Submission


@pytest.fixture
def promoted(
    store: tuple[str, Path], submission: Submission, model: str, tmp_path: Path
) -> Registry:
    registry = Registry(*store, tmp_path / "promotions.jsonl")
    for number in (1, 2):
        registry.register(model, submission)
        registry.promote(model, number, PASSED, by="ann")
    return registry


def test_a_removed_end_is_found(promoted: Registry, model: str, tmp_path: Path) -> None:
    path = promoted.ledger.path
    whole = path.read_text("utf-8")
    path.write_text(whole[: whole[:-1].rindex("\n") + 1], "utf-8")
    for ask in (
        lambda: promoted.champion(model),
        lambda: promoted.versions(model),
        lambda: promoted.rollback(model, by="ann"),
        lambda: promoted.pull(model, CHAMPION, tmp_path / "bundle"),
    ):
        with pytest.raises(RegistryError, match="its end was removed or changed"):
            ask()
    path.unlink()
    with pytest.raises(RegistryError, match="its end was removed or changed"):
        promoted.champion(model)
    path.write_text(whole, "utf-8")
    champion = promoted.champion(model)
    assert champion is not None
    assert champion.version == 2


def test_an_edited_last_line_and_stripped_chains_are_found(promoted: Registry, model: str) -> None:
    path = promoted.ledger.path
    whole = path.read_text("utf-8")
    path.write_text(whole.replace('"version": 2', '"version": 1'), "utf-8")
    with pytest.raises(RegistryError, match="its end was removed or changed"):
        promoted.champion(model)
    bare = [json.loads(line) for line in whole.splitlines()]
    for line in bare:
        del line["previous_sha256"]
    path.write_text("".join(json.dumps(line) + "\n" for line in bare), "utf-8")
    with pytest.raises(RegistryError, match="its end was removed or changed"):
        promoted.champion(model)
