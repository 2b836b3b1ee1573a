from __future__ import annotations

import json
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from features.commands import resolve as command
from features.errors import ContractError, DataError
from features.identity.identities import master_id
from features.identity.records import Record, read_records
from features.identity.resolution import read_id_map, read_retired
from features.identity.resolve import LOWER, UPPER, resolve
from features.worlds.names import simulate_names

APP = typer.Typer()
APP.command()(command.resolve)
FILES = (
    "id_map.parquet",
    "masters.parquet",
    "matches.parquet",
    "retired.parquet",
    "review.parquet",
    "review.csv",
    "resolution.json",
)


@pytest.fixture(scope="module")
def simulated() -> pa.Table:
    return simulate_names(2_000, noise=0.05, seed=11)


@pytest.fixture(scope="module")
def world(simulated: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the simulated records, resolved in one go."""
    folder = tmp_path_factory.mktemp("resolve")
    pq.write_table(simulated.drop_columns("company"), folder / "customers.parquet")
    resolve(read_records(folder), folder / "out")
    return folder


def pairwise(truth: list[str], found: list[str]) -> tuple[float, float]:
    """Return precision and recall over all pairs of records, by counting in the contingency."""
    both, real, claimed = (
        sum(n * (n - 1) // 2 for n in Counter(keys).values())
        for keys in (zip(truth, found, strict=True), truth, found)
    )
    return both / claimed, both / real


def test_it_is_precise_and_finds_most_of_two_thousand_simulated_records(
    simulated: pa.Table, world: Path
) -> None:
    masters = pq.read_table(world / "out" / "masters.parquet")
    assert masters["customer_id"].equals(simulated["customer_id"])
    truth = simulated["company"].to_pylist()
    precision, recall = pairwise(truth, masters["master_id"].to_pylist())
    assert precision >= 0.985
    assert recall >= 0.96
    exact = pairwise(truth, [name.strip() for name in simulated["name"].to_pylist()])
    assert exact[1] < 0.4


def test_every_join_is_carried_by_pairs_at_or_above_the_upper_limit(world: Path) -> None:
    masters = pq.read_table(world / "out" / "masters.parquet").to_pylist()
    matches = pq.read_table(world / "out" / "matches.parquet").to_pylist()
    owner = {row["customer_id"]: row["customer_id"] for row in masters}

    def root(customer: str) -> str:
        while owner[customer] != customer:
            customer = owner[customer]
        return customer

    for row in matches:
        if row["probability"] >= UPPER:
            owner[root(row["customer_id_left"])] = root(row["customer_id_right"])
    groups = defaultdict(set)
    for row in masters:
        groups[row["master_id"]].add(root(row["customer_id"]))
        assert 0 < row["probability"] <= 1
    assert all(len(roots) == 1 for roots in groups.values())
    assert len(groups) < len(masters)


def test_the_review_list_has_what_was_not_joined_with_its_evidence(world: Path) -> None:
    review = pq.read_table(world / "out" / "review.parquet").to_pylist()
    assert len(review) > 20
    assert [r["probability"] for r in review] == sorted(r["probability"] for r in review)[::-1]
    for row in review:
        assert row["master_id_left"] != row["master_id_right"]
        assert row["probability"] >= LOWER
        assert row["name_left"]
        assert row["evidence"].startswith("name: ")
        assert (row["reason"] == "uncertain") <= (row["probability"] < UPPER)
    told = json.loads((world / "out" / "resolution.json").read_text("utf-8"))
    assert told["review"] == len(review) == sum(told["review_reasons"].values())
    assert told["customers"] == 2_000
    assert told["masters"] == told["new_masters"]


def test_another_run_and_another_order_give_the_same_bytes(world: Path, tmp_path: Path) -> None:
    first = {name: (world / "out" / name).read_bytes() for name in FILES}
    records = read_records(world)
    (tmp_path / "id_map.parquet").write_bytes(first["id_map.parquet"])
    shuffled = [records[i] for i in np.random.default_rng(1).permutation(len(records))]
    again = resolve(shuffled, tmp_path, threads=1)
    assert again.new_masters == again.retired_masters == 0
    for name in FILES[:-1]:
        assert (tmp_path / name).read_bytes() == first[name], name


def test_added_records_change_no_id(world: Path, tmp_path: Path) -> None:
    records = read_records(world)
    resolve(records[200:700], tmp_path)
    early = read_id_map(tmp_path / "id_map.parquet")
    later = resolve(records[:900], tmp_path)
    now = read_id_map(tmp_path / "id_map.parquet")
    renamed = {i.master: now[c].master for c, i in early.items() if now[c].master != i.master}
    assert len(renamed) == later.retired_masters
    assert later.new_masters > 0
    for customer, identity in early.items():
        assert now[customer].issued == identity.issued
        assert now[customer].master == renamed.get(identity.master, identity.master)
    # Two known masters become one only where the new records join them; the survivor is known.
    assert len(renamed) < 0.05 * len({i.master for i in early.values()})
    assert set(renamed.values()) <= {i.master for i in early.values()}


def test_limits_and_ids_are_checked(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="out of order"):
        resolve([Record("1", "a")], tmp_path, lower=0.9, upper=0.5)
    with pytest.raises(ContractError, match="1 customer ids come twice: 1"):
        resolve([Record("1", "a"), Record("1", "b")], tmp_path)


def test_the_command_tells_what_it_found(tmp_path: Path) -> None:
    pyarrow.csv.write_csv(
        pa.table(
            {
                "customer_id": ["a", "b", "c"],
                "name": ["上海华联科技有限公司", "华联科技", "Nordwind GmbH"],
                "tax_id": ["91310000MA1K00000A", "91310000MA1K00000A", ""],
            }
        ),
        tmp_path / "c.csv",
    )
    arguments = ["--customers", tmp_path / "c.csv", "--out", tmp_path / "out"]
    result = CliRunner().invoke(APP, [str(a) for a in arguments])
    assert result.exception is None
    assert (
        "3 customers are 2 companies (2 share one); 0 pairs to review, 0 answered." in result.output
    )
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == sorted([*FILES])
    masters = pq.read_table(tmp_path / "out" / "masters.parquet").to_pydict()
    assert masters["master_id"] == [master_id("a"), master_id("a"), master_id("c")]


FEW = [
    Record("a1", "上海华联科技有限公司", phone="13800138000", tax_id="91310000MA1K00000A"),
    Record("a2", "华联科技", tax_id="91310000MA1K00000A"),
    Record("a3", "華聯科技（上海）", phone="+86 138 0013 8000"),
    Record("b1", "Nordwind Trading Ltd.", email="info@nordwind.de", city="Berlin"),
    Record("b2", "NORDWIND TRADING", email="sales@nordwind.de", city="Berlin"),
    Record("c1", "Gridyne Optics", aliases=("光永",), phone="02288880001"),
    Record("c2", "天津光永", phone="22 8888 0001"),
    Record("d1", "鑫源"),
]


@settings(max_examples=3, deadline=None)
@given(early=st.sets(st.sampled_from(range(8)), min_size=1), order=st.permutations(range(8)))
def test_neither_order_nor_arrival_changes_who_is_whom(
    tmp_path_factory: pytest.TempPathFactory, early: set[int], order: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("few")
    resolve([FEW[i] for i in order if i in early], folder)
    before = read_id_map(folder / "id_map.parquet")
    resolve([FEW[i] for i in order], folder)
    after = read_id_map(folder / "id_map.parquet")
    retired = read_retired(folder / "retired.parquet")
    for customer, known in before.items():
        assert after[customer].master == retired.get(known.master, known.master)
    groups = defaultdict(set)
    for customer, identity in after.items():
        groups[identity.master].add(customer)
    assert sorted(map(sorted, groups.values())) == [
        ["a1", "a2", "a3"],
        ["b1", "b2"],
        ["c1", "c2"],
        ["d1"],
    ]
