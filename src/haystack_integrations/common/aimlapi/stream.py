# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""The events of a live response: read as plain dictionaries, to its end, and closed whatever ends it."""

import asyncio
import contextlib
import inspect
import json
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator, Sequence
from time import monotonic
from typing import Any, Protocol, TypeVar

import httpx2
from haystack import logging
from openai import APIConnectionError

from .body import body_parts, checked_event, ensure_list, has_value, is_response, parse_json
from .call import CallContext
from .errors import TRANSPORT_ERRORS, check_size, map_api_errors
from .sse import EventDecoder

_logger = logging.getLogger(__name__)

# A connection can be used again only if the response was read to its end. A server that keeps it open after `[DONE]`
# gets this many seconds: a new connection costs about as much.
_DRAIN_SECONDS = 0.1
_DRAINED = "HTTP/1.1"  # A connection of HTTP/2 carries other calls as well, and goes on without.


Chunk = TypeVar("Chunk")
Chunk_co = TypeVar("Chunk_co", covariant=True)


class Accumulator(Protocol[Chunk_co]):
    """What makes chunks of the events of a stream: see `StreamAccumulator`."""

    def add(self, event: dict[str, Any]) -> Sequence[Chunk_co]:
        """Take the next event."""

    def partial(self) -> dict[str, Any] | None:
        """Get what has come so far."""


def iter_chunks(
    stream: Any, call: CallContext, accumulator: Accumulator[Chunk], *, model: str
) -> Generator[Chunk, None, None]:
    """
    Read the events of a streamed reply.

    :param stream: The response, or the SDK's stream, or what an observability tool made of it.
    :param call: The call.
    :param accumulator: Makes chunks of the events.
    :param model: The model that is called.
    :returns: The chunks.
    :raises APIError: If the stream breaks off, an event cannot be read, or an event reports an error.
    """
    events: Any
    data: Any
    try:
        with _keeping(accumulator), map_api_errors(call, model=model):
            if is_response(stream):
                for events in _iter_events(stream, body_parts(stream, asynchronous=False), call):
                    for data in events:
                        yield from accumulator.add(checked_event(parse_json(data)))
                return
            if (response := _received(call)) is not None:
                # The decoder of the SDK stumbles over some events, and its stream drops the connection. So it gets
                # events that are decoded already; nothing else than this method leads from here to there.
                parts = body_parts(response, asynchronous=False)
                typed = _iter_typed_data(_iter_events(response, parts, call))
                response.iter_bytes = lambda: map(_encode, typed)
            for event in stream:
                yield from accumulator.add(checked_event(event))
    finally:
        # An error may repeat a secret, and the frame is in its traceback.
        events = data = event = None
        # Not every tool passes it on.
        for opened in (stream, call.response):
            with _closing():
                if close := getattr(opened, "close", None):
                    close()


async def iter_chunks_async(
    stream: Any, call: CallContext, accumulator: Accumulator[Chunk], *, model: str
) -> AsyncGenerator[Chunk, None]:
    """
    Read the events of a streamed reply asynchronously.

    :param stream: The response, or the SDK's stream, or what an observability tool made of it.
    :param call: The call.
    :param accumulator: Makes chunks of the events.
    :param model: The model that is called.
    :returns: The chunks.
    :raises APIError: If the stream breaks off, an event cannot be read, or an event reports an error.
    """
    events: Any
    data: Any
    try:
        with _keeping(accumulator), map_api_errors(call, model=model):
            if is_response(stream):
                async for events in _iter_events_async(stream, body_parts(stream, asynchronous=True), call):
                    for data in events:
                        for chunk in accumulator.add(checked_event(parse_json(data))):
                            yield chunk
                return
            if (response := _received(call)) is not None:
                parts = body_parts(response, asynchronous=True)
                typed = _iter_typed_data_async(_iter_events_async(response, parts, call))
                response.aiter_bytes = lambda: (_encode(data) async for data in typed)
            async for event in stream:
                for chunk in accumulator.add(checked_event(event)):
                    yield chunk
    finally:
        # An error may repeat a secret, and the frame is in its traceback.
        events = data = event = None
        for opened in (stream, call.response):
            with _closing():
                # The SDK's streams have both, and mocks of them are asked which one was called: Haystack calls `close`.
                names = ("aclose", "close") if is_response(opened) else ("close", "aclose")
                if close := next(filter(None, (getattr(opened, name, None) for name in names)), None):
                    closed = close()
                    if inspect.isawaitable(closed):
                        await closed


@contextlib.contextmanager
def _closing() -> Iterator[None]:
    # The reply is here, or its error is on the way: neither is given up for a stream that cannot be closed.
    try:
        yield
    except Exception as error:
        _logger.debug("A stream could not be closed: {error}", error=repr(error))


@contextlib.contextmanager
def _keeping(accumulator: Accumulator[Any]) -> Iterator[None]:
    """
    Tell what had come when a stream broke off: it was paid for.
    """
    try:
        yield
    except APIConnectionError as error:
        with contextlib.suppress(Exception):
            error.body = accumulator.partial()
        raise


def _received(call: CallContext) -> Any:
    # Typed as anything, since methods of it are replaced.
    return call.response


class _TypedFrames:
    """
    Makes of frames of chat completions what tracers expect.

    They walk over `choices`, and take the model and the usage from the last frame. AIMLAPI's last frame tells the cost
    and nothing else. So every frame has `choices` and says what it is a part of, and a frame without choices becomes a
    part of the one before, if that tells the usage or has no choices either. Errors are raised here, since what raises
    inside a stream is seen by whoever wraps it.
    """

    def __init__(self) -> None:
        self._common: dict[str, Any] = {}
        self._held: dict[str, Any] | None = None

    def feed(self, data: bytes) -> list[bytes]:
        frame = checked_event(parse_json(data))
        if frame.keys() & {"type", "output"}:
            return [data]
        choices = ensure_list(frame.get("choices"))
        if not choices:
            frame = {**self._common, **frame, "choices": []}
            if self._held is not None and _complement(self._held, frame):
                self._held |= {name: value for name, value in frame.items() if has_value(value)}
                return []
        self._common = {name: frame[name] for name in ("id", "object", "created", "model") if name in frame}
        is_end = any(isinstance(choice, dict) and choice.get("finish_reason") for choice in choices)
        if choices and not (is_end and frame.get("usage")):
            return [*self.finish(), data]
        ready = self.finish()
        self._held = frame
        return ready

    def finish(self) -> list[bytes]:
        held, self._held = self._held, None
        return [] if held is None else [json.dumps(held).encode()]


def _complement(held: dict[str, Any], frame: dict[str, Any]) -> bool:
    return all(
        held[name] == value or not (has_value(held[name]) and has_value(value))
        for name, value in frame.items()
        if name in held
    )


def _iter_typed_data(parts: Iterator[list[bytes]]) -> Iterator[bytes]:
    frames = _TypedFrames()
    for events in parts:
        for data in events:
            yield from frames.feed(data)
    yield from frames.finish()


async def _iter_typed_data_async(parts: AsyncIterator[list[bytes]]) -> AsyncIterator[bytes]:
    frames = _TypedFrames()
    async for events in parts:
        for data in events:
            for ready in frames.feed(data):
                yield ready
    for ready in frames.finish():
        yield ready


def _encode(data: bytes) -> bytes:
    return b"data: %b\n\n" % data.replace(b"\n", b"\ndata: ")


def _iter_events(response: httpx2.Response, parts: Iterator[bytes], call: CallContext) -> Iterator[list[bytes]]:
    """Read the data of the events that each part of the body completes."""
    decoder, size = EventDecoder(), 0
    for part in parts:
        size += len(part)
        check_size(size)
        yield decoder.feed(part)
        if decoder.is_done:
            call.is_done = True
            if response.http_version == _DRAINED:
                with contextlib.suppress(*TRANSPORT_ERRORS), _time_limit(response):
                    for _ in parts:
                        pass
            return
    rest = decoder.finish()
    call.is_done = decoder.is_done
    yield rest


async def _iter_events_async(
    response: httpx2.Response, parts: AsyncIterator[bytes], call: CallContext
) -> AsyncGenerator[list[bytes]]:
    """Read the data of the events that each part of the body completes."""
    decoder, size = EventDecoder(), 0
    async for part in parts:
        size += len(part)
        check_size(size)
        yield decoder.feed(part)
        if decoder.is_done:
            call.is_done = True
            if response.http_version == _DRAINED:
                with contextlib.suppress(TimeoutError, *TRANSPORT_ERRORS):
                    async with asyncio.timeout(_DRAIN_SECONDS):
                        async for _ in parts:
                            pass
            return
    rest = decoder.finish()
    call.is_done = decoder.is_done
    yield rest


@contextlib.contextmanager
def _time_limit(response: httpx2.Response) -> Iterator[None]:
    connection = response.extensions.get("network_stream")
    if connection is None:
        yield
        return
    read, deadline = connection.read, monotonic() + _DRAIN_SECONDS

    def read_in_time(max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG001 as httpcore calls it so
        remaining = deadline - monotonic()
        if remaining <= 0:
            msg = "The server goes on after its last event"
            raise httpx2.ReadTimeout(msg)
        data: bytes = read(max_bytes, timeout=remaining)
        return data

    connection.read = read_in_time
    try:
        yield
    finally:
        connection.read = read
