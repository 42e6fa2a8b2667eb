# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""Messages, tools and parameters become the arguments of one API call."""

import re
from collections.abc import Callable, Mapping
from types import MethodType
from typing import Any

from haystack import logging
from haystack.dataclasses import ChatMessage, ChatRole
from haystack.tools import Toolset, ToolsType, flatten_tools_or_toolsets
from haystack.tools.tool import Tool
from haystack.utils import Secret
from openai import AsyncOpenAI, OpenAI, omit, pydantic_function_tool
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming
from openai.types.responses.response_create_params import ResponseCreateParamsNonStreaming
from pydantic import BaseModel

from haystack_integrations.components.generators.aimlapi._call import split_parameters

from .reply import REASONING_FIELDS

logger = logging.getLogger(__name__)

_OWN_PARAMETERS = {
    "messages": "the `messages` of `run`",
    "model": "the init parameter `model`",
    "tools": "the `tools` of init or `run`",
}


def untyped(
    client: OpenAI | AsyncOpenAI, resource: Any, arguments: dict[str, Any]
) -> tuple[Callable[..., Any], dict[str, Any]]:
    """
    Spare a call what the SDK does for typed code only.

    It walks over all typed parameters (0.15 ms a message, 170 ms for a thousand) to rename and format fields that no
    chat completion has, but leaves `extra_body` alone. And it makes typed objects of what comes back, unless it is
    asked for the raw response. Tracers, which wrap the methods of the SDK, look for messages, tools, parameters and
    replies in their own places: whoever wraps one gets a typed call.

    :param client: The client.
    :param resource: One of its resources, such as `client.chat.completions`.
    :param arguments: The arguments of the resource's `create`.
    :returns: The method to call, and its arguments.
    """
    create, body = resource.create, arguments["extra_body"]
    if all(map(_is_of_the_sdk, (create, client.post, client.request))):
        long = {name: arguments[name] for name in ("messages", "input", "tools") if name in arguments}
        arguments = {**arguments, **dict.fromkeys(long, omit), "extra_body": {**long, **body}}
        return resource.with_raw_response.create, arguments
    declared: Any = CompletionCreateParamsNonStreaming if "messages" in arguments else ResponseCreateParamsNonStreaming
    # They stay in `extra_body` as well, where 3.0.0 had them.
    return create, {**arguments, **{name: body[name] for name in body.keys() & declared.__annotations__}}


def _is_of_the_sdk(method: Any) -> bool:
    # Compared exactly, since the wrappers of `wrapt` pass for what they wrap.
    return type(method) is MethodType and getattr(method, "__globals__", {}).get("__name__", "").startswith("openai.")


def build_arguments(
    *,
    model: str,
    messages: list[ChatMessage],
    tools: list[Tool],
    tools_strict: bool,
    parameters: dict[str, Any],
    headers: Mapping[str, str | Secret] | None,
    stream: bool,
) -> dict[str, Any]:
    """
    Build the keyword arguments of `client.chat.completions.create`.

    :param model: The model's id.
    :param messages: The conversation.
    :param tools: The tools the model may call, flattened.
    :param tools_strict: Whether tool calls must follow their schema strictly.
    :param parameters: The merged `generation_kwargs`.
    :param headers: The headers of init.
    :param stream: Whether the reply is streamed.
    :returns: The arguments. Nothing that was passed in is changed.
    :raises ValueError: If a parameter has another place, several replies are to be streamed, a header is not accepted
        or a message cannot be sent.
    """
    options, body = split_parameters(parameters, headers, _OWN_PARAMETERS)
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
        named["response_format"] = response_format(body.pop("response_format"))

    if tools:
        named["tools"] = [_tool(tool, strict=tools_strict) for tool in tools]
    return {"model": model, "messages": _messages(messages), **named, "extra_body": body, **options}


def response_format(value: Any) -> Any:
    """
    Turn a Pydantic class into the strict JSON schema that the API takes.

    :param value: A Pydantic class, or a `response_format` as the API takes it.
    :returns: The `response_format` to send, and to serialize.
    """
    if not (isinstance(value, type) and issubclass(value, BaseModel)):
        return value
    function: Any = pydantic_function_tool(value)["function"]
    return {
        "type": "json_schema",
        "json_schema": {
            # The name of a generic class holds brackets, which the API does not take.
            "name": re.sub(r"[^A-Za-z0-9_-]", "_", value.__name__),
            "strict": True,
            "schema": function["parameters"],
        },
    }


def as_messages(messages: list[ChatMessage] | str) -> list[ChatMessage]:
    """
    Take the text of a single user message for a conversation.

    :param messages: The conversation, or a text.
    :returns: The conversation.
    :raises TypeError: If it is neither, or something in the conversation is no message.
    """
    if isinstance(messages, str):
        return [ChatMessage.from_user(messages)]
    if not isinstance(messages, list):
        msg = f"`messages` must be a list of ChatMessage or a string, got {type(messages).__name__}."
        raise TypeError(msg)
    for position, message in enumerate(messages):
        if not isinstance(message, ChatMessage):
            kind = type(message).__name__
            msg = f"`messages` must be a string or a list of ChatMessage, got {kind} at position {position}."
            raise TypeError(msg)
    return messages


def as_tools(tools: ToolsType | None) -> list[Tool]:
    """
    Take tools and toolsets for a list of tools.

    :param tools: The tools, as a component takes them.
    :returns: The tools, flattened.
    :raises ValueError: If two have the same name.
    """
    flattened = flatten_tools_or_toolsets(tools)
    Toolset(flattened)  # refuses duplicate names
    return flattened


def _messages(messages: list[ChatMessage]) -> list[dict[str, Any]]:
    sent = []
    in_tool_loop = True
    for position in range(len(messages) - 1, -1, -1):
        message = messages[position]
        text = message.text if len(message) == 1 and type(message) is ChatMessage else None
        if text and message.name is None and "refusal" not in message.meta:
            # What Haystack's conversion makes of a single text, in a fifth of its time.
            converted: dict[str, Any] = {"role": message.role.value, "content": text}
        else:
            try:
                converted = message.to_openai_dict_format()
            except ValueError as error:
                if message.role == ChatRole.ASSISTANT and len(message) == len(message.reasonings):
                    continue  # Haystack before 3.2 does not convert a turn with nothing to say.
                msg = f"The message at position {position} cannot be sent: {error}"
                raise ValueError(msg) from error
        role = converted["role"]
        if role == "user":
            in_tool_loop = False
        elif role == "tool":
            if isinstance(converted.get("content"), list):
                # Half of AIMLAPI's models take the result of a tool as one string only.
                converted["content"] = "\n".join(part["text"] for part in converted["content"])
        elif role == "assistant" or len(message) > 1:
            sent_parts = bool(converted.get("content")) + len(converted.get("tool_calls", ()))
            if not sent_parts or sent_parts != len(message):
                _complete(converted, message, position, in_tool_loop=in_tool_loop)
                if not converted.keys() & {"content", "tool_calls"}:
                    continue
            if in_tool_loop and "tool_calls" in converted:
                _add_extra_content(converted["tool_calls"], message)
        sent.append(converted)
    if not sent:
        msg = "`messages` hold nothing to send: no text, no image, no file and no tool call."
        raise ValueError(msg)
    return sent[::-1]


def _complete(converted: dict[str, Any], message: ChatMessage, position: int, *, in_tool_loop: bool) -> None:
    """
    See to the parts of a message that Haystack's conversion does not send, or sends empty.

    Of several texts it sends the first. Providers want to see reasoning again inside a tool loop, as it came.
    """
    texts = message.texts
    if len(texts) > 1:
        converted["content"] = "\n".join(filter(None, texts))
    if not converted.get("content"):
        converted.pop("content", None)
        if refusal := converted.pop("refusal", None):
            converted["content"] = [{"type": "refusal", "refusal": refusal}]
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


def _add_extra_content(sent: list[dict[str, Any]], message: ChatMessage) -> None:
    """
    Send back what a provider put on a tool call, such as a signature of Gemini's.
    """
    for converted, tool_call in zip(sent, message.tool_calls, strict=True):
        if tool_call.extra and "extra_content" in tool_call.extra:
            converted["extra_content"] = tool_call.extra["extra_content"]


def _tool(tool: Tool, *, strict: bool) -> dict[str, Any]:
    function = {**tool.tool_spec}
    if strict:
        function |= {"strict": True, "parameters": strict_schema(function["parameters"])}
    return {"type": "function", "function": function}


def strict_schema(schema: Any) -> Any:
    """
    Make a JSON schema strict at every depth: no additional properties, and all properties required.

    See https://platform.openai.com/docs/guides/structured-outputs#supported-schemas
    """
    if isinstance(schema, list):
        return [strict_schema(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    strict = dict(schema)
    for name in ("properties", "$defs", "definitions"):
        if isinstance(schema.get(name), dict):
            strict[name] = {key: strict_schema(part) for key, part in schema[name].items()}
    for name in ("items", "prefixItems", "anyOf", "oneOf", "allOf", "not"):
        if name in schema:
            strict[name] = strict_schema(schema[name])
    # `type` is a name or a list of names.
    if "properties" in schema or "object" in schema.get("type", ()):
        strict["additionalProperties"] = False
        strict["required"] = list(schema.get("properties", ()))
    return strict
