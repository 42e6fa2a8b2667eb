# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import openai
import pytest
import respx
from haystack.components.agents import Agent
from haystack.components.generators.chat import FallbackChatGenerator
from haystack.dataclasses import ChatMessage, ImageContent, StreamingChunk
from haystack.tools import Tool
from pydantic import BaseModel

from examples.stand_in import stand_in
from haystack_integrations.components.generators.aimlapi import AIMLAPIChatGenerator
from tests.support.modes import Mode, ignore, in_both_clients, plain_only
from tests.support.recordings import RECORDINGS, Recording, names, scrub

CHART = ImageContent.from_file_path(Path(__file__).parents[1] / "examples" / "chart.png")
FRANCE = "What is the capital of France?"
CITY = {
    "type": "object",
    "properties": {"city": {"type": "string", "description": "Name of the city"}},
    "required": ["city"],
}
WEATHER = Tool("weather", "Current weather in a city.", CITY, lambda city: "18 °C and sunny")
CLOCK = Tool("local_time", "Current local time in a city.", CITY, lambda city: "21:30")


class Person(BaseModel):
    name: str
    birthplace: str
    birth_year: int


SECTIONS = """\
Answer in two sentences, from these sections of a README alone. Name those that you used in brackets.

[When a call fails]
The exceptions are those of the OpenAI SDK. Their text holds AIMLAPI's message, the ids of the call and what helps. \
Faults that may pass are tried again."""


@dataclass
class Case:
    question: str | list[ChatMessage]
    answers: list[str]
    settings: dict[str, Any] = field(default_factory=dict)
    reasoning: str | None = None


MARIE = Case(
    "Marie Curie was born in Warsaw in 1867.",
    ['{"name":"Marie Curie","birthplace":"Warsaw","birth_year":1867}'],
    {"generation_kwargs": {"response_format": Person}},
)
CHATS = {
    "chat": Case(FRANCE, ["The capital of France is Paris."]),
    "stream": Case(FRANCE, ["The capital of France is Paris."]),
    "choices": Case("Name a colour.", ["Blue.", "Green."], {"generation_kwargs": {"n": 2}}),
    "haiku": Case(
        "Write a haiku about the sea.",
        ["Grey waves fold and rise,\nsalt wind writes upon the sand —\nthe tide reads it back."],
    ),
    "quickstart": Case(
        "Why is the sky blue?",
        [
            (
                "Sunlight is a mix of all colours. On its way through the air it is scattered by molecules far smaller "
                "than its wavelength, and blue light is scattered much more strongly than red. So blue reaches your "
                "eyes from every part of the sky."
            )
        ],
        {"model": "deepseek/deepseek-v4-flash"},
        "The user wants the cause of the sky's colour. That is Rayleigh scattering: short wavelengths scatter most. "
        "Two or three sentences are enough.",
    ),
    "reasoning": Case(
        "How many times does the letter r appear in 'strawberry'?",
        ["Three times: one r in 'straw' and two in 'berry'."],
        {"model": "deepseek/deepseek-v4-pro"},
        "Spell it: s-t-r-a-w-b-e-r-r-y. An r at position 3, one at 8 and one at 9.",
    ),
    "structured": MARIE,
    "structured_stream": MARIE,
    "image": Case(
        [ChatMessage.from_user(content_parts=["Which bar is the tallest?", CHART])],
        ["The green bar in the middle is the tallest."],
    ),
    "rag": Case(
        [ChatMessage.from_system(SECTIONS), ChatMessage.from_user("What happens when a call fails?")],
        [
            (
                "The call raises an exception of the OpenAI SDK whose text holds AIMLAPI's message, the ids of the "
                "call and what helps. Faults that may pass are tried again first, so that nothing is paid twice. "
                "[When a call fails]"
            )
        ],
    ),
    "pipeline": Case(
        [
            ChatMessage.from_system("Answer in one sentence, for a child of six."),
            ChatMessage.from_user("What is a rainbow?"),
        ],
        ["A rainbow is sunlight that raindrops have split into all its colours, like a giant painting in the sky."],
    ),
}
DIALECTS = [*names("dialect_*"), *names("stream_*")]
TOOL_LOOPS = {
    "tools": ("What is the weather in Paris?", [WEATHER], "It is 18 °C and sunny in Paris."),
    "parallel_tools": (
        "I land in Tokyo today. What is the weather there, and what time is it?",
        [WEATHER, CLOCK],
        "Welcome to Tokyo! It is 18 °C and sunny, and the local time is 21:30.",
    ),
}
ERRORS = {
    "error_400": openai.BadRequestError,
    "error_401": openai.AuthenticationError,
    "error_403": openai.PermissionDeniedError,
    "error_404": openai.NotFoundError,
    "error_429": openai.RateLimitError,
    "error_429_free_tier": openai.RateLimitError,
    "error_500": openai.InternalServerError,
    "error_500_maintenance": openai.InternalServerError,
    "error_500_upstream": openai.InternalServerError,
    "error_502": openai.InternalServerError,
    "error_503": openai.InternalServerError,
    "error_504": openai.InternalServerError,
}
# Worth another try; every other error must be given up at once, as the recording holds one exchange only.
PASSING = {"error_429", "error_500", "error_502", "error_503"}

Playback = Callable[[str], Recording]


def is_stream(recording: Recording) -> bool:
    return recording.exchanges[0]["request"]["body"].get("stream", False)


async def ask(generator: Any, question: Any, mode: Mode, **settings: Any) -> Any:
    result = await mode.call(generator, question, **settings)
    if mode.asynchronous and isinstance(generator, AIMLAPIChatGenerator):
        await generator.close_async()
    return result


@plain_only
@in_both_clients
@pytest.mark.parametrize("name", CHATS)
async def test_a_chat_becomes_a_reply(name: str, mode: Mode, http_client_kwargs: Any, playback: Playback) -> None:
    case, chunks = CHATS[name], list[StreamingChunk]()
    streaming = {"streaming_callback": chunks.append} if is_stream(playback(name)) else {}

    result = await ask(
        AIMLAPIChatGenerator(**case.settings, http_client_kwargs=http_client_kwargs), case.question, mode, **streaming
    )

    assert [reply.text for reply in result["replies"]] == case.answers
    assert [reply.meta["finish_reason"] for reply in result["replies"]] == ["stop"] * len(case.answers)
    assert all(reply.meta["usage"]["total_tokens"] and reply.meta["cost"]["usd_spent"] for reply in result["replies"])
    if case.reasoning:
        assert result["replies"][0].reasoning.reasoning_text == case.reasoning
    if streaming:
        assert "".join(chunk.content for chunk in chunks) == case.answers[0]


@plain_only
@pytest.mark.parametrize("name", DIALECTS)
async def test_a_dialect_becomes_a_reply(name: str, mode: Mode, playback: Playback) -> None:
    """What becomes of each is for the tests of replies."""
    recording = playback(name)
    body = recording.exchanges[0]["request"]["body"]
    streaming = {"streaming_callback": ignore} if is_stream(recording) else {}

    result = await ask(AIMLAPIChatGenerator(model=body["model"]), body["messages"][0]["content"], mode, **streaming)

    assert [ChatMessage.from_dict(reply.to_dict()) for reply in result["replies"]] == result["replies"] != []


@plain_only
@in_both_clients
@pytest.mark.parametrize("name", [*TOOL_LOOPS, *(f"{name}_stream" for name in TOOL_LOOPS)])
async def test_an_agent_plays_a_tool_loop(name: str, mode: Mode, http_client_kwargs: Any, playback: Playback) -> None:
    question, tools, answer = TOOL_LOOPS[name.removesuffix("_stream")]
    streaming = {"streaming_callback": ignore} if is_stream(playback(name)) else {}

    agent = Agent(chat_generator=AIMLAPIChatGenerator(http_client_kwargs=http_client_kwargs), tools=tools, **streaming)
    result = await ask(agent, [ChatMessage.from_user(question)], mode)

    roles = ["user", "assistant", *["tool"] * len(tools), "assistant"]
    assert [message.role.value for message in result["messages"]] == roles
    assert result["messages"][-1].text == answer


@plain_only
@in_both_clients
async def test_a_fallback_takes_the_second_model(mode: Mode, http_client_kwargs: Any, playback: Playback) -> None:
    playback("fallback")
    models = ["anthropic/claude-sonnet-4.6", "openai/gpt-5.6-terra"]
    generator = FallbackChatGenerator(
        [AIMLAPIChatGenerator(model=model, http_client_kwargs=http_client_kwargs) for model in models]
    )

    result = await ask(generator, [ChatMessage.from_user("Name three uses of a paper clip.")], mode)

    assert result["replies"][0].text == "Holding papers together, resetting a router, and marking a page."


@plain_only
@in_both_clients
@pytest.mark.parametrize("name", ERRORS)
async def test_an_error_is_the_sdks_own(name: str, mode: Mode, http_client_kwargs: Any, playback: Playback) -> None:
    recorded = playback(name).exchanges[0]
    body, answer = recorded["request"]["body"], recorded["response"]["json"]
    settings = {"max_retries": 0} if name in PASSING else {}
    if "temperature" in body:
        settings["generation_kwargs"] = {"temperature": body["temperature"]}

    with pytest.raises(ERRORS[name]) as raised:
        await ask(
            AIMLAPIChatGenerator(model=body["model"], **settings, http_client_kwargs=http_client_kwargs), FRANCE, mode
        )

    assert type(raised.value) is ERRORS[name]
    assert answer["message"] in str(raised.value)
    assert answer["requestId"] in str(raised.value)


def test_every_recording_of_a_chat_is_played() -> None:
    played = [*CHATS, *DIALECTS, *TOOL_LOOPS, *(f"{name}_stream" for name in TOOL_LOOPS), *ERRORS, "fallback"]
    elsewhere = [*names("responses_*"), *names("image_*"), *names("embedding*")]
    assert names() == sorted([*played, *elsewhere])


def test_every_recording_states_its_source() -> None:
    assert [name for name in names() if not Recording(name).source] == []


def test_another_request_fails_the_test(playback: Playback) -> None:
    playback("chat")
    with pytest.raises(pytest.fail.Exception, match='"temperature": 1'):
        AIMLAPIChatGenerator().run(FRANCE, generation_kwargs={"temperature": 1})


def test_one_request_too_many_fails_the_test(playback: Playback) -> None:
    playback("chat")
    AIMLAPIChatGenerator().run(FRANCE)
    with pytest.raises(pytest.fail.Exception, match="more than recorded"):
        AIMLAPIChatGenerator().run(FRANCE)


def test_an_exchange_not_played_fails_the_test() -> None:
    with pytest.raises(pytest.fail.Exception, match="0 of 1"):
        Recording("chat").finish()


def test_recording_anew_writes_what_the_api_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against the stand-in, in place of the live API."""
    old = json.loads((RECORDINGS / "stream.json").read_text(encoding="utf-8"))
    old["exchanges"][0]["request"]["body"] = {}
    (tmp_path / "stream.json").write_text(json.dumps(old), encoding="utf-8")
    monkeypatch.setenv("AIMLAPI_API_KEY", "secret-key")
    recording = Recording("stream", record=True, folder=tmp_path)

    with stand_in() as url, respx.mock(using="httpcore2") as router:
        recording.mount(router)
        AIMLAPIChatGenerator(api_base_url=url).run(FRANCE, streaming_callback=ignore)
    recording.finish()

    text = (tmp_path / "stream.json").read_text(encoding="utf-8")
    assert json.loads(text)["exchanges"] == Recording("stream").exchanges
    assert "secret-key" not in text


def test_no_key_and_no_account_stays_in_a_recording(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIMLAPI_API_KEY", "secret-key")
    text = json.dumps({"echo": "secret-key", "user_id": "u-1", "organization": "org-1", "id": "chatcmpl-1"})
    assert json.loads(scrub(text)) == {
        "echo": "KEY",
        "user_id": "scrubbed",
        "organization": "scrubbed",
        "id": "chatcmpl-1",
    }
