# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0
"""A text that comes in pieces."""

_PIECES_JOINED = 100


class TextBuffer:
    """
    Holds a text that comes in pieces, in little more memory than the text.

    A short string takes many times its length, so pieces are joined by the hundred; `io.StringIO` takes four bytes a
    character and more.
    """

    def __init__(self) -> None:
        self._joined: list[str] = []
        self._pieces: list[str] = []
        self._length = 0

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

    def getvalue(self) -> str:
        """
        Get the text.

        :returns: All pieces together.
        """
        return "".join([*self._joined, *self._pieces])
