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
        i.is_disputed,
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
        t.ticket_id,
        t.occurred_at,
        t.is_complaint,
        CASE WHEN t.first_response_at <= $as_of THEN t.first_response_at END AS first_response_at,
        CASE WHEN t.resolved_at <= $as_of THEN t.resolved_at END AS resolved_at,
        CASE WHEN t.resolved_at IS NULL OR t.resolved_at <= $as_of THEN t.csat END AS csat
    FROM recorded_ticket AS t
    WHERE t.occurred_at <= $as_of
      AND NOT EXISTS (
          SELECT 1 FROM recorded_ticket AS newer
          WHERE newer.ticket_id = t.ticket_id AND newer.recorded_at > t.recorded_at
      )
),
recorded_contact AS (
    SELECT * FROM contacts WHERE recorded_at <= $known_at
),
contact AS (
    SELECT
        p.customer_id,
        p.contact_id,
        p.occurred_at,
        p.approval_levels,
        CASE WHEN p.left_at <= $as_of THEN p.left_at END AS left_at
    FROM recorded_contact AS p
    WHERE p.occurred_at <= $as_of
      AND NOT EXISTS (
          SELECT 1 FROM recorded_contact AS newer
          WHERE newer.contact_id = p.contact_id AND newer.recorded_at > p.recorded_at
      )
),
recorded_contract AS (
    SELECT * FROM contracts WHERE recorded_at <= $known_at
),
ended_contract AS (
    SELECT k.customer_id, k.is_fulfilled
    FROM recorded_contract AS k
    WHERE k.occurred_at <= $as_of
      AND k.ends_at <= $as_of
      AND k.ends_at > $as_of - INTERVAL 730 DAY
      AND NOT EXISTS (
          SELECT 1 FROM recorded_contract AS newer
          WHERE newer.contract_id = k.contract_id AND newer.recorded_at > k.recorded_at
      )
),
recorded_assessment AS (
    SELECT * FROM assessments WHERE recorded_at <= $known_at
),
assessment AS (
    SELECT e.*
    FROM recorded_assessment AS e
    WHERE e.occurred_at <= $as_of
      AND NOT EXISTS (
          SELECT 1 FROM recorded_assessment AS newer
          WHERE newer.assessment_id = e.assessment_id AND newer.recorded_at > e.recorded_at
      )
),
latest_assessment AS (
    SELECT e.*
    FROM assessment AS e
    WHERE NOT EXISTS (
        SELECT 1 FROM assessment AS later
        WHERE later.customer_id = e.customer_id
          AND later.kind = e.kind
          AND (later.occurred_at, later.assessment_id) > (e.occurred_at, e.assessment_id)
    )
),
recorded_account AS (
    SELECT * FROM customers WHERE recorded_at IS NULL OR recorded_at <= $known_at
),
account AS (
    SELECT a.customer_id, upper(trim(a.credit_grade)) AS credit_grade
    FROM recorded_account AS a
    WHERE (a.created_at IS NULL OR a.created_at <= $as_of)
      AND NOT EXISTS (
          SELECT 1 FROM recorded_account AS newer
          WHERE newer.customer_id = a.customer_id AND newer.recorded_at > a.recorded_at
      )
),
letters (letters, score) AS (
    VALUES ('AAA', 100), ('AA', 90), ('A', 80), ('BBB', 70), ('BB', 60), ('B', 50),
        ('CCC', 40), ('CC', 30), ('C', 20), ('D', 0)
),
signs (sign, shift) AS (
    VALUES ('+', 3), ('', 0), ('-', -3)
),
credit AS (
    SELECT a.customer_id, CAST(greatest(0, least(100, l.score + s.shift)) AS DOUBLE) AS score
    FROM account AS a
    JOIN letters AS l ON true
    JOIN signs AS s ON a.credit_grade = l.letters || s.sign
),
purchase_day AS (
    SELECT DISTINCT customer_id, day FROM line WHERE NOT is_return
),
bought_day AS (
    SELECT customer_id, day, sum(net_amount) AS amount
    FROM line
    WHERE NOT is_return AND occurred_at > $as_of - INTERVAL 730 DAY
    GROUP BY customer_id, day
),
largest AS (
    SELECT
        customer_id,
        CAST(max(amount) AS DOUBLE) / nullif(
            CAST(sum(amount) - max(amount) AS DOUBLE) / (count(*) - 1), 0
        ) AS times
    FROM bought_day
    GROUP BY customer_id
    HAVING count(*) >= 5
),
grown AS (
    SELECT
        customer_id,
        CAST(coalesce(sum(net_amount) FILTER (
            WHERE occurred_at > $as_of - INTERVAL 365 DAY
        ), 0) AS DOUBLE) AS now,
        CAST(sum(net_amount) FILTER (
            WHERE occurred_at <= $as_of - INTERVAL 365 DAY
              AND occurred_at > $as_of - INTERVAL 730 DAY
        ) AS DOUBLE) AS before
    FROM line
    GROUP BY customer_id
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
    SELECT
        customer_id,
        CAST($as_of AS DATE) - max(day) AS since,
        CAST($as_of AS DATE) - min(day) AS tenure,
        count(*) FILTER (WHERE day > CAST($as_of AS DATE) - 365) AS order_days
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
    ) AS csat_mean_365d,
    g.score AS credit_grade_score,
    (
        SELECT avg(CAST(k.is_fulfilled AS INTEGER)) FROM ended_contract AS k
        WHERE k.customer_id = c.customer_id
    ) AS contract_fulfilment_rate_730d,
    (
        SELECT CAST(coalesce(sum(i.amount) FILTER (WHERE i.is_disputed), 0) AS DOUBLE)
            / CAST(sum(i.amount) AS DOUBLE)
        FROM invoice AS i
        WHERE i.customer_id = c.customer_id AND i.occurred_at > $as_of - INTERVAL 365 DAY
    ) AS dispute_rate_365d,
    (
        SELECT avg(greatest(0, date_diff('second', t.occurred_at, t.first_response_at))) / 86400
        FROM ticket AS t
        WHERE t.customer_id = c.customer_id
          AND t.first_response_at > $as_of - INTERVAL 365 DAY
    ) AS first_response_days_mean_365d,
    (
        SELECT avg(CAST(t.resolved_at IS NOT NULL AS INTEGER)) FROM ticket AS t
        WHERE t.customer_id = c.customer_id AND t.occurred_at > $as_of - INTERVAL 365 DAY
    ) AS resolution_rate_365d,
    CAST((
        SELECT count(*) FROM ticket AS t
        WHERE t.customer_id = c.customer_id
          AND t.is_complaint
          AND t.occurred_at > $as_of - INTERVAL 30 DAY
    ) AS DOUBLE) AS complaint_count_30d,
    CAST((
        SELECT count(*) FROM ticket AS t
        WHERE t.customer_id = c.customer_id
          AND t.csat < 80
          AND NOT EXISTS (
              SELECT 1 FROM ticket AS good
              WHERE good.customer_id = t.customer_id
                AND good.csat >= 80
                AND (coalesce(good.resolved_at, good.occurred_at), good.ticket_id)
                    > (coalesce(t.resolved_at, t.occurred_at), t.ticket_id)
          )
    ) AS DOUBLE) AS low_csat_streak,
    CAST(coalesce((
        SELECT max(CAST($as_of AS DATE) - CAST(t.occurred_at AS DATE)) FROM ticket AS t
        WHERE t.customer_id = c.customer_id AND t.is_complaint AND t.resolved_at IS NULL
    ), 0) AS DOUBLE) AS complaint_open_days,
    (
        SELECT CAST(count(*) FILTER (WHERE p.left_at > $as_of - INTERVAL 730 DAY) AS DOUBLE)
        FROM contact AS p
        WHERE p.customer_id = c.customer_id
        HAVING count(*) > 0
    ) AS contact_change_count_730d,
    (
        SELECT CAST(min(CAST($as_of AS DATE) - CAST(p.occurred_at AS DATE)) AS DOUBLE)
        FROM contact AS p
        WHERE p.customer_id = c.customer_id AND p.left_at IS NULL
    ) AS contact_tenure_days,
    (
        SELECT p.approval_levels FROM contact AS p
        WHERE p.customer_id = c.customer_id AND p.approval_levels IS NOT NULL
        ORDER BY p.occurred_at DESC, p.contact_id DESC LIMIT 1
    ) AS approval_level_count,
    CASE WHEN c.order_days > 0 THEN CAST((
        SELECT count(*) FROM ticket AS t
        WHERE t.customer_id = c.customer_id AND t.occurred_at > $as_of - INTERVAL 365 DAY
    ) AS DOUBLE) / c.order_days END AS ticket_rate_365d,
    b.times AS largest_order_ratio_730d,
    CASE WHEN c.tenure >= 730 AND w.before > 0 THEN greatest(0, w.now) / w.before END
        AS net_amount_jump_365d,
    (
        SELECT e.value FROM latest_assessment AS e
        WHERE e.customer_id = c.customer_id
          AND e.kind = 'jump_explained'
          AND e.occurred_at > $as_of - INTERVAL 365 DAY
    ) AS jump_explained_365d,
    (
        SELECT e.value FROM latest_assessment AS e
        WHERE e.customer_id = c.customer_id
          AND e.kind = 'share_of_wallet'
          AND e.occurred_at > $as_of - INTERVAL 730 DAY
    ) AS share_of_wallet,
    (
        SELECT e.value FROM latest_assessment AS e
        WHERE e.customer_id = c.customer_id
          AND e.kind = 'competitor_substitution_risk'
          AND e.occurred_at > $as_of - INTERVAL 730 DAY
    ) AS competitor_substitution_risk_score
FROM customer AS c
LEFT JOIN credit AS g ON g.customer_id = c.customer_id
LEFT JOIN largest AS b ON b.customer_id = c.customer_id
LEFT JOIN grown AS w ON w.customer_id = c.customer_id
LEFT JOIN rhythm AS r ON r.customer_id = c.customer_id
LEFT JOIN year AS y ON y.customer_id = c.customer_id
LEFT JOIN outstanding AS o ON o.customer_id = c.customer_id
LEFT JOIN collected AS l ON l.customer_id = c.customer_id
LEFT JOIN overdue AS d ON d.customer_id = c.customer_id
ORDER BY c.customer_id
