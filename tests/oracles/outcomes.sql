-- Outcomes, written by hand over the raw contract tables (features/outcomes.py).
-- Parameters: $as_of, $known_at, $days, the horizon, and $grace, the days a renewal may be late.
-- Only who the customers are, and which contracts ran, is as known; what follows is as it ended.
WITH span AS (
    SELECT
        CAST($as_of AS TIMESTAMP) AS start_at,
        CAST($as_of AS TIMESTAMP) + to_days(CAST($days AS INTEGER)) AS end_at
),
customer AS (
    SELECT DISTINCT o.customer_id
    FROM orders AS o
    WHERE o.recorded_at <= $known_at
      AND o.occurred_at <= $as_of
      AND NOT o.is_cancelled
      AND NOT o.is_return
      AND NOT EXISTS (
          SELECT 1 FROM orders AS newer
          WHERE newer.order_id = o.order_id
            AND newer.line_id = o.line_id
            AND newer.recorded_at > o.recorded_at
            AND newer.recorded_at <= $known_at
      )
),
line AS (
    SELECT o.*
    FROM orders AS o, span
    WHERE o.occurred_at > span.start_at
      AND o.occurred_at <= span.end_at
      AND NOT o.is_cancelled
      AND NOT EXISTS (
          SELECT 1 FROM orders AS newer
          WHERE newer.order_id = o.order_id
            AND newer.line_id = o.line_id
            AND newer.recorded_at > o.recorded_at
      )
),
spend AS (
    SELECT
        customer_id,
        sum(net_amount) AS net,
        count(*) FILTER (WHERE NOT is_return) AS bought,
        coalesce(sum(net_amount) FILTER (WHERE cost IS NOT NULL), 0) AS net_costed,
        coalesce(sum(cost), 0) AS cost,
        coalesce(sum(rebate) FILTER (WHERE NOT is_return), 0) AS rebate
    FROM line
    GROUP BY customer_id
),
service AS (
    SELECT t.customer_id, sum(t.service_cost) AS cost
    FROM tickets AS t, span
    WHERE t.resolved_at > span.start_at
      AND t.resolved_at <= span.end_at
      AND NOT EXISTS (
          SELECT 1 FROM tickets AS newer
          WHERE newer.ticket_id = t.ticket_id AND newer.recorded_at > t.recorded_at
      )
    GROUP BY t.customer_id
),
bill AS (
    SELECT
        i.customer_id,
        i.amount,
        date_diff(
            'day',
            CAST(i.occurred_at AS DATE),
            CAST(CASE WHEN i.paid_at <= span.end_at THEN i.paid_at ELSE span.end_at END AS DATE)
        ) AS open_days
    FROM invoices AS i, span
    WHERE i.amount > 0
      AND i.occurred_at <= span.end_at
      AND i.occurred_at > span.end_at - INTERVAL 365 DAY
      AND NOT EXISTS (
          SELECT 1 FROM invoices AS newer
          WHERE newer.invoice_id = i.invoice_id AND newer.recorded_at > i.recorded_at
      )
),
owed AS (
    SELECT customer_id, CAST(sum(amount * open_days) AS DOUBLE) / CAST(sum(amount) AS DOUBLE) AS dso
    FROM bill
    GROUP BY customer_id
),
running AS (
    SELECT c.customer_id, c.contract_id
    FROM contracts AS c, span
    WHERE c.recorded_at <= $known_at
      AND c.occurred_at <= span.start_at
      AND CAST(c.ends_at AS DATE) > CAST(span.start_at AS DATE)
      AND CAST(c.ends_at AS DATE) <= CAST(span.end_at AS DATE)
      AND NOT EXISTS (
          SELECT 1 FROM contracts AS newer
          WHERE newer.contract_id = c.contract_id
            AND newer.recorded_at > c.recorded_at
            AND newer.recorded_at <= $known_at
      )
),
fate AS (
    SELECT
        r.customer_id,
        CASE
            WHEN CAST(c.ends_at AS DATE) > CAST(span.end_at AS DATE) THEN 'on'
            WHEN CAST(c.renewed_at AS DATE) <= CAST(c.ends_at AS DATE) + CAST($grace AS INTEGER)
                THEN 'renewed'
            WHEN CAST(c.ends_at AS DATE) + CAST($grace AS INTEGER)
                > (SELECT max(CAST(occurred_at AS DATE)) FROM orders) THEN 'open'
            ELSE 'lapsed'
        END AS how
    FROM running AS r
    CROSS JOIN span
    JOIN contracts AS c ON c.contract_id = r.contract_id
    WHERE NOT EXISTS (
        SELECT 1 FROM contracts AS newer
        WHERE newer.contract_id = c.contract_id AND newer.recorded_at > c.recorded_at
    )
),
lapse AS (
    SELECT
        customer_id,
        CASE
            WHEN bool_or(how = 'lapsed') THEN 1.0
            WHEN bool_or(how = 'open') THEN NULL
            ELSE 0.0
        END AS lapsed
    FROM fate
    GROUP BY customer_id
)
SELECT
    customer.customer_id,
    coalesce(spend.bought, 0) = 0 AS churned,
    CAST(coalesce(spend.net, 0) AS DOUBLE) AS net_value,
    CASE
        WHEN coalesce(spend.net, 0) = 0 OR spend.net_costed <> 0 OR spend.cost <> 0
            THEN CAST(coalesce(spend.net_costed - spend.cost - spend.rebate, 0)
                      - coalesce(service.cost, 0) AS DOUBLE)
                 - greatest(CAST(coalesce(spend.net, 0) AS DOUBLE), 0)
                 * coalesce(owed.dso, 0) / 365 * 0.08
    END AS contribution,
    lapse.lapsed AS contract_lapsed
FROM customer
LEFT JOIN spend USING (customer_id)
LEFT JOIN service USING (customer_id)
LEFT JOIN owed USING (customer_id)
LEFT JOIN lapse USING (customer_id)
ORDER BY customer.customer_id
