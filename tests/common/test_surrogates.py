# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""Characters that a server cut in two, and JSON that strict parsers refuse."""

import json
from typing import Any

import pytest

from haystack_integrations.common.aimlapi.body import parse_json
from haystack_integrations.common.aimlapi.surrogates import SurrogateJoiner, parse_leniently, repair


def fed(*events: Any) -> list[list[Any]]:
    """What comes out after each event, and at the end."""
    joiner = SurrogateJoiner()
    out = [joiner.feed(json.dumps(event).encode()) for event in events]
    return [[json.loads(data) for data in datas] for datas in [*out, joiner.finish()]]


def choice(text: str, index: int = 0) -> dict[str, Any]:
    return {"choices": [{"index": index, "delta": {"content": text}}]}


def test_an_event_waits_for_the_other_half() -> None:
    assert fed(choice("a\ud83d"), choice("\ude00b")) == [[], [choice("a😀"), choice("b")], []]


def test_a_character_may_follow_the_other() -> None:
    assert fed(choice("\ud83d"), choice("\ude00\ud83d"), choice("\ude01")) == [
        [],
        [choice("😀")],
        [choice("😁"), choice("")],
        [],
    ]


def test_all_texts_of_an_event_are_joined() -> None:
    def event(*texts: str) -> dict[str, Any]:
        first, second, third, *others = texts
        named = {name: {"text": text} for name, text in zip("ab", others, strict=True)}
        return {"reasoning": first, "details": [{"index": 3, "text": second}], "list": [third], **named}

    first, second = event(*["\ud83d"] * 5), event("\ude00", "\ude01", "\ude02", "\ude03", "\ude04")
    whole, empty = event("😀", "😁", "😂", "😃", "😄"), event(*[""] * 5)
    assert fed(first, second) == [[], [whole, empty], []]


def test_choices_are_told_by_their_index() -> None:
    said = [choice("\ud83d", 0), choice("\ud83d", 1), choice("\ude00", 1), choice("\ude01", 0)]
    assert fed(*said) == [[], [], [], [choice("😁", 0), choice("😀", 1), choice("", 1), choice("", 0)], []]


@pytest.mark.parametrize("then", [choice("b"), choice("\ud83db"), choice("\ude00"[:0])])
def test_half_alone_is_replaced_when_its_text_goes_on(then: Any) -> None:
    assert fed(choice("a\ud83d"), then)[1][0] == choice("a\ufffd")


def test_half_alone_does_not_keep_a_stream_waiting() -> None:
    others = [choice(str(number), 1) for number in range(8)]
    assert fed(choice("\ud83d"), *others) == [*[[]] * 8, [choice("\ufffd"), *others], []]


def test_the_end_replaces_the_half_that_waits() -> None:
    assert fed(choice("a\ud83d")) == [[], [choice("a\ufffd")]]


def test_what_is_no_json_ends_the_waiting() -> None:
    joiner = SurrogateJoiner()
    assert joiner.feed(json.dumps("\ud83d").encode()) == [b'"\\ufffd"']
    assert joiner.feed(json.dumps(choice("\ud83d")).encode()) == []
    first, second = joiner.feed(b"{oops \\ud83d")
    assert (json.loads(first), second) == (choice("\ufffd"), b"{oops \\ud83d")


@pytest.mark.parametrize(
    ("value", "repaired"),
    [
        ("\ud83d\ude00", "😀"),
        ("\ude00\ud83d", "\ufffd\ufffd"),
        (["a\ud83d", {"b": "\ude00c"}], ["a\ufffd", {"b": "\ufffdc"}]),
        ({"\ud83d": {"a": 1}}, {"\ufffd": {"a": 1}}),
        ({"a": None, "b": [1, 2.5, True]}, {"a": None, "b": [1, 2.5, True]}),
        (5, 5),
    ],
)
def test_halves_are_replaced_wherever_they_are(value: Any, repaired: Any) -> None:
    assert repair(value) == repaired
    if not isinstance(value, str):
        assert parse_json(json.dumps(value).encode()) == repaired


def test_a_number_of_too_many_digits_is_kept_as_its_text() -> None:
    assert parse_json(b'{"a": %b, "b": 12}' % (b"9" * 5000)) == {"a": "9" * 5000, "b": 12}


def test_a_byte_order_mark_is_no_part_of_json() -> None:
    assert parse_json(b"\xef\xbb\xbf" + b'{"a": 1}') == {"a": 1}


@pytest.mark.parametrize("depth", [200, 301])
def test_json_may_be_nested_deep(depth: int) -> None:
    assert json.dumps(parse_json(b"[" * depth + b"]" * depth)) == "[" * depth + "]" * depth


@pytest.mark.parametrize("depth", [302, 900, 100_000])
def test_json_that_is_nested_too_deep_is_refused(depth: int) -> None:
    with pytest.raises(RecursionError):
        parse_json(b'{"a":' * depth + b"1" + b"}" * depth)


def test_json_that_python_parses_may_still_be_nested_too_deep() -> None:
    with pytest.raises(RecursionError, match=r"^nested too deep$"):
        parse_leniently(b"[" * 400 + b"]" * 400)
