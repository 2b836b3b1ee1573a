"""One customer's rows give the indicators that a whole world's give him (#95)."""

from __future__ import annotations

import gc
import io
import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from ibis.backends import BaseBackend

from features.backends import ENGINE_ERRORS, connect
from features.contract import CONTRACT
from features.publish import materialise
from features.schema import CATALOGUE, IndicatorFrame
from features.single import question as questions
from features.single.__main__ import serve
from features.single.answering import Answering
from features.single.question import NEEDS_OTHERS, OTHER_CURRENCY, Cell, Question, Told
from features.snapshot import Snapshot
from features.sources import ingest, open_sources
from features.worlds import cdnow
from tests.features.simulated import whole

DAY = date(2026, 6, 30)


@dataclass(frozen=True)
class World:
    """Sources, and the indicators of everybody in them."""

    folder: Path
    frame: IndicatorFrame
    columns: Mapping[str, tuple[str, ...]]
    currency: str
    tables: Mapping[str, pa.Table]

    def question(self, customer_id: str) -> Question:
        rows = {
            name: [
                {column: cell(value) for column, value in row.items()}
                for row in table.filter(pc.equal(table["customer_id"], customer_id)).to_pylist()
            ]
            for name, table in self.tables.items()
            if CONTRACT[name].has_customer
        }
        market = self.folder / "market.parquet"
        return Question(
            as_of=self.frame.as_of,
            currency=self.currency,
            columns=self.columns,
            market=str(market) if market.is_file() else "",
            rows=rows,
        )

    def published(self, customer_id: str) -> dict[str, float]:
        place = list(self.frame.customer_id).index(customer_id)
        return dict(zip(self.frame.columns, self.frame.values[place].tolist(), strict=True))

    def some(self) -> list[str]:
        """The first, the last, some between, and those who won others."""
        ids = [str(name) for name in self.frame.customer_id]
        won = self.frame.values[:, self.frame.columns.index("referral_count_730d")]
        winners = [name for name, n in zip(ids, won, strict=True) if n > 0][:2]
        return list(dict.fromkeys([*ids[:: len(ids) // 4], ids[-1], *winners]))


def cell(value: object) -> Cell:
    if value is None or isinstance(value, (str, bool, float)):
        return value
    return value.isoformat() if isinstance(value, datetime) else str(value)


@pytest.fixture(scope="module")
def link() -> Iterator[BaseBackend]:
    connection = connect(threads=1)
    yield connection
    connection.disconnect()


@pytest.fixture(scope="module")
def answering(link: BaseBackend) -> Answering:
    """One for all tests, as one process answers all that is asked: each finds what others left."""
    return Answering(link)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, link: BaseBackend) -> World:
    folder = tmp_path_factory.mktemp("world") / "sources"
    raw = {
        name: link.create_table(f"raw_{name}", table)
        for name, table in whole(5, 60).items()
        if name in CONTRACT
    }
    ingest(raw, folder, connection=link, world="company", currency="CNY", simulated=True)
    sources = open_sources(folder, link)
    frame = materialise(sources, Snapshot.at(DAY))
    info = sources.info
    tables = {name: pq.read_table(folder / f"{name}.parquet") for name in info.columns}
    return World(folder, frame, info.columns, info.currency, tables)


def differing(told: Told, published: Mapping[str, float]) -> set[str]:
    return {name for name in CATALOGUE if bits(told.indicators[name]) != bits(published[name])}


def bits(value: float | None) -> bytes:
    return b"" if value is None or value != value else struct.pack("<d", value)


def test_all_but_those_that_need_others_are_bit_for_bit_those_of_the_world(
    world: World, answering: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(questions, "NEEDS_OTHERS", frozenset())
    found: set[str] = set()
    for customer in world.some():
        told = answering.answer(world.question(customer))
        assert told.rejected == ()
        found |= differing(told, world.published(customer))
    assert found == NEEDS_OTHERS


def test_what_needs_others_is_unknown_and_told(world: World, answering: Answering) -> None:
    question = world.question(world.some()[0])
    assert question.missing() == dict.fromkeys(
        (name for name in CATALOGUE if name in NEEDS_OTHERS), "other_customers"
    )
    told = answering.answer(question)
    assert {told.indicators[name] for name in NEEDS_OTHERS} == {None}


def test_without_the_market_its_indicators_are_unknown_and_told(
    world: World, answering: Answering
) -> None:
    question = replace(world.question(world.some()[1]), market="")
    of_market = {n for n, what in question.missing().items() if what == "market"}
    assert of_market == {"industry_index_change_12m", "policy_impact_365d"}
    told = answering.answer(question)
    assert {told.indicators[name] for name in of_market} == {None}


def test_what_the_world_lacks_is_unknown_to_everybody(world: World, answering: Answering) -> None:
    question = world.question(world.some()[1])
    columns = {"orders": [n for n in question.columns["orders"] if n != "cost"]}
    assert question.missing()["profit_share_365d"] == "other_customers"
    told = answering.answer(replace(question, columns=columns, market=""))
    assert told.indicators["gross_margin_rate_365d"] is None
    assert told.indicators["meeting_count_180d"] is None
    assert "profit_share_365d" not in replace(question, columns=columns).missing()


def test_refused_rows_are_told_with_their_place(answering: Answering) -> None:
    columns = {name: CONTRACT[name].column_names for name in ("orders", "invoices", "customers")}
    good = {"order_id": "1", "occurred_at": "2026-06-01", "net_amount": 10, "currency": "eur"}
    rows = {
        "orders": [
            good,
            {**good, "order_id": "2", "occurred_at": "never"},
            good,
            {**good, "order_id": "3", "currency": "USD"},
            {**good, "order_id": " "},
            {**good, "order_id": "5", "net_amount": -1, "is_return": False},
            {**good, "order_id": "6", "net_amount": -1, "is_return": True},
        ],
        "invoices": [{"invoice_id": "9"}],
    }
    told = answering.answer(Question(DAY, "EUR", columns, "", rows))
    assert [(r.table, r.row, r.reason, r.column) for r in told.rejected] == [
        ("orders", 1, "bad_timestamp", "occurred_at"),
        ("orders", 2, "duplicate_key", ""),
        ("orders", 3, OTHER_CURRENCY, "currency"),
        ("orders", 4, "missing_key", "order_id"),
        ("orders", 5, "negative_amount", ""),
        ("invoices", 0, "bad_timestamp", "occurred_at"),
    ]
    assert told.indicators["net_amount_365d"] == 9.0
    assert told.indicators["acquisition_cost"] is None


def test_versions_count_as_known_by_the_day(answering: Answering) -> None:
    columns = {"orders": CONTRACT["orders"].column_names}
    row = {"order_id": "1", "occurred_at": "2026-06-01", "net_amount": 10}
    corrected = {**row, "net_amount": 30, "recorded_at": "2026-06-20"}
    later = {**row, "net_amount": 99, "recorded_at": "2026-07-20"}
    told = answering.answer(Question(DAY, "EUR", columns, "", {"orders": [row, corrected, later]}))
    assert told.rejected == ()
    assert told.indicators["net_amount_365d"] == 30.0


def test_nobody_without_an_order_by_the_day(answering: Answering) -> None:
    columns = {"orders": CONTRACT["orders"].column_names}
    row: dict[str, Cell] = {"order_id": "1", "occurred_at": "2026-07-01", "net_amount": 10}
    assert answering.answer(Question(DAY, "EUR", columns, "", {"orders": [row]})).indicators == {}
    assert answering.answer(Question(DAY, "EUR", columns, "", {})).indicators == {}


def test_nothing_is_left_on_the_connection(world: World, link: BaseBackend) -> None:
    def relations() -> set[str]:
        gc.collect()
        return {name for (name,) in link.raw_sql("SHOW TABLES").fetchall()}

    before = relations()
    question = world.question(world.some()[0])
    assert question.market
    mine = Answering(link)
    mine.answer(question)
    assert not relations() <= before
    mine.answer(replace(question, rows={}))
    mine.close()
    assert relations() <= before


def test_a_question_finds_nothing_of_the_one_before(
    world: World, answering: Answering, link: BaseBackend
) -> None:
    first, second = map(world.question, world.some()[:2])
    second = replace(second, rows={"orders": second.rows["orders"][::2]})
    told = [answering.answer(each) for each in (first, second, first)]
    assert told[0] == told[2] != told[1]
    fresh = Answering(link)
    assert fresh.answer(second) == told[1]
    fresh.close()


def test_versions_come_and_go_between_questions(answering: Answering) -> None:
    columns = {"orders": CONTRACT["orders"].column_names}
    row = {"order_id": "1", "occurred_at": "2026-06-01", "net_amount": 10}
    corrected = {**row, "net_amount": 30, "recorded_at": "2026-06-20"}
    found = [
        answering.answer(Question(DAY, "EUR", columns, "", {"orders": rows})).indicators
        for rows in ([row], [row, corrected], [row], [corrected])
    ]
    assert [each["net_amount_365d"] for each in found] == [10.0, 30.0, 10.0, 30.0]


def test_only_the_settings_used_last_stay(link: BaseBackend) -> None:
    def relations() -> int:
        return len(link.raw_sql("SHOW TABLES").fetchall())

    columns = {"orders": CONTRACT["orders"].column_names}
    row: dict[str, Cell] = {"order_id": "1", "occurred_at": "2026-06-01", "net_amount": 10}
    mine = Answering(link, kept=1)
    sizes = []
    for day in (1, 2):
        mine.answer(Question(date(2026, 7, day), "EUR", columns, "", {"orders": [row]}))
        sizes.append(relations())
    assert sizes[0] == sizes[1]
    mine.close()
    assert relations() < sizes[0]


def test_a_setting_that_cannot_be_made_leaves_nothing(world: World, link: BaseBackend) -> None:
    before = link.raw_sql("SHOW TABLES").fetchall()
    question = replace(world.question(world.some()[0]), market="no such file")
    with pytest.raises(ENGINE_ERRORS):
        Answering(link).answer(question)
    assert link.raw_sql("SHOW TABLES").fetchall() == before


def test_a_question_that_breaks_half_way_leaves_nothing(
    link: BaseBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = {"orders": CONTRACT["orders"].column_names}
    row: dict[str, Cell] = {"order_id": "1", "occurred_at": "2026-06-01", "net_amount": 10}
    before = link.raw_sql("SHOW TABLES").fetchall()

    def broken(*_: object) -> None:
        raise RuntimeError("half-way")

    monkeypatch.setattr("features.single.setting.indicator_frame", broken)
    with pytest.raises(RuntimeError, match="half-way"):
        Answering(link).answer(Question(DAY, "EUR", columns, "", {"orders": [row]}))
    assert link.raw_sql("SHOW TABLES").fetchall() == before


def test_a_process_answers_line_by_line(world: World, answering: Answering) -> None:
    question = world.question(world.some()[0])
    beyond: dict[str, Cell] = {
        "order_id": "1",
        "occurred_at": "2026-06-01",
        "net_amount": "99999999999999",
    }
    too_much = replace(question, rows={"orders": [{**beyond, "line_id": str(n)} for n in range(2)]})
    out = io.StringIO()
    lines = "".join(f"{each.to_json()}\n" for each in (question, too_much, question))
    serve(io.StringIO(lines), out)
    ready, first, refused, again = map(json.loads, out.getvalue().splitlines())
    assert ready == {"ready": True}
    assert set(refused) == {"fault"}
    assert first == again
    told = Told.from_json(first["told"])
    assert dict(told.indicators) == dict(answering.answer(question).indicators)


def test_real_customers_too(tmp_path: Path, link: BaseBackend, answering: Answering) -> None:
    loaded = cdnow.tables(link)
    ingest(loaded.tables, tmp_path / "sources", connection=link, world="cdnow", currency="USD")
    sources = open_sources(tmp_path / "sources", link)
    frame = materialise(sources, Snapshot.at(date(1998, 3, 31)))
    table = pq.read_table(tmp_path / "sources" / "orders.parquet")
    world = World(tmp_path / "sources", frame, sources.info.columns, "USD", {"orders": table})
    for customer in world.some()[:4]:
        question = world.question(customer)
        told = answering.answer(question)
        assert differing(told, world.published(customer)) <= set(question.missing())
