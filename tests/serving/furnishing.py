"""What lies beside a served store: a model shelf, a KPI board, and what the world knows."""

from __future__ import annotations

import json
from pathlib import Path

from features.contract import CONTRACT
from features.manifest import Manifest
from serving.settings import Settings
from training.evaluation.verdict import GateReport, at_least
from training.registry.judgement import Judgement
from training.registry.ledger import PromotionLedger
from training.shelf import GATES, INDEX, LEDGER

MODEL = "tierwise-small"
CARD = "# Model card: small\n"


def furnish(settings: Settings, digest: str) -> None:
    """Write them; version 2 was champion, version 3 is."""
    write_shelf(settings.models, digest)
    write_manifest(settings.published)
    settings.board.write_text(json.dumps(BOARD), "utf-8")


def write_manifest(folder: Path) -> None:
    """Write the manifest of a world that has every table but the market, and no file."""
    folder.mkdir(parents=True, exist_ok=True)
    Manifest(
        world="small",
        currency="EUR",
        simulated=True,
        sources={},
        catalogue_hash="c" * 64,
        code_hash="d" * 64,
        entries={},
        columns={t.name: t.column_names for t in CONTRACT.values() if t.has_customer},
    ).save(folder)


def write_shelf(folder: Path, digest: str = "b" * 64) -> None:
    """Write a shelf with a real chained ledger."""
    folder.mkdir(parents=True, exist_ok=True)
    ledger = PromotionLedger(folder / LEDGER)
    ledger.path.unlink(missing_ok=True)
    ledger.append(MODEL, "promote", 2, by="li.wei", digest="a" * 64)
    ledger.append("tierwise-other", "promote", 9, by="ana")
    ledger.append(MODEL, "refuse", 3, by="ana", failed=["auc 0.6 < 0.7"], digest=digest)
    ledger.append(MODEL, "approve", 3, by="li.wei", digest=digest)
    judged = Judgement(
        model=MODEL,
        version=3,
        bundle_digest=digest,
        decision="promote",
        by="ana",
        reason="better",
        mode="production",
        against=2,
        lacking="",
        approvals=({"at": ledger.entries(MODEL)[-1].at, "by": "li.wei", "reason": "card read"},),
        gates=GateReport((at_least("churn.auc", 0.8, 0.65, "fine"),), ("No stress test.",)),
    )
    ledger.append(
        MODEL,
        "promote",
        3,
        by="ana",
        reason="better",
        digest=digest,
        gate_report_sha256=judged.sha256,
    )
    index = {
        "model": MODEL,
        "head": ledger.digests(MODEL)[-1],
        "versions": [_version(3, digest), _version(2, "a" * 64)],
    }
    (folder / INDEX).write_text(json.dumps(index), "utf-8")
    (folder / "3").mkdir(exist_ok=True)
    (folder / "3" / GATES).write_text(judged.text, "utf-8")
    for name in _version(3, digest)["cards"]:
        text = "<!doctype html><h1>card</h1>" if str(name).endswith("html") else CARD
        (folder / "3" / f"card.{name}").write_text(text, "utf-8")


def _version(number: int, digest: str) -> dict[str, object]:
    return {
        "version": number,
        "created_at": "2024-06-30T20:35:12+00:00",
        "bundle_digest": digest,
        "metrics": {"backtest.churn.auc": 0.1 + 0.2},
        "facts": {"gates": "passed"},
        "cards": ["en.html", "en.md", "zh-CN.md"] if number == 3 else [],
    }


_FIGURE = {"value": 0.2, "lower": 0.15, "upper": None, "n": 300, "unknown": 4}
BOARD = {
    "catalogue": {"id": "company", "version": "1.0.0"},
    "days": ["2024-06-30", "2025-06-30"],
    "kpis": [
        {
            "id": "churn_rate",
            "label_en": "Churn rate",
            "label_zh": "客户流失率",
            "unit": "share",
            "good": "down",
            "window": "365d",
            "target": 0.1,
            "actual": _FIGURE,
            "baseline": None,
            "reached": 0.2,
            "deviation": -1.0,
            "status": "adjust",
            "certain": True,
            "missing": [],
        }
    ],
    "tiers": ["strategic", "core"],
    "migration": None,
    "concentration": {},
    "drift": [],
}
