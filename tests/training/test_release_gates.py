"""From sources to promotion over a real registry: what stops it names itself, kills leave no trace.

A small simulated company is trained once as it is and once with a leak planted in its sources: an
assessment, dated back to the snapshot, that was written with the outcome in hand.
"""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import ibis
import pandas as pd
import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from features.backends import connect
from features.door.ingest import ingest
from features.sources import open_sources
from features.worlds import b2b
from features.worlds.world import WorldTables
from tests.processes import untraced
from tiering.scheme import load_scheme
from training import cli
from training.bundle import Bundle
from training.commands import registry as registry_commands
from training.errors import ApprovalError, GateFailedError
from training.pipeline import TrainingOutcome, train
from training.recipe import Recipe, parse_recipe
from training.registry.location import open_registry
from training.registry.promotion import promote
from training.registry.registry import Registry
from training.registry.versions import Submission
from training.splits import plan_origins

pytestmark = pytest.mark.long

MODEL = "tierwise-b2b"
LEAK = "digital_maturity"

LIMITS = {
    "min_churn_auc": 0.0,
    "max_churn_ece": 1.0,
    "max_churn_brier_ratio": 100.0,
    "max_ltv_mae_ratio": 100.0,
    "max_ltv_rmse_ratio": 100.0,
    "min_ltv_spearman": -1.0,
    "min_ltv_normalised_gini": -1.0,
    "min_interval_coverage": 0.0,
    "max_interval_coverage": 1.0,
    "max_score_psi": 100.0,
    "max_metric_regression": 100.0,
    "min_stress_unchanged_share": 0.0,
    "train_origins": 2,
    "rounds": 6,
}
"""What a tiny world can hold."""


@pytest.fixture(scope="module")
def small(recipe: Recipe) -> Recipe:
    text = recipe.text
    for name, value in LIMITS.items():
        text = re.sub(rf"^{name} = \S+", f"{name} = {value}", text, flags=re.M)
    text = re.sub(r"^scenarios = .*", 'scenarios = ["demand_minus_30"]', text, flags=re.M)
    return parse_recipe(text, origin="small")


@dataclass
class Company:
    """A home with the company's sources and what was trained on them."""

    home: Path
    recipe: Recipe
    outcome: TrainingOutcome

    @property
    def registry(self) -> Registry:
        return open_registry(self.home)

    def submit(self, folder: Path, **changes: Callable[[Any], object]) -> int:
        """Register the run again with some of its reports changed; return the version."""
        evidence = folder / "evidence"
        shutil.copytree(self.outcome.evidence_dir, evidence)
        for name, change in changes.items():
            path = evidence / f"{name}.json"
            document = json.loads(path.read_text("utf-8"))
            change(document)
            path.write_text(json.dumps(document), "utf-8")
        submission = Submission(self.outcome.bundle_dir, evidence, by="tina")
        return self.registry.register(MODEL, submission).version


def prepare(home: Path, tables: WorldTables, blank_registry: Path) -> None:
    shutil.copy(blank_registry, home)
    ingest(
        tables.tables,
        home / "b2b" / "sources",
        connection=connect(threads=1),
        world="b2b",
        currency=tables.currency,
        simulated=True,
    )


def run(home: Path, recipe: Recipe) -> TrainingOutcome:
    sources = open_sources(home / "b2b" / "sources", connect(threads=1))
    return train(sources, home / "b2b", recipe, load_scheme(), open_registry(home), by="tina")


@pytest.fixture(scope="module")
def tables() -> WorldTables:
    return b2b.tables(connect(threads=1), n_accounts=90)


@pytest.fixture(scope="module")
def company(
    tmp_path_factory: pytest.TempPathFactory,
    tables: WorldTables,
    small: Recipe,
    blank_registry: Path,
) -> Company:
    home = tmp_path_factory.mktemp("honest")
    prepare(home, tables, blank_registry)
    outcome = run(home, small)
    promote(open_registry(home), MODEL, by="ann", reason="first")
    return Company(home, small, outcome)


def test_an_honest_version_passes_and_says_what_was_looked_at(company: Company) -> None:
    assert company.outcome.gates.passed
    names = [check.name for check in company.outcome.gates.checks]
    assert {"baselines.missing", "leakage.churn", "leakage.ltv"} <= set(names)
    stored = json.loads(company.registry.store.read(company.outcome.version, "leakage.json"))
    assert len(stored["days"]) == len(company.outcome.plan.backtest)
    assert company.outcome.version.tags["registered_by"] == "tina"


def test_a_failing_gate_stops_promotion_by_name(company: Company, tmp_path: Path) -> None:
    def worse(report: Any) -> None:
        for row in report["rows"]:
            if row["model"] == "tierwise" and row["target"] == "ltv":
                row["metrics"]["mae"] = 1e12

    version = company.submit(tmp_path, backtest=worse)
    assert_refused(company, version, r"ltv\.mae\.ratio = .*, must be <= 100")


def test_a_missing_baseline_stops_promotion_by_name(company: Company, tmp_path: Path) -> None:
    def dropped(report: Any) -> None:
        report["rows"] = [row for row in report["rows"] if row["model"] != "logistic"]

    version = company.submit(tmp_path, backtest=dropped)
    assert_refused(
        company, version, r"failed gates: baselines\.churn\.logistic = 0, must be >= 1\."
    )


def test_a_version_nobody_searched_for_leaks_is_not_promoted(
    company: Company, tmp_path: Path
) -> None:
    bare = tmp_path / "bare"
    shutil.copytree(company.outcome.evidence_dir, bare)
    (bare / "leakage.json").unlink()
    submission = Submission(company.outcome.bundle_dir, bare)
    version = company.registry.register(MODEL, submission).version
    assert_refused(company, version, r"leakage\.measured")


def assert_refused(company: Company, version: int, told: str) -> None:
    before = company.registry.champion(MODEL)
    with pytest.raises(GateFailedError, match=told):
        promote(company.registry, MODEL, version, by="ann")
    assert company.registry.champion(MODEL) == before
    assert company.registry.ledger.entries(MODEL)[-1].action == "refuse"


def hindsight(tables: WorldTables, recipe: Recipe) -> WorldTables:
    """Return the company with assessments of each snapshot day that know who will buy."""
    orders = tables.tables["orders"].to_pyarrow().to_pandas()
    orders = orders[orders.net_amount > 0]
    day = pd.to_datetime(orders.occurred_at).dt.normalize()
    plan = plan_origins(day.min().date(), day.max().date(), recipe)
    horizon = timedelta(days=recipe.churn.horizon_days)
    everyone = sorted(orders.customer_id.unique())
    rows = []
    for snapshot in plan.days:
        start = pd.Timestamp(snapshot)
        buyers = set(orders.customer_id[(day > start) & (day <= start + horizon)])
        rows += [
            {
                "assessment_id": f"h-{snapshot}-{customer}",
                "customer_id": customer,
                "occurred_at": start + timedelta(hours=9),
                "kind": LEAK,
                "value": 80.0 if customer in buyers else 20.0,
                "author": "hindsight",
            }
            for customer in everyone
        ]
    honest = tables.tables["assessments"].to_pyarrow().to_pandas()
    planted = pd.concat([honest[honest.kind != LEAK], pd.DataFrame(rows)], ignore_index=True)
    schema = tables.tables["assessments"].schema()
    return replace(
        tables,
        tables=dict(tables.tables)
        | {"assessments": ibis.memtable(planted[list(schema.names)], schema=schema)},
    )


def test_a_leaky_indicator_stops_promotion_by_name(
    tmp_path: Path, tables: WorldTables, small: Recipe, blank_registry: Path
) -> None:
    prepare(tmp_path, hindsight(tables, small), blank_registry)
    outcome = run(tmp_path, small)
    assert outcome.version.tags["gates"] == "failed"
    with pytest.raises(GateFailedError) as caught:
        promote(open_registry(tmp_path), MODEL, by="ann")
    assert f"leakage.churn.{LEAK}_score = " in str(caught.value)
    named = [name for name in caught.value.context["failed"] if name.startswith("leakage.")]
    assert f"leakage.churn.{LEAK}_score" in named
    assert all(LEAK in name for name in named)
    assert open_registry(tmp_path).champion(MODEL) is None


KILLED = """
import os, signal, sys
from pathlib import Path
from features.backends import connect
from features.sources import open_sources
from tiering.scheme import load_scheme
from training.pipeline import train
from training.recipe import load_recipe
from training.registry.location import open_registry

home, recipe, step = Path(sys.argv[1]), sys.argv[2], sys.argv[3]

def tell(what, done, total):
    if what.startswith(step):
        os.kill(os.getpid(), signal.SIGKILL)

sources = open_sources(home / "b2b" / "sources", connect(threads=1))
train(sources, home / "b2b", load_recipe(recipe), load_scheme(), open_registry(home), progress=tell)
"""


def test_killed_training_leaves_everything_and_is_repeated(
    company: Company, tmp_path: Path
) -> None:
    registry = company.registry
    registry.pull(MODEL, "champion", company.home / "b2b" / "bundle")
    path = tmp_path / "small.toml"
    path.write_text(company.recipe.text, "utf-8")

    def state() -> tuple[Any, ...]:
        now = open_registry(company.home)
        return (
            now.champion(MODEL),
            now.challenger(MODEL),
            [(v.version, v.aliases) for v in now.versions(MODEL)],
            now.ledger.path.read_bytes(),
            Bundle.load(company.home / "b2b" / "bundle").digest,
            Bundle.load(company.home / "b2b" / "candidate").digest,
        )

    before = state()
    for step in ("backtest", "demand_minus_30", "register"):
        result = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", KILLED, str(company.home), str(path), step],
            env=untraced(),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert result.returncode == -signal.SIGKILL, result.stderr
        assert state() == before, step
    again = run(company.home, company.recipe)
    assert again.version.version > before[2][0][0]
    assert company.registry.challenger(MODEL) == again.version
    assert company.registry.champion(MODEL) == before[0]


def test_commands_approve_promote_and_tell_who_was_champion(
    company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = Console(width=160)
    monkeypatch.setattr(registry_commands, "console", screen)
    home = ["--home", str(company.home)]

    def tierwise(*words: str) -> Result:
        return CliRunner().invoke(cli.app, [*words, *home])

    start = datetime.now(UTC)
    version = str(company.submit(tmp_path))
    monkeypatch.setenv("TIERWISE_MODE", "production")
    promoted = tierwise("promote", "b2b", "--version", version, "--by", "ann")
    assert isinstance(promoted.exception, ApprovalError)
    assert "0 of 2 approvals" in str(promoted.exception)
    for name in ("ann", "bob"):
        listed = tierwise("versions", "b2b").stdout
        assert "Mode: production. History verified" in listed
        assert f"Version {version} cannot be promoted yet" in listed
        given = ["--version", version, "--by", name, "--reason", f"read by {name}"]
        told = tierwise("approve", "b2b", *given).stdout
        assert f"is approved by {name}: bundle " in told
        assert ("No approval is lacking" in told) == (name == "bob")
    promoted = tierwise("promote", "b2b", "--version", version, "--by", "ann")
    assert f"version {version} is the champion." in promoted.stdout
    listed = tierwise("versions", "b2b").stdout
    for words in ("approve", "read by bob", "refuse", "0 of 2 approvals", "champion"):
        assert words in listed
    then = tierwise("versions", "b2b", "--at", start.isoformat()).stdout
    assert "version 1 was champion at" in then
    now = tierwise("versions", "b2b", "--at", "2999-01-01T12:00").stdout
    assert f"version {version} was champion at 2999-01-01 12:00:00 UTC: promote of" in now
    assert "had no champion at 2001" in tierwise("versions", "b2b", "--at", "2001-01-01").stdout
    assert tierwise("versions", "b2b", "--at", "yesterday").exit_code == 2
    assert "is the champion again" in tierwise("rollback", "b2b", "--reason", "test").stdout
