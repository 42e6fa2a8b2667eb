# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""
What calls do when something goes wrong, with real sockets.

`pytest tests/common/test_http.py -k matrix -s` prints the outcome of each fault in each mode as a table.
"""

import logging
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import openai
import pytest
from haystack.components.generators.chat import FallbackChatGenerator

from haystack_integrations.components.generators.aimlapi import AIMLAPIChatGenerator
from tests.support.modes import MODES, Mode, in_all_modes
from tests.support.replies import MODEL, failure
from tests.support.server import (
    DONE,
    WORD,
    Answer,
    FaultServer,
    drop,
    event,
    head,
    hello,
    reset,
    serving,
    stall,
    stream_head,
    whole,
)

CALL = "(model vendor/model)"
TRACED_CALL = "(model vendor/model, request id req-1, inference id inf-1, client request id mine)"
TOP_UP = "Top up at https://aimlapi.com/app/billing."
LOOK_UP = "Look the model up in https://docs.aimlapi.com/api-references/model-database"
STREAM = "Stream the reply with `streaming_callback` instead of waiting for all of it, or lower `max_tokens`."
WAIT = "Raise `timeout` (or AIMLAPI_TIMEOUT), or stream the reply with `streaming_callback`."

TRACING = {"x_inference_id": "inf-1", "x_client_request_id": "mine", "retry_after_ms": "1"}
SOON = 0.3
"""A read timeout, for servers that never answer."""


def error(status: int, message: str) -> bytes:
    return whole(failure(message, status), status, **TRACING)


@dataclass
class Fault:
    name: str
    answer: Answer
    """What the server does each time."""
    tries: int
    raised: type[Exception]
    message: str | re.Pattern[str]
    settings: dict[str, Any] = field(default_factory=dict)
    streamed: tuple[Answer, str] | None = None
    """What the server does, and the message, if the reply is streamed."""

    def __str__(self) -> str:
        return self.name


BEGUN = (head(content_type="application/json", content_length="999", **TRACING), b'{"choices": [')
BEGUN_STREAM = (stream_head(**TRACING), event(WORD))
ANSWERED = "(model vendor/model, inference id inf-1, client request id mine)"
CUT = "peer closed connection without sending complete message body"
CUT_PLAIN = f"The reply broke off: {CUT} (received 13 bytes, expected 999) {ANSWERED}"
CUT_STREAM = f"The reply broke off: {CUT} (incomplete chunked read) {ANSWERED}"
OVERLOADED = {"error": {"message": "Overloaded", "type": "server_error"}}

LASTING = [
    Fault(
        "400",
        error(400, "Body validation error"),
        1,
        openai.BadRequestError,
        f"Error code: 400 - Body validation error {TRACED_CALL}",
    ),
    Fault(
        "400 for max_tokens",
        error(400, "`max_tokens` must be greater than `thinking.budget_tokens`"),
        1,
        openai.BadRequestError,
        f"Error code: 400 - `max_tokens` must be greater than `thinking.budget_tokens` {TRACED_CALL} "
        "Raise `max_tokens` in `generation_kwargs`.",
    ),
    Fault(
        "400 for too many tokens",
        error(400, "max_tokens is too large: 99999. This model supports at most 16384."),
        1,
        openai.BadRequestError,
        f"Error code: 400 - max_tokens is too large: 99999. This model supports at most 16384. {TRACED_CALL} "
        "Lower `max_tokens` in `generation_kwargs`, or shorten the input.",
    ),
    Fault(
        "401",
        error(401, "This request requires a valid API key."),
        1,
        openai.AuthenticationError,
        f"Error code: 401 - This request requires a valid API key. {TRACED_CALL} "
        "Check the key in AIMLAPI_API_KEY: https://aimlapi.com/app/keys.",
    ),
    Fault(
        "403, no credits",
        error(403, "You've run out of credits."),
        1,
        openai.PermissionDeniedError,
        f"Error code: 403 - You've run out of credits. {TRACED_CALL} {TOP_UP}",
    ),
    Fault(
        "404",
        whole({"detail": "Nothing here"}, 404, **TRACING),
        1,
        openai.NotFoundError,
        f'Error code: 404 - {{"detail": "Nothing here"}} {ANSWERED} {LOOK_UP}, and check `api_base_url`.',
    ),
    Fault(
        "422",
        error(422, "Unprocessable"),
        1,
        openai.UnprocessableEntityError,
        f"Error code: 422 - Unprocessable {TRACED_CALL}",
    ),
    Fault(
        "429, free tier",
        error(429, "Free-tier limit reached for the hour."),
        1,
        openai.RateLimitError,
        f"Error code: 429 - Free-tier limit reached for the hour. {TRACED_CALL} "
        "Wait for the hour to pass, or top up at https://aimlapi.com/app/billing.",
    ),
    Fault(
        "500 that is a 400",
        error(500, "400 Unable to access model x"),
        1,
        openai.InternalServerError,
        f"Error code: 500 - 400 Unable to access model x {TRACED_CALL} {LOOK_UP}.",
    ),
    Fault(
        "500, maintenance",
        error(500, "The model is under maintenance, please contact us."),
        1,
        openai.InternalServerError,
        f"Error code: 500 - The model is under maintenance, please contact us. {TRACED_CALL} "
        "Use another model for now, for example through FallbackChatGenerator.",
    ),
    Fault(
        "504",
        error(504, "Generation timeout"),
        1,
        openai.InternalServerError,
        f"Error code: 504 - Generation timeout {TRACED_CALL} {STREAM}",
    ),
]
PASSING = [
    Fault(
        "429",
        error(429, "Too Many Requests"),
        3,
        openai.RateLimitError,
        f"Error code: 429 - Too Many Requests {TRACED_CALL} Send fewer requests at a time, or raise `max_retries`.",
    ),
    Fault(
        "500",
        error(500, "Internal server error"),
        3,
        openai.InternalServerError,
        f"Error code: 500 - Internal server error {TRACED_CALL}",
    ),
    Fault(
        "500 that is a 429",
        error(500, "429 Too Many Requests"),
        3,
        openai.InternalServerError,
        f"Error code: 500 - 429 Too Many Requests {TRACED_CALL}",
    ),
    Fault(
        "502, a page",
        whole(b"<h1>Bad\n Gateway</h1>", 502, content_type="text/html", retry_after_ms="1"),
        3,
        openai.InternalServerError,
        f"Error code: 502 - <h1>Bad Gateway</h1> {CALL}",
    ),
    Fault(
        "503",
        whole({"error": {"message": "Service unavailable"}}, 503, retry_after_ms="1"),
        3,
        openai.InternalServerError,
        f"Error code: 503 - Service unavailable {CALL}",
    ),
    Fault(
        "503, body cut",
        (head(503, content_type="application/json", content_length="99"), b"{", drop),
        3,
        openai.APIConnectionError,
        f"Connection error. {CUT} (received 1 bytes, expected 99) {CALL}",
    ),
    Fault(
        "dropped unanswered",
        (drop,),
        3,
        openai.APIConnectionError,
        f"Connection error. Server disconnected without sending a response. {CALL}",
    ),
    Fault(
        "reset unanswered",
        (reset,),
        3,
        openai.APIConnectionError,
        re.compile(rf"Connection error\..* {re.escape(CALL)}"),
    ),
]
ANSWERED_FAULTS = [
    Fault(
        "no answer in time",
        (stall,),
        1,
        openai.APITimeoutError,
        re.compile(rf"Request timed out\..* {re.escape(CALL)} {re.escape(WAIT)}"),
        {"timeout": SOON},
    ),
    Fault("cut", (*BEGUN, drop), 1, openai.APIConnectionError, CUT_PLAIN, streamed=((*BEGUN_STREAM, drop), CUT_STREAM)),
    Fault(
        "stalled",
        (*BEGUN, stall),
        1,
        openai.APITimeoutError,
        re.compile(rf"Request timed out\..* {re.escape(ANSWERED)} {re.escape(WAIT)}"),
        {"timeout": SOON},
        streamed=((*BEGUN_STREAM, stall), ""),
    ),
    Fault(
        "not what its encoding says",
        whole(b"no gzip", content_encoding="gzip", **TRACING),
        1,
        openai.APIConnectionError,
        re.compile(rf"The reply broke off: Error -3 while decompressing .* {re.escape(ANSWERED)}"),
    ),
    Fault(
        "200 with an error",
        error(200, "429 Too Many Requests"),
        1,
        openai.APIError,
        f"AIMLAPI answered with an error instead of a completion: 429 Too Many Requests {TRACED_CALL}",
        streamed=(
            (*BEGUN_STREAM, event(OVERLOADED), stall),
            f"AIMLAPI reported an error in the stream: Overloaded {ANSWERED}",
        ),
    ),
    Fault(
        "malformed JSON",
        whole(b'{"choices": [', **TRACING),
        1,
        openai.APIError,
        f'AIMLAPI answered with malformed JSON: {{"choices": [ {ANSWERED}',
        streamed=(
            (*BEGUN_STREAM, event('{"choices": ['), stall),
            f'AIMLAPI answered with malformed JSON: {{"choices": [ {ANSWERED}',
        ),
    ),
    Fault(
        "a page",
        whole(b"<h1>Just\n a moment</h1>", content_type="text/html", **TRACING),
        1,
        openai.APIError,
        f"AIMLAPI answered with malformed JSON: <h1>Just a moment</h1> {ANSWERED}",
    ),
    Fault(
        "200 with MiniMax's error",
        whole({"choices": None, "base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}}, **TRACING),
        1,
        openai.APIError,
        f"AIMLAPI answered with an error instead of a completion: 1008: insufficient balance {ANSWERED} {TOP_UP}",
        streamed=(
            whole({"base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}}, **TRACING),
            f"AIMLAPI reported an error in the stream: 1008: insufficient balance {ANSWERED} {TOP_UP}",
        ),
    ),
    Fault(
        "nothing in it",
        whole({"choices": []}, **TRACING),
        1,
        openai.APIError,
        f"AIMLAPI answered without choices {ANSWERED}",
        streamed=(stream_head(**TRACING) + DONE, f"The stream ended without a choice {ANSWERED}"),
    ),
]


@pytest.fixture(scope="module")
def matrix() -> Iterator[list[tuple[str, str, str, str, str]]]:
    rows: list[tuple[str, str, str, str, str]] = []
    yield rows
    print("\n| Fault | Mode | Tries | Exception | Message |\n|---|---|---|---|---|")
    for fault in dict.fromkeys(row[0] for row in rows):
        outcomes: dict[tuple[str, str, str], list[str]] = {}
        for name, mode, *outcome in rows:
            if name == fault:
                outcomes.setdefault(tuple(outcome), []).append(mode)
        for outcome, modes in outcomes.items():
            cells = [fault, "all four" if len(modes) == len(MODES) else ", ".join(modes), *outcome]
            print(f"| {' | '.join(cells)} |")


def check(fault: Fault, mode: Mode, tries: int, error: Exception, matrix: list[tuple[str, str, str, str, str]]) -> None:
    text = str(error)
    matrix.append((fault.name, str(mode), str(tries), type(error).__name__, text))
    expected = fault.streamed[1] or fault.message if fault.streamed and mode.streamed else fault.message
    assert type(error) is fault.raised
    assert expected.fullmatch(text) if isinstance(expected, re.Pattern) else text == expected
    assert error.message == text
    assert tries == fault.tries


@in_all_modes
@pytest.mark.parametrize("fault", [*LASTING, *PASSING, *ANSWERED_FAULTS], ids=str)
def test_matrix_of_faults(fault: Fault, mode: Mode, matrix) -> None:
    answer = fault.streamed[0] if fault.streamed and mode.streamed else fault.answer
    with serving(answer, max_retries=2, **fault.settings) as (server, generator):
        with pytest.raises(openai.APIError) as caught:
            mode.complete(generator)
        check(fault, mode, len(server.requests), caught.value, matrix)
        assert server.wait_for(lambda server: server.open <= 1)


def unreachable() -> tuple[socket.socket, str]:
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    return sock, f"http://127.0.0.1:{sock.getsockname()[1]}/v1"


UNCONNECTED = [
    Fault("nobody listens", (), 3, openai.APIConnectionError, re.compile(rf"Connection error\. .+ {re.escape(CALL)}")),
    Fault(
        "connect timeout",
        (),
        3,
        openai.APITimeoutError,
        re.compile(rf"Request timed out\..* {re.escape(CALL)} {re.escape(WAIT)}"),
        {"timeout": 0.1},
    ),
]


@in_all_modes
@pytest.mark.parametrize("fault", UNCONNECTED, ids=str)
def test_matrix_of_connections_that_fail(fault: Fault, mode: Mode, matrix) -> None:
    tries: list[Any] = []

    async def count(request: Any) -> None:
        tries.append(request)

    with ExitStack() as stack:
        if fault.settings:  # A server that does not shake hands: connecting to it takes forever.
            url = stack.enter_context(FaultServer()).url.replace("http:", "https:")
        else:
            sock, url = unreachable()
            stack.callback(sock.close)
        generator = AIMLAPIChatGenerator(
            model=MODEL,
            api_base_url=url,
            max_retries=2,
            http_client_kwargs={"event_hooks": {"request": [count if mode.asynchronous else tries.append]}},
            **fault.settings,
        )
        stack.callback(generator.close)
        with pytest.raises(openai.APIError) as caught:
            mode.complete(generator)
        check(fault, mode, len(tries), caught.value, matrix)


@in_all_modes
@pytest.mark.parametrize("fault", PASSING, ids=str)
def test_call_survives_passing_fault(fault: Fault, mode: Mode) -> None:
    with serving(fault.answer, hello(mode)) as (server, generator):
        assert mode.complete(generator).text == "Hello"
        assert len(server.requests) == 2
        assert server.requests[0].body == server.requests[1].body


@in_all_modes
def test_retries_wait_as_the_server_asks(mode: Mode, caplog: pytest.LogCaptureFixture) -> None:
    answers = (whole(b"", 429, retry_after_ms="2"), whole(b"", 503, retry_after="0.004"), whole(b"", 500))
    with caplog.at_level(logging.INFO, "openai"), serving(*answers, hello(mode)) as (_, generator):
        assert mode.complete(generator).text == "Hello"
    waits = [float(wait) for wait in re.findall(r"Retrying request .*?in ([\d.]+) seconds", caplog.text)]
    assert waits[:2] == [0.002, 0.004]
    assert 0 < waits[2] <= 0.004


@in_all_modes
def test_ids_are_those_of_the_last_try(mode: Mode) -> None:
    with serving(error(503, "Service unavailable"), (drop,), max_retries=1) as (_, generator):
        with pytest.raises(openai.APIConnectionError) as caught:
            mode.complete(generator)
    assert str(caught.value) == f"Connection error. Server disconnected without sending a response. {CALL}"


def test_request_id_of_the_body_is_the_exceptions() -> None:
    with serving(error(400, "Body validation error")) as (_, generator):
        with pytest.raises(openai.BadRequestError) as caught:
            generator.run("Hi")
    assert caught.value.request_id == "req-1"
    assert caught.value.status_code == 400
    assert caught.value.body["message"] == "Body validation error"


# Fallbacks


@in_all_modes
def test_fallback_moves_on_at_once(mode: Mode, caplog: pytest.LogCaptureFixture) -> None:
    with serving(error(403, "You've run out of credits.")) as (broke, first), serving(hello(mode)) as (_, second):
        fallback = FallbackChatGenerator([first, second])
        result = mode.run(fallback, "Hi")
        assert result["replies"][0].text == "Hello"
        assert result["meta"]["total_attempts"] == 2
        assert len(broke.requests) == 1
    assert f"Error code: 403 - You've run out of credits. {TRACED_CALL} {TOP_UP}" in caplog.text


@in_all_modes
def test_fallback_that_fails_names_the_causes(mode: Mode, caplog: pytest.LogCaptureFixture) -> None:
    """Haystack's final error quotes the last model's cause only; its log has one warning with the cause of each."""
    with (
        serving(error(403, "You've run out of credits."), model="vendor/model") as (_, first),
        serving(error(500, "The model is under maintenance"), model="x-ai/grok-4-6") as (_, second),
    ):
        fallback = FallbackChatGenerator([first, second])
        with pytest.raises(RuntimeError) as caught:
            mode.run(fallback, "Hi")
    assert "500 - The model is under maintenance (model x-ai/grok-4-6, request id req-1" in str(caught.value)
    warnings = [record.getMessage() for record in caplog.records if record.name.endswith(".fallback")]
    assert len(warnings) == 2
    assert "403 - You've run out of credits. (model vendor/model, request id req-1" in warnings[0]
    assert "500 - The model is under maintenance (model x-ai/grok-4-6, request id req-1" in warnings[1]


# Redirects


@in_all_modes
def test_redirects_are_followed(mode: Mode) -> None:
    with serving(whole(b"", 307, location="/v2/chat/completions"), hello(mode)) as (server, generator):
        assert mode.complete(generator).text == "Hello"
        assert [request.target for request in server.requests] == ["/v1/chat/completions", "/v2/chat/completions"]
