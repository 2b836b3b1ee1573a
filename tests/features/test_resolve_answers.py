from __future__ import annotations

import csv
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer
from typer.testing import CliRunner

from features.commands import resolve as command
from features.errors import ContractError, SourceNotFoundError
from features.identity.answers import Answer, add_answers, constraints, effective, read_answers
from features.identity.records import Record
from features.identity.resolve import resolve

APP = typer.Typer()
APP.command()(command.resolve)
HEAD = "left,right,answer,who,when\n"


def answer(left: str, right: str, word: str, when: str = "2026-01-01", who: str = "li") -> Answer:
    return Answer(when, left, right, word, who)


def written(folder: Path, text: str, head: str = HEAD) -> Path:
    path = folder / "given.csv"
    path.write_text(head + text, "utf-8")
    return path


def masters(folder: Path) -> dict[str, str]:
    table = pq.read_table(folder / "masters.parquet")
    return dict(zip(table["customer_id"].to_pylist(), table["master_id"].to_pylist(), strict=True))


RECORDS = [
    Record("a", "上海华联科技有限公司", phone="13800138000"),
    Record("b", "华联科技", phone="+86 138 0013 8000"),
    Record("c", "Nordwind GmbH", city="Berlin"),
    Record("d", "Gridyne Ltd."),
]


def test_answers_are_read_in_two_languages_and_two_formats(tmp_path: Path) -> None:
    path = written(tmp_path, "b,a,相同,li,2026-01-02\nc,d,,,\nc,d,Different,wu,2026-01-03T10:00Z\n")
    told = [answer("a", "b", "same", "2026-01-02"),
            answer("c", "d", "different", "2026-01-03T10:00Z", "wu")]  # fmt: skip
    assert read_answers(path) == told
    rows = pa.table(
        {
            "customer_id_left": ["b", "c"],
            "customer_id_right": ["a", "d"],
            "answer": ["same", "different"],
            "who": ["li", "wu"],
            "when": ["2026-01-02", "2026-01-03T10:00Z"],
        }
    )
    pq.write_table(rows, tmp_path / "given.parquet")
    assert read_answers(tmp_path / "given.parquet") == told


def test_faulty_answers_are_told_all_at_once(tmp_path: Path) -> None:
    rows = "a,b,maybe,li,2026-01-01\na,a,same,li,2026-01-01\na,b,same,,2026-01-01\n"
    rows += "a,b,same,li,soon\n,b,same,li,2026-01-01\n"
    with pytest.raises(ContractError) as caught:
        read_answers(written(tmp_path, rows))
    for told in ("5 faulty answers", "row 2: 'maybe' is no answer", "row 3: a is compared with",
                 "row 4: who answered", "row 5: 'soon'", "row 6: a customer id"):  # fmt: skip
        assert told in str(caught.value)
    with pytest.raises(ContractError, match="no column when, who"):
        read_answers(written(tmp_path, "a,b,same\n", head="left,right,answer\n"))
    with pytest.raises(SourceNotFoundError, match="are not there"):
        read_answers(tmp_path / "none.csv")
    (tmp_path / "bad.parquet").write_bytes(b"nothing")
    with pytest.raises(ContractError, match="cannot be read"):
        read_answers(tmp_path / "bad.parquet")


def test_the_latest_answer_counts_and_the_ledger_only_grows(tmp_path: Path) -> None:
    ledger = tmp_path / "answers.csv"
    add_answers(ledger, [answer("a", "b", "same")], "abc")
    first = ledger.read_bytes()
    later = answer("a", "b", "different", "2026-01-01T08:00:00+01:00", "wu")
    assert effective(add_answers(ledger, [later, later], "abc")) == {("a", "b"): "different"}
    assert ledger.read_bytes().startswith(first)
    grown = ledger.read_bytes()
    add_answers(ledger, [answer("a", "b", "same")], "abc")
    assert ledger.read_bytes() == grown
    with pytest.raises(ContractError, match="1 customers of the answers are unknown: z"):
        add_answers(ledger, [answer("a", "z", "same")], "abc")


def test_contradictions_are_listed_and_change_nothing(tmp_path: Path) -> None:
    ledger = tmp_path / "answers.csv"
    add_answers(ledger, [answer("a", "b", "same"), answer("b", "c", "same")], "abcd")
    before = ledger.read_bytes()
    with pytest.raises(ContractError) as caught:
        add_answers(ledger, [answer("a", "c", "different", who="wu")], "abcd")
    assert "1 answers contradict others: a and c are different (wu, 2026-01-01)" in str(
        caught.value
    )
    assert "a and b are same (li, 2026-01-01); b and c are same" in str(caught.value)
    with pytest.raises(ContractError, match=r"a and b are different .*a and b are same"):
        add_answers(ledger, [answer("a", "b", "different", who="wu")], "abcd")
    assert ledger.read_bytes() == before


def test_a_customer_that_is_gone_still_connects_others() -> None:
    told = {("a", "x"): "same", ("b", "x"): "same", ("c", "x"): "different", ("x", "y"): "same"}
    assert constraints(told, {"a": 0, "b": 1, "c": 2}) == ([(0, 1)], [(0, 2)])


def test_answers_join_and_part_on_every_run(tmp_path: Path) -> None:
    assert masters(tmp_path) if resolve(RECORDS, tmp_path).masters == 3 else pytest.fail("3")
    founded = masters(tmp_path)
    assert founded["a"] == founded["b"]
    told = [answer("a", "b", "different"), answer("c", "d", "same")]
    found = resolve(RECORDS, tmp_path, answers=told)
    assert (found.masters, found.answers, found.new_masters, found.retired_masters) == (3, 2, 1, 1)
    now = masters(tmp_path)
    assert now["a"] == founded["a"] != now["b"]
    assert now["c"] == now["d"] == min(founded["c"], founded["d"])
    retired = pq.read_table(tmp_path / "retired.parquet").to_pylist()
    assert retired == [{"retired_id": max(founded["c"], founded["d"]), "master_id": now["c"]}]
    kept = {p.name: p.read_bytes() for p in tmp_path.iterdir() if p.name != "resolution.json"}
    again = resolve(RECORDS[::-1], tmp_path)
    assert (again.answers, again.new_masters, again.retired_masters) == (2, 0, 0)
    assert kept == {name: (tmp_path / name).read_bytes() for name in kept}


def test_the_filled_in_review_list_is_taken_in_by_the_next_run(tmp_path: Path) -> None:
    records = [Record("e", "华联贸易", phone="13800138000"), *RECORDS]
    assert resolve(records, tmp_path).review == 2
    path = tmp_path / "review.csv"
    with path.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    rows[0] |= {"answer": "different", "who": "li", "when": "2026-01-01"}
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    arguments = ["--customers", str(tmp_path / "c.csv"), "--out", str(tmp_path)]
    with (tmp_path / "c.csv").open("w", encoding="utf-8") as stream:
        stream.write("customer_id,name,phone\n")
        stream.writelines(f"{r.customer_id},{r.name},{r.phone}\n" for r in records)
    result = CliRunner().invoke(APP, arguments)
    assert result.exception is None
    assert "0 pairs to review, 1 answered" in result.output  # the other is the same by the join
    assert "华联贸易" in str(rows)
    assert len(read_answers(tmp_path / "answers.csv")) == 1
    result = CliRunner().invoke(APP, [*arguments, "--answers", str(tmp_path / "answers.csv")])
    assert "1 answered" in result.output
