"""The content security policy of the pages: nothing inline, nothing from elsewhere."""

from __future__ import annotations

_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    # Plotly sets styles through the CSSOM, which the policy allows, and writes its rules
    # into our own charts.css (see there), so 'unsafe-inline' is not needed.
    "style-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}


def content_security_policy() -> str:
    """Return the value of the ``Content-Security-Policy`` header for every page."""
    return "; ".join(f"{directive} {sources}" for directive, sources in _POLICY.items())
