-- Dynamic indicators, by hand over the raw contract tables (features/dimensions/dynamic.py).
-- Parameters: $as_of, $known_at. Month 0 is the latest of the six 30-day months.
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
recorded_interaction AS (
    SELECT * FROM interactions WHERE recorded_at <= $known_at
),
contact AS (
    SELECT i.*
    FROM recorded_interaction AS i
    WHERE i.occurred_at <= $as_of
      AND NOT EXISTS (
          SELECT 1 FROM recorded_interaction AS newer
          WHERE newer.interaction_id = i.interaction_id AND newer.recorded_at > i.recorded_at
      )
),
customer AS (
    SELECT
        customer_id,
        CAST($as_of AS DATE) - min(day) AS tenure,
        max(day) - min(day) AS span,
        count(DISTINCT day) AS days,
        count(DISTINCT day) FILTER (WHERE occurred_at > $as_of - INTERVAL 30 DAY) AS days_30,
        count(DISTINCT day) FILTER (WHERE occurred_at > $as_of - INTERVAL 90 DAY) AS days_90
    FROM line
    WHERE NOT is_return
    GROUP BY customer_id
),
month AS (
    SELECT
        c.customer_id,
        m.number,
        coalesce(sum(l.net_amount), 0) AS amount
    FROM customer AS c
    CROSS JOIN generate_series(0, 5) AS m (number)
    LEFT JOIN line AS l
        ON l.customer_id = c.customer_id
        AND l.occurred_at <= $as_of - to_days(CAST(30 * m.number AS INTEGER))
        AND l.occurred_at > $as_of - to_days(CAST(30 * (m.number + 1) AS INTEGER))
    GROUP BY c.customer_id, m.number
),
half_year AS (
    SELECT
        customer_id,
        regr_slope(CAST(amount AS DOUBLE), -number) AS slope,
        avg(CAST(amount AS DOUBLE)) AS mean,
        stddev_pop(CAST(amount AS DOUBLE)) AS spread,
        min(CAST(amount AS DOUBLE)) FILTER (WHERE number = 0) AS latest,
        sum(CAST(amount AS DOUBLE)) FILTER (WHERE number IN (1, 2, 3)) / 3 AS usual
    FROM month
    GROUP BY customer_id
),
step AS (
    SELECT now.customer_id, now.number, now.amount < before.amount AS falls
    FROM month AS now
    JOIN month AS before
        ON before.customer_id = now.customer_id AND before.number = now.number + 1
),
decline AS (
    -- The first step, counted back from today, that does not fall ends the series.
    SELECT customer_id, coalesce(min(number) FILTER (WHERE NOT falls), 5) AS months
    FROM step
    GROUP BY customer_id
),
contacts AS (
    SELECT
        customer_id,
        count(*) FILTER (WHERE occurred_at > $as_of - INTERVAL 30 DAY) AS now,
        count(*) FILTER (
            WHERE occurred_at > $as_of - INTERVAL 60 DAY AND occurred_at <= $as_of - INTERVAL 30 DAY
        ) AS before
    FROM contact
    GROUP BY customer_id
)
SELECT
    c.customer_id,
    CAST(c.days_30 AS DOUBLE) AS order_days_30d,
    CAST(c.days_90 AS DOUBLE) AS order_days_90d,
    CASE WHEN c.tenure >= 30 AND abs(h.latest) + abs(h.usual) > 0
        THEN (h.latest - h.usual) / (abs(h.latest) + abs(h.usual)) END AS net_amount_momentum_30d,
    CASE WHEN c.tenure >= 180 AND h.mean > 0 THEN h.slope / h.mean END AS net_amount_slope_6m,
    CASE WHEN c.tenure >= 180 AND h.mean > 0 THEN h.spread / h.mean END AS net_amount_cv_6m,
    CAST(d.months AS DOUBLE) AS declining_months,
    CASE WHEN i.now + i.before > 0
        THEN (i.now - i.before) / CAST(i.now + i.before AS DOUBLE) END AS interaction_change_30d,
    CAST(c.days - 1 AS DOUBLE) AS repeat_count,
    CAST(c.span AS DOUBLE) AS last_order_age_days
FROM customer AS c
JOIN half_year AS h ON h.customer_id = c.customer_id
JOIN decline AS d ON d.customer_id = c.customer_id
LEFT JOIN contacts AS i ON i.customer_id = c.customer_id
ORDER BY c.customer_id
