# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""
A chat in the terminal: pip install rich, then python examples/chat_repl.py

    /image PATH QUESTION    ask about an image
    /model NAME             go on with another model
    /quit                   or Ctrl+D; Ctrl+C ends an answer
"""

import importlib
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import openai
from haystack.components.agents import Agent
from haystack.dataclasses import ChatMessage, ImageContent, StreamingChunk
from haystack.tools import tool
from rich.console import Console
from stand_in import api_base_url

from haystack_integrations.components.generators.aimlapi import AIMLAPIChatGenerator

COMMANDS = __doc__.partition("\n\n")[2].rstrip()

console = Console(highlight=False)


@tool
def weather(city: Annotated[str, "Name of the city"]) -> str:
    """Current weather in a city."""
    return {"Tokyo": "18 °C and sunny"}.get(city, "unknown")


@tool
def local_time(city: Annotated[str, "Name of the city"]) -> str:
    """Current local time in a city."""
    return {"Tokyo": "21:30"}.get(city, "unknown")


class Printer:
    """Prints chunks as they come, and begins a line where thought, answer, call or result follow each other."""

    def __init__(self) -> None:
        self.last = ""

    def __call__(self, chunk: StreamingChunk) -> None:
        if chunk.reasoning:
            self.print("thought", chunk.reasoning.reasoning_text, "dim")
        for call in chunk.tool_calls or ():
            self.print(f"call {call.index}", f"{call.tool_name or ''} {call.arguments or ''}".rstrip(), "cyan")
        if result := chunk.tool_call_result:
            self.print(f"result {result.origin.id}", f"{result.origin.tool_name} -> {result.result}", "cyan")
        elif chunk.content:
            self.print("answer", chunk.content)

    def print(self, kind: str, text: str, style: str | None = None) -> None:
        if self.last not in ("", kind):
            console.print()
        self.last = kind
        console.out(text, end="", style=style, highlight=False)


def image_question(path: str, question: str) -> ChatMessage:
    if not Path(path).is_file():
        msg = f"No such file: {path}"
        raise ValueError(msg)
    return ChatMessage.from_user(content_parts=[question, ImageContent.from_file_path(path)])


def spent(messages: list[ChatMessage]) -> str:
    """Tokens and USD of the replies among the messages."""
    metas = [message.meta for message in messages]
    tokens = sum((meta.get("usage") or {}).get("total_tokens", 0) for meta in metas)
    return f"{tokens} tokens ${sum(meta.get('cost', {}).get('usd_spent', 0) for meta in metas):.6f}"


def main() -> None:
    with suppress(ImportError):  # on Windows
        importlib.import_module("readline")  # history and editing of what is typed
    generator = AIMLAPIChatGenerator(model="deepseek/deepseek-v4-flash", api_base_url=api_base_url())
    agent = Agent(chat_generator=generator, tools=[weather, local_time])
    messages: list[ChatMessage] = []
    console.print(COMMANDS, style="dim", markup=False)
    while True:
        try:
            line = console.input("[bold green]>[/] ").strip()
        except (EOFError, KeyboardInterrupt):
            break
        try:
            match line.split(maxsplit=2):
                case ["/quit"]:
                    break
                case ["/model", name]:
                    generator.model = name
                    continue
                case ["/image", path, question]:
                    message = image_question(path, question)
                case [word, *_] if not word.startswith("/"):
                    message = ChatMessage.from_user(line)
                case _:
                    console.print(COMMANDS, style="dim", markup=False)
                    continue
            answered = agent.run([*messages, message], streaming_callback=Printer())["messages"]
        except KeyboardInterrupt:
            console.print("\nstopped", style="yellow")
        except (openai.APIError, ValueError) as error:
            console.print(f"\n{error}", style="red", markup=False)
        else:
            turn = spent(answered[len(messages) :])
            messages = answered
            console.print(f"\n{generator.model}: {turn}; in all {spent(messages)}", style="dim")
    agent.close()


if __name__ == "__main__":
    main()
