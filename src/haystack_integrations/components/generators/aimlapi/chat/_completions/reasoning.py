# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""
The dialects of reasoning in chat completions, plain and streamed.

A string in `reasoning_content` or `reasoning`, a list in `reasoning_details`, parts of a content list of the type
`thinking`, and the tag `<think>` in the text, which `_think` splits off.
"""

from typing import Any

from haystack.dataclasses import ReasoningContent

from haystack_integrations.common.aimlapi.body import ensure_list, has_value
from haystack_integrations.components.generators.aimlapi.chat._text import TextBuffer

REASONING_FIELDS = ("reasoning_content", "reasoning", "reasoning_details")
"""The fields of a message that carry reasoning. They go back under the same names inside a tool loop."""
FLAT_REASONING_FIELDS = REASONING_FIELDS[:2]
THINKING = "thinking"
"""The entry of `ReasoningContent.extra` for parts of a content list. They go back as such parts inside a tool loop."""
_THINKING_TYPES = (THINKING, "redacted_thinking")
_DETAIL_TEXTS = ("text", "summary")
_DETAIL_IDENTITY = ("id", "data", "signature")


def decode_reasoning(message: dict[str, Any], thinking: list[Any], thought: str) -> ReasoningContent | None:
    """
    Read the reasoning of a message, whichever of the dialects, or several of them, it came in.

    :param message: The message.
    :param thinking: The parts of its content that are reasoning.
    :param thought: What the text has in tags.
    :returns: The reasoning, with all that must go back in `extra`; None if there is none.
    """
    extra = {
        name: message[name]
        for name in REASONING_FIELDS
        if name in message and isinstance(message[name], list if name == "reasoning_details" else str)
    }
    texts = [extra[name] for name in FLAT_REASONING_FIELDS if name in extra]
    texts.append(details_text(extra.get("reasoning_details", [])))
    text = next((text for text in texts if text.strip()), "")
    if thinking:
        extra[THINKING] = thinking
    for more in (thinking_text(thinking), thought):
        if more.strip() and more.strip() not in text:
            text = f"{text}\n\n{more}" if text else more
    if not text and not extra.keys() & {"reasoning_details", THINKING}:
        return None
    return ReasoningContent(reasoning_text=text, extra=extra)


def is_thinking(part: Any) -> bool:
    """
    Tell whether a part of a content list is reasoning.

    :param part: The part.
    :returns: True if it is.
    """
    return isinstance(part, dict) and part.get("type") in _THINKING_TYPES


def thinking_text(parts: list[Any]) -> str:
    """
    Get what parts of a content list that are reasoning say.

    :param parts: The parts.
    :returns: Their texts.
    """
    items = [item for part in parts for item in ensure_list(part.get(THINKING))]
    texts = [item.get("text") if isinstance(item, dict) else item for item in items]
    return "".join(text for text in texts if isinstance(text, str))


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


class DetailsAccumulator:
    """
    Joins the parts of `reasoning_details` of a stream.

    Texts and summaries come in pieces, and go on until another type comes with the same index, which many streams give
    to all their blocks. A signature ends its text. Encrypted data is never joined: in recorded streams of OpenRouter it
    comes whole, with the same index for one block as for the next, and OpenRouter's own SDK keeps each as it came. Two
    blocks in one would be refused by the provider, which wants the blocks back unmodified and in their order.
    """

    def __init__(self) -> None:
        self._details: list[Any] = []
        self._open: dict[str, dict[str, Any]] = {}

    def add(self, parts: list[Any]) -> None:
        """
        Take the parts of the next delta.

        :param parts: The parts, which are not changed.
        """
        for part in parts:
            if not isinstance(part, dict):
                self._details.append(part)
                continue
            detail = self._detail(part)
            for name, value in part.items():
                if name in _DETAIL_TEXTS and isinstance(value, str):
                    _write(detail, name, value)
                elif has_value(value) or name not in detail:
                    detail[name] = value

    def _detail(self, part: dict[str, Any]) -> dict[str, Any]:
        index = str(part.get("index"))
        detail = self._open.get(index)
        # Blocks may share an index; what a block has only once tells them apart.
        if (
            detail is None
            or detail.get("type") != part.get("type")
            or (detail.get("signature") and part.get("text") and part.get("signature") != detail["signature"])
            or any(detail.get(name) and part.get(name) and detail[name] != part[name] for name in _DETAIL_IDENTITY)
        ):
            detail = self._open[index] = {}
            self._details.append(detail)
        return detail

    def items(self) -> list[Any]:
        """
        Get the details as a plain reply has them.

        :returns: The field `reasoning_details` of the message.
        """
        return [_plain(detail) for detail in self._details]


class ThinkingAccumulator:
    """Joins the parts of a content list that are reasoning, of which streams bring a part for each token."""

    def __init__(self) -> None:
        self._parts: list[dict[str, Any]] = []
        self._is_open = False

    def add(self, parts: list[dict[str, Any]]) -> None:
        """
        Take the parts of the next delta. The first may go on with the last one that came.

        :param parts: The parts, which are not changed.
        """
        for part in parts:
            self._add(part)
            self._is_open = False
        self._is_open = True

    def _add(self, part: dict[str, Any]) -> None:
        last = self._parts[-1] if self._is_open else None
        if (
            last is None
            or last.get("type") != part.get("type")
            or (last.get("signature") and part.get(THINKING))
            or (last.get("data") and part.get("data"))
        ):
            last = {}
            self._parts.append(last)
        for name, value in part.items():
            if name != THINKING:
                if has_value(value) or name not in last:
                    last[name] = value
            elif isinstance(value, str):
                _write(last, name, value)
            else:
                if not isinstance(last.get(name), list):
                    last[name] = []
                for item in ensure_list(value):
                    _add_item(last[name], item)

    def end_part(self) -> None:
        """Take something else than reasoning: what comes after it is another part."""
        self._is_open = False

    def items(self) -> list[Any]:
        """
        Get the parts as a plain reply has them.

        :returns: The parts of the content that are reasoning.
        """
        return [
            {
                name: [_plain(item) for item in value] if isinstance(value, list) else value
                for name, value in _plain(part).items()
            }
            for part in self._parts
        ]


def _add_item(items: list[Any], item: Any) -> None:
    if not (isinstance(item, dict) and item.keys() == {"type", "text"} and isinstance(item["text"], str)):
        items.append(item)
        return
    last = items[-1] if items else None
    if not (isinstance(last, dict) and isinstance(last.get("text"), TextBuffer) and last["type"] == item["type"]):
        last = {**item, "text": TextBuffer()}
        items.append(last)
    last["text"].write(item["text"])


def _write(fields: dict[str, Any], name: str, text: str) -> None:
    if not isinstance(fields.get(name), TextBuffer):
        fields[name] = TextBuffer()
    fields[name].write(text)


def _plain(fields: Any) -> Any:
    if not isinstance(fields, dict):
        return fields
    return {name: str(value) if isinstance(value, TextBuffer) else value for name, value in fields.items()}
