# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""The tag of thoughts, however it is cut."""

import itertools

import pytest

from haystack_integrations.components.generators.aimlapi.chat._think import ThinkSplitter, split_think

TEXTS = {
    "<think>A</think>B": ("A", "B"),
    " \n<think>\nA </think>\n\nB \n": ("A", "B \n"),
    "<think>A</think>": ("A", ""),
    "<think>A": ("A", ""),
    "<think>A </thi": ("A </thi", ""),
    "<think> </think>B": ("", "B"),
    "<think>a < b </ c</think><think>B</think>": ("a < b </ c", "<think>B</think>"),
    "B <think>A</think>": ("", "B <think>A</think>"),
    "<thin": ("", "<thin"),
    "<thinker>": ("", "<thinker>"),
    " ": ("", " "),
    "": ("", ""),
}


@pytest.mark.parametrize("text", TEXTS)
def test_a_whole_text_is_split(text: str) -> None:
    assert split_think(text) == TEXTS[text]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_a_text_in_pieces_is_split_alike(text: str, size: int) -> None:
    for start in range(min(size, len(text)) + 1):
        cuts = [0, *range(start, len(text), size), len(text)]
        splitter = ThinkSplitter()
        parts = [splitter.feed(text[first:last]) for first, last in itertools.pairwise(cuts)]
        parts.append(splitter.finish())
        assert tuple(map("".join, zip(*parts, strict=True))) == TEXTS[text]


def test_text_is_passed_on_as_it_comes() -> None:
    splitter = ThinkSplitter()
    assert not splitter.is_over
    assert [splitter.feed(piece) for piece in ("<think>", "A", " b", "</think>", "B", " ")] == [
        ("", ""),
        ("A", ""),
        (" b", ""),
        ("", ""),
        ("", "B"),
        ("", " "),
    ]
    assert splitter.is_over
    assert splitter.finish() == ("", "")


@pytest.mark.parametrize("begun", ["<thi", "<think>Hm</thi"])
def test_what_was_held_back_comes_once(begun: str) -> None:
    splitter = ThinkSplitter()
    splitter.feed(begun)
    assert "".join(splitter.finish()).endswith("<thi" if begun == "<thi" else "</thi")
    assert splitter.finish() == ("", "")
