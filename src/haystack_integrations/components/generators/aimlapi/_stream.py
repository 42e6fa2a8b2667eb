# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""How a streamed response is read: as plain dictionaries, to its end, and closed whatever ends it."""

import asyncio
import contextlib
import inspect
import json
import socket
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from typing import Any, cast

import httpx
import httpx2
import jiter

from ._client import BREAKS, current
from ._errors import Caller, failures, is_error, reject

# A connection can be used again only if the response was read to its end. A server that keeps it open after `[DONE]`
# gets this many seconds: a new connection costs about as much.
_DRAIN_SECONDS = 0.1
_DRAINED = "HTTP/1.1"  # A connection of HTTP/2 carries other calls as well, and goes on without.
# How events begin that have no data.
_FIELDS = (b":", b"event:", b"id:", b"retry:")


def frames(stream: Any, caller: Caller) -> Generator[dict[str, Any]]:
    """
    Read the frames of a streamed completion.

    :param stream: What the SDK returned, or what an observability tool made of it.
    :param caller: The component that made the call.
    :returns: Each frame as a dictionary.
    :raises APIError: If the stream breaks off, a frame cannot be read, or a frame reports an error.
    """
    try:
        with failures(caller):
            if raw := _raw(stream):
                for document in _documents(raw, raw.iter_bytes()):
                    yield _checked(_parsed(document))
                return
            response: Any = current().response
            if response:
                # The decoder of the SDK stumbles over some events, and its stream drops the connection. So it gets
                # events that are decoded already; nothing else than this method leads from here to there.
                events = map(_event, _documents(response, response.iter_bytes()))
                response.iter_bytes = lambda: events
            for frame in stream:
                yield _checked(frame)
    finally:
        if close := getattr(stream, "close", None):
            close()
        # Not every tool passes it on.
        if received := current().response:
            received.close()


async def async_frames(stream: Any, caller: Caller) -> AsyncGenerator[dict[str, Any]]:
    """
    Read the frames of a streamed completion asynchronously.

    :param stream: What the SDK returned, or what an observability tool made of it.
    :param caller: The component that made the call.
    :returns: Each frame as a dictionary.
    :raises APIError: If the stream breaks off, a frame cannot be read, or a frame reports an error.
    """
    try:
        with failures(caller):
            if raw := _raw(stream):
                async for document in _async_documents(raw, raw.aiter_bytes()):
                    yield _checked(_parsed(document))
                return
            response: Any = current().response
            if response:
                events = (_event(document) async for document in _async_documents(response, response.aiter_bytes()))
                response.aiter_bytes = lambda: events
            async for frame in stream:
                yield _checked(frame)
    finally:
        if close := getattr(stream, "close", None):
            closed = close()
            if inspect.isawaitable(closed):
                await closed
        if received := current().response:
            await received.aclose()


def answer_body(answer: Any, kind: str) -> dict[str, Any]:
    """
    Get the body of a plain answer.

    :param answer: What the SDK returned.
    :param kind: What was asked for, as the message of an error names it.
    :returns: The body as a dictionary.
    :raises APIError: If it is an error, or no JSON object.
    """
    body = _decoded(answer)
    if is_error(body):
        reject(body, f"AIMLAPI answered with an error instead of {kind}")
    return cast(dict[str, Any], body)


def completion_body(completion: Any) -> dict[str, Any]:
    """
    Get the body of a plain completion.

    :param completion: What the SDK returned.
    :returns: The body as a dictionary, with at least one choice.
    :raises APIError: If it is an error, or no completion at all.
    """
    body = answer_body(completion, "a completion")
    choices = body.get("choices")
    if not (choices and isinstance(choices, list) and all(isinstance(choice, dict) for choice in choices)):
        reject(body, "AIMLAPI answered without choices")
    return body


def _raw(answer: Any) -> Any:
    # What the SDK's `with_raw_response` returns has the response in a public attribute, but no public type.
    response = getattr(answer, "http_response", None)
    return response if isinstance(response, (httpx2.Response, httpx.Response)) else None


def _decoded(answer: Any) -> Any:
    if response := _raw(answer):
        return _parsed(response.content)
    # The SDK's models warn of every value that is not of the type they declare.
    return answer.to_dict(warnings=False) if hasattr(answer, "to_dict") else answer


def _parsed(document: bytes) -> Any:
    try:
        # A third of the time that `json` takes. Field names are kept for the next document, values are not.
        return jiter.from_json(document, cache_mode="keys")
    except ValueError:
        # Takes what jiter does not, such as half of a surrogate pair, and tells what is wrong with the rest.
        return json.loads(document)


def _checked(frame: Any) -> dict[str, Any]:
    if not isinstance(frame, dict):
        frame = _decoded(frame)
    elif frame.get("choices") and "error" not in frame:
        return frame
    if is_error(frame):
        reject(frame, "AIMLAPI reported an error in the stream")
    return cast(dict[str, Any], frame)


def _event(document: bytes) -> bytes:
    return b"data: %b\n\n" % document.replace(b"\n", b"\ndata: ")


def _documents(response: httpx2.Response, pieces: Iterator[bytes]) -> Iterator[bytes]:
    decoder = EventDecoder()
    for piece in pieces:
        yield from decoder.feed(piece)
        if decoder.is_done:
            if response.http_version == _DRAINED:
                with contextlib.suppress(*BREAKS), _time_limit(response):
                    for _ in pieces:
                        pass
            return
    yield from decoder.finish()


async def _async_documents(response: httpx2.Response, pieces: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    decoder = EventDecoder()
    async for piece in pieces:
        for document in decoder.feed(piece):
            yield document
        if decoder.is_done:
            if response.http_version == _DRAINED:
                with contextlib.suppress(TimeoutError, *BREAKS):
                    async with asyncio.timeout(_DRAIN_SECONDS):
                        async for _ in pieces:
                            pass
            return
    for document in decoder.finish():
        yield document


class EventDecoder:
    """
    Decodes server-sent events down to their data.

    Unlike those of httpx2 and the SDK it keeps a last event that no blank line follows, and a body that holds no event,
    such as an error or a whole reply. And it takes a third of their time, for each token of each stream.
    """

    def __init__(self) -> None:
        self.is_done = False
        self._pieces: list[bytes] = []
        self._is_empty = True
        self._others: list[bytes] = []

    def feed(self, piece: bytes) -> list[bytes]:
        """
        Take the next piece of the body.

        :param piece: The piece, cut anywhere.
        :returns: The data of each event that it completes. `is_done` tells whether `[DONE]` came after them.
        """
        self._pieces.append(piece)
        if b"\n" not in piece and b"\r" not in piece:
            return []
        text = b"".join(self._pieces)
        half = b""
        if b"\r" in text:
            if text.endswith(b"\r"):
                text, half = text[:-1], b"\r"
            text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *events, rest = text.split(b"\n\n")
        self._pieces = [rest + half]
        return self._decode(events)

    def finish(self) -> list[bytes]:
        """
        Take the end of the body.

        :returns: The data of a last event that no blank line followed, or a body that holds no event.
        """
        rest = b"".join(self._pieces).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        found = self._decode(rest.strip().split(b"\n\n"))
        return [b"\n\n".join(self._others)] if self._is_empty and self._others else found

    def _decode(self, events: list[bytes]) -> list[bytes]:
        found = []
        for event in events:
            if event.startswith(b"data: ") and b"\n" not in event:
                data = event[6:]
            else:
                lines = [line[5:].removeprefix(b" ") for line in event.split(b"\n") if line.startswith(b"data:")]
                data = b"\n".join(lines)
            if data:
                self._is_empty = False
                if data.startswith(b"[DONE]"):
                    self.is_done = True
                    break
                found.append(data)
            elif self._is_empty and event and not event.startswith(_FIELDS):
                self._others.append(event)
        return found


@contextlib.contextmanager
def _time_limit(response: httpx2.Response) -> Iterator[None]:
    network_stream = response.extensions.get("network_stream")
    connection = network_stream.get_extra_info("socket") if network_stream else None
    if connection is None:
        yield
        return

    def end() -> None:
        if not response.is_closed:  # pragma: no branch
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(_DRAIN_SECONDS, end)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
