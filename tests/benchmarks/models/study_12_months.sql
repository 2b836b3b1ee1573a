-- The cleaning, customer features and target of the published 12-month study of Online Retail II.
-- Parameter: $transactions, the Parquet file. One row for each customer of the observation year.
with numbered as (
    select *, file_row_number as row_number
    from read_parquet($transactions, file_row_number = true)
),
-- a customer's product stands once on an invoice: the first line counts
lines as (
    select
        customer_id, order_id, product_id,
        arg_min(ts, row_number) as ts,
        arg_min(quantity, row_number) as quantity,
        arg_min(quantity * unit_price, row_number) as amount,
        arg_min(country, row_number) as country
    from numbered
    where customer_id is not null
        and not starts_with(order_id, 'C')
        and product_id not in
            ('POST', 'D', 'M', 'DOT', 'BANK CHARGES', 'AMAZONFEE', 'S', 'PADS', 'C2')
        and quantity > 0
        and unit_price > 0
    group by all
),
observed as (select * from lines where ts < timestamp '2010-12-01'),
invoices as (
    select customer_id, order_id, sum(amount) as amount, min(ts) as ts
    from observed
    group by all
),
largest as (select customer_id, max(amount) as monetary_max from invoices group by all),
gaps as (
    select
        customer_id,
        floor(epoch(ts - lag(ts) over (partition by customer_id order by ts)) / 86400) as days
    from invoices
),
rhythm as (
    select
        customer_id,
        coalesce(avg(days), 0) as inter_purchase_days_avg,
        coalesce(stddev_samp(days), 0) as inter_purchase_days_std
    from gaps
    group by all
),
later as (
    select customer_id, sum(amount) as target
    from lines
    where ts >= timestamp '2010-12-01'
    group by all
)
select
    observed.customer_id,
    date_diff('day', max(observed.ts)::date, date '2010-11-30')::double as recency_days,
    count(distinct order_id)::double as frequency,
    sum(amount) as monetary_total,
    sum(amount) / count(distinct order_id) as monetary_avg,
    any_value(monetary_max) as monetary_max,
    date_diff('day', min(observed.ts)::date, max(observed.ts)::date)::double as tenure_days,
    any_value(inter_purchase_days_avg) as inter_purchase_days_avg,
    any_value(inter_purchase_days_std) as inter_purchase_days_std,
    count(distinct product_id)::double as unique_products,
    avg(quantity) as avg_quantity_per_item,
    max((country = 'United Kingdom')::int)::double as uk_customer,
    month(min(observed.ts))::double as acquisition_month,
    quarter(min(observed.ts))::double as acquisition_quarter,
    max((month(observed.ts) >= 10)::int)::double as purchased_in_q4,
    avg((isodow(observed.ts) >= 6)::int) as weekend_purchase_ratio,
    avg((hour(observed.ts) >= 17)::int) as evening_purchase_ratio,
    coalesce(any_value(target), 0.0) as target
from observed
join largest using (customer_id)
join rhythm using (customer_id)
left join later using (customer_id)
group by observed.customer_id
order by observed.customer_id::int
