-- Risk indicators, by hand over the raw contract tables (features/dimensions/risk.py).
-- Parameters: $as_of, $known_at.
WITH recorded AS (
    SELECT * FROM orders WHERE recorded_at <= $known_at
),
line AS (
    SELECT o.*, CAST(o.occurred_at AS DATE) AS day
    FROM recorded AS o
    WHERE o.occurred_at <= $as_of
      AND NOT o.is_cancelled
      AND NOT EXISTS (
          SELECT 1 FROM recorded AS newer
          WHERE newer.order_id = o.order_id
            AND newer.line_id = o.line_id
            AND newer.recorded_at > o.recorded_at
      )
),
recorded_invoice AS (
    SELECT * FROM invoices WHERE recorded_at <= $known_at
),
invoice AS (
    SELECT
        i.customer_id,
        i.occurred_at,
        i.due_at,
        i.amount,
        CASE WHEN i.paid_at <= $as_of THEN i.paid_at END AS paid_at
    FROM recorded_invoice AS i
    WHERE i.occurred_at <= $as_of
      AND i.amount > 0
      AND NOT EXISTS (
          SELECT 1 FROM recorded_invoice AS newer
          WHERE newer.invoice_id = i.invoice_id AND newer.recorded_at > i.recorded_at
      )
),
recorded_ticket AS (
    SELECT * FROM tickets WHERE recorded_at <= $known_at
),
ticket AS (
    SELECT
        t.customer_id,
        t.occurred_at,
        t.is_complaint,
        CASE WHEN t.resolved_at <= $as_of THEN t.resolved_at END AS resolved_at,
        CASE WHEN t.resolved_at IS NULL OR t.resolved_at <= $as_of THEN t.csat END AS csat
    FROM recorded_ticket AS t
    WHERE t.occurred_at <= $as_of
      AND NOT EXISTS (
          SELECT 1 FROM recorded_ticket AS newer
          WHERE newer.ticket_id = t.ticket_id AND newer.recorded_at > t.recorded_at
      )
),
purchase_day AS (
    SELECT DISTINCT customer_id, day FROM line WHERE NOT is_return
),
gap AS (
    SELECT customer_id, day - lag(day) OVER (PARTITION BY customer_id ORDER BY day) AS days
    FROM purchase_day
),
rhythm AS (
    SELECT
        customer_id,
        count(days) AS gaps,
        avg(days) AS mean,
        stddev_pop(days) AS spread
    FROM gap
    GROUP BY customer_id
),
customer AS (
    SELECT customer_id, CAST($as_of AS DATE) - max(day) AS since
    FROM purchase_day
    GROUP BY customer_id
),
year AS (
    SELECT
        customer_id,
        CAST(sum(net_amount) FILTER (WHERE NOT is_return) AS DOUBLE) AS bought,
        CAST(coalesce(sum(-net_amount) FILTER (WHERE is_return), 0) AS DOUBLE) AS returned
    FROM line
    WHERE occurred_at > $as_of - INTERVAL 365 DAY
    GROUP BY customer_id
),
outstanding AS (
    SELECT
        customer_id,
        CAST(sum(
            amount * (CAST(coalesce(paid_at, $as_of) AS DATE) - CAST(occurred_at AS DATE))
        ) AS DOUBLE) / CAST(sum(amount) AS DOUBLE) AS days
    FROM invoice
    WHERE occurred_at > $as_of - INTERVAL 365 DAY
    GROUP BY customer_id
),
collected AS (
    SELECT
        customer_id,
        CAST(coalesce(
            sum(amount) FILTER (WHERE CAST(paid_at AS DATE) <= CAST(due_at AS DATE)), 0
        ) AS DOUBLE) / CAST(sum(amount) AS DOUBLE) AS rate
    FROM invoice
    WHERE due_at > $as_of - INTERVAL 365 DAY AND due_at <= $as_of
    GROUP BY customer_id
),
overdue AS (
    SELECT
        customer_id,
        CAST(sum(amount) AS DOUBLE) AS amount,
        max(CAST($as_of AS DATE) - CAST(due_at AS DATE)) AS days
    FROM invoice
    WHERE paid_at IS NULL AND CAST(due_at AS DATE) < CAST($as_of AS DATE)
    GROUP BY customer_id
)
SELECT
    c.customer_id,
    CAST(c.since AS DOUBLE) AS days_since_last_order,
    c.since / r.mean AS recency_to_interval_ratio,
    CASE WHEN r.gaps >= 2 THEN r.spread / r.mean END AS order_interval_cv,
    CASE WHEN y.bought > 0 THEN least(1, y.returned / y.bought) END AS return_rate_365d,
    o.days AS dso_days_365d,
    l.rate AS on_time_collection_rate_365d,
    coalesce(d.amount, 0) AS overdue_amount,
    CAST(coalesce(d.days, 0) AS DOUBLE) AS max_overdue_days,
    CAST((
        SELECT count(*) FROM ticket AS t
        WHERE t.customer_id = c.customer_id
          AND t.is_complaint
          AND t.occurred_at > $as_of - INTERVAL 180 DAY
    ) AS DOUBLE) AS complaint_count_180d,
    (
        SELECT avg(date_diff('second', t.occurred_at, t.resolved_at)) / 86400 FROM ticket AS t
        WHERE t.customer_id = c.customer_id AND t.resolved_at > $as_of - INTERVAL 365 DAY
    ) AS resolution_days_mean_365d,
    CAST((
        SELECT count(*) FROM ticket AS t
        WHERE t.customer_id = c.customer_id AND t.resolved_at IS NULL
    ) AS DOUBLE) AS open_ticket_count,
    (
        SELECT avg(round(t.csat, 6)) FROM ticket AS t
        WHERE t.customer_id = c.customer_id AND t.occurred_at > $as_of - INTERVAL 365 DAY
    ) AS csat_mean_365d
FROM customer AS c
LEFT JOIN rhythm AS r ON r.customer_id = c.customer_id
LEFT JOIN year AS y ON y.customer_id = c.customer_id
LEFT JOIN outstanding AS o ON o.customer_id = c.customer_id
LEFT JOIN collected AS l ON l.customer_id = c.customer_id
LEFT JOIN overdue AS d ON d.customer_id = c.customer_id
ORDER BY c.customer_id
