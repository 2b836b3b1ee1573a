"""What is planted in the simulated company can be seen in its tables."""

from __future__ import annotations

from typing import Any

import pytest
from ibis.backends import BaseBackend

from features.backends import connect
from features.worlds.company.accounts import CONTACT_LOSS, LATE_PAYERS, TWINS
from tests.features.simulated import whole

ACCOUNTS = 2_000


@pytest.fixture(scope="module")
def company() -> BaseBackend:
    """All tables and truths (``t_...``) of a company."""
    connection = connect()
    for name, table in whole(5, ACCOUNTS).items():
        connection.create_table(name.replace("truth/", "t_"), table)
    connection.raw_sql("""
        CREATE TABLE bought AS SELECT o.*, t.churn_day,
            date_diff('day', CAST(o.occurred_at AS DATE), t.churn_day) AS days_left
        FROM orders o JOIN t_accounts t USING (customer_id) WHERE NOT is_return""")
    return connection


def one(company: BaseBackend, query: str) -> Any:
    """The first row, or its only value."""
    row = company.raw_sql(query).fetchone()
    return row[0] if len(row) == 1 else row


def test_accounts_fade_before_churn_and_are_silent_after(company: BaseBackend) -> None:
    assert one(company, "SELECT min(days_left) FROM bought") >= 0
    early, late = one(
        company,
        """SELECT count(*) FILTER (days_left BETWEEN 150 AND 225),
                  count(*) FILTER (days_left < 75)
           FROM bought WHERE churn_day < DATE '2026-11-01'""",
    )
    assert late < 0.5 * early


def test_unhappy_accounts_leave_earlier(company: BaseBackend) -> None:
    gone = "avg(CAST(churn_day < DATE '2026-11-01' AS INT))"
    happy, unhappy = one(
        company,
        f"""SELECT {gone} FILTER (satisfaction > 0), {gone} FILTER (satisfaction < 0)
            FROM t_accounts""",
    )
    assert unhappy > 2 * happy


def test_downloads_fall_thirty_days_before_orders_do(company: BaseBackend) -> None:
    """Compare both at the same distance from churn, and thirty days apart."""

    def level(source: str, nearest: int, farthest: int) -> float:
        """Events a day in a span before churn, relative to a sound account's."""
        counted = one(
            company,
            f"""WITH left_over AS (
                SELECT date_diff('day', CAST(e.occurred_at AS DATE), t.churn_day) AS d
                FROM ({source}) e JOIN t_accounts t USING (customer_id)
                WHERE t.churn_day < DATE '2026-11-01' AND start_day < churn_day - 360)
            SELECT count(*) FILTER (d >= {nearest} AND d < {farthest}) / {farthest - nearest}.0
                / (count(*) FILTER (d >= 200 AND d < 350) / 150.0) FROM left_over""",
        )
        return float(counted)

    downloads = "SELECT * FROM interactions WHERE kind = 'download'"
    orders = "SELECT * FROM orders WHERE NOT is_return AND line_id = '1'"
    assert level(downloads, 75, 135) < level(orders, 75, 135) - 0.1
    assert level(downloads, 75, 135) == pytest.approx(level(orders, 45, 105), abs=0.12)
    assert level(orders, 155, 185) > 0.85


def test_buyers_leave_before_churn_and_not_otherwise_so_often(company: BaseBackend) -> None:
    planted, found = one(
        company,
        """SELECT count(*), count(c.contact_id) FROM t_accounts t LEFT JOIN contacts c
             ON c.customer_id = t.customer_id AND c.role = 'buyer'
            AND CAST(c.left_at AS DATE) = t.contact_change_day
           WHERE contact_change_day BETWEEN DATE '2023-11-10' AND DATE '2026-09-30'""",
    )
    assert planted > 200
    assert found > 0.97 * planted  # some records are not known yet
    leads = "date_diff('day', contact_change_day, churn_day)"
    assert one(company, f"SELECT min({leads}) >= 40, max({leads}) <= 151 FROM t_accounts") == (
        True,
        True,
    )
    share = one(
        company,
        """SELECT avg(CAST(contact_change_day IS NOT NULL AS INT)) FROM t_accounts
           WHERE churn_day > start_day + 200""",
    )
    assert share == pytest.approx(CONTACT_LOSS, abs=0.05)


def test_complaints_rise_and_opinions_fall_before_churn(company: BaseBackend) -> None:
    rows = one(
        company,
        """WITH e AS (SELECT k.*, date_diff('day', k.occurred_at, t.churn_day) < 100 AS doomed
                      FROM tickets k JOIN t_accounts t USING (customer_id))
           SELECT avg(is_complaint::INT) FILTER (doomed) - avg(is_complaint::INT)
               FILTER (NOT doomed), avg(csat) FILTER (NOT doomed) - avg(csat) FILTER (doomed)
           FROM e""",
    )
    assert rows[0] > 0.15
    assert rows[1] > 8
    drop = one(
        company,
        """SELECT avg(nps) FILTER (churn_day >= occurred_at + INTERVAL 200 DAY)
                - avg(nps) FILTER (churn_day < occurred_at + INTERVAL 60 DAY)
           FROM surveys JOIN t_accounts USING (customer_id)""",
    )
    assert drop > 1


def test_late_payers_pay_late(company: BaseBackend) -> None:
    late, others, share = one(
        company,
        """SELECT median(date_diff('day', due_at, paid_at)) FILTER (is_late_payer),
                  median(date_diff('day', due_at, paid_at)) FILTER (NOT is_late_payer),
                  (SELECT avg(CAST(is_late_payer AS INT)) FROM t_accounts)
           FROM invoices JOIN t_accounts USING (customer_id) WHERE paid_at IS NOT NULL""",
    )
    assert late > others + 15
    assert share == pytest.approx(LATE_PAYERS, abs=0.02)


def test_the_shock_shows_in_orders_and_in_the_market(company: BaseBackend) -> None:
    """Demand of the industry after the shock, against a year before and against the others."""
    change = """SELECT count(*) FILTER (occurred_at >= TIMESTAMP '2025-11-15')
        / count(*) FILTER (occurred_at < TIMESTAMP '2025-08-15')::DOUBLE
        FROM orders JOIN t_accounts USING (customer_id)
        WHERE NOT is_return AND churn_day > DATE '2027-06-01' AND start_day < DATE '2024-06-01'
          AND occurred_at NOT BETWEEN TIMESTAMP '2025-08-15' AND TIMESTAMP '2025-11-15'
          AND occurred_at BETWEEN TIMESTAMP '2024-11-15' AND TIMESTAMP '2026-08-15'
          AND industry"""
    shocked, others = (
        one(company, f"{change} = 'textiles'"),
        one(company, f"{change} <> 'textiles'"),
    )
    assert 0.4 < shocked / others < 0.7
    fall = """SELECT avg(value) FILTER (occurred_at < TIMESTAMP '2025-09-01')
        - avg(value) FILTER (occurred_at > TIMESTAMP '2026-01-01') FROM market WHERE kind = 'index'
        AND industry"""
    assert one(company, f"{fall} = 'textiles'") > 30
    assert abs(one(company, f"{fall} <> 'textiles'")) < 2
    herald = "SELECT occurred_at < TIMESTAMP '2025-09-01' FROM market WHERE kind = 'policy' AND"
    assert one(company, f"{herald} industry = 'textiles' AND value < 0")


def test_tenfold_orders_are_slips_or_explained(company: BaseBackend) -> None:
    company.raw_sql("""
        CREATE OR REPLACE VIEW tenfold AS SELECT c.cause, c.customer_id, c.reference,
            (SELECT sum(net_amount) FROM orders WHERE order_id = reference) AS ordered,
            (SELECT sum(amount) FROM invoices WHERE invoice_id = 'I' || reference[2:]) AS invoiced,
            (SELECT count(*) FROM assessments a
              WHERE a.customer_id = c.customer_id AND kind = 'jump_explained'
                AND date_diff('day', c.day, a.occurred_at) < 22) AS told,
            (SELECT sum(net_amount) / count(DISTINCT order_id) FROM bought b
              WHERE b.customer_id = c.customer_id AND b.order_id <> reference) AS usual
        FROM t_causes c WHERE cause LIKE 'tenfold%'""")
    slips, explained = one(
        company,
        """SELECT count(*) FILTER (cause = 'tenfold_order'),
                  count(*) FILTER (cause = 'tenfold_order_explained') FROM tenfold""",
    )
    assert slips + explained == ACCOUNTS / 50
    assert explained == pytest.approx(slips / 2, abs=4)
    assert one(company, "SELECT median(ordered / usual) FROM tenfold") > 5
    ratios = """SELECT min(ordered / invoiced), max(ordered / invoiced), max(told), min(told)
        FROM tenfold WHERE invoiced IS NOT NULL AND cause ="""
    low, high, told, _ = one(company, f"{ratios} 'tenfold_order'")
    assert (low, high, told) == (pytest.approx(10, rel=1e-3), pytest.approx(10, rel=1e-3), 0)
    low, high, _, told = one(company, f"{ratios} 'tenfold_order_explained'")
    assert (low, high, told) == (1, 1, 1)


def test_a_third_lacks_its_industry_and_the_rest_is_true(company: BaseBackend) -> None:
    missing, wrong = one(
        company,
        """SELECT avg(CAST(c.industry IS NULL AS INT)), count(*) FILTER (c.industry <> t.industry)
           FROM customers c JOIN t_accounts t USING (customer_id)""",
    )
    assert missing == pytest.approx(0.30, abs=0.03)
    assert wrong == 0


def test_second_entries_are_one_company_under_another_name(company: BaseBackend) -> None:
    company.raw_sql("""
        CREATE OR REPLACE VIEW pairs AS SELECT s.*, f.name AS first_name, f.tax_id AS first_tax,
            f.phone AS first_phone
        FROM t_causes c JOIN customers s USING (customer_id)
        JOIN customers f ON f.customer_id = c.reference WHERE cause = 'second_entry'""")
    n, same, tax, phone, alike = one(
        company,
        """SELECT count(*), count(*) FILTER (name = first_name),
                  avg(CAST(tax_id = first_tax AS INT)), avg(CAST(phone = first_phone AS INT)),
                  avg(jaro_winkler_similarity(name, first_name)) FROM pairs""",
    )
    assert n == pytest.approx(TWINS * ACCOUNTS, rel=0.3)
    assert same < 0.05 * n
    assert tax == 1  # where both state it
    assert 0.5 < phone < 0.9
    assert alike > 0.5
    companies, customers = one(
        company, "SELECT count(DISTINCT company_id), count(DISTINCT customer_id) FROM t_accounts"
    )
    assert customers - companies == n


def test_some_records_come_weeks_late(company: BaseBackend) -> None:
    for table in ("orders", "invoices", "tickets", "interactions"):
        share, most = one(
            company,
            f"""SELECT avg(CAST(recorded_at > occurred_at + INTERVAL 2 DAY AS INT)),
                max(date_diff('day', occurred_at, recorded_at)) FROM {table}""",
        )
        assert 0.003 < share < 0.012, table
        assert 30 < most < 47, table


def test_contracts_are_renewed_by_those_who_stay(company: BaseBackend) -> None:
    renewed = "avg(CAST(renewed_at IS NOT NULL AS INT))"
    stay, leave = one(
        company,
        f"""SELECT {renewed} FILTER (churn_day > ends_at + INTERVAL 90 DAY),
                   {renewed} FILTER (churn_day < ends_at)
            FROM contracts JOIN t_accounts USING (customer_id)
            WHERE ends_at < TIMESTAMP '2026-10-31'""",
    )
    assert stay > 0.8
    assert leave == 0


def test_the_margin_is_the_expected_one(company: BaseBackend) -> None:
    error = one(
        company,
        """SELECT max(abs(m - expected_margin)) FROM (
               SELECT customer_id, 1 - sum(cost) / sum(net_amount) AS m FROM bought
               GROUP BY customer_id HAVING count(*) > 150) JOIN t_accounts USING (customer_id)""",
    )
    assert error < 0.06


def test_spend_has_a_heavy_tail_and_a_season(company: BaseBackend) -> None:
    top = one(
        company,
        f"""SELECT sum(v) FILTER (place <= {ACCOUNTS // 50}) / sum(v) FROM (
            SELECT v, row_number() OVER (ORDER BY v DESC) AS place FROM (
                SELECT sum(net_amount) AS v FROM orders GROUP BY customer_id))""",
    )
    assert top > 0.25
    weekend, holiday = one(
        company,
        """SELECT avg(CAST(isodow(occurred_at) > 5 AS INT)),
             count(*) FILTER (occurred_at BETWEEN TIMESTAMP '2026-02-16' AND TIMESTAMP '2026-02-23')
           / count(*) FILTER (occurred_at BETWEEN TIMESTAMP '2026-03-16' AND TIMESTAMP '2026-03-23')
           FROM bought""",
    )
    assert weekend < 0.12
    assert holiday < 0.35


class TestExpectations:
    """The monthly truth is calibrated against what the same company did."""

    MONTHS = "as_of BETWEEN DATE '2025-01-31' AND DATE '2026-07-31'"

    def test_silence(self, company: BaseBackend) -> None:
        expected, silent, low, high = one(
            company,
            f"""WITH e AS (
                SELECT silence_probability_90d AS p, NOT EXISTS (SELECT 1 FROM bought b
                    WHERE b.customer_id = m.customer_id AND NOT is_cancelled
                      AND CAST(b.occurred_at AS DATE) > as_of
                      AND CAST(b.occurred_at AS DATE) <= as_of + 90) AS silent
                FROM t_months m WHERE {self.MONTHS})
            SELECT avg(p), avg(silent::INT), avg(silent::INT) FILTER (p BETWEEN 0.2 AND 0.4),
                avg(silent::INT) FILTER (p BETWEEN 0.6 AND 0.8) FROM e""",
        )
        assert silent == pytest.approx(expected, abs=0.01)
        assert low == pytest.approx(0.3, abs=0.06)
        assert high == pytest.approx(0.7, abs=0.06)

    def test_orders_and_net(self, company: BaseBackend) -> None:
        orders, expected_orders, net, expected_net = one(
            company,
            """WITH m AS (SELECT * FROM t_months WHERE as_of = DATE '2026-04-30'),
            real AS (SELECT count(DISTINCT order_id) AS n, sum(net_amount) AS net FROM bought
                WHERE NOT is_cancelled AND customer_id IN (SELECT customer_id FROM m)
                  AND order_id NOT IN (SELECT reference FROM t_causes WHERE reference IS NOT NULL)
                  AND occurred_at >= TIMESTAMP '2026-05-01'
                  AND occurred_at < TIMESTAMP '2026-10-28')
            SELECT (SELECT n FROM real), sum(expected_orders_180d), (SELECT net FROM real),
                sum(expected_net_180d) FROM m""",
        )
        assert orders == pytest.approx(expected_orders, rel=0.05)
        assert float(net) == pytest.approx(expected_net, rel=0.08)

    def test_churn(self, company: BaseBackend) -> None:
        expected, left = one(
            company,
            f"""SELECT sum(churn_probability_90d), count(*) FILTER (
                    churn_day > as_of AND churn_day <= as_of + 90)
                FROM t_months JOIN t_accounts USING (customer_id)
                WHERE is_alive AND {self.MONTHS}""",
        )
        assert left == pytest.approx(expected, rel=0.12)
