"""Production mode: two different people, neither of them the trainer, for exactly this bundle."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.training.registry.verdicts import FAILED, PASSED
from training.bundle import Bundle
from training.errors import ApprovalError, GateFailedError, RegistryError
from training.registry.governance import FILE, Governance, account, person, read_governance
from training.registry.registry import Registry
from training.registry.versions import Submission

PRODUCTION = 'mode = "production"\n'


@pytest.fixture
def strict(store: tuple[str, Path], tmp_path: Path) -> Registry:
    """A registry of its own ledger and rule on the module's store."""
    root = tmp_path / "root"
    root.mkdir()
    (root / FILE).write_text(PRODUCTION, "utf-8")
    return Registry(*store, root / "promotions.jsonl")


@pytest.fixture
def trained(submission: Submission) -> Submission:
    return replace(submission, by="Tina")


def test_two_others_are_needed(strict: Registry, trained: Submission, model: str) -> None:
    strict.register(model, trained)
    with pytest.raises(ApprovalError, match=r"0 of 2 approvals \(so far: nobody; Tina trained"):
        strict.promote(model, 1, PASSED, by="ann")
    strict.approve(model, 1, by="Ann", reason="card read")
    with pytest.raises(ApprovalError, match=r"1 of 2 approvals \(so far: Ann; Tina trained it"):
        strict.promote(model, 1, PASSED, by="ann")
    assert strict.champion(model) is None
    strict.approve(model, 1, by="Bob", reason="backtest checked")
    assert strict.promote(model, 1, PASSED, by="ann").version == 1
    history = strict.ledger.entries(model)
    assert [(e.action, e.by) for e in history] == [
        ("refuse", "ann"),
        ("approve", "Ann"),
        ("refuse", "ann"),
        ("approve", "Bob"),
        ("promote", "ann"),
    ]
    assert {e.mode for e in history} == {"production"}
    assert {e.account for e in history} == {account()}
    assert "0 of 2 approvals" in history[0].failed[0]


def test_approvals_do_not_open_a_failed_gate(
    strict: Registry, trained: Submission, model: str
) -> None:
    strict.register(model, trained)
    for name in ("ann", "bob"):
        strict.approve(model, 1, by=name, reason="fine by me")
    with pytest.raises(GateFailedError, match=r"churn\.ece"):
        strict.promote(model, 1, FAILED, by="ann")


@pytest.mark.parametrize(
    ("by", "reason", "told"),
    [
        ("  tina ", "mine", "cannot come from .*tina.*, who trained it"),
        ("ＴＩＮＡ", "mine", "who trained it"),
        ("ANN", "again", "is on record already"),
        (" ", "why not", "needs a name and a reason"),
        ("bob", " ", "needs a name and a reason"),
    ],
)
def test_an_approval_that_cannot_count_is_refused(
    strict: Registry, trained: Submission, model: str, by: str, reason: str, told: str
) -> None:
    strict.register(model, trained)
    strict.approve(model, 1, by="Ann", reason="card read")
    with pytest.raises(ApprovalError, match=told):
        strict.approve(model, 1, by=by, reason=reason)
    assert len(strict.ledger.entries(model)) == 1


def test_an_approval_is_of_one_version(strict: Registry, trained: Submission, model: str) -> None:
    for _ in range(2):
        strict.register(model, trained)
    for name in ("ann", "bob"):
        strict.approve(model, 1, by=name, reason="looked")
    with pytest.raises(ApprovalError, match="0 of 2"):
        strict.promote(model, 2, PASSED, by="ann")
    strict.promote(model, 1, PASSED, by="ann")
    with pytest.raises(RegistryError, match="champion already"):
        strict.approve(model, 1, by="cho", reason="late")


def test_an_approval_is_of_one_bundle(
    strict: Registry, trained: Submission, model: str, bundle: Bundle
) -> None:
    version = strict.register(model, trained)
    for name in ("ann", "bob"):
        strict.approve(model, 1, by=name, reason="looked")
    other = replace(bundle, meta=replace(bundle.meta, world="elsewhere"))
    with strict.store._session():
        logged = strict.store._client.get_logged_model(version.model_id)
    other.save(Path(logged.artifact_location.removeprefix("file://")) / "artifacts" / "bundle")
    with pytest.raises(RegistryError, match="not the one that was registered"):
        strict.promote(model, 1, PASSED, by="ann")
    # whoever exchanges the bundle and its digest in MLflow has no approvals left
    strict.store.tag(model, 1, "bundle_digest", other.digest)
    with pytest.raises(ApprovalError, match="0 of 2"):
        strict.promote(model, 1, PASSED, by="ann")


def test_a_version_of_unknown_origin_is_not_promoted(
    strict: Registry, trained: Submission, model: str
) -> None:
    strict.register(model, trained)
    strict.store.tag(model, 1, "registered_by", "")
    for name in ("ann", "bob"):
        strict.approve(model, 1, by=name, reason="looked")
    with pytest.raises(ApprovalError, match="not on record who trained it"):
        strict.promote(model, 1, PASSED, by="ann")


def test_a_rollback_needs_one_person_and_a_reason_and_works_at_once(
    strict: Registry, trained: Submission, model: str
) -> None:
    for number in (1, 2):
        strict.register(model, trained)
        for name in ("ann", "bob"):
            strict.approve(model, number, by=name, reason="looked")
        strict.promote(model, number, PASSED, by="ann")
    with pytest.raises(ApprovalError, match="needs a name and a reason"):
        strict.rollback(model, by="ann")
    assert strict.rollback(model, by="Tina", reason="complaints").version == 1
    # back again needs approvals anew
    with pytest.raises(ApprovalError, match="0 of 2"):
        strict.promote(model, 2, PASSED, by="ann")


def test_development_asks_for_gates_only(
    registry: Registry, trained: Submission, model: str
) -> None:
    registry.register(model, trained)
    assert registry.promote(model, 1, PASSED, by="Tina").version == 1
    assert registry.ledger.entries(model)[-1].mode == "development"


def test_the_stricter_of_file_and_environment_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not read_governance(tmp_path).strict
    monkeypatch.setenv("TIERWISE_MODE", "production")
    assert read_governance(tmp_path) == Governance(mode="production", approvals=2)
    (tmp_path / FILE).write_text(PRODUCTION + "approvals = 3\n", "utf-8")
    monkeypatch.setenv("TIERWISE_MODE", "development")
    assert read_governance(tmp_path) == Governance(mode="production", approvals=3)


@pytest.mark.parametrize(
    "text", ['mode = "lenient"', "mode = ", PRODUCTION + "approvals = 1", PRODUCTION + "x = 1"]
)
def test_a_rule_that_cannot_be_read_is_no_mild_rule(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text, "utf-8")
    with pytest.raises(RegistryError, match="cannot be understood"):
        read_governance(tmp_path)


def test_a_mode_in_the_environment_that_nobody_knows_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIERWISE_MODE", "prod")
    with pytest.raises(RegistryError, match="cannot be understood"):
        read_governance(tmp_path)


@given(
    names=st.lists(st.sampled_from(["ann", "Ann ", "bob", "BOB", "tina", "Cho"]), max_size=6),
    needed=st.integers(2, 4),
)
def test_only_different_people_count(names: list[str], needed: int) -> None:
    rule = Governance(mode="production", approvals=needed)
    people = {person(name) for name in names} - {"tina"}
    assert (rule.lacking(names, "Tina") == "") == (len(people) >= needed)
    assert Governance().lacking(names, "Tina") == ""
