# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""Replies of the API, plain and in frames, and what must become of each."""

import json
from dataclasses import dataclass, field
from typing import Any

import httpx2

from tests.support.api import plain, sse
from tests.support.modes import Mode
from tests.support.replies import COST, PIXEL, USAGE, completion, end, frame

COST_HEADERS = {"x-aimlapi-credits-used": "610", "x-aimlapi-usd-spent": "0.000305000"}
PICTURE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}, "index": 0}
REMOTE = {"type": "image_url", "image_url": {"url": "https://example.org/cat.png"}}


def text(value: str) -> dict[str, Any]:
    return {"text": value}


def thought(value: str, **extra: Any) -> dict[str, Any]:
    return {"reasoning": {"reasoning_text": value, "extra": extra}}


def call(id_: str, name: str = "weather", arguments: Any = None, extra: Any = None) -> dict[str, Any]:
    return {"tool_call": {"tool_name": name, "arguments": arguments or {}, "id": id_, "extra": extra}}


def image(**meta: Any) -> dict[str, Any]:
    fields = {"base64_image": PIXEL, "mime_type": "image/png", "detail": None, "meta": meta, "validation": True}
    return {"image": fields}


def fragment(
    index: Any = None, id_: Any = None, name: Any = None, arguments: Any = None, **more: Any
) -> dict[str, Any]:
    """A piece of a tool call, or the whole of one; None leaves a key out."""
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    keys = {"index": index, "id": id_, "function": function or None, **more}
    return {key: value for key, value in keys.items() if value is not None}


@dataclass
class Case:
    """`body` and `frames` say the same, and become `content` and `meta`. `live`: the thought that the callback sees."""

    body: dict[str, Any] | None
    frames: list[Any]
    content: list[dict[str, Any]]
    meta: dict[str, Any] = field(default_factory=dict)
    live: str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def answer(self, mode: Mode) -> httpx2.Response:
        answer = sse(*self.frames) if mode.streamed else plain(self.body)
        answer.headers.update(self.headers)
        return answer

    def reply(self) -> dict[str, Any]:
        ids = {"id": "c-1", "inference_id": "inf-1", "client_request_id": "mine-1"}
        meta = {"model": "m-1", "index": 0, "finish_reason": "stop", "usage": USAGE, **ids, **self.meta}
        meta = {name: value for name, value in meta.items() if value is not ...}
        return {"role": "assistant", "name": None, "content": self.content, "meta": meta}


def told(message: Any, deltas: list[Any], *expected: Any, finish_reason: str = "stop", **more: Any) -> Case:
    """A case whose frames hold nothing but these deltas, and the finish reason in the end."""
    frames = [*map(frame, deltas), end(finish_reason)]
    return Case(completion(message, finish_reason), frames, *expected, **more)


def details(*items: Any) -> dict[str, Any]:
    return {"reasoning_details": list(items)}


def step(value: str, **more: Any) -> dict[str, Any]:
    return {"type": "reasoning.text", "text": value, "format": "unknown", "index": 0, **more}


def said(value: str) -> dict[str, Any]:
    return {"type": "text", "text": value}


def thinking(value: str) -> dict[str, Any]:
    return {"type": "thinking", "thinking": [said(value)]}


def signed(value: str, signature: str) -> dict[str, Any]:
    return {"type": "thinking", "thinking": value, "signature": signature}


CITED = {"type": "reference", "reference_ids": [1]}
SEALED = {"type": "reasoning.encrypted", "data": "EjQK", "format": "google-gemini-v1", "index": 0}
SUMMARY = {"type": "reasoning.summary", "summary": "In short.", "id": "rs-1", "index": 1}

REASONING = {
    "reasoning_content": told(
        {"content": "4", "reasoning_content": "2+2"},
        [{"reasoning_content": "2", "content": None}, {"reasoning_content": "+2"}, {"content": "4"}],
        [thought("2+2", reasoning_content="2+2"), text("4")],
    ),
    "reasoning": told(
        {"content": "4", "reasoning": "2+2"},
        [{"reasoning": "2"}, {"reasoning": "+2", "content": "4"}],
        [thought("2+2", reasoning="2+2"), text("4")],
    ),
    "the same piece twice": told(
        {"content": "4", "reasoning": "haha"},
        [{"reasoning": "ha"}, {"reasoning": "ha"}, {"content": "4"}],
        [thought("haha", reasoning="haha"), text("4")],
    ),
    "reasoning with details": told(
        {"content": "4", "reasoning": "2+2", **details(step("2+2", signature="sig"))},
        [
            {"reasoning": "2", **details(step("2"))},
            {"reasoning": "+2", **details(step("+2"))},
            details({"type": "reasoning.text", "signature": "sig", "index": 0, "format": "unknown"}),
            {"content": "4"},
        ],
        [thought("2+2", reasoning="2+2", **details(step("2+2", signature="sig"))), text("4")],
    ),
    "details alone": told(
        {"content": "4", "reasoning": None, **details(step("2+2", id=None), SUMMARY)},
        [
            details({"type": "reasoning.text", "text": None, "format": "unknown", "index": 0, "id": None}),
            details(step("2")),
            details(step("+2", format=None), {**SUMMARY, "summary": "In "}),
            details({"type": "reasoning.summary", "summary": "short.", "index": 1}),
            {"content": "4"},
        ],
        [thought("2+2In short.", **details(step("2+2", id=None), SUMMARY)), text("4")],
    ),
    "details that differ": told(
        {"content": "4", **details(step("2", id="a"), {**SEALED, "id": "b"}, {**SEALED, "data": "x"}, "odd")},
        [details(step("2", id="a"), {**SEALED, "id": "b"}), details({**SEALED, "data": "x"}, "odd"), {"content": "4"}],
        [thought("2", **details(step("2", id="a"), {**SEALED, "id": "b"}, {**SEALED, "data": "x"}, "odd")), text("4")],
    ),
    "two encrypted blocks with one index": told(
        {"content": "4", **details({**SEALED, "data": "abc"}, {**SEALED, "data": "def", "id": "rs-1"})},
        [details({**SEALED, "data": "abc"}), details({**SEALED, "data": "def", "id": "rs-1"}), {"content": "4"}],
        [thought("", **details({**SEALED, "data": "abc"}, {**SEALED, "data": "def", "id": "rs-1"})), text("4")],
    ),
    "blocks of two types with one index": told(
        {"content": "4", **details(SUMMARY, SEALED | {"index": 1}, SUMMARY, SEALED | {"index": 1, "data": "x"})},
        [
            details({**SUMMARY, "summary": "In "}),
            details({**SUMMARY, "summary": "short."}),
            details(SEALED | {"index": 1}),
            details({**SUMMARY, "summary": "In "}),
            details({**SUMMARY, "summary": "short."}),
            details(SEALED | {"index": 1, "data": "x"}),
            {"content": "4"},
        ],
        [
            thought(
                "In short.In short.",
                **details(SUMMARY, SEALED | {"index": 1}, SUMMARY, SEALED | {"index": 1, "data": "x"}),
            ),
            text("4"),
        ],
    ),
    "pieces of blocks with indices in turn": told(
        {"content": "4", **details(step("AC"), step("BD", index=1))},
        [details(step("A"), step("B", index=1)), details(step("C"), step("D", index=1)), {"content": "4"}],
        [thought("ACBD", **details(step("AC"), step("BD", index=1))), text("4")],
        live="ABCD",
    ),
    "text after a signature": told(
        {"content": "4", **details(step("A", signature="s"), step("BC", signature="t"))},
        [
            details(step("A")),
            details(step("", signature="s")),
            details(step("B")),
            details(step("C", signature="t")),
            {"content": "4"},
        ],
        [thought("ABC", **details(step("A", signature="s"), step("BC", signature="t"))), text("4")],
    ),
    "encrypted alone": told(
        {"content": "4", "reasoning": None, **details(SEALED)},
        [{"content": "4", "reasoning": None, **details(SEALED)}],
        [thought("", **details(SEALED)), text("4")],
    ),
    "think tags": told(
        {"content": "<think>\n2+2 < 5\n</think>\n\n4 <think> </think>"},
        [{"content": "<think>\n2+2 < 5\n</think>\n\n4 <think>"}, {"content": " </think>"}],
        [thought("2+2 < 5"), text("4 <think> </think>")],
    ),
    "thinking parts": told(
        {"content": [thinking("2+2"), {"type": "text", "text": "4"}]},
        [{"content": [thinking("2")]}, {"content": [thinking("+")]}, {"content": [thinking("2")]}, {"content": "4"}],
        [thought("2+2", thinking=[thinking("2+2")]), text("4")],
    ),
    "thinking parts with other items": told(
        {"content": [{**thinking("A"), "thinking": [said("A"), CITED, said("B")], "closed": True}, said("4")]},
        [
            {"content": [thinking("A")]},
            {"content": [{"type": "thinking", "thinking": [CITED]}]},
            {"content": [{**thinking("B"), "closed": True}]},
            {"content": [said("4")]},
        ],
        [
            thought("AB", thinking=[{**thinking("A"), "thinking": [said("A"), CITED, said("B")], "closed": True}]),
            text("4"),
        ],
    ),
    "thinking parts of Claude's": told(
        {"content": [signed("AB", "s"), {"type": "redacted_thinking", "data": "x"}, signed("C", "t"), said("4")]},
        [
            {"content": [{"type": "thinking", "thinking": "A"}]},
            {"content": [{"type": "thinking", "thinking": "B"}]},
            {"content": [{"type": "thinking", "thinking": "", "signature": "s"}]},
            {"content": [{"type": "redacted_thinking", "data": "x"}]},
            {"content": [signed("C", "t")]},
            {"content": [said("4")]},
        ],
        [
            thought("ABC", thinking=[signed("AB", "s"), {"type": "redacted_thinking", "data": "x"}, signed("C", "t")]),
            text("4"),
        ],
    ),
    "thinking parts around a text": told(
        {"content": [thinking("A"), said("4"), thinking("B")]},
        [{"content": [thinking("A")]}, {"content": "4"}, {"content": [thinking("B")]}],
        [thought("AB", thinking=[thinking("A"), thinking("B")]), text("4")],
    ),
    "two blocks of redacted thinking": told(
        {"content": [{"type": "redacted_thinking", "data": "x"}, {"type": "redacted_thinking", "data": "y"}]},
        [{"content": [{"type": "redacted_thinking", "data": data}]} for data in "xy"],
        [thought("", thinking=[{"type": "redacted_thinking", "data": data} for data in "xy"])],
    ),
    "unclosed think tag": told(
        {"content": " <think>2+2 </th"},
        [{"content": " <think>2+2 </th"}],
        [thought("2+2 </th")],
        {"finish_reason": "length"},
        finish_reason="length",
    ),
    "a start that is no think tag": told({"content": " <thin"}, [{"content": " <thin"}], [text(" <thin")]),
    "empty think tags": told(
        {"content": "<think>\n\n</think>\n\n4"},
        [{"content": "<think>"}, {"content": "\n\n"}, {"content": "</think>\n\n"}, {"content": "4"}],
        [text("4")],
    ),
    "nothing": told(
        {"content": "4", "reasoning_content": "", "reasoning": "", "reasoning_details": []},
        [{"content": "4", "reasoning_content": "", "reasoning": None, "reasoning_details": []}],
        [text("4")],
    ),
    "white space": told(
        {"content": "4", "reasoning_content": "\n"},
        [{"reasoning_content": "\n"}, {"content": "4"}],
        [text("4")],
        {"reasoning_content": "\n"},
        live="\n",
    ),
    "both flat fields": told(
        {"content": "4", "reasoning_content": "2+2", "reasoning": "2+2"},
        [
            {"reasoning": "2+", "reasoning_content": "2+"},
            {"reasoning": "2", "reasoning_content": "2"},
            {"content": "4"},
        ],
        [thought("2+2", reasoning_content="2+2", reasoning="2+2"), text("4")],
    ),
    "details before flat": told(
        {"content": "4", "reasoning": "2+2", **details(SUMMARY)},
        [{**details(SUMMARY), "reasoning": "2+2"}, {"content": "4"}],
        [thought("2+2", reasoning="2+2", **details(SUMMARY)), text("4")],
    ),
    "think tags beside a field": told(
        {"content": "<think>2+2</think>4", "reasoning_content": "2+2"},
        [{"content": "<think>2+", "reasoning_content": "2+"}, {"content": "2</think>4", "reasoning_content": "2"}],
        [thought("2+2", reasoning_content="2+2"), text("4")],
    ),
    "think tags beside a field that says something else": told(
        {"content": "<think>B</think>4", "reasoning": "A"},
        [{"reasoning": "A"}, {"content": "<think>B</think>4"}],
        [thought("A\n\nB", reasoning="A"), text("4")],
        live="A",
    ),
    "of other types": told(
        {"content": "4", "reasoning": {"effort": "low"}, "reasoning_details": {"a": 1}},
        [{"content": "4", "reasoning": {"effort": "low"}, "reasoning_details": {"a": 1}}],
        [text("4")],
        {"reasoning": {"effort": "low"}, "reasoning_details": {"a": 1}},
    ),
}

PARIS, ROME = '{"city": "Paris"}', '{"city": "Rome"}'
TWO_CALLS = [
    fragment(id_="a", name="weather", arguments=PARIS, type="function"),
    fragment(id_="b", name="weather", arguments=ROME, type="function"),
]
TWO_CALLS_CONTENT = [call("a", arguments={"city": "Paris"}), call("b", arguments={"city": "Rome"})]
SIGNED = {"extra_content": {"google": {"thought_signature": "CpIB"}}}


def calls_case(items: Any, deltas: Any, content: list[Any], **meta: Any) -> Case:
    finish_reason = meta.setdefault("finish_reason", "tool_calls")
    return Case(
        completion({"content": None, "tool_calls": items}, finish_reason),
        [*(frame({"tool_calls": delta}) for delta in deltas), end(finish_reason)],
        content,
        meta,
    )


def malformed(arguments: Any, id_: str = "a", name: Any = "weather", **more: Any) -> dict[str, Any]:
    return {"malformed_tool_calls": [{"id": id_, "tool_name": name, "arguments": arguments, **more}]}


TOOL_CALLS = {
    "with text in one delta": Case(
        completion({"content": "I look.", "tool_calls": TWO_CALLS[:1]}, "tool_calls"),
        [frame({"content": "I look.", "tool_calls": [{"index": 0, **TWO_CALLS[0]}]}, "tool_calls"), end("tool_calls")],
        [text("I look."), TWO_CALLS_CONTENT[0]],
        {"finish_reason": "tool_calls"},
    ),
    "interleaved": calls_case(
        TWO_CALLS,
        [
            [fragment(0, "a", "weather", ""), fragment(1, "b", "weather", "")],
            [fragment(1, arguments='{"city":'), fragment(0, arguments='{"city": ')],
            [fragment(0, arguments='"Paris"}')],
            [fragment(1, arguments=' "Rome"}')],
        ],
        TWO_CALLS_CONTENT,
    ),
    "index missing": calls_case(
        TWO_CALLS,
        [
            [fragment(None, "a", "weather", '{"city": ')],
            [fragment(arguments='"Paris"}')],
            [fragment(None, "b", "weather", "")],
            [fragment(arguments=ROME)],
        ],
        TWO_CALLS_CONTENT,
    ),
    "index and id missing": calls_case(
        [fragment(name="weather"), fragment(name="time", arguments="{}"), fragment(name="time", arguments='{"a": 1}')],
        [
            [fragment(name="weather")],
            [fragment(name="time", arguments="{"), fragment(arguments="}\n")],
            [fragment(name="time", arguments='{"a": 1}')],
        ],
        [call("call-c-1-0"), call("call-c-1-1", "time"), call("call-c-1-2", "time", {"a": 1})],
    ),
    "index shared under different ids": calls_case(
        TWO_CALLS,
        [
            [fragment(0, "a", "weather", '{"city": ')],
            [fragment(0, arguments='"Paris"}')],
            [fragment(0, "b", "weather", '{"city": ')],
            [fragment(0, arguments='"Rome"}')],
        ],
        TWO_CALLS_CONTENT,
    ),
    "index shared without ids": calls_case(
        [fragment(name="weather", arguments=PARIS), fragment(name="time", arguments={}), fragment(name="zone")],
        [[fragment(0, "", "weather", PARIS), fragment(0, "", "time", {}), fragment(0, "", "zone", "")]],
        [call("call-c-1-0", arguments={"city": "Paris"}), call("call-c-1-1", "time"), call("call-c-1-2", "zone")],
    ),
    "id shared under different indexes": calls_case(
        [{**call, "id": "a"} for call in TWO_CALLS],
        [
            [fragment(0, "a", "weather", ""), fragment(1, "a", "weather", "")],
            [fragment(0, "a", arguments=PARIS), fragment(1, "a", arguments=ROME)],
        ],
        [call("a", arguments={"city": "Paris"}), call("a", arguments={"city": "Rome"})],
    ),
    "index shared by different ids": calls_case(
        TWO_CALLS,
        [
            [fragment(0, "a", "weather", '{"city": '), fragment(0, "b", "weather", '{"city": ')],
            [fragment(0, "a", arguments='"Paris"}'), fragment(0, "b", arguments='"Rome"}')],
        ],
        TWO_CALLS_CONTENT,
    ),
    "index that changes": calls_case(
        TWO_CALLS[:1], [[fragment(0, "a", "weather", "")], [fragment(1, "a", arguments=PARIS)]], TWO_CALLS_CONTENT[:1]
    ),
    "id, index and name of another type": calls_case(
        [fragment(id_=["a"], name={"b": "c"}, arguments="{}")],
        [[fragment([0], ["a"], {"b": "c"}, "{")], [fragment([0], arguments="}")]],
        [],
        **malformed("{}", ["a"], {"b": "c"}),
    ),
    "fragments told by id": calls_case(
        TWO_CALLS,
        [
            [fragment(None, "a", "weather", ""), fragment(None, "b", "weather", "")],
            [fragment(None, "a", arguments=PARIS), fragment(None, "b", arguments=ROME)],
        ],
        TWO_CALLS_CONTENT,
    ),
    "name and id repeated": calls_case(
        TWO_CALLS[:1],
        [
            [fragment(0, "a", "weather", '{"city": ')],
            [fragment(0, "a", "weather", '"Paris"}')],
            [fragment(0, "a", "weather", "")],
        ],
        TWO_CALLS_CONTENT[:1],
    ),
    "name repeated, without an id": calls_case(
        [fragment(name="weather", arguments='{"a": {}, "b": {}}')],
        [
            [fragment(0, None, "weather", "")],
            [fragment(0, None, "weather", '{"a": {}')],
            [fragment(0, None, "weather", ', "b": {}}')],
            [fragment(0, None, "weather", "\n")],
        ],
        [call("call-c-1-0", arguments={"a": {}, "b": {}})],
    ),
    "name in pieces, after the arguments": calls_case(
        [TWO_CALLS[0] | SIGNED],
        [
            [fragment(0, "a", None, '{"city": ', **SIGNED)],
            [fragment(0, None, "wea", '"Paris')],
            [fragment(0, None, "ther", '"}')],
        ],
        [call("a", arguments={"city": "Paris"}, extra=SIGNED)],
    ),
    "empty id after the real one": calls_case(
        TWO_CALLS[:1],
        [[fragment(0, "a", "weather", '{"city": ')], [fragment(0, "", None, '"Paris"}')]],
        TWO_CALLS_CONTENT[:1],
    ),
    "a new id with each fragment": calls_case(
        TWO_CALLS[:1],
        [[fragment(0, "a", "weather", '{"city": ')], [fragment(0, "x", None, '"Paris"')], [fragment(0, "y", "", "}")]],
        TWO_CALLS_CONTENT[:1],
    ),
    "whole calls in one chunk": calls_case(
        TWO_CALLS, [[{**TWO_CALLS[0], "index": 0}, {**TWO_CALLS[1], "index": 1}]], TWO_CALLS_CONTENT
    ),
    "no list": calls_case(TWO_CALLS[0], [TWO_CALLS[0]], TWO_CALLS_CONTENT[:1]),
    **{
        f"arguments {arguments!r}": calls_case(
            [fragment(0, "a", "weather", type="function") | {"function": {"name": "weather", **arguments}}],
            [[fragment(0, "a", "weather") | {"function": {"name": "weather", **arguments}}]],
            [call("a", arguments=parsed)],
        )
        for arguments, parsed in [
            ({}, {}),
            ({"arguments": None}, {}),
            ({"arguments": ""}, {}),
            ({"arguments": " "}, {}),
            ({"arguments": "null"}, {}),
            ({"arguments": {}}, {}),
            ({"arguments": {"city": "Zürich"}}, {"city": "Zürich"}),
        ]
    },
    **{
        f"malformed {arguments!r:.20}": calls_case(
            [fragment(0, "a", "weather", arguments), TWO_CALLS[1]],
            [[fragment(0, "a", "weather", arguments)], [{**TWO_CALLS[1], "index": 1}]],
            TWO_CALLS_CONTENT[1:],
            **malformed(arguments),
        )
        for arguments in ['{"city": "Par', "[1]", "Paris", [], [1], False, 7, f'{{"n": {"9" * 5000}}}', "[" * 5000]
    },
    "truncated": calls_case(
        [fragment(0, "a", "weather", '{"city": "Par')],
        [[fragment(0, "a", "weather", '{"city": ')], [fragment(0, arguments='"Par')]],
        [],
        finish_reason="length",
        **malformed('{"city": "Par'),
    ),
    "without a name": calls_case(
        [fragment(0, "a", "", PARIS, **SIGNED)],
        [[fragment(0, "a", "", PARIS, **SIGNED)]],
        [],
        **malformed(PARIS, name="", **SIGNED),
    ),
    "fields of the provider": calls_case(
        [
            fragment(0, "a", "weather", PARIS, type="builtin") | SIGNED,
            {"id": "b", "type": "function", "function": {"name": "weather", "arguments": ROME, "strict": True}},
        ],
        [
            [fragment(0, "a", "weather", "", type="builtin") | SIGNED],
            [fragment(0, None, None, PARIS, type="builtin")],
            [{"id": "b", "index": 1, "function": {"name": "weather", "arguments": ROME, "strict": True}}],
        ],
        [
            call("a", arguments={"city": "Paris"}, extra={"type": "builtin", **SIGNED}),
            call("b", arguments={"city": "Rome"}, extra={"function": {"strict": True}}),
        ],
    ),
    "of another kind": calls_case(
        [{"id": "a", "type": "custom", "custom": {"name": "sql", "input": "abab"}}, "odd"],
        [
            [{"id": "a", "index": 0, "type": "custom", "custom": {"name": "sql", "input": "ab"}}],
            [{"index": 0, "custom": {"input": "ab"}}, "odd"],
        ],
        [],
        tool_calls=[{"id": "a", "type": "custom", "custom": {"name": "sql", "input": "abab"}}, "odd"],
    ),
}

LOGPROBS = {"content": [{"token": "4", "logprob": -0.1}, {"token": "4", "logprob": -0.1}], "refusal": None}
DEEP = json.loads("[" * 250 + "1" + "]" * 250)
FIELD_IN_FIELD = json.loads('{"a":' * 190 + "1" + "}" * 190)
SAFE = {"filtered": False, "severity": "safe"}

OTHERS = {
    "cost in the body": Case(
        completion({"content": "4"}, meta={"usage": {**COST, "tokens_used": None}, "region": "eu"}),
        [frame({"content": "4"}), end(), {"meta": {"usage": COST, "region": "eu"}}],
        [text("4")],
        {"cost": COST, "meta": {"region": "eu"}},
        headers={"x-aimlapi-credits-used": "1"},
    ),
    "cost in a frame with empty choices": Case(
        None,
        [frame({"content": "4"}), end(usage=None), {"choices": [], "usage": USAGE, "meta": {"usage": COST}}],
        [text("4")],
        {"cost": COST},
    ),
    "cost on the last frame with a choice": Case(
        None, [frame({"content": "4"}), end(meta={"usage": COST})], [text("4")], {"cost": COST}
    ),
    "cost in the headers": Case(
        completion({"content": "4"}, meta={"usage": None}),
        [frame({"content": "4"}), end(meta={"usage": None})],
        [text("4")],
        {"cost": COST},
        headers=COST_HEADERS,
    ),
    "odd cost in the headers": Case(
        completion({"content": "4"}, meta="eu"),
        [frame({"content": "4"}), end(meta="eu")],
        [text("4")],
        {"cost": {"usd_spent": "free"}, "meta": "eu"},
        headers={"x-aimlapi-usd-spent": "free"},
    ),
    "later null usage": Case(
        None,
        [
            frame({"content": "4"}, usage={"total_tokens": 7}),
            end(),
            frame({}, usage=None),
            {"choices": None, "usage": None},
        ],
        [text("4")],
        {"usage": {**USAGE}},
    ),
    "usage in pieces": Case(
        None,
        [
            frame({"content": "4"}, usage={"prompt_tokens": 3, "total_tokens": 3}),
            end(usage={"total_tokens": 8, "cost": None}),
        ],
        [text("4")],
        {"usage": {"prompt_tokens": 3, "total_tokens": 8, "cost": None}},
    ),
    "no usage": Case(
        completion({"content": "4"}, usage=None),
        [frame({"content": "4"}), end(usage=None)],
        [text("4")],
        {"usage": None},
    ),
    "refusal": told(
        {"content": None, "refusal": "I won't, won't."},
        [{"refusal": "I "}, {"refusal": "won't, "}, {"refusal": "won't."}],
        [],
        {"refusal": "I won't, won't.", "finish_reason": "content_filter", "native_finish_reason": "stop"},
    ),
    "images": told(
        {"content": "", "images": [PICTURE, REMOTE, PICTURE["image_url"]["url"], {"url": "data:image/png;base64,%"}]},
        [{"images": [PICTURE, REMOTE]}, {"images": [PICTURE["image_url"]["url"], {"url": "data:image/png;base64,%"}]}],
        [image(index=0), image()],
        {"images": [REMOTE, {"url": "data:image/png;base64,%"}]},
    ),
    "images told again": told(
        {"content": "4", "images": [{"image_url": PICTURE["image_url"]["url"]}]},
        [
            {"images": [{"image_url": PICTURE["image_url"]["url"]}]},
            {"content": "4", "images": [{"image_url": PICTURE["image_url"]["url"]}]},
        ],
        [text("4"), image()],
    ),
    "content in parts": told(
        {
            "content": [
                {"type": "text", "text": "2+2"},
                {"type": "text", "text": "=4", "cited": [1]},
                PICTURE,
                REMOTE,
                "!",
                {"type": "x", "text": "y"},
            ]
        },
        [
            {"content": [{"type": "text", "text": "2+2"}, {"type": "text", "text": "=4", "cited": [1]}]},
            {"content": [PICTURE, REMOTE, "!"]},
            {"content": [{"type": "x", "text": "y"}]},
        ],
        [text("2+2=4!"), image(index=0)],
        {"content": [{"cited": [1]}, {"type": "x", "text": "y"}], "images": [REMOTE]},
    ),
    "JSON as it is": told(
        {"content": {"city": "Zürich", "type": "capital"}},
        [{"content": {"city": "Zürich", "type": "capital"}}],
        [text('{"city": "Zürich", "type": "capital"}')],
    ),
    "empty object": told({"content": {}}, [{"content": {}}], []),
    "audio in pieces that are padded": told(
        {"content": None, "audio": {"id": "au", "data": "YWJjZA==", "transcript": "Hi"}},
        [{"audio": {"id": "au", "data": "YQ==", "transcript": "Hi"}}, {"audio": {"data": "YmNk"}}],
        [text("Hi")],
        {"audio": {"id": "au", "data": "YWJjZA==", "transcript": "Hi"}},
    ),
    "audio that is no base64": told(
        {"content": None, "audio": {"data": "a=b="}}, [{"audio": {"data": "a=b="}}], [], {"audio": {"data": "a=b="}}
    ),
    "audio beside a text": told(
        {"content": "Hi", "audio": {"transcript": "Hi there"}},
        [{"content": "Hi"}, {"audio": {"transcript": "Hi "}}, {"audio": {"transcript": "there"}}],
        [text("Hi")],
        {"audio": {"transcript": "Hi there"}},
    ),
    "verdicts of a content filter in parts": Case(
        completion(
            {"content": "44"}, choice={"content_filter_results": {"hate": SAFE, "violence": SAFE, "error": None}}
        ),
        [
            frame({"content": "4"}, choice={"content_filter_results": {"error": None}}),
            frame({"content": "4"}, choice={"content_filter_results": {"hate": SAFE, "error": None}}),
            end(choice={"content_filter_results": {"violence": SAFE}}),
        ],
        [text("44")],
        {"content_filter_results": {"hate": SAFE, "violence": SAFE, "error": None}},
    ),
    "values that change with each frame": Case(
        completion({"content": "44", "token_id": "b"}, choice={"token": 2, "timings": {"ms": 2}}, timings={"n": 2}),
        [
            frame(
                {"content": "4", "token_id": "a"}, choice={"token": 1, "timings": {"ms": 1, "x": 1}}, timings={"n": 1}
            ),
            frame({"content": "4", "token_id": "b"}, choice={"token": 2, "timings": {"ms": 2}}, timings={"n": 2}),
            end(),
        ],
        [text("44")],
        {"token_id": "b", "token": 2, "timings": {"ms": 2}},
    ),
    "padding": Case(
        completion({"content": "4", "p": "abc", "obfuscation": "x"}, choice={"p": "ab"}, p="abcd", obfuscation="y"),
        [frame({"content": "4", "p": "abc", "obfuscation": "x"}, choice={"p": "ab"}, p="abcd"), end(p="a")],
        [text("4")],
    ),
    "names that are ours": Case(
        completion({"content": "4", "malformed_tool_calls": ["x"], "incomplete": 1}, completion_start_time="soon"),
        [frame({"content": "4", "malformed_tool_calls": ["x"], "incomplete": 1}, completion_start_time="soon"), end()],
        [text("4")],
    ),
    "logprobs of two shapes": Case(
        None,
        [
            frame({"content": "4"}, choice={"logprobs": [1]}),
            frame({"content": "4"}, choice={"logprobs": {**LOGPROBS, "content": None}}),
            frame({"content": "4"}, choice={"logprobs": LOGPROBS}),
            end(),
        ],
        [text("444")],
        {"logprobs": LOGPROBS},
    ),
    "lists of several frames": Case(
        completion({"content": "4"}, citations=["t", "u", "v"]),
        [
            frame({"content": "4"}, citations=["t"]),
            frame({}, citations=["u"]),
            frame({}, citations=["v"]),
            end(citations=["t", "u", "v"]),
        ],
        [text("4")],
        {"citations": ["t", "u", "v"]},
    ),
    "deep in two frames": told(
        {"content": "4", "deep": FIELD_IN_FIELD},
        [{"content": "4", "deep": FIELD_IN_FIELD}, {"deep": FIELD_IN_FIELD}],
        [text("4")],
        {"deep": FIELD_IN_FIELD},
    ),
    "audio": told(
        {"content": None, "audio": {"id": "au", "data": "AAAA", "expires_at": 9, "transcript": "haha"}},
        [
            {"audio": {"id": "au", "data": "AA", "transcript": "ha"}},
            {"audio": {"id": "au", "data": "AA", "transcript": "ha"}},
            {"audio": {"expires_at": 9, "data": None}},
        ],
        [text("haha")],
        {"audio": {"id": "au", "data": "AAAA", "expires_at": 9, "transcript": "haha"}},
    ),
    "logprobs": Case(
        completion({"content": "44"}, choice={"logprobs": LOGPROBS}),
        [
            frame({"content": "4"}, choice={"logprobs": {"content": LOGPROBS["content"][:1], "refusal": None}}),
            frame({"content": "4"}, choice={"logprobs": {"content": LOGPROBS["content"][1:], "refusal": None}}),
            end(),
        ],
        [text("44")],
        {"logprobs": LOGPROBS},
    ),
    "odd logprobs": Case(
        completion({"content": "4"}, choice={"logprobs": "none"}),
        [frame({"content": "4"}, choice={"logprobs": "none"}), end()],
        [text("4")],
        {"logprobs": "none"},
    ),
    "fields at all levels": Case(
        completion(
            {"content": "4", "zero": 0, "no": False, "at": "message", "encrypted_content": "djHC", "list": [1, 2, 3]},
            "eos",
            choice={"flag": 0, "at": "choice", "citations": ["c"], "native_finish_reason": "STOP", "obfuscation": "x"},
            at="top",
            provider="p",
            citations=["t"],
            search_results=[{"url": "u"}],
            service_tier="default",
            system_fingerprint="fp",
            request_id="r",
            base_resp={"status_code": 0, "status_msg": ""},
            created=1,
        ),
        [
            frame(
                {"content": "4", "zero": 0, "at": "message", "encrypted_content": "dj", "list": [1]},
                provider="p",
                created=1,
            ),
            frame({"no": False, "at": "message", "encrypted_content": "HC", "list": [2, 3]}, citations=["t"]),
            end(
                "eos",
                choice={
                    "flag": 0,
                    "at": "choice",
                    "citations": ["c"],
                    "native_finish_reason": "STOP",
                    "obfuscation": "x",
                },
                at="top",
                search_results=[{"url": "u"}],
                service_tier="default",
                system_fingerprint="fp",
                request_id="r",
                base_resp={"status_code": 0, "status_msg": ""},
            ),
        ],
        [text("4")],
        {
            "zero": 0,
            "no": False,
            "at": "message",
            "encrypted_content": "djHC",
            "list": [1, 2, 3],
            "flag": 0,
            "citations": ["c"],
            "native_finish_reason": "STOP",
            "provider": "p",
            "search_results": [{"url": "u"}],
            "service_tier": "default",
            "system_fingerprint": "fp",
            "request_id": "r",
            "base_resp": {"status_code": 0, "status_msg": ""},
            "created": 1,
        },
    ),
    "fields told again and again": Case(
        completion(
            {"content": "44", "name": "MiniMax AI", "annotations": [{"url": "u"}, {"url": "v"}]}, citations=["t"]
        ),
        [
            frame({"content": "4", "name": "MiniMax AI", "annotations": [{"url": "u"}]}, citations=["t"]),
            frame({"content": "4", "name": "MiniMax AI", "annotations": [{"url": "u"}, {"url": "v"}]}, citations=["t"]),
            end(citations=["t"]),
        ],
        [text("44")],
        {"name": "MiniMax AI", "annotations": [{"url": "u"}, {"url": "v"}], "citations": ["t"]},
    ),
    "nothing worth keeping": Case(
        completion(
            {
                "content": "4",
                "role": "assistant",
                "refusal": None,
                "audio": {},
                "annotations": [],
                "tool_calls": None,
                "images": [],
            },
            choice={"logprobs": None},
            obfuscation="xY",
            service_tier=None,
            system_fingerprint="",
        ),
        [
            frame(
                {"content": "4", "role": "assistant", "refusal": None, "obfuscation": "x"},
                obfuscation="xY",
                service_tier=None,
            ),
            frame(
                {"audio": {}, "annotations": [], "tool_calls": [], "images": []},
                choice={"logprobs": None},
                obfuscation="z",
            ),
            end(system_fingerprint=""),
        ],
        [text("4")],
    ),
    "choice without index": Case(
        completion({"content": "4"}, choice={"index": None}),
        [frame({"content": "4"}, choice={"index": None}), end()],
        [text("4")],
    ),
    "message in delta": Case(
        {
            "id": "c-1",
            "model": "m-1",
            "choices": [{"delta": {"content": "4"}, "finish_reason": "stop"}],
            "usage": USAGE,
        },
        [
            {
                "id": "c-1",
                "model": "m-1",
                "choices": [{"message": {"content": "4"}, "finish_reason": "stop"}],
                "usage": USAGE,
            }
        ],
        [text("4")],
    ),
    "message and delta": Case(
        completion({"content": "44"}, choice={"delta": {"role": "assistant", "content": ""}}),
        [
            frame({"content": ""}, choice={"message": {"content": ""}}),
            frame({"content": "4"}, choice={"message": {"content": "4"}}),
            frame({"content": "4"}, choice={"message": {"content": "44"}}),
            frame({"content": ""}, "stop", choice={"message": {"content": "44"}}, usage=USAGE),
        ],
        [text("44")],
    ),
    "whole message at the end": Case(
        completion({"content": "44", "annotations": [1], "images": [PICTURE]}),
        [
            frame({"content": "4"}),
            frame({"content": "4"}, choice={"message": {"content": "44", "annotations": [0]}}),
            end(choice={"message": {"role": "assistant", "content": "44", "annotations": [1], "images": [PICTURE]}}),
        ],
        [text("44"), image(index=0)],
        {"annotations": [1]},
    ),
    "message that is no object": told("4", ["4"], [], {"message": "4"}),
    "fields of other types": Case(
        completion({"content": 4, "audio": "AA", "citations": {"a": 1}}, usage="many"),
        [frame({"content": 4, "audio": "AA", "citations": {"a": 1}}), end(usage="many"), {"choices": ["odd"]}],
        [],
        {"content": [4], "audio": "AA", "citations": {"a": 1}, "usage": "many"},
    ),
    "half of a surrogate pair": told(
        {"content": "4 \ud83d"}, [{"content": "4"}, {"content": " \ud83d"}], [text("4 \ufffd")]
    ),
    "deep": told({"content": "4", "deep": DEEP}, [{"content": "4", "deep": DEEP}], [text("4")], {"deep": DEEP}),
    "data after the end": Case(
        completion({"content": "4"}),
        [frame({"content": "4"}), end(), "data: [DONE]\n\n", frame({"content": "2"})],
        [text("4")],
    ),
    "Claude's stream": Case(
        None,
        [
            frame({"content": "", "role": "assistant", "refusal": None}),
            ": ping\n\n",
            frame({"content": "4"}, id="", model=""),
            {**end(id=""), "object": "chat.completion.chunk"},
            {"id": "", "choices": [{"index": 0, "finish_reason": "stop"}], "usage": None},
        ],
        [text("4")],
        {"object": "chat.completion"},
    ),
}
CASES = {
    f"{group}: {name}": case
    for group, cases in (("reasoning", REASONING), ("tool calls", TOOL_CALLS), ("others", OTHERS))
    for name, case in cases.items()
}

FINISH_REASONS = {
    "stop": ["stop", "end_turn", "stop_sequence", "eos", "STOP", "End_Turn"],
    "length": ["length", "max_tokens", "max_output_tokens", "model_length", "MAX_TOKENS"],
    "tool_calls": ["tool_calls", "tool_use", "function_call"],
    "content_filter": ["content_filter", "safety", "refusal", "recitation", "SAFETY"],
}
