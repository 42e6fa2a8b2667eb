# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""What no two processes may share."""

import os
from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class PerProcess(Generic[T]):
    """
    A value of which each process has its own, such as a lock or a connection. Copies and pickles begin without one.

    After a fork, the value of the parent process is kept as it is: finalizing it could end what the parent still uses.

    :param make: Makes the value, when it is first asked for in a process.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._values: dict[int, T] = {}

    def get(self) -> T:
        """
        Get the value of this process.

        :returns: The value, the same for all threads.
        """
        process = os.getpid()
        value = self._values.get(process)
        # No lock: it could be held by a thread that did not survive the fork.
        return self._values.setdefault(process, self._make()) if value is None else value

    def __reduce__(self) -> tuple[Any, ...]:
        return PerProcess, (self._make,)
