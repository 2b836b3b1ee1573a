"""Which rule holds for promotions: set by who operates the registry, not by who trains.

``governance.toml`` lies beside the ledger, in the artifact root, where a recipe cannot reach
it::

    mode = "production"     # development (default) or production
    approvals = 2           # different people, none of them the one who trained; at least 2

``TIERWISE_MODE=production`` in the environment makes it production as well. The stricter of
the two holds, so nobody loosens the file from a shell of his own.
"""

from __future__ import annotations

import getpass
import os
import tomllib
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from training.errors import RegistryError

FILE = "governance.toml"
MODE_VARIABLE = "TIERWISE_MODE"

Mode = Literal["development", "production"]


class Governance(BaseModel):
    """The rule in force.

    Attributes
    ----------
    mode
        ``production`` asks for approvals; ``development`` for passed gates only.
    approvals
        How many different people must approve in production mode.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: Mode = "development"
    approvals: Annotated[int, Field(ge=2)] = 2

    @property
    def strict(self) -> bool:
        """Whether promotions need approvals."""
        return self.mode == "production"

    def lacking(self, approvers: Sequence[str], trainer: str) -> str:
        """Return in words what a promotion still lacks; empty if it may go on.

        Parameters
        ----------
        approvers
            Who approved exactly this version, in order, with repetitions.
        trainer
            Who registered it; empty if unknown.
        """
        if not self.strict:
            return ""
        if not trainer:
            return "it is not on record who trained it: train and register it again"
        people = {person(name): name for name in approvers if person(name) != person(trainer)}
        if len(people) >= self.approvals:
            return ""
        given = ", ".join(people.values()) or "nobody"
        return (
            f"{len(people)} of {self.approvals} approvals (so far: {given}; {trainer} trained it "
            "and does not count)"
        )


def read_governance(folder: Path) -> Governance:
    """Return the rule of a registry from the folder of its ledger.

    Raises
    ------
    RegistryError
        If the file or the environment says something else than this module knows: a rule that
        cannot be read must not pass for a mild one.
    """
    path = folder / FILE
    try:
        document = tomllib.loads(path.read_text("utf-8")) if path.is_file() else {}
        written = Governance.model_validate(document)
        wanted = os.environ.get(MODE_VARIABLE, "")
        asked = Governance.model_validate({"mode": wanted} if wanted else {})
    except (tomllib.TOMLDecodeError, ValidationError, OSError) as error:
        raise RegistryError(
            f"The rule for promotions ({FILE} beside the ledger, {MODE_VARIABLE}) cannot be "
            f"understood: {error}.",
            hint='Write mode = "production" or mode = "development", and approvals = 2 or more.',
        ) from error
    return written.model_copy(update={"mode": "production"}) if asked.strict else written


def person(name: str) -> str:
    """Return what two spellings of one name have in common: case, width and spaces aside."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def account() -> str:
    """Return the operating system's account of this process, or its number if it has no name."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return f"uid {os.getuid()}"
