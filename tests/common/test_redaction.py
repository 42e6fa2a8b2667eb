# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""Where secrets are looked for, however deep they are."""

from collections.abc import Callable
from typing import Any

import httpx2
import openai
import pytest

from haystack_integrations.common.aimlapi.redaction import masked, reveals

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
