"""Which bundle answers for whom: the champion's, or for its share of the customers the canary's.

What stands in the store (`serving.store.canaries`) says which canary there is; its bundle is in the
archive. It is loaded and made warm beside the champion's and taken up in one assignment, as that
is. One that cannot be loaded, or does not fit the champion, answers for nobody: the champion does.
"""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic

from features.errors import TierwiseError
from serving.archive import BundleArchive
from serving.domain.canary import CanaryPlan
from serving.errors import NotReadyError, StoreError
from serving.models import AGAIN, ModelHolder, warm
from serving.store.canaries import Canaries
from serving.store.session import Database
from training.bundle import Bundle

LOG = logging.getLogger("tierwise.sides")


@dataclass(frozen=True, slots=True, eq=False)
class Tried:
    """A canary with its bundle."""

    plan: CanaryPlan
    bundle: Bundle


@dataclass(frozen=True, slots=True, eq=False)
class Answering:
    """The bundle that answers for somebody, and whether it is the canary's."""

    bundle: Bundle
    canary: bool = False


def unfit(champion: Bundle, canary: Bundle) -> str:
    """Return why a canary cannot grade beside a champion; empty if it can.

    Both sides are one population: the same tiers, promises and horizons hold on both, so that a
    customer is neither promised nor told anything else for the side it fell on.
    """
    if canary.digest == champion.digest:
        return "it is the champion"
    ours, theirs = champion.meta, canary.meta
    for what, one, other in (
        ("world", ours.world, theirs.world),
        ("currency", ours.currency, theirs.currency),
        ("churn horizon", ours.churn_horizon_days, theirs.churn_horizon_days),
        ("LTV horizon", ours.ltv_horizon_days, theirs.ltv_horizon_days),
        ("scheme", champion.scheme.sha256[:12], canary.scheme.sha256[:12]),
    ):
        if one != other:
            return f"it is of another {what} ({other}, not {one})"
    return ""


def load_canary(plan: CanaryPlan, archive: BundleArchive) -> Tried:
    """Return a canary with its bundle, under the number of its version.

    Raises
    ------
    AuditError
        If the archive does not have the bundle.
    BundleError
        If it was damaged.
    """
    bundle = archive.load(plan.bundle_digest)
    if plan.model_version is not None and bundle.meta.version != plan.model_version:
        bundle = bundle.with_version(plan.model_version)
    return Tried(plan, bundle)


class Sides:
    """The bundles of a service.

    Attributes
    ----------
    fault
        What is wrong with the canary that stands: the class of an error, or why it does not fit;
        None: nothing, or there is none.
    """

    def __init__(self, models: ModelHolder, database: Database, archive: BundleArchive) -> None:
        self._models, self._database, self._archive = models, database, archive
        self.fault: str | None = None
        self._tried: Tried | None = None
        self._failed: tuple[CanaryPlan, float] | None = None
        self._fits: tuple[Bundle, Tried, str] | None = None
        self._lock = threading.Lock()
        self._past: Bundle | None = None
        self._fetching = threading.Lock()

    def look(self) -> None:
        """Refresh as often as one likes: what could not be loaded is not tried every time."""
        self.refresh(patient=True)

    def refresh(self, *, patient: bool = False) -> bool:
        """Look which canary stands; load another one. Tell whether anything changed.

        A store that does not answer leaves everything as it is.

        Parameters
        ----------
        patient
            Leave one that could not be loaded alone for `AGAIN` seconds.
        """
        with self._lock:
            try:
                with self._database.read() as session:
                    plan = Canaries(session).standing()
            except StoreError as error:
                LOG.warning("which canary stands is not known: %s", error.message)
                return False
            before = self._tried
            if plan is None:
                self._tried, self._failed, self.fault = None, None, None
                return before is not None
            if before is not None and before.plan == plan:
                return False
            if patient and self._failed is not None:
                failed, until = self._failed
                if failed == plan and monotonic() < until:
                    return False
            return self._take_up(plan, before)

    def _take_up(self, plan: CanaryPlan, before: Tried | None) -> bool:
        try:
            if before is not None and before.plan.bundle_digest == plan.bundle_digest:
                fresh = Tried(plan, before.bundle)  # another share
            else:
                fresh = load_canary(plan, self._archive)
                warm(fresh.bundle)
        except (TierwiseError, OSError) as error:
            LOG.error("the canary's bundle cannot be used: %s", error)
            self._tried, self.fault = None, type(error).__name__
            self._failed = plan, monotonic() + AGAIN
            return before is not None
        self._tried, self._failed, self.fault = fresh, None, None
        LOG.info(
            "canary %s answers for %s %%, bundle %s",
            plan.model_version,
            plan.percent,
            plan.bundle_digest,
        )
        return True

    @property
    def canary(self) -> Tried | None:
        """The canary that answers for its share, if there is one that can."""
        tried = self._tried
        if tried is None:
            return None
        champion = self._models.bundle
        known = self._fits
        if known is None or known[0] is not champion or known[1] is not tried:
            known = self._fits = (champion, tried, unfit(champion, tried.bundle))
        return None if known[2] else tried

    @property
    def trouble(self) -> str | None:
        """Why the canary that stands answers for nobody; None: it does, or there is none."""
        if self._tried is None or self.canary is not None:
            return self.fault
        return self._fits[2] if self._fits is not None else None

    def of_customer(self, customer_id: str | None) -> Answering:
        """Return the bundle that answers for a customer; the champion's for nobody in particular.

        Raises
        ------
        NotReadyError
            If no champion is loaded.
        """
        tried = self.canary
        if customer_id and tried is not None and tried.plan.takes(customer_id):
            return Answering(tried.bundle, canary=True)
        return Answering(self._models.bundle)

    def of_digest(self, digest: str) -> Bundle:
        """Return the bundle that gave a grade if it is at hand, else the champion's.

        Raises
        ------
        NotReadyError
            If no champion is loaded.
        """
        tried = self._tried
        if tried is not None and tried.bundle.digest == digest:
            return tried.bundle
        return self._models.bundle

    def that_graded(self, digest: str) -> Bundle:
        """Return the bundle that gave a grade, from the archive where it serves no more.

        The one fetched last is kept, and one is fetched at a time: a bundle takes tens of
        megabytes, and who reads about the past reads of one day.

        Raises
        ------
        NotReadyError
            If it is not in the archive either, or was damaged there.
        """
        with suppress(NotReadyError):  # without a champion the archive has it all the same
            loaded = self.of_digest(digest)
            if loaded.digest == digest:
                return loaded
        with self._fetching:
            if self._past is None or self._past.digest != digest:
                try:
                    self._past = self._archive.load(digest)
                except (TierwiseError, OSError) as error:
                    raise NotReadyError(
                        "The model that gave this grade is not at hand.",
                        hint="Put its bundle back into the archive of bundles.",
                        bundle_digest=digest,
                    ) from error
            return self._past
