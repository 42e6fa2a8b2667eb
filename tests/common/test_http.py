# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""
What calls do when something goes wrong, with real sockets.

`pytest tests/test_faults.py -k matrix -s` prints the outcome of each fault in each mode as a table.
"""

import asyncio
import json
import logging
import re
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import httpx2
import openai
import pytest
import trustme
from haystack.components.generators.chat import FallbackChatGenerator
from openai.resources.chat.completions import AsyncCompletions, Completions

from haystack_integrations.components.generators.aimlapi import AIMLAPIChatGenerator
from tests.support.server import (
    ASYNC_STREAMED,
    COMPLETION,
    DONE,
    END,
    HELLO,
    HELLO_STREAM,
    MODES,
    PATIENCE,
    SYNC_STREAMED,
    Answer,
    FaultServer,
    Mode,
    chunk,
    drop,
    frame,
    head,
    ignore,
    plain,
    reset,
    serving,
    stall,
    stream_head,
)

CALL = "(model openai/gpt-4o)"
TRACED_CALL = "(model openai/gpt-4o, request id req-1, inference id inf-1, client request id mine)"
TOP_UP = "Top up at https://aimlapi.com/app/billing."
LOOK_UP = "Look the model up in https://docs.aimlapi.com/api-references/model-database"
STREAM = "Stream the reply with `streaming_callback` instead of waiting for all of it, or lower `max_tokens`."
WAIT = "Raise `timeout` (or AIMLAPI_TIMEOUT), or stream the reply with `streaming_callback`."

TRACING = {"x_inference_id": "inf-1", "x_client_request_id": "mine", "retry_after_ms": "1"}
SOON = 0.3
"""A read timeout, for servers that never answer."""


def error(status: int, message: str) -> bytes:
    """An error as AIMLAPI reports it."""
    body = {
        "message": message,
        "path": "/v1/chat/completions",
        "requestId": "req-1",
        "statusCode": status,
        "timestamp": "2026-09-01T12:00:00.000Z",
    }
    return plain(body, status, **TRACING)


def hello(mode: Mode) -> bytes:
    return HELLO_STREAM if mode.streamed else HELLO


@pytest.fixture(autouse=True)
def short_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.001)


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
BEGUN_STREAM = (stream_head(**TRACING), frame(chunk()))
ANSWERED = "(model openai/gpt-4o, inference id inf-1, client request id mine)"
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
        plain({"detail": "Nothing here"}, 404, **TRACING),
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
        plain(b"<h1>Bad\n Gateway</h1>", 502, content_type="text/html", retry_after_ms="1"),
        3,
        openai.InternalServerError,
        f"Error code: 502 - <h1>Bad Gateway</h1> {CALL}",
    ),
    Fault(
        "503",
        plain({"error": {"message": "Service unavailable"}}, 503, retry_after_ms="1"),
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
    Fault(
        "cut",
        (*BEGUN, drop),
        1,
        openai.APIConnectionError,
        CUT_PLAIN,
        streamed=((*BEGUN_STREAM, drop), CUT_STREAM),
    ),
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
        plain(b"no gzip", content_encoding="gzip", **TRACING),
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
            (*BEGUN_STREAM, frame(OVERLOADED), stall),
            f"AIMLAPI reported an error in the stream: Overloaded {ANSWERED}",
        ),
    ),
    Fault(
        "malformed JSON",
        plain(b'{"choices": [', **TRACING),
        1,
        openai.APIError,
        f'AIMLAPI answered with malformed JSON: {{"choices": [ {ANSWERED}',
        streamed=(
            (*BEGUN_STREAM, frame('{"choices": ['), stall),
            f'AIMLAPI answered with malformed JSON: {{"choices": [ {ANSWERED}',
        ),
    ),
    Fault(
        "a page",
        plain(b"<h1>Just\n a moment</h1>", content_type="text/html", **TRACING),
        1,
        openai.APIError,
        f"AIMLAPI answered with malformed JSON: <h1>Just a moment</h1> {ANSWERED}",
    ),
    Fault(
        "200 with MiniMax's error",
        plain({"choices": None, "base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}}, **TRACING),
        1,
        openai.APIError,
        f"AIMLAPI answered with an error instead of a completion: 1008: insufficient balance {ANSWERED} {TOP_UP}",
        streamed=(
            plain({"base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}}, **TRACING),
            f"AIMLAPI reported an error in the stream: 1008: insufficient balance {ANSWERED} {TOP_UP}",
        ),
    ),
    Fault(
        "nothing in it",
        plain({"choices": []}, **TRACING),
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


@pytest.mark.parametrize("mode", MODES, ids=str)
@pytest.mark.parametrize("fault", [*LASTING, *PASSING, *ANSWERED_FAULTS], ids=str)
def test_matrix(fault: Fault, mode: Mode, matrix) -> None:
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


@contextmanager
def full() -> Iterator[str]:
    """A server that accepts no connection, and whose queue is full: connecting to it takes forever."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(2):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"


UNCONNECTED = [
    Fault(
        "nobody listens",
        (),
        3,
        openai.APIConnectionError,
        re.compile(rf"Connection error\. .+ {re.escape(CALL)}"),
    ),
    Fault(
        "connect timeout",
        (),
        3,
        openai.APITimeoutError,
        re.compile(rf"Request timed out\..* {re.escape(CALL)} {re.escape(WAIT)}"),
        {"timeout": 0.1},
    ),
]


@pytest.mark.parametrize("mode", MODES, ids=str)
@pytest.mark.parametrize("fault", UNCONNECTED, ids=str)
def test_matrix_of_connections_that_fail(fault: Fault, mode: Mode, matrix) -> None:
    tries: list[Any] = []

    async def count(request: Any) -> None:
        tries.append(request)

    with ExitStack() as stack:
        if fault.settings:
            url = stack.enter_context(full())
        else:
            sock, url = unreachable()
            stack.callback(sock.close)
        generator = AIMLAPIChatGenerator(
            model="openai/gpt-4o",
            api_base_url=url,
            max_retries=2,
            http_client_kwargs={"event_hooks": {"request": [count if mode.asynchronous else tries.append]}},
            **fault.settings,
        )
        stack.callback(generator.close)
        with pytest.raises(openai.APIError) as caught:
            mode.complete(generator)
        check(fault, mode, len(tries), caught.value, matrix)


@pytest.mark.parametrize("mode", MODES, ids=str)
@pytest.mark.parametrize("fault", PASSING, ids=str)
def test_call_survives_passing_fault(fault: Fault, mode: Mode) -> None:
    with serving(fault.answer, hello(mode)) as (server, generator):
        assert mode.complete(generator).text == "Hello"
        assert len(server.requests) == 2
        assert server.requests[0].body == server.requests[1].body


@pytest.mark.parametrize("mode", MODES, ids=str)
def test_retries_wait_as_the_server_asks(mode: Mode, caplog: pytest.LogCaptureFixture) -> None:
    answers = (
        plain(b"", 429, retry_after_ms="2"),
        plain(b"", 503, retry_after="0.004"),
        plain(b"", 500),
    )
    with caplog.at_level(logging.INFO, "openai"), serving(*answers, hello(mode)) as (_, generator):
        assert mode.complete(generator).text == "Hello"
    waits = [float(wait) for wait in re.findall(r"Retrying request .*?in ([\d.]+) seconds", caplog.text)]
    assert waits[:2] == [0.002, 0.004]
    assert 0 < waits[2] <= 0.004


@pytest.mark.parametrize("mode", MODES, ids=str)
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


# Streams are closed at once


class Interrupted(BaseException):
    pass


def broken_callback(mode: Mode, error: BaseException) -> Callable[[Any], Any]:
    def callback(chunk: Any) -> None:
        raise error

    async def async_callback(chunk: Any) -> None:
        raise error

    return async_callback if mode.asynchronous else callback


OPEN_STREAM = (stream_head(), frame(chunk()), frame(chunk()), stall)
STREAMED = pytest.mark.parametrize("mode", [SYNC_STREAMED, ASYNC_STREAMED], ids=str)
CLIENTS = pytest.mark.parametrize(
    "http_client_kwargs", [None, {"limits": httpx.Limits()}], ids=["httpx2", "legacy httpx"]
)


def assert_disconnects(mode: Mode, server: FaultServer, call: Callable[[], Any], expected: type[BaseException]) -> None:
    """The server sees the disconnect while the exception is handled: the event loop gets no turn before that."""
    seen = []

    def handle() -> None:
        seen.append(server.all_disconnected())

    async def call_async() -> None:
        try:
            await call()
        except expected:
            handle()

    if mode.asynchronous:
        asyncio.run(call_async())
    else:
        try:
            call()
        except expected:
            handle()
    assert seen == [True]


@STREAMED
@CLIENTS
@pytest.mark.parametrize("error", [ValueError("a bug"), Interrupted()], ids=["exception", "interrupt"])
def test_callback_that_raises_ends_the_stream(mode: Mode, error: BaseException, http_client_kwargs) -> None:
    with serving(OPEN_STREAM, http_client_kwargs=http_client_kwargs) as (server, generator):
        run = mode.complete_async if mode.asynchronous else mode.complete
        callback = broken_callback(mode, error)
        assert_disconnects(mode, server, lambda: run(generator, streaming_callback=callback), type(error))


@STREAMED
@CLIENTS
@pytest.mark.parametrize("bad", [frame(OVERLOADED), frame("{"), frame("[]")], ids=["error", "malformed", "no object"])
def test_bad_frame_ends_the_stream(mode: Mode, bad: bytes, http_client_kwargs) -> None:
    answer = (stream_head(), frame(chunk()), bad, stall)
    with serving(answer, http_client_kwargs=http_client_kwargs) as (server, generator):
        run = mode.complete_async if mode.asynchronous else mode.complete
        assert_disconnects(mode, server, lambda: run(generator), openai.APIError)


@CLIENTS
@pytest.mark.parametrize("place", ["callback", "stream", "headers", "body"])
def test_cancellation_ends_the_call(place: str, http_client_kwargs) -> None:
    waiting = threading.Event()
    answer = {
        "callback": OPEN_STREAM,
        "stream": (stream_head(), lambda _: waiting.set(), stall),
        "headers": (lambda _: waiting.set(), stall),
        "body": (*BEGUN, lambda _: waiting.set(), stall),
    }[place]

    async def main(generator: AIMLAPIChatGenerator, server: FaultServer) -> None:
        begun = asyncio.Event()

        async def callback(chunk: Any) -> None:
            begun.set()
            await asyncio.sleep(PATIENCE)

        streaming_callback = None if place == "body" else callback
        task = asyncio.create_task(generator.run_async("Hi", streaming_callback=streaming_callback))
        await (begun.wait() if place == "callback" else asyncio.to_thread(waiting.wait, PATIENCE))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert server.all_disconnected()
        async with asyncio.timeout(PATIENCE):
            while len(asyncio.all_tasks()) > 1:
                await asyncio.sleep(0)

    with serving(answer, http_client_kwargs=http_client_kwargs) as (server, generator):
        asyncio.run(main(generator, server))


def test_asyncio_timeout_ends_the_call() -> None:
    async def main(generator: AIMLAPIChatGenerator, server: FaultServer) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(SOON):
                await ASYNC_STREAMED.complete_async(generator)
        assert server.all_disconnected()

    with serving(OPEN_STREAM) as (server, generator):
        asyncio.run(main(generator, server))
        assert len(server.requests) == 1


# Connections are used again


@pytest.fixture(params=[False, True], ids=["", "traced"])
def traced(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param:
        for kind in (Completions, AsyncCompletions):
            create = kind.create
            monkeypatch.setattr(kind, "create", lambda self, create=create, **kwargs: create(self, **kwargs))


@CLIENTS
@pytest.mark.usefixtures("traced")
def test_streams_share_a_connection(http_client_kwargs) -> None:
    with serving(HELLO_STREAM, http_client_kwargs=http_client_kwargs) as (server, generator):
        for _ in range(20):
            assert SYNC_STREAMED.complete(generator).text == "Hello"
        assert (len(server.requests), server.connections) == (20, 1)


@CLIENTS
@pytest.mark.usefixtures("traced")
def test_asynchronous_streams_share_a_connection(http_client_kwargs) -> None:
    async def main() -> None:
        for _ in range(20):
            assert (await ASYNC_STREAMED.complete_async(generator)).text == "Hello"

    with serving(HELLO_STREAM, http_client_kwargs=http_client_kwargs) as (server, generator):
        asyncio.run(main())
        assert (len(server.requests), server.connections) == (20, 1)


@pytest.fixture(scope="module")
def tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    return context


@STREAMED
@CLIENTS
@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
@pytest.mark.parametrize(
    "rest",
    [(stall,), (frame(chunk()) * 3, stall), (drop,), (b"no chunk\r\n", stall)],
    ids=["silent", "talking", "dropped", "garbled"],
)
def test_server_that_goes_on_after_done_holds_nothing_back(
    mode: Mode, rest: Answer, secure: bool, http_client_kwargs, tls: ssl.SSLContext
) -> None:
    answer = (stream_head(), frame(chunk()), frame("[DONE]"), *rest)
    settings = {"http_client_kwargs": {**(http_client_kwargs or {}), "verify": False}} if secure else {}
    with serving(answer, hello(mode), tls=tls if secure else None, **settings) as (server, generator):

        async def main() -> str | None:
            reply = await mode.complete_async(generator)
            assert server.all_disconnected()
            await mode.complete_async(generator)
            return reply.text

        if mode.asynchronous:
            assert asyncio.run(main()) == "Hello"
        else:
            assert mode.complete(generator).text == "Hello"
            assert server.all_disconnected()
            mode.complete(generator)
        assert server.connections == 2


@pytest.mark.parametrize("mode", MODES, ids=str)
@pytest.mark.parametrize("end", [drop, reset], ids=["cut", "reset"])
@CLIENTS
def test_secure_reply_that_is_cut(mode: Mode, end: Any, http_client_kwargs, tls: ssl.SSLContext) -> None:
    begun = BEGUN_STREAM if mode.streamed else BEGUN
    settings = {**(http_client_kwargs or {}), "verify": False}
    with serving((*begun, end), tls=tls, http_client_kwargs=settings) as (server, generator):
        with pytest.raises(openai.APIConnectionError, match="The reply broke off: "):
            mode.complete(generator)
        assert len(server.requests) == 1


def speak_plainly(connection: Any) -> None:
    """Send what is no TLS record over the connection underneath."""
    with socket.socket(fileno=socket.dup(connection.sock.fileno())) as raw:
        raw.sendall(b"HTTP/1.1 500 What?\r\n\r\n")


@pytest.mark.parametrize("mode", MODES, ids=str)
def test_secure_reply_that_is_garbled(mode: Mode, tls: ssl.SSLContext) -> None:
    begun = BEGUN_STREAM if mode.streamed else BEGUN
    answer = (*begun, speak_plainly, stall)
    with serving(answer, tls=tls, http_client_kwargs={"verify": False}) as (server, generator):
        with pytest.raises(openai.APIConnectionError, match=r"The reply broke off: .*SSL"):
            mode.complete(generator)
        assert server.all_disconnected()
        assert len(server.requests) == 1


# Fallbacks


@pytest.mark.parametrize("mode", MODES, ids=str)
def test_fallback_moves_on_at_once(mode: Mode, caplog: pytest.LogCaptureFixture) -> None:
    with serving(error(403, "You've run out of credits.")) as (broke, first), serving(hello(mode)) as (_, second):
        fallback = FallbackChatGenerator([first, second])
        callback = {"streaming_callback": ignore} if mode.streamed else {}
        if mode.asynchronous:
            result = asyncio.run(fallback.run_async("Hi", **callback))
        else:
            result = fallback.run("Hi", **callback)
        assert result["replies"][0].text == "Hello"
        assert result["meta"]["total_attempts"] == 2
        assert len(broke.requests) == 1
    assert f"Error code: 403 - You've run out of credits. {TRACED_CALL} {TOP_UP}" in caplog.text


@pytest.mark.parametrize("mode", MODES, ids=str)
def test_fallback_that_fails_names_the_causes(mode: Mode, caplog: pytest.LogCaptureFixture) -> None:
    """Haystack's final error quotes the last model's cause only; its log has one warning with the cause of each."""
    with (
        serving(error(403, "You've run out of credits."), model="openai/gpt-4o") as (_, first),
        serving(error(500, "The model is under maintenance"), model="x-ai/grok-4-6") as (_, second),
    ):
        fallback = FallbackChatGenerator([first, second])
        callback = {"streaming_callback": ignore} if mode.streamed else {}
        with pytest.raises(RuntimeError) as caught:
            if mode.asynchronous:
                asyncio.run(fallback.run_async("Hi", **callback))
            else:
                fallback.run("Hi", **callback)
    assert "500 - The model is under maintenance (model x-ai/grok-4-6, request id req-1" in str(caught.value)
    warnings = [record.getMessage() for record in caplog.records if record.name.endswith(".fallback")]
    assert len(warnings) == 2
    assert "403 - You've run out of credits. (model openai/gpt-4o, request id req-1" in warnings[0]
    assert "500 - The model is under maintenance (model x-ai/grok-4-6, request id req-1" in warnings[1]


# Odd but good streams


@STREAMED
@CLIENTS
@pytest.mark.parametrize(
    "answer",
    [
        (stream_head(), frame(chunk()), END),
        (stream_head(), b"a\r\n: waiting\n\r\n", frame(""), frame(chunk()), DONE),
        (head(connection="close"), b"data: " + frame(chunk()).split(b"data: ")[1], drop),
        plain(COMPLETION),
        plain(COMPLETION, content_type="application/vnd.api+json; charset=utf-8"),
    ],
    ids=["no done", "comments", "no type or length", "plain", "plain of another type"],
)
def test_stream_is_read_as_it_comes(mode: Mode, answer: Answer, http_client_kwargs) -> None:
    with serving(answer, http_client_kwargs=http_client_kwargs) as (_, generator):
        assert mode.complete(generator).text == "Hello"


@STREAMED
@pytest.mark.parametrize(("version", "drained"), [(b"HTTP/1.1", [True]), (b"HTTP/2", [])], ids=["1.1", "2"])
def test_rest_is_read_only_if_that_frees_the_connection(mode: Mode, version: bytes, drained: list[bool]) -> None:
    read_on = []

    class Body(httpx2.SyncByteStream, httpx2.AsyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield f"data: {json.dumps(chunk())}\n\ndata: [DONE]\n\n".encode()
            read_on.append(True)

        async def __aiter__(self) -> AsyncIterator[bytes]:
            for part in self:
                yield part

    transport = httpx2.MockTransport(
        lambda _: httpx2.Response(200, stream=Body(), extensions={"http_version": version})
    )
    generator = AIMLAPIChatGenerator(http_client_kwargs={"transport": transport})
    with closing(generator):
        assert mode.complete(generator).text == "Hello"
    assert read_on == drained
