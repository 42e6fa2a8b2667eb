# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""Structured output from models that take no `response_format`, or take it without a schema."""

import json
from typing import Any

from haystack_integrations.common.aimlapi.models import ModelProfile, profile

_ANSWER_TOOL = "structured_output"
_OBJECT = {"type": "object", "properties": {}, "additionalProperties": True}


def with_structured_output(arguments: dict[str, Any]) -> tuple[dict[str, Any], str | None]:
    """
    Ask for structured output in the way that the model knows.

    A model that takes no `response_format` gets one more tool, whose arguments are the answer. It has to call it, or
    one of the user's own tools, if it can be made to.

    :param arguments: The arguments of `client.chat.completions.create`. A `response_format` in their `extra_body` is
        not looked at. Nothing in them is changed.
    :returns: The arguments to send, and the name of the tool whose call is the answer, if there is one.
    :raises ValueError: If the model cannot give structured output.
    """
    response_format = arguments.get("response_format")
    if not isinstance(response_format, dict):
        return arguments, None
    kind = response_format.get("type")
    model_profile = profile(arguments["model"])
    way = model_profile.structured_output
    if kind not in ("json_schema", "json_object") or way in ("native", kind):
        return arguments, None
    if way == "none":
        msg = (
            f"The model {arguments['model']} takes neither `response_format` nor tools. Ask for JSON in a message, or "
            'send the format as it is with `extra_body={"response_format": ...}`.'
        )
        raise ValueError(msg)
    rest = {name: value for name, value in arguments.items() if name != "response_format"}
    definition: dict[str, Any] = response_format.get("json_schema") or {}
    schema = definition.get("schema") or _OBJECT
    if way == "tool":
        return _with_answer_tool(rest, model_profile, schema, str(definition.get("description", "")))
    instruction = f"Answer with a JSON object that follows this JSON schema:\n{json.dumps(schema, ensure_ascii=False)}"
    messages = _instructed(arguments["messages"], instruction)
    return {**rest, "messages": messages, "response_format": {"type": "json_object"}}, None


def _with_answer_tool(
    arguments: dict[str, Any], model_profile: ModelProfile, schema: dict[str, Any], description: str
) -> tuple[dict[str, Any], str | None]:
    body = arguments["extra_body"]
    choice = body.get("tool_choice")
    kind = choice.get("type") if isinstance(choice, dict) else choice
    if kind not in (None, "auto", "none"):
        # The reply is to be a call of the user's own tools.
        return arguments, None
    tools = arguments.get("tools", []) if kind != "none" else []
    taken = {tool["function"].get("name") for tool in tools if isinstance(tool.get("function"), dict)}
    name = _ANSWER_TOOL
    while name in taken:
        name += "_"
    function = {"name": name, "description": f"Give the final answer. {description}".rstrip(), "parameters": schema}
    thinking = body.get("thinking")
    thinks = isinstance(thinking, dict) and thinking.get("type") == "enabled"
    messages = arguments["messages"]
    if model_profile.forced_tool == "never" or (thinks and model_profile.forced_tool == "unless_thinking"):
        choice = "auto"
        messages = _instructed(messages, f"Give the final answer by calling the tool `{name}`, not as text.")
    else:
        choice = "required" if tools else {"type": "function", "function": {"name": name}}
    return {
        **arguments,
        "messages": messages,
        "tools": [*tools, {"type": "function", "function": function}],
        "extra_body": {**body, "tool_choice": choice},
    }, name


def _instructed(messages: list[dict[str, Any]], instruction: str) -> list[dict[str, Any]]:
    """
    Add to the instructions of the system: some models take one system message, and that in the first place.
    """
    first, *others = messages
    if first["role"] != "system":
        return [{"role": "system", "content": instruction}, *messages]
    content = first["content"]
    if isinstance(content, str):
        content = f"{content}\n\n{instruction}"
    else:
        content = [*content, {"type": "text", "text": instruction}]
    return [{**first, "content": content}, *others]
