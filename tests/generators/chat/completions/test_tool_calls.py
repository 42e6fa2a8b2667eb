# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""Tool calls in parts, without a stream around them. How routes cut them is in `reply_cases`."""

from typing import Any

import pytest
from haystack.dataclasses import ToolCall

from haystack_integrations.components.generators.aimlapi.chat._completions.tool_calls import (
    ToolCallAccumulator,
    decode_tool_calls,
)
from haystack_integrations.components.generators.aimlapi.chat._message import Reply
from tests.generators.chat.completions.reply_cases import SIGNED, fragment


def test_a_call_is_announced_once_with_all_that_came_before_its_name() -> None:
    accumulator = ToolCallAccumulator()
    parts = [
        fragment(0, "a", None, '{"x": ', **SIGNED),
        fragment(0, None, "f", ""),
        fragment(0, None, None, "1"),
        fragment(0, None, None, "}"),
    ]

    deltas = [delta.to_dict() for part in parts for delta in accumulator.add([part])]

    rest = {"index": 0, "tool_name": None, "id": None, "extra": None}
    assert deltas == [
        {"index": 0, "tool_name": "f", "arguments": '{"x": ', "id": "a", "extra": SIGNED},
        {**rest, "arguments": "1"},
        {**rest, "arguments": "}"},
    ]
    assert accumulator.items() == [{"id": "a", **SIGNED, "function": {"name": "f", "arguments": '{"x": 1}'}}]


def test_arguments_go_the_short_way_once_their_call_was_shown() -> None:
    accumulator = ToolCallAccumulator()
    more = [{"index": 0, "function": {"arguments": "1"}}]
    assert accumulator.add_arguments(more) is None  # of no call

    assert accumulator.add([fragment(0, "a", None, "[")]) == []
    assert accumulator.add_arguments(more) is None  # of a call without a name
    assert accumulator.add([fragment(0, None, "f", "")]) != []

    taken = accumulator.add_arguments(more)
    assert taken is not None
    assert taken.to_dict() == {"index": 0, "tool_name": None, "arguments": "1", "id": None, "extra": None}
    for other in ([*more, *more], [{**more[0], "id": "b"}], [{"index": "0", "function": {"arguments": "1"}}], None):
        assert accumulator.add_arguments(other) is None
    assert accumulator.items() == [{"id": "a", "function": {"name": "f", "arguments": "[1"}}]


def test_a_call_ends_with_its_arguments_however_they_came() -> None:
    accumulator = ToolCallAccumulator()
    accumulator.add([fragment(0, None, "f", '{"a":')])
    assert accumulator.add_arguments([{"index": 0, "function": {"arguments": " 1} \n"}}]) is not None
    assert accumulator.add_arguments([{"index": 0, "function": {"arguments": " "}}]) is not None
    accumulator.add([fragment(0, None, "f", '{"b": 2}')])
    assert [call["function"]["arguments"] for call in accumulator.items()] == ['{"a": 1} \n ', '{"b": 2}']


def test_a_name_of_another_type_is_kept_and_not_shown() -> None:
    accumulator = ToolCallAccumulator()
    assert accumulator.add([{"index": 0, "id": "a", "function": {"name": 7, "arguments": "{}"}}]) == []
    assert accumulator.items() == [{"id": "a", "function": {"name": 7, "arguments": "{}"}}]


def test_what_is_no_call_hides_none() -> None:
    reply, odd = Reply(), {"type": "custom", "custom": {"name": "sql"}}
    call = {"id": None, "type": "function", "function": {"name": "f", "arguments": "{}"}, "note": "x"}
    assert decode_tool_calls([odd, call], reply, completion_id="c") == [odd]
    assert reply.tool_calls == [ToolCall(id="call-c-1", tool_name="f", arguments={}, extra={"note": "x"})]


def test_what_was_shown_does_not_change_with_what_comes() -> None:
    accumulator = ToolCallAccumulator()
    (delta,) = accumulator.add([fragment(0, "a", "f", "", extra_content={"x": {"y": "1"}})])
    for key in ("z", "w"):
        accumulator.add([fragment(0, arguments="{}", extra_content={"x": {key: "2"}})])
    assert delta.extra == {"extra_content": {"x": {"y": "1"}}}
    assert accumulator.items()[0]["extra_content"] == {"x": {"y": "1", "z": "2", "w": "2"}}


@pytest.mark.parametrize("odd", [["a"], {"a": 1}, 7, True])
def test_an_id_of_another_type_is_kept_and_replaced(odd: Any) -> None:
    reply = Reply()
    item = {"id": odd, "type": "function", "function": {"name": "f", "arguments": "{}"}}

    assert decode_tool_calls([item], reply, completion_id="c") == []

    assert reply.tool_calls == [ToolCall(id="call-c-0", tool_name="f", arguments={}, extra={"id": odd})]
    (delta,) = ToolCallAccumulator().add([item])
    assert (delta.id, delta.tool_name) == (None, "f")


def test_parts_that_are_no_calls_come_last() -> None:
    accumulator = ToolCallAccumulator()
    assert accumulator.add(["odd", {"function": "f"}]) == []
    accumulator.add([fragment(0, "a", "f", "{}")])
    assert accumulator.items()[1:] == ["odd", {"function": "f"}]


@pytest.mark.parametrize("nothing", [None, "", " "])
def test_a_whole_call_that_is_named_again_without_arguments_is_the_same(nothing: str | None) -> None:
    accumulator = ToolCallAccumulator()
    accumulator.add([fragment(0, "a", "f", "{}")])
    accumulator.add([{"index": 0, "function": {"name": "f", "arguments": nothing}}])
    assert [item["id"] for item in accumulator.items()] == ["a"]
