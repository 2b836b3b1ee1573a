"""Policy packs: the documents' numbers, risk terms, and what a scheme's packs must keep."""

from __future__ import annotations

import tomllib
from itertools import pairwise

import pytest

from tiering.errors import PolicyError, SchemeError
from tiering.packs.pack import Packs, for_tiers, pack_faults, pack_of, risk_flags
from tiering.packs.pack_file import PACKAGED, packaged_packs, parse_packs
from tiering.scheme import load_scheme


def test_the_default_tiers_have_the_promises_of_the_documents() -> None:
    """#61, #62, X5: terms, shares, replies, visits and cadence."""
    packs = packaged_packs("four-tier")
    tiers = [tier.id for tier in load_scheme("default").tiers]
    assert [pack.tier for pack in packs.tiers] == tiers
    assert list(pack_faults(packs, tiers)) == []
    best = packs.tiers[0]
    assert best.payment_terms_days == 60
    assert (best.response_hours, best.executive_visits_per_month) == (1.0, 1.0)
    assert (best.emergency_minutes, best.major_hours) == ((15, 30, 60), 48.0)
    assert [pack.resource_share for pack in packs.tiers] == [0.20, 0.15, 0.10, 0.05]
    assert sum(pack.resource_share or 0 for pack in packs.tiers) == pytest.approx(0.5)
    assert [pack.contacts_per_quarter for pack in packs.tiers] == [6.0, 3.0, 1.0, 1.0]
    for better, worse in pairwise(packs.tiers):
        assert (better.response_hours or 0) <= (worse.response_hours or 0)
        assert (better.payment_terms_days or 0) >= (worse.payment_terms_days or 0)


def test_complaints_follow_the_standard_1_2_5() -> None:
    """#86."""
    for name in PACKAGED:
        for pack in packaged_packs(name).tiers:
            found = pack.complaint
            assert (found.confirm_hours, found.diagnose_hours) == (1.0, 2.0)
            assert (found.solve_working_days, found.escalate_hours) == (5.0, 24.0)


def test_the_other_documents_numbers() -> None:
    """#62: 2 hours, 24 hours, 7 days (002); monthly observation (004)."""
    core = packaged_packs("b2b-score").tiers[0]
    assert (core.response_hours, core.solution_hours, core.callback_days) == (2.0, 24.0, 7.0)
    assert packaged_packs("b2b-score").tiers[2].solution_hours == 48.0
    assert [p.contacts_per_quarter for p in packaged_packs("account").tiers] == [6, 3, 3, 1]
    assert packaged_packs("graded").tiers[-1].contacts_per_quarter == 3.0


def test_high_risk_turns_sixty_day_terms_into_prepayment() -> None:
    """#61: high-risk customers prepay, whatever their tier."""
    packs = packaged_packs("four-tier")
    calm = pack_of(packs, "strategic_partner", {"dormant"})
    assert calm is not None
    assert (calm.pack.payment_terms_days, calm.pack.prepay, calm.risk) == (60, False, None)
    risky = pack_of(packs, "strategic_partner", {"high_risk", "dormant"})
    assert risky is not None
    assert risky.risk is not None
    assert (risky.pack.payment_terms_days, risky.pack.prepay) == (None, True)
    assert risky.pack.response_hours == 1.0
    assert "预付款" in risky.risk.text_zh
    assert packs.risks[0].indicators == {"max_overdue_days"}
    assert pack_of(packs, "gold", {"high_risk"}) is None


def test_packs_are_taken_over_by_another_scheme() -> None:
    taken = for_tiers(packaged_packs("graded"), [("key", "important"), ("watch", "rest")])
    assert [pack.tier for pack in taken.tiers] == ["important", "rest"]
    with pytest.raises(PolicyError, match="no pack of 'gold'"):
        for_tiers(taken, [("gold", "x")])


def test_every_fault_is_told_at_once() -> None:
    packs = Packs.model_validate(
        tomllib.loads("""
[[tiers]]
tier = "core"
response_hours = 4.0
solution_hours = 2.0
emergency_minutes = [15, 15]
payment_terms_days = 30
prepay = true
resource_share = 20.0
callback_days = -1.0
complaint = { confirm_hours = -1.0 }
text_en = "x"

[[tiers]]
tier = "gold"
emergency_minutes = [0, 5]
text_en = "x"
text_zh = "x"

[[tiers]]
tier = "gold"
response_hours = 1.0
text_en = "x"
text_zh = "x"

[[risks]]
flag = "High risk"
payment_terms_days = 10
text_en = "x"
text_zh = "x"

[[risks]]
flag = "High risk"
prepay = false
payment_terms_days = -10
text_zh = "x"
""")
    )
    assert [fault.path for fault in pack_faults(packs, ["core", "basic"])] == [
        "packs.tiers[0].text_zh",
        "packs.tiers[0].callback_days",
        "packs.tiers[0].complaint.confirm_hours",
        "packs.tiers[0].payment_terms_days",
        "packs.tiers[0].resource_share",
        "packs.tiers[0].emergency_minutes",
        "packs.tiers[0].solution_hours",
        "packs.tiers[1].tier",
        "packs.tiers[1].emergency_minutes",
        "packs.tiers[2].tier",
        "packs.tiers",
        "packs.risks[0].flag",
        "packs.risks[0].payment_terms_days",
        "packs.risks[1].flag",
        "packs.risks[1].text_en",
        "packs.risks[1].payment_terms_days",
        "packs.risks",
    ]


def test_files_that_cannot_be_read() -> None:
    with pytest.raises(SchemeError, match="no packs 'gold'"):
        packaged_packs("gold")
    with pytest.raises(SchemeError, match="not valid TOML"):
        parse_packs("[[")
    with pytest.raises(SchemeError, match="1 fault:") as caught:
        parse_packs('[[tiers]]\ntier = "a"\nhours = 3')
    assert caught.value.faults[0].path == "tiers.0.hours"
    with pytest.raises(SchemeError, match="2 faults:"):
        parse_packs('[[tiers]]\ntier = "a"')


def test_conditions_raise_a_risk_flag() -> None:
    # More than 30 days overdue (#77) is high risk, whoever does not tell so.
    packs = packaged_packs("four-tier")
    assert risk_flags(packs, {"max_overdue_days": 31.0}) == {"high_risk"}
    for quiet in ({"max_overdue_days": 30.0}, {"max_overdue_days": float("nan")}, {}):
        assert risk_flags(packs, quiet) == frozenset()
    found = pack_of(packs, "strategic_partner", risk_flags(packs, {"max_overdue_days": 31.0}))
    assert found is not None
    assert (found.pack.prepay, found.pack.payment_terms_days) == (True, None)


def test_conditions_of_a_risk_must_be_conditions() -> None:
    text = (
        '[[risks]]\nflag = "late"\ntext_en = "Late."\ntext_zh = "逾期。"\n'
        'when = [["max_overdue_days > 3"], [], ["overdue >= 1"]]\n'
    )
    with pytest.raises(SchemeError) as caught:
        parse_packs(text)
    assert [fault.path for fault in caught.value.faults] == ["packs.risks[0].when"] * 3


@pytest.mark.parametrize(
    ("scheme", "name", "renamed"),
    [
        ("default", "four-tier", {}),
        ("five-dimension-lifecycle", "four-tier", {}),
        ("purchase-tenure", "four-tier", {"strategic_partner": "strategic"}),
        ("b2b-four", "b2b-score", {"routine": "regular", "prospective": "latent"}),
        ("rfm-strategic", "account", {"ordinary": "general"}),
        ("weighted-50-30-20", "graded", {"watch": "observed"}),
    ],
)
def test_shipped_schemes_carry_the_packs_of_their_documents(
    scheme: str, name: str, renamed: dict[str, str]
) -> None:
    packs = packaged_packs(name)
    pairs = [(pack.tier, renamed.get(pack.tier, pack.tier)) for pack in packs.tiers]
    assert load_scheme(scheme).packs == for_tiers(packs, pairs)


def test_the_default_scheme_holds_tiers_over_time() -> None:
    """#59: a month of grace with support; the points are those of docs/migration.md."""
    policy = load_scheme().migration
    assert policy is not None
    assert (policy.hysteresis_up, policy.hysteresis_down, policy.grace_days) == (1.5, 0.5, 30)
    assert [entry.tier for entry in policy.support] == ["strategic_partner", "core", "potential"]
