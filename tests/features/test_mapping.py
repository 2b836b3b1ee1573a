from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.backends import connect
from features.errors import DataError, EmptySourceError, MappingError, SourceNotFoundError
from features.mapping.apply import apply_mapping, read_mapping
from features.sources import SourceReport, ingest

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"

TOP = 'world = "w"\ncurrency = "EUR"\n'
COLUMNS = (
    'columns = { order_id = "id", customer_id = "who", occurred_at = "at", net_amount = "sum" }\n'
)
PLAIN = TOP + '[orders]\nfile = "o.csv"\n' + COLUMNS


def load(folder: Path, toml: str, csv: str | bytes | None = None) -> SourceReport:
    """Ingest ``o.csv`` of a folder through a mapping."""
    (folder / "m.toml").write_text(toml, encoding="utf-8")
    if csv is not None:
        data = csv.encode() if isinstance(csv, str) else csv
        (folder / "o.csv").write_bytes(data)
    mapping = read_mapping(folder / "m.toml")
    connection = connect(threads=1)
    return ingest(
        apply_mapping(mapping, folder, connection),
        folder / "sources",
        connection=connection,
        world=mapping.world,
        currency=mapping.currency,
    )


def rows(folder: Path, table: str = "orders") -> list[dict[str, Any]]:
    read: list[dict[str, Any]] = pq.read_table(folder / "sources" / f"{table}.parquet").to_pylist()
    return read


class TestFiles:
    def test_a_plain_csv(self, tmp_path: Path) -> None:
        report = load(tmp_path, PLAIN, 'id,who,at,sum,note\na,"x, y",2025-01-02 03:04:05,9.5,\n')
        assert report.info.rows == {"orders": 1}
        (row,) = rows(tmp_path)
        assert (row["customer_id"], row["occurred_at"]) == ("x, y", datetime(2025, 1, 2, 3, 4, 5))
        assert report.info.columns["orders"] == (
            "order_id",
            "customer_id",
            "occurred_at",
            "net_amount",
        )

    def test_several_files_are_one_table(self, tmp_path: Path) -> None:
        (tmp_path / "o-1.csv").write_text("id,who,at,sum\na,c,2025-01-01,1\n")
        (tmp_path / "o-2.csv").write_text("sum,at,id,who,more\n2,2025-01-02,b,c,\n")
        load(tmp_path, PLAIN.replace("o.csv", "o-*.csv"))
        assert [(r["order_id"], r["net_amount"]) for r in rows(tmp_path)] == [("a", 1), ("b", 2)]

    def test_a_byte_order_mark_is_no_part_of_the_first_name(self, tmp_path: Path) -> None:
        text = "id,who,at,sum\na,c,2025-01-01,1\n".encode("utf-8-sig")
        assert load(tmp_path, PLAIN, text).info.rows == {"orders": 1}

    def test_parquet_keeps_its_types(self, tmp_path: Path) -> None:
        table = pa.table(
            {
                "id": [1, 2],
                "who": [7.0, None],
                "at": pa.array([datetime(2025, 7, 1, 12)] * 2),
                "seen": pa.array([datetime(2025, 7, 2)] * 2, pa.timestamp("us", "Asia/Shanghai")),
                "sum": [1.5, 2.5],
            }
        )
        pq.write_table(table, tmp_path / "o.parquet")
        toml = PLAIN.replace("o.csv", "o.parquet")
        toml = toml.replace('"sum" }', '"sum", recorded_at = "seen" }')
        report = load(tmp_path, 'timezone = "Europe/Berlin"\n' + toml)
        (row,) = rows(tmp_path)
        assert (row["order_id"], row["customer_id"], row["net_amount"]) == ("1", "7", 1.5)
        assert row["occurred_at"] == datetime(2025, 7, 1, 10)  # wall clock of Berlin
        assert row["recorded_at"] == datetime(2025, 7, 2)  # states its own zone
        assert report.info.quarantined["orders"] == {"missing_customer": 1}

    def test_a_missing_file_is_told_with_a_near_miss(self, tmp_path: Path) -> None:
        (tmp_path / "O.csv.bak").write_text("")
        with pytest.raises(SourceNotFoundError, match=r"orders: no file 'o\.csv'.*'O\.csv\.bak'"):
            load(tmp_path, PLAIN)

    def test_a_pattern_that_is_none_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(MappingError, match=r"'\*\*x\.csv' cannot be looked for"):
            load(tmp_path, PLAIN.replace("o.csv", "**x.csv"))

    def test_a_missing_folder_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "m.toml").write_text(PLAIN)
        with pytest.raises(SourceNotFoundError, match="data folder"):
            apply_mapping(read_mapping(tmp_path / "m.toml"), tmp_path / "none", connect())

    @pytest.mark.parametrize("content", ["", "\n", "   \n"])
    def test_an_empty_file_is_told(self, tmp_path: Path, content: str) -> None:
        with pytest.raises(EmptySourceError, match=r"o\.csv is empty: it has not even a header"):
            load(tmp_path, PLAIN, content)

    def test_only_a_header_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(EmptySourceError, match="orders: the source has no rows"):
            load(tmp_path, PLAIN, "id,who,at,sum\n")

    def test_missing_columns_are_told_together(self, tmp_path: Path) -> None:
        with pytest.raises(MappingError) as caught:
            load(tmp_path, PLAIN, "ID,who,date,sum\n1,2,3,4\n")
        assert caught.value.context["missing"] == ["id", "at"]
        assert "'id' (did you mean 'ID'?), 'at'" in caught.value.message
        assert caught.value.hint == "It has: ID, who, date, sum."

    def test_a_file_that_is_no_csv_does_not_reach_the_terminal(self, tmp_path: Path) -> None:
        garbage = "\x1b[2J\x07PK" + "x" * 500 + "".join(f",y{n}" for n in range(40)) + "\n"
        with pytest.raises(MappingError, match="no column") as caught:
            load(tmp_path, PLAIN, garbage)
        assert caught.value.hint.isprintable()
        assert len(caught.value.hint) < 250
        assert caught.value.hint.endswith("y28 and 11 more.")

    def test_a_wrong_delimiter_is_recognised(self, tmp_path: Path) -> None:
        with pytest.raises(MappingError, match="seems to be separated by ';': set 'delimiter'"):
            load(tmp_path, PLAIN, "id;who;at;sum\n1;2;3;4\n")

    def test_a_column_that_occurs_twice_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(MappingError, match="several columns named 'id'"):
            load(tmp_path, PLAIN, "id,who,id,at,sum\n")

    @pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
    def test_a_line_with_a_field_too_few_is_told(self, tmp_path: Path, encoding: str) -> None:
        toml = PLAIN.replace("[orders]", f'[orders]\nencoding = "{encoding}"')
        with pytest.raises(DataError, match=r"orders.*(Line: 3|got 3: b,c,2025-01-01)"):
            load(tmp_path, toml, "id,who,at,sum\na,c,2025-01-01,1\nb,c,2025-01-01\n")

    def test_a_broken_parquet_file_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "o.parquet").write_bytes(b"PAR1 not really PAR1")
        with pytest.raises(DataError, match=r"o\.parquet is not a readable Parquet file"):
            load(tmp_path, PLAIN.replace("o.csv", "o.parquet"))


class TestEncoding:
    text = "id,who,at,sum\na,上海工业,2025-01-01,1\n"

    def test_any_codec_can_be_named(self, tmp_path: Path) -> None:
        toml = PLAIN.replace("[orders]", '[orders]\nencoding = "gb18030"')
        load(tmp_path, toml, self.text.encode("gb18030"))
        assert rows(tmp_path)[0]["customer_id"] == "上海工业"

    def test_a_wrong_encoding_is_told_with_what_would_fit(self, tmp_path: Path) -> None:
        with pytest.raises(MappingError, match="is not written in utf-8") as caught:
            load(tmp_path, PLAIN, self.text.encode("gb18030"))
        assert "gb18030" in caught.value.context["fitting"]
        assert "utf-8" not in caught.value.context["fitting"]
        assert not (tmp_path / "sources").exists()

    def test_only_what_fits_is_suggested(self, tmp_path: Path) -> None:
        text = self.text.replace("上", "丂").encode("gb18030")  # 0x81: no character of cp1252
        with pytest.raises(MappingError, match=r"Set 'encoding'; gb18030 may fit\."):
            load(tmp_path, PLAIN, text)

    def test_a_file_no_codec_fits_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(MappingError, match=r"Export it again as UTF-8\."):
            load(tmp_path, PLAIN, b"id,who\x81\xff\n")

    def test_an_unknown_encoding_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(MappingError, match="unknown encoding 'utf-9'"):
            load(tmp_path, PLAIN.replace("[orders]", '[orders]\nencoding = "utf-9"'), self.text)


class TestValues:
    def test_german_numbers_and_times(self, tmp_path: Path) -> None:
        options = 'delimiter = ";"\ndecimal = ","\nthousands = "."\n'
        options += 'timestamp_format = "%d.%m.%Y %H:%M"\n'
        toml = 'timezone = "Europe/Berlin"\n' + PLAIN.replace("[orders]\n", "[orders]\n" + options)
        text = (
            "id;who;at;sum\n"
            "winter;c;31.01.2025 00:30;1.234,50\n"
            "summer;c;01.07.2025 00:30;7\n"
            "odd;c;2025/07/01;7\n"
            "worse;c;01.07.2025 00:30;7,,5\n"
        )
        report = load(tmp_path, toml, text)
        assert [(r["order_id"], r["occurred_at"], r["net_amount"]) for r in rows(tmp_path)] == [
            ("winter", datetime(2025, 1, 30, 23, 30), 1234.5),
            ("summer", datetime(2025, 6, 30, 22, 30), 7),
        ]
        assert report.info.quarantined["orders"] == {"bad_timestamp": 1, "bad_number": 1}
        (first,) = report.examples["orders"]["bad_timestamp: occurred_at"]
        assert '"2025/07/01 (not %d.%m.%Y %H:%M)"' in first

    @pytest.mark.parametrize(
        ("options", "text", "read"),
        [
            ('decimal = ","', "-1234,5", -1234.5),
            ('decimal = ","', "1.234", None),
            ('decimal = ","\nthousands = "."', "1.234.567", 1234567),
            ('decimal = ","\nthousands = "."', "12.50", None),
            ('thousands = ","', "1,234.50", 1234.5),
            ('thousands = " "', "+1 234", 1234),
            ('thousands = ","', "12,34", None),
            ("", "1,234", None),
        ],
    )
    def test_marks_in_numbers_are_read_strictly(
        self, tmp_path: Path, options: str, text: str, read: float | None
    ) -> None:
        toml = PLAIN.replace("[orders]\n", f'[orders]\nreturns = "negative_amount"\n{options}\n')
        report = load(tmp_path, toml, f'id,who,at,sum\na,c,2025-01-01,"{text}"\nb,c,2025-01-01,0\n')
        assert report.info.quarantined["orders"] == ({} if read is not None else {"bad_number": 1})
        assert [row["net_amount"] for row in rows(tmp_path) if row["order_id"] == "a"] == (
            [] if read is None else [read]
        )

    def test_a_stated_offset_wins_over_the_time_zone(self, tmp_path: Path) -> None:
        text = (
            "id,who,at,sum\na,c,2025-01-01T12:00:00Z,1\nb,c,2025-01-01T12:00:00+01:00,1\n"
            "d,c,2025-01-01 12:00,1\ne,c,2025-01-01 12:00+02:00,1\nf,c,2025-01-01T12:00Z,1\n"
        )
        load(tmp_path, 'timezone = "Asia/Shanghai"\n' + PLAIN, text)
        assert {r["order_id"]: r["occurred_at"].hour for r in rows(tmp_path)} == {
            "a": 12,
            "b": 11,
            "d": 4,
            "e": 10,
            "f": 12,
        }

    def test_unreadable_times_are_refused_with_what_the_file_said(self, tmp_path: Path) -> None:
        with pytest.raises(EmptySourceError, match="bad_timestamp: occurred_at 1") as caught:
            load(tmp_path, PLAIN, "id,who,at,sum\na,c,next Monday,1\n")
        assert "next Monday" in caught.value.message

    def test_numbers_that_are_dates_need_a_format(self, tmp_path: Path) -> None:
        text = "id,who,at,sum\na,c,20250102,1\n"
        with pytest.raises(EmptySourceError, match="bad_timestamp: occurred_at 1"):
            load(tmp_path, PLAIN, text)
        load(tmp_path, PLAIN.replace("[orders]", '[orders]\ntimestamp_format = "%Y%m%d"'), text)
        assert rows(tmp_path)[0]["occurred_at"] == datetime(2025, 1, 2)

    def test_constants_and_line_numbers(self, tmp_path: Path) -> None:
        options = 'line_number = true\nconstants = { category = "parts", is_return = false }\n'
        text = "id,who,at,sum\n" + "a,c,2025-01-01,1\n" * 2
        report = load(tmp_path, PLAIN.replace("[orders]\n", "[orders]\n" + options), text)
        assert [(r["line_id"], r["category"]) for r in rows(tmp_path)] == [
            ("1", "parts"),
            ("2", "parts"),
        ]
        assert report.info.quarantined["orders"] == {}

    def test_without_line_numbers_the_same_order_is_a_duplicate(self, tmp_path: Path) -> None:
        text = "id,who,at,sum\n" + "a,c,2025-01-01,1\n" * 2
        assert load(tmp_path, PLAIN, text).info.quarantined["orders"] == {"duplicate_key": 1}


class TestRules:
    text = (
        "id,who,at,sum,qty,state\n"
        "s1,c,2025-01-01,10,1,ok\n"
        "C2,c,2025-01-02,-4,-1,ok\n"
        "s3,c,2025-01-03,10,1,void\n"
        "s4,c,2025-01-04,0,-1,\n"
    )

    def flags(self, folder: Path, rules: str) -> tuple[dict[str, tuple[bool, bool]], SourceReport]:
        toml = PLAIN.replace('"sum" }', '"sum", quantity = "qty" }') + rules
        report = load(folder, toml, self.text)
        read = {r["order_id"]: (r["is_return"], r["is_cancelled"]) for r in rows(folder)}
        return read, report

    def test_without_rules_negative_lines_are_refused(self, tmp_path: Path) -> None:
        read, report = self.flags(tmp_path, "")
        assert read == {"s1": (False, False), "s3": (False, False)}
        assert report.info.quarantined["orders"] == {"negative_quantity": 2}

    def test_returns_by_quantity(self, tmp_path: Path) -> None:
        read, _ = self.flags(tmp_path, 'returns = "negative_quantity"\n')
        assert [k for k, (is_return, _) in read.items() if is_return] == ["C2", "s4"]

    def test_returns_by_amount(self, tmp_path: Path) -> None:
        read, report = self.flags(tmp_path, 'returns = "negative_amount"\n')
        assert [k for k, (is_return, _) in read.items() if is_return] == ["C2"]
        assert report.info.quarantined["orders"] == {"negative_quantity": 1}

    def test_by_prefix_and_by_value(self, tmp_path: Path) -> None:
        rules = (
            'returns = { column = "id", prefix = "C" }\n'
            'cancelled = { column = "state", equals = ["void", "undone"] }\n'
        )
        read, _ = self.flags(tmp_path, rules)
        assert read == {"s1": (False, False), "C2": (True, False), "s3": (False, True)}

    def test_the_column_of_a_rule_must_be_in_the_file(self, tmp_path: Path) -> None:
        with pytest.raises(MappingError, match=r"no column 'status' .*'state'"):
            self.flags(tmp_path, 'cancelled = { column = "status", equals = ["void"] }\n')


FAULTS = [
    ('nam = "x"', "unknown key 'nam'"),
    ('curency = "EUR"', "unknown key 'curency' (did you mean 'currency'?)"),
    ('simulated = "no"', "'simulated' must be a true or false"),
    (
        'timezone = "Europe/Berln"',
        "unknown timezone 'Europe/Berln' (did you mean 'Europe/Ber",
    ),
    ("timezone = 1", "'timezone' must be a text"),
    ("tickets = 3", "'tickets' must be a table"),
    ("[ticket]", "unknown key 'ticket' (did you mean 'tickets'?)"),
    ("[tickets]", "[tickets] required column 'ticket_id' is not mapped"),
    ("[tickets]", "[tickets] 'file' is missing"),
    ('[tickets]\nfile = "/t.csv"', "[tickets] 'file' must be relative to the data folder"),
    ("[tickets]\nline_number = true", "[tickets] unknown key 'line_number'"),
]

ORDER_FAULTS = [
    ('delimeter = ";"', "[orders] unknown key 'delimeter' (did you mean 'delimiter'?)"),
    ('delimiter = "; "', "'delimiter' must be one character"),
    ("encoding = 8", "[orders] 'encoding' must be a text"),
    ('decimal = ";"', "'decimal' must be '.' or ','"),
    ('thousands = "."', "'decimal' must be '.' or ',', and not also 'thousands'"),
    ("constants = { net_amount = 1 }", "[orders] 'net_amount' is given in more than one way"),
    ('constants = { colour = "red" }', "[orders] unknown contract column 'colour'"),
    ('returns = "all"', "[orders] returns must be 'negative_quantity'"),
    ("returns = { column = 'id', prefix = '' }", "[orders] returns must be"),
    ("cancelled = { column = 'id', equals = [] }", "[orders] cancelled must be"),
    ("cancelled = { column = 'id', like = 'C' }", "[orders] cancelled must be"),
    ('returns = "negative_quantity"', "'negative_quantity' needs the column 'quantity'"),
    (
        "returns = 'negative_amount'\nconstants = { is_return = false }",
        "'is_return' is given in more",
    ),
    (
        "line_number = true\nconstants = { line_id = '1' }",
        "'line_id' is given in more than one way",
    ),
]


class TestFormat:
    @pytest.mark.parametrize(("line", "told"), FAULTS)
    def test_a_fault_of_the_top_is_told(self, tmp_path: Path, line: str, told: str) -> None:
        end = line.startswith("[")
        toml = f"{PLAIN}{line}" if end else f"{line}\n{PLAIN}"
        with pytest.raises(MappingError) as caught:
            load(tmp_path, toml)
        assert told in caught.value.message

    @pytest.mark.parametrize(("line", "told"), ORDER_FAULTS)
    def test_a_fault_of_a_table_is_told(self, tmp_path: Path, line: str, told: str) -> None:
        with pytest.raises(MappingError) as caught:
            load(tmp_path, PLAIN + line)
        assert told in caught.value.message

    def test_all_faults_are_told_at_once(self, tmp_path: Path) -> None:
        toml = '[orders]\ncolumns = { order_id = "id", line_id = "id", cost = 3, prize = "p" }'
        with pytest.raises(MappingError) as caught:
            load(tmp_path, toml)
        assert caught.value.context["faults"] == [
            "'world' is missing",
            "'currency' is missing",
            "[orders] 'file' is missing (or 'relation', of a database)",
            "[orders] unknown contract column 'prize'",
            "[orders] 'id' is mapped twice: to order_id and to line_id",
            "[orders] columns.cost must be the name of a column",
            "[orders] required column 'customer_id' is not mapped",
            "[orders] required column 'occurred_at' is not mapped",
            "[orders] required column 'net_amount' is not mapped",
        ]

    def test_orders_must_be_mapped(self, tmp_path: Path) -> None:
        with pytest.raises(MappingError, match=r"table \[orders\] is missing"):
            load(tmp_path, TOP)

    @pytest.mark.parametrize(
        "toml", ["world = ", PLAIN + 'file = "again.csv"', 'columns = { a = "x", a = "y" }']
    )
    def test_what_is_no_toml_is_told(self, tmp_path: Path, toml: str) -> None:
        with pytest.raises(MappingError, match=r"m\.toml is not valid TOML.*line 1|only once"):
            load(tmp_path, toml)

    def test_a_mapping_that_is_not_utf8_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "m.toml").write_bytes('world = "Müller"'.encode("cp1252"))
        with pytest.raises(MappingError, match="is not valid TOML"):
            read_mapping(tmp_path / "m.toml")

    def test_a_missing_mapping_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(MappingError, match="cannot be read: No such file"):
            read_mapping(tmp_path / "none.toml")


def test_the_example_takes_the_files_it_describes(tmp_path: Path) -> None:
    mapping = read_mapping(EXAMPLES / "mapping.toml")
    header = list(mapping.tables["orders"].columns.values())
    german = [
        ";".join([*header, "Status"]),
        'B1;1;K7;03.02.2025 09:15;"1.200,00";0;800,5;3;Lager;ok',
        "B1;2;K7;03.02.2025 09:15;-50,00;0;;-1;Lager;",
        "B2;1;K8;04.02.2025 10:00;70;0;;1;Öle;storno",
    ]
    (tmp_path / "orders-2025.csv").write_text("\n".join(german), encoding="cp1252")
    (tmp_path / "customers.csv").write_text("id,company,industry\nK7,Sieben GmbH,metal\n")
    (tmp_path / "visits.csv").write_text("visit_id,customer,start\n1,K7,2025-02-01 08:00\n")
    issued = [datetime(2025, 2, 4)]
    columns = {"invoice_no": ["R1"], "customer_no": ["K7"], "gross": [1150.0]}
    times = {"issued": issued, "due": [datetime(2025, 3, 6)], "paid": [datetime(2025, 3, 1)]}
    pq.write_table(pa.table({**columns, **times}), tmp_path / "invoices.parquet")

    report = load(tmp_path, (EXAMPLES / "mapping.toml").read_text(encoding="utf-8"))
    assert report.info.rows == {"customers": 1, "orders": 3, "invoices": 1, "interactions": 1}
    assert all(not refused for refused in report.info.quarantined.values())
    sold, back, void = rows(tmp_path)
    assert (sold["net_amount"], sold["occurred_at"]) == (1200, datetime(2025, 2, 3, 8, 15))
    assert (back["is_return"], void["is_cancelled"], void["category"]) == (True, True, "Öle")
