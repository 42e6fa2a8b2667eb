# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""
What can go wrong with a request, and what is told of it.

`AIMLAPI_API_KEY=test-key python -m tests.support.faults` prints the outcome of each fault in each mode as a table.
"""

import re
import socket
from contextlib import ExitStack
from dataclasses import dataclass, field
from time import sleep
from typing import Any

import httpx2
import openai
import pytest

from haystack_integrations.components.generators.aimlapi import AIMLAPIChatGenerator
from tests.support.modes import MODES, Mode
from tests.support.replies import MODEL, failure
from tests.support.server import (
    DONE,
    WORD,
    Answer,
    FaultServer,
    drop,
    event,
    head,
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
STREAM = "Stream the reply with `streaming_callback` instead of waiting for all of it, or limit its length."
LOUDER = "Stream the reply with `streaming_callback`, since silent connections are cut."
ELSEWHERE = "AIMLAPI redirected the call to another origin, where nothing was sent"
MOVED = "If that is where the API is now, set `api_base_url`."
WAIT = "Raise `timeout` (or AIMLAPI_TIMEOUT), or stream the reply with `streaming_callback`."
WAIT_STREAMED = "Raise `timeout` (or AIMLAPI_TIMEOUT)."

TRACING = {"x_inference_id": "inf-1", "x_client_request_id": "mine", "retry_after_ms": "1"}
SILENCE = 2.1
"""Seconds, a bit more than those after which a drop is no accident."""
SOON = 0.3
"""A read timeout, for servers that never answer."""


def error(status: int, message: str) -> bytes:
    return whole(failure(message, status), status, **TRACING)


def timed_out(call: str, remedy: str) -> re.Pattern[str]:
    return re.compile(rf"Request timed out\..* {re.escape(call)} {re.escape(remedy)}")


# Older ones fail at a location that is no address before anybody has seen the response.
READS_LOCATIONS = tuple(map(int, httpx2.__version__.split(".")[:2])) < (2, 16)


@dataclass
class Fault:
    name: str
    answer: Answer
    """What the server does each time."""
    requests: int
    """How many the server sees if two retries are allowed. Without any, it is one for each redirect more."""
    raised: type[Exception]
    message: str | re.Pattern[str]
    settings: dict[str, Any] = field(default_factory=dict)
    streamed: tuple[Answer, str | re.Pattern[str]] | None = None
    """What the server does, and the message, if the reply is streamed."""
    reads_bodies: bool = True
    redirects: int = 0

    def __str__(self) -> str:
        return self.name


BEGUN = (head(content_type="application/json", content_length="999", **TRACING), b'{"choices": [')
BEGUN_STREAM = (stream_head(**TRACING), event(WORD))
ANSWERED = "(model vendor/model, inference id inf-1, client request id mine)"
CUT = "peer closed connection without sending complete message body"
CUT_PLAIN = f"The reply broke off: {CUT} (received 13 bytes, expected 999) {ANSWERED}"
CUT_STREAM = f"The reply broke off: {CUT} (incomplete chunked read) {ANSWERED}"
OVERLOADED = {"error": {"message": "Overloaded", "type": "server_error"}}

BROKE_OFF = re.compile(rf"The reply broke off: .+ {re.escape(CALL)}")
DISCONNECTED = re.compile(rf"The reply broke off: Server disconnected without sending .+ {re.escape(CALL)}")

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
        "Raise the limit of tokens in `generation_kwargs`.",
    ),
    Fault(
        "400 for too many tokens",
        error(400, "max_tokens is too large: 99999. This model supports at most 16384."),
        1,
        openai.BadRequestError,
        f"Error code: 400 - max_tokens is too large: 99999. This model supports at most 16384. {TRACED_CALL} "
        "Lower the limit of tokens in `generation_kwargs`, or shorten the input.",
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
        "Use another model for now.",
    ),
    Fault(
        "504",
        error(504, "Generation timeout"),
        1,
        openai.InternalServerError,
        f"Error code: 504 - Generation timeout {TRACED_CALL} {STREAM}",
        streamed=(error(504, "Generation timeout"), f"Error code: 504 - Generation timeout {TRACED_CALL}"),
    ),
    Fault(
        "504, body cut",
        (head(504, content_type="application/json", content_length="99", **TRACING), b"{", drop),
        1,
        openai.APIConnectionError,
        f"The reply broke off: {CUT} (received 1 bytes, expected 99) {ANSWERED}",
    ),
    Fault(
        "524",
        error(524, "A timeout occurred"),
        1,
        openai.InternalServerError,
        f"Error code: 524 - A timeout occurred {TRACED_CALL} {STREAM}",
        streamed=(error(524, "A timeout occurred"), f"Error code: 524 - A timeout occurred {TRACED_CALL}"),
    ),
    Fault(
        "529 that asks for more than two minutes",
        whole({"message": "Overloaded"}, 529, retry_after="300"),
        1,
        openai.InternalServerError,
        f"Error code: 529 (to be tried again in 300 s) - Overloaded {CALL}",
    ),
    Fault(
        "400 that asks to be tried again",
        whole({"message": "No"}, 400, x_should_retry="true"),
        1,
        openai.BadRequestError,
        f"Error code: 400 - No {CALL}",
    ),
    Fault(
        "a redirect to another origin",
        whole(b"", 307, location="https://127.0.0.1:1/v1/chat/completions?key=1", **TRACING),
        1,
        openai.APIError,
        f"{ELSEWHERE}: https://127.0.0.1:1 {ANSWERED} {MOVED}",
    ),
    Fault(
        "a redirect to nowhere",
        whole(b"", 308, location="http://x:port/", **TRACING),
        1,
        openai.APIConnectionError if READS_LOCATIONS else openai.APIError,
        f"The reply broke off: Invalid URL in location header: Invalid port: 'port'. {CALL}"
        if READS_LOCATIONS
        else f"{ELSEWHERE}: an address without a host {ANSWERED} {MOVED}",
    ),
    Fault(
        "redirects in a circle",
        whole(b"", 307, location="/v1/chat/completions", **TRACING),
        11,
        openai.APIError,
        f"AIMLAPI redirected the call more than 10 times {ANSWERED}",
        redirects=10,
    ),
]
PASSING = [
    Fault(
        "408",
        error(408, "Request timeout"),
        3,
        openai.APIStatusError,
        f"Error code: 408 - Request timeout {TRACED_CALL}",
    ),
    Fault(
        "409",
        error(409, "Locked"),
        3,
        openai.ConflictError,
        f"Error code: 409 - Locked {TRACED_CALL}",
    ),
    Fault(
        "529",
        error(529, "Overloaded"),
        3,
        openai.InternalServerError,
        f"Error code: 529 - Overloaded {TRACED_CALL}",
    ),
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
CUT_LINE = Fault("status line cut", (b"HTTP/1.1 20", drop), 1, openai.APIConnectionError, DISCONNECTED)
CUT_HEAD = Fault(
    "head cut", (b"HTTP/1.1 200 OK\r\nContent-Type: app", drop), 1, openai.APIConnectionError, DISCONNECTED
)
NEVER_SENT = [
    Fault(
        "reset before it was sent whole",
        (reset,),
        3,
        openai.APIConnectionError,
        re.compile(rf"Connection error\. .+ {re.escape(CALL)}"),
        {"generation_kwargs": {"padding": "x" * 8_000_000}},
        reads_bodies=False,
    ),
]
ANSWERED_FAULTS = [
    Fault("first byte, then dropped", (b"H", drop), 1, openai.APIConnectionError, DISCONNECTED),
    Fault("first byte, then reset", (b"H", reset), 1, openai.APIConnectionError, BROKE_OFF),
    CUT_LINE,
    CUT_HEAD,
    Fault("head garbled", (b"HTTP/1.1 200 OK\r\n\x00: \r\n\r\n", drop), 1, openai.APIConnectionError, BROKE_OFF),
    Fault("no HTTP", (b"SSH-2.0-OpenSSH_9.6\r\n", drop), 1, openai.APIConnectionError, BROKE_OFF),
    Fault(
        "100 Continue, then dropped",
        (b"HTTP/1.1 100 Continue\r\n\r\n", drop),
        1,
        openai.APIConnectionError,
        DISCONNECTED,
    ),
    Fault(
        "first byte, then silence",
        (b"H", stall),
        1,
        openai.APITimeoutError,
        timed_out(CALL, WAIT),
        {"timeout": SOON},
        streamed=((b"H", stall), timed_out(CALL, WAIT_STREAMED)),
    ),
    Fault(
        "no answer in time",
        (stall,),
        1,
        openai.APITimeoutError,
        timed_out(CALL, WAIT),
        {"timeout": SOON},
        streamed=((stall,), timed_out(CALL, WAIT_STREAMED)),
    ),
    Fault("cut", (*BEGUN, drop), 1, openai.APIConnectionError, CUT_PLAIN, streamed=((*BEGUN_STREAM, drop), CUT_STREAM)),
    Fault(
        "stalled",
        (*BEGUN, stall),
        1,
        openai.APITimeoutError,
        timed_out(ANSWERED, WAIT),
        {"timeout": SOON},
        streamed=((*BEGUN_STREAM, stall), timed_out(ANSWERED, WAIT_STREAMED)),
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


SILENT = Fault(
    "dropped after two seconds of silence",
    (lambda _: sleep(SILENCE), drop),
    1,
    openai.APIConnectionError,
    re.compile(rf"The connection was cut after 2 s of silence: .+ {re.escape(CALL)} {re.escape(LOUDER)}"),
    streamed=(
        (lambda _: sleep(SILENCE), drop),
        re.compile(rf"The connection was cut after 2 s of silence: .+ {re.escape(CALL)}"),
    ),
)
UNCONNECTED = [
    Fault("nobody listens", (), 3, openai.APIConnectionError, re.compile(rf"Connection error\. .+ {re.escape(CALL)}")),
    Fault(
        "connect timeout",
        (),
        3,
        openai.APITimeoutError,
        timed_out(CALL, WAIT),
        {"timeout": 0.1},
        streamed=((), timed_out(CALL, WAIT_STREAMED)),
    ),
]


@dataclass(frozen=True)
class Outcome:
    requests: int
    error: openai.APIError

    def check(self, fault: Fault, mode: Mode, retries: int) -> None:
        text = str(self.error)
        expected = fault.streamed[1] if fault.streamed and mode.streamed else fault.message
        assert type(self.error) is fault.raised
        assert expected.fullmatch(text) if isinstance(expected, re.Pattern) else text == expected
        assert self.error.message == text
        assert self.requests == (fault.requests if retries else 1 + fault.redirects)


def meet(fault: Fault, mode: Mode, retries: int, **settings: Any) -> Outcome:
    """Call a server that always answers with a fault."""
    if fault in UNCONNECTED:
        return _meet_nobody(fault, mode, retries)
    answer = fault.streamed[0] if fault.streamed and mode.streamed else fault.answer
    settings = {"max_retries": retries, **fault.settings, **settings}
    with serving(answer, reads_bodies=fault.reads_bodies, **settings) as (server, generator):
        with pytest.raises(openai.APIError) as caught:
            mode.complete(generator)
        assert server.wait_for(lambda server: server.open <= 1)
        return Outcome(len(server.requests), caught.value)


def _meet_nobody(fault: Fault, mode: Mode, retries: int) -> Outcome:
    tries: list[Any] = []

    async def count(request: Any) -> None:
        tries.append(request)

    with ExitStack() as stack:
        if fault.settings:  # A server that does not shake hands: connecting to it takes forever.
            url = stack.enter_context(FaultServer()).url.replace("http:", "https:")
        else:
            sock = stack.enter_context(socket.socket())
            sock.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{sock.getsockname()[1]}/v1"
        generator = AIMLAPIChatGenerator(
            model=MODEL,
            api_base_url=url,
            max_retries=retries,
            http_client_kwargs={"event_hooks": {"request": [count if mode.asynchronous else tries.append]}},
            **fault.settings,
        )
        stack.callback(generator.close)
        with pytest.raises(openai.APIError) as caught:
            mode.complete(generator)
        return Outcome(len(tries), caught.value)


def matrix() -> str:
    """The outcome of each fault in each mode as a table."""
    lines = ["| Fault | Mode | Requests without and with 2 retries | Exception | Message |", "|---|---|---|---|---|"]
    for fault in (*LASTING, *PASSING, *NEVER_SENT, *ANSWERED_FAULTS, SILENT, *UNCONNECTED):
        seen: dict[tuple[str, ...], list[str]] = {}
        for mode in MODES:
            without, outcome = meet(fault, mode, 0), meet(fault, mode, 2)
            assert str(without.error) == str(outcome.error)
            told = " ".join(str(outcome.error).split())[:120]
            cells = (f"{without.requests}, {outcome.requests}", type(outcome.error).__name__, told)
            seen.setdefault(cells, []).append(str(mode))
        for cells, modes in seen.items():
            shown = "all four" if len(modes) == len(MODES) else ", ".join(modes)
            lines.append(f"| {' | '.join([fault.name, shown, *cells])} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(matrix())
