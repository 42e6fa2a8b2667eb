# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""Where secrets are looked for, however deep they are."""

import json
from collections.abc import Callable
from typing import Any

import httpx2
import openai
import pytest

from haystack_integrations.common.aimlapi.redaction import mask, masked, reveals

KEY = "secret-key"


@pytest.mark.parametrize(
    "wrap", [lambda value: {"a": value}, lambda value: [value], lambda value: (value,)], ids=["dict", "list", "tuple"]
)
def test_what_is_nested_too_deep_is_hidden(wrap: Callable[[Any], Any]) -> None:
    def nested(depth: int, value: Any) -> Any:
        for _ in range(depth):
            value = wrap(value)
        return value

    assert masked(nested(99, 1), {KEY}) == nested(99, 1)
    assert masked(nested(99, f"{KEY}!"), {KEY}) == nested(99, "***!")
    assert masked(nested(150, 1), {KEY}) == nested(100, "***")


def test_a_secret_is_found_in_every_part_of_an_exception() -> None:
    response = httpx2.Response(400, request=httpx2.Request("POST", "https://x"), text="No")
    error = openai.BadRequestError("No", response=response, body=None)
    assert not reveals(error, {}, {KEY})
    assert reveals(error, {"x-key": KEY}, {KEY})
    assert reveals(openai.BadRequestError("No", response=response, body={"key": KEY}), {}, {KEY})
    error.__cause__ = openai.BadRequestError("No", response=response, body={"key": KEY})
    assert reveals(error, {}, {KEY})
    error.__cause__ = json.JSONDecodeError("No JSON", doc=f"I know {KEY}", pos=0)
    assert reveals(error, {}, {KEY})
    error.__cause__ = ValueError(KEY)
    assert reveals(error, {}, {KEY})


def test_a_secret_within_another_leaves_nothing_of_it() -> None:
    assert mask("It was my-secret-key-1.", {KEY, "my-secret-key-1"}) == "It was ***."
