# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""Messages, tools and schemas, as both endpoints take them from a user."""

import asyncio
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from weakref import WeakValueDictionary

from haystack.dataclasses import ChatMessage
from haystack.tools import Toolset, ToolsType, flatten_tools_or_toolsets
from haystack.tools.tool import Tool
from openai import pydantic_function_tool
from pydantic import BaseModel

AnyTools = ToolsType | list[dict[str, Any]] | Sequence[Tool | Toolset | dict[str, Any]]
"""Tools, toolsets, and definitions of tools as the API takes them."""


def normalize_messages(messages: list[ChatMessage] | str) -> list[ChatMessage]:
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


def haystack_tools(tools: Any) -> Any:
    """
    Leave out the definitions of tools that Haystack's own components do not take.

    :param tools: The tools, as a component takes them.
    :returns: The Tool and Toolset objects.
    """
    return [tool for tool in tools if not isinstance(tool, dict)] if isinstance(tools, list) else tools


def choose_tools(init: Any, run: Any) -> Any:
    """
    Choose the tools of a run.

    An Agent passes its own tools, and can pass no definitions: hosted tools of init are not replaced by others.

    :param init: The tools of init.
    :param run: The tools of the run.
    :returns: Those of the run if there are any, with the hosted ones of init if there are only objects among them.
    """
    if run is None:
        return init
    tools = run if isinstance(run, list) else [run]
    if not tools or not isinstance(init, list) or any(isinstance(tool, dict) for tool in tools):
        return run
    return [*(tool for tool in init if isinstance(tool, dict) and tool.get("type", "function") != "function"), *tools]


def convert_tools(tools: Any, convert: Callable[..., dict[str, Any]], *, strict: bool) -> list[dict[str, Any]]:
    """
    Convert the tools that the model may call.

    :param tools: The tools, as a component takes them.
    :param convert: What an endpoint makes of a tool: its `convert_tool`.
    :param strict: Whether tool calls must follow their schema strictly.
    :returns: The tools as the API takes them. Dictionaries are sent as they are.
    :raises ValueError: If two have the same name.
    """
    return [tool if isinstance(tool, dict) else convert(tool, strict=strict) for tool in _flatten_tools(tools)]


def _flatten_tools(tools: Any) -> list[Tool | dict[str, Any]]:
    """
    Take tools, toolsets and definitions of tools for a list of tools.

    :param tools: The tools, as a component takes them.
    :returns: The tools, and the definitions as they are.
    :raises ValueError: If two have the same name.
    """
    flattened: list[Tool | dict[str, Any]] = []
    for item in tools if isinstance(tools, list) else [] if tools is None else [tools]:
        flattened += [item] if isinstance(item, dict) else flatten_tools_or_toolsets([item])
    Toolset([tool for tool in flattened if isinstance(tool, Tool)])  # refuses duplicate names
    return flattened


class ToolWarmUp:
    """
    Warms up each tool and toolset once, such as one that connects to a server to get its tools.

    Haystack 3.0 to 3.3 has `warm_up` on all of them. From 3.4 on only those have it that need it, or `warm_up_async`.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._async_locks: WeakValueDictionary[tuple[int, int], asyncio.Lock] = WeakValueDictionary()
        self._warm: WeakValueDictionary[int, Any] = WeakValueDictionary()

    def warm_up(self, tools: Any) -> None:
        """
        Warm up those that are not yet. Other threads wait.

        :param tools: The tools, as a component takes them.
        """
        if not any(self._is_cold(item) for item in _with_warm_up(tools)):
            return
        with self._lock:
            for item in _with_warm_up(tools):
                if self._is_cold(item) and hasattr(item, "warm_up"):
                    item.warm_up()
                    self._warm[id(item)] = item

    async def warm_up_async(self, tools: Any) -> None:
        """
        Warm up those that are not yet. Other tasks wait.

        :param tools: The tools, as a component takes them.
        """
        for item in _with_warm_up(tools):
            if not hasattr(item, "warm_up_async"):
                self.warm_up(item)
            elif self._is_cold(item):
                # Kept for as long as a task waits for it.
                lock = self._async_locks.setdefault((id(item), id(asyncio.get_running_loop())), asyncio.Lock())
                async with lock:
                    await self._warm_up_one(item)

    async def _warm_up_one(self, item: Any) -> None:
        if self._is_cold(item):
            await item.warm_up_async()
            self._warm[id(item)] = item

    def _is_cold(self, item: Any) -> bool:
        return self._warm.get(id(item)) is not item


def _with_warm_up(tools: Any) -> Iterator[Any]:
    for item in tools if isinstance(tools, (list, tuple)) else [tools]:
        if hasattr(item, "warm_up") or hasattr(item, "warm_up_async"):
            yield item
        elif isinstance(item, Toolset):
            yield from _with_warm_up(item.tools)


def json_schema_format(value: Any) -> Any:
    """
    Turn a Pydantic class into the strict JSON schema that chat completions take as `response_format`.

    :param value: A Pydantic class, or a format as the API takes it.
    :returns: The format to send, and to serialize.
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


def strict_schema(schema: Any) -> Any:
    """
    Make a JSON schema strict at every depth: no additional properties, and all properties required.

    See https://platform.openai.com/docs/guides/structured-outputs#supported-schemas

    :param schema: The schema.
    :returns: A strict copy.
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
