"""The promotion ledger: history, torn lines, tampering."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mkdtemp
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from training.errors import RegistryError
from training.registry.governance import account
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
    with pytest.raises(RegistryError, match=r"Line [12] of the promotion ledger"):
        ledger.champion("m")


def filled(ledger: PromotionLedger, lines: int = 5) -> list[str]:
    for version in range(1, lines + 1):
        ledger.append("m", "promote", version, by="ann", reason="更好\u2028yes")
    return lines_of(ledger)


def lines_of(ledger: PromotionLedger) -> list[str]:
    return [f"{line}\n" for line in ledger.path.read_text("utf-8").split("\n")[:-1]]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(data=st.data())
def test_every_edit_deletion_and_reordering_above_the_end_is_found(
    tmp_path: Path, data: st.DataObject
) -> None:
    path = Path(mkdtemp(dir=tmp_path)) / "promotions.jsonl"
    ledger = PromotionLedger(path)
    lines = filled(ledger)
    assert ledger.champion("m") == len(lines)
    spot = data.draw(st.integers(0, len(lines) - 2))
    kind = data.draw(st.sampled_from(["edit", "delete", "swap", "repeat", "unchain"]))
    if kind == "edit":
        lines[spot] = lines[spot].replace('"by": "ann"', '"by": "bob"')
    elif kind == "delete":
        del lines[spot]
    elif kind == "swap":
        lines[spot], lines[spot + 1] = lines[spot + 1], lines[spot]
    elif kind == "repeat":
        lines.insert(spot, lines[spot])
    else:
        document = json.loads(lines[spot + 1])
        del document["previous_sha256"]
        lines[spot + 1] = json.dumps(document, ensure_ascii=False) + "\n"
    path.write_text("".join(lines), "utf-8")
    with pytest.raises(RegistryError, match="does not follow from the line before it"):
        ledger.entries("m")
    before = path.read_bytes()
    with pytest.raises(RegistryError):
        ledger.append("m", "promote", 9, by="ann")
    assert path.read_bytes() == before


def unchained(version: int) -> str:
    """A line as ledgers had it before lines were chained."""
    entry = {"at": f"2026-01-0{version}T00:00:00.000000+00:00", "model": "m", "action": "promote"}
    rest = {"version": version, "previous": version - 1 or None, "by": "ann", "reason": ""}
    return json.dumps(entry | rest) + "\n"


def test_an_older_ledger_is_read_to_its_end_and_sealed_by_the_next_line(
    ledger: PromotionLedger,
) -> None:
    ledger.path.parent.mkdir(parents=True)
    ledger.path.write_text(unchained(1) + unchained(2), "utf-8")
    assert ledger.champion("m") == 2
    assert ledger.champion("m", datetime(2026, 1, 1, 12)) == 1
    ledger.append("m", "promote", 3, by="bob")
    ledger.append("m", "rollback", 2, by="bob")
    assert [entry.version for entry in ledger.entries("m")] == [1, 2, 3, 2]
    whole = ledger.path.read_text("utf-8")
    for edited in (
        whole.replace('"by": "ann"', '"by": "eve"', 1),
        whole.replace(unchained(1), ""),
        whole.replace(unchained(1) + unchained(2), unchained(2) + unchained(1)),
        whole + unchained(4),
    ):
        ledger.path.write_text(edited, "utf-8")
        with pytest.raises(RegistryError, match="does not follow"):
            ledger.champion("m")


def test_a_clock_set_back_does_not_reorder_history(
    ledger: PromotionLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ledger.append("m", "promote", 1, by="ann")
    moments = SimpleNamespace(now=lambda zone: datetime(2001, 1, 1, tzinfo=UTC))
    monkeypatch.setattr("training.registry.ledger.datetime", moments)
    assert ledger.append("m", "promote", 2, by="ann").at == first.at
    monkeypatch.undo()
    assert ledger.champion("m", datetime.fromisoformat(first.at)) == 2


def test_approvals_are_of_one_version_and_bundle_and_are_used_up(ledger: PromotionLedger) -> None:
    def approvers() -> list[str]:
        return [entry.by for entry in ledger.approvals("m", 1, "d1")]

    ledger.append("m", "approve", 1, by="ann", digest="d1")
    ledger.append("m", "approve", 1, by="bob", digest="other bundle")
    ledger.append("m", "approve", 2, by="cho", digest="d1")
    assert approvers() == ["ann"]
    assert ledger.champion("m") is None
    ledger.append("m", "refuse", 1, by="ann", failed=["churn.auc"])
    assert approvers() == ["ann"]
    ledger.append("m", "promote", 1, by="ann")
    assert approvers() == []


def test_an_entry_says_by_whose_account_it_was_written(ledger: PromotionLedger) -> None:
    assert ledger.append("m", "promote", 1, by="somebody").account == account()
