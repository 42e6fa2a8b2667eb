# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""Server-sent events, however they are labelled, cut and broken into lines."""

import json
from collections.abc import AsyncIterator

import httpx2
import pytest
from haystack.dataclasses import ChatMessage

from haystack_integrations.common.aimlapi.sse import EventDecoder
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


# The decoder alone


def test_events_are_decoded_as_they_come() -> None:
    decoder = EventDecoder()
    fed = [decoder.feed(piece) for piece in (b"data: 1\n", b"\ndata: 2\n\ndata:", b" 3\n", b"data: 4\n", b"\n")]
    assert fed == [[], [b"1", b"2"], [], [], [b"3\n4"]]
    assert (decoder.finish(), decoder.is_done) == ([], False)


@pytest.mark.parametrize("line_end", [b"\r\n", b"\r"])
def test_events_with_other_line_ends_are_decoded_as_they_come(line_end: bytes) -> None:
    decoder = EventDecoder()
    event = b"event: x" + line_end + b"data: %b" + line_end * 2
    # What follows tells whether a carriage return is half of a line end.
    fed = [decoder.feed(event % number) for number in (b"1", b"2", b"3")]
    rest = decoder.finish()
    assert [data for datas in [*fed, rest] for data in datas] == [b"1", b"2", b"3"]
    assert fed[1] != [] and fed[2] != []


@pytest.mark.parametrize(
    ("pieces", "found"),
    [
        ([b": ping", b'data: {"a": 1}\n\n'], []),
        ([b": ping\n: ", b'data: {"a": 1}\n\n'], []),
        ([b'data: {"a":\rdata: 1}\n\n'], [b'{"a":\n1}']),
    ],
    ids=["of a line", "of an event", "lines"],
)
def test_what_looks_like_an_event_may_be_part_of_one_or_several_lines(pieces: list[bytes], found: list[bytes]) -> None:
    decoder = EventDecoder()
    assert [data for piece in pieces for data in decoder.feed(piece)] == found


def test_what_follows_an_event_is_no_body_without_events() -> None:
    decoder = EventDecoder()
    assert decoder.feed(b'data: {"a": 1}\n\n') == [b'{"a": 1}']
    decoder.feed(b"no event\n\n")
    assert decoder.finish() == []


@pytest.mark.parametrize(
    ("body", "rest"),
    [
        (b"", []),
        (b": ping\n\n", []),
        (b"event: x\nid: 1\n\n", []),
        (b"data: 1\n\nno event\n\n", []),
        (b"no event\n\ndata: 1\n\n", []),
        (b"no\n\nevent", [b"no\n\nevent"]),
    ],
)
def test_a_body_is_handed_on_only_if_it_holds_no_event(body: bytes, rest: list[bytes]) -> None:
    decoder = EventDecoder()
    decoder.feed(body)
    assert decoder.finish() == rest


def test_done_ends_the_events() -> None:
    decoder = EventDecoder()
    assert decoder.feed(b"data: 1\n\ndata: [DONE]\n\ndata: 2\n\n") == [b"1"]
    assert decoder.is_done


def test_done_may_come_without_a_line_end() -> None:
    decoder = EventDecoder()
    assert decoder.feed(b"data: 1\n\ndata: [DONE]") == [b"1"]
    assert (decoder.finish(), decoder.is_done) == ([], True)


@pytest.mark.parametrize("size", [1, 2, 100])
@pytest.mark.parametrize("begin", [b"", b": ping\n\n", b"event: x\n", b"\n\n"])
def test_a_byte_order_mark_costs_no_event(begin: bytes, size: int) -> None:
    decoder, body = EventDecoder(), b"\xef\xbb\xbf" + begin + b"data: 1\n\ndata: 2\n\n"
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    assert [data for piece in pieces for data in decoder.feed(piece)] == [b"1", b"2"]


def test_a_byte_order_mark_is_no_part_of_a_body_without_events() -> None:
    decoder = EventDecoder()
    assert decoder.feed(b"\xef\xbb\xbf" + b'{"a":\n\n1}\n') == []
    assert decoder.finish() == [b'{"a":\n\n1}']


@pytest.mark.parametrize("escape", [(b"\\ud83d", b"\\ude00"), (b"\\uD83D", b"\\uDE00")])
@pytest.mark.parametrize("end", [b"data: [DONE]\n\n", b""])
def test_halves_of_a_character_are_joined(escape: tuple[bytes, bytes], end: bytes) -> None:
    decoder = EventDecoder()
    first, second = (b'data: {"a": "%b"}\n\n' % half for half in escape)
    assert decoder.feed(first) == []
    assert [*map(json.loads, decoder.feed(second))] == [{"a": "😀"}, {"a": ""}]
    assert decoder.feed(first) == []
    assert [*map(json.loads, [*decoder.feed(end), *decoder.finish()])] == [{"a": "\ufffd"}]


def test_what_comes_after_half_a_character_stays_after_it() -> None:
    decoder = EventDecoder()
    assert decoder.feed(b'data: {"a": "\\ud83d"}\n\n') == []
    events = decoder.feed(b'data: {"a": "b"}\n\n') + decoder.feed(b'data: {"a": "c"}\n\n')
    assert [*map(json.loads, events)] == [{"a": "\ufffd"}, {"a": "b"}, {"a": "c"}]


def test_characters_that_are_whole_pass_as_they_are() -> None:
    decoder = EventDecoder()
    assert decoder.feed(b'data: {"a":"\\u00e9"}\n\n') == [b'{"a":"\\u00e9"}']
    assert [*map(json.loads, decoder.feed(b'data: {"a":"\\ud83d\\ude00"}\n\n'))] == [{"a": "😀"}]


@streamed_only
async def test_stream_with_a_byte_order_mark(mode: Mode) -> None:
    answer = sse(frame({"content": "4"}), end())
    [reply], _ = await ask(mode, httpx2.Response(200, content=b"\xef\xbb\xbf" + answer.content))
    assert reply.text == "4"
    [reply], _ = await ask(
        mode.plain, httpx2.Response(200, content=b"\xef\xbb\xbf" + plain(completion({"content": "4"})).content)
    )
    assert reply.text == "4"
