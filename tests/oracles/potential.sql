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
this_quarter_last_year AS (
    SELECT customer_id, CAST(sum(net_amount) AS DOUBLE) AS net
    FROM line
    WHERE occurred_at > $as_of - INTERVAL 455 DAY AND occurred_at <= $as_of - INTERVAL 365 DAY
    GROUP BY customer_id
),
company AS (
    -- All buyers: the 90 days that followed this day last year against the year's mean 90.
    SELECT
        CASE WHEN max(c.tenure) >= 365 AND sum(y.year) > 0
            THEN greatest(least(sum(coalesce(l.net, 0)) / (sum(y.year) * 90 / 365), 365 / 90.0), 0)
            END AS season
    FROM customer AS c
    LEFT JOIN last_year AS l ON l.customer_id = c.customer_id
    LEFT JOIN (
        SELECT customer_id, CAST(sum(net_amount) AS DOUBLE) AS year
        FROM line
        WHERE occurred_at > $as_of - INTERVAL 365 DAY
        GROUP BY customer_id
    ) AS y ON y.customer_id = c.customer_id
),
category AS (
    SELECT customer_id, category, min(occurred_at) AS first_at, max(occurred_at) AS last_at
    FROM line
    WHERE NOT is_return AND category IS NOT NULL
    GROUP BY customer_id, category
),
category_year AS (
    SELECT
        category,
        CAST(sum(net_amount) AS DOUBLE) AS year,
        CAST(coalesce(sum(net_amount) FILTER (
            WHERE occurred_at <= $as_of - INTERVAL 275 DAY
        ), 0) AS DOUBLE) AS next
    FROM line
    WHERE occurred_at > $as_of - INTERVAL 365 DAY AND category IS NOT NULL
    GROUP BY category
),
category_season AS (
    SELECT
        y.category,
        round(greatest(least(y.next / (y.year * 90 / 365), 365 / 90.0), 0), 6) AS season
    FROM category_year AS y
    WHERE y.year > 0 AND EXISTS (
        SELECT 1 FROM category AS k
        WHERE k.category = y.category AND CAST($as_of AS DATE) - CAST(k.first_at AS DATE) >= 365
    )
),
mix AS (
    SELECT s.customer_id, sum(s.amount * f.season) / sum(s.amount) AS season
    FROM (
        SELECT customer_id, category, CAST(sum(net_amount) AS DOUBLE) AS amount
        FROM line
        WHERE occurred_at > $as_of - INTERVAL 365 DAY AND category IS NOT NULL
        GROUP BY customer_id, category
        HAVING sum(net_amount) > 0
    ) AS s
    JOIN category_season AS f ON f.category = s.category
    GROUP BY s.customer_id
),
move AS (
    -- The categories bought in the last 180 days, last 90 days against the 90 before.
    SELECT
        k.customer_id,
        k.category,
        coalesce(sum(l.net_amount) FILTER (
            WHERE l.occurred_at > $as_of - INTERVAL 90 DAY
        ), 0) AS now,
        coalesce(sum(l.net_amount) FILTER (
            WHERE l.occurred_at <= $as_of - INTERVAL 90 DAY
        ), 0) AS before
    FROM category AS k
    JOIN line AS l
        ON l.customer_id = k.customer_id
        AND l.category = k.category
        AND l.occurred_at > $as_of - INTERVAL 180 DAY
    WHERE k.last_at > $as_of - INTERVAL 180 DAY
    GROUP BY k.customer_id, k.category
),
moved AS (
    SELECT
        customer_id,
        CAST(sum(now) - sum(before) AS DOUBLE)
            / nullif(CAST(abs(sum(now)) + abs(sum(before)) AS DOUBLE), 0) AS change
    FROM move
    GROUP BY customer_id
),
trend AS (
    SELECT
        m.customer_id,
        avg(CASE WHEN m.now - m.before > 0.2 * abs(m.before) THEN 1.0 ELSE 0.0 END)
            AS growing,
        avg(CASE WHEN m.before - m.now > 0.2 * abs(m.before) THEN 1.0 ELSE 0.0 END)
            AS declining,
        sum(CAST(abs(m.now) + abs(m.before) AS DOUBLE) * abs(
            CAST(m.now - m.before AS DOUBLE)
            / nullif(CAST(abs(m.now) + abs(m.before) AS DOUBLE), 0) - a.change
        )) / nullif(CAST(sum(abs(m.now) + abs(m.before)) AS DOUBLE), 0) AS divergence
    FROM move AS m
    JOIN moved AS a ON a.customer_id = m.customer_id
    GROUP BY m.customer_id
),
recorded_customer AS (
    SELECT * FROM customers WHERE recorded_at IS NULL OR recorded_at <= $known_at
),
account AS (
    SELECT a.*
    FROM recorded_customer AS a
    WHERE (a.created_at IS NULL OR a.created_at <= $as_of)
      AND NOT EXISTS (
          SELECT 1 FROM recorded_customer AS newer
          WHERE newer.customer_id = a.customer_id AND newer.recorded_at > a.recorded_at
      )
),
recorded_market AS (
    SELECT * FROM market WHERE recorded_at <= $known_at
),
event AS (
    SELECT m.*
    FROM recorded_market AS m
    WHERE m.occurred_at <= $as_of
      AND NOT EXISTS (
          SELECT 1 FROM recorded_market AS newer
          WHERE newer.industry = m.industry
            AND newer.kind = m.kind
            AND newer.occurred_at = m.occurred_at
            AND newer.recorded_at > m.recorded_at
      )
),
industry AS (
    SELECT
        industry,
        avg(round(value, 6)) FILTER (
            WHERE kind = 'index' AND occurred_at > $as_of - INTERVAL 90 DAY
        ) AS now,
        avg(round(value, 6)) FILTER (
            WHERE kind = 'index'
              AND occurred_at > $as_of - INTERVAL 455 DAY
              AND occurred_at <= $as_of - INTERVAL 365 DAY
        ) AS before,
        avg(round(value, 6)) FILTER (
            WHERE kind = 'policy' AND occurred_at > $as_of - INTERVAL 365 DAY
        ) AS policy
    FROM event
    GROUP BY industry
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
recorded_assessment AS (
    SELECT * FROM assessments WHERE recorded_at <= $known_at
),
assessment AS (
    -- Each customer's latest value of each kind, unless it is older than 730 days.
    SELECT a.customer_id, a.kind, a.value
    FROM recorded_assessment AS a
    WHERE a.occurred_at <= $as_of
      AND a.occurred_at > $as_of - INTERVAL 730 DAY
      AND NOT EXISTS (
          SELECT 1 FROM recorded_assessment AS newer
          WHERE newer.assessment_id = a.assessment_id AND newer.recorded_at > a.recorded_at
      )
    QUALIFY row_number() OVER (
        PARTITION BY a.customer_id, a.kind ORDER BY a.occurred_at DESC, a.assessment_id DESC
    ) = 1
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
    CASE WHEN p.tenure >= 365 THEN coalesce(l.net, 0) END AS net_amount_next_90d_last_year,
    CASE WHEN p.tenure >= 455 AND abs(p.net) + abs(coalesce(q.net, 0)) > 0
        THEN (p.net - coalesce(q.net, 0)) / (abs(p.net) + abs(coalesce(q.net, 0))) END
        AS net_amount_change_1y_90d,
    (SELECT season FROM company) AS season_index_next_90d,
    x.season AS season_index_category_next_90d,
    CASE WHEN p.tenure >= 180 THEN t.growing END AS growing_category_rate_90d,
    CASE WHEN p.tenure >= 180 THEN t.declining END AS declining_category_rate_90d,
    CASE WHEN p.tenure >= 180 THEN t.divergence END AS category_divergence_90d,
    CASE WHEN abs(i.now) + abs(i.before) > 0
        THEN (i.now - i.before) / (abs(i.now) + abs(i.before)) END AS industry_index_change_12m,
    CASE WHEN i.policy IS NOT NULL THEN greatest(least(i.policy, 1), -1) END AS policy_impact_365d,
    CAST((
        SELECT count(*) FROM contact AS k
        WHERE k.customer_id = p.customer_id
          AND k.kind = 'enquiry'
          AND k.occurred_at > $as_of - INTERVAL 90 DAY
    ) AS DOUBLE) AS enquiry_count_90d,
    (
        SELECT a.value FROM assessment AS a
        WHERE a.customer_id = p.customer_id AND a.kind = 'expansion_plan'
    ) AS expansion_plan_score,
    (
        SELECT a.value FROM assessment AS a
        WHERE a.customer_id = p.customer_id AND a.kind = 'capital_strength'
    ) AS capital_strength_score,
    (
        SELECT a.value FROM assessment AS a
        WHERE a.customer_id = p.customer_id AND a.kind = 'team_strength'
    ) AS team_strength_score,
    (
        SELECT a.value FROM assessment AS a
        WHERE a.customer_id = p.customer_id AND a.kind = 'size_fit'
    ) AS size_fit_score,
    (
        SELECT a.value FROM assessment AS a
        WHERE a.customer_id = p.customer_id AND a.kind = 'digital_maturity'
    ) AS digital_maturity_score
FROM pair AS p
LEFT JOIN last_year AS l ON l.customer_id = p.customer_id
LEFT JOIN this_quarter_last_year AS q ON q.customer_id = p.customer_id
LEFT JOIN mix AS x ON x.customer_id = p.customer_id
LEFT JOIN trend AS t ON t.customer_id = p.customer_id
LEFT JOIN account AS a ON a.customer_id = p.customer_id
LEFT JOIN industry AS i ON i.industry = a.industry
ORDER BY p.customer_id
