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
        sum(CAST(amount AS DOUBLE)) FILTER (WHERE number IN (1, 2, 3)) / 3 AS usual,
        max(CAST(amount AS DOUBLE)) FILTER (WHERE number IN (0, 1)) AS better_of_two,
        sum(CAST(amount AS DOUBLE)) FILTER (WHERE number IN (2, 3, 4)) / 3 AS earlier
    FROM month
    GROUP BY customer_id
),
step AS (
    SELECT
        now.customer_id,
        now.number,
        now.amount < before.amount AS falls,
        now.amount > before.amount AND 30 * before.number <= c.tenure AS rises
    FROM month AS now
    JOIN month AS before
        ON before.customer_id = now.customer_id AND before.number = now.number + 1
    JOIN customer AS c ON c.customer_id = now.customer_id
),
decline AS (
    -- The first step, counted back from today, that does not fall ends the series.
    SELECT
        customer_id,
        coalesce(min(number) FILTER (WHERE NOT falls), 5) AS months,
        coalesce(min(number) FILTER (WHERE NOT rises), 5) AS rising_months
    FROM step
    GROUP BY customer_id
),
purchase AS (
    SELECT DISTINCT customer_id, day FROM line WHERE NOT is_return
),
repurchase AS (
    SELECT
        earlier.customer_id,
        avg(CASE WHEN EXISTS (
            SELECT 1 FROM purchase AS later
            WHERE later.customer_id = earlier.customer_id
              AND later.day > earlier.day
              AND later.day <= earlier.day + 90
        ) THEN 1.0 ELSE 0.0 END) AS rate
    FROM purchase AS earlier
    WHERE earlier.day <= CAST($as_of AS DATE) - 90
    GROUP BY earlier.customer_id
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
),
used AS (
    SELECT
        customer_id,
        kind,
        count(*) FILTER (WHERE occurred_at > $as_of - INTERVAL 30 DAY) AS now,
        count(*) FILTER (
            WHERE occurred_at > $as_of - INTERVAL 60 DAY AND occurred_at <= $as_of - INTERVAL 30 DAY
        ) AS before
    FROM contact
    WHERE kind IN ('login', 'download')
    GROUP BY customer_id, kind
),
week AS (
    SELECT
        c.customer_id,
        w.number,
        EXISTS (
            SELECT 1 FROM contact AS i
            WHERE i.customer_id = c.customer_id
              AND i.kind = 'login'
              AND CAST($as_of AS DATE) - CAST(i.occurred_at AS DATE)
                  BETWEEN 7 * w.number AND 7 * w.number + 6
        ) AS used
    FROM customer AS c
    JOIN generate_series(0, 11) AS w (number) ON 7 * w.number <= c.tenure
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
    CAST(c.span AS DOUBLE) AS last_order_age_days,
    CAST(d.rising_months AS DOUBLE) AS growing_months,
    CAST(r.rate AS DOUBLE) AS repurchase_rate_90d,
    CAST((
        SELECT count(*) FROM contact AS i
        WHERE i.customer_id = c.customer_id
          AND i.kind IN ('call', 'visit', 'mail')
          AND i.occurred_at > $as_of - INTERVAL 90 DAY
    ) AS DOUBLE) AS interaction_count_90d,
    CAST(coalesce(g.now, 0) AS DOUBLE) AS login_count_30d,
    CASE WHEN g.now + g.before > 0
        THEN (g.now - g.before) / CAST(g.now + g.before AS DOUBLE) END AS login_change_30d,
    (
        SELECT avg(CASE WHEN w.used THEN 1.0 ELSE 0.0 END) FROM week AS w
        WHERE w.customer_id = c.customer_id
    ) AS login_week_share_12w,
    CAST(coalesce(f.now, 0) AS DOUBLE) AS document_download_count_30d,
    CASE WHEN f.now + f.before > 0
        THEN (f.now - f.before) / CAST(f.now + f.before AS DOUBLE) END
        AS document_download_change_30d,
    CASE WHEN c.tenure >= 150 AND h.earlier > 0
        THEN greatest(0, least(1, 1 - h.better_of_two / h.earlier)) END AS net_amount_drop_2m
FROM customer AS c
JOIN half_year AS h ON h.customer_id = c.customer_id
JOIN decline AS d ON d.customer_id = c.customer_id
LEFT JOIN repurchase AS r ON r.customer_id = c.customer_id
LEFT JOIN contacts AS i ON i.customer_id = c.customer_id
LEFT JOIN used AS g ON g.customer_id = c.customer_id AND g.kind = 'login'
LEFT JOIN used AS f ON f.customer_id = c.customer_id AND f.kind = 'download'
ORDER BY c.customer_id
