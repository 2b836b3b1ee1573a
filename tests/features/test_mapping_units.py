"""Units, codes and rules of a mapping: what becomes of values, and what is refused."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from features.errors import MappingError
from tests.features.mapped import HEADER, PLAIN, accepted, by, refused, take_in, write

TICKETS = """\
[tickets]
file = "tickets.csv"
columns = { ticket_id = "no", customer_id = "who", occurred_at = "at", severity = "sev", \
is_complaint = "c", csat = "stars" }
"""


class TestScale:
    @pytest.mark.parametrize(
        ("factor", "text", "amount"),
        [
            ("10000", "12.3456789", "123456.7890"),  # 万元, exactly
            ('"0.01"', "1999", "19.9900"),  # 分
            ("0.07", "1.1", "0.0770"),  # no binary 0.07000000000000001
            ("0.5", "0.0001", "0.0001"),  # half away from zero at the fourth decimal
            ('"7.1234"', "9999999999999", "71233999999992.8766"),
        ],
    )
    def test_amounts_are_multiplied_exactly(
        self, tmp_path: Path, factor: str, text: str, amount: str
    ) -> None:
        write(tmp_path, orders=f"{HEADER}\na,c,2025-01-01,{text}")
        report = take_in(tmp_path, PLAIN + f"scale = {{ net_amount = {factor} }}\n")
        assert [row["net_amount"] for row in accepted(tmp_path)] == [Decimal(amount)]
        assert report.info.totals["orders"]["net_amount"].source == Decimal(amount)

    def test_what_is_no_number_or_too_large_is_refused_as_it_came(self, tmp_path: Path) -> None:
        lines = "a,c,2025-01-01,1 b,c,2025-01-01,ten d,c,2025-01-01, e,c,2025-01-01,99999999999"
        write(tmp_path, orders=f"{HEADER} {lines}")
        take_in(tmp_path, PLAIN + "scale = { net_amount = 10000 }\n")
        rows = {row["row"]["order_id"]: row["row"]["net_amount"] for row in refused(tmp_path)}
        assert rows == {
            "b": "ten (no number to multiply by 10000)",
            "d": None,
            "e": "99999999999 (no number to multiply by 10000)",
        }
        assert {(r["reason"], r["note"]) for r in refused(tmp_path)} == {
            ("bad_number", "net_amount")
        }

    def test_numbers_have_a_scale_too(self, tmp_path: Path) -> None:
        write(tmp_path, orders=f"{HEADER} a,k,2025-01-01,1")
        write(tmp_path, tickets="no,who,at,sev,c,stars t1,k,2025-01-01,,,4.5 t2,k,2025-01-01,,,")
        take_in(tmp_path, PLAIN + TICKETS + "scale = { csat = 20 }\n")
        assert by(accepted(tmp_path, "tickets"), "ticket_id", "csat") == {"t1": 90.0, "t2": None}


class TestCodes:
    text = "no,who,at,sev,c,stars t1,k,2025-01-01,1,J,5 t2,k,2025-01-01,,N,5 t3,k,2025-01-01,7,x,5"
    codes = 'codes.severity = { "1" = "low", "2" = "high" }\n'
    yes_no = "codes.is_complaint = { J = true, N = false }\n"

    def take(self, folder: Path, codes: str) -> None:
        write(folder, orders=f"{HEADER} a,k,2025-01-01,1", tickets=self.text)
        self.report = take_in(folder, PLAIN + TICKETS + codes)

    def test_codes_mean_what_the_mapping_says(self, tmp_path: Path) -> None:
        self.take(tmp_path, self.codes + self.yes_no)
        rows = accepted(tmp_path, "tickets")
        assert by(rows, "ticket_id", "severity") == {"t1": "low", "t2": None}
        assert by(rows, "ticket_id", "is_complaint") == {"t1": True, "t2": False}

    def test_an_unknown_code_is_refused_with_its_column_and_row(self, tmp_path: Path) -> None:
        self.take(tmp_path, self.codes + self.yes_no)
        (row,) = refused(tmp_path, "tickets")
        assert (row["reason"], row["note"]) == ("bad_code", "severity")
        assert (row["row"]["severity"], row["row"]["is_complaint"]) == ("7", "x")
        matched = {c.label: c.matched for c in self.report.info.causes["tickets"]}
        assert matched["bad_code: is_complaint"] == 1  # the second column is told as well
        assert '"severity":"7"' in self.report.to_text()

    def test_every_other_code_may_have_a_meaning(self, tmp_path: Path) -> None:
        self.take(
            tmp_path,
            'codes.severity = { "1" = "low", "*" = "other" }\n'
            + 'codes.is_complaint = { "x" = true, "*" = false }\n',
        )
        rows = accepted(tmp_path, "tickets")
        assert by(rows, "ticket_id", "severity") == {"t1": "low", "t2": None, "t3": "other"}
        assert by(rows, "ticket_id", "is_complaint") == {"t1": False, "t2": False, "t3": True}

    def test_codes_of_numbers(self, tmp_path: Path) -> None:
        self.text = self.text.replace(",5", ",good")
        self.take(tmp_path, "codes.csat = { good = 87.5 }\n" + self.yes_no.replace("N", '"*"'))
        assert {row["csat"] for row in accepted(tmp_path, "tickets")} == {87.5}


class TestExclude:
    lines = "a,k,2025-01-01,9,x b,k,2025-01-01,5,post c,,2025-01-01,4,post-fee d,k,soon,3,test"
    rules = """\
exclude = [
  { note = "postage", column = "kind", prefix = "post" },
  { note = "no sale", column = "kind", equals = ["post", "test"] },
]
"""

    def test_each_rule_counts_its_rows_in_all_and_as_the_first(self, tmp_path: Path) -> None:
        write(tmp_path, orders=f"{HEADER},kind {self.lines}")
        report = take_in(tmp_path, PLAIN + self.rules)
        assert report.info.quarantined["orders"] == {"excluded": 3}
        counted = {c.label: (c.refused, c.matched) for c in report.info.causes["orders"]}
        assert counted == {
            "excluded: postage": (2, 2),
            "excluded: no sale": (1, 2),
            "missing_customer": (0, 1),
            "bad_timestamp: occurred_at": (0, 1),
        }
        assert {row["row"]["order_id"]: row["note"] for row in refused(tmp_path)} == {
            "b": "postage",
            "c": "postage",
            "d": "no sale",
        }
        told = report.to_text()
        assert "postage: 2" in told
        assert "no sale: 1; fits 2 in all" in told
        assert "missing_customer: fits 1 rows refused for an earlier reason" in told
        assert "net_amount: 21.0000 in the source = 9.0000 accepted + 12.0000 refused" in told

    def test_true_and_false_can_be_looked_for(self, tmp_path: Path) -> None:
        write(tmp_path, orders=f"{HEADER},kind a,k,2025-01-01,9,true b,k,2025-01-01,5,false")
        rule = 'exclude = [{ note = "no", column = "kind", equals = [false] }]\n'
        take_in(tmp_path, PLAIN + rule)
        assert [row["order_id"] for row in accepted(tmp_path)] == ["a"]


FAULTS = [
    ("scale = { order_id = 2 }", "[orders] scale.order_id must name a mapped column of amounts"),
    ("scale = { cost = 2 }", "[orders] scale.cost must name a mapped column"),
    ("scale = { net_amount = 0 }", "scale.net_amount must be a decimal number above 0"),
    ("scale = { net_amount = true }", "scale.net_amount must be a decimal number above 0"),
    ('scale = { net_amount = "x" }', "scale.net_amount must be a decimal number above 0"),
    ('scale = { net_amount = "nan" }', "scale.net_amount must be a decimal number above 0"),
    ("scale = { net_amount = 0.123456789 }", "with at most 8 decimals"),
    ("scale = 3", "[orders] 'scale' must be a table"),
    ("codes.net_amount = { a = 1 }", "codes.net_amount must name a mapped column of texts"),
    ('codes.category = { a = "b" }', "codes.category must name a mapped column of texts"),
    ("codes.order_id = {}", "codes.order_id must be a table of code = value"),
    ("codes.order_id = { a = 1 }", "codes.order_id: each value must be a text"),
    ("exclude = [3]", "[orders] exclude 1 must be a table with a 'note' that says why"),
    ('exclude = [{ column = "id", prefix = "x" }]', "exclude 1 must be a table with a 'note'"),
    ('exclude = [{ note = "n", column = "id" }]', "[orders] exclude 1 must be 'negative_quantity'"),
    ('exclude = "all"', "[orders] 'exclude' must be a list"),
    ('relation = "o"', "[orders] has both 'file' and 'relation'"),
]


@pytest.mark.parametrize(("line", "told"), FAULTS)
def test_a_fault_of_units_codes_and_rules_is_told(tmp_path: Path, line: str, told: str) -> None:
    with pytest.raises(MappingError) as caught:
        take_in(tmp_path, PLAIN + line)
    assert told in caught.value.message


def test_the_column_of_an_exclusion_must_be_there(tmp_path: Path) -> None:
    write(tmp_path, orders=f"{HEADER} a,k,2025-01-01,9")
    rule = 'exclude = [{ note = "n", column = "summ", prefix = "x" }]\n'
    with pytest.raises(MappingError, match=r"no column 'summ' \(did you mean 'sum'\?\)"):
        take_in(tmp_path, PLAIN + rule)


def test_a_column_that_most_rows_fail_on_is_told(tmp_path: Path) -> None:
    write(tmp_path, orders=f"{HEADER} a,k,2025-01-01,9 b,k,1.2.25,9 d,k,2.2.25,9")
    report = take_in(tmp_path, PLAIN)
    assert report.notes == (
        "orders: 2 of 3 rows are refused for bad_timestamp: occurred_at: "
        "check the mapping of this column",
    )
    assert '"occurred_at":"1.2.25"' in report.to_text()
