"""What happened to a tier is said in both languages, with its numbers."""

from __future__ import annotations

import numpy as np

from tiering.migration.move import Moves, move
from tiering.migration.policy import AutomaticUpgrade, MigrationPolicy, TransitionSupport
from tiering.migration.reasons import EVENTS, TEXTS
from tiering.migration.state import MigrationState
from tiering.migration.words import move_texts, support_texts

TIERS = ("top", "core", "basic")
EN, ZH = ("Top", "Core", "Basic"), ("顶层", "核心", "基础")
CUTS = np.array([75.0, 50.0, 0.0])
DAY = np.datetime64("2026-03-31")
POLICY = MigrationPolicy(
    hysteresis_up=2.0,
    hysteresis_down=1.5,
    min_dwell_days=30,
    grace_days=90,
    max_steps_up=1,
    automatic=(AutomaticUpgrade(tier="core", when=("tenure_days >= 730", "max_overdue_days < 5")),),
    support=(TransitionSupport(tier="core", text_en="A recovery plan.", text_zh="制定恢复计划。"),),
)


def moved(tier: int, since: str, pending: str, raw: int, score: float, **more: object) -> Moves:
    state = MigrationState(
        np.array([tier]), np.array([since], "M8[D]"), np.array([pending], "M8[D]")
    )
    return move(POLICY, TIERS, state, np.array([raw]), DAY, score=np.array([score]), cuts=CUTS,
                **more)  # type: ignore[arg-type]  # fmt: skip


def said(moves: Moves) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return (
        move_texts(POLICY, TIERS, EN, moves, 0, "en", cuts=CUTS),
        move_texts(POLICY, TIERS, ZH, moves, 0, "zh", cuts=CUTS),
    )


def test_each_code_has_both_texts() -> None:
    assert set(EVENTS) < set(TEXTS)
    assert all(en.strip() and zh.strip() for en, zh in TEXTS.values())


def test_a_pending_downgrade_tells_its_days_and_the_support() -> None:
    """#59: the support of the transition is part of the answer."""
    en, zh = said(moved(1, "2025-01-31", "2026-03-01", 2, 40.0))
    assert en == (
        "A downgrade to Basic is due and pending; Core is kept for 60 more days, unless the "
        "customer recovers.",
        "A recovery plan.",
    )
    assert zh == (
        "应降级为基础，处于过渡期：核心再保留60天，期间恢复则取消降级。",
        "制定恢复计划。",
    )
    assert support_texts(POLICY, "top", "en") == ()


def test_hysteresis_names_the_cut_that_was_crossed() -> None:
    up, _ = said(moved(2, "2025-01-31", "NaT", 1, 51.0))
    assert up == (
        "The score 51.0 lies in Core, but less than 2 points beyond the cut at 50; Basic is kept.",
    )
    down, _ = said(moved(1, "2025-01-31", "NaT", 2, 49.0))
    assert down == (
        "The score 49.0 lies in Basic, but less than 1.5 points beyond the cut at 50; "
        "Core is kept.",
    )


def test_an_automatic_upgrade_tells_the_conditions() -> None:
    """#57."""
    values = {"tenure_days": np.array([800.0]), "max_overdue_days": np.array([0.0])}
    en, zh = said(moved(2, "2025-01-31", "NaT", 2, 20.0, values=values))
    assert en[0] == "Upgraded automatically from Basic to Core."
    assert en[1].startswith("The conditions of Core hold: ")
    assert "≥ 730, " in en[1]
    assert "< 5" in en[1]
    assert zh[0] == "由基础自动升级为核心。"
    assert "、" in zh[1]


def test_the_other_events_in_words() -> None:
    assert said(moved(-1, "NaT", "NaT", 1, 60.0))[0] == ("First grade: Core.",)
    dwelling, _ = said(moved(2, "2026-03-21", "NaT", 0, 80.0))
    assert dwelling == (
        "Top is due; a tier is held for at least 30 days, and 20 are left. Basic is kept "
        "until then.",
    )
    stepping, _ = said(moved(2, "2025-01-31", "NaT", 0, 80.0))
    assert stepping == (
        "Upgraded from Basic to Core.",
        "Top is due; one assessment moves no further than 1.",
    )
    panel, _ = said(moved(0, "2025-01-31", "2026-03-01", 0, 80.0, decided=np.array([True])))
    assert panel == (
        "Top, as before.",
        "The downgrade that was pending since 2026-03-01 is lifted.",
        "The expert panel decided.",
    )


def test_tiers_without_a_score_have_words_too() -> None:
    state = MigrationState(np.array([1]), np.array([DAY]), np.array(["NaT"], "M8[D]"))
    moves = move(POLICY, TIERS, state, np.array([1]), DAY)
    assert move_texts(POLICY, TIERS, EN, moves, 0, "en") == ("Core, as before.",)
    held = move(
        POLICY, TIERS, state, np.array([2]), DAY, margin_up=np.array([1.0]), score=np.array([80.0])
    )
    told = ("The figures lie in Basic, but less than 1.5 points beyond its border; Core is kept.",)
    assert move_texts(POLICY, TIERS, EN, held, 0, "en") == told
    # A rule overruled the score: it is not told as if it had decided.
    assert move_texts(POLICY, TIERS, EN, held, 0, "en", cuts=CUTS) == told
