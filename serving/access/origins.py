"""Which addresses are ours: what another site sends is refused, and nobody is sent away."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

_LONGEST = 2_000


def is_ours(headers: Mapping[str, str], own: str) -> bool:
    """Tell whether a request that changes something comes from a page of ours.

    Browsers say where a request comes from in ``Sec-Fetch-Site`` and ``Origin``, and pages
    cannot change either. A request with neither comes from an old browser or from a program;
    the token of the form decides there.

    Parameters
    ----------
    headers
        Of the request; names in lower case.
    own
        Scheme and host that our pages have, ``https://grades.example``.
    """
    site = headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    return origin is None or origin.lower() == own.lower()


def safe_goal(text: str | None) -> str:
    """Return the address to go to after a sign-in: a page of ours, else the first one.

    ``//host``, ``/\\host``, and what browsers fold into these (tabs, line breaks), lead to
    other sites; a line break would also end the header.
    """
    goal = text or "/"
    fine = (
        len(goal) <= _LONGEST
        and goal.isascii()
        and goal.isprintable()
        and goal.startswith("/")
        and "\\" not in goal
        and " " not in goal
        and not goal.startswith("//")
        and not goal.startswith(("/sign-", "/v1"))
    )
    if not fine:
        return "/"
    parts = urlsplit(goal)
    return goal if not parts.scheme and not parts.netloc else "/"
