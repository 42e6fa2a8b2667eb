# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

import json
from collections.abc import Callable
from copy import deepcopy
from importlib.metadata import version
from typing import Any, Generic, TypeVar

import pytest
from haystack.components.agents import Agent
from haystack.dataclasses import ChatMessage, FileContent, ImageContent, StreamingChunk, TextContent, ToolCall
from haystack.tools import Tool, Toolset
from haystack.utils import Secret
from openai import DEFAULT_TIMEOUT
from pydantic import BaseModel

from tests.support.api import Api, chat_body, chat_generator
from tests.support.modes import ASYNC_STREAMED, Mode, in_all_modes, streamed_only
from tests.support.replies import MODEL, PIXEL, completion

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def look_up(city: str) -> str:
    return f"{city}: sunny"


def tool(name: str = "look_up", parameters: dict[str, Any] = CITY) -> Tool:
    return Tool(name, f"Does {name}.", parameters, look_up)


def function(name: str = "look_up", parameters: dict[str, Any] = CITY, **fields: Any) -> dict[str, Any]:
    return {
        "type": "function",
        "function": {"name": name, "description": f"Does {name}.", "parameters": parameters, **fields},
    }


def tool_call(call_id: str = "call_1", **fields: Any) -> dict[str, Any]:
    spec = {"name": "look_up", "arguments": '{"city": "Zürich 🏔"}'}
    return {"id": call_id, "type": "function", "function": spec, **fields}


# Parameters


@in_all_modes
@pytest.mark.parametrize(
    ("init", "run", "sent"),
    [
        (None, None, {}),
        (
            {"temperature": 0.1, "top_p": 0.9},
            {"temperature": 0, "seed": 7},
            {"temperature": 0, "top_p": 0.9, "seed": 7},
        ),
        # Nobody knows these keys but the provider.
        (
            {"top_k": 3, "thinking": {"type": "enabled"}},
            {"magic": [None, {"a": 1}]},
            {"top_k": 3, "thinking": {"type": "enabled"}, "magic": [None, {"a": 1}]},
        ),
        # One level deep is one level: values are replaced whole.
        (
            {"reasoning": {"effort": "low", "exclude": True}},
            {"reasoning": {"effort": "high"}},
            {"reasoning": {"effort": "high"}},
        ),
        (
            {"extra_body": {"a": {"x": 1}, "b": 2}},
            {"extra_body": {"a": {"y": 1}, "c": 3}},
            {"a": {"y": 1}, "b": 2, "c": 3},
        ),
        ({"extra_body": {"seed": 1}, "seed": 2}, {}, {"seed": 1}),
        ({"extra_body": {"seed": 1}}, {"extra_body": None}, {}),
        (
            {},
            {"tool_choice": "required", "parallel_tool_calls": False},
            {"tool_choice": "required", "parallel_tool_calls": False},
        ),
        ({"stop": None, "logprobs": False, "user": ""}, {}, {"stop": None, "logprobs": False, "user": ""}),
        ({"n": 1}, {}, {"n": 1}),
        ({"n": 2}, {"n": None}, {}),
        ({"response_format": {"type": "text"}}, {"response_format": None}, {}),
        ({"stream": True}, {}, {}),
        ({}, {"stream": False}, {}),
        ({}, {"extra_body": {"stream": False}}, {}),
        ({}, {"stream_options": {"include_usage": False}}, {"stream_options": {"include_usage": False}}),
        (
            {},
            {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "mp3"}},
            {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "mp3"}},
        ),
    ],
)
async def test_parameters_are_fields_of_the_body(mode: Mode, init: Any, run: Any, sent: Any) -> None:
    api = Api()
    await mode.call(chat_generator(api, generation_kwargs=init), "Hi", generation_kwargs=run)
    assert api.bodies == [chat_body(mode, **sent)]


@in_all_modes
async def test_request_options_are_no_fields_of_the_body(mode: Mode) -> None:
    api = Api()
    component = chat_generator(api, generation_kwargs={"extra_query": {"a": "1"}, "timeout": 3})
    await mode.call(component, "Hi", generation_kwargs={"timeout": 4.5, "extra_headers": {"X-A": "1"}})
    await mode.call(component, "Hi", generation_kwargs={"timeout": None, "extra_query": None})
    first, second = api.requests
    assert api.bodies == [chat_body(mode), chat_body(mode)]
    assert (first.url.query, second.url.query) == (b"a=1", b"")
    assert (first.headers.get("x-a"), second.headers.get("x-a")) == ("1", None)
    assert first.extensions["timeout"] == dict.fromkeys(("connect", "read", "write", "pool"), 4.5)
    assert second.extensions["timeout"] == DEFAULT_TIMEOUT.as_dict()


@in_all_modes
@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"tools": []},
            "`tools` cannot be set in `generation_kwargs`. Use the `tools` of init or `run`, which take dictionaries.",
        ),
        (
            {"messages": []},
            (
                "`messages` cannot be set in `generation_kwargs`. Use the `messages` of `run`, and `cache_control` in "
                "the `meta` of a message to cache a prompt."
            ),
        ),
        ({"text_format": BaseModel}, "`text_format` cannot be set in `generation_kwargs`. Use `response_format`."),
        ({"model": "other"}, "`model` cannot be set in `generation_kwargs`. Use the init parameter `model`."),
        (
            {"extra_body": {"model": "other"}},
            "`model` cannot be set in `generation_kwargs`. Use the init parameter `model`.",
        ),
    ],
)
async def test_parameters_with_a_place_of_their_own_are_refused(mode: Mode, parameters: Any, message: str) -> None:
    api = Api()
    for init, run in ((parameters, None), (None, parameters)):
        with pytest.raises(ValueError) as refused:
            await mode.call(chat_generator(api, generation_kwargs=init), "Hi", generation_kwargs=run)
        assert str(refused.value) == message
    assert api.requests == []


@in_all_modes
@pytest.mark.parametrize("parameters", [{"n": 2}, {"extra_body": {"n": 2}}])
async def test_several_replies_cannot_be_streamed(mode: Mode, parameters: Any) -> None:
    api = Api()
    component = chat_generator(api, generation_kwargs=parameters)
    if mode.streamed:
        with pytest.raises(ValueError, match=r"^Cannot stream multiple responses, please set n=1\.$"):
            await mode.call(component, "Hi")
        assert api.requests == []
    else:
        await mode.call(component, "Hi")
        assert api.bodies == [chat_body(mode, n=2)]


@streamed_only
@pytest.mark.parametrize("place", ["init", "run"])
async def test_stream_options_none_sends_none(mode: Mode, place: str) -> None:
    api = Api()
    init, run = ({"stream_options": None}, None) if place == "init" else (None, {"stream_options": None})
    await mode.call(chat_generator(api, generation_kwargs=init), "Hi", generation_kwargs=run)
    assert api.bodies == [{"model": MODEL, "messages": [{"role": "user", "content": "Hi"}], "stream": True}]


# Headers

ATTRIBUTION = {"http-referer": "https://github.com/deepset-ai/haystack-core-integrations", "x-title": "Haystack"}


def own_headers(api: Api) -> dict[str, str]:
    """The headers that are neither the HTTP client's nor the SDK's."""
    usual = {"accept", "accept-encoding", "connection", "content-length", "content-type", "host", "user-agent"}
    (request,) = api.requests
    return {
        name: value
        for name, value in request.headers.multi_items()
        if name not in usual and not name.startswith("x-stainless-")
    }


@in_all_modes
@pytest.mark.parametrize(
    ("init", "init_parameters", "run", "sent"),
    [
        (None, None, None, ATTRIBUTION),
        ({"X-Title": "Mine"}, None, None, {**ATTRIBUTION, "x-title": "Mine"}),
        ({"x-TITLE": "Mine"}, None, {"X-title": "Run's"}, {**ATTRIBUTION, "x-title": "Run's"}),
        (
            {"x-a": "1", "x-b": "1", "x-c": "1"},
            {"X-B": "2", "X-C": "2"},
            {"x-C": "3"},
            {**ATTRIBUTION, "x-a": "1", "x-b": "2", "x-c": "3"},
        ),
        (
            {"X-A": Secret.from_token("s3cret")},
            None,
            {"X-B": Secret.from_env_var("HEADER")},
            {**ATTRIBUTION, "x-a": "s3cret", "x-b": "from the environment"},
        ),
        # A secret that is not there is not sent, and one that is not needed is not looked up.
        (
            {"X-Title": Secret.from_env_var("UNSET", strict=False), "X-A": "1"},
            None,
            None,
            {"http-referer": ATTRIBUTION["http-referer"], "x-a": "1"},
        ),
        (
            {"X-A": Secret.from_env_var("UNSET")},
            {"X-B": Secret.from_env_var("UNSET")},
            {"x-a": "1", "X-B": "2"},
            {**ATTRIBUTION, "x-a": "1", "x-b": "2"},
        ),
        (
            {"X-Client-Request-Id": "not valid"},
            None,
            {"x-client-request-id": "A.b_c:d-9"},
            {**ATTRIBUTION, "x-client-request-id": "A.b_c:d-9"},
        ),
    ],
)
async def test_headers_are_laid_over_each_other(
    mode: Mode, init: Any, init_parameters: Any, run: Any, sent: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = Api()
    component = chat_generator(
        api, extra_headers=init, generation_kwargs={"extra_headers": init_parameters} if init_parameters else None
    )
    # Secrets are resolved when sending.
    monkeypatch.setenv("HEADER", "from the environment")
    await mode.call(component, "Hi", generation_kwargs={"extra_headers": run} if run else None)
    assert own_headers(api) == {"authorization": "Bearer test-key", **sent}
    assert api.bodies == [chat_body(mode)]


@in_all_modes
@pytest.mark.parametrize("request_id", ["a" * 128, "0", "A-Z_a.z:0"])
async def test_client_request_id_in_the_alphabet_of_aimlapi_is_sent(mode: Mode, request_id: str) -> None:
    api = Api()
    await mode.call(chat_generator(api, extra_headers={"x-client-REQUEST-id": request_id}), "Hi")
    assert own_headers(api)["x-client-request-id"] == request_id


@in_all_modes
@pytest.mark.parametrize("request_id", ["", "a" * 129, "a b", "a/b", "é", "a\n", Secret.from_token("a,b")])
async def test_client_request_id_that_aimlapi_would_drop_is_refused(mode: Mode, request_id: Any) -> None:
    api = Api()
    for init, run in (({"X-CLIENT-request-id": request_id}, None), (None, {"X-CLIENT-request-id": request_id})):
        got = "a secret" if isinstance(request_id, Secret) else f"'{request_id}'"
        with pytest.raises(
            ValueError, match=f"must be 1 to 128 characters of A-Z a-z 0-9 .*, got {got}|that no HTTP header can carry"
        ):
            await mode.call(chat_generator(api, extra_headers=init), "Hi", generation_kwargs={"extra_headers": run})
    assert api.requests == []


# Tools


@in_all_modes
@pytest.mark.parametrize(
    ("init", "run", "sent"),
    [
        (None, None, {}),
        ([], None, {}),
        ([tool("a")], None, {"tools": [function("a")]}),
        ([tool("a")], [], {}),
        ([tool("a")], Toolset([]), {}),
        ([tool("a")], [tool("b")], {"tools": [function("b")]}),
        (Toolset([tool("a"), tool("b")]), None, {"tools": [function("a"), function("b")]}),
        ([tool("a"), Toolset([tool("b"), tool("c")]), tool("d")], None, {"tools": [function(name) for name in "abcd"]}),
    ],
)
async def test_tools_of_run_replace_those_of_init(mode: Mode, init: Any, run: Any, sent: Any) -> None:
    api = Api()
    await mode.call(chat_generator(api, tools=init), "Hi", tools=run)
    assert api.bodies == [chat_body(mode, **sent)]


@in_all_modes
@pytest.mark.parametrize(
    "tools", [[tool("a"), tool("a")], [tool("a"), Toolset([tool("a")])], [Toolset([tool("a")]), Toolset([tool("a")])]]
)
async def test_tools_of_one_name_are_refused(mode: Mode, tools: Any) -> None:
    api = Api()
    with pytest.raises(ValueError, match="Duplicate tool names found"):
        chat_generator(api, tools=tools)
    with pytest.raises(ValueError, match="Duplicate tool names found"):
        await mode.call(chat_generator(api), "Hi", tools=tools)
    assert api.requests == []


LOOSE = {
    "type": "object",
    "properties": {
        "items": {"type": "array", "items": {"type": "object", "properties": {"a": {"type": "integer"}}}},
        "pair": {"type": "array", "prefixItems": [{"type": ["object", "null"], "properties": {"b": {}}}, True]},
        "either": {
            "anyOf": [{"$ref": "#/$defs/Place"}, {"type": "object"}, {"not": {"type": "object"}}],
            "default": {"type": "object", "properties": {"kept": 1}},
        },
        "one": {"oneOf": [{"properties": {"c": {"type": "string"}}, "required": []}, {"const": {"type": "object"}}]},
        "all": {"allOf": [{"type": "object", "additionalProperties": {"type": "string"}}]},
        "properties": {"type": "object", "properties": {"type": {"enum": ["object"]}}},
    },
    "required": ["one"],
    "$defs": {"Place": {"type": "object", "properties": {"next": {"$ref": "#/$defs/Place"}}}},
    "definitions": {"Empty": {"type": "object"}},
}
STRICT = {
    "type": "object",
    "properties": {
        "items": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"a": {"type": "integer"}},
                "required": ["a"],
                "additionalProperties": False,
            },
        },
        "pair": {
            "type": "array",
            "prefixItems": [
                {"type": ["object", "null"], "properties": {"b": {}}, "required": ["b"], "additionalProperties": False},
                True,
            ],
        },
        "either": {
            "anyOf": [
                {"$ref": "#/$defs/Place"},
                {"type": "object", "required": [], "additionalProperties": False},
                {"not": {"type": "object", "required": [], "additionalProperties": False}},
            ],
            "default": {"type": "object", "properties": {"kept": 1}},
        },
        "one": {
            "oneOf": [
                {"properties": {"c": {"type": "string"}}, "required": ["c"], "additionalProperties": False},
                {"const": {"type": "object"}},
            ]
        },
        "all": {"allOf": [{"type": "object", "required": [], "additionalProperties": False}]},
        "properties": {
            "type": "object",
            "properties": {"type": {"enum": ["object"]}},
            "required": ["type"],
            "additionalProperties": False,
        },
    },
    "required": ["items", "pair", "either", "one", "all", "properties"],
    "additionalProperties": False,
    "$defs": {
        "Place": {
            "type": "object",
            "properties": {"next": {"$ref": "#/$defs/Place"}},
            "required": ["next"],
            "additionalProperties": False,
        }
    },
    "definitions": {"Empty": {"type": "object", "required": [], "additionalProperties": False}},
}


@in_all_modes
@pytest.mark.parametrize(("init", "run"), [(True, None), (False, True), (True, True)])
async def test_strict_tools_are_strict_at_every_depth(mode: Mode, init: bool, run: bool | None) -> None:
    api = Api()
    loose = tool(parameters=deepcopy(LOOSE))
    await mode.call(chat_generator(api, tools=[loose], tools_strict=init), "Hi", tools_strict=run)
    assert api.bodies == [chat_body(mode, tools=[function(parameters=STRICT, strict=True)])]
    assert loose == tool(parameters=LOOSE)


@in_all_modes
@pytest.mark.parametrize(("init", "run"), [(False, None), (True, False)])
async def test_tools_that_need_not_be_strict_are_sent_as_they_are(mode: Mode, init: bool, run: bool | None) -> None:
    api = Api()
    await mode.call(chat_generator(api, tools=[tool(parameters=LOOSE)], tools_strict=init), "Hi", tools_strict=run)
    assert api.bodies == [chat_body(mode, tools=[function(parameters=LOOSE)])]


# Structured output


class Address(BaseModel):
    street: str
    number: int | None = None


class Person(BaseModel):
    """Somebody."""

    name: str
    addresses: list[Address] = []


T = TypeVar("T")


class Page(BaseModel, Generic[T]):
    items: list[T]


PERSON = {
    "type": "json_schema",
    "json_schema": {
        "name": "Person",
        "strict": True,
        "schema": {
            "$defs": {
                "Address": {
                    "properties": {
                        "street": {"title": "Street", "type": "string"},
                        "number": {"anyOf": [{"type": "integer"}, {"type": "null"}], "title": "Number"},
                    },
                    "required": ["street", "number"],
                    "title": "Address",
                    "type": "object",
                    "additionalProperties": False,
                }
            },
            "description": "Somebody.",
            "properties": {
                "name": {"title": "Name", "type": "string"},
                "addresses": {
                    "default": [],
                    "items": {"$ref": "#/$defs/Address"},
                    "title": "Addresses",
                    "type": "array",
                },
            },
            "required": ["name", "addresses"],
            "title": "Person",
            "type": "object",
            "additionalProperties": False,
        },
    },
}
PAGE = {
    "type": "json_schema",
    "json_schema": {
        "name": "Page_int_",
        "strict": True,
        "schema": {
            "properties": {"items": {"items": {"type": "integer"}, "title": "Items", "type": "array"}},
            "required": ["items"],
            "title": "Page[int]",
            "type": "object",
            "additionalProperties": False,
        },
    },
}
LOOSE_FORMAT = {"type": "json_schema", "json_schema": {"name": "loose", "schema": LOOSE}}


@in_all_modes
@pytest.mark.parametrize("tools", [None, [tool()]])
@pytest.mark.parametrize("reply", ['{"name": "Ada", "addresses": []}', '{"name": "Ad', '```json\n{"name": "Ada"}\n```'])
@pytest.mark.parametrize(
    ("response_format", "sent"),
    [
        (Person, PERSON),
        (Page[int], PAGE),
        (PERSON, PERSON),
        (LOOSE_FORMAT, LOOSE_FORMAT),
        ({"type": "json_object"}, {"type": "json_object"}),
    ],
)
async def test_structured_output_is_asked_for_and_comes_as_text(
    mode: Mode, tools: Any, reply: str, response_format: Any, sent: Any
) -> None:
    api = Api(completion({"content": reply}, "length"))
    component = chat_generator(api, generation_kwargs={"response_format": response_format})
    replies = (await mode.call(component, "Hi", tools=tools))["replies"]
    assert api.bodies == [chat_body(mode, response_format=sent, **({"tools": [function()]} if tools else {}))]
    assert [message.text for message in replies] == [reply]


async def test_a_structured_reply_becomes_an_object() -> None:
    component = chat_generator(
        Api(completion({"content": '{"name": "Ada"}'})), generation_kwargs={"response_format": Person}
    )
    assert Person.model_validate_json(component.run("Hi")["replies"][0].text) == Person(name="Ada")


# Turns

DETAILS = [
    {
        "type": "reasoning.text",
        "text": "It may rain.",
        "signature": "c2lnbmVk",
        "format": "anthropic-claude-v1",
        "index": 0,
    },
    {"type": "reasoning.encrypted", "data": "b3BhcXVl", "id": "rs_1", "format": "openai-responses-v1", "index": 1},
    {"type": "reasoning.summary", "summary": "Rain.", "id": "rs_1", "format": "openai-responses-v1", "index": 2},
]
SIGNATURE = {"extra_content": {"google": {"thought_signature": "c2lnbmF0dXJl"}}}

THOUGHT = {"type": "thinking", "thinking": [{"type": "text", "text": "It may rain."}]}
WAIT = {"type": "text", "text": "Wait."}

# What the API says beside a tool call, and what it wants to see again.
DIALECTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "none": ({"content": "Wait."}, {"content": "Wait."}),
    "reasoning_content": ({"content": "", "reasoning_content": "It may rain."}, {"reasoning_content": "It may rain."}),
    "reasoning": ({"content": None, "reasoning": "It may rain."}, {"reasoning": "It may rain."}),
    "reasoning_details": (
        {"content": "Wait.", "reasoning": "It may rain.", "reasoning_details": DETAILS},
        {"content": "Wait.", "reasoning": "It may rain.", "reasoning_details": DETAILS},
    ),
    "encrypted": (
        {"content": None, "reasoning": None, "reasoning_details": [DETAILS[1]]},
        {"reasoning_details": [DETAILS[1]]},
    ),
    "thinking parts": ({"content": [THOUGHT, WAIT]}, {"content": [THOUGHT, WAIT]}),
    "thinking parts alone": ({"content": [THOUGHT]}, {"content": [THOUGHT]}),
    "think": ({"content": "<think>It may rain.</think>\n\nWait."}, {"content": "Wait."}),
    "think alone": ({"content": "<think>It may rain.</think>"}, {}),
    "extra_content": ({"content": None, "tool_calls": [SIGNATURE]}, {"tool_calls": [SIGNATURE]}),
}
in_all_dialects = pytest.mark.parametrize(("said", "resent"), DIALECTS.values(), ids=DIALECTS)


def with_call(message: dict[str, Any], round_: int) -> dict[str, Any]:
    (fields,) = message.get("tool_calls", [{}])
    return {"role": "assistant", **message, "tool_calls": [tool_call(f"call_{round_}", **fields)]}


def without_reasoning(message: dict[str, Any]) -> dict[str, Any]:
    kept = {name: message[name] for name in ("role", "content", "tool_calls") if name in message}
    return kept | {"tool_calls": [{**each, "extra_content": None} for each in kept["tool_calls"]]}


def rounds(resent: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """The conversations that are sent in a loop of three tool rounds, and in the turn that follows it."""
    sent = [[{"role": "user", "content": "Hi"}]]
    for round_ in range(3):
        answer = {"role": "tool", "content": "Zürich 🏔: sunny", "tool_call_id": f"call_{round_}"}
        sent.append([*sent[-1], with_call(resent, round_), answer])
    content = {name: value for name, value in resent.items() if name == "content" and value != [THOUGHT]}
    if content.get("content") == [THOUGHT, WAIT]:
        content["content"] = "Wait."
    past = [
        message if message["role"] != "assistant" else with_call(content, i // 2) for i, message in enumerate(sent[-1])
    ]
    over = [{"role": "assistant", "content": "Sunny."}, {"role": "user", "content": "Thanks"}]
    return [*sent, [*past, *over]]


def three_rounds(said: dict[str, Any]) -> Api:
    calls = [completion(with_call(said, round_), "tool_calls") for round_ in range(3)]
    return Api(*calls, completion({"content": "Sunny.", "reasoning_content": "Over."}))


@in_all_dialects
@in_all_modes
async def test_agent_sends_reasoning_back_inside_its_loop_only(mode: Mode, said: Any, resent: Any) -> None:
    api = three_rounds(said)
    agent = Agent(chat_generator=chat_generator(api), tools=[tool()])
    result = await mode.call(agent, [ChatMessage.from_user("Hi")])
    assert result["last_message"].text == "Sunny."
    await mode.call(agent, [*result["messages"], ChatMessage.from_user("Thanks")])
    assert api.bodies == [chat_body(mode, messages, tools=[function()]) for messages in rounds(resent)]


async def test_a_turn_with_an_image_ends_a_loop_as_well() -> None:
    said, resent = DIALECTS["reasoning_content"]
    api = three_rounds(said)
    agent = Agent(chat_generator=chat_generator(api), tools=[tool()])
    messages = agent.run([ChatMessage.from_user("Hi")])["messages"]
    image = ImageContent(base64_image=PIXEL, mime_type="image/png")
    agent.run([*messages, ChatMessage.from_user(content_parts=["Thanks", image])])
    *past, _ = api.bodies[-1]["messages"]
    assert past == rounds(resent)[-1][:-1]


@in_all_dialects
@in_all_modes
async def test_reasoning_survives_serialization_and_a_fresh_component(mode: Mode, said: Any, resent: Any) -> None:
    api = three_rounds(said)
    conversation = [ChatMessage.from_user("Hi")]
    while len(api.requests) < 5:
        conversation = [ChatMessage.from_dict(json.loads(json.dumps(message.to_dict()))) for message in conversation]
        (reply,) = (await mode.call(chat_generator(api), conversation))["replies"]
        conversation += [reply, *(ChatMessage.from_tool(look_up(**c.arguments), c) for c in reply.tool_calls)]
        if not reply.tool_calls:
            conversation.append(ChatMessage.from_user("Thanks"))
    assert api.bodies == [chat_body(mode, messages) for messages in rounds(resent)]


def test_a_text_of_the_model_does_not_end_its_loop() -> None:
    api = Api()
    call = ToolCall("look_up", {}, id="call_1", extra=SIGNATURE)
    said = [ChatMessage.from_assistant(tool_calls=[call]), ChatMessage.from_tool("sunny", call)]
    chat_generator(api).run([HELLO, *said, ChatMessage.from_assistant("So it is sunny."), *said])
    calls = [message["tool_calls"][0] for message in api.bodies[0]["messages"] if "tool_calls" in message]
    assert [call.get("extra_content") for call in calls] == [SIGNATURE["extra_content"]] * 2


HELLO = ChatMessage.from_user("Hi")
CALL = ToolCall("look_up", {"city": "Zürich 🏔"}, id="call_1")

ROLES = ("system", "assistant")


class Shouted(ChatMessage):
    """A message that its user converts in a way of their own."""

    def to_openai_dict_format(self, require_tool_call_ids: bool = True) -> dict[str, Any]:
        return {"role": self.role.value, "content": str(self.text).upper()}


since_3_4 = pytest.mark.skipif(
    tuple(map(int, version("haystack-ai").split(".")[:2])) < (3, 4), reason="Haystack sends refusals back since 3.4"
)


@in_all_modes
@pytest.mark.parametrize(
    ("turns", "sent"),
    [
        ([ChatMessage.from_assistant("")], []),
        ([ChatMessage.from_assistant()], []),
        ([ChatMessage.from_assistant(name="Ada")], []),
        # Thoughts alone are no turn, wherever they stand.
        ([ChatMessage.from_assistant(reasoning="Hm.")], []),
        ([ChatMessage.from_assistant("Yes", name="Ada")], [{"role": "assistant", "content": "Yes", "name": "Ada"}]),
        ([ChatMessage.from_assistant("Yes", reasoning="Hm.")], [{"role": "assistant", "content": "Yes"}]),
        ([ChatMessage.from_assistant(tool_calls=[CALL])], [{"role": "assistant", "tool_calls": [tool_call()]}]),
        ([ChatMessage.from_assistant("", tool_calls=[CALL])], [{"role": "assistant", "tool_calls": [tool_call()]}]),
        pytest.param(
            [ChatMessage.from_assistant("Well.", meta={"refusal": "No."})],
            [{"role": "assistant", "content": "Well.", "refusal": "No."}],
            marks=since_3_4,
        ),
        pytest.param(
            [ChatMessage.from_assistant(meta={"refusal": "No."})],
            [{"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}],
            marks=since_3_4,
        ),
        pytest.param(
            [ChatMessage.from_assistant("", meta={"refusal": "No."})],
            [{"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}],
            marks=since_3_4,
        ),
        (
            [ChatMessage.from_dict({"role": role, "content": [{"text": "Yes,"}, {"text": "but"}]}) for role in ROLES],
            [{"role": role, "content": "Yes,\nbut"} for role in ROLES],
        ),
        ([Shouted.from_assistant("Yes")], [{"role": "assistant", "content": "YES"}]),
    ],
)
async def test_assistant_turns_go_back_without_what_the_api_does_not_take(mode: Mode, turns: Any, sent: Any) -> None:
    api = Api()
    for conversation in ([HELLO, *turns], [HELLO, *turns, HELLO]):
        await mode.call(chat_generator(api), conversation)
    hello = {"role": "user", "content": "Hi"}
    assert api.bodies == [chat_body(mode, [hello, *sent]), chat_body(mode, [hello, *sent, hello])]


@in_all_modes
async def test_history_without_anything_to_send_is_refused(mode: Mode) -> None:
    told = r"^`messages` hold nothing to send: no text, no image, no file and no tool call\.$"
    with pytest.raises(ValueError, match=told):
        await mode.call(chat_generator(Api()), [ChatMessage.from_assistant(reasoning="Hm")])


@in_all_modes
async def test_reasoning_alone_is_no_turn_inside_a_tool_loop(mode: Mode) -> None:
    api = Api(completion({"content": None, "reasoning_content": "Hm."}))
    (reply,) = (await mode.call(chat_generator(api), "Hi"))["replies"]
    await mode.call(chat_generator(api), [HELLO, reply])
    assert reply.reasoning.reasoning_text == "Hm."
    assert api.bodies == [chat_body(mode), chat_body(mode)]


class Unconvertible(ChatMessage):
    """What Haystack made of a turn without content before 3.2."""

    def to_openai_dict_format(self, require_tool_call_ids: bool = True) -> dict[str, Any]:
        msg = "A `ChatMessage` must contain at least one `TextContent`."
        raise ValueError(msg)


@in_all_modes
@pytest.mark.parametrize("silent", [Unconvertible.from_assistant(), Unconvertible.from_assistant(reasoning="Hm.")])
async def test_a_turn_with_nothing_to_say_is_left_out_under_any_haystack(mode: Mode, silent: ChatMessage) -> None:
    api = Api()
    await mode.call(chat_generator(api), [HELLO, silent])
    assert api.bodies == [chat_body(mode)]


@in_all_modes
async def test_pictures_of_the_assistant_stay_here_with_a_warning(mode: Mode, caplog: pytest.LogCaptureFixture) -> None:
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
    api = Api(*(completion({"content": text, "images": [picture]}) for text in ("Look!", None)))
    looks = [(await mode.call(chat_generator(api), "Hi"))["replies"][0] for _ in range(2)]
    await mode.call(chat_generator(api), [HELLO, *looks, HELLO])
    hello = {"role": "user", "content": "Hi"}
    assert [len(look.images) for look in looks] == [1, 1]
    assert api.bodies[-1] == chat_body(mode, [hello, {"role": "assistant", "content": "Look!"}, hello])
    for position in (1, 2):
        assert (
            f"The images and files of the assistant message at position {position} are not sent: "
            "chat completions take them from the user only."
        ) in caplog.messages


# Inputs


@in_all_modes
@pytest.mark.parametrize(
    ("messages", "sent"),
    [
        ("Grüezi 🏔", [{"role": "user", "content": "Grüezi 🏔"}]),
        ("", [{"role": "user", "content": ""}]),
        (
            [ChatMessage.from_system("Be brief."), ChatMessage.from_user("Hi", name="Ada")],
            [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi", "name": "Ada"}],
        ),
        # Haystack has no role for developers.
        (
            [ChatMessage.from_openai_dict_format({"role": "developer", "content": "Be brief."})],
            [{"role": "system", "content": "Be brief."}],
        ),
        (
            [
                ChatMessage.from_user(
                    content_parts=[
                        "What is this?",
                        ImageContent(PIXEL, mime_type="image/png", detail="low"),
                        ImageContent(PIXEL, mime_type="image/png"),
                        FileContent("JVBERi0=", mime_type="application/pdf", filename="a.pdf"),
                        FileContent("JVBERi0="),
                    ]
                )
            ],
            [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "What is this?"},
                        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}", "detail": "low"}},
                        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
                        {
                            "type": "file",
                            "file": {"file_data": "data:application/pdf;base64,JVBERi0=", "filename": "a.pdf"},
                        },
                        {
                            "type": "file",
                            "file": {"file_data": "data:application/pdf;base64,JVBERi0=", "filename": "filename"},
                        },
                    ],
                }
            ],
        ),
        (
            [
                ChatMessage.from_assistant(tool_calls=[CALL]),
                ChatMessage.from_tool("sunny ☀", CALL),
                ChatMessage.from_tool([TextContent("sun"), TextContent("ny")], CALL, error=True),
            ],
            [
                {"role": "assistant", "tool_calls": [tool_call()]},
                {"role": "tool", "content": "sunny ☀", "tool_call_id": "call_1"},
                {"role": "tool", "content": "sun\nny", "tool_call_id": "call_1"},
            ],
        ),
    ],
)
async def test_inputs_are_sent_in_the_form_of_the_api(mode: Mode, messages: Any, sent: Any) -> None:
    api = Api()
    await mode.call(chat_generator(api), messages)
    assert api.bodies == [chat_body(mode, sent)]


async def test_unicode_is_sent_unescaped() -> None:
    api = Api()
    chat_generator(api).run([ChatMessage.from_assistant(tool_calls=[CALL]), ChatMessage.from_tool("☀", CALL)])
    assert '\\"Zürich 🏔\\"' in api.requests[0].content.decode()
    assert '"☀"' in api.requests[0].content.decode()


@in_all_modes
@pytest.mark.parametrize(
    ("message", "error", "text"),
    [
        (
            ChatMessage.from_tool([ImageContent(PIXEL, mime_type="image/png")], CALL),
            ValueError,
            "The message at position 1 cannot be sent: Unsupported tool result",
        ),
        (
            ChatMessage.from_tool("sunny", ToolCall("look_up", {})),
            ValueError,
            "The message at position 1 cannot be sent: `ToolCall` must have a non-null `id`",
        ),
        (
            ChatMessage.from_assistant(tool_calls=[ToolCall("look_up", {})]),
            ValueError,
            "The message at position 1 cannot be sent: `ToolCall` must have a non-null `id`",
        ),
        (
            ChatMessage.from_dict({"role": "user", "content": []}),
            ValueError,
            "The message at position 1 cannot be sent: A `ChatMessage` ",
        ),
        (
            {"role": "user", "content": "Hi"},
            TypeError,
            "`messages` must be a string or a list of ChatMessage, got dict at position 1.",
        ),
        ("Hi", TypeError, "`messages` must be a string or a list of ChatMessage, got str at position 1."),
        (None, TypeError, "`messages` must be a string or a list of ChatMessage, got NoneType at position 1."),
    ],
)
async def test_what_cannot_be_sent_is_named_by_its_position(mode: Mode, message: Any, error: Any, text: str) -> None:
    api = Api()
    with pytest.raises(error) as refusal:
        await mode.call(chat_generator(api), [HELLO, message, HELLO])
    assert str(refusal.value).startswith(text)
    assert api.requests == []


@in_all_modes
@pytest.mark.parametrize("messages", [None, HELLO, {"role": "user"}, 5])
async def test_messages_are_a_list_or_a_string(mode: Mode, messages: Any) -> None:
    with pytest.raises(TypeError) as raised:
        await mode.call(chat_generator(Api()), messages)
    kind = type(messages).__name__
    assert str(raised.value) == f"`messages` must be a list of ChatMessage or a string, got {kind}."


# Whatever is passed in


@in_all_modes
async def test_nothing_passed_in_is_changed(mode: Mode) -> None:
    reasoned = Api(
        completion(with_call(DIALECTS["reasoning_details"][0] | {"tool_calls": [SIGNATURE]}, 1), "tool_calls")
    )
    (reply,) = chat_generator(reasoned).run("Hi")["replies"]
    messages = [ChatMessage.from_system("Be brief."), HELLO, reply, ChatMessage.from_tool([TextContent("sunny")], CALL)]
    init = {
        "extra_headers": {"X-A": "1", "x-title": "Mine"},
        "tools": [tool(parameters=deepcopy(LOOSE)), Toolset([tool("b")])],
        "generation_kwargs": {
            "extra_body": {"a": {"x": 1}},
            "extra_headers": {"X-B": "1"},
            "extra_query": {"q": "1"},
            "response_format": deepcopy(LOOSE_FORMAT),
            "stream_options": {"include_usage": True},
        },
    }
    run = {
        "generation_kwargs": {"extra_body": {"b": {"y": []}}, "extra_headers": {"x-b": "2"}, "stream": True, "n": None},
        "tools": [tool("c", deepcopy(LOOSE)), Toolset([tool("d", deepcopy(LOOSE))])],
        "tools_strict": True,
    }
    before = deepcopy((messages, init, run))
    api = Api()
    component = chat_generator(api, tools_strict=True, **init)
    await mode.call(component, messages, **run)
    await mode.call(component, messages)
    assert (messages, init, run) == before
    assert len(api.requests) == 2
    # The second run knows nothing of the first.
    fresh = Api()
    await mode.call(chat_generator(fresh, tools_strict=True, **init), messages)
    assert api.bodies[1] == fresh.bodies[0]
    assert own_headers(fresh) == {
        "authorization": "Bearer test-key",
        **ATTRIBUTION,
        "x-a": "1",
        "x-b": "1",
        "x-title": "Mine",
    }


# Callbacks


class Chunks:
    def __init__(self) -> None:
        self.text = ""

    def __call__(self, chunk: StreamingChunk) -> None:
        self.text += chunk.content


class AsyncChunks(Chunks):
    async def __call__(self, chunk: StreamingChunk) -> None:
        self.text += chunk.content


def asynchronous(chunks: Chunks) -> Callable[..., Any]:
    async def callback(chunk: StreamingChunk) -> None:
        chunks(chunk)

    return callback


@pytest.mark.parametrize("place", ["init", "run", "both"])
@pytest.mark.parametrize("kind", ["synchronous", "asynchronous", "object"])
async def test_run_async_takes_either_kind_of_callback(kind: str, place: str) -> None:
    chunks, others = AsyncChunks() if kind == "object" else Chunks(), Chunks()
    callback = asynchronous(chunks) if kind == "asynchronous" else chunks
    init = {"init": callback, "run": None, "both": others}[place]
    api = Api()
    component = chat_generator(api, streaming_callback=init)
    await component.run_async("Hi", streaming_callback=None if place == "init" else callback)
    assert (chunks.text, others.text) == ("Hello", "")
    assert api.bodies == [chat_body(ASYNC_STREAMED)]


@pytest.mark.parametrize("place", ["init", "run"])
def test_run_refuses_an_asynchronous_callback(place: str) -> None:
    api = Api()
    callback = asynchronous(Chunks())
    component = chat_generator(api, streaming_callback=callback if place == "init" else None)
    with pytest.raises(ValueError, match="callback cannot be a coroutine"):
        component.run("Hi", streaming_callback=callback if place == "run" else None)
    assert api.requests == []
