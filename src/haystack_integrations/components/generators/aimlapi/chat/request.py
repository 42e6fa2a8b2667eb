# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""Messages, tools and parameters become the arguments of one API call."""

import re
from collections.abc import Mapping
from typing import Any

from haystack import logging
from haystack.dataclasses import ChatMessage
from haystack.tools.tool import Tool
from haystack.utils import Secret
from openai import Omit, pydantic_function_tool
from pydantic import BaseModel

from .reply import REASONING_FIELDS

logger = logging.getLogger(__name__)

ATTRIBUTION_HEADERS = {
    "HTTP-Referer": "https://github.com/deepset-ai/haystack-core-integrations",
    "X-Title": "Haystack",
}
# AIMLAPI docs, capabilities/request-tracing-and-cost.md: anything else is dropped silently, and billed.
_CLIENT_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")

_OPTIONS = ("extra_headers", "extra_query", "timeout")
_OWN_PARAMETERS = {
    "messages": "the `messages` of `run`",
    "model": "the init parameter `model`",
    "tools": "the `tools` of init or `run`",
}


class Unwalked(list, Omit):  # type: ignore[type-arg]
    """
    A list that the SDK counts as omitted, while whoever wraps `create` sees it as the list it is.

    The SDK walks its typed parameters recursively (0.15 ms a message, 170 ms for a thousand) to rename and format
    fields that no chat completion has. What it omits it does not walk; the same list travels in `extra_body`.
    """

    def __bool__(self) -> bool:  # type: ignore[override]
        return len(self) > 0


def merge_headers(*layers: Mapping[str, str | Secret] | None) -> dict[str, str]:
    """
    Lay headers over each other, later ones winning, and resolve secrets.

    :param layers: The headers, the least important first. Names are compared without case.
    :returns: The headers to send. A secret that has no value is left out.
    :raises ValueError: If `X-Client-Request-Id` is one that AIMLAPI would drop.
    """
    merged: dict[str, tuple[str, str]] = {}
    for layer in layers:
        for name, value in (layer or {}).items():
            resolved = value.resolve_value() if isinstance(value, Secret) else value
            merged.pop(name.lower(), None)
            if resolved is not None:
                merged[name.lower()] = (name, resolved)
    if (named := merged.get("x-client-request-id")) and not _CLIENT_REQUEST_ID.fullmatch(str(named[1])):
        msg = f"X-Client-Request-Id must be 1 to 128 characters of A-Z a-z 0-9 . _ : and -, got '{named[1]}'."
        raise ValueError(msg)
    return dict(merged.values())


def merge_parameters(init: dict[str, Any], run: dict[str, Any] | None) -> dict[str, Any]:
    """
    Lay the `generation_kwargs` of a run over those of init.

    :param init: The `generation_kwargs` of init.
    :param run: The `generation_kwargs` of the run.
    :returns: A new dictionary, merged per key; `extra_body` and `extra_headers` are merged one level deeper.
    """
    merged = {**init, **(run or {})}
    if init.get("extra_body") and merged.get("extra_body"):
        merged["extra_body"] = {**init["extra_body"], **merged["extra_body"]}
    if "extra_headers" in merged:
        merged["extra_headers"] = merge_headers(init.get("extra_headers"), (run or {}).get("extra_headers"))
    return merged


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
    :returns: The arguments. Nothing that was passed in is changed or, where it could be changed later, shared.
    :raises TypeError: If a message is no ChatMessage.
    :raises ValueError: If a parameter has another place, several replies are to be streamed, a header is not accepted
        or a message cannot be sent.
    """
    options = {name: parameters[name] for name in _OPTIONS if parameters.get(name) is not None}
    options["extra_headers"] = merge_headers(ATTRIBUTION_HEADERS, headers, parameters.get("extra_headers"))

    body = {name: value for name, value in parameters.items() if name not in (*_OPTIONS, "extra_body", "stream")}
    body.update(parameters.get("extra_body") or {})
    for name, place in _OWN_PARAMETERS.items():
        if name in body:
            msg = f"`{name}` cannot be set in `generation_kwargs`. Use {place}."
            raise ValueError(msg)
    if stream:
        if (body.get("n") or 1) > 1:
            msg = "Cannot stream multiple responses, please set n=1."
            raise ValueError(msg)
        body.setdefault("stream_options", {"include_usage": True})
    for name in ("n", "response_format", "stream_options"):
        if name in body and body[name] is None:
            del body[name]
    if "response_format" in body:
        body["response_format"] = response_format(body["response_format"])

    unwalked = {"messages": _messages(messages)}
    if tools:
        unwalked["tools"] = [_tool(tool, strict=tools_strict) for tool in tools]
    return {
        "model": model,
        **{name: Unwalked(value) for name, value in unwalked.items()},
        **({"stream": True} if stream else {}),
        "extra_body": {**unwalked, **body},
        **options,
    }


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
        "json_schema": {"name": value.__name__, "strict": True, "schema": function["parameters"]},
    }


def _messages(messages: list[ChatMessage]) -> list[dict[str, Any]]:
    sent = []
    in_tool_loop = True
    for position in range(len(messages) - 1, -1, -1):
        message = messages[position]
        try:
            converted = message.to_openai_dict_format()
        except ValueError as error:
            msg = f"The message at position {position} cannot be sent: {error}"
            raise ValueError(msg) from error
        except AttributeError as error:
            kind = type(message).__name__
            msg = f"`messages` must be a string or a list of ChatMessage, got {kind} at position {position}."
            raise TypeError(msg) from error
        role = converted["role"]
        if role == "user":
            in_tool_loop = False
        elif role == "tool" and isinstance(converted["content"], list):
            # Half of AIMLAPI's models take the result of a tool as one string only.
            converted["content"] = "\n".join(part["text"] for part in converted["content"])
        elif role == "assistant" and not (converted.get("content") and len(message) == 1):
            _complete(converted, message, position, in_tool_loop=in_tool_loop)
            if converted.keys() <= {"role", "name"}:
                continue
        sent.append(converted)
    return sent[::-1]


def _complete(converted: dict[str, Any], message: ChatMessage, position: int, *, in_tool_loop: bool) -> None:
    """
    Adapt an assistant message to what AIMLAPI takes: no content rather than an empty one, and provider data.
    """
    if not converted.get("content"):
        converted.pop("content", None)
    if message.images or message.files:
        logger.warning(
            "The images and files of the assistant message at position {position} are not sent: "
            "chat completions take them from the user only.",
            position=position,
        )
    if in_tool_loop:
        _add_provider_data(converted, message)


def _add_provider_data(converted: dict[str, Any], message: ChatMessage) -> None:
    """
    Send back what providers want to see again inside a tool loop: reasoning as it came, and signatures of tool calls.
    """
    for reasoning in message.reasonings:
        converted.update({name: reasoning.extra[name] for name in REASONING_FIELDS if name in reasoning.extra})
    for sent, tool_call in zip(converted.get("tool_calls", ()), message.tool_calls, strict=False):
        if tool_call.extra and "extra_content" in tool_call.extra:
            sent["extra_content"] = tool_call.extra["extra_content"]


def _tool(tool: Tool, *, strict: bool) -> dict[str, Any]:
    function = {**tool.tool_spec}
    if strict:
        function |= {"strict": True, "parameters": _strict(function["parameters"])}
    return {"type": "function", "function": function}


def _strict(schema: Any) -> Any:
    """
    Make a JSON schema strict at every depth: no additional properties, and all properties required.

    See https://platform.openai.com/docs/guides/structured-outputs#supported-schemas
    """
    if isinstance(schema, list):
        return [_strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    strict = dict(schema)
    for name in ("properties", "$defs", "definitions"):
        if isinstance(schema.get(name), dict):
            strict[name] = {key: _strict(part) for key, part in schema[name].items()}
    for name in ("items", "prefixItems", "anyOf", "oneOf", "allOf", "not"):
        if name in schema:
            strict[name] = _strict(schema[name])
    if "properties" in schema or "object" in (schema.get("type"), *_as_list(schema.get("type"))):
        strict["additionalProperties"] = False
        strict["required"] = list(schema.get("properties", ()))
    return strict


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
