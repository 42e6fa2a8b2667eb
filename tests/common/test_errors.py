# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""What an exception tells, and what it must not tell. Faults of connections are in test_faults.py."""

import json
import re
import traceback
from typing import Any

import httpx2
import openai
import pytest
from haystack.utils import Secret

from haystack_integrations.components.generators.aimlapi import AIMLAPIChatGenerator
from tests.support.api import Api, chat_generator, image_generator, plain, text_embedder
from tests.support.modes import Mode, in_all_modes, plain_only
from tests.support.replies import failure

SECRET = 's3"cret-xyz'


def refused(message: str, status: int = 400) -> httpx2.Response:
    return plain(failure(message, status), status)


def told(error: BaseException) -> str:
    return "".join(traceback.format_exception(error)) + str(error) + repr(error)


@in_all_modes
@pytest.mark.parametrize("place", ["init", "init's generation_kwargs", "run's generation_kwargs"])
def test_header_secret_that_the_server_echoes_is_hidden(place: str, mode: Mode) -> None:
    headers = {"X-Proxy-Key": Secret.from_token(SECRET)}
    settings: dict[str, Any] = {
        "init": {"extra_headers": headers},
        "init's generation_kwargs": {"generation_kwargs": {"extra_headers": headers}},
    }.get(place, {})
    parameters = {"generation_kwargs": {"extra_headers": headers}} if place.startswith("run") else {}
    generator = chat_generator(Api(refused(f"bad header {SECRET}, in JSON {json.dumps(SECRET)}")), **settings)

    with pytest.raises(openai.BadRequestError, match=r"bad header \*\*\*, in JSON \"\*\*\*\"") as caught:
        mode.complete(generator, **parameters)
    assert SECRET not in told(caught.value)


@in_all_modes
@pytest.mark.parametrize("value", ["s3cret\r\nX-Other: 1", "s3crét", "s3\x00cret"])
def test_header_secret_that_cannot_be_sent_is_not_quoted(value: str, mode: Mode) -> None:
    api = Api()
    generator = chat_generator(api, extra_headers={"X-Proxy-Key": Secret.from_token(value)})
    with pytest.raises(ValueError, match=r"^The header X-Proxy-Key contains characters that no HTTP header") as caught:
        mode.complete(generator)
    assert value not in told(caught.value)
    assert api.requests == []


def test_line_break_after_a_header_secret_is_not_sent() -> None:
    api = Api()
    chat_generator(api, extra_headers={"X-Proxy-Key": Secret.from_token("s3cret\n"), "X-Try": 1}).run("Hi")
    assert api.requests[0].headers["x-proxy-key"] == "s3cret"
    assert api.requests[0].headers["x-try"] == "1"


def test_secret_client_request_id_is_not_quoted() -> None:
    generator = AIMLAPIChatGenerator(extra_headers={"X-Client-Request-Id": Secret.from_token("s3cret id")})
    with pytest.raises(ValueError, match=r"must be 1 to 128 characters .*, got a secret\.$") as caught:
        generator.run("Hi")
    assert "s3cret" not in told(caught.value)


@in_all_modes
def test_key_that_is_gone_from_the_environment_hides_no_error(mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIMLAPI_API_KEY", "sk-once")

    def answer(_: httpx2.Request) -> httpx2.Response:
        monkeypatch.delenv("AIMLAPI_API_KEY")
        return refused("No such key: sk-once", 401)

    with pytest.raises(openai.AuthenticationError, match=r"No such key: \*\*\* \("):
        mode.complete(chat_generator(Api(answer)))


@in_all_modes
@pytest.mark.parametrize(
    "content",
    ['{"message": "caf\xe9"}'.encode("latin-1"), b'{"a":' * 100_000 + b"1" + b"}" * 100_000],
    ids=["no UTF-8", "too deep"],
)
def test_body_that_cannot_be_read_is_an_error(content: bytes, mode: Mode) -> None:
    generator = chat_generator(Api(httpx2.Response(200, headers={"content-type": "application/json"}, content=content)))
    with pytest.raises(openai.APIError, match=r"^AIMLAPI answered with malformed JSON") as caught:
        mode.complete(generator)
    assert type(caught.value.__cause__) in (json.JSONDecodeError, UnicodeDecodeError, RecursionError)
    assert caught.value.__context__ is caught.value.__cause__


@in_all_modes
def test_text_in_place_of_a_reply_is_told(mode: Mode) -> None:
    with pytest.raises(openai.APIError, match=r": upstream timeout \(model "):
        mode.complete(chat_generator(Api(httpx2.Response(200, text="upstream\n\ntimeout\n\n"))))


@in_all_modes
@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (httpx2.ConnectError(""), "Connection error. ConnectError"),
        (httpx2.Response(500), "Error code: 500"),
        (httpx2.Response(500, json={}), "Error code: 500"),
        (httpx2.Response(500, json=[1]), "Error code: 500 - [1]"),
        (httpx2.Response(400, json={"error": ["a", 1]}), 'Error code: 400 - ["a", 1]'),
    ],
    ids=["no text", "no body", "empty body", "a list", "an error that is a list"],
)
def test_what_says_little_is_told_as_it_is(answer: Any, told: str, mode: Mode) -> None:
    with pytest.raises(openai.APIError, match=f"^{re.escape(told)} \\(model "):
        mode.complete(chat_generator(Api(answer), max_retries=0))


@in_all_modes
def test_an_error_that_is_a_list_is_told_with_status_200_as_well(mode: Mode) -> None:
    with pytest.raises(openai.APIError, match=r': \["a", 1\] \(model '):
        mode.complete(chat_generator(Api(httpx2.Response(200, json={"error": ["a", 1]}))))


@pytest.mark.parametrize(
    ("message", "remedy"),
    [
        ("Unsupported parameter: 'max_tokens' is not supported with this model.", "Use `max_completion_tokens` "),
        ("`max_tokens` must be greater than `thinking.budget_tokens`", "Raise the limit of tokens "),
        ("The answer was truncated, since it reached the limit of max_tokens", "Raise the limit of tokens "),
        ("max_tokens is too large: 100000", "Lower the limit of tokens "),
        ("Invalid type for 'max_tokens': expected an integer", ""),
        ("Your request was rejected by the safety system", "Moderation refused it: "),
    ],
)
def test_remedy_fits_the_message(message: str, remedy: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        chat_generator(Api(refused(message)), model="m").run("Hi")
    assert str(caught.value).startswith(f"Error code: 400 - {message} (model m, request id req-1) {remedy}".strip())
    assert bool(remedy) is not str(caught.value).endswith(")")


@plain_only
@pytest.mark.parametrize(
    ("status", "message", "remedy"),
    [
        (504, "Generation timeout", ""),
        (400, "This model's maximum context length is 8192 tokens", "Shorten the input."),
        (400, "max_tokens is too low", ""),
    ],
)
@pytest.mark.parametrize("component", [text_embedder, image_generator])
def test_what_is_no_chat_is_not_told_to_stream_or_to_limit_its_reply(
    component: Any, status: int, message: str, remedy: str, mode: Mode
) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        mode.run(component(Api(refused(message, status))), "Hi")
    assert str(caught.value).rpartition(")")[2].strip() == remedy


@plain_only
@pytest.mark.parametrize("component", [text_embedder, image_generator])
def test_what_is_no_chat_and_comes_too_late_is_told_of_the_timeout_only(component: Any, mode: Mode) -> None:
    with pytest.raises(openai.APITimeoutError, match=r"\) Raise `timeout` \(or AIMLAPI_TIMEOUT\)\.$"):
        mode.run(component(Api(httpx2.ReadTimeout("too late"))), "Hi")


def test_remedy_does_not_come_from_the_name_of_the_model() -> None:
    with pytest.raises(openai.AuthenticationError, match=r"\) Check the key in AIMLAPI_API_KEY"):
        chat_generator(Api(refused("Unauthorized", 401)), model="vendor/nsfw-tuned").run("Hi")


@in_all_modes
def test_component_that_is_closed_during_a_call_says_so(mode: Mode) -> None:
    unavailable = httpx2.Response(503, headers={"retry-after-ms": "1"})

    def answer(request: httpx2.Request) -> httpx2.Response:
        generator.close()
        return unavailable

    async def answer_async(request: httpx2.Request) -> httpx2.Response:
        await generator.close_async()
        return unavailable

    api = Api(answer_async if mode.asynchronous else answer)
    generator = chat_generator(api, max_retries=5)
    with pytest.raises(openai.APIConnectionError, match=r"^The component was closed during the call\. \(model "):
        mode.complete(generator)
    assert len(api.requests) == 1
