# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""A loopback HTTP server that answers as scripted, byte by byte, and sees what its clients do."""

import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from haystack_integrations.components.generators.aimlapi import AIMLAPIChatGenerator
from tests.support.api import hyphenated
from tests.support.modes import Mode
from tests.support.replies import HELLO, MODEL, frame

PATIENCE = 20
"""Seconds until a test gives up waiting for an event. None of them takes this long unless the test fails."""

Step = bytes | Callable[["Connection"], None]
"""Bytes to send, or something to do."""
Answer = bytes | tuple[Step, ...]


@dataclass
class Request:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Connection:
    """One client's connection, as the steps of an answer see it."""

    def __init__(self, server: "FaultServer", sock: socket.socket) -> None:
        self.server = server
        self.sock = sock
        self.request: Request | None = None
        """The request that is answered."""
        self._received = b""

    def read_request(self) -> Request | None:
        while b"\r\n\r\n" not in self._received:
            if not self._receive():
                return None
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ", 2)
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        if not self.server.reads_bodies:
            return Request(method, target, headers, b"")
        length = int(headers.get("content-length", 0))
        while len(self._received) < length:
            if not self._receive():
                return None
        body, self._received = self._received[:length], self._received[length:]
        return Request(method, target, headers, body)

    def _receive(self) -> bool:
        data = self.sock.recv(65536)
        self._received += data
        return bool(data)

    def await_disconnect(self) -> None:
        while self.sock.recv(65536):
            pass


class DroppedError(Exception):
    """The server has ended the connection itself."""


def drop(connection: Connection) -> None:
    raise DroppedError


def reset(connection: Connection) -> None:
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raise DroppedError


def stall(connection: Connection) -> None:
    """Say nothing more until the client hangs up, which it must."""
    connection.sock.settimeout(PATIENCE)
    try:
        connection.await_disconnect()
    except TimeoutError:
        connection.server.kept_waiting = True
    raise DroppedError


class FaultServer:
    """
    :param answers: What to answer to the first request, the second, and so on. The last answer is repeated.
    :param tls: Serves TLS with this context.
    :param reads_bodies: Whether an answer waits for the body of its request.
    """

    def __init__(self, *answers: Answer, tls: ssl.SSLContext | None = None, reads_bodies: bool = True) -> None:
        self._answers = [answer if isinstance(answer, tuple) else (answer,) for answer in answers]
        self._tls = tls
        self.reads_bodies = reads_bodies
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._sockets: set[socket.socket] = set()
        self._closing = False
        self.kept_waiting = False
        self.requests: list[Request] = []
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.address = self._listener.getsockname()[:2]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.address[1]}/v1"

    def __enter__(self) -> "FaultServer":
        self._start(self._accept)
        return self

    def __exit__(self, *exc_info: object) -> None:
        with self._changed:
            self._closing = True
            sockets = [self._listener, *self._sockets]
        for sock in sockets:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()
        assert not self.kept_waiting

    @property
    def open(self) -> int:
        """The connections that neither side has ended."""
        with self._changed:
            return len(self._sockets)

    def wait_for(self, condition: Callable[["FaultServer"], bool]) -> bool:
        """Wait until the condition holds; it is asked again whenever a request arrives or a connection ends."""
        with self._changed:
            return self._changed.wait_for(lambda: condition(self), PATIENCE)

    def all_disconnected(self) -> bool:
        return self.wait_for(lambda server: not server._sockets)

    def received(self, count: int) -> bool:
        return self.wait_for(lambda server: len(server.requests) >= count)

    def _start(self, target: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            with self._changed:
                if self._closing:
                    sock.close()
                    return
                self.connections += 1
                self._sockets.add(sock)
            self._start(self._serve, sock)

    def _serve(self, sock: socket.socket) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        served = sock
        # A client that hangs up while it is answered is what many tests are about.
        with suppress(DroppedError, OSError):
            if self._tls:
                served = self._tls.wrap_socket(sock, server_side=True, suppress_ragged_eofs=True)
            connection = Connection(self, served)
            while request := connection.read_request():
                connection.request = request
                with self._changed:
                    answer = self._answers[min(len(self.requests), len(self._answers) - 1)]
                    self.requests.append(request)
                    self._changed.notify_all()
                for step in answer:
                    if isinstance(step, bytes):
                        served.sendall(step)
                    else:
                        step(connection)
        served.close()
        with self._changed:
            self._sockets.discard(sock)
            self._changed.notify_all()


def head(status: int = 200, **headers: str) -> bytes:
    """The head of a response. Underscores in the names of headers stand for hyphens."""
    lines = [f"HTTP/1.1 {status} Status", *(f"{name}: {value}" for name, value in hyphenated(headers).items())]
    return "\r\n".join([*lines, "", ""]).encode()


def whole(body: Any, status: int = 200, content_type: str = "application/json", **headers: str) -> bytes:
    """A complete response."""
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    return head(status, content_type=content_type, content_length=str(len(payload)), **headers) + payload


def stream_head(**headers: str) -> bytes:
    return head(content_type="text/event-stream", transfer_encoding="chunked", **headers)


def event(data: Any) -> bytes:
    """One server-sent event, as one HTTP chunk."""
    text = f"data: {data if isinstance(data, str) else json.dumps(data)}\n\n".encode()
    return f"{len(text):x}\r\n".encode() + text + b"\r\n"


END = b"0\r\n\r\n"
DONE = event("[DONE]") + END
WORD = frame({"content": "Hello"})
PLAIN_HELLO = whole(HELLO)
STREAMED_HELLO = stream_head() + event(frame({"content": "Hel"})) + event(frame({"content": "lo"}, "stop")) + DONE


def hello(mode: Mode) -> bytes:
    """What says "Hello" in a mode."""
    return STREAMED_HELLO if mode.streamed else PLAIN_HELLO


@contextmanager
def serving(
    *answers: Answer, tls: ssl.SSLContext | None = None, reads_bodies: bool = True, **settings: Any
) -> Iterator[tuple[FaultServer, AIMLAPIChatGenerator]]:
    """Start a server, and make a component that talks to it."""
    with FaultServer(*answers, tls=tls, reads_bodies=reads_bodies) as server:
        generator = AIMLAPIChatGenerator(**{"api_base_url": server.url, "model": MODEL, **settings})
        with closing(generator):
            yield server, generator
