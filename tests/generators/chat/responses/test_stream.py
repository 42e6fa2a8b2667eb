# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import openai
import pytest
from haystack.components.generators.chat.openai_responses import _convert_streaming_chunks_to_chat_message as rebuild
from haystack.components.generators.utils import print_streaming_chunk
from haystack.dataclasses import StreamingChunk

from tests.support.api import Api, responses_generator, responses_sse
from tests.support.asking import ask_responses
from tests.support.modes import Mode, streamed_only
from tests.support.replies import REASONING, events, function_call, message, response


@streamed_only
async def test_chunks_follow_haystacks_contract(mode: Mode, capsys: pytest.CaptureFixture[str]) -> None:
    summary = [{"type": "summary_text", "text": text} for text in ("First.", "Second.")]
    body = response({**REASONING, "summary": summary}, message("Hello you"), function_call())
    chunks: list[StreamingChunk] = []

    def callback(chunk: StreamingChunk) -> None:
        chunks.append(chunk)
        print_streaming_chunk(chunk)

    await mode.call(responses_generator(Api(body)), "Hi", streaming_callback=callback)

    shown = [
        (chunk.index, chunk.start, chunk.reasoning.reasoning_text if chunk.reasoning else chunk.content)
        for chunk in chunks
        if chunk.reasoning or chunk.content
    ]
    assert shown == [
        (0, True, "First"),
        (0, False, "."),
        (0, False, "\nSecon"),
        (0, False, "d."),
        (0, False, ""),
        (1, True, "Hello"),
        (1, False, " you"),
    ]
    deltas = [(chunk.index, chunk.start, chunk.tool_calls[0].to_dict()) for chunk in chunks if chunk.tool_calls]
    piece = {"index": 2, "tool_name": None, "id": "fc_1", "extra": None}
    assert deltas == [
        (2, True, {**piece, "tool_name": "weather", "arguments": None, "extra": {"call_id": "call_1"}}),
        (2, False, {**piece, "arguments": '{"cit'}),
        (2, False, {**piece, "arguments": 'y": "Paris"}'}),
    ]
    assert [chunk.finish_reason for chunk in chunks if chunk.finish_reason] == ["tool_calls"]
    assert {frozenset(chunk.meta) >= {"type", "received_at"} for chunk in chunks} == {True}
    assert capsys.readouterr().out == (
        "[REASONING]\nFirst.\nSecond.\n\n[ASSISTANT]\nHello you\n\n"
        '[TOOL CALL]\nTool: weather \nArguments: {"city": "Paris"}\n\n'
    )


async def test_run_async_takes_an_asynchronous_callback() -> None:
    texts = []

    async def callback(chunk: StreamingChunk) -> None:
        texts.append(chunk.content)

    await responses_generator(Api()).run_async("Hi", streaming_callback=callback)
    assert "".join(texts) == "Hello"


@streamed_only
@pytest.mark.parametrize("last", ["with output", "without output", "none", "items not done"])
async def test_any_stream_gives_the_plain_reply(mode: Mode, last: str, caplog: pytest.LogCaptureFixture) -> None:
    refusal = {"type": "refusal", "refusal": "But no more."}
    thought = {"id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm, let me"}]}
    raw = {"id": "rs_2", "type": "reasoning", "content": [{"type": "reasoning_text", "text": "Raw thought"}]}
    said = message("Hello you")
    said["content"] = [{"type": "output_text", "text": "Hello you"}, refusal]
    body = response(thought, raw, said, function_call(), usage={"total_tokens": 3})
    plain = await ask_responses(Api(body))

    stream = events(body)
    if last != "with output":
        stream[-1] = {"type": "response.completed", "response": {**body, "output": []}}
    if last == "none":
        stream = [event for event in stream[:-1] if event["type"] != "response.created"]
    if last == "items not done":
        kept = ("delta", "completed", "created")
        stream = [event for event in stream if event["type"].endswith(kept) or event.get("output_index") == 3]
        stream = [event for event in stream if event["type"] != "response.output_item.done"]
    reply = await ask_responses(Api(responses_sse(*stream)), mode)

    contents = [content.to_dict() for content in (plain, reply)]
    if last == "none":
        assert "ended without a finish reason" in caplog.text
        for content in contents:
            content["meta"] = {name: content["meta"].get(name) for name in ("refusal",)}
    assert contents[0] == contents[1]


@streamed_only
async def test_a_call_may_come_whole(mode: Mode) -> None:
    chunks: list[StreamingChunk] = []
    done = {"type": "response.output_item.done", "output_index": 0, "item": function_call()}
    stream = responses_sse(
        done, {"type": "response.completed", "response": {"id": "resp_1"}}, {"meta": {"usage": {"usd_spent": 1}}}
    )

    result = await mode.call(responses_generator(Api(stream)), "Hi", streaming_callback=chunks.append)

    assert result["replies"][0].tool_calls[0].arguments == {"city": "Paris"}
    assert result["replies"][0].meta["cost"] == {"usd_spent": 1}
    assert result["replies"][0].meta["finish_reason"] == "tool_calls"
    assert [chunk.tool_calls[0].arguments for chunk in chunks if chunk.tool_calls] == ['{"city": "Paris"}']


ADDED = {"type": "response.output_item.added", "output_index": 0, "item": function_call("")}
ARGUMENTS_DONE = {
    "type": "response.function_call_arguments.done",
    "output_index": 0,
    "item_id": "fc_1",
    "arguments": '{"city": "Paris"}',
}
DONE = {"type": "response.output_item.done", "output_index": 0, "item": function_call()}
COMPLETED = {"type": "response.completed", "response": {"id": "resp_1"}}


@streamed_only
@pytest.mark.parametrize(
    "said",
    [
        [ADDED, ARGUMENTS_DONE, DONE],
        [ADDED, ARGUMENTS_DONE],
        [ADDED, DONE],
        [ARGUMENTS_DONE | {"name": "weather"}, DONE],
        [ARGUMENTS_DONE | {"name": "weather"}],
        [ADDED, {**ARGUMENTS_DONE, "type": "response.function_call_arguments.delta", "delta": ""}, ARGUMENTS_DONE],
        [ADDED | {"item": function_call()}, ARGUMENTS_DONE, DONE],
        [
            ADDED,
            {**ARGUMENTS_DONE, "type": "response.function_call_arguments.delta", "delta": '{"city": "Paris"}'},
            DONE,
        ],
    ],
)
async def test_arguments_are_in_one_chunk_however_they_come(mode: Mode, said: list[dict[str, Any]]) -> None:
    chunks: list[StreamingChunk] = []
    api = Api(responses_sse(*said, COMPLETED))
    reply = (await mode.call(responses_generator(api), "Hi", streaming_callback=chunks.append))["replies"][0]
    deltas = [chunk.tool_calls[0] for chunk in chunks if chunk.tool_calls]
    assert [delta.arguments for delta in deltas if delta.arguments] == ['{"city": "Paris"}']
    assert {(delta.index, delta.id) for delta in deltas} == {(0, "fc_1")}
    assert [chunk.start for chunk in chunks if chunk.tool_calls] == [True, False][: len(deltas)] + [False] * (
        len(deltas) - 2
    )
    (call,) = reply.tool_calls
    assert (call.id, call.tool_name, call.arguments) == ("fc_1", "weather", {"city": "Paris"})


@streamed_only
async def test_reasoning_chunks_carry_what_must_go_back(mode: Mode) -> None:
    chunks: list[StreamingChunk] = []
    summary = [{"type": "summary_text", "text": "Hm, let me"}]
    item = {**REASONING, "summary": summary}
    await mode.call(responses_generator(Api(response(item))), "Hi", streaming_callback=chunks.append)
    assert [chunk.reasoning.to_dict() for chunk in chunks if chunk.reasoning] == [
        {"reasoning_text": "Hm, l", "extra": {"type": "reasoning", "id": "rs_1"}},
        {"reasoning_text": "et me", "extra": {"type": "reasoning", "id": "rs_1"}},
        {"reasoning_text": "", "extra": item},
    ]


@streamed_only
async def test_haystacks_own_helper_rebuilds_the_reply_from_the_chunks(mode: Mode) -> None:
    chunks: list[StreamingChunk] = []
    body = response({**REASONING, "summary": [{"type": "summary_text", "text": "Hm."}]}, function_call())
    api = Api(body)
    reply = (await mode.call(responses_generator(api), "Hi", streaming_callback=chunks.append))["replies"][0]
    rebuilt = rebuild(chunks)
    assert rebuilt.tool_calls == reply.tool_calls
    assert rebuilt.reasoning == reply.reasoning


@streamed_only
async def test_an_output_of_a_hosted_tool_is_no_response(mode: Mode) -> None:
    shell = {
        "type": "response.shell_call_output_content.done",
        "output_index": 0,
        "item_id": "sh_1",
        "command_index": 7,
    }
    stream = events(response(message("Hello you")))
    stream[-1] = COMPLETED
    stream.insert(2, {**shell, "output": [{"stdout": "x", "outcome": {"type": "exit"}}]})
    reply = await ask_responses(Api(responses_sse(*stream)), mode)
    assert reply.text == "Hello you"
    assert reply.meta.keys() & {"command_index", "item_id", "type", "output"} == set()


@streamed_only
async def test_the_state_of_a_message_is_kept(mode: Mode) -> None:
    stream = [
        {"type": "response.output_item.added", "output_index": 0, "item": message("", status="in_progress")},
        {"type": "response.output_text.delta", "output_index": 0, "item_id": "msg_1", "delta": "Hel"},
    ]
    reply = await ask_responses(Api(responses_sse(*stream)), mode)
    assert (reply.text, reply.meta["message_id"], reply.meta["message_status"]) == ("Hel", "msg_1", "in_progress")


@streamed_only
async def test_pieces_of_a_refusal_add_up(mode: Mode) -> None:
    said = {**message(""), "content": [{"type": "refusal", "refusal": "I will not do it."}]}
    stream = [event for event in events(response(said)) if event["type"].endswith("delta")]
    reply = await ask_responses(Api(responses_sse(*stream, COMPLETED)), mode)
    assert (reply.text, reply.meta["refusal"]) == (None, "I will not do it.")


@streamed_only
async def test_messages_that_no_event_shows_whole_are_kept_as_they_would_be(mode: Mode) -> None:
    delta = "response.refusal.delta"
    pieces = [{"type": delta, "output_index": index, "delta": text} for index, text in ((0, "No"), (0, ","), (1, "no"))]
    reply = await ask_responses(Api(responses_sse(*pieces, COMPLETED)), mode)
    assert [item["content"] for item in reply.meta["output"]] == [
        [{"type": "refusal", "refusal": text}] for text in ("No,", "no")
    ]


@streamed_only
async def test_items_are_in_the_order_of_their_indices(mode: Mode) -> None:
    delta = "response.output_text.delta"
    pieces = [{"type": delta, "output_index": index, "delta": text} for index, text in ((2, "c"), (0, "a"), (1, "b"))]
    reply = await ask_responses(Api(responses_sse(*pieces, COMPLETED)), mode)
    assert reply.text == "abc"


@streamed_only
async def test_lines_are_broken_between_parts_of_a_summary(mode: Mode) -> None:
    kind = "response.reasoning_summary_text.delta"
    pieces = [{"type": kind, "output_index": 0, "summary_index": n // 2, "delta": f"{n}"} for n in range(6)]
    reply = await ask_responses(Api(responses_sse(*pieces, COMPLETED)), mode)
    assert reply.reasoning is not None
    assert reply.reasoning.reasoning_text == "01\n23\n45"


@streamed_only
async def test_a_character_cut_in_two_is_joined(mode: Mode) -> None:
    chunks: list[StreamingChunk] = []
    pieces = [
        {"type": "response.output_text.delta", "output_index": 0, "delta": half}
        for half in ("Hi \ud83d", "\ude00 there")
    ]
    api = Api(responses_sse(*pieces, COMPLETED))
    reply = (await mode.call(responses_generator(api), "Hi", streaming_callback=chunks.append))["replies"][0]
    assert reply.text == "Hi 😀 there"
    assert [chunk.content for chunk in chunks if chunk.content] == ["Hi 😀", " there"]


@streamed_only
async def test_arguments_may_come_without_their_call(mode: Mode) -> None:
    chunks: list[StreamingChunk] = []
    delta = {"type": "response.function_call_arguments.delta", "output_index": 0, "item_id": "fc_1", "delta": "{}"}
    await mode.call(responses_generator(Api(responses_sse(delta))), "Hi", streaming_callback=chunks.append)
    assert [chunk.tool_calls[0].to_dict() for chunk in chunks] == [
        {"index": 0, "tool_name": None, "arguments": "{}", "id": "fc_1", "extra": None}
    ]


@streamed_only
@pytest.mark.parametrize(
    "odd",
    [
        {"type": "response.in_progress", "response": "x"},
        {"type": "response.completed", "response": "x"},
        {"type": "response.completed", "response": {"output": "x"}},
        {"type": "response.completed", "response": {"output": {"a": 1}}},
        {"type": "response.completed", "response": {"status": None, "incomplete_details": [], "output": 5}},
        {"type": "response.output_item.done", "output_index": 0, "item": "x"},
        {"type": "response.output_item.done", "output_index": 0, "item": None},
        {"type": ["response.output_text.delta"], "delta": "x"},
        {"type": "response.output_text.delta", "output_index": {"a": 1}, "delta": None},
        {"type": "response.output_text.delta", "delta": []},
    ],
)
async def test_odd_events_cost_no_text(mode: Mode, odd: dict[str, Any]) -> None:
    stream = [event for event in events(response(message("Hello you"))) if event["type"].endswith("delta")]
    assert (await ask_responses(Api(responses_sse(*stream[:1], odd, *stream[1:])), mode)).text == "Hello you"


@streamed_only
async def test_a_refusal_may_follow_a_content_of_another_shape(mode: Mode) -> None:
    added: dict[str, Any] = {"type": "response.output_item.added", "output_index": 0, "item": {"type": "message"}}
    added["item"]["content"] = {"type": "output_text", "text": "No"}
    stream = responses_sse(added, {"type": "response.refusal.delta", "output_index": 0, "delta": "never."})
    reply = await ask_responses(Api(stream), mode)
    assert (reply.text, reply.meta["refusal"]) == ("No", "never.")


@streamed_only
@pytest.mark.parametrize("whole", [True, False])
async def test_arguments_may_come_as_an_object(mode: Mode, whole: bool, capsys: pytest.CaptureFixture[str]) -> None:
    added = {"type": "response.output_item.added", "output_index": 0}
    delta = {"type": "response.function_call_arguments.delta", "output_index": 0, "delta": {"city": "Zürich"}}
    said = [{**added, "item": function_call({"city": "Zürich"})}] if whole else [added, delta]
    if not whole:
        said[0]["item"] = function_call("")
    api = Api(responses_sse(*said, {"type": "response.completed", "response": {}}))
    result = await mode.call(responses_generator(api), "Hi", streaming_callback=print_streaming_chunk)
    assert result["replies"][0].tool_call.arguments == {"city": "Zürich"}
    assert 'Arguments: {"city": "Zürich"}' in capsys.readouterr().out


@streamed_only
@pytest.mark.parametrize(
    ("event", "told"),
    [
        ({"type": "error", "code": "server_error", "message": "Bad luck.", "param": None}, "Bad luck."),
        (
            {"type": "response.failed", "response": response(status="failed", error={"message": "Bad luck."})},
            "Bad luck.",
        ),
        ({"type": "response.failed", "response": response(status="failed")}, "error in the stream"),
        ({"error": {"message": "Bad luck."}}, "Bad luck."),
    ],
)
async def test_an_error_in_the_stream_is_raised(mode: Mode, event: Any, told: str) -> None:
    stream = events(response(message("Hello")))[:4]
    with pytest.raises(openai.APIError, match=told):
        await ask_responses(Api(responses_sse(*stream, event)), mode)


@streamed_only
@pytest.mark.parametrize("begun", [[], [{"type": "response.created", "response": response(status="in_progress")}]])
async def test_a_stream_without_a_response_is_an_error(mode: Mode, begun: list[dict[str, Any]]) -> None:
    with pytest.raises(openai.APIError, match=r"^The stream ended without a response") as raised:
        await ask_responses(Api(responses_sse(*begun)), mode)
    assert raised.value.body["status"] == "in_progress"


@streamed_only
async def test_an_error_that_was_not_streamed_is_raised(mode: Mode) -> None:
    """Read as the stream's only frame."""
    with pytest.raises(openai.APIError, match="Bad luck"):
        await ask_responses(Api(httpx2.Response(200, json={"error": {"message": "Bad luck"}})), mode)


@streamed_only
@pytest.mark.parametrize("ending", ["callback", "error", "cut"])
async def test_a_stream_is_closed_whatever_ends_it(mode: Mode, ending: str) -> None:
    class Body(httpx2.SyncByteStream, httpx2.AsyncByteStream):
        closed = 0

        def pieces(self) -> Iterator[bytes]:
            yield responses_sse(*events(response(message("Hello")))[:4]).content
            if ending == "cut":
                raise httpx2.ReadError(ending)
            yield b'data: {"type": "error", "message": "Bad luck"}\n\n'
            pytest.fail("read on")

        def __iter__(self) -> Iterator[bytes]:
            yield from self.pieces()

        async def __aiter__(self) -> AsyncIterator[bytes]:
            for piece in self.pieces():
                yield piece

        def close(self) -> None:
            self.closed += 1

        async def aclose(self) -> None:
            self.closed += 1

    def callback(chunk: StreamingChunk) -> None:
        if ending == "callback" and chunk.content:
            raise KeyboardInterrupt

    stream = Body()
    api = Api(httpx2.Response(200, headers={"content-type": "text/event-stream"}, stream=stream))
    expected = {"callback": KeyboardInterrupt, "cut": openai.APIConnectionError, "error": openai.APIError}[ending]
    with pytest.raises(expected) as raised:
        await mode.call(responses_generator(api), "Hi", streaming_callback=callback)
    assert raised.tb, "keeps every local variable alive"
    assert stream.closed == 1


@streamed_only
async def test_a_model_that_does_not_stream_gives_the_same_reply(mode: Mode) -> None:
    body = response(message("Hello"))
    streamed = await ask_responses(Api(httpx2.Response(200, json=body)), mode)
    plain = await ask_responses(Api(body), mode.plain)
    assert streamed == plain
