# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest
from haystack.dataclasses import (
    ChatMessage,
    FileContent,
    ImageContent,
    ReasoningContent,
    StreamingChunk,
    TextContent,
    ToolCall,
)
from haystack.tools import Tool, Toolset
from haystack.utils import Secret
from pydantic import BaseModel

from haystack_integrations.common.aimlapi import parameters as parameters_module
from tests.support.api import Api, responses_generator
from tests.support.asking import ask_responses
from tests.support.modes import SYNC, Mode, in_all_modes
from tests.support.replies import REASONING, function_call, message, response

MODEL = "openai/gpt-5-4"
CHART = ImageContent.from_file_path(Path(__file__).parents[4] / "examples" / "chart.png", detail="low")
HI = [{"role": "user", "content": [{"type": "input_text", "text": "Hi"}]}]
# What a call and its result are sent back as.
CALL = {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": '{"city": "Paris"}'}
RESULT = {"type": "function_call_output", "call_id": "call_1", "output": "18 °C"}


class Person(BaseModel):
    name: str
    birth_year: int


CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = Tool("weather", "The weather in a city.", CITY, lambda city: "18 °C and sunny")


@in_all_modes
async def test_least_that_is_sent(mode: Mode) -> None:
    api = Api()
    await ask_responses(api, mode)
    streaming = {"stream": True} if mode.streamed else {}
    assert api.bodies == [{"model": MODEL, "input": HI, **streaming}]
    assert str(api.requests[0].url) == "https://api.aimlapi.com/v1/responses"


@in_all_modes
async def test_parameters_are_fields_of_the_body_or_options(mode: Mode) -> None:
    api = Api()
    init = {"temperature": 0.5, "truncation": "auto", "extra_body": {"a": 1}, "text": {"format": {"type": "text"}}}
    run = {
        "temperature": 0,
        "top_p": None,
        "reasoning_effort": "high",
        "reasoning_summary": "auto",
        "text_format": {"type": "json_object"},
        "unheard_of": {"x": [1]},
        "extra_body": {"b": 2},
        "extra_headers": {"X-Client-Request-Id": "mine-1"},
        "timeout": 5,
        "stream": False,
    }
    component = responses_generator(
        api, generation_kwargs=init, extra_headers={"x-title": "Mine", "X-Key": Secret.from_token("s")}
    )

    await mode.call(component, "Hi", generation_kwargs=run)

    streaming = {"stream": True} if mode.streamed else {}
    expected = {
        "model": MODEL,
        "input": HI,
        "temperature": 0,
        "truncation": "auto",
        "reasoning": {"effort": "high", "summary": "auto"},
        "text": {"format": {"type": "json_object"}},
        "unheard_of": {"x": [1]},
        "a": 1,
        "b": 2,
        **streaming,
    }
    assert api.bodies == [expected]
    headers = api.requests[0].headers
    names = ("x-title", "x-key", "x-client-request-id", "http-referer", "authorization")
    assert [headers.get(name) for name in names] == [
        "Mine",
        "s",
        "mine-1",
        "https://github.com/deepset-ai/haystack-core-integrations",
        "Bearer test-key",
    ]
    assert headers["x-stainless-read-timeout"] == "5"
    assert component.generation_kwargs == init


@in_all_modes
@pytest.mark.parametrize(
    ("parameters", "reasoning"),
    [
        ({"reasoning": None, "reasoning_effort": "low"}, {"effort": "low"}),
        (
            {"reasoning": {"effort": "high", "x": 1}, "reasoning_effort": "low", "reasoning_summary": None},
            {"effort": "low", "x": 1},
        ),
        ({"reasoning": None, "reasoning_effort": None}, None),
    ],
)
async def test_short_names_of_reasoning_are_laid_over_it(
    mode: Mode, parameters: dict[str, Any], reasoning: Any
) -> None:
    api = Api()
    kept = json.dumps(parameters)
    await ask_responses(api, mode, generation_kwargs=parameters)
    sent = {"reasoning": reasoning} if reasoning else {}
    assert api.bodies == [{"model": MODEL, "input": HI, **sent, **({"stream": True} if mode.streamed else {})}]
    assert json.dumps(parameters) == kept


@in_all_modes
async def test_text_format_stands_beside_the_rest_of_text(mode: Mode) -> None:
    api = Api()
    parameters = {"text": {"unheard_of": 1}, "text_format": Person}
    await ask_responses(api, mode, generation_kwargs=parameters)
    sent = api.bodies[0]["text"]
    assert sent["unheard_of"] == 1
    assert {name: sent["format"][name] for name in ("type", "name", "strict")} == {
        "type": "json_schema",
        "name": "Person",
        "strict": True,
    }
    assert sent["format"]["schema"]["required"] == ["name", "birth_year"]
    assert parameters == {"text": {"unheard_of": 1}, "text_format": Person}


@in_all_modes
@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("max_tokens", 100, "`max_output_tokens`"),
        ("max_completion_tokens", 100, "`max_output_tokens`"),
        ("response_format", Person, "`text_format`"),
        ("background", True, "`streaming_callback`"),
        ("thinking", {"type": "enabled"}, "`reasoning`"),
        ("service_tier", "flex", r"Responses endpoint\.$"),
        ("stop", ["."], r"Responses endpoint\.$"),
        ("n", 2, r"Responses endpoint\.$"),
        ("seed", 0, r"Responses endpoint\.$"),
        ("messages", [], "`messages` of `run`"),
        ("input", "Hi", "`messages` of `run`"),
        ("model", "o1", "init parameter"),
        ("tools", [], "`tools` of init or `run`"),
    ],
)
async def test_what_the_endpoint_does_not_take_is_refused(mode: Mode, name: str, value: Any, told: str) -> None:
    api = Api()
    with pytest.raises(ValueError, match=f"`{name}`.*{told}"):
        await ask_responses(api, mode, generation_kwargs={name: value})
    assert api.requests == []


@in_all_modes
async def test_parameters_of_haystacks_own_component_go_where_it_puts_them(mode: Mode) -> None:
    api = Api()
    parameters = {
        "reasoning_effort": "low",
        "reasoning_summary": "auto",
        "reasoning_mode": "pro",
        "verbosity": "low",
        "text": {"unheard_of": 1},
    }
    await ask_responses(api, mode, generation_kwargs=parameters)
    assert api.bodies[0]["reasoning"] == {"effort": "low", "summary": "auto", "mode": "pro"}
    assert api.bodies[0]["text"] == {"unheard_of": 1, "verbosity": "low"}
    assert parameters["text"] == {"unheard_of": 1}
    await ask_responses(api, mode, generation_kwargs={"verbosity": None, "reasoning_mode": None})
    assert api.bodies[1].keys() & {"text", "reasoning"} == set()


def test_what_the_docs_do_not_name_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    parameters_module._warned.clear()
    for _ in range(2):
        responses_generator(Api()).run("Hi", generation_kwargs={"verbosity": "low", "reasoning_effort": "low"})
    told = [record.getMessage() for record in caplog.records]
    assert told == ["`verbosity` is sent as `text.verbosity`, which AIMLAPI's docs do not name: it may be dropped."]


async def test_a_refused_parameter_can_be_forced() -> None:
    api = Api()
    parameters = {"background": False, "seed": None, "extra_body": {"service_tier": "flex"}}
    await ask_responses(api, generation_kwargs=parameters)
    assert api.bodies == [{"model": MODEL, "input": HI, "background": False, "service_tier": "flex"}]


async def test_request_id_that_aimlapi_would_drop_is_refused() -> None:
    with pytest.raises(ValueError, match="X-Client-Request-Id"):
        await ask_responses(Api(), extra_headers={"X-Client-Request-Id": "a b"})


@in_all_modes
async def test_tools_of_run_replace_those_of_init_strict_or_not(mode: Mode) -> None:
    api = Api()
    optional = {"type": "object", "properties": {"city": {"type": "string"}, "unit": {"type": "string"}}}
    tools = [Tool("one", "One.", {**optional, "required": ["city"]}, print), Toolset([WEATHER])]
    before = json.dumps(tools[0].parameters)

    component = responses_generator(api, model="openai/gpt-4o", tools=tools)
    for arguments in ({"tools_strict": True}, {}, {"tools": [WEATHER]}, {"tools": []}):
        await mode.call(component, "Hi", **arguments)

    one = {"type": "function", "name": "one", "description": "One."}
    weather = {"type": "function", "name": "weather", "description": "The weather in a city."}
    closed = {"additionalProperties": False}
    assert [body.get("tools") for body in api.bodies] == [
        [
            {**one, "parameters": {**optional, **closed, "required": ["city", "unit"]}, "strict": True},
            {**weather, "parameters": {**CITY, **closed}, "strict": True},
        ],
        [
            {**one, "parameters": {**optional, **closed, "required": ["city"]}, "strict": False},
            {**weather, "parameters": {**CITY, **closed}, "strict": False},
        ],
        [{**weather, "parameters": {**CITY, **closed}, "strict": False}],
        None,
    ]
    assert json.dumps(tools[0].parameters) == before


async def test_hosted_tools_are_sent_as_they_are() -> None:
    api = Api()
    hosted = [{"type": "web_search_preview"}]
    await ask_responses(api, model="openai/gpt-4o", tools=hosted)
    assert api.bodies == [{"model": "openai/gpt-4o", "input": HI, "tools": hosted}]


async def test_tools_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="weather"):
        await ask_responses(Api(), tools=[WEATHER, Toolset([WEATHER])])


@pytest.mark.parametrize(
    ("model", "parameters", "include"),
    [
        ("openai/gpt-5-4", {}, ["reasoning.encrypted_content"]),
        ("openai/gpt-5-1-codex-mini", {}, ["reasoning.encrypted_content"]),
        ("openai/gpt-5-mini-2025-08-07", {}, ["reasoning.encrypted_content"]),
        ("openai/o3-pro", {}, ["reasoning.encrypted_content"]),
        ("o1", {}, ["reasoning.encrypted_content"]),
        ("x-ai/grok-4-3", {}, ["reasoning.encrypted_content"]),
        ("openai/gpt-5-5-pro", {}, None),
        ("openai/gpt-5-chat-latest", {}, None),
        ("openai/gpt-4o", {}, None),
        ("openai/gpt-5-4", {"include": None}, None),
        ("openai/gpt-5-4", {"include": ["code_interpreter_call.outputs"]}, ["code_interpreter_call.outputs"]),
        ("openai/gpt-5-4", {"include_reasoning_encrypted_content": False}, None),
        ("openai/gpt-5-4", {"store": True}, None),
        ("openai/gpt-4o", {"include_reasoning_encrypted_content": True}, ["reasoning.encrypted_content"]),
        (
            "openai/gpt-4o",
            {"include": None, "include_reasoning_encrypted_content": True},
            ["reasoning.encrypted_content"],
        ),
        (
            "openai/gpt-4o",
            {"include": ["a", "reasoning.encrypted_content"], "include_reasoning_encrypted_content": True},
            ["a", "reasoning.encrypted_content"],
        ),
    ],
)
async def test_reasoning_is_asked_for_in_tool_loops(model: str, parameters: Any, include: Any) -> None:
    api = Api()
    await ask_responses(api, model=model, generation_kwargs=parameters, tools=[WEATHER])
    assert api.bodies[0].get("include") == include


@in_all_modes
async def test_inputs_are_sent_in_the_form_of_the_endpoint(mode: Mode) -> None:
    api = Api()
    pdf = base64.b64encode(b"%PDF-1.4").decode()
    nameless = FileContent(pdf, mime_type=None, filename=None, validation=False)
    parts = [
        "Look:",
        CHART,
        # Where it came from does not count, if the data is there.
        ImageContent("iVBO", None, meta={"url": "https://example.com/1.jpg"}, validation=False),
        FileContent(pdf, "text/x", "a.txt"),
        nameless,
    ]
    messages = [
        ChatMessage.from_system("Be brief."),
        ChatMessage.from_user(content_parts=parts),
        ChatMessage.from_assistant(""),
    ]
    await ask_responses(api, mode, messages)
    assert api.bodies[0]["input"] == [
        {"role": "system", "content": "Be brief."},
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "Look:"},
                {"type": "input_image", "image_url": f"data:image/png;base64,{CHART.base64_image}", "detail": "low"},
                {"type": "input_image", "image_url": "data:image/jpeg;base64,iVBO"},
                {"type": "input_file", "filename": "a.txt", "file_data": f"data:text/x;base64,{pdf}"},
                {"type": "input_file", "filename": "file", "file_data": f"data:application/pdf;base64,{pdf}"},
            ],
        },
    ]


@in_all_modes
@pytest.mark.parametrize(
    ("unsendable", "told"),
    [
        (ChatMessage.from_dict({"role": "user", "content": []}), "it is empty."),
        (ChatMessage.from_dict({"role": "system", "content": []}), "it is empty."),
        (
            ChatMessage.from_dict({"role": "user", "content": [{"reasoning": {"reasoning_text": "x"}}]}),
            "the endpoint takes no ReasoningContent from the user.",
        ),
        (
            ChatMessage.from_tool([CHART], origin=ToolCall("weather", {}, id="call_1")),
            "the endpoint takes the result of a tool as text only.",
        ),
        (ChatMessage.from_tool("18 °C", origin=ToolCall("weather", {})), "the call of the tool weather has no id."),
    ],
)
async def test_what_cannot_be_sent_is_named_by_its_position(mode: Mode, unsendable: ChatMessage, told: str) -> None:
    api = Api()
    with pytest.raises(ValueError, match=f"^The message at position 1 cannot be sent: {re.escape(told)}$"):
        await ask_responses(api, mode, [ChatMessage.from_user("Hi"), unsendable])
    assert api.requests == []


@in_all_modes
async def test_what_is_no_message_is_named_by_its_position(mode: Mode) -> None:
    api = Api()
    with pytest.raises(TypeError, match="list of ChatMessage, got str at position 1"):
        await ask_responses(api, mode, [ChatMessage.from_user("Hi"), "hello"])
    assert api.requests == []


async def test_an_empty_list_sends_nothing() -> None:
    api = Api()
    assert responses_generator(api).run([]) == {"replies": []}
    assert await responses_generator(api).run_async([]) == {"replies": []}
    assert api.requests == []


def test_run_refuses_an_asynchronous_callback() -> None:
    async def callback(chunk: StreamingChunk) -> None: ...

    with pytest.raises(ValueError, match="callback"):
        responses_generator(Api()).run("Hi", streaming_callback=callback)


# Turns


async def sent_for(turns: list[ChatMessage], **settings: Any) -> list[dict[str, Any]]:
    api = Api()
    copies = [ChatMessage.from_dict(json.loads(json.dumps(turn.to_dict()))) for turn in turns]
    await ask_responses(api, messages=copies, **settings)
    assert copies == turns
    return api.bodies[0]["input"]


async def loop(*output: dict[str, Any], mode: Mode = SYNC, **settings: Any) -> list[dict[str, Any]]:
    """What is sent after a reply with these items."""
    reply = await ask_responses(Api(response(*output)), mode)
    results = [ChatMessage.from_tool("18 °C", origin=tool_call) for tool_call in reply.tool_calls]
    return (await sent_for([ChatMessage.from_user("Hi"), reply, *results], **settings))[1:]


@in_all_modes
async def test_reasoning_goes_back_in_a_tool_loop(mode: Mode) -> None:
    second = {**REASONING, "id": "rs_2", "summary": [{"type": "summary_text", "text": t} for t in ("a", "b")]}
    sent = await loop(
        REASONING, second, message("Let me see.", phase="commentary"), function_call('{"city": "Paris"}'), mode=mode
    )
    said = {"role": "assistant", "content": "Let me see.", "phase": "commentary"}
    assert sent == [REASONING, second, said, CALL, RESULT]


async def test_a_conversation_without_a_user_is_a_tool_loop_as_well() -> None:
    reply = await ask_responses(Api(response(REASONING, function_call())))
    result = ChatMessage.from_tool("18 °C", origin=reply.tool_calls[0])
    assert await sent_for([reply, result]) == [REASONING, CALL, RESULT]


@pytest.mark.parametrize("beside", [[], [{"id": "ws_1", "type": "web_search_call"}]], ids=["alone", "beside a search"])
@pytest.mark.parametrize("store", [False, True])
async def test_reasoning_without_content_goes_back_if_it_was_stored(store: bool, beside: list[dict[str, Any]]) -> None:
    """Without its content, the endpoint can only find it if it was stored."""
    bare = {"id": "rs_1", "type": "reasoning", "summary": []}
    sent = await loop(bare, *beside, function_call(), generation_kwargs={"store": store})
    assert sent == [*([bare] if store else []), *beside, CALL, RESULT]


async def test_raw_reasoning_goes_back() -> None:
    raw = {"id": "rs_1", "type": "reasoning", "content": [{"type": "reasoning_text", "text": "Hm."}]}
    assert await loop(raw, function_call()) == [{**raw, "summary": []}, CALL, RESULT]


async def test_reasoning_that_the_parent_class_made_goes_back() -> None:
    reasoning = ReasoningContent(
        "Hm.", extra={"id": "rs_1", "type": "reasoning", "encrypted_content": "e", "event_id": 1}
    )
    reply = ChatMessage.from_assistant(
        reasoning=reasoning, tool_calls=[ToolCall("weather", {}, id="fc", extra={"call_id": "call_1"})]
    )
    sent = await sent_for([ChatMessage.from_user("Hi"), reply])
    summary = [{"type": "summary_text", "text": "Hm."}]
    assert sent[1] == {"id": "rs_1", "type": "reasoning", "summary": summary, "encrypted_content": "e"}


async def test_nothing_but_text_and_calls_of_earlier_turns_goes_back() -> None:
    first = await ask_responses(Api(response(REASONING, function_call())))
    second = await ask_responses(Api(response(REASONING, message("Sunny.", phase="final_answer"))))
    tool = ChatMessage.from_tool([TextContent("18 °C"), TextContent("sunny")], origin=first.tool_calls[0])
    user = ChatMessage.from_user("Hi")
    assert await sent_for([user, first, tool, second, user]) == [
        *HI,
        CALL,
        {**RESULT, "output": "18 °C\nsunny"},
        {"role": "assistant", "content": "Sunny."},
        *HI,
    ]


@in_all_modes
async def test_what_hosted_tools_did_goes_back(mode: Mode) -> None:
    search = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
    broken = function_call("{", call_id="call_2", id="fc_2")
    lost = {"id": "rs_2", "type": "reasoning", "summary": []}
    sent = await loop(REASONING, search, lost, message("Found."), function_call(), broken, {"x": 1}, mode=mode)
    assert sent == [REASONING, search, message("Found."), CALL, RESULT]


@in_all_modes
@pytest.mark.parametrize("others", [[], [{"type": "web_search_call", "id": "ws_1"}]])
async def test_a_call_id_of_another_type_goes_back_the_same_in_call_and_result(mode: Mode, others: list[Any]) -> None:
    sent = await loop(*others, function_call(call_id=["a"], id={"b": 1}), mode=mode)
    assert sent == [*others, {**CALL, "call_id": "['a']"}, {**RESULT, "call_id": "['a']"}]


async def test_history_of_another_component_is_taken() -> None:
    call_ = ToolCall("weather", {"city": "Zürich"}, id="call_9")
    reasoning = ReasoningContent("Hm.", extra={"reasoning_content": "Hm."})
    turns = [
        ChatMessage.from_user("Hi"),
        ChatMessage.from_assistant(tool_calls=[call_], reasoning=reasoning),
        ChatMessage.from_tool("rain", origin=call_),
    ]
    assert (await sent_for(turns))[1:] == [
        {"type": "function_call", "call_id": "call_9", "name": "weather", "arguments": '{"city": "Zürich"}'},
        {"type": "function_call_output", "call_id": "call_9", "output": "rain"},
    ]


async def test_texts_of_a_message_go_back_as_lines() -> None:
    api = Api()
    said = ChatMessage.from_dict({"role": "assistant", "content": [{"text": "One."}, {"text": "Two."}]})
    await ask_responses(api, messages=[ChatMessage.from_user("Hi"), said])
    assert api.bodies[0]["input"][1] == {"role": "assistant", "content": "One.\nTwo."}


async def test_a_refusal_goes_back_as_text() -> None:
    refusal = {"type": "refusal", "refusal": "No."}
    assert await loop({**message(""), "content": [refusal]}) == [{"role": "assistant", "content": "No."}]


@in_all_modes
async def test_an_image_may_have_an_address_and_other_files_none(mode: Mode) -> None:
    url = "https://example.com/a"
    api = Api()
    image = ImageContent("", "image/png", meta={"url": url})
    await ask_responses(api, mode, [ChatMessage.from_user(content_parts=[image])])
    assert api.bodies[0]["input"][0]["content"] == [{"type": "input_image", "image_url": url}]
    file = FileContent("", "application/pdf", extra={"url": url})
    with pytest.raises(ValueError, match="position 0 cannot be sent: the endpoint takes images by their address"):
        await ask_responses(api, mode, [ChatMessage.from_user(content_parts=[file])])
    assert len(api.requests) == 1


async def test_texts_of_one_instruction_are_lines() -> None:
    api = Api()
    texts = [{"text": "Be brief."}, {"text": "Be kind."}]
    await ask_responses(api, SYNC, [ChatMessage.from_dict({"role": "system", "content": texts})])
    assert api.bodies[0]["input"] == [{"role": "system", "content": "Be brief.\nBe kind."}]
