# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""Messages, tools and parameters become the arguments of `client.chat.completions.create`."""

from typing import Any

from haystack import logging
from haystack.dataclasses import ChatMessage, ChatRole
from haystack.tools.tool import Tool

from haystack_integrations.common.aimlapi.body import ensure_list
from haystack_integrations.common.aimlapi.models import profile
from haystack_integrations.common.aimlapi.parameters import split_parameters
from haystack_integrations.components.generators.aimlapi.chat._inputs import json_schema_format, strict_schema

from .hosted_tools import META_KEY, sent_back, with_rounds
from .media import media_part
from .reasoning import REASONING_FIELDS, THINKING

logger = logging.getLogger(__name__)

RESERVED = {
    "messages": "the `messages` of `run`, and `cache_control` in the `meta` of a message to cache a prompt",
    "model": "the init parameter `model`",
    "tools": "the `tools` of init or `run`, which take dictionaries",
    "text_format": "`response_format`",
}
# What a message has in its meta for the API.
_SENT_META = {"refusal", "cache_control", "audio", META_KEY}


def build_arguments(
    *,
    model: str,
    messages: list[ChatMessage],
    tools: list[dict[str, Any]],
    parameters: dict[str, Any],
    stream: bool,
) -> dict[str, Any]:
    """
    Build the keyword arguments of `client.chat.completions.create`.

    :param model: The model's id.
    :param messages: The conversation.
    :param tools: The tools the model may call, as the API takes them.
    :param parameters: The merged `generation_kwargs`.
    :param stream: Whether the reply is streamed.
    :returns: The arguments. Nothing that was passed in is changed.
    :raises ValueError: If a parameter has another place, several replies are to be streamed, a header is not accepted
        or a message cannot be sent.
    """
    options, body = split_parameters(parameters, reserved=RESERVED, endpoint="chat")
    as_given = parameters.get("extra_body") or {}
    stop_parameter = profile(model).stop_parameter
    if body.get("stop") is not None and "stop" not in as_given and stop_parameter != "stop":
        stop = body.pop("stop")
        body.setdefault(stop_parameter, [stop] if isinstance(stop, str) else stop)
    if stream:
        if isinstance(body.get("n"), int) and body["n"] > 1:
            msg = "Cannot stream multiple responses, please set n=1."
            raise ValueError(msg)
        body.setdefault("stream_options", {"include_usage": True})
    for name in ("n", "response_format", "stream_options"):
        if name in body and body[name] is None:
            del body[name]
    named: dict[str, Any] = {"stream": True} if stream else {}
    if "response_format" in body:
        place = body if "response_format" in as_given else named
        place["response_format"] = json_schema_format(body.pop("response_format"))
    if tools:
        named["tools"] = tools
    return {
        "model": model,
        "messages": _convert_messages(with_rounds(messages)),
        **named,
        "extra_body": body,
        **options,
    }


def _convert_messages(messages: list[ChatMessage]) -> list[dict[str, Any]]:
    sent = []
    in_tool_loop = True
    for position in range(len(messages) - 1, -1, -1):
        message = messages[position]
        converted = _convert_plain(message)
        if converted:
            in_tool_loop = in_tool_loop and message.role != ChatRole.USER
            sent.append(converted)
            continue
        converted = _convert_by_haystack(message, position)
        role = message.role
        if role == ChatRole.USER:
            in_tool_loop = False
        elif role == ChatRole.TOOL:
            _join_result(converted)
        elif role == ChatRole.ASSISTANT or len(message) > 1:
            _complete(converted, message, position=position, in_tool_loop=in_tool_loop)
            if calls := message.meta.get(META_KEY):
                hosted_calls, results = sent_back(calls)
                converted["tool_calls"] = [*converted.get("tool_calls", ()), *hosted_calls]
                sent += reversed(results)
            if not converted.keys() & {"content", "tool_calls", "audio"}:
                continue
        if cache_control := message.meta.get("cache_control"):
            _cache(converted, cache_control)
        sent.append(converted)
    if not sent:
        msg = "`messages` hold nothing to send: no text, no image, no file and no tool call."
        raise ValueError(msg)
    return sent[::-1]


def _convert_plain(message: ChatMessage) -> dict[str, Any] | None:
    """
    Convert a message of a single text: what Haystack's conversion makes of it, in a fifth of its time.
    """
    text = message.text if len(message) == 1 and type(message) is ChatMessage else None
    if text and message.name is None and message.meta.keys().isdisjoint(_SENT_META):
        return {"role": message.role.value, "content": text}
    return None


def _convert_by_haystack(message: ChatMessage, position: int) -> dict[str, Any]:
    try:
        converted = message.to_openai_dict_format()
        if message.role == ChatRole.USER and (message.images or message.files):
            # No public property keeps the order of texts, images and files.
            parts = zip(message._content, converted["content"], strict=True)
            converted["content"] = [media_part(*part) for part in parts]
        return converted
    except ValueError as error:
        if message.role == ChatRole.ASSISTANT and len(message) == len(message.reasonings):
            return {"role": "assistant"}  # Haystack before 3.2 does not convert a turn with nothing to say.
        msg = f"The message at position {position} cannot be sent: {error}"
        raise ValueError(msg) from error


def _join_result(converted: dict[str, Any]) -> None:
    if isinstance(converted.get("content"), list):
        # Half of AIMLAPI's models take the result of a tool as one string only.
        converted["content"] = "\n".join(part["text"] for part in converted["content"])


def _cache(converted: dict[str, Any], cache_control: Any) -> None:
    """
    Mark the last part of a message: what comes before it, and the part itself, is cached.
    """
    content = converted.get("content")
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    if content:
        converted["content"] = [*content[:-1], {**content[-1], "cache_control": cache_control}]


def _complete(converted: dict[str, Any], message: ChatMessage, *, position: int, in_tool_loop: bool) -> None:
    """
    See to the parts of a message that Haystack's conversion does not send, or sends empty.

    Of several texts it sends the first. Providers want to see reasoning and what they put on a tool call, such as a
    signature of Gemini's, again inside a tool loop, as it came.
    """
    if in_tool_loop and "tool_calls" in converted:
        for sent, tool_call in zip(converted["tool_calls"], message.tool_calls, strict=True):
            if tool_call.extra and "extra_content" in tool_call.extra:
                sent["extra_content"] = tool_call.extra["extra_content"]
    sent_parts = bool(converted.get("content")) + len(converted.get("tool_calls", ()))
    if sent_parts and sent_parts == len(message):
        return
    texts = message.texts
    if len(texts) > 1:
        converted["content"] = "\n".join(filter(None, texts))
    if not converted.get("content"):
        _say_otherwise(converted, message)
    if len(message) == len(texts) + len(message.tool_calls):
        return
    if message.images or message.files:
        logger.warning(
            "The images and files of the assistant message at position {position} are not sent: "
            "chat completions take them from the user only.",
            position=position,
        )
    if in_tool_loop:
        for reasoning in message.reasonings:
            converted.update({name: reasoning.extra[name] for name in REASONING_FIELDS if name in reasoning.extra})
            if parts := ensure_list(reasoning.extra.get(THINKING)):
                said = converted.get("content")
                said_parts: list[Any] = [{"type": "text", "text": said}] if isinstance(said, str) else ensure_list(said)
                converted["content"] = [*parts, *said_parts]


def _say_otherwise(converted: dict[str, Any], message: ChatMessage) -> None:
    """
    Send what the model said in another form than a text.
    """
    converted.pop("content", None)
    audio = message.meta.get("audio")
    if refusal := converted.pop("refusal", None):
        converted["content"] = [{"type": "refusal", "refusal": refusal}]
    elif isinstance(audio, dict):
        # What was said is taken by all models; its id by some, and not for long.
        if audio.get("transcript"):
            converted["content"] = audio["transcript"]
        elif audio.get("id"):
            converted["audio"] = {"id": audio["id"]}


def convert_tool(tool: Tool, *, strict: bool) -> dict[str, Any]:
    """
    Convert a tool that the model may call.

    :param tool: The tool.
    :param strict: Whether tool calls must follow its schema strictly.
    :returns: The tool as the endpoint takes it.
    """
    function = {**tool.tool_spec}
    if strict:
        function |= {"strict": True, "parameters": strict_schema(function["parameters"])}
    return {"type": "function", "function": function}
