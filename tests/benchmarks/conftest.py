"""Real inputs of the benchmarks: a grocery log, its snapshots, and models fitted on them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from features.backends import connect
from features.parquet import read_frame
from features.publish import indicators_name, publish
from features.schema import FloatArray, IndicatorFrame
from features.sources import Sources, ingest, open_sources
from features.worlds import journey
from tests.benchmarks.measure import Ledger
from tiering.scheme import load_scheme
from training.bundle import Bundle
from training.dataset import load_training_set
from training.fitting import Provenance, fit_bundle
from training.models.threads import single_threaded_algebra
from training.recipe import load_recipe
from training.splits import plan_origins

LEDGER = pytest.StashKey[Ledger]()


@dataclass(frozen=True, slots=True)
class World:
    """The Complete Journey taken in, its published snapshots and a bundle fitted on them."""

    sources: Sources
    days: tuple[date, ...]
    frame: IndicatorFrame
    bundle: Bundle
    bundle_dir: Path

    def rows(self, n: int) -> FloatArray:
        """Return ``(n, k)`` customers of the last day, drawn with replacement, always the same."""
        drawn = np.random.default_rng(7).integers(0, len(self.frame), n)
        return np.ascontiguousarray(self.frame.values[drawn])


@pytest.fixture(scope="session")
def ledger(request: pytest.FixtureRequest) -> Ledger:
    return request.config.stash.setdefault(LEDGER, Ledger())


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Show and keep what was measured, if anything was."""
    found = config.stash.get(LEDGER, None)
    if found is None or not found.figures:
        return
    terminalreporter.write_sep("=", "benchmarks")
    terminalreporter.write_line(found.to_markdown())
    terminalreporter.write_line(f"\nWritten to {found.save()}.")


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Fit the world's own recipe on the days its served model needs."""
    folder = tmp_path_factory.mktemp("journey")
    link = connect()
    ingest(
        journey.tables(link).tables,
        folder / "sources",
        connection=link,
        world="journey",
        currency="USD",
    )
    sources = open_sources(folder / "sources", link)
    recipe = load_recipe("journey")
    plan = plan_origins(sources.info.first_day, sources.info.last_day, recipe)
    folds = (plan.final.churn, plan.final.ltv)
    used = {plan.serve_day, *(day for fold in folds for day in (*fold.train_days, *fold.fit_days))}
    days = tuple(sorted(used))
    manifest = publish(sources, folder / "published", days, plan.horizons)
    data = load_training_set(
        folder / "published",
        days,
        recipe.churn.horizon_days,
        recipe.ltv.horizon_days,
        recipe.eligibility,
    )
    made_of = Provenance(
        "journey",
        "USD",
        simulated=False,
        data_fingerprint=manifest.fingerprint(),
        code_version="bench",
    )
    with single_threaded_algebra():
        # the models of grades alone: no other horizon
        bundle = fit_bundle(data, replace(plan.final, more=()), recipe, load_scheme(), made_of)
    bundle.save(folder / "bundle")
    return World(
        sources=sources,
        days=days,
        frame=read_frame(folder / "published" / indicators_name(plan.serve_day)),
        bundle=Bundle.load(folder / "bundle"),
        bundle_dir=folder / "bundle",
    )
