"""What a data scientist does with a world: the notebook, cell after cell, and the search."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from features.backends import connect
from features.sources import ingest
from features.worlds import b2b
from tests.processes import untraced
from tests.training.test_pipeline import small
from training import workbench
from training.recipe import Recipe, load_recipe
from training.registry.registry import CHALLENGER, Registry, model_name

NOTEBOOK = Path(__file__).parents[2] / "experiments" / "retrain.py"


def test_every_cell_is_marked_and_whole() -> None:
    text = NOTEBOOK.read_text("utf-8")
    cells = text.split("\n# %%")
    assert len(cells) > 15
    for cell in cells[1:]:
        kind, _, body = cell.partition("\n")
        assert kind in {"", " [markdown]"}
        if kind:
            assert all(line.startswith("#") or not line for line in body.splitlines())
        compile(body, "cell", "exec")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, recipe: Recipe) -> Path:
    """A tiny world, ingested, and its recipe."""
    folder = tmp_path_factory.mktemp("home")
    connection = connect(threads=1)
    world = b2b.tables(connection, n_accounts=100)
    ingest(
        world.tables,
        folder / "tiny" / "sources",
        connection=connection,
        world="tiny",
        currency=world.currency,
        simulated=True,
    )
    (folder / "small.toml").write_text(small(recipe).text, "utf-8")
    return folder


def test_a_data_scientist_can_run_it_from_load_to_challenger(home: Path) -> None:
    settings = {
        "TIERWISE_HOME": str(home),
        "TIERWISE_WORLD": "tiny",
        "TIERWISE_RECIPE": str(home / "small.toml"),
        "TIERWISE_REGISTER": "yes",
        "PYTHONPATH": str(NOTEBOOK.parents[1]),
    }
    done = subprocess.run(
        [sys.executable, str(NOTEBOOK)],
        env=untraced() | settings,
        cwd=home,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    for told in ("simulated: True", "run_rate", "There is no champion yet", "is the challenger"):
        assert told in done.stdout
    registry = Registry(f"sqlite:///{home / 'mlflow.db'}", home / "mlartifacts")
    version = registry.store.by_alias(model_name("tiny"), CHALLENGER)
    assert version is not None
    assert version.tags["recipe"].endswith("-more-patient")


def test_the_search_writes_a_recipe_and_its_report(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("optuna", reason="the extra `experiments` is not installed")
    screen = Console(width=160, record=True)
    monkeypatch.setattr(workbench, "console", screen)
    (home / "search.toml").write_text(
        '[search."lightgbm.ltv.rounds"]\nlow = 5\nhigh = 30\n', "utf-8"
    )
    options = {
        "--home": home,
        "--recipe": home / "small.toml",
        "--search": home / "search.toml",
        "--held-out": 1,
        "--trials": 2,
        "--minutes": 10,
        "--out": home / "out" / "tuned.toml",
        "--report": home / "out" / "tuned.md",
    }
    given = [str(part) for pair in options.items() for part in pair]
    done = CliRunner().invoke(workbench.app, ["tune", "tiny", *given], catch_exceptions=False)
    assert done.exit_code == 0
    assert load_recipe(home / "out" / "tuned.toml").id == "tuned"
    assert "## Held-out origins" in (home / "out" / "tuned.md").read_text("utf-8")
    shown = screen.export_text()
    assert "trial 1:" in shown
    assert "min left" in shown
    assert "Held-out origins" in shown
