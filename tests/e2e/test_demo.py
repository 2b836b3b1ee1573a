"""The demo as a person runs it: the real command in a process of its own.

Data are a small simulated company written to CSV and taken in through a mapping, so the road
goes through every door in about a minute. The worlds themselves are run by `make demo`.
"""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from features.backends import connect
from features.manifest import Manifest, file_hash
from features.worlds import b2b
from tests.processes import untraced
from tiering.scheme import load_scheme
from tierwise import road
from tierwise.road import Journey
from tierwise.workspace import Workspace
from training import pipeline
from training.bundle import Bundle
from training.errors import ApprovalError
from training.recipe import load_recipe
from training.registry.location import open_registry
from training.registry.registry import CHALLENGER, CHAMPION
from training.shelf import read_shelf

pytestmark = [pytest.mark.e2e, pytest.mark.long]

MAPPING = """
world = "small"
currency = "CNY"
simulated = true
terms = "Simulated: no real company."

[orders]
file = "orders.csv"
[orders.columns]
order_id = "no"
line_id = "line"
customer_id = "buyer"
occurred_at = "at"
net_amount = "net"
cost = "cost"
discount = "discount"
category = "category"

[invoices]
file = "invoices.csv"
[invoices.columns]
invoice_id = "no"
customer_id = "buyer"
occurred_at = "issued"
due_at = "due"
paid_at = "paid"
amount = "amount"
"""


@dataclass(frozen=True)
class Small:
    data: Path
    mapping: Path
    recipe: Path
    home: Path

    def command(self, *more: str) -> list[str]:
        return [
            *(sys.executable, "-m", "tierwise", "demo", "--data", str(self.data)),
            *("--mapping", str(self.mapping), "--recipe", str(self.recipe)),
            *("--home", str(self.home), "--no-serve", *more),
        ]


def fewer_trees(text: str) -> str:
    text = re.sub(r"^rounds = \d+", "rounds = 25", text, flags=re.M)
    text = re.sub(r"^train_origins = \d+", "train_origins = 4", text, flags=re.M)
    # Two that run, and one whose table these data lack.
    some = ["demand_minus_30", "payments_plus_30", "interactions_missing"]
    text = re.sub(r"^scenarios = .*", f"scenarios = {json.dumps(some)}", text, flags=re.M)
    # 250 accounts cannot hold the limits that are meant for thousands.
    for name, limit in {
        "min_churn_auc": "0.0",
        "max_churn_ece": "1.0",
        "max_churn_brier_ratio": "9.0",
        "max_ltv_mae_ratio": "9.0",
        "max_ltv_rmse_ratio": "9.0",
        "min_ltv_spearman": "-1.0",
        "min_ltv_normalised_gini": "-1.0",
        "min_interval_coverage": "0.0",
        "max_interval_coverage": "1.0",
        "max_score_psi": "9.0",
        "max_metric_regression": "9.0",
        "min_stress_unchanged_share": "0.0",
    }.items():
        text, count = re.subn(rf"^{name} = \S+", f"{name} = {limit}", text, flags=re.M)
        assert count == 1, name
    return text


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    folder = tmp_path_factory.mktemp("small")
    connection = connect()
    tables = b2b.tables(connection, n_accounts=250).tables
    orders, invoices = tables["orders"], tables["invoices"]
    (folder / "data").mkdir()
    connection.to_csv(
        orders.select(
            no=orders.order_id,
            line=orders.line_id,
            buyer=orders.customer_id,
            at=orders.occurred_at,
            net=orders.net_amount,
            cost=orders.cost,
            discount=orders.discount,
            category=orders.category,
        ).filter(orders.net_amount >= 0),
        folder / "data" / "orders.csv",
    )
    connection.to_csv(
        invoices.select(
            no=invoices.invoice_id,
            buyer=invoices.customer_id,
            issued=invoices.occurred_at,
            due=invoices.due_at,
            paid=invoices.paid_at,
            amount=invoices.amount,
        ),
        folder / "data" / "invoices.csv",
    )
    mapping, recipe = folder / "mapping.toml", folder / "recipe.toml"
    mapping.write_text(MAPPING, "utf-8")
    packaged = Path(__file__).resolve().parents[2] / "training" / "recipes" / "b2b.toml"
    recipe.write_text(fewer_trees(packaged.read_text("utf-8")), "utf-8")
    return Small(folder / "data", mapping, recipe, folder / "var")


def run(command: list[str], env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, env=env, capture_output=True, text=True, timeout=400, check=False
    )


def killed_at(command: list[str], marker: str) -> None:
    """Start the demo and kill it the hard way as soon as it tells of ``marker``."""
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**untraced(), "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    told = []
    for line in process.stdout:
        told.append(line)
        if line.strip().startswith(marker):
            process.send_signal(signal.SIGKILL)
            break
    process.stdout.close()
    assert process.wait(60) == -signal.SIGKILL, "".join(told)


def assert_nothing_is_half_written(home: Path) -> None:
    world = home / "small"
    if (world / "published" / "manifest.json").is_file():
        manifest = Manifest.load(world / "published")
        for name, entry in manifest.entries.items():
            assert file_hash(world / "published" / name) == entry.sha256
    if (world / "bundle").exists():
        assert Bundle.load(world / "bundle").meta.world == "small"
    if (world / "tierwise.db").is_file():
        with sqlite3.connect(world / "tierwise.db") as store:
            if store.execute("select 1 from sqlite_master where name = 'run'").fetchone():
                runs = store.execute("select run_id, customers from run").fetchall()
                for run_id, customers in runs:
                    graded = store.execute(
                        "select count(*) from grade where run_id = ?", (run_id,)
                    ).fetchone()
                    assert graded == (customers,)


@pytest.fixture(scope="module")
def finished(small: Small) -> str:
    """The demo, killed at four places, then run to its end; what it printed."""
    for marker in ("ingest orders", "indicators", "backtest", "grade"):
        killed_at(small.command(), marker)
        assert_nothing_is_half_written(small.home)
    result = run(small.command())
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    return result.stdout


def test_the_demo_ends_with_everything_a_newcomer_needs(finished: str, small: Small) -> None:
    for words in (
        "simulated data",
        "origins pooled",
        "log loss",
        "run_rate",
        "Spearman",
        "战略伙伴",
        "Referred to the expert panel",
        "champion",
        "Files written",
        "Try next",
        "Payments come",  # a row of the stress table; its cells may take more lines
    ):
        assert words in finished
    assert_nothing_is_half_written(small.home)
    reports = small.home / "small" / "reports"
    assert {"model_card.html", "backtest.json", "stress.json", "quality.json"} <= {
        p.name for p in reports.iterdir()
    }
    assert len(json.loads((reports / "backtest.json").read_text("utf-8"))["counts"]) >= 4


def test_a_second_run_goes_through_as_well(finished: str, small: Small) -> None:
    result = run(small.command(), env=untraced())  # the first was traced
    assert result.returncode == 0, result.stderr[-3000:]
    assert "champion" in result.stdout


def test_in_production_two_others_stand_for_what_was_trained(
    finished: str, small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, model = tmp_path / "var", "tierwise-small"
    shutil.copytree(small.home, home, symlinks=True)
    registry = open_registry(home)
    trained = registry.versions(model)[0]
    # As after training, before any decision; and a checkout under work is never the same code.
    registry.ledger.path.unlink()
    registry.store.mark(model, "ledger_head", "")
    for name, number in trained.with_targets():
        registry.store.unpoint(name, CHAMPION)
        registry.store.point(name, CHALLENGER, number)
    registry.store.tag(model, trained.version, "code_version", "same")
    monkeypatch.setattr(pipeline, "code_version", lambda: "same")
    monkeypatch.setenv("TIERWISE_MODE", "production")

    def travel() -> Journey:
        workspace = Workspace(home, "small")
        recipe = load_recipe(small.recipe)
        return road.travel(workspace, recipe, load_scheme(), progress=lambda *_: None)

    with pytest.raises(ApprovalError, match="0 of 2 approvals"):
        travel()
    for name in ("ann", "bob"):
        registry.approve(model, trained.version, by=name, reason="card read")
    journey = travel()
    assert journey.trained is None
    assert journey.champion.version == trained.version
    assert journey.champion.tags["approved_by"] == "ann, bob"
    shelf = read_shelf(home / "small" / "models")
    assert shelf is not None
    judged = shelf.judged(trained.version)
    assert judged is not None
    assert judged[1].gates.passed
    assert len(registry.versions(model)) == len(journey.versions)


@pytest.fixture(scope="module")
def address(finished: str, small: Small) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = small.home / "serve.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "tierwise", "serve", "small"),
                *("--home", str(small.home), "--port", str(port)),
            ],
            stdout=out,
            stderr=out,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{url}/readyz", timeout=2).close()
                break
            except OSError:
                assert process.poll() is None, log.read_text()
                time.sleep(0.1)
        else:
            pytest.fail(f"the service did not become ready: {log.read_text()}")
        yield url
    finally:
        process.terminate()
        process.wait(30)


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


def test_served_contributions_sum_to_the_score_for_every_customer(address: str) -> None:
    page = get(f"{address}/v1/grades?limit=500")
    assert page["total"] == len(page["items"]) > 200
    gaps = []
    for item in page["items"]:
        told = get(f"{address}/v1/grades/{item['customer_id']}/explanation")
        total = told["base"] + sum(entry["contribution"] for entry in told["contributions"])
        gaps.append(abs(total - item["score"]))
    assert max(gaps) < 1e-9


def test_an_unknown_customer_is_a_404_problem(address: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        get(f"{address}/v1/grades/nobody")
    problem = json.load(caught.value)
    assert caught.value.code == problem["status"] == 404
    assert caught.value.headers["content-type"] == "application/problem+json"
    assert "nobody" in problem["detail"]


@pytest.mark.parametrize("path", ["/", "/reviews", "/?lang=zh-CN"])
def test_pages_answer(address: str, path: str) -> None:
    with urllib.request.urlopen(address + path, timeout=10) as answer:
        assert answer.status == 200
        assert "text/html" in answer.headers["content-type"]


def test_an_error_is_told_as_a_person_should_meet_it(small: Small, tmp_path: Path) -> None:
    wrong = tmp_path / "mapping.toml"
    wrong.write_text(MAPPING.replace('"net"', '"nett"'), "utf-8")
    command = [str(wrong) if part == str(small.mapping) else part for part in small.command()]
    result = run(command, env=untraced())
    assert result.returncode == 1
    assert "nett" in result.stderr
    assert "Traceback" not in result.stderr
