# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""How a streamed response is read: as plain dictionaries, to its end, and closed whatever ends it."""

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import AsyncGenerator, Generator, Iterator
from typing import Any, cast

import httpx2
from openai import AsyncStream, Stream

from ._client import BREAKS
from ._errors import Caller, failures, is_error, reject

# A connection can be used again only if the response was read to its end. A server that keeps it open after `[DONE]`
# gets this many seconds: a new connection costs about as much.
_DRAIN_SECONDS = 0.1
_DRAINED = "HTTP/1.1"  # A connection of HTTP/2 carries other calls as well, and goes on without.


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
            # What a tool has wrapped is iterated as it is, so that the tool sees every chunk.
            for frame in _events(stream.response) if type(stream) is Stream else stream:
                yield _checked(frame)
    finally:
        if close := getattr(stream, "close", None):
            close()


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
            async for frame in _async_events(stream.response) if type(stream) is AsyncStream else stream:
                yield _checked(frame)
    finally:
        if close := getattr(stream, "close", None):
            await close()


def answer_body(answer: Any, kind: str) -> dict[str, Any]:
    """
    Get the body of a plain answer.

    :param answer: What the SDK returned.
    :param kind: What was asked for, as the message of an error names it.
    :returns: The body as a dictionary.
    :raises APIError: If it is an error, or no JSON object.
    """
    body: Any = answer.to_dict(warnings=False) if hasattr(answer, "to_dict") else answer
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


def _checked(frame: Any) -> dict[str, Any]:
    if not isinstance(frame, dict):
        frame = frame.to_dict(warnings=False) if hasattr(frame, "to_dict") else frame
    if is_error(frame):
        reject(frame, "AIMLAPI reported an error in the stream")
    return cast(dict[str, Any], frame)


def _is_json(response: httpx2.Response) -> bool:
    """
    Tell whether a model that was asked to stream answered with a plain completion, or error, instead.
    """
    media_type = response.headers.setdefault("content-type", "text/event-stream").partition(";")[0].strip().lower()
    return media_type.endswith("json") or media_type.startswith("text/html")


def _events(response: httpx2.Response) -> Iterator[Any]:
    if _is_json(response):
        yield json.loads(response.read())
        return
    response.headers["content-type"] = "text/event-stream"
    events = iter(httpx2.EventSource(response, max_event_size=None))
    for event in events:
        if event.data.startswith("[DONE]"):
            if response.http_version == _DRAINED:
                with contextlib.suppress(*BREAKS), _time_limit(response):
                    for _ in events:
                        pass
            return
        if event.data:
            yield json.loads(event.data)


async def _async_events(response: httpx2.Response) -> AsyncGenerator[Any]:
    if _is_json(response):
        yield json.loads(await response.aread())
        return
    response.headers["content-type"] = "text/event-stream"
    events = aiter(httpx2.EventSource(response, max_event_size=None))
    async for event in events:
        if event.data.startswith("[DONE]"):
            if response.http_version == _DRAINED:
                with contextlib.suppress(TimeoutError, *BREAKS):
                    async with asyncio.timeout(_DRAIN_SECONDS):
                        async for _ in events:
                            pass
            return
        if event.data:
            yield json.loads(event.data)


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
