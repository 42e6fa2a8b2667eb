# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""A text that comes in pieces."""

import re
from base64 import b64decode, b64encode

_PIECES_JOINED = 100


class TextBuffer:
    """
    Holds a text that comes in pieces, in little more memory than the text.

    A short string takes many times its length, so pieces are joined by the hundred; `io.StringIO` takes four bytes a
    character and more.
    """

    def __init__(self, text: str = "") -> None:
        self._joined: list[str] = []
        self._pieces: list[str] = [text]
        self._length = len(text)

    def __len__(self) -> int:
        return self._length

    def write(self, piece: str) -> None:
        """
        Take the next piece.

        :param piece: The piece.
        """
        self._pieces.append(piece)
        self._length += len(piece)
        if len(self._pieces) == _PIECES_JOINED:
            self._joined.append("".join(self._pieces))
            self._pieces.clear()

    def __str__(self) -> str:
        return "".join([*self._joined, *self._pieces])


def join_base64(text: str) -> str:
    """
    Join what was encoded piece by piece: padding within the text would end it for a decoder.

    :param text: The encoded pieces, one after the other.
    :returns: All of them encoded as one; the text itself if it is no base64.
    """
    pieces = re.findall("[^=]+=*", text)
    try:
        return b64encode(b"".join(map(b64decode, pieces))).decode() if len(pieces) > 1 else text
    except ValueError:
        return text
