# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""What ends before its end: streams that break off, that stop in the middle, and replies that are not finished."""

import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import openai
import pytest

from tests.generators.chat.completions.reply_cases import fragment
from tests.support.api import Api, chat_generator, plain, responses_generator, responses_sse, sse
from tests.support.asking import ask, ask_responses
from tests.support.modes import Mode, in_all_modes, plain_only, streamed_only
from tests.support.replies import USAGE, completion, events, frame, function_call, message, response


class BrokenOff(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    """What had been sent when the connection went away."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __iter__(self) -> Iterator[bytes]:
        yield self._content
        msg = "gone"
        raise httpx2.ReadError(msg)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece


async def body_of_the_error(mode: Mode, make: Any, content: bytes) -> Any:
    generator = make(Api(httpx2.Response(200, stream=BrokenOff(content))))
    with pytest.raises(openai.APIConnectionError, match="broke off: gone") as raised:
        await mode.call(generator, "Hi")
    return raised.value.body


@streamed_only
async def test_a_stream_that_breaks_off_tells_what_had_come(mode: Mode) -> None:
    said = sse(
        frame({"reasoning": "Let me "}),
        frame({"reasoning": "look.", "content": "I lo"}),
        frame({"tool_calls": [fragment(0, "a", "weather", "{}"), fragment(1, "b", "weather", '{"ci')]}),
        frame({"content": "ok."}),
        end="data: {",
    )
    whole = {"id": "a", "tool_name": "weather", "arguments": {}}
    cut = {"id": "b", "tool_name": "weather", "arguments": '{"ci'}
    assert await body_of_the_error(mode, chat_generator, said.content) == {
        "text": "I look.",
        "reasoning": "Let me look.",
        "tool_calls": [whole, cut],
    }


@streamed_only
async def test_a_response_that_breaks_off_tells_what_had_come(mode: Mode) -> None:
    summary = [{"type": "summary_text", "text": "Let me look."}]
    body = response({"id": "rs_1", "type": "reasoning", "summary": summary}, message("I look."), function_call())
    said = responses_sse(*events(body)[:-2])
    call = {"id": "fc_1", "tool_name": "weather", "arguments": {"city": "Paris"}}
    told = await body_of_the_error(mode, responses_generator, said.content)
    assert told == {"text": "I look.", "reasoning": "Let me look.", "tool_calls": [call]}


@streamed_only
@pytest.mark.parametrize("make", [chat_generator, responses_generator])
@pytest.mark.parametrize("content", [b"", b": ping\n\n", b'data: {"choices": [{"delta": {"role": "assistant"}}]}\n\n'])
async def test_a_stream_that_breaks_off_at_once_tells_nothing(mode: Mode, make: Any, content: bytes) -> None:
    assert await body_of_the_error(mode, make, content) is None


def incomplete(reply: Any) -> Any:
    return reply.meta.get("incomplete")


def warned(caplog: pytest.LogCaptureFixture) -> list[str]:
    messages = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    return [message.partition(":")[0] for message in messages if "finish reason" in message]


@streamed_only
@pytest.mark.parametrize(
    ("frames", "tail", "is_cut"),
    [
        ([], "", True),
        ([], "data: [DONE]\n\n", None),
        ([], "data: [DONE]", None),
        ([{"choices": [], "usage": USAGE}], "", None),
        ([{"choices": [], "usage": None}], ": ping\n\n", True),
    ],
)
async def test_a_stream_without_an_end_is_incomplete(
    mode: Mode, frames: list[Any], tail: str, is_cut: Any, caplog: pytest.LogCaptureFixture
) -> None:
    [reply], _ = await ask(mode, sse(frame({"content": "4"}), *frames, end=tail))
    assert (reply.text, reply.meta["finish_reason"], incomplete(reply)) == ("4", None, is_cut)
    assert warned(caplog) == ["The stream for index 0 ended without a finish reason"]


@streamed_only
async def test_a_stream_with_a_finish_reason_is_complete(mode: Mode) -> None:
    [reply], _ = await ask(mode, sse(frame({"content": "4"}, "stop"), end=""))
    assert incomplete(reply) is None


@plain_only
@pytest.mark.parametrize(
    ("finish_reason", "usage", "is_cut"),
    [(None, None, True), (None, {}, True), (None, USAGE, None), ("stop", None, None)],
)
async def test_a_plain_reply_without_an_end_is_incomplete(
    mode: Mode, finish_reason: Any, usage: Any, is_cut: Any, caplog: pytest.LogCaptureFixture
) -> None:
    [reply], _ = await ask(mode, plain(completion({"content": "4"}, finish_reason, usage=usage)))
    assert (reply.text, incomplete(reply)) == ("4", is_cut)
    assert warned(caplog) == (["The reply for index 0 ended without a finish reason"] if is_cut else [])


@in_all_modes
@pytest.mark.parametrize("status", ["in_progress", "queued"])
async def test_a_response_in_progress_is_incomplete(mode: Mode, status: str, caplog: pytest.LogCaptureFixture) -> None:
    body = response(message("4"), status=status)
    answer = responses_sse(*events(body)[:-1]) if mode.streamed else body
    reply = await ask_responses(Api(answer), mode)
    assert (reply.text, reply.meta["finish_reason"], incomplete(reply)) == ("4", None, True)
    assert len(warned(caplog)) == 1


@in_all_modes
async def test_a_response_that_is_finished_is_complete(mode: Mode) -> None:
    assert incomplete(await ask_responses(Api(response(message("4"))), mode)) is None
