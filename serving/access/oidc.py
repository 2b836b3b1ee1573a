"""People whom the company's identity provider vouches for (OpenID Connect).

Authorization code with PKCE, state and nonce. Each of the three stands against one theft: of the
code, of the browser's return, of the token. An id token counts only if the provider signed it
with a key pair (never ``none``, never a shared secret) for us, for this sign-in, just now.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Lock
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import httpx2
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri  # type: ignore[import-untyped]
from authlib.oauth2.rfc7636 import create_s256_code_challenge  # type: ignore[import-untyped]
from authlib.oidc.core import CodeIDToken  # type: ignore[import-untyped]
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from serving.access.people import PROVIDED, told
from serving.access.sign_ins import begin
from serving.access.tokens import digest, new_secret, same
from serving.domain.access import Role
from serving.domain.credentials import Account, Attempt
from serving.errors import UnauthenticatedError
from serving.settings import LOOPBACK, Settings
from serving.store.credentials import Accounts, SignIns
from serving.store.session import Database

LOG = logging.getLogger("tierwise.access")
BACK = "/sign-in/provider/back"
"""Where the provider sends people back to, on our site."""
_WELL_KNOWN = "/.well-known/openid-configuration"
_ALGORITHMS = frozenset({"RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA", "Ed25519"})
_AWAY = timedelta(minutes=10)
_LEEWAY = 60
"""Seconds that the provider's clock may differ from ours."""
_FRESH = 600
"""Seconds within which an id token was issued."""
_KNOWN_FOR = 3_600.0
_TIMEOUT = 5.0
_LARGEST = 1_000_000


class Provider:
    """The identity provider of the company; what it says about itself is kept for an hour."""

    def __init__(self, settings: Settings) -> None:
        assert settings.oidc_discovery_url is not None
        self._settings = settings
        self._url = settings.oidc_discovery_url
        self._client_id = settings.oidc_client_id or ""
        self._back = f"{settings.public_url}{BACK}"
        self._lock = Lock()
        self._metadata: tuple[float, dict[str, Any]] | None = None
        self._keys: KeySet | None = None

    def depart(self, database: Database, goal: str, browser: str, *, at: datetime) -> str:
        """Return the address that sends a browser to the provider.

        Raises
        ------
        UnauthenticatedError
            If the provider does not answer.
        """
        state, nonce, verifier = new_secret(), new_secret(), new_secret()
        endpoint = self._about()["authorization_endpoint"]
        attempt = Attempt(digest(state), digest(browser), nonce, verifier, goal, at + _AWAY)
        with database.write() as session:
            SignIns(session).begin(attempt, at)
        address: str = prepare_grant_uri(
            endpoint,
            self._client_id,
            "code",
            redirect_uri=self._back,
            scope="openid profile",
            state=state,
            nonce=nonce,
            code_challenge=create_s256_code_challenge(verifier),
            code_challenge_method="S256",
        )
        return address

    def arrive(
        self,
        database: Database,
        answer: Mapping[str, str],
        browser: str,
        *,
        lasts: timedelta,
        at: datetime,
        replaces: str | None = None,
    ) -> tuple[str, str]:
        """Return the id of a new session, and where its person wanted to go.

        Parameters
        ----------
        answer
            The query that the provider sent the browser back with.

        Raises
        ------
        UnauthenticatedError
            If anything does not fit; the log says what, the reader gets no detail.
        """
        with database.write() as session:
            attempt = SignIns(session).take(digest(answer.get("state", "")))
        if attempt is None or at >= attempt.expires_at:
            raise _refused("the state is unknown, used or too old")
        if not same(attempt.browser_hash, digest(browser)):
            raise _refused("another browser came back")
        about = self._about()
        if "iss" in answer and answer["iss"] != about["issuer"]:
            raise _refused("another provider answered")
        if "code" not in answer:
            raise _refused("the provider gave no code")
        claims = self._claims(answer["code"], attempt, at)
        roles = self._roles(claims)
        if not roles:
            raise _refused("the claims give no role")
        account = self._account(database, about["issuer"], claims, roles, at)
        with database.write() as session:
            session_id = begin(session, account, "provider", lasts=lasts, at=at, replaces=replaces)
        return session_id, attempt.goal

    def _claims(self, code: str, attempt: Attempt, at: datetime) -> Mapping[str, Any]:
        about = self._about()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._back,
            "code_verifier": attempt.verifier,
        }
        given = self._ask("POST", about["token_endpoint"], form)
        text = given.get("id_token")
        if not isinstance(text, str):
            raise _refused("the provider gave no id token")
        offered = about.get("id_token_signing_alg_values_supported", ["RS256"])
        registry = JWSRegistry(algorithms=sorted(_ALGORITHMS & set(offered)))
        wanted = {
            "iss": {"essential": True, "value": about["issuer"]},
            "aud": {"essential": True, "value": self._client_id},
            "nonce": {"essential": True, "value": attempt.nonce},
        }
        params = {
            "nonce": attempt.nonce,
            "client_id": self._client_id,
            "access_token": given.get("access_token"),
        }
        try:
            try:
                token = jwt.decode(text, self._signers(), registry=registry)
            except InvalidKeyIdError:
                # The provider has new keys.
                token = jwt.decode(text, self._signers(anew=True), registry=registry)
            claims = CodeIDToken(token.claims, token.header, wanted, params)
            claims.validate(leeway=_LEEWAY)
            fresh = abs(claims["iat"] - _unix(at)) <= _FRESH
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise _refused(f"the id token is wrong: {type(error).__name__}") from error
        if not fresh or not isinstance(claims["sub"], str) or not claims["sub"]:
            raise _refused("the id token is old, or about nobody")
        return dict(claims)

    def _roles(self, claims: Mapping[str, Any]) -> frozenset[Role]:
        """Return the roles that a claim gives; its name may be a path, ``realm_access.roles``."""
        value: Any = claims.get(self._settings.oidc_roles_claim)
        if value is None:
            value = claims
            for part in self._settings.oidc_roles_claim.split("."):
                value = value.get(part) if isinstance(value, dict) else None
        values: Iterable[object] = [value] if isinstance(value, str) else value or ()
        if not isinstance(values, list):
            values = ()
        known = self._settings.oidc_roles
        return frozenset(known[each] for each in values if isinstance(each, str) and each in known)

    def _account(
        self,
        database: Database,
        issuer: str,
        claims: Mapping[str, Any],
        roles: frozenset[Role],
        at: datetime,
    ) -> Account:
        """Return the account of a person, made or brought up to date.

        It is named after the subject, which no person can choose, and begins as no local name
        does: nobody becomes somebody else by what they call themselves.
        """
        subject = claims["sub"]
        display = str(claims.get("name") or claims.get("preferred_username") or subject)[:200]
        name = _account_name(subject)
        actor = f"provider:{urlsplit(issuer).netloc}"
        with database.write() as session:
            accounts = Accounts(session)
            before = accounts.get(name)
            if before is None:
                account = Account(
                    name, display, roles, at, actor, issuer=issuer, subject=subject, last_seen_at=at
                )
                accounts.put(account)
                told(session, "added", account, actor, at, {"roles": sorted(roles)})
                return account
            if before.disabled_at is not None:
                raise _refused("the account is disabled")
            if (before.issuer, before.subject) != (issuer, subject):
                raise _refused("the account is another provider's")
            account = replace(before, display_name=display, roles=roles, last_seen_at=at)
            accounts.put(account)
            if roles != before.roles:
                SignIns(session).end_all(name)
                told(session, "roles_changed", account, actor, at, {"roles": sorted(roles)})
            return account

    def _about(self) -> dict[str, Any]:
        with self._lock:
            kept = self._metadata
        if kept is not None and monotonic() - kept[0] < _KNOWN_FOR:
            return kept[1]
        found = self._ask("GET", self._url)
        issuer = str(found.get("issuer", ""))
        if f"{issuer.rstrip('/')}{_WELL_KNOWN}" != self._url:
            raise _refused("the provider calls itself otherwise than its address")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            if not _is_protected(str(found.get(name, ""))):
                raise _refused(f"the provider's {name} is no https address")
        with self._lock:
            self._metadata = (monotonic(), found)
        return found

    def _signers(self, *, anew: bool = False) -> KeySet:
        with self._lock:
            kept = self._keys
        if kept is not None and not anew:
            return kept
        found = KeySet.import_key_set(self._ask("GET", self._about()["jwks_uri"]))  # type: ignore[arg-type]
        with self._lock:
            self._keys = found
        return found

    def _ask(self, method: str, url: str, form: dict[str, str] | None = None) -> dict[str, Any]:
        auth = (self._client_id, self._settings.oidc_secret) if form is not None else None
        try:
            # No redirects: the secret goes to the address that the provider published.
            answer = httpx2.request(
                method, url, data=form, auth=auth, timeout=_TIMEOUT, follow_redirects=False
            )
            answer.raise_for_status()
            found = answer.json() if len(answer.content) <= _LARGEST else None
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
            raise _refused(f"the provider did not answer: {type(error).__name__}") from error
        if not isinstance(found, dict):
            raise _refused("the provider answered no object")
        return found


def _account_name(subject: str) -> str:
    if re.fullmatch(r"[a-z0-9][a-z0-9._-]{1,59}", subject):
        return PROVIDED + subject
    return PROVIDED + hashlib.sha256(subject.encode()).hexdigest()[:32]


def _is_protected(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)


def _refused(why: str) -> UnauthenticatedError:
    LOG.warning("a sign-in by the provider failed: %s", why)
    return UnauthenticatedError("The identity provider did not vouch for anybody.")


def _unix(at: datetime) -> float:
    return (at - datetime(1970, 1, 1)).total_seconds()  # noqa: DTZ001 - naive UTC, as everywhere
