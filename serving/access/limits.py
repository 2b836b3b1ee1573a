"""How often one may ask: token buckets in memory, one set per worker."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from math import ceil
from time import monotonic


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_at: float


class Buckets:
    """Token buckets by who asks; those that asked longest ago are forgotten.

    Parameters
    ----------
    rate
        Requests per second in the long run; 0 is no limit.
    burst
        Requests at once after a pause.
    most
        How many buckets are kept.
    """

    def __init__(
        self,
        rate: float,
        burst: float,
        *,
        clock: Callable[[], float] = monotonic,
        most: int = 10_000,
    ) -> None:
        self.rate, self.burst = rate, max(burst, 1.0)
        self._clock, self._most = clock, most
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, who: str) -> float:
        """Take one token; return the seconds to wait for one, 0.0 if there was one."""
        if not self.rate:
            return 0.0
        bucket = self._filled(who)
        if bucket.tokens < 1.0:
            return (1.0 - bucket.tokens) / self.rate
        bucket.tokens -= 1.0
        return 0.0

    def left(self, who: str) -> int:
        """Return how many requests may follow at once."""
        return int(self._filled(who).tokens) if self.rate else 0

    def headers(self, who: str) -> list[tuple[bytes, bytes]]:
        """Return the ``RateLimit`` fields (draft-ietf-httpapi-ratelimit-headers)."""
        if not self.rate:
            return []
        full = ceil(self.burst / self.rate)
        return [
            (b"ratelimit-policy", b'"tierwise";q=%d;w=%d' % (self.burst, full)),
            (b"ratelimit", b'"tierwise";r=%d;t=%d' % (self.left(who), full)),
        ]

    def _filled(self, who: str) -> _Bucket:
        now = self._clock()
        bucket = self._buckets.get(who)
        if bucket is None:
            bucket = self._buckets[who] = _Bucket(self.burst, now)
            if len(self._buckets) > self._most:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(who)
            bucket.tokens = min(self.burst, bucket.tokens + (now - bucket.filled_at) * self.rate)
            bucket.filled_at = now
        return bucket


def neighbourhood(host: str) -> str:
    """Return what one caller's address counts as: itself, or the /64 of an IPv6 address."""
    try:
        address = ip_address(host)
    except ValueError:
        return host[:100]
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return f"{IPv6Address(int(address) >> 64 << 64)}/64"
    return str(address)
