"""The panel policy: what the packaged one says, and which faults of a file are told."""

from __future__ import annotations

import tomllib
from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from tiering.errors import SchemeError
from tiering.panel.policy import PanelPolicy
from tiering.panel.policy_file import load_panel, packaged_panel, parse_panel
from tiering.toml_text import to_toml

TEXT = (files("tiering") / "panel" / "committee.toml").read_text("utf-8")
HOLIDAYS = (files("tiering") / "panel" / "holidays-china.toml").read_text("utf-8")
DAYS = ("holidays", "worked", "expected", "known_until")
NOON = datetime(2024, 7, 1, 12)


def test_the_packaged_policy_is_what_the_documents_ask_for() -> None:
    """#93: three directors among the voters; #94: quorum; #95: five working days."""
    policy = packaged_panel()
    panel, chair = policy.levels
    assert set(panel.seats) == {"sales_director", "product_manager", "marketing_director"}
    assert (panel.quorum, panel.answer_working_days) == (3, 5)
    assert chair.seats == ("chair",)
    assert policy.name == "committee@1.1.0"
    assert policy is load_panel("committee")
    assert len(policy.sha256) == 64


def test_deadlines() -> None:
    policy = packaged_panel()
    due = policy.due_at(NOON)
    # More time from the due date on, or from now where that is later.
    assert policy.extended(due, NOON, 1) == datetime(2024, 7, 11, 12)
    assert policy.extended(due, due + timedelta(days=7), 1) == datetime(2024, 7, 18, 12)
    assert policy.holds_until(NOON) == NOON + timedelta(days=90)
    assert policy.holds_until(NOON, 7) == NOON + timedelta(days=7)
    assert policy.holds_until(NOON, 700) == NOON + timedelta(days=90)
    assert policy.appealable_until(NOON) == NOON + timedelta(days=30)


def test_seats_are_those_of_the_members_where_there_are_any() -> None:
    assert "chair" in packaged_panel().seats_of("person:anybody")
    named = parse_panel(TEXT + '\n[[members]]\nid = "person:li"\nseats = ["expert"]\n')
    assert named.seats_of("person:li") == ("expert",)
    assert named.seats_of("person:anybody") == ()
    assert named.sha256 != packaged_panel().sha256


def test_who_names_no_observed_tier_observes_nobody() -> None:
    content = tomllib.loads(TEXT)
    assert parse_panel(to_toml(content)).observation == packaged_panel().observation is not None
    del content["observation"]
    assert parse_panel(to_toml(content)).observation is None


def test_a_policy_of_ones_own(tmp_path: Path) -> None:
    content = tomllib.loads(TEXT) | {"calendar": "ours"}
    path = tmp_path / "panel.toml"
    ours = HOLIDAYS.replace('id = "china"', 'id = "ours"')
    path.write_text(f"{to_toml(content)}\n[days_off]\n{ours}", "utf-8")
    assert load_panel(path).days_off.id == "ours"
    with pytest.raises(SchemeError, match="There is no panel policy"):
        load_panel(tmp_path / "none.toml")
    with pytest.raises(SchemeError, match="not valid TOML"):
        parse_panel("id = ")
    with pytest.raises(SchemeError, match="days_off: Field required"):
        parse_panel(to_toml(content))


def told(**changes: Any) -> str:
    document = tomllib.loads(TEXT) | {"days_off": _days(), **changes}
    with pytest.raises(SchemeError) as error:
        _parse(document)
    return str(error.value)


def _days(**changes: Any) -> dict[str, Any]:
    return tomllib.loads(HOLIDAYS) | changes


def _parse(document: dict[str, Any]) -> PanelPolicy:
    days = document.pop("days_off")
    listed = {key: days.pop(key) for key in DAYS if key in days}
    lines = [
        f"{key} = [{', '.join(map(str, value))}]" if isinstance(value, list) else f"{key} = {value}"
        for key, value in listed.items()
    ]
    text = to_toml(document | {"days_off": days})
    return parse_panel(text + "\n".join(lines) + "\n")


def _level(index: int, **changes: Any) -> list[dict[str, Any]]:
    levels = tomllib.loads(TEXT)["levels"]
    levels[index] = levels[index] | changes
    return levels


def test_every_fault_is_told() -> None:
    assert "version: is missing" in told(version=" ")
    assert "title_zh: is missing" in told(title_zh="")
    assert "a disagreement needs a second" in told(levels=_level(0)[:1])
    assert "nobody decides alone" in told(levels=_level(0, quorum=1, seats=[]))
    assert "the size of 2" in told(levels=_level(0, size=2))
    assert "between the 3 seats" in told(levels=_level(0, quorum=2))
    assert "'pope' is no seat" in told(levels=_level(1, seats=["pope"]))
    assert "stands twice" in told(levels=_level(1, id="panel"))
    member = {"id": "person:li", "seats": ["expert", "expert"]}
    assert "seat 'expert' stands twice" in told(members=[member])
    assert "id 'person:li' stands twice" in told(members=[member, member])
    assert "members[0].seats: 'pope' is no seat" in told(members=[{"id": "x", "seats": ["pope"]}])
    assert "reasons: is empty" in told(reasons=[])
    assert "levels: has 0 entries" in told(levels=[])


def test_faults_of_days_off() -> None:
    day, monday = _days()["worked"][0], _days()["holidays"][0]
    assert "is no day of a weekend" in told(days_off=_days(worked=[monday]))
    assert "is worked and free" in told(days_off=_days(worked=[day], holidays=[day]))
    assert "lies behind it" in told(days_off=_days(known_until=day))
    assert "days_off.title_en: is missing" in told(days_off=_days(title_en=""))
