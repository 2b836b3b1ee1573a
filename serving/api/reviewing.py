"""What the endpoints of reviews, overrides and appeals share: the policy, and who steps."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import Depends, Header, Response

from serving.api.grades import now
from serving.deps import ServiceDep
from serving.guard import PrincipalDep
from serving.reviewing.stepping import Reviewer
from tiering.panel.policy import PanelPolicy


async def _policy(parts: ServiceDep) -> PanelPolicy:
    return parts.panel


PolicyDep = Annotated[PanelPolicy, Depends(_policy)]

_TAG = re.compile(r'"(\d{1,9})"')


async def _reviewer(
    who: PrincipalDep,
    if_match: Annotated[
        str | None,
        Header(
            description="ETag of the case as it was read; a step on any other version is refused.",
            max_length=200,
        ),
    ] = None,
) -> Reviewer:
    """Return who takes a step, on which versions of the case."""
    versions = None
    if if_match is not None and if_match.strip() != "*":
        # Weak and foreign tags match no version (RFC 9110, section 13.1.1).
        tags = [_TAG.fullmatch(tag.strip()) for tag in if_match.split(",")]
        versions = frozenset(int(tag[1]) for tag in tags if tag)
    return Reviewer(who.id, now(), versions)


ReviewerDep = Annotated[Reviewer, Depends(_reviewer)]


def tagged(response: Response, version: int) -> None:
    """Tell the version of a case as its ETag."""
    response.headers["ETag"] = f'"{version}"'
