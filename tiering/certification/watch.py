"""Did the latest closed origin keep the promise? If not, nobody is decided automatically."""

from __future__ import annotations

from dataclasses import dataclass

from tiering.certification.bounds import too_many_errors
from tiering.certification.certificate import Certificate
from tiering.certification.trial import Trial


@dataclass(frozen=True, slots=True)
class Watch:
    """What became of the automatic decisions of one closed origin.

    Attributes
    ----------
    day
        ISO day of the origin.
    selected, errors
        Customers decided automatically, and those of them whose tier was not the realised one.
    risk
        ``errors`` over ``selected``; None where nobody was decided automatically.
    chance
        Chance of so many mistakes or more if the true rate were the certificate's level: 0 to 1.
    broken
        Whether that chance is at most the certificate's ``delta``: the promise was broken.
    warned
        Whether the rate was above the level, be it by chance: reason to look.
    """

    day: str
    selected: int
    errors: int
    risk: float | None
    chance: float
    broken: bool
    warned: bool


def watch(certificate: Certificate, trial: Trial) -> tuple[Certificate, Watch]:
    """Judge a certificate by the latest origin that has closed since it was made.

    Parameters
    ----------
    trial
        Decisions of one or several closed origins; the latest is judged.

    Returns
    -------
    certificate
        The one given; suspended if its promise was broken. Certify again to lift that.
    watch
        What was seen.
    """
    day = trial.origins[-1]
    latest = trial.where(trial.origin == day)
    selected = latest.selected(certificate.threshold)
    n, errors = int(selected.sum()), int((selected & latest.wrong).sum())
    chance = too_many_errors(errors, n, certificate.level)
    seen = Watch(
        day=day,
        selected=n,
        errors=errors,
        risk=errors / n if n else None,
        chance=chance,
        broken=chance <= certificate.delta,
        warned=errors > certificate.level * n,
    )
    return (certificate.suspend(day) if seen.broken else certificate), seen
