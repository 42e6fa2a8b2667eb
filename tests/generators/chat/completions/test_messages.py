# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""What Haystack's own conversion of a message has no form for: caching, audio, video, addresses."""

import re
from typing import Any

import pytest
from haystack.dataclasses import ChatMessage, FileContent, ImageContent, TextContent, ToolCall

from tests.support.api import Api, chat_body, chat_generator
from tests.support.modes import SYNC, Mode, in_all_modes
from tests.support.replies import PIXEL

CACHE = {"type": "ephemeral", "ttl": "1h"}
META = {"cache_control": CACHE}
CALL = ToolCall("weather", {}, id="call_1")
SENT_CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
IMAGE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
URL = "https://example.com/a"


async def sent(mode: Mode, *messages: ChatMessage) -> list[dict[str, Any]]:
    api = Api()
    await mode.call(chat_generator(api), list(messages))
    assert api.bodies == [chat_body(mode, api.bodies[0]["messages"])]
    return api.bodies[0]["messages"]


def text(value: str, **fields: Any) -> dict[str, Any]:
    return {"type": "text", "text": value, **fields}


# Caching


@in_all_modes
async def test_the_last_part_of_a_message_is_cached_whatever_its_role(mode: Mode) -> None:
    assert await sent(
        mode,
        ChatMessage.from_system("Be brief.", meta=META),
        ChatMessage.from_user("Hi", meta=META),
        ChatMessage.from_assistant("I look.", tool_calls=[CALL], meta=META),
        ChatMessage.from_tool([TextContent("sun"), TextContent("ny")], CALL, meta=META),
        ChatMessage.from_user(content_parts=["This?", ImageContent(PIXEL, "image/png")], meta=META),
        ChatMessage.from_user("Hi"),
    ) == [
        {"role": "system", "content": [text("Be brief.", cache_control=CACHE)]},
        {"role": "user", "content": [text("Hi", cache_control=CACHE)]},
        {"role": "assistant", "content": [text("I look.", cache_control=CACHE)], "tool_calls": [SENT_CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": [text("sun\nny", cache_control=CACHE)]},
        {"role": "user", "content": [text("This?"), {**IMAGE, "cache_control": CACHE}]},
        {"role": "user", "content": "Hi"},
    ]


@in_all_modes
async def test_a_message_without_content_and_one_without_caching_are_as_ever(mode: Mode) -> None:
    assert await sent(
        mode,
        ChatMessage.from_user("Hi", meta={"cache_control": None}),
        ChatMessage.from_assistant(tool_calls=[CALL], meta=META),
        ChatMessage.from_tool("sun", CALL),
    ) == [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "tool_calls": [SENT_CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": "sun"},
    ]


# Audio, video, addresses


@in_all_modes
@pytest.mark.parametrize(
    ("part", "expected"),
    [
        *(
            (
                FileContent("QUJD", mime_type, validation=False),
                {"type": "input_audio", "input_audio": {"data": "QUJD", "format": named}},
            )
            for mime_type, named in {
                "audio/wav": "wav",
                "audio/x-wav": "wav",
                "audio/mpeg": "mp3",
                "audio/mp3": "mp3",
                "audio/aac": "audio/x-aac",
                "audio/x-flac": "audio/flac",
                "audio/flac": "audio/flac",
                "audio/ogg": "audio/ogg",
                "audio/x-m4a": "audio/m4a",
            }.items()
        ),
        (
            FileContent("QUJD", "video/mp4"),
            {"type": "video_url", "video_url": {"url": "data:video/mp4;base64,QUJD"}},
        ),
        (
            FileContent("", "audio/mpeg", extra={"url": URL}),
            {"type": "input_audio", "input_audio": {"data": URL, "format": "mp3"}},
        ),
        (FileContent("", "video/mp4", extra={"url": URL}), {"type": "video_url", "video_url": {"url": URL}}),
        (ImageContent("", "image/png", meta={"url": URL}), {"type": "image_url", "image_url": {"url": URL}}),
        (
            ImageContent("", "image/png", "low", meta={"url": URL}),
            {"type": "image_url", "image_url": {"url": URL, "detail": "low"}},
        ),
        # Where the data came from.
        (ImageContent(PIXEL, "image/png", meta={"url": URL}), IMAGE),
        (
            FileContent("QUJD", "video/mp4", extra={"url": URL}),
            {"type": "video_url", "video_url": {"url": "data:video/mp4;base64,QUJD"}},
        ),
    ],
)
async def test_a_part_is_sent_in_the_form_of_its_kind(mode: Mode, part: Any, expected: Any) -> None:
    message = ChatMessage.from_user(content_parts=["What is this?", part, "And why?"])
    assert ChatMessage.from_dict(message.to_dict()) == message
    assert await sent(mode, message) == [
        {"role": "user", "content": [text("What is this?"), expected, text("And why?")]}
    ]


@pytest.mark.parametrize(
    ("mime_type", "kind"), [("application/pdf", "application/pdf"), (None, "a file without a type")]
)
async def test_other_files_need_their_data(mime_type: Any, kind: str) -> None:
    part = FileContent("", mime_type, extra={"url": URL}, validation=False)
    expected = f"at position 0 cannot be sent: only images, audio and video can be sent by their address, not {kind}."
    with pytest.raises(ValueError, match=re.escape(expected)):
        await sent(SYNC, ChatMessage.from_user(content_parts=[part]))


@in_all_modes
@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (
            ChatMessage.from_assistant("Hello", meta={"audio": {"id": "a-1", "transcript": "Hello"}}),
            {"content": "Hello"},
        ),
        (ChatMessage.from_assistant(meta={"audio": {"id": "a-1", "transcript": "Hello"}}), {"content": "Hello"}),
        (ChatMessage.from_assistant(meta={"audio": {"id": "a-1", "data": "QUJD"}}), {"audio": {"id": "a-1"}}),
        (ChatMessage.from_assistant(meta={"audio": {"data": "QUJD"}}), None),
        (ChatMessage.from_assistant(meta={"audio": "QUJD"}), None),
        # A call needs nothing said beside it, and not every model takes the id of what was said.
        (
            ChatMessage.from_assistant(tool_calls=[CALL], meta={"audio": {"id": "a-1"}}),
            {"tool_calls": [SENT_CALL]},
        ),
    ],
)
async def test_what_the_assistant_said_aloud_goes_back(mode: Mode, said: ChatMessage, expected: Any) -> None:
    hello = {"role": "user", "content": "Hi"}
    turn = [{"role": "assistant", **expected}] if expected else []
    assert await sent(mode, ChatMessage.from_user("Hi"), said, ChatMessage.from_user("Hi")) == [hello, *turn, hello]
