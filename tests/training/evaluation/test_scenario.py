"""Scenario files: those that come along, and the faults of others."""

from __future__ import annotations

from pathlib import Path

import pytest

from training.errors import RecipeError
from training.evaluation.scenario import DirectionCheck, load_scenario, scenario_names
from training.recipe import load_recipe, recipe_names


def test_the_packaged_scenarios() -> None:
    assert scenario_names() == ("demand_minus_30", "payments_plus_30")
    demand, payments = (load_scenario(name) for name in scenario_names())
    assert (demand.perturbation.kind, demand.perturbation.share) == ("drop_orders", 0.3)
    assert (payments.perturbation.kind, payments.perturbation.days) == ("delay_payments", 30)
    assert (demand.table, payments.table) == ("orders", "invoices")
    assert demand.title_zh == "需求下降30%"


def test_every_recipe_names_scenarios_that_exist() -> None:
    for name in recipe_names():
        for scenario in load_recipe(name).stress.scenarios:
            assert load_scenario(scenario).id == scenario


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'id = "mine"\ntitle_en = "Mine"\ntitle_zh = "我的"\n'
        '[perturbation]\nkind = "drop_orders"\nshare = 0.5\n'
        '[[check]]\nmeasure = "ltv"\nof = "mean"\nexpect = "down"\n',
        "utf-8",
    )
    assert load_scenario(path).checks[0].text == "mean ltv of all customers: down"


def test_checks_are_told_in_words() -> None:
    check = DirectionCheck(
        measure="dimension.risk", of="each", among="touched", expect="not_up", tolerance=1.5
    )
    assert check.text == "each dimension.risk of touched customers: not up by more than 1.5"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("id =", "is not TOML"),
        ('id = "x"', r"4 fault\(s\): title_en"),
        (
            'id = "x"\ntitle_en = "x"\ntitle_zh = "x"\n[perturbation]\nkind = "flood"\n'
            '[[check]]\nmeasure = "weather"\nof = "mean"\nexpect = "down"\n',
            r"perturbation\.kind: .*check\.0\.measure: ",
        ),
    ],
)
def test_faults_are_listed(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(RecipeError, match=told):
        load_scenario(path)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(RecipeError, match="demand_minus_30, payments_plus_30"):
        load_scenario("flood")
