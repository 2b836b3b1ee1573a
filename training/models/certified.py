"""What a bundle carries to grade without an expert: models of confidence and their certificates.

All of it is text: certificates are JSON with a digest of their own, trees are LightGBM's format.
A certificate is about one model, so a pair that does not belong together is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from features.schema import FloatArray
from tiering.assign import Decisions
from tiering.certification.automation import Automation, Sureness, automate
from tiering.certification.certificate import Certificate
from tiering.composite import Composite
from tiering.errors import PolicyError
from tiering.scores import Reference
from training.errors import BundleError
from training.manifest import dump
from training.models.boosting import Boosted
from training.models.tier_confidence import TierConfidence, confidence_of, likeliest
from training.models.tier_view import IntArray, tier_view
from training.scores import Scores

GOVERNING = "hindsight"
"""Definition of the realised tier whose certificate decides what is issued; others are told."""

_INDEX = "certified.json"


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """What is known of the grades of ``n`` customers.

    Attributes
    ----------
    automation
        Who needs no expert, and why the others do.
    confidence
        ``(n,)`` probability that the scheme's tier is the realised one.
    likeliest
        ``(n,)`` tier that the model holds to be most probable.
    """

    automation: Automation
    confidence: FloatArray
    likeliest: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class CertifiedTiers:
    """Models and certificates by definition of the realised tier.

    Attributes
    ----------
    models, certificates
        By definition; both hold the same ones, the governing one among them.
    cuts, shares
        As in :class:`~training.models.tier_view.TierView`, frozen with the reference population.
    """

    models: Mapping[str, TierConfidence]
    certificates: Mapping[str, Certificate]
    cuts: FloatArray
    shares: FloatArray

    def __post_init__(self) -> None:
        paired = self.models.keys() == self.certificates.keys() and GOVERNING in self.models
        if not paired or any(
            self.certificates[name].model != model.digest for name, model in self.models.items()
        ):
            raise BundleError(
                "The certificates are not about these models of confidence.",
                hint="Certify again, and keep what was certified together.",
                definitions=sorted({*self.models, *self.certificates}),
            )

    def judge(
        self, tier: IntArray, graded: Composite, scores: Scores, reference: Reference
    ) -> Verdict:
        """Decide who of ``n`` graded customers needs no expert, by the governing certificate."""
        view = tier_view(tier, graded, scores, reference, self.cuts, self.shares)
        probabilities = self.models[GOVERNING].probabilities(view)
        sure, likely = confidence_of(probabilities, view.tier), likeliest(probabilities)
        found = automate(self.certificates[GOVERNING], sure, view.tier, likely)
        return Verdict(found, sure, likely)

    def texts(self) -> dict[str, str]:
        """Return everything as files, text by name."""
        found = {
            _INDEX: dump(
                {
                    "cuts": [None if np.isnan(cut) else cut for cut in self.cuts.tolist()],
                    "shares": self.shares.tolist(),
                    "models": {name: model.to_dict() for name, model in self.models.items()},
                }
            )
        }
        for name, model in self.models.items():
            found[f"confidence.{name}.lgb.txt"] = model.trees.text
            found[f"certificate.{name}.json"] = self.certificates[name].to_json()
        return found

    @classmethod
    def from_texts(cls, texts: Mapping[str, str], threads: int) -> CertifiedTiers | None:
        """Read :meth:`texts`; None if there are none.

        Raises
        ------
        BundleError
            If a certificate was altered, or is about another model.
        """
        if _INDEX not in texts:
            return None
        told = json.loads(texts[_INDEX])
        try:
            certificates = {
                name: Certificate.from_json(texts[f"certificate.{name}.json"])
                for name in told["models"]
            }
        except PolicyError as error:
            raise BundleError(error.message, hint=error.hint) from error
        return cls(
            models={
                name: TierConfidence.from_dict(
                    document, Boosted(texts[f"confidence.{name}.lgb.txt"], threads=threads)
                )
                for name, document in told["models"].items()
            },
            certificates=certificates,
            cuts=np.array([np.nan if cut is None else cut for cut in told["cuts"]]),
            shares=np.array(told["shares"], dtype=np.float64),
        )


def sureness(
    certified: CertifiedTiers | None, decisions: Decisions, scores: Scores, reference: Reference
) -> Sureness:
    """Return how sure tiers are, for ``Decisions.under``; unknown where nothing is certified."""
    tier = decisions.tier.astype(np.int64)
    if certified is None:
        return Sureness.unknown(tier)
    verdict = certified.judge(tier, decisions.composite, scores, reference)
    return Sureness(certified.certificates[GOVERNING], verdict.confidence, verdict.likeliest)
