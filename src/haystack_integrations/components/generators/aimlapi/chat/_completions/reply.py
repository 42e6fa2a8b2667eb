# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""A chat completion becomes ChatMessage objects."""

from collections.abc import Mapping
from typing import Any

from haystack.dataclasses import ChatMessage, ImageContent, ReasoningContent

from haystack_integrations.common.aimlapi.body import drop_empty, ensure_list
from haystack_integrations.common.aimlapi.errors import reply_error
from haystack_integrations.components.generators.aimlapi.chat._message import Reply, build_message
from haystack_integrations.components.generators.aimlapi.chat._think import split_think

from .tool_calls import decode_tool_calls

REASONING_FIELDS = ("reasoning_content", "reasoning", "reasoning_details")
"""The fields of a message that carry reasoning. They go back under the same names inside a tool loop."""
FLAT_REASONING_FIELDS = REASONING_FIELDS[:2]
_DETAIL_TEXTS = ("text", "summary")

# Fields with a slot of their own, or without meaning: `obfuscation` is padding.
_TOP_FIELDS = {"choices", "model", "meta", "obfuscation"}
CHOICE_FIELDS = {"index", "message", "delta", "finish_reason", "obfuscation"}
_MESSAGE_FIELDS = {"role", "content", "tool_calls", "images", "obfuscation"}


def decode_completion(body: dict[str, Any], headers: Mapping[str, str]) -> list[ChatMessage]:
    """
    Decode a completion.

    :param body: The body of the response.
    :param headers: The headers of the response.
    :returns: A message for each choice.
    :raises APIError: If there is none.
    """
    choices = body.get("choices")
    if not (choices and isinstance(choices, list) and all(isinstance(choice, dict) for choice in choices)):
        raise reply_error(body, "AIMLAPI answered without choices")
    return [decode_choice(body, choice, headers=headers, index=index) for index, choice in enumerate(choices)]


def decode_choice(
    body: dict[str, Any],
    choice: dict[str, Any],
    *,
    headers: Mapping[str, str],
    index: int,
    completion_start_time: str | None = None,
) -> ChatMessage:
    """
    Decode one of the choices of a completion.

    :param body: The body of the response; its `choices` are not looked at.
    :param choice: The choice.
    :param headers: The headers of the response.
    :param index: The index of the choice, if it has none of its own.
    :param completion_start_time: When the first event of a stream came, in ISO 8601.
    :returns: The message.
    """
    message = whole_message(choice)
    written, other_parts = split_content(message.get("content"))
    thought, text = split_think(written)
    reply = Reply(text=text, finish_reason=choice.get("finish_reason"), refusal=message.get("refusal"))
    reply.index = index if choice.get("index") is None else choice["index"]
    if reasoning := _decode_reasoning(message, thought):
        reply.reasonings.append(reasoning)
    image_parts = [part for part in other_parts if isinstance(part, dict) and "image_url" in part]
    reply.images, other_images = _decode_images([*ensure_list(message.get("images")), *image_parts])
    other_calls = decode_tool_calls(message.get("tool_calls"), reply, completion_id=str(body.get("id") or ""))
    fields = {
        **drop_empty(body, _TOP_FIELDS),
        **drop_empty(choice, CHOICE_FIELDS),
        **drop_empty(message, {*_MESSAGE_FIELDS, *(reasoning.extra if reasoning else ())}),
        **drop_empty(
            {
                "content": [part for part in other_parts if part not in image_parts],
                "tool_calls": other_calls,
                "images": other_images,
            }
        ),
    }
    return build_message(
        reply,
        body=body,
        fields=fields,
        headers=headers,
        completion_start_time=completion_start_time,
    )


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


def split_content(content: Any) -> tuple[str, list[Any]]:
    """
    Split the content of a message into its text and its other parts.

    :param content: A text, or a list of parts.
    :returns: The text, and the parts that are no text.
    """
    if isinstance(content, str):
        return content, []
    texts, others = [], []
    for part in ensure_list(content):
        fields = part if isinstance(part, dict) else {"text": part}
        if isinstance(fields.get("text"), str) and fields.get("type", "text") == "text":
            texts.append(fields["text"])
            others += ensure_list(drop_empty(fields, {"type", "text"}))
        else:
            others.append(part)
    return "".join(texts), others


def details_text(details: list[Any]) -> str:
    """
    Get what `reasoning_details` say.

    :param details: The details.
    :returns: Their texts and summaries.
    """
    return "".join(
        detail[key]
        for detail in details
        if isinstance(detail, dict)
        for key in _DETAIL_TEXTS
        if isinstance(detail.get(key), str)
    )


def _decode_reasoning(message: dict[str, Any], thought: str) -> ReasoningContent | None:
    """
    Read the reasoning of a message, whichever of the four dialects, or several of them, it came in.
    """
    extra = {
        name: message[name]
        for name in REASONING_FIELDS
        if name in message and isinstance(message[name], list if name == "reasoning_details" else str)
    }
    texts = [extra[name] for name in FLAT_REASONING_FIELDS if name in extra]
    texts.append(details_text(extra.get("reasoning_details", [])))
    text = next((text for text in texts if text.strip()), "")
    if thought.strip() and thought.strip() not in text:
        text = f"{text}\n\n{thought}" if text else thought
    if not text and "reasoning_details" not in extra:
        return None
    return ReasoningContent(reasoning_text=text, extra=extra)


def _decode_images(items: list[Any]) -> tuple[list[ImageContent], list[Any]]:
    """
    Read images that came as data URLs. Remote ones are not downloaded.
    """
    images, others = [], []
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
