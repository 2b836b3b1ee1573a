from __future__ import annotations

import json
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from features.cli import app
from features.comparisons import LEVELS, comparable
from features.errors import ContractError, DataError, EmptySourceError, SourceNotFoundError
from features.linkage import Pair, score
from features.masters import Identity, admits, cluster, identify, master_id
from features.records import Record, read_records
from features.resolve import LOWER, UPPER, read_id_map, resolve
from features.worlds.names import simulate_names

FILES = (
    "id_map.parquet",
    "masters.parquet",
    "matches.parquet",
    "review.parquet",
    "resolution.json",
)


def pair(
    left: int, right: int, probability: float, name: str = "same", tax: str = "missing"
) -> Pair:
    evidence = {
        "name": name,
        "tax_id": tax,
        "phone": "missing",
        "email": "missing",
        "place": "same",
    }
    return Pair(left, right, probability, evidence)


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
    assert recall >= 0.94
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
    for name in FILES[:4]:
        assert (tmp_path / name).read_bytes() == first[name], name


def test_added_records_change_no_id(world: Path, tmp_path: Path) -> None:
    records = read_records(world)
    resolve(records[300:1500], tmp_path)
    early = read_id_map(tmp_path / "id_map.parquet")
    later = resolve(records, tmp_path)
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


def test_a_found_master_is_named_after_its_smallest_customer() -> None:
    ids = identify([["b", "c"], ["a"]], {})
    assert ids["b"] == ids["c"] == Identity(master_id("b"), master_id("b"), 1)
    assert list(ids) == ["a", "b", "c"]
    assert identify([["a"], ["b", "c"]], ids) == ids


def test_a_new_smaller_member_takes_the_known_id() -> None:
    ids = identify([["0", "b"]], identify([["b"]], {}))
    assert ids["0"] == Identity(master_id("b"), master_id("b"), 1)


def test_of_two_known_masters_the_older_stays_and_the_other_is_an_alias() -> None:
    first = identify([["x"]], {})
    second = identify([["x"], ["a", "gone"]], first)
    assert second["a"].since == 2
    third = identify([["a", "x"]], second)
    assert third["a"] == Identity(master_id("a"), master_id("x"), 1)
    assert third["gone"] == Identity(master_id("a"), master_id("x"), 1)
    assert third["x"].master == master_id("x")


def test_pairs_are_joined_from_the_upper_limit_and_listed_from_the_lower() -> None:
    pairs = [pair(0, 1, 0.99), pair(1, 2, 0.9), pair(2, 3, 0.899), pair(3, 4, 0.5), pair(4, 5, 0.4)]
    found = cluster(6, pairs, [], lower=0.5, upper=0.9)
    assert found.groups == ((0, 1, 2), (3,), (4,), (5,))
    assert [(p.left, why) for p, why in found.review] == [(2, "uncertain"), (3, "uncertain")]


@pytest.mark.parametrize(
    ("name", "tax", "admitted"),
    [
        ("same", "missing", True),
        ("spelling", "missing", True),
        ("same", "spelling", True),
        ("same", "other", False),
        ("same brand, other trade", "missing", False),
        ("other", "missing", False),
        ("other", "same", True),
    ],
)
def test_evidence_admits_or_forbids(name: str, tax: str, admitted: bool) -> None:
    assert admits(pair(0, 1, 1.0, name, tax)) is admitted


def test_a_company_of_the_group_is_left_to_a_person_however_probable() -> None:
    pairs = [pair(0, 1, 1.0, "same brand, other trade"), pair(2, 3, 1.0, tax="other")]
    found = cluster(4, pairs, [], lower=0.5, upper=0.9)
    assert [why for _, why in found.review] == ["names differ", "tax ids differ"]
    assert len(found.groups) == 4


def test_a_short_name_that_fits_two_companies_joins_neither() -> None:
    pairs = [
        pair(0, 1, 0.95, "short form"),
        pair(0, 2, 0.96, "short form"),
        pair(1, 2, 0.9, "same brand, other trade"),
    ]
    found = cluster(3, pairs, [], lower=0.5, upper=0.9)
    assert len(found.groups) == 3
    assert Counter(why for _, why in found.review) == {
        "several companies fit": 2,
        "names differ": 1,
    }
    assert cluster(3, pairs[:2], [], lower=0.5, upper=0.9).groups == ((0, 1, 2),)


def test_a_chain_does_not_join_what_evidence_forbids() -> None:
    pairs = [pair(0, 1, 0.999), pair(1, 2, 0.998), pair(0, 2, 0.3, tax="other")]
    found = cluster(3, pairs, [], lower=0.2, upper=0.9)
    assert found.groups == ((0, 1), (2,))
    assert {why for _, why in found.review} == {"a joined record objects", "tax ids differ"}


def test_what_was_joined_stays_joined() -> None:
    found = cluster(4, [pair(0, 1, 0.3)], [[0, 1], [3, 2]], lower=0.2, upper=0.9)
    assert found.groups == ((0, 1), (2, 3))
    assert found.review == ()


def test_few_records_are_scored_by_the_starting_weights() -> None:
    one = Record("1", "上海华联科技有限公司", phone="13800138000", tax_id="91310000MA1K00000A")
    same = Record("2", "华联科技", phone="+86 138 0013 8000", tax_id="91310000MA1K00000A")
    other = Record("3", "Nordwind Trading Ltd.", city="Berlin")
    assert score([one], above=0.1) == []
    assert score([one, other], above=0.1) == []
    (found,) = score([one, same, other], above=0.1)
    assert (found.left, found.right) == (0, 1)
    assert found.probability > 0.99
    assert found.evidence == {
        "name": "same", "tax_id": "same", "phone": "same", "email": "missing", "place": "missing",
    }  # fmt: skip


def test_aliases_and_former_names_are_evidence() -> None:
    left = Record("1", "天津光永自动化设备", aliases=("Gridyne",), city="天津", phone="02288880001")
    right = Record("2", "Gridyne Ltd.", city="Tianjin", phone="22 8888 0001")
    (found,) = score([left, right], above=0.1)
    assert found.evidence["name"] == "alias"
    assert found.evidence["place"] == "same"


def test_what_everybody_shares_identifies_nobody() -> None:
    crowd = [Record(str(n), f"Firm{n:03d}", phone="13800138000") for n in range(80)]
    crowd += [Record(f"w{n}", "散客散客", tax_id=f"9131{n:08d}") for n in range(401)]
    table = comparable(crowd)
    assert table["phone"].null_count == len(crowd)
    assert table["core"].null_count == 401
    assert all(not near for near in table["near"].to_pylist()[80:])


def test_levels_share_out_matches_and_others_whole() -> None:
    for levels in LEVELS.values():
        assert sum(level[2] for level in levels) == pytest.approx(1, abs=1e-3)
        assert sum(level[3] for level in levels) == pytest.approx(1, abs=2e-3)
        assert levels[-1][1] == "ELSE"


def test_without_the_extra_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "splink", None)
    with pytest.raises(DataError, match=r"tierwise\[resolve\]"):
        score([Record("1", "a"), Record("2", "b")], above=0.1)


def test_records_are_read_from_csv_with_versions_and_aliases(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text(
        "customer_id,name,aliases,region,recorded_at\n"
        "007,New Ltd,N1; N2|,Berlin,2026-02-01\n"
        "007,Old Ltd,,,2026-01-01\n"
        "001,Other,,,2026-01-01\n",
        "utf-8",
    )
    assert read_records(path) == [
        Record("001", "Other"),
        Record("007", "New Ltd", ("N1", "N2", "Old Ltd"), "Berlin"),
    ]


def test_aliases_may_be_lists(tmp_path: Path) -> None:
    rows = {"customer_id": [5], "name": ["A"], "aliases": [["B", "C"]], "city": [None]}
    pq.write_table(pa.table(rows), tmp_path / "customers.parquet")
    assert read_records(tmp_path) == [Record("5", "A", ("B", "C"))]


@pytest.mark.parametrize(
    ("text", "error", "told"),
    [
        ("customer_id,nom\n1,a\n", ContractError, "no column name"),
        ("customer_id,name\n1,a\n,b\n", ContractError, "row 2 has no customer_id"),
        ("customer_id,name\n", EmptySourceError, "no row"),
        ("customer_id,name\n1,a,b\n", ContractError, "cannot be read"),
    ],
)
def test_faulty_files_are_told(
    tmp_path: Path, text: str, error: type[DataError], told: str
) -> None:
    path = tmp_path / "c.csv"
    path.write_text(text, "utf-8")
    with pytest.raises(error, match=told):
        read_records(path)


def test_missing_and_damaged_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFoundError, match=r"customers\.parquet are not there"):
        read_records(tmp_path)
    (tmp_path / "id_map.parquet").write_bytes(b"nothing")
    with pytest.raises(ContractError, match="not an id map"):
        resolve([Record("1", "a")], tmp_path)
    (tmp_path / "id_map.parquet").unlink()
    pq.write_table(pa.table({"customer_id": ["1"]}), tmp_path / "id_map.parquet")
    with pytest.raises(ContractError, match="not an id map"):
        resolve([Record("1", "a")], tmp_path)


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
    arguments = ["resolve", "--customers", tmp_path / "c.csv", "--out", tmp_path / "out"]
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    assert result.exception is None
    assert "3 customers are 2 companies (2 share one); 0 pairs to review." in result.output
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == sorted(FILES)
    masters = pq.read_table(tmp_path / "out" / "masters.parquet").to_pydict()
    assert masters["master_id"] == [master_id("a"), master_id("a"), master_id("c")]
