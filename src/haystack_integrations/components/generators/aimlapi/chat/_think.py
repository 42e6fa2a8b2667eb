# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""The dialect of reasoning that is a tag in the text."""


class ThinkSplitter:
    """
    Splits `<think>…</think>` off the start of a text that arrives in pieces.

    Tags may be cut anywhere. White space around the thought is dropped; all else survives byte for byte.
    """

    _OPENING, _CLOSING = "<think>", "</think>"

    def __init__(self) -> None:
        self.is_over = False  # All that comes from now on is text.
        self._held = ""
        self._split = self._at_start

    def feed(self, piece: str) -> tuple[str, str]:
        """
        Take the next piece.

        :param piece: The next piece of the text.
        :returns: What is known by now to be thought, and to be text.
        """
        return self._split(self._held + piece)

    def finish(self) -> tuple[str, str]:
        """
        Take the end of the text.

        :returns: What was held back, as thought or as text.
        """
        held, self._held = self._held, ""
        return (held, "") if self._split in (self._at_thought_start, self._in_thought) else ("", held)

    def _at_start(self, text: str) -> tuple[str, str]:
        stripped = text.lstrip()
        if stripped.startswith(self._OPENING):
            self._split = self._at_thought_start
            return self._split(stripped[len(self._OPENING) :])
        if self._OPENING.startswith(stripped):
            self._held = text
            return "", ""
        return self._in_text(text)

    def _at_thought_start(self, text: str) -> tuple[str, str]:
        self._held = text.lstrip()
        if not self._held:
            return "", ""
        self._split = self._in_thought
        return self._split(self._held)

    def _in_thought(self, text: str) -> tuple[str, str]:
        thought, closing, rest = text.partition(self._CLOSING)
        if closing:
            self._split = self._after_thought
            return thought.rstrip(), self._split(rest)[1]
        end = len(text)
        for length in range(min(len(self._CLOSING) - 1, end), 0, -1):
            if text.endswith(self._CLOSING[:length]):
                end -= length
                break
        thought = text[:end].rstrip()
        self._held = text[len(thought) :]
        return thought, ""

    def _after_thought(self, text: str) -> tuple[str, str]:
        self._held = ""
        if text := text.lstrip():
            return self._in_text(text)
        return "", ""

    def _in_text(self, text: str) -> tuple[str, str]:
        self._held = ""
        self.is_over = True
        self._split = self._in_text
        return "", text


def split_think(text: str) -> tuple[str, str]:
    """
    Split `<think>…</think>` off the start of a whole text.

    :param text: The text.
    :returns: What is thought, and what is text.
    """
    splitter = ThinkSplitter()
    thought, rest = splitter.feed(text)
    last_thought, last_rest = splitter.finish()
    return thought + last_thought, rest + last_rest
