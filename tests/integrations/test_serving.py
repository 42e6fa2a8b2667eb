# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""The servers of docs/serving.md, as they are shown there, in front of the stand-in."""

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from examples.stand_in import stand_in
from tests.integrations.snippets import ROOT, snippet, snippets
from tests.support.replies import frame
from tests.support.server import FaultServer, event, stall, stream_head

BIN = Path(sys.executable).parent
QUESTION = "What is the capital of France?"
ANSWER = "The capital of France is Paris."
PATIENCE = 40  # seconds for a server to start


def needs(*modules: str) -> pytest.MarkDecorator:
    missing = [module for module in modules if importlib.util.find_spec(module) is None]
    return pytest.mark.skipif(bool(missing), reason=f"needs {missing}")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


def environment(api: str, **variables: str) -> dict[str, str]:
    ours = {"AIMLAPI_API_BASE": api, "AIMLAPI_API_KEY": "test-key", "PYTHONPATH": str(ROOT / "src")}
    return {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", **ours, **variables}


@contextmanager
def running(command: list[str], cwd: Path, variables: dict[str, str], *, port: int | None = None) -> Iterator[None]:
    """A server in a process group of its own, that ends with the test."""
    with (cwd / "log").open("wb") as log:
        server = subprocess.Popen(command, cwd=cwd, env=variables, stdout=log, stderr=log, start_new_session=True)
        try:
            if port is not None:
                await_port(port, server, cwd / "log")
            yield
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(server.pid, signal.SIGKILL)
                server.wait()


def await_port(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + PATIENCE
    while server.poll() is None and time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    pytest.fail(log.read_text(encoding="utf-8", errors="replace"))


@contextmanager
def hayhooks(tmp_path: Path, api: str) -> Iterator[tuple[int, dict[str, str]]]:
    port = free_port()
    (tmp_path / "pipelines").mkdir(exist_ok=True)
    variables = environment(api, HAYHOOKS_PORT=str(port), HAYHOOKS_PIPELINES_DIR=str(tmp_path / "pipelines"))
    with running(["hayhooks", "run"], tmp_path, variables, port=port):
        yield port, variables


@needs("hayhooks")
@pytest.mark.timeout(120)
def test_hayhooks_deploys_the_pipeline_as_it_is(tmp_path: Path) -> None:
    with stand_in() as api, hayhooks(tmp_path, api) as (port, variables):
        commands = snippet("serving.md", "Hayhooks: a pipeline in YAML").replace("1416", str(port))
        told = subprocess.run(
            ["bash", "-ec", commands], cwd=ROOT, env=variables, capture_output=True, text=True, check=False
        )
    assert told.returncode == 0, told.stderr + told.stdout
    assert "A rainbow is sunlight that raindrops have split" in told.stdout


@needs("hayhooks")
@pytest.mark.timeout(120)
def test_hayhooks_streams_an_agent(tmp_path: Path) -> None:
    wrapper = tmp_path / "pipelines" / "agent" / "pipeline_wrapper.py"
    wrapper.parent.mkdir(parents=True)
    wrapper.write_text(snippet("serving.md", "Hayhooks: an agent, streamed"), encoding="utf-8")
    body = {"model": "agent", "messages": [{"role": "user", "content": QUESTION}], "stream": True}
    with stand_in() as api, hayhooks(tmp_path, api) as (port, _):
        answer = httpx2.post(f"http://127.0.0.1:{port}/v1/chat/completions", json=body, timeout=PATIENCE)
    frames = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: {")]
    pieces = [choice["delta"].get("content") or "" for frame in frames for choice in frame["choices"]]
    assert "".join(pieces) == ANSWER, answer.text
    assert len(list(filter(None, pieces))) > 1


def app(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(snippet("serving.md", "FastAPI"), encoding="utf-8")


@needs("fastapi", "uvicorn", "gunicorn", "uvicorn_worker")
@pytest.mark.timeout(120)
@pytest.mark.parametrize("number", [0, 1], ids=["uvicorn", "gunicorn"])
def test_workers_serve_many_clients(number: int, tmp_path: Path) -> None:
    app(tmp_path)
    port = free_port()
    command = snippets("serving.md", "Workers")[number].replace("8080", str(port)).split()

    def ask(_: int) -> str:
        return httpx2.get(f"http://127.0.0.1:{port}/ask", params={"question": QUESTION}, timeout=PATIENCE).text

    with (
        stand_in() as api,
        running(command, tmp_path, environment(api), port=port),
        ThreadPoolExecutor(8) as pool,
    ):
        assert set(pool.map(ask, range(40))) == {ANSWER}


@needs("fastapi", "uvicorn")
@pytest.mark.timeout(120)
def test_a_client_that_hangs_up_ends_the_stream_from_the_api(tmp_path: Path) -> None:
    app(tmp_path)
    port = free_port()
    command = ["uvicorn", "app:app", "--port", str(port)]
    endless = (stream_head() + event(frame({"content": "Hello"})), stall)
    with (
        FaultServer(endless) as api,
        running(command, tmp_path, environment(api.url), port=port),
    ):
        with httpx2.stream("GET", f"http://127.0.0.1:{port}/ask", params={"question": "Hi"}) as answer:
            assert next(answer.iter_text()) == "Hello"
            assert api.open == 1
        assert api.all_disconnected()


@needs("celery")
@pytest.mark.timeout(120)
def test_celery_workers_ask(tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text(snippet("serving.md", "Celery"), encoding="utf-8")
    for name in ("data_in", "data_out", "results"):
        (tmp_path / name).mkdir()
    # A broker of files: what is sent into one folder is read from it by the worker, whose default it is.
    code = f"""
from tasks import app, ask
app.conf.broker_transport_options = {{"data_folder_in": "data_out", "data_folder_out": "data_in"}}
print([result.get(timeout=60) for result in [ask.delay({QUESTION!r}) for _ in range(6)]])
"""
    with stand_in() as api:
        variables = environment(
            api, CELERY_BROKER_URL="filesystem://", CELERY_RESULT_BACKEND=f"file://{tmp_path}/results"
        )
        command = ["celery", "--app", "tasks", "worker", "--concurrency", "2"]
        with running(command, tmp_path, variables):
            told: Any = subprocess.run(
                [sys.executable, "-c", code], cwd=tmp_path, env=variables, capture_output=True, text=True, check=False
            )
    log = (tmp_path / "log").read_text(encoding="utf-8", errors="replace")
    assert told.stdout == f"{[ANSWER] * 6}\n", told.stderr + log
