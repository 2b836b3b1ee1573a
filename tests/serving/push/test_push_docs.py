"""The receiver of docs/how-to-receive-webhooks.md, run as it stands."""

from __future__ import annotations

import re
import time
from pathlib import Path

from fastapi.testclient import TestClient

from serving.push.signing import signed_headers
from tests.serving.push.test_push_signing import OTHER, SECRET

PAGE = Path(__file__).parents[3] / "docs" / "how-to-receive-webhooks.md"


def test_the_example_takes_what_is_ours_once() -> None:
    """#90: signed, not altered, not old, not copied; a retry is answered and done once."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    queue: list[bytes] = []
    names = {"SECRET": SECRET, "enqueue": queue.append}
    # FastAPI looks annotations up in the module of the function; there is none here.
    exec(code, names)  # our own page
    body = b'{"type":"tierwise.tier.changed.v1"}'
    now = int(time.time())
    with TestClient(names["app"]) as crm:  # type: ignore[arg-type]

        def post(told: dict[str, str], content: bytes = body) -> int:
            return crm.post("/hooks/tierwise", content=content, headers=told).status_code

        good = signed_headers([SECRET], "msg_1", now, body)
        assert post(good, body + b" ") == 401
        assert post(signed_headers([OTHER], "msg_1", now, body)) == 401
        assert post(signed_headers([SECRET], "msg_1", now - 400, body)) == 401
        assert post({}) == 401
        assert queue == []
        assert post(good) == 204
        assert post(good) == 401
        assert post(signed_headers([SECRET], "msg_1", now + 1, body)) == 204
        assert queue == [body]
