"""People: passwords, sessions, cookies, forms of other sites, lockout, roles that change."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from serving import audit
from serving.access import passwords
from serving.access.origins import safe_goal
from serving.access.people import add_account, change_password, reset_account, set_roles
from serving.access.sign_ins import sign_in
from serving.app import create_app
from serving.domain.access import GRANTS, LOCAL, Permission, Principal, Role
from serving.domain.credentials import Account
from serving.errors import (
    CredentialConflictError,
    CredentialNotFoundError,
    ForbiddenError,
    InvalidRequestError,
)
from serving.settings import Settings
from serving.store.audit_events import AuditEvents
from serving.store.credentials import Accounts, SignIns
from serving.store.session import Database
from tests.serving.conftest import new_key

AT = datetime(2026, 3, 1, 12)
DAY = timedelta(days=1)
PASSWORD = "correct horse battery"
SECURE = {"public_url": "https://testserver", "trusted_proxies": "127.0.0.1"}


def person(database: Database, name: str, *roles: Role) -> None:
    """Add an account whose password was changed already."""
    now = datetime.now(UTC).replace(tzinfo=None)
    _, once = add_account(database, LOCAL, name, name.title(), roles, at=now)
    assert change_password(database, name, once, PASSWORD, at=now)


def browser(application: FastAPI, scheme: str = "http") -> TestClient:
    return TestClient(
        application,
        base_url=f"{scheme}://testserver",
        headers={"accept": "text/html"},
        raise_server_exceptions=False,
        follow_redirects=False,
    )


def token_of(text: str) -> str:
    return re.findall(r'name="token" value="([0-9a-f]{64})"', text)[-1]


def enter(client: TestClient, name: str, password: str = PASSWORD, goal: str = "/"):
    token = token_of(client.get(f"/sign-in?next={quote(goal, safe='')}").text)
    form = {"token": token, "next": goal, "name": name, "password": password}
    return client.post("/sign-in", data=form)


@pytest.fixture
def own(guarded_copy: Callable[..., Settings]) -> Iterator[FastAPI]:
    application = create_app(guarded_copy())
    person(application.state.database, "li.wei", Role.CRM)
    yield application
    application.state.identifier.close()
    application.state.database.dispose()


@pytest.fixture
def secure(guarded_copy: Callable[..., Settings]) -> Iterator[FastAPI]:
    application = create_app(guarded_copy(**SECURE))
    person(application.state.database, "li.wei", Role.CRM)
    yield application
    application.state.identifier.close()
    application.state.database.dispose()


def test_a_person_signs_in_and_out_without_a_script(own: FastAPI) -> None:
    client = browser(own)
    away = client.get("/reviews?reason=x&page=2")
    assert away.status_code == 303
    assert away.headers["location"] == "/sign-in?next=%2Freviews%3Freason%3Dx%26page%3D2"
    page = client.get(away.headers["location"])
    assert "<script" not in page.text
    assert 'value="/reviews?reason=x&amp;page=2"' in page.text
    came = enter(client, "li.wei", goal="/customers/c-0007")
    assert (came.status_code, came.headers["location"]) == (303, "/customers/c-0007")
    seen = client.get("/customers/c-0007")
    assert seen.status_code == 200
    assert "Li.Wei" in seen.text
    assert client.get("/sign-in").headers["location"] == "/"
    left = client.post("/sign-out", data={"token": token_of(seen.text)})
    assert left.headers["location"] == "/sign-in"
    assert client.get("/").status_code == 303
    with own.state.database.read() as session:
        audit.verify(session)
        done = [e.action for e in AuditEvents(session).about("account:li.wei")]
    assert done[:2] == ["account.signed_out", "account.signed_in"]


def test_the_pages_speak_both_languages(own: FastAPI) -> None:
    client = browser(own)
    assert "登录" in client.get("/sign-in?lang=zh-CN").text
    wrong = enter(client, "li.wei", "no")
    assert "账号与密码不符" in wrong.text
    enter(client, "li.wei")
    assert "客户关系" in client.get("/account").text


def test_the_cookie_is_bound_to_https_and_this_host(secure: FastAPI) -> None:
    client = browser(secure, "https")
    came = enter(client, "li.wei")
    (cookie,) = [
        each for each in came.headers.get_list("set-cookie") if each.startswith("__Host-tierwise=")
    ]
    assert re.fullmatch(
        r"__Host-tierwise=[\w-]{43}; HttpOnly; Path=/; SameSite=lax; Secure", cookie
    )
    assert came.headers["strict-transport-security"].startswith("max-age=31536000")
    assert client.get("/").status_code == 200


def test_without_https_nothing_pretends(own: FastAPI) -> None:
    came = enter(browser(own), "li.wei")
    assert "strict-transport-security" not in came.headers
    assert any(each.startswith("tierwise_session=") for each in came.headers.get_list("set-cookie"))


def test_a_stolen_cookie_is_worth_nothing_after_sign_out(own: FastAPI) -> None:
    client = browser(own)
    enter(client, "li.wei")
    thief = browser(own)
    thief.cookies.update(dict(client.cookies))
    assert thief.get("/").status_code == 200
    client.post("/sign-out", data={"token": token_of(client.get("/").text)})
    assert thief.get("/").status_code == 303
    assert thief.get("/v1/grades").status_code == 401


def test_a_planted_session_is_not_taken_over(own: FastAPI) -> None:
    """Session fixation: signing in always makes a new id, and ends the one that was there."""
    person(own.state.database, "attacker", Role.CRM)
    attacker, victim = browser(own), browser(own)
    enter(attacker, "attacker")
    planted = attacker.cookies["tierwise_session"]
    victim.cookies.set("tierwise_session", planted)
    victim.get("/")
    form = browser(own)
    form.cookies.set("tierwise_session", "A" * 43)
    enter(form, "li.wei")
    assert form.cookies.get("tierwise_session", domain="testserver.local") not in (
        "A" * 43,
        planted,
    )
    unknown = browser(own)
    unknown.cookies.set("tierwise_session", "A" * 43)
    assert unknown.get("/").status_code == 303
    # Signing in over a session ends that session.
    page = attacker.get("/account")
    assert page.status_code == 200
    shown = browser(own)
    shown.cookies.set("tierwise_session", planted)
    token = token_of(browser_form(shown, own))
    shown.post("/sign-in", data={"token": token, "name": "li.wei", "password": PASSWORD})
    assert attacker.get("/").status_code == 303


def browser_form(client: TestClient, application: FastAPI) -> str:
    """Return the form as it looks to somebody who is nobody, for a browser that has a session."""
    stranger = browser(application)
    text = stranger.get("/sign-in").text
    client.cookies.set("tierwise_form", stranger.cookies["tierwise_form"])
    return text


FORMS = ("/sign-out", "/account/password")


@pytest.mark.parametrize("path", FORMS)
def test_forms_of_another_site_change_nothing(own: FastAPI, path: str) -> None:
    """CSRF: without the token, with a wrong one, or from elsewhere with the right one."""
    client = browser(own)
    enter(client, "li.wei")
    right = token_of(client.get("/account").text)
    fields = {"before": PASSWORD, "after": "another good one"}
    for headers, token in (
        ({}, None),
        ({}, "0" * 64),
        ({}, ""),
        ({"origin": "https://evil.example"}, right),
        ({"origin": "null"}, right),
        ({"origin": "http://testserver.evil.example"}, right),
        ({"sec-fetch-site": "cross-site"}, right),
        ({"sec-fetch-site": "same-site"}, right),
    ):
        data = fields | ({} if token is None else {"token": token})
        assert client.post(path, data=data, headers=headers).status_code == 403
    assert client.get("/account").status_code == 200
    fine = client.post(
        path,
        data=fields | {"token": right},
        headers={"origin": "http://testserver", "sec-fetch-site": "same-origin"},
    )
    assert fine.status_code == 303


def test_another_site_cannot_sign_somebody_in(own: FastAPI) -> None:
    """Login CSRF: the form needs the cookie of the browser it was shown in."""
    attacker, victim = browser(own), browser(own)
    token = token_of(attacker.get("/sign-in").text)
    form = {"token": token, "name": "li.wei", "password": PASSWORD}
    assert victim.post("/sign-in", data=form).status_code == 403
    victim.get("/sign-in")
    assert victim.post("/sign-in", data=form).status_code == 403
    assert "tierwise_session" not in victim.cookies
    cross = {"origin": "https://evil.example"}
    assert attacker.post("/sign-in", data=form, headers=cross).status_code == 403


def test_writes_by_cookie_need_the_token(own: FastAPI) -> None:
    """CSRF on the API: a cookie alone writes nothing; a key needs no token."""
    client = browser(own)
    enter(client, "li.wei")
    alert = client.get("/v1/alerts?limit=1").json()["items"][0]["alert_id"]
    place = f"/v1/alerts/{alert}/acknowledge"
    token = re.findall(r'name="csrf-token" content="([0-9a-f]{64})"', client.get("/").text)[0]
    for headers in (
        {},
        {"x-csrf-token": "0" * 64},
        {"x-csrf-token": token, "origin": "https://evil.example"},
        {"x-csrf-token": token, "sec-fetch-site": "cross-site"},
    ):
        assert client.post(place, json={}, headers=headers).status_code == 403
    done = client.post(place, json={}, headers={"x-csrf-token": token})
    assert done.json()["actions"][0]["actor"] == "person:li.wei"


def test_sessions_end_when_idle_and_in_any_case(guarded_copy: Callable[..., Settings]) -> None:
    application = create_app(guarded_copy(session_idle_minutes=30, session_hours=2))
    database = application.state.database
    person(database, "li.wei", Role.CRM)
    now = datetime.now(UTC).replace(tzinfo=None)
    identifier = application.state.identifier

    def opens(started: timedelta, seen: timedelta) -> bool:
        session_id = sign_in(
            database, "li.wei", PASSWORD, lasts=timedelta(hours=2), at=now - started
        )
        assert session_id is not None
        from serving.access.tokens import digest

        with database.write() as session:
            SignIns(session).seen(digest(session_id), now - seen)
        return identifier._session(session_id) is not None

    minutes = timedelta(minutes=1)
    assert opens(60 * minutes, 0.5 * minutes)
    assert not opens(60 * minutes, 31 * minutes)
    assert not opens(121 * minutes, 0.5 * minutes)
    assert opens(100 * minutes, 5 * minutes)
    identifier.settle()
    identifier.close()
    database.dispose()


@pytest.mark.parametrize("change", ["disable", "role", "reset", "password"])
def test_a_change_of_rights_holds_at_once(own: FastAPI, change: str) -> None:
    client, admin = browser(own), TestClient(own, headers=new_key(own, *Role))
    enter(client, "li.wei")
    assert client.get("/").status_code == 200
    if change == "disable":
        assert admin.post("/v1/access/accounts/li.wei/disable").json()["status"] == "disabled"
    elif change == "role":
        place = "/v1/access/accounts/li.wei/roles"
        assert admin.post(place, json={"roles": ["admin"]}).json()["roles"] == ["admin"]
    elif change == "reset":
        assert admin.post("/v1/access/accounts/li.wei/reset").json()["one_time_password"]
    else:
        form = {"token": token_of(client.get("/account").text), "before": PASSWORD}
        client.post("/account/password", data=form | {"after": "another good one"})
    assert client.get("/").status_code == 303
    again = enter(client, "li.wei")
    if change == "role":
        assert client.get("/").status_code == 403
    else:
        assert again.status_code == 401
    if change == "disable":
        assert admin.post("/v1/access/accounts/li.wei/enable").json()["status"] == "live"
        assert enter(client, "li.wei").status_code == 303


def test_a_given_password_opens_only_the_way_to_a_new_one(own: FastAPI) -> None:
    admin = TestClient(own, headers=new_key(own, *Role))
    made = admin.post("/v1/access/accounts", json={"name": "ana", "roles": ["crm"]})
    assert made.status_code == 201
    assert made.json()["account"]["status"] == "first_sign_in"
    once = made.json()["one_time_password"]
    client = browser(own)
    enter(client, "ana", once)
    assert client.get("/").headers["location"] == "/account"
    assert client.get("/v1/grades").status_code == 403
    page = client.get("/account")
    assert "Choose one of your own" in page.text
    token = token_of(page.text)
    for before, after, status in (
        (once, "short", 422),
        (once, "ana-ana-ana12", 422),
        (once, once, 422),
        ("wrong", "a good long one", 422),
        (once, "a good long one", 303),
    ):
        form = {"token": token, "before": before, "after": after}
        assert client.post("/account/password", data=form).status_code == status
    assert enter(client, "ana", once).status_code == 401
    assert enter(client, "ana", "a good long one").status_code == 303
    assert client.get("/").status_code == 200
    listed = admin.get("/v1/access/accounts?limit=1").json()
    assert listed["total"] == 2
    assert listed["next"]


def test_guessing_locks_the_account(database: Database) -> None:
    person(database, "li.wei", Role.CRM)

    def tries(password: str, after: timedelta) -> bool:
        at = AT + after
        return sign_in(database, "li.wei", password, lasts=DAY, at=at) is not None

    assert tries(PASSWORD, timedelta())
    for _ in range(5):
        assert not tries("wrong", timedelta())
    assert not tries(PASSWORD, timedelta(seconds=59))  # right, and too late
    assert not tries("wrong", timedelta(minutes=1))
    assert not tries(PASSWORD, timedelta(minutes=2.9))  # it doubles
    assert tries(PASSWORD, timedelta(minutes=3.1))
    for _ in range(4):
        assert not tries("wrong", timedelta(minutes=4))
    assert tries(PASSWORD, timedelta(minutes=4))  # a success starts the count anew
    with database.read() as session:
        about = AuditEvents(session).about("account:li.wei")
    locks = [e.payload["failures"] for e in about if e.action == "account.locked"]
    assert locks == [6, 5]


def test_many_guesses_at_once_are_many_guesses(database: Database) -> None:
    person(database, "li.wei", Role.CRM)

    def attempt(n: int) -> str | None:
        return sign_in(database, "li.wei", f"guess {n}", lasts=DAY, at=AT)

    with ThreadPoolExecutor(8) as crowd:
        assert not any(crowd.map(attempt, range(24)))
    with database.read() as session:
        account = Accounts(session).get("li.wei")
    assert account is not None
    assert account.failures == 5  # the others were not looked at


def test_nobody_learns_which_accounts_exist(own: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unknown, disabled and locked accounts cost one hash and get the same words."""
    verified: list[str | None] = []
    real = passwords.verify

    def counting(hashed: str | None, password: str) -> bool:
        verified.append(hashed)
        return real(hashed, password)

    monkeypatch.setattr("serving.access.sign_ins.verify", counting)
    person(own.state.database, "gone", Role.CRM)
    TestClient(own, headers=new_key(own, *Role)).post("/v1/access/accounts/gone/disable")
    client = browser(own)
    told = {
        re.sub(r"[0-9a-f]{64}", "", enter(client, name, "wrong").text)
        for name in ("li.wei", "nobody", "gone", "", "x" * 500)
    }
    assert len(told) == 1
    assert len(verified) == 5
    assert real(None, "anything") is False


def test_a_password_of_old_parameters_is_hashed_anew(database: Database) -> None:
    person(database, "li.wei", Role.CRM)
    weak = PasswordHasher(time_cost=1, memory_cost=8_192, parallelism=1).hash(PASSWORD)
    with database.write() as session:
        account = Accounts(session).get("li.wei")
        assert account is not None
        from dataclasses import replace

        Accounts(session).put(replace(account, password_hash=weak))
    assert sign_in(database, "li.wei", PASSWORD, lasts=DAY, at=AT)
    with database.read() as session:
        account = Accounts(session).get("li.wei")
    assert account is not None
    assert account.password_hash not in (None, weak)
    assert "m=47104,t=1,p=1" in (account.password_hash or "")
    assert (account.password_hash or "").startswith("$argon2id$")
    assert passwords.verify(account.password_hash, PASSWORD)
    assert not passwords.verify("no hash", PASSWORD)


@pytest.mark.parametrize(
    "easy", ["", "a" * 11, "a" * 30, "x" * 201, "li.wei123456", "LI.WEI and so"]
)
def test_easy_passwords_are_refused(easy: str) -> None:
    with pytest.raises(InvalidRequestError):
        passwords.check_new(easy, "li.wei")
    passwords.check_new(PASSWORD, "li.wei")


GOALS = [
    "//evil.example", "https://evil.example", "/\\evil.example", "\\\\evil.example", "/\tevil",
    "/\n/evil.example", "javascript:alert(1)", "", "evil", "/v1/grades", "/sign-out", "/ x",
    "/\r\nSet-Cookie: a=b", "/é", "/" + "a" * 3_000, "///evil.example",
]  # fmt: skip


@pytest.mark.parametrize("goal", GOALS)
def test_nobody_is_sent_away(own: FastAPI, goal: str) -> None:
    """Open redirect and header injection through ``next``."""
    client = browser(own)
    came = enter(client, "li.wei", goal=goal)
    assert came.headers["location"] == "/"
    assert "set-cookie" not in came.headers["location"].lower()
    again = client.get(f"/sign-in?next={quote(goal, safe='')}")
    assert again.headers["location"] == "/"


@given(st.text(st.characters(codec="utf-8"), max_size=60))
def test_goals_stay_here(text: str) -> None:
    goal = safe_goal(text)
    assert goal.startswith("/")
    assert not goal.startswith(("//", "/\\"))
    assert goal.isprintable()
    assert goal in ("/", text)


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("application/json", b"{}", 415),
        ("", b"a=b", 415),
        ("application/x-www-form-urlencoded", b"a=\xff", 400),
        ("application/x-www-form-urlencoded", b"a=%ff", 400),
        ("application/x-www-form-urlencoded", b"a=1&a=2", 400),
        ("application/x-www-form-urlencoded", b"nothing", 400),
        ("application/x-www-form-urlencoded", b"&".join(b"a%d=1" % n for n in range(60)), 400),
        ("application/x-www-form-urlencoded", b"", 403),
    ],
)
def test_forms_that_are_none(own: FastAPI, kind: str, body: bytes, status: int) -> None:
    answer = browser(own).post("/sign-in", content=body, headers={"content-type": kind})
    assert answer.status_code == status


def test_a_form_after_the_session_ended_leads_to_the_door(own: FastAPI) -> None:
    answer = browser(own).post("/account/password", data={"token": "x"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=%2F")
    assert browser(own).post("/sign-out", data={"token": "x"}).status_code == 303


def test_keys_have_no_account_page(own: FastAPI) -> None:
    client = browser(own)
    headers = new_key(own, Role.CRM)
    assert client.get("/account", headers=headers).headers["location"] == "/"
    answer = client.post("/account/password", data={"token": "x"}, headers=headers)
    assert answer.headers["location"] == "/"


@pytest.mark.parametrize(("holder", "wanted"), list(itertools.product(Role, Role)))
def test_a_machine_gives_no_person_more_than_it_has(holder: Role, wanted: Role) -> None:
    own = GRANTS[holder] | {Permission.ACCESS_MANAGE}
    machine = Principal("key:x", "machine", frozenset({holder}), own)
    from serving.access.granting import check_grant

    if GRANTS[wanted] <= own:
        check_grant(machine, GRANTS[wanted])
    else:
        with pytest.raises(ForbiddenError):
            check_grant(machine, GRANTS[wanted])


def test_nobody_raises_themselves(database: Database) -> None:
    person(database, "boss", Role.ADMIN)
    boss = Principal("person:boss", "person", frozenset({Role.ADMIN}), GRANTS[Role.ADMIN])
    with pytest.raises(ForbiddenError, match="own account"):
        set_roles(database, boss, "boss", [Role.ADMIN, Role.CRM], at=AT)
    with pytest.raises(ForbiddenError, match="own account"):
        reset_account(database, boss, "boss", at=AT)
    weak = Principal("key:x", "machine", frozenset({Role.ADMIN}), GRANTS[Role.ADMIN])
    person(database, "li.wei", Role.CRM)
    with pytest.raises(ForbiddenError, match="cannot give"):
        reset_account(database, weak, "li.wei", at=AT)
    with pytest.raises(ForbiddenError, match="cannot give"):
        set_roles(database, weak, "li.wei", [Role.AUDITOR], at=AT)
    with database.read() as session:
        unchanged = Accounts(session).get("boss")
    assert unchanged is not None
    assert unchanged.roles == {Role.ADMIN}


def test_accounts_that_cannot_be(database: Database) -> None:
    for name, roles in (("Li Wei", [Role.CRM]), ("sso.x", [Role.CRM]), ("fine", [])):
        with pytest.raises(InvalidRequestError):
            add_account(database, LOCAL, name, "", roles, at=AT)
    person(database, "li.wei", Role.CRM)
    with pytest.raises(CredentialConflictError):
        add_account(database, LOCAL, "li.wei", "", [Role.CRM], at=AT)
    with pytest.raises(InvalidRequestError):
        set_roles(database, LOCAL, "li.wei", [], at=AT)
    with pytest.raises(CredentialNotFoundError):
        set_roles(database, LOCAL, "nobody", [Role.CRM], at=AT)
    with database.write() as session:
        Accounts(session).put(
            Account("sso.x", "X", frozenset({Role.CRM}), AT, "p", issuer="i", subject="x")
        )
    with pytest.raises(CredentialConflictError, match="identity provider"):
        reset_account(database, LOCAL, "sso.x", at=AT)
    assert not change_password(database, "sso.x", "anything", PASSWORD, at=AT)


def test_sign_ins_are_limited_by_address(guarded_copy: Callable[..., Settings]) -> None:
    application = create_app(guarded_copy(sign_in_per_minute=3))
    client = browser(application)
    seen = [enter(client, "nobody", "wrong").status_code for _ in range(5)]
    assert seen == [401, 401, 401, 429, 429]
    application.state.database.dispose()


def test_without_access_control_nobody_signs_in(client: TestClient) -> None:
    assert client.get("/sign-in", follow_redirects=False).headers["location"] == "/"
    assert client.get("/account", follow_redirects=False).headers["location"] == "/"
    assert client.get("/v1/access/self").json()["id"] == "local"
    cross = {"origin": "https://evil.example"}
    assert client.post("/v1/grades:simulate", json={}, headers=cross).status_code == 403
