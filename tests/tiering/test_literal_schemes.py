"""The documents word for word are refused, with the repair in the message (X1, X2, X6, X8)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tiering.errors import SchemeError
from tiering.scheme import load_scheme, parse_scheme

FOLDER = Path(__file__).parent / "literal"


def faults(name: str) -> list[tuple[str, str]]:
    with pytest.raises(SchemeError) as caught:
        load_scheme(FOLDER / f"{name}.toml")
    return [(fault.path, fault.message) for fault in caught.value.faults]


def test_every_literal_scheme_is_refused() -> None:
    files = sorted(FOLDER.glob("*.toml"))
    assert len(files) == 6
    for file in files:
        with pytest.raises(SchemeError, match=r"\(X[128x6]\)"):
            load_scheme(file)


def test_x1_x2_x8_document_004() -> None:
    found = faults("x1-x2-004")
    assert [path for path, _ in found] == [
        "dimensions",
        "dimensions.value.indicators",
        "dimensions.behaviour.indicators",
        "dimensions.outlook.indicators",
        "tiers[1].to",
        "tiers[2].to",
        "tiers[3].to",
    ]
    told = dict(found)
    assert "value.weight = 0.5, behaviour.weight = 0.3, outlook.weight = 0.2" in told["dimensions"]
    value = told["dimensions.value.indicators"]
    assert "(X2)" in value
    assert "net_amount_180d = 0.5, tenure_days = 0.3, gross_margin_rate_365d = 0.2" in value
    behaviour = told["dimensions.behaviour.indicators"]
    assert "sum to 35, not 1 (X1). They are written in percent." in behaviour
    assert told["tiers[1].to"].startswith("89 leaves a score of 89.5 without a tier (X8).")
    assert told["tiers[1].to"].endswith("write 90 or leave it out.")


def test_x2_document_004_as_shares() -> None:
    told = dict(faults("x2-004"))
    assert list(told) == [f"dimensions.{d}.indicators" for d in ("value", "behaviour", "outlook")]
    assert "own weight 0.5: they are already multiplied" in told["dimensions.value.indicators"]
    assert "sum to 0.35, not 1 (X1)" in told["dimensions.behaviour.indicators"]


def test_x1_x2_the_proposed_repair_is_sound() -> None:
    text = (FOLDER / "x2-004.toml").read_text("utf-8")
    for _, message in faults("x2-004"):
        listed = message.split(": ")[-1].rstrip(".")
        for pair in listed.split(", "):
            name, share = pair.split(" = ")
            before = next(line for line in text.splitlines() if line.startswith(f"{name} = "))
            text = text.replace(before, f"{name} = {share}")
    assert parse_scheme(text).dimensions[0].indicators[0].weight == 0.5


def test_x6_document_000_five_plus_two() -> None:
    assert faults("x6-000") == [
        (
            f"dimensions.{dimension}.indicators.{indicator}",
            "counts twice; it already stands in dimensions.strategic.indicators (X6). "
            "Leave it out here.",
        )
        for dimension, indicator in (
            ("match", "strategic_match_score"),
            ("co_innovation", "co_innovation_score"),
        )
    ]


def test_x8_document_002_whole_numbers() -> None:
    found = faults("x8-002-scores")
    assert [path for path, _ in found] == ["tiers[1].to", "tiers[2].to", "tiers[3].to"]
    assert "59 leaves a score of 59.5 without a tier" in dict(found)["tiers[2].to"]


def test_x8_document_002_retail_intervals() -> None:
    found = faults("x8-002-retail")
    assert [path for path, _ in found] == [
        "tiers[0].when",
        "tiers[1].when",
        "tiers[1].when",
        "tiers[2].when",
    ]
    assert "write 'net_amount_365d >= 50000'" in found[0][1]
    assert "'net_amount_365d < 50000' would cost a customer the tier for a better" in found[1][1]
    assert "Leave the bound out" in found[2][1]
    assert "must be left out" in found[3][1]


def test_x8_document_000_large_but_young() -> None:
    found = faults("x8-000-tiers")
    assert [path for path, _ in found] == [f"tiers[{i}].when" for i in range(4)]
    assert "write 'net_amount_365d >= 20000000'" in found[0][1]
    assert "'net_amount_365d < 20000000' would cost" in found[1][1]


def test_x8_retail_repaired_as_told_gives_everybody_a_tier() -> None:
    text = (FOLDER / "x8-002-retail.toml").read_text("utf-8")
    for bad, good in (
        ("net_amount_365d > 50000", "net_amount_365d >= 50000"),
        ('"net_amount_365d < 50000", ', ""),
        (', "order_days_365d < 48"', ""),
        ('when = [["net_amount_365d < 10000"]]\n', ""),
    ):
        assert bad in text
        text = text.replace(bad, good)
    assert parse_scheme(text).decider == "rules"
