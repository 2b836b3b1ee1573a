"""The rules of the package are the documents', and a company's own are checked at once."""

from __future__ import annotations

from importlib.resources import files

import pytest

from tiering.errors import SchemeError, WeightsError
from tiering.weights.rules import packaged_rules, parse_rules

TEXT = (files("tiering") / "weights" / "rules.toml").read_text("utf-8")


def faults(text: str) -> dict[str, str]:
    with pytest.raises(WeightsError) as caught:
        parse_rules(text)
    assert isinstance(caught.value, SchemeError)
    return {fault.path: fault.message for fault in caught.value.faults}


def test_the_documents_panel() -> None:
    """#39: ten experts of the industry, five executives, three rounds; #65: a tenth."""
    rules = packaged_rules()
    assert {role.id: role.members for role in rules.roles} == {"expert": 10, "executive": 5}
    assert rules.delphi.rounds == 3
    assert rules.ahp.most_ratio == 0.10
    assert rules.indicators.limit == 0.10
    assert rules.signoff.signers >= 2
    assert rules.texts("zh").say("title", round=1, members=15).startswith("第1轮")


def test_a_small_weight_still_outweighs_the_panel_s_band() -> None:
    from tiering.scheme import load_scheme

    rules = packaged_rules()
    assert 100 * rules.blend.floor > load_scheme().referral.band


def test_every_fault_is_told() -> None:
    found = faults(
        TEXT.replace('roles = ["expert", "executive"]', 'roles = ["a", "b", "c"]')
        .replace("earliest_stop = 2", "earliest_stop = 4")
        .replace('id = "executive"', 'id = "expert"')
        .replace("{members} answers", "{member} answers", 1)
        .replace("Still in dispute: {dimensions}.", "Still in dispute: {dimensions.")
    )
    assert set(found) == {
        *("roles", "signoff.roles", "signoff.signers", "delphi.earliest_stop"),
        *("text_en.title", "text_en.disputed"),
    }
    assert "{member}" in found["text_en.title"]


def test_unknown_keys_and_wrong_numbers_have_their_place() -> None:
    found = faults(TEXT.replace("signers = 2", "signers = 1").replace("still =", "stil ="))
    assert found["delphi.stil"] == "unknown key."
    assert "delphi.still" in found
    assert "greater than or equal to 2" in found["signoff.signers"]
    assert faults(TEXT.replace("members = 10", "members = -1")).keys() == {"roles[0].members"}


def test_what_is_no_toml_is_told() -> None:
    with pytest.raises(WeightsError, match="mine is not valid TOML"):
        parse_rules("id = ", origin="mine")
