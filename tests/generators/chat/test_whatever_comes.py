# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""Whatever comes back: a reply, from which the conversation can go on, or an exception of the SDK."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
from haystack.dataclasses import ChatMessage, StreamingChunk
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.api import Api, chat_generator, responses_generator
from tests.support.modes import Mode, in_all_modes
from tests.support.recordings import Recording, names


def nested(depth: int) -> Any:
    return json.loads('{"a":' * depth + "[1]" + "}" * depth)


def said() -> Iterator[tuple[str, list[Any]]]:
    """The path and the body, or the events of the stream, of each recorded reply."""
    for name in names():
        for exchange in Recording(name).exchanges:
            path, answer = exchange["request"]["path"], exchange["response"]
            if answer["status"] < 300 and "images" not in path:
                events = [event.partition("data: ")[2] for event in answer.get("sse", ())]
                yield path, [json.loads(event) for event in events if event.startswith("{")] or [answer["json"]]


SAID = list(said())
OURS = ["malformed_tool_calls", "cost", "incomplete", "completion_start_time", "inference_id", "usage", "index", "meta"]
THEIRS = ["error", "choices", "delta", "message", "content", "type", "text", "output", "item", "response", "call_id"]
MORE = [
    "id",
    "arguments",
    "logprobs",
    "finish_reason",
    "tool_calls",
    "reasoning_details",
    "thinking",
    "audio",
    "images",
]
ODD = st.sampled_from(
    [None, True, 0, -1.5, "", "x", "\ud83d", "\ude00", [], [1], ["a"], {}, {"a": 1}, [[]], [None], {"type": ["a"]}]
) | st.sampled_from([nested(60), nested(150), [nested(150)]])
CHANGE = st.tuples(
    st.integers(0, 10_000),
    st.sampled_from(["replace", "name", "drop", "wrap", "copy"]),
    ODD,
    st.sampled_from([*OURS, *THEIRS, *MORE]),
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """All places in a value, as containers and keys."""
    found = []
    todo = [value]
    while todo:
        node = todo.pop()
        keys = list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
        found += [(node, key) for key in keys]
        todo += [node[key] for key in keys]
    return found


def changed(value: Any, changes: list[Any]) -> Any:
    holder = [copy.deepcopy(value)]
    for where, how, odd, name in changes:
        found = places(holder)
        node, key = found[where % len(found)]
        if how == "replace":
            node[key] = copy.deepcopy(odd)
        elif how == "name" and isinstance(node, dict):
            node[name] = copy.deepcopy(odd)
        elif how == "drop" and node is not holder:
            del node[key]
        elif how == "wrap":
            node[key] = [node[key]]
        elif how == "copy":
            other, other_key = found[where // 2 % len(found)]
            node[key] = copy.deepcopy(other[other_key])
    return holder[0]


@in_all_modes
@settings(derandomize=True)
@given(recorded=st.sampled_from(SAID), changes=st.lists(CHANGE, min_size=1, max_size=5), is_stream=st.booleans())
def test_whatever_comes_back(mode: Mode, recorded: tuple[str, list[Any]], changes: list[Any], is_stream: bool) -> None:
    path, events = recorded
    make = responses_generator if path.endswith("responses") else chat_generator
    whole = changed(events, changes)
    whole = whole if isinstance(whole, list) and whole else [whole]
    if mode.streamed and is_stream:
        content = "".join(f"data: {json.dumps(event)}\n\n" for event in whole)
    else:
        content = json.dumps(whole[-1])
    chunks: list[StreamingChunk] = []
    streaming = {"streaming_callback": chunks.append} if mode.streamed else {}
    try:
        replies = mode.run(make(Api(httpx2.Response(200, content=content))), "Hi", **streaming)["replies"]
    except openai.APIError:
        return

    for reply in replies:
        assert ChatMessage.from_dict(json.loads(json.dumps(reply.to_dict()))) == reply
        api = Api()
        results = [ChatMessage.from_tool("sunny", call) for call in reply.tool_calls]
        make(api).run([ChatMessage.from_user("Hi"), reply, *results])
        assert len(api.requests) == 1
    for chunk in chunks:
        json.dumps(chunk.to_dict())
        chunk.content.encode()
