from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from features.cli import app
from features.errors import SourceNotFoundError
from features.manifest import Manifest
from features.parquet import read_frame
from features.schema import CATALOGUE

CSV = """\
Bestellung;Kunde;Datum;Betrag
1;anna;01.03.2026;10.50
2;anna;15.03.2026;20.00
3;bert;20.03.2026;7.25
4;;21.03.2026;7.25
"""

MAPPING = """\
world = "shop"
currency = "EUR"

[orders]
file = "orders.csv"
delimiter = ";"
timestamp_format = "%d.%m.%Y"

[orders.columns]
order_id = "Bestellung"
customer_id = "Kunde"
occurred_at = "Datum"
net_amount = "Betrag"
"""


def run(*arguments: object, ok: bool = True) -> Result:
    result = CliRunner(env={"COLUMNS": "100"}).invoke(app, [str(a) for a in arguments])
    if ok and result.exception is not None:
        raise result.exception
    return result


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the ingested CDNOW log."""
    folder = tmp_path_factory.mktemp("world")
    told = run("ingest", "--world", "cdnow", "--out", folder / "sources").output
    assert "orders: 69,659 rows accepted" in told
    return folder


def test_a_simulated_company_is_taken_in_by_the_command_it_tells(tmp_path: Path) -> None:
    told = run("simulate", "--accounts", 8, "--out", tmp_path / "company").output
    command = " ".join(told.split()).split("Take it in: tierwise features ")[1]
    assert "orders" in run(*shlex.split(command)).output
    assert (tmp_path / "company-sources" / "sources.json").is_file()


def test_a_day_after_the_data_is_told(world: Path, tmp_path: Path) -> None:
    told = run(
        "publish", "--sources", world / "sources", "--out", tmp_path, "--as-of", "1999-01-01"
    )
    words = " ".join(told.output.split())
    assert "look: 1999-01-01 lies after the last day of the data, 1998-06-30" in words
    assert "cdnow: 1 file in " in words


def test_publish_writes_the_snapshots_asked_for(world: Path) -> None:
    out = world / "published"
    told = run(
        "publish", "--sources", world / "sources", "--out", out,
        "--as-of", "1997-09-30", "--as-of", "1998-06-30", "--horizon", 90, "--horizon", "120",
    ).output  # fmt: skip
    assert told.startswith("cdnow: 4 files in ")
    assert "look:" not in told
    assert Manifest.load(out).fingerprint()[:12] in told
    assert sorted(Manifest.load(out).entries) == [
        "indicators/1997-09-30.parquet",
        "indicators/1998-06-30.parquet",
        "outcomes/1997-09-30-120d.parquet",
        "outcomes/1997-09-30-90d.parquet",
    ]
    assert len(read_frame(out / "indicators/1998-06-30.parquet")) == 23_570


@pytest.mark.parametrize(
    ("text", "instant"),
    [("1998-05-31", "1998-05-31T23:59:59.999999"), ("1998-05-31T12:00", "1998-05-31T12:00:00")],
)
def test_publish_takes_the_last_day_and_a_known_at(
    world: Path, tmp_path: Path, text: str, instant: str
) -> None:
    run("publish", "--sources", world / "sources", "--out", tmp_path, "--known-at", text)
    entry = Manifest.load(tmp_path).entries["indicators/1998-06-30.parquet"]
    assert (entry.as_of, entry.known_at) == ("1998-06-30T23:59:59.999999", instant)


def test_a_known_at_that_is_no_time_is_refused(world: Path, tmp_path: Path) -> None:
    result = run(
        "publish", "--sources", world / "sources", "--out", tmp_path, "--known-at", "yesterday",
        ok=False,
    )  # fmt: skip
    assert result.exit_code == 2
    assert "no ISO 8601 day" in result.output


def test_check_tells_and_writes_the_quality(world: Path, tmp_path: Path) -> None:
    told = run("check", "--sources", world / "sources", "--out", tmp_path).output
    assert "cdnow (real) as of 1998-06-30" in told
    assert "69,659" in told
    assert "no source" in told
    assert "orders lacks" in told
    assert "quality.json" in told
    document = json.loads((tmp_path / "quality.json").read_text("utf-8"))
    assert document["completeness"]["net_amount_30d"] == 1.0
    assert document["completeness"]["dso_days_365d"] == 0.0


def test_check_writes_beside_the_sources_by_default(world: Path) -> None:
    run("check", "--sources", world / "sources", "--as-of", "1997-12-31")
    document = json.loads((world / "reports" / "quality.json").read_text("utf-8"))
    assert document["as_of"].startswith("1997-12-31")


def test_own_files_come_in_by_a_mapping(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text(CSV, "utf-8")
    (tmp_path / "mapping.toml").write_text(MAPPING, "utf-8")
    told = run(
        "ingest", "--data", tmp_path, "--mapping", tmp_path / "mapping.toml",
        "--out", tmp_path / "sources",
    ).output  # fmt: skip
    assert "shop: orders from 2026-03-01 to 2026-03-20, EUR" in told
    assert "missing_customer: 1" in told


@pytest.mark.parametrize("arguments", [(), ("--world", "cdnow", "--data", "."), ("--data", ".")])
def test_ingest_wants_a_world_or_own_files(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    result = run("ingest", "--out", tmp_path / "sources", *arguments, ok=False)
    assert result.exit_code == 2
    assert "--world" in result.output


def test_expected_failures_are_left_to_the_composition_root(tmp_path: Path) -> None:
    result = run("publish", "--sources", tmp_path, "--out", tmp_path / "out", ok=False)
    assert isinstance(result.exception, SourceNotFoundError)


def test_the_catalogue_lists_every_indicator() -> None:
    told = run("catalogue").output
    assert f"{len(CATALOGUE)} indicators" in told
    assert all(name in told for name in CATALOGUE)
    assert "Days since the last order" in told
    assert "距上次采购天数" in run("catalogue", "--language", "zh").output


def test_the_catalogue_is_markdown_on_request() -> None:
    lines = run("catalogue", "--markdown").output.splitlines()
    assert len(lines) == len(CATALOGUE) + 2
    assert set(lines[1].split()) == {"|", "---"}
    assert {line.count("|") for line in lines} == {11}
    assert lines[2].startswith("| net_amount_30d | value | Net spend, last 30 days | money | 30d |")
