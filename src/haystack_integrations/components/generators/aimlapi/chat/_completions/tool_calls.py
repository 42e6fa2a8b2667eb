# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""Tool calls of chat completions: whole ones, and those that streams bring in parts."""

import json
from typing import Any

from haystack.dataclasses import ToolCallDelta

from haystack_integrations.common.aimlapi.body import drop_empty, ensure_list
from haystack_integrations.components.generators.aimlapi.chat._chunk import build
from haystack_integrations.components.generators.aimlapi.chat._message import Reply, parse_arguments, tool_call_id
from haystack_integrations.components.generators.aimlapi.chat._text import TextBuffer

from .merge import merge, plain

_CALL_FIELDS = {"id", "index", "function"}
_FUNCTION_FIELDS = {"name", "arguments"}
_ARGUMENTS_PART, _ARGUMENTS_FUNCTION = {"index", "function"}, {"arguments"}


def decode_tool_calls(items: Any, reply: Reply, *, completion_id: str) -> list[Any]:
    """
    Decode tool calls.

    :param items: The field `tool_calls` of a message.
    :param reply: The reply to add them to.
    :param completion_id: The id of the completion.
    :returns: What is no call of a function.
    """
    others = []
    for position, item in enumerate(ensure_list(items)):
        function = item.get("function") if isinstance(item, dict) else None
        if not isinstance(function, dict):
            others.append(item)
            continue
        call_id, extra = item.get("id"), _extra(item, function)
        if not call_id or not isinstance(call_id, str):
            extra |= drop_empty({"id": call_id})
            call_id = tool_call_id(completion_id, position)
        reply.add_tool_call(call_id, function.get("name"), function.get("arguments"), extra)
    return others


def _extra(call: dict[str, Any], function: dict[str, Any]) -> dict[str, Any]:
    """
    Find what a provider put on a call, such as a signature of Gemini's.
    """
    if call.keys() <= _CALL_FIELDS and function.keys() <= _FUNCTION_FIELDS:
        return {}
    extra = drop_empty(call, _CALL_FIELDS)
    if extra.get("type") == "function":
        del extra["type"]
    if more := drop_empty(function, _FUNCTION_FIELDS):
        extra["function"] = more
    return extra


class ToolCallAccumulator:
    """Accumulates the tool calls of a streamed message."""

    def __init__(self) -> None:
        self._calls: list[_PartialCall] = []
        self._numbers: dict[tuple[str, int | None], int] = {}
        self._others: list[Any] = []

    def add(self, parts: list[Any]) -> list[ToolCallDelta]:
        """
        Take the tool calls of the next delta.

        :param parts: The parts of calls.
        :returns: What Haystack's chunks show of them.
        """
        deltas = []
        for part in parts:
            function = part.get("function") or {} if isinstance(part, dict) else None
            if not isinstance(function, dict):
                self._others.append(part)
                continue
            number = self._number(part, function)
            if delta := self._calls[number].add(part, function, number):
                deltas.append(delta)
        return deltas

    def add_arguments(self, parts: Any) -> ToolCallDelta | None:
        """
        Take a delta that brings nothing but more arguments of a call that was shown already, as most do.

        :param parts: The parts of calls.
        :returns: What Haystack's chunks show of them; None if they are of another kind, and were not taken.
        """
        if type(parts) is not list or len(parts) != 1 or type(part := parts[0]) is not dict:
            return None
        if part.keys() != _ARGUMENTS_PART or type(function := part["function"]) is not dict:
            return None
        if function.keys() != _ARGUMENTS_FUNCTION or type(arguments := function["arguments"]) is not str:
            return None
        number = self._numbers.get(("", index)) if type(index := part["index"]) is int else None
        return None if number is None else self._calls[number].add_arguments(arguments, number)

    def _number(self, part: dict[str, Any], function: dict[str, Any]) -> int:
        """
        Find the call that a part belongs to: by its id, else by its index, else it goes on with the last call.
        """
        call_id, index, name = part.get("id"), part.get("index"), function.get("name")
        call_id = call_id if isinstance(call_id, str) else ""
        index = index if isinstance(index, int) else None
        # Some routes give all calls the same id, and some the same index: both together tell most.
        known = self._numbers.get((call_id, index))
        if known is not None and (call_id or not name):
            return known
        by_id, number = self._numbers.get((call_id, None)), self._numbers.get(("", index))
        if call_id and by_id is not None and (not name or by_id == number):
            return by_id
        if number is None or self._calls[number].ends_before(call_id, index, function):
            number = len(self._calls)
            self._calls.append(_PartialCall())
        self._numbers |= dict.fromkeys(((call_id, index), (call_id, None), ("", index), ("", None)), number)
        return number

    def items(self) -> list[Any]:
        """
        Get the calls as a plain reply has them.

        :returns: The field `tool_calls` of the message.
        """
        return [*(call.item() for call in self._calls), *self._others]


class _PartialCall:
    def __init__(self) -> None:
        self._id: str | None = None
        self._name = ""
        self._odd_name: Any = None
        self._arguments = TextBuffer()
        self._whole_arguments: Any = None
        self._last = ""
        self._extra: dict[str, Any] = {}
        self._announced = False

    def ends_before(self, call_id: str, index: int | None, function: dict[str, Any]) -> bool:
        """
        Tell whether a part that could go on with this call begins another one.
        """
        name, arguments = function.get("name"), function.get("arguments")
        if not name:
            return False
        if call_id and self._id:
            return True
        if not self._name:
            return False
        if self._is_complete():
            return name != self._name or bool(str(arguments or "").strip())
        return index is None and name != self._name

    def _is_complete(self) -> bool:
        if self._last == "}":
            return parse_arguments(str(self._arguments)) is not None
        return self._whole_arguments is not None

    def add_arguments(self, arguments: str, number: int) -> ToolCallDelta | None:
        if not self._announced:
            return None
        self._arguments.write(arguments)
        self._last = arguments.rstrip()[-1:] or self._last
        return build(ToolCallDelta, {"index": number, "arguments": arguments or None})

    def add(self, part: dict[str, Any], function: dict[str, Any], number: int) -> ToolCallDelta | None:
        name, arguments = function.get("name") or "", function.get("arguments")
        if not isinstance(name, str):
            self._odd_name, name = name, ""
        if name == self._name:
            name = ""
        self._name += name
        # Some routes give each part a new id.
        call_id = None if self._id else part.get("id") or None
        self._id = self._id or call_id
        if isinstance(arguments, str):
            self._arguments.write(arguments)
            self._last = arguments.rstrip()[-1:] or self._last
        elif arguments is not None:
            self._whole_arguments = arguments
            arguments = json.dumps(arguments, ensure_ascii=False)
        if extra := _extra(part, function):
            self._extra = merge(self._extra, extra)
        if not self._name:
            return None
        if not self._announced:
            # What came before the name was not shown.
            self._announced = True
            name, call_id, extra = self._name, self._id, plain(self._extra)
            arguments = str(self._arguments) or arguments
        return ToolCallDelta(
            index=number,
            tool_name=name or None,
            arguments=arguments or None,
            id=call_id if isinstance(call_id, str) else None,
            extra=extra or None,
        )

    def item(self) -> dict[str, Any]:
        extra = dict(plain(self._extra))
        function = {
            **extra.pop("function", {}),
            "name": self._name if self._odd_name is None else self._odd_name,
            "arguments": str(self._arguments) or self._whole_arguments,
        }
        item = {**extra, "id": self._id}
        # A call of another kind than a function has its fields elsewhere.
        return {**item, "function": function} if any(function.values()) else item
