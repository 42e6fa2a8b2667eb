# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""Server-sent events, decoded down to their data."""

import re

from .surrogates import SurrogateJoiner

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_HALF = re.compile(rb"\\u[dD][89a-fA-F]")
# How events begin that have no data.
_FIELDS = (b":", b"event:", b"id:", b"retry:")


class EventDecoder:
    """
    Decodes server-sent events down to their data.

    Unlike those of httpx2 and the SDK it keeps a last event that no blank line follows, and a body that holds no event,
    such as an error or a whole reply. And it takes a third of their time, for each token of each stream.
    """

    def __init__(self) -> None:
        self.is_done = False
        self._pieces: list[bytes] = []
        # The lines of an event that is not over yet. Each is looked at once, however many there are.
        self._lines: list[bytes] = []
        self._is_empty = True
        self._others: list[bytes] = []
        self._joiner = SurrogateJoiner()
        self._waiting = self._joiner.waiting

    def feed(self, piece: bytes) -> list[bytes]:
        """
        Take the next piece of the body.

        :param piece: The piece, cut anywhere.
        :returns: The data of each event that it completes. `is_done` tells whether `[DONE]` came after them.
        """
        if (
            # One event with an object for data, that needs no care: models send most so.
            piece.startswith(b"data: {")
            and piece.find(b"\n") == len(piece) - 2
            and piece.endswith(b"}\n\n")
            and not (self._pieces or self._lines or self._waiting or b"\\u" in piece or b"\r" in piece)
        ):
            self._is_empty = False
            return [piece[6:-2]]
        self._pieces.append(piece)
        if b"\n" not in piece and b"\r" not in piece:
            return []
        text = b"".join(self._pieces)
        half = b""
        if b"\r" in text:
            if text.endswith(b"\r"):
                text, half = text[:-1], b"\r"
            text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *events, rest = text.split(b"\n\n")
        if self._lines and events:
            events[0] = b"".join([*self._lines, events[0]])
            self._lines = []
        # The last line end stays: a blank line may follow it.
        if rest and (end := rest.rfind(b"\n")) > 0:
            self._lines.append(rest[:end])
            rest = rest[end:]
        self._pieces = [rest + half] if rest or half else []
        return self._decode(events)

    def finish(self) -> list[bytes]:
        """
        Take the end of the body.

        :returns: The data of a last event that no blank line followed, or a body that holds no event.
        """
        rest = b"".join([*self._lines, *self._pieces]).replace(b"\r", b"\n")
        found = [*self._decode(rest.strip().split(b"\n\n")), *self._joiner.finish()]
        return [b"\n\n".join(self._others)] if self._is_empty and self._others else found

    def _decode(self, events: list[bytes]) -> list[bytes]:
        found: list[bytes] = []
        for event in events:
            if event.startswith(b"data: ") and b"\n" not in event:
                data = event[6:]
            else:
                if self._is_empty:
                    event = event.removeprefix(_BYTE_ORDER_MARK)  # noqa: PLW2901
                lines = [line[5:].removeprefix(b" ") for line in event.split(b"\n") if line.startswith(b"data:")]
                data = b"\n".join(lines)
            if data:
                self._is_empty = False
                if data.startswith(b"[DONE]"):
                    self.is_done = True
                    found += self._joiner.finish()
                    break
                if self._waiting or (b"\\u" in data and _HALF.search(data)):
                    found += self._joiner.feed(data)
                else:
                    found.append(data)
            elif self._is_empty and event and not event.startswith(_FIELDS):
                self._others.append(event)
        return found
