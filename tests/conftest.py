# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

import gc
import logging
import os
import socket
import warnings
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

# Haystack reads this once, when it is imported.
os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"

import pytest
import respx
from hypothesis import settings

from tests.support.names import Names
from tests.support.recordings import RECORDINGS, Recording

LIVE_KEY = os.environ.get("AIMLAPI_API_KEY")
ACCEPTED = pytest.StashKey[bool]()

# The first example of a test may import a module; on a busy machine that takes longer than any deadline.
settings.register_profile("quick", deadline=None, max_examples=20)
settings.register_profile("thorough", deadline=None, max_examples=250)
settings.load_profile("quick")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--record", action="store_true", help="play recordings live with AIMLAPI_API_KEY, and keep them")
    parser.addoption("--recordings", type=Path, default=RECORDINGS, help="the folder of the recordings")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--record") and not LIVE_KEY:
        msg = "--record needs AIMLAPI_API_KEY"
        raise pytest.UsageError(msg)


@pytest.hookimpl(optionalhook=True, wrapper=True)
def pytest_xdist_auto_num_workers() -> Generator[None, int, int]:
    """One more than there are processors, since many tests wait for a server."""
    workers = yield
    return workers if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ else workers + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not LIVE_KEY:
        for item in items:
            if item.get_closest_marker("integration"):
                item.add_marker(pytest.mark.skip(reason="AIMLAPI_API_KEY is not set"))


def pytest_collection_finish() -> None:
    """Modules and collected tests stay to the end, so the garbage collector need not look at them again each time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def environment(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the developer's environment reaches a test, but the key of a live one."""
    live = request.node.get_closest_marker("integration") or request.config.getoption("--record")
    for name in list(os.environ):
        if name.startswith(("OPENAI_", "AIMLAPI_")) or (name.lower().endswith("_proxy") and not live):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AIMLAPI_API_KEY", LIVE_KEY if live and LIVE_KEY else "test-key")
    monkeypatch.setenv("HAYSTACK_DESERIALIZATION_ALLOWLIST", "tests,test_*")


@pytest.fixture(autouse=True)
def short_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for half a second before a call is tried again."""
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.001)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """No name is asked for on the network."""
    names = Names()
    monkeypatch.setattr(socket, "getaddrinfo", names.getaddrinfo)
    return names


@pytest.fixture
def no_complaints(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Nothing is logged as an error, and nothing left for the garbage collector to warn of."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gc.collect()  # What earlier tests have left.
    yield
    gc.collect()
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.fixture
def playback(request: pytest.FixtureRequest) -> Iterator[Callable[[str], Recording]]:
    """
    `playback("chat")` answers what the test sends next, over httpx2 or httpx, from tests/recordings/chat.json.

    A request other than the recorded one fails the test, and so does a recording not played to its end.
    """
    started: list[Recording] = []
    with (
        respx.mock(using="httpcore2", assert_all_called=False) as httpx2_router,
        respx.mock(using="httpcore", assert_all_called=False) as httpx_router,
    ):

        def play(name: str) -> Recording:
            recording = Recording(
                name, record=request.config.getoption("--record"), folder=request.config.getoption("--recordings")
            )
            recording.mount(httpx2_router)
            recording.mount(httpx_router)
            started.append(recording)
            return recording

        yield play
    for recording in started:
        recording.finish(accepted=request.node.stash.get(ACCEPTED, False))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    report = yield
    if report.when == "call":
        item.stash[ACCEPTED] = report.passed
    return report
