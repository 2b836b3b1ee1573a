"""Champion and shadow side by side: who would move, by how much scores differ, who is referred."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from features.schema import FloatArray
from serving.domain.shadow import Pair

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
BARS = 41
"""Of the histogram of differences."""

BoolArray = npt.NDArray[np.bool_]


def compare(
    pairs: Iterable[Pair], tiers: Sequence[str], shadow_tiers: Sequence[str]
) -> dict[str, Any]:
    """Return the comparison of what is served with what the shadow says, as JSON has it.

    Parameters
    ----------
    pairs
        At least one; gone through once, so that a million customers fit.
    tiers, shadow_tiers
        Ids, best first.

    Returns
    -------
    dict
        ``moves``: customers by the champion's tier (rows) and the shadow's; ``slices``: all
        customers first, then by the champion's tier and by stage; ``histogram`` of the
        differences. Differences are the shadow's score less the champion's, points.
    """
    ours, theirs, flags = array("d"), array("d"), array("b")
    moves: Counter[tuple[str, str]] = Counter()
    names: dict[str, int] = {}
    tier, stage = array("l"), array("l")
    for each in pairs:
        ours.append(each.score)
        theirs.append(each.shadow.score)
        moved = each.tier_id != each.shadow.tier_id
        flags.append(each.referred | each.shadow.referred << 1 | moved << 2)
        moves[each.tier_id, each.shadow.tier_id] += 1
        tier.append(names.setdefault(f"tier:{each.tier_id}", len(names)))
        stage.append(names.setdefault(f"stage:{each.stage}", len(names)))
    score, shadow = np.array(ours), np.array(theirs)
    marks, by_tier, by_stage = np.array(flags), np.array(tier), np.array(stage)
    masks: dict[str, BoolArray] = {"all": np.ones(len(score), dtype=bool)}
    wanted = [f"tier:{each}" for each in tiers]
    wanted += sorted(name for name in names if name.startswith("stage:") and name[6:] != "None")
    for name in wanted:
        if name in names:
            masks[name] = (by_tier == names[name]) | (by_stage == names[name])
    reach = max(1.0, float(np.max(np.abs(shadow - score))))
    counts, edges = np.histogram(shadow - score, bins=BARS, range=(-reach, reach))
    return {
        "tiers": list(tiers),
        "shadow_tiers": list(shadow_tiers),
        "moves": [[moves.get((one, other), 0) for other in shadow_tiers] for one in tiers],
        "quantiles": list(QUANTILES),
        "slices": [
            _slice(name, score[mask], shadow[mask], marks[mask]) for name, mask in masks.items()
        ],
        "histogram": {"edges": edges.tolist(), "customers": counts.tolist()},
    }


def _slice(
    name: str, ours: FloatArray, theirs: FloatArray, marks: npt.NDArray[np.int8]
) -> dict[str, Any]:
    varied = len(ours) >= 3 and np.ptp(ours) > 0 and np.ptp(theirs) > 0
    return {
        "name": name,
        "customers": len(ours),
        "moved": float(np.mean((marks & 4) > 0)),
        "mean": float(np.mean(theirs - ours)),
        "quantiles": [float(each) for each in np.quantile(theirs - ours, QUANTILES)],
        "pearson": float(np.corrcoef(ours, theirs)[0, 1]) if varied else None,
        "spearman": float(stats.spearmanr(ours, theirs).statistic) if varied else None,
        "referred": int(np.sum((marks & 1) > 0)),
        "shadow_referred": int(np.sum((marks & 2) > 0)),
        "both_referred": int(np.sum((marks & 3) == 3)),
    }
