# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""Structured output of models that do not take a schema in `response_format`."""

import json
import re
from typing import Any

import pytest
from haystack.components.agents import Agent
from haystack.dataclasses import ChatMessage, StreamingChunk
from haystack.tools import Tool
from pydantic import BaseModel

from tests.support.api import Api, chat_generator, plain, sse
from tests.support.asking import check_chunks
from tests.support.modes import SYNC, SYNC_STREAMED, Mode, in_all_modes, plain_only, streamed_only
from tests.support.replies import completion, end, frame

GROK = "x-ai/grok-4-6"
CLAUDE = "anthropic/claude-opus-5"
NEWEST_CLAUDE = "anthropic/claude-opus-latest"
JSON_ONLY = "deepseek/deepseek-v4-pro-0813"
CAPTIONER = "alibaba/qwen3-omni-30b-a3b-captioner"
HI = {"role": "user", "content": "Hi"}
TEXT = '{"city": "Zürich"}'


class City(BaseModel):
    """Where it is."""

    city: str


SCHEMA = {
    "type": "object",
    "description": "Where it is.",
    "title": "City",
    "properties": {"city": {"title": "City", "type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
AS_SCHEMA = {"type": "json_schema", "json_schema": {"name": "City", "description": "Of a town.", "schema": SCHEMA}}
NAMED = {"type": "function", "function": {"name": "structured_output"}}
INSTRUCTION = "Give the final answer by calling the tool `structured_output`, not as text."
WEATHER = Tool(
    "weather", "The weather.", {"type": "object", "properties": {"city": {"type": "string"}}}, lambda city: "sun"
)
WEATHER_TOOL = {"type": "function", "function": WEATHER.tool_spec}


def answer_tool(description: str = "Give the final answer.", **fields: Any) -> dict[str, Any]:
    function = {"name": "structured_output", "description": description, "parameters": SCHEMA, **fields}
    return {"type": "function", "function": function}


def call(name: str = "structured_output", arguments: Any = TEXT, call_id: str = "call_1") -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def says(*calls: Any, content: Any = None, **fields: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content, "tool_calls": list(calls), **fields}


async def body(mode: Mode, model: str, tools: Any = None, messages: Any = "Hi", **parameters: Any) -> dict[str, Any]:
    api = Api()
    generator = chat_generator(api, model=model, tools=tools, generation_kwargs={"response_format": City})
    await mode.call(generator, messages, generation_kwargs=parameters)
    streaming = {"model", "stream", "stream_options"}
    return {name: value for name, value in api.bodies[0].items() if name not in streaming}


async def reply(mode: Mode, answer: Any, **settings: Any) -> tuple[ChatMessage, list[StreamingChunk]]:
    chunks = list[StreamingChunk]()
    generator = chat_generator(Api(answer), model=GROK, generation_kwargs={"response_format": City}, **settings)
    streaming = {"streaming_callback": chunks.append} if mode.streamed else {}
    (message,) = (await mode.call(generator, "Hi", **streaming))["replies"]
    message.meta.pop("completion_start_time", None)
    assert ChatMessage.from_dict(json.loads(json.dumps(message.to_dict()))) == message
    if mode.streamed and message.meta["finish_reason"]:  # What is held back till the end has no chunk without one.
        check_chunks(chunks, message)
    return message, chunks


# What is sent


@in_all_modes
@pytest.mark.parametrize("model", [GROK, CLAUDE, "claude-haiku-4-5", "minimax/m2-7-20260402"])
async def test_a_model_without_response_format_is_made_to_call_a_tool(mode: Mode, model: str) -> None:
    assert await body(mode, model) == {"messages": [HI], "tools": [answer_tool()], "tool_choice": NAMED}


@in_all_modes
async def test_beside_other_tools_it_has_to_call_one_of_them(mode: Mode) -> None:
    expected = {"messages": [HI], "tools": [WEATHER_TOOL, answer_tool()], "tool_choice": "required"}
    assert await body(mode, GROK, [WEATHER]) == expected
    assert await body(mode, GROK, [WEATHER], tool_choice="auto") == expected
    assert await body(mode, GROK, [WEATHER], tool_choice={"type": "auto"}) == expected


@in_all_modes
@pytest.mark.parametrize(
    ("model", "parameters"),
    [
        (CLAUDE, {"thinking": {"type": "enabled", "budget_tokens": 1024}}),
        (NEWEST_CLAUDE, {}),
        ("alibaba/qwen3.8-max", {}),
    ],
)
async def test_a_model_that_cannot_be_made_to_is_told_to(mode: Mode, model: str, parameters: Any) -> None:
    sent = await body(mode, model, **parameters)
    assert sent == {
        "messages": [{"role": "system", "content": INSTRUCTION}, HI],
        "tools": [answer_tool()],
        "tool_choice": "auto",
        **parameters,
    }


@pytest.mark.parametrize("thinking", [{"type": "adaptive"}, {"type": "disabled"}, None])
async def test_claude_is_made_to_unless_it_has_a_budget_to_think(thinking: Any) -> None:
    assert (await body(SYNC, CLAUDE, thinking=thinking))["tool_choice"] == NAMED


@pytest.mark.parametrize(
    ("system", "instructed"),
    [
        (ChatMessage.from_system("Be brief."), f"Be brief.\n\n{INSTRUCTION}"),
        (
            ChatMessage.from_system("Be brief.", meta={"cache_control": {"type": "ephemeral"}}),
            [
                {"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}},
                {"type": "text", "text": INSTRUCTION},
            ],
        ),
    ],
)
async def test_an_instruction_goes_after_those_of_the_user(system: ChatMessage, instructed: Any) -> None:
    sent = await body(SYNC, NEWEST_CLAUDE, messages=[system, ChatMessage.from_user("Hi")])
    assert sent["messages"] == [{"role": "system", "content": instructed}, HI]


async def test_without_calls_of_other_tools_only_the_answer_is_left() -> None:
    sent = await body(SYNC, GROK, [WEATHER], tool_choice="none")
    assert sent == {"messages": [HI], "tools": [answer_tool()], "tool_choice": NAMED}


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "weather"}}, {"type": "any"}])
async def test_a_call_that_the_user_wants_is_no_answer(choice: Any) -> None:
    sent = await body(SYNC, GROK, [WEATHER], tool_choice=choice)
    assert sent == {"messages": [HI], "tools": [WEATHER_TOOL], "tool_choice": choice}


async def test_a_schema_has_its_own_description() -> None:
    sent = await body(SYNC, GROK, response_format=AS_SCHEMA)
    assert sent["tools"] == [answer_tool("Give the final answer. Of a town.")]


async def test_json_of_any_shape_is_an_open_object() -> None:
    sent = await body(SYNC, GROK, response_format={"type": "json_object"})
    any_object = {"type": "object", "properties": {}, "additionalProperties": True}
    assert sent["tools"] == [answer_tool(parameters=any_object)]


async def test_the_name_is_one_that_no_other_tool_has() -> None:
    taken = Tool("structured_output", "Of the user's.", {"type": "object", "properties": {}}, print)
    sent = await body(SYNC, GROK, [taken, {"type": "web_search"}])
    assert [tool.get("function", {}).get("name") for tool in sent["tools"]] == [
        "structured_output",
        None,
        "structured_output_",
    ]


@in_all_modes
async def test_a_model_of_json_only_is_told_the_schema(mode: Mode) -> None:
    sent = await body(mode, JSON_ONLY)
    (system, user) = sent.pop("messages")
    instruction, _, schema = system.pop("content").partition("\n")
    assert (system, user, sent) == ({"role": "system"}, HI, {"response_format": {"type": "json_object"}})
    assert (instruction, json.loads(schema)) == ("Answer with a JSON object that follows this JSON schema:", SCHEMA)


async def test_the_schema_is_told_as_it_is_written() -> None:
    schema = {"type": "object", "description": "Die Größe"}
    response_format = {"type": "json_schema", "json_schema": {"name": "size", "schema": schema}}
    sent = await body(SYNC, JSON_ONLY, response_format=response_format)
    assert "Die Größe" in sent["messages"][0]["content"]


async def test_a_model_of_json_only_takes_json_without_a_schema_as_it_is() -> None:
    response_format = {"type": "json_object"}
    assert await body(SYNC, JSON_ONLY, response_format=response_format) == {
        "messages": [HI],
        "response_format": response_format,
    }


@pytest.mark.parametrize("response_format", [{"type": "text"}, {"type": "grammar", "grammar": "x"}, "json"])
async def test_other_formats_are_sent_as_they_are(response_format: Any) -> None:
    assert await body(SYNC, GROK, response_format=response_format) == {
        "messages": [HI],
        "response_format": response_format,
    }


@in_all_modes
@pytest.mark.parametrize("response_format", [City, AS_SCHEMA, {"type": "json_object"}])
async def test_what_a_model_cannot_do_is_refused_before_it_is_asked(mode: Mode, response_format: Any) -> None:
    api = Api()
    told = (
        f"The model {CAPTIONER} takes neither `response_format` nor tools. Ask for JSON in a message, or send the "
        'format as it is with `extra_body={"response_format": ...}`.'
    )
    with pytest.raises(ValueError, match=f"^{re.escape(told)}$"):
        generator = chat_generator(api, model=CAPTIONER, generation_kwargs={"response_format": response_format})
        await mode.call(generator, "Hi")
    assert api.requests == []


@in_all_modes
@pytest.mark.parametrize("model", [GROK, CAPTIONER, JSON_ONLY])
async def test_in_extra_body_it_is_sent_as_it_is(mode: Mode, model: str) -> None:
    sent = await body(mode, model, extra_body={"response_format": AS_SCHEMA})
    assert sent == {"messages": [HI], "response_format": AS_SCHEMA}


def test_serialization_knows_nothing_of_it() -> None:
    settings = {"model": GROK, "generation_kwargs": {"response_format": City}}
    data = chat_generator(Api(), **settings).to_dict()["init_parameters"]
    assert data["generation_kwargs"]["response_format"]["json_schema"]["schema"] == SCHEMA
    assert data["tools"] is None


# What comes back


@in_all_modes
@pytest.mark.parametrize("finish_reason", ["tool_calls", "stop", "end_turn", "tool_use"])
async def test_its_call_is_the_text(mode: Mode, finish_reason: str) -> None:
    message, chunks = await reply(mode, completion(says(call()), finish_reason))
    assert (message.text, message.tool_calls, message.meta["finish_reason"]) == (TEXT, [], "stop")
    if mode.streamed:
        assert [chunk.content for chunk in chunks if chunk.content] == [TEXT[:4], TEXT[4:]]
        assert [chunk.tool_calls for chunk in chunks if chunk.tool_calls] == []


@in_all_modes
async def test_a_call_that_broke_off_is_a_text_that_did(mode: Mode) -> None:
    message, _ = await reply(mode, completion(says(call(arguments='{"city')), "length"))
    assert (message.text, message.meta["finish_reason"]) == ('{"city', "length")
    assert "malformed_tool_calls" not in message.meta


@in_all_modes
async def test_the_calls_of_the_user_stay_calls(mode: Mode) -> None:
    weather = call("weather", '{"city": "Rome"}', "call_2")
    message, _ = await reply(mode, completion(says(weather, content="I look."), "tool_calls"), tools=[WEATHER])
    assert (message.text, message.meta["finish_reason"]) == ("I look.", "tool_calls")
    assert [(c.id, c.tool_name, c.arguments) for c in message.tool_calls] == [("call_2", "weather", {"city": "Rome"})]
    message, _ = await reply(mode, completion(says(call(), weather), "tool_calls"), tools=[WEATHER])
    assert (message.text, message.meta["finish_reason"]) == (TEXT, "tool_calls")
    assert [c.id for c in message.tool_calls] == ["call_2"]


@in_all_modes
async def test_a_text_without_a_call_is_the_text(mode: Mode) -> None:
    message, _ = await reply(mode, completion({"role": "assistant", "content": "<think>Hm.</think>It rains."}))
    assert (message.text, message.reasoning.reasoning_text) == ("It rains.", "Hm.")
    assert "preamble" not in message.meta


@in_all_modes
async def test_what_is_said_beside_the_answer_is_kept_apart(mode: Mode) -> None:
    said = says(call(), content="<think>Hm, a town.</think>Here it is:", reasoning_content=None)
    message, chunks = await reply(mode, completion(said, "tool_calls"))
    assert (message.text, message.reasoning.reasoning_text) == (TEXT, "Hm, a town.")
    assert message.meta["preamble"] == "Here it is:"
    if mode.streamed:
        assert "".join(chunk.content for chunk in chunks) == TEXT


@in_all_modes
async def test_parts_of_the_content_survive(mode: Mode) -> None:
    parts = [{"type": "text", "text": "Here:"}, {"type": "citation", "url": "https://example.com"}]
    message, _ = await reply(mode, completion(says(call(), content=parts), "tool_calls"))
    assert (message.text, message.meta["content"], message.meta["preamble"]) == (TEXT, parts[1:], "Here:")


@in_all_modes
async def test_a_second_answer_does_not_spoil_the_first(mode: Mode) -> None:
    message, _ = await reply(mode, completion(says(call(), call(arguments='{"city": "Rome"}', call_id="call_2"))))
    assert (message.text, message.tool_calls) == (TEXT, [])


@in_all_modes
async def test_each_of_several_replies_has_its_answer(mode: Mode) -> None:
    if mode.streamed:
        name = "structured_output"
        parts = [(0, 0, name, TEXT), (1, 0, name, '{"city": '), (2, 0, name, TEXT), (1, 0, None, '"Rome"}')]
        answer = sse(
            *(
                frame(
                    {"tool_calls": [{"index": n, "function": {"name": name, "arguments": piece}}]}, choice={"index": i}
                )
                for i, n, name, piece in parts
            ),
            *(frame({}, "tool_calls", choice={"index": i}) for i in (0, 1, 2)),
        )
    else:
        choices = [
            {"index": i, "message": says(call(arguments=text)), "finish_reason": "tool_calls"}
            for i, text in enumerate((TEXT, '{"city": "Rome"}', TEXT))
        ]
        answer = plain({"id": "c-1", "model": "m-1", "choices": choices})
    generator = chat_generator(Api(answer), model=GROK, generation_kwargs={"response_format": City})
    replies = (await mode.call(generator, "Hi"))["replies"]
    assert [message.text for message in replies] == [TEXT, '{"city": "Rome"}', TEXT]
    assert [message.meta["finish_reason"] for message in replies] == ["stop"] * 3


@in_all_modes
async def test_a_thought_and_the_answer_may_come_at_once(mode: Mode) -> None:
    said = says(call(), content="<think>Hm.</think>Here:")
    answer = sse(frame(said, "tool_calls")) if mode.streamed else plain(completion(said, "tool_calls"))
    message, _ = await reply(mode, answer)
    assert (message.text, message.meta["preamble"]) == (TEXT, "Here:")
    assert message.reasoning is not None
    assert message.reasoning.reasoning_text == "Hm."


@in_all_modes
async def test_arguments_may_come_as_an_object(mode: Mode) -> None:
    said = says(call(arguments={"city": "Zürich"}))
    answer = sse(frame(said, "tool_calls")) if mode.streamed else plain(completion(said, "tool_calls"))
    message, _ = await reply(mode, answer)
    assert message.text == TEXT


@streamed_only
@pytest.mark.parametrize(
    "said",
    [
        [frame(says(call(), content="Here:"), "tool_calls")],
        [frame(choice={"message": says(call(), content="Here:")}, finish_reason="tool_calls")],
        [
            frame({"content": "Here:"}),
            frame({"tool_calls": [call()]}),
            frame(None, "tool_calls"),
            frame(finish_reason="tool_calls"),
        ],
        [frame({"content": "Here:"}), frame({"tool_calls": [call()]}), end("tool_calls"), 'data: {"choices": [1]}\n\n'],
        [
            frame({"content": "Here:"}),
            frame({"tool_calls": [call()]}),
            frame({}, "tool_calls", choice={"message": says(call(), content="Here:")}),
        ],
    ],
    ids=["one frame", "a whole message", "no delta", "odd frames", "the whole message again"],
)
async def test_frames_of_any_shape_give_the_answer(mode: Mode, said: Any) -> None:
    message, _ = await reply(mode, sse(*said))
    assert (message.text, message.tool_calls, message.meta["finish_reason"]) == (TEXT, [], "stop")
    assert message.meta["preamble"] == "Here:"


@streamed_only
@pytest.mark.parametrize("text", ["It rains.", "<think>Hm.</think>It rains.", "<think>Hm.</think> "])
async def test_a_stream_that_breaks_off_loses_nothing(mode: Mode, text: str) -> None:
    message, _ = await reply(mode, sse(*(frame({"content": letter}) for letter in text)))
    thought = message.reasoning.reasoning_text if message.reasoning else ""
    assert (message.text or "", thought) == ("It rains." if "rains" in text else "", "Hm." if "think" in text else "")


@streamed_only
async def test_a_thought_and_a_text_may_come_with_the_end(mode: Mode) -> None:
    message, _ = await reply(mode, sse(frame({"content": "<think>Hm.</think>It rains."}, "stop")))
    assert (message.text, message.reasoning and message.reasoning.reasoning_text) == ("It rains.", "Hm.")


@streamed_only
async def test_any_cut_gives_the_same_answer(mode: Mode) -> None:
    text = "<think>Hm,\n a town.</think>\n\nHere it is:"
    for size in range(1, len(text)):
        pieces = [text[at : at + size] for at in range(0, len(text), size)]
        said = [*(frame({"content": piece}) for piece in pieces), frame({"tool_calls": [call()]}), end("tool_calls")]
        message, _ = await reply(mode, sse(*said))
        assert (message.text, message.reasoning.reasoning_text) == (TEXT, "Hm,\n a town.")
        assert message.meta["preamble"] == "Here it is:"


@in_all_modes
async def test_what_is_no_call_of_a_function_stays(mode: Mode) -> None:
    said = says({"id": "x", "type": "custom", "custom": {"name": "y"}}, "z")
    answer = sse(frame(said), end("tool_calls")) if mode.streamed else plain(completion(said, "tool_calls"))
    message, _ = await reply(mode, answer)
    assert message.meta["tool_calls"][-1] == "z"


@plain_only
async def test_the_call_may_be_in_a_delta(mode: Mode) -> None:
    choice = {"index": 0, "delta": says(call()), "finish_reason": "tool_calls"}
    message, _ = await reply(mode, plain({"id": "c-1", "choices": [choice]}))
    assert (message.text, message.tool_calls, message.meta["finish_reason"]) == (TEXT, [], "stop")


async def test_a_component_that_is_not_run_reads_a_stream_as_it_is() -> None:
    """As a subclass with a `run` of its own does."""
    chunks = [frame({"content": "Hi"}), end()]
    (message,) = chat_generator(Api())._handle_stream_response(chunks, lambda chunk: None)
    assert message.text == "Hi"


def test_arguments_can_be_had_without_a_call() -> None:
    generator = chat_generator(Api(), model=GROK, generation_kwargs={"response_format": City})
    arguments = generator._prepare_api_call(messages=[ChatMessage.from_user("Hi")])
    assert arguments["tools"] == [answer_tool()]
    assert (arguments["tool_choice"], arguments["extra_body"]) == (NAMED, {})


async def test_a_body_without_choices_is_an_error() -> None:
    with pytest.raises(Exception, match="without choices"):
        await reply(SYNC, plain({"id": "c-1", "choices": None}))
    with pytest.raises(Exception, match="without choices"):
        await reply(SYNC, plain({"id": "c-1", "choices": [1]}))


@in_all_modes
async def test_an_agent_ends_with_the_answer(mode: Mode) -> None:
    weather = call("weather", '{"city": "Rome"}', "call_2")
    api = Api(completion(says(weather), "tool_calls"), completion(says(call()), "tool_calls"))
    generator = chat_generator(api, model=GROK, generation_kwargs={"response_format": City})
    agent = Agent(chat_generator=generator, tools=[WEATHER])
    messages = (await mode.call(agent, [ChatMessage.from_user("Hi")]))["messages"]
    assert [message.role.value for message in messages] == ["user", "assistant", "tool", "assistant"]
    assert messages[-1].text == TEXT
    assert [body["tool_choice"] for body in api.bodies] == ["required", "required"]
    assert len(api.bodies[1]["messages"]) == 3


async def test_one_call_knows_nothing_of_another() -> None:
    generator = chat_generator(Api(completion(says(call()), "tool_calls")), model=GROK)
    for mode in (SYNC, SYNC_STREAMED):
        (first,) = (await mode.call(generator, "Hi", generation_kwargs={"response_format": City}))["replies"]
        (second,) = (await mode.call(generator, "Hi"))["replies"]
        assert (first.text, second.text) == (TEXT, None)
        assert [c.tool_name for c in second.tool_calls] == ["structured_output"]
