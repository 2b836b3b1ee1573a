"""The model shelf: what the service tells about models without opening the registry.

A folder beside the served bundle, written whole at every change of champion
(``training/shelving.py``)::

    models/
    ├── promotions.jsonl   the ledger of champions, line for line, chained
    ├── models.json        versions with figures, and the digest of the ledger's last line
    └── 3/                 model cards of version 3: card.en.html, card.en.md, card.zh-CN.html ...
                           and gate_report.json, what was checked at its last decision
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from training.errors import RegistryError
from training.registry.judgement import Judgement, last_report, read
from training.registry.ledger import LedgerEntry, PromotionLedger

Decision = LedgerEntry
"""What the ledger holds; the service knows it by this name."""
LEDGER = "promotions.jsonl"
INDEX = "models.json"
GATES = "gate_report.json"
CardLanguage = Literal["en", "zh-CN"]
CardFormat = Literal["html", "md"]
CARD_LANGUAGES: tuple[CardLanguage, ...] = ("en", "zh-CN")
CARD_FORMATS: tuple[CardFormat, ...] = ("html", "md")


@dataclass(frozen=True, slots=True)
class ShelvedModel:
    """One registered version.

    Attributes
    ----------
    created_at
        ISO 8601, UTC.
    bundle_digest
        SHA-256 of the bundle, hex.
    metrics
        ``backtest.*`` and ``stress.*``, full precision.
    facts
        Tags of the version: hashes of data, code, recipe and scheme, the gates' verdict.
    cards
        ``language.format`` of the model cards there are: ``en.html``.
    """

    version: int
    created_at: str
    bundle_digest: str
    metrics: Mapping[str, float]
    facts: Mapping[str, str]
    cards: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shelf:
    """All versions of the served model, newest first, and every decision, oldest first."""

    folder: Path
    model: str
    versions: tuple[ShelvedModel, ...]
    decisions: tuple[Decision, ...]

    def version(self, number: int) -> ShelvedModel | None:
        """Return one version."""
        return next((each for each in self.versions if each.version == number), None)

    def crowned(self, at: datetime | None = None) -> Decision | None:
        """Return the decision by which the champion of an instant (UTC; default: now) reigns."""
        found = None
        for each in self.decisions:
            if each.crowns and (at is None or datetime.fromisoformat(each.at) <= at):
                found = each
        return found

    def card(self, number: int, language: CardLanguage, kind: CardFormat) -> str | None:
        """Return a model card, None if the version has none like that."""
        model, name = self.version(number), f"{language}.{kind}"
        if model is None or name not in model.cards:
            return None
        return (self.folder / str(model.version) / f"card.{name}").read_text("utf-8")

    def judged(self, number: int) -> tuple[Decision, Judgement] | None:
        """Return the last decision about a version with its gate report, None if none is kept.

        Raises
        ------
        RegistryError
            If the report is not the one that the ledger's line vouches for.
        """
        entry = last_report(self.decisions, number)
        path = self.folder / str(number) / GATES
        if entry is None or not path.is_file():
            return None
        return entry, read(path.read_text("utf-8"), entry.gate_report_sha256)


def read_shelf(folder: Path) -> Shelf | None:
    """Read the shelf, None where nothing was shelved yet.

    Raises
    ------
    RegistryError
        If the ledger was edited, its end was cut off, or the index is damaged.
    """
    try:
        # The link is followed once, so that all files are of one generation.
        folder = folder.resolve(strict=True)
        document = json.loads((folder / INDEX).read_text("utf-8"))
        model, head = document["model"], document["head"]
        versions = tuple(_version(each) for each in document["versions"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise RegistryError(
            f"The index of models {INDEX} is damaged.",
            hint="Promote or roll back to write it anew.",
        ) from error
    ledger = PromotionLedger(folder / LEDGER)
    digests = ledger.digests(model)
    if digests[-1:] != ([head] if head else []):
        raise RegistryError(
            f"The promotion ledger {LEDGER} does not end where the index of models says.",
            hint="Its end was cut off, or it is of another time; restore the folder.",
        )
    return Shelf(folder, model, versions, tuple(ledger.entries(model)))


def _version(document: dict[str, Any]) -> ShelvedModel:
    return ShelvedModel(**{**document, "cards": tuple(document["cards"])})
