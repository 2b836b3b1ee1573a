"""Runs side by side: ranked where they may be, told apart where they may not."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from tests.training.evaluation.test_gates import report
from training import comparison_page, workbench
from training.bundle import Bundle
from training.comparison import Run, compare, of_path, of_versions
from training.errors import DatasetError, TrainingError
from training.evaluation.report import OURS, BacktestReport, MetricRow
from training.recipe import parse_recipe
from training.recipe_text import with_fields
from training.registry.registry import Registry, model_name
from training.registry.versions import Submission
from training.report_page import as_html, as_markdown, wording

FACTS = {
    "world": "small",
    "sources": "aa",
    "churn_horizon_days": 60,
    "ltv_horizon_days": 60,
    "origins": ["2025-01-01", "2025-02-01"],
    "simulated": True,
}


def run(name: str, changes: dict[str, float] | None = None, **facts: object) -> Run:
    found = report(changes)
    difference = {"target": "ltv", "metric": "mae", "model": "simple"}
    return Run(
        name,
        replace(
            found,
            facts={**found.facts, **FACTS, **facts},
            differences=({**difference, "mean": -10.0, "low": -12.5, "high": -7.5},),
        ),
        {"seed": 1, "lightgbm.ltv.rounds": len(name)},
        {"data_fingerprint": "dd", "code_version": name},
    )


def test_comparable_runs_are_ranked_best_first() -> None:
    found = compare([run("a"), run("bb", {"ltv.mae": 90.0, "churn.auc": 0.82})])
    assert found.rankable
    assert list(found.groups[0].mean_rank) == ["bb", "a"]
    assert found.groups[0].mean_rank["bb"] == 1.0
    assert found.groups[0].mean_rank["a"] == pytest.approx((2 + 1 + 2 + 1 + 1 + 1) / 6)
    assert found.recipe_differences() == {"lightgbm.ltv.rounds": (1, 2)}
    text = as_markdown(comparison_page.report(found))
    assert "| bb | 1.00 | 0.82* | 0.1* | 90* |" in text
    assert "Simulated data" in text
    assert "| a | 60 d | simple | -10* (-12.5 to -7.5) | – | – | – |" in text
    assert "| lightgbm.ltv.rounds | 1 | 2 |" in text
    assert "| ≠ code_version | a | bb |" in text
    assert "| data_fingerprint | dd | dd |" in text


def test_differences_name_their_horizon_and_the_better_side() -> None:
    told = {"target": "churn", "model": "simple"}
    differences = (
        {**told, "metric": "auc", "horizon_days": 60, "mean": 0.1, "low": 0.05, "high": 0.15},
        {**told, "metric": "brier", "horizon_days": 60, "mean": 0.1, "low": 0.05, "high": 0.15},
        {**told, "metric": "auc", "horizon_days": 30, "mean": 0.1, "low": -0.05, "high": None},
    )
    first = run("a")
    one = replace(first, report=replace(first.report, differences=differences), recipe={})
    text = as_markdown(comparison_page.report(compare([one, run("bb")])))
    assert "| a | 60 d | simple | +0.1* (+0.05 to +0.15) | – | +0.1 × (+0.05 to +0.15) |" in text
    assert "| a | 30 d | simple | +0.1 (-0.05 to +nan) | – | – |" in text


def test_the_figure_by_origin_is_of_the_graded_horizon() -> None:
    def with_rows(name: str) -> Run:
        found = run(name)
        rows = tuple(
            MetricRow("churn", OURS, day, 5, True, {"auc": value}, days)
            for days, value in ((60, 0.8), (30, 0.6))
            for day in FACTS["origins"]  # type: ignore[attr-defined]
        )
        counts = tuple({"origin": day} for day in FACTS["origins"])  # type: ignore[attr-defined]
        return replace(found, report=replace(found.report, rows=rows, counts=counts))

    told = comparison_page.report(compare([with_rows("a"), with_rows("b")]))
    drawn = next(
        figure
        for section in told.sections
        for figure in section.figures
        if figure.layout.title.text == "AUC of Churn by origin"
    )
    assert [list(trace.y) for trace in drawn.data] == [[0.8, 0.8], [0.8, 0.8]]


def test_the_ranking_fits_a_terminal() -> None:
    found = compare([run("version 11"), run("version 12")])
    wide, narrow = (
        comparison_page.ranking_table(found.groups[0], wording("comparison", "en"), narrow=short)
        for short in (False, True)
    )
    assert wide[0][2] == "Churn AUC"
    assert narrow[0][2:] == ["AUC", "Brier", "MAE", "RMSE", "nGini", "rank r"]
    assert "(" in wide[-1][2]
    assert "(" not in "".join(narrow[-1])


def test_a_figure_that_was_not_measured_ranks_last() -> None:
    found = compare([run("a", {"ltv.mae": float("nan")}), run("bb")])
    assert list(found.groups[0].mean_rank) == ["bb", "a"]


@pytest.mark.parametrize(
    ("fact", "value"),
    [("sources", "bb"), ("ltv_horizon_days", 90), ("origins", ["2025-01-01"]), ("world", "other")],
)
def test_what_was_judged_otherwise_is_not_ranked(fact: str, value: object) -> None:
    found = compare([run("a"), run("bb", {"ltv.mae": 1.0}, **{fact: value}), run("ccc")])
    assert not found.rankable
    assert [[r.name for r in group.runs] for group in found.groups] == [["a", "ccc"], ["bb"]]
    assert found.differing == ({fact: (FACTS[fact], value)},)
    text = as_markdown(comparison_page.report(found))
    assert "## Not ranked together" in text
    first, own = (", ".join(v) if isinstance(v, list) else v for v in (FACTS[fact], value))
    assert f"| B | {fact} | {first} | {own} |" in text
    assert "| bb | – |" in text  # neither rank nor star
    assert " 1* " not in text
    assert "不可一并排名" in as_html(comparison_page.report(found, "zh"))


def test_one_run_is_no_comparison() -> None:
    with pytest.raises(DatasetError, match="needs two runs"):
        compare([run("a")])


@pytest.fixture
def world(tmp_path: Path, bundle: Bundle) -> Callable[[str, dict[str, float]], Path]:
    def made(name: str, changes: dict[str, float]) -> Path:
        folder = tmp_path / name
        bundle.save(folder / "candidate")
        (folder / "reports").mkdir()
        stored = run(name, changes).report
        (folder / "reports" / "backtest.json").write_text(json.dumps(stored.to_dict()), "utf-8")
        return folder

    return made


def test_folders_and_files_are_runs(
    world: Callable[[str, dict[str, float]], Path], bundle: Bundle, tmp_path: Path
) -> None:
    folder = world("one", {"ltv.mae": 50.0})
    found = of_path(folder)
    assert found.report.metric("ltv", "mae") == 50.0
    assert found.recipe["ltv.horizon_days"] == 60
    assert found.facts["bundle_digest"] == bundle.digest
    bare = of_path(folder / "reports" / "backtest.json")
    assert bare.recipe == {}
    assert "not stored" in as_markdown(comparison_page.report(compare([found, bare])))
    with pytest.raises(DatasetError, match="no stored backtest"):
        of_path(tmp_path)


def test_the_command_writes_and_shows_the_comparison(
    world: Callable[[str, dict[str, float]], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = Console(width=200, record=True)
    monkeypatch.setattr(workbench, "console", screen)
    runs = [world("one", {}), world("two", {"churn.auc": 0.9})]
    options = [part for path in runs for part in ("--runs", str(path))]
    out = tmp_path / "out" / "report.html"
    result = CliRunner().invoke(
        workbench.app, ["compare", "small", *options, "--out", str(out)], catch_exceptions=False
    )
    assert result.exit_code == 0
    assert out.read_text("utf-8").count("plotly.js v") == 1
    shown = screen.export_text()
    assert shown.index("two") < shown.index("one")
    wrong = CliRunner().invoke(
        workbench.app, ["compare", "small", *options, "--out", str(tmp_path / "report.pdf")]
    )
    assert isinstance(wrong.exception, TrainingError)
    assert (
        CliRunner().invoke(workbench.app, ["compare", "small", "--versions", "1,x"]).exit_code == 2
    )


def test_registered_versions_are_runs(
    world: Callable[[str, dict[str, float]], Path], bundle: Bundle, tmp_path: Path
) -> None:
    registry = Registry(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path / "artifacts")
    model = model_name("small")
    for name, auc in (("one", 0.8), ("two", 0.9)):
        folder = world(name, {"churn.auc": auc})
        if name == "two":
            text = with_fields(bundle.recipe.text, {"seed": 7})
            replace(bundle, recipe=parse_recipe(text)).save(folder / "candidate")
        submission = Submission(
            folder / "candidate",
            folder / "reports",
            tags={"code_version": name, "gates": "passed"},
        )
        registry.register(model, submission)
    found = compare(of_versions(registry, model, []))
    assert [each.name for each in found.runs] == ["version 1", "version 2"]
    assert list(found.groups[0].mean_rank) == ["version 2", "version 1"]
    assert found.runs[1].facts["aliases"] == "challenger"
    assert found.recipe_differences() == {"seed": (bundle.recipe.seed, 7)}
    only = of_versions(registry, model, [2])
    assert isinstance(only[0].report, BacktestReport)
    assert only[0].facts["code_version"] == "two"
