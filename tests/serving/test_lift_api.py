"""``GET /v1/grades/{id}/lift``: what would lift the tier (#96), over the real store and bundle."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from fastapi.testclient import TestClient

from features.schema import FloatArray, IndicatorFrame
from serving.api import examples, schemas
from serving.app import create_app
from serving.batch import BatchResult
from serving.domain.grade import Grade
from serving.errors import NotReadyError
from serving.lifting import lift_of, step_of, tell_lift
from serving.scoring import basis_of, grade
from serving.settings import Settings
from tiering.assign import decide
from tiering.lift.actions import packaged_actions
from tiering.lift.found import Change, Lift, Supply
from tiering.lift.proposals import lifts
from training.bundle import Bundle


@pytest.fixture(scope="module")
def grades(served_bundle: Bundle, frame: IndicatorFrame) -> list[Grade]:
    basis = basis_of(served_bundle, frame.as_of, "run")
    return grade(served_bundle, frame.values, frame.customer_id.tolist(), basis).grades


@pytest.fixture(scope="module")
def found(served_bundle: Bundle, grades: list[Grade]) -> list[Lift]:
    return [lift_of(served_bundle, each) for each in grades]


def answers(client: TestClient, frame: IndicatorFrame) -> Iterator[dict]:
    for customer in frame.customer_id[:60]:
        answer = client.get(f"/v1/grades/{customer}/lift")
        assert answer.status_code == 200
        yield answer.json()


def test_every_proposal_reaches_its_tier_when_graded_again(
    client: TestClient, frame: IndicatorFrame, served_bundle: Bundle, grades: list[Grade]
) -> None:
    proposed = 0
    for told, own in zip(answers(client, frame), grades, strict=False):
        present = client.get(f"/v1/grades/{told['customer_id']}").json()
        assert (told["score"], told["tier"]) == (present["score"], present["tier"])
        assert told["next_tier"] == present["margin"]["next_tier"]
        for proposal in told["proposals"]:
            proposed += 1
            assert proposal["tier"]["index"] < told["tier"]["index"]
            assert proposal["score"] > told["score"]
            for lang, text in proposal["text"].items():
                assert text in told["texts"][lang]
                assert all(change["text"][lang] in text for change in proposal["changes"])
            values = values_of(own, served_bundle)
            for change in proposal["changes"]:
                values[change["indicator"]] = np.array([change["after"]])
            again = decide(served_bundle.scheme, served_bundle.reference, values)
            assert again.tier[0] == proposal["tier"]["index"]
            assert again.composite.score[0] == proposal["score"]
    assert proposed > 10


def values_of(grade: Grade, bundle: Bundle) -> dict[str, FloatArray]:
    own = {name: grade.value(name) for name in bundle.scheme.indicators}
    return {name: np.array([np.nan if x is None else x]) for name, x in own.items()}


def test_one_language_on_request(client: TestClient) -> None:
    told = client.get("/v1/grades/c-0007/lift", params={"lang": "zh-CN"}).json()
    assert list(told["texts"]) == ["zh-CN"]
    both = client.get("/v1/grades/c-0007/lift").json()
    assert list(both["texts"]) == ["en", "zh-CN"]
    assert both["texts"]["zh-CN"] == told["texts"]["zh-CN"]
    assert both["actions_sha256"] == packaged_actions().sha256
    assert client.get("/v1/grades/c-0007/lift", params={"lang": "de"}).status_code == 422
    assert client.get("/v1/grades/nobody/lift").status_code == 404


def test_the_example_is_an_answer() -> None:
    answer = schemas.Lift.model_validate(examples.LIFT)
    assert json.loads(answer.model_dump_json(by_alias=True)) == examples.LIFT


def test_another_model_cannot_grade_again(
    settings: Settings, graded: BatchResult, served_bundle: Bundle, grades: list[Grade]
) -> None:
    other = replace(grades[0], basis=replace(grades[0].basis, bundle_digest="0" * 64))
    with pytest.raises(NotReadyError, match="another model than the one that is loaded"):
        lift_of(served_bundle, other)
    bare = create_app(settings.model_copy(update={"bundle_dir": settings.home / "none"}))
    with TestClient(bare) as client:
        answer = client.get("/v1/grades/c-0007/lift")
        assert answer.status_code == 503
        assert answer.json()["type"] == "urn:tierwise:problem:not-ready"
        page = client.get("/customers/c-0007", headers={"accept": "text/html"})
        assert page.status_code == 200
        assert "lift-title" not in page.text
    bare.state.database.dispose()


def test_the_page_tells_it_in_both_languages(client: TestClient, frame: IndicatorFrame) -> None:
    told = next(each for each in answers(client, frame) if each["proposals"])
    for lang, title in (("en", "What would lift the tier"), ("zh-CN", "怎样才能升级")):
        page = client.get(
            f"/customers/{told['customer_id']}",
            headers={"accept": "text/html", "accept-language": lang},
        ).text
        assert title in page
        for sentence in told["texts"][lang]:
            assert sentence in page


# --- in words -----------------------------------------------------------------------------


def change(name: str, before: float, after: float) -> Change:
    action = next(each for each in packaged_actions().actions if each.indicator == name)
    return Change(action, before, after, 1.0)


@pytest.mark.parametrize(
    ("moved", "en", "zh"),
    [
        (change("category_count_180d", 1, 2), "add one product category", "增加1个品类"),
        (change("category_count_180d", 1, 3), "add 2 product categories", "增加2个品类"),
        (
            change("active_month_share_12m", 0.5, 0.75),
            "order in 3 more months of the year",
            "一年中多3个月有采购",
        ),
        (
            change("on_time_collection_rate_365d", 0.8, 0.95),
            "pay on time (95.0% of amounts due instead of 80.0%)",
            "按期付款（回款及时率由80.0%提高至95.0%）",
        ),
        (
            change("max_overdue_days", 31, 0),
            "pay what is overdue (now 31 days)",
            "结清逾期账款（现逾期31天）",
        ),
        (
            change("net_amount_90d", 2000, 2400),
            "raise the net spend of 90 days by CNY 400.00 to CNY 2,400",
            "将近90天净采购额提高CNY 400.00至CNY 2,400",
        ),
    ],
)
def test_steps_with_their_units(moved: Change, en: str, zh: str) -> None:
    assert step_of(moved, "CNY", "en") == en
    assert step_of(moved, "CNY", "zh-CN") == zh


def test_the_sentence_of_the_requirement(grades: list[Grade], found: list[Lift]) -> None:
    """#96: 因采购品类单一被归为基础客户，但增加2个品类、按期付款即可升为潜力客户。"""
    grade, lift = next(
        (g, x) for g, x in zip(grades, found, strict=True) if x.proposals and g.tier.index == 3
    )
    moved = (
        change("category_count_180d", 1, 3),
        change("on_time_collection_rate_365d", 0.8, 0.95),
    )
    proposal = replace(lift.proposals[0], changes=moved, tier=2, score=46.14, to_panel=False)
    lift = replace(lift, proposals=(proposal,), supplies=(), near=False)
    assert tell_lift(lift, grade, "zh-CN").proposals == (
        "因采购品类单一、付款不及时被归为基础客户，但增加2个品类、"
        "按期付款（回款及时率由80.0%提高至95.0%）即可升为潜力客户（46.1分）。",
    )
    assert tell_lift(lift, grade, "en").proposals == (
        "Graded Basic customer, held back by buying few product categories and late payments: "
        "to add 2 product categories and pay on time (95.0% of amounts due instead of 80.0%) "
        "would lift the grade to Potential customer (46.1 points).",
    )
    panel = replace(lift, proposals=(replace(proposal, to_panel=True),), near=True, margin_up=0.5)
    story = tell_lift(panel, grade, "en")
    assert story.proposals[0].endswith("A panel would confirm it, as that is close to the border.")
    assert story.near.startswith("Only 0.50 points short of Potential customer")
    assert story.near in story.sentences
    assert story.held in story.sentences


def test_no_lift_in_words(grades: list[Grade], found: list[Lift]) -> None:
    grade, lift = next((g, x) for g, x in zip(grades, found, strict=True) if g.tier.index == 3)
    base = replace(lift, proposals=(), attainable=None, supplies=(), blocked=(), near=False)
    none = "No feasible change reaches Potential customer."
    assert tell_lift(base, grade, "en").otherwise == (none,)
    blocked = replace(base, blocked=("tenure_days", "strategic"))
    assert tell_lift(blocked, grade, "en").otherwise == (
        none,
        "It asks for days since the first order and strategic fit, which no action of the policy "
        "moves far enough.",
    )
    most = next(x.proposals[0] for x in found if x.proposals)
    most = replace(most, changes=(change("category_count_180d", 1, 2),), score=41.26)
    assert tell_lift(replace(base, attainable=most), grade, "zh-CN").otherwise == (
        "在可行范围内无法升为潜力客户，至多可增加1个品类（41.3分）。",
    )
    ruled = replace(
        grade,
        basis=replace(
            grade.basis, tiers=tuple(replace(tier, cut=None) for tier in grade.basis.tiers)
        ),
        tier=replace(grade.tier, cut=None),
    )
    assert "分）" not in tell_lift(replace(base, attainable=most), ruled, "zh-CN").otherwise[0]
    supplied = replace(base, supplies=(Supply(("csat_mean_365d", "credit_grade_score"), 1),))
    assert tell_lift(supplied, grade, "en").supplies == (
        "With the missing data on mean customer satisfaction of tickets, last 365 days and credit "
        "grade as a score the grade could rise, at most to Core customer.",
    )
    top = replace(grade, tier=grade.basis.tiers[0])
    best = replace(base, tier=0)
    assert tell_lift(best, top, "zh-CN").sentences == ("战略伙伴已是最高等级。",)


def test_a_tier_held_in_spite_of_the_figures_is_told_apart(
    grades: list[Grade], found: list[Lift]
) -> None:
    grade, lift = next(
        (g, x) for g, x in zip(grades, found, strict=True) if x.proposals and g.tier.index == 3
    )
    held = replace(grade, tier=grade.basis.tiers[1])
    story = tell_lift(lift, held, "en")
    assert story.sentences[0] == (
        "The tier held is Core customer; by the figures of the day it is Basic customer, and "
        "these are what can be moved."
    )
    assert story.proposals == tell_lift(lift, grade, "en").proposals
    assert story.proposals[0].startswith("Graded Basic customer")
    assert tell_lift(lift, grade, "en").figures == ""


def test_one_read_is_the_batch(
    served_bundle: Bundle, frame: IndicatorFrame, found: list[Lift]
) -> None:
    values = served_bundle.indicator_values(frame.values)
    assert lifts(served_bundle.scheme, served_bundle.reference, values) == found
