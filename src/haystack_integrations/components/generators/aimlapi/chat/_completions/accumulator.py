# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""The chunks of a streamed chat completion become StreamingChunk objects, and at last ChatMessage objects."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from haystack.dataclasses import (
    ChatMessage,
    ComponentInfo,
    FinishReason,
    ReasoningContent,
    StreamingChunk,
    ToolCallDelta,
)

from haystack_integrations.common.aimlapi.body import drop_empty, ensure_list, unreadable
from haystack_integrations.common.aimlapi.errors import reply_error
from haystack_integrations.components.generators.aimlapi.chat._chunk import Clock, build
from haystack_integrations.components.generators.aimlapi.chat._message import is_refused, map_finish_reason
from haystack_integrations.components.generators.aimlapi.chat._text import TextBuffer, join_base64
from haystack_integrations.components.generators.aimlapi.chat._think import ThinkSplitter

from .merge import LATEST_FIELDS, add_field, add_logprobs, merge, plain
from .reasoning import (
    FLAT_REASONING_FIELDS,
    REASONING_FIELDS,
    THINKING,
    DetailsAccumulator,
    ThinkingAccumulator,
    details_text,
    thinking_text,
)
from .reply import CHOICE_FIELDS, PADDING, decode_choice, read_choice, split_content, transcript, whole_message
from .tool_calls import ToolCallAccumulator

_PLAIN_CHOICE_FIELDS = {"index", "delta", "finish_reason", "logprobs"}
_MOST_FIELDS_OF_A_PIECE = 3
_SKIPPED_FIELDS = {"role", *PADDING}
# Strings that streams bring in pieces. Of others, what comes again is the same value once more.
_WRITTEN_FIELDS = {*FLAT_REASONING_FIELDS, "refusal"}


class CompletionAccumulator:
    """
    Accumulates the chunks of a stream, as they arrive, into the completion that a plain call would have returned.

    :param component_info: The component that Haystack's chunks name as their source.
    """

    def __init__(self, component_info: ComponentInfo) -> None:
        self._component_info = component_info
        self._body: dict[str, Any] = {}
        self._choices: dict[int, _ChoiceAccumulator] = {}
        self._started: str | None = None
        self._clock = Clock()

    def add(self, event: dict[str, Any]) -> list[StreamingChunk]:
        """
        Take the next chunk of the completion.

        :param event: The chunk as a dictionary.
        :returns: The chunks for the callback, at least one.
        :raises APIError: If it cannot be read.
        """
        try:
            now = self._clock.now()
            self._started = self._started or now
            body = self._body
            for name, value in event.items():
                # What `has_value` tells, without a call for each field of each chunk.
                if name == "choices" or not (value or value == 0):
                    continue
                if isinstance(value, (dict, list)):
                    add_field(body, name, value)
                else:
                    body[name] = value
            meta = {"model": body.get("model"), "received_at": now, "usage": event.get("usage")}
            choices = event.get("choices")
            if type(choices) is list and len(choices) == 1 and type(choice := choices[0]) is dict:
                # Most chunks, at a tenth less than by the comprehensions.
                return self._accumulator(choice, 0).add(choice, meta)
            choices = [choice for choice in ensure_list(choices) if isinstance(choice, dict)]
            if not choices:
                return [build(StreamingChunk, {"meta": meta, "component_info": self._component_info})]
            return [
                chunk
                for position, choice in enumerate(choices)
                for chunk in self._accumulator(choice, position).add(choice, meta)
            ]
        except Exception as error:
            raise unreadable(error) from error

    def _accumulator(self, choice: dict[str, Any], position: int) -> "_ChoiceAccumulator":
        index = choice.get("index")
        if not isinstance(index, int):
            index = position
        accumulator = self._choices.get(index)
        if accumulator is None:
            accumulator = self._choices[index] = _ChoiceAccumulator(index, self._component_info)
        return accumulator

    def finish(self, headers: Mapping[str, str], *, is_done: bool | None) -> list[ChatMessage]:
        """
        Take the end of the stream.

        :param headers: The headers of the response.
        :param is_done: Whether the stream said that it is at its end; None if nobody knows.
        :returns: A message for each choice.
        :raises APIError: If the stream had no choice.
        """
        body = self._whole()
        if not self._choices:
            raise reply_error(body, "The stream ended without a choice")
        return [
            decode_choice(
                body,
                choice.whole(),
                headers=headers,
                is_cut=is_done is False and not body.get("usage"),
                completion_start_time=self._started,
            )
            for _, choice in sorted(self._choices.items())
        ]

    def partial(self) -> dict[str, Any] | None:
        """
        Get what has come so far, of a stream that broke off.

        :returns: The text, the reasoning and the tool calls of the first choice, as plain data; None if nothing came.
        """
        if not self._choices:
            return None
        reply, _ = read_choice(self._whole(), self._choices[min(self._choices)].whole())
        return reply.to_plain() or None

    def _whole(self) -> dict[str, Any]:
        body = {name: plain(value) for name, value in self._body.items()}
        if isinstance(kind := body.get("object"), str):
            body["object"] = kind.removesuffix(".chunk")
        return body


class _Shown:
    """
    What a delta shows to the callback: reasoning by the field that it came in, text and parts of tool calls.

    And what must go back of the reasoning, as it came.
    """

    __slots__ = ("extra", "raw_tool_calls", "text", "thoughts", "tool_calls")

    def __init__(self) -> None:
        self.thoughts: dict[str, str] = {}
        self.extra: dict[str, Any] = {}
        self.text = ""
        self.tool_calls: list[ToolCallDelta] = []
        self.raw_tool_calls: list[Any] | None = None


class _ChoiceAccumulator:
    def __init__(self, index: int, component_info: ComponentInfo) -> None:
        self._index = index
        self._component_info = component_info
        self._choice: dict[str, Any] = {}
        self._whole: dict[str, Any] = {}
        self._message: dict[str, Any] = {}
        self._written: defaultdict[str, TextBuffer] = defaultdict(TextBuffer)
        self._parts: list[Any] = []
        self._details = DetailsAccumulator()
        self._thinking = ThinkingAccumulator()
        self._tool_calls = ToolCallAccumulator()
        self._think = ThinkSplitter()
        # Of several dialects that tell the same, the first to come is shown.
        self._shown_reasoning: str | None = None
        self._blocks: dict[Any, int] = {}

    def add(self, choice: dict[str, Any], chunk_meta: dict[str, Any]) -> list[StreamingChunk]:
        meta = {**chunk_meta, "index": self._index, "tool_calls": None, "finish_reason": None}
        is_plain = (
            choice.keys() <= _PLAIN_CHOICE_FIELDS and not choice.get("finish_reason") and not choice.get("logprobs")
        )
        if is_plain and (chunk := self._add_single_piece(choice.get("delta"), meta)):
            return [chunk]
        shown = _Shown()
        for name, value in self._delta(choice).items():
            # What `has_value` tells, without a call for each field of each delta.
            if (value or value == 0) and name not in _SKIPPED_FIELDS:
                self._add_field(name, value, shown)
        if is_plain:
            return self._chunks(shown, meta)
        finish_reason = self._add_finish_reason(choice.get("finish_reason"), shown)
        if logprobs := self._add_choice_fields(choice):
            meta["logprobs"] = logprobs
        *others, last = self._chunks(shown, meta)
        if finish_reason:
            last = replace(last, meta={**last.meta, "finish_reason": finish_reason}, finish_reason=finish_reason)
        return [*others, last]

    def _add_single_piece(self, delta: Any, meta: dict[str, Any]) -> StreamingChunk | None:
        """
        Take a delta that only goes on with a text, reasoning or the arguments of a call: most do, and need no more.
        """
        if type(delta) is not dict or len(delta) > _MOST_FIELDS_OF_A_PIECE:
            return None
        name = piece = None
        for field, value in delta.items():
            if value or value == 0:
                if name is not None:
                    return None
                name, piece = field, value
        if name == "tool_calls" and (part := self._tool_calls.add_arguments(piece)):
            meta[name] = piece
            return self._chunk(part.index, meta, tool_calls=[part])
        if name == "content" and type(piece) is str and self._think.is_over:
            self._written[name].write(piece)
            return self._chunk("text", meta, content=piece)
        if name == self._shown_reasoning and type(piece) is str and name in FLAT_REASONING_FIELDS:
            self._written[name].write(piece)
            reasoning = build(ReasoningContent, {"reasoning_text": piece, "extra": {name: piece}})
            return self._chunk("reasoning", meta, reasoning=reasoning)
        return None

    def _delta(self, choice: dict[str, Any]) -> dict[str, Any]:
        if not self._blocks:
            message = whole_message(choice)
            if "delta" not in choice and "tool_calls" in message:  # The calls of a whole message are whole.
                message["tool_calls"] = [
                    {**call, "index": number} if isinstance(call, dict) else call
                    for number, call in enumerate(ensure_list(message["tool_calls"]))
                ]
            return message
        if isinstance(whole := choice.get("message"), dict):
            # Repeated beside the deltas, it can have fields that no delta had.
            self._whole.update(drop_empty(whole))
        delta = choice.get("delta")
        return delta if isinstance(delta, dict) else {"message": delta}

    def _add_field(self, name: str, value: Any, shown: _Shown) -> None:
        if name == "content":
            self._add_content(value, shown)
        elif name == "reasoning_details" and isinstance(value, list):
            self._details.add(value)
            shown.thoughts[name] = details_text(value)
            shown.extra[name] = value
        elif name == "tool_calls":
            shown.raw_tool_calls = ensure_list(value)
            shown.tool_calls = self._tool_calls.add(shown.raw_tool_calls)
        elif isinstance(value, str) and name not in LATEST_FIELDS:
            shown.thoughts[name] = value
            if name in FLAT_REASONING_FIELDS:
                shown.extra[name] = value
            written = self._written[name]
            if name in _WRITTEN_FIELDS or len(written) != len(value) or str(written) != value:
                written.write(value)
        else:
            self._message[name] = merge(self._message.get(name), value, name)
            if name == "audio" and not self._written.get("content"):
                shown.text += transcript(value)

    def _add_content(self, value: Any, shown: _Shown) -> None:
        text, thinking, others = split_content(value)
        if thinking:
            self._thinking.add(thinking)
            shown.extra[THINKING] = thinking
        if text or others:
            self._thinking.end_part()
        self._parts += others
        self._written["content"].write(text)
        thought, shown.text = self._think.feed(text)
        if thought := thinking_text(thinking) + thought:
            shown.thoughts["content"] = thought

    def _add_finish_reason(self, raw: Any, shown: _Shown) -> FinishReason | None:
        if not raw:
            return None
        thought, text = self._think.finish()
        shown.thoughts["content"] = shown.thoughts.get("content", "") + thought
        shown.text += text
        if raw == self._choice.get("finish_reason"):
            return None
        self._choice["finish_reason"] = raw
        finish_reason = map_finish_reason(raw)
        answer = shown.text or shown.tool_calls or self._blocks.keys() - {"reasoning"}
        return "content_filter" if is_refused(finish_reason, "refusal" in self._written, answer) else finish_reason

    def _add_choice_fields(self, choice: dict[str, Any]) -> dict[str, Any] | None:
        logprobs = None
        for name, value in choice.items():
            if name in CHOICE_FIELDS or not (value or value == 0):
                continue
            if name == "logprobs" and isinstance(value, dict):
                logprobs = value
                add_logprobs(self._choice, value)
            else:
                add_field(self._choice, name, value)
        return logprobs

    def _chunks(self, shown: _Shown, meta: dict[str, Any]) -> list[StreamingChunk]:
        """
        Build the chunks of a delta, at least one: each holds one block of content.
        """
        chunks = []
        reasoning = self._reasoning(shown.thoughts) if shown.thoughts else ""
        if reasoning or shown.extra:
            content = ReasoningContent(reasoning, shown.extra)
            chunks.append(self._chunk("reasoning", dict(meta), reasoning=content))
        if shown.text:
            chunks.append(self._chunk("text", dict(meta), content=shown.text))
        for delta in shown.tool_calls:
            chunk_meta = {**meta, "tool_calls": shown.raw_tool_calls}
            chunks.append(self._chunk(delta.index, chunk_meta, tool_calls=[delta]))
        if not chunks:
            chunks.append(build(StreamingChunk, {"meta": meta, "component_info": self._component_info}))
        return chunks

    def _chunk(
        self,
        block: Any,
        meta: dict[str, Any],
        *,
        content: str = "",
        reasoning: ReasoningContent | None = None,
        tool_calls: list[ToolCallDelta] | None = None,
    ) -> StreamingChunk:
        number = self._blocks.get(block)
        start = number is None
        if number is None:
            number = self._blocks[block] = len(self._blocks)
        fields = {
            "content": content,
            "meta": meta,
            "component_info": self._component_info,
            "index": number,
            "tool_calls": tool_calls,
            "start": start,
            "reasoning": reasoning,
        }
        return build(StreamingChunk, fields)

    def _reasoning(self, thoughts: dict[str, str]) -> str:
        if self._shown_reasoning is None:
            self._shown_reasoning = next((name for name in (*REASONING_FIELDS, "content") if thoughts.get(name)), None)
        return thoughts.get(self._shown_reasoning or "", "")

    def whole(self) -> dict[str, Any]:
        """
        Get the choice as a plain reply has it.
        """
        written: dict[str, Any] = {name: str(text) for name, text in self._written.items()}
        if parts := [*self._thinking.items(), *self._parts]:
            written["content"] = [{"type": "text", "text": written.get("content", "")}, *parts]
        message = {
            **self._whole,
            **{name: plain(value) for name, value in self._message.items()},
            **written,
            **drop_empty({"reasoning_details": self._details.items(), "tool_calls": self._tool_calls.items()}),
        }
        if isinstance(audio := message.get("audio"), dict) and isinstance(audio.get("data"), str):
            message["audio"] = {**audio, "data": join_base64(audio["data"])}
        choice = {name: plain(value) for name, value in self._choice.items()}
        return {**choice, "index": self._index, "message": message}
