# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""Keys and secret headers are in no log, exception, repr or file."""

import asyncio
import json
import logging
import pickle
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import httpx2
import openai
import pytest
from haystack import Pipeline
from haystack.dataclasses import ChatMessage
from haystack.utils import Secret

from tests.support.api import Api, chat_generator, image_generator, plain
from tests.support.modes import SYNC, Mode, in_all_modes, plain_only
from tests.support.replies import failure
from tests.support.server import WORD, FaultServer, drop, event, hello, serving, stall, stream_head, whole

KEY = "sk-0123456789abcdef"
HEADER = "header-0123456789abcdef"
INIT_HEADER = "init-header-0123456789abcdef"
SECRETS = (KEY, HEADER, INIT_HEADER)


def assert_discreet(*texts: str) -> None:
    for text in texts:
        assert not [secret for secret in SECRETS if secret in text]


@contextmanager
def secretive(*answers: Any, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> Iterator[tuple[FaultServer, Any]]:
    monkeypatch.setenv("AIMLAPI_API_KEY", KEY)
    monkeypatch.setenv("GATEWAY_TOKEN", HEADER)
    monkeypatch.setenv("OTHER_TOKEN", INIT_HEADER)
    with serving(
        *answers,
        extra_headers={"X-Gateway-Token": Secret.from_env_var("GATEWAY_TOKEN")},
        generation_kwargs={"extra_headers": {"X-Other-Token": Secret.from_env_var("OTHER_TOKEN")}},
        max_retries=1,
        **settings,
    ) as (server, generator):
        yield server, generator


@in_all_modes
def test_secrets_are_not_told(mode: Mode, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        answers = (whole(b"", 503, retry_after_ms="1"), hello(mode))
        with secretive(*answers, monkeypatch=monkeypatch) as (server, generator):
            mode.complete(generator)
            sent = server.requests[1].headers
            assert (sent["authorization"], sent["x-gateway-token"], sent["x-other-token"]) == (
                f"Bearer {KEY}",
                HEADER,
                INIT_HEADER,
            )
            pipeline = Pipeline()
            pipeline.add_component("llm", generator)
            assert_discreet(
                repr(generator),
                str(generator),
                repr(generator.client),
                repr(generator.async_client),
                json.dumps(generator.to_dict()),
                pipeline.dumps(),
                repr(generator._get_telemetry_data()),
                repr(pipeline),
            )
    assert len(caplog.records) > 10
    assert_discreet(caplog.text)


@in_all_modes
def test_secrets_that_the_server_repeats_are_hidden(
    mode: Mode, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    said = f"What are {KEY}, {HEADER} and {INIT_HEADER}?"
    body = {"message": said, "requestId": "req-1", "statusCode": 401}
    for answer in (
        whole(body, 401),
        whole(said.encode(), 502, content_type="text/plain", retry_after_ms="1"),
        whole(body),
        whole(said.encode(), content_type="text/html"),
        *([(stream_head(), event(WORD), event({"error": body}))] if mode.streamed else []),
        *([(stream_head(), event(WORD), event("{" + said))] if mode.streamed else []),
    ):
        with caplog.at_level(logging.DEBUG), secretive(answer, monkeypatch=monkeypatch) as (_, generator):
            with pytest.raises(openai.APIError, match=r"What are \*\*\*, \*\*\* and \*\*\*\?") as caught:
                mode.complete(generator)
            assert_discreet("".join(traceback.format_exception(caught.value)), repr(caught.value), caplog.text)


@in_all_modes
def test_secrets_are_in_no_connection_error(
    mode: Mode, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for answer in ((drop,), (stall,)):
        with (
            caplog.at_level(logging.DEBUG),
            secretive(answer, monkeypatch=monkeypatch, timeout=0.2) as (_, generator),
            pytest.raises(openai.APIConnectionError) as caught,
        ):
            mode.complete(generator)
        assert_discreet("".join(traceback.format_exception(caught.value)), caplog.text)


# What an exception carries


def parts(error: BaseException) -> Iterator[Any]:
    """All that hangs on an exception: its attributes, causes, and the variables in frames of ours and of aiohttp."""
    yield from (str(error), error.args, vars(error))
    for part in ("request", "response"):
        if (found := getattr(error, part, None)) is not None:
            yield (dict(found.headers), str(found.url))
    if isinstance(response := getattr(error, "response", None), httpx2.Response):
        yield response.text
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if frame.f_globals["__name__"].startswith(("haystack_integrations.", "aiohttp.")):
            yield frame.f_locals
    for link in {error.__cause__, error.__context__} - {None}:
        yield from parts(link)


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from texts([*value, *value.values()])
    elif isinstance(value, (list, tuple, set)):
        for item in value:
            yield from texts(item)
    else:
        yield value if isinstance(value, str) else repr(value)


def assert_nothing_carried(error: BaseException) -> None:
    assert_discreet(*(text for part in parts(error) for text in texts(part)))
    if isinstance(error, openai.APIError):
        assert not [secret for secret in SECRETS if secret.encode() in pickle.dumps(error)]


SAID = f"What are {KEY}, {HEADER} and {INIT_HEADER}?"
ECHO = {"message": SAID, "code": HEADER, "list": [{KEY: 1}], "requestId": "req-1", "statusCode": 401}


@in_all_modes
@pytest.mark.parametrize(
    "answer",
    [
        whole(b"", 503),
        (drop,),
        (stall,),
        whole(b"{", 200),
        whole(ECHO, 401, x_client_request_id=HEADER),
        whole(SAID.encode(), 502, content_type="text/plain"),
        whole(ECHO),
        whole(b"{" * 3000 + SAID.encode()),
        whole(b'{"a": "' + SAID.encode() + b'\xff"}'),
        whole(b"[" * 150 + json.dumps(SAID).encode() + b"]" * 150, 400),
        whole(b"", 307, location=f"http://{KEY}@localhost/{HEADER}"),
    ],
    ids=["503", "drop", "stall", "malformed", "401", "502", "200", "no JSON", "no UTF-8", "deep", "redirect"],
)
def test_exceptions_carry_no_secrets(mode: Mode, answer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    timeout = {"timeout": 0.2} if answer == (stall,) else {}
    with secretive(answer, monkeypatch=monkeypatch, **timeout) as (_, generator):
        generator.max_retries = 0
        with pytest.raises(openai.APIError) as caught:
            mode.complete(generator)
    assert_nothing_carried(caught.value)


@in_all_modes
@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("said", [{"error": ECHO}, "{" + SAID], ids=["error", "malformed"])
def test_errors_in_streams_carry_no_secrets(
    mode: Mode, said: Any, wrapped: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = (stream_head(), event(WORD), event(said))
    with secretive(answer, monkeypatch=monkeypatch) as (_, generator):

        async def main() -> None:
            await generator.warm_up_async()
            if wrapped:
                wrap(generator.async_client)
            await mode.streaming.complete_async(generator)

        with pytest.raises(openai.APIError) as caught:
            if mode.asynchronous:
                asyncio.run(main())
            else:
                generator.warm_up()
                if wrapped:
                    wrap(generator.client)
                mode.streaming.complete(generator)
    assert_nothing_carried(caught.value)


def wrap(client: Any) -> None:
    """As tracers do: the call is typed then, and the stream the SDK's."""
    client.chat.completions.create = partial(client.chat.completions.create)


@in_all_modes
def test_other_exceptions_carry_no_secrets(mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(chunk: Any) -> None:
        raise KeyError

    async def fail_async(chunk: Any) -> None:
        raise KeyError

    with secretive(hello(mode.streaming), monkeypatch=monkeypatch) as (_, generator):
        with pytest.raises(KeyError) as caught:
            mode.run(generator, "Hi", streaming_callback=fail_async if mode.asynchronous else fail)
        assert_nothing_carried(caught.value)
        for parameters in ({"messages": []}, {"extra_headers": {"X-Client-Request-Id": "a b"}}):
            with pytest.raises(ValueError, match=r"messages|X-Client") as refused:
                mode.complete(generator, generation_kwargs=parameters)
            assert_nothing_carried(refused.value)
        monkeypatch.setenv("OTHER_TOKEN", INIT_HEADER + "\r\nX-Other: 1")
        with pytest.raises(ValueError, match=r"^The header X-Other-Token contains characters") as refused:
            mode.complete(generator)
        assert_nothing_carried(refused.value)


@in_all_modes
@pytest.mark.parametrize("value", ["a\r\nX-Other: 1", "a\nb", "caf\xe9", "a\x00b"])
def test_header_that_cannot_be_sent_is_refused_without_being_quoted(mode: Mode, value: str) -> None:
    api = Api()
    with pytest.raises(ValueError, match=r"^The header X-Plain contains characters that no HTTP header") as caught:
        mode.complete(chat_generator(api, extra_headers={"X-Plain": value}))
    assert value not in "".join(traceback.format_exception(caught.value))
    assert api.requests == []


@plain_only
def test_headers_of_a_call_that_succeeds_are_left_alone(mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    with secretive(hello(mode), monkeypatch=monkeypatch) as (_, generator):
        seen: list[dict[str, Any]] = []
        prepare = generator._prepare_api_call

        def keep(**kwargs: Any) -> dict[str, Any]:
            seen.append(prepare(**kwargs))
            return seen[-1]

        generator._prepare_api_call = keep
        mode.complete(generator)
    assert seen[0]["extra_headers"]["X-Gateway-Token"] == HEADER


def test_exception_that_was_being_handled_stays_the_context() -> None:
    """What repeats no secret keeps all that it has."""
    with pytest.raises(openai.BadRequestError) as caught:
        try:
            raise KeyError
        except KeyError:
            chat_generator(Api(plain(failure("No", 400), 400))).run("Hi")
    names = [type(link).__name__ for link in (caught.value.__context__, caught.value.__context__.__context__)]
    assert names == ["HTTPStatusError", "KeyError"]
    assert caught.value.response.json()["message"] == "No"
    assert caught.value.request.headers["authorization"] == "Bearer ***"


# Short secrets


@pytest.mark.parametrize(
    ("key", "said", "told"),
    [
        ("key", "Bad key, no keys", "Bad ***, no keys"),
        ("x", "for example, x", "for example, ***"),
        ("http", "https is not http", "https is not ***"),
        ("Error", "Error of some kind", "*** of some kind"),
        ("code", "code 401", "*** 401"),
        ("12345678", "a12345678b", "a***b"),
    ],
)
def test_short_secrets_are_hidden_as_words(key: str, said: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIMLAPI_API_KEY", key)
    with pytest.raises(openai.AuthenticationError) as caught:
        SYNC.complete(chat_generator(Api(plain({"message": said}, 401)), model="m"))
    assert str(caught.value) == (
        f"Error code: 401 - {told} (model m) Check the key in AIMLAPI_API_KEY: https://aimlapi.com/app/keys."
    )


@pytest.mark.parametrize("key", ["AIMLAPI", "JSON", "reply", "connection"])
def test_own_words_are_never_hidden(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIMLAPI_API_KEY", key)
    with pytest.raises(openai.APIError, match=r"^AIMLAPI answered with malformed JSON: <b>\*\*\*</b> \("):
        SYNC.complete(chat_generator(Api(httpx2.Response(200, text=f"<b>{key}</b>"))))
    with pytest.raises(openai.APIError, match=r"^The reply broke off: \*\*\* is gone \("):
        SYNC.complete(chat_generator(Api(httpx2.LocalProtocolError(f"{key} is gone"))))


@plain_only
def test_failed_download_carries_no_secrets(mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIMLAPI_API_KEY", KEY)
    for said in ({"message": SAID}, {"message": "No", "details": SAID}):
        api = Api({"data": [{"url": "https://cdn.example.com/1.png"}]}, downloads=[plain(said, 404)])
        with pytest.raises(openai.APIError, match=r"its download from https://cdn\.example\.com/1\.png") as caught:
            mode.run(image_generator(api), "A cat")
        links = [caught.value, caught.value.__cause__, caught.value.__context__]
        assert KEY not in "".join(repr((link.args, getattr(link, "body", None))) for link in links if link)


@plain_only
def test_exception_of_a_mock_is_told_like_any_other(mode: Mode) -> None:
    def fail(**kwargs: Any) -> None:
        raise openai.APIConnectionError(request=None)

    async def main(generator: Any) -> None:
        await generator.warm_up_async()
        generator.async_client.chat.completions.create = fail
        await mode.complete_async(generator)

    generator = chat_generator(Api(), model="m")
    with pytest.raises(openai.APIConnectionError, match=r"^Connection error\. \(model m\)$"):
        if mode.asynchronous:
            asyncio.run(main(generator))
        else:
            generator.warm_up()
            generator.client.chat.completions.create = fail
            mode.complete(generator)


def test_headers_of_a_request_that_is_only_prepared_are_whole() -> None:
    generator = chat_generator(Api(), extra_headers={"X-Proxy-Key": Secret.from_token(HEADER)})
    messages = [ChatMessage.from_user("Hi")]
    arguments = generator._prepare_api_call(
        messages=messages, streaming_callback=None, generation_kwargs=None, tools=None, tools_strict=None
    )
    assert arguments["extra_headers"]["X-Proxy-Key"] == HEADER
