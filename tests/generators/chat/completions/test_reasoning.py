# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""How parts of reasoning join that recorded streams do not have one after the other."""

from typing import Any

import pytest

from haystack_integrations.components.generators.aimlapi.chat._completions.reasoning import ThinkingAccumulator


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
