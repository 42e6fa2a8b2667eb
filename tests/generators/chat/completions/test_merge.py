# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""How the fields of deltas add up, without a stream around them."""

import copy
import json
from functools import reduce
from typing import Any

import pytest

from haystack_integrations.components.generators.aimlapi.chat._completions.merge import (
    add_field,
    add_logprobs,
    merge,
    plain,
)

DEEP = json.loads('{"a":' * 200 + '{"b": 1}' + "}" * 200)


@pytest.mark.parametrize(
    ("deltas", "whole"),
    [
        ([1, 2], 2),
        (["a", "b", "c"], "abc"),
        (["ab", "ab"], "ab"),
        (["a", "b", "ab", "c"], "abc"),
        ([[1], [2], [3]], [1, 2, 3]),
        ([[1], [1, 2], [3]], [1, 2, 3]),
        ([[1], [2], [1, 2]], [1, 2]),
        ([{"a": 1}, {"b": 2}, {"a": 3, "b": None, "c": ""}], {"a": 3, "b": 2}),
        ([{"data": "ha"}, {"data": "ha"}, {"data": "ha"}], {"data": "hahaha"}),
        (
            [{"a": {"input": "x"}}, {"a": {"input": "x", "id": "i"}}, {"a": {"id": "i"}}],
            {"a": {"input": "xx", "id": "i"}},
        ),
        ([{"timings": {"a": 1, "b": 1}}, {"timings": {"a": 2}}], {"timings": {"a": 2}}),
        ([{"token_id": "x"}, {"token_id": "y"}], {"token_id": "y"}),
        (["a", 1], 1),
        ([[1], {"a": 1}, "x", [2]], [2]),
        ([DEEP, DEEP], DEEP),
    ],
)
def test_deltas_add_up_and_stay_as_they_are(deltas: list[Any], whole: Any) -> None:
    kept = copy.deepcopy(deltas) if DEEP not in deltas else None
    assert plain(reduce(merge, deltas, None)) == whole
    assert kept is None or deltas == kept


def test_deep_down_the_last_is_kept() -> None:
    def nested(depth: int, value: Any) -> Any:
        return {"a": nested(depth - 1, value)} if depth else value

    for depth, both in ((40, {"x": 1, "y": 2}), (60, {"y": 2})):
        assert plain(reduce(merge, [nested(depth, {"x": 1}), nested(depth, {"y": 2})], None)) == nested(depth, both)


@pytest.mark.parametrize(
    ("values", "whole"),
    [
        ([{"a": 1, "b": None}, {"a": None, "b": 2, "c": ""}], {"a": 1, "b": 2, "c": ""}),
        (["x", {"a": 1}, {"b": 2}], {"a": 1, "b": 2}),
        ([{"a": 1}, "x"], "x"),
        ([["t"], ["u"], ["v"]], ["t", "u", "v"]),
        ([{"a": {"b": 1}}, {"a": {"c": 1}}], {"a": {"c": 1}}),
    ],
)
def test_fields_of_frames_add_up_and_stay_as_they_are(values: list[Any], whole: Any) -> None:
    fields: dict[str, Any] = {}
    kept = copy.deepcopy(values)
    for value in values:
        add_field(fields, "name", value)
    assert plain(fields["name"]) == whole
    assert values == kept


def test_the_last_timings_are_kept_as_they_are() -> None:
    fields: dict[str, Any] = {}
    for timings in ({"ms": 1, "n": 1}, {"ms": 2}):
        add_field(fields, "timings", timings)
    assert fields == {"timings": {"ms": 2}}


def test_what_was_gathered_becomes_plain_data() -> None:
    whole = plain(reduce(merge, [{"a": [1]}, {"a": [2]}, {"b": 1}], None))
    assert (type(whole), type(whole["a"])) == (dict, list)


def test_log_probabilities_grow_even_if_tokens_repeat() -> None:
    fields: dict[str, Any] = {"logprobs": "none"}
    first = {"content": [{"token": "a"}], "refusal": None}
    for value in (first, first, {"content": None, "refusal": [1], "x": 1}, {"content": [2], "x": 0, "y": None}):
        add_logprobs(fields, value)
    assert fields["logprobs"] == {"content": [{"token": "a"}, {"token": "a"}, 2], "refusal": [1], "x": 0, "y": None}
    assert first == {"content": [{"token": "a"}], "refusal": None}
