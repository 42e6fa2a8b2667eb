# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""Keys and secret headers are in no log, exception, repr or file."""

import json
import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import openai
import pytest
from haystack import Pipeline
from haystack.utils import Secret

from tests.support.modes import Mode, in_all_modes
from tests.support.server import WORD, FaultServer, drop, event, hello, serving, stall, stream_head, whole

KEY = "sk-0123456789abcdef"
HEADER = "header-0123456789abcdef"
INIT_HEADER = "init-header-0123456789abcdef"
SECRETS = (KEY, HEADER, INIT_HEADER)


def assert_discreet(*texts: str) -> None:
    for text in texts:
        assert not [secret for secret in SECRETS if secret in text]


@contextmanager
def secretive(*answers: Any, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> Iterator[tuple[FaultServer, Any]]:
    monkeypatch.setenv("AIMLAPI_API_KEY", KEY)
    monkeypatch.setenv("GATEWAY_TOKEN", HEADER)
    monkeypatch.setenv("OTHER_TOKEN", INIT_HEADER)
    with serving(
        *answers,
        extra_headers={"X-Gateway-Token": Secret.from_env_var("GATEWAY_TOKEN")},
        generation_kwargs={"extra_headers": {"X-Other-Token": Secret.from_env_var("OTHER_TOKEN")}},
        max_retries=1,
        **settings,
    ) as (server, generator):
        yield server, generator


@in_all_modes
def test_secrets_are_not_told(mode: Mode, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        answers = (whole(b"", 503, retry_after_ms="1"), hello(mode))
        with secretive(*answers, monkeypatch=monkeypatch) as (server, generator):
            mode.complete(generator)
            sent = server.requests[1].headers
            assert (sent["authorization"], sent["x-gateway-token"], sent["x-other-token"]) == (
                f"Bearer {KEY}",
                HEADER,
                INIT_HEADER,
            )
            pipeline = Pipeline()
            pipeline.add_component("llm", generator)
            assert_discreet(
                repr(generator),
                str(generator),
                repr(generator.client),
                repr(generator.async_client),
                json.dumps(generator.to_dict()),
                pipeline.dumps(),
                repr(generator._get_telemetry_data()),
                repr(pipeline),
            )
    assert len(caplog.records) > 10
    assert_discreet(caplog.text)


@in_all_modes
def test_secrets_that_the_server_repeats_are_hidden(
    mode: Mode, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    said = f"What are {KEY}, {HEADER} and {INIT_HEADER}?"
    body = {"message": said, "requestId": "req-1", "statusCode": 401}
    for answer in (
        whole(body, 401),
        whole(said.encode(), 502, content_type="text/plain", retry_after_ms="1"),
        whole(body),
        whole(said.encode(), content_type="text/html"),
        *([(stream_head(), event(WORD), event({"error": body}))] if mode.streamed else []),
        *([(stream_head(), event(WORD), event("{" + said))] if mode.streamed else []),
    ):
        with caplog.at_level(logging.DEBUG), secretive(answer, monkeypatch=monkeypatch) as (_, generator):
            with pytest.raises(openai.APIError, match=r"What are \*\*\*, \*\*\* and \*\*\*\?") as caught:
                mode.complete(generator)
            assert_discreet("".join(traceback.format_exception(caught.value)), repr(caught.value), caplog.text)


@in_all_modes
def test_secrets_are_in_no_connection_error(
    mode: Mode, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for answer in ((drop,), (stall,)):
        with (
            caplog.at_level(logging.DEBUG),
            secretive(answer, monkeypatch=monkeypatch, timeout=0.2) as (_, generator),
            pytest.raises(openai.APIConnectionError) as caught,
        ):
            mode.complete(generator)
        assert_discreet("".join(traceback.format_exception(caught.value)), caplog.text)
