"""From a simulated company's tables to its grades: every score is accounted for."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from features.backends import connect
from features.publish import publish
from features.sources import ingest, open_sources
from features.worlds import b2b
from serving.batch import run_batch
from serving.domain.grade import LANGS
from serving.published import read_published
from serving.reasons import tell
from serving.store.grades import Grades
from serving.store.session import Database
from tiering.scheme import load_scheme
from training.bundle import Bundle
from training.dataset import load_training_set
from training.fitting import Provenance, fit_bundle
from training.recipe import Recipe
from training.splits import Fold, Origin


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory, small_recipe: Recipe) -> tuple[Bundle, Path]:
    """A bundle and the folder of published snapshots it was fitted on."""
    folder = tmp_path_factory.mktemp("b2b")
    connection = connect(threads=2)
    world = b2b.tables(connection, n_accounts=250)
    ingest(
        world.tables,
        folder / "sources",
        connection=connection,
        world="b2b",
        currency=world.currency,
        simulated=True,
    )
    sources = open_sources(folder / "sources", connection)
    horizon = small_recipe.churn.horizon_days
    last = sources.info.last_day
    days = tuple(last - timedelta(days=horizon * k) for k in (2, 1, 0))
    publish(sources, folder / "published", days, [horizon])
    data = load_training_set(folder / "published", days, horizon, horizon, small_recipe.eligibility)
    churn, ltv = (
        Fold(target, horizon, last, days[:2], days[1], days[:1]) for target in ("churn", "ltv")
    )
    provenance = Provenance("b2b", world.currency, True, "f" * 64, "test")
    bundle = fit_bundle(data, Origin(last, churn, ltv), small_recipe, load_scheme(), provenance)
    return bundle, folder / "published"


def test_every_customer_of_a_company_is_accounted_for(
    company: tuple[Bundle, Path], database: Database
) -> None:
    bundle, published = company
    frame, origin = read_published(published)
    run = run_batch(bundle, frame, database, published=origin).run
    assert run.basis.simulated
    assert run.customers == len(frame) > 200
    gaps, unexplained = [], []
    with database.read() as session:
        store = Grades(session)
        page = store.page(run, limit=500)
        assert len(page.items) == run.customers
        for grade in page.items:
            account = store.explanation(grade)
            assert account is not None
            total = account.base + sum(entry.contribution for entry in account.entries)
            gaps.append(abs(total - grade.score))
            unexplained += [
                abs(e.contribution) for e in account.entries if e.indicator == e.channel
            ]
            for lang in LANGS:
                assert tell(grade, account, lang).headline
    assert max(gaps) < 1e-9
    assert max(unexplained) < 1e-6
    assert np.mean([g.churn_probability for g in page.items]) > 0.01
