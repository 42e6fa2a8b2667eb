# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""The asynchronous transport, over real sockets."""

import asyncio
import contextlib
import functools
import gc
import logging
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from time import monotonic
from typing import Any
from unittest import mock

import aiohttp
import httpcore2
import httpx2
import pytest
import respx
import trustme

from haystack_integrations.common.aimlapi.aiohttp_transport import AiohttpTransport, is_patched
from haystack_integrations.common.aimlapi.progress import Progress
from tests.support.server import (
    END,
    PATIENCE,
    Answer,
    Connection,
    DroppedError,
    FaultServer,
    drop,
    event,
    head,
    reset,
    stall,
    stream_head,
    whole,
)

SOON = 0.15
"""A limit of time, for what never happens."""
LONG = 600.0
"""Seconds that no test takes, but some skip."""
OK = whole(b"ok", content_type="text/plain")
BEGUN = (head(content_length="99"), b"begun")
BEGUN_STREAM = (stream_head(), event("begun"))
BEGUN_CHUNK = event("begun").split(b"\r\n")[1]
UNCONNECTED = Progress(sent=False, answered=False)
NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
NO_LIMITS = {"max_connections": None, "max_keepalive_connections": None, "keepalive_expiry": None}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each test runs on both event loops, if uvloop is there."""
    if "run" in metafunc.fixturenames:
        metafunc.parametrize("run", ["asyncio", "uvloop"], indirect=True)


@pytest.fixture
def run(request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[Any], Any]]:
    """Run a coroutine, in which nothing may be logged as a warning or worse."""
    factory = None
    if request.param == "uvloop":
        factory = pytest.importorskip("uvloop").new_event_loop

    def run_in_loop(coroutine: Any) -> Any:
        with asyncio.Runner(loop_factory=factory) as runner:
            return runner.run(asyncio.wait_for(coroutine, PATIENCE))

    yield run_in_loop
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.fixture(scope="module", autouse=True)
def no_leftovers() -> Iterator[None]:
    """What aiohttp or an event loop says of connections that nobody closed, when the garbage collector finds them."""
    said: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = said.append
    logger = logging.getLogger("asyncio")
    logger.addHandler(handler)
    yield
    gc.collect()
    logger.removeHandler(handler)
    assert [record.getMessage() for record in said if record.levelno >= logging.ERROR] == []


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def tls(authority: trustme.CA) -> ssl.SSLContext:
    """The settings of a server with a certificate for 127.0.0.1 and for `name.test`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "name.test").configure_cert(context)
    return context


@pytest.fixture(scope="module")
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def make(ssl_context: ssl.SSLContext | None = None, **limits: Any) -> AiohttpTransport:
    return AiohttpTransport(ssl_context=ssl_context or NO_AUTHORITIES, limits=httpx2.Limits(**{**NO_LIMITS, **limits}))


def client(transport: httpx2.AsyncBaseTransport | None = None, **settings: Any) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(**{"transport": transport or make(), "timeout": PATIENCE, **settings})


async def post(client: httpx2.AsyncClient, url: str, content: Any = b"asked", **settings: Any) -> httpx2.Response:
    return await client.post(url, content=content, **settings)


class Clock:
    """The clock of the running event loop, of asyncio's own kind, whose time can be skipped."""

    def __init__(self) -> None:
        self._loop: Any = asyncio.get_running_loop()
        self._time = self._loop.time
        self._skipped = 0.0
        self._loop.time = lambda: self._time() + self._skipped

    async def skip(self, seconds: float) -> None:
        await asyncio.sleep(0.01)
        self._skipped += seconds
        await asyncio.sleep(0.01)


async def until(condition: Callable[[], Any]) -> None:
    while not condition():
        await asyncio.sleep(0.001)


@contextlib.asynccontextmanager
async def wire(*parts: bytes | float, after: bytes = b"\r\n\r\n") -> AsyncIterator[tuple[str, bytearray]]:
    """A server that keeps what it receives, byte by byte, and answers with the parts, or seconds between them."""
    received = bytearray()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                received.extend(data)
                if after in data:
                    for part in parts:
                        if isinstance(part, bytes):
                            writer.write(part)
                        else:
                            await asyncio.sleep(part)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", received


# What is sent


def test_request_is_sent_as_it_is(run) -> None:
    async def main() -> None:
        headers = [("X-Two", "1"), ("x-lower", "é".encode()), ("X-Two", "2"), ("UPPER", "3")]
        async with wire(OK) as (url, received), make() as transport:
            request = httpx2.Request("POST", f"{url}/a%20b/%7e?q=%2F&q=é#part", headers=headers, content=b"asked")
            response = await transport.handle_async_request(request)
            await response.aread()
            host = url.removeprefix("http://")
            assert received.decode().split("\r\n") == [
                "POST /a%20b/%7e?q=%2F&q=%C3%A9 HTTP/1.1",
                f"Host: {host}",
                "X-Two: 1",
                "x-lower: é",
                "X-Two: 2",
                "UPPER: 3",
                "Content-Length: 5",
                "",
                "asked",
            ]

    run(main())


def test_user_information_of_the_address_is_no_second_header(run) -> None:
    async def main() -> None:
        async with wire(OK) as (url, received), client() as http:
            await http.get(url.replace("//", "//user:word@"))
            assert received.lower().count(b"authorization") == 1

    run(main())


def test_cookies_are_left_to_the_client(run) -> None:
    async def main() -> None:
        async with wire(head(content_length="0", set_cookie="a=b")) as (url, received), make() as transport:
            for _ in range(2):
                await transport.handle_async_request(httpx2.Request("GET", url))
            assert b"a=b" not in received

    run(main())


def test_redirects_and_encodings_are_left_to_the_client(run) -> None:
    async def main() -> None:
        async with make() as transport:
            response = await transport.handle_async_request(httpx2.Request("GET", server.url))
            assert response.status_code == 307
            assert [part async for part in response.stream] == [b"no gzip"]
            assert len(server.requests) == 1

    with FaultServer(whole(b"no gzip", 307, location="/elsewhere", content_encoding="gzip")) as server:
        run(main())


@pytest.mark.parametrize("size", [0, 1, 65536, 8_000_000])
def test_bodies_are_sent_whole(run, size: int) -> None:
    async def main() -> None:
        async with client() as http:
            assert (await post(http, server.url, body)).text == "ok"
            assert server.requests[0].body == body

    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    with FaultServer(OK) as server:
        run(main())


def test_body_that_is_made_while_it_is_sent(run) -> None:
    async def body() -> AsyncIterator[bytes]:
        for part in (b"first", b"", b"second"):
            yield part
            await asyncio.sleep(0)

    async def main() -> None:
        async with wire(OK, after=b"0\r\n\r\n") as (url, received), client() as http:
            await post(http, url, body())
            assert received.lower().count(b"transfer-encoding: chunked\r\n") == 1
            assert received.partition(b"\r\n\r\n")[2] == b"5\r\nfirst\r\n6\r\nsecond\r\n0\r\n\r\n"

    run(main())


def test_body_that_goes_on_while_the_answer_comes(run) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"first")
        writer.write(stream_head())
        await reader.readuntil(b"second\r\n0\r\n\r\n")
        writer.write(b"1\r\nx\r\n" + END)
        await reader.read()
        writer.close()

    async def main() -> None:
        answered = asyncio.Event()

        async def body() -> AsyncIterator[bytes]:
            yield b"first"
            await answered.wait()
            yield b"second"

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server, client() as http:
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            async with http.stream("POST", url, content=body()) as response:
                answered.set()
                assert await response.aread() == b"x"

    run(main())


def test_error_of_the_body_is_raised_as_it_is(run) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"first"
        msg = "no second"
        raise LookupError(msg)

    async def main() -> None:
        async with client() as http:
            with pytest.raises(LookupError, match="no second"):
                await post(http, server.url, body())
            assert server.all_disconnected()

    with FaultServer(stall) as server:
        run(main())


@pytest.mark.parametrize("header", ["X\r\nInjected: 1", b"\xff"])
def test_header_that_cannot_be_sent(run, header: Any) -> None:
    async def main() -> None:
        async with wire(OK) as (url, received), client() as http:
            with pytest.raises(httpx2.LocalProtocolError, match=r"(?i)header|utf-8|ascii"):
                await http.get(url, headers={"x-header": header})
            assert received == b""

    run(main())


# What comes back


def test_response_is_handed_over_as_it_is(run) -> None:
    async def main() -> None:
        async with make() as transport:
            response = await transport.handle_async_request(httpx2.Request("GET", server.url))
            assert response.headers.raw == [(b"X-Two", b"1"), (b"x-two", b"\xe9"), (b"Content-Length", b"0")]
            assert response.status_code == 299
            assert response.http_version == "HTTP/1.1"
            assert response.reason_phrase == "Quite Good"
            assert [part async for part in response.stream] == []

    raw = b"HTTP/1.1 299 Quite Good\r\nX-Two: 1\r\nx-two: \xe9\r\nContent-Length: 0\r\n\r\n"
    with FaultServer(raw) as server:
        run(main())


def test_each_read_is_handed_over_at_once(run) -> None:
    parts = [b"one", b"two\r\n", b"three"]
    seen = threading.Semaphore(0)

    def wait(_: Connection) -> None:
        assert seen.acquire(timeout=PATIENCE)

    async def main() -> None:
        async with client() as http, http.stream("GET", server.url) as response:
            came = []
            async for part in response.aiter_raw():
                came.append(part)
                seen.release()
            assert came == parts

    steps = [step for part in parts for step in (b"%x\r\n%b\r\n" % (len(part), part), wait)]
    with FaultServer((stream_head(), *steps, END)) as server:
        run(main())


@pytest.mark.parametrize(
    ("method", "answer"),
    [("HEAD", head(content_length="99")), ("GET", head(204)), ("GET", head(304, content_length="99"))],
    ids=["HEAD", "204", "304"],
)
def test_answers_without_a_body(run, method: str, answer: bytes) -> None:
    async def main() -> None:
        async with client() as http:
            for _ in range(2):
                assert (await http.request(method, server.url)).content == b""
            assert server.connections == 1

    with FaultServer(answer) as server:
        run(main())


def test_interim_answers_are_passed_over(run) -> None:
    async def main() -> None:
        async with wire(head(100), 0.01, head(103, link="x"), OK) as (url, received), client() as http:
            assert (await post(http, url, headers={"Expect": "100-continue"})).text == "ok"
            await until(lambda: received.endswith(b"\r\n\r\nasked"))

    run(main())


def test_answer_of_an_older_version(run) -> None:
    async def main() -> None:
        async with client() as http:
            response = await http.get(server.url)
            assert (response.http_version, response.text) == ("HTTP/1.0", "ok")

    with FaultServer((OK.replace(b"HTTP/1.1", b"HTTP/1.0"), drop)) as server:
        run(main())


def test_large_body_arrives_whole(run) -> None:
    async def main() -> None:
        async with client() as http, http.stream("GET", server.url) as response:
            came = bytearray()
            async for part in response.aiter_raw():
                came += part
                await asyncio.sleep(0)
            assert came == body

    body = bytes(range(256)) * 40_000
    with FaultServer(whole(body)) as server:
        run(main())


@pytest.mark.parametrize("size", [9_000, 60_000])
def test_long_headers(run, size: int) -> None:
    async def main() -> None:
        async with client() as http:
            assert len((await http.get(server.url)).headers["x-long"]) == size

    with FaultServer(whole(b"ok", x_long="x" * size)) as server:
        run(main())


# Faults


def full() -> tuple[str, contextlib.ExitStack]:
    """An address that takes no connection, and never says so."""
    stack = contextlib.ExitStack()
    listener = stack.enter_context(socket.socket())
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    for _ in range(2):
        waiting = stack.enter_context(socket.socket())
        waiting.setblocking(False)
        waiting.connect_ex(listener.getsockname())
    return f"http://127.0.0.1:{listener.getsockname()[1]}", stack


def fails(
    run: Any,
    url: str,
    expected: type[Exception],
    match: str | None = None,
    tls: ssl.SSLContext | None = None,
    **limits: float,
) -> Progress:
    """Expect an error of a request, and get how far that came. The response itself may be good."""
    progress = Progress()

    async def main() -> None:
        timeout = httpx2.Timeout(PATIENCE, **limits)
        async with client(make(tls), timeout=timeout) as http:
            with pytest.raises(expected, match=match) as caught:
                await post(http, url, extensions={"progress": progress})
            assert type(caught.value) in (expected if isinstance(expected, tuple) else (expected,))
            assert_discreet(caught.value)

    run(main())
    return progress


def assert_discreet(error: BaseException | None) -> None:
    """Errors of aiohttp have the headers of the request."""
    if error is not None:
        assert "RequestInfo" not in repr(vars(error)) + repr(error.args)
        assert_discreet(error.__cause__)
        assert_discreet(error.__context__)


def test_nobody_listens(run) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        progress = fails(run, f"http://127.0.0.1:{sock.getsockname()[1]}", httpx2.ConnectError, r"^\[Errno \d+\] ")
    assert progress == UNCONNECTED


@pytest.mark.parametrize("host", ["name.invalid", "x" * 64 + ".invalid"])
def test_name_that_cannot_be_resolved(run, host: str) -> None:
    async def main() -> None:
        async with client() as http:
            with pytest.raises(httpx2.TransportError):
                await post(http, f"http://{host}", extensions={"progress": progress})

    progress = Progress()
    run(main())
    assert progress == UNCONNECTED


def test_certificate_of_an_unknown_authority(run, tls: ssl.SSLContext) -> None:
    with FaultServer(OK, tls=tls) as server:
        progress = fails(run, server.url, httpx2.ConnectError, "CERTIFICATE_VERIFY_FAILED")
        assert server.all_disconnected()
    assert progress == UNCONNECTED
    assert server.requests == []


def test_tls_with_a_server_that_has_none(run) -> None:
    async def main() -> None:
        async with wire(OK, after=b"") as (url, _), client() as http:
            with pytest.raises(httpx2.ConnectError):
                await post(http, url.replace("http", "https"))

    run(main())


def test_connection_that_ends_in_the_handshake(run) -> None:
    async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async def main() -> None:
        async with await asyncio.start_server(close, "127.0.0.1", 0) as server, client() as http:
            with pytest.raises(httpx2.ConnectError):
                await post(http, f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}")

    run(main())


UNANSWERED = Progress(sent=True, answered=False)
ANSWERED = Progress(sent=True, answered=True)
FAULTS: list[tuple[str, Answer, type[Exception], str | None, Progress]] = [
    ("dropped", (drop,), httpx2.RemoteProtocolError, "without sending a response", UNANSWERED),
    ("reset", (reset,), httpx2.ReadError, "reset", UNANSWERED),
    ("one byte", (b"H", drop), httpx2.RemoteProtocolError, "without sending its whole head", ANSWERED),
    ("status cut", (b"HTTP/1.1 20", drop), httpx2.RemoteProtocolError, "whole head", ANSWERED),
    ("head cut", (b"HTTP/1.1 200 OK\r\nX: y\r\n", drop), httpx2.RemoteProtocolError, "whole head", ANSWERED),
    ("head reset", (b"HTTP/1.1 200 OK\r\nX: y\r\n", lambda _: pause(), reset), httpx2.ReadError, "reset", ANSWERED),
    ("no HTTP", (b"hello\r\n\r\n", stall), httpx2.RemoteProtocolError, "(?i)status|http", ANSWERED),
    ("bad header", (head(bad_length="1", content_length="x"), stall), httpx2.RemoteProtocolError, None, ANSWERED),
    ("body cut", (*BEGUN, drop), httpx2.RemoteProtocolError, r"received 5 bytes, expected 99", ANSWERED),
    ("body reset", (*BEGUN, lambda _: pause(), reset), httpx2.ReadError, "reset", ANSWERED),
    ("stream cut", (*BEGUN_STREAM, drop), httpx2.RemoteProtocolError, "incomplete chunked read", ANSWERED),
    ("chunk cut", (*BEGUN_STREAM, b"9\r\nhalf", drop), httpx2.RemoteProtocolError, "incomplete chunked", ANSWERED),
    ("stream reset", (*BEGUN_STREAM, lambda _: pause(), reset), httpx2.ReadError, "reset", ANSWERED),
    ("no chunk", (*BEGUN_STREAM, b"what?\r\n", stall), httpx2.RemoteProtocolError, None, ANSWERED),
    (
        "no chunk later",
        (*BEGUN_STREAM, lambda _: pause(), b"what?\r\n", stall),
        httpx2.RemoteProtocolError,
        None,
        ANSWERED,
    ),
    ("endless body reset", (head(), b"begun", lambda _: pause(), reset), httpx2.ReadError, "reset", ANSWERED),
]


def pause() -> None:
    """Let what was sent arrive: a reset overtakes it."""
    threading.Event().wait(0.2)


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
@pytest.mark.parametrize(
    ("answer", "expected", "match", "progress"), [f[1:] for f in FAULTS], ids=[f[0] for f in FAULTS]
)
def test_faults(run, answer, expected, match, progress, secure: bool, tls, trusting) -> None:
    if secure and match == "reset":
        # Under TLS, what comes first decides: the reset, or the end of what was to be read before it.
        expected, match = (httpx2.ReadError, httpx2.RemoteProtocolError), None
    with FaultServer(answer, tls=tls if secure else None) as server:
        before = monotonic()
        seen = fails(run, server.url, expected, match, trusting if secure else None)
        assert before < seen.sent_at < monotonic()
        seen.sent_at = None
        assert seen == progress
        assert server.all_disconnected()
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("answer", "kind"),
    [((drop,), aiohttp.ServerDisconnectedError), ((*BEGUN, drop), aiohttp.ClientPayloadError)],
    ids=["head", "body"],
)
def test_the_error_of_aiohttp_is_the_cause_without_its_frames(run, answer: Any, kind: type[Exception]) -> None:
    async def main() -> BaseException | None:
        async with client() as http:
            with pytest.raises(httpx2.RemoteProtocolError) as caught:
                await post(http, server.url)
            return caught.value.__cause__

    with FaultServer(answer) as server:
        cause = run(main())
    assert type(cause) is kind
    assert cause.__traceback__ is None


@pytest.mark.parametrize("begun", [(), BEGUN, BEGUN_STREAM], ids=["before", "in the body", "in a stream"])
def test_what_is_not_encrypted(run, begun: Any, tls, trusting) -> None:
    def speak_plainly(connection: Connection) -> None:
        with socket.socket(fileno=socket.dup(connection.sock.fileno())) as raw:
            raw.sendall(b"HTTP/1.1 500 What?\r\n\r\n")

    answer = (*begun, lambda _: pause(), speak_plainly, stall)
    with FaultServer(answer, tls=tls) as server:
        assert fails(run, server.url, httpx2.ReadError, "SSL", trusting).answered
        assert server.all_disconnected()


@pytest.mark.parametrize("begun", [BEGUN, BEGUN_STREAM], ids=["body", "stream"])
@pytest.mark.parametrize("end", [drop, b"what?\r\n"], ids=["cut", "malformed"])
@pytest.mark.parametrize("late", [False, True], ids=["at once", "late"])
def test_what_came_before_a_fault_is_handed_over(run, begun: Any, end: Any, late: bool) -> None:
    async def main() -> None:
        async with client() as http, http.stream("GET", server.url) as response:
            if late:
                await asyncio.to_thread(pause)
            came = b""
            with pytest.raises(httpx2.RemoteProtocolError):
                async for part in response.aiter_raw():
                    came += part
            assert came in (b"begun", BEGUN_CHUNK, b"begunwhat?\r\n")

    with FaultServer((*begun, end, drop)) as server:
        run(main())


def test_all_that_came_before_a_fault_is_handed_over(run) -> None:
    async def main() -> None:
        async with client() as http, http.stream("GET", server.url) as response:
            assert await asyncio.to_thread(server.all_disconnected)
            came = b""
            with pytest.raises(httpx2.RemoteProtocolError):
                async for part in response.aiter_raw():
                    came += part
            assert came == b"begun and more"

    with FaultServer((*BEGUN, lambda _: pause(), b" and more", drop)) as server:
        run(main())


def test_head_is_known_although_what_came_with_it_is_malformed(run) -> None:
    async def main() -> None:
        async with client() as http, http.stream("GET", server.url) as response:
            assert response.headers["x-id"] == "1"
            with pytest.raises(httpx2.RemoteProtocolError, match=r"^The body of the response is malformed$"):
                await response.aread()

    with FaultServer(stream_head(x_id="1") + event("begun") + b"what?\r\n") as server:
        run(main())


def test_body_that_ends_with_its_connection(run) -> None:
    async def main() -> None:
        async with client() as http:
            for _ in range(2):
                assert (await http.get(server.url)).text == "all"
            assert server.connections == 2

    with FaultServer((head(), b"all", drop)) as server:
        run(main())


def test_progress_is_that_of_the_last_request(run) -> None:
    async def main() -> None:
        async with client(follow_redirects=True) as http:
            with pytest.raises(httpx2.RemoteProtocolError):
                await http.get(server.url, extensions={"progress": progress})
            assert len(server.requests) == 2

    progress = Progress()
    with FaultServer(whole(b"", 307, location="/elsewhere"), (drop,)) as server:
        run(main())
    assert (progress.sent, progress.answered) == (True, False)


# Never twice


@pytest.mark.parametrize("method", ["POST", "PUT", "GET"])
@pytest.mark.parametrize(
    ("end", "expected"), [(drop, httpx2.RemoteProtocolError), (reset, httpx2.ReadError)], ids=["dropped", "reset"]
)
def test_request_is_never_sent_again(run, method: str, end: Any, expected: type[Exception]) -> None:
    async def main() -> None:
        async with client() as http:
            assert (await http.get(server.url)).text == "ok"
            content = None if method == "GET" else b"asked"
            with pytest.raises(expected):
                await http.request(method, server.url, content=content, extensions={"progress": progress})
            assert [request.method for request in server.requests] == ["GET", method]

    progress = Progress()
    with FaultServer(OK, (end,)) as server:
        run(main())
    assert server.connections == 1
    assert not progress.answered


def test_connection_that_was_closed_while_it_was_idle_is_not_used(run) -> None:
    async def main() -> None:
        async with client() as http:
            for count in (1, 2):
                assert (await post(http, server.url)).text == "ok"
                assert await asyncio.to_thread(server.all_disconnected)
                await asyncio.sleep(0)
                assert server.connections == count

    with FaultServer((OK, drop)) as server:
        run(main())


@pytest.mark.parametrize("late", [False, True], ids=["at once", "late"])
def test_answer_that_nobody_asked_for_answers_nothing(run, late: bool) -> None:
    async def main() -> None:
        async with client() as http:
            for _ in range(2):
                assert (await post(http, server.url)).text == "ok"
                go_on.release()
                if late:
                    assert await asyncio.to_thread(server.all_disconnected)

    go_on = threading.Semaphore(0)
    stray = whole(b"stray", 408)
    answer = (OK, lambda _: go_on.acquire(timeout=PATIENCE), stray, stall) if late else (OK + stray, stall)
    with FaultServer(answer) as server:
        run(main())


def capacity(listener: socket.socket) -> int:
    """The number of bytes that a connection takes although nobody reads them."""
    with socket.create_connection(listener.getsockname()) as sock, listener.accept()[0]:
        sock.setblocking(False)
        count = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                count += sock.send(bytes(65536))
        return count


@pytest.mark.parametrize("excess", [40_000, 20_000_000], ids=["an end left", "much left"])
def test_request_that_is_not_sent_whole(run, excess: int) -> None:
    def serve() -> None:
        sock, _ = listener.accept()
        with sock:
            assert sock.recv(1)
            give_up.wait(PATIENCE)

    async def main() -> None:
        async with client() as http:
            task = asyncio.create_task(http.post(url, content=body, extensions={"progress": progress}))
            await asyncio.sleep(SOON)
            give_up.set()
            with pytest.raises(httpx2.WriteError):
                await task

    progress, give_up = Progress(), threading.Event()
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # Or it would grow, now more, now less.
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        body = bytes(capacity(listener) + excess)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread = threading.Thread(target=serve)
        thread.start()
        run(main())
        thread.join()
    assert (progress.sent, progress.sent_at) == (False, None)


def test_answer_that_comes_before_the_request_is_sent_whole(run) -> None:
    async def main() -> None:
        sending = asyncio.Event()

        async def body() -> AsyncIterator[bytes]:
            yield b"first"
            await sending.wait()

        async with wire(whole(b"too much", 413)) as (url, _), client() as http:
            response = await post(http, url, body(), extensions={"progress": progress})
            assert (response.status_code, response.text) == (413, "too much")
            sending.set()
            assert (await post(http, url)).status_code == 413

    progress = Progress()
    run(main())
    assert (progress.answered, progress.sent) == (True, False)


# Limits of time


def test_connect_timeout(run) -> None:
    url, stack = full()
    with stack:
        assert fails(run, url, httpx2.ConnectTimeout, connect=SOON) == UNCONNECTED


def test_connect_timeout_in_the_handshake(run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        assert fails(run, url, httpx2.ConnectTimeout, connect=SOON) == UNCONNECTED


@pytest.mark.parametrize("begun", [(), (b"HTTP/1.1 200",), BEGUN, BEGUN_STREAM], ids=["", "status", "body", "stream"])
@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_read_timeout(begun: Any, secure: bool, tls, trusting) -> None:
    async def main() -> None:
        clock = Clock()
        async with client(make(trusting if secure else None), timeout=httpx2.Timeout(None, read=LONG)) as http:
            task = asyncio.create_task(post(http, server.url, extensions={"progress": progress}))
            await until(lambda: progress.answered if begun else server.requests)
            while not task.done():
                await clock.skip(LONG)
            with pytest.raises(httpx2.ReadTimeout, match=str(LONG)):
                await task
            assert server.all_disconnected()

    progress = Progress()
    with FaultServer((*begun, stall), tls=tls if secure else None) as server:
        asyncio.run(main())
        assert progress.answered == bool(begun)


def test_read_timeout_is_the_time_of_one_read() -> None:
    async def main() -> None:
        clock = Clock()
        timeout = httpx2.Timeout(None, read=LONG)
        async with client(timeout=timeout) as http, http.stream("GET", server.url) as response:
            parts = response.aiter_raw()
            for _ in range(4):
                task = asyncio.create_task(anext(parts))
                await clock.skip(0.5 * LONG)
                go_on.release()
                assert await task == b"x"

    go_on = threading.Semaphore(0)
    step = (lambda _: go_on.acquire(timeout=PATIENCE), b"1\r\nx\r\n")
    with FaultServer((stream_head(), *step * 4, stall)) as server:
        asyncio.run(main())


def test_read_timeout_is_not_the_time_of_the_reader() -> None:
    async def main() -> None:
        clock = Clock()
        timeout = httpx2.Timeout(None, read=LONG)
        async with client(timeout=timeout) as http, http.stream("GET", server.url) as response:
            parts = response.aiter_raw()
            assert await anext(parts) == BEGUN_CHUNK
            await clock.skip(2 * LONG)
            go_on.set()
            assert await anext(parts) == BEGUN_CHUNK

    go_on = threading.Event()
    answer = (*BEGUN_STREAM, lambda _: go_on.wait(PATIENCE), event("begun"), stall)
    with FaultServer(answer) as server:
        asyncio.run(main())
        assert server.all_disconnected()


def test_write_timeout_is_not_the_time_of_the_body() -> None:
    async def main() -> None:
        clock = Clock()

        async def body() -> AsyncIterator[bytes]:
            for part in (b"first", b"second"):
                yield part
                await clock.skip(2 * LONG)

        timeout = httpx2.Timeout(None, write=LONG)
        async with wire(OK, after=b"0\r\n\r\n") as (url, _), client(timeout=timeout) as http:
            assert (await post(http, url, body())).text == "ok"

    asyncio.run(main())


def test_connect_timeout_ends_with_the_connection() -> None:
    async def main() -> None:
        clock = Clock()
        async with client(timeout=httpx2.Timeout(None, connect=LONG)) as http:
            task = asyncio.create_task(post(http, server.url, headers={"Expect": "100-continue"}))
            await until(lambda: server.requests)
            await clock.skip(2 * LONG)
            go_on.set()
            assert (await task).text == "ok"

    go_on = threading.Event()
    with FaultServer((lambda _: go_on.wait(PATIENCE), head(100), OK), reads_bodies=False) as server:
        asyncio.run(main())


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("made", [False, True], ids=["whole", "made while it is sent"])
def test_write_timeout(run, made: bool, secure: bool, tls, trusting) -> None:
    whole = bytes(30_000_000)

    async def parts() -> AsyncIterator[bytes]:
        yield b"first"
        yield whole

    async def main() -> None:
        timeout = httpx2.Timeout(PATIENCE, write=SOON)
        async with client(make(trusting), timeout=timeout) as http:
            with pytest.raises(httpx2.WriteTimeout):
                await post(http, url, parts() if made else whole, extensions={"progress": progress})

    progress = Progress()
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        url = "{}://127.0.0.1:{}".format("https" if secure else "http", listener.getsockname()[1])

        def serve() -> None:
            sock = stack.enter_context(listener.accept()[0])
            if secure:
                stack.enter_context(tls.wrap_socket(sock, server_side=True))

        thread = threading.Thread(target=serve)
        thread.start()
        run(main())
        thread.join()
    assert progress.sent is False


def test_pool_timeout(run) -> None:
    async def main() -> None:
        timeout = httpx2.Timeout(PATIENCE, pool=SOON)
        async with client(make(max_connections=1), timeout=timeout) as http:
            async with http.stream("GET", server.url):
                with pytest.raises(httpx2.PoolTimeout):
                    await post(http, server.url, extensions={"progress": progress})
            # Of one that waits for its place, all is known.
            assert progress == UNCONNECTED
            assert (await post(http, server.url)).text == "ok"

    progress = Progress()
    with FaultServer((*BEGUN, stall), OK) as server:
        run(main())


# Connections


def test_connections_are_kept(run, tls, trusting) -> None:
    async def main() -> None:
        async with client(make(trusting)) as http:
            for _ in range(5):
                assert (await post(http, server.url)).text == "ok"
            assert (server.connections, server.open) == (1, 1)

    with FaultServer(OK, tls=tls) as server:
        run(main())
        assert server.all_disconnected()


def test_connection_that_the_server_does_not_want_to_keep(run, tls, trusting) -> None:
    async def main() -> None:
        async with client(make(trusting)) as http:
            assert (await http.get(server.url)).text == "ok"
            assert await asyncio.to_thread(server.all_disconnected)
            assert (await http.get(server.url)).text == "ok"

    with FaultServer((whole(b"ok", connection="close"), stall), tls=tls) as server:
        run(main())


def test_limits_hold(run) -> None:
    together = threading.Barrier(3)

    def meet(_: Connection) -> None:
        together.wait(PATIENCE)

    async def main() -> None:
        async with client(make(max_connections=3, max_keepalive_connections=2)) as http:
            responses = await asyncio.gather(*(post(http, server.url) for _ in range(12)))
            assert [response.text for response in responses] == ["ok"] * 12
            await until(lambda: server.open == 2)

    with FaultServer((meet, OK)) as server:
        run(main())


def test_idle_connections_are_closed_when_their_time_is_up() -> None:
    async def main() -> None:
        clock = Clock()
        async with client(make(keepalive_expiry=LONG), timeout=None) as http:
            await asyncio.gather(post(http, server.url), post(http, server.url))
            await clock.skip(0.5 * LONG)
            await post(http, server.url)
            assert server.open == 2
            await clock.skip(0.55 * LONG)
            await until(lambda: server.open < 2)
            await clock.skip(0.2 * LONG)
            assert server.open == 1
            await clock.skip(0.3 * LONG)  # At 1.55, and not at 2.05, as the timer of aiohttp has it.
            await until(lambda: not server.open)

    together = threading.Barrier(2)
    with FaultServer(*[(lambda _: together.wait(PATIENCE), OK)] * 2, OK) as server:
        asyncio.run(main())


def test_idle_connections_are_not_kept_at_all(run) -> None:
    async def main() -> None:
        async with client(make(keepalive_expiry=0)) as http:
            for count in (1, 2):
                await post(http, server.url)
                await until(lambda: not server.open)
                assert server.connections == count

    with FaultServer(OK) as server:
        run(main())


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("begun", [BEGUN, BEGUN_STREAM], ids=["body", "stream"])
@pytest.mark.parametrize("times", [0, 1, 2], ids=["not closed", "closed", "closed twice"])
def test_response_that_is_closed_early_closes_its_connection(
    run, begun: Any, times: int, secure: bool, tls, trusting
) -> None:
    async def main() -> None:
        async with make(trusting, max_connections=1) as transport:
            response = await transport.handle_async_request(httpx2.Request("GET", server.url))
            parts = response.stream.__aiter__()
            await anext(parts)
            if not times:
                await parts.aclose()
                await asyncio.sleep(0)
            for _ in range(times):
                await response.stream.aclose()
            assert server.all_disconnected()  # The event loop gets no turn for it.
            response = await transport.handle_async_request(httpx2.Request("GET", server.url))
            await response.aclose()

    with FaultServer((*begun, stall), tls=tls if secure else None) as server:
        run(main())


def test_response_that_is_closed_late_leaves_its_connection(run) -> None:
    async def main() -> None:
        async with make(max_connections=1) as transport:
            for _ in range(3):
                response = await transport.handle_async_request(httpx2.Request("GET", server.url))
                await response.aread()
                for _ in range(2):
                    await response.stream.aclose()
            assert (server.connections, server.open) == (1, 1)

    with FaultServer(OK) as server:
        run(main())


def test_connections_that_are_gone_are_not_counted(run) -> None:
    async def main() -> None:
        async with client(make(max_keepalive_connections=1)) as http:
            for _ in range(4):
                await post(http, server.url)
                if len(server.requests) == 1:
                    assert await asyncio.to_thread(server.all_disconnected)
            assert server.connections == 2

    with FaultServer((OK, drop), OK) as server:
        run(main())


def hear_nothing(connection: Connection) -> None:
    """Wait until the connection is closed, and not only TLS, to whose goodbye there is no answer."""
    with socket.socket(fileno=socket.dup(connection.sock.fileno())) as raw:
        raw.settimeout(PATIENCE)
        while raw.recv(65536):
            pass
    raise DroppedError


@pytest.mark.parametrize(
    "answer",
    [(b"hello\r\n\r\n",), (*BEGUN_STREAM, b"what?\r\n"), (whole(b"ok", connection="close"),), BEGUN],
    ids=["no HTTP", "no chunk", "not to be kept", "never ending"],
)
def test_connection_is_closed_although_the_server_does_not_say_goodbye(run, answer: Any, tls, trusting) -> None:
    async def main() -> None:
        async with client(make(trusting)) as http:
            with contextlib.suppress(httpx2.RemoteProtocolError, httpx2.ReadTimeout):
                await http.get(server.url, timeout=httpx2.Timeout(PATIENCE, read=SOON))
            assert await asyncio.to_thread(server.all_disconnected)

    with FaultServer((*answer, hear_nothing), tls=tls) as server:
        run(main())


def test_name_of_the_server_in_tls(run, tls, trusting) -> None:
    async def main() -> None:
        async with client(make(trusting)) as http:
            url = server.url.replace("127.0.0.1", "localhost")
            with pytest.raises(httpx2.ConnectError, match="localhost"):
                await http.get(url)
            assert (await http.get(url, extensions={"sni_hostname": "name.test"})).text == "ok"
            assert names[-1] == "name.test"

    names: list[str | None] = []
    tls.sni_callback = lambda sock, name, context: names.append(name)
    with FaultServer(OK, tls=tls) as server:
        run(main())


def test_http_2_is_not_offered(run, authority, trusting) -> None:
    async def main() -> None:
        trusting.set_alpn_protocols(["h2", "http/1.1"])  # As a client of HTTP/2 does that shares the context.
        async with client(make(trusting)) as http:
            assert (await http.get(server.url)).text == "ok"

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    context.set_alpn_protocols(["h2", "http/1.1"])
    chosen: list[str | None] = []
    with FaultServer((lambda it: chosen.append(it.sock.selected_alpn_protocol()), OK), tls=context) as server:
        run(main())
    assert chosen == ["http/1.1"]


# Cancelling and closing

PLACES: dict[str, Answer] = {
    "head": (stall,),
    "body": (*BEGUN, stall),
    "stream": (*BEGUN_STREAM, stall),
}


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("place", PLACES)
def test_cancelled_request_leaves_no_socket(run, place: str, secure: bool, tls, trusting) -> None:
    async def main() -> None:
        tasks = asyncio.all_tasks()
        async with client(make(trusting, max_connections=1)) as http:
            for count in (1, 2):
                task = asyncio.create_task(http.get(server.url))
                assert await asyncio.to_thread(server.received, count)
                await asyncio.sleep(0.01)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert server.all_disconnected()
            assert asyncio.all_tasks() == tasks

    with FaultServer(PLACES[place], tls=tls if secure else None) as server:
        run(main())


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("inner", [True, False], ids=["own limit", "limit around it"])
def test_socket_is_closed_when_the_caller_goes_on(run, place: str, inner: bool, tls, trusting) -> None:
    async def main() -> None:
        timeout = httpx2.Timeout(PATIENCE, read=SOON if inner else PATIENCE)
        async with client(make(trusting), timeout=timeout) as http:
            with pytest.raises((TimeoutError, httpx2.ReadTimeout)):
                async with asyncio.timeout(PATIENCE if inner else SOON):
                    await http.get(server.url)
            assert server.all_disconnected()  # The event loop gets no turn for it.

    with FaultServer(PLACES[place], tls=tls) as server:
        run(main())


def test_cancelled_while_it_waits(run) -> None:
    async def main() -> None:
        async with client(make(max_connections=1)) as http:
            async with http.stream("GET", server.url):
                tasks = [asyncio.create_task(http.get(server.url)) for _ in range(3)]
                await asyncio.sleep(0.01)
                tasks[0].cancel()
            await asyncio.wait(tasks)
            assert [task.cancelled() for task in tasks] == [True, False, False]

    with FaultServer((*BEGUN, stall), OK) as server:
        run(main())


@pytest.mark.parametrize("place", ["pool", "connect", "handshake", "write", *PLACES])
def test_closing_ends_what_is_under_way(run, place: str, tls, trusting) -> None:
    async def main() -> None:
        transport = make(trusting, max_connections=1)
        http = client(transport)
        content = b"x" * 30_000_000 if place == "write" else b"asked"
        tasks = [asyncio.create_task(http.post(url, content=content)) for _ in range(1 + (place == "pool"))]
        await asyncio.sleep(0.1)
        before = monotonic()
        await transport.aclose()
        for task in tasks:
            with pytest.raises(httpx2.ReadError, match=r"^The transport was closed during the request$"):
                await task
        assert monotonic() - before < PATIENCE / 2
        await transport.aclose()
        with pytest.raises(httpx2.ConnectError, match="closed"):
            await http.get(url)

    with contextlib.ExitStack() as stack:
        server = stack.enter_context(FaultServer(PLACES.get(place, (stall,))))
        url = server.url
        if place == "connect":
            url, waiting = full()
            stack.enter_context(waiting)
        elif place in ("handshake", "write"):
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            url = f"{'http' if place == 'write' else 'https'}://127.0.0.1:{listener.getsockname()[1]}"
        run(main())
        assert server.all_disconnected()


@pytest.mark.parametrize("turns", range(4))
def test_closing_twice_at_once(run, turns: int) -> None:
    async def main() -> None:
        transport = make()
        task = asyncio.create_task(post(client(transport), server.url))
        assert await asyncio.to_thread(server.received, 1)
        closing = asyncio.create_task(transport.aclose())
        for _ in range(turns):
            await asyncio.sleep(0)
        await transport.aclose()
        await closing
        with pytest.raises(httpx2.ReadError, match="closed"):
            await task

    with FaultServer((stall,)) as server:
        run(main())


def test_closing_while_a_name_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: go_on.wait(PATIENCE) and [])

    async def main() -> None:
        transport = make()
        task = asyncio.create_task(transport.handle_async_request(httpx2.Request("GET", "http://name.test")))
        await asyncio.sleep(0.05)
        await transport.aclose()
        with pytest.raises(httpx2.ReadError, match="closed"):
            await task
        go_on.set()

    asyncio.run(main())


def test_closing_before_the_first_request() -> None:
    transport = make(max_connections=1)
    asyncio.run(transport.aclose())


def test_transport_that_is_dropped_closes_its_connections(run) -> None:
    async def main() -> None:
        transport = make(keepalive_expiry=SOON)
        await transport.handle_async_request(httpx2.Request("GET", server.url))
        transport.itself = transport  # Left to the garbage collector.
        del transport
        gc.collect()
        await until(lambda: not server.open)

    with FaultServer(OK) as server:
        run(main())


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # Of the event loop, whose sockets stay open.
def test_transport_that_nobody_can_close_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        await make().handle_async_request(httpx2.Request("GET", server.url))

    with FaultServer(OK) as server:
        loop = asyncio.new_event_loop()
        loop.run_until_complete(main())
        loop.close()
        del loop
        gc.collect()
        assert server.all_disconnected()
    assert caplog.records == []


# Mocks of users


def wrap(function: Any) -> Any:
    @functools.wraps(function)
    async def wrapper(*args: Any) -> Any:
        return await function(*args)

    return wrapper


class Proxy:
    """Gives itself out to be what it wraps, as those of wrapt do."""

    def __init__(self, wrapped: Any) -> None:
        self.wrapped = wrapped

    @property
    def __class__(self) -> Any:
        return type(self.wrapped)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.wrapped, name)


def test_httpx2_as_it_is_is_not_patched() -> None:
    assert not is_patched()


@pytest.mark.parametrize(
    "target",
    [
        httpx2.AsyncHTTPTransport,
        httpcore2.AsyncConnectionPool,
        httpcore2.AsyncHTTPConnection,
        httpcore2.AsyncHTTP11Connection,
    ],
    ids=lambda kind: kind.__name__,
)
@pytest.mark.parametrize("patch", [mock.AsyncMock, mock.create_autospec, wrap, Proxy], ids=lambda it: it.__name__)
def test_patches_are_noticed(target: Any, patch: Any) -> None:
    with mock.patch.object(target, "handle_async_request", patch(target.handle_async_request)):
        assert is_patched()
    assert not is_patched()


def test_patch_that_was_there_first_is_noticed() -> None:
    code = """
import httpx2, pytest_httpx2, respx
with respx.mock(using="httpcore2"):
    from haystack_integrations.common.aimlapi.aiohttp_transport import is_patched
    assert is_patched()
assert not is_patched()
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_mock_of_respx_answers(run) -> None:
    progress = Progress()

    async def main() -> None:
        async with client() as http:
            with respx.mock(using="httpcore2") as router:
                router.get("https://name.invalid/").respond(200, text="mocked")
                response = await http.get("https://name.invalid/", extensions={"progress": progress})
                assert response.text == "mocked"
            assert progress == Progress()
            with FaultServer(OK) as server:
                assert (await http.get(server.url)).text == "ok"

    run(main())


async def test_mock_of_pytest_httpx2_answers(httpx2_mock) -> None:
    httpx2_mock.get("https://name.invalid/").respond(200, text="mocked")
    async with client() as http:
        assert (await http.get("https://name.invalid/")).text == "mocked"


def test_mock_of_the_transports_answers(run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def answer(self: Any, request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, text="mocked")

    async def main() -> None:
        async with client() as http:
            for _ in range(2):
                assert (await http.get("https://name.invalid/")).text == "mocked"

    monkeypatch.setattr(httpx2.AsyncHTTPTransport, "handle_async_request", answer)
    run(main())
