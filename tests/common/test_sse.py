# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""Server-sent events, however they are labelled, cut and broken into lines."""

import json
from collections.abc import AsyncIterator

import httpx2
import pytest
from haystack.dataclasses import ChatMessage

from tests.support.api import plain, sse
from tests.support.asking import ask, assert_error
from tests.support.modes import Mode, streamed_only
from tests.support.replies import USAGE, completion, end, failure, frame

HTML = "<html><body>Model is down</body></html>"
ROOT_ERROR = failure("Model is down", "500")


@pytest.mark.parametrize("content_type", ["text/plain", "application/json", "text/event-stream"])
@streamed_only
async def test_stream_is_read_whatever_its_label(mode: Mode, content_type: str) -> None:
    for answer in (sse(frame({"content": "4"}), end()), plain(completion({"content": "4"}))):
        answer.headers["content-type"] = content_type
        [reply], _ = await ask(mode, answer)
        assert reply.text == "4"


@streamed_only
@pytest.mark.parametrize(
    "content",
    [HTML, json.dumps(ROOT_ERROR), f"{json.dumps(ROOT_ERROR)}\r\n", f": ping\n\n\n{json.dumps(ROOT_ERROR, indent=1)}"],
)
async def test_body_that_is_no_stream_but_labelled_as_one_is_an_error(content: str, mode: Mode) -> None:
    await assert_error(mode, sse(end=content), ["Model is down"])


@streamed_only
@pytest.mark.parametrize("size", [1, 2, 3, 100])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
async def test_events_may_be_cut_anywhere(line_end: str, size: int, mode: Mode) -> None:
    frames = [json.dumps(part) for part in (frame({"content": "4"}), frame({"content": "2 ä"}), end())]
    lines = [": ping", "event: message", f"data:{frames[0]}", "", "", f"data: {frames[1]}", "id: 7", ""]
    # A frame over two lines, and the last one without a blank line behind it.
    lines += [f"data: {frames[2][:-1]}", f"data: {frames[2][-1]}"]
    content = line_end.join(lines).encode()
    reply = await read(mode, [content[start : start + size] for start in range(0, len(content), size)])
    assert (reply.text, reply.meta["finish_reason"], reply.meta["usage"]) == ("42 ä", "stop", USAGE)


@streamed_only
async def test_last_event_needs_no_line_end(mode: Mode) -> None:
    head, last = (f"data: {json.dumps(part)}" for part in (frame({"content": "4"}), end()))
    reply = await read(mode, [f"{head}\r\r".encode(), last.encode()])
    assert (reply.text, reply.meta["finish_reason"]) == ("4", "stop")


async def read(mode: Mode, pieces: list[bytes]) -> ChatMessage:
    async def pieces_async() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    [reply], _ = await ask(mode, httpx2.Response(200, content=pieces_async() if mode.asynchronous else iter(pieces)))
    return reply


@streamed_only
async def test_frame_that_is_no_json_is_an_error(mode: Mode) -> None:
    await assert_error(mode, sse(frame({"content": "4"}), "data: {oops\n\n"), ["{oops"])
