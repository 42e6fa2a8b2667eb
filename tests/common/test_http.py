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
    message: str | re.Pattern[str]
    raised: type[Exception] = openai.APIError
    tries: int = 1
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


def reported(status: int, message: str, raised: type[Exception], remedy: str = "", tries: int = 1) -> Fault:
    """A fault that AIMLAPI reports as its own, and what the exception says to it."""
    text = f"Error code: {status} - {message} {TRACED_CALL} {remedy}".rstrip()
    return Fault(f"{status} {message}", error(status, message), text, raised, tries)


TOO_SMALL = "`max_tokens` must be greater than `thinking.budget_tokens`"
TOO_LARGE = "max_tokens is too large: 99999. This model supports at most 16384."
MAINTENANCE = "The model is under maintenance, please contact us."
LASTING = [
    reported(400, "Body validation error", openai.BadRequestError),
    reported(400, TOO_SMALL, openai.BadRequestError, "Raise `max_tokens` in `generation_kwargs`."),
    reported(
        400, TOO_LARGE, openai.BadRequestError, "Lower `max_tokens` in `generation_kwargs`, or shorten the input."
    ),
    reported(
        401,
        "This request requires a valid API key.",
        openai.AuthenticationError,
        "Check the key in AIMLAPI_API_KEY: https://aimlapi.com/app/keys.",
    ),
    reported(403, "You've run out of credits.", openai.PermissionDeniedError, TOP_UP),
    Fault(
        "404",
        whole({"detail": "Nothing here"}, 404, **TRACING),
        f'Error code: 404 - {{"detail": "Nothing here"}} {ANSWERED} {LOOK_UP}, and check `api_base_url`.',
        openai.NotFoundError,
    ),
    reported(422, "Unprocessable", openai.UnprocessableEntityError),
    reported(
        429,
        "Free-tier limit reached for the hour.",
        openai.RateLimitError,
        "Wait for the hour to pass, or top up at https://aimlapi.com/app/billing.",
    ),
    reported(500, "400 Unable to access model x", openai.InternalServerError, f"{LOOK_UP}."),
    reported(
        500,
        MAINTENANCE,
        openai.InternalServerError,
        "Use another model for now, for example through FallbackChatGenerator.",
    ),
    reported(504, "Generation timeout", openai.InternalServerError, STREAM),
]
PASSING = [
    reported(
        429, "Too Many Requests", openai.RateLimitError, "Send fewer requests at a time, or raise `max_retries`.", 3
    ),
    reported(500, "Internal server error", openai.InternalServerError, tries=3),
    reported(500, "429 Too Many Requests", openai.InternalServerError, tries=3),
    Fault(
        "502, a page",
        whole(b"<h1>Bad\n Gateway</h1>", 502, content_type="text/html", retry_after_ms="1"),
        f"Error code: 502 - <h1>Bad Gateway</h1> {CALL}",
        openai.InternalServerError,
        3,
    ),
    Fault(
        "503",
        whole({"error": {"message": "Service unavailable"}}, 503, retry_after_ms="1"),
        f"Error code: 503 - Service unavailable {CALL}",
        openai.InternalServerError,
        3,
    ),
    Fault(
        "503, body cut",
        (head(503, content_type="application/json", content_length="99"), b"{", drop),
        f"Connection error. {CUT} (received 1 bytes, expected 99) {CALL}",
        openai.APIConnectionError,
        3,
    ),
    Fault(
        "dropped unanswered",
        (drop,),
        f"Connection error. Server disconnected without sending a response. {CALL}",
        openai.APIConnectionError,
        3,
    ),
    Fault(
        "reset unanswered",
        (reset,),
        re.compile(rf"Connection error\..* {re.escape(CALL)}"),
        openai.APIConnectionError,
        3,
    ),
]
ANSWERED_FAULTS = [
    Fault(
        "no answer in time",
        (stall,),
        re.compile(rf"Request timed out\..* {re.escape(CALL)} {re.escape(WAIT)}"),
        openai.APITimeoutError,
        settings={"timeout": SOON},
    ),
    Fault("cut", (*BEGUN, drop), CUT_PLAIN, openai.APIConnectionError, streamed=((*BEGUN_STREAM, drop), CUT_STREAM)),
    Fault(
        "stalled",
        (*BEGUN, stall),
        re.compile(rf"Request timed out\..* {re.escape(ANSWERED)} {re.escape(WAIT)}"),
        openai.APITimeoutError,
        settings={"timeout": SOON},
        streamed=((*BEGUN_STREAM, stall), ""),
    ),
    Fault(
        "not what its encoding says",
        whole(b"no gzip", content_encoding="gzip", **TRACING),
        re.compile(rf"The reply broke off: Error -3 while decompressing .* {re.escape(ANSWERED)}"),
        openai.APIConnectionError,
    ),
    Fault(
        "200 with an error",
        error(200, "429 Too Many Requests"),
        f"AIMLAPI answered with an error instead of a completion: 429 Too Many Requests {TRACED_CALL}",
        streamed=(
            (*BEGUN_STREAM, event(OVERLOADED), stall),
            f"AIMLAPI reported an error in the stream: Overloaded {ANSWERED}",
        ),
    ),
    Fault(
        "malformed JSON",
        whole(b'{"choices": [', **TRACING),
        f'AIMLAPI answered with malformed JSON: {{"choices": [ {ANSWERED}',
        streamed=(
            (*BEGUN_STREAM, event('{"choices": ['), stall),
            f'AIMLAPI answered with malformed JSON: {{"choices": [ {ANSWERED}',
        ),
    ),
    Fault(
        "a page",
        whole(b"<h1>Just\n a moment</h1>", content_type="text/html", **TRACING),
        f"AIMLAPI answered with malformed JSON: <h1>Just a moment</h1> {ANSWERED}",
    ),
    Fault(
        "200 with MiniMax's error",
        whole({"choices": None, "base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}}, **TRACING),
        f"AIMLAPI answered with an error instead of a completion: 1008: insufficient balance {ANSWERED} {TOP_UP}",
        streamed=(
            whole({"base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}}, **TRACING),
            f"AIMLAPI reported an error in the stream: 1008: insufficient balance {ANSWERED} {TOP_UP}",
        ),
    ),
    Fault(
        "nothing in it",
        whole({"choices": []}, **TRACING),
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
    Fault("nobody listens", (), re.compile(rf"Connection error\. .+ {re.escape(CALL)}"), openai.APIConnectionError, 3),
    Fault(
        "connect timeout",
        (),
        re.compile(rf"Request timed out\..* {re.escape(CALL)} {re.escape(WAIT)}"),
        openai.APITimeoutError,
        3,
        settings={"timeout": 0.1},
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
