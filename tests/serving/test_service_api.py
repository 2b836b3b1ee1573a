"""Reviews, model, probes, metrics, headers, problems: everything around the grades."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter, sleep

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from serving.app import create_app
from serving.batch import BatchResult
from serving.domain.grade import Run
from serving.settings import Settings
from serving.store.grades import Grades


@pytest.fixture
def bare(tmp_path: Path) -> FastAPI:
    """A service with nothing: no bundle, no run."""
    return create_app(Settings(home=tmp_path, world="none", environment="test"))


@pytest.fixture
def bare_client(bare: FastAPI) -> TestClient:
    return TestClient(bare, raise_server_exceptions=False)


def test_reviews_come_by_due_date(client: TestClient, graded: BatchResult) -> None:
    address, seen = "/v1/reviews?status=open&limit=7", []
    while address:
        page = client.get(address).json()
        assert page["total"] == graded.run.referred
        seen += page["items"]
        address = page["next"]
    keys = [(case["due_at"], case["case_id"]) for case in seen]
    assert keys == sorted(keys)
    assert len({case["customer_id"] for case in seen}) == graded.run.referred
    assert all(case["reasons"] and case["status"] == "open" for case in seen)
    grade = client.get(f"/v1/grades/{seen[0]['customer_id']}").json()
    assert grade["referral"]["case_id"] == seen[0]["case_id"]
    assert grade["grade_id"] == seen[0]["grade_id"]


def test_reviews_of_other_states(client: TestClient) -> None:
    assert client.get("/v1/reviews?status=withdrawn").json()["items"] == []
    assert client.get("/v1/reviews").json()["total"] > 0
    with_zone = "cursor=WyIyMDI2LTAxLTAxVDAwOjAwOjAwKzAwOjAwIiwgIngiXQ"
    surrogate = "cursor=WyIyMDI2LTAxLTAxVDAwOjAwOjAwIiwgIlx1ZDgwMCJd"
    wrong = ("status=lost", "cursor=WyJ4IiwieSJd", "cursor=x", with_zone, surrogate, "state=open")
    for query in wrong:
        answer = client.get(f"/v1/reviews?{query}")
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["parameter"] == query.split("=")[0]


def test_the_model_endpoint_says_what_serves(client: TestClient, graded: BatchResult) -> None:
    told = client.get("/v1/model").json()
    assert told["run_id"] == graded.run.run_id
    assert told["customers"] == graded.run.customers
    assert told["loaded"]["bundle_digest"] == graded.run.basis.bundle_digest
    assert told["loaded_is_served"] is True


def test_probes_of_a_ready_service(client: TestClient, graded: BatchResult) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json()["run_id"] == graded.run.run_id


def test_a_service_with_nothing_lives_but_is_not_ready(bare_client: TestClient) -> None:
    assert bare_client.get("/healthz").status_code == 200
    answer = bare_client.get("/readyz")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "30"
    assert len(answer.json()["context"]["reasons"]) == 2
    for path in ("/v1/grades", "/v1/grades/x", "/v1/model", "/v1/grades/x/explanation"):
        problem = bare_client.get(path)
        assert problem.status_code == 503
        assert problem.json()["type"] == "urn:tierwise:problem:not-ready"
    assert bare_client.get("/v1/reviews").json()["items"] == []
    assert bare_client.get("/metrics").status_code == 200


def test_a_bundle_that_comes_later_is_found(
    bare_client: TestClient, bare: FastAPI, bundle_dir: Path
) -> None:
    bare.state.service.models.folder = bundle_dir
    reasons = bare_client.get("/readyz").json()["context"]["reasons"]
    assert reasons == ["No customers have been graded yet."]


def test_a_damaged_bundle_leaves_grades_readable(
    tmp_path: Path, settings: Settings, graded: BatchResult
) -> None:
    (tmp_path / "bundle.json").write_text("{")
    application = create_app(settings.model_copy(update={"bundle_dir": tmp_path}))
    with TestClient(application) as client:
        assert client.get("/v1/grades/c-0007").status_code == 200
        assert client.get("/v1/model").json()["loaded"] is None
        assert client.get("/readyz").json()["context"]["reasons"] == [
            "The model bundle cannot be used."
        ]
        what_if = client.post("/v1/grades:simulate", json={"customer_id": "c-0007"})
        assert what_if.status_code == 503
    application.state.database.dispose()


def test_a_store_that_fails_is_a_503_without_internals(bare: FastAPI) -> None:
    bare.state.database.downgrade("base")
    client = TestClient(bare, raise_server_exceptions=False)
    answer = client.get("/v1/grades")
    assert answer.status_code == 503
    assert "no such table" not in answer.text
    assert client.get("/metrics").status_code == 200
    assert "The store does not answer." in client.get("/readyz").text


def test_metrics_tell_what_is_served(client: TestClient, graded: BatchResult) -> None:
    client.get("/v1/grades/c-0007")
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    samples = {
        (s.name, tuple(sorted(s.labels.items()))): s.value
        for family in text_string_to_metric_families(answer.text)
        for s in family.samples
    }
    for summary in graded.run.tiers:
        assert samples["tierwise_customers", (("tier", summary.tier.id),)] == summary.customers
    assert samples["tierwise_review_cases", (("status", "open"),)] == graded.run.referred
    route = "/v1/grades/{customer_id:path}"
    labels = (("method", "GET"), ("route", route), ("status", "200"))
    assert samples["tierwise_http_request_seconds_count", labels] >= 1
    info = [labels for name, labels in samples if name == "tierwise_model_info"]
    assert dict(info[0])["model_version"] == "3"


def test_metrics_have_no_label_per_customer(client: TestClient) -> None:
    for path in ("/v1/grades/c-0001", "/nowhere/17", "/v1/grades/zzz"):
        client.get(path)
    client.request("BREW", "/v1/grades/c-0001")
    text = client.get("/metrics").text
    assert "c-0001" not in text
    assert "nowhere" not in text
    assert "BREW" not in text


def test_a_request_id_comes_back(client: TestClient) -> None:
    given = client.get("/v1/grades/nobody", headers={"X-Request-ID": "abc-1:2"})
    assert given.headers["x-request-id"] == given.json()["request_id"] == "abc-1:2"
    made = client.get("/healthz").headers["x-request-id"]
    assert re.fullmatch(r"[0-9a-f]{32}", made)
    for hostile in ("a b", "x" * 101, "<script>", ""):
        answer = client.get("/healthz", headers={"X-Request-ID": hostile})
        assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["x-request-id"])


@pytest.mark.parametrize("path", ["/v1/grades/c-0007", "/healthz", "/nowhere", "/metrics", "/docs"])
def test_every_answer_is_guarded(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cache-control"] == "no-store"


PATHS = ("/v1/grades", "/v1/grades/c-0007", "/v1/model", "/healthz", "/metrics", "/docs", "/")


@pytest.mark.parametrize("path", PATHS)
def test_head_answers_as_get_without_a_body(client: TestClient, path: str) -> None:
    head, get = client.head(path), client.get(path)
    assert head.status_code == get.status_code == 200
    assert head.content == b""
    own = {"x-request-id", "content-length" if path == "/metrics" else ""}
    assert {k: v for k, v in head.headers.items() if k not in own} == {
        k: v for k, v in get.headers.items() if k not in own
    }


def test_head_of_nothing_is_nothing(client: TestClient) -> None:
    missing = client.head("/v1/grades/nobody")
    assert (missing.status_code, missing.content) == (404, b"")
    assert client.head("/v1/grades:simulate").status_code == 405
    text = client.get("/metrics").text
    assert 'method="HEAD",route="/v1/grades/{customer_id:path}",status="404"' in text


def test_a_method_that_is_not_possible_says_which_are(client: TestClient) -> None:
    answer = client.options("/v1/grades")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD"
    assert "GET, HEAD" in answer.json()["detail"]
    assert client.get("/v1/grades:simulate").headers["allow"] == "POST"


def test_the_model_takes_no_query(client: TestClient) -> None:
    answer = client.get("/v1/model?run=latest")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["parameter"] == "run"


def test_a_crowd_does_not_starve_itself(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More requests at once than threads and connections together: all are answered.

    Requests that keep a connection while they wait for a thread, and threads that wait for
    a connection, would hold each other up until the pool gives in.
    """
    current_run = Grades.current_run

    def slow(store: Grades) -> Run | None:
        run = current_run(store)
        sleep(0.05)
        return run

    monkeypatch.setattr(Grades, "current_run", slow)
    started = perf_counter()
    with ThreadPoolExecutor(120) as crowd:
        asked = [crowd.submit(client.get, "/v1/grades/c-0007") for _ in range(120)]
    assert [answer.result().status_code for answer in asked] == [200] * 120
    assert perf_counter() - started < 15  # the pool gives in after 30


def test_pages_bring_their_own_policy(client: TestClient) -> None:
    policy = client.get("/").headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nowhere", 404), ("GET", "/v1/", 404), ("DELETE", "/v1/grades", 405)],
)
def test_plain_http_errors_are_problems(
    client: TestClient, method: str, path: str, status: int
) -> None:
    answer = client.request(method, path)
    problem = answer.json()
    assert answer.status_code == problem["status"] == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["type"] == "about:blank"
    assert problem["instance"] == path
    assert problem["request_id"]
    if status == 405:
        assert answer.headers["allow"]


def test_the_unexpected_says_nothing_but_its_id(tmp_path: Path) -> None:
    application = create_app(Settings(home=tmp_path, world="none"))

    def broken() -> None:
        raise RuntimeError("the secret path")

    application.add_api_route("/broken", broken)
    answer = TestClient(application).get("/broken")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "secret" not in answer.text
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert answer.headers["x-frame-options"] == "DENY"


def test_the_reference_lists_every_address(client: TestClient) -> None:
    page = client.get("/docs").text
    for path in client.get("/openapi.json").json()["paths"]:
        assert path in page
    assert "<script" not in page
    # Addresses in examples are text; nothing is loaded or linked from elsewhere.
    assert not re.search(r"""(src|href|action)=["']?(https?:)?//""", page)
