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
),
bought AS (
    SELECT
        customer_id,
        CAST(sum(net_amount) AS DOUBLE) AS amount,
        CAST(coalesce(sum(net_amount) FILTER (WHERE is_custom), 0) AS DOUBLE) AS custom
    FROM line
    WHERE occurred_at > $as_of - INTERVAL 365 DAY AND NOT is_return
    GROUP BY customer_id
),
recorded_contract AS (
    SELECT * FROM contracts WHERE recorded_at <= $known_at
),
contract AS (
    SELECT k.*
    FROM recorded_contract AS k
    WHERE k.occurred_at <= $as_of
      AND NOT EXISTS (
          SELECT 1 FROM recorded_contract AS newer
          WHERE newer.contract_id = k.contract_id AND newer.recorded_at > k.recorded_at
      )
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
recorded_survey AS (
    SELECT * FROM surveys WHERE recorded_at <= $known_at
),
survey AS (
    SELECT s.*
    FROM recorded_survey AS s
    WHERE s.occurred_at <= $as_of
      AND NOT EXISTS (
          SELECT 1 FROM recorded_survey AS newer
          WHERE newer.survey_id = s.survey_id AND newer.recorded_at > s.recorded_at
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
    ) AS DOUBLE) AS inbound_interaction_count_180d,
    (
        SELECT avg(CASE WHEN k.renewed_at <= $as_of THEN 1.0 ELSE 0.0 END)
        FROM contract AS k
        WHERE k.customer_id = c.customer_id
          AND k.ends_at <= $as_of
          AND k.ends_at > $as_of - INTERVAL 730 DAY
    ) AS contract_renewal_rate_730d,
    CAST(coalesce((
        SELECT sum(k.value) FROM contract AS k
        WHERE k.customer_id = c.customer_id AND k.ends_at > $as_of
    ), 0) AS DOUBLE) AS active_contract_value,
    CAST((
        SELECT min(date_diff('day', CAST($as_of AS DATE), CAST(k.ends_at AS DATE)))
        FROM contract AS k
        WHERE k.customer_id = c.customer_id
          AND k.ends_at > $as_of
          AND (k.renewed_at IS NULL OR CAST(k.renewed_at AS DATE) > CAST($as_of AS DATE))
    ) AS DOUBLE) AS contract_days_to_end,
    CAST((
        SELECT count(*) FROM contract AS k
        WHERE k.customer_id = c.customer_id
          AND k.ends_at <= $as_of
          AND k.ends_at > $as_of - INTERVAL 730 DAY
    ) AS DOUBLE) AS contract_ended_count_730d,
    CASE WHEN b.amount > 0 THEN greatest(least(b.custom / b.amount, 1), 0) END
        AS custom_order_share_365d,
    CAST((
        SELECT count(*) FROM account AS a
        JOIN customer AS won ON won.customer_id = a.customer_id
        WHERE a.referrer_id = c.customer_id
          AND a.customer_id <> c.customer_id
          AND won.tenure < 730
    ) AS DOUBLE) AS referral_count_730d,
    (
        SELECT 10 * s.nps FROM survey AS s
        WHERE s.customer_id = c.customer_id
          AND s.nps IS NOT NULL
          AND s.occurred_at > $as_of - INTERVAL 730 DAY
        ORDER BY s.occurred_at DESC, s.survey_id DESC
        LIMIT 1
    ) AS nps_latest_730d,
    (
        SELECT avg(round(s.csat, 6)) FROM survey AS s
        WHERE s.customer_id = c.customer_id AND s.occurred_at > $as_of - INTERVAL 365 DAY
    ) AS survey_csat_mean_365d,
    CAST((
        SELECT count(*) FROM contact AS i
        WHERE i.customer_id = c.customer_id AND i.kind = 'meeting'
    ) AS DOUBLE) AS meeting_count_180d,
    (
        SELECT a.value FROM assessment AS a
        WHERE a.customer_id = c.customer_id AND a.kind = 'strategic_match'
    ) AS strategic_match_score,
    (
        SELECT a.value FROM assessment AS a
        WHERE a.customer_id = c.customer_id AND a.kind = 'co_innovation'
    ) AS co_innovation_score,
    (
        SELECT a.value FROM assessment AS a
        WHERE a.customer_id = c.customer_id AND a.kind = 'innovation_cost_share'
    ) AS innovation_cost_share,
    (
        SELECT a.value FROM assessment AS a
        WHERE a.customer_id = c.customer_id AND a.kind = 'patent_count'
    ) AS patent_count,
    (
        SELECT a.value FROM assessment AS a
        WHERE a.customer_id = c.customer_id AND a.kind = 'rd_spend_rate'
    ) AS rd_spend_rate,
    (
        SELECT a.value FROM assessment AS a
        WHERE a.customer_id = c.customer_id AND a.kind = 'industry_standing'
    ) AS industry_standing_score,
    (
        SELECT a.value FROM assessment AS a
        WHERE a.customer_id = c.customer_id AND a.kind = 'stability'
    ) AS stability_score,
    (
        SELECT a.value FROM assessment AS a
        WHERE a.customer_id = c.customer_id AND a.kind = 'word_of_mouth'
    ) AS word_of_mouth_score,
    (
        SELECT a.value FROM assessment AS a
        WHERE a.customer_id = c.customer_id AND a.kind = 'demand_complexity'
    ) AS demand_complexity_score,
    (
        SELECT a.value FROM assessment AS a
        WHERE a.customer_id = c.customer_id AND a.kind = 'esg'
    ) AS esg_score
FROM customer AS c
LEFT JOIN bought AS b ON b.customer_id = c.customer_id
ORDER BY c.customer_id
