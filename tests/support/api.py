# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""A wire without a server: what a component sends is kept, and answered with the given messages."""

import inspect
import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from haystack_integrations.components.generators.aimlapi import AIMLAPIChatGenerator

MODEL = "vendor/model"
USAGE = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
STREAMING = {"stream": True, "stream_options": {"include_usage": True}}
MODES = ("run", "run_async", "run streamed", "run_async streamed")

in_all_modes = pytest.mark.parametrize("mode", MODES)


class Wire(httpx2.MockTransport):
    """Answers with each message in turn, streamed if asked to, and with a greeting when there is none left."""

    def __init__(self, *messages: dict[str, Any]) -> None:
        super().__init__(self._answer)
        self.requests: list[httpx2.Request] = []
        self._messages = list(messages)

    @property
    def bodies(self) -> list[Any]:
        return [json.loads(request.content) for request in self.requests]

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        message = {"role": "assistant", **(self._messages.pop(0) if self._messages else {"content": "Hello"})}
        finish_reason = message.pop("finish_reason", "tool_calls" if "tool_calls" in message else "stop")
        head = {"id": "chatcmpl-1", "created": 1, "model": MODEL}
        if not json.loads(request.content).get("stream"):
            choice = {"index": 0, "finish_reason": finish_reason, "message": message}
            return httpx2.Response(200, json={**head, "object": "chat.completion", "choices": [choice], "usage": USAGE})
        frames = [
            *({"choices": [{"index": 0, "delta": delta}]} for delta in deltas(message)),
            {"choices": [{"index": 0, "delta": {}, "finish_reason": finish_reason}]},
            {"choices": [], "usage": USAGE},
        ]
        events = [json.dumps({**head, "object": "chat.completion.chunk", **frame}) for frame in frames]
        text = "".join(f"data: {event}\n\n" for event in [*events, "[DONE]"])
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, text=text)


def deltas(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Cut a message into deltas: texts and arguments in two, all else whole."""
    for name, value in message.items():
        if name == "tool_calls":
            for index, call in enumerate(value):
                arguments = call["function"]["arguments"]
                function = {"name": call["function"]["name"], "arguments": arguments[:4]}
                yield {name: [{"index": index, **call, "function": function}]}
                yield {name: [{"index": index, "function": {"arguments": arguments[4:]}}]}
        elif isinstance(value, str):
            yield {name: value[:4]}
            yield {name: value[4:]}
        else:
            yield {name: value}


def generator(wire: Wire, **settings: Any) -> AIMLAPIChatGenerator:
    return AIMLAPIChatGenerator(**{"model": MODEL, "http_client_kwargs": {"transport": wire}, **settings})


async def call(component: Any, mode: str, messages: Any, **arguments: Any) -> Any:
    """Run a component in one of the four modes."""
    method, _, streamed = mode.partition(" ")
    if streamed:
        arguments.setdefault("streaming_callback", _ignore)
    result = getattr(component, method)(messages, **arguments)
    return await result if inspect.isawaitable(result) else result


def body(mode: str, messages: list[dict[str, Any]] | None = None, **fields: Any) -> dict[str, Any]:
    """The body that a mode sends, by default for the text Hi."""
    streaming = STREAMING if mode.endswith("streamed") else {}
    return {"model": MODEL, "messages": messages or [{"role": "user", "content": "Hi"}], **streaming, **fields}


def _ignore(_: Any) -> None:
    pass
