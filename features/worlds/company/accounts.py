"""The latent truths of the simulated company: what each account is like, and when it leaves.

The documents (orders, payments, tickets ...) follow from these; nothing is drawn from them that
a supplier could not see.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.schema import FloatArray
from features.worlds.company.seasons import DAYS, INDUSTRIES, SHOCKED, BoolArray, IntArray
from features.worlds.company.streams import BLOCK, stream

DECLINE_DAYS = 150
"""Days before its churn over which an account gets worse."""

FLOOR = 0.12
"""Intent to buy on the last day before churn; 1 is a sound account."""

ORDER_SPREAD = 0.55
"""Standard deviation of the logarithm of an account's order values."""

DOWNLOAD_LEAD = 30
"""Days by which downloads run ahead of the intent to buy (#27)."""

CATEGORIES = (
    "bearings", "belts", "cables", "fasteners", "filters", "hydraulics", "lubricants",
    "motors", "pneumatics", "pumps", "seals", "sensors", "tools", "valves",
)  # fmt: skip
MARGIN: FloatArray = np.linspace(0.16, 0.42, len(CATEGORIES))
"""Margin on list price of each category."""

REGIONS = ("华东", "华南", "华北", "西南", "华中")

LATE_PAYERS, TWINS, CONTACT_LOSS = 0.08, 0.04, 0.60
"""Shares: of accounts that pay late on principle, of accounts that are a second entry of another
one's company, and of churning accounts whose buyer leaves before."""


@dataclass(frozen=True)
class Accounts:
    """Latent truths of one block, ``(BLOCK,)`` each; days count from the first day.

    Attributes
    ----------
    first
        Number of the first account.
    start, churn
        First day as a customer, and the day it leaves for good (often after the last day).
    hazard
        Chance per day to leave, from 60 days after the start on.
    rate
        Orders per day at the start, before season and growth.
    growth
        Growth of the order rate per year, as a logarithm; order values grow half as fast.
    value
        Median list value of an order.
    satisfaction, payment
        Standard normal; payment quality of late payers is lower.
    taste
        ``(BLOCK, categories)``, rows sum to 1: share of each category in its lines.
    discount, rebate
        Shares of list price and of net amount granted.
    custom
        Share of lines made to order.
    demanding, engaged, inventive
        Standard normal: service needed, contact sought, innovation.
    industry, region
        Positions in :data:`INDUSTRIES` and :data:`REGIONS`.
    company
        Account that is the first entry of the same company; its own position as a rule.
    contact_change
        Day the buyer leaves ahead of churn; NaN where that is not planted.
    """

    first: int
    start: FloatArray
    churn: FloatArray
    hazard: FloatArray
    rate: FloatArray
    growth: FloatArray
    value: FloatArray
    satisfaction: FloatArray
    payment: FloatArray
    late_payer: BoolArray
    taste: FloatArray
    discount: FloatArray
    rebate: FloatArray
    custom: FloatArray
    demanding: FloatArray
    engaged: FloatArray
    inventive: FloatArray
    industry: IntArray
    region: IntArray
    company: IntArray
    contact_change: FloatArray

    def distress(self, who: IntArray, day: FloatArray | IntArray) -> FloatArray:
        """Return 0 for a sound account, rising to 1 at its churn; arguments broadcast."""
        return np.clip(1 - (self.churn[who] - day) / DECLINE_DAYS, 0, 1)

    def intent(self, who: IntArray, day: FloatArray | IntArray) -> FloatArray:
        """Return the intent to buy: 1 for a sound account, 0 after churn."""
        left = self.churn[who] - day
        return np.where(left > 0, np.clip(left / DECLINE_DAYS, FLOOR, 1), 0)

    @property
    def shocked(self) -> BoolArray:
        """Accounts of the industry that suffers the shock."""
        return np.equal(self.industry, INDUSTRIES.index(SHOCKED))

    @property
    def margin(self) -> FloatArray:
        """Expected gross margin of the account's lines, share of net amount."""
        return np.asarray(
            (self.taste * (1 - (1 - MARGIN) / (1 - self.discount[:, None]))).sum(axis=1)
        )

    @property
    def yearly(self) -> FloatArray:
        """Expected net amount of a year at the start."""
        spread = np.exp(ORDER_SPREAD**2 / 2)
        return np.asarray(self.rate * 365 * self.value * spread * (1 - self.discount))


def draw_accounts(seed: int, block: int) -> Accounts:
    """Draw the accounts of a block; some churn before the last day, some after it."""
    rng, n = stream(seed, block, "accounts"), BLOCK
    company = _companies(rng)
    # A second entry of a company shares what belongs to the company, and orders on its own.
    satisfaction = rng.normal(size=n)[company]
    start = np.where(rng.random(n) < 0.55, 0, rng.integers(1, DAYS - 60, n))[company].astype(float)
    hazard = np.exp(-7.4 - 0.9 * satisfaction)
    churn = start + 60 + (rng.exponential(size=n) / hazard)[company]
    late_payer = (rng.random(n) < LATE_PAYERS)[company]
    payment = 0.5 * satisfaction + np.sqrt(0.75) * rng.normal(size=n)[company] - 1.2 * late_payer
    value = np.exp(rng.normal(7.8, 1.15, n))
    rate = np.maximum(rng.gamma(1.1, 12 / 1.1, n), 0.8) / 365
    loss = churn - rng.uniform(40, DECLINE_DAYS, n)[company]
    planted = (rng.random(n) < CONTACT_LOSS)[company] & (loss > start + 10)
    return Accounts(
        first=block * BLOCK,
        start=start,
        churn=churn,
        hazard=hazard,
        rate=rate,
        growth=rng.normal(0.04, 0.16, n)[company],
        value=value,
        satisfaction=satisfaction,
        payment=payment,
        late_payer=late_payer,
        taste=rng.dirichlet(np.full(len(CATEGORIES), 0.35), n),
        discount=np.clip(0.02 * np.log(value / 500) + rng.normal(0, 0.02, n), 0, 0.25),
        rebate=np.where(value * rate > 100, np.round(rng.uniform(0.005, 0.03, n), 3), 0),
        custom=rng.beta(0.4, 3.0, n),
        demanding=rng.normal(size=n)[company],
        engaged=rng.normal(size=n)[company],
        inventive=rng.normal(size=n)[company],
        industry=rng.integers(0, len(INDUSTRIES), n)[company],
        region=rng.choice(len(REGIONS), n, p=[0.35, 0.25, 0.2, 0.1, 0.1])[company],
        company=company,
        contact_change=np.where(planted, loss, np.nan),
    )


def _companies(rng: np.random.Generator) -> IntArray:
    """Return for each account the first entry of its company, at or before it in the block."""
    place = np.arange(BLOCK)
    twin = (rng.random(BLOCK) < TWINS) & (place > 0)
    other = np.floor(rng.random(BLOCK) * place).astype(np.int64)
    company = np.where(twin, other, place)
    while twin[company].any():  # an entry before it may be a second one itself
        company = np.where(twin[company], other[company], company)
    return company
