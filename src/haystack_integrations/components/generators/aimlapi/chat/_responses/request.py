# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""Messages, tools and parameters become the arguments of `client.responses.create`."""

import json
import re
from typing import Any

from haystack.dataclasses import (
    ChatMessage,
    ChatRole,
    FileContent,
    ImageContent,
    ReasoningContent,
    TextContent,
    ToolCall,
    ToolCallResult,
)
from haystack.tools.tool import Tool

from haystack_integrations.common.aimlapi.body import has_value
from haystack_integrations.common.aimlapi.parameters import split_parameters, warn_once
from haystack_integrations.components.generators.aimlapi.chat._inputs import json_schema_format, strict_schema

RESERVED = {
    "input": "the `messages` of `run`",
    "messages": "the `messages` of `run`",
    "model": "the init parameter `model`",
    "tools": "the `tools` of init or `run`, which take dictionaries",
}
# What chat completions or OpenAI's own Responses API take, and this endpoint drops silently (its OpenAPI files declare
# none of them) or answers in a way that a component cannot wait for.
UNSUPPORTED = {
    "max_tokens": "Use `max_output_tokens`.",
    "max_completion_tokens": "Use `max_output_tokens`.",
    "response_format": "Use `text_format` for a Pydantic class, or `text`.",
    "background": "The component waits for the reply. Use `streaming_callback` for long ones.",
    "thinking": "Use `reasoning`.",
    **dict.fromkeys(
        (
            *("audio", "frequency_penalty", "logit_bias", "logprobs", "min_p", "modalities", "n", "prediction"),
            *("presence_penalty", "seed", "stop", "stream_options", "top_k", "top_logprobs", "web_search_options"),
            *("context_management", "conversation", "max_tool_calls", "metadata", "moderation", "prompt_cache_key"),
            *("prompt_cache_retention", "safety_identifier", "service_tier", "user"),
        ),
        "",
    ),
}
# The parameters that the parent class has for entries of others.
_ENTRIES = {
    "reasoning_effort": ("reasoning", "effort"),
    "reasoning_summary": ("reasoning", "summary"),
    "reasoning_mode": ("reasoning", "mode"),
    "verbosity": ("text", "verbosity"),
}
_UNDOCUMENTED = ("reasoning_mode", "verbosity")
_ENCRYPTED = "include_reasoning_encrypted_content"
# Models that are documented to take their reasoning back. Without `store`, they need it encrypted.
_TAKES_REASONING = re.compile(r"(^|/)(gpt-5(?!.*-(pro|chat))|o[134](-|$)|grok-4)")

# The fields of a reasoning item that go back.
_REASONING_FIELDS = ("id", "type", "summary", "content", "encrypted_content", "status")


def build_arguments(
    *,
    model: str,
    messages: list[ChatMessage],
    tools: list[dict[str, Any]],
    parameters: dict[str, Any],
    stream: bool,
) -> dict[str, Any]:
    """
    Build the keyword arguments of `client.responses.create`.

    :param model: The model's id.
    :param messages: The conversation.
    :param tools: The tools the model may call, as the API takes them.
    :param parameters: The merged `generation_kwargs`, as the API takes them.
    :param stream: Whether the reply is streamed.
    :returns: The arguments. Nothing that was passed in is changed.
    :raises ValueError: If a parameter has another place, a header is not accepted or a message cannot be sent.
    """
    options, body = split_parameters(parameters, reserved=RESERVED, endpoint="responses")
    body = {name: value for name, value in body.items() if value is not None}
    return {
        "model": model,
        "input": _convert_messages(messages, stored=bool(body.get("store"))),
        **({"tools": tools} if tools else {}),
        **({"stream": True} if stream else {}),
        "extra_body": body,
        **options,
    }


def check_parameters(parameters: dict[str, Any]) -> None:
    """
    Refuse what the endpoint would drop silently.

    :param parameters: The merged `generation_kwargs`.
    :raises ValueError: If one is not taken.
    """
    for name, instead in UNSUPPORTED.items():
        if parameters.get(name) is not None and parameters[name] is not False:
            msg = f"`{name}` is not taken by AIMLAPI's Responses endpoint. {instead}".rstrip()
            raise ValueError(msg)


def ask_for_reasoning(parameters: dict[str, Any], *, model: str, tools: list[dict[str, Any]]) -> dict[str, Any]:
    """
    Ask for encrypted reasoning where a tool loop will need it.

    :param parameters: The merged `generation_kwargs`.
    :param model: The model's id.
    :param tools: The tools the model may call.
    :returns: The parameters, with `include_reasoning_encrypted_content` if it is needed.
    """
    if tools and not parameters.get("store") and _TAKES_REASONING.search(model):
        return {_ENCRYPTED: "include" not in parameters, **parameters}
    return parameters


def with_text_format(parameters: dict[str, Any]) -> dict[str, Any]:
    """
    Turn `text_format` into the `text` that the API takes.
    """
    rest = {name: value for name, value in parameters.items() if name != "text_format"}
    if not parameters.get("text_format"):
        return rest
    text_format = json_schema_format(parameters["text_format"])
    text_format = {**text_format, **text_format.get("json_schema", {})}
    text_format.pop("json_schema", None)
    return {**rest, "text": {**(rest.get("text") or {}), "format": text_format}}


def unflatten(parameters: dict[str, Any]) -> dict[str, Any]:
    """
    Put the parameters that the parent class has for entries of `reasoning`, `text` and `include` there.
    """
    unflattened = {name: value for name, value in parameters.items() if name not in (*_ENTRIES, _ENCRYPTED)}
    for name, (field, entry) in _ENTRIES.items():
        if has_value(value := parameters.get(name)):
            unflattened[field] = {**(unflattened.get(field) or {}), entry: value}
            if name in _UNDOCUMENTED:
                warn_once(
                    f"`{name}` is sent as `{field}.{entry}`, which AIMLAPI's docs do not name: it may be dropped."
                )
    include = parameters.get("include") or []
    if parameters.get(_ENCRYPTED) and "reasoning.encrypted_content" not in include:
        unflattened["include"] = [*include, "reasoning.encrypted_content"]
    return unflattened


def convert_tool(tool: Tool, *, strict: bool) -> dict[str, Any]:
    """
    Convert a tool that the model may call.

    :param tool: The tool.
    :param strict: Whether tool calls must follow its schema strictly.
    :returns: The tool as the endpoint takes it.
    """
    function = {**tool.tool_spec}
    parameters = function["parameters"]
    # Not strict, it is as the parent class sends it.
    function["parameters"] = strict_schema(parameters) if strict else {**parameters, "additionalProperties": False}
    # The endpoint does not do without `strict`.
    return {"type": "function", **function, "strict": strict}


def _convert_messages(messages: list[ChatMessage], *, stored: bool) -> list[dict[str, Any]]:
    last_user = max((i for i, message in enumerate(messages) if message.role == ChatRole.USER), default=-1)
    sent = []
    for position, message in enumerate(messages):
        try:
            if message.role == ChatRole.ASSISTANT:
                sent += _assistant_items(message, in_tool_loop=position > last_user, stored=stored)
            elif message.role == ChatRole.TOOL:
                sent += [_tool_result(result) for result in message.tool_call_results]
            else:
                sent.append(_instruction(message))
        except ValueError as error:
            msg = f"The message at position {position} cannot be sent: {error}"
            raise ValueError(msg) from error
    return sent


def _instruction(message: ChatMessage) -> dict[str, Any]:
    if message.role == ChatRole.USER:
        # No public property keeps the order of texts, images and files.
        content: Any = [_part(part) for part in message._content]
    else:
        content = "\n".join(message.texts)
    if not content:
        msg = "it is empty."
        raise ValueError(msg)
    return {"role": message.role.value, "content": content}


def _part(part: Any) -> dict[str, Any]:
    if isinstance(part, TextContent):
        return {"type": "input_text", "text": part.text}
    if isinstance(part, ImageContent):
        url = None if part.base64_image else part.meta.get("url")
        url = url or f"data:{part.mime_type or 'image/jpeg'};base64,{part.base64_image}"
        return {"type": "input_image", "image_url": url, **({"detail": part.detail} if part.detail else {})}
    if isinstance(part, FileContent):
        if not part.base64_data and "url" in part.extra:
            msg = "the endpoint takes images by their address, but no other files."
            raise ValueError(msg)
        data = f"data:{part.mime_type or 'application/pdf'};base64,{part.base64_data}"
        # Without a name, the data would be taken for the id of an uploaded file.
        return {"type": "input_file", "filename": part.filename or "file", "file_data": data}
    msg = f"the endpoint takes no {type(part).__name__} from the user."
    raise ValueError(msg)


def _tool_result(result: ToolCallResult) -> dict[str, Any]:
    parts = [TextContent(result.result)] if isinstance(result.result, str) else result.result
    if not all(isinstance(part, TextContent) for part in parts):
        msg = "the endpoint takes the result of a tool as text only."
        raise ValueError(msg)
    output = "\n".join(part.text for part in parts if isinstance(part, TextContent))
    return {"type": "function_call_output", "call_id": _call_id(result.origin), "output": output}


def _call_id(tool_call: ToolCall) -> str:
    # The id alone is that of the item, as in Haystack's parent class, or of a call that another component made.
    call_id = (tool_call.extra or {}).get("call_id") or tool_call.id
    if not call_id:
        msg = f"the call of the tool {tool_call.tool_name} has no id."
        raise ValueError(msg)
    return str(call_id)


def _assistant_items(message: ChatMessage, *, in_tool_loop: bool, stored: bool) -> list[dict[str, Any]]:
    """
    Build the items of an assistant message: in a tool loop with its reasoning, and what hosted tools did.

    Calls go without the ids of their items: with them, the endpoint would insist on the reasoning that led to them.
    """
    calls: dict[Any, dict[str, Any]] = {
        (call_id := _call_id(call)): {
            "type": "function_call",
            "call_id": call_id,
            "name": call.tool_name,
            "arguments": json.dumps(call.arguments, ensure_ascii=False),
        }
        for call in message.tool_calls
    }
    items: list[dict[str, Any]] = []
    if in_tool_loop and isinstance(output := message.meta.get("output"), list):
        for item in output:
            if item.get("type") != "function_call":
                items += [item] if _can_return(item, stored) else []
            elif (call_id := str(item.get("call_id"))) in calls:
                # A call that could not be read has no result, which the endpoint would miss.
                items.append(calls[call_id])
        return items
    if in_tool_loop:
        items += [
            _reasoning_item(reasoning) for reasoning in message.reasonings if _can_return(reasoning.extra, stored)
        ]
    if text := "\n".join(message.texts) or message.meta.get("refusal"):
        # Models that name the phase of a message want to see it again.
        phase = {"phase": message.meta["phase"]} if in_tool_loop and "phase" in message.meta else {}
        items.append({"role": "assistant", "content": text, **phase})
    return [*items, *calls.values()]


def _can_return(item: dict[str, Any], stored: bool) -> bool:
    if item.get("type") != "reasoning":
        return "type" in item
    return stored or bool(item.get("encrypted_content") or item.get("content"))


def _reasoning_item(reasoning: ReasoningContent) -> dict[str, Any]:
    summary = [{"type": "summary_text", "text": reasoning.reasoning_text}]
    fields = {name: reasoning.extra[name] for name in _REASONING_FIELDS if name in reasoning.extra}
    return {"summary": summary if reasoning.reasoning_text and not fields.get("content") else [], **fields}
