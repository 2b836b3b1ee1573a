"""The promotion ledger: history, torn lines, tampering."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from training.errors import RegistryError
from training.registry.ledger import PromotionLedger


@pytest.fixture
def ledger(tmp_path: Path) -> PromotionLedger:
    return PromotionLedger(tmp_path / "deep" / "promotions.jsonl")


def test_an_empty_ledger_knows_no_champion(ledger: PromotionLedger) -> None:
    assert ledger.entries("m") == []
    assert ledger.champion("m") is None
    assert ledger.before("m") is None


def test_it_tells_who_was_champion_when(ledger: PromotionLedger) -> None:
    start = datetime.now(UTC)
    first = ledger.append("m", "promote", 1, by="ann", reason="first")
    second = ledger.append("m", "promote", 2, by="bob")
    assert (first.previous, second.previous) == (None, 1)
    assert ledger.champion("m") == 2
    assert ledger.champion("m", start) is None
    assert ledger.champion("m", datetime.fromisoformat(first.at)) == 1
    naive = datetime.fromisoformat(second.at).replace(tzinfo=None)
    assert ledger.champion("m", naive) == 2


def test_models_do_not_mix(ledger: PromotionLedger) -> None:
    ledger.append("m", "promote", 1, by="ann")
    ledger.append("other", "promote", 7, by="ann")
    ledger.append("m", "promote", 2, by="ann")
    assert ledger.champion("other") == 7
    assert ledger.entries("m")[-1].previous == 1


def test_rollbacks_walk_back_through_the_promotions(ledger: PromotionLedger) -> None:
    for version in (1, 2, 3):
        ledger.append("m", "promote", version, by="ann")
    seen = []
    while (back := ledger.before("m")) is not None:
        ledger.append("m", "rollback", back, by="ann")
        seen.append(back)
    assert seen == [2, 1]
    ledger.append("m", "promote", 4, by="ann")
    assert ledger.before("m") == 1


def test_a_refusal_is_on_record_and_changes_nobody(ledger: PromotionLedger) -> None:
    first = ledger.append("m", "refuse", 1, by="ann", failed=["churn.ece = 0.3"])
    assert (first.previous, ledger.champion("m"), ledger.before("m")) == (None, None, None)
    ledger.append("m", "promote", 1, by="ann")
    ledger.append("m", "promote", 2, by="ann")
    refused = ledger.append("m", "refuse", 3, by="bob", reason="try", failed=["a", "b"])
    assert refused.previous == 2
    assert ledger.entries("m")[-1] == refused
    assert ledger.champion("m") == ledger.champion("m", datetime.now(UTC)) == 2
    assert ledger.before("m") == 1
    assert ledger.append("m", "rollback", 1, by="ann").previous == 2


def test_entries_written_before_refusals_were_kept_are_read(ledger: PromotionLedger) -> None:
    ledger.append("m", "promote", 1, by="ann")
    line = json.loads(ledger.path.read_text("utf-8"))
    del line["failed"]
    ledger.path.write_text(json.dumps(line) + "\n", "utf-8")
    assert ledger.entries("m")[0].failed == ()
    assert ledger.champion("m") == 1


def test_a_line_cut_short_by_a_kill_is_dropped(ledger: PromotionLedger) -> None:
    ledger.append("m", "promote", 1, by="李雷", reason="首次上线")
    whole = ledger.path.read_text("utf-8")
    ledger.path.write_text(whole + whole[: len(whole) // 2], "utf-8")
    assert ledger.champion("m") == 1
    ledger.append("m", "promote", 2, by="ann")
    assert [entry.version for entry in ledger.entries("m")] == [1, 2]
    assert ledger.path.read_text("utf-8").startswith(whole)


@pytest.mark.parametrize("line", ["not json", json.dumps({"version": 3}), "[]"])
def test_an_edited_history_is_refused(ledger: PromotionLedger, line: str) -> None:
    ledger.append("m", "promote", 1, by="ann")
    ledger.path.write_text(f"{line}\n{ledger.path.read_text('utf-8')}", "utf-8")
    with pytest.raises(RegistryError, match=r"Line 1 .* is not an entry"):
        ledger.champion("m")
