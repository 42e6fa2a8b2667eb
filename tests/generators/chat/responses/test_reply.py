# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

from typing import Any

import httpx2
import openai
import pytest
from haystack.dataclasses import ReasoningContent

from tests.support.api import Api, responses_sse
from tests.support.asking import ask_responses
from tests.support.modes import Mode, in_all_modes, plain_only
from tests.support.replies import REASONING, function_call, message, response

MODEL = "openai/gpt-5-4"


@in_all_modes
async def test_everything_reaches_the_user(mode: Mode, caplog: pytest.LogCaptureFixture) -> None:
    citation = {"type": "url_citation", "url": "https://example.com"}
    logprob = {"token": "Hi", "logprob": -0.1}
    said = {"type": "output_text", "text": "Hi there", "annotations": [citation], "logprobs": [logprob]}
    summary = [{"type": "summary_text", "text": text} for text in ("First.", "Second.")]
    reasoning = {"id": "rs_1", "type": "reasoning", "summary": summary}
    body = response(
        reasoning,
        {**message(""), "content": [said], "phase": "commentary", "unheard_of": 1},
        function_call(),
        function_call("[1]", id=None, call_id="call_2", status="completed"),
        usage={"input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
        model="gpt-5.4",
        service_tier=None,
        background=False,
        output_text="Hi there",
        meta={"usage": {"credits_used": 7}, "more": 1},
    )
    api = Api(body, x_inference_id="inf-1", x_client_request_id="mine-1", x_aimlapi_usd_spent="0.5")

    reply = await ask_responses(api, mode)

    assert reply.to_dict() == {
        "role": "assistant",
        "name": None,
        "content": [
            {"reasoning": {"reasoning_text": "First.\nSecond.", "extra": reasoning}},
            {"text": "Hi there"},
            {
                "tool_call": {
                    "id": "fc_1",
                    "tool_name": "weather",
                    "arguments": {"city": "Paris"},
                    "extra": {"call_id": "call_1"},
                }
            },
        ],
        "meta": {
            "id": "resp_1",
            "object": "response",
            "status": "completed",
            "model": "gpt-5.4",
            "background": False,
            "usage": {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
            "index": 0,
            "finish_reason": "tool_calls",
            "phase": "commentary",
            "message_id": "msg_1",
            "unheard_of": 1,
            "annotations": [citation],
            "logprobs": [logprob],
            "meta": {"more": 1},
            "cost": {"credits_used": 7},
            "inference_id": "inf-1",
            "client_request_id": "mine-1",
            "malformed_tool_calls": [{"id": "call_2", "tool_name": "weather", "arguments": "[1]", "call_id": "call_2"}],
        },
    }
    assert "not a JSON object" in caplog.text


@in_all_modes
async def test_cost_may_come_in_headers(mode: Mode) -> None:
    api = Api(x_aimlapi_credits_used="12", x_aimlapi_usd_spent="0.000006")
    assert (await ask_responses(api, mode)).meta["cost"] == {"credits_used": 12, "usd_spent": 0.000006}


@in_all_modes
@pytest.mark.parametrize(
    ("body", "finish_reason", "native"),
    [
        (response(message("Hi")), "stop", None),
        (response(function_call()), "tool_calls", None),
        (response({**message(""), "content": [{"type": "refusal", "refusal": "No."}]}), "content_filter", "refusal"),
        *(
            (response(message("H"), status="incomplete", incomplete_details={"reason": raw}), mapped, native)
            for raw, mapped, native in [
                ("max_output_tokens", "length", "max_output_tokens"),
                ("content_filter", "content_filter", None),
                ("quota", "quota", None),
            ]
        ),
    ],
)
async def test_finish_reason_is_one_of_haystacks(mode: Mode, body: Any, finish_reason: str, native: str | None) -> None:
    reply = await ask_responses(Api(body), mode)
    assert reply.meta["finish_reason"] == finish_reason
    assert reply.meta.get("native_finish_reason") == native


@plain_only
async def test_a_response_without_a_status_is_finished(mode: Mode) -> None:
    """Half of the documented replies have none."""
    body = response(message("Hi"))
    del body["status"]
    assert (await ask_responses(Api(body), mode)).meta["finish_reason"] == "stop"


@in_all_modes
@pytest.mark.parametrize(
    "output",
    [
        [message("a"), message("b")],
        [message("ab"), REASONING],
        [message("ab"), {"type": "web_search_call", "id": "ws_1"}],
        [message("ab"), {"id": "untyped"}],
        [message("ab"), function_call(unheard_of=1)],
        [{**message(""), "content": [{"type": "output_text", "text": "ab", "unheard_of": 1}]}],
        [{**message(""), "content": [{"type": "output_text", "text": "ab"}, {"type": "output_audio", "id": "a"}]}],
    ],
)
async def test_what_a_message_cannot_hold_is_kept_as_it_is(mode: Mode, output: list[dict[str, Any]]) -> None:
    said = [{"type": "response.completed", "response": response(*output)}]
    reply = await ask_responses(Api(responses_sse(*said) if mode.streamed else response(*output)), mode)
    assert reply.text == "ab"
    assert reply.meta["output"] == output


@in_all_modes
@pytest.mark.parametrize(
    ("body", "text", "kept"),
    [
        (response({"type": "message", "content": "hello"}), "hello", None),
        (response({"type": "message", "content": ["hel", "lo"]}), "hello", None),
        (response({"type": "message", "content": {"type": "output_text", "text": "hello"}}), "hello", None),
        ({**response(), "output": ["hello"]}, "hello", None),
        (response(output_text="hello"), "hello", None),
        ({"output_text": "hello"}, "hello", None),
        (response(REASONING, output_text="hello"), "hello", None),
        (response(message("hello"), output_text="hello"), "hello", None),
        (response({"type": "message", "content": None}), None, None),
        *(
            (response({"type": "message", "content": content}), None, [{"type": "message", "content": content}])
            for content in (5, [{"type": "output_text", "text": ["a"]}], [{"type": "refusal", "refusal": 5}])
        ),
        (response({"type": ["a"]}), None, [{"type": ["a"]}]),
        (response(message("hello"), {"type": None}), "hello", [message("hello"), {"type": None}]),
    ],
)
async def test_output_of_another_shape_is_read_or_kept(
    mode: Mode, body: dict[str, Any], text: str | None, kept: Any
) -> None:
    whole = {"type": "response.completed", "response": body}
    reply = await ask_responses(Api(responses_sse(whole) if mode.streamed else body), mode)
    assert reply.text == text
    assert reply.meta.get("output") == kept
    assert reply.meta["finish_reason"] == ("content_filter" if "refusal" in str(body) else "stop")


@in_all_modes
@pytest.mark.parametrize(
    ("item", "thought"),
    [
        ({"summary": ["First.", {"text": 5}, {"text": "Last."}]}, "First.\n\nLast."),
        ({"summary": "Hm."}, "Hm."),
        ({"summary": [], "content": "Hm."}, "Hm."),
        ({"summary": 5}, ""),
    ],
)
async def test_reasoning_of_another_shape_is_read(mode: Mode, item: dict[str, Any], thought: str) -> None:
    reasoning = {"type": "reasoning", **item}
    whole = {"type": "response.completed", "response": response(reasoning)}
    reply = await ask_responses(Api(responses_sse(whole) if mode.streamed else response(reasoning)), mode)
    assert reply.reasoning == ReasoningContent(thought, extra=reasoning)


@in_all_modes
async def test_details_of_another_shape_are_kept(mode: Mode) -> None:
    part = {"type": "output_text", "text": "hello", "annotations": 5, "logprobs": "x1"}
    body = response({"type": "message", "content": [part]}, status="incomplete", incomplete_details="content_filter")
    whole = {"type": "response.incomplete", "response": body}
    reply = await ask_responses(Api(responses_sse(whole) if mode.streamed else body), mode)
    assert reply.text == "hello"
    assert reply.meta == {
        "id": "resp_1",
        "object": "response",
        "status": "incomplete",
        "model": None,
        "index": 0,
        "usage": None,
        "finish_reason": "content_filter",
        "incomplete_details": "content_filter",
        "annotations": [5],
        "logprobs": ["x1"],
    }


@in_all_modes
@pytest.mark.parametrize("output", [[], [None], [{}], "x", {}, {"type": "message"}, 5, None])
@pytest.mark.parametrize("status", [{"status": "completed"}, {"status": None}, {}])
async def test_a_response_without_an_output_is_an_error(mode: Mode, output: Any, status: dict[str, Any]) -> None:
    body = {"id": "resp_1", **status, "output": output}
    answer = responses_sse({"type": "response.completed", "response": body}) if mode.streamed else body
    with pytest.raises(openai.APIError, match=rf"without a response, status (completed|None) \(model {MODEL}"):
        await ask_responses(Api(answer), mode)


@in_all_modes
async def test_an_unfinished_response_without_a_list_is_an_error(mode: Mode) -> None:
    body = {**response(status="incomplete"), "output": "x"}
    answer = responses_sse({"type": "response.incomplete", "response": body}) if mode.streamed else body
    with pytest.raises(openai.APIError, match="without a response, status incomplete"):
        await ask_responses(Api(answer), mode)


@in_all_modes
async def test_a_response_that_ended_before_its_output_is_a_reply(mode: Mode) -> None:
    body = response(status="incomplete", incomplete_details={"reason": "max_output_tokens"})
    reply = await ask_responses(Api(body), mode)
    assert (reply.text, reply.meta["finish_reason"]) == (None, "length")


@plain_only
async def test_a_response_that_goes_on_elsewhere_is_a_reply(mode: Mode) -> None:
    reply = await ask_responses(
        Api(response(status="queued")), mode, generation_kwargs={"extra_body": {"background": True}}
    )
    assert (reply.text, reply.meta["id"], reply.meta["finish_reason"]) == (None, "resp_1", None)


@in_all_modes
@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"error": {"message": "Bad luck.", "code": "x"}}, "Bad luck."),
        ({"message": "Out of luck.", "statusCode": 400, "requestId": "req-1", "path": "/", "timestamp": ""}, "req-1"),
        (response(status="failed", error={"message": "Bad luck."}), "Bad luck."),
        ("<html>Bad luck.</html>", "Bad luck."),
        ([], "error"),
    ],
)
async def test_an_error_with_status_200_is_raised(mode: Mode, body: Any, told: str) -> None:
    answer = httpx2.Response(200, html=body) if isinstance(body, str) else httpx2.Response(200, json=body)
    with pytest.raises(openai.APIError, match=told) as raised:
        await ask_responses(Api(answer), mode)
    assert f"model {MODEL}" in str(raised.value)


@plain_only
@pytest.mark.parametrize("body", [response(status="failed"), {"id": "resp_1"}])
async def test_a_response_that_failed_or_says_nothing_is_an_error(mode: Mode, body: Any) -> None:
    with pytest.raises(openai.APIError, match=r"without a response, status (failed|None)") as raised:
        await ask_responses(Api(body), mode)
    assert raised.value.body == body


@in_all_modes
async def test_a_response_that_was_cancelled_is_an_error(mode: Mode) -> None:
    with pytest.raises(openai.APIError, match="without a response, status cancelled"):
        await ask_responses(Api(response(message("Hel"), status="cancelled")), mode)


@in_all_modes
async def test_an_error_tells_what_helps(mode: Mode) -> None:
    body = {"message": "No such model.", "path": "/v1/responses", "requestId": "req-1", "statusCode": 404}
    with pytest.raises(openai.NotFoundError, match=r"No such model.*req-1.*Look the model up"):
        await ask_responses(Api(httpx2.Response(404, json=body)), mode)


@in_all_modes
async def test_a_call_without_an_id_gets_one_of_its_response(mode: Mode) -> None:
    call = {"type": "function_call", "name": "weather", "arguments": "{}"}
    reply = await ask_responses(Api(response(call, call, id="resp_9")), mode)
    assert [call.id for call in reply.tool_calls] == ["call-resp_9-0", "call-resp_9-1"]
    assert [call.extra for call in reply.tool_calls] == [None, None]
    reply = await ask_responses(Api({**response(call), "id": None}), mode)
    assert [call.id for call in reply.tool_calls] == ["call-0"]


@in_all_modes
@pytest.mark.parametrize("name", ["id", "call_id"])
async def test_one_id_of_a_call_is_both(mode: Mode, name: str) -> None:
    call = {"type": "function_call", "name": "weather", "arguments": "{}", name: "x_1"}
    (called,) = (await ask_responses(Api(response(call)), mode)).tool_calls
    assert (called.id, called.extra) == ("x_1", {"call_id": "x_1"})
