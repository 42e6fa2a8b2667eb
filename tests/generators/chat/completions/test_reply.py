# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""What the API sends, plain or in frames, and the whole reply that becomes of it."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from importlib.metadata import version
from typing import Any

import httpx2
import openai
import pytest
from haystack.components.agents import Agent
from haystack.dataclasses import ChatMessage, StreamingChunk

from haystack_integrations.components.generators.aimlapi import AIMLAPIChatGenerator
from tests.generators.chat.completions.reply_cases import (
    CASES,
    HEADERS,
    MODES,
    USAGE,
    WEATHER,
    Api,
    Case,
    body,
    end,
    fragment,
    frame,
    plain,
    sse,
)


async def ask(mode: str, response: httpx2.Response) -> tuple[list[ChatMessage], list[StreamingChunk]]:
    generator, chunks = Api(response).generator(), list[StreamingChunk]()
    callback = chunks.append if "streamed" in mode else None
    if mode.startswith("sync"):
        replies = generator.run("Hi", streaming_callback=callback)["replies"]
        generator.close()
    else:
        replies = (await generator.run_async("Hi", streaming_callback=callback))["replies"]
        await generator.close_async()
    for reply in replies:
        assert ChatMessage.from_dict(json.loads(json.dumps(reply.to_dict()))) == reply
        assert bool(callback) is bool(reply.meta.pop("completion_start_time", None))
    return replies, chunks


@pytest.mark.parametrize(
    ("name", "mode"),
    [(name, mode) for name, case in CASES.items() for mode in MODES if case.body or "streamed" in mode],
)
async def test_reply(name: str, mode: str) -> None:
    case = CASES[name]

    [reply], chunks = await ask(mode, case.response(mode))

    assert reply.to_dict() == case.reply()
    if chunks:
        check_chunks(chunks, reply, case.live)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.body])
async def test_json_body_of_a_streamed_call(name: str) -> None:
    case = CASES[name]

    [reply], _ = await ask("sync streamed", case.response("sync"))

    assert reply.to_dict() == case.reply()


@pytest.mark.parametrize("content_type", ["text/plain", "application/json", "text/event-stream"])
@pytest.mark.parametrize("mode", MODES[2:])
async def test_stream_is_read_whatever_its_label(mode: str, content_type: str) -> None:
    for response in (sse(frame({"content": "4"}), end()), plain(body({"content": "4"}))):
        response.headers["content-type"] = content_type
        [reply], _ = await ask(mode, response)
        assert reply.text == "4"


def check_chunks(chunks: list[StreamingChunk], reply: ChatMessage, live: str | None = None) -> None:
    """Hold the chunks against Haystack's contract, and against the reply."""
    seen: dict[int | None, str] = {}
    calls: dict[int, dict[str, Any]] = {}
    component = f"{AIMLAPIChatGenerator.__module__}.AIMLAPIChatGenerator"
    for chunk in chunks:
        json.dumps(chunk.to_dict())
        assert StreamingChunk.from_dict(chunk.to_dict()) == chunk
        assert chunk.component_info is not None and chunk.component_info.type == component
        assert chunk.meta["received_at"] and {"model", "usage"} <= chunk.meta.keys()
        kinds = [name for name in ("content", "tool_calls", "reasoning") if getattr(chunk, name)]
        assert len(kinds) <= 1
        assert (chunk.index is None) is (not kinds)
        assert chunk.start is (chunk.index is not None and chunk.index not in seen)
        if kinds:
            assert seen.setdefault(chunk.index, kinds[0]) == kinds[0]
        for delta in chunk.tool_calls or ():
            known = calls.setdefault(delta.index, {"tool_name": "", "arguments": "", "id": None})
            known["tool_name"] += delta.tool_name or ""
            known["arguments"] += delta.arguments or ""
            known["id"] = delta.id or known["id"]
            assert not chunk.start or delta.tool_name
    assert list(seen) == list(range(len(seen)))
    assert "".join(chunk.content for chunk in chunks) == (reply.text or "")
    shown = "".join(chunk.reasoning.reasoning_text for chunk in chunks if chunk.reasoning)
    assert shown == (live if live is not None else reply.reasoning.reasoning_text if reply.reasoning else "")
    reasons = [chunk.finish_reason for chunk in chunks if chunk.finish_reason]
    assert reasons == [chunk.meta["finish_reason"] for chunk in chunks if chunk.meta.get("finish_reason")]
    assert reasons == ([reply.meta["finish_reason"]] if reply.meta["finish_reason"] else [])
    streamed = [(known["id"], known["tool_name"], parsed(known["arguments"])) for known in calls.values()]
    for tool_call in reply.tool_calls:
        own_id = None if tool_call.id.startswith("call-c-1-") else tool_call.id
        assert (own_id, tool_call.tool_name, tool_call.arguments) in streamed


def parsed(arguments: str) -> Any:
    try:
        return json.loads(arguments.strip() or "{}") or {}
    except (ValueError, RecursionError):
        return None


@pytest.mark.parametrize("mode", MODES)
async def test_several_choices(mode: str) -> None:
    blue, green = {"content": "Blue"}, {"content": "Green"}
    if "streamed" in mode:
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


FINISH_REASONS = {
    "stop": ["stop", "end_turn", "stop_sequence", "eos", "STOP", "End_Turn"],
    "length": ["length", "max_tokens", "max_output_tokens", "model_length", "MAX_TOKENS"],
    "tool_calls": ["tool_calls", "tool_use", "function_call"],
    "content_filter": ["content_filter", "safety", "refusal", "recitation", "SAFETY"],
}


@pytest.mark.parametrize("mode", MODES)
async def test_finish_reasons(mode: str) -> None:
    for finish_reason, raw_ones in FINISH_REASONS.items():
        for raw in raw_ones:
            case = Case(body({"content": "4"}, raw), [frame({"content": "4"}), end(raw)], [])
            [reply], chunks = await ask(mode, case.response(mode))
            assert reply.meta["finish_reason"] == finish_reason
            assert reply.meta.get("native_finish_reason") == (None if raw == finish_reason else raw)
            assert not chunks or chunks[-1].finish_reason == finish_reason


@pytest.mark.parametrize("mode", MODES)
async def test_unknown_finish_reason_is_kept_and_logged_once(mode: str, caplog: pytest.LogCaptureFixture) -> None:
    raw = f"tired of {mode}"
    for _ in range(2):
        case = Case(body({"content": "4"}, raw), [frame({"content": "4"}, raw), end(raw)], [])
        [reply], _ = await ask(mode, case.response(mode))
        assert (reply.meta["finish_reason"], reply.meta.get("native_finish_reason")) == (raw, None)
    assert [record.getMessage() for record in caplog.records if raw in record.getMessage()] == [
        f"AIMLAPI returned an unknown finish reason: {raw}"
    ]


@pytest.mark.skipif(
    tuple(map(int, version("haystack-ai").split(".")[:2])) < (3, 2), reason="Agents look at finish reasons since 3.2"
)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("finish_reason", "message"),
    [
        ("max_tokens", {"tool_calls": [fragment(0, "a", "weather", "{")]}),
        ("refusal", {"content": None}),
        ("stop", {"refusal": "I won't."}),
    ],
)
async def test_agent_stops(finish_reason: str, message: Any, mode: str) -> None:
    case = Case(body(message, finish_reason), [frame(message), end(finish_reason)], [])
    api = Api(case.response(mode), case.response(mode))
    agent = Agent(chat_generator=api.generator(), tools=[WEATHER], max_agent_steps=2)
    callback = (lambda chunk: None) if "streamed" in mode else None

    if mode.startswith("sync"):
        await asyncio.to_thread(agent.run, [ChatMessage.from_user("Hi")], streaming_callback=callback)
    else:
        await agent.run_async([ChatMessage.from_user("Hi")], streaming_callback=callback)

    assert len(api.requests) == 1


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("name", "parts"),
    [
        (
            "tool calls: truncated",
            ["has been truncated", "because the completion was truncated by `max_tokens`; it is kept"],
        ),
        ("tool calls: malformed '[1]'", ["are not a JSON object; it is kept in `meta['malformed_tool_calls']`"]),
        ("reasoning: unclosed think tag", ["for index 0 has been truncated before reaching a natural stopping point"]),
    ],
)
async def test_warnings(name: str, parts: list[str], mode: str, caplog: pytest.LogCaptureFixture) -> None:
    await ask(mode, CASES[name].response(mode))
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    warnings = [warning for warning in warnings if "streaming callback" not in warning]
    assert len(warnings) == len(parts)
    assert all(part in warning for part, warning in zip(parts, warnings, strict=True))


@pytest.mark.parametrize("mode", MODES[2:])
@pytest.mark.parametrize("tail", ["", "data: [DONE]\n\n"])
async def test_stream_without_finish_reason(tail: str, mode: str, caplog: pytest.LogCaptureFixture) -> None:
    [reply], chunks = await ask(mode, sse(frame({"content": "4"}), end=tail))

    assert (reply.text, reply.meta["finish_reason"]) == ("4", None)
    assert "The stream for index 0 ended without a finish reason" in caplog.text
    check_chunks(chunks, reply)


ROOT_ERROR = {"message": "Model is down", "path": "/v1", "requestId": "req-1", "statusCode": "500", "timestamp": "now"}
BAD_BODIES = {
    "error": ({"error": {"message": "Model is down", "code": 500}, "requestId": "req-1"}, ["Model is down", "req-1"]),
    "error as text": ({"error": "Model is down"}, ["Model is down"]),
    "root-level error": (ROOT_ERROR, ["Model is down", "req-1"]),
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


async def assert_error(mode: str, response: httpx2.Response, parts: list[str]) -> None:
    with pytest.raises(openai.APIError) as raised:
        await ask(mode, response)
    assert [part for part in [*parts, "inf-1", "mine-1"] if part not in str(raised.value)] == []


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", BAD_BODIES)
async def test_error_in_a_200(name: str, mode: str) -> None:
    content, parts = BAD_BODIES[name]
    await assert_error(mode, plain(content), parts)


@pytest.mark.parametrize("mode", MODES[2:])
@pytest.mark.parametrize("name", BAD_BODIES)
async def test_error_frame_alone(name: str, mode: str) -> None:
    content, parts = BAD_BODIES[name]
    await assert_error(mode, sse(f"data: {json.dumps(content)}\n\n"), parts)


@pytest.mark.parametrize("mode", MODES[2:])
@pytest.mark.parametrize("name", ["error", "error as text", "root-level error"])
async def test_error_frame_in_a_stream(name: str, mode: str) -> None:
    content, parts = BAD_BODIES[name]
    await assert_error(mode, sse(frame({"content": "4"}), content, end()), parts)


@pytest.mark.parametrize("mode", MODES)
async def test_html(mode: str) -> None:
    await assert_error(mode, httpx2.Response(200, headers=HEADERS, html=HTML), ["Model is down"])


@pytest.mark.parametrize("mode", MODES[2:])
@pytest.mark.parametrize("content", ["", "data: [DONE]\n\n", ": ping\n\n", 'data: {"choices": []}\n\n'])
async def test_stream_of_nothing(content: str, mode: str) -> None:
    await assert_error(mode, sse(end=content), ["The stream ended without a choice"])


@pytest.mark.parametrize("mode", MODES[2:])
@pytest.mark.parametrize(
    "content",
    [HTML, json.dumps(ROOT_ERROR), f"{json.dumps(ROOT_ERROR)}\r\n", f": ping\n\n\n{json.dumps(ROOT_ERROR, indent=1)}"],
)
async def test_body_that_is_labelled_as_events(content: str, mode: str) -> None:
    await assert_error(mode, sse(end=content), ["Model is down"])


@pytest.mark.parametrize("mode", MODES[2:])
@pytest.mark.parametrize("size", [1, 2, 3, 100])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
async def test_events_cut_anywhere(line_end: str, size: int, mode: str) -> None:
    frames = [json.dumps(part) for part in (frame({"content": "4"}), frame({"content": "2 ä"}), end())]
    lines = [": ping", "event: message", f"data:{frames[0]}", "", "", f"data: {frames[1]}", "id: 7", ""]
    # A frame over two lines, and the last one without a blank line behind it.
    lines += [f"data: {frames[2][:-1]}", f"data: {frames[2][-1]}"]
    content = line_end.join(lines).encode()
    reply = await read(mode, [content[start : start + size] for start in range(0, len(content), size)])
    assert (reply.text, reply.meta["finish_reason"], reply.meta["usage"]) == ("42 ä", "stop", USAGE)


@pytest.mark.parametrize("mode", MODES[2:])
async def test_last_event_without_a_line_end(mode: str) -> None:
    head, last = (f"data: {json.dumps(part)}" for part in (frame({"content": "4"}), end()))
    reply = await read(mode, [f"{head}\r\r".encode(), last.encode()])
    assert (reply.text, reply.meta["finish_reason"]) == ("4", "stop")


async def read(mode: str, pieces: list[bytes]) -> ChatMessage:
    async def pieces_async() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    content = pieces_async() if "async" in mode else iter(pieces)
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, content=content))
    generator = AIMLAPIChatGenerator(http_client_kwargs={"transport": transport}, streaming_callback=print)
    result = await generator.run_async("Hi") if "async" in mode else generator.run("Hi")
    reply: ChatMessage = result["replies"][0]
    return reply


@pytest.mark.parametrize("mode", MODES[2:])
async def test_frame_that_is_no_json(mode: str) -> None:
    await assert_error(mode, sse(frame({"content": "4"}), "data: {oops\n\n"), ["{oops"])
