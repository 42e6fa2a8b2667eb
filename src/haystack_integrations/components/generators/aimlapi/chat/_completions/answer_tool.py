# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""
The call of the tool that structured output was asked for with becomes the text of the reply.

That happens before a reply is decoded: the decoder and the accumulator find a model that answered with text.
"""

import json
from collections.abc import Mapping
from typing import Any

from haystack.dataclasses import ChatMessage, ComponentInfo, StreamingChunk

from haystack_integrations.common.aimlapi.body import ensure_list
from haystack_integrations.common.aimlapi.call import current_call
from haystack_integrations.components.generators.aimlapi.chat._message import map_finish_reason
from haystack_integrations.components.generators.aimlapi.chat._think import ThinkSplitter, split_think

from .accumulator import CompletionAccumulator
from .reply import decode_completion, split_content
from .tool_calls import ToolCallAccumulator

_PREAMBLE = "preamble"  # What the model said beside its answer.


def decode_answer(body: dict[str, Any], headers: Mapping[str, str]) -> list[ChatMessage]:
    """
    Decode a completion.

    :param body: The body of the response.
    :param headers: The headers of the response.
    :returns: A message for each choice. Of a choice that calls the answer tool, the text is the answer.
    :raises APIError: If there is none.
    """
    name = _expected()
    choices = body.get("choices")
    if name and isinstance(choices, list):
        body = {**body, "choices": [_answered(choice, name) for choice in choices]}
    return decode_completion(body, headers)


def accumulate_answer(component_info: ComponentInfo) -> "CompletionAccumulator | AnswerAccumulator":
    """
    Make what accumulates the stream of the call under way.

    :param component_info: The component that Haystack's chunks name as their source.
    :returns: The accumulator.
    """
    completion = CompletionAccumulator(component_info)
    name = _expected()
    return AnswerAccumulator(completion, name) if name else completion


def _expected() -> str | None:
    call = current_call()
    return call.answer_tool if call else None


def _answered(choice: Any, name: str) -> Any:
    if not isinstance(choice, dict):
        return choice
    parts = {key: choice[key] for key in ("message", "delta") if isinstance(choice.get(key), dict)}
    read = {key: _read_message(part, name) for key, part in parts.items()}
    choice = {**choice, **read}
    is_answered = any(read[key] is not part for key, part in parts.items())
    calls = any(part.get("tool_calls") for part in read.values())
    return _finished(choice) if is_answered and not calls else choice


def _read_message(message: dict[str, Any], name: str) -> dict[str, Any]:
    """
    Turn the first call of the answer tool into the content of its message.
    """
    answers: list[Any] = []
    calls: list[Any] = []
    for call in ensure_list(message.get("tool_calls")):
        function = call.get("function") if isinstance(call, dict) else None
        is_answer = isinstance(function, dict) and function.get("name") == name
        (answers if is_answer else calls).append(call)
    if not answers:
        return message
    answer = answers[0]["function"].get("arguments")
    text, thinking, others = split_content(message.get("content"))
    other_parts = [*thinking, *others]
    thought, preamble = split_think(text)
    content: Any = f"<think>{thought}</think>" if thought else ""
    content += answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)
    if other_parts:
        content = [*other_parts, {"type": "text", "text": content}]
    return {**message, "content": content, "tool_calls": calls, _PREAMBLE: preamble}


def _finished(choice: dict[str, Any]) -> dict[str, Any]:
    raw = choice.get("finish_reason")
    return {**choice, "finish_reason": "stop"} if raw and map_finish_reason(raw) == "tool_calls" else choice


class AnswerAccumulator:
    """
    Accumulates the chunks of a stream in which a call of the answer tool is the text of the reply.

    What the model writes as text is held back until the choice ends: only then it is known whether it is the answer.

    :param completion: Accumulates the chunks as they are without such a call.
    :param name: The name of the tool.
    """

    def __init__(self, completion: CompletionAccumulator, name: str) -> None:
        self._completion = completion
        self._name = name
        self._choices: dict[Any, _AnswerReader] = {}

    def add(self, event: dict[str, Any]) -> list[StreamingChunk]:
        """
        Take the next chunk of the completion.

        :param event: The chunk as a dictionary.
        :returns: The chunks for the callback, at least one.
        """
        choices = [
            self._read(choice, position) if isinstance(choice, dict) else choice
            for position, choice in enumerate(ensure_list(event.get("choices")))
        ]
        return self._completion.add({**event, "choices": choices})

    def _read(self, choice: dict[str, Any], position: int) -> dict[str, Any]:
        index = choice.get("index")
        index = index if isinstance(index, int) else position
        return self._choices.setdefault(index, _AnswerReader(self._name)).read(choice)

    def finish(self, headers: Mapping[str, str], *, is_done: bool | None) -> list[ChatMessage]:
        """
        Take the end of the stream.

        :param headers: The headers of the response.
        :param is_done: Whether the stream said that it is at its end; None if nobody knows.
        :returns: A message for each choice.
        :raises APIError: If the stream had no choice.
        """
        self._release()
        return self._completion.finish(headers, is_done=is_done)

    def partial(self) -> dict[str, Any] | None:
        """
        Get what has come so far, of a stream that broke off.

        :returns: The text, the reasoning and the tool calls of the first choice, as plain data; None if nothing came.
        """
        self._release()
        return self._completion.partial()

    def _release(self) -> None:
        # A stream that broke off without a finish reason still holds what was not known to be the answer.
        rest = [{"index": index, "delta": reader.rest()} for index, reader in self._choices.items()]
        if any(choice["delta"] for choice in rest):
            self._completion.add({"choices": rest})


class _AnswerReader:
    def __init__(self, name: str) -> None:
        self._name = name
        self._tool_calls = ToolCallAccumulator()
        self._answers: list[int] = []
        self._has_calls = False
        self._think = ThinkSplitter()
        self._in_thought = False
        self._held = ""

    def read(self, choice: dict[str, Any]) -> dict[str, Any]:
        """
        Turn what a chunk brings of the answer into content.
        """
        finish_reason = choice.get("finish_reason")
        if isinstance(message := choice.get("message"), dict):
            choice = {**choice, **_answered({"message": message, "finish_reason": finish_reason}, self._name)}
        if isinstance(delta := choice.get("delta"), dict):
            choice = {**choice, "delta": self._read_delta(delta, is_last=bool(finish_reason))}
        return _finished(choice) if self._answers and not self._has_calls else choice

    def _read_delta(self, delta: dict[str, Any], *, is_last: bool) -> dict[str, Any]:
        read = {name: value for name, value in delta.items() if name not in ("content", "tool_calls")}
        text, thinking, others = split_content(delta.get("content"))
        parts = [*thinking, *others]
        written = self._hold(*self._think.feed(text)) if text else ""
        calls = []
        for call in ensure_list(delta.get("tool_calls")):
            shown = next(iter(self._tool_calls.add([call])), None)
            if shown is not None and shown.tool_name == self._name:
                self._answers.append(shown.index)
            if shown is None or shown.index not in self._answers:
                calls.append(call)
            elif shown.index == self._answers[0]:
                written += self._end_of_thought() + (shown.arguments or "")
        if calls:
            self._has_calls = True
            read["tool_calls"] = calls
        if is_last:
            rest = self.rest()
            written += rest.pop("content", "")
            read.update(rest)
        if parts:
            read["content"] = [*parts, {"type": "text", "text": written}]
        elif written:
            read["content"] = written
        return read

    def _hold(self, thought: str, text: str) -> str:
        """
        Let through what is thought, which comes before all else.
        """
        self._held += text
        if thought and not self._in_thought:
            self._in_thought = True
            thought = f"<think>{thought}"
        return thought

    def _end_of_thought(self) -> str:
        closing = "</think>" if self._in_thought else ""
        self._in_thought = False
        return closing

    def rest(self) -> dict[str, Any]:
        """
        Get what was held back.
        """
        written = self._hold(*self._think.finish()) + self._end_of_thought()
        held, self._held = self._held, ""
        if not self._answers:
            written += held
        rest = {"content": written} if written else {}
        return {**rest, _PREAMBLE: held} if self._answers and held else rest
