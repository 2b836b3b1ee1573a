"""AHP: the eigenvector, its consistency ratio, and the judgement to mend (#40)."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.schema import FloatArray
from tiering.errors import WeightsError
from tiering.weights import ahp
from tiering.weights.ahp import AhpResult, compare, solve
from tiering.weights.judgements import Judgements
from tiering.weights.rules import packaged_rules

RULES = packaged_rules()
ITEMS = ("a", "b", "c", "d")


def reciprocal(*upper: float) -> FloatArray:
    n = int((1 + (1 + 8 * len(upper)) ** 0.5) / 2)
    found = np.ones((n, n))
    for (i, j), value in zip(combinations(range(n), 2), upper, strict=True):
        found[i, j], found[j, i] = value, 1 / value
    return found


def group(*matrices: FloatArray, roles: str = "", rules: object = RULES) -> AhpResult:
    members = {f"m{k}": "executive" if roles[k : k + 1] == "x" else "expert" for k in range(9)}
    named = {f"m{k}": matrix for k, matrix in enumerate(matrices)}
    found = Judgements(
        ITEMS[: len(matrices[0])], {m: members[m] for m in named}, named, simulated=True
    )
    return compare(found, rules)  # type: ignore[arg-type]


def by_powers(matrix: FloatArray) -> tuple[FloatArray, float]:
    """Return the principal eigenvector the slow way."""
    vector = np.ones(len(matrix))
    for _ in range(500):
        vector = matrix @ vector
        vector /= vector.sum()
    return vector, float((matrix @ vector).sum())


def test_a_matrix_by_hand() -> None:
    # x over y 2, over z 6, y over z 3: all follow from 6 : 3 : 1.
    found = solve(reciprocal(2, 6, 3), ITEMS[:3])
    assert found.weights == pytest.approx((0.6, 0.3, 0.1))
    assert found.ratio == pytest.approx(0, abs=1e-9)
    assert found.repair is None


def test_an_inconsistent_matrix_by_hand() -> None:
    # 2, 1/2, 2 go in a circle of product 8: the largest root is 1 + 2 + 1/2.
    found = solve(reciprocal(2, 0.5, 2), ITEMS[:3])
    assert found.weights == pytest.approx((1 / 3, 1 / 3, 1 / 3))
    assert found.ratio == pytest.approx(0.25 / 0.5247)


def test_the_judgement_to_mend_is_named_with_its_value() -> None:
    # 8 : 4 : 2 : 1, but c against d the wrong way round.
    found = solve(reciprocal(2, 4, 8, 2, 4, 1 / 9), ITEMS)
    assert found.ratio > 0.1
    repair = found.repair
    assert repair is not None
    assert (repair.first, repair.second) == ("c", "d")
    assert (repair.given, repair.suggested) == (pytest.approx(1 / 9), 2)
    assert repair.fitting == pytest.approx(2)
    assert repair.ratio == pytest.approx(0, abs=1e-9)
    assert ahp.repair_words(repair) == "c against d: 1/9, the others say 2 (ratio 0.00)"
    assert ahp.repair_words(None) == "–"
    mended = reciprocal(2, 4, 8, 2, 4, repair.suggested)
    assert solve(mended, ITEMS).weights == pytest.approx((8 / 15, 4 / 15, 2 / 15, 1 / 15))


def test_two_things_always_agree() -> None:
    found = solve(reciprocal(4), ITEMS[:2])
    assert found.weights == pytest.approx((0.8, 0.2))
    assert found.ratio == 0
    assert found.repair is None


def test_a_group_judges_by_the_geometric_mean() -> None:
    # 2 and 8 are 4 together, whoever asks: 1/2 and 1/8 are 1/4.
    found = group(reciprocal(2, 6, 3), reciprocal(8, 6, 3 / 4), roles=".x")
    assert found.group.weights == pytest.approx(solve(reciprocal(4, 6, 1.5), ITEMS[:3]).weights)
    assert found.used == ("m0", "m1")
    assert found.by_role["expert"] == pytest.approx({"a": 0.6, "b": 0.3, "c": 0.1})
    assert found.by_role["executive"].keys() == {"a", "b", "c"}
    assert found.variance > 0
    assert found.simulated


def test_who_contradicts_himself_is_told_and_left_out() -> None:
    good, bad = reciprocal(2, 6, 3), reciprocal(9, 1 / 9, 9)
    found = group(good, bad)
    assert found.inconsistent == ("m1",)
    assert found.used == ("m0",)
    assert found.weights == pytest.approx({"a": 0.6, "b": 0.3, "c": 0.1})
    assert np.isnan(found.variance)
    keep = RULES.model_copy(update={"ahp": RULES.ahp.model_copy(update={"inconsistent": "keep"})})
    assert group(good, bad, rules=keep).used == ("m0", "m1")


def test_if_nobody_is_consistent_everybody_is_told_what_to_mend() -> None:
    with pytest.raises(WeightsError, match="m0 6") as caught:
        group(reciprocal(9, 1 / 9, 9))
    repair = caught.value.context["repair"]
    assert isinstance(repair, dict)
    assert "the others say" in repair["m0"]


def test_judgements_as_people_write_them() -> None:
    assert [ahp.as_judgement(v) for v in (1, 3, 1 / 3, 2.5)] == ["1", "3", "1/3", "2.5"]
    assert [ahp.on_scale(v) for v in (100, 2.4, 0.45, 0.001)] == [9, 2, 1 / 2, 1 / 9]


def test_the_random_index_is_that_of_random_matrices() -> None:
    rng = np.random.default_rng(7)
    scale = [ahp.on_scale(v) for v in [*range(1, 10), *(1 / k for k in range(2, 10))]]
    for n in (4, 5, 7):
        found = [
            (ahp.eigenvector(reciprocal(*rng.choice(scale, n * (n - 1) // 2)))[1] - n) / (n - 1)
            for _ in range(1500)
        ]
        error = np.std(found) / len(found) ** 0.5
        assert np.mean(found) == pytest.approx(ahp.RANDOM_INDEX[n], abs=4 * error)


positive = st.lists(st.floats(0.02, 1), min_size=2, max_size=7)
judged = st.lists(st.sampled_from([1 / 9, 1 / 5, 1 / 2, 1, 2, 3, 7, 9]), min_size=10, max_size=10)


@given(positive)
def test_a_consistent_matrix_gives_its_weights_back(weights: list[float]) -> None:
    w = np.array(weights) / sum(weights)
    found = solve(w[:, None] / w[None, :], tuple(map(str, range(len(w)))))
    assert found.weights == pytest.approx(w.tolist())
    assert found.ratio == pytest.approx(0, abs=1e-6)


@given(judged)
def test_the_eigenvector_is_that_of_the_powers(upper: list[float]) -> None:
    matrix = reciprocal(*upper)
    weights, largest = ahp.eigenvector(matrix)
    slow, root = by_powers(matrix)
    assert weights == pytest.approx(slow)
    assert largest == pytest.approx(root)
    assert largest >= 5 - 1e-9


@given(judged, st.permutations(range(5)))
def test_the_order_of_items_does_not_matter(upper: list[float], order: list[int]) -> None:
    names = ("a", "b", "c", "d", "e")
    matrix = reciprocal(*upper)
    found = solve(matrix, names)
    turned = solve(matrix[np.ix_(order, order)], tuple(names[k] for k in order))
    assert dict(zip((names[k] for k in order), turned.weights, strict=True)) == pytest.approx(
        dict(zip(names, found.weights, strict=True))
    )
    assert turned.ratio == pytest.approx(found.ratio, abs=1e-9)


@given(judged)
def test_a_repair_betters_the_ratio_and_no_other_does_more(upper: list[float]) -> None:
    matrix = reciprocal(*upper)
    found = solve(matrix, ("a", "b", "c", "d", "e"))
    if found.repair is not None:
        assert found.repair.ratio < found.ratio


@given(st.lists(judged, min_size=2, max_size=5))
def test_a_group_knows_no_order_of_members(uppers: list[list[float]]) -> None:
    matrices = [reciprocal(*upper) for upper in uppers]
    mean = ahp.geometric_mean(matrices)
    assert mean * mean.T == pytest.approx(np.ones((5, 5)))
    assert ahp.geometric_mean(matrices[::-1]) == pytest.approx(mean)
