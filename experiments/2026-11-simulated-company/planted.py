"""What of the planted truths can be seen in the tables of a simulated company."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from features.backends import connect
from features.contract import CONTRACT
from features.worlds.company.truth import TRUTHS

BEFORE_CHURN = """
CREATE OR REPLACE TEMP TABLE before AS
SELECT source, date_diff('day', CAST(moment AS DATE), churn_day) AS d FROM (
    SELECT 'download' AS source, customer_id, occurred_at AS moment FROM interactions
    WHERE kind = 'download'
    UNION ALL SELECT 'order', customer_id, occurred_at FROM orders
    WHERE NOT is_return AND line_id = '1')
JOIN t_accounts USING (customer_id)
WHERE churn_day < DATE '2026-11-01' AND start_day < churn_day - 360;
CREATE OR REPLACE TEMP MACRO level(what, nearest, farthest) AS (
    SELECT count(*) FILTER (d >= nearest AND d < farthest) / (farthest - nearest)
        / (count(*) FILTER (d >= 200 AND d < 350) / 150.0) FROM before WHERE source = what);
CREATE OR REPLACE TEMP MACRO demand(shocked) AS (
    SELECT count(*) FILTER (occurred_at >= TIMESTAMP '2025-11-01')
        / count(*) FILTER (occurred_at < TIMESTAMP '2025-08-01') FROM orders
    JOIN t_accounts USING (customer_id) WHERE (industry = 'textiles') = shocked AND NOT is_return
      AND churn_day > DATE '2027-04-01' AND start_day < DATE '2024-11-01'
      AND (occurred_at BETWEEN TIMESTAMP '2024-11-01' AND TIMESTAMP '2025-08-01'
        OR occurred_at BETWEEN TIMESTAMP '2025-11-01' AND TIMESTAMP '2026-08-01'));
CREATE OR REPLACE TEMP TABLE doomed AS
SELECT e.*, date_diff('day', CAST(e.occurred_at AS DATE), churn_day) AS d
FROM (SELECT customer_id, occurred_at, csat, is_complaint, NULL AS nps FROM tickets
      UNION ALL SELECT customer_id, occurred_at, NULL, NULL, nps FROM surveys) e
JOIN t_accounts USING (customer_id)"""

SEEN = (
    (
        "churn",
        "hazard exp(−7.4 − 0.9 · satisfaction) a day, from 60 days after the start on",
        "{:.0%} of the accounts have left by the last day; satisfied ones (above 0) {:.0%}, "
        "dissatisfied ones {:.0%}",
        """SELECT avg(g), avg(g) FILTER (satisfaction > 0), avg(g) FILTER (satisfaction < 0)
           FROM (SELECT *, (churn_day <= DATE '2026-10-31')::INT AS g FROM t_accounts)""",
    ),
    (
        "intent fades",
        "linearly to 12 % over the 150 days before churn; nothing is ordered after it",
        "orders a day, 0 to 75 days before churn: {:.2f} of what they were 200 to 350 days before",
        "SELECT level('order', 0, 75)",
    ),
    (
        "downloads lead (#27)",
        "downloads follow the intent of 30 days later",
        "75 to 135 days before churn: downloads {:.2f}, orders {:.2f}; orders 30 days later {:.2f}",
        """SELECT level('download', 75, 135), level('order', 75, 135), level('order', 45, 105)""",
    ),
    (
        "contact change (#21)",
        "in 60 % of churns the buyer leaves 40 to 150 days before; other contacts stay 1,560 days "
        "on average",
        "{:.0%} of the accounts that left had lost a buyer within 150 days before, "
        "{:.0%} of those that stay, in the last 150 days",
        """SELECT avg(lost) FILTER (gone), avg(lost) FILTER (churn_day > DATE '2027-05-01') FROM (
               SELECT t.customer_id, churn_day, churn_day <= DATE '2026-10-31' AS gone,
                   coalesce(max((date_diff('day', left_at, least(churn_day, DATE '2026-10-31'))
                        BETWEEN 0 AND 150)::INT), 0) AS lost
               FROM t_accounts t JOIN contacts c USING (customer_id)
               WHERE role = 'buyer' AND churn_day > start_day + 200
                 AND start_day < DATE '2026-01-01' GROUP BY ALL)""",
    ),
    (
        "complaints and opinions (#28)",
        "distress, 0 to 1 over the last 150 days, raises complaints and lowers CSAT and NPS",
        "last 75 days against the time before the decline: complaints {:.0%} / {:.0%} of tickets, "
        "CSAT {:.0f} / {:.0f}, NPS answer {:.1f} / {:.1f}",
        """SELECT avg(is_complaint::INT) FILTER (d < 75), avg(is_complaint::INT) FILTER (d > 150),
               avg(csat) FILTER (d < 75), avg(csat) FILTER (d > 150),
               avg(nps) FILTER (d < 75), avg(nps) FILTER (d > 150) FROM doomed""",
    ),
    (
        "late payers (#20)",
        "8 % of the companies: 18 days later, and of worse payment quality",
        "{:.1%} of the accounts; median {:.0f} days after the due day, others {:.0f}",
        """SELECT (SELECT avg(is_late_payer::INT) FROM t_accounts),
               median(date_diff('day', due_at, paid_at)) FILTER (is_late_payer),
               median(date_diff('day', due_at, paid_at)) FILTER (NOT is_late_payer)
           FROM invoices JOIN t_accounts USING (customer_id)""",
    ),
    (
        "industry shock (#30)",
        "textiles loses 45 % of its demand over 60 days from 2025-09-01 on; its index falls "
        "by 35 points; a policy of 2025-08-20 heralds it",
        "order lines of accounts that stay, November to July against a year before: textiles "
        "{:.2f}, others {:.2f}; index of textiles {:.0f}, then {:.0f}",
        """SELECT demand(true), demand(false),
               avg(value) FILTER (occurred_at < TIMESTAMP '2025-09-01'),
               avg(value) FILTER (occurred_at > TIMESTAMP '2026-01-01')
           FROM market WHERE kind = 'index' AND industry = 'textiles'""",
    ),
    (
        "late records",
        "one record in 150 is learned of 5 to 45 days late",
        "{:.2%} of order lines, median {:.0f} days",
        """SELECT avg(late::INT),
               median(date_diff('day', occurred_at, recorded_at)) FILTER (late)
           FROM (SELECT *, recorded_at > occurred_at + INTERVAL 2 DAY AS late FROM orders)""",
    ),
    (
        "second entries (#4)",
        "4 % of the accounts are a company that is there already, under another spelling",
        "{:.1%} of the customers; {:.0%} spelled alike, {:.0%} with the same phone where both "
        "state one",
        """SELECT count(*) / (SELECT count(*) FROM customers), avg((s.name = f.name)::INT),
               avg((s.phone = f.phone)::INT)
           FROM t_causes c JOIN customers s USING (customer_id)
           JOIN customers f ON f.customer_id = c.reference WHERE cause = 'second_entry'""",
    ),
    (
        "missing industry (#5)",
        "30 % of the customers",
        "{:.1%}",
        "SELECT avg((industry IS NULL)::INT) FROM customers",
    ),
    (
        "tenfold orders (#7)",
        "one in 50 accounts; about two of three are a slip (the invoice has the true amount), "
        "one is real and followed by `jump_explained`",
        "{} slips and {} explained; median {:.0f} times the account's median order",
        """SELECT count(*) FILTER (cause = 'tenfold_order'),
               count(*) FILTER (cause <> 'tenfold_order'), median(ordered / usual)
           FROM (SELECT cause, any_value(usual) AS usual, sum(net_amount) AS ordered
                 FROM t_causes c JOIN orders o ON o.order_id = c.reference
                 JOIN (SELECT customer_id, median(v) AS usual FROM (
                     SELECT customer_id, sum(net_amount) AS v FROM orders
                     WHERE NOT is_return GROUP BY customer_id, order_id) GROUP BY customer_id) u
                   ON u.customer_id = c.customer_id
                 WHERE cause LIKE 'tenfold%' GROUP BY cause, reference)""",
    ),
    (
        "contracts (#25)",
        "who stays 90 days renews in nine of ten cases, who leaves within them in three, who "
        "has left never",
        "{:.0%} / {:.0%} / {:.0%}",
        """SELECT avg(r) FILTER (churn_day > ends_at + INTERVAL 90 DAY),
               avg(r) FILTER (churn_day BETWEEN ends_at AND ends_at + INTERVAL 90 DAY),
               avg(r) FILTER (churn_day < ends_at)
           FROM (SELECT *, (renewed_at IS NOT NULL)::INT AS r FROM contracts)
           JOIN t_accounts USING (customer_id) WHERE ends_at < TIMESTAMP '2026-11-01'""",
    ),
    (
        "expectations",
        "`months.parquet`: chance of no order in 90 days, expected orders, expected net amount",
        "as of 2026-07-31: {:.1%} silent expected, {:.1%} were",
        """SELECT avg(p), avg(silent::INT) FROM (
            SELECT silence_probability_90d AS p, NOT EXISTS (SELECT 1 FROM orders b
                WHERE b.customer_id = m.customer_id AND NOT is_cancelled AND NOT is_return
                  AND b.occurred_at >= TIMESTAMP '2026-08-01'
                  AND b.occurred_at < TIMESTAMP '2026-10-30') AS silent
            FROM t_months m WHERE as_of = DATE '2026-07-31')""",
    ),
)
"""Truth, how it is planted, what is told of it, and the query for the figures."""


def planted(folder: Path) -> str:
    """Return the truths of a written company, and what is seen of them, as Markdown."""
    connection: Any = connect()
    views = {name: folder / f"{name}.parquet" for name in CONTRACT}
    views |= {f"t_{name}": folder / "truth" / f"{name}.parquet" for name in TRUTHS}
    for name, path in views.items():
        connection.raw_sql(f"CREATE VIEW {name} AS SELECT * FROM '{path}'")
    for statement in BEFORE_CHURN.split(";\n"):
        connection.raw_sql(statement)
    lines = ["| truth | planted | seen |", "|---|---|---|"]
    for name, how, told, query in SEEN:
        figures = connection.raw_sql(query).fetchone()
        lines.append(f"| {name} | {how} | {told.format(*figures)} |")
    return "\n".join(lines)
