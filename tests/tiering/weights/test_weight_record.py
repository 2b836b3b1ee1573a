"""A record of weights: what it holds, and that no alteration passes unseen (#39)."""

from __future__ import annotations

import json
import tomllib
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiering.errors import WeightsError
from tiering.weights.record import (
    Evidence,
    WeightRecord,
    read_record,
    to_document,
    to_json,
    to_toml,
)
from tiering.weights.rules import packaged_rules
from tiering.weights.signoff import draw_up, sign

RULE = packaged_rules().signoff
NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
EVIDENCE = Evidence.model_validate(
    {
        "delphi": {
            "rounds": [
                {"round": 1, "members": 15, "w": 0.61, "p_value": 0.001, "disputed": ["value"]},
                {"round": 2, "members": 14},
            ],
            "verdict": "consensus",
        },
        "ahp": {"members": 12, "consistency_ratio": 0.04, "left_out": 3},
        "data": {"n": 13418, "horizon_days": 90, "report_sha256": "ab" * 32},
        "blend": {"data_share": 0.47, "intervals": {"value": [0.4, 0.5]}, "raised": ["risk"]},
    }
)


def draft(**more: Any) -> WeightRecord:
    content: dict[str, Any] = {"evidence": EVIDENCE, "note": 'Über 5 % "价值"\n\x7f', **more}
    return draw_up(
        "five-dimension", {"value": 0.6, "risk": 0.4}, RULE, by="Ana Lyst", at=NOON, **content
    )


def signed() -> WeightRecord:
    inside = {"value": {"ltv": 0.7, "net_amount_365d": 0.3}}
    first = sign(draft(indicators=inside, simulated=True), by="Li", role="expert", at=NOON)
    return sign(first, by="Wang", role="executive", at=NOON + timedelta(hours=1))


def test_both_forms_give_the_record_back() -> None:
    for record in (draft(), signed()):
        assert read_record(to_json(record)) == record
        assert read_record(to_toml(record)) == record
        assert tomllib.loads(to_toml(record)) == json.loads(to_json(record))


def test_one_instant_has_one_digest_wherever_it_is_told() -> None:
    china = NOON.astimezone(timezone(timedelta(hours=8)))
    there = draw_up("s", {"a": 1}, RULE, by="x", at=china)
    assert there.digest == draw_up("s", {"a": 1}, RULE, by="x", at=NOON).digest
    assert there.drawn_up_at.isoformat() == "2026-11-02T12:00:00+00:00"
    with pytest.raises(WeightsError, match="timezone"):
        draw_up("s", {"a": 1}, RULE, by="x", at=datetime(2026, 11, 2))


def altered(change: Any) -> dict[str, str]:
    document = to_document(signed())
    change(document)
    with pytest.raises(WeightsError) as caught:
        read_record(json.dumps(document))
    return {fault.path: fault.message for fault in caught.value.faults}


def test_an_altered_weight_is_seen() -> None:
    def change(document: dict[str, Any]) -> None:
        document["dimensions"] = {"value": 0.5, "risk": 0.5}

    found = altered(change)
    assert found.keys() == {"digest", "seal", "signatures[0]", "signatures[1]"}
    assert "altered" in found["digest"]


def test_an_altered_or_missing_signature_is_seen() -> None:
    def rename(document: dict[str, Any]) -> None:
        document["signatures"][0]["by"] = "Zhao"

    assert altered(rename).keys() == {"seal", "signatures[1]"}
    assert altered(lambda document: document["signatures"].pop()).keys() == {"seal"}
    assert altered(lambda document: document.pop("seal")).keys() == {"seal"}


def test_every_fault_of_the_content_is_told() -> None:
    with pytest.raises(WeightsError) as caught:
        draw_up(
            "s",
            {"value": 0.6, "risk": 0.5},
            RULE,
            by="x",
            at=NOON,
            indicators={"value": {"ltv": 0.5}, "churn": {"x": 1.0}},
        )
    assert {fault.path: fault.message for fault in caught.value.faults} == {
        "dimensions": "sum to 1.1, not 1.",
        "indicators.value": "sum to 0.5, not 1.",
        "indicators.churn": "is no dimension of this record.",
    }


def test_what_is_no_record_is_told() -> None:
    with pytest.raises(WeightsError, match="neither JSON nor TOML"):
        read_record("version 1")
    with pytest.raises(WeightsError, match="neither JSON nor TOML"):
        read_record("{version")
    with pytest.raises(WeightsError) as caught:
        read_record('scheme = "s"\nversion = 0\nextra = 1')
    assert {"version", "extra", "rule", "dimensions"} <= {f.path for f in caught.value.faults}


def test_a_first_version_has_none_before_it() -> None:
    def change(document: dict[str, Any]) -> None:
        document["version"] = 2

    assert "previous" in altered(change)


names = st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=12)


@given(
    st.dictionaries(names, st.floats(0.01, 1), min_size=1, max_size=4), names, st.text(max_size=9)
)
def test_any_text_survives_both_forms(weights: dict[str, float], by: str, note: str) -> None:
    shares = {name: w / sum(weights.values()) for name, w in weights.items()}
    note = note.encode("utf-8", "ignore").decode()
    record = draw_up("s", shares, RULE, by=by, at=NOON, note=note)
    assert read_record(to_json(record)) == record
    assert read_record(to_toml(record)) == record
