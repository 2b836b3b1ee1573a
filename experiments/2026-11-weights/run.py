"""Do panel, regression and blend find planted weights? And what do weights earn out of time?

    python experiments/2026-11-weights/run.py simulated [REPETITIONS [SVG]]
    python experiments/2026-11-weights/run.py real SCORES.npz [SCORES.npz ...]
    python experiments/2026-11-weights/run.py example docs/examples/weights

``simulated`` plants weights and asks a simulated panel (``panel.py``). ``real`` fits weights to
origins whose outcome had closed and judges them at later origins; SCORES are from ``scores.py``.
``example`` writes a simulated panel's answers and judgements as tables.
"""

from __future__ import annotations

import csv
import sys
from collections import defaultdict
from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt
from panel import (
    DIMENSIONS,
    DOCUMENTS,
    ROLES,
    VARIANTS,
    WORLDS,
    World,
    answers,
    planted,
    regression,
)

from tiering.scheme import load_scheme
from tiering.weights.ahp import as_judgement, on_scale
from tiering.weights.answers import matrix, read_answers
from tiering.weights.blend import FittedWeight, assumed_variance, blend
from tiering.weights.delphi import judge
from tiering.weights.rules import packaged_rules
from training.evaluation.metrics import spearman
from training.evaluation.uncertainty import interval
from training.evaluation.weights import fit_weights

Array = npt.NDArray[np.float64]
RULES = packaged_rules()
SEED, DRAWS = 20261122, 300
MOST_CUSTOMERS = 100_000


def error(found: Array, true: Array) -> float:
    """Return the share of weight that stands in the wrong place (0 to 1)."""
    return float(np.abs(found - true).sum() / 2)


def simulate(world: World, repetitions: int) -> dict[str, list[float]]:
    """Return every figure of every repetition."""
    told: dict[str, list[float]] = defaultdict(list)
    for seed in range(repetitions):
        rng = np.random.default_rng([SEED, seed])
        true = planted(rng)
        panel = read_answers(answers(true, world, rng), RULES)
        result = judge(panel, RULES)
        for each in result.rounds:
            told[f"W {each.number}"].append(each.agreement.w)
            told[f"centre {each.number}"].append(error(np.array(each.weights), true))
            mean = matrix(panel.of(each.number)).mean(axis=0)
            told[f"mean {each.number}"].append(error(mean, true))
            told[f"spread {each.number}"].append(float(np.mean([d.iqr for d in each.dimensions])))
            told[f"disputed {each.number}"].append(len(each.disputed))
        told["member"].append(float(np.mean([error(row, true) for row in matrix(panel.first())])))
        told["consensus"].append(any(each.verdict == "consensus" for each in result.rounds))
        fitted = regression(true, world, rng)
        found = blend(result.weights, result.variance, fitted, RULES.blend)
        blended = np.array([found.weights[name] for name in DIMENSIONS])
        experts = np.array([result.weights[name] for name in DIMENSIONS])
        data = np.array([row.data for row in fitted])
        told["expert"].append(error(experts, true))
        told["data"].append(error(data, true))
        told["half"].append(error((experts + data) / 2, true))
        told["blend"].append(error(blended, true))
        told["share"].append(found.data_share)
        told["inside"].append(
            float(np.mean([s.low <= t <= s.high for s, t in zip(found.shares, true, strict=True)]))
        )
        own_low, own_high = (np.array([getattr(r, k) for r in fitted]) for k in ("low", "high"))
        told["data inside"].append(float(np.mean((own_low <= true) & (true <= own_high))))
    return told


def simulated(repetitions: int, svg: Path | None) -> None:
    """Print the tables of planted weights."""
    found = {world.name: simulate(world, repetitions) for world in (*WORLDS, *VARIANTS)}

    def mean(name: str, key: str) -> float:
        return float(np.mean(found[name][key]))

    print(f"Simulated, {repetitions} repetitions each. Error: share of weight misplaced, %.\n")
    print(
        "| panel | one member | round 1 | 2 | 3 | mean of 3 | W 1 | 2 | 3 | spread 1 | 3 |"
        " disputed 3 | consensus |"
    )
    print("|---|" + "---:|" * 12)
    for world in (WORLDS[1], *VARIANTS):
        name = world.name
        cells = [f"{100 * mean(name, 'member'):.1f}"]
        cells += [f"{100 * mean(name, f'centre {n}'):.1f}" for n in (1, 2, 3)]
        cells += [f"{100 * mean(name, 'mean 3'):.1f}"]
        cells += [f"{mean(name, f'W {n}'):.2f}" for n in (1, 2, 3)]
        cells += [f"{100 * mean(name, f'spread {n}'):.1f}" for n in (1, 3)]
        cells += [f"{mean(name, 'disputed 3'):.1f}", f"{mean(name, 'consensus'):.0%}"]
        print(f"| {name} | " + " | ".join(cells) + " |")
    print(
        "\n| world | experts | data | half and half | blend | blend less the better one |"
        " data's share | intervals hold | the data's own hold |"
    )
    print("|---|" + "---:|" * 8)
    for world in WORLDS:
        name = world.name
        best = min(("expert", "data"), key=lambda key: mean(name, key))
        gap = 100 * (np.array(found[name]["blend"]) - np.array(found[name][best]))
        half = 1.96 * gap.std(ddof=1) / len(gap) ** 0.5
        cells = [f"{100 * mean(name, key):.1f}" for key in ("expert", "data", "half", "blend")]
        cells += [f"{gap.mean():+.2f} ± {half:.2f}", f"{mean(name, 'share'):.2f}"]
        cells += [f"{mean(name, key):.0%}" for key in ("inside", "data inside")]
        print(f"| {name} | " + " | ".join(cells) + " |")
    if svg:
        svg.write_text(plot(found), "utf-8")


def plot(found: dict[str, dict[str, list[float]]]) -> str:
    """Return bars of the mean error of experts, data and blend in every world, as SVG."""
    colours = {"expert": "#9aa5b1", "data": "#c98a1b", "blend": "#0b6e99"}
    rows = [world.name for world in WORLDS]
    height = 40 + 64 * len(rows)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 {height}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="640" height="{height}" fill="#fff"/>',
        '<text x="8" y="18">Weight misplaced, % (simulated, mean with 95 % interval)</text>',
    ]
    for k, name in enumerate(rows):
        top = 36 + 64 * k
        out.append(f'<text x="8" y="{top + 28}">{name}</text>')
        for i, (key, colour) in enumerate(colours.items()):
            values = 100 * np.array(found[name][key])
            mean, half = values.mean(), 1.96 * values.std(ddof=1) / len(values) ** 0.5
            y, width = top + 17 * i, 20 * mean
            out.append(f'<rect x="140" y="{y}" width="{width:.1f}" height="13" fill="{colour}"/>')
            low, high = 140 + 20 * (mean - half), 140 + 20 * (mean + half)
            out.append(
                f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{y + 6.5}" y2="{y + 6.5}" '
                'stroke="#000"/>'
            )
            out.append(f'<text x="{high + 6:.1f}" y="{y + 11}">{key} {mean:.1f}</text>')
    return "\n".join([*out, "</svg>"]) + "\n"


def real(path: Path) -> None:
    """Fit on origins whose outcome had closed, judge at the later ones."""
    kept = np.load(path)
    day, scores = kept["day"], kept["dimensions"]
    customer = np.unique(kept["customer_id"], return_inverse=True)[1]
    horizons = sorted(int(key[6:-1]) for key in kept if key.startswith("value_"))
    expert = {str(d.id): d.weight for d in load_scheme().dimensions}
    e = np.array(list(expert.values()))
    print(f"\n{path.stem}: origins {', '.join(map(str, np.unique(day)))}\n")
    print(
        "| fitted on | judged on | origins | n | experts | data | blend | data less experts |"
        " blend less experts | blended weights |"
    )
    print("|---|---|---:|---:|---:|---:|---:|---:|---:|---|")
    for fit_days, judge_days in [(a, b) for a in horizons for b in horizons if b >= a]:
        rows = []
        for origin in np.unique(day):
            closed = day + np.timedelta64(fit_days, "D") <= origin
            here = (day == origin) & ~np.isnan(kept[f"value_{judge_days}d"])
            if not closed.any() or not here.any():
                continue
            value = np.log1p(np.maximum(kept[f"value_{fit_days}d"][closed], 0.0))
            fitted = regress(scores[closed], value, day[closed], customer[closed], list(expert))
            found = blend(expert, assumed_variance(len(e), RULES.blend), fitted, RULES.blend)
            data = np.array([row.data for row in fitted])
            mixed = np.array(list(found.weights.values()))
            test, came = centred(scores[here], day[here]), kept[f"value_{judge_days}d"][here]
            gaps = resampled([test @ w for w in (e, data, mixed)], came, customer[here])
            ranks = [spearman(came, test @ weights) for weights in (e, data, mixed)]
            rows.append((int(here.sum()), ranks, mixed, gaps))
        if rows:
            print("| " + " | ".join([f"{fit_days} d", f"{judge_days} d", *cells(rows)]) + " |")


def cells(rows: list[tuple[int, list[float], Array, Array]]) -> list[str]:
    """Return a table's row from the figures of each origin judged."""
    size = np.array([n for n, *_ in rows])
    ranks = np.average([r for _, r, *_ in rows], axis=0, weights=size)
    gaps = np.average([g for *_, g in rows], axis=0, weights=size)
    low, high = np.quantile(gaps, [0.025, 0.975], axis=0)
    return [
        str(len(rows)),
        f"{size.sum():,}",
        *(f"{r:.4f}" for r in ranks),
        *(f"{ranks[k + 1] - ranks[0]:+.4f} ({low[k]:+.4f} to {high[k]:+.4f})" for k in (0, 1)),
        "/".join(f"{100 * w:.0f}" for w in rows[-1][2]),
    ]


def regress(
    scores: Array,
    value: Array,
    day: npt.NDArray[np.datetime64],
    customer: npt.NDArray[np.int64],
    names: list[str],
) -> tuple[FittedWeight, ...]:
    """Return weights by regression with intervals by draws of the customers."""
    design, outcome = centred(scores, day), centred(value[:, None], day)[:, 0]
    data = fit_weights(design, outcome)
    drawn = []
    for draw in range(DRAWS):
        rows = redrawn(customer, draw)
        drawn.append(fit_weights(design[rows], outcome[rows]))
    return tuple(
        FittedWeight(name, float(data[k]), *interval(np.array(drawn)[:, k]))
        for k, name in enumerate(names)
    )


def centred(values: Array, day: npt.NDArray[np.datetime64]) -> Array:
    """Take every day's own means off columns; unknown is the mean."""
    found = np.zeros_like(values)
    for each in np.unique(day):
        here = day == each
        found[here] = np.nan_to_num(values[here] - np.nanmean(values[here], axis=0))
    return found


def resampled(scores: list[Array], came: Array, customer: npt.NDArray[np.int64]) -> Array:
    """Return differences of rank correlation to the first score by draw, ``(r, scores - 1)``."""
    found = []
    for draw in range(DRAWS):
        rows = redrawn(customer, draw)
        base, *others = (spearman(came[rows], score[rows]) for score in scores)
        found.append([other - base for other in others])
    return np.array(found)


def redrawn(customer: npt.NDArray[np.int64], draw: int) -> npt.NDArray[np.int64]:
    """Return rows of a bootstrap draw: a customer is drawn as often at every origin."""
    times = np.random.default_rng([SEED, draw]).poisson(1.0, MOST_CUSTOMERS)
    return np.repeat(np.arange(len(customer)), times[customer])


def example(folder: Path) -> None:
    """Write a simulated panel's answers, and the judgements of five of its members."""
    rng = np.random.default_rng(SEED)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "answers.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["round", "member", "role", *DIMENSIONS, "simulated"])
        for row in answers(DOCUMENTS, WORLDS[0], rng)["answers"]:
            points = (int(row["weights"][name]) for name in DIMENSIONS)
            table.writerow([row["round"], row["member"], row["role"], *points, "true"])
    with (folder / "judgements.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["member", "role", "first", "second", "value", "simulated"])
        for i in (0, 1, 2, 10, 11):
            logs = np.log(DOCUMENTS) + rng.normal(0, 0.3, len(DOCUMENTS))
            for a, b in combinations(range(len(DIMENSIONS)), 2):
                judged = on_scale(float(np.exp(logs[a] - logs[b] + rng.normal(0, 0.25))))
                judged = 1 / judged if i == 2 and (a, b) == (0, 4) else judged
                names = (f"{ROLES[i]}-{i + 1:02d}", ROLES[i], DIMENSIONS[a], DIMENSIONS[b])
                table.writerow([*names, as_judgement(judged), "true"])


if __name__ == "__main__":
    command, *rest = sys.argv[1:]
    if command == "example":
        example(Path(rest[0]))
    elif command == "simulated":
        simulated(int(rest[0]) if rest else 400, Path(rest[1]) if len(rest) > 1 else None)
    else:
        for each in rest:
            real(Path(each))
