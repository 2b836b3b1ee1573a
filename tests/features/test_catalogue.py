"""Every indicator of the catalogue is described, produced by its dimension, and checked by SQL."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from features.backends import connect
from features.contract import CONTRACT
from features.frame import DIMENSIONS
from features.history import History
from features.schema import CATALOGUE, PREDICTIONS, Dimension, Indicator, describe, names
from features.snapshot import Snapshot, SnapshotTables
from tests.features.tiny import ORACLES, order, sources

REQUIREMENTS = re.compile(r"#\d+$")
CHINESE = re.compile(r"[一-鿿]")


@pytest.fixture(scope="module")
def tables() -> Iterator[SnapshotTables]:
    made = sources(connect(threads=1), {"orders": [order("a", "2026-01-01", 5)]})
    snapshot = Snapshot.at(date(2026, 1, 31))
    with History(made, [snapshot]) as history:
        yield history.at(snapshot)


def test_the_catalogue_has_its_size() -> None:
    assert len(CATALOGUE) >= 60  # what the data foundation promises
    assert set(PREDICTIONS) == {"ltv", "churn_probability", "demand_forecast"}
    assert not set(CATALOGUE) & set(PREDICTIONS)
    assert {i.dimension for i in CATALOGUE.values()} == set(Dimension) == set(DIMENSIONS)


@pytest.mark.parametrize("indicator", [*CATALOGUE.values(), *PREDICTIONS.values()], ids=str)
def test_an_indicator_is_described_in_full(indicator: Indicator) -> None:
    assert describe(indicator.name) is indicator
    assert indicator.unit in {"money", "count", "days", "rate", "change", "ratio", "score"}
    assert indicator.null_policy in {"zero", "unknown"}
    assert re.fullmatch(r"\d+d|all|horizon", indicator.window)
    assert REQUIREMENTS.match(indicator.requirement)
    assert indicator.source
    assert CHINESE.search(indicator.label_zh)
    assert indicator.label_en
    assert not CHINESE.search(indicator.label_en)


def test_labels_tell_indicators_apart() -> None:
    everything = [*CATALOGUE.values(), *PREDICTIONS.values()]
    assert len({i.label_en for i in everything}) == len(everything)
    assert len({i.label_zh for i in everything}) == len(everything)


@pytest.mark.parametrize("indicator", CATALOGUE.values(), ids=str)
def test_the_sources_of_an_indicator_are_in_the_contract(indicator: Indicator) -> None:
    for column in indicator.source:
        table, _, name = column.partition(".")
        assert name in CONTRACT[table].column_names


@pytest.mark.parametrize("dimension", Dimension, ids=str)
def test_a_dimension_produces_its_indicators_in_catalogue_order(
    dimension: Dimension, tables: SnapshotTables
) -> None:
    produced = DIMENSIONS[dimension](tables).joined()
    assert produced.columns == ("customer_id", *names(dimension))


@pytest.mark.parametrize("indicator", CATALOGUE.values(), ids=str)
def test_an_indicator_is_checked_by_the_sql_of_its_dimension(indicator: Indicator) -> None:
    text = (ORACLES / f"{indicator.dimension}.sql").read_text("utf-8")
    final = text[text.rindex("\nSELECT") :]
    assert re.search(rf"\bAS {indicator.name}\b", final)


@pytest.mark.parametrize("dimension", Dimension, ids=str)
def test_a_dimension_defines_each_of_its_indicators_in_words(dimension: Dimension) -> None:
    told = expand(DIMENSIONS[dimension].__doc__ or "")
    assert set(names(dimension)) <= told


def expand(text: str) -> set[str]:
    """Return the names in double backquotes; ``a_{1,2}d`` stands for ``a_1d``, ``a_2d``."""
    found = set()
    for name in re.findall(r"``([\w{},]+)``", text):
        if match := re.fullmatch(r"(\w*)\{([\d,]+)\}(\w*)", name):
            head, middle, tail = match.groups()
            found |= {f"{head}{part}{tail}" for part in middle.split(",")}
        else:
            found.add(name)
    return found


def test_only_publish_looks_ahead() -> None:
    package = Path(__file__).parents[2] / "features"
    importing = re.compile(r"^\s*(from features import .*\boutcomes\b|.*features\.outcomes)", re.M)
    found = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if importing.search(path.read_text("utf-8"))
    }
    assert found == {"publish.py"}


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(KeyError):
        describe("no_such_indicator")
