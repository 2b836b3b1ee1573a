"""Set the simulated company beside Online Retail II: a table and a figure for the docs.

    .venv/bin/python experiments/2026-11-simulated-company/run.py PATH/TO/transactions.parquet

The argument is Online Retail II (UCI 502) as one Parquet file. Rewrites the two tables of
``docs/simulated-company.md`` and ``docs/simulated-company.svg``; the company itself goes to
``var/experiments/simulated-company``.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from planted import planted

from features.backends import connect
from features.worlds.company.writing import write_company

ACCOUNTS, SEED = 20_000, 1
DOCS = Path(__file__).resolve().parents[2] / "docs"
NAMES = ("simulated company", "Online Retail II (real)")

SIMULATED = """
CREATE OR REPLACE TEMP VIEW lines AS
SELECT customer_id, order_id, occurred_at AS moment, CAST(net_amount AS DOUBLE) AS amount, is_return
FROM '{path}' WHERE NOT is_cancelled"""
REAL = """
CREATE OR REPLACE TEMP VIEW lines AS
SELECT customer_id, order_id, ts AS moment, amount, is_cancellation AS is_return
FROM '{path}' WHERE customer_id IS NOT NULL AND is_product_code"""
DERIVED = """
CREATE OR REPLACE TEMP TABLE days AS
SELECT DISTINCT customer_id, CAST(moment AS DATE) AS day FROM lines WHERE NOT is_return;
CREATE OR REPLACE TEMP TABLE gaps AS
SELECT customer_id, day, min(day) OVER who AS first, max(day) OVER () AS last,
       day - lag(day) OVER (PARTITION BY customer_id ORDER BY day) AS gap
FROM days WINDOW who AS (PARTITION BY customer_id);
CREATE OR REPLACE TEMP TABLE spenders AS
SELECT customer_id, sum(amount) AS spent, count(DISTINCT order_id) FILTER (NOT is_return) AS orders
FROM lines GROUP BY customer_id HAVING orders > 0"""

CURVES = {
    "orders": "SELECT orders FROM spenders",
    "spent": "SELECT greatest(spent, 0) AS spent FROM spenders",
    "gaps": "SELECT gap FROM gaps WHERE gap IS NOT NULL",
    "lines": """SELECT count(*) FROM lines WHERE NOT is_return GROUP BY customer_id, order_id""",
    # Complete months only: both logs begin with one and Online Retail II ends within one.
    "months": """SELECT sum(amount) FROM lines
        WHERE moment < date_trunc('month', (SELECT max(moment) + INTERVAL 1 DAY FROM lines))
        GROUP BY date_trunc('month', moment) ORDER BY date_trunc('month', moment)""",
    "calendar": """SELECT month FROM (SELECT DISTINCT date_trunc('month', moment) AS m,
        month(moment) AS month FROM lines
        WHERE moment < date_trunc('month', (SELECT max(moment) + INTERVAL 1 DAY FROM lines)))
        ORDER BY m""",
}
SINGLE = {
    "customers": "SELECT count(*) FROM spenders",
    "order lines": "SELECT count(*) FROM lines",
    "days": "SELECT date_diff('day', min(moment), max(moment)) + 1 FROM lines",
    "share of return lines": "SELECT avg(CAST(is_return AS INT)) FROM lines",
    "returned money": """SELECT -sum(amount) FILTER (is_return)
        / sum(amount) FILTER (NOT is_return) FROM lines""",
    "weekend": "SELECT avg(CAST(isodow(day) > 5 AS INT)) FROM days",
    # Customers first seen at least a year before the end of the log.
    "bought again within 365 days": """SELECT avg(again) FROM (
        SELECT max(CAST(day > first AND day <= first + 365 AS INT)) AS again FROM gaps
        WHERE first <= last - 365 GROUP BY customer_id)""",
    "bought in days 181 to 365": """SELECT avg(again) FROM (
        SELECT max(CAST(day > first + 180 AND day <= first + 365 AS INT)) AS again FROM gaps
        WHERE first <= last - 365 GROUP BY customer_id)""",
    "growth": """SELECT sum(amount) FILTER (age < 365)
        / sum(amount) FILTER (age BETWEEN 365 AND 729) - 1
        FROM (SELECT amount, date_diff('day', moment, max(moment) OVER ()) AS age FROM lines)""",
}

Measured = dict[str, Any]


def measure(view: str, path: Path) -> Measured:
    """Return curves (arrays) and single figures of a log."""
    connection = connect()
    connection.raw_sql(view.format(path=str(path).replace("'", "''")))
    connection.raw_sql(DERIVED)

    def column(query: str) -> Any:
        values = connection.raw_sql(query).fetchnumpy().values()
        return np.asarray(next(iter(values)), dtype=float)

    found: Measured = {name: column(query) for name, query in CURVES.items()}
    found |= {name: float(column(query)[0]) for name, query in SINGLE.items()}
    # Mean spend of a calendar month relative to the mean month of its own year.
    season: dict[int, list[float]] = {}
    for end in range(12, len(found["months"]) + 1, 12):
        year = slice(end - 12, end)
        relative = found["months"][year] / found["months"][year].mean()
        for month, value in zip(found["calendar"][year], relative, strict=True):
            season.setdefault(int(month), []).append(value)
    found["season"] = np.array([np.mean(season[month]) for month in range(1, 13)])
    return found


def top(share: float) -> Callable[[Measured], float]:
    """Return a function that gives the share of spend of the largest customers."""

    def part(found: Measured) -> float:
        ranked = np.sort(found["spent"])[::-1]
        return float(ranked[: max(1, round(share * len(ranked)))].sum() / ranked.sum())

    return part


def spark(values: Any) -> str:
    """Return bars, the highest value the highest bar."""
    marks = "▁▂▃▄▅▆▇█"
    return "".join(marks[round(float(v) / float(max(values)) * (len(marks) - 1))] for v in values)


def table(found: list[Measured]) -> str:
    """Return the measured figures side by side, as Markdown."""

    def quantiles(name: str) -> Callable[[Measured], str]:
        return lambda f: " / ".join(f"{np.quantile(f[name], q):,.0f}" for q in (0.5, 0.9, 0.99))

    def single(name: str, form: str) -> Callable[[Measured], str]:
        return lambda f: format(f[name], form)

    rows: dict[str, Callable[[Measured], str]] = {
        "customers with an order": single("customers", ",.0f"),
        "order lines, returns included": single("order lines", ",.0f"),
        "days": single("days", ",.0f"),
        "orders of a customer: median / 90 % / 99 %": quantiles("orders"),
        "spend of the top 1 % of customers": lambda f: f"{top(0.01)(f):.0%}",
        "spend of the top 10 %": lambda f: f"{top(0.10)(f):.0%}",
        "days between purchase days: median / 90 % / 99 %": quantiles("gaps"),
        "lines of an order: median / 90 % / 99 %": quantiles("lines"),
        "return lines": single("share of return lines", ".1%"),
        "money returned": single("returned money", ".1%"),
        "purchase days on Saturday or Sunday": single("weekend", ".1%"),
        "strongest and weakest calendar month (1 is a mean one)": lambda f: (
            f"{f['season'].max():.2f} / {f['season'].min():.2f}"
        ),
        "calendar months, January first": lambda f: spark(f["season"]),
        "bought again within 365 days of the first purchase": single(
            "bought again within 365 days", ".0%"
        ),
        "bought in days 181 to 365 after it": single("bought in days 181 to 365", ".0%"),
        "spend of the last 365 days against the 365 before": single("growth", "+.0%"),
    }
    lines = [f"| | {NAMES[0]} | {NAMES[1]} |", "|---|---:|---:|"]
    lines += [f"| {name} | {' | '.join(told(f) for f in found)} |" for name, told in rows.items()]
    return "\n".join(lines)


def figure(found: list[Measured], path: Path) -> None:
    """Draw the four marginals that say most."""
    mpl.rcParams.update(
        {"svg.hashsalt": "simulated-company", "svg.fonttype": "none", "font.size": 9}
    )
    drawn, axes = plt.subplots(2, 2, figsize=(9, 6.4), layout="constrained")
    (lorenz, orders), (gaps, season) = axes
    for log, name, style in zip(found, NAMES, ("-", "--"), strict=True):
        ranked = np.sort(log["spent"])[::-1]
        points = np.unique(np.geomspace(1, len(ranked), 150).astype(int))
        lorenz.plot(
            points / len(ranked), ranked.cumsum()[points - 1] / ranked.sum(), style, label=name
        )
        for axis, values in ((orders, log["orders"]), (gaps, log["gaps"])):
            tail = np.geomspace(1 / len(values), 1, 150)
            at = np.unique(np.quantile(values, 1 - tail, method="higher"))
            axis.plot(at, [(values >= x).mean() for x in at], style)
        season.plot(range(1, 13), log["season"], style, marker="o", markersize=3)
    lorenz.set(xscale="log", xlabel="largest customers, share", ylabel="share of spend")
    lorenz.legend(frameon=False)
    orders.set(
        xscale="log", yscale="log", xlabel="orders of a customer", ylabel="share with so many"
    )
    gaps.set(
        xscale="log", yscale="log", xlabel="days between purchase days", ylabel="share so long"
    )
    season.set(xlabel="calendar month", ylabel="spend, 1 is a mean month", ylim=(0, None))
    for axis in axes.flat:
        axis.spines[["top", "right"]].set_visible(False)
    drawn.suptitle(f"Simulated company ({ACCOUNTS:,} accounts, seed {SEED}) beside a real log")
    drawn.savefig(path, metadata={"Date": None})


def main(online_retail: Path) -> None:
    """Simulate, measure both, and rewrite what the docs show."""
    folder = Path("var") / "experiments" / "simulated-company"
    folder.parent.mkdir(parents=True, exist_ok=True)
    write_company(folder, accounts=ACCOUNTS, seed=SEED)
    found = [measure(SIMULATED, folder / "orders.parquet"), measure(REAL, online_retail)]
    page = DOCS / "simulated-company.md"
    text = page.read_text("utf-8")
    for mark, part in (("planted", planted(folder)), ("measured", table(found))):
        text, count = re.subn(
            rf"(<!-- {mark} -->\n).*?(<!-- end -->)",
            lambda match, part=part: f"{match[1]}{part}\n{match[2]}",
            text,
            flags=re.S,
        )
        assert count == 1, f"the page has lost the mark {mark!r}"
        print(part)
    page.write_text(text, "utf-8")
    figure(found, DOCS / "simulated-company.svg")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
