# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""How parts of reasoning join that recorded streams do not have one after the other."""

from typing import Any

import pytest

from haystack_integrations.components.generators.aimlapi.chat._completions.reasoning import (
    DetailsAccumulator,
    ThinkingAccumulator,
)


def thinking(text: str, **fields: Any) -> dict[str, Any]:
    return {"type": "thinking", "thinking": text, **fields}


def redacted(data: str) -> dict[str, Any]:
    return {"type": "redacted_thinking", "data": data}


@pytest.mark.parametrize(
    ("parts", "joined"),
    [
        ([thinking("A", signature="s"), thinking("B")], [thinking("A", signature="s"), thinking("B")]),
        ([redacted(""), redacted("x")], [redacted("x")]),
        ([thinking("A", closed=False), thinking("B", closed=True)], [thinking("AB", closed=True)]),
        ([thinking("A", closed=True), thinking("B", closed=None)], [thinking("AB", closed=True)]),
    ],
    ids=["a signature ends its part", "data that comes later", "the last value counts", "unless there is none"],
)
def test_a_part_goes_on_until_it_has_what_a_part_has_once(parts: list[Any], joined: list[Any]) -> None:
    accumulator = ThinkingAccumulator()
    for part in parts:
        accumulator.add([part])
    assert accumulator.items() == joined


def test_the_last_value_of_a_detail_counts() -> None:
    accumulator = DetailsAccumulator()
    for status in ("begun", "done", None):
        accumulator.add([{"type": "reasoning.text", "text": "A", "status": status}])
    assert accumulator.items() == [{"type": "reasoning.text", "text": "AAA", "status": "done"}]


def test_a_detail_goes_on_if_its_signature_is_told_again() -> None:
    accumulator = DetailsAccumulator()
    for text in "AB":
        accumulator.add([{"type": "reasoning.text", "text": text, "signature": "s"}])
    assert accumulator.items() == [{"type": "reasoning.text", "text": "AB", "signature": "s"}]


def test_what_is_no_detail_stands_before_those_that_follow() -> None:
    accumulator = DetailsAccumulator()
    accumulator.add(["odd", {"type": "reasoning.text", "text": "A"}])
    assert accumulator.items() == ["odd", {"type": "reasoning.text", "text": "A"}]
