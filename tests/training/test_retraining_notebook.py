"""The notebook for retraining, executed as the script it is, cell after cell, on a tiny world."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from features.backends import connect
from features.sources import ingest
from features.worlds import b2b
from tests.training.test_pipeline import small
from training.recipe import Recipe
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


def test_a_data_scientist_can_run_it_from_load_to_challenger(
    tmp_path: Path, recipe: Recipe
) -> None:
    connection = connect(threads=1)
    world = b2b.tables(connection, n_accounts=100)
    ingest(
        world.tables,
        tmp_path / "tiny" / "sources",
        connection=connection,
        world="tiny",
        currency=world.currency,
        simulated=True,
    )
    (tmp_path / "small.toml").write_text(small(recipe).text, "utf-8")
    settings = {
        "TIERWISE_HOME": str(tmp_path),
        "TIERWISE_WORLD": "tiny",
        "TIERWISE_RECIPE": str(tmp_path / "small.toml"),
        "TIERWISE_REGISTER": "yes",
        "PYTHONPATH": str(NOTEBOOK.parents[1]),
    }
    done = subprocess.run(
        [sys.executable, str(NOTEBOOK)],
        env=os.environ | settings,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    for told in ("simulated: True", "run_rate", "There is no champion yet", "is the challenger"):
        assert told in done.stdout
    registry = Registry(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path / "mlartifacts")
    version = registry.store.by_alias(model_name("tiny"), CHALLENGER)
    assert version is not None
    assert version.tags["recipe"].endswith("-more-patient")
