# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""How streams are read, closed and drained, and their connections used again, with real sockets."""

import asyncio
import gzip
import json
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from typing import Any

import httpx2
import openai
import pytest
import trustme
from openai.resources.chat.completions import AsyncCompletions, Completions

from haystack_integrations.components.generators.aimlapi import AIMLAPIChatGenerator
from tests.support.api import Api, chat_generator
from tests.support.modes import ASYNC_STREAMED, SYNC_STREAMED, Mode, in_all_modes, in_both_clients, streamed_only
from tests.support.replies import HELLO
from tests.support.server import (
    DONE,
    END,
    PATIENCE,
    STREAMED_HELLO,
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

BEGUN = (head(content_type="application/json", content_length="999"), b'{"choices": [')
BEGUN_STREAM = (stream_head(), event(WORD))
OVERLOADED = {"error": {"message": "Overloaded", "type": "server_error"}}
SOON = 0.3
"""A time limit in seconds, for servers that never answer."""


# Streams are closed at once


class Interrupted(BaseException):
    pass


OPEN_STREAM = (stream_head(), event(WORD), event(WORD), stall)


def assert_disconnects(
    mode: Mode, server: FaultServer, generator: Any, expected: type[BaseException], **kwargs: Any
) -> None:
    """The server sees the disconnect while the exception is handled: the event loop gets no turn before that."""

    async def main() -> bool:
        try:
            await mode.complete_async(generator, **kwargs)
        except expected:
            return server.all_disconnected()
        return False

    assert asyncio.run(main())


@streamed_only
@in_both_clients
@pytest.mark.parametrize("error", [ValueError("a bug"), Interrupted()], ids=["exception", "interrupt"])
def test_callback_that_raises_ends_the_stream(mode: Mode, error: BaseException, http_client_kwargs) -> None:
    def callback(chunk: Any) -> None:
        raise error

    async def callback_async(chunk: Any) -> None:
        raise error

    broken = callback_async if mode.asynchronous else callback
    with serving(OPEN_STREAM, http_client_kwargs=http_client_kwargs) as (server, generator):
        assert_disconnects(mode, server, generator, type(error), streaming_callback=broken)


@streamed_only
@in_both_clients
@pytest.mark.parametrize("bad", [event(OVERLOADED), event("{"), event("[]")], ids=["error", "malformed", "no object"])
def test_bad_frame_ends_the_stream(mode: Mode, bad: bytes, http_client_kwargs) -> None:
    answer = (stream_head(), event(WORD), bad, stall)
    with serving(answer, http_client_kwargs=http_client_kwargs) as (server, generator):
        assert_disconnects(mode, server, generator, openai.APIError)


@in_both_clients
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


@streamed_only
@in_both_clients
@pytest.mark.usefixtures("traced")
def test_streams_share_a_connection(mode: Mode, http_client_kwargs) -> None:
    async def main() -> None:
        for _ in range(20):
            assert (await mode.complete_async(generator)).text == "Hello"

    with serving(STREAMED_HELLO, http_client_kwargs=http_client_kwargs) as (server, generator):
        asyncio.run(main())
        assert (len(server.requests), server.connections) == (20, 1)


@pytest.fixture(scope="module")
def tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    return context


def talk_on(connection: Any) -> None:
    while True:
        connection.sock.sendall(event(WORD) * 100)


@streamed_only
@in_both_clients
@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
@pytest.mark.parametrize(
    "rest",
    [(stall,), (event(WORD) * 3, stall), (talk_on,), (drop,), (b"no chunk\r\n", stall)],
    ids=["silent", "talking", "never silent", "dropped", "garbled"],
)
def test_server_that_goes_on_after_done_holds_nothing_back(
    mode: Mode, rest: Answer, secure: bool, http_client_kwargs, tls: ssl.SSLContext
) -> None:
    answer = (stream_head(), event(WORD), event("[DONE]"), *rest)
    settings = {"http_client_kwargs": {**(http_client_kwargs or {}), "verify": False}} if secure else {}
    with serving(answer, hello(mode), tls=tls if secure else None, **settings) as (server, generator):

        async def main() -> None:
            assert (await mode.complete_async(generator)).text == "Hello"
            assert server.all_disconnected()
            await mode.complete_async(generator)

        asyncio.run(main())
        assert server.connections == 2


@in_both_clients
def test_stream_takes_no_thread_of_its_own(http_client_kwargs, monkeypatch: pytest.MonkeyPatch) -> None:
    start, here = threading.Thread.start, threading.get_ident()
    started: list[threading.Thread] = []

    def watched_start(thread: threading.Thread) -> None:
        if threading.get_ident() == here:
            started.append(thread)
        start(thread)

    answer = (stream_head(), event(WORD), event("[DONE]"), stall)
    with serving(STREAMED_HELLO, answer, http_client_kwargs=http_client_kwargs) as (_, generator):
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", watched_start)
            for _ in range(2):
                assert SYNC_STREAMED.complete(generator).text == "Hello"
        assert started == []


@in_all_modes
@pytest.mark.parametrize("end", [drop, reset], ids=["cut", "reset"])
@in_both_clients
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


@in_all_modes
def test_secure_reply_that_is_garbled(mode: Mode, tls: ssl.SSLContext) -> None:
    begun = BEGUN_STREAM if mode.streamed else BEGUN
    answer = (*begun, speak_plainly, stall)
    with serving(answer, tls=tls, http_client_kwargs={"verify": False}) as (server, generator):
        with pytest.raises(openai.APIConnectionError, match=r"The reply broke off: .*SSL"):
            mode.complete(generator)
        assert server.all_disconnected()
        assert len(server.requests) == 1


# Odd but good streams


@streamed_only
@in_both_clients
@pytest.mark.parametrize(
    "answer",
    [
        (stream_head(), event(WORD), END),
        (stream_head(), b"a\r\n: waiting\n\r\n", event(""), event(WORD), DONE),
        (head(connection="close"), b"data: " + event(WORD).split(b"data: ")[1], drop),
        whole(HELLO),
        whole(HELLO, content_type="application/vnd.api+json; charset=utf-8"),
    ],
    ids=["no done", "comments", "no type or length", "plain", "plain of another type"],
)
def test_stream_is_read_as_it_comes(mode: Mode, answer: Answer, http_client_kwargs) -> None:
    with serving(answer, http_client_kwargs=http_client_kwargs) as (_, generator):
        assert mode.complete(generator).text == "Hello"


@pytest.mark.usefixtures("traced")
@streamed_only
@in_both_clients
def test_compressed_stream_is_read(mode: Mode, http_client_kwargs) -> None:
    events = b"".join(f"data: {data}\n\n".encode() for data in (json.dumps(WORD), "[DONE]"))
    with serving(
        whole(gzip.compress(events), content_type="text/event-stream", content_encoding="gzip"),
        http_client_kwargs=http_client_kwargs,
    ) as (_, generator):
        assert mode.complete(generator).text == "Hello"


@pytest.mark.usefixtures("traced")
@streamed_only
def test_stream_that_a_hook_has_read_is_a_reply_all_the_same(mode: Mode) -> None:
    seen = []

    def hook(response: httpx2.Response) -> None:
        seen.append(response.read())

    async def hook_async(response: httpx2.Response) -> None:
        seen.append(await response.aread())

    hooks = {"event_hooks": {"response": [hook_async if mode.asynchronous else hook]}}
    with serving(STREAMED_HELLO, http_client_kwargs=hooks) as (_, generator):
        assert mode.complete(generator).text == "Hello"
    assert [read.count(b"data: ") for read in seen] == [3]


@in_all_modes
def test_body_that_a_hook_has_closed_is_not_read(mode: Mode) -> None:
    def hook(response: httpx2.Response) -> None:
        response.close()

    async def hook_async(response: httpx2.Response) -> None:
        await response.aclose()

    hooks = {"event_hooks": {"response": [hook_async if mode.asynchronous else hook]}}
    with (
        serving(hello(mode), http_client_kwargs=hooks, max_retries=0) as (_, generator),
        # Older versions of the SDK take it for a fault of the connection.
        pytest.raises((httpx2.StreamClosed, openai.APIConnectionError), match="the stream has been closed"),
    ):
        mode.complete(generator)


@streamed_only
@pytest.mark.parametrize(("version", "drained"), [(b"HTTP/1.1", [True]), (b"HTTP/2", [])], ids=["1.1", "2"])
def test_rest_is_read_only_if_that_frees_the_connection(mode: Mode, version: bytes, drained: list[bool]) -> None:
    read_on = []

    class Body(httpx2.SyncByteStream, httpx2.AsyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield f"data: {json.dumps(WORD)}\n\ndata: [DONE]\n\n".encode()
            read_on.append(True)

        async def __aiter__(self) -> AsyncIterator[bytes]:
            for part in self:
                yield part

    answer = httpx2.Response(200, stream=Body(), extensions={"http_version": version})
    with closing(chat_generator(Api(answer))) as generator:
        assert mode.complete(generator).text == "Hello"
    assert read_on == drained


class Endless(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    """Says the same piece for as long as somebody listens."""

    def __init__(self, piece: bytes) -> None:
        self.piece, self.said = piece, 0

    def __iter__(self) -> Iterator[bytes]:
        while True:
            self.said += 1
            yield self.piece

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece


@in_all_modes
@pytest.mark.parametrize(("status", "piece"), [(200, b" " * 2**20), (500, b" " * 2**20), (200, b"data: x" * 2**18)])
async def test_a_body_without_end_is_an_error(mode: Mode, status: int, piece: bytes) -> None:
    body = Endless(piece)
    generator = chat_generator(Api(httpx2.Response(status, stream=body)))
    with pytest.raises(openai.APIError, match="AIMLAPI answered with more than 256 MiB"):
        await mode.complete_async(generator)
    assert body.said <= 257
