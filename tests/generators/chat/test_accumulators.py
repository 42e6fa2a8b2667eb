# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""What accumulators make of events that hardly ever come, without the wire."""

import time
from datetime import datetime, timedelta
from typing import Any

import openai
import pytest
from haystack.dataclasses import ComponentInfo, ReasoningContent, StreamingChunk, ToolCallDelta

from haystack_integrations.components.generators.aimlapi.chat._completions.accumulator import CompletionAccumulator
from haystack_integrations.components.generators.aimlapi.chat._completions.answer_tool import AnswerAccumulator
from haystack_integrations.components.generators.aimlapi.chat._responses.accumulator import ResponseAccumulator
from tests.support.api import Api
from tests.support.asking import ask_responses
from tests.support.modes import Mode, in_all_modes
from tests.support.replies import message, response

INFO = ComponentInfo(type="test", name="test")


def delta(**fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": fields}]}


ANNOTATED = {"type": "output_text", "text": "Hello", "annotations": [{"a": 1}]}
FUNCTION = {"name": "look", "arguments": "{}"}
CALL_ADDED = {
    "type": "response.output_item.added",
    "output_index": 0,
    "item": {"type": "function_call", "id": "fc-1", "call_id": "c-1", "name": "look", "arguments": ""},
}


def response_delta(kind: str, text: str) -> dict[str, Any]:
    return {"type": f"response.{kind}.delta", "output_index": 0, "item_id": "i-1", "delta": text}


def test_an_answer_that_breaks_off_is_told_as_the_text_that_it_was_to_be() -> None:
    accumulator = AnswerAccumulator(CompletionAccumulator(INFO), "structured_output")
    function = {"name": "structured_output", "arguments": '{"name": "Ada'}
    accumulator.add(delta(tool_calls=[{"index": 0, "id": "c-1", "function": function}]))
    assert accumulator.partial() == {"text": '{"name": "Ada'}


def test_choices_that_have_no_number_are_told_apart_by_their_place() -> None:
    accumulator = AnswerAccumulator(CompletionAccumulator(INFO), "structured_output")
    for pieces in (("on", "tw"), ("e", "o")):
        accumulator.add({"choices": [{"delta": {"content": piece}} for piece in pieces]})
    assert [reply.text for reply in accumulator.finish({}, is_done=True)] == ["one", "two"]


def test_a_text_goes_on_in_its_block() -> None:
    accumulator = CompletionAccumulator(INFO)
    chunks = [accumulator.add(delta(**fields))[0] for fields in ({"role": "x", "content": "a"}, {"content": "b"})]
    assert [(chunk.content, chunk.index, chunk.start) for chunk in chunks] == [("a", 0, True), ("b", 0, False)]


def test_reasoning_is_shown_with_the_field_that_it_came_in() -> None:
    accumulator = CompletionAccumulator(INFO)
    for _ in range(2):
        (chunk,) = accumulator.add(delta(reasoning_content="Hm"))
        assert chunk.reasoning == ReasoningContent("Hm", {"reasoning_content": "Hm"})


def test_what_was_held_back_of_several_choices_goes_to_each() -> None:
    accumulator = AnswerAccumulator(CompletionAccumulator(INFO), "structured_output")
    for index, text in ((1, "one"), (0, "zero")):
        accumulator.add({"choices": [{"index": index, "delta": {"content": text}}]})
    replies = accumulator.finish({}, is_done=False)
    assert [(reply.text, reply.meta["incomplete"]) for reply in replies] == [("zero", True), ("one", True)]


def test_the_thoughts_of_a_response_that_breaks_off_are_lines() -> None:
    accumulator = ResponseAccumulator(INFO)
    for number, text in enumerate(("Hm.", "Yes.")):
        accumulator.add({**response_delta("reasoning_summary_text", text), "output_index": number})
    assert accumulator.partial() == {"reasoning": "Hm.\nYes."}


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({**CALL_ADDED, "item": {"type": "function_call", "name": 5}}, ToolCallDelta(0, extra={"call_id": None})),
        (
            {"type": "response.function_call_arguments.delta", "output_index": 0, "delta": "{}"},
            ToolCallDelta(0, arguments="{}"),
        ),
    ],
    ids=["item", "delta"],
)
def test_what_a_call_does_not_have_is_not_shown(event: dict[str, Any], expected: ToolCallDelta) -> None:
    accumulator = ResponseAccumulator(INFO)
    (chunk,) = accumulator.add(event)
    assert chunk.tool_calls == [expected]


@pytest.mark.parametrize(
    ("done", "expected"),
    [
        (
            [{"type": "response.output_item.done", "output_index": 0, "item": message("Hello", content=[ANNOTATED])}],
            {"text": "Hello", "annotations": [{"a": 1}]},
        ),
        ([{"type": "response.function_call_arguments.done", "output_index": 0, **FUNCTION}], {"arguments": {}}),
        (
            [
                {**CALL_ADDED, "item": {"type": "function_call", "id": "fc-1", "name": ""}},
                {"type": "response.function_call_arguments.done", "output_index": 0, **FUNCTION},
            ],
            {"arguments": {}},
        ),
    ],
    ids=["item", "arguments", "name"],
)
def test_what_comes_whole_replaces_its_pieces(done: list[dict[str, Any]], expected: dict[str, Any]) -> None:
    """One of them may have been lost."""
    accumulator = ResponseAccumulator(INFO)
    accumulator.add(response_delta("output_text" if "text" in expected else "function_call_arguments", "{"))
    for event in done:
        accumulator.add(event)
    (reply,) = accumulator.finish({}, is_done=None)
    told = {"text": reply.text, "annotations": reply.meta.get("annotations")}
    told["arguments"] = reply.tool_calls[0].arguments if reply.tool_calls else None
    assert {name: told[name] for name in expected} == expected


def test_whole_arguments_take_nothing_else_away() -> None:
    item = {"type": "function_call", "id": "fc-1", "name": "", "namespace": None, "tags": []}
    accumulator = ResponseAccumulator(INFO)
    accumulator.add({**CALL_ADDED, "item": item})
    accumulator.add({"type": "response.function_call_arguments.done", "output_index": 0, **FUNCTION})
    accumulator.add({"type": "response.output_item.added", "output_index": 1, "item": {"type": "web_search_call"}})
    (reply,) = accumulator.finish({}, is_done=None)
    assert reply.meta["output"][0] == {**item, **FUNCTION}


def test_a_chunk_of_arguments_has_them_in_its_meta_as_they_came() -> None:
    accumulator = CompletionAccumulator(INFO)
    accumulator.add(delta(tool_calls=[{"index": 0, "id": "c-1", "function": FUNCTION}]))
    part = [{"index": 0, "function": {"arguments": " "}}]
    (chunk,) = accumulator.add(delta(tool_calls=part))
    assert (chunk.meta["tool_calls"], chunk.meta["index"], chunk.meta["model"]) == (part, 0, None)


def test_a_number_beside_a_text_is_kept_if_it_is_zero() -> None:
    accumulator = CompletionAccumulator(INFO)
    for _ in range(2):
        accumulator.add(delta(content="Hi", speed=0))
    (reply,) = accumulator.finish({}, is_done=None)
    assert (reply.text, reply.meta["speed"]) == ("HiHi", 0)


def test_a_call_has_the_name_and_the_id_of_its_item() -> None:
    item = {"type": "function_call", "id": "fc-1", "name": "f"}
    accumulator = ResponseAccumulator(INFO)
    accumulator.add({**CALL_ADDED, "item": item})
    done = {"type": "response.function_call_arguments.done", "output_index": 0, "item_id": "fc-2", "name": "g"}
    accumulator.add({**done, "arguments": "{}"})
    ((call,),) = (reply.tool_calls for reply in accumulator.finish({}, is_done=None))
    assert (call.id, call.tool_name) == ("fc-1", "f")


def test_a_refusal_is_shown_in_the_meta_only() -> None:
    (chunk,) = ResponseAccumulator(INFO).add(response_delta("refusal", "No."))
    assert (chunk.content, chunk.reasoning, chunk.meta["delta"], chunk.index) == ("", None, "No.", None)


def test_the_end_of_an_incomplete_response_is_shown() -> None:
    accumulator = ResponseAccumulator(INFO)
    accumulator.add(response_delta("output_text", "Hel"))
    cut = {"incomplete_details": {"reason": "max_output_tokens"}}
    (chunk,) = accumulator.add({"type": "response.incomplete", "response": cut})
    assert chunk.finish_reason == "length"


def test_the_output_of_the_last_event_is_the_reply() -> None:
    accumulator = ResponseAccumulator(INFO)
    accumulator.add(response_delta("output_text", "Hel"))
    accumulator.add({"type": "response.completed", "response": response(message("Hello"))})
    assert [reply.text for reply in accumulator.finish({}, is_done=None)] == ["Hello"]


def test_an_answer_that_never_began_is_nothing() -> None:
    assert AnswerAccumulator(CompletionAccumulator(INFO), "structured_output").partial() is None


def test_an_empty_field_of_a_thinking_part_takes_nothing_away() -> None:
    accumulator = CompletionAccumulator(INFO)
    accumulator.add(delta(content=[{"type": "thinking", "thinking": "Hm", "closed": "no"}]))
    accumulator.add(delta(content=[{"type": "thinking", "thinking": "m.", "closed": ""}]))
    (reply,) = accumulator.finish({}, is_done=True)
    assert reply.reasoning is not None
    assert reply.reasoning.reasoning_text == "Hmm."
    assert reply.reasoning.extra == {"thinking": [{"type": "thinking", "thinking": "Hmm.", "closed": "no"}]}


@pytest.mark.parametrize(
    ("accumulator", "events"),
    [
        (CompletionAccumulator, [delta(content="Hi")] * 2),
        (CompletionAccumulator, [delta(reasoning_content="Hm")] * 2),
        (
            CompletionAccumulator,
            [
                delta(tool_calls=[{"index": 0, "id": "c-1", "function": FUNCTION}]),
                delta(tool_calls=[{"index": 0, "function": {"arguments": "{}"}}]),
                delta(tool_calls=[{"index": 0, "function": {"arguments": ""}}]),
            ],
        ),
        (CompletionAccumulator, [delta()] * 2),
        (CompletionAccumulator, [{"choices": [], "usage": {"total_tokens": 1}}]),
        (ResponseAccumulator, [response_delta("output_text", "Hi")] * 2),
        (ResponseAccumulator, [response_delta("reasoning_summary_text", "Hm")] * 2),
        (ResponseAccumulator, [CALL_ADDED, response_delta("function_call_arguments", "{}")]),
        (ResponseAccumulator, [response_delta("refusal", "No"), {"type": "response.created", "response": {"id": "r"}}]),
    ],
    ids=[
        "text",
        "reasoning",
        "tool call",
        "nothing",
        "usage",
        "text of a response",
        "reasoning of a response",
        "tool call of a response",
        "nothing of a response",
    ],
)
def test_chunks_are_no_others_than_those_that_haystack_makes(accumulator: Any, events: list[dict[str, Any]]) -> None:
    """The first of their kind, and those that go on with it."""
    accumulated = accumulator(INFO)
    for event in events:
        (chunk,) = accumulated.add(event)
        assert chunk == StreamingChunk(**vars(chunk))
        assert list(vars(chunk)) == list(vars(StreamingChunk("")))
        for part in (chunk.reasoning, *(chunk.tool_calls or [])):
            if part is not None:
                assert part == type(part)(**vars(part))
                assert list(vars(part)) == list(part.__dataclass_fields__)
        with pytest.warns(Warning, match="Mutating attribute 'content'"):
            chunk.content = "other"


@pytest.mark.parametrize(
    ("kind", "event"),
    [(CompletionAccumulator, delta(content="Hi")), (ResponseAccumulator, response_delta("output_text", "Hi"))],
    ids=["completion", "response"],
)
def test_a_chunk_tells_when_it_came(kind: Any, event: dict[str, Any]) -> None:
    """As Haystack's own do; the message tells when the first one did."""
    before = datetime.now()  # noqa: DTZ005 as chunks have it
    accumulator, stamps = kind(INFO), []
    for _ in range(3):
        (chunk,) = accumulator.add(event)
        stamps.append(datetime.fromisoformat(chunk.meta["received_at"]))
        time.sleep(0.002)
    first, second, third = stamps
    assert before - timedelta(microseconds=1) <= first < second < third <= datetime.now()  # noqa: DTZ005
    (reply,) = accumulator.finish({}, is_done=True)
    assert reply.meta["completion_start_time"] == first.isoformat()


def test_an_event_that_cannot_be_read_is_an_error_of_the_sdk() -> None:
    nested: Any = []
    for _ in range(100_000):
        nested = [nested]
    item = {"type": "function_call", "id": "fc-1", "name": "f", "arguments": nested}
    with pytest.raises(openai.APIError, match="RecursionError"):
        ResponseAccumulator(INFO).add({"type": "response.output_item.added", "output_index": 0, "item": item})


@in_all_modes
async def test_a_think_tag_of_a_response_is_reasoning(mode: Mode) -> None:
    reply = await ask_responses(Api(response(message("<think>Hm.</think>Yes."))), mode)
    assert (reply.reasoning and reply.reasoning.reasoning_text, reply.text) == ("Hm.", "Yes.")
