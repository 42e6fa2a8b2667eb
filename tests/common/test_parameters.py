# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""Names of parameters and models that AIMLAPI does not know, and parameters that a model has under another name."""

from typing import Any

import openai
import pytest

from haystack_integrations.common.aimlapi import parameters as module
from tests.support.api import Api, chat_body, chat_generator, image_generator, plain, responses_generator
from tests.support.modes import SYNC, Mode, in_all_modes
from tests.support.replies import failure

MAKE: dict[str, Any] = {"chat": chat_generator, "responses": responses_generator, "images": image_generator}


@pytest.fixture(autouse=True)
def nothing_was_logged_before() -> None:
    module._warned.clear()


@in_all_modes
async def test_a_look_alike_is_told_once_and_sent(mode: Mode, caplog: pytest.LogCaptureFixture) -> None:
    api = Api()
    generator = chat_generator(api, generation_kwargs={"max_token": 5, "plugins": []})
    for _ in range(2):
        await mode.call(generator, "Hi", generation_kwargs={"reasonning_effort": "low"})
    assert api.bodies == [chat_body(mode, max_token=5, plugins=[], reasonning_effort="low")] * 2
    warned = [record.getMessage() for record in caplog.records if "AIMLAPI drops" in record.getMessage()]
    assert warned == [
        f"AIMLAPI drops the parameter `{name}`, which it does not know. Did you mean `{meant}`?"
        for name, meant in (("max_token", "max_tokens"), ("reasonning_effort", "reasoning_effort"))
    ]


@pytest.mark.parametrize(
    ("endpoint", "name", "meant"),
    [
        ("chat", "max_output_tokens", "max_tokens"),
        ("responses", "temprature", "temperature"),
        ("images", "num_image", "num_images"),
    ],
)
def test_each_endpoint_has_its_own_names(
    endpoint: str, name: str, meant: str, caplog: pytest.LogCaptureFixture
) -> None:
    MAKE[endpoint](Api()).run("Hi", generation_kwargs={name: 5})
    assert f"`{name}`, which it does not know. Did you mean `{meant}`?" in caplog.text


def test_what_is_in_extra_body_is_meant(caplog: pytest.LogCaptureFixture) -> None:
    api = Api()
    chat_generator(api).run("Hi", generation_kwargs={"extra_body": {"max_token": 5}, "top_n": 1})
    assert api.bodies == [chat_body(SYNC, max_token=5, top_n=1)]
    assert "AIMLAPI drops" not in caplog.text


@in_all_modes
@pytest.mark.parametrize(
    ("model", "given", "sent"),
    [
        ("anthropic/claude-opus-5", {"stop": "END"}, {"stop_sequences": ["END"]}),
        ("claude-haiku-4-5", {"stop": ["A", "B"]}, {"stop_sequences": ["A", "B"]}),
        ("anthropic/claude-opus-5", {"stop": "A", "stop_sequences": ["B"]}, {"stop_sequences": ["B"]}),
        ("anthropic/claude-opus-5", {"extra_body": {"stop": "A"}}, {"stop": "A"}),
        ("anthropic/claude-opus-5", {"stop": None}, {"stop": None}),
        ("openai/gpt-4o", {"stop": "A"}, {"stop": "A"}),
    ],
)
async def test_claude_stops_at_stop_sequences(mode: Mode, model: str, given: Any, sent: Any) -> None:
    api = Api()
    await mode.call(chat_generator(api, model=model, generation_kwargs=given), "Hi")
    assert api.bodies == [{**chat_body(mode, **sent), "model": model}]


@in_all_modes
@pytest.mark.parametrize(
    ("endpoint", "model", "hint"),
    [
        ("chat", "openai/gpt-5-chat-latest", "AIMLAPI has retired openai/gpt-5-chat-latest: use openai/gpt-5.6-terra."),
        ("chat", "claude-opus-5", "Did you mean anthropic/claude-opus-5 or "),
        ("chat", "openai/gpt-5-pro", "The model openai/gpt-5-pro answers in AIMLAPIResponsesChatGenerator."),
        ("responses", "anthropic/claude-opus-5", "The model anthropic/claude-opus-5 answers in AIMLAPIChatGenerator."),
        ("chat", "openai/gpt-image-2", "The model openai/gpt-image-2 answers in AIMLAPIImageGenerator."),
        ("images", "flux-realistic", "Did you mean flux-realism or "),
        ("chat", "openai/gpt-4o", ""),
        ("chat", "zzz-9", ""),
    ],
)
def test_an_error_about_a_model_says_which_to_take(mode: Mode, endpoint: str, model: str, hint: str) -> None:
    mode = mode.plain if endpoint == "images" else mode
    component = MAKE[endpoint](Api(plain(failure("Not Found", 404), 404)), model=model)
    with pytest.raises(openai.NotFoundError) as raised:
        mode.run(component, "Hi")
    told = f"(model {model}, request id req-1) {hint or 'Look the model up in '}"
    assert told in str(raised.value)
    assert str(raised.value).endswith(
        "Look the model up in https://docs.aimlapi.com/api-references/model-database, and check `api_base_url`."
    )


@pytest.mark.parametrize(
    "message",
    [
        "400 Unable to access model, please check the model name and your access to it",
        "This model is only supported in v1/responses and not in v1/chat/completions.",
        "This is not a chat model and thus not supported in the v1/chat/completions endpoint.",
    ],
)
def test_other_words_for_it_are_understood(message: str) -> None:
    with pytest.raises(openai.APIStatusError, match="answers in AIMLAPIResponsesChatGenerator"):
        chat_generator(Api(plain(failure(message), 400)), model="openai/gpt-5-pro").run("Hi")


def test_other_errors_have_no_word_about_the_model() -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        chat_generator(Api(plain(failure("No."), 400)), model="openai/gpt-5-pro").run("Hi")
    assert "AIMLAPIResponsesChatGenerator" not in str(raised.value)


@pytest.mark.parametrize(
    ("variable", "settings", "url"),
    [
        ("http://127.0.0.1:9/v3", {}, "http://127.0.0.1:9/v3/chat/completions"),
        ("http://127.0.0.1:9/v3", {"api_base_url": None}, "http://127.0.0.1:9/v3/chat/completions"),
        ("http://127.0.0.1:9/v3", {"api_base_url": "http://127.0.0.1:8"}, "http://127.0.0.1:8/chat/completions"),
        ("", {}, "https://api.aimlapi.com/v1/chat/completions"),
    ],
)
@in_all_modes
def test_the_base_url_may_be_in_the_environment(
    mode: Mode, variable: str, settings: Any, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIMLAPI_API_BASE", variable)
    api = Api()
    component = chat_generator(api, **settings)
    mode.run(component, "Hi")
    assert str(api.requests[0].url) == url
    assert "127.0.0.1:9" not in str(component.to_dict())
