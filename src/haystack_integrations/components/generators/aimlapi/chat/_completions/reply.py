# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""A chat completion becomes ChatMessage objects."""

import json
from collections.abc import Mapping
from typing import Any

from haystack.dataclasses import ChatMessage, ImageContent

from haystack_integrations.common.aimlapi.body import drop_empty, ensure_list, has_value
from haystack_integrations.common.aimlapi.errors import reply_error
from haystack_integrations.components.generators.aimlapi.chat._message import Reply, build_message
from haystack_integrations.components.generators.aimlapi.chat._think import split_think

from .reasoning import decode_reasoning, is_thinking
from .tool_calls import decode_tool_calls

PADDING = {"obfuscation", "p"}
"""Fields that hide the length of a frame, and say nothing."""
# Fields with a slot of their own.
_TOP_FIELDS = {"choices", "model", "meta", *PADDING}
CHOICE_FIELDS = {"index", "message", "delta", "finish_reason", *PADDING}
_MESSAGE_FIELDS = {"role", "content", "tool_calls", "images", *PADDING}
# What a content that is an object of its own, and no list, can be. Others are what a model answers in JSON mode.
_PART_TYPES = ("text", "thinking", "redacted_thinking", "image_url", "refusal")


def decode_completion(body: dict[str, Any], headers: Mapping[str, str]) -> list[ChatMessage]:
    """
    Decode a completion.

    :param body: The body of the response.
    :param headers: The headers of the response.
    :returns: A message for each choice.
    :raises APIError: If there is none.
    """
    choices = body.get("choices")
    is_cut = not has_value(body.get("usage"))
    if not (choices and isinstance(choices, list) and all(isinstance(choice, dict) for choice in choices)):
        raise reply_error(body, "AIMLAPI answered without choices")
    return [
        decode_choice(body, {**choice, "index": _index(choice, index)}, headers=headers, is_cut=is_cut)
        for index, choice in enumerate(choices)
    ]


def decode_choice(
    body: dict[str, Any],
    choice: dict[str, Any],
    *,
    headers: Mapping[str, str],
    is_cut: bool = False,
    completion_start_time: str | None = None,
) -> ChatMessage:
    """
    Decode one of the choices of a completion.

    :param body: The body of the response; its `choices` are not looked at.
    :param choice: The choice, with its index.
    :param headers: The headers of the response.
    :param is_cut: Whether nothing says that the completion is whole.
    :param completion_start_time: When the first event of a stream came, in ISO 8601.
    :returns: The message.
    """
    reply, fields = read_choice(body, choice)
    reply.is_incomplete = is_cut and not reply.finish_reason
    return build_message(
        reply,
        body=body,
        fields=fields,
        headers=headers,
        completion_start_time=completion_start_time,
    )


def read_choice(body: dict[str, Any], choice: dict[str, Any]) -> tuple[Reply, dict[str, Any]]:
    """
    Read one of the choices of a completion.

    :param body: The body of the response; its `choices` are not looked at.
    :param choice: The choice, with its index.
    :returns: What it says, and the fields that have no slot of their own.
    """
    message = whole_message(choice)
    written, thinking, other_parts = split_content(message.get("content"))
    thought, text = split_think(written)
    reply = Reply(
        text=text or transcript(message.get("audio")),
        finish_reason=choice.get("finish_reason"),
        refusal=message.get("refusal"),
        index=choice["index"],
    )
    if reasoning := decode_reasoning(message, thinking, thought):
        reply.reasonings.append(reasoning)
    images, contents = [*ensure_list(message.get("images"))], list[Any]()
    for part in other_parts:
        (images if isinstance(part, dict) and "image_url" in part else contents).append(part)
    reply.images, other_images = _decode_images(images)
    other_calls = decode_tool_calls(message.get("tool_calls"), reply, completion_id=str(body.get("id") or ""))
    fields = {
        **drop_empty(body, _TOP_FIELDS),
        **drop_empty(choice, CHOICE_FIELDS),
        **drop_empty(message, {*_MESSAGE_FIELDS, *(reasoning.extra if reasoning else ())}),
        **drop_empty({"content": contents, "tool_calls": other_calls, "images": other_images}),
    }
    return reply, fields


def _index(choice: dict[str, Any], position: int) -> int:
    index = choice.get("index")
    return index if isinstance(index, int) else position


def transcript(audio: Any) -> str:
    """
    Get the text of a spoken reply.

    :param audio: The field `audio` of a message.
    :returns: What it says; nothing if it does not tell.
    """
    text = audio.get("transcript") if isinstance(audio, dict) else None
    return text if isinstance(text, str) else ""


def whole_message(choice: dict[str, Any]) -> dict[str, Any]:
    """
    Get the message of a choice: some have an empty `delta` beside it, and some have it in `delta`.

    :param choice: The choice.
    :returns: The message.
    """
    message: dict[str, Any] = {}
    for part in (choice.get("delta"), choice.get("message")):
        message.update(drop_empty(part if isinstance(part, dict) else {"message": part}))
    return message


def split_content(content: Any) -> tuple[str, list[Any], list[Any]]:
    """
    Split the content of a message into its text, its reasoning and its other parts.

    :param content: A text, a list of parts, or the object that a model answered with.
    :returns: The text, the parts that are reasoning, and the parts that are neither.
    """
    if isinstance(content, str):
        return content, [], []
    if isinstance(content, dict) and content.get("type") not in _PART_TYPES:
        return json.dumps(content, ensure_ascii=False) if content else "", [], []
    texts: list[str] = []
    thinking: list[Any] = []
    others: list[Any] = []
    for part in ensure_list(content):
        fields = part if isinstance(part, dict) else {"text": part}
        if isinstance(fields.get("text"), str) and fields.get("type", "text") == "text":
            texts.append(fields["text"])
            others += ensure_list(drop_empty(fields, {"type", "text"}))
        else:
            (thinking if is_thinking(part) else others).append(part)
    return "".join(texts), thinking, others


def _decode_images(items: list[Any]) -> tuple[list[ImageContent], list[Any]]:
    """
    Read images that came as data URLs. Remote ones are not downloaded.
    """
    images: list[ImageContent] = []
    others = []
    for item in items:
        fields = item if isinstance(item, dict) else {"url": item}
        image_url = fields.get("image_url", {})
        fields = {**fields, **(image_url if isinstance(image_url, dict) else {"url": image_url})}
        head, _, data = str(fields.get("url")).partition(";base64,")
        try:
            if not (data and head.startswith("data:")):
                raise ValueError
            meta = drop_empty(fields, {"type", "image_url", "url"})
            images.append(ImageContent(base64_image=data, mime_type=head.removeprefix("data:") or None, meta=meta))
        except ValueError:
            others.append(item)
    return images, others
