"""``tierwise weights`` as a person uses it, on the example files (#39, #40, #65)."""

from __future__ import annotations

import json
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tiering.errors import WeightsError
from tiering.scheme import load_scheme
from tiering.weights.record import read_record
from tiering.weights.signoff import dimension_weights
from tierwise.weights.cli import app

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples" / "weights"
RULES = Path(__file__).resolve().parents[2] / "tiering" / "weights" / "rules.toml"


def ran(*arguments: object) -> Result:
    result = CliRunner().invoke(app, [str(each) for each in arguments])
    assert result.exit_code == 0, (result.output, result.exception)
    return result


def failed(*arguments: object) -> WeightsError:
    result = CliRunner().invoke(app, [str(each) for each in arguments])
    assert isinstance(result.exception, WeightsError), result.output
    return result.exception


def refused(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(each) for each in arguments])
    assert result.exit_code == 2
    return result.output


def made(tmp_path: Path) -> tuple[Path, Path]:
    panel, mixed = tmp_path / "panel.json", tmp_path / "blend.json"
    ran("delphi", EXAMPLES / "answers.csv", "--out", panel)
    ran("blend", EXAMPLES / "backtest.json", "--panel", panel, "--out", mixed)
    return panel, mixed


def test_from_answers_to_a_signed_scheme(tmp_path: Path) -> None:
    """#39: three rounds of ten experts and five executives, then regression, then two names."""
    panel, mixed = made(tmp_path)
    found = json.loads(panel.read_text("utf-8"))
    assert len(found["rounds"]) == 3
    assert found["rounds"][0]["answered"] == {"executive": 5, "expert": 10}
    assert found["simulated"] is True
    assert sum(found["weights"].values()) == pytest.approx(1)
    record = tmp_path / "weights.toml"
    told = ran("sign", record, "--weights", mixed, "--by", "Ana", "--note", "first", "--proposals")
    assert "draft" in told.output
    assert "Simulated" in told.output
    assert "[dimensions.value]" not in told.output
    assert "1 of 2" in ran("sign", record, "--by", "Li Wei", "--role", "expert").output
    told = ran("sign", record, "--by", "Wang Fang", "--role", "executive")
    assert "version 1: signed" in told.output
    signed = read_record(record.read_text("utf-8"))
    assert signed.evidence.delphi is not None
    assert [each.round for each in signed.evidence.delphi.rounds] == [1, 2, 3]
    assert signed.evidence.blend is not None
    assert signed.evidence.blend.data_share == json.loads(mixed.read_text("utf-8"))["data_share"]
    # What is printed is what a scheme takes.
    lines = told.output[told.output.index("[dimensions.") :]
    scheme = tomllib.loads(lines)["dimensions"]
    assert {k: v["weight"] for k, v in scheme.items()} == dimension_weights(signed)
    known = {str(d.id): {i.name for i in d.indicators} for d in load_scheme().dimensions}
    assert {k: set(v["indicators"]) for k, v in scheme.items() if "indicators" in v} == {
        k: known[k] for k in signed.indicators
    }
    own = tmp_path / "scheme.toml"
    assert "version 9" in ran("apply", record, "--version", "9", "--out", own).output
    assert {str(d.id): d.weight for d in load_scheme(own).dimensions} == dimension_weights(signed)
    assert "already" in refused("apply", record, "--version", "9", "--out", own)
    following = tmp_path / "next.json"
    ran("sign", following, "--weights", panel, "--previous", record, "--by", "Ana")
    assert read_record(following.read_text("utf-8")).previous == signed.digest


def test_letters_name_nobody(tmp_path: Path) -> None:
    ran("delphi", EXAMPLES / "answers.csv", "--feedback", tmp_path / "en")
    ran("delphi", EXAMPLES / "answers.csv", "--feedback", tmp_path / "zh", "--language", "zh")
    letters = sorted((tmp_path / "en").iterdir())
    assert len(letters) == 15
    assert not any("expert-" in letter.read_text("utf-8") for letter in letters)
    assert "价值：您给出" in next((tmp_path / "zh").glob("*expert-01*")).read_text("utf-8")


def test_who_is_missing_is_told() -> None:
    told = ran("delphi", EXAMPLES / "answers.csv").output
    assert "Round 3: no answer of executive-14." in told
    assert "Counted with an earlier answer: executive-14." in told


def test_comparisons_name_the_judgement_to_mend(tmp_path: Path) -> None:
    """#40."""
    out = tmp_path / "pairs.json"
    told = ran("ahp", EXAMPLES / "judgements.csv", "--out", out).output
    assert "expert-03 to mend: value against dynamic: 1/9, the others say 9" in told
    assert "Left out until the judgement named is mended: expert-03." in told
    found = json.loads(out.read_text("utf-8"))
    assert found["evidence"]["ahp"]["left_out"] == 1
    told = ran("blend", EXAMPLES / "backtest.json", "--panel", out).output
    assert "Nobody was asked" not in told


def test_a_blend_without_a_panel_says_what_it_assumes() -> None:
    """#65: proposals come with it, and change nothing."""
    told = ran("blend", EXAMPLES / "backtest.json", "--language", "zh").output
    assert "Nobody was asked" in told
    assert "Proposal for value" in told
    assert "Proposals change nothing" in told
    assert "转给ltv" in told


def test_indicators_that_misjudge_alike(tmp_path: Path) -> None:
    report = json.loads((EXAMPLES / "backtest.json").read_text("utf-8"))
    for row in report["indicators"]:
        row["misjudged"] = 0.3
    path = tmp_path / "report.json"
    path.write_text(json.dumps(report), "utf-8")
    assert "ask for better indicators" in ran("blend", path).output


def test_rules_of_a_company_s_own(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(RULES.read_text("utf-8").replace("members = 10", "members = 12"), "utf-8")
    told = ran("delphi", EXAMPLES / "answers.csv", "--rules", own).output
    assert "The panel lacks 2 of the role expert." in told
    own.write_text("id = 1", "utf-8")
    assert failed("ahp", EXAMPLES / "judgements.csv", "--rules", own).faults


def test_answers_as_toml_and_json(tmp_path: Path) -> None:
    document: dict[str, Any] = {
        "answers": [
            {"round": 1, "member": name, "role": "expert", "weights": {"a": 0.6, "b": 0.4}}
            for name in ("x", "y")
        ]
    }
    as_json = tmp_path / "answers.json"
    as_json.write_text(json.dumps(document), "utf-8")
    row = '[[answers]]\nround = 1\nmember = "{}"\nrole = "expert"\nweights = {{ a = 3, b = 2 }}\n'
    as_toml = tmp_path / "answers.toml"
    as_toml.write_text(row.format("x") + row.format("y"), "utf-8")
    outs = []
    for path in (as_json, as_toml):
        outs.append(tmp_path / f"{path.suffix[1:]}-out.json")
        ran("delphi", path, "--out", outs[-1])
    assert outs[0].read_text("utf-8") == outs[1].read_text("utf-8")
    # W of two who order alike is 1; there is no move in a first round.
    found = json.loads(outs[0].read_text("utf-8"))
    assert found["rounds"][0]["dimensions"][0]["moved"] is None


def test_a_spreadsheet_s_file_is_read(tmp_path: Path) -> None:
    table = tmp_path / "answers.csv"
    table.write_text("\ufeffround, member,role,a,b\n1,x,expert,60,40\n1,y,expert,50,50\n,,,,\n")
    assert "The panel after round 1" in ran("delphi", table).output


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("round,member,role,a,a\n1,x,expert,1,2\n", "two of one name"),
        ("round,member,role,a\n1,x,expert,1,2\n", "Line 2 of answers.csv has more cells"),
        ("", "answers: are missing."),
        ("round,member,role,a,b\n1,x,expert,60,\n", "answers[0].weights.b: is missing"),
        ("round,member,role,a,b\nI,x,expert,60,many\n", "answers[0].weights.b: input should be"),
    ],
)
def test_tables_with_faults(tmp_path: Path, text: str, told: str) -> None:
    table = tmp_path / "answers.csv"
    table.write_text(text, "utf-8")
    assert told in failed("delphi", table).message


def test_files_that_are_not_what_they_say(tmp_path: Path) -> None:
    assert "cannot be read" in failed("delphi", tmp_path / "nothing.csv").message
    broken = tmp_path / "broken.json"
    broken.write_text("{", "utf-8")
    assert "not valid" in failed("ahp", broken).message
    broken.write_text("[1]", "utf-8")
    assert "no document" in failed("ahp", broken).message
    broken.write_bytes("专家".encode("gbk"))
    assert "UTF-8" in failed("ahp", broken).message


def test_results_in_the_wrong_place(tmp_path: Path) -> None:
    panel, _ = made(tmp_path)
    assert "no section `weights`" in failed("blend", panel).message
    report = EXAMPLES / "backtest.json"
    assert "no result of" in failed("blend", report, "--panel", report).message
    drawn = failed("sign", tmp_path / "w", "--weights", report, "--by", "Ana")
    assert "no result of" in drawn.message


def test_signing_asks_for_what_it_needs(tmp_path: Path) -> None:
    panel, _ = made(tmp_path)
    record = tmp_path / "weights.json"
    assert "who draws it up" in refused("sign", record, "--weights", panel)
    ran("sign", record, "--weights", panel, "--by", "Ana")
    assert "is there already" in refused("sign", record, "--weights", panel, "--by", "Ana")
    assert "together" in refused("sign", record, "--by", "Li")
    assert "does not count" in failed("sign", record, "--by", "ana", "--role", "expert").message
    before = record.read_text("utf-8")
    assert "draft" in ran("sign", record).output
    assert record.read_text("utf-8") == before
    copy = shutil.copy(record, tmp_path / "copy.json")
    altered = before.replace('"value": 0.', '"value": 0.1', 1)
    Path(copy).write_text(altered, "utf-8")
    assert "altered" in failed("sign", copy).message
