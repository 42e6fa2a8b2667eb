# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""The events of a streamed response become StreamingChunk objects, and at last a ChatMessage."""

import json
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from haystack.dataclasses import ChatMessage, ComponentInfo, ReasoningContent, StreamingChunk, ToolCallDelta

from haystack_integrations.common.aimlapi.body import drop_empty, ensure_list, has_value, unreadable
from haystack_integrations.common.aimlapi.errors import reply_error
from haystack_integrations.components.generators.aimlapi.chat._chunk import Clock, build
from haystack_integrations.components.generators.aimlapi.chat._message import map_finish_reason
from haystack_integrations.components.generators.aimlapi.chat._text import TextBuffer

from .reply import decode_response, finish_reason, output_items, read_response

# The events that bring an item piece by piece, and the type of that item.
_DELTAS = {
    "response.output_text.delta": "message",
    "response.refusal.delta": "message",
    "response.reasoning_summary_text.delta": "reasoning",
    "response.reasoning_text.delta": "reasoning",
    "response.function_call_arguments.delta": "function_call",
}


class ResponseAccumulator:
    """
    Accumulates the events of a stream, as they arrive, into the response that a plain call would have returned.

    :param component_info: The component that Haystack's chunks name as their source.
    """

    def __init__(self, component_info: ComponentInfo) -> None:
        self._component_info = component_info
        self._body: dict[str, Any] = {"status": "in_progress"}
        self._items: dict[int, dict[str, Any]] = {}
        # What came of an item until it is whole: the last event of most streams makes it superfluous.
        self._written: dict[int, defaultdict[str, TextBuffer]] = {}
        self._blocks: dict[int, int] = {}
        # The calls whose arguments are in a chunk.
        self._shown_arguments: set[int] = set()
        self._reasoning_part: Any = None
        self._started: str | None = None
        self._clock = Clock()

    def add(self, event: dict[str, Any]) -> list[StreamingChunk]:
        """
        Take the next event.

        :param event: The event as a dictionary.
        :returns: The chunk for the callback, as a list of one.
        :raises APIError: If it cannot be read.
        """
        try:
            received_at = self._clock.now()
            self._started = self._started or received_at
            # A model that does not stream answers with the whole response. Events of hosted tools have outputs as well.
            whole = event if "output" in event and not _is_event(event) else event.get("response")
            for part in (whole, {"meta": event.get("meta")}):
                self._body.update(drop_empty(part if isinstance(part, dict) else {}))
            kind, index, item = str(event.get("type")), event.get("output_index"), event.get("item")
            number = index if isinstance(index, int) else 0
            content: dict[str, Any] = {}
            if kind in _DELTAS:
                content = self._add_delta(kind, number, event)
            elif kind in ("response.output_item.added", "response.output_item.done") and isinstance(item, dict):
                content = self._add_item(number, item, done=kind.endswith("done"))
            elif kind == "response.function_call_arguments.done":
                content = self._add_arguments(number, event)
            elif kind in ("response.completed", "response.incomplete"):
                self._body["status"] = kind.removeprefix("response.")
                content = {"finish_reason": map_finish_reason(finish_reason(self._body, self._output()))}
            shown = content.keys() & {"content", "reasoning", "tool_calls"}
            fields = {
                **content,
                "meta": {**event, "received_at": received_at},
                "component_info": self._component_info,
                "start": bool(shown) and number not in self._blocks,
                "index": self._block(number) if shown else None,
            }
            return [build(StreamingChunk, fields)]
        except Exception as error:
            raise unreadable(error) from error

    def _block(self, number: int) -> int:
        return self._blocks.setdefault(number, len(self._blocks))

    def _add_item(self, number: int, item: dict[str, Any], *, done: bool) -> dict[str, Any]:
        self._items[number] = item
        if done:
            self._written.pop(number, None)
        if item.get("type") == "reasoning" and done:
            # The text is in chunks already; what must go back of the item is not.
            return {"reasoning": ReasoningContent("", item)}
        if item.get("type") != "function_call":
            return {}
        if number in self._blocks:
            return self._show_arguments(number, item)
        if arguments := _as_text(item.get("arguments")):
            self._shown_arguments.add(number)
        delta = ToolCallDelta(
            index=len(self._blocks),
            tool_name=item.get("name") if isinstance(item.get("name"), str) else None,
            arguments=arguments or None,
            id=_as_id(item.get("id")),
            extra={"call_id": _as_id(item.get("call_id"))},
        )
        return {"tool_calls": [delta]}

    def _add_arguments(self, number: int, event: dict[str, Any]) -> dict[str, Any]:
        """
        Take the arguments of a call as a whole: some servers send nothing else of them.
        """
        item = self._items.get(number, {})
        told = {
            "id": item.get("id") or event.get("item_id"),
            "name": item.get("name") or event.get("name"),
            "arguments": event.get("arguments"),
        }
        self._items[number] = {"type": "function_call", **item, **drop_empty(told)}
        self._written.pop(number, None)
        return self._show_arguments(number, {**event, "id": event.get("item_id")})

    def _show_arguments(self, number: int, item: dict[str, Any]) -> dict[str, Any]:
        arguments = _as_text(item.get("arguments"))
        if not arguments or number in self._shown_arguments:
            return {}
        self._shown_arguments.add(number)
        index = self._blocks.get(number, len(self._blocks))
        return {"tool_calls": [ToolCallDelta(index=index, arguments=arguments, id=_as_id(item.get("id")))]}

    def _add_delta(self, kind: str, number: int, event: dict[str, Any]) -> dict[str, Any]:
        delta, item_id = _as_text(event.get("delta")), event.get("item_id")
        if _DELTAS[kind] == "reasoning":
            part = (number, event.get("summary_index"), event.get("content_index"))
            if number in self._blocks and part != self._reasoning_part:
                delta = f"\n{delta}"
            self._reasoning_part = part
        self._items.setdefault(number, {"type": _DELTAS[kind], "id": item_id})
        self._written.setdefault(number, defaultdict(TextBuffer))[kind].write(delta)
        if kind == "response.output_text.delta":
            return {"content": delta}
        if kind == "response.function_call_arguments.delta":
            return self._show_delta(number, delta, item_id)
        if _DELTAS[kind] != "reasoning":
            return {}
        extra = drop_empty({"type": "reasoning", "id": item_id})
        return {"reasoning": build(ReasoningContent, {"reasoning_text": delta, "extra": extra})}

    def _show_delta(self, number: int, delta: str, item_id: Any) -> dict[str, Any]:
        if delta:
            self._shown_arguments.add(number)
        index = self._blocks.get(number, len(self._blocks))
        return {"tool_calls": [build(ToolCallDelta, {"index": index, "arguments": delta, "id": _as_id(item_id)})]}

    def _output(self) -> list[dict[str, Any]]:
        return output_items(self._body.get("output")) or [self._whole(number) for number in sorted(self._items)]

    def _whole(self, number: int) -> dict[str, Any]:
        item = dict(self._items[number])
        written = {kind: str(text) for kind, text in self._written.get(number, {}).items()}
        if text := written.get("response.output_text.delta"):
            item["content"] = [{"type": "output_text", "text": text}]
        if refusal := written.get("response.refusal.delta"):
            item["content"] = [*ensure_list(item.get("content")), {"type": "refusal", "refusal": refusal}]
        if summary := written.get("response.reasoning_summary_text.delta"):
            item["summary"] = [{"type": "summary_text", "text": summary}]
        if thought := written.get("response.reasoning_text.delta"):
            item["content"] = [{"type": "reasoning_text", "text": thought}]
        if arguments := written.get("response.function_call_arguments.delta"):
            item["arguments"] = arguments
        return item

    def finish(self, headers: Mapping[str, str], *, is_done: bool | None) -> list[ChatMessage]:  # noqa: ARG002
        """
        Take the end of the stream.

        :param headers: The headers of the response.
        :param is_done: Not used: the status of a response tells whether it is whole.
        :returns: The reply, as a list of one.
        :raises APIError: If the stream had no response.
        """
        body = self._whole_response()
        if not output_items(body["output"]) and self._body["status"] == "in_progress":
            raise reply_error(self._body, "The stream ended without a response")
        return decode_response(body, headers, self._started)

    def partial(self) -> dict[str, Any] | None:
        """
        Get what has come so far, of a stream that broke off.

        :returns: The text, the reasoning and the tool calls, as plain data; None if nothing came.
        """
        body = self._whole_response()
        return read_response(body, output_items(body["output"])).to_plain() or None

    def _whole_response(self) -> dict[str, Any]:
        return {**self._body, "output": self._output() or self._body.get("output", [])}


def _is_event(event: dict[str, Any]) -> bool:
    return str(event.get("type")).startswith("response.")


def _as_id(value: Any) -> str | None:
    return str(value) if has_value(value) else None


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    # Arguments may come as the object that they stand for.
    return json.dumps(value, ensure_ascii=False) if has_value(value) else ""
