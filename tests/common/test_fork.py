# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""A component that was used before its process forked: each process has its own connections, with real sockets."""

import asyncio
import os
import pickle
import select
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any
from unittest.mock import MagicMock

import pytest
import trustme
from haystack import component
from haystack.tools import Toolset

from haystack_integrations.components.generators.aimlapi import AIMLAPIChatGenerator, AIMLAPIImageGenerator
from tests.support.api import over
from tests.support.modes import SYNC, Mode, in_all_modes, in_both_clients, plain_only
from tests.support.replies import HELLO, PIXEL, completion
from tests.support.server import PATIENCE, PLAIN_HELLO, Connection, FaultServer, hello, serving, whole

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="forks"),
    pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning"),
]


@contextmanager
def child(function: Callable[[], Any]) -> Iterator[Callable[[], Any]]:
    """Run a function in a fork of this process; what is returned waits for its result."""
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        # Whatever happens, the child does not go on with the tests.
        try:
            os.write(writer, pickle.dumps(function()))
        except BaseException as error:
            os.write(writer, pickle.dumps(repr(error)))
        finally:
            os._exit(0)
    os.close(writer)

    def wait() -> Any:
        assert select.select([reader], [], [], PATIENCE)[0], "The child process hangs."
        with os.fdopen(os.dup(reader), "rb") as pipe:
            return pickle.load(pipe)

    try:
        yield wait
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(reader)


def echo(connection: Connection) -> None:
    """Answer with what was asked, a little later, so that the processes take turns."""
    time.sleep(0.002)
    asked = connection.request.json["messages"][0]["content"]
    connection.sock.sendall(whole(completion({"role": "assistant", "content": asked})))


def ask(generator: Any, mode: Mode, name: str) -> list[str | None]:
    asked = [f"{name} {number}" for number in range(20)]
    return [mode.run(generator, text)["replies"][0].text for text in asked]


@plain_only
@in_both_clients
def test_parent_and_child_get_their_own_answers(mode: Mode, http_client_kwargs: Any) -> None:
    with serving((echo,), http_client_kwargs=http_client_kwargs) as (_, generator):
        mode.run(generator, "Hi")
        SYNC.run(generator, "Hi")
        with (
            child(lambda: ask(generator, mode, "child")) as first,
            child(lambda: ask(generator, SYNC, "second")) as second,
        ):
            assert ask(generator, mode, "parent") == [f"parent {number}" for number in range(20)]
            assert first() == [f"child {number}" for number in range(20)]
            assert second() == [f"second {number}" for number in range(20)]


def tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    return context


@in_all_modes
@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_connection_of_the_parent_is_left_alone(mode: Mode, secure: bool) -> None:
    """The child calls, closes and drops the component, and ends; the parent goes on with its connection."""

    def use_and_drop() -> Any:
        nonlocal generator
        text = mode.complete(generator).text
        generator.close()
        asyncio.run(generator.close_async())
        own = (generator.client, generator.async_client)
        del generator
        return text, own

    with FaultServer(hello(mode), tls=tls() if secure else None) as server:
        generator = AIMLAPIChatGenerator(api_base_url=server.url, http_client_kwargs={"verify": False})
        with asyncio.Runner() as runner:

            def call() -> Any:
                return runner.run(mode.call(generator, "Hi"))["replies"][0].text

            assert call() == "Hello"
            with child(use_and_drop) as result:
                assert result() == ("Hello", (None, None))
            assert call() == "Hello"
            assert (server.connections, len(server.requests)) == (2, 3)
            runner.run(generator.close_async())
        generator.close()


@plain_only
def test_images_too(mode: Mode) -> None:
    with FaultServer(whole({"data": [{"b64_json": PIXEL}]})) as server:
        with closing(AIMLAPIImageGenerator(api_base_url=server.url)) as generator:
            mode.run(generator, "A cat")
            SYNC.run(generator, "A cat")
            with child(lambda: mode.run(generator, "A cat")["images"]) as images:
                assert images() == [PIXEL]
            SYNC.run(generator, "A cat")
        assert server.connections == (3 if mode.asynchronous else 2)


@plain_only
def test_lock_that_is_held_during_the_fork(mode: Mode) -> None:
    """Of the thread that makes the first client, or warms up the tools; it does not live on in the child."""
    parent, reached, gate = os.getpid(), threading.Event(), threading.Event()

    def wait_in_parent() -> None:
        if os.getpid() == parent:
            reached.set()
            gate.wait(PATIENCE)

    @component
    class SlowClient(AIMLAPIChatGenerator):
        def _client_kwargs(self) -> dict[str, Any]:
            wait_in_parent()
            return AIMLAPIChatGenerator._client_kwargs(self)

    class SlowToolset(Toolset):
        def warm_up(self) -> None:
            wait_in_parent()

    with FaultServer(PLAIN_HELLO) as server:
        settings = {"api_base_url": server.url}
        for generator in (SlowClient(**settings), AIMLAPIChatGenerator(tools=SlowToolset([]), **settings)):
            reached.clear()
            gate.clear()
            thread = threading.Thread(target=generator.warm_up)
            thread.start()
            assert reached.wait(PATIENCE)
            with child(lambda component=generator: mode.complete(component).text) as text:
                assert text() == "Hello"
            gate.set()
            thread.join(PATIENCE)
            assert SYNC.complete(generator).text == "Hello"
            generator.close()


def test_client_of_the_user_is_theirs_to_fork() -> None:
    generator = AIMLAPIChatGenerator(**over(None))
    generator.client = client = MagicMock()
    client.chat.completions.create.return_value = HELLO
    with child(lambda: (SYNC.complete(generator).text, generator.client is client)) as result:
        assert result() == ("Hello", True)


SCRIPT = """
import asyncio, os, sys, threading
from haystack_integrations.components.generators.aimlapi import AIMLAPIChatGenerator

generator = AIMLAPIChatGenerator(api_base_url=sys.argv[1])
loop = asyncio.new_event_loop()
generator.run("Hi")
loop.run_until_complete(generator.run_async("Hi"))
if sys.argv[2] == "running":
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
pid = os.fork()
if not pid:
    print(generator.run("Hi")["replies"][0].text, asyncio.run(generator.run_async("Hi"))["replies"][0].text)
    generator.close()
    sys.exit()
assert os.waitpid(pid, 0)[1] == 0
if sys.argv[2] == "running":
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
loop.run_until_complete(generator.run_async("Hi"))
generator.run("Hi")
loop.run_until_complete(generator.close_async())
loop.close()
generator.close()
"""


@pytest.mark.slow
@pytest.mark.parametrize("loop", ["idle", "running"])
def test_child_that_ends_like_any_program_does_not_complain(loop: str) -> None:
    with FaultServer(PLAIN_HELLO) as server:
        done = subprocess.run(
            [
                sys.executable,
                "-W",
                "ignore::DeprecationWarning",
                "-W",
                "error::RuntimeWarning",
                "-c",
                SCRIPT,
                server.url,
                loop,
            ],
            capture_output=True,
            text=True,
            timeout=2 * PATIENCE,
            env={**os.environ, "NO_PROXY": "127.0.0.1"},
            check=False,
        )
        assert (done.stdout, done.stderr, done.returncode) == ("Hello Hello\n", "", 0)
        assert (server.connections, len(server.requests)) == (4, 6)
