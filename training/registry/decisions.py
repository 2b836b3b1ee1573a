"""What is said when a version may not become champion, and to whom an approval is denied."""

from __future__ import annotations

from collections.abc import Iterable

from training.errors import ApprovalError, GateFailedError, RegistryError
from training.registry.governance import person
from training.registry.judgement import Judgement
from training.registry.versions import ModelVersion


def check_forbidden(version: ModelVersion, judged: Judgement) -> None:
    """Say why a promotion was refused; nothing of one that was carried out.

    Raises
    ------
    GateFailedError
        If a gate failed; the message names each with its value and limit.
    ApprovalError
        If approvals are missing.
    """
    stays = "There is no champion yet." if judged.against is None else "The champion stays."
    told = "; ".join(judged.forbidden_by)
    if not judged.gates.passed:
        raise GateFailedError(
            f"{_title(version)} is not promoted; failed gates: {told}.",
            hint=f"{stays} Follow the advice of each gate and train again.",
            model=version.model,
            version=version.version,
            failed=[check.name for check in judged.gates.failed],
        )
    if judged.lacking:
        raise ApprovalError(
            f"{_title(version)} is not promoted: production mode; {told}.",
            hint=f"{stays} `tierwise approve WORLD --version {version.version} --by NAME "
            "--reason WHY` gives an approval; then promote again.",
            model=version.model,
            version=version.version,
        )


def check_approval(version: ModelVersion, by: str, reason: str, given: Iterable[str]) -> None:
    """Refuse an approval that could not count.

    Parameters
    ----------
    given
        Who approved the same version and bundle already.

    Raises
    ------
    ApprovalError
        If it is by nobody, without a reason, by who trained the version, or a second one.
    """
    fault = ""
    if not person(by) or not reason.strip():
        fault = "needs a name and a reason"
    elif person(by) == person(version.tags.get("registered_by", "")):
        fault = f"cannot come from {by}, who trained it"
    elif person(by) in {person(name) for name in given}:
        fault = f"by {by} is on record already"
    if fault:
        raise ApprovalError(
            f"An approval of {_title(version)} {fault}.",
            hint="Give --by and --reason; approvers are different people, and not the trainer.",
            model=version.model,
            version=version.version,
        )


def check_rollback(model: str, by: str, reason: str) -> None:
    """Refuse a rollback in production mode that nobody stands for.

    Raises
    ------
    ApprovalError
        If the name or the reason is empty.
    """
    if not (person(by) and reason.strip()):
        raise ApprovalError(
            f"A rollback of {model} in production mode needs a name and a reason.",
            hint="Give --by and --reason; one person is enough.",
            model=model,
        )


def champion_already(version: ModelVersion) -> RegistryError:
    """Return the error for a decision about the present champion."""
    return RegistryError(
        f"{_title(version)} is the champion already.",
        hint="List the versions with `tierwise versions`.",
        model=version.model,
    )


def no_previous(model: str) -> RegistryError:
    """Return the error for a rollback without a former champion."""
    return RegistryError(
        f"{model} has no previous champion to go back to.",
        hint="A rollback needs two promotions; see `tierwise versions`.",
        model=model,
    )


def another_bundle(version: ModelVersion) -> RegistryError:
    """Return the error for an artifact that is a sound bundle, but not the registered one."""
    return RegistryError(
        f"The stored bundle of {_title(version)} is not the one that was registered.",
        hint="The artifact folder was changed: restore it, or train again.",
        model=version.model,
        version=version.version,
    )


def ledger_cut_off(model: str, name: str) -> RegistryError:
    """Return the error for a ledger that lacks the last decision the registry knows of."""
    return RegistryError(
        f"The promotion ledger {name} lacks the last decision about {model} that the registry "
        "knows of: its end was removed or changed.",
        hint="Restore the file from a backup. Is this the registry's own artifact root?",
        model=model,
    )


def _title(version: ModelVersion) -> str:
    return f"{version.model} version {version.version}"
