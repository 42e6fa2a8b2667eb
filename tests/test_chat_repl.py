# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""examples/chat_repl.py, with its lines piped in."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pytest

from examples.stand_in import stand_in
from tests.support.replies import frame
from tests.support.server import DONE, FaultServer, event, stream_head

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

ROOT = Path(__file__).parents[1]
PROMPT = "> "
LINES = """\
Why is the sky blue?
/model openai/gpt-5.6-terra
I land in Tokyo today. What is the weather there, and what time is it?
/image examples/chart.png Which bar is the tallest?
/quit
What is the capital of France?
"""
TURNS = [
    """\
The user wants the cause of the sky's colour. That is Rayleigh scattering: short wavelengths scatter most. \
Two or three sentences are enough.
Sunlight is a mix of all colours. On its way through the air it is scattered by molecules far smaller than its \
wavelength, and blue light is scattered much more strongly than red. So blue reaches your eyes from every part \
of the sky.
deepseek/deepseek-v4-flash: 95 tokens $0.000855; in all 95 tokens $0.000855
""",
    "",
    """\
weather {"city": "Tokyo"}
local_time {"city": "Tokyo"}
weather -> 18 °C and sunny
local_time -> 21:30
Welcome to Tokyo! It is 18 °C and sunny, and the local time is 21:30.
openai/gpt-5.6-terra: 328 tokens $0.000914; in all 423 tokens $0.001768
""",
    """\
The green bar in the middle is the tallest.
openai/gpt-5.6-terra: 122 tokens $0.000246; in all 545 tokens $0.002014
""",
    "",
]


@contextmanager
def chat(url: str, **variables: str) -> Iterator["subprocess.Popen[str]"]:
    ours = {"AIMLAPI_API_BASE": url, "AIMLAPI_API_KEY": "test-key", "PYTHONUTF8": "1", "COLUMNS": "500"}
    command = [sys.executable, str(ROOT / "examples" / "chat_repl.py")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    environment = {name: value for name, value in os.environ.items() if name != "FORCE_COLOR"} | ours | variables
    with subprocess.Popen(command, cwd=ROOT, env=environment, encoding="utf-8", **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


def say(lines: str, **variables: str) -> str:
    with stand_in() as url, chat(url, **variables) as process:
        printed, errors = process.communicate(lines)
    assert process.returncode == 0, errors
    return printed


def test_turns_are_printed_with_thoughts_tools_and_cost() -> None:
    printed = say(LINES, FORCE_COLOR="1", TERM="xterm")
    assert "\x1b[2mThe\x1b[0m\x1b[2m user\x1b[0m" in printed  # dimmed
    plain = re.sub(r"\x1b\[[\d;]*m", "", printed)
    assert plain.partition(PROMPT)[2] == PROMPT.join(TURNS)


def test_mistakes_and_failed_calls_do_not_end_the_chat() -> None:
    lines = """\
/nothing
/image no.png What?
/image README.md What?
/model anthropic/claude-sonnet-4.6
Name three uses of a paper clip.
/model openai/gpt-5.6-terra
What is the capital of [b]France[/b]?
What is the capital of France?
"""
    printed = say(lines)
    assert "\x1b" not in printed
    assert printed.count("/image PATH QUESTION") == 2
    assert "No such file: no.png" in printed
    assert "The model is under maintenance" in printed
    assert "The capital of France is Paris.\nopenai/gpt-5.6-terra: 22 tokens" in printed


def test_an_answer_is_printed_as_it_comes() -> None:
    seen = Event()
    head = stream_head() + event(frame({"content": "Hel"}))
    tail = event(frame({"content": "lo"}, "stop")) + DONE
    with FaultServer((head, lambda _: seen.wait(40), tail)) as server, chat(server.url) as process:
        process.stdin.write("Hi\n")
        process.stdin.flush()
        printed = ""
        while not printed.endswith("Hel"):
            printed += process.stdout.read(1)
        assert "Hello" not in printed
        seen.set()
        rest, _ = process.communicate("")
    assert rest.startswith("lo\n")
