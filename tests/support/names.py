# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""What names resolve to, without a network."""

import socket
from typing import Any

PUBLIC = "93.184.216.34"


class Names:
    """What names resolve to: one list of addresses for each look-up, the last of them for all that follow."""

    def __init__(self) -> None:
        self.answers: dict[str, list[list[str]]] = {}
        self.asked: list[str] = []
        self.set("cdn.example.com", PUBLIC)
        self.set("api.aimlapi.com", PUBLIC)
        self.set("localhost", "127.0.0.1", "::1")
        self._system = socket.getaddrinfo

    def set(self, name: str, *addresses: str) -> None:
        self.answers[name] = [[*addresses]]

    def getaddrinfo(self, host: str, port: Any, *args: Any, **kwargs: Any) -> list[Any]:
        host.encode("idna")  # as the system's does
        if host not in self.answers:
            return self._system(host, port, *args, **{**kwargs, "flags": socket.AI_NUMERICHOST})
        self.asked.append(host)
        answers = self.answers[host]
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]
