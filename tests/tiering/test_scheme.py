from __future__ import annotations

from pathlib import Path

import pytest

from features.schema import CATALOGUE, Dimension, describe
from tiering.errors import PolicyError, SchemeError
from tiering.scheme import load_scheme, parse_scheme, scheme_names


def faults(text: str) -> dict[str, str]:
    with pytest.raises(SchemeError) as caught:
        parse_scheme(text)
    return {fault.path: fault.message for fault in caught.value.faults}


def test_the_default_scheme_is_the_documents() -> None:
    scheme = load_scheme()
    assert "default" in scheme_names()
    assert {d.id: d.weight for d in scheme.dimensions} == {
        "value": 0.40, "potential": 0.25, "risk": 0.15, "strategic": 0.15, "dynamic": 0.05,
    }  # fmt: skip
    assert [t.label_zh for t in scheme.tiers] == ["战略伙伴", "核心客户", "潜力客户", "基础客户"]
    assert scheme.tier_key(1) == "five-dimension/core"
    for dimension, largest in ((Dimension.VALUE, "ltv"), (Dimension.RISK, "churn_probability")):
        entry = next(d for d in scheme.dimensions if d.id == dimension)
        assert max(entry.indicators, key=lambda i: i.weight).name == largest


def test_orders_alone_are_graded_on_every_dimension_of_the_default_scheme() -> None:
    for dimension in load_scheme().dimensions:
        plain = {"orders.net_amount", "orders.occurred_at"}
        assert any(set(describe(i.name).source) <= plain for i in dimension.indicators)
        assert all(i.name in CATALOGUE or describe(i.name) for i in dimension.indicators)


def test_a_file_is_read_by_its_path(tmp_path: Path, small_text: str) -> None:
    path = tmp_path / "own.toml"
    path.write_text(small_text, "utf-8")
    assert load_scheme(path).sha256 == parse_scheme(small_text).sha256
    assert load_scheme(str(path)).id == "small"


def test_a_scheme_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SchemeError, match=r"no scheme 'five'.*one of: .*default") as caught:
        load_scheme("five")
    assert isinstance(caught.value, PolicyError)
    assert caught.value.faults == ()
    with pytest.raises(SchemeError, match="no scheme"):
        load_scheme(tmp_path)


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(SchemeError, match=r"own.toml is not UTF-8"):
        load_scheme(path)


@pytest.mark.parametrize(("text", "line"), [("id = 'a'\nband = = 1\n", 2), ("a = 1\nb = {", 2)])
def test_broken_toml_is_told_with_its_line(text: str, line: int) -> None:
    with pytest.raises(SchemeError, match="not valid TOML") as caught:
        parse_scheme(text)
    assert caught.value.context["line"] == line


def test_unknown_keys_are_told_beside_the_other_faults(small_text: str) -> None:
    text = (
        small_text.replace('version = "1"', 'version = "1"\nauthor = "x"')
        .replace("band = 2.0", "band = 2.0\nbands = 3")
        .replace('id = "top"', 'id = "top"\ncolour = "gold"')
        .replace('label_en = "Risk"', 'label_en = "Risk"\nname = "r"\nid = "risk"')
        .replace("ltv = 0.6", "ltv = 0.7")
    )
    found = faults(text)
    assert {path: found[path] for path in found if found[path].startswith("unknown key")} == {
        "author": "unknown key.",
        "referral.bands": "unknown key.",
        "tiers[0].colour": "unknown key.",
        "dimensions.risk.name": "unknown key.",
        "dimensions.risk.id": "unknown key; the table's name is the id.",
    }
    assert "sum to 1.1, not 1" in found["dimensions.value.indicators"]


def test_wrong_types_are_told_by_their_place(small_text: str) -> None:
    text = (
        small_text.replace("ltv = 0.6", 'ltv = "0.6"')
        .replace("cut = 75", "cut = inf")
        .replace("band = 2.0", "band = true")
        .replace("weight = 0.25", "weight = nan")
        .replace('version = "1"', "version = 1")
        .replace('id = "foot"\n', "")
    )
    assert set(faults(text)) == {
        "dimensions.value.indicators.ltv",
        "tiers[0].cut",
        "referral.band",
        "dimensions.potential.weight",
        "version",
        "tiers[2].id",
    }


def test_what_must_be_a_table() -> None:
    text = 'id = "a"\nversion = "1"\ndimensions = 5\n'
    found = faults(text)
    assert found["dimensions"] == "must be a table, is int."
    assert "field required" in found["referral"]
    found = faults('[dimensions]\nrisk = 1\n[dimensions.value]\nindicators = ["ltv"]\nweight = 1')
    assert found["dimensions.risk"] == "must be a table, is int."
    assert found["dimensions.value.indicators"] == "must be a table, is list."


def test_the_error_lists_all_faults_for_people_and_machines(small_text: str) -> None:
    text = small_text.replace("cut = 0", "cut = 1").replace("band = 2.0", "band = -1")
    with pytest.raises(SchemeError, match=r"own has 2 faults:") as caught:
        parse_scheme(text, origin="own")
    assert "\n  - referral.band: -1 points must not be negative." in str(caught.value)
    assert str(caught.value).endswith(
        "must be 0.\nRepair the file; the scheme in use is untouched."
    )
    listed = caught.value.context["faults"]
    assert isinstance(listed, list)
    assert [row["path"] for row in listed] == ["referral.band", "tiers[2].cut"]
    with pytest.raises(SchemeError, match="has 1 fault:"):
        parse_scheme(small_text.replace("band = 2.0", "band = -1"))


def test_an_indicator_twice_in_one_dimension_is_no_toml(small_text: str) -> None:
    with pytest.raises(SchemeError, match="not valid TOML"):
        parse_scheme(small_text.replace("ltv = 0.6", "ltv = 0.3\nltv = 0.3"))
