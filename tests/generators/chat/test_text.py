# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""Texts that come in pieces."""

import base64

import pytest

from haystack_integrations.components.generators.aimlapi.chat._text import TextBuffer, join_base64


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 200, 999, 1000])
def test_a_text_is_all_of_its_pieces_in_their_order(count: int) -> None:
    pieces = [f"{number} ä😀" for number in range(count)]
    buffer = TextBuffer("first ")
    for piece in pieces:
        buffer.write(piece)
    text = "first " + "".join(pieces)
    assert str(buffer) == text
    assert len(buffer) == len(text)
    assert str(buffer) == text, "reading takes nothing away"


@pytest.mark.parametrize("sizes", [[], [3], [1, 1], [2, 3, 1], [3, 3], [100, 1, 2, 99]])
def test_base64_in_pieces_is_one_text_for_a_decoder(sizes: list[int]) -> None:
    pieces = [bytes(range(size)) for size in sizes]
    text = "".join(base64.b64encode(piece).decode() for piece in pieces)
    assert base64.b64decode(join_base64(text), validate=True) == b"".join(pieces)


@pytest.mark.parametrize("text", ["a=b=", "ä=ö=", "=", "====", "YW Jj"])
def test_what_is_no_base64_stays_as_it_is(text: str) -> None:
    assert join_base64(text) == text
