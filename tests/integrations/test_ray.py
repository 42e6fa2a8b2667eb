# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""examples/ray_batch.py asks each row once, whatever happens to rows, calls and actors."""

import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from examples.stand_in import failure
from tests.integrations.snippets import ROOT
from tests.support.counting import CountingStandIn
from tests.support.replies import HELLO

pytest.importorskip("ray")
pd = pytest.importorskip("pandas")
pytestmark = pytest.mark.timeout(400)

ACTORS, CALLS, BATCH = 2, 4, 60


class Api(CountingStandIn):
    """Answers any prompt, unless `fault` has an answer to it."""

    def __init__(self, fault: Callable[[str], dict[str, Any] | None]) -> None:
        super().__init__(pause=0.05)
        self.fault = fault
        self.paid: Counter[str] = Counter()

    def response(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        prompt = body["messages"][-1]["content"]
        with self.lock:
            if answer := self.fault(prompt):
                return answer
            self.paid[prompt] += 1
        message = {"role": "assistant", "content": f"About {prompt}"}
        reply = {**HELLO, "choices": [{"index": 0, "finish_reason": "stop", "message": message}]}
        headers = {"x-aimlapi-credits-used": "2000", "x-aimlapi-usd-spent": "0.001"}
        return {"status": 200, "headers": headers, "json": reply}


def status(pid: str) -> tuple[int, str]:
    """The parent of a process, and its title."""
    try:
        stat = Path("/proc", pid, "stat").read_text(encoding="utf-8")
        return int(stat.rpartition(")")[2].split()[1]), Path("/proc", pid, "cmdline").read_text(encoding="utf-8")
    except OSError:
        return 0, ""


def kill_actors(ancestor: int) -> int:
    """:returns: How many there were."""
    killed = 0
    processes = {int(path.name): status(path.name) for path in Path("/proc").glob("[0-9]*")}
    for pid, (parent, title) in processes.items():
        above = parent
        while above not in (0, ancestor):
            above = processes.get(above, (0, ""))[0]
        if above and title.startswith("ray::") and "Answer" in title:
            os.kill(pid, signal.SIGKILL)
            killed += 1
    return killed


@contextmanager
def started(api: Api, prompts: Path, folder: Path) -> Iterator[subprocess.Popen[str]]:
    variables = {
        **os.environ,
        "AIMLAPI_API_BASE": api.base_url,
        "AIMLAPI_API_KEY": "test-key",
        "PYTHONPATH": str(ROOT / "src"),
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    limits = ["--actors", str(ACTORS), "--calls", str(CALLS), "--batch", str(BATCH)]
    command = [sys.executable, str(ROOT / "examples" / "ray_batch.py"), str(prompts), str(folder), *limits]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=variables, text=True, **pipes) as process:
        try:
            yield process
        finally:
            process.terminate()


def parquet(tmp_path: Path, *prompts: str) -> Path:
    path = tmp_path / "prompts.parquet"
    pd.DataFrame({"id": range(len(prompts)), "prompt": prompts, "ignored": "x"}).to_parquet(path)
    return path


def test_each_row_is_answered_once_and_paid_once(tmp_path: Path) -> None:
    prompts = [f"prompt {number}" for number in range(120)]
    prompts[50] = "bad"
    killed: list[int] = []

    def fault(prompt: str) -> dict[str, Any] | None:
        if prompt == "bad":
            return failure(400, "/v1/chat/completions", "Body validation error")
        if prompt.endswith("7") and api.asked[prompt] == 1:
            return {**failure(429, "/v1/chat/completions", "Too many requests"), "headers": {"retry-after-ms": "1"}}
        if api.paid.total() == 50 and not killed:
            killed.append(kill_actors(process.pid))
        return None

    path, folder = parquet(tmp_path, *prompts), tmp_path / "answers"
    with Api(fault) as api:
        with started(api, path, folder) as process:
            printed, log = process.communicate()
        assert process.returncode == 0, log
        assert killed[0] > 0
        answers = pd.read_parquet(folder / "answers.parquet").set_index("id").sort_index()
        assert list(answers.index) == list(range(120))
        good = answers[answers["prompt"] != "bad"]
        assert list(good["text"]) == [f"About {prompt}" for prompt in good["prompt"]]
        assert "Body validation error" in answers.loc[50, "error"]
        assert max(api.paid.values()) <= 2
        assert list(api.paid.values()).count(2) <= ACTORS * CALLS  # those under way
        assert api.most_under_way <= ACTORS * CALLS
        assert "119 answered, 1 failed, $0.119000 in all" in printed.splitlines()
        assert "120/120" in log

        api.asked.clear()
        with started(api, path, folder) as process:
            printed, log = process.communicate()
        assert process.returncode == 0, log
        assert api.asked == Counter({"bad": 1})
        assert "119 answered, 1 failed, $0.119000 in all" in printed.splitlines()
        assert sorted(pd.read_parquet(folder / "answers.parquet")["id"]) == list(range(120))


def test_a_batch_that_kills_its_actors_ends_the_work(tmp_path: Path) -> None:
    def fault(prompt: str) -> dict[str, Any] | None:
        if prompt == "poison":
            kill_actors(process.pid)
        return None

    path = tmp_path / "prompts.jsonl"
    path.write_text(json.dumps({"id": 1, "prompt": "poison"}), encoding="utf-8")
    with Api(fault) as api, started(api, path, tmp_path / "answers") as process:
        _, log = process.communicate()
    assert process.returncode == 1
    assert re.search("RuntimeError: 3 actors died over the batch that begins with 1$", log, re.MULTILINE), log
    assert api.paid["poison"] == 3
