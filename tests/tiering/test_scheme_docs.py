"""The pages about schemes are true: all are listed, with what their files say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from features.schema import PREDICTIONS
from tiering.condition import parse_condition
from tiering.scheme import load_scheme, parse_scheme, scheme_names

DOCS = Path(__file__).resolve().parents[2] / "docs"
TABLE = (DOCS / "schemes.md").read_text("utf-8")
HOW_TO = (DOCS / "how-to-write-a-scheme.md").read_text("utf-8")


@pytest.mark.parametrize("name", scheme_names())
def test_every_scheme_is_listed_as_it_is(name: str) -> None:
    (row,) = re.findall(rf"^\| `{name}` \| [^|]+ \| \d.*$", TABLE.split("## ")[0], re.M)
    _, _, _, tiers, decider, rows, cadence, _ = (cell.strip() for cell in row.split("|"))
    scheme = load_scheme(name)
    assert int(tiers) == len(scheme.tiers)
    assert decider == scheme.decider
    # The default scheme's digest is in many bundles, so its file keeps silent about these two.
    assert rows.split() == re.findall(r"#\d+", scheme.source or "#38 #41")
    assert cadence == (scheme.cadence or "quarter")
    assert f"`{name}`" in HOW_TO


def test_no_other_scheme_is_listed() -> None:
    listed = re.findall(r"^\| `([a-z0-9-]+)` \|", TABLE.split("## ")[0], re.M)
    assert sorted(listed) == list(scheme_names())
    assert "Nineteen come with the package" in HOW_TO
    assert len(listed) == 19


def test_the_scheme_in_full_is_sound() -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", HOW_TO, re.S)
    scheme = parse_scheme(text)
    assert scheme.decider == "score"
    assert all(f"`{name}`" in HOW_TO for name in PREDICTIONS)


def test_the_conditions_shown_are_conditions() -> None:
    (text,) = re.findall(r"```toml fragment\n(.*?)```", HOW_TO, re.S)
    shown = [parse_condition(condition) for condition in re.findall(r'"([^"]+)"', text)]
    assert len(shown) == 3
    assert {condition.sign for condition in shown} == {">="}
