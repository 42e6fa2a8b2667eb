# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""Addresses as messages show them, and how names are resolved: the rest is in test_download.py."""

import socket
import threading
from typing import Any

import pytest

from haystack_integrations.common.aimlapi.addresses import look_up, printable, shown


@pytest.mark.parametrize(("length", "shown"), [(200, "a" * 200), (201, "a" * 200 + "...")])
def test_a_text_is_shown_up_to_its_limit(length: int, shown: str) -> None:
    assert printable("a" * length) == shown


@pytest.mark.parametrize("scheme", ["https://", "HTTPS://", "h2+x.y-z:", "//"])
def test_an_address_is_shown_without_what_may_be_secret(scheme: str) -> None:
    assert shown(f"{scheme}me:secret@example.com/a@b?key=secret#secret") == f"{scheme}example.com/a@b"


def test_a_name_that_is_never_resolved_does_not_keep_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[threading.Thread] = []

    def getaddrinfo(*args: Any, **kwargs: Any) -> list[Any]:
        threads.append(threading.current_thread())
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 0))] * 2

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    assert look_up("cdn.example.com").result(20) == ["192.0.2.1"]
    assert [thread.daemon for thread in threads] == [True]
