# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""How far a request got, which decides whether it may be tried again."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import httpx2

_current: ContextVar["Progress | None"] = ContextVar("aimlapi_progress", default=None)
# Of these events of httpcore, the result is the connection.
_CONNECTED = ("connect_tcp.complete", "connect_unix_socket.complete", "start_tls.complete")


@dataclass
class Progress:
    """
    How far a request got. A transport of ours keeps this up to date in `request.extensions["progress"]`.

    None means that nobody knows, as with a transport of the user's.

    :param sent: The whole request was handed to the operating system.
    :param answered: At least one byte of an answer came.
    :param sent_at: When the request was sent, by `time.monotonic`.
    """

    sent: bool | None = None
    answered: bool | None = None
    sent_at: float | None = None
    # Not so for the request that a proxy opens a tunnel on, nor with HTTP/2, where others receive as well.
    _receives_all: bool = field(default=False, repr=False)

    @property
    def silence(self) -> float:
        """Seconds since the request was sent."""
        return 0 if self.sent_at is None else monotonic() - self.sent_at

    def _note(self, event: str, info: dict[str, Any]) -> None:
        protocol, _, step = event.partition(".")
        if step == "send_request_headers.started":
            self._receives_all = protocol == "http11" and info["request"].method != b"CONNECT"
            self.sent = self.answered = False
        elif step == "send_request_body.complete":
            # After the request for a tunnel comes the real one.
            self.sent = protocol == "http2" or self._receives_all
            self.sent_at = monotonic()
        elif step == "receive_response_headers.complete":
            self.answered = self.sent


@contextmanager
def watched(request: httpx2.Request, *, asynchronous: bool) -> Iterator[Progress]:
    """
    Watch how far a request gets.

    :param request: The request. Its `trace` extension, if there is one, is called as well.
    :param asynchronous: Whether an asynchronous client sends it.
    :returns: How far it got.
    """
    progress, extensions = Progress(), request.extensions
    other = extensions.get("trace")

    def trace(event: str, info: dict[str, Any]) -> None:
        progress._note(event, info)
        if event.endswith(_CONNECTED):
            _watch(info["return_value"])
        if other is not None:
            other(event, info)

    async def trace_async(event: str, info: dict[str, Any]) -> None:
        progress._note(event, info)
        if event.endswith(_CONNECTED):
            _watch_async(info["return_value"])
        if other is not None:
            await other(event, info)

    request.extensions = {**extensions, "progress": progress, "trace": trace_async if asynchronous else trace}
    token = _current.set(progress)
    try:
        yield progress
    finally:
        # The garbage collector ends a call whose event loop was closed, in another context.
        with suppress(ValueError):
            _current.reset(token)
        request.extensions = extensions


# No event tells of an answer that ends within its head. The connection outlives the request, so what it receives is
# noted for whatever request is under way.


def _watch(stream: Any) -> None:
    read = stream.read

    def watched_read(*args: Any, **kwargs: Any) -> bytes:
        data: bytes = read(*args, **kwargs)
        _note_received(data)
        return data

    stream.read = watched_read


def _watch_async(stream: Any) -> None:
    read = stream.read

    async def watched_read(*args: Any, **kwargs: Any) -> bytes:
        data: bytes = await read(*args, **kwargs)
        _note_received(data)
        return data

    stream.read = watched_read


def _note_received(data: bytes) -> None:
    progress = _current.get()
    if data and progress is not None and progress._receives_all:
        progress.answered = True
