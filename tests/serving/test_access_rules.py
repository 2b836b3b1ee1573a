"""Limits, settings that would leave a door open, secrets in logs, and the threat model's tests."""

from __future__ import annotations

import ast
import logging
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr, ValidationError
from typer.testing import CliRunner

from serving.access.limits import Buckets, neighbourhood
from serving.access_cli import app as access_cli
from serving.app import create_app
from serving.domain.access import Role
from serving.errors import SettingsError
from serving.logs import configure_logging
from serving.redaction import BLACKED, redact
from serving.settings import Settings
from serving.store.audit_events import AuditEvents
from tests.serving.conftest import new_key
from tests.serving.test_access_people import PASSWORD, browser, enter, person, token_of

ROOT = Path(__file__).resolve().parents[2]
KEY = "tw_abcdefghijklmnop_" + "S" * 43


def test_buckets_fill_and_run_dry() -> None:
    now = [0.0]
    buckets = Buckets(2, 4, clock=lambda: now[0], most=2)
    assert [buckets.take("a") for _ in range(5)] == [0, 0, 0, 0, 0.5]
    assert buckets.take("b") == 0
    now[0] += 0.5
    assert buckets.take("a") == 0
    assert buckets.take("a") == 0.5
    assert dict(buckets.headers("b"))[b"ratelimit"] == b'"tierwise";r=4;t=2'
    buckets.take("c")  # the one that asked longest ago is forgotten, not remembered for ever
    assert len(buckets._buckets) == 2
    assert Buckets(0, 1).take("a") == 0
    assert Buckets(0, 1).headers("a") == []


@pytest.mark.parametrize(
    ("host", "counts_as"),
    [
        ("10.0.0.7", "10.0.0.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:10.0.0.7", "10.0.0.7"),
        ("testclient", "testclient"),
    ],
)
def test_addresses_of_one_caller_count_together(host: str, counts_as: str) -> None:
    assert neighbourhood(host) == counts_as


def test_too_many_requests_are_told_when_to_come_back(
    guarded_copy: Callable[..., Settings],
) -> None:
    application = create_app(
        guarded_copy(rate_limit=0.1, rate_burst=3, anonymous_rate_limit=0.1, anonymous_burst=2)
    )
    client = TestClient(application)
    headers, other = new_key(application, Role.CRM), new_key(application, Role.CRM)
    answers = [client.get("/v1/access/self", headers=headers) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[0].headers["ratelimit"] == '"tierwise";r=2;t=30'
    assert answers[0].headers["ratelimit-policy"] == '"tierwise";q=3;w=30'
    assert 1 <= int(answers[3].headers["retry-after"]) <= 10
    assert answers[3].json()["type"] == "urn:tierwise:problem:rate-limit"
    assert client.get("/v1/access/self", headers=other).status_code == 200
    wrong = {"Authorization": f"Bearer {KEY}"}
    # Strangers run dry before their keys are looked up, and take nothing from who is known.
    seen = [client.get("/v1/grades", headers=wrong).status_code for _ in range(3)]
    assert seen == [401, 401, 429]
    assert client.get("/v1/access/self", headers=other).status_code == 200
    assert client.get("/healthz").status_code == 200
    application.state.identifier.close()
    application.state.database.dispose()


FINE = {
    "environment": "production",
    "public_url": "https://grades.example",
    "trusted_proxies": "10.0.0.1",
}
OIDC = {
    "oidc_discovery_url": "https://id.example/.well-known/openid-configuration",
    "oidc_client_id": "x",
    "oidc_client_secret": "y",
}


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (FINE | {"access": "off"}, "TIERWISE_ACCESS"),
        ({"host": "0.0.0.0"}, "TIERWISE_OPEN_ADDRESS"),
        (FINE | {"public_url": "http://grades.example"}, "TIERWISE_PUBLIC_URL"),
        (FINE | {"public_url": None}, "TIERWISE_PUBLIC_URL"),
        (FINE | {"trusted_proxies": ""}, "TIERWISE_TRUSTED_PROXIES"),
        (FINE | OIDC | {"oidc_client_secret": None}, "TIERWISE_OIDC_CLIENT_SECRET"),
        (FINE | OIDC | {"oidc_client_id": None}, "TIERWISE_OIDC_CLIENT_ID"),
        (FINE | OIDC | {"oidc_discovery_url": "http://id.example/"}, "OIDC_DISCOVERY_URL"),
        (
            FINE | OIDC | {"oidc_client_secret": None, "oidc_client_secret_file": "/none/at/all"},
            "TIERWISE_OIDC_CLIENT_SECRET_FILE",
        ),
    ],
)
def test_settings_that_leave_a_door_open_are_refused(given: dict, named: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings(**given).check()
    assert named in caught.value.hint


def test_settings_that_are_fine(tmp_path: Path) -> None:
    for given in (
        {},
        {"host": "0.0.0.0", "open_address": True},
        {"host": "0.0.0.0", "access": "on"},
        FINE,
        FINE | OIDC,
    ):
        Settings(**given).check()
    assert Settings(**FINE).guarded
    assert not Settings().guarded
    (tmp_path / "secret").write_text("from a file\n", "utf-8")
    read = Settings(
        **(OIDC | {"oidc_client_secret": None}), oidc_client_secret_file=tmp_path / "secret"
    )
    assert read.oidc_secret == "from a file"
    assert "y" not in repr(Settings(oidc_client_secret=SecretStr("yyyy")).oidc_client_secret)
    for wrong in ("https://a.example/path", "javascript:x", "https://a\r\nb"):
        with pytest.raises(ValidationError):
            Settings(public_url=wrong)


@pytest.mark.parametrize(
    "text",
    [
        f"key {KEY} seen",
        f"Authorization: Bearer {KEY}",
        "{'authorization': 'Basic U1NTU1NTU1NTUw=='}",
        f"cookie __Host-tierwise={'S' * 43}; tierwise_lang=en",
        "password=SSSSSSSS&next=/",
        '{"client_secret": "SSSSSSSS"}',
        "id_token='SSSSSSSS.SSSS.SS'",
        "code=SSSSSSSS state: SSSSSSSS",
    ],
)
def test_what_looks_like_a_secret_is_blacked_out(text: str) -> None:
    told = redact(text)
    assert BLACKED in told
    assert "SSSS" not in told
    assert "U1NT" not in told
    assert redact("GET /v1/grades 200 1.2 ms") == "GET /v1/grades 200 1.2 ms"


def test_secrets_get_into_no_log_problem_or_trail(
    guarded_copy: Callable[..., Settings], capsys: pytest.CaptureFixture[str]
) -> None:
    """Keys, cookies, passwords and tokens go through the whole service; then all is searched."""
    before = logging.getLogger().handlers[:], logging.getLogger().level
    configure_logging("json")
    application = create_app(guarded_copy())
    database = application.state.database
    person(database, "li.wei", Role.CRM)
    admin = new_key(application, *Role)
    client, machine = browser(application), TestClient(application)
    answers = [
        enter(client, "li.wei"),
        enter(browser(application), "li.wei", "a wrong one entirely"),
    ]
    secrets = [PASSWORD, "a wrong one entirely", admin["Authorization"].split()[1][-43:]]
    secrets += [client.cookies["tierwise_session"]]
    token = token_of(client.get("/account").text)
    secrets.append(token)
    bad = {"token": token, "before": "was it this one", "after": "short"}
    client.post("/account/password", data=bad)
    secrets.append("was it this one")
    answers += [
        machine.get("/v1/grades", headers={"Authorization": admin["Authorization"] + "x"}),
        machine.post("/v1/access/keys", headers=admin, content=b'{"name": '),
        machine.get("/v1/grades?limit=x", headers=admin),
        machine.get("/v1/grades/none", headers=admin),
    ]
    logging.getLogger("tierwise.app").warning("given %s and %s", admin, dict(client.cookies))
    logging.getLogger().handlers, level = before[0], before[1]
    logging.getLogger().setLevel(level)
    with database.read() as session:
        trail = repr(list(AuditEvents(session).all()))
    logged = capsys.readouterr()
    told = logged.err + logged.out + trail
    told += "".join(a.text for a in answers if "problem" in a.headers.get("content-type", ""))
    assert "given" in told
    for secret in secrets:
        assert secret not in told
    application.state.identifier.close()
    database.dispose()


def test_the_command_makes_and_ends_keys_and_accounts(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'x.db'}"

    def run(*arguments: str) -> str:
        result = CliRunner(env={"COLUMNS": "200"}).invoke(
            access_cli, [*arguments, "--database", url], catch_exceptions=False
        )
        assert result.exit_code == 0, result.output
        return result.output

    made = run("key", "create", "sync", "--role", "crm", "--scope", "grades.read")
    (text,) = re.findall(r"tw_[a-z2-7]{16}_[\w-]{43}", made)
    assert text not in run("key", "list")
    assert "live" in run("key", "list")
    # A narrow terminal breaks what it cannot show in a line; it hides nothing.
    narrow = CliRunner(env={"COLUMNS": "80"}).invoke(access_cli, ["key", "list", "--database", url])
    assert "…" not in narrow.output
    again = run("key", "rotate", "sync", "--overlap-hours", "1")
    assert re.search(r"tw_[a-z2-7]{16}_[\w-]{43}", again)
    assert "within a second" in run("key", "revoke", "sync")
    assert "revoked" in run("key", "list")
    assert "has to change it" in run("user", "add", "li.wei", "--role", "crm", "--name", "Li Wei")
    assert "first sign-in" in run("user", "list")
    assert "admin" in run("user", "role", "li.wei", "--role", "admin")
    assert "has to change it" in run("user", "reset", "li.wei")
    assert "is out" in run("user", "disable", "li.wei")
    assert "disabled" in run("user", "list")
    assert "may sign in" in run("user", "enable", "li.wei")


def named_tests() -> list[tuple[str, str]]:
    text = (ROOT / "SECURITY.md").read_text("utf-8")
    return re.findall(r"`([\w/]+\.py)::(test_\w+)`", text)


def test_every_test_that_the_threat_model_names_exists() -> None:
    named = named_tests()
    assert len(named) >= 30
    for path, name in named:
        tree = ast.parse((ROOT / "tests" / path).read_text("utf-8"))
        functions = {each.name for each in tree.body if isinstance(each, ast.FunctionDef)}
        assert name in functions, f"{path}::{name}"


def test_every_threat_names_a_test_or_says_what_is_left() -> None:
    text = (ROOT / "SECURITY.md").read_text("utf-8")
    rows = [line for line in text.splitlines() if re.match(r"\| [STRIDE] \|", line)]
    assert len(rows) >= 20
    for row in rows:
        assert "::test_" in row, row
