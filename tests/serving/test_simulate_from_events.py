"""``POST /v1/grades:simulateFromEvents``: a customer told by rows."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from features.contract import CONTRACT
from features.single.question import NEEDS_OTHERS, Question
from serving.admission import FROM_EVENTS, LARGER
from serving.api import event_examples
from serving.app import create_app
from serving.batch import BatchResult
from serving.errors import InvalidRequestError, OverloadedError, UnfinishedError
from serving.settings import Settings
from serving.single import COMMAND, SingleCustomers, Worker
from tests.serving.furnishing import write_manifest
from tests.serving.order_log import SERVED_DAY

ORDERS = [
    {"order_id": f"A-{n}", "occurred_at": f"2024-0{n}-05T10:00:00Z", "net_amount": 100 + n}
    for n in (2, 3, 4)
]


def post(client: TestClient, body: object) -> tuple[int, dict]:
    answer = client.post(FROM_EVENTS, json=body)
    return answer.status_code, answer.json()


def test_a_customer_whom_nobody_knows_is_graded_by_three_orders(client: TestClient) -> None:
    status, told = post(client, {"customer_id": "new", "orders": ORDERS})
    assert status == 200
    assert told["grade"]["customer_id"] == "new"
    assert told["grade"]["grade_id"] is None
    assert told["grade"]["as_of"] == str(SERVED_DAY)
    assert told["indicators"]["order_days_365d"] == 3
    assert told["indicators"]["net_amount_365d"] == 309
    assert told["indicators"]["meeting_count_180d"] == 0
    assert told["rejected"] == told["not_used"] == []
    assert {each["indicator"] for each in told["not_from_events"]} == NEEDS_OTHERS
    assert {told["indicators"][name] for name in NEEDS_OTHERS} == {None}
    parts = sum(each["contribution"] for each in told["explanation"]["contributions"])
    assert abs(told["explanation"]["base"] + parts - told["grade"]["score"]) < 1e-9


def test_it_is_the_grade_of_those_indicators(client: TestClient) -> None:
    _, told = post(client, {"orders": ORDERS, "explanation": False})
    assert told["explanation"] is None
    assert told["grade"]["customer_id"] is None
    known = {name: value for name, value in told["indicators"].items() if value is not None}
    what_if = client.post(
        "/v1/grades:simulate", json={"indicators": known, "explanation": False}
    ).json()
    assert what_if["grade"] == told["grade"]


def test_the_example_is_graded_and_its_bad_row_told(client: TestClient) -> None:
    body = {**event_examples.SIMULATION, "currency": "eur"}
    status, told = post(client, body)
    assert status == 200
    assert told["rejected"] == event_examples.ANSWER["rejected"]
    assert told["grade"]["as_of"] == "2024-06-30"
    unsound = {**ORDERS[0], "order_id": "x", "currency": "USD"}
    _, told = post(client, {"orders": [*ORDERS, unsound]})
    assert [(r["row"], r["reason"], r["column"]) for r in told["rejected"]] == [
        (3, "other_currency", "currency")
    ]


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, []),
        ({"orders": [{**ORDERS[0], "net": 1}]}, ["#/orders/0/net"]),
        ({"orders": ORDERS, "currency": "USD"}, ["#/currency"]),
        ({"orders": [{**ORDERS[0], "customer_id": "b"}], "customer_id": "a"}, [
            "#/orders/0/customer_id"
        ]),
        ({"orders": [{**ORDERS[0], "net_amount": [1]}]}, ["#/orders/0/net_amount"]),
        ({"orders": [{**ORDERS[0], "order_id": "x" * 2001}]}, ["#/orders/0/order_id"]),
        ({"orders": [{**ORDERS[0], "net_amount": 1e16}]}, ["#/orders/0/net_amount"]),
        ({"orders": ORDERS[:1] * 3000, "tickets": [{}] * 2001}, ["#"]),
        ({"orders": ORDERS, "market": []}, ["#/market"]),
        ({"orders": [{**ORDERS[0], "occurred_at": "never"}]}, ["#/orders/0/occurred_at"]),
        ({"orders": ORDERS, "as_of": "2023-01-01"}, []),
        ({"orders": ORDERS, "as_of": "1200-01-01"}, ["#/as_of"]),
        ({"orders": [
            {"order_id": n, "occurred_at": "2024-02-02", "net_amount": "99999999999999"}
            for n in range(2)
        ]}, []),
    ],
)  # fmt: skip
def test_what_cannot_be_graded_is_refused(
    client: TestClient, body: object, pointers: list[str]
) -> None:
    status, told = post(client, body)
    assert status == 422
    assert [each["pointer"] for each in told.get("errors", [])] == pointers


def test_a_larger_body_is_taken_here_and_a_too_large_one_refused_early(client: TestClient) -> None:
    text = "x" * 1900
    rows = [{"ticket_id": str(n), "occurred_at": "2024-04-01", "text": text} for n in range(100)]
    body = json.dumps({"orders": ORDERS, "tickets": rows, "explanation": False})
    assert len(body) > 150_000
    assert post(client, json.loads(body))[0] == 200
    limit = LARGER[FROM_EVENTS]
    headers = {"content-type": "application/json"}
    refused = client.post(FROM_EVENTS, content=b" " * (limit + 1), headers=headers)
    assert refused.status_code == 413
    assert "1,048,576" in refused.json()["detail"]
    pieces = (b" " * 65536 for _ in range(17))
    assert client.post(FROM_EVENTS, content=pieces, headers=headers).status_code == 413
    other = client.post("/v1/grades:simulate", content=b" " * 70_000, headers=headers)
    assert "65,536" in other.json()["detail"]


@pytest.fixture
def own(
    settings: Settings, graded: BatchResult, tmp_path: Path
) -> Iterator[Callable[..., TestClient]]:
    """Services of their own on the store of all."""
    opened: list[tuple[TestClient, FastAPI]] = []

    def begin(published: Callable[[Path], object] | None = None, **more: object) -> TestClient:
        home = tmp_path / "home"
        (home / "small").mkdir(parents=True)
        if published:
            published(home / "small" / "published")
        app = create_app(
            settings.model_copy(update={"home": home, "database_url": settings.database, **more})
        )
        client = TestClient(app, raise_server_exceptions=False)
        client.__enter__()
        opened.append((client, app))
        return client

    yield begin
    for client, app in opened:
        client.__exit__(None, None, None)
        app.state.database.dispose()


def manifest(**more: object) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        write_manifest(folder)
        document = json.loads((folder / "manifest.json").read_text())
        (folder / "manifest.json").write_text(json.dumps({**document, **more}))

    return write


@pytest.mark.parametrize(
    "published",
    [None, manifest(world="other"), manifest(currency="USD"), manifest(columns={}), manifest(x=1)],
)
def test_without_knowing_the_world_nothing_is_guessed(
    own: Callable[..., TestClient], published: Callable[[Path], None] | None
) -> None:
    status, told = post(own(published), {"orders": ORDERS})
    assert status == 503
    assert told["type"] == "urn:tierwise:problem:not-ready"


def test_what_this_world_does_not_read_is_told(own: Callable[..., TestClient]) -> None:
    names = ["order_id", "customer_id", "occurred_at", "net_amount"]
    client = own(manifest(columns={"orders": names}))
    body = {
        "orders": [{**ORDERS[0], "cost": 5, "customer_id": "a"}],
        "surveys": [{"survey_id": "1", "occurred_at": "never", "customer_id": " a "}],
        "explanation": False,
    }
    status, told = post(client, body)
    assert status == 200
    assert told["grade"]["customer_id"] == "a"
    assert told["not_used"] == ["orders.cost", "surveys.survey_id", "surveys.occurred_at"]
    assert told["rejected"] == []
    assert [each["indicator"] for each in told["not_from_events"]] == ["season_index_next_90d"]
    assert told["indicators"]["gross_margin_rate_365d"] is None


def test_the_market_is_the_worlds_if_it_is_what_was_published_from(
    own: Callable[..., TestClient], tmp_path: Path
) -> None:
    columns = {name: table.column_names for name, table in CONTRACT.items()}
    client = own(manifest(columns=columns, sources={"market": "0" * 64}))
    folder = tmp_path / "home" / "small" / "sources"
    folder.mkdir()
    (folder / "market.parquet").write_bytes(b"another")
    _, told = post(client, {"orders": ORDERS, "explanation": False})
    needs = {each["indicator"]: each["needs"] for each in told["not_from_events"]}
    assert needs["policy_impact_365d"] == "market"
    assert needs["referral_count_730d"] == "other_customers"


# What stands in for the pipeline below does what a real one would not do when asked to.
STAND_IN = """
import json, os, signal, sys, time
print('{"ready": true}', flush=True)
for line in sys.stdin:
    wish = json.loads(line)["currency"]
    if wish == "stuck":
        time.sleep(600)
    if wish == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if wish == "fault":
        print('{"fault": "DataError"}', flush=True)
        continue
    time.sleep(0.2 if wish == "slow" else 0)
    told = {"indicators": {"pid": os.getpid()}, "rejected": []}
    print(json.dumps({"told": json.dumps(told)}), flush=True)
"""


@pytest.fixture
def single() -> Iterator[SingleCustomers]:
    made = SingleCustomers(1, 1, 2.0, (sys.executable, "-c", STAND_IN))
    yield made
    made.close()


def wish(what: str) -> Question:
    return Question(SERVED_DAY, what, {}, "", {})


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def pid_of(single: SingleCustomers) -> int:
    return int(single.ask(wish("plain")).indicators["pid"] or 0)


def test_a_process_is_kept_warm_and_restarted_when_it_died(single: SingleCustomers) -> None:
    first = pid_of(single)
    assert pid_of(single) == first
    os.kill(first, signal.SIGKILL)
    time.sleep(0.2)
    assert pid_of(single) != first


def test_a_stuck_process_is_killed_and_the_next_question_answered(single: SingleCustomers) -> None:
    first = pid_of(single)
    begun = time.monotonic()
    with pytest.raises(UnfinishedError):
        single.ask(wish("stuck"))
    assert 1.9 < time.monotonic() - begun < 10
    assert not alive(first)
    assert pid_of(single) != first


def test_a_process_that_dies_over_a_question_is_replaced(single: SingleCustomers) -> None:
    with pytest.raises(UnfinishedError):
        single.ask(wish("die"))
    assert alive(pid_of(single))
    with pytest.raises(InvalidRequestError):
        single.ask(wish("fault"))
    assert alive(pid_of(single))


def test_a_process_that_does_not_come_up_is_no_answer() -> None:
    worker = Worker((sys.executable, "-c", "pass"))
    with pytest.raises(UnfinishedError):
        worker.ask("{}", 1.0)
    assert worker.pid is None


def test_a_process_that_listens_no_more_is_replaced() -> None:
    deaf = "import os, time; os.close(0); print('ready', flush=True); time.sleep(600)"
    worker = Worker((sys.executable, "-c", deaf))
    with pytest.raises(UnfinishedError):
        worker.ask("{}", 60.0)
    assert worker.pid is None


def test_what_is_beyond_the_queue_is_turned_away_at_once(single: SingleCustomers) -> None:
    async def crowd() -> list[object]:
        asked = [single.run(single.ask, wish("slow")) for _ in range(5)]
        return list(await asyncio.gather(*asked, return_exceptions=True))

    results = asyncio.run(crowd())
    assert sum(isinstance(each, OverloadedError) for each in results) == 3


def test_who_comes_while_the_process_is_taken_waits_so_long_and_no_longer() -> None:
    single = SingleCustomers(1, 1, 0.2, (sys.executable, "-c", STAND_IN))
    taken = single._free.get()
    with pytest.raises(UnfinishedError):
        single.ask(wish("plain"))
    single._free.put(taken)
    assert alive(pid_of(single))
    single.close()


def test_killed_under_a_request_is_503_and_then_it_works_again(
    own: Callable[..., TestClient],
) -> None:
    client = own(write_manifest)
    assert post(client, {"orders": ORDERS})[0] == 200
    (worker,) = client.app.state.service.single._all
    pid = worker.pid
    os.kill(pid, signal.SIGSTOP)
    threading.Timer(0.5, os.kill, (pid, signal.SIGKILL)).start()
    broken = client.post(FROM_EVENTS, json={"orders": ORDERS})
    assert broken.status_code == 503
    assert broken.headers["retry-after"] == "1"
    assert broken.json()["type"] == "urn:tierwise:problem:unfinished"
    assert post(client, {"orders": ORDERS})[0] == 200
    assert worker.pid != pid


def test_a_service_that_ends_leaves_no_process(own: Callable[..., TestClient]) -> None:
    client = own(write_manifest)
    with TestClient(client.app) as inner:
        assert post(inner, {"orders": ORDERS})[0] == 200
        (worker,) = client.app.state.service.single._all
        pid = worker.pid
        assert alive(pid)
    assert not alive(pid)


def test_a_service_that_is_killed_leaves_no_process() -> None:
    code = (
        "import time; from serving.single import COMMAND, Worker;"
        "w = Worker(COMMAND); w._start(); print(w.pid, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as service:
        assert service.stdout is not None
        pid = int(service.stdout.readline())
        assert alive(pid)
        service.kill()
    until = time.monotonic() + 20
    while _runs(pid) and time.monotonic() < until:
        time.sleep(0.05)
    assert not _runs(pid)


def _runs(pid: int) -> bool:
    """An orphan may stay a zombie where nobody reaps it; it runs no more."""
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def test_the_process_is_told_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIERWISE_PUSH_KEY", "s" * 40)
    code = "import json, os; print(json.dumps(dict(os.environ)), flush=True); input()"
    worker = Worker((sys.executable, "-c", code.replace("input()", "print(input())")))
    monkeypatch.setattr(Worker, "_exchanged", _first_line)
    process = worker._start()
    seen = json.loads(_LINES.pop())
    worker.close()
    assert process.returncode is not None
    assert "PATH" in seen
    assert not [name for name in seen if name.startswith("TIERWISE")]


_LINES: list[bytes] = []


def _first_line(_self: Worker, process: subprocess.Popen[bytes], _line: bytes, _s: float) -> bytes:
    assert process.stdout is not None
    _LINES.append(process.stdout.readline())
    return b""


def test_the_web_process_imports_no_engine() -> None:
    code = (
        "import sys, serving.api.simulate_from_events, serving.single;"
        "print(sorted({'ibis', 'duckdb', 'pandas'} & set(sys.modules)))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
    assert COMMAND[-1] == "features.single"
