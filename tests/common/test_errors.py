# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""What an exception tells, and what it must not tell. Faults of connections are in test_faults.py."""

import asyncio
import json
import traceback
from typing import Any

import httpx2
import openai
import pytest
from haystack.dataclasses import ChatMessage, ReasoningContent
from haystack.utils import Secret

from haystack_integrations.components.generators.aimlapi import AIMLAPIChatGenerator
from tests.support.api import Wire, in_all_modes

SECRET = 's3"cret-xyz'


def answering(*responses: httpx2.Response, **settings: Any) -> AIMLAPIChatGenerator:
    left = list(responses)
    transport = httpx2.MockTransport(lambda _: left.pop(0))
    return AIMLAPIChatGenerator(http_client_kwargs={"transport": transport}, max_retries=0, **settings)


def ask(generator: AIMLAPIChatGenerator, mode: str, **parameters: Any) -> Any:
    if "streamed" in mode:
        parameters["streaming_callback"] = lambda chunk: None
    if "async" in mode:
        return asyncio.run(generator.run_async("Hi", **parameters))
    return generator.run("Hi", **parameters)


def refused(message: str, status: int = 400) -> httpx2.Response:
    return httpx2.Response(status, json={"message": message, "requestId": "req-1", "statusCode": status})


def told(error: BaseException) -> str:
    return "".join(traceback.format_exception(error)) + str(error) + repr(error)


@in_all_modes
@pytest.mark.parametrize("place", ["init", "init's generation_kwargs", "run's generation_kwargs"])
def test_header_secret_that_the_server_echoes_is_hidden(place: str, mode: str) -> None:
    headers = {"X-Proxy-Key": Secret.from_token(SECRET)}
    settings: dict[str, Any] = {
        "init": {"extra_headers": headers},
        "init's generation_kwargs": {"generation_kwargs": {"extra_headers": headers}},
    }.get(place, {})
    parameters = {"generation_kwargs": {"extra_headers": headers}} if place.startswith("run") else {}
    generator = answering(refused(f"bad header {SECRET}, in JSON {json.dumps(SECRET)}"), **settings)

    with pytest.raises(openai.BadRequestError, match=r"bad header \*\*\*, in JSON \"\*\*\*\"") as caught:
        ask(generator, mode, **parameters)
    assert SECRET not in told(caught.value)


@in_all_modes
@pytest.mark.parametrize("value", ["s3cret\r\nX-Other: 1", "s3crét", "s3\x00cret"])
def test_header_secret_that_cannot_be_sent_is_not_quoted(value: str, mode: str) -> None:
    wire = Wire()
    generator = AIMLAPIChatGenerator(
        extra_headers={"X-Proxy-Key": Secret.from_token(value)}, http_client_kwargs={"transport": wire}
    )
    with pytest.raises(ValueError, match=r"^The header X-Proxy-Key contains characters that no HTTP header") as caught:
        ask(generator, mode)
    assert value not in told(caught.value)
    assert wire.requests == []


def test_line_break_after_a_header_secret_is_not_sent() -> None:
    wire = Wire()
    generator = AIMLAPIChatGenerator(
        extra_headers={"X-Proxy-Key": Secret.from_token("s3cret\n"), "X-Try": 1}, http_client_kwargs={"transport": wire}
    )
    generator.run("Hi")
    assert wire.requests[0].headers["x-proxy-key"] == "s3cret"
    assert wire.requests[0].headers["x-try"] == "1"


def test_secret_client_request_id_is_not_quoted() -> None:
    generator = AIMLAPIChatGenerator(extra_headers={"X-Client-Request-Id": Secret.from_token("s3cret id")})
    with pytest.raises(ValueError, match=r"must be 1 to 128 characters .*, got a secret\.$") as caught:
        generator.run("Hi")
    assert "s3cret" not in told(caught.value)


@in_all_modes
def test_key_that_is_gone_from_the_environment_hides_no_error(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIMLAPI_API_KEY", "sk-once")

    def answer(_: httpx2.Request) -> httpx2.Response:
        monkeypatch.delenv("AIMLAPI_API_KEY")
        return refused("No such key: sk-once", 401)

    generator = AIMLAPIChatGenerator(http_client_kwargs={"transport": httpx2.MockTransport(answer)}, max_retries=0)
    with pytest.raises(openai.AuthenticationError, match=r"No such key: \*\*\* \("):
        ask(generator, mode)


@in_all_modes
@pytest.mark.parametrize(
    "content",
    ['{"message": "caf\xe9"}'.encode("latin-1"), b'{"a":' * 100_000 + b"1" + b"}" * 100_000],
    ids=["no UTF-8", "too deep"],
)
def test_body_that_cannot_be_read(content: bytes, mode: str) -> None:
    generator = answering(httpx2.Response(200, headers={"content-type": "application/json"}, content=content))
    with pytest.raises(openai.APIError, match=r"AIMLAPI answered with malformed JSON"):
        ask(generator, mode)


@in_all_modes
def test_text_in_place_of_a_reply_is_told(mode: str) -> None:
    with pytest.raises(openai.APIError, match=r": upstream timeout \(model "):
        ask(answering(httpx2.Response(200, text="upstream\n\ntimeout\n\n")), mode)


@pytest.mark.parametrize(
    ("message", "remedy"),
    [
        ("Unsupported parameter: 'max_tokens' is not supported with this model.", "Use `max_completion_tokens` "),
        ("`max_tokens` must be greater than `thinking.budget_tokens`", "Raise `max_tokens` "),
        ("max_tokens is too large: 100000", "Lower `max_tokens` "),
        ("Invalid type for 'max_tokens': expected an integer", ""),
        ("Your request was rejected by the safety system", "Moderation refused it: "),
    ],
)
def test_remedy_fits_the_message(message: str, remedy: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        answering(refused(message), model="m").run("Hi")
    assert str(caught.value).startswith(f"Error code: 400 - {message} (model m, request id req-1) {remedy}".strip())
    assert bool(remedy) is not str(caught.value).endswith(")")


def test_remedy_does_not_come_from_the_name_of_the_model() -> None:
    with pytest.raises(openai.AuthenticationError, match=r"\) Check the key in AIMLAPI_API_KEY"):
        answering(refused("Unauthorized", 401), model="vendor/nsfw-tuned").run("Hi")


@in_all_modes
def test_component_that_is_closed_during_a_call(mode: str) -> None:
    asked = []
    unavailable = httpx2.Response(503, headers={"retry-after-ms": "1"})

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        generator.close()
        return unavailable

    async def answer_async(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        await generator.close_async()
        return unavailable

    transport = httpx2.MockTransport(answer_async if "async" in mode else answer)
    generator = AIMLAPIChatGenerator(http_client_kwargs={"transport": transport})
    with pytest.raises(openai.APIConnectionError, match=r"^The component was closed during the call\. \(model "):
        ask(generator, mode)
    assert len(asked) == 1


def test_client_that_the_user_closed_is_made_anew() -> None:
    wire = Wire()
    generator = AIMLAPIChatGenerator(http_client_kwargs={"transport": wire})
    generator.run("Hi")
    generator.client.close()
    assert generator.run("Hi")["replies"][0].text == "Hello"


@in_all_modes
def test_history_without_anything_to_send(mode: str) -> None:
    generator = answering()
    messages = [ChatMessage.from_assistant(reasoning=ReasoningContent("Hm"))]
    parameters = {"streaming_callback": lambda chunk: None} if "streamed" in mode else {}
    with pytest.raises(ValueError, match=r"`messages` hold nothing to send"):
        if "async" in mode:
            asyncio.run(generator.run_async(messages, **parameters))
        else:
            generator.run(messages, **parameters)
