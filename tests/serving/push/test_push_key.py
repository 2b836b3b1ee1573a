"""The key that secrets are derived from."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor

import pytest
from pydantic import SecretStr

from serving.errors import NotReadyError
from serving.push.keys import load_key
from serving.settings import Settings


def test_secrets_differ_by_webhook_and_generation_and_stay(own: Settings) -> None:
    key = load_key(own)
    found = {key.secret(webhook, number) for webhook in ("a", "b") for number in (1, 2)}
    assert len(found) == 4
    assert {len(base64.b64decode(each.removeprefix("whsec_"))) for each in found} == {32}
    assert load_key(own).secret("a", 1) == key.secret("a", 1)


def test_many_processes_make_one_key(own: Settings) -> None:
    with ThreadPoolExecutor(16) as pool:
        keys = {key.id for key in pool.map(load_key, [own] * 64)}
    assert len(keys) == 1
    assert [file.name for file in own.state.iterdir()] == ["push.key"]


def test_a_setting_goes_before_the_file(own: Settings) -> None:
    push = own.push.model_copy(update={"key": SecretStr("k" * 40)})
    given = load_key(own.model_copy(update={"push": push}))
    assert given.id != load_key(own).id


def test_a_key_that_is_none_is_refused(own: Settings) -> None:
    own.state.mkdir(parents=True)
    (own.state / "push.key").write_text("short\n")
    with pytest.raises(NotReadyError, match="holds no key"):
        load_key(own)
    (own.state / "push.key").unlink()
    (own.state / "push.key").mkdir()
    with pytest.raises(NotReadyError, match="cannot be read"):
        load_key(own)
