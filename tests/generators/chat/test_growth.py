# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""Eight times as much to decode takes about eight times as long, whatever it is that there is more of."""

import base64
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest

from tests.support.api import Api, chat_generator, responses_generator
from tests.support.modes import SYNC, SYNC_STREAMED, Mode
from tests.support.replies import completion, end, frame, function_call

Body = list[bytes]
TIMES = 8
LIMIT = 16
"""Work that grows with its square takes 64 times as long."""
ATTEMPTS = 4
AUDIO = base64.b64encode(bytes(3000)).decode()
LETTERS = "abcdefgh" * 4


def sent(events: list[Any]) -> Body:
    return [f"data: {json.dumps(event)}\n\n".encode() for event in events]


def in_pieces(text: str, size: int) -> Body:
    data = text.encode()
    return [data[start : start + size] for start in range(0, len(data), size)]


def lines_of_an_event(count: int) -> Body:
    text = json.dumps(frame({"content": "4", "list": [*range(count)]}), indent=0)
    return [*(f"data: {line}\n".encode() for line in text.splitlines()), b"\n", *sent([end()])]


def open_items(count: int) -> Body:
    place = [{"output_index": number, "item_id": f"fc_{number}"} for number in range(count)]
    calls = [function_call("", id=f"fc_{number}") for number in range(count)]
    return sent(
        [
            *(
                {"type": "response.output_item.added", **at, "item": call}
                for at, call in zip(place, calls, strict=True)
            ),
            *({"type": "response.function_call_arguments.delta", **at, "delta": "{}"} for at in place),
            *({"type": "response.output_item.done", **at, "item": call} for at, call in zip(place, calls, strict=True)),
            {"type": "response.completed", "response": {"id": "resp_1"}},
        ]
    )


def items_that_stay_open(count: int) -> Body:
    deltas = [{"type": "response.output_text.delta", "output_index": n, "delta": "a"} for n in range(count)]
    return sent([*deltas, {"type": "response.completed", "response": {"id": "resp_1"}}])


def long(count: int) -> dict[str, Any]:
    return frame({"content": "a" * 8 * count}, "stop")


def images(count: int) -> list[dict[str, Any]]:
    return [{"type": "image_url", "image_url": {"url": f"https://example.org/{n}.png"}} for n in range(count)]


# What comes with the frame of a number.
FRAMES: dict[str, Callable[[int], dict[str, Any]]] = {
    "text": lambda _: frame({"content": LETTERS}),
    "reasoning": lambda _: frame({"reasoning": LETTERS}),
    "thinking parts": lambda _: frame({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "a"}]}]}),
    "details with indices": lambda n: frame(
        {"reasoning_details": [{"type": "reasoning.text", "text": "a", "index": n}]}
    ),
    "arguments": lambda _: frame({"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": LETTERS}}]}),
    "audio": lambda _: frame({"audio": {"data": AUDIO, "transcript": "a"}}),
    "keys of the message": lambda n: frame({"content": "4", f"key {n}": n}),
    "entries in the message": lambda n: frame({"map": {f"key {n}": n}}),
    "entries in the choice": lambda n: frame({}, choice={"map": {f"key {n}": n}}),
    "entries at the top": lambda n: frame({}, map={f"key {n}": n}),
    "annotations": lambda n: frame({"annotations": [{"url": f"https://example.org/{n}"}]}),
    "citations": lambda n: frame({}, citations=[f"https://example.org/{n}"]),
    "logprobs": lambda n: frame({"content": "4"}, choice={"logprobs": {"content": [{"token": "4", "bytes": [n]}]}}),
    "images in frames": lambda n: frame({"content": [{"image_url": {"url": f"https://example.org/{n}.png"}}]}),
    "halves of characters": lambda _: frame({"content": "\ude00a\ud83d"}),
}


def streamed(said: Callable[[int], dict[str, Any]]) -> Callable[[int], Body]:
    return lambda count: sent([*map(said, range(count)), end()])


BODIES: dict[str, tuple[Mode, int, Callable[[int], Body]]] = {
    **{
        # Copies of small values are quick: it takes many to see that each frame copies all before it.
        name: (SYNC_STREAMED, 1000 if said(0) != said(1) else 250, streamed(said))
        for name, said in FRAMES.items()
    },
    "lines of an event": (SYNC_STREAMED, 1500, lines_of_an_event),
    "pieces of a line": (SYNC_STREAMED, 4000, lambda count: in_pieces(f"data: {json.dumps(long(count))}\n\n", 8)),
    "images": (SYNC, 400, lambda count: [json.dumps(completion({"content": images(count)})).encode()]),
    "pieces of JSON in lines": (
        SYNC_STREAMED,
        200,
        lambda count: in_pieces(json.dumps(completion({"content": "4", "list": [*range(8 * count)]}), indent=1), 16),
    ),
    "open items": (SYNC_STREAMED, 600, open_items),
    "items that stay open": (SYNC_STREAMED, 300, items_that_stay_open),
}


class Pieces(httpx2.SyncByteStream):
    def __init__(self, pieces: Body) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._pieces)


def cpu_seconds(mode: Mode, body: Body) -> float:
    make = responses_generator if b'"response.' in body[0] else chat_generator
    generator = make(Api(httpx2.Response(200, stream=Pieces(body))))
    generator.warm_up()
    begun = time.process_time()
    mode.complete(generator)
    return time.process_time() - begun


@pytest.mark.slow
@pytest.mark.parametrize("name", BODIES)
def test_work_grows_with_what_comes(name: str) -> None:
    mode, count, body = BODIES[name]
    small, large = body(count), body(TIMES * count)
    grown = []
    # Another process on the machine can slow one measurement down, but not make work grow each time.
    for _ in range(ATTEMPTS):
        grown.append(min(cpu_seconds(mode, large) for _ in range(2)) / min(cpu_seconds(mode, small) for _ in range(3)))
        if grown[-1] < LIMIT:
            return
    pytest.fail(f"{TIMES} times as much took {min(grown):.0f} times as long")
