# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""Chunks of a stream and what is in them, without the checks of their constructors, which cost more than all else."""

from datetime import datetime
from time import time
from typing import Any, TypeVar

from haystack.dataclasses import ReasoningContent, StreamingChunk, ToolCallDelta

T = TypeVar("T", StreamingChunk, ToolCallDelta, ReasoningContent)

_DEFAULTS: dict[Any, dict[str, Any]] = {
    StreamingChunk: vars(StreamingChunk("")),
    ToolCallDelta: vars(ToolCallDelta(0)),
    ReasoningContent: {},
}


def build(kind: type[T], fields: dict[str, Any]) -> T:
    """
    Build a chunk, or what is in one.

    :param kind: Its class.
    :param fields: Its fields, unchecked: of a `ReasoningContent` both, of a `StreamingChunk` always its `meta`.
    :returns: The object.
    """
    # The guard that it has against changes, and its checks, which hold here, would take as long as all else that is
    # done for a chunk.
    built = kind.__new__(kind)
    built.__dict__.update(_DEFAULTS[kind] | fields)
    return built


class Clock:
    """Tells the time as Haystack's own generators have it: a local one, in ISO 8601."""

    def __init__(self) -> None:
        self._second, self._text = -1, ""

    def now(self) -> str:
        """
        Tell the time.

        :returns: The time.
        """
        # To write out a date takes as long as to parse a chunk.
        now = time()
        second = int(now)
        if second != self._second:
            self._second, self._text = second, datetime.fromtimestamp(second).isoformat()  # noqa: DTZ006
        return f"{self._text}.{int((now - second) * 1e6):06d}"
