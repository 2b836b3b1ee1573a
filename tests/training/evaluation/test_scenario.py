"""Scenario files: those that come along, and the faults of others."""

from __future__ import annotations

from pathlib import Path

import pytest

from features.perturb.kinds import KINDS, DropOrders
from training.errors import RecipeError
from training.evaluation.scenario import DirectionCheck, load_scenario, scenario_names
from training.recipe import load_recipe, recipe_names


def test_the_packaged_scenarios() -> None:
    found = {name: load_scenario(name) for name in scenario_names()}
    assert {name: scenario.perturbation.kind for name, scenario in found.items()} == {
        "demand_minus_30": "drop_orders",
        "interactions_missing": "lose_table",
        "material_plus_20": "raise_costs",
        "newcomers_surge": "newcomers",
        "orders_stale_14": "stale_table",
        "orders_times_10": "inflate_orders",
        "payments_plus_30": "delay_payments",
        "policy_shock": "policy_shock",
    }
    assert set(KINDS) == {scenario.perturbation.kind for scenario in found.values()}
    assert all(scenario.id == name for name, scenario in found.items())
    assert found["demand_minus_30"].perturbation == DropOrders(
        share=0.3, window_days=180, seed=20261122
    )
    assert found["demand_minus_30"].title_zh == "需求下降30%"
    assert "模拟" in found["newcomers_surge"].title_zh
    assert "simulated" in found["newcomers_surge"].title_en


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
            r"perturbation: .*check\.0\.measure: ",
        ),
        (
            'id = "x"\ntitle_en = "x"\ntitle_zh = "x"\n'
            '[perturbation]\nkind = "drop_orders"\nhalf = 0.5\n'
            '[[check]]\nmeasure = "ltv"\nof = "mean"\nexpect = "down"\n',
            r"drop_orders\.share: Field required.*drop_orders\.half: ",
        ),
        (
            'id = "x"\ntitle_en = "x"\ntitle_zh = "x"\n'
            '[perturbation]\nkind = "drop_orders"\nshare = 1.5\n'
            '[[check]]\nmeasure = "ltv"\nof = "mean"\nexpect = "down"\n',
            r"needs share from 0 to 1, got 1\.5",
        ),
    ],
)
def test_faults_are_listed(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(RecipeError, match=told):
        load_scenario(path)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(RecipeError, match="demand_minus_30, interactions_missing"):
        load_scenario("flood")


def test_the_how_to_names_every_kind() -> None:
    page = (Path(__file__).parents[3] / "docs" / "how-to-write-a-stress-scenario.md").read_text(
        "utf-8"
    )
    assert [kind for kind in KINDS if f"| `{kind}` |" not in page] == []
