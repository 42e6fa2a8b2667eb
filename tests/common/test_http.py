# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""
What calls do when something goes wrong, with real sockets.

`python -m tests.support.faults` prints the outcome of each fault in each mode as a table.
"""

import asyncio
import base64
import logging
import re
import socket
import ssl
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from email.utils import formatdate
from typing import Any

import httpx
import httpx2
import openai
import pytest
import trustme
from haystack.components.generators.chat import FallbackChatGenerator

from haystack_integrations.components.generators.aimlapi import AIMLAPIChatGenerator
from tests.support.api import Api, chat_generator
from tests.support.faults import (
    ANSWERED_FAULTS,
    CALL,
    CUT_HEAD,
    CUT_LINE,
    LASTING,
    NEVER_SENT,
    PASSING,
    SILENT,
    TOP_UP,
    TRACED_CALL,
    UNCONNECTED,
    Fault,
    error,
    meet,
)
from tests.support.modes import LEGACY_UNVERIFIED, MODES, SYNC, Mode, in_all_modes, in_both_clients, plain_only
from tests.support.replies import HELLO, MODEL
from tests.support.server import FaultServer, drop, hello, reset, serving, stall, whole


@in_all_modes
@pytest.mark.parametrize("retries", [0, 2])
@pytest.mark.parametrize("fault", [*LASTING, *PASSING, *NEVER_SENT, *ANSWERED_FAULTS, *UNCONNECTED], ids=str)
def test_matrix_of_faults(fault: Fault, retries: int, mode: Mode) -> None:
    meet(fault, mode, retries).check(fault, mode, retries)


def test_drop_after_silence_is_not_tried_again() -> None:
    """Side by side, as each waits for two seconds."""
    cases = [
        (mode, retries, family)
        for mode in MODES
        for retries in (0, 2)
        for family in (None, LEGACY_UNVERIFIED, {"transport": None})
    ]
    with ThreadPoolExecutor(len(cases)) as pool:
        calls = [pool.submit(meet, SILENT, mode, retries, http_client_kwargs=family) for mode, retries, family in cases]
        for (mode, retries, _), call in zip(cases, calls, strict=True):
            call.result().check(SILENT, mode, retries)


@in_all_modes
@in_both_clients
@pytest.mark.parametrize("fault", [CUT_HEAD, CUT_LINE, *NEVER_SENT, PASSING[-2]], ids=str)
def test_each_client_knows_how_far_a_request_got(fault: Fault, mode: Mode, http_client_kwargs) -> None:
    # Without a transport of ours.
    settings = {"transport": None, **(http_client_kwargs or {})}
    meet(fault, mode, 2, http_client_kwargs=settings).check(fault, mode, 2)


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
    first, second, third = waits(caplog)
    assert 0.002 <= first <= 0.003
    assert 0.004 <= second <= 0.006
    assert 0 < third <= 0.004


def waits(caplog: pytest.LogCaptureFixture) -> list[float]:
    """The seconds before each retry, as the SDK logs them."""
    return [float(wait) for wait in re.findall(r"Retrying request .*?in ([\d.]+) seconds", caplog.text)]


def test_calls_that_are_turned_away_together_do_not_come_back_together(caplog: pytest.LogCaptureFixture) -> None:
    turned_away = httpx2.Response(429, headers={"retry-after": "0.02"})
    with caplog.at_level(logging.INFO, "openai"):
        for _ in range(5):
            chat_generator(Api(turned_away, HELLO), max_retries=1).run("Hi")
    assert len(set(waits(caplog))) > 1


def test_retry_after_can_be_a_date(caplog: pytest.LogCaptureFixture) -> None:
    """Side by side, as each waits for one second and more."""

    def soon(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(503, headers={"retry-after": formatdate(time.time() + 2, usegmt=True)})

    def call(mode: Mode) -> str | None:
        return mode.complete(chat_generator(Api(soon, HELLO), max_retries=1)).text

    with caplog.at_level(logging.INFO, "openai"), ThreadPoolExecutor(len(MODES)) as pool:
        assert list(pool.map(call, MODES)) == ["Hello"] * len(MODES)
    assert len(waits(caplog)) == len(MODES)
    assert all(0.1 < wait <= 3 for wait in waits(caplog))


@in_all_modes
@pytest.mark.parametrize(
    ("name", "value", "seconds"),
    [
        ("retry-after", lambda: formatdate(time.time() + 3600, usegmt=True), r"3\d\d\d"),
        ("retry-after", lambda: "3600", "3600"),
        ("retry-after-ms", lambda: "3600000", "3600"),
    ],
    ids=["date", "seconds", "milliseconds"],
)
def test_a_late_time_is_told(mode: Mode, name: str, value: Callable[[], str], seconds: str) -> None:
    api = Api(httpx2.Response(503, headers={name: value()}))
    told = rf"^Error code: 503 \(to be tried again in {seconds} s\) \("
    with pytest.raises(openai.InternalServerError, match=told):
        mode.complete(chat_generator(api, max_retries=5))
    assert len(api.requests) == 1


@pytest.mark.parametrize("value", ["soon", "-1", "0", "nan", "inf", "Wed, 99 Foo 2026 00:00:00 GMT"])
def test_retry_after_that_says_nothing_is_ignored(value: str, caplog: pytest.LogCaptureFixture) -> None:
    api = Api(httpx2.Response(503, headers={"retry-after": value}), HELLO)
    with caplog.at_level(logging.INFO, "openai"):
        assert SYNC.complete(chat_generator(api, max_retries=1)).text == "Hello"
    (wait,) = waits(caplog)
    assert wait < 0.1


# Connections


@pytest.fixture(scope="module")
def tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    return context


@in_all_modes
@in_both_clients
@pytest.mark.parametrize("end", [drop, reset], ids=["closed", "reset"])
def test_kept_connection_that_turns_out_closed_is_no_fault(mode: Mode, end: Any, http_client_kwargs) -> None:
    settings = {"http_client_kwargs": http_client_kwargs, "max_retries": 1}
    with serving(hello(mode), (end,), hello(mode), **settings) as (server, generator):

        async def main() -> list[Any]:
            return [await mode.complete_async(generator) for _ in range(2)]

        replies = asyncio.run(main()) if mode.asynchronous else [mode.complete(generator) for _ in range(2)]
        assert [reply.text for reply in replies] == ["Hello", "Hello"]
        assert len(server.requests) == 3


@in_all_modes
@in_both_clients
def test_answer_on_a_kept_connection_that_is_cut_in_its_head_is_not_tried_again(mode: Mode, http_client_kwargs) -> None:
    with serving(hello(mode), CUT_LINE.answer, http_client_kwargs=http_client_kwargs) as (server, generator):

        async def main() -> None:
            await mode.complete_async(generator)
            await mode.complete_async(generator)

        with pytest.raises(openai.APIConnectionError, match=r"^The reply broke off: "):
            asyncio.run(main()) if mode.asynchronous else [mode.complete(generator) for _ in range(2)]
        assert (len(server.requests), server.connections) == (2, 1)


@in_all_modes
@in_both_clients
@pytest.mark.parametrize(("answer", "requests"), [(CUT_LINE.answer, 1), ((drop,), 3)], ids=["cut", "dropped"])
def test_how_far_a_request_got_is_known_behind_tls(
    mode: Mode, answer: Any, requests: int, http_client_kwargs, tls: ssl.SSLContext
) -> None:
    settings = {"http_client_kwargs": {**(http_client_kwargs or {}), "verify": False}, "max_retries": 2}
    with serving(answer, tls=tls, **settings) as (server, generator):
        with pytest.raises(openai.APIConnectionError):
            mode.complete(generator)
        assert len(server.requests) == requests


def speak_plainly(connection: Any) -> None:
    with socket.socket(fileno=socket.dup(connection.sock.fileno())) as raw:
        raw.sendall(b"HTTP/1.1 500 What?\r\n\r\n")


@in_all_modes
@in_both_clients
def test_answer_that_cannot_be_decrypted_is_one(mode: Mode, http_client_kwargs, tls: ssl.SSLContext) -> None:
    settings = {"http_client_kwargs": {**(http_client_kwargs or {}), "verify": False}, "max_retries": 2}
    with serving((speak_plainly, stall), tls=tls, **settings) as (server, generator):
        with pytest.raises(openai.APIConnectionError, match=r"^The reply broke off: .*SSL"):
            mode.complete(generator)
        assert len(server.requests) == 1


@in_all_modes
@in_both_clients
@pytest.mark.parametrize(
    "answer",
    [b"HTTP/1.1 200 Connection established\r\n\r\n", whole(b"", 502), b"HTTP/1.1 2"],
    ids=["opened", "refused", "cut"],
)
def test_tunnel_of_a_proxy_that_fails_is_tried_again(mode: Mode, answer: bytes, http_client_kwargs) -> None:
    with FaultServer((answer, drop)) as proxy:
        settings = {**(http_client_kwargs or {}), "proxy": proxy.url.removesuffix("/v1")}
        generator = AIMLAPIChatGenerator(
            model=MODEL, api_base_url="https://api.invalid/v1", max_retries=2, http_client_kwargs=settings
        )
        with closing(generator), pytest.raises(openai.APIConnectionError, match=r"^Connection error"):
            mode.complete(generator)
        assert [request.method for request in proxy.requests] == ["CONNECT"] * 3


@in_all_modes
@pytest.mark.parametrize(
    ("raised", "requests"),
    [
        (httpx2.ConnectError("x"), 3),
        (httpx2.PoolTimeout("x"), 3),
        (httpx2.WriteError("x"), 3),
        (httpx2.ReadError("x"), 3),
        (httpx2.ReadTimeout("x"), 1),
        (httpx2.LocalProtocolError("x"), 1),
        (httpx2.UnsupportedProtocol("x"), 1),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_transport_that_tells_nothing_is_judged_by_its_errors(raised: Exception, requests: int, mode: Mode) -> None:
    api = Api(raised)
    with pytest.raises(openai.APIConnectionError):
        mode.complete(chat_generator(api, max_retries=2))
    assert len(api.requests) == requests


@in_all_modes
def test_read_timeout_of_a_legacy_transport_is_not_tried_again(mode: Mode) -> None:
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        error = "x"
        raise httpx.ReadTimeout(error)

    with pytest.raises(openai.APITimeoutError):
        mode.complete(chat_generator(httpx.MockTransport(answer), max_retries=2))
    assert len(requests) == 1


@in_all_modes
@pytest.mark.parametrize(
    ("sent", "answered", "silence", "requests"),
    [(True, False, 0, 3), (True, False, 60, 1), (True, True, 0, 1), (False, False, 60, 3)],
    ids=["dropped", "silent", "answered", "not sent whole"],
)
def test_transport_can_tell_how_far_a_request_got(
    sent: bool, answered: bool, silence: float, requests: int, mode: Mode
) -> None:
    def answer(request: httpx2.Request) -> Exception:
        progress = request.extensions["progress"]
        progress.sent, progress.answered, progress.sent_at = sent, answered, time.monotonic() - silence
        return httpx2.ReadError("x")

    api = Api(answer)
    with pytest.raises(openai.APIConnectionError):
        mode.complete(chat_generator(api, max_retries=2))
    assert len(api.requests) == requests


@plain_only
@in_both_clients
def test_trace_of_the_user_is_called(mode: Mode, http_client_kwargs) -> None:
    seen: list[str] = []

    def trace(event: str, info: dict[str, Any]) -> None:
        seen.append(event)

    async def trace_async(event: str, info: dict[str, Any]) -> None:
        seen.append(event)

    own = {"trace": trace_async if mode.asynchronous else trace}

    def hook(request: Any) -> None:
        request.extensions.update(own)

    async def hook_async(request: Any) -> None:
        request.extensions.update(own)

    hooks = {"event_hooks": {"request": [hook_async if mode.asynchronous else hook]}}
    settings = {"transport": None, **(http_client_kwargs or {})}
    with serving(hello(mode), http_client_kwargs={**settings, **hooks}) as (_, generator):
        assert mode.complete(generator).text == "Hello"
    assert "http11.receive_response_headers.complete" in seen

    # As an extension of a request of their own.
    seen.clear()
    with serving(hello(mode), http_client_kwargs=settings) as (server, generator):

        async def main() -> None:
            await generator.warm_up_async()
            client = generator.async_client._client
            await client.send(client.build_request("POST", server.url, extensions=own))

        if mode.asynchronous:
            asyncio.run(main())
        else:
            generator.warm_up()
            client = generator.client._client
            client.send(client.build_request("POST", server.url, extensions=own))
    assert "http11.receive_response_headers.complete" in seen


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
@in_both_clients
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed_within_the_origin(status: int, mode: Mode, http_client_kwargs) -> None:
    first = whole(b"", status, location="/v2/chat/completions?a=b", set_cookie="seen=1; Path=/")
    with serving(first, hello(mode), http_client_kwargs=http_client_kwargs) as (server, generator):
        assert mode.complete(generator).text == "Hello"
        sent, again = server.requests
        assert [sent.target, again.target] == ["/v1/chat/completions", "/v2/chat/completions?a=b"]
        assert again.method == "POST"
        assert again.body == sent.body != b""
        assert again.headers == {**sent.headers, "cookie": "seen=1"}
        assert server.connections == 1


@in_all_modes
@in_both_clients
@pytest.mark.parametrize("status", [302, 307])
@pytest.mark.parametrize("to", ["port", "host", "scheme"])
def test_nothing_is_sent_to_another_origin(to: str, status: int, mode: Mode, http_client_kwargs) -> None:
    with FaultServer(hello(mode)) as stranger:
        url = {
            "port": stranger.url,
            "host": stranger.url.replace("127.0.0.1", "localhost"),
            "scheme": stranger.url.replace("http:", "https:"),
        }[to]
        answer = whole(b"", status, location=url.replace("://", "://user:pass@") + "?secret=1")
        with serving(answer, http_client_kwargs=http_client_kwargs) as (server, generator):
            with pytest.raises(openai.APIError) as caught:
                mode.complete(generator)
            assert type(caught.value) is openai.APIError
            origin = url.removesuffix("/v1")
            told = f"AIMLAPI redirected the call to another origin, where nothing was sent: {origin} ("
            assert str(caught.value).startswith(told)
            assert len(server.requests) == 1
        assert stranger.connections == 0


@in_all_modes
def test_redirects_of_all_tries_count(mode: Mode) -> None:
    redirect = whole(b"", 307, location="/v1/chat/completions")
    answers = [*[redirect] * 9, error(503, "Service unavailable"), redirect]
    with serving(*answers, max_retries=2) as (server, generator):
        with pytest.raises(openai.APIError, match=r"^AIMLAPI redirected the call more than 10 times "):
            mode.complete(generator)
        assert len(server.requests) == 12


@in_all_modes
def test_users_limits_of_redirects_hold(mode: Mode) -> None:
    redirect = whole(b"", 307, location="/v1/chat/completions")
    with serving(redirect, http_client_kwargs={"max_redirects": 2}) as (server, generator):
        with pytest.raises(openai.APIError, match="more than 2 times"):
            mode.complete(generator)
        assert len(server.requests) == 3
    with serving(redirect, http_client_kwargs={"follow_redirects": False}) as (server, generator):
        with pytest.raises(openai.APIStatusError, match=r"^Error code: 307 ") as caught:
            mode.complete(generator)
        assert caught.value.status_code == 307
        assert len(server.requests) == 1


@in_all_modes
@in_both_clients
def test_the_latest_cookie_goes_along(mode: Mode, http_client_kwargs) -> None:
    redirects = [whole(b"", 307, location="/v1/x", set_cookie=f"seen={number}; Path=/") for number in (1, 2)]
    with serving(*redirects, hello(mode), http_client_kwargs=http_client_kwargs) as (server, generator):
        assert mode.complete(generator).text == "Hello"
        assert [request.headers.get("cookie") for request in server.requests] == [None, "seen=1", "seen=2"]


@in_all_modes
def test_a_redirect_takes_the_timeout_along(mode: Mode) -> None:
    api = Api(httpx2.Response(307, headers={"location": "/v1/x"}), HELLO)
    mode.complete(chat_generator(api, timeout=7))
    assert [request.extensions["timeout"]["read"] for request in api.requests] == [7, 7]


@plain_only
async def test_follow_redirects_of_one_request_holds(mode: Mode) -> None:
    redirect = httpx2.Response(307, headers={"location": "/v1/x"})
    client = await http_client(chat_generator(Api(redirect, HELLO)), mode)
    request = client.build_request("POST", "https://api.aimlapi.com/v1/chat/completions", json={})
    sent = client.send(request, follow_redirects=False)
    assert (await sent if mode.asynchronous else sent).status_code == 307


async def http_client(generator: AIMLAPIChatGenerator, mode: Mode) -> Any:
    """The client of httpx2 or httpx in the one that the component made of the SDK's."""
    generator.warm_up()
    await generator.warm_up_async()
    return (generator.async_client if mode.asynchronous else generator.client)._client


def test_redirects_of_a_client_that_is_used_by_itself_end() -> None:
    api = Api(httpx2.Response(307, headers={"location": "/v1/chat/completions"}))
    generator = chat_generator(api)
    generator.warm_up()
    client = generator.client._client
    request = client.build_request("POST", "https://api.aimlapi.com/v1/chat/completions", json={})
    with pytest.raises(openai.APIError, match="more than 10 times"):
        client.send(request)
    assert len(api.requests) == 11


@plain_only
@in_both_clients
async def test_a_client_that_is_used_by_itself_reads_the_body(mode: Mode, http_client_kwargs) -> None:
    with serving(whole(HELLO), http_client_kwargs=http_client_kwargs) as (server, generator):
        client = await http_client(generator, mode)
        request = client.build_request("GET", server.url)
        sent = client.send(request, auth=("me", "secret"))
        response = await sent if mode.asynchronous else sent
        await client.aclose() if mode.asynchronous else client.close()
        assert (response.json(), response.is_closed) == (HELLO, True)
        assert server.requests[0].headers["authorization"] == f"Basic {base64.b64encode(b'me:secret').decode()}"
        with pytest.raises(openai.APIConnectionError, match=r"^The component was closed during the call\.$"):
            await client.send(request) if mode.asynchronous else client.send(request)


# User information in the base URL


@in_all_modes
@in_both_clients
def test_user_information_of_the_url_is_sent_and_not_told(
    mode: Mode, http_client_kwargs, caplog: pytest.LogCaptureFixture
) -> None:
    credentials = base64.b64encode(b"user-0123:pass@4567").decode()
    secrets = ["user-0123", "pass@4567", "pass%404567", credentials]
    said = f"No user-0123 with pass@4567 in {credentials}"
    with (
        caplog.at_level(logging.DEBUG),
        FaultServer(hello(mode), error(401, said)) as server,
        closing(
            AIMLAPIChatGenerator(
                model=MODEL,
                api_base_url=server.url.replace("://", "://user-0123:pass%404567@"),
                http_client_kwargs=http_client_kwargs,
            )
        ) as generator,
    ):
        assert mode.complete(generator).text == "Hello"
        assert server.requests[0].headers["authorization"] == f"Basic {credentials}"
        with pytest.raises(openai.AuthenticationError, match=r"- No \*\*\* with \*\*\* in \*\*\* \(") as caught:
            mode.complete(generator)
    told = [caplog.text, str(caught.value), str(caught.value.request.url), repr(caught.value.body)]
    assert [secret for secret in secrets for text in told if secret in text] == []
