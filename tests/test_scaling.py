# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""The snippets of docs/scaling.md keep the limits that the page says, counted at the server."""

import math
import os
import runpy
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integrations.snippets import ROOT, snippet
from tests.support.counting import CountingStandIn

pytestmark = pytest.mark.timeout(120)

QUESTION, ANSWER = "What is the capital of France?", "The capital of France is Paris."


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[CountingStandIn]:
    with CountingStandIn(pause=0.03) as server:
        monkeypatch.setenv("AIMLAPI_API_BASE", server.base_url)
        yield server


def run(heading: str, folder: Path) -> dict[str, Any]:
    path = folder / "snippet.py"
    path.write_text(snippet("scaling.md", heading), encoding="utf-8")
    return runpy.run_path(str(path), run_name="__main__")


def texts(ran: dict[str, Any]) -> list[str]:
    replies = ran["replies"] if "replies" in ran else [result["replies"][0] for result in ran["results"]]
    return [reply.text for reply in replies]


@pytest.mark.parametrize(("heading", "limit"), [("Threads", 8), ("An event loop", 8), ("Connections", 4)])
def test_no_more_calls_are_under_way_than_the_limit(
    heading: str, limit: int, server: CountingStandIn, tmp_path: Path
) -> None:
    assert texts(run(heading, tmp_path)) == [ANSWER] * 40
    assert server.asked == {QUESTION: 40}
    assert 1 < server.most_under_way <= limit


def test_a_pipeline_runs_as_many_components_as_its_limit(server: CountingStandIn, tmp_path: Path) -> None:
    results = run("Pipelines", tmp_path)["results"]
    assert {name: result["replies"][0].text for name, result in results.items()} == dict.fromkeys(
        ("one", "two", "three", "four"), ANSWER
    )
    assert server.most_under_way <= 2


def test_a_batch_stops_at_its_budget(server: CountingStandIn, tmp_path: Path) -> None:
    ran = run("Money", tmp_path)
    paid = [reply for reply in ran["replies"] if reply]
    enough = math.ceil(ran["BUDGET"] / paid[0].meta["cost"]["usd_spent"])
    assert enough <= len(paid) == server.asked[QUESTION] <= enough + 7
    assert ran["spent"] >= ran["BUDGET"]


def test_calls_begin_no_faster_than_the_rate(server: CountingStandIn, tmp_path: Path) -> None:
    start = time.monotonic()
    assert texts(run("Rate", tmp_path)) == [ANSWER] * 10
    assert time.monotonic() - start > 9 * 60 / 600


@pytest.mark.slow
def test_processes_answer(server: CountingStandIn, tmp_path: Path) -> None:
    (tmp_path / "snippet.py").write_text(snippet("scaling.md", "Processes"), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), *sys.path])}
    told = subprocess.run(
        [sys.executable, "snippet.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert told.stdout == f"40 {ANSWER}\n", told.stderr
    assert server.asked == {QUESTION: 40}
