# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""Halves of surrogate pairs: a character that a server cut in two is joined, and a half alone is replaced."""

import json
import re
from typing import Any

_HALF = re.compile("[\ud800-\udfff]")
_HIGH = re.compile("[\ud800-\udbff]\\Z")
_LOW = re.compile("[\udc00-\udfff]")

# Deeper than any reply, and well before Python, which would go on to copy and to compare it, gives up.
_DEEPEST = 300
# How many events may wait for the other half of a character.
_MOST_WAITING = 8

Place = tuple[Any, Any, tuple[Any, ...]]
"""A dictionary or a list, the key of a text in it, and the way there."""


def parse_leniently(data: bytes) -> Any:
    """
    Parse JSON that strict parsers refuse: halves of surrogate pairs stay, a number of too many digits stays a text.

    :param data: The bytes.
    :returns: What they stand for.
    :raises json.JSONDecodeError: If they are no JSON.
    :raises RecursionError: If it is nested too deep.
    """
    value = json.loads(data, parse_int=_parse_int)
    _texts(value)
    return value


def repair(value: Any) -> Any:
    """
    Replace halves of surrogate pairs, which could be neither printed nor sent.

    :param value: Parsed JSON, which is changed in place.
    :returns: The same without them.
    """
    if isinstance(value, str):
        return _repair_text(value)
    for node, key, _ in _texts(value):
        node[key] = _repair_text(node[key])
    return value


def _repair_text(text: str) -> str:
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace") if _HALF.search(text) else text


def _parse_int(digits: str) -> int | str:
    try:
        return int(digits)
    except ValueError:
        return digits


def _texts(root: Any) -> list[Place]:
    """
    Find the texts. Not by recursion: what comes back may be nested as deep as it likes.
    """
    found: list[Place] = []
    todo: list[tuple[Any, tuple[Any, ...]]] = [(root, ())]
    while todo:
        node, way = todo.pop()
        if len(way) > _DEEPEST:
            msg = "nested too deep"
            raise RecursionError(msg)
        if isinstance(node, dict):
            for name in [name for name in node if _HALF.search(name)]:
                node[_repair_text(name)] = node.pop(name)
            items: Any = node.items()
        else:
            items = enumerate(node) if isinstance(node, list) else ()
        for key, item in items:
            if isinstance(item, str):
                found.append((node, key, (*way, key)))
            elif isinstance(item, (dict, list)):
                todo.append((item, (*way, _step(key, item))))
    return found


def _step(key: Any, item: Any) -> Any:
    # Choices and tool calls are told by their index, and not by their place in an event.
    index = item.get("index") if isinstance(key, int) and isinstance(item, dict) else None
    return index if isinstance(index, int) else key


class SurrogateJoiner:
    """
    Joins characters that were cut in two between the events of a stream.

    Servers that cut texts by UTF-16 units send half of an emoji in one event and half in the next. An event that ends
    a text with the first half waits until the second comes, at most for a few events.
    """

    def __init__(self) -> None:
        self.waiting: list[Any] = []

    def feed(self, data: bytes) -> list[bytes]:
        """
        Take the next event.

        :param data: Its data.
        :returns: The data of the events that are whole.
        """
        try:
            event = parse_leniently(data)
        except (ValueError, RecursionError):
            return [*self.finish(), data]
        self.waiting.append(event)
        ready = []
        while self.waiting:
            if not self._join() and len(self.waiting) <= _MOST_WAITING:
                break
            ready.append(_dump(self.waiting.pop(0)))
        return ready

    def finish(self) -> list[bytes]:
        """
        Take the end of the stream.

        :returns: The data of the events that were waiting.
        """
        rest = [_dump(event) for event in self.waiting]
        self.waiting.clear()
        return rest

    def _join(self) -> bool:
        """
        Complete the texts of the first event with what later ones begin with.
        """
        halves = {way: (node, key) for node, key, way in _texts(self.waiting[0]) if _HIGH.search(node[key])}
        for event in self.waiting[1:] if halves else ():
            for node, key, way in _texts(event):
                if way in halves:
                    first, name = halves.pop(way)
                    if _LOW.match(node[key]):
                        first[name] += node[key][0]
                        node[key] = node[key][1:]
        return not halves


def _dump(event: Any) -> bytes:
    return json.dumps(repair(event)).encode()
