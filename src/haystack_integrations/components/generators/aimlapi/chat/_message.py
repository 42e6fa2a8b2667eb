# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""What both endpoints' replies become: a ChatMessage, with its meta, its finish reason and its warnings."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from haystack import logging
from haystack.dataclasses import ChatMessage, FinishReason, ImageContent, ReasoningContent, ToolCall

from haystack_integrations.common.aimlapi.body import call_meta, drop_empty, rest_of_service_meta

logger = logging.getLogger(__name__)

_FINISH_REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "eos": "stop",
    "length": "length",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "model_length": "length",
    "tool_calls": "tool_calls",
    "tool_use": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "safety": "content_filter",
    "refusal": "content_filter",
    "recitation": "content_filter",
}
# What only we tell: the same names, sent by a provider, would be taken for it.
_OWN_FIELDS = {"malformed_tool_calls", "completion_start_time", "incomplete"}
_unknown_finish_reasons: set[str] = set()


@dataclass
class Reply:
    """
    What a reply says, whichever endpoint it came from.

    :param index: Its place among the replies of a call.
    :param text: The text.
    :param finish_reason: Why it ended, as the API named it.
    :param refusal: What the model said instead of an answer.
    :param tool_calls: The calls that can be made.
    :param malformed_tool_calls: The calls without a name, or whose arguments are no JSON object.
    :param reasonings: The reasoning, in the order it came.
    :param images: The images that came as data.
    :param is_incomplete: Whether it ended before its end.
    """

    index: int = 0
    text: str = ""
    finish_reason: Any = None
    refusal: Any = None
    tool_calls: list[ToolCall] = field(default_factory=list)
    malformed_tool_calls: list[dict[str, Any]] = field(default_factory=list)
    reasonings: list[ReasoningContent] = field(default_factory=list)
    images: list[ImageContent] = field(default_factory=list)
    is_incomplete: bool = False

    def add_tool_call(self, call_id: str, name: Any, arguments: Any, extra: dict[str, Any]) -> None:
        """
        Add a tool call.

        :param call_id: Its id.
        :param name: The name of the tool.
        :param arguments: Its arguments, as JSON or as the object that JSON stands for.
        :param extra: What else the provider put on the call.
        """
        parsed = parse_arguments(arguments)
        if name and isinstance(name, str) and parsed is not None:
            self.tool_calls.append(ToolCall(id=call_id, tool_name=name, arguments=parsed, extra=extra or None))
        else:
            self.malformed_tool_calls.append({"id": call_id, "tool_name": name, "arguments": arguments, **extra})

    def to_plain(self) -> dict[str, Any]:
        """
        Get what it says so far, as plain data.

        :returns: Its text, reasoning and tool calls, those that cannot be made with their arguments as they came.
        """
        calls = [{"id": call.id, "tool_name": call.tool_name, "arguments": call.arguments} for call in self.tool_calls]
        return drop_empty(
            {
                "text": self.text,
                "reasoning": "\n".join(reasoning.reasoning_text for reasoning in self.reasonings),
                "tool_calls": [*calls, *self.malformed_tool_calls],
            }
        )


def build_message(
    reply: Reply,
    *,
    body: Mapping[str, Any],
    fields: Mapping[str, Any],
    headers: Mapping[str, str],
    completion_start_time: str | None = None,
) -> ChatMessage:
    """
    Build the message of a reply.

    :param reply: What it says.
    :param body: The body it came in: its model, and AIMLAPI's own `meta`.
    :param fields: The fields of the API that have no slot of their own, for the meta of the message.
    :param headers: The headers of the response.
    :param completion_start_time: When the first event of a stream came, in ISO 8601.
    :returns: The message.
    """
    finish_reason = map_finish_reason(reply.finish_reason)
    if is_refused(finish_reason, reply.refusal, reply.text or reply.tool_calls or reply.malformed_tool_calls):
        finish_reason = "content_filter"
    slots = {"model": body.get("model"), "index": reply.index, "finish_reason": finish_reason}
    meta = {
        **slots,
        "usage": None,
        **rest_of_service_meta(body.get("meta")),
        **{name: value for name, value in fields.items() if name not in _OWN_FIELDS},
        **call_meta(body.get("meta"), headers),
        **drop_empty(
            {
                "malformed_tool_calls": reply.malformed_tool_calls,
                "completion_start_time": completion_start_time,
            }
        ),
        **({"incomplete": True} if reply.is_incomplete else {}),
        **slots,
    }
    if reply.finish_reason and reply.finish_reason != finish_reason:
        meta.setdefault("native_finish_reason", reply.finish_reason)
    _warn(reply, meta)
    reasoning = reply.reasonings[0] if len(reply.reasonings) == 1 else None
    message = ChatMessage.from_assistant(
        text=reply.text or None, tool_calls=reply.tool_calls, reasoning=reasoning, meta=meta
    )
    if reply.images or len(reply.reasonings) > 1:
        # `from_assistant` takes one reasoning, and no images.
        data = message.to_dict()
        before = [] if reasoning else [{"reasoning": part.to_dict()} for part in reply.reasonings]
        data["content"] = [*before, *data["content"], *({"image": image.to_dict()} for image in reply.images)]
        message = ChatMessage.from_dict(data)
    return message


def map_finish_reason(raw: Any) -> FinishReason | None:
    """
    Map a finish reason to one of Haystack's.

    :param raw: The finish reason as the API named it.
    :returns: Haystack's finish reason, or the raw one if it is unknown.
    """
    if not raw:
        return None
    finish_reason = _FINISH_REASONS.get(str(raw).lower())
    if finish_reason is None and str(raw) not in _unknown_finish_reasons:
        _unknown_finish_reasons.add(str(raw))
        logger.warning("AIMLAPI returned an unknown finish reason: {finish_reason}", finish_reason=raw)
    return finish_reason or cast(FinishReason, str(raw))


def is_refused(finish_reason: FinishReason | None, refusal: Any, answer: Any) -> bool:
    """
    Tell whether a model refused to answer, whatever it gave as its finish reason.

    An Agent stops on text and on some finish reasons: a refusal in a field of its own, with `stop`, would go on.

    :param finish_reason: The finish reason.
    :param refusal: What the model said instead of an answer.
    :param answer: The answer, if there is one.
    :returns: True if there is a refusal and no answer.
    """
    return finish_reason == "stop" and bool(refusal) and not answer


def tool_call_id(reply_id: str, position: int) -> str:
    """
    Make an id for a tool call that has none: some routes give none, and a tool loop cannot do without.

    :param reply_id: The id of the reply.
    :param position: The place of the call among the calls of the reply.
    :returns: The id.
    """
    return "-".join(filter(None, ("call", reply_id, str(position))))


def parse_arguments(raw: Any) -> dict[str, Any] | None:
    """
    Parse the arguments of a tool call.

    :param raw: The arguments, as JSON or as the object that JSON stands for.
    :returns: The arguments; None if they are no JSON object.
    """
    if isinstance(raw, str):
        try:
            raw = json.loads(raw) if raw.strip() else None
        except (ValueError, RecursionError):
            return None
    if raw is None:
        return {}
    return raw if isinstance(raw, dict) else None


def _warn(reply: Reply, meta: dict[str, Any]) -> None:
    truncated = meta["finish_reason"] == "length"
    if truncated:
        logger.warning(
            "The completion for index {index} has been truncated before reaching a natural stopping point. "
            "Increase `max_tokens` (or `max_completion_tokens`, `max_output_tokens`) to allow for longer completions.",
            index=meta["index"],
        )
    if meta["finish_reason"] == "content_filter":
        logger.warning("The completion for index {index} was stopped by the content filter.", index=meta["index"])
    if meta["finish_reason"] is None and ("completion_start_time" in meta or reply.is_incomplete):
        logger.warning(
            "The {kind} for index {index} ended without a finish reason: the reply may be incomplete.",
            kind="stream" if "completion_start_time" in meta else "reply",
            index=meta["index"],
        )
    for call in reply.malformed_tool_calls:
        logger.warning(
            "A tool call has no name, or its arguments are not a JSON object{cause}; it is kept in "
            "`meta['malformed_tool_calls']`. Tool call ID: {_id}, Tool name: {_name}, Arguments: {_arguments}",
            cause=" because the completion was truncated by `max_tokens`" if truncated else "",
            _id=call["id"],
            _name=call["tool_name"],
            _arguments=call["arguments"],
        )
