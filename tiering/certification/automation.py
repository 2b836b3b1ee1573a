"""Who is decided automatically under a certificate, and why everybody else is not (#93, #96)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np

from features.schema import FloatArray
from tiering.certification.certificate import Certificate
from tiering.certification.search import Promise
from tiering.certification.trial import BoolArray, IntArray

NO_CERTIFICATE = "no_certificate"
CERTIFICATE_SUSPENDED = "certificate_suspended"
DISAGREEMENT = "disagreement"
LOW_CONFIDENCE = "low_confidence"

REASONS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        NO_CERTIFICATE: (
            "No threshold keeps mistakes among automatic decisions to {level:.0%} with "
            "{sureness:.0%} confidence on past data; a panel decides every customer.",
            "历史数据下没有任何阈值能以{sureness:.0%}的置信度将自动定级误判率控制在{level:.0%}以内，"
            "全部客户由评审会复核。",
        ),
        CERTIFICATE_SUSPENDED: (
            "Automatic decisions are suspended: those of {suspended} were wrong more often than "
            "the {level:.0%} promised; until certified anew, a panel decides.",
            "自动定级已暂停：{suspended}的自动定级误判率超过承诺的{level:.0%}，"
            "重新认证前由评审会复核。",
        ),
        DISAGREEMENT: (
            "The scheme says {issued}, the model expects {likeliest}; a panel decides.",
            "方案定级为{issued}，模型预计为{likeliest}，两者不一致，需评审会复核。",
        ),
        LOW_CONFIDENCE: (
            "The tier will prove right with an estimated probability of {confidence:.0%}; "
            "below {threshold:.0%}, a panel decides.",
            "该级别经事后检验为正确的估计概率为{confidence:.0%}，低于{threshold:.0%}，需评审会复核。",
        ),
    }
)
"""Reason code to format strings (English, Chinese). Fields: ``level``, ``sureness``,
``confidence`` and ``threshold`` as shares, ``suspended`` a day, ``issued`` and ``likeliest``
labels of tiers."""


@dataclass(frozen=True, slots=True, eq=False)
class Automation:
    """What a certificate says of ``n`` customers.

    Attributes
    ----------
    auto
        ``(n,)`` whether the tier may be issued without an expert, as far as the certificate
        goes: other reasons may still refer the customer.
    reason
        Reason code to ``(n,)`` mask; each customer that is not ``auto`` has exactly one.
    """

    auto: BoolArray
    reason: Mapping[str, BoolArray]


def automate(
    certificate: Certificate | None, confidence: FloatArray, tier: IntArray, likeliest: IntArray
) -> Automation:
    """Decide who needs no expert.

    Parameters
    ----------
    certificate
        None, like one that certifies nothing, refers everyone.
    confidence
        ``(n,)`` estimated probability that ``tier`` is right; NaN is never automatic.
    tier, likeliest
        ``(n,)`` tier that the scheme gives, and that the model holds to be most probable.
    """
    n = len(confidence)
    nobody = np.zeros(n, dtype=np.bool_)
    told = dict.fromkeys(REASONS, nobody)
    if certificate is None or certificate.threshold is None:
        told[NO_CERTIFICATE] = ~nobody
        return Automation(nobody, MappingProxyType(told))
    if certificate.suspended is not None:
        told[CERTIFICATE_SUSPENDED] = ~nobody
        return Automation(nobody, MappingProxyType(told))
    sure = np.greater_equal(confidence, certificate.threshold)  # false for NaN
    apart = np.not_equal(tier, likeliest)
    told[DISAGREEMENT] = apart
    told[LOW_CONFIDENCE] = ~sure & ~apart
    return Automation(sure & ~apart, MappingProxyType(told))


@dataclass(frozen=True, slots=True, eq=False)
class Sureness:
    """How sure the tiers of ``n`` customers are, and under which certificate they stand.

    Attributes
    ----------
    certificate
        None: nothing was certified.
    confidence
        ``(n,)`` estimated probability that the scheme's tier is right; NaN where unknown.
    likeliest
        ``(n,)`` tier that the model holds to be most probable.
    """

    certificate: Certificate | None
    confidence: FloatArray
    likeliest: IntArray

    @classmethod
    def unknown(cls, tier: IntArray) -> Sureness:
        """Return that of a model that nobody has certified."""
        return cls(None, np.full(len(tier), np.nan), tier)


def refer_uncertified(
    referred: BoolArray, reasons: Sequence[tuple[str, ...]], automation: Automation
) -> tuple[BoolArray, list[tuple[str, ...]]]:
    """Add to the referrals of a scheme (``tiering/referral.py``) those without a certificate.

    Parameters
    ----------
    referred, reasons
        ``(n,)`` mask and the reason codes of each customer, as ``refer`` returns them.

    Returns
    -------
    referred
        ``(n,)``: referred before, or not automatic.
    reasons
        The codes there were, and after them the certificate's for those it does not cover.
    """
    codes = tuple(automation.reason)
    grid = np.stack([automation.reason[code] for code in codes], axis=1)
    added = [tuple(codes[at] for at in np.flatnonzero(row)) for row in grid]
    return referred | ~automation.auto, [
        (*before, *after) for before, after in zip(reasons, added, strict=True)
    ]


def automation_text(
    code: str,
    language: Literal["en", "zh"],
    certificate: Certificate | None,
    *,
    confidence: float,
    issued: str,
    likeliest: str,
) -> str:
    """Return one customer's reason in words.

    Parameters
    ----------
    code
        A key of ``REASONS``.
    certificate
        The one :func:`automate` was given; None tells of the usual promise.
    confidence
        The customer's, 0 to 1.
    issued, likeliest
        Labels of the scheme's and of the model's tier, in the same language.
    """
    promised = certificate or Promise()
    fields: dict[str, object] = {
        "level": promised.level,
        "sureness": 1.0 - promised.delta,
        "suspended": certificate.suspended if certificate else None,
        "threshold": (certificate.threshold if certificate else None) or 0.0,
        "confidence": confidence,
        "issued": issued,
        "likeliest": likeliest,
    }
    return REASONS[code][0 if language == "en" else 1].format_map(fields)
