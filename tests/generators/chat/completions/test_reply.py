# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""What the API sends, plain or in frames, and the whole reply that becomes of it."""

import json
import logging
from collections.abc import AsyncIterator
from importlib.metadata import version
from typing import Any

import httpx2
import openai
import pytest
from haystack.components.agents import Agent
from haystack.dataclasses import ChatMessage
from haystack.tools import Tool
from openai.resources.chat.completions import AsyncCompletions, Completions

from haystack_integrations.components.generators.aimlapi.chat._completions.reply import split_content
from tests.generators.chat.completions.reply_cases import CASES, FINISH_REASONS, Case, fragment
from tests.support.api import Api, chat_generator, plain, sse
from tests.support.asking import ask, assert_error, check_chunks
from tests.support.modes import MODES, SYNC, SYNC_STREAMED, Mode, in_all_modes, streamed_only
from tests.support.replies import USAGE, completion, end, failure, frame

WEATHER = Tool("weather", "The weather.", {"type": "object", "properties": {}}, lambda **_: "sunny")


@pytest.mark.parametrize(
    ("name", "mode"), [(name, mode) for name, case in CASES.items() for mode in MODES if case.body or mode.streamed]
)
async def test_reply(name: str, mode: Mode) -> None:
    case = CASES[name]

    [reply], chunks = await ask(mode, case.answer(mode))

    assert reply.to_dict() == case.reply()
    if chunks:
        check_chunks(chunks, reply, case.live)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.body])
async def test_json_in_answer_to_a_streamed_call(name: str) -> None:
    case = CASES[name]

    [reply], _ = await ask(SYNC_STREAMED, case.answer(SYNC))

    assert reply.to_dict() == case.reply()


@in_all_modes
async def test_several_choices(mode: Mode) -> None:
    blue, green = {"content": "Blue"}, {"content": "Green"}
    if mode.streamed:
        last = [
            {"index": 1, "delta": {}, "finish_reason": "stop"},
            {"index": 0, "delta": {}, "finish_reason": "length"},
        ]
        first = {"choices": [{"index": 1, "delta": {"role": "assistant"}}]}
        response = sse(first, {"choices": [{"delta": blue}, {"delta": green}]}, {"choices": last, "usage": USAGE})
    else:
        choices = [{"message": blue, "finish_reason": "length"}, {"message": green, "finish_reason": "stop"}]
        response = plain({"choices": choices, "usage": USAGE}, 201)

    replies, _ = await ask(mode, response)

    assert [(reply.text, reply.meta["index"], reply.meta["finish_reason"]) for reply in replies] == [
        ("Blue", 0, "length"),
        ("Green", 1, "stop"),
    ]
    assert [reply.meta["usage"] for reply in replies] == [USAGE, USAGE]


@in_all_modes
async def test_finish_reasons(mode: Mode) -> None:
    for finish_reason, raw_ones in FINISH_REASONS.items():
        for raw in raw_ones:
            case = Case(completion({"content": "4"}, raw), [frame({"content": "4"}), end(raw)], [])
            [reply], chunks = await ask(mode, case.answer(mode))
            assert reply.meta["finish_reason"] == finish_reason
            assert reply.meta.get("native_finish_reason") == (None if raw == finish_reason else raw)
            assert not chunks or chunks[-1].finish_reason == finish_reason


@in_all_modes
async def test_unknown_finish_reason_is_kept_and_logged_once(mode: Mode, caplog: pytest.LogCaptureFixture) -> None:
    raw = f"tired of {mode}"
    for _ in range(2):
        case = Case(completion({"content": "4"}, raw), [frame({"content": "4"}, raw), end(raw)], [])
        [reply], _ = await ask(mode, case.answer(mode))
        assert (reply.meta["finish_reason"], reply.meta.get("native_finish_reason")) == (raw, None)
    assert [record.getMessage() for record in caplog.records if raw in record.getMessage()] == [
        f"AIMLAPI returned an unknown finish reason: {raw}"
    ]


@pytest.mark.skipif(
    tuple(map(int, version("haystack-ai").split(".")[:2])) < (3, 2), reason="Agents look at finish reasons since 3.2"
)
@in_all_modes
@pytest.mark.parametrize(
    ("finish_reason", "message"),
    [
        ("max_tokens", {"tool_calls": [fragment(0, "a", "weather", "{")]}),
        ("refusal", {"content": None}),
        ("stop", {"refusal": "I won't."}),
    ],
)
async def test_agent_stops(finish_reason: str, message: Any, mode: Mode) -> None:
    case = Case(completion(message, finish_reason), [frame(message), end(finish_reason)], [])
    api = Api(case.answer(mode))
    agent = Agent(chat_generator=chat_generator(api), tools=[WEATHER], max_agent_steps=2)

    await mode.call(agent, [ChatMessage.from_user("Hi")])

    assert len(api.requests) == 1


TRUNCATED = (
    "The completion for index 0 has been truncated before reaching a natural stopping point. Increase `max_tokens` (or "
    "`max_completion_tokens`, `max_output_tokens`) to allow for longer completions."
)


@in_all_modes
@pytest.mark.parametrize(
    ("name", "told"),
    [
        (
            "tool calls: truncated",
            [
                TRUNCATED,
                (
                    "A tool call has no name, or its arguments are not a JSON object because the completion was "
                    "truncated by `max_tokens`; it is kept in `meta['malformed_tool_calls']`. Tool call ID: a, "
                    'Tool name: weather, Arguments: {"city": "Par'
                ),
            ],
        ),
        (
            "tool calls: malformed '[1]'",
            [
                (
                    "A tool call has no name, or its arguments are not a JSON object; it is kept in "
                    "`meta['malformed_tool_calls']`. Tool call ID: a, Tool name: weather, Arguments: [1]"
                )
            ],
        ),
        ("reasoning: unclosed think tag", [TRUNCATED]),
    ],
)
async def test_warnings(name: str, told: list[str], mode: Mode, caplog: pytest.LogCaptureFixture) -> None:
    await ask(mode, CASES[name].answer(mode))
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert [warning for warning in warnings if "streaming callback" not in warning] == told


@in_all_modes
async def test_a_filtered_reply_is_told(mode: Mode, caplog: pytest.LogCaptureFixture) -> None:
    said = {"content": "4"}
    await ask(mode, sse(frame(said, "content_filter")) if mode.streamed else plain(completion(said, "content_filter")))
    assert "The completion for index 0 was stopped by the content filter." in caplog.messages


@streamed_only
@pytest.mark.parametrize("tail", ["", "data: [DONE]\n\n"])
async def test_stream_without_finish_reason(tail: str, mode: Mode, caplog: pytest.LogCaptureFixture) -> None:
    [reply], chunks = await ask(mode, sse(frame({"content": "4"}), end=tail))

    assert (reply.text, reply.meta["finish_reason"]) == ("4", None)
    assert "The stream for index 0 ended without a finish reason" in caplog.text
    check_chunks(chunks, reply)


@in_all_modes
async def test_a_number_of_too_many_digits_is_kept_as_its_text(mode: Mode) -> None:
    answer = (
        sse(frame({"content": "4", "n": 11}), end()) if mode.streamed else plain(completion({"content": "4", "n": 11}))
    )
    digits = b"9" * 5000
    [reply], _ = await ask(mode, httpx2.Response(200, content=answer.content.replace(b'"n": 11', b'"n": %b' % digits)))
    assert (reply.text, reply.meta["n"]) == ("4", digits.decode())


@in_all_modes
async def test_a_field_nested_too_deep_is_an_error(mode: Mode) -> None:
    deep = b'{"choices": [{"message": {"content": "4", "n": ' + b"[" * 700 + b"]" * 700 + b"}}]}"
    content = b"data: %b\n\n" % deep if mode.streamed else deep
    await assert_error(mode, httpx2.Response(200, content=content), ["AIMLAPI answered with"])


class Odd(dict[str, Any]):
    def items(self) -> Any:
        msg = "odd"
        raise LookupError(msg)


@in_all_modes
async def test_what_no_decoder_expects_is_an_error(mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    """The decoders take any JSON: only what a tool made of an answer can be something else."""
    answer = completion(Odd(content="4"))

    async def stream() -> AsyncIterator[Any]:
        yield answer

    async def create_async(*_: Any, **__: Any) -> Any:
        return stream() if mode.streamed else answer

    monkeypatch.setattr(Completions, "create", lambda *_, **__: iter([answer]) if mode.streamed else answer)
    monkeypatch.setattr(AsyncCompletions, "create", create_async)

    with pytest.raises(openai.APIError, match="cannot be read: LookupError") as raised:
        await mode.complete_async(chat_generator(Api()))
    assert isinstance(raised.value.__cause__, LookupError)


ROOT_ERROR = failure("Model is down", "500")
BAD_BODIES = {
    "error": ({"error": {"message": "Model is down", "code": 500}, "requestId": "req-1"}, ["Model is down", "req-1"]),
    "error as text": ({"error": "Model is down"}, ["Model is down"]),
    "error beside choices": (
        {**completion({"content": "4"}), **frame({"content": "4"}), "error": {"message": "Model is down"}},
        ["Model is down"],
    ),
    "root-level error": (ROOT_ERROR, ["Model is down", "req-1"]),
    "root-level error without a status": (
        {"message": "Model is down", "requestId": "req-1"},
        ["Model is down", "req-1"],
    ),
    "root-level error without an id": ({"message": "Model is down", "statusCode": 500}, ["Model is down"]),
    "choices null": (
        {"id": "c", "choices": None, "base_resp": {"status_code": 1008, "status_msg": "no credit"}},
        ["no credit"],
    ),
    "choices empty": ({"choices": [], "message": "Model is down", "requestId": "req-1"}, ["Model is down", "req-1"]),
    "choices of another type": ({"choices": "none", "message": "Model is down"}, ["Model is down"]),
    "choice null": ({"choices": [None], "message": "Model is down"}, ["Model is down"]),
    "empty": ({}, []),
    "list": ([1], []),
    "null": (None, []),
    "text": ("Model is down", ["Model is down"]),
}
HTML = "<html><body>Model is down</body></html>"


@in_all_modes
@pytest.mark.parametrize("name", BAD_BODIES)
async def test_error_in_a_200(name: str, mode: Mode) -> None:
    content, parts = BAD_BODIES[name]
    await assert_error(mode, plain(content), parts)


@streamed_only
@pytest.mark.parametrize("name", BAD_BODIES)
async def test_error_frame_alone(name: str, mode: Mode) -> None:
    content, parts = BAD_BODIES[name]
    await assert_error(mode, sse(f"data: {json.dumps(content)}\n\n"), parts)


@streamed_only
@pytest.mark.parametrize("name", [name for name in BAD_BODIES if "error" in name])
async def test_error_frame_in_a_stream(name: str, mode: Mode) -> None:
    content, parts = BAD_BODIES[name]
    await assert_error(mode, sse(frame({"content": "4"}), content, end()), parts)


@in_all_modes
async def test_html(mode: Mode) -> None:
    await assert_error(mode, httpx2.Response(200, html=HTML), ["Model is down"])


@streamed_only
@pytest.mark.parametrize("content", ["", "data: [DONE]\n\n", ": ping\n\n", 'data: {"choices": []}\n\n'])
async def test_stream_of_nothing(content: str, mode: Mode) -> None:
    await assert_error(mode, sse(end=content), ["The stream ended without a choice"])


@in_all_modes
async def test_a_content_may_be_one_part(mode: Mode) -> None:
    said = {"content": {"type": "text", "text": "Hi"}}
    (reply,), _ = await ask(mode, sse(frame(said, "stop")) if mode.streamed else plain(completion(said)))
    assert reply.text == "Hi"


@in_all_modes
async def test_the_arguments_of_a_malformed_call_are_in_the_log(mode: Mode, caplog: pytest.LogCaptureFixture) -> None:
    call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": "[7, 8"}}
    said = {"content": "", "tool_calls": [call]}
    await ask(mode, sse(frame(said, "tool_calls")) if mode.streamed else plain(completion(said, "tool_calls")))
    assert "Tool call ID: call_1, Tool name: f, Arguments: [7, 8" in caplog.text


@streamed_only
async def test_a_delta_that_is_no_object_is_kept(mode: Mode) -> None:
    (reply,), _ = await ask(mode, sse(frame({"content": "Hi"}), frame("odd"), end()))
    assert (reply.text, reply.meta["message"]) == ("Hi", "odd")


@in_all_modes
async def test_a_reply_may_have_fields_that_errors_have(mode: Mode) -> None:
    also = {"message": "Fine.", "requestId": "req-1", "base_resp": {"status_code": 1}}
    answer = (
        sse({**frame({"content": "Hi"}, "stop"), **also})
        if mode.streamed
        else plain({**completion({"content": "Hi"}), **also})
    )
    (reply,), _ = await ask(mode, answer)
    assert (reply.text, reply.meta["requestId"]) == ("Hi", "req-1")


@in_all_modes
async def test_a_choice_keeps_the_index_that_it_came_with(mode: Mode) -> None:
    numbered = {"index": 3}
    said = {"content": "Hi"}
    answer = sse(frame(said, "stop", choice=numbered)) if mode.streamed else plain(completion(said, choice=numbered))
    (reply,), _ = await ask(mode, answer)
    assert reply.meta["index"] == 3


@pytest.mark.parametrize(("content", "text"), [({"city": "Zürich"}, '{"city": "Zürich"}'), ({}, "")])
def test_an_object_in_place_of_a_text_is_its_json(content: Any, text: str) -> None:
    assert split_content(content) == (text, [], [])


@in_all_modes
async def test_an_image_is_of_the_kind_that_its_address_tells(mode: Mode) -> None:
    said = {"content": "Look!", "images": ["data:image/tiff;base64,AAAA", "data:image/png,x"]}
    [reply], _ = await ask(mode, sse(frame(said), end()) if mode.streamed else plain(completion(said)))
    assert [(image.mime_type, image.base64_image) for image in reply.images] == [("image/tiff", "AAAA")]
    assert reply.meta["images"] == ["data:image/png,x"]


@streamed_only
async def test_parts_without_a_text_bring_none(mode: Mode) -> None:
    [reply], _ = await ask(mode, sse(frame({"content": [{"type": "x", "text": "y"}]}), end()))
    assert (reply.text, reply.meta["content"]) == (None, [{"type": "x", "text": "y"}])


async def test_a_call_of_a_reply_without_an_id_has_one_all_the_same() -> None:
    call = {"type": "function", "function": {"name": "weather", "arguments": "{}"}}
    [reply], _ = await ask(SYNC, plain({**completion({"tool_calls": [call]}), "id": None}))
    assert [call.id for call in reply.tool_calls] == ["call-0"]


@in_all_modes
@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"content": "4"}, "stop"),
        ({"tool_calls": [fragment(0, "a", "weather", "{}")]}, "stop"),
        ({"tool_calls": [fragment(0, "a", "weather", "[")]}, "stop"),
        ({}, "content_filter"),
        ({"reasoning": "Hm"}, "content_filter"),
    ],
    ids=["text", "call", "malformed call", "nothing", "reasoning"],
)
async def test_a_refusal_beside_an_answer_is_none(mode: Mode, said: dict[str, Any], reason: str) -> None:
    said = {**said, "refusal": "No."}
    answer = sse(frame(said), end("stop")) if mode.streamed else plain(completion(said, "stop"))
    [reply], chunks = await ask(mode, answer)
    assert (reply.meta["finish_reason"], reply.meta["refusal"]) == (reason, "No.")
    assert not mode.streamed or chunks[-1].finish_reason == reason
