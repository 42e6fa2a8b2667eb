# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""A completion, or the frames of a stream, become ChatMessage and StreamingChunk objects."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, cast

from haystack import logging
from haystack.dataclasses import (
    ChatMessage,
    ComponentInfo,
    FinishReason,
    ImageContent,
    ReasoningContent,
    StreamingChunk,
    ToolCall,
    ToolCallDelta,
)

from haystack_integrations.components.generators.aimlapi._call import (
    as_list,
    call_meta,
    is_present,
    present,
    rest_of_service_meta,
)

logger = logging.getLogger(__name__)

REASONING_FIELDS = ("reasoning_content", "reasoning", "reasoning_details")
"""The fields of a message that carry reasoning. They go back under the same names inside a tool loop."""
_FLAT_REASONING_FIELDS = REASONING_FIELDS[:2]

_FINISH_REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "eos": "stop",
    "length": "length",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "model_length": "length",
    "tool_calls": "tool_calls",
    "tool_use": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "safety": "content_filter",
    "refusal": "content_filter",
    "recitation": "content_filter",
}
_unknown_finish_reasons: set[str] = set()

# Fields with a slot of their own, or without meaning: `obfuscation` is padding.
_TOP_FIELDS = {"choices", "model", "meta", "obfuscation"}
_CHOICE_FIELDS = {"index", "message", "delta", "finish_reason", "obfuscation"}
_MESSAGE_FIELDS = {"role", "content", "tool_calls", "images", "obfuscation"}
_TOOL_CALL_FIELDS = {"id", "index", "function"}
_FUNCTION_FIELDS = {"name", "arguments"}
_SKIPPED_FIELDS = {"role", "obfuscation"}
_DETAIL_TEXTS = ("text", "summary")
_DETAIL_IDENTITY = ("id", "data", "signature")
# Strings that streams bring in pieces. Of others, what comes again is the same value once more.
_WRITTEN_FIELDS = {*_FLAT_REASONING_FIELDS, "refusal"}
_NESTED_WRITTEN_FIELDS = {"data", "transcript", "input"}
_PIECES_JOINED = 100


def decode_completion(body: dict[str, Any], headers: Mapping[str, str]) -> list[ChatMessage]:
    """
    Decode a completion.

    :param body: The body of the response.
    :param headers: The headers of the response.
    :returns: A message for each choice.
    """
    return [decode_choice(body, choice, index, headers) for index, choice in enumerate(body["choices"])]


def decode_choice(
    body: dict[str, Any],
    choice: dict[str, Any],
    index: int,
    headers: Mapping[str, str],
    completion_start_time: str | None = None,
) -> ChatMessage:
    """
    Decode one of the choices of a completion.

    :param body: The body of the response; its `choices` are not looked at.
    :param choice: The choice.
    :param index: The index of the choice, if it has none of its own.
    :param headers: The headers of the response.
    :param completion_start_time: When the first frame of a stream came.
    :returns: The message.
    """
    message = _message(choice)
    raw_finish_reason = choice.get("finish_reason")
    finish_reason = map_finish_reason(raw_finish_reason)
    thought, text, other_parts = _decode_content(message.get("content"))
    image_parts = [part for part in other_parts if isinstance(part, dict) and "image_url" in part]
    reasoning = _decode_reasoning(message, thought)
    tool_calls, malformed, other_calls = _decode_tool_calls(message.get("tool_calls"), str(body.get("id") or ""))
    if _is_refused(finish_reason, message.get("refusal"), text or tool_calls or malformed):
        finish_reason = "content_filter"
    images, other_images = _decode_images([*as_list(message.get("images")), *image_parts])
    service_meta: Any = body.get("meta")
    if choice.get("index") is not None:
        index = choice["index"]

    slots = {"model": body.get("model"), "index": index, "finish_reason": finish_reason}
    meta = {
        **slots,
        "usage": None,
        **present(body, _TOP_FIELDS),
        **rest_of_service_meta(service_meta),
        **present(choice, _CHOICE_FIELDS),
        **present(message, {*_MESSAGE_FIELDS, *(reasoning.extra if reasoning else ())}),
        **present(
            {
                "content": [part for part in other_parts if part not in image_parts],
                "tool_calls": other_calls,
                "images": other_images,
                **call_meta(service_meta, headers),
                "malformed_tool_calls": malformed,
                "completion_start_time": completion_start_time,
            }
        ),
        **slots,
    }
    if raw_finish_reason and raw_finish_reason != finish_reason:
        meta.setdefault("native_finish_reason", raw_finish_reason)
    _warn(meta)
    reply = ChatMessage.from_assistant(text=text or None, tool_calls=tool_calls, reasoning=reasoning, meta=meta)
    if images:
        reply = with_parts(reply, after=[{"image": image.to_dict()} for image in images])
    return reply


def with_parts(
    reply: ChatMessage, before: Iterable[dict[str, Any]] = (), after: Iterable[dict[str, Any]] = ()
) -> ChatMessage:
    """
    Add parts that `ChatMessage.from_assistant` does not take, such as images or more than one reasoning.

    :param reply: The reply.
    :param before: Serialized parts to add before its own.
    :param after: Serialized parts to add after its own.
    :returns: A new reply.
    """
    data = reply.to_dict()
    data["content"] = [*before, *data["content"], *after]
    return ChatMessage.from_dict(data)


def _message(choice: dict[str, Any]) -> dict[str, Any]:
    """
    Get the whole message of a choice: some have an empty `delta` beside it, and some have it in `delta`.
    """
    message: dict[str, Any] = {}
    for part in (choice.get("delta"), choice.get("message")):
        message.update(present(part if isinstance(part, dict) else {"message": part}))
    return message


def map_finish_reason(raw: Any) -> FinishReason | None:
    """
    Map a finish reason to one of Haystack's.

    :param raw: The finish reason as the API named it.
    :returns: Haystack's finish reason, or the raw one if it is unknown.
    """
    if not raw:
        return None
    finish_reason = _FINISH_REASONS.get(str(raw).lower())
    if finish_reason is None and str(raw) not in _unknown_finish_reasons:
        _unknown_finish_reasons.add(str(raw))
        logger.warning("AIMLAPI returned an unknown finish reason: {finish_reason}", finish_reason=raw)
    return finish_reason or cast(FinishReason, raw)


def _is_refused(finish_reason: FinishReason | None, refusal: Any, answer: Any) -> bool:
    # An Agent stops on text and on some finish reasons: a refusal in a field of its own, with `stop`, would go on.
    return finish_reason == "stop" and bool(refusal) and not answer


def _warn(meta: dict[str, Any]) -> None:
    truncated = meta["finish_reason"] == "length"
    if truncated:
        logger.warning(
            "The completion for index {index} has been truncated before reaching a natural stopping point. "
            "Increase `max_tokens` (or `max_completion_tokens`, `max_output_tokens`) to allow for longer completions.",
            index=meta["index"],
        )
    if meta["finish_reason"] == "content_filter":
        logger.warning("The completion for index {index} was stopped by the content filter.", index=meta["index"])
    if meta["finish_reason"] is None and "completion_start_time" in meta:
        logger.warning(
            "The stream for index {index} ended without a finish reason: the reply may be incomplete.",
            index=meta["index"],
        )
    for call in meta.get("malformed_tool_calls", ()):
        logger.warning(
            "A tool call has no name, or its arguments are not a JSON object{cause}; it is kept in "
            "`meta['malformed_tool_calls']`. Tool call ID: {_id}, Tool name: {_name}, Arguments: {_arguments}",
            cause=" because the completion was truncated by `max_tokens`" if truncated else "",
            _id=call["id"],
            _name=call["tool_name"],
            _arguments=call["arguments"],
        )


def _decode_content(content: Any) -> tuple[str, str, list[Any]]:
    """
    Split the content of a message into thought, text and parts that are no text.
    """
    texts, others = _split_parts(content)
    splitter = ThinkSplitter()
    thought, text = splitter.feed("".join(texts))
    rest_of_thought, rest_of_text = splitter.finish()
    return thought + rest_of_thought, text + rest_of_text, others


def _split_parts(content: Any) -> tuple[list[str], list[Any]]:
    texts, others = [], []
    for part in as_list(content):
        fields = part if isinstance(part, dict) else {"text": part}
        if isinstance(fields.get("text"), str) and fields.get("type", "text") == "text":
            texts.append(fields["text"])
            others += as_list(present(fields, {"type", "text"}))
        else:
            others.append(part)
    return texts, others


def _decode_reasoning(message: dict[str, Any], thought: str) -> ReasoningContent | None:
    """
    Read the reasoning of a message, whichever of the four dialects, or several of them, it came in.
    """
    extra = {
        name: message[name]
        for name in REASONING_FIELDS
        if name in message and isinstance(message[name], list if name == "reasoning_details" else str)
    }
    texts = [extra[name] for name in _FLAT_REASONING_FIELDS if name in extra]
    texts.append(_details_text(extra.get("reasoning_details", [])))
    text = next((text for text in texts if text.strip()), "")
    if thought.strip() and thought.strip() not in text:
        text = f"{text}\n\n{thought}" if text else thought
    if not text and "reasoning_details" not in extra:
        return None
    return ReasoningContent(reasoning_text=text, extra=extra)


def _details_text(details: list[Any]) -> str:
    return "".join(
        detail[key]
        for detail in details
        if isinstance(detail, dict)
        for key in _DETAIL_TEXTS
        if isinstance(detail.get(key), str)
    )


def _decode_tool_calls(items: Any, completion_id: str) -> tuple[list[ToolCall], list[dict[str, Any]], list[Any]]:
    """
    Read tool calls.

    :returns: The calls, those whose arguments are no JSON object, and items that are no calls of a function.
    """
    tool_calls, malformed, others = [], [], []
    for position, item in enumerate(as_list(items)):
        function = item.get("function") if isinstance(item, dict) else None
        if not isinstance(function, dict):
            others.append(item)
            continue
        # Some routes give no id, and a tool loop cannot do without.
        call_id = item.get("id") or "-".join(filter(None, ("call", completion_id, str(position))))
        extra = _call_extra(item, function)
        name, raw = function.get("name"), function.get("arguments")
        arguments = _parse_arguments(raw)
        if name and isinstance(name, str) and arguments is not None:
            tool_calls.append(ToolCall(id=call_id, tool_name=name, arguments=arguments, extra=extra or None))
        else:
            malformed.append({"id": call_id, "tool_name": name, "arguments": raw, **extra})
    return tool_calls, malformed, others


def _call_extra(call: dict[str, Any], function: dict[str, Any]) -> dict[str, Any]:
    if call.keys() <= _TOOL_CALL_FIELDS and function.keys() <= _FUNCTION_FIELDS:
        return {}
    extra = present(call, _TOOL_CALL_FIELDS)
    if extra.get("type") == "function":
        del extra["type"]
    if more := present(function, _FUNCTION_FIELDS):
        extra["function"] = more
    return extra


def _parse_arguments(raw: Any) -> dict[str, Any] | None:
    if isinstance(raw, str):
        try:
            raw = json.loads(raw) if raw.strip() else None
        except (ValueError, RecursionError):
            return None
    if raw is None:
        return {}
    return raw if isinstance(raw, dict) else None


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
            meta = present(fields, {"type", "image_url", "url"})
            images.append(ImageContent(base64_image=data, mime_type=head.removeprefix("data:") or None, meta=meta))
        except ValueError:
            others.append(item)
    return images, others


class ThinkSplitter:
    """
    Splits `<think>…</think>` off the start of a text that arrives in pieces.

    Tags may be cut anywhere. White space around the thought is dropped; all else survives byte for byte.
    """

    _OPENING, _CLOSING = "<think>", "</think>"

    def __init__(self) -> None:
        self._held = ""
        self._split = self._at_start

    def feed(self, piece: str) -> tuple[str, str]:
        """
        Take the next piece.

        :param piece: The next piece of the text.
        :returns: What is known by now to be thought, and to be text.
        """
        return self._split(self._held + piece)

    def finish(self) -> tuple[str, str]:
        """
        Take the end of the text.

        :returns: What was held back, as thought or as text.
        """
        held, self._held = self._held, ""
        return (held, "") if self._split in (self._at_thought_start, self._in_thought) else ("", held)

    def _at_start(self, text: str) -> tuple[str, str]:
        stripped = text.lstrip()
        if stripped.startswith(self._OPENING):
            self._split = self._at_thought_start
            return self._split(stripped[len(self._OPENING) :])
        if self._OPENING.startswith(stripped):
            self._held = text
            return "", ""
        return self._in_text(text)

    def _at_thought_start(self, text: str) -> tuple[str, str]:
        self._held = text.lstrip()
        if not self._held:
            return "", ""
        self._split = self._in_thought
        return self._split(self._held)

    def _in_thought(self, text: str) -> tuple[str, str]:
        thought, closing, rest = text.partition(self._CLOSING)
        if closing:
            self._split = self._after_thought
            return thought.rstrip(), self._split(rest)[1]
        end = len(text)
        for length in range(min(len(self._CLOSING) - 1, end), 0, -1):
            if text.endswith(self._CLOSING[:length]):
                end -= length
                break
        thought = text[:end].rstrip()
        self._held = text[len(thought) :]
        return thought, ""

    def _after_thought(self, text: str) -> tuple[str, str]:
        self._held = ""
        if text := text.lstrip():
            return self._in_text(text)
        return "", ""

    def _in_text(self, text: str) -> tuple[str, str]:
        self._held = ""
        self._split = self._in_text
        return "", text


class StreamFold:
    """
    Folds the frames of a stream, as they arrive, into the completion that a plain call would have returned.

    `body` holds the fields of the completion that came so far, but for its choices.

    :param component_info: The component that the chunks name as their source.
    """

    def __init__(self, component_info: ComponentInfo) -> None:
        self._component_info = component_info
        self.body: dict[str, Any] = {}
        self._choices: dict[int, _ChoiceFold] = {}
        self._started: str | None = None

    def add(self, frame: dict[str, Any]) -> list[StreamingChunk]:
        """
        Take the next frame.

        :param frame: The frame as a dictionary.
        :returns: The chunks for the callback, at least one.
        """
        received_at = datetime.now().isoformat()  # noqa: DTZ005 as Haystack's own generators have it
        self._started = self._started or received_at
        body = self.body
        for name, value in frame.items():
            # What `is_present` tells, without a call for each field of each frame.
            if name == "choices" or not (value or value == 0):
                continue
            if isinstance(value, dict) and isinstance(known := body.get(name), dict):
                body[name] = {**value, **known, **present(value)}
            elif isinstance(value, list):
                body[name] = _merge(body.get(name), value)
            else:
                body[name] = value
        meta = {"model": body.get("model"), "received_at": received_at, "usage": frame.get("usage")}
        choices = [choice for choice in as_list(frame.get("choices")) if isinstance(choice, dict)]
        if not choices:
            return [StreamingChunk("", meta, self._component_info)]
        return [chunk for position, choice in enumerate(choices) for chunk in self._add_choice(choice, position, meta)]

    def _add_choice(self, choice: dict[str, Any], position: int, meta: dict[str, Any]) -> list[StreamingChunk]:
        index = choice.get("index")
        if not isinstance(index, int):
            index = position
        fold = self._choices.get(index)
        if fold is None:
            fold = self._choices[index] = _ChoiceFold(index)
        return fold.add(choice, meta, self._component_info)

    def finish(self, headers: Mapping[str, str]) -> list[ChatMessage]:
        """
        Take the end of the stream.

        :param headers: The headers of the response.
        :returns: A message for each choice; none if the stream had no choice.
        """
        if isinstance(kind := self.body.get("object"), str):
            self.body["object"] = kind.removesuffix(".chunk")
        return [
            decode_choice(self.body, fold.choice(), index, headers, self._started)
            for index, fold in sorted(self._choices.items())
        ]


class _Text:
    """
    A text that comes in pieces. They are joined by the hundred, since a short string takes many times its length.
    """

    def __init__(self) -> None:
        self._joined: list[str] = []
        self._pieces: list[str] = []
        self._length = 0

    def write(self, piece: str) -> None:
        self._pieces.append(piece)
        self._length += len(piece)
        if len(self._pieces) == _PIECES_JOINED:
            self._joined.append("".join(self._pieces))
            self._pieces.clear()

    def value(self) -> str:
        return "".join([*self._joined, *self._pieces])

    def equals(self, text: str) -> bool:
        return self._length == len(text) and self.value() == text


class _ChoiceFold:
    def __init__(self, index: int) -> None:
        self._index = index
        self._choice: dict[str, Any] = {}
        self._whole: dict[str, Any] = {}
        self._message: dict[str, Any] = {}
        self._written: defaultdict[str, _Text] = defaultdict(_Text)
        self._parts: list[Any] = []
        self._details = _DetailsFold()
        self._tool_calls = _ToolCallsFold()
        self._think = ThinkSplitter()
        # Of several dialects that tell the same, the first to come is shown.
        self._shown_reasoning: str | None = None
        self._blocks: dict[Any, int] = {}

    def add(
        self, choice: dict[str, Any], frame_meta: dict[str, Any], component_info: ComponentInfo
    ) -> list[StreamingChunk]:
        thoughts: dict[str, str] = {}
        text = ""
        deltas: list[ToolCallDelta] = []
        tool_calls = None
        delta = choice.get("delta") if self._blocks else _message(choice)
        if self._blocks and isinstance(whole := choice.get("message"), dict):
            # Repeated beside the deltas, it can have fields that no delta had.
            self._whole.update(present(whole))
        for name, value in (delta if isinstance(delta, dict) else {"message": delta}).items():
            if not (value or value == 0) or name in _SKIPPED_FIELDS:
                continue
            if name == "content":
                written = self._add_content(value)
                self._written[name].write(written)
                thought, text = self._think.feed(written)
                if thought:
                    thoughts[name] = thought
            elif name == "reasoning_details" and isinstance(value, list):
                self._details.add(value)
                thoughts[name] = _details_text(value)
            elif name == "tool_calls":
                tool_calls = as_list(value)
                if "delta" not in choice:  # The calls of a whole message are whole.
                    tool_calls = [
                        {**call, "index": n} if isinstance(call, dict) else call for n, call in enumerate(tool_calls)
                    ]
                deltas = self._tool_calls.add(tool_calls)
            elif isinstance(value, str):
                thoughts[name] = value
                written_before = self._written[name]
                if name in _WRITTEN_FIELDS or not written_before.equals(value):
                    written_before.write(value)
            else:
                self._message[name] = _merge(self._message.get(name), value)

        finish_reason, logprobs = None, None
        if raw_finish_reason := choice.get("finish_reason"):
            held_thought, held_text = self._think.finish()
            thoughts["content"] = thoughts.get("content", "") + held_thought
            text += held_text
            if raw_finish_reason != self._choice.get("finish_reason"):
                self._choice["finish_reason"] = raw_finish_reason
                finish_reason = map_finish_reason(raw_finish_reason)
                if _is_refused(
                    finish_reason, "refusal" in self._written, text or deltas or self._blocks.keys() - {"reasoning"}
                ):
                    finish_reason = "content_filter"
        for name, value in choice.items():
            if name in _CHOICE_FIELDS or not (value or value == 0):
                continue
            if name == "logprobs" and isinstance(value, dict):
                logprobs = value
                _extend(self._choice.setdefault(name, {}), value)
            else:
                self._choice[name] = value

        contents: list[tuple[Any, str, ReasoningContent | None, list[ToolCallDelta] | None]] = []
        if thoughts and (reasoning := self._shown(thoughts)):
            contents.append(("reasoning", "", ReasoningContent(reasoning), None))
        if text:
            contents.append(("text", text, None, None))
        for tool_call in deltas:
            contents.append((tool_call.index, "", None, [tool_call]))
        if not contents:
            contents.append((None, "", None, None))

        chunks = []
        for content in contents:
            block, written, thought_chunk, calls = content
            ending = finish_reason if content is contents[-1] else None
            meta = {
                "model": frame_meta["model"],
                "index": self._index,
                "tool_calls": tool_calls if calls else None,
                "finish_reason": ending,
                "received_at": frame_meta["received_at"],
                "usage": frame_meta["usage"],
            }
            if logprobs:
                meta["logprobs"] = logprobs
            number = self._blocks.get(block)
            start = number is None and block is not None
            if start:
                number = self._blocks[block] = len(self._blocks)
            chunks.append(
                StreamingChunk(written, meta, component_info, number, calls, None, start, ending, thought_chunk)
            )
        return chunks

    def _shown(self, thoughts: dict[str, str]) -> str:
        if self._shown_reasoning is None:
            self._shown_reasoning = next((name for name in (*REASONING_FIELDS, "content") if thoughts.get(name)), None)
        return thoughts.get(self._shown_reasoning or "", "")

    def _add_content(self, content: Any) -> str:
        if isinstance(content, str):
            return content
        texts, others = _split_parts(content)
        self._parts += others
        return "".join(texts)

    def choice(self) -> dict[str, Any]:
        written: dict[str, Any] = {name: text.value() for name, text in self._written.items()}
        if self._parts:
            written["content"] = [{"type": "text", "text": written.get("content", "")}, *self._parts]
        message = {
            **self._whole,
            **self._message,
            **written,
            **present({"reasoning_details": self._details.items(), "tool_calls": self._tool_calls.items()}),
        }
        return {**self._choice, "index": self._index, "message": message}


class _ToolCallsFold:
    def __init__(self) -> None:
        self._slots: list[_ToolCallSlot] = []
        self._numbers: dict[tuple[str, int | None], int] = {}
        self._others: list[Any] = []

    def add(self, fragments: list[Any]) -> list[ToolCallDelta]:
        deltas = []
        for fragment in fragments:
            function = fragment.get("function") or {} if isinstance(fragment, dict) else None
            if not isinstance(function, dict):
                self._others.append(fragment)
                continue
            number = self._slot_of(fragment, function)
            if delta := self._slots[number].add(fragment, function, number):
                deltas.append(delta)
        return deltas

    def _slot_of(self, fragment: dict[str, Any], function: dict[str, Any]) -> int:
        """
        Find the call that a fragment belongs to: by its id, else by its index, else it goes on with the last call.
        """
        call_id, index, name = fragment.get("id"), fragment.get("index"), function.get("name")
        call_id = call_id if isinstance(call_id, str) else ""
        index = index if isinstance(index, int) else None
        # Some routes give all calls the same id, and some the same index: both together tell most.
        known = self._numbers.get((call_id, index))
        if known is not None and (call_id or not name):
            return known
        by_id, number = self._numbers.get((call_id, None)), self._numbers.get(("", index))
        if call_id and by_id is not None and (not name or by_id == number):
            return by_id
        if number is None or self._slots[number].is_followed_by(call_id, index, function):
            number = len(self._slots)
            self._slots.append(_ToolCallSlot())
        self._numbers |= dict.fromkeys(((call_id, index), (call_id, None), ("", index), ("", None)), number)
        return number

    def items(self) -> list[Any]:
        return [*(slot.item() for slot in self._slots), *self._others]


class _ToolCallSlot:
    def __init__(self) -> None:
        self._id: str | None = None
        self._name = ""
        self._odd_name: Any = None
        self._arguments = _Text()
        self._whole_arguments: Any = None
        self._last = ""
        self._extra: dict[str, Any] = {}
        self._announced = False

    def is_followed_by(self, call_id: str, index: int | None, function: dict[str, Any]) -> bool:
        """
        Tell whether a fragment that could go on with this call begins another one.
        """
        name, arguments = function.get("name"), function.get("arguments")
        if not name:
            return False
        if call_id and self._id:
            return True
        if not self._name:
            return False
        if self._is_complete():
            return name != self._name or bool(str(arguments or "").strip())
        return index is None and name != self._name

    def _is_complete(self) -> bool:
        if self._last == "}":
            return _parse_arguments(self._arguments.value()) is not None
        return self._whole_arguments is not None

    def add(self, fragment: dict[str, Any], function: dict[str, Any], number: int) -> ToolCallDelta | None:
        name, arguments = function.get("name") or "", function.get("arguments")
        if not isinstance(name, str):
            self._odd_name, name = name, ""
        if name == self._name:
            name = ""
        self._name += name
        # Some routes give each fragment a new id.
        call_id = None if self._id else fragment.get("id") or None
        self._id = self._id or call_id
        if isinstance(arguments, str):
            self._arguments.write(arguments)
            self._last = arguments.rstrip()[-1:] or self._last
        elif arguments is not None:
            self._whole_arguments = arguments
            arguments = json.dumps(arguments, ensure_ascii=False)
        if extra := _call_extra(fragment, function):
            self._extra = _merge(self._extra, extra)
        if not self._name:
            return None
        if not self._announced:
            self._announced = True
            return ToolCallDelta(
                number, self._name, self._arguments.value() or arguments or None, self._id, self._extra or None
            )
        return ToolCallDelta(number, name or None, arguments or None, call_id, extra or None)

    def item(self) -> dict[str, Any]:
        extra = dict(self._extra)
        arguments = self._arguments.value() or self._whole_arguments
        function = {
            **extra.pop("function", {}),
            "name": self._name if self._odd_name is None else self._odd_name,
            "arguments": arguments,
        }
        item = {**extra, "id": self._id}
        # A call of another kind than a function has its fields elsewhere.
        return {**item, "function": function} if any(function.values()) else item


class _DetailsFold:
    """
    Joins fragments of `reasoning_details` by `index` and `type`.
    """

    def __init__(self) -> None:
        self._details: list[Any] = []
        self._open: dict[str, dict[str, Any]] = {}

    def add(self, fragments: list[Any]) -> None:
        for fragment in fragments:
            if not isinstance(fragment, dict):
                self._details.append(fragment)
                continue
            key = f"{fragment.get('index')} {fragment.get('type')}"
            detail = self._open.get(key)
            # Blocks may share an index; what a block has only once tells them apart.
            if detail is None or any(
                detail.get(name) and fragment.get(name) and detail[name] != fragment[name] for name in _DETAIL_IDENTITY
            ):
                detail = self._open[key] = {}
                self._details.append(detail)
            for name, value in fragment.items():
                if name in _DETAIL_TEXTS and isinstance(value, str):
                    if not isinstance(detail.get(name), _Text):
                        detail[name] = _Text()
                    detail[name].write(value)
                elif is_present(value) or name not in detail:
                    detail[name] = value

    def items(self) -> list[Any]:
        return [
            {name: value.value() if isinstance(value, _Text) else value for name, value in detail.items()}
            if isinstance(detail, dict)
            else detail
            for detail in self._details
        ]


def _merge(known: Any, value: Any, name: str = "") -> Any:
    """
    Add a delta to what has come so far: strings and lists grow, dictionaries are merged, all else is replaced.
    """
    if isinstance(known, str) and isinstance(value, str):
        return value if known == value and name not in _NESTED_WRITTEN_FIELDS else known + value
    if isinstance(known, list) and isinstance(value, list):
        return value if value[: len(known)] == known else known + value
    if isinstance(known, dict) and isinstance(value, dict):
        return {**known, **{key: _merge(known.get(key), item, key) for key, item in present(value).items()}}
    return value


def _extend(known: dict[str, Any], value: dict[str, Any]) -> None:
    for name, item in value.items():
        if isinstance(item, list):
            known.setdefault(name, []).extend(item)
        elif is_present(item) or name not in known:
            known[name] = item
