-- Strategic indicators, by hand over the raw contract tables (features/dimensions/strategic.py).
-- Parameters: $as_of, $known_at.
WITH recorded AS (
    SELECT * FROM orders WHERE recorded_at <= $known_at
),
line AS (
    SELECT
        o.*,
        CAST(o.occurred_at AS DATE) AS day,
        (epoch_us($as_of) - epoch_us(o.occurred_at)) // 2592000000000 AS month  -- 30 days
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
recorded_interaction AS (
    SELECT * FROM interactions WHERE recorded_at <= $known_at
),
contact AS (
    SELECT i.*
    FROM recorded_interaction AS i
    WHERE i.occurred_at <= $as_of
      AND i.occurred_at > $as_of - INTERVAL 180 DAY
      AND NOT EXISTS (
          SELECT 1 FROM recorded_interaction AS newer
          WHERE newer.interaction_id = i.interaction_id AND newer.recorded_at > i.recorded_at
      )
),
customer AS (
    SELECT
        customer_id,
        CAST($as_of AS DATE) - min(day) AS tenure,
        count(DISTINCT month) FILTER (WHERE month < 12) AS active_months,
        least(12, max(month) + 1) AS existing_months
    FROM line
    WHERE NOT is_return
    GROUP BY customer_id
),
year AS (
    SELECT * FROM line
    WHERE occurred_at > $as_of - INTERVAL 365 DAY AND category IS NOT NULL
),
spent AS (
    SELECT customer_id, category, CAST(sum(net_amount) AS DOUBLE) AS amount
    FROM year
    GROUP BY customer_id, category
    HAVING sum(net_amount) > 0
),
share AS (
    SELECT
        customer_id,
        amount / sum(amount) OVER (PARTITION BY customer_id) AS part
    FROM spent
)
SELECT
    c.customer_id,
    CAST(c.tenure AS DOUBLE) AS tenure_days,
    c.active_months / CAST(c.existing_months AS DOUBLE) AS active_month_share_12m,
    coalesce((
        SELECT count(DISTINCT y.category) FROM year AS y
        WHERE y.customer_id = c.customer_id AND NOT y.is_return
    ) / CAST(nullif((
        SELECT count(DISTINCT y.category) FROM year AS y WHERE NOT y.is_return
    ), 0) AS DOUBLE), 0) AS category_breadth_rate_365d,
    (
        SELECT sum(s.part * s.part) FROM share AS s WHERE s.customer_id = c.customer_id
    ) AS category_concentration_365d,
    CAST((
        SELECT count(*) FROM contact AS i
        WHERE i.customer_id = c.customer_id AND NOT i.is_inbound
    ) AS DOUBLE) AS outbound_interaction_count_180d,
    CAST((
        SELECT count(*) FROM contact AS i
        WHERE i.customer_id = c.customer_id AND i.is_inbound
    ) AS DOUBLE) AS inbound_interaction_count_180d
FROM customer AS c
ORDER BY c.customer_id
