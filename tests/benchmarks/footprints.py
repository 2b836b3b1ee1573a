"""One task per process, so that its peak memory is its own: ``python -m … TASK ARGUMENTS``.

Imports are inside the tasks: what a task does not need must not be weighed with it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path


def boosters(bundle: Path, values: Path) -> None:
    """Load both boosters and predict ready-made inputs."""
    import lightgbm as lgb
    import numpy as np

    for inputs in sorted(values.glob("*.*.npy")):
        booster = lgb.Booster(model_file=str(bundle / f"{inputs.stem}.lgb.txt"))
        booster.predict(np.load(inputs), raw_score=True)


def bundle_score(bundle: Path, values: Path) -> None:
    """Load the bundle and score."""
    import numpy as np

    from training.bundle import Bundle

    Bundle.load(bundle).score(np.load(values / "values.npy"))


def bundle_grade(bundle: Path, values: Path) -> None:
    """Load the bundle, decide and explain."""
    import numpy as np

    from serving.explain import explain
    from training.bundle import Bundle

    loaded, rows = Bundle.load(bundle), np.load(values / "values.npy")
    scores, decisions = loaded.decide(rows)
    explain(
        loaded.reference,
        decisions,
        loaded.indicator_values(rows, scores),
        loaded.contributions(rows),
    )


def pyfunc(model: Path, values: Path) -> None:
    """Load the MLflow model and predict."""
    import mlflow.pyfunc
    import numpy as np
    import pandas as pd

    from features.schema import CATALOGUE

    loaded = mlflow.pyfunc.load_model(str(model))
    loaded.predict(pd.DataFrame(np.load(values / "values.npy"), columns=list(CATALOGUE)))


def shap_values(bundle: Path, values: Path) -> None:
    """Explain both boosters by the shap package."""
    import lightgbm as lgb
    import numpy as np
    import shap

    for inputs in sorted(values.glob("*.*.npy")):
        booster = lgb.Booster(model_file=str(bundle / f"{inputs.stem}.lgb.txt"))
        shap.TreeExplainer(booster).shap_values(np.load(inputs))


def snapshot(sources: Path, day: str) -> None:
    """Materialise one snapshot."""
    from datetime import date

    from features.publish import materialise
    from features.snapshot import Snapshot
    from features.sources import open_sources

    materialise(open_sources(sources), Snapshot.at(date.fromisoformat(day)))


def oracles(sources: Path, day: str) -> None:
    """Run the five hand-written queries of one snapshot over the same files."""
    from datetime import date

    from features.contract import CONTRACT
    from features.snapshot import Snapshot
    from features.sources import open_sources
    from tests.benchmarks.handwritten import run
    from tests.features import tiny

    opened = open_sources(sources)
    for name in CONTRACT:
        table = opened.table(name)
        if table is None:
            opened.connection.create_table(name, tiny.arrow(name, []))
        else:
            opened.connection.create_view(name, table)
    run(opened, Snapshot.at(date.fromisoformat(day)))


def fastapi(_first: Path, _second: Path) -> None:
    """Import what a service of this kind is made of."""
    import fastapi
    import lightgbm
    import sqlalchemy
    import uvicorn

    fastapi.FastAPI()
    assert all((lightgbm.Booster, sqlalchemy.Engine, uvicorn.Server))


TASKS: dict[str, Callable[..., None]] = {
    task.__name__: task
    for task in (
        *(boosters, bundle_score, bundle_grade, pyfunc, shap_values),
        *(snapshot, oracles, fastapi),
    )
}


def main(task: str, first: str, second: str) -> None:
    """Run a task and tell the peak."""
    from tests.benchmarks.measure import peak_of

    TASKS[task](Path(first), Path(second) if Path(second).is_dir() else second)
    sys.stdout.write(json.dumps({"peak_mb": peak_of("self")}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
