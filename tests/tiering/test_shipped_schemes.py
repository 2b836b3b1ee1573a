"""What every shipped scheme keeps."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tiering.assign import decide
from tiering.scheme import Scheme, load_scheme, parse_scheme, scheme_names, scheme_text
from tiering.scores import Reference
from tiering.toml_text import to_toml

ROWS = {
    "amount-only": "#12", "b2b-four": "#43", "five-dimension-lifecycle": "#53",
    "purchase-tenure": "#42", "pyramid": "#49", "pyramid-rfm": "#50", "retail": "#44",
    "rfm-eight": "#48", "rfm-scenario": "#52", "rfm-strategic": "#46", "sme-80-20": "#51",
    "supply-chain-five": "#52", "team-split": "#47", "value-compliance-potential": "#52",
    "value-risk": "#52", "value-types": "#17", "weighted-50-30-20": "#45",
    "five-dimension-certified": "#93",
}  # fmt: skip


def test_every_scheme_of_the_documents_is_there() -> None:
    assert set(scheme_names()) == {*ROWS, "default"}


@pytest.mark.parametrize("name", ROWS)
def test_it_says_where_it_comes_from_and_how_often_it_is_used(name: str) -> None:
    scheme = load_scheme(name)
    assert scheme.id == name
    assert scheme.source is not None
    assert re.match(r"00[0-4]\b", scheme.source)
    assert ROWS[name] in scheme.source
    assert scheme.cadence is not None  # #54, #55


def test_x9_tier_keys_are_unique_everywhere() -> None:
    schemes = [load_scheme(name) for name in scheme_names()]
    keys = [scheme.tier_key(i) for scheme in schemes for i in range(len(scheme.tiers))]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("name", scheme_names())
def test_written_afresh_it_is_the_same_scheme(name: str) -> None:
    scheme = load_scheme(name)
    afresh = scheme.model_copy(update={"version": "9"})
    assert afresh.remembered is None
    text = scheme_text(afresh)
    assert "#" not in re.sub(r'"[^"]*"', "", text)  # no comment left: it is not the old text
    again = parse_scheme(text)
    assert again.model_dump() == afresh.model_dump()
    assert again.sha256 == afresh.sha256 != scheme.sha256
    assert scheme_text(again) == text


@pytest.mark.parametrize("name", scheme_names())
def test_it_grades_a_world_of_orders_alone(name: str) -> None:
    from features.schema import describe

    scheme = load_scheme(name)
    rng = np.random.default_rng(1)
    plain = {"orders.net_amount", "orders.occurred_at"}
    values = {
        n: rng.gamma(2.0, 50.0, 200) if set(describe(n).source) <= plain else np.full(200, np.nan)
        for n in scheme.indicators
    }
    found = decide(scheme, Reference.fit(values), values)
    assert found.tier.shape == (200,)
    assert np.isfinite(found.composite.score).all()


def test_nothing_unsaid_is_hashed(small: Scheme) -> None:
    # Keys that came later must not change the digest of schemes from before.
    assert '"axes"' not in to_toml(small.model_dump(mode="json", exclude_none=True))
