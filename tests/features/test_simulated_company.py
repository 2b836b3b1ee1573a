"""The simulated company as a source: its tables, its door, its files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import typer
from ibis.backends import BaseBackend
from typer.testing import CliRunner

from features.backends import connect
from features.commands.simulate import simulate as command
from features.contract import CONTRACT
from features.errors import DataError
from features.mapping.apply import apply_mapping, read_mapping
from features.sources import Sources, ingest, open_sources
from features.worlds import b2b
from features.worlds.company import writing
from features.worlds.company.blocks import Block, simulate
from features.worlds.company.streams import BLOCK
from features.worlds.company.truth import CAUSES, TRUTHS, month_ends, truth_on
from features.worlds.company.writing import accounts_for, write_company
from tests.features.simulated import whole

SMALL = 150


@pytest.fixture(scope="module")
def connection() -> BaseBackend:
    return connect()


@pytest.fixture(scope="module")
def taken_in(tmp_path_factory: pytest.TempPathFactory, connection: BaseBackend) -> Sources:
    """The demo world, at a size that crosses blocks."""
    folder = tmp_path_factory.mktemp("b2b") / "s"
    world = b2b.tables(connection, n_accounts=2 * BLOCK + 10)
    ingest(
        world.tables,
        folder,
        connection=connection,
        world="b2b",
        currency=world.currency,
        simulated=world.simulated,
        terms=world.terms,
    )
    return open_sources(folder, connection)


def test_every_row_passes_the_door(taken_in: Sources) -> None:
    info = taken_in.info
    assert set(info.rows) == set(CONTRACT)
    assert not any(info.quarantined.values())
    assert not any(info.versioned.values())
    assert info.simulated
    assert info.currency == "CNY"
    assert (info.first_day, info.last_day) == (date(2023, 11, 1), date(2026, 10, 31))
    assert info.rows["customers"] == 2 * BLOCK + 10
    for name, table in CONTRACT.items():  # every column is given and holds something
        assert set(table.column_names) <= set(info.columns[name]), name


EXISTS = {
    "orders": ["is_return", "is_cancelled", "is_custom", "rebate > 0", "discount > 0"],
    "invoices": ["paid_at IS NULL", "paid_at > due_at", "is_disputed"],
    "tickets": ["resolved_at IS NULL", "is_complaint", "csat < 60", "csat IS NULL"],
    "interactions": [
        *(f"kind = '{kind}'" for kind in ("call", "visit", "mail", "meeting", "login")),
        *("kind = 'download'", "kind = 'enquiry'", "is_inbound", "NOT is_inbound"),
    ],
    "contacts": ["left_at IS NULL", "left_at IS NOT NULL", "approval_levels > 1"],
    "contracts": [
        "renewed_at IS NOT NULL",
        "renewed_at IS NULL AND ends_at < TIMESTAMP '2026-10-01'",
        *("ends_at > TIMESTAMP '2026-11-01'", "is_fulfilled", "NOT is_fulfilled"),
    ],
    "surveys": ["nps >= 9", "nps <= 6", "csat < 70", "nps IS NULL"],
    "customers": [
        *("industry IS NULL", "credit_grade LIKE 'A%'", "credit_grade LIKE 'C%'"),
        *("referrer_id IS NOT NULL", "aliases IS NOT NULL", "tax_id IS NULL", "phone IS NULL"),
        *(f"data_class = '{name}'" for name in ("公开", "内部", "秘密", "机密")),
        *(f"size = '{name}'" for name in ("small", "medium", "large")),
    ],
    "assessments": [
        *("kind = 'strategic_match'", "kind = 'co_innovation'", "kind = 'patent_count'"),
        *("kind = 'innovation_cost_share'", "kind = 'rd_spend_rate'", "kind = 'size_fit'"),
        *("kind = 'industry_standing'", "kind = 'word_of_mouth'", "kind = 'expansion_plan'"),
        *("kind = 'demand_complexity'", "kind = 'digital_maturity'", "kind = 'esg'"),
        *("kind = 'competitor_substitution_risk'", "kind = 'share_of_wallet'"),
        "kind = 'jump_explained' AND value = 1",
    ],
    "market": ["kind = 'index'", "kind = 'policy' AND value < 0", "kind = 'policy' AND value > 0"],
    "causes": [f"cause = '{cause}'" for cause in CAUSES],
}


@pytest.mark.parametrize("seed", [7, 8, 9])
def test_every_kind_of_row_occurs_in_a_small_company(seed: int) -> None:
    tables = whole(seed, SMALL)
    tables["causes"] = tables["truth/causes"]
    scratch = connect()
    for name, conditions in EXISTS.items():
        scratch.create_table(name, tables[name])
        for condition in conditions:
            rows = scratch.raw_sql(f"SELECT count(*) FROM {name} WHERE {condition}").fetchone()[0]
            assert rows > 0, (name, condition)


def test_the_last_day_knows_nothing_later(taken_in: Sources) -> None:
    end = datetime(2026, 11, 1)
    for name, table in CONTRACT.items():
        for column in set(table.of_kind("timestamp")) - {"due_at", "ends_at"}:
            values = taken_in.connection.to_pyarrow(taken_in.tables[name][column])
            assert pc.max(values).as_py() < end, (name, column)


def test_assessed_values_stay_in_their_range() -> None:
    judged = whole(4, 400)["assessments"]
    spans = judged.group_by("kind").aggregate([("value", "min"), ("value", "max")]).to_pylist()
    shares = {"innovation_cost_share", "rd_spend_rate", "share_of_wallet", "jump_explained"}
    for span in spans:
        most = 1 if span["kind"] in shares else 100
        assert 0 <= span["value_min"] <= span["value_max"] <= most, span


class TestDeterminism:
    def test_the_same_seed_gives_the_same_company(self) -> None:
        first, again, other = whole(1, 60), whole(1, 60), whole(2, 60)
        assert first["customers"].num_rows == 60
        for name, table in first.items():
            assert table.equals(again[name]), name
            assert not table.equals(other[name]), name

    def test_a_larger_company_begins_with_the_smaller_one(self) -> None:
        small, large = whole(3, BLOCK + 30), whole(3, 3 * BLOCK)
        for name, table in small.items():
            other = large[name]
            if "customer_id" in table.column_names:
                mine = pc.less_equal(other["customer_id"], f"C{BLOCK + 30:07d}")
                other = other.filter(mine)
            assert table.equals(other.combine_chunks()), name


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A written company."""
    out = tmp_path_factory.mktemp("company") / "out"
    write_company(out, accounts=2 * BLOCK + 40, seed=11, chunk=1)
    return out


class TestFiles:
    def test_streamed_tables_equal_those_in_memory(self, folder: Path, tmp_path: Path) -> None:
        write_company(tmp_path / "at-once", accounts=2 * BLOCK + 40, seed=11, chunk=10_000)
        memory: Mapping[str, pa.Table] = whole(11, 2 * BLOCK + 40)
        assert set(memory) == {*CONTRACT, *(f"truth/{name}" for name in TRUTHS)}
        for name, table in memory.items():
            for written in (folder, tmp_path / "at-once"):
                found = pq.read_table(written / f"{name}.parquet")
                assert found.schema.metadata == {b"tierwise.simulated": b"true"}
                assert found.replace_schema_metadata(None).equals(table), (name, written)

    def test_the_folder_says_what_it_is(self, folder: Path) -> None:
        told = json.loads((folder / "simulated.json").read_text("utf-8"))
        assert told["simulated"] is True
        assert (told["seed"], told["accounts"]) == (11, 2 * BLOCK + 40)
        assert told["rows"]["customers"] == 2 * BLOCK + 40
        assert told["rows"]["truth/accounts"] == 2 * BLOCK + 40
        assert len(told["generator_sha256"]) == 64
        assert told["code_version"]

    def test_its_mapping_takes_it_in(
        self, folder: Path, tmp_path: Path, connection: BaseBackend
    ) -> None:
        mapping = read_mapping(folder / "mapping.toml")
        assert mapping.simulated
        report = ingest(
            apply_mapping(mapping, folder, connection),
            tmp_path / "s",
            connection=connection,
            world=mapping.world,
            currency=mapping.currency,
        )
        told = json.loads((folder / "simulated.json").read_text("utf-8"))
        assert report.info.rows == {name: told["rows"][name] for name in CONTRACT}
        assert not any(report.info.quarantined.values())

    def test_a_foreign_folder_is_left_alone(self, tmp_path: Path) -> None:
        (tmp_path / "thesis.txt").write_text("all of it")
        with pytest.raises(DataError, match="something else than a simulated company"):
            write_company(tmp_path, accounts=1, seed=1)
        assert (tmp_path / "thesis.txt").exists()

    def test_a_run_that_fails_leaves_the_old_company(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        out = tmp_path / "out"
        write_company(out, accounts=5, seed=1)

        def broken(seed: int, accounts: int) -> Iterator[Block]:
            yield from simulate(seed, 5)
            raise KeyboardInterrupt

        monkeypatch.setattr(writing, "simulate", broken)
        with pytest.raises(KeyboardInterrupt):
            write_company(out, accounts=300, seed=1, chunk=1)
        assert pq.read_table(out / "customers.parquet").num_rows == 5
        assert [entry.name for entry in tmp_path.iterdir()] == ["out"]

    @pytest.mark.parametrize("size", [{"accounts": 0}, {"accounts": 5, "chunk": 0}])
    def test_a_company_of_nothing_is_refused(self, tmp_path: Path, size: dict[str, int]) -> None:
        with pytest.raises(DataError, match="= 0 cannot be written"):
            write_company(tmp_path / "out", seed=1, **size)

    def test_progress_counts_accounts(self, tmp_path: Path) -> None:
        told: list[tuple[str, int, int]] = []
        write_company(
            tmp_path / "out",
            accounts=BLOCK + 1,
            seed=1,
            chunk=BLOCK,
            progress=lambda *step: told.append(step),
        )
        assert told == [
            ("simulate accounts", BLOCK, BLOCK + 1),
            ("simulate accounts", BLOCK + 1, BLOCK + 1),
        ]


@pytest.fixture
def app() -> typer.Typer:
    """The command alone."""
    app = typer.Typer()
    app.command()(command)
    return app


class TestCommand:
    def test_it_writes_a_company_of_so_many_accounts(
        self, app: typer.Typer, tmp_path: Path
    ) -> None:
        out = tmp_path / "out"
        options = ["--accounts", "20", "--seed", "3", "--out", str(out)]
        result = CliRunner().invoke(app, options, catch_exceptions=False)
        assert result.exit_code == 0
        assert "Simulated: 20 accounts, seed 3" in result.stdout
        assert pq.read_table(out / "customers.parquet").num_rows == 20

    def test_orders_ask_for_about_so_many_lines(self, app: typer.Typer, tmp_path: Path) -> None:
        out = tmp_path / "out"
        options = ["--orders", "60000", "--out", str(out)]
        assert CliRunner().invoke(app, options, catch_exceptions=False).exit_code == 0
        assert pq.read_metadata(out / "orders.parquet").num_rows == pytest.approx(60_000, rel=0.15)
        assert accounts_for(1) == 1

    def test_one_size_must_be_given(self, app: typer.Typer, tmp_path: Path) -> None:
        for sizes in ([], ["--accounts", "5", "--orders", "5"]):
            result = CliRunner().invoke(app, [*sizes, "--out", str(tmp_path / "out")])
            assert result.exit_code == 2
            assert "either --accounts or --orders" in result.output


def test_the_truth_of_any_day_is_that_of_the_month_ends() -> None:
    ends = month_ends()[10:12]
    months = pa.concat_tables([block.truths["months"] for block in simulate(1, SMALL)])
    months = months.filter(pc.is_in(months["as_of"], pa.array(ends)))
    found = truth_on(1, SMALL, ends, (90, 180))
    key = [("customer_id", "ascending"), ("as_of", "ascending")]
    months, found = months.sort_by(key), found.sort_by(key)
    assert found.num_rows == months.num_rows > 0
    for name in ("customer_id", "as_of", "is_alive"):
        assert found[name].to_pylist() == months[name].to_pylist()
    for ours, theirs in (
        ("leave_probability_90d", "churn_probability_90d"),
        ("silence_probability_90d", "silence_probability_90d"),
        ("expected_net_180d", "expected_net_180d"),
    ):
        for mine, other, alive in zip(
            found[ours].to_pylist(),
            months[theirs].to_pylist(),
            months["is_alive"].to_pylist(),
            strict=True,
        ):
            wanted = 1.0 if other is None and not alive else other
            assert mine == pytest.approx(wanted, rel=1e-5, abs=1e-6)
