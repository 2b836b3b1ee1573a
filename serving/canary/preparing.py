"""Which canary grades with a batch: the one that stands, if it can."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from features.errors import TierwiseError
from features.schema import Frames
from serving.archive import BundleArchive
from serving.canary.standing import Deciding, failed
from serving.models import warm
from serving.nightly.passing import check_canary
from serving.sides import Tried, load_canary
from serving.store.canaries import Canaries
from serving.store.session import Database
from training.bundle import Bundle


def canary_of_batch(
    database: Database,
    archive: BundleArchive,
    champion: Bundle,
    frame: Frames,
    tell: Callable[[str], None],
    *,
    actor: str,
) -> Tried | None:
    """Return the canary that stands, ready to grade; None if there is none, or it cannot.

    A canary costs nobody a grade: where its bundle is gone or damaged, or does not fit the
    champion, that is recorded and told, and the champion grades its share too.
    """
    with database.read() as session:
        plan = Canaries(session).standing()
    if plan is None:
        return None
    if plan.bundle_digest == champion.digest:
        tell("The canary is the champion by now: finish it by tierwise canary promote.")
        return None
    try:
        tried = load_canary(plan, archive)
        check_canary(champion, tried.bundle, frame)
        warm(tried.bundle)  # one that cannot grade at all shows now, not within the batch
    except (TierwiseError, OSError) as error:
        why = error.message if isinstance(error, TierwiseError) else type(error).__name__
        now = datetime.now(UTC).replace(tzinfo=None)
        failed(database, plan, why, Deciding(actor, now))
        tell(f"The canary does not grade, the champion grades everybody: {why}")
        return None
    return tried
