# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""Calls with their replies and the chunks of their streams, and what must hold of these."""

import json
from typing import Any

import httpx2
import openai
import pytest
from haystack.dataclasses import ChatMessage, StreamingChunk

from haystack_integrations.components.generators.aimlapi import AIMLAPIChatGenerator
from tests.support.api import IDS, Api, chat_generator, responses_generator
from tests.support.modes import SYNC, Mode


async def ask(mode: Mode, answer: httpx2.Response) -> tuple[list[ChatMessage], list[StreamingChunk]]:
    """The replies of a chat completion with this answer, and the chunks if it is streamed."""
    answer.headers.update(IDS)
    api, chunks = Api(answer), list[StreamingChunk]()
    generator = chat_generator(api)
    replies = (await mode.call(generator, "Hi", streaming_callback=chunks.append if mode.streamed else None))["replies"]
    if mode.asynchronous:
        await generator.close_async()
    else:
        generator.close()
    assert len(api.requests) == 1
    for reply in replies:
        assert ChatMessage.from_dict(json.loads(json.dumps(reply.to_dict()))) == reply
        assert mode.streamed is bool(reply.meta.pop("completion_start_time", None))
    return replies, chunks


async def assert_error(mode: Mode, answer: httpx2.Response, parts: list[str]) -> None:
    """It raises, and the text has these parts and the ids of the call."""
    with pytest.raises(openai.APIError) as raised:
        await ask(mode, answer)
    assert [part for part in [*parts, "inf-1", "mine-1"] if part not in str(raised.value)] == []


async def ask_responses(api: Api, mode: Mode = SYNC, messages: Any = "Hi", **settings: Any) -> ChatMessage:
    """The reply of a call to `/v1/responses`."""
    reply = (await mode.call(responses_generator(api, **settings), messages))["replies"][0]
    reply.meta.pop("completion_start_time", None)
    assert ChatMessage.from_dict(json.loads(json.dumps(reply.to_dict()))) == reply
    return reply


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
