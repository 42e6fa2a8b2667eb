# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""A completion, or the frames of a stream, become ChatMessage and StreamingChunk objects."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from io import StringIO
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
_CHOICE_FIELDS = {"index", "message", "delta", "finish_reason"}
_MESSAGE_FIELDS = {"role", "content", "tool_calls", "images", *REASONING_FIELDS, "obfuscation"}
_TOOL_CALL_FIELDS = {"id", "type", "index", "function"}
_DETAIL_TEXTS = ("text", "summary")
# Texts that streams bring in pieces.
_WRITTEN_FIELDS = {*_FLAT_REASONING_FIELDS, "refusal"}


def decode_completion(body: dict[str, Any], headers: Mapping[str, str]) -> list[ChatMessage]:
    """
    Decode a completion.

    :param body: The body of the response.
    :param headers: The headers of the response.
    :returns: A message for each choice.
    """
    return [_decode_choice(body, choice, index, headers) for index, choice in enumerate(body["choices"])]


def _decode_choice(
    body: dict[str, Any],
    choice: dict[str, Any],
    index: int,
    headers: Mapping[str, str],
    completion_start_time: str | None = None,
) -> ChatMessage:
    message: Any = choice.get("message")
    if not isinstance(message, dict):
        message = {"message": message}
    raw_finish_reason = choice.get("finish_reason")
    finish_reason = _finish_reason(raw_finish_reason)
    thought, text, other_parts = _decode_content(message.get("content"))
    tool_calls, malformed, other_calls = _decode_tool_calls(message.get("tool_calls"), str(body.get("id") or ""))
    images, other_images = _decode_images([*_list(message.get("images")), *other_parts])
    service_meta: Any = body.get("meta")

    meta = {
        **_present(body, _TOP_FIELDS),
        **_present(choice, _CHOICE_FIELDS),
        **_present(message, _MESSAGE_FIELDS),
        **_present(
            {
                **{
                    name: message[name] for name in _FLAT_REASONING_FIELDS if not isinstance(message.get(name, ""), str)
                },
                "tool_calls": other_calls,
                "images": other_images,
                "meta": _present(service_meta, {"usage"}) if isinstance(service_meta, dict) else service_meta,
                "cost": _cost(service_meta, headers),
                "inference_id": headers.get("x-inference-id"),
                "client_request_id": headers.get("x-client-request-id"),
                "malformed_tool_calls": malformed,
                "completion_start_time": completion_start_time,
            }
        ),
    }
    if raw_finish_reason and raw_finish_reason != finish_reason:
        meta.setdefault("native_finish_reason", raw_finish_reason)
    meta = {
        "model": None,
        "index": None,
        "finish_reason": None,
        "usage": None,
        **meta,
        **{"model": body.get("model"), "index": choice.get("index", index), "finish_reason": finish_reason},
    }
    _warn(meta)
    reply = ChatMessage.from_assistant(
        text=text or None, tool_calls=tool_calls, reasoning=_decode_reasoning(message, thought), meta=meta
    )
    if images:
        data = reply.to_dict()
        data["content"] += [{"image": image.to_dict()} for image in images]
        reply = ChatMessage.from_dict(data)
    return reply


def _present(fields: Mapping[str, Any], without: Iterable[str] = ()) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in without and _is_present(value)}


def _is_present(value: Any) -> bool:
    # Zero and False are values; nulls, empty strings and empty containers are not.
    return bool(value) or value == 0


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _finish_reason(raw: Any) -> FinishReason | None:
    if not raw:
        return None
    finish_reason = _FINISH_REASONS.get(str(raw).lower())
    if finish_reason is None:
        if raw not in _unknown_finish_reasons:
            _unknown_finish_reasons.add(raw)
            logger.warning("AIMLAPI returned an unknown finish reason: {finish_reason}", finish_reason=raw)
        return cast(FinishReason, raw)
    return finish_reason


def _warn(meta: dict[str, Any]) -> None:
    truncated = meta["finish_reason"] == "length"
    if truncated:
        logger.warning(
            "The completion for index {index} has been truncated before reaching a natural stopping point. "
            "Increase `max_tokens` (or `max_completion_tokens`) to allow for longer completions.",
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
            "The arguments of a tool call are not a JSON object{cause}; the call is kept in "
            "`meta['malformed_tool_calls']`. Tool call ID: {_id}, Tool name: {_name}, Arguments: {_arguments}",
            cause=" because the completion was truncated by `max_tokens`" if truncated else "",
            _id=call["id"],
            _name=call["tool_name"],
            _arguments=call["arguments"],
        )


def _cost(service_meta: Any, headers: Mapping[str, str]) -> dict[str, Any]:
    """
    Find the cost of the call: `credits_used`, and `usd_spent` in USD.

    See AIMLAPI docs, capabilities/request-tracing-and-cost.md.
    """
    if isinstance(service_meta, dict) and isinstance(usage := service_meta.get("usage"), dict):
        return _present(usage)
    cost = {}
    for name, header in (("credits_used", "x-aimlapi-credits-used"), ("usd_spent", "x-aimlapi-usd-spent")):
        if value := headers.get(header):
            try:
                cost[name] = json.loads(value)
            except json.JSONDecodeError:
                cost[name] = value
    return cost


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
    parts = content if isinstance(content, list) else [content]
    texts, others = [], []
    for part in parts:
        text = part.get("text") if isinstance(part, dict) and part.get("type") == "text" else part
        if isinstance(text, str):
            texts.append(text)
        elif _is_present(part):
            others.append(part)
    return texts, others


def _decode_reasoning(message: dict[str, Any], thought: str) -> ReasoningContent | None:
    """
    Read the reasoning of a message, whichever of the four dialects, or several of them, it came in.
    """
    extra = {
        name: message[name]
        for name in REASONING_FIELDS
        if isinstance(message.get(name), list if name == "reasoning_details" else str) and message[name]
    }
    texts = [extra[name] for name in _FLAT_REASONING_FIELDS if extra.get(name, "").strip()]
    texts += [_details_text(extra.get("reasoning_details", []))]
    text = next((text for text in texts if text), "")
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
    for position, item in enumerate(_list(items)):
        function = item.get("function") if isinstance(item, dict) else None
        if not isinstance(function, dict):
            others.append(item)
            continue
        # Some routes give no id, and a tool loop cannot do without.
        call_id = item.get("id") or "-".join(filter(None, ("call", completion_id, str(position))))
        extra = _present(item, _TOOL_CALL_FIELDS)
        if more := _present(function, {"name", "arguments"}):
            extra["function"] = more
        name, raw = function.get("name"), function.get("arguments")
        arguments = _parse_arguments(raw)
        if name and arguments is not None:
            tool_calls.append(ToolCall(id=call_id, tool_name=name, arguments=arguments, extra=extra or None))
        else:
            malformed.append({"id": call_id, "tool_name": name, "arguments": raw, **extra})
    return tool_calls, malformed, others


def _parse_arguments(raw: Any) -> dict[str, Any] | None:
    if isinstance(raw, str) and raw.strip():
        try:
            raw = json.loads(raw)
        except json.JSONDecodeError:
            return None
    elif not raw:
        return {}
    if raw is None:
        return {}
    return raw if isinstance(raw, dict) else None


def _decode_images(items: list[Any]) -> tuple[list[ImageContent], list[Any]]:
    """
    Read images that came as data URLs. Remote ones are not downloaded.
    """
    images, others = [], []
    for item in items:
        image_url = item.get("image_url") if isinstance(item, dict) else None
        url = image_url.get("url") if isinstance(image_url, dict) else None
        head, _, data = url.partition(";base64,") if isinstance(url, str) else ("", "", "")
        try:
            if not (data and head.startswith("data:")):
                raise ValueError
            meta = {**_present(item, {"type", "image_url"}), **_present(image_url, {"url"})}
            images.append(ImageContent(base64_image=data, mime_type=head[len("data:") :] or None, meta=meta))
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

    :param component_info: The component that the chunks name as their source.
    """

    def __init__(self, component_info: ComponentInfo) -> None:
        self._component_info = component_info
        self._body: dict[str, Any] = {}
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
        body = self._body
        for name, value in frame.items():
            if name != "choices" and (value or value == 0):
                body[name] = {**body[name], **_present(value)} if isinstance(value, dict) and name in body else value
        meta = {"model": body.get("model"), "received_at": received_at, "usage": frame.get("usage")}
        choices = [choice for choice in frame.get("choices") or () if isinstance(choice, dict)]
        if not choices:
            return [StreamingChunk("", meta, self._component_info)]
        return [chunk for choice in choices for chunk in self._add_choice(choice, meta)]

    def _add_choice(self, choice: dict[str, Any], meta: dict[str, Any]) -> list[StreamingChunk]:
        index = choice.get("index") or 0
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
        if isinstance(kind := self._body.get("object"), str):
            self._body["object"] = kind.removesuffix(".chunk")
        return [
            _decode_choice(self._body, fold.choice(), index, headers, self._started)
            for index, fold in sorted(self._choices.items())
        ]


class _ChoiceFold:
    def __init__(self, index: int) -> None:
        self._index = index
        self._choice: dict[str, Any] = {}
        self._message: dict[str, Any] = {}
        self._written: defaultdict[str, StringIO] = defaultdict(StringIO)
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
        reasoning, text = "", ""
        deltas: list[ToolCallDelta] = []
        tool_calls = None
        delta = choice.get("delta") or choice.get("message")
        for name, value in delta.items() if isinstance(delta, dict) else ():
            if not (value or value == 0) or name == "role":
                continue
            if name == "content":
                written = self._add_content(value)
                self._written[name].write(written)
                thought, text = self._think.feed(written)
                reasoning = self._show("think", thought) or reasoning
            elif name in _WRITTEN_FIELDS and isinstance(value, str):
                self._written[name].write(value)
                if name != "refusal":
                    reasoning = self._show(name, value) or reasoning
            elif name == "reasoning_details" and isinstance(value, list):
                self._details.add(value)
                reasoning = self._show(name, _details_text(value)) or reasoning
            elif name == "tool_calls" and isinstance(value, list):
                deltas = self._tool_calls.add(value)
                tool_calls = value
            else:
                self._message[name] = _merge(self._message.get(name), value)

        finish_reason, logprobs = None, None
        for name, value in choice.items():
            if not (value or value == 0):
                continue
            if name == "finish_reason":
                if value != self._choice.get(name):
                    self._choice[name] = value
                    finish_reason = _finish_reason(value)
            elif name == "logprobs":
                logprobs = value
                _extend(self._choice.setdefault(name, {}), value)
            elif name not in _CHOICE_FIELDS:
                self._choice[name] = value

        contents: list[tuple[Any, dict[str, Any]]] = []
        if reasoning:
            contents.append(("reasoning", {"content": "", "reasoning": ReasoningContent(reasoning)}))
        if text:
            contents.append(("text", {"content": text}))
        contents += [(delta.index, {"content": "", "tool_calls": [delta]}) for delta in deltas]

        chunks = []
        for position, (block, content) in enumerate(contents or [(None, {"content": ""})], start=1):
            ending = finish_reason if position >= len(contents) else None
            meta = {
                "model": frame_meta["model"],
                "index": self._index,
                "tool_calls": tool_calls if "tool_calls" in content else None,
                "finish_reason": ending,
                "received_at": frame_meta["received_at"],
                "usage": frame_meta["usage"],
            }
            if logprobs:
                meta["logprobs"] = logprobs
            chunks.append(
                StreamingChunk(
                    meta=meta,
                    component_info=component_info,
                    start=block is not None and block not in self._blocks,
                    index=None if block is None else self._blocks.setdefault(block, len(self._blocks)),
                    finish_reason=ending,
                    **content,
                )
            )
        return chunks

    def _show(self, name: str, text: str) -> str:
        if text and self._shown_reasoning is None:
            self._shown_reasoning = name
        return text if self._shown_reasoning == name else ""

    def _add_content(self, content: Any) -> str:
        if isinstance(content, str):
            return content
        texts, others = _split_parts(content)
        self._parts += others
        return "".join(texts)

    def choice(self) -> dict[str, Any]:
        written: dict[str, Any] = {name: text.getvalue() for name, text in self._written.items()}
        if self._parts:
            written["content"] = [{"type": "text", "text": written.get("content", "")}, *self._parts]
        message = {
            **self._message,
            **written,
            "reasoning_details": self._details.items(),
            "tool_calls": self._tool_calls.items(),
        }
        return {**self._choice, "index": self._index, "message": message}


class _ToolCallsFold:
    def __init__(self) -> None:
        self._slots: list[_ToolCallSlot] = []
        self._by_id: dict[str, int] = {}
        self._by_index: dict[int, int] = {}
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
        call_id, index = fragment.get("id") or None, fragment.get("index")
        if call_id in self._by_id:
            return self._by_id[call_id]
        number = self._by_index.get(index, -1) if index is not None else len(self._slots) - 1
        if number < 0 or self._slots[number].is_followed_by(call_id, index, function):
            number = len(self._slots)
            self._slots.append(_ToolCallSlot())
        if call_id:
            self._by_id[call_id] = number
        if index is not None:
            self._by_index[index] = number
        return number

    def items(self) -> list[Any]:
        return [*(slot.item() for slot in self._slots), *self._others]


class _ToolCallSlot:
    def __init__(self) -> None:
        self._id: str | None = None
        self._name = ""
        self._arguments = StringIO()
        self._whole_arguments: Any = None
        self._extra: dict[str, Any] = {}
        self._announced = False

    def is_followed_by(self, call_id: str | None, index: int | None, function: dict[str, Any]) -> bool:
        """
        Tell whether a fragment that could go on with this call begins another one.
        """
        if call_id and self._id:
            return True
        name = function.get("name")
        if not (name and self._name):
            return False
        written = self._arguments.getvalue()
        if self._whole_arguments is not None or (written and _parse_arguments(written) is not None):
            return name != self._name or bool(function.get("arguments"))
        return index is None and name != self._name

    def add(self, fragment: dict[str, Any], function: dict[str, Any], number: int) -> ToolCallDelta | None:
        name, arguments = function.get("name") or "", function.get("arguments")
        if name == self._name:
            name = ""
        self._name += name
        self._id = fragment.get("id") or self._id
        if isinstance(arguments, str):
            self._arguments.write(arguments)
        elif _is_present(arguments):
            self._whole_arguments = arguments
            arguments = json.dumps(arguments, ensure_ascii=False)
        extra = _present(fragment, _TOOL_CALL_FIELDS)
        if more := _present(function, {"name", "arguments"}):
            extra["function_extra"] = more
        self._extra = _merge(self._extra, extra)
        if not self._name:
            return None
        if not self._announced:
            self._announced = True
            written = self._arguments.getvalue() if self._whole_arguments is None else arguments
            return ToolCallDelta(number, self._name, written or None, self._id, extra or None)
        return ToolCallDelta(number, name or None, arguments or None, fragment.get("id") or None, extra or None)

    def item(self) -> dict[str, Any]:
        extra = dict(self._extra)
        arguments = self._arguments.getvalue() if self._whole_arguments is None else self._whole_arguments
        function = {**extra.pop("function_extra", {}), "name": self._name, "arguments": arguments}
        return {**extra, "id": self._id, "function": function}


class _DetailsFold:
    """
    Joins fragments of `reasoning_details` by `index` and `type`.
    """

    def __init__(self) -> None:
        self._details: list[Any] = []

    def add(self, fragments: list[Any]) -> None:
        for fragment in fragments:
            if not isinstance(fragment, dict):
                self._details.append(fragment)
                continue
            detail = next((detail for detail in reversed(self._details) if self._goes_on(detail, fragment)), None)
            if detail is None:
                detail = {}
                self._details.append(detail)
            for name, value in fragment.items():
                if name in _DETAIL_TEXTS and isinstance(value, str):
                    detail.setdefault(name, StringIO()).write(value)
                elif _is_present(value) or name not in detail:
                    detail[name] = value

    @staticmethod
    def _goes_on(detail: Any, fragment: dict[str, Any]) -> bool:
        if not isinstance(detail, dict) or any(detail.get(name) != fragment.get(name) for name in ("index", "type")):
            return False
        # Blocks may share an index; what a block has only once tells them apart.
        once = [name for name in ("id", "data", "signature") if detail.get(name) and fragment.get(name)]
        return all(detail[name] == fragment[name] for name in once)

    def items(self) -> list[Any]:
        return [
            {name: value.getvalue() if isinstance(value, StringIO) else value for name, value in detail.items()}
            if isinstance(detail, dict)
            else detail
            for detail in self._details
        ]


def _merge(known: Any, value: Any) -> Any:
    """
    Add a delta to what has come so far: strings and lists grow, dictionaries are merged, all else is replaced.
    """
    if isinstance(known, str) and isinstance(value, str):
        return known if known == value else known + value
    if isinstance(known, list) and isinstance(value, list):
        return [*known, *(item for item in value if not (isinstance(item, dict) and item in known))]
    if isinstance(known, dict) and isinstance(value, dict):
        return {**known, **{name: _merge(known.get(name), item) for name, item in value.items() if _is_present(item)}}
    return value


def _extend(known: dict[str, Any], value: dict[str, Any]) -> None:
    for name, item in value.items():
        if isinstance(item, list):
            known.setdefault(name, []).extend(item)
        elif _is_present(item):
            known[name] = item
