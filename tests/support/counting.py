# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""The stand-in of the examples, which counts what is asked of it."""

import time
from collections import Counter
from threading import Lock
from typing import Any

from examples.stand_in import StandIn


class CountingStandIn(StandIn):
    """
    :param pause: Seconds before each answer, in which other requests can arrive.
    """

    def __init__(self, pause: float = 0.0) -> None:
        super().__init__()
        self.pause = pause
        self.asked: Counter[str] = Counter()
        """How often, by the last message."""
        self.most_under_way = 0
        self._under_way = 0
        self.lock = Lock()

    def __enter__(self) -> "CountingStandIn":
        self.start()
        return self

    def __exit__(self, *args: object) -> None:
        self.shutdown()
        self.server_close()

    def answer(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        with self.lock:
            self.asked[str(body["messages"][-1]["content"])] += 1
            self._under_way += 1
            self.most_under_way = max(self.most_under_way, self._under_way)
        try:
            response = self.response(path, body)
            time.sleep(self.pause)
        finally:
            with self.lock:
                self._under_way -= 1
        return response

    def response(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return super().answer(path, body)

    def handle_error(self, *args: Any) -> None:
        """Clients may be killed."""
