# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

import asyncio
import gzip
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from types import SimpleNamespace
from typing import Any

import httpx
import httpx2
import pytest
import trustme
from hypothesis import example, given
from hypothesis import strategies as st

from haystack_integrations.common.aimlapi.addresses import is_public, shown
from haystack_integrations.common.aimlapi.download import (
    MAX_BYTES,
    DownloadError,
    DownloadOptions,
    download_image,
    download_image_async,
)
from haystack_integrations.common.aimlapi.image_types import image_type
from tests.support.names import PUBLIC, Names

API = "https://api.aimlapi.com/v1"
LOCAL_API = "http://127.0.0.1:8000/v1"
URL = "https://cdn.example.com/1.png"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(16)
IMAGE = (PNG, "image/png")
OPTIONS = DownloadOptions(api_url=API, timeout=5)
BOMB = gzip.compress(PNG + bytes(MAX_BYTES), 1)

both_ways = pytest.mark.parametrize("mode", ["download_image", "download_image_async"])


ADDRESSES = st.builds(
    "{}{}{}{}{}".format,
    st.sampled_from(["http://", "https://", "HTTPS:", "//", "file://", ""]),
    st.sampled_from(["", "@", "a:b@"]),
    st.text(max_size=9) | st.sampled_from(["cdn.example.com", "127.0.0.1", "[::1]", "xn--a", "1.1.1.1."]),
    st.sampled_from(["", ":80", ":-1", ":99999", ":x"]),
    st.text(max_size=9).map("/{}".format) | st.just("/1.png?a#b"),
)
TEXTS = st.text(st.characters()) | ADDRESSES


class Wire(httpx2.MockTransport):
    """Gives each answer in turn, and the image when there is none left."""

    def __init__(self, *answers: httpx2.Response | Exception) -> None:
        super().__init__(self._answer)
        self.requests: list[httpx2.Request] = []
        self._left = list(answers)

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        answer = self._left.pop(0) if self._left else httpx2.Response(200, content=PNG)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Body(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    """A body that counts how much of it is read, and whether it was closed."""

    def __init__(self, *chunks: bytes, times: int = 1) -> None:
        self._chunks = chunks * times
        self.read = 0
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self.read += len(chunk)
            yield chunk

    async def __aiter__(self) -> Any:
        for chunk in self:
            yield chunk

    def close(self) -> None:
        self.closed = True

    async def aclose(self) -> None:
        self.closed = True


class Server:
    """
    Answers each request over a real socket.

    :param answers: The answers to the first request, the second, and so on; the last is repeated. Of an answer, bytes
        are sent, numbers are seconds to wait, and None ends the connection.
    """

    def __init__(self, *answers: list[Any], tls: ssl.SSLContext | None = None) -> None:
        self._answers = list(answers)
        self._tls = tls
        self._closing = threading.Event()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.requests: list[bytes] = []
        self.connections = 0
        self.answered = 0
        self.port = self._listener.getsockname()[1]

    def url(self, host: str = "127.0.0.1", path: str = "/1.png") -> str:
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}{path}"

    def __enter__(self) -> "Server":
        self._start(self._accept)
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._closing.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()

    def _start(self, target: Callable[..., None], *args: Any) -> None:
        self._threads.append(threading.Thread(target=target, args=args, daemon=True))
        self._threads[-1].start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                self.connections += 1
                self._start(self._serve, sock)

    def _serve(self, sock: socket.socket) -> None:
        with closing(sock), suppress(OSError):
            served = self._tls.wrap_socket(sock, server_side=True) if self._tls else sock
            with closing(served):
                while request := self._receive(served):
                    self.requests.append(request)
                    for step in self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]:
                        if isinstance(step, bytes):
                            served.sendall(step)
                        elif step is None or self._closing.wait(step):
                            return
                    self.answered += 1

    @staticmethod
    def _receive(sock: socket.socket) -> bytes:
        request = b""
        while b"\r\n\r\n" not in request:
            if not (data := sock.recv(65536)):
                return b""
            request += data
        return request


def head(status: int = 200, length: int = len(PNG), **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} Status", f"Content-Length: {length}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def dripping(data: bytes, seconds: float = 3) -> list[Any]:
    """Send data a byte at a time, in so many seconds: more than the timeout of any test here."""
    return [step for byte in data for step in (bytes([byte]), seconds / len(data))]


def redirect(location: str | None = None, status: int = 302, **response: Any) -> httpx2.Response:
    return httpx2.Response(status, headers={} if location is None else {"Location": location}, **response)


async def download(
    mode: str,
    url: str = URL,
    *,
    wire: Any = None,
    api_url: str = API,
    timeout: float = 5,
    family: Any = httpx2,
    declared_type: str | None = None,
    **settings: Any,
) -> tuple[bytes, str]:
    client_settings = {
        name: settings.pop(name) for name in ("verify", "proxy", "headers", "cookies") if name in settings
    }
    client_settings |= {"transport": wire, "trust_env": False}
    options = DownloadOptions(api_url=api_url, timeout=timeout, **settings)
    if mode == "download_image":
        with family.Client(**client_settings) as client:
            return download_image(client, url, options=options, declared_type=declared_type)
    async with family.AsyncClient(**client_settings) as client:
        return await download_image_async(client, url, options=options, declared_type=declared_type)


async def refused(mode: str, url: str = URL, **settings: Any) -> str:
    """Download in vain, and get the text of the error, which any console can print."""
    with pytest.raises(DownloadError) as raised:
        await download(mode, url, **settings)
    text = str(raised.value)
    assert text.encode().decode().isprintable()
    assert len(text) < 700
    for trace in (raised.value.__cause__, raised.value.__context__):
        assert not isinstance(trace, httpx2.HTTPError)  # it would take the address along
    return text


class TestRequest:
    @both_ways
    @pytest.mark.parametrize(
        ("url", "connected", "host", "name"),
        [
            (URL, f"https://{PUBLIC}/1.png", "cdn.example.com", "cdn.example.com"),
            ("http://cdn.example.com:1/1.png", f"http://{PUBLIC}:1/1.png", "cdn.example.com:1", None),
            ("http://cdn.example.com:65535/1.png", f"http://{PUBLIC}:65535/1.png", "cdn.example.com:65535", None),
            (
                "https://CDN.example.com.:443/%20?a=b%2F&c#d",
                f"https://{PUBLIC}/%20?a=b%2F&c#d",
                *["cdn.example.com"] * 2,
            ),
            ("https://bücher.example/", f"https://{PUBLIC}/", *["xn--bcher-kva.example"] * 2),
            ("https://8.8.8.8/1.png", "https://8.8.8.8/1.png", "8.8.8.8", "8.8.8.8"),
            ("https://0x08080808/1.png", "https://8.8.8.8/1.png", "0x08080808", "0x08080808"),
            ("https://[2606:4700::1]:444/", "https://[2606:4700::1]:444/", "[2606:4700::1]:444", "2606:4700::1"),
        ],
    )
    async def test_is_all_that_leaves(
        self, mode: str, url: str, connected: str, host: str, name: str | None, names: Names
    ) -> None:
        names.set("xn--bcher-kva.example", PUBLIC)
        wire = Wire()
        headers = {"Authorization": "hidden", "X-Gateway": "hidden", "User-Agent": "me"}
        assert await download(mode, url, wire=wire, headers=headers, cookies={"a": "hidden"}) == IMAGE
        (request,) = wire.requests
        assert (request.method, str(request.url), request.content) == ("GET", connected, b"")
        assert dict(request.headers) == {
            "host": host,
            "accept": "image/*",
            "accept-encoding": "identity",
            "connection": "close",
            "user-agent": "me",
        }
        assert request.extensions.get("sni_hostname") == name

    @both_ways
    async def test_waits_no_longer_than_is_left(self, mode: str, names: Names) -> None:
        wire = Wire()
        await download(mode, wire=wire, timeout=3)
        await download(mode, wire=wire, timeout=30)
        short, long = (request.extensions["timeout"] for request in wire.requests)
        assert all(0 < seconds <= 3 for seconds in short.values())
        assert long.pop("connect") == 5
        assert all(5 < seconds <= 30 for seconds in long.values())

    @both_ways
    async def test_takes_cookies_nowhere(self, mode: str, names: Names) -> None:
        wire = Wire(httpx2.Response(302, headers={"Location": "/2.png", "Set-Cookie": "a=b"}))
        assert await download(mode, wire=wire) == IMAGE
        assert [request.headers.get("cookie") for request in wire.requests] == [None, None]


class TestAddress:
    @both_ways
    @pytest.mark.parametrize(
        "host",
        [
            *("127.0.0.1", "127.0.0.1:8080", "127.0.0.1.", "127.1", "2130706433", "0x7f.1", "0x7f000001", "0177.1"),
            *("localhost", "localhost.", "LOCALHOST", "0", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1"),
            *("100.64.0.1", "100.100.100.200", "169.254.1.1", "169.254.169.254", "169.254.169.254.", "2852039166"),
            *(
                "168.63.129.16",
                "192.0.0.192",
                "192.0.0.100",
                "192.0.2.1",
                "192.88.99.1",
                "198.18.0.1",
                "198.51.100.1",
                "203.0.113.1",
            ),
            *("224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255"),
            *("[::]", "[::1]", "[fe80::1]", "[fc00::1]", "[fd00:ec2::254]", "[fd20:ce::254]", "[fec0::1]", "[ff02::1]"),
            *("[::ffff:127.0.0.1]", "[::ffff:169.254.169.254]", "[::127.0.0.1]", "[::a9fe:a9fe]", "[::ffff:a00:1]"),
            *("[64:ff9b::127.0.0.1]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::808:808]", "[2002:7f00:1::]"),
            *("[2002:808:808::]", "[2001:0:4136:e378:8000:63bf:3fff:fdd2]", "[2001:db8::1]", "[3fff::1]", "[100::1]"),
            *("[1000::1]", "[2001:20::1]", "[2001:100::1]", "[5f00::1]"),
            *("metadata.google.internal", "intranet.example.com", "one-of-them.example.com"),
        ],
    )
    async def test_not_public(self, mode: str, host: str, names: Names) -> None:
        names.set("metadata.google.internal", "169.254.169.254")
        names.set("intranet.example.com", "fd12:3456::1")
        names.set("one-of-them.example.com", PUBLIC, "10.0.0.1")
        wire = Wire()
        for scheme in ("http", "https"):
            assert "which is not public" in await refused(mode, f"{scheme}://{host}/1.png", wire=wire)
        assert not wire.requests

    @both_ways
    @pytest.mark.parametrize(
        ("url", "told"),
        [
            ("", "must begin with http:// or https://"),
            ("1.png", "must begin with http:// or https://"),
            ("/v1/1.png", "must begin with http:// or https://"),
            ("cdn.example.com/1.png", "must begin with http:// or https://"),
            ("//cdn.example.com/1.png", "must begin with http:// or https://"),
            ("file:///etc/passwd", "must begin with http:// or https://, not 'file'"),
            ("file://cdn.example.com/etc/passwd", "not 'file'"),
            ("ftp://cdn.example.com/1.png", "not 'ftp'"),
            ("gopher://cdn.example.com:70/_x", "not 'gopher'"),
            ("javascript:alert(1)", "not 'javascript'"),
            ("data:image/png,x", "not 'data'"),
            (" https://cdn.example.com/", "no address of an image"),
            ("http:cdn.example.com/1.png", "no host"),
            ("http:/cdn.example.com/1.png", "no host"),
            ("http://", ": it has no host"),
            ("http:///1.png", "no host"),
            ("http://./1.png", "no host"),
            ("http://:80/1.png", "no host"),
            ("http://me:secret@cdn.example.com/1.png", ": it holds user information"),
            ("http://secret@cdn.example.com/1.png", "user information"),
            ("http://secret@127.0.0.1/1.png", "user information"),
            ("http://cdn.example.com:0/1.png", "no port 0"),
            ("http://cdn.example.com:-1/1.png", "no port -1"),
            ("http://cdn.example.com:65536/1.png", "no port 65536"),
            (f"http://cdn.example.com:{'9' * 4000}/1.png", "no port 999"),
            (f"http://cdn.example.com:{'9' * 5000}/1.png", "Invalid port"),
            ("http://cdn.example.com:x/1.png", "Invalid port: 'x'"),
            ("http://[fe80::1%25eth0]/1.png", "an escape or a zone: fe80::1%25eth0"),
            ("http://[fe80::1%eth0]/1.png", "an escape or a zone"),
            ("http://%31%32%37.0.0.1/1.png", "an escape or a zone"),
            ("http://127.0.0.1%2f@cdn.example.com/1.png", "user information"),
            ("http://0177.0.0.1/1.png", "Invalid IPv4 address"),
            ("http://127.0.0.256/1.png", "Invalid IPv4 address"),
            ("http://127.0.0.256./1.png", "Invalid IPv4 address"),
            ("http://[::1/1.png", "no address of an image"),
            ("http://[cdn.example.com]/1.png", "Invalid IPv6 address"),
            ("http://cdn.example.com\r\nX-Header: y/1.png", "non-printable"),
            ("http://cdn.example.com/1.png\0", "non-printable"),
            ("http://cdn.example.com/\t", "non-printable"),
            ("http://\ud83d.example.com/1.png", "no address of an image"),
            ("http://cdn.example.com/\ud83d", "no address of an image"),
            ("http://１２７.０.０.１/1.png", "Invalid IDNA hostname"),  # noqa: RUF001
            ("http://\u202e.example.com/", "Invalid IDNA hostname"),
            (f"http://cdn.example.com/{'a' * 70_000}", "too long"),
            (f"http://{'ü' * 500}.example.com/", "Invalid IDNA hostname"),
            (f"http://{'a' * 64}.example.com/", "has no address"),
            (f"http://{'a' * 60_000}/", "has no address"),
            ("http://a..b/1.png", "has no address"),
            ("http://xn--a/1.png", "has no address"),
            ("http://nowhere.example.com/1.png", "the host nowhere.example.com has no address"),
        ],
    )
    async def test_no_address(self, mode: str, url: str, told: str, names: Names) -> None:
        wire = Wire()
        text = await refused(mode, url, wire=wire)
        assert told in text
        assert "secret" not in text
        assert not wire.requests

    @pytest.mark.parametrize(
        "address",
        ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "2a00:1450:4001::200e", "64:ff9b::8.8.8.8", "::ffff:8.8.8.8"],
    )
    def test_public(self, address: str) -> None:
        assert is_public(address)

    @both_ways
    async def test_a_name_is_looked_up_once(self, mode: str, names: Names) -> None:
        """Whoever answers for a name might answer otherwise when it is connected to."""
        names.answers["cdn.example.com"] = [[PUBLIC, "8.8.8.8"], ["127.0.0.1"]]
        wire = Wire()
        assert await download(mode, wire=wire) == IMAGE
        assert [request.url.host for request in wire.requests] == [PUBLIC]
        assert names.asked == ["cdn.example.com"]

    @both_ways
    async def test_the_next_address_is_tried_if_nobody_answers(self, mode: str, names: Names) -> None:
        names.set("cdn.example.com", "2606:4700::1", "8.8.8.8", PUBLIC)
        wire = Wire(httpx2.ConnectError("unreachable"), httpx2.ConnectTimeout("slow"))
        assert await download(mode, wire=wire) == IMAGE
        assert [request.url.host for request in wire.requests] == ["2606:4700::1", "8.8.8.8", PUBLIC]
        assert names.asked == ["cdn.example.com"]
        wire = Wire(*[httpx2.ConnectError(f"unreachable {number}") for number in range(3)])
        assert await refused(mode, wire=wire) == "ConnectError: unreachable 2"
        wire = Wire(httpx2.ReadError("reset"))
        assert await refused(mode, wire=wire) == "ReadError: reset"
        assert len(wire.requests) == 1

    @both_ways
    @given(url=TEXTS, location=TEXTS)
    @example(url=URL, location="2.png")
    @example(url=URL, location="http://xn--a/")
    def test_any_text_is_an_image_or_an_error(self, mode: str, url: str, location: str) -> None:
        wire = Wire(httpx2.Response(302, headers=[(b"Location", location.encode(errors="replace"))]))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(socket, "getaddrinfo", Names().getaddrinfo)
            try:
                assert asyncio.run(download(mode, url, wire=wire)) == IMAGE
            except DownloadError as error:
                assert str(error).encode().decode().isprintable()
        assert all(is_public(request.url.host) for request in wire.requests)

    @pytest.mark.parametrize(
        ("url", "told"),
        [
            ("https://cdn.example.com/1.png?sig=secret#secret", "https://cdn.example.com/1.png"),
            ("https://me:secret@cdn.example.com/@me/1.png", "https://cdn.example.com/@me/1.png"),
            ("https://secret@secret@cdn.example.com", "https://cdn.example.com"),
            ("//secret@cdn.example.com/", "//cdn.example.com/"),
            ("me:secret@cdn.example.com", "me:cdn.example.com"),
            ("http:\\\\secret@cdn.example.com", "http:\\\\cdn.example.com"),
            ("http://bücher.example/\r\n\ud83d\u202e", "http://bücher.example/\\r\\n\\ud83d\\u202e"),
            ("http://cdn.example.com/" + "a" * 999, f"http://cdn.example.com/{'a' * 177}..."),
            ("", ""),
        ],
    )
    def test_shown(self, url: str, told: str) -> None:
        assert shown(url) == told


class TestPrivateApi:
    """A server of one's own may lay its images beside itself."""

    @both_ways
    @pytest.mark.parametrize(
        "api_url",
        [
            *(LOCAL_API, "http://localhost/v1", "http://[::1]/v1", "http://10.1.1.1/v1", "http://me:pw@127.0.0.1/v1"),
            "https://models.example.com/v1",
        ],
    )
    async def test_private_addresses(self, mode: str, api_url: str, names: Names) -> None:
        names.set("models.example.com", "fd12:3456::1", "192.168.1.1")
        for host in ("127.0.0.1:9000", "localhost", "10.0.0.1", "[fd12:3456::2]", "[::ffff:10.0.0.1]", "8.8.8.8"):
            assert await download(mode, f"http://{host}/1.png", wire=Wire(), api_url=api_url) == IMAGE

    @both_ways
    @pytest.mark.parametrize(
        "host",
        [
            *("169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "192.0.0.192", "2852039166"),
            *(
                "[fd00:ec2::254]",
                "[fd20:ce::254]",
                "[fd00:42::42]",
                "[::ffff:169.254.169.254]",
                "[::a9fe:a9fe]",
                "[64:ff9b::a9fe:a9fe]",
            ),
            *("[64:ff9b:1::a9fe:a9fe]", "[2002:a9fe:a9fe::]", "[2001::5601:5601]", "metadata.google.internal"),
        ],
    )
    async def test_metadata_services_never(self, mode: str, host: str, names: Names) -> None:
        names.set("metadata.google.internal", "10.0.0.1", "169.254.169.254")
        wire = Wire()
        assert "not public" in await refused(mode, f"http://{host}/1.png", wire=wire, api_url=LOCAL_API)
        assert not wire.requests

    @both_ways
    @pytest.mark.parametrize(
        "api_url", [API, "http://nowhere.example.com/v1", "http://", "http://[", "http://partly.example.com/v1"]
    )
    async def test_not_if_the_api_is_public_or_unknown(self, mode: str, api_url: str, names: Names) -> None:
        names.set("partly.example.com", "10.0.0.1", PUBLIC)
        text = await refused(mode, "http://10.0.0.1/1.png", wire=Wire(), api_url=api_url)
        assert text == "the host 10.0.0.1 has the address 10.0.0.1, which is not public"


class TestRedirects:
    @both_ways
    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    async def test_followed(self, mode: str, status: int, names: Names) -> None:
        names.set("images.example.com", "8.8.8.8")
        bodies = [Body(b"moved") for _ in range(5)]
        locations = ["../2.png?a=b", "//images.example.com/3.png", "http://cdn.example.com/4", "/5", "?6"]
        answers = [redirect(location, status, stream=body) for location, body in zip(locations, bodies, strict=True)]
        wire = Wire(*answers)
        assert await download(mode, "https://cdn.example.com/a/b/1.png", wire=wire) == IMAGE
        assert [(str(request.url), request.headers["host"]) for request in wire.requests] == [
            (f"https://{PUBLIC}/a/b/1.png", "cdn.example.com"),
            (f"https://{PUBLIC}/a/2.png?a=b", "cdn.example.com"),
            ("https://8.8.8.8/3.png", "images.example.com"),
            (f"http://{PUBLIC}/4", "cdn.example.com"),
            (f"http://{PUBLIC}/5", "cdn.example.com"),
            (f"http://{PUBLIC}/5?6", "cdn.example.com"),
        ]
        assert [(body.read, body.closed) for body in bodies] == [(0, True)] * 5

    @both_ways
    async def test_at_most_five(self, mode: str, names: Names) -> None:
        wire = Wire(*[redirect("/1.png") for _ in range(6)])
        assert await refused(mode, wire=wire) == "it was redirected more than 5 times"
        assert len(wire.requests) == 6

    @both_ways
    @pytest.mark.parametrize(
        ("location", "told"),
        [
            (None, "HTTP 302 without a Location"),
            ("http://169.254.169.254/latest?a=secret", "redirected to http://169.254.169.254/latest: the host"),
            ("http://localhost/", "redirected to http://localhost/: the host localhost has the address 127.0.0.1"),
            ("//[::1]/", "which is not public"),
            ("http://rebound.example.com/", "redirected to http://rebound.example.com/: the host"),
            ("http://me:secret@cdn.example.com/", "redirected to http://cdn.example.com/: it is no address of an"),
            ("file:///etc/passwd", "not 'file'"),
            ("http://[", "its host has an escape"),
            ("http://cdn.example.com:x/", "Invalid port"),
            ("http://xn--a/", "the host xn--a has no address"),
            ("http://cdn.example.com:99999/", "there is no port 99999"),
        ],
    )
    async def test_checked(self, mode: str, location: str | None, told: str, names: Names) -> None:
        names.set("rebound.example.com", PUBLIC, "10.0.0.1")
        wire = Wire(redirect(location))
        text = await refused(mode, wire=wire)
        assert told in text
        assert "secret" not in text
        assert len(wire.requests) == 1

    @both_ways
    async def test_checked_each_time(self, mode: str, names: Names) -> None:
        names.answers["cdn.example.com"] = [[PUBLIC], [PUBLIC], ["127.0.0.1"]]
        wire = Wire(redirect("/2.png"), redirect("/3.png"))
        assert "redirected to https://cdn.example.com/3.png: the host" in await refused(mode, wire=wire)
        assert len(wire.requests) == 2

    @both_ways
    async def test_of_a_local_server_to_a_metadata_service(self, mode: str, names: Names) -> None:
        with Server([head(302, 0, Location="http://169.254.169.254/latest/")]) as server:
            text = await refused(mode, server.url(), api_url=LOCAL_API)
        assert text.startswith("it was redirected to http://169.254.169.254/latest/: the host")

    @both_ways
    @pytest.mark.parametrize("status", [300, 304, 305, 306])
    async def test_of_other_kinds(self, mode: str, status: int, names: Names) -> None:
        assert await refused(mode, wire=Wire(redirect("/2.png", status))) == f"HTTP {status}"


class TestBounds:
    @both_ways
    @pytest.mark.parametrize("length", [str(MAX_BYTES + 1), "9" * 19, "9" * 5000])
    async def test_announced(self, mode: str, length: str, names: Names) -> None:
        body = Body(PNG)
        wire = Wire(httpx2.Response(200, headers={"Content-Length": length}, stream=body))
        assert await refused(mode, wire=wire) == "it is larger than 64 MiB"
        assert (body.read, body.closed) == (0, True)

    @both_ways
    async def test_unannounced(self, mode: str, names: Names) -> None:
        """Chunked, or without its length: no more is taken than the bound."""
        piece = PNG.ljust(1 << 20, b"\0")
        body = Body(piece, times=64)
        image, _ = await download(mode, wire=Wire(httpx2.Response(200, stream=body)))
        assert len(image) == MAX_BYTES
        body = Body(piece, times=100)
        assert await refused(mode, wire=Wire(httpx2.Response(200, stream=body))) == "it is larger than 64 MiB"
        assert (body.read, body.closed) == (65 << 20, True)

    @both_ways
    @pytest.mark.parametrize("encoding", ["gzip", "GZIP", "x-gzip, gzip", "deflate", "br", "zstd"])
    async def test_nothing_is_inflated(self, mode: str, encoding: str, names: Names) -> None:
        with Server([head(length=len(BOMB), Content_Encoding=encoding, Content_Type="image/png"), BOMB]) as server:
            text = await refused(mode, server.url(), api_url=LOCAL_API)
        assert text == f"the answer is no image, but {len(BOMB)} bytes of type 'image/png {encoding}'"

    @both_ways
    async def test_an_encoding_that_is_none(self, mode: str, names: Names) -> None:
        """As some storages tell of how an image once got there."""
        with Server([head(Content_Encoding="aws-chunked") + PNG]) as server:
            assert await download(mode, server.url(), api_url=LOCAL_API) == IMAGE

    @both_ways
    @pytest.mark.parametrize(
        "answer",
        [
            [5],
            [b"HTTP/1.1 200 OK\r\n", 5],
            dripping(head() + PNG),
            [*dripping(b"HTTP/1.1 100 Continue\r\n\r\n" * 9), head() + PNG],
            [head(), PNG[:20], *dripping(PNG[20:])],
            [b"HTTP/1.1 200 OK\r\n\r\n", *dripping(PNG)],
        ],
        ids=["silent", "half a line", "drips", "drips before", "drips at its end", "drips without a length"],
    )
    async def test_one_deadline(self, mode: str, answer: list[Any]) -> None:
        with Server(answer) as server:
            text = await refused(mode, server.url(), timeout=0.2, api_url=LOCAL_API)
            assert not server.answered
        assert text == "it timed out, with 0.2 seconds (`timeout`) for the whole of it"

    @both_ways
    @pytest.mark.parametrize("answer", [dripping(head() + PNG), [head(), *dripping(PNG)]], ids=["head", "body"])
    async def test_one_deadline_over_tls(self, mode: str, answer: list[Any], authority: trustme.CA) -> None:
        with Server(answer, tls=server_context(authority, "127.0.0.1")) as server:
            settings = {"api_url": LOCAL_API, "verify": client_context(authority)}
            text = await refused(mode, server.url(), timeout=0.5, **settings)
            assert not server.answered
        assert text == "it timed out, with 0.5 seconds (`timeout`) for the whole of it"

    @both_ways
    async def test_one_deadline_for_all_redirects(self, mode: str) -> None:
        with Server([0.1, head(302, 0, Location="/2.png")]) as server:
            text = await refused(mode, server.url(), timeout=0.25, api_url=LOCAL_API)
        assert text.endswith("it timed out, with 0.25 seconds (`timeout`) for the whole of it")

    @both_ways
    async def test_one_deadline_for_all_retries(self, mode: str) -> None:
        with Server([head(503, 0)]) as server:
            text = await refused(mode, server.url(), timeout=0.3, api_url=LOCAL_API, max_retries=9)
        assert text == "it timed out, with 0.3 seconds (`timeout`) for the whole of it"
        assert len(server.requests) <= 1

    @both_ways
    async def test_one_deadline_for_names(self, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
        over = threading.Event()

        def wait(*args: Any, **kwargs: Any) -> Any:
            over.wait(10)
            raise RuntimeError

        monkeypatch.setattr(socket, "getaddrinfo", wait)
        assert "it timed out" in await refused(mode, wire=Wire(), timeout=0.1)
        over.set()

    def test_a_connection_made_after_the_deadline_is_cut_off(self, names: Names) -> None:
        """As after a slow TLS handshake: reads would wait for as long as there was time in the beginning."""
        ours, theirs = socket.socketpair()
        stream = SimpleNamespace(get_extra_info={"socket": ours}.get)
        received: list[bytes] = []

        def connect(request: httpx2.Request) -> httpx2.Response:
            time.sleep(1.1)
            request.extensions["trace"]("connection.start_tls.complete", {"return_value": stream})
            ours.settimeout(5)
            received.append(ours.recv(1))
            msg = "end of file"
            raise httpx2.ReadError(msg)

        with ours, theirs, httpx2.Client(transport=httpx2.MockTransport(connect)) as client:
            with pytest.raises(DownloadError, match="it timed out"):
                download_image(client, URL, options=DownloadOptions(api_url=API, timeout=1))
        assert received == [b""]

    def test_no_pause_is_longer_than_is_left(self, monkeypatch: pytest.MonkeyPatch, names: Names) -> None:
        paused: list[float] = []
        monkeypatch.setattr(time, "sleep", paused.append)
        wire = Wire(*[httpx2.Response(503) for _ in range(3)])
        with httpx2.Client(transport=wire) as client:
            options = DownloadOptions(api_url=API, timeout=1.5, max_retries=3)
            assert download_image(client, URL, options=options) == IMAGE
        assert paused[:2] == [0.5, 1]
        assert paused[2] < 1.5

    @both_ways
    async def test_one_deadline_for_a_transport_without_timeouts(self, mode: str, names: Names) -> None:
        def drip(request: httpx2.Request) -> httpx2.Response:
            time.sleep(0.2)
            return httpx2.Response(200, stream=body)

        body = Body(PNG, times=9)
        assert "it timed out" in await refused(mode, wire=httpx2.MockTransport(drip), timeout=0.1)
        assert body.read <= len(PNG)

    @both_ways
    @pytest.mark.parametrize("timeout", [0, -1])
    async def test_no_time_at_all(self, mode: str, timeout: float, names: Names) -> None:
        wire = Wire()
        assert "it timed out" in await refused(mode, wire=wire, timeout=timeout)
        assert not wire.requests


class TestContent:
    @both_ways
    @pytest.mark.parametrize(
        ("begins", "media_type"),
        [
            (b"\x89PNG\r\n\x1a\n", "image/png"),
            (b"\xff\xd8\xff\xe0\0\x10JFIF", "image/jpeg"),
            (b"\xff\xd8\xff\xe1\n\nExif", "image/jpeg"),
            (b"GIF87a", "image/gif"),
            (b"GIF89a", "image/gif"),
            (b"RIFF\n\0\0\0WEBPVP8 ", "image/webp"),
            (b"\0\0\0\x1cftypavif", "image/avif"),
            (b"\0\0\0\x1cftypavis", "image/avif"),
            (b"\0\0\0\x20ftypmif1\0\0\0\0mif1miafavif", "image/avif"),
            (b"\0\0\0\x18ftypheic", "image/heic"),
            (b"\0\0\0\x18ftyphevc", "image/heic"),
            (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "image/heif"),
            (b"BM\x36\n\0\0\0\0\0\0\x36", "image/bmp"),
            (b"II*\0", "image/tiff"),
            (b"MM\0*", "image/tiff"),
            (b"II+\0", "image/tiff"),
            (b"\0\0\1\0\2\0", "image/x-icon"),
        ],
    )
    async def test_images(self, mode: str, begins: bytes, media_type: str, names: Names) -> None:
        """The bytes tell what they are, whatever their host says."""
        image = begins.ljust(64, b"\0")
        wire = Wire(httpx2.Response(200, headers={"Content-Type": "text/html"}, content=image))
        assert await download(mode, wire=wire) == (image, media_type)

    @both_ways
    @pytest.mark.parametrize(
        "content",
        [
            *(
                b"",
                b"\0" * 64,
                b"<html>",
                b"<!DOCTYPE html><svg>",
                b"{}",
                b'{"url": "x"}',
                b"Gone",
                b"BMW builds cars.",
            ),
            *(b"%PDF-1.7", b"\x7fELF", b"PK\3\4", b"\x1f\x8b\x08", b"RIFF\n\0\0\0WAVEfmt ", b"ID3", b"OggS", b"GIF90a"),
            *(
                b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41",
                b"\0\0\0\x18ftypmp42",
                b"\0\0\2\0",
                b"\0\0\1\0\0\0",
                b"\x89PNG\n",
            ),
            *(b" \x89PNG\r\n\x1a\n", b"<svg/>", b"<?xml?><svg/>", b"II", b"\xff\xd8"),
        ],
    )
    async def test_no_images(self, mode: str, content: bytes, names: Names) -> None:
        wire = Wire(httpx2.Response(200, headers={"Content-Type": "image/png"}, content=content))
        text = await refused(mode, wire=wire, declared_type="image/png")
        assert text == f"the answer is no image, but {len(content)} bytes of type 'image/png'"

    @both_ways
    async def test_svg_only_if_the_api_says_so(self, mode: str, names: Names) -> None:
        svg = b'\xef\xbb\xbf <?xml version="1.0"?>\n<!-- made -->\n<svg xmlns="http://www.w3.org/2000/svg"/>'
        for image in (svg, b"<svg/>", b"<!DOCTYPE svg><svg/>"):
            wire = Wire(*[httpx2.Response(200, headers={"Content-Type": "image/svg+xml"}, content=image)] * 2)
            assert await download(mode, wire=wire, declared_type="image/svg+xml") == (image, "image/svg+xml")
            assert "is no image" in await refused(mode, wire=wire)
        for other in (b"<html><svg/></html>", b"<svgx/>", b"<?xml?><html/>", b"text <svg/>", b""):
            wire = Wire(httpx2.Response(200, content=other))
            assert "is no image" in await refused(mode, wire=wire, declared_type="image/svg+xml")

    def test_a_beginning_is_enough(self) -> None:
        assert image_type(PNG[:8]) == "image/png"

    @both_ways
    async def test_types_are_shown_short(self, mode: str, names: Names) -> None:
        wire = Wire(httpx2.Response(200, headers={"Content-Type": "a" * 9999}, content=b"no"))
        assert (await refused(mode, wire=wire)).endswith("aaa...'")

    @both_ways
    @pytest.mark.parametrize("status", [101, 400, 401, 403, 404, 410, 500, 503])
    async def test_other_statuses(self, mode: str, status: int, names: Names) -> None:
        body = Body(PNG)
        assert await refused(mode, wire=Wire(httpx2.Response(status, stream=body))) == f"HTTP {status}"
        assert (body.read, body.closed) == (0, True)


class TestFaults:
    @both_ways
    @pytest.mark.parametrize(
        "fault",
        [
            httpx2.ConnectError("told\r\n"),
            httpx2.ReadTimeout("told"),
            httpx2.RemoteProtocolError("told"),
            httpx2.ProxyError("told"),
            httpx2.InvalidURL("told"),
            ssl.SSLCertVerificationError("told"),
            OSError("told"),
            RuntimeError("told"),
            UnicodeEncodeError("ascii", "told", 0, 1, "told"),
            ExceptionGroup("told", [OSError("one"), OSError("two")]),
        ],
        ids=lambda fault: type(fault).__name__,
    )
    async def test_of_the_client(self, mode: str, fault: Exception, names: Names) -> None:
        text = await refused(mode, f"{URL}?sig=secret", wire=Wire(fault))
        assert text.startswith(f"{type(fault).__name__}: ")
        assert "told" in text
        assert "secret" not in text

    @both_ways
    async def test_of_a_body(self, mode: str) -> None:
        with Server([head(length=99) + PNG, None]) as server:
            text = await refused(mode, server.url(), api_url=LOCAL_API)
        assert text.startswith("RemoteProtocolError: peer closed connection")

    @both_ways
    @pytest.mark.parametrize("garbage", [b"\0" * 99, b"HTTP/9 x\r\n\r\n", b"SSH-2.0-x\r\n", head(length=-1)])
    async def test_of_a_protocol(self, mode: str, garbage: bytes) -> None:
        with Server([garbage + b"\r\n\r\n"]) as server:
            assert "ProtocolError: " in await refused(mode, server.url(), api_url=LOCAL_API)

    @both_ways
    async def test_a_closed_client(self, mode: str, names: Names) -> None:
        if mode == "download_image":
            client = httpx2.Client()
            client.close()
            with pytest.raises(DownloadError, match=r"RuntimeError: .*closed"):
                download_image(client, URL, options=OPTIONS)
        else:
            async_client = httpx2.AsyncClient()
            await async_client.aclose()
            with pytest.raises(DownloadError, match=r"RuntimeError: .*closed"):
                await download_image_async(async_client, URL, options=OPTIONS)

    @both_ways
    @pytest.mark.parametrize("fault", [500, httpx2.ReadError("reset")])
    async def test_a_passing_one_is_tried_again(self, mode: str, fault: Any, names: Names) -> None:
        wire = Wire(redirect("/2.png"), httpx2.Response(fault) if isinstance(fault, int) else fault)
        assert await download(mode, wire=wire, max_retries=1) == IMAGE
        assert [request.url.path for request in wire.requests] == ["/1.png", "/2.png", "/1.png"]

    @both_ways
    async def test_a_name_that_cannot_be_asked_for_now(self, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[str] = []

        def unavailable(host: str, *args: Any, **kwargs: Any) -> Any:
            asked.append(host)
            raise socket.gaierror(socket.EAI_AGAIN if len(asked) < 2 else socket.EAI_NONAME, "told")

        monkeypatch.setattr(socket, "getaddrinfo", unavailable)
        assert "told" in await refused(mode, wire=Wire(), max_retries=3)
        assert len(asked) == 2

    @both_ways
    async def test_a_lasting_one_is_not(self, mode: str, names: Names) -> None:
        for fault in (httpx2.Response(404), httpx2.Response(200, content=b"no"), RuntimeError("broken")):
            wire = Wire(fault)
            await refused(mode, wire=wire, max_retries=3)
            assert len(wire.requests) == 1


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def server_context(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context


def client_context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


class TestConnection:
    @both_ways
    async def test_certificates_are_checked_against_the_name(
        self, mode: str, authority: trustme.CA, names: Names
    ) -> None:
        names.set("one.example.com", "127.0.0.1")
        names.set("other.example.com", "127.0.0.1")
        settings = {"api_url": LOCAL_API, "verify": client_context(authority)}
        with Server([head() + PNG], tls=server_context(authority, "one.example.com")) as server:
            assert await download(mode, server.url("one.example.com"), **settings) == IMAGE
            assert "CERTIFICATE_VERIFY_FAILED" in await refused(mode, server.url("other.example.com"), **settings)
            assert "CERTIFICATE_VERIFY_FAILED" in await refused(mode, server.url(), **settings)
        assert len(server.requests) == 1

    @both_ways
    async def test_hosts_at_one_address_share_none(self, mode: str, authority: trustme.CA, names: Names) -> None:
        names.set("one.example.com", "127.0.0.1")
        names.set("other.example.com", "127.0.0.1")
        context = server_context(authority, "one.example.com", "other.example.com")
        asked: list[str | None] = []
        context.sni_callback = lambda _, name, __: asked.append(name)
        with Server([head() + PNG], tls=context) as server:
            urls = [server.url("one.example.com"), server.url("other.example.com")]
            options = DownloadOptions(api_url=LOCAL_API, timeout=5)
            verify = client_context(authority)
            if mode == "download_image":
                with httpx2.Client(verify=verify, trust_env=False) as client:
                    assert [download_image(client, url, options=options) for url in urls] == [IMAGE] * 2
            else:
                async with httpx2.AsyncClient(verify=verify, trust_env=False) as async_client:
                    images = [await download_image_async(async_client, url, options=options) for url in urls]
                assert images == [IMAGE] * 2
        assert asked == ["one.example.com", "other.example.com"]
        assert server.connections == 2

    @both_ways
    async def test_through_a_proxy(self, mode: str, names: Names) -> None:
        """The proxy gets the name, of which the addresses were checked here."""
        names.set("rebound.example.com", "10.0.0.1")
        with Server([head() + PNG]) as proxy:
            settings = {"proxy": proxy.url(path=""), "proxied": True}
            assert await download(mode, "http://cdn.example.com/1.png", **settings) == IMAGE
            assert "not public" in await refused(mode, "http://rebound.example.com/1.png", **settings)
        (request,) = proxy.requests
        assert request.startswith(b"GET http://cdn.example.com/1.png HTTP/1.1\r\nHost: cdn.example.com\r\n")

    @both_ways
    async def test_threads_end_with_the_download(self, mode: str) -> None:
        before = set(threading.enumerate())
        with Server([head() + PNG]) as server:
            assert await download(mode, server.url(), api_url=LOCAL_API, timeout=60) == IMAGE
        for thread in set(threading.enumerate()) - before:
            thread.join(5)
        assert set(threading.enumerate()) <= before

    async def test_an_abandoned_download_leaves_no_connection(self) -> None:
        with Server([head(length=99) + PNG, 60]) as server:
            async with httpx2.AsyncClient(trust_env=False) as client:
                options = DownloadOptions(api_url=LOCAL_API, timeout=60)
                task = asyncio.create_task(download_image_async(client, server.url(), options=options))
                while not server.requests:
                    await asyncio.sleep(0.01)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task


class TestOverHttpx:
    """With a client of httpx, which is what objects of httpx among the user's settings need."""

    @both_ways
    async def test_a_user_s_transport(self, mode: str, names: Names) -> None:
        requests: list[httpx.Request] = []

        def answer(request: httpx.Request) -> httpx.Response:
            requests.append(request)
            if len(requests) < 2:
                return httpx.Response(302, headers={"Location": "https://other.example.com/2.png"})
            return httpx.Response(200, content=PNG)

        names.set("other.example.com", "8.8.8.8")
        assert await download(mode, wire=httpx.MockTransport(answer), family=httpx) == IMAGE
        assert [(str(request.url), request.headers["Host"]) for request in requests] == [
            (f"https://{PUBLIC}/1.png", "cdn.example.com"),
            ("https://8.8.8.8/2.png", "other.example.com"),
        ]

    @both_ways
    async def test_faults(self, mode: str, names: Names) -> None:
        names.set("cdn.example.com", "8.8.8.8", PUBLIC)
        asked: list[str] = []

        def unreachable(request: httpx.Request) -> httpx.Response:
            asked.append(request.url.host)
            msg = "told"
            raise httpx.ConnectError(msg)

        text = await refused(mode, wire=httpx.MockTransport(unreachable), family=httpx, max_retries=1)
        assert text == "ConnectError: told"
        assert asked == ["8.8.8.8", PUBLIC] * 2

    @both_ways
    async def test_one_deadline(self, mode: str) -> None:
        with Server([head(), *dripping(PNG)]) as server:
            text = await refused(mode, server.url(), timeout=0.2, api_url=LOCAL_API, family=httpx)
            assert not server.answered
        assert text == "it timed out, with 0.2 seconds (`timeout`) for the whole of it"

    @both_ways
    async def test_certificates_are_checked_against_the_name(
        self, mode: str, authority: trustme.CA, names: Names
    ) -> None:
        names.set("one.example.com", "127.0.0.1")
        names.set("other.example.com", "127.0.0.1")
        settings = {"api_url": LOCAL_API, "verify": client_context(authority), "family": httpx}
        with Server([head() + PNG], tls=server_context(authority, "one.example.com")) as server:
            assert await download(mode, server.url("one.example.com"), **settings) == IMAGE
            assert "CERTIFICATE_VERIFY_FAILED" in await refused(mode, server.url("other.example.com"), **settings)

    @both_ways
    @given(url=TEXTS)
    @example(url="https://[2606:4700::1]:444/%20?a=b%2F&c#d")
    def test_any_text_is_an_image_or_an_error(self, mode: str, url: str) -> None:
        asked: list[str] = []

        def answer(request: httpx.Request) -> httpx.Response:
            asked.append(request.url.host)
            return httpx.Response(200, content=PNG)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(socket, "getaddrinfo", Names().getaddrinfo)
            try:
                assert asyncio.run(download(mode, url, wire=httpx.MockTransport(answer), family=httpx)) == IMAGE
            except DownloadError as error:
                assert str(error).encode().decode().isprintable()
        assert all(map(is_public, asked))
