"""People of the company's identity provider: there and back, and every forged way back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from joserfc.jwk import RSAKey
from pydantic import SecretStr

from serving.app import create_app
from serving.domain.access import Role
from serving.settings import Settings
from serving.store.audit_events import AuditEvents
from serving.store.credentials import Accounts
from tests.serving.conftest import new_key
from tests.serving.oidc_provider import CLIENT, SECRET, OidcProvider
from tests.serving.test_access_people import browser


@pytest.fixture
def provider() -> Iterator[OidcProvider]:
    made = OidcProvider()
    yield made
    made.close()


@pytest.fixture
def own(guarded_copy: Callable[..., Settings], provider: OidcProvider) -> Iterator[FastAPI]:
    application = create_app(
        guarded_copy(
            public_url="http://testserver",
            oidc_discovery_url=provider.discovery,
            oidc_client_id=CLIENT,
            oidc_client_secret=SecretStr(SECRET),
            oidc_roles={"sales": Role.CRM, "staff": Role.EXPERT},
        )
    )
    yield application
    application.state.identifier.close()
    application.state.database.dispose()


@pytest.fixture
def visitor(own: FastAPI) -> TestClient:
    client = browser(own)
    client.get("/sign-in")
    return client


def depart(visitor: TestClient, goal: str = "/") -> str:
    answer = visitor.get("/sign-in/provider", params={"next": goal})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def back(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}"


def test_there_and_back(own: FastAPI, visitor: TestClient, provider: OidcProvider) -> None:
    assert "/sign-in/provider?next=%2Freviews" in visitor.get("/sign-in?next=/reviews").text
    away = depart(visitor, "/customers/c-0007")
    asked = parse_qs(urlsplit(away).query)
    assert away.startswith(f"{provider.issuer}/authorize?")
    assert {"state", "nonce", "code_challenge"} <= asked.keys()
    came = visitor.get(back(provider.authorize(away)))
    assert (came.status_code, came.headers["location"]) == (303, "/customers/c-0007")
    assert "Li Wei" in visitor.get("/customers/c-0007").text
    assert visitor.get("/v1/access/self").json() == {
        "id": "person:sso.u-1",
        "kind": "person",
        "roles": ["crm"],
        "permissions": sorted(visitor.get("/v1/access/self").json()["permissions"]),
    }
    assert "no password here" in visitor.get("/account").text
    with own.state.database.read() as session:
        done = [e.action for e in AuditEvents(session).about("account:sso.u-1")]
    assert done == ["account.signed_in", "account.added"]


def test_a_state_holds_once(visitor: TestClient, provider: OidcProvider) -> None:
    address = back(provider.authorize(depart(visitor)))
    assert visitor.get(address).status_code == 303
    assert visitor.get(address).status_code == 401


def test_another_browser_cannot_come_back(
    own: FastAPI, visitor: TestClient, provider: OidcProvider
) -> None:
    """The way back of one person, sent to another, signs nobody in."""
    address = back(provider.authorize(depart(visitor)))
    other = browser(own)
    other.get("/sign-in")
    assert other.get(address).status_code == 401
    assert other.get("/").status_code == 303
    # And it is used up for whom it was meant for.
    assert visitor.get(address).status_code == 401


@pytest.mark.parametrize(
    "changed",
    [
        {"state": "x"},
        {"state": ""},
        {"code": "x"},
        {"code": None},
        {"iss": "https://evil.example"},
        {"code": None, "error": "access_denied"},
    ],
)
def test_ways_back_that_were_changed(
    visitor: TestClient, provider: OidcProvider, changed: dict[str, str | None]
) -> None:
    given = parse_qs(urlsplit(provider.authorize(depart(visitor))).query)
    query = {k: v[0] for k, v in given.items()} | changed
    answer = visitor.get(
        "/sign-in/provider/back", params={k: v for k, v in query.items() if v is not None}
    )
    assert answer.status_code == 401
    assert "did not let you in" in answer.text
    assert visitor.get("/").status_code == 303


LIES: list[dict[str, Any]] = [
    {"alg": "none"},
    {"alg": "HS256"},
    {"key": RSAKey.generate_key(2048, {"kid": "one"})},
    {"key": RSAKey.generate_key(2048, {"kid": "two"})},
    {"aud": "another-client"},
    {"aud": ["another-client", CLIENT], "azp": "another-client"},
    {"aud": None},
    {"iss": "https://evil.example"},
    {"nonce": "replayed"},
    {"nonce": None},
    {"exp": 1_000_000_000},
    {"iat": 1_000_000_000},
    {"sub": ""},
    {"sub": 7},
    {"roles": ["nothing we know"]},
    {"roles": {"sales": True}},
    {"roles": None},
    {"nbf": time.time() + 86_400},
    {"at_hash": "wrong"},
]


@pytest.mark.parametrize("lies", LIES, ids=[f"lie-{n}" for n in range(len(LIES))])
def test_forged_tokens_sign_nobody_in(
    own: FastAPI, visitor: TestClient, provider: OidcProvider, lies: dict[str, Any]
) -> None:
    """alg none, a wrong key, a wrong audience, a replayed nonce, an old token, no role."""
    provider.lies = lies
    answer = visitor.get(back(provider.authorize(depart(visitor))))
    assert answer.status_code == 401, answer.headers
    assert visitor.get("/").status_code == 303
    with own.state.database.read() as session:
        assert Accounts(session).get("sso.u-1") is None


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": "http://evil.example/token"},
        {"jwks_uri": "file:///etc/passwd"},
        {"authorization_endpoint": ""},
    ],
)
def test_a_provider_that_is_not_itself(
    visitor: TestClient, provider: OidcProvider, metadata: dict[str, str]
) -> None:
    provider.lies = {"metadata": metadata}
    assert visitor.get("/sign-in/provider").status_code == 502


def test_a_provider_that_is_away(visitor: TestClient, provider: OidcProvider) -> None:
    provider.close()
    assert visitor.get("/sign-in/provider").status_code == 502


def test_new_keys_of_the_provider_are_fetched(
    own: FastAPI, visitor: TestClient, provider: OidcProvider
) -> None:
    assert visitor.get(back(provider.authorize(depart(visitor)))).status_code == 303
    provider.key = RSAKey.generate_key(2048, {"kid": "two", "use": "sig"})
    provider._sign = lambda claims: _signed(provider, claims)  # type: ignore[method-assign]
    other = browser(own)
    other.get("/sign-in")
    assert other.get(back(provider.authorize(depart(other)))).status_code == 303


def _signed(provider: OidcProvider, claims: dict[str, Any]) -> str:
    from joserfc import jwt

    return jwt.encode({"alg": "RS256", "kid": "two"}, claims, provider.key)


def test_roles_follow_the_provider_and_disabling_holds(
    own: FastAPI, visitor: TestClient, provider: OidcProvider
) -> None:
    visitor.get(back(provider.authorize(depart(visitor))))
    first = browser(own)
    first.cookies.update(dict(visitor.cookies))
    provider.roles = ["staff", "unknown"]
    visitor.get("/sign-in")
    stranger = browser(own)
    stranger.get("/sign-in")
    assert stranger.get(back(provider.authorize(depart(stranger)))).status_code == 303
    assert stranger.get("/v1/access/self").json()["roles"] == ["expert"]
    assert first.get("/").status_code == 303  # signed in under the old roles
    admin = TestClient(own, headers=new_key(own, *Role))
    admin.post("/v1/access/accounts/sso.u-1/disable")
    assert stranger.get("/").status_code == 303
    stranger.get("/sign-in")
    assert stranger.get(back(provider.authorize(depart(stranger)))).status_code == 401


def test_subjects_cannot_take_a_name(
    own: FastAPI, visitor: TestClient, provider: OidcProvider
) -> None:
    """Whatever the provider calls somebody, it is no local account and no other subject."""
    provider.subject = "Li Wei/../admin\n"
    assert visitor.get(back(provider.authorize(depart(visitor)))).status_code == 303
    name = visitor.get("/v1/access/self").json()["id"]
    assert name.startswith("person:sso.")
    assert name.removeprefix("person:sso.").isalnum()


def test_the_way_there_begins_at_our_form(own: FastAPI) -> None:
    assert browser(own).get("/sign-in/provider").status_code == 403
