"""Results of panels and blends as JSON documents, which the next command reads."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from tiering.errors import Fault, WeightsError
from tiering.weights.ahp import AhpResult
from tiering.weights.blend import Blend, FittedWeight
from tiering.weights.delphi import DelphiResult
from tiering.weights.documents import read, refuse
from tiering.weights.propose import Proposal
from tiering.weights.record import Evidence


def delphi_document(result: DelphiResult) -> dict[str, Any]:
    """Return a panel's result; ``evidence`` is what a record of weights keeps of it."""
    rounds = [
        {
            "round": each.number,
            "members": each.agreement.members,
            "w": each.agreement.w,
            "p_value": each.agreement.p_value,
            "disputed": list(each.disputed),
        }
        for each in result.rounds
    ]
    evidence = {"rounds": rounds, "verdict": result.verdict, "short": dict(result.short)}
    document: dict[str, Any] = _plain(
        {
            "kind": "delphi",
            "simulated": result.simulated,
            "weights": result.weights,
            "variance": result.variance,
            "by_role": result.by_role,
            "members": result.members,
            "carried": list(result.carried),
            "rounds": [asdict(each) for each in result.rounds],
            "evidence": {"delphi": evidence},
        }
    )
    return document


def ahp_document(result: AhpResult) -> dict[str, Any]:
    """Return what comparisons came to; ``variance`` is None for a single member."""
    evidence = {
        "members": len(result.used),
        "consistency_ratio": result.group.ratio,
        "left_out": len(result.by_member) - len(result.used),
    }
    document: dict[str, Any] = _plain(
        {
            "kind": "ahp",
            "simulated": result.simulated,
            "weights": result.weights,
            "variance": result.variance,
            "by_role": result.by_role,
            "group": asdict(result.group),
            "by_member": {name: asdict(each) for name, each in result.by_member.items()},
            "inconsistent": list(result.inconsistent),
            "used": list(result.used),
            "evidence": {"ahp": evidence},
        }
    )
    return document


def blend_document(
    found: Blend,
    proposals: tuple[Proposal, ...],
    panel: PanelResult | None,
    report: Mapping[str, Any],
    report_text: str,
    *,
    assumed: bool,
) -> dict[str, Any]:
    """Return a blend with all it rests on: the panel's evidence, the report's, its own."""
    weights = report["weights"]
    evidence = {
        **(panel.evidence.model_dump(mode="json", exclude_none=True) if panel else {}),
        "data": {
            "report_sha256": hashlib.sha256(report_text.encode()).hexdigest(),
            "n": weights["n"],
            "horizon_days": weights["horizon_days"],
            "weights": {
                share.dimension: share.data for share in found.shares if not math.isnan(share.data)
            },
            "expert_spearman": weights["expert_spearman"],
            "data_spearman": weights["data_spearman"],
        },
        "blend": {
            "data_share": found.data_share,
            "intervals": {share.dimension: [share.low, share.high] for share in found.shares},
            "raised": [share.dimension for share in found.shares if share.raised],
            "assumed_spread": assumed,
        },
    }
    document: dict[str, Any] = _plain(
        {
            "kind": "blend",
            "simulated": bool(
                (panel and panel.simulated) or report.get("facts", {}).get("simulated", False)
            ),
            "weights": found.weights,
            **asdict(found),
            "proposals": [asdict(each) for each in proposals],
            "evidence": evidence,
        }
    )
    return document


def fitted_weights(report: Mapping[str, Any]) -> tuple[FittedWeight, ...]:
    """Return the regression's weights of a backtest report.

    Raises
    ------
    WeightsError
        If the report has none.
    """
    try:
        return tuple(
            FittedWeight(
                row["dimension"],
                *(math.nan if row[key] is None else row[key] for key in ("data", "low", "high")),
            )
            for row in report["weights"]["dimensions"]
        )
    except (KeyError, TypeError) as error:
        raise WeightsError(
            "The report has no section `weights` with a weight for every dimension.",
            hint="Give the JSON of `tierwise backtest --report FILE`; older reports lack it.",
        ) from error


class IndicatorProposal(BaseModel):
    """New weights inside a dimension."""

    model_config = ConfigDict(frozen=True)

    dimension: str
    weights: dict[str, float]


class PanelResult(BaseModel):
    """What a later command takes of a result; everything else in it is for people.

    Attributes
    ----------
    variance
        Squared standard error of the weights, summed; None where it is not known.
    """

    model_config = ConfigDict(frozen=True)

    kind: Literal["delphi", "ahp", "blend"]
    simulated: bool
    weights: dict[str, float]
    variance: float | None = None
    evidence: Evidence
    proposals: tuple[IndicatorProposal, ...] = ()


def result_of(document: Mapping[str, Any], name: str) -> PanelResult:
    """Return a document that a command of ``tierwise weights`` wrote; ``name`` is for errors.

    Raises
    ------
    WeightsError
        If it is none.
    """
    faults: list[Fault] = []
    found = read(PanelResult, document, "", faults)
    if found is None:
        raise refuse(
            f"{name} is no result of `tierwise weights`",
            faults,
            "Make one with the option --out of `delphi`, `ahp` or `blend`.",
        )
    return found


def _plain(value: Any) -> Any:
    """Return data with None for what is not a number."""
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and math.isnan(value) else value
