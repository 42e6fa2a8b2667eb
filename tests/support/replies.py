# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""What AIMLAPI says, as JSON: completions and the frames of their streams, responses and their events, errors."""

import base64
from array import array
from collections.abc import Iterator
from typing import Any

MODEL = "vendor/model"
USAGE = {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8, "prompt_tokens_details": None}
COST = {"credits_used": 610, "usd_spent": 0.000305}
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

# Chat completions


def completion(message: Any, finish_reason: Any = "stop", *, choice: Any = None, **top: Any) -> dict[str, Any]:
    """A plain reply of one choice, with further fields of the choice and of the top level."""
    choice = {"index": 0, "message": message, "finish_reason": finish_reason, **(choice or {})}
    return {"id": "c-1", "model": "m-1", "choices": [choice], "usage": USAGE, **top}


def frame(delta: Any = None, finish_reason: Any = None, *, choice: Any = None, **top: Any) -> dict[str, Any]:
    """A frame of a stream of one choice."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason, **(choice or {})}
    return {"id": "c-1", "model": "m-1", "choices": [choice], "usage": None, **top}


def end(finish_reason: Any = "stop", **top: Any) -> dict[str, Any]:
    """The last frame of a stream."""
    return frame({}, finish_reason, **{"usage": USAGE, **top})


def frames(completion: dict[str, Any]) -> list[dict[str, Any]]:
    """The stream that says the same: texts and arguments in two pieces, all else whole, and the usage in the end."""
    top = {name: value for name, value in completion.items() if name not in ("choices", "usage")}
    if "object" in top:
        top["object"] += ".chunk"
    (choice,) = completion["choices"]
    said = [frame(delta, **top) for delta in deltas(choice["message"])]
    return [*said, frame({}, choice["finish_reason"], **top), {**top, "choices": [], "usage": completion["usage"]}]


def deltas(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for name, value in message.items():
        if name == "tool_calls":
            for index, call in enumerate(value):
                arguments = call["function"]["arguments"]
                function = {**call["function"], "arguments": arguments[:4]}
                yield {name: [{"index": index, **call, "function": function}]}
                yield {name: [{"index": index, "function": {"arguments": arguments[4:]}}]}
        elif isinstance(value, str):
            yield {name: value[:4]}
            yield {name: value[4:]}
        else:
            yield {name: value}


# Responses

REASONING = {"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": "gAAA"}


def message(text: str, **fields: Any) -> dict[str, Any]:
    """An item of a response that says something."""
    part = {"type": "output_text", "text": text, "annotations": []}
    return {"id": "msg_1", "type": "message", "role": "assistant", "content": [part], **fields}


def function_call(arguments: Any = '{"city": "Paris"}', **fields: Any) -> dict[str, Any]:
    """An item of a response that calls the tool `weather`."""
    call = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "weather"}
    return {**call, "arguments": arguments, **fields}


def response(*output: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"id": "resp_1", "object": "response", "status": "completed", "output": list(output), **fields}


def events(response: dict[str, Any]) -> list[dict[str, Any]]:
    """The stream that says the same: texts and arguments in two pieces."""
    said: list[dict[str, Any]] = [
        {"type": "response.created", "response": {**response, "output": [], "status": "queued"}}
    ]
    for index, item in enumerate(response["output"]):
        place = {"output_index": index, "item_id": item.get("id")}
        bare = {name: value for name, value in item.items() if name not in ("content", "summary", "arguments")}
        said.append({"type": "response.output_item.added", "output_index": index, "item": bare})
        pieces = [(f"response.{part['type']}.delta", n, part) for n, part in enumerate(item.get("content") or ())]
        pieces += [("response.reasoning_summary_text.delta", n, part) for n, part in enumerate(item.get("summary", ()))]
        if item.get("type") == "function_call":
            pieces.append(("response.function_call_arguments.delta", 0, {"text": item["arguments"]}))
        for kind, number, part in pieces:
            text = part.get("text") or part.get("refusal") or ""
            for piece in (text[:5], text[5:]):
                said.append({"type": kind, **place, "content_index": number, "delta": piece})
        said.append({"type": "response.output_item.done", "output_index": index, "item": item})
    ending = response["status"] if response.get("status") in ("incomplete", "cancelled") else "completed"
    return [*said, {"type": f"response.{ending}", "response": response}]


# Embeddings


def vector(text: str) -> list[float]:
    """The vector of a text: another one for each of some texts, in numbers that four bytes hold."""
    return [len(text), sum(map(ord, text)) / 4, 0.5]


def embeddings(*texts: str, as_base64: bool = False, **top: Any) -> dict[str, Any]:
    """The embeddings of texts, with the index of each, as numbers or as bytes."""
    data = [
        {"object": "embedding", "index": index, "embedding": encoded(vector(text)) if as_base64 else vector(text)}
        for index, text in enumerate(texts)
    ]
    tokens = sum(map(len, texts))
    return {
        "object": "list",
        "data": data,
        "model": "m-1",
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        "meta": {"usage": {"credits_used": tokens, "usd_spent": tokens / 1024}},
        **top,
    }


def encoded(numbers: list[float]) -> str:
    return base64.b64encode(array("f", numbers).tobytes()).decode()


# Failures


def failure(message: str, status: Any = 400, **fields: Any) -> dict[str, Any]:
    """The body of an error, as AIMLAPI reports it."""
    return {
        "message": message,
        "path": "/v1/chat/completions",
        "requestId": "req-1",
        "statusCode": status,
        "timestamp": "2026-09-01T12:00:00.000Z",
        **fields,
    }


HELLO = completion({"role": "assistant", "content": "Hello"}, created=1, object="chat.completion")
