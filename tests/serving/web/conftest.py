"""The small real bundle's customers behind the pages, some under ids that break pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from features.schema import IndicatorFrame
from serving.app import create_app
from serving.batch import run_batch
from serving.domain.grade import Explanation, Grade, Run
from serving.settings import Settings
from serving.store.grades import Grades
from tests.blank_store import blank_store
from training.bundle import Bundle

HOSTILE = (
    "<script>alert(1)</script>",
    "a/b",
    "/leading",
    "x/../y",
    "..",
    ".",
    "line\nbreak",
    "50% & \"quotes\" 'single'",
    "客户 甲#1?x=y",
    "back\\slash",
    "café",
    "trailing/",
)


@pytest.fixture(scope="session")
def hostile() -> tuple[str, ...]:
    """Ids that break careless links and pages; each has a grade."""
    return HOSTILE


@pytest.fixture(scope="session")
def odd_frame(frame: IndicatorFrame) -> IndicatorFrame:
    """The frame with hostile ids in place of its first ones."""
    ids = np.array([*HOSTILE, *frame.customer_id[len(HOSTILE) :]])
    order = np.argsort(ids)
    return replace(frame, customer_id=ids[order], values=frame.values[order])


@pytest.fixture(scope="session")
def pages_settings(tmp_path_factory: pytest.TempPathFactory, bundle_dir: Path) -> Settings:
    home = tmp_path_factory.mktemp("pages")
    return Settings(home=home, world="small", environment="test", bundle_dir=bundle_dir)


@pytest.fixture(scope="session")
def run(pages_settings: Settings, served_bundle: Bundle, odd_frame: IndicatorFrame) -> Run:
    """The run that the pages show."""
    store = blank_store(pages_settings.database)
    result = run_batch(served_bundle, odd_frame, store)
    store.dispose()
    return result.run


@pytest.fixture(scope="session")
def site(pages_settings: Settings, run: Run) -> Iterator[FastAPI]:
    application = create_app(pages_settings)
    yield application
    application.state.database.dispose()


@pytest.fixture
def visitor(site: FastAPI) -> Iterator[TestClient]:
    """A browser without scripts, and without a memory of the test before."""
    with TestClient(site, headers={"accept": "text/html"}, follow_redirects=False) as client:
        yield client


@pytest.fixture
def told(site: FastAPI, run: Run) -> Callable[[str], tuple[Grade, Explanation]]:
    """Return the grade and the explanation of a customer."""

    def find(customer_id: str) -> tuple[Grade, Explanation]:
        with site.state.database.read() as session:
            grade = Grades(session).of(customer_id, run)
            assert grade is not None
            explanation = Grades(session).explanation(grade)
            assert explanation is not None
        return grade, explanation

    return find
