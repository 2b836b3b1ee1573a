-- Value indicators, written by hand over the raw contract tables (features/dimensions/value.py).
-- Parameters: $as_of, $known_at. Money is summed as decimal and divided as double.
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
year AS (
    SELECT * FROM line WHERE occurred_at > $as_of - INTERVAL 365 DAY
),
customer AS (
    SELECT customer_id, min(day) AS first_day FROM line WHERE NOT is_return GROUP BY customer_id
),
spend AS (
    SELECT
        customer_id,
        sum(net_amount) FILTER (WHERE occurred_at > $as_of - INTERVAL 30 DAY) AS d30,
        sum(net_amount) FILTER (WHERE occurred_at > $as_of - INTERVAL 90 DAY) AS d90,
        sum(net_amount) FILTER (WHERE occurred_at > $as_of - INTERVAL 180 DAY) AS d180,
        sum(net_amount) AS total,
        coalesce(sum(net_amount) FILTER (WHERE cost IS NOT NULL), 0) AS total_costed,
        coalesce(sum(cost), 0) AS total_cost
    FROM line
    GROUP BY customer_id
),
spend_year AS (
    SELECT
        customer_id,
        sum(net_amount) AS net,
        count(DISTINCT day) FILTER (WHERE NOT is_return) AS order_days,
        coalesce(sum(discount) FILTER (WHERE NOT is_return), 0) AS discount,
        coalesce(sum(net_amount) FILTER (WHERE NOT is_return), 0) AS bought,
        sum(net_amount) FILTER (WHERE cost IS NOT NULL) AS net_costed,
        sum(cost) AS cost,
        coalesce(sum(rebate) FILTER (WHERE NOT is_return), 0) AS rebate
    FROM year
    GROUP BY customer_id
),
purchase_day AS (
    SELECT customer_id, day, sum(net_amount) AS amount
    FROM line
    WHERE NOT is_return
    GROUP BY customer_id, day
),
repeat_day AS (
    SELECT p.customer_id, CAST(sum(p.amount) AS DOUBLE) / count(*) AS amount
    FROM purchase_day AS p
    JOIN customer AS c ON c.customer_id = p.customer_id AND p.day > c.first_day
    GROUP BY p.customer_id
),
profit AS (
    SELECT
        c.customer_id,
        CASE
            WHEN y.customer_id IS NULL THEN 0
            WHEN y.net = 0 OR coalesce(y.net_costed, 0) <> 0 OR coalesce(y.cost, 0) <> 0
            THEN coalesce(y.net_costed, 0) - coalesce(y.cost, 0) - y.rebate
        END AS amount
    FROM customer AS c
    LEFT JOIN spend_year AS y ON y.customer_id = c.customer_id
),
recorded_ticket AS (
    SELECT * FROM tickets WHERE recorded_at <= $known_at
),
service AS (
    SELECT t.customer_id, sum(t.service_cost) AS cost
    FROM recorded_ticket AS t
    WHERE t.occurred_at <= $as_of
      AND t.resolved_at <= $as_of
      AND t.resolved_at > $as_of - INTERVAL 365 DAY
      AND NOT EXISTS (
          SELECT 1 FROM recorded_ticket AS newer
          WHERE newer.ticket_id = t.ticket_id AND newer.recorded_at > t.recorded_at
      )
    GROUP BY t.customer_id
),
recorded_invoice AS (
    SELECT * FROM invoices WHERE recorded_at <= $known_at
),
receivable AS (
    SELECT
        i.customer_id,
        CAST(sum(i.amount * (
            CAST(CASE WHEN i.paid_at <= $as_of THEN i.paid_at ELSE $as_of END AS DATE)
            - CAST(i.occurred_at AS DATE)
        )) AS DOUBLE) / CAST(sum(i.amount) AS DOUBLE) AS days
    FROM recorded_invoice AS i
    WHERE i.occurred_at <= $as_of
      AND i.occurred_at > $as_of - INTERVAL 365 DAY
      AND i.amount > 0
      AND NOT EXISTS (
          SELECT 1 FROM recorded_invoice AS newer
          WHERE newer.invoice_id = i.invoice_id AND newer.recorded_at > i.recorded_at
      )
    GROUP BY i.customer_id
),
recorded_account AS (
    SELECT * FROM customers WHERE recorded_at IS NULL OR recorded_at <= $known_at
),
account AS (
    SELECT a.*
    FROM recorded_account AS a
    WHERE (a.created_at IS NULL OR a.created_at <= $as_of)
      AND NOT EXISTS (
          SELECT 1 FROM recorded_account AS newer
          WHERE newer.customer_id = a.customer_id AND newer.recorded_at > a.recorded_at
      )
)
SELECT
    c.customer_id,
    CAST(coalesce(s.d30, 0) AS DOUBLE) AS net_amount_30d,
    CAST(coalesce(s.d90, 0) AS DOUBLE) AS net_amount_90d,
    CAST(coalesce(s.d180, 0) AS DOUBLE) AS net_amount_180d,
    CAST(coalesce(y.net, 0) AS DOUBLE) AS net_amount_365d,
    CAST(s.total AS DOUBLE) AS net_amount_total,
    CAST(coalesce(y.order_days, 0) AS DOUBLE) AS order_days_365d,
    CASE WHEN y.order_days > 0 THEN CAST(y.net AS DOUBLE) / y.order_days END
        AS average_order_value_365d,
    CASE
        WHEN y.bought + y.discount > 0
        THEN greatest(0, least(1, CAST(y.discount AS DOUBLE) / CAST(y.bought + y.discount AS DOUBLE)))
    END AS discount_rate_365d,
    CASE
        WHEN y.net_costed > 0
        THEN greatest(-1, least(1, CAST(y.net_costed - y.cost AS DOUBLE) / CAST(y.net_costed AS DOUBLE)))
    END AS gross_margin_rate_365d,
    r.amount AS repeat_order_value_mean,
    CASE
        WHEN y.bought > 0
        THEN greatest(0, least(1, CAST(y.rebate AS DOUBLE) / CAST(y.bought AS DOUBLE)))
    END AS rebate_rate_365d,
    CASE
        WHEN y.net_costed > 0
        THEN greatest(-1, least(1, CAST(p.amount AS DOUBLE) / CAST(y.net_costed AS DOUBLE)))
    END AS profit_contribution_rate_365d,
    CASE WHEN p.amount > 0 THEN CAST(p.amount AS DOUBLE) WHEN p.amount <= 0 THEN 0 END
        / (SELECT CAST(sum(amount) AS DOUBLE) FROM profit WHERE amount > 0)
        AS profit_share_365d,
    CASE
        WHEN y.net > 0
        THEN greatest(0, least(1, CAST(coalesce(t.cost, 0) AS DOUBLE) / CAST(y.net AS DOUBLE)))
    END AS service_cost_rate_365d,
    CAST(p.amount - coalesce(t.cost, 0) AS DOUBLE)
        - CASE WHEN y.net > 0 THEN 0.08 * CAST(y.net AS DOUBLE) * coalesce(w.days, 0) / 365 ELSE 0 END
        AS contribution_365d,
    CAST(a.acquisition_cost AS DOUBLE) AS acquisition_cost,
    CASE
        WHEN a.acquisition_cost > 0 AND (s.total = 0 OR s.total_costed <> 0 OR s.total_cost <> 0)
        THEN greatest(0, CAST(s.total_costed - s.total_cost AS DOUBLE))
            / CAST(a.acquisition_cost AS DOUBLE)
    END AS acquisition_payback_ratio
FROM customer AS c
JOIN profit AS p ON p.customer_id = c.customer_id
JOIN spend AS s ON s.customer_id = c.customer_id
LEFT JOIN spend_year AS y ON y.customer_id = c.customer_id
LEFT JOIN repeat_day AS r ON r.customer_id = c.customer_id
LEFT JOIN service AS t ON t.customer_id = c.customer_id
LEFT JOIN receivable AS w ON w.customer_id = c.customer_id
LEFT JOIN account AS a ON a.customer_id = c.customer_id
ORDER BY c.customer_id
