# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import openai
import pytest
from haystack.components.agents import Agent
from haystack.components.generators.chat import FallbackChatGenerator
from haystack.dataclasses import ChatMessage, FileContent, ImageContent, StreamingChunk
from haystack.tools import Tool
from pydantic import BaseModel

from examples.stand_in import StandIn
from haystack_integrations.components.generators.aimlapi import AIMLAPIChatGenerator
from tests.support.modes import Mode, ignore, in_both_clients, plain_only
from tests.support.recordings import RECORDINGS, Recording, names

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
NOTE = ImageContent(
    "",
    "image/jpeg",
    meta={"url": "https://raw.githubusercontent.com/aimlapi/api-docs/main/reference-files/handwriting.jpg"},
)
RULES = ChatMessage.from_system(
    "Whenever a rule and its example differ, the rule counts.", meta={"cache_control": {"type": "ephemeral"}}
)
RULE = ChatMessage.from_user("What counts if a rule and its example differ?")
WEB_SEARCH = {"type": "builtin_function", "function": {"name": "$web_search"}}
ADA = Case(
    "Ada Lovelace was born in London in 1815.",
    ['{"name": "Ada Lovelace", "birthplace": "London", "birth_year": 1815}'],
    {"model": "anthropic/claude-opus-5", "generation_kwargs": {"response_format": Person}},
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
    "structured_tool": ADA,
    "structured_tool_stream": ADA,
    "audio_in": Case(
        [
            ChatMessage.from_user(
                content_parts=[
                    "What is said here?",
                    FileContent("UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA=", "audio/wav"),
                ]
            )
        ],
        ["Why is the wind so strong?"],
        {"model": "google/gemini-3-5-flash"},
    ),
    "image": Case(
        [ChatMessage.from_user(content_parts=["Which bar is the tallest?", CHART])],
        ["The green bar in the middle is the tallest."],
    ),
    "note": Case(
        [ChatMessage.from_user(content_parts=["What does this note say?", NOTE])],
        ["It is a handwriting test, by somebody who is learning to write with fountain pens and asks for tips."],
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
    recording = playback(name)
    streaming = {"streaming_callback": chunks.append} if is_stream(recording) else {}

    result = await ask(
        AIMLAPIChatGenerator(**case.settings, http_client_kwargs=http_client_kwargs), case.question, mode, **streaming
    )

    texts = [reply.text for reply in result["replies"]]
    assert all(texts)
    assert [reply.meta["finish_reason"] for reply in result["replies"]] == ["stop"] * len(case.answers)
    assert all(reply.meta["usage"]["total_tokens"] and reply.meta["cost"]["usd_spent"] for reply in result["replies"])
    if streaming:
        assert "".join(chunk.content for chunk in chunks) == texts[0]
    if recording.exact:
        assert texts == case.answers
        if case.reasoning:
            assert result["replies"][0].reasoning.reasoning_text == case.reasoning


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
    recording = playback(name)
    streaming = {"streaming_callback": ignore} if is_stream(recording) else {}

    agent = Agent(chat_generator=AIMLAPIChatGenerator(http_client_kwargs=http_client_kwargs), tools=tools, **streaming)
    result = await ask(agent, [ChatMessage.from_user(question)], mode)

    roles = ["user", "assistant", *["tool"] * len(tools), "assistant"]
    assert [message.role.value for message in result["messages"]] == roles
    assert result["messages"][-1].text
    if recording.exact:
        assert result["messages"][-1].text == answer


@plain_only
@in_both_clients
async def test_a_recorded_search_goes_on_in_an_agent(mode: Mode, http_client_kwargs: Any, playback: Playback) -> None:
    playback("hosted_tool")
    generator = AIMLAPIChatGenerator(
        model="moonshot/kimi-k2-6", tools=[WEB_SEARCH], http_client_kwargs=http_client_kwargs
    )
    question = "Who won the marathon in Berlin this year, and what is the weather there?"

    result = await ask(Agent(chat_generator=generator, tools=[WEATHER]), [ChatMessage.from_user(question)], mode)

    assert [message.role.value for message in result["messages"]] == ["user", "assistant", "tool", "assistant"]
    assert result["messages"][-1].text == "Sabastian Sawe won, and in Berlin it is 18 °C and sunny."


@plain_only
async def test_a_recorded_prompt_is_read_from_the_cache(mode: Mode, playback: Playback) -> None:
    playback("caching")
    generator = AIMLAPIChatGenerator(model="anthropic/claude-opus-5")

    first = (await mode.call(generator, [RULES, RULE]))["replies"][0]
    second = (await ask(generator, [RULES, RULE, first, ChatMessage.from_user("And the example?")], mode))["replies"][0]

    assert [reply.meta["usage"]["cache_read_input_tokens"] for reply in (first, second)] == [0, 1812]
    assert second.text == "It is then wrong."


@plain_only
@in_both_clients
async def test_a_recorded_fallback_ends_with_the_second_model(
    mode: Mode, http_client_kwargs: Any, playback: Playback
) -> None:
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
    played = [*CHATS, *DIALECTS, *TOOL_LOOPS, *(f"{name}_stream" for name in TOOL_LOOPS), *ERRORS]
    played += ["caching", "fallback", "hosted_tool"]
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


CANARIES = ("canary-user", "canary-org", "canary-cookie", "canary-team", "4815162342", "secret-key")


class Canaries(StandIn):
    """The stand-in, with what tells of an account in its headers, its bodies and the events of its streams."""

    def answer(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        response = super().answer(path, body)
        told = {
            "userId": "canary-user",
            "account": {"id": 4815162342, "organizations": [{"id": "canary-org"}]},
            "echo": 'said \\"secret-key\\"',
        }
        headers = {
            **response.get("headers", {}),
            "set-cookie": "canary-cookie",
            "x-aimlapi-team": "canary-team",
            "x-aimlapi-account": "4815162342",
        }
        if "sse" not in response:
            return {**response, "headers": headers, "json": {**response["json"], **told}}
        events = []
        for event in "".join(response["sse"]).split("\n\n"):
            data = event.removeprefix("data: ")
            telling = event.startswith("data: {")
            events.append(f"data: {json.dumps({**json.loads(data), **told})}\n\n" if telling else f"{event}\n\n")
        return {**response, "headers": headers, "sse": events}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(RECORDINGS, tmp_path / "recordings")
    return tmp_path / "recordings"


def record(api: StandIn, folder: Path, key: str, *tests: str) -> subprocess.CompletedProcess[str]:
    """Record these cases anew, each of which is played by four tests: the first records, all must pass."""
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:randomly", "--no-cov", "--record", f"--recordings={folder}"]
    url = api.start()
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "tests/test_recordings.py", "-k", " or ".join(tests)],
        cwd=RECORDINGS.parents[1],
        env={**os.environ, "AIMLAPI_API_KEY": key, "AIMLAPI_API_BASE": url, "PYTHONUTF8": "1"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    api.shutdown()
    api.server_close()
    return run


def changed(folder: Path) -> list[str]:
    texts = {name: [(place / f"{name}.json").read_text("utf-8") for place in (folder, RECORDINGS)] for name in names()}
    return [name for name, (new, old) in texts.items() if new != old]


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_recording_anew_keeps_what_is_known_to_tell_nothing(folder: Path) -> None:
    run = record(Canaries(), folder, "secret-key", "[chat-", "[tools_stream-")

    assert run.returncode == 0, run.stdout
    assert {"chat", "tools_stream"} <= set(changed(folder))
    for name in changed(folder):
        text = (folder / f"{name}.json").read_text(encoding="utf-8")
        assert [canary for canary in CANARIES if canary in text] == []
        assert '"userId"' in text or '\\"userId\\"' in text
    kept = json.loads((folder / "chat.json").read_text(encoding="utf-8"))["exchanges"][0]
    original = Recording("chat").exchanges[0]
    assert kept["request"] == {**original["request"], "headers": kept["request"]["headers"]}
    assert kept["response"]["json"]["choices"] == original["response"]["json"]["choices"]
    assert kept["response"]["headers"]["x-inference-id"] == "scrubbed"


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_wrong_key_overwrites_nothing(folder: Path) -> None:
    class Refusing(StandIn):
        def answer(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
            return {"status": 401, "json": {"message": "This request requires a valid API key.", "statusCode": 401}}

    run = record(Refusing(), folder, "wrong-key", "[chat-")

    assert run.returncode != 0
    assert "the recording stays as it is" in run.stdout
    assert changed(folder) == []
