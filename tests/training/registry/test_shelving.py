"""The shelf is the registry, as far as the service tells of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.training.registry.verdicts import FAILED, PASSED
from training.errors import GateFailedError
from training.registry.judgement import Judgement, place
from training.registry.promotion import kept_report
from training.registry.registry import Registry
from training.registry.versions import Submission
from training.shelf import Decision, read_shelf
from training.shelving import shelve


def test_what_is_shelved_is_what_is_registered(
    registry: Registry, submission: Submission, model: str, tmp_path: Path
) -> None:
    folder = tmp_path / "world" / "models"
    assert read_shelf(folder) is None
    for name in ("model_card.md", "model_card.html", "model_card.zh.md"):
        (submission.evidence_dir / name).write_text(f"card {name}", "utf-8")
    registry.register(model, submission)
    shelve(registry, model, folder)
    shelf = read_shelf(folder)
    assert shelf is not None
    assert shelf.crowned() is None
    assert shelf.decisions == ()

    assert shelf.judged(1) is None

    with pytest.raises(GateFailedError):
        registry.promote(model, 1, FAILED, by="li.wei")
    shelve(registry, model, folder)
    refused = judged(folder)
    assert (refused[0].action, refused[1].gates) == ("refuse", FAILED)
    registry.promote(model, 1, PASSED, by="li.wei", reason="first")
    registry.register(model, replace(submission, metrics={"backtest.churn.auc": 0.9}))
    shelve(registry, model, folder)
    shelf = read_shelf(folder)
    assert shelf is not None
    assert [each.version for each in shelf.versions] == [2, 1]
    known = {each.version: each for each in registry.versions(model)}
    for each in shelf.versions:
        assert each.metrics == known[each.version].metrics
        assert each.bundle_digest == known[each.version].tags["bundle_digest"]
        assert each.cards == ("en.html", "en.md", "zh-CN.md")
    assert shelf.card(1, "zh-CN", "md") == "card model_card.zh.md"
    assert shelf.card(1, "zh-CN", "html") is None
    assert shelf.judged(2) is None
    assert judged(folder) == kept_report(registry, model, 1)
    assert list(shelf.decisions) == registry.ledger.entries(model)
    crowned, now = shelf.crowned(), registry.champion_at(model, datetime.now(UTC))
    assert crowned is not None
    assert now is not None
    assert crowned.version == now.version == 1


def test_a_report_that_is_gone_is_not_shelved(
    registry: Registry,
    store: tuple[str, Path],
    submission: Submission,
    model: str,
    tmp_path: Path,
) -> None:
    registry.register(model, submission)
    registry.promote(model, 1, PASSED, by="li.wei")
    shelve(registry, model, tmp_path / "models")
    assert judged(tmp_path / "models")[1].gates == PASSED
    sha256 = registry.ledger.entries(model)[-1].gate_report_sha256
    (path,) = store[1].rglob(place(sha256))
    path.unlink()
    shelve(registry, model, tmp_path / "models")
    shelf = read_shelf(tmp_path / "models")
    assert shelf is not None
    assert shelf.judged(1) is None


def judged(folder: Path) -> tuple[Decision, Judgement]:
    shelf = read_shelf(folder)
    assert shelf is not None
    found = shelf.judged(1)
    assert found is not None
    return found
