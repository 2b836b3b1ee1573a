"""Measure the attribution on the simulated company with planted effects.

    .venv/bin/python experiments/2026-11-attribution/run.py var/b2b/published [TABLE ...]

Tables: jump, statement, density, difference, figure; all by default. Figures go to
``var/experiments/attribution``; the tables of ``docs/attribution.md`` are printed, and
``docs/attribution.svg`` is rewritten.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from company import Company, Planted, draw, read_company, risen

from training.attribution.differences import difference_in_differences, pair_up
from training.attribution.discontinuity import jump
from training.attribution.falsification import placebo_cuts
from training.attribution.figure import discontinuity_figure
from training.attribution.manipulation import density_jump
from training.attribution.study import study_cut
from training.card.svg import to_svg
from training.errors import FitError
from training.evaluation.tables import markdown

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "var" / "experiments" / "attribution"
CUT, LOW, HIGH = 60.0, 45.0, 75.0
RUNS = 500
STATEMENTS = {8_000: 120}
"""Runs of whole studies, which are a dozen jumps each, by customers."""
SERVICE, MARKET = 0.30, 0.20
"""Parts of the core's mean spend that it grows by, from service and from the market: 60 % from
service, the form of #110. The company's own core shrinks a little, towards its mean; the market
is planted so that service aside the core grows by just its part."""
SIZES = (2_000, 8_000, 20_000)
PARTS = (0.0, SERVICE)


def market(company: Company) -> float:
    """Return what is to be added to everybody's growth."""
    core = (company.score >= CUT) & (company.score < HIGH)
    return float(MARKET * company.before[core].mean() - company.growth[core].mean())


def jumps(company: Company, spend: float) -> list[list[str]]:
    """Bias, error, coverage and placebo rejections of the jump."""
    table = [["customers", "planted", "bias", "RMSE", "95 % coverage", "found", "placebo p < 5 %"]]
    for n in SIZES:
        for part in PARTS:
            rng = np.random.default_rng([n, int(100 * part)])
            truth, rows, placebos = part * spend, [], []
            for run in range(RUNS):
                observed = draw(company, n, CUT, Planted(truth, market(company)), rng)
                here = observed.between(LOW, HIGH)
                try:
                    found = jump(here.score - CUT, here.growth)
                except FitError:
                    continue
                rows.append((found.estimate, found.lower, found.upper, found.p_value))
                if run < 200:  # four of them a run
                    at = placebo_cuts(here.score - CUT, here.growth, number=2)
                    placebos += [check.p_value < 0.05 for check in at]
            estimate, lower, upper, p = np.array(rows).T
            table.append(
                [
                    f"{n:,}",
                    f"{part:.0%}",
                    f"{(estimate.mean() - truth) / spend:+.1%}",
                    f"{np.sqrt(np.mean((estimate - truth) ** 2)) / spend:.1%}",
                    f"{np.mean((lower <= truth) & (truth <= upper)):.1%} of {len(rows)}",
                    f"{np.mean(p < 0.05):.0%}",
                    f"{np.mean(placebos):.1%} of {len(placebos)}",
                ]
            )
            print(table[-1], flush=True)
    return table


def statements(company: Company, spend: float) -> list[list[str]]:
    """How often the statement is made, and how true it is."""
    table = [["customers", "law", "made", "true share", "median", "coverage when made", "refused"]]
    service, rest = SERVICE * spend, market(company)
    laws = {
        "same for all": Planted(service, rest),
        "no service": Planted(0.0, rest + service),
        "more for better customers": Planted(service, rest, 0.04 * spend),
        "scores steered": Planted(service, rest, steered=0.6),
    }
    for n, runs in STATEMENTS.items():
        for name, planted in laws.items():
            rng = np.random.default_rng([n, len(name)])
            shares, covered, truths, refused = [], [], [], {}
            for _ in range(runs):
                observed = draw(company, n, CUT, planted, rng)
                truths.append(truth_between(observed, planted))
                try:
                    found = study_cut(observed, CUT, low=LOW, high=HIGH, simulated=True).statement
                except FitError:
                    refused["few_customers"] = refused.get("few_customers", 0) + 1
                    continue
                for code in found.refusals:
                    refused[code] = refused.get(code, 0) + 1
                if not found.refusals:
                    shares.append(found.share)
                    covered.append(found.lower <= truths[-1] <= found.upper)
            table.append(
                [
                    f"{n:,}",
                    name,
                    f"{len(shares) / runs:.0%}",
                    f"{np.mean(truths):.0%}",
                    f"{np.median(shares):.0%}" if shares else "–",
                    f"{np.mean(covered):.1%} of {len(covered)}" if shares else "–",
                    ", ".join(
                        f"{code} {count / runs:.0%}" for code, count in sorted(refused.items())
                    ),
                ]
            )
            print(table[-1], flush=True)
    return table


def truth_between(observed: Any, planted: Planted) -> float:
    """Return the true share among the customers whose growth the statement is about."""
    here = observed.between(CUT, HIGH)
    service = planted.service + planted.slope * (here.score - CUT)
    return float(service.sum() / here.growth.sum())


def densities(company: Company) -> list[list[str]]:
    """Size and power of the test of bunching."""
    table = [["customers", "lifted over the cut", "runs", "p < 5 %"]]
    for n in SIZES[:2]:
        for steered in (0.0, 0.25, 0.5):
            rng = np.random.default_rng([n, int(100 * steered)])
            found = []
            for _ in range(RUNS):
                observed = draw(company, n, CUT, Planted(0.0, 0.0, steered=steered), rng)
                x = observed.between(LOW, HIGH).score - CUT
                found.append(density_jump(x).p_value < 0.05)
            row = [f"{n:,}", f"{steered:.0%}", f"{RUNS}", f"{np.mean(found):.1%}"]
            table.append(row)
            print(row, flush=True)
    return table


def differences(company: Company, spend: float) -> list[list[str]]:
    """Difference in differences: by luck it covers, by spend it must refuse."""
    table = [["who rises", "planted", "bias", "RMSE", "95 % coverage", "pre-trend p < 5 %"]]
    for chosen in ("luck", "spend"):
        for part in PARTS:
            rng = np.random.default_rng([len(chosen), int(100 * part)])
            rows = []
            for _ in range(RUNS):
                drawn, rose, covariates, first = risen(company, part * spend, chosen, rng)
                pairs = pair_up(rose, covariates, np.zeros(len(rose), dtype=np.int64))
                found = difference_in_differences(drawn, pairs, first)
                rows.append((found.estimate, found.lower, found.upper, found.pre_trend))
            estimate, lower, upper, trend = np.array(rows).T
            truth = part * spend
            table.append(
                [
                    chosen,
                    f"{part:.0%}",
                    f"{(estimate.mean() - truth) / spend:+.1%}",
                    f"{np.sqrt(np.mean((estimate - truth) ** 2)) / spend:.1%}",
                    f"{np.mean((lower <= truth) & (truth <= upper)):.1%} of {len(rows)}",
                    f"{np.mean(trend < 0.05):.1%}",
                ]
            )
            print(table[-1], flush=True)
    return table


def figure(company: Company, spend: float) -> None:
    """One draw of 20,000 customers, as the document would show it."""
    rng = np.random.default_rng(7)
    planted = Planted(SERVICE * spend, market(company))
    observed = draw(company, SIZES[-1], CUT, planted, rng)
    found = study_cut(observed, CUT, low=LOW, high=HIGH, simulated=True)
    here = observed.between(LOW, HIGH)
    drawn = discontinuity_figure(
        here.score - CUT,
        here.growth,
        found.jump.bandwidths,
        title="Growth by score at the cut of 60: simulated customers, planted effect",
    )
    svg = to_svg(drawn).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    (ROOT / "docs" / "attribution.svg").write_text(svg + "\n", "utf-8")
    print(
        f"planted {planted.service:,.0f}, found {found.jump.estimate:,.0f} "
        f"({found.jump.lower:,.0f} to {found.jump.upper:,.0f}); true share "
        f"{truth_between(observed, planted):.0%}"
    )
    print(found.statement.text_en)


def main() -> None:
    """Run the tables that are asked for."""
    company = read_company(Path(sys.argv[1]))
    core = (company.score >= CUT) & (company.score < HIGH)
    spend = float(company.before[core].mean())
    print(
        f"{company.score.size:,} rows, {core.sum():,} in the core, mean spend {spend:,.0f}, "
        f"mean growth {company.growth[core].mean():,.0f}, sd {company.growth[core].std():,.0f}, "
        f"panel {company.panel.shape}"
    )
    asked = sys.argv[2:] or ["jump", "statement", "density", "difference", "figure"]
    makers = {
        "jump": lambda: jumps(company, spend),
        "statement": lambda: statements(company, spend),
        "density": lambda: densities(company),
        "difference": lambda: differences(company, spend),
        "figure": lambda: figure(company, spend),
    }
    OUT.mkdir(parents=True, exist_ok=True)
    for name in asked:
        began = time.perf_counter()
        table = makers[name]()
        if table is not None:
            (OUT / f"{name}.json").write_text(json.dumps(table, ensure_ascii=False), "utf-8")
            print(markdown(table))
        print(f"{name}: {time.perf_counter() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
