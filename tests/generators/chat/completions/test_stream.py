# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""However a reply is cut into frames, it stays the same, and nothing of it gets lost."""

import asyncio
import gc
import itertools
import json
import re
import tracemalloc
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from haystack.components.generators.utils import print_streaming_chunk
from haystack.dataclasses import ChatMessage, StreamingChunk
from hypothesis import given
from hypothesis import strategies as st

from tests.generators.chat.completions.reply_cases import FINISH_REASONS, PICTURE, REMOTE, TWO_CALLS
from tests.support.api import Api, chat_generator, plain, sse
from tests.support.asking import ask, check_chunks
from tests.support.modes import SYNC_STREAMED, Mode, plain_only, streamed_only
from tests.support.recordings import Recording, names
from tests.support.replies import USAGE, completion, end, frame

THINKING = "\n<think>\r\n2 < 3 </thin> \n</think>\n\nSo <think>: 2</think> < 3.\r\n"


@streamed_only
async def test_think_tags_may_be_cut_anywhere(mode: Mode) -> None:
    for size in (1, 2, 3, 5):
        for start in range(len(THINKING) if size == 5 else size):
            cuts = [0, *range(start, len(THINKING), size), len(THINKING)]
            pieces = [THINKING[first:last] for first, last in itertools.pairwise(cuts)]
            [reply], chunks = await ask(mode, sse(*(frame({"content": piece}) for piece in pieces), end()))
            assert reply.reasoning is not None
            assert reply.reasoning.reasoning_text == "2 < 3 </thin>"
            assert reply.text == "So <think>: 2</think> < 3.\r\n"
            check_chunks(chunks, reply)


def test_haystacks_own_callback_prints_the_stream(capsys: pytest.CaptureFixture[str]) -> None:
    first, second = ({"index": index, **call} for index, call in enumerate(TWO_CALLS))
    response = sse(
        frame({"role": "assistant", "content": ""}),
        frame({"reasoning": "Hm"}),
        frame({"reasoning": "m."}),
        frame({"content": "I "}),
        frame({"content": "look.", "tool_calls": [first, second]}),
        end("tool_calls"),
        frame({}, "tool_calls"),
    )

    chat_generator(Api(response)).run("Hi", streaming_callback=print_streaming_chunk)

    assert capsys.readouterr().out == (
        "[REASONING]\nHmm.\n\n[ASSISTANT]\nI look."
        '\n\n[TOOL CALL]\nTool: weather \nArguments: {"city": "Paris"}'
        '\n\n[TOOL CALL]\nTool: weather \nArguments: {"city": "Rome"}\n\n'
    )


@streamed_only
async def test_one_frame_becomes_a_chunk_for_each_kind_of_content(mode: Mode) -> None:
    logprobs = {"content": [{"token": "I look.", "logprob": -0.1}]}
    delta = {"content": "I look.", "reasoning": "Hm", "tool_calls": [{"index": 3, **TWO_CALLS[0]}]}
    response = sse(frame(delta, "tool_use", choice={"logprobs": logprobs}), {"choices": [], "usage": USAGE})

    _, chunks = await ask(mode, response)

    meta = {"model": "m-1", "index": 0, "tool_calls": None, "finish_reason": None, "usage": None, "logprobs": logprobs}
    reasoning = {"reasoning_text": "Hm", "extra": {"reasoning": "Hm"}}
    arguments = {"index": 0, "tool_name": "weather", "arguments": '{"city": "Paris"}', "id": "a", "extra": None}
    ending = {**meta, "tool_calls": delta["tool_calls"], "finish_reason": "tool_calls"}
    assert [received(chunk) for chunk in chunks] == [
        chunk_dict(meta, reasoning=reasoning, index=0, start=True),
        chunk_dict(meta, content="I look.", index=1, start=True),
        chunk_dict(ending, tool_calls=[arguments], index=2, start=True, finish_reason="tool_calls"),
        chunk_dict({"model": "m-1", "usage": USAGE}),
    ]


def received(chunk: StreamingChunk) -> dict[str, Any]:
    data = chunk.to_dict()
    del data["component_info"], data["meta"]["received_at"]
    return data


def chunk_dict(meta: dict[str, Any], **fields: Any) -> dict[str, Any]:
    empty = dict.fromkeys(("index", "tool_calls", "tool_call_result", "finish_reason", "reasoning"))
    return {"content": "", "meta": meta, "start": False, **empty, **fields}


@streamed_only
async def test_reasoning_chunks_carry_what_must_go_back(mode: Mode) -> None:
    text, signature = ({"type": "reasoning.text", "index": 0, **part} for part in ({"text": "Hm"}, {"signature": "s"}))
    sealed = {"type": "reasoning.encrypted", "data": "x", "index": 1}
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "m"}]}
    deltas: list[dict[str, Any]] = [
        {"reasoning": "Hm", "reasoning_details": [text]},
        {"reasoning_details": [signature]},
        {"content": "4"},
        {"reasoning_details": [sealed]},
        {"content": [thinking]},
    ]

    [reply], chunks = await ask(mode, sse(*map(frame, deltas), end()))

    assert [(chunk.index, chunk.start, chunk.reasoning.to_dict()) for chunk in chunks if chunk.reasoning] == [
        (0, True, {"reasoning_text": "Hm", "extra": {"reasoning": "Hm", "reasoning_details": [text]}}),
        (0, False, {"reasoning_text": "", "extra": {"reasoning_details": [signature]}}),
        (0, False, {"reasoning_text": "", "extra": {"reasoning_details": [sealed]}}),
        (0, False, {"reasoning_text": "", "extra": {"thinking": [thinking]}}),
    ]
    assert reply.reasoning is not None
    assert reply.reasoning.extra["reasoning_details"] == [{**text, **signature}, sealed]


HALVES = ("Hi \ud83d", "\ude00 there")


@streamed_only
@pytest.mark.parametrize("name", ["content", "reasoning_content", "refusal"])
async def test_a_character_cut_in_two_is_joined(mode: Mode, name: str) -> None:
    [reply], chunks = await ask(mode, sse(*(frame({name: half}) for half in HALVES), end()))

    said = reply.reasoning.reasoning_text if reply.reasoning else reply.text or reply.meta["refusal"]
    assert said == "Hi 😀 there"
    pieces = [chunk.reasoning.reasoning_text if chunk.reasoning else chunk.content for chunk in chunks]
    assert [piece for piece in pieces if piece] == (["Hi 😀", " there"] if name != "refusal" else [])


@streamed_only
async def test_a_character_of_arguments_cut_in_two_is_joined(mode: Mode) -> None:
    call = {"index": 0, "id": "a", "function": {"name": "f", "arguments": '{"a": "Hi \ud83d'}}
    rest = {"index": 0, "function": {"arguments": '\ude00"}'}}
    [reply], chunks = await ask(mode, sse(frame({"tool_calls": [call]}), frame({"tool_calls": [rest]}), end()))
    assert reply.tool_calls[0].arguments == {"a": "Hi 😀"}
    assert "".join(chunk.tool_calls[0].arguments or "" for chunk in chunks if chunk.tool_calls) == '{"a": "Hi 😀"}'


@streamed_only
async def test_a_long_text_comes_whole(mode: Mode) -> None:
    words = [f"word {number} " for number in range(350)]
    [reply], chunks = await ask(mode, sse(*(frame({"content": word}) for word in words), end()))
    assert reply.text == "".join(words)
    check_chunks(chunks, reply)


PIECE = "0123456789"
DELTAS = {
    "text": {"content": PIECE},
    "think tags": {"content": f"<think>{PIECE}"},
    "reasoning": {"reasoning_content": PIECE},
    "thinking parts": {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": PIECE}]}]},
    "audio": {"audio": {"data": PIECE}},
    "reasoning details": {"reasoning_details": [{"type": "reasoning.text", "text": PIECE, "index": 0}]},
    "arguments": {"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": PIECE}}]},
    "a field told again": {"name": PIECE, "list": [PIECE], "role": "assistant", "obfuscation": PIECE},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", DELTAS)
def test_a_long_stream_keeps_nothing_but_its_text(name: str) -> None:
    bytes_held(DELTAS[name], 100)  # What the first call imports and caches is not of the stream.
    held = bytes_held(DELTAS[name], 3000) - bytes_held(DELTAS[name], 1000)
    assert held / 2000 < 20 + len(PIECE)


def bytes_held(delta: dict[str, Any], count: int) -> int:
    """What the generator holds when the last of so many frames has come."""
    event = f"data: {json.dumps(frame(delta))}\n\n".encode()
    held = []

    def events() -> Iterator[bytes]:
        yield from itertools.repeat(event, count)
        gc.collect()
        held.append(tracemalloc.get_traced_memory()[0])
        yield f"data: {json.dumps(end())}\n\n".encode()

    generator = chat_generator(Api(httpx2.Response(200, content=events())))
    tracemalloc.start()
    try:
        SYNC_STREAMED.complete(generator)
    finally:
        tracemalloc.stop()
    return held[0]


# No name that the API knows.
NAMES = st.text(alphabet="xyz_ ä😀", min_size=1)
JSON = st.recursive(
    st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | st.text(min_size=1),
    lambda children: (
        st.lists(children, min_size=1, max_size=3) | st.dictionaries(NAMES, children, min_size=1, max_size=3)
    ),
    max_leaves=4,
)
WORDS = st.text(alphabet="<>/think \r\n{}äb😀", min_size=1).filter(str.strip)
FIELDS = [st.dictionaries(st.sampled_from([f"{level}_a", f"{level}_b"]), JSON.filter(bool)) for level in "123"]
CALL = st.fixed_dictionaries(
    {"function": st.fixed_dictionaries({"name": WORDS, "arguments": st.dictionaries(NAMES, JSON, max_size=2)})},
    optional={"extra_content": st.dictionaries(NAMES, JSON, min_size=1, max_size=1)},
)
MESSAGES = st.fixed_dictionaries(
    {},
    optional={
        "reasoning_content": WORDS,
        "reasoning": WORDS,
        "reasoning_details": WORDS.map(lambda words: [{"type": "reasoning.text", "text": words, "index": 0}]),
        "content": WORDS | st.tuples(WORDS, WORDS).map(lambda words: f"<think>{words[0]}</think>{words[1]}"),
        "refusal": WORDS,
        "tool_calls": st.lists(CALL, min_size=1, max_size=3),
        "images": st.just([PICTURE, REMOTE]),
    },
)


@st.composite
def cuts(draw: st.DrawFn, value: str) -> list[str]:
    places = sorted({0, *draw(st.lists(st.integers(0, len(value)), max_size=8)), len(value)})
    return [value[first:last] for first, last in itertools.pairwise(places)]


@st.composite
def deltas(draw: st.DrawFn, name: str, value: Any) -> list[Any]:
    """A field of a message in pieces: texts anywhere, tool calls in their arguments."""
    if isinstance(value, str):
        return [{name: piece} for piece in draw(cuts(value))]
    if name == "reasoning_details":
        return [{name: [{**value[0], "text": piece}]} for piece in draw(cuts(value[0]["text"]))]
    if name != "tool_calls":
        return [{name: value}]
    first = [{**call, "function": {**call["function"], "arguments": ""}} for call in value]
    pieces = [[{"function": {"arguments": piece}} for piece in draw(cuts(c["function"]["arguments"]))] for c in value]
    indexed = [[{"index": index, **fragment} for fragment in track] for index, track in enumerate(pieces)]
    starts = [{"index": index, **fragment} for index, fragment in enumerate(first)]
    return [{name: [fragment]} for fragment in [*starts, *draw(shuffled(indexed))]]


@st.composite
def shuffled(draw: st.DrawFn, tracks: list[list[Any]]) -> list[Any]:
    """All items of all tracks, those of a track in their order."""
    items = []
    while tracks := [track for track in tracks if track]:
        track = draw(st.sampled_from(tracks))
        items.append(track[0])
        tracks = [other[1:] if other is track else other for other in tracks]
    return items


@st.composite
def completions(draw: st.DrawFn) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A completion, and the frames of a stream that says the same."""
    message = draw(MESSAGES)
    for number, call in enumerate(message.get("tool_calls", ())):
        call |= {"id": f"call-{number}", "type": "function"}
        call["function"]["arguments"] = json.dumps(call["function"]["arguments"])
    of_message, of_choice, of_top = map(draw, FIELDS)
    finish_reason = draw(st.sampled_from(["stop", "end_turn", "max_tokens", "tool_calls", "SAFETY"]))
    tracks = [draw(deltas(name, value)) for name, value in message.items()]
    frames: list[dict[str, Any]] = []
    for delta in draw(shuffled([*tracks, [of_message]])):
        if frames and not frames[-1].keys() & delta.keys() and draw(st.booleans()):
            frames[-1] = {**frames[-1], **delta}
        else:
            frames.append(delta)
    return (
        completion({**message, **of_message}, finish_reason, choice=of_choice, **of_top),
        [*map(frame, frames), end(finish_reason, choice=of_choice, **of_top)],
    )


@streamed_only
@given(said=completions())
def test_any_cut_gives_the_same_reply(mode: Mode, said: Any) -> None:
    whole, frames = said

    [expected], _ = asyncio.run(ask(mode.plain, plain(whole)))
    [reply], chunks = asyncio.run(ask(mode, sse(*frames)))

    assert reply == expected
    assert lost(whole, [reply]) == []
    shown = "".join(chunk.reasoning.reasoning_text for chunk in chunks if chunk.reasoning)
    assert bool(shown.strip()) is bool(reply.reasoning)
    check_chunks(chunks, reply, shown)


@plain_only
@pytest.mark.parametrize("name", [*names("dialect_*"), *names("stream_*")])
async def test_no_leaf_of_a_recording_is_lost(name: str, mode: Mode) -> None:
    response = Recording(name).exchanges[0]["response"]
    if "json" in response:
        sent = response["json"]
        answers = [(mode, plain(sent)), (mode.streaming, plain(sent))]
    else:
        sent = together(response["sse"])
        answers = [(mode.streaming, sse(*response["sse"], end=""))]

    for answer_mode, answer in answers:
        answered, _ = await ask(answer_mode, answer)
        assert lost(sent, answered) == []


def together(events: list[str]) -> dict[str, Any]:
    """The frames of a stream, naively: the last word at the top level, all choices, and the content in one."""
    frames = [json.loads(event.removeprefix("data: ")) for event in events if event.startswith("data: {")]
    top: dict[str, Any] = {}
    for part in frames:
        top |= {name: value for name, value in part.items() if value}
    choices = [choice for part in frames for choice in part.get("choices", ())]
    written = [choice["delta"].pop("content", None) or "" for choice in choices if "delta" in choice]
    return {**top, "choices": choices, "content": "".join(written)}


# What these say is said by the class of an object or by its place, or is padding.
STRUCTURE = {("tool_calls", "type"), ("tool_calls", "index"), ("images", "type"), ("obfuscation",), ("p",)}
# Strings that a reply holds in one with others, or without the tags and the head of a data URL.
WRITTEN = {"content", "text", "summary", "reasoning", "reasoning_content", "refusal", "url"}


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The values in a JSON object that are worth keeping, and the keys that lead to them."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from leaves(item, (*path, name))
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item, path)
    elif value not in (None, ""):
        yield path, value


def lost(sent: dict[str, Any], answered: list[ChatMessage]) -> list[Any]:
    """The leaves of a completion that its replies do not hold."""
    data = [reply.to_dict() for reply in answered]
    kept = {(type(value), value) for _, value in leaves(data)}
    texts = [value for _, value in leaves(data) if isinstance(value, str)]
    calls = [call for reply in answered for call in reply.tool_calls]

    def holds(path: tuple[str, ...], leaf: Any) -> bool:
        if path[-1] == "finish_reason":
            meta = answered[0].meta
            return leaf.lower() in FINISH_REASONS[meta["finish_reason"]] or leaf == meta["native_finish_reason"]
        if path == ("object",):
            return leaf.removesuffix(".chunk") == answered[0].meta["object"]
        if path[-1] == "arguments":
            return any(json.loads(leaf) == call.arguments for call in calls)
        if path[-1] in WRITTEN and isinstance(leaf, str):
            parts = re.split("^\\s*<think>|</think>|^data:image/png;base64,", leaf)
            return all(any(part.strip() in text for text in texts) for part in parts)
        return (type(leaf), leaf) in kept

    return [
        (path, leaf)
        for path, leaf in leaves(sent)
        if path[-2:] not in STRUCTURE and path[-1:] not in STRUCTURE and not holds(path, leaf)
    ]
