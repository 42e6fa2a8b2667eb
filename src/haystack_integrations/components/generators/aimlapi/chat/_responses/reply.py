# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""A response becomes a ChatMessage."""

from collections.abc import Iterator, Mapping
from typing import Any

from haystack.dataclasses import ChatMessage, ReasoningContent

from haystack_integrations.common.aimlapi.body import drop_empty, ensure_list, has_value
from haystack_integrations.common.aimlapi.errors import reply_error
from haystack_integrations.components.generators.aimlapi.chat._message import Reply, build_message, tool_call_id
from haystack_integrations.components.generators.aimlapi.chat._think import split_think

# The order in which the parts of a message are sent back.
_PART_ORDER = ("reasoning", "message", "function_call")
# Fields with a slot of their own, or padding, which says nothing.
_PADDING = {"obfuscation", "p"}
_TOP_FIELDS = {"output", "output_text", "model", "meta", *_PADDING}
_MESSAGE_FIELDS = {"id", "type", "role", "status", "content", *_PADDING}
_CALL_FIELDS = {"id", "type", "status", "call_id", "name", "arguments"}
_TEXT_FIELDS = {"type", "text", "annotations", "logprobs"}


def decode_response(
    body: dict[str, Any], headers: Mapping[str, str], completion_start_time: str | None = None
) -> list[ChatMessage]:
    """
    Decode a response.

    :param body: The body of the HTTP response.
    :param headers: The headers of the HTTP response.
    :param completion_start_time: When the first event of a stream came, in ISO 8601.
    :returns: The message, as a list of one.
    :raises APIError: If the response is finished and says nothing at all.
    """
    output = output_items(body.get("output"))
    if not any(_texts(output)):
        output += output_items(ensure_list(body.get("output_text")))
    is_finished = not isinstance(body.get("output"), list) or (body.get("status") or "completed") == "completed"
    if body.get("status") in ("failed", "cancelled") or (is_finished and not output):
        raise reply_error(body, f"AIMLAPI answered without a response, status {body.get('status')}")

    reply = read_response(body, output)
    reply.is_incomplete = body.get("status") in ("in_progress", "queued")
    parts = list(_contents(output))
    is_plain = _is_plain(output)
    fields = {
        **drop_empty(body, _TOP_FIELDS),
        **{name: value for item in output if is_plain for name, value in _message_fields(item).items()},
        **drop_empty(
            {
                "refusal": reply.refusal,
                "annotations": [note for part in parts for note in ensure_list(part.get("annotations"))],
                "logprobs": [logprob for part in parts for logprob in ensure_list(part.get("logprobs"))],
                "output": [] if is_plain else output,
            }
        ),
    }
    return [
        build_message(reply, body=body, fields=fields, headers=headers, completion_start_time=completion_start_time)
    ]


def read_response(body: dict[str, Any], output: list[dict[str, Any]]) -> Reply:
    """
    Read what a response says.

    :param body: The body of the HTTP response.
    :param output: The items of the response.
    :returns: What it says.
    """
    thought, text = split_think("".join(_texts(output)))
    reply = Reply(
        text=text,
        finish_reason=finish_reason(body, output),
        refusal="".join(_string(part.get("refusal")) for part in _contents(output)),
        reasonings=[_decode_reasoning(item) for item in output if item.get("type") == "reasoning"],
    )
    if thought:
        reply.reasonings.append(ReasoningContent(thought))
    _decode_calls(output, reply, response_id=str(body.get("id") or ""))
    return reply


def output_items(output: Any) -> list[dict[str, Any]]:
    """
    Get the items of an output. What is no item is taken for what a message says.

    :param output: The field `output` of a response.
    :returns: The items.
    """
    items = filter(has_value, output if isinstance(output, list) else ())
    return [item if isinstance(item, dict) else {"type": "message", "content": item} for item in items]


def finish_reason(body: dict[str, Any], output: list[dict[str, Any]]) -> str | None:
    """
    Tell why a response ended, in the words of chat completions.

    :param body: The response.
    :param output: Its items.
    :returns: The finish reason; None if it did not end.
    """
    details = body.get("incomplete_details")
    if reason := details.get("reason") if isinstance(details, dict) else details:
        return str(reason)
    if (body.get("status") or "completed") != "completed":
        return None
    if any(item.get("type") == "function_call" for item in output):
        return "tool_calls"
    return "refusal" if any(part.get("type") == "refusal" for part in _contents(output)) else "stop"


def _decode_calls(output: list[dict[str, Any]], reply: Reply, *, response_id: str) -> None:
    calls = [item for item in output if item.get("type") == "function_call"]
    for position, call in enumerate(calls):
        item_id, call_id = call.get("id") or call.get("call_id"), call.get("call_id") or call.get("id")
        reply.add_tool_call(
            str(item_id or tool_call_id(response_id, position)),
            call.get("name"),
            call.get("arguments"),
            {"call_id": str(call_id)} if call_id else {},
        )


def _decode_reasoning(item: dict[str, Any]) -> ReasoningContent:
    texts = ensure_list(item.get("summary")) or ensure_list(item.get("content"))
    text = "\n".join(_string(part.get("text") if isinstance(part, dict) else part) for part in texts)
    return ReasoningContent(text, extra=item)


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _contents(output: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for item in output:
        if item.get("type") == "message":
            for part in ensure_list(item.get("content")):
                yield part if isinstance(part, dict) else {"type": "output_text", "text": part}


def _texts(output: list[dict[str, Any]]) -> Iterator[str]:
    return (_string(part.get("text")) for part in _contents(output) if part.get("type") == "output_text")


def _message_fields(item: dict[str, Any]) -> dict[str, Any]:
    """
    Get what a message says beside its content. Its id is not sent back: the endpoint would insist on the reasoning.
    """
    if item["type"] != "message":
        return {}
    own = {"message_id": item.get("id"), "message_status": item.get("status")}
    return {**drop_empty(item, _MESSAGE_FIELDS), **drop_empty(own)}


def _is_plain(output: list[dict[str, Any]]) -> bool:
    """
    Tell whether a ChatMessage can hold an output: the order of its items, and all that is in them.
    """
    types = [item.get("type") for item in output]
    return (
        all(kind in _PART_ORDER for kind in types)
        and types == sorted(types, key=_PART_ORDER.index)
        and types.count("message") <= 1
        and all(drop_empty(item).keys() <= _CALL_FIELDS for item in output if item["type"] == "function_call")
        and all(
            drop_empty(part, _TEXT_FIELDS if part.get("type") == "output_text" else {"type", "refusal"}) == {}
            and isinstance(part.get("text") or "", str)
            and isinstance(part.get("refusal") or "", str)
            for part in _contents(output)
        )
    )
