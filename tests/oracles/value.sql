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
        sum(net_amount) AS total
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
        sum(cost) AS cost
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
    r.amount AS repeat_order_value_mean
FROM customer AS c
JOIN spend AS s ON s.customer_id = c.customer_id
LEFT JOIN spend_year AS y ON y.customer_id = c.customer_id
LEFT JOIN repeat_day AS r ON r.customer_id = c.customer_id
ORDER BY c.customer_id
