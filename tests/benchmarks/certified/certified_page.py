"""The page of the certified automation bench."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tests.benchmarks.certified.certified_figure import TITLES, Row
from tests.benchmarks.certified.truth_section import truth_section

_INTRO = """# Certified automation

Which grades may be issued without an expert? Those for which a certificate promises, with
{sureness:.0%} confidence, that at most {level:.0%} are wrong against the realised tier; everybody
else goes to the panel, with the reason (`tiering/certification`, ADR 0018). This page measures the
promise out of time. `make bench-certified` writes it; the figures are in
[certified.json](certified.json).

"Right" has the two meanings of a [backtest](../backtest-report.md), each with a certificate of its
own: **hindsight**, the grade with the outcomes put in the place of the predictions, and **value**,
the tier cut on realised net value alone.

At every test origin only origins whose outcomes had closed are used: the latest {calibration}
calibrate, older ones, closed before the first of those, teach the model of confidence. Customers to
calibrate on are drawn anew {resamples} times (whole customers, with all their rows); each run
certifies and looks at what became of those it would have decided automatically at the test origin.
A run without any automatic decision makes no mistake and counts as kept; "certified" says how many
runs decided anybody. A threshold must hold at each calibration origin on its own, at {level:.0%}
and by an exact binomial test; the further margin for shift is {margin:.0%}.

Horizons are shorter than in the recipes where the log is too short to learn, to calibrate and to
test a horizon apart: 30 days for churn and value on the one year of Complete Journey, 90 on the
simulated company. Online Retail II keeps its 90. The recipes are otherwise those of
[models.md](models.md).
"""

_READ = """
**auto**: share of the origin's customers decided automatically, mean over the test origins.
**risk**: share of those whose tier was wrong, all origins together, and at the worst origin.
**runs kept**: share of runs with a realised risk of at most {level:.0%} (goal: 95 %).
**worst tier**: the largest risk of an issued tier with at least 20 automatic decisions; a
certificate promises the whole, not each tier. **two steps**: automatic decisions off by two tiers
or more. **issued**: the scheme's tier where the model agrees, or the model's likeliest tier, which
nobody is given yet.
"""


def page(results: Row) -> str:
    """Return the page as Markdown."""
    promise = results["promise"]
    text = [
        _INTRO.format(
            sureness=1 - promise["delta"],
            level=promise["level"],
            margin=promise["margin"],
            calibration=_count(promise["calibration_origins"]),
            resamples=results["resamples"],
        ),
        "\n![Realised risk of the runs at every test origin](certified.svg)\n",
        "\n## The promise, kept?\n",
        _READ.format(level=promise["level"]),
        "\n| data | right by | issued | origins | accuracy of all | auto | risk | worst origin "
        "| certified | runs kept | … worst origin | auto in runs | worst tier | two steps |"
        "\n|---|---|---|" + "--:|" * 11,
        *(
            _promise_row(results, case, name, issue, rows)
            for case in results["cases"]
            for name, definition in case["definitions"].items()
            for issue, rows in definition["issues"].items()
        ),
        "\n\n" + _verdict(results),
        "\n\n## By origin\n\n",
        "The scheme's tier issued, right by hindsight; all calibration customers, no resampling.\n",
        "\n| data | origin | customers | threshold | upper bound | auto | wrong of decided | risk "
        "| watch |\n|---|---|--:|--:|--:|--:|--:|--:|---|",
        *(
            _origin_row(case, row)
            for case in results["cases"]
            for row in case["definitions"]["hindsight"]["issues"]["scheme"]
        ),
        "\n\n## Why origins are not pooled\n",
        _POOLED,
        "\n| data | each origin: auto | kept | pooled: auto | kept | latest alone: auto | kept |"
        "\n|---|--:|--:|--:|--:|--:|--:|",
        *(_calibration_row(case, promise["level"]) for case in results["cases"]),
        "\n\n## By tier\n\n",
        "The same, all test origins together: wrong of decided.\n",
        f"\n| data | {' | '.join(results['tier_ids'])} |\n|---|"
        + "--:|" * len(results["tier_ids"]),
        *(_tier_row(case) for case in results["cases"]),
        "\n\n## Against a fixed band and a top probability\n",
        _RIVALS.format(band=results["band"]),
        "\n| data | risk | certified | fixed band | top probability | the scheme's band: auto "
        "| its risk |\n|---|--:|--:|--:|--:|--:|--:|",
        *(_rival_row(case, "rivals") for case in results["cases"]),
        "\n\nThe same at a realised risk of exactly the promise, if somebody had known the "
        "threshold for it:\n",
        "\n| data | risk | our confidence | fixed band | top probability |\n|---|--:|--:|--:|--:|",
        *(_level_row(case, promise["level"]) for case in results["cases"]),
        *(truth_section(case) for case in results["cases"] if "truth" in case),
        "\n",
        *(f"\nLeft out: {name}: {why}\n" for name, why in results["skipped"].items()),
    ]
    return "".join(text)


_RIVALS = """
At the realised risk of the certificate, origin by origin: what share would a **fixed band** around
the cuts decide, and what share a cut on the **top probability** of a plain multiclass LightGBM
(library defaults, the same earlier origins, issued where it agrees with the scheme)? Both are given
the best threshold in hindsight, which nobody has on the day, so the certificate competes with a
handicap. Last: the scheme's own referral, a band of {band:g} points and nothing else. Right by
hindsight, origins where anything was certified, means over origins.
"""


_POOLED = """
The same model and the same calibration customers, used in another way: rows of all calibration
origins counted together, as if they were independent, or the latest closed origin alone. Shares of
all runs that kept the promise, and of customers decided in them; right by hindsight.
"""


def _calibration_row(case: Row, level: float) -> str:
    ours = case["definitions"]["hindsight"]["issues"]["scheme"]
    others = case["other_calibrations"]
    cells = []
    for rows in (ours, *([row[key] for row in others] for key in ("pooled", "latest"))):
        risk = np.array([value for row in rows for value in row["runs_risk"]])
        auto = np.array([value for row in rows for value in row["runs_auto"]])
        cells += [f"{auto.mean():.1%}", f"{(risk <= level).mean():.1%}"]
    return f"\n| {TITLES[case['case']]} | " + " | ".join(cells) + " |"


def _promise_row(results: Row, case: Row, name: str, issue: str, rows: Sequence[Row]) -> str:
    selected, errors = (sum(row[key] for row in rows) for key in ("selected", "errors"))
    runs = np.array([risk for row in rows for risk in row["runs_risk"]])
    auto = np.array([share for row in rows for share in row["runs_auto"]])
    level = results["promise"]["level"]
    worst = max((row["errors"] / row["selected"] for row in rows if row["selected"]), default=None)
    tier, tier_risk = _worst_tier(results, rows)
    cells = (
        TITLES[case["case"]],
        name,
        issue,
        str(len(rows)),
        f"{np.mean([row['accuracy'] for row in rows]):.1%}",
        f"{np.mean([row['auto'] for row in rows]):.1%}",
        f"{errors / selected:.1%}" if selected else "–",
        f"{worst:.1%}" if worst is not None else "–",
        f"{(auto > 0).mean():.0%}",
        f"**{(runs <= level).mean():.1%}**",
        f"{min(np.mean(np.array(row['runs_risk']) <= level) for row in rows):.1%}",
        f"{auto.mean():.1%}",
        f"{tier} {tier_risk:.1%}" if tier else "–",
        f"{sum(row['two_steps'] for row in rows) / selected:.2%}" if selected else "–",
    )
    return "\n| " + " | ".join(cells) + " |"


def _worst_tier(results: Row, rows: Sequence[Row]) -> tuple[str, float]:
    totals = np.sum([row["by_tier"] for row in rows], axis=0)
    risks = [
        (errors / n, name)
        for (n, errors), name in zip(totals.tolist(), results["tier_ids"], strict=True)
        if n >= 20
    ]
    risk, name = max(risks, default=(0.0, ""))
    return name, risk


def _verdict(results: Row) -> str:
    lines = []
    for case in results["cases"]:
        for name, definition in case["definitions"].items():
            rows = definition["issues"]["scheme"]
            runs = np.array([risk for row in rows for risk in row["runs_risk"]])
            auto = np.array([row["auto"] for row in rows])
            title = TITLES[case["case"]]
            if not auto.any():
                lines.append(
                    f"- {title}, {name}: **nothing can be certified at any origin**, so every "
                    "customer is referred, and the reason says so."
                )
                continue
            kept = float((runs <= results["promise"]["level"]).mean())
            word = "met" if kept >= 0.95 else "**missed**"
            lines.append(
                f"- {title}, {name}: goal {word}, {kept:.1%} of {len(runs):,} runs kept the "
                f"promise; {auto.mean():.0%} of the customers decided automatically."
            )
    return "\n".join(lines)


def _origin_row(case: Row, row: Row) -> str:
    threshold = row["threshold"]
    risk = row["errors"] / row["selected"] if row["selected"] else None
    cells = (
        TITLES[case["case"]],
        row["day"],
        f"{row['n']:,}",
        f"{threshold:.3f}" if threshold is not None else "none",
        f"{row['upper']:.1%}" if threshold is not None else "–",
        f"{row['auto']:.1%}",
        f"{row['errors']:,} of {row['selected']:,}",
        f"{risk:.1%}" if risk is not None else "–",
        "broken" if row["watch_broken"] else "kept",
    )
    return "\n| " + " | ".join(cells) + " |"


def _tier_row(case: Row) -> str:
    rows = case["definitions"]["hindsight"]["issues"]["scheme"]
    totals = np.sum([row["by_tier"] for row in rows], axis=0).tolist()
    cells = [f"{e:,} of {n:,}" + (f" ({e / n:.1%})" if n else "") for n, e in totals]
    return f"\n| {TITLES[case['case']]} | " + " | ".join(cells) + " |"


def _rival_row(case: Row, key: str) -> str:
    rows = case[key]
    title = TITLES[case["case"]]
    if not rows:
        return f"\n| {title} | – | 0 % | – | – | – | – |"
    names = ("risk", "auto", "fixed_band", "top_probability", "scheme_band_auto")
    cells = [f"{np.mean([row[name] for row in rows]):.1%}" for name in names]
    cells.append(f"{np.mean([row['scheme_band_risk'] for row in rows]):.1%}")
    return f"\n| {title} | " + " | ".join(cells) + " |"


def _level_row(case: Row, level: float) -> str:
    rows = case["at_level"]
    names = ("oracle_threshold", "fixed_band", "top_probability")
    cells = [f"{level:.1%}", *(f"{np.mean([row[name] for row in rows]):.1%}" for name in names)]
    return f"\n| {TITLES[case['case']]} | " + " | ".join(cells) + " |"


def _count(number: int) -> str:
    return {1: "one", 2: "two", 3: "three", 4: "four"}.get(number, str(number))
