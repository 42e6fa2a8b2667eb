# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""Tools that the provider runs: how they are set, and how calls of them go back."""

import json
from typing import Any

import pytest
from haystack import Pipeline
from haystack.components.agents import Agent
from haystack.dataclasses import ChatMessage, ToolCall
from haystack.tools import Tool, Toolset

from haystack_integrations.components.generators.aimlapi import AIMLAPIChatGenerator
from tests.support.api import Api, chat_generator, responses_generator
from tests.support.modes import SYNC, Mode, in_all_modes
from tests.support.replies import USAGE, completion

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
SEARCH = {"type": "builtin_function", "function": {"name": "$web_search"}}
CACHED = {"type": "function", "function": {"name": "cached"}, "cache_control": {"type": "ephemeral"}}


def weather(city: str) -> str:
    return f"{city}: sunny"


WEATHER = Tool("weather", "The weather.", CITY, weather)
SPEC = {"type": "function", "function": WEATHER.tool_spec}
QUERY = '{"query": "Zürich"}'
HI = {"role": "user", "content": "Hi"}


def call(name: str, arguments: str, call_id: str, kind: str = "function") -> dict[str, Any]:
    return {"id": call_id, "type": kind, "function": {"name": name, "arguments": arguments}}


SEARCH_CALL = call("$web_search", QUERY, "s_1", "builtin_function")
WEATHER_CALL = call("weather", '{"city": "Rome"}', "w_1")
SEARCH_RESULT = {"role": "tool", "tool_call_id": "s_1", "name": "$web_search", "content": QUERY}
WEATHER_RESULT = {"role": "tool", "tool_call_id": "w_1", "content": "Rome: sunny"}
DONE = completion({"role": "assistant", "content": "It rains."})


def calling(*calls: Any, content: str | None = None) -> dict[str, Any]:
    return completion({"role": "assistant", "content": content, "tool_calls": list(calls)}, "tool_calls")


# How they are set


@in_all_modes
@pytest.mark.parametrize(
    ("init", "run", "sent"),
    [
        ([SEARCH], None, [SEARCH]),
        (None, [SEARCH], [SEARCH]),
        ([WEATHER, SEARCH, CACHED], None, [SPEC, SEARCH, CACHED]),
        ([Toolset([WEATHER]), SEARCH], None, [SPEC, SEARCH]),
        # An Agent passes objects only.
        ([SEARCH, CACHED], [WEATHER], [SEARCH, SPEC]),
        ([SEARCH], Toolset([WEATHER]), [SEARCH, SPEC]),
        # A definition without a type is of a function.
        ([{"function": {"name": "cached"}}, SEARCH], [WEATHER], [SEARCH, SPEC]),
        (Toolset([WEATHER]), [WEATHER], [SPEC]),
        ([SEARCH], [CACHED, WEATHER], [CACHED, SPEC]),
        ([SEARCH], [], None),
    ],
)
async def test_definitions_are_sent_as_they_are(mode: Mode, init: Any, run: Any, sent: Any) -> None:
    api = Api()
    await mode.call(chat_generator(api, tools=init), "Hi", tools=run)
    assert api.bodies[0].get("tools") == sent


async def test_responses_take_both_kinds_as_well() -> None:
    api = Api()
    hosted = {"type": "web_search_preview"}
    component = responses_generator(api, model="openai/gpt-4o", tools=[hosted, WEATHER])
    component.run("Hi")
    component.run("Hi", tools=[WEATHER])
    function = {"type": "function", **WEATHER.tool_spec, "strict": False}
    function["parameters"] = {**CITY, "additionalProperties": False}
    assert [body["tools"] for body in api.bodies] == [[hosted, function], [hosted, function]]


@pytest.mark.parametrize("make", [chat_generator, responses_generator])
def test_they_survive_yaml(make: Any) -> None:
    tools = [SEARCH, WEATHER, Toolset([Tool("b", "B.", CITY, weather)])]
    component = make(Api(), tools=tools)
    component.http_client_kwargs = None
    pipeline = Pipeline()
    pipeline.add_component("chat", component)
    loaded = Pipeline.loads(pipeline.dumps()).get_component("chat")
    assert loaded.tools[:2] == tools[:2]
    assert [tool.name for tool in loaded.tools[2]] == ["b"]
    assert loaded.to_dict() == component.to_dict()
    data = component.to_dict()
    del data["init_parameters"]["tools"]
    assert type(component).from_dict(data).tools is None


def test_what_is_no_tool_is_refused() -> None:
    with pytest.raises(TypeError):
        chat_generator(Api(), tools=[SEARCH, "weather"])
    with pytest.raises(ValueError, match="weather"):
        chat_generator(Api(), tools=[SEARCH, WEATHER, WEATHER])


# How calls of them go back


@in_all_modes
@pytest.mark.parametrize("kind", ["builtin_function", "function"])
async def test_a_call_goes_back_as_it_came(mode: Mode, kind: str) -> None:
    called = {**SEARCH_CALL, "type": kind}
    api = Api(calling(called), DONE)
    chunks: list[Any] = []
    streaming = {"streaming_callback": chunks.append} if mode.streamed else {}
    (reply,) = (await mode.call(chat_generator(api, tools=[SEARCH]), "Hi", **streaming))["replies"]
    assert api.bodies[1]["messages"] == [HI, {"role": "assistant", "tool_calls": [called]}, SEARCH_RESULT]
    assert [body["tools"] for body in api.bodies] == [[SEARCH], [SEARCH]]
    assert (reply.text, reply.tool_calls, reply.meta["finish_reason"]) == ("It rains.", [], "stop")
    (past,) = reply.meta["hosted_tool_rounds"]
    assert past["meta"]["usage"] == USAGE
    assert [ToolCall.from_dict(call).tool_name for call in past["meta"]["hosted_tool_calls"]] == ["$web_search"]
    assert ChatMessage.from_dict(json.loads(json.dumps(reply.to_dict()))) == reply
    if mode.streamed:
        assert "".join(chunk.content for chunk in chunks) == "It rains."
        shown = [call.tool_name for chunk in chunks for call in chunk.tool_calls or () if call.tool_name]
        assert shown == ["$web_search"]


@in_all_modes
async def test_an_agent_that_has_no_such_tool_does_not_fail(mode: Mode) -> None:
    api = Api(calling(SEARCH_CALL), calling(SEARCH_CALL, WEATHER_CALL, content="I look."), calling(SEARCH_CALL), DONE)
    agent = Agent(chat_generator=chat_generator(api, tools=[SEARCH]), tools=[WEATHER])
    messages = (await mode.call(agent, [ChatMessage.from_user("Hi")]))["messages"]
    assert [message.role.value for message in messages] == ["user", "assistant", "tool", "assistant"]
    assert messages[-1].text == "It rains."
    assert [body["tools"] for body in api.bodies] == [[SEARCH, SPEC]] * 4
    both = {"role": "assistant", "content": "I look.", "tool_calls": [WEATHER_CALL, SEARCH_CALL]}
    search = [{"role": "assistant", "tool_calls": [SEARCH_CALL]}, SEARCH_RESULT]
    assert api.bodies[1]["messages"] == [HI, *search]
    assert api.bodies[2]["messages"] == [HI, *search, both, SEARCH_RESULT, WEATHER_RESULT]
    assert api.bodies[3]["messages"] == [*api.bodies[2]["messages"], *search]


async def test_a_conversation_goes_on_from_messages() -> None:
    api = Api(calling(SEARCH_CALL), DONE)
    generator = chat_generator(api, tools=[SEARCH])
    messages = [ChatMessage.from_user("Hi")]
    (reply,) = generator.run(messages)["replies"]
    generator.run([*messages, reply, *messages])
    turns = [HI, {"role": "assistant", "content": "It rains."}, HI]
    assert api.bodies[2]["messages"] == turns
    generator.run([*messages, reply, *messages, ChatMessage.from_assistant("It")])
    assert api.bodies[3]["messages"] == [*turns, {"role": "assistant", "content": "It"}]
    generator.run([reply, *messages])
    assert api.bodies[4]["messages"] == turns[1:]
    assert messages == [ChatMessage.from_user("Hi")]


async def test_a_text_beside_a_call_goes_back_with_it() -> None:
    api = Api(calling(SEARCH_CALL, content="I look."), DONE)
    chat_generator(api, tools=[SEARCH]).run("Hi")
    assert api.bodies[1]["messages"][1] == {"role": "assistant", "content": "I look.", "tool_calls": [SEARCH_CALL]}


@in_all_modes
async def test_a_model_that_never_ends_is_stopped(mode: Mode) -> None:
    api = Api(calling(SEARCH_CALL))
    (reply,) = (await mode.call(chat_generator(api, tools=[SEARCH]), "Hi"))["replies"]
    assert len(api.requests) == 11
    assert len(reply.meta["hosted_tool_rounds"]) == 10
    assert (reply.text, reply.tool_calls, reply.meta["finish_reason"]) == (None, [], "tool_calls")
    assert len(reply.meta["hosted_tool_calls"]) == 1


async def test_of_several_replies_none_is_gone_on_from() -> None:
    answer = calling(SEARCH_CALL)
    answer["choices"] = [{**answer["choices"][0], "index": index} for index in (0, 1)]
    api = Api(answer)
    replies = (await SYNC.call(chat_generator(api, tools=[SEARCH]), "Hi", generation_kwargs={"n": 2}))["replies"]
    assert [len(reply.meta["hosted_tool_calls"]) for reply in replies] == [1, 1]
    assert len(api.requests) == 1


def test_it_can_be_made_of_a_dictionary() -> None:
    data = AIMLAPIChatGenerator(tools=[SEARCH]).to_dict()
    assert data["init_parameters"]["tools"] == [SEARCH]
    assert AIMLAPIChatGenerator.from_dict(data).tools == [SEARCH]
