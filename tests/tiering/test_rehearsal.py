"""One population by two schemes, counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from features.schema import FloatArray
from tiering.assign import Decisions, decide
from tiering.errors import PopulationError
from tiering.policy import Scheme
from tiering.rehearsal import decided_blindly, rehearse, weight_without_data
from tiering.scheme import load_scheme, parse_scheme
from tiering.scores import Reference

SCORES = [90.0, 70.0, 65.0, 55.0, 10.0]
REVENUE = np.array([400.0, 300.0, np.nan, 200.0, 100.0])


def two(tiers: str, name: str = "other") -> Scheme:
    return parse_scheme(
        f'id = "{name}"\nversion = "1"\ntitle_en = "T"\ntitle_zh = "标"\n'
        "[referral]\nband = 2\nmax_missing_weight = 0.3\n"
        '[dimensions.value]\nweight = 1\nlabel_en = "V"\nlabel_zh = "值"\n'
        "[dimensions.value.indicators]\nltv = 0.75\ntenure_days = 0.25\n"
        + "".join(
            f'[[tiers]]\nid = "{i}"\nlabel_en = "{i}"\nlabel_zh = "{i}层"\ncut = {cut}\n'
            for i, cut in (pair.split() for pair in tiers.split(","))
        )
    )


@pytest.fixture
def reference() -> Reference:
    ranks = np.arange(1.0, 100.0, 2.0)
    return Reference.fit({"ltv": ranks, "tenure_days": np.full(50, np.nan)})


def by(scheme: Scheme, reference: Reference, scores: list[float] = SCORES) -> Decisions:
    values: dict[str, FloatArray] = {
        "ltv": np.array(scores), "tenure_days": np.full(len(scores), np.nan),
    }  # fmt: skip
    return decide(scheme, reference, values)


def test_a_population_by_hand(reference: Reference) -> None:
    before, after = two("a 60,b 0", "before"), two("x 80,y 60,z 0")
    found = rehearse(by(before, reference), by(after, reference), reference, REVENUE)
    # a: 90, 70, 65; b: 55, 10. x: 90; y: 70, 65; z: 55, 10.
    assert found.matrix.tolist() == [[1, 2, 0], [0, 0, 2]]
    assert found.before.size.tolist() == [3, 2]
    assert found.before.revenue.tolist() == [0.7, 0.3]
    assert found.after.revenue.tolist() == [0.4, 0.3, 0.3]
    assert found.unchanged is None
    # From the top to the middle is half the way; the larger revenue first, unknown last.
    assert found.movers.tolist() == [1, 2]
    assert found.before.switched_off == ("tenure_days",)
    assert found.before.weight_without_data == 0.25
    assert not found.before.poor
    assert found.before.referred == 0.0


def test_unchanged_by_id_or_by_place(reference: Reference) -> None:
    old = by(two("a 60,b 50,c 0"), reference)
    same_ids = by(two("b 60,a 50,c 0"), reference)  # 55 was b and is a, the top was a and is b
    other_ids = by(two("x 70,y 50,z 0"), reference)  # 65 fell from the first place
    assert rehearse(old, same_ids, reference, REVENUE).unchanged == 0.2
    assert rehearse(old, other_ids, reference, REVENUE).unchanged == 0.8
    assert rehearse(old, old, reference, REVENUE).unchanged == 1.0
    assert rehearse(old, old, reference, REVENUE).movers.tolist() == []


def test_as_many_movers_as_asked_for(reference: Reference) -> None:
    old, new = by(two("a 60,b 0"), reference), by(two("a 95,b 0"), reference)
    assert rehearse(old, new, reference, REVENUE, most=2).movers.tolist() == [0, 1]


def test_without_revenue_there_are_no_shares(reference: Reference) -> None:
    old = by(two("a 60,b 0"), reference)
    found = rehearse(old, old, reference, np.zeros(5))
    assert np.isnan(found.before.revenue).all()
    document = found.to_dict()
    assert document["before"]["tiers"][0] == {
        "id": "a", "label_en": "a", "label_zh": "a层", "customers": 3, "revenue_share": None,
    }  # fmt: skip
    assert document["matrix"] == [[3, 0], [0, 2]]
    assert document["unchanged"] == 1.0
    assert rehearse(old, old, reference, REVENUE).to_dict()["after"]["tiers"][1] == {
        "id": "b", "label_en": "b", "label_zh": "b层", "customers": 2, "revenue_share": 0.3,
    }  # fmt: skip


def test_most_weight_without_data_is_poor(reference: Reference) -> None:
    scheme = two("a 60,b 0")
    assert weight_without_data(scheme, reference) == 0.25
    assert weight_without_data(scheme, {"tenure_days"}) == 0.75
    swapped = Reference.fit({"tenure_days": np.arange(1.0, 100.0, 2.0)})
    values = {"ltv": np.array([np.nan]), "tenure_days": np.array([50.0])}
    found = decide(scheme, swapped, values)
    assert rehearse(found, found, swapped, np.ones(1)).after.poor


def test_the_same_customers_only(reference: Reference) -> None:
    scheme = two("a 60,b 0")
    many, few = by(scheme, reference), by(scheme, reference, [50.0])
    with pytest.raises(PopulationError, match="got 5 and 1"):
        rehearse(many, few, reference, REVENUE)
    with pytest.raises(PopulationError):
        rehearse(many, many, reference, REVENUE[:2])
    nobody = by(scheme, reference, [])
    with pytest.raises(PopulationError, match="got 0 and 0"):
        rehearse(nobody, nobody, reference, np.empty(0))


def test_what_decides_without_data_is_named() -> None:
    retail, types = load_scheme("retail"), load_scheme("value-types")
    assert decided_blindly(retail, set(retail.indicators)) == ()
    assert decided_blindly(retail, {"net_amount_365d"}) == ("order_days_365d", "dso_days_365d")
    assert decided_blindly(types, {"net_amount_365d"}) == ("profit",)
    assert decided_blindly(types, {"net_amount_365d", "discount_rate_365d"}) == ()
    assert decided_blindly(load_scheme(), set()) == ()
