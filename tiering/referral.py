"""Which decisions the expert panel must see, and the words that say why (#7, #93, #96)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Literal

import numpy as np
import numpy.typing as npt

from features.schema import FloatArray
from tiering.errors import PolicyError
from tiering.policy import Referral

BoolArray = npt.NDArray[np.bool_]
Language = Literal["en", "zh"]

BORDER_MARGIN = "border_margin"
BORDER_RULE = "border_rule"
RULE_DATA = "rule_data"
MISSING_WEIGHT = "missing_weight"
MISSING_DIMENSION = "missing_dimension"
UNEXPLAINED_JUMP = "unexplained_jump"
DORMANT = "dormant"

REASONS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        BORDER_MARGIN: (
            "The score {score:.1f} is {distance:.2f} points from the cut at {cut:g}; "
            "closer than {band:g} points, a panel decides.",
            "得分{score:.1f}距分级线{cut:g}分仅{distance:.2f}分，不足{band:g}分，需评审会复核。",
        ),
        BORDER_RULE: (
            "{distance:.2f} points in what decides would change the tier; closer than {band:g} "
            "points, a panel decides.",
            "决定分级的项目只差{distance:.2f}分即改变分级，不足{band:g}分，需评审会复核。",
        ),
        RULE_DATA: (
            "Data that decide the tier are missing: with them it could be {best}; a panel decides.",
            "缺少决定分级的数据，补全后最高可为{best}，需评审会复核。",
        ),
        MISSING_WEIGHT: (
            "{missing:.0%} of the weight has no data; above {limit:.0%} a panel decides.",
            "{missing:.0%}的权重缺少数据，超过{limit:.0%}，需评审会复核。",
        ),
        MISSING_DIMENSION: (
            "No data for {dimensions}; the score rests on the other dimensions.",
            "缺少{dimensions}数据，得分按其余维度计算。",
        ),
        UNEXPLAINED_JUMP: (
            "Spend jumped to {jump:.1f} times what it was (the last year against the year before, "
            "or one purchase day against the others) and no explanation is on record; from "
            "{jump_limit:g} times on, a panel decides.",
            "采购额突增至原来的{jump:.1f}倍（近一年对前一年，或单日对其余采购日均值），"
            "且无解释记录；达到{jump_limit:g}倍即需评审会复核。",
        ),
        DORMANT: (
            "No purchase for longer than the models cover; their forecasts are uncertain.",
            "长期未采购，超出模型适用范围，预测不确定。",
        ),
    }
)
"""Reason code to format strings (English, Chinese). Fields: ``score``, ``distance``,
``cut`` and ``band`` in points, ``missing`` and ``limit`` as shares, ``jump`` and ``jump_limit``
as ratios, ``dimensions`` and ``best`` (a tier) as text."""

FLAGS: tuple[str, ...] = (DORMANT,)
"""Reasons that only the caller can know."""


def reason_text(code: str, language: Language, fields: Mapping[str, object]) -> str:
    """Return the reason in words.

    Parameters
    ----------
    fields
        Values for the format string; more than it needs is fine.
    """
    return REASONS[code][0 if language == "en" else 1].format_map(fields)


def refer(
    referral: Referral,
    *,
    distance: FloatArray,
    by_score: bool,
    missing_weight: FloatArray,
    missing_dimension: BoolArray,
    undecided: BoolArray,
    challenged: BoolArray,
    flags: Mapping[str, BoolArray],
) -> tuple[BoolArray, list[tuple[str, ...]]]:
    """Decide who is referred, and collect what there is to say about each customer.

    A reason may be a mere remark: a dimension without data is always told, yet refers only
    through its weight, and not for a dormant customer; a flag refers only if the scheme lists
    it.

    Parameters
    ----------
    distance
        ``(n,)`` points to the nearest other tier.
    by_score
        Whether these are points of the score, else of what rules or a matrix ask for.
    missing_weight
        ``(n,)`` share of weight without data.
    missing_dimension
        ``(n, d)`` dimensions without data.
    undecided
        ``(n,)`` whether data that are missing could give a better tier.
    challenged
        ``(n,)`` spend that jumped without an explanation (``tiering/challenge.py``).
    flags
        Flag to ``(n,)`` mask.

    Returns
    -------
    referred
        ``(n,)`` mask.
    reasons
        For each customer its reason codes, in the order of ``REASONS``.

    Raises
    ------
    PolicyError
        If a flag is unknown or its mask is not ``(n,)`` boolean.
    """
    n = len(distance)
    for name, mask in flags.items():
        if name not in FLAGS:
            raise PolicyError(
                f"Unknown flag {name!r}.", hint=f"Known flags: {', '.join(FLAGS)}.", flag=name
            )
        if mask.shape != (n,) or mask.dtype != np.bool_:
            raise PolicyError(f"Flag {name!r} must be a boolean mask of {n} customers.", flag=name)
    # The windows of a dormant customer are empty because nothing happened: no data is missing.
    dormant = flags.get(DORMANT, np.zeros(n, dtype=np.bool_))
    near = np.less(distance, referral.band)
    masks: dict[str, BoolArray] = {
        (BORDER_MARGIN if by_score else BORDER_RULE): near,
        RULE_DATA: undecided,
        MISSING_WEIGHT: np.greater(missing_weight, referral.max_missing_weight) & ~dormant,
        MISSING_DIMENSION: np.asarray(missing_dimension.any(axis=1)),
        UNEXPLAINED_JUMP: challenged,
        **flags,
    }
    referred = near | undecided | masks[MISSING_WEIGHT] | challenged
    for name in referral.refer_flags:
        referred = referred | flags.get(name, np.zeros(n, dtype=np.bool_))
    told = [code for code in REASONS if code in masks]
    return referred, _told([masks[code] for code in told], told)


def _told(masks: Sequence[BoolArray], codes: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the codes whose mask holds for each customer; equal rows share one tuple."""
    if len(masks[0]) == 1:
        return [tuple(code for code, mask in zip(codes, masks, strict=True) if mask.item(0))]
    which = np.zeros(len(masks[0]), dtype=np.int16)
    for bit, mask in enumerate(masks):
        which |= mask.astype(np.int16) << bit
    tuples = {
        number: tuple(code for bit, code in enumerate(codes) if number >> bit & 1)
        for number in np.unique(which).tolist()
    }
    return [tuples[number] for number in which.tolist()]
