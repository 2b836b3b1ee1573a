"""What a panel decided about a customer, in words."""

from __future__ import annotations

from serving.domain.grade import Grade
from serving.web.formats import Writer


def overruled_text(writer: Writer, grade: Grade) -> str:
    """Return that a panel gave the tier, which one it would be, and until when; may be empty."""
    if grade.overruled is None:
        return ""
    override = grade.overruled.override
    return writer.words(
        "customer.overruled",
        model=grade.overruled.model_tier.label(writer.language),
        day=writer.day(override.expires_at),
        text=override.texts[writer.lang],
    )
