-- Potential indicators, by hand over the raw contract tables (features/dimensions/potential.py).
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
customer AS (
    SELECT customer_id, CAST($as_of AS DATE) - min(day) AS tenure
    FROM line
    WHERE NOT is_return
    GROUP BY customer_id
),
quarter AS (
    SELECT
        customer_id,
        CAST(coalesce(sum(net_amount), 0) AS DOUBLE) AS net,
        count(DISTINCT day) FILTER (WHERE NOT is_return) AS days
    FROM line
    WHERE occurred_at > $as_of - INTERVAL 90 DAY
    GROUP BY customer_id
),
quarter_before AS (
    SELECT
        customer_id,
        CAST(coalesce(sum(net_amount), 0) AS DOUBLE) AS net,
        count(DISTINCT day) FILTER (WHERE NOT is_return) AS days
    FROM line
    WHERE occurred_at > $as_of - INTERVAL 180 DAY AND occurred_at <= $as_of - INTERVAL 90 DAY
    GROUP BY customer_id
),
last_year AS (
    SELECT customer_id, CAST(sum(net_amount) AS DOUBLE) AS net
    FROM line
    WHERE occurred_at > $as_of - INTERVAL 365 DAY AND occurred_at <= $as_of - INTERVAL 275 DAY
    GROUP BY customer_id
),
category AS (
    SELECT customer_id, category, min(occurred_at) AS first_at, max(occurred_at) AS last_at
    FROM line
    WHERE NOT is_return AND category IS NOT NULL
    GROUP BY customer_id, category
),
pair AS (
    SELECT
        c.customer_id,
        c.tenure,
        coalesce(q.net, 0) AS net,
        coalesce(b.net, 0) AS net_before,
        coalesce(q.days, 0) AS days,
        coalesce(b.days, 0) AS days_before,
        q.net / nullif(q.days, 0) AS average,
        b.net / nullif(b.days, 0) AS average_before
    FROM customer AS c
    LEFT JOIN quarter AS q ON q.customer_id = c.customer_id
    LEFT JOIN quarter_before AS b ON b.customer_id = c.customer_id
)
SELECT
    p.customer_id,
    CASE WHEN p.tenure >= 90 AND abs(p.net) + abs(p.net_before) > 0
        THEN (p.net - p.net_before) / (abs(p.net) + abs(p.net_before)) END AS net_amount_growth_90d,
    CASE WHEN p.tenure >= 90 AND p.days + p.days_before > 0
        THEN (p.days - p.days_before) / CAST(p.days + p.days_before AS DOUBLE) END
        AS order_days_growth_90d,
    CASE WHEN p.tenure >= 90 AND abs(p.average) + abs(p.average_before) > 0
        THEN (p.average - p.average_before) / (abs(p.average) + abs(p.average_before)) END
        AS average_order_value_growth_90d,
    CAST((
        SELECT count(*) FROM category AS k
        WHERE k.customer_id = p.customer_id AND k.last_at > $as_of - INTERVAL 180 DAY
    ) AS DOUBLE) AS category_count_180d,
    CAST((
        SELECT count(*) FROM category AS k
        WHERE k.customer_id = p.customer_id AND k.first_at > $as_of - INTERVAL 90 DAY
    ) AS DOUBLE) AS new_category_count_90d,
    CASE WHEN p.tenure >= 365 THEN coalesce(l.net, 0) END AS net_amount_next_90d_last_year
FROM pair AS p
LEFT JOIN last_year AS l ON l.customer_id = p.customer_id
ORDER BY p.customer_id
