# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""
Calls, tokens and USD by model and step, as a table and a chart: pip install matplotlib rich, then

    python examples/cost_report.py run.jsonl chart.png

Each line of the file is {"step": "...", "meta": {...}}, with the meta of one reply. Without a file, a pipeline is run
and reported on.
"""

import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from haystack import Pipeline
from haystack.components.agents import Agent
from haystack.dataclasses import ChatMessage
from haystack.tools import tool
from matplotlib.figure import Figure
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from stand_in import api_base_url

from haystack_integrations.components.embedders.aimlapi import AIMLAPITextEmbedder
from haystack_integrations.components.generators.aimlapi import AIMLAPIChatGenerator

Totals = dict[tuple[str, str], dict[str, float]]
"""By model and step."""


@tool
def weather(city: Annotated[str, "The city"]) -> str:
    """The weather in a city."""
    return {"Paris": "18 °C and sunny"}.get(city, "unknown")


def metas(result: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What a pipeline returned, as lines of the file."""
    for step, outputs in result.items():
        replies = [*outputs.get("replies", []), *outputs.get("messages", [])]
        for meta in [outputs.get("meta", {}), *(message.meta for message in replies)]:
            if "model" in meta:
                yield {"step": step, "meta": meta}


def run(path: Path) -> None:
    url = api_base_url()
    pipeline = Pipeline()
    pipeline.add_component("embed", AIMLAPITextEmbedder(api_base_url=url))
    pipeline.add_component("ask", AIMLAPIChatGenerator(api_base_url=url))
    pipeline.add_component("think", AIMLAPIChatGenerator(model="anthropic/claude-opus-5", api_base_url=url))
    pipeline.add_component("act", Agent(chat_generator=AIMLAPIChatGenerator(api_base_url=url), tools=[weather]))
    result = pipeline.run(
        {
            "embed": {"text": "What is the capital of France?"},
            "ask": {"messages": "What is the capital of France?"},
            "think": {"messages": "Which is heavier, a litre of ice or a litre of water?"},
            "act": {"messages": [ChatMessage.from_user("What is the weather in Paris?")]},
        }
    )
    path.write_text("\n".join(json.dumps(line, default=str) for line in metas(result)), encoding="utf-8")


def totals(path: Path) -> Totals:
    """What the lines of the file add up to."""
    added: Totals = defaultdict(lambda: dict.fromkeys(("calls", "in", "out", "usd"), 0))
    for line in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
        meta = line["meta"]
        usage = meta.get("usage") or {}
        total = added[str(meta.get("model")), line["step"]]
        total["calls"] += 1
        total["in"] += usage.get("prompt_tokens") or usage.get("input_tokens") or 0
        total["out"] += usage.get("completion_tokens") or usage.get("output_tokens") or 0
        total["usd"] += (meta.get("cost") or {}).get("usd_spent") or 0
    return dict(sorted(added.items(), key=lambda item: -item[1]["usd"]))


def print_table(rows: Totals) -> None:
    sums = {name: sum(total[name] for total in rows.values()) for name in ("calls", "in", "out", "usd")}
    table = Table("model", "step", show_footer=True)
    table.columns[0].footer = "all"
    for name, footer in sums.items():
        table.add_column(name, f"{footer:.6f}" if name == "usd" else f"{footer}", justify="right")
    for (model, step), total in rows.items():
        table.add_row(
            escape(model), escape(step), *(f"{total[name]}" for name in ("calls", "in", "out")), f"{total['usd']:.6f}"
        )
    Console().print(table)


def draw_chart(rows: Totals, path: Path) -> None:
    names = [f"{model}\n{step}" for model, step in rows]
    figure = Figure(figsize=(10, 1.5 + 0.6 * len(rows)), layout="constrained")
    tokens, usd = figure.subplots(1, 2, sharey=True)
    read = [total["in"] for total in rows.values()]
    tokens.barh(names, read, label="in")
    tokens.barh(names, [total["out"] for total in rows.values()], left=read, label="out")
    tokens.set_xlabel("tokens")
    tokens.legend()
    usd.barh(names, [total["usd"] for total in rows.values()], color="tab:green")
    usd.set_xlabel("USD")
    usd.invert_yaxis()
    figure.savefig(path, dpi=150)


def main() -> None:
    folder = Path(tempfile.gettempdir())
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else folder / "aimlapi-run.jsonl"
    chart = Path(sys.argv[2]) if len(sys.argv) > 2 else folder / "aimlapi-costs.png"
    if len(sys.argv) == 1:
        run(path)
    rows = totals(path)
    print_table(rows)
    draw_chart(rows, chart)
    print("chart:", chart)


if __name__ == "__main__":
    main()
