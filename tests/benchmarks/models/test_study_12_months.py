"""The study is the published one: its cohort, its split, and ours ahead of its models there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.models import study_12_months as study
from tests.benchmarks.models.bench_cases import shared_data, take_in
from tests.benchmarks.models.study_cohort import Cohort, read_cohort

DATA = shared_data() / "online_retail_II" / "transactions.parquet"

pytestmark = pytest.mark.skipif(
    not DATA.is_file(), reason="needs the folder ../shared/data/online_retail_II"
)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    folder: Path = tmp_path_factory.mktemp("study")
    return read_cohort(DATA, take_in("online_retail_II", folder))


@pytest.fixture(scope="module")
def one_split(cohort: Cohort) -> study.Study:
    return study.run_study(cohort, seeds=study.SEEDS[:2])


def test_cohort_and_split_are_those_published(cohort: Cohort, one_split: study.Study) -> None:
    assert len(cohort) == study.CUSTOMERS
    assert one_split.held_out == study.HELD_OUT
    assert cohort.matrix.shape == (study.CUSTOMERS, 22)
    # the mean needs no model, so its errors tell the split and the target to the pound
    published = study.PUBLISHED[study.NAIVE]
    first = dict(zip(study.METRICS, one_split.figures[study.NAIVE][0], strict=True))
    assert round(first["mae"]) == published["mae"]
    assert round(first["rmse"]) == published["rmse"]


def test_ours_beats_every_published_figure_on_the_published_split(one_split: study.Study) -> None:
    first = dict(zip(study.METRICS, one_split.figures[study.OURS][0], strict=True))
    for metric, less in study.METRICS.items():
        for figures in study.PUBLISHED.values():
            if metric in figures:
                assert (first[metric] < figures[metric]) == less, metric
