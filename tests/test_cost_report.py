# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""The table and the chart of examples/cost_report.py."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

EXAMPLE = Path(__file__).parents[1] / "examples" / "cost_report.py"


def report(folder: Path, *arguments: Path) -> list[list[str]]:
    """The cells of the table."""
    environment = {**os.environ, "PYTHONUTF8": "1", "COLUMNS": "200", "TMPDIR": str(folder), "TEMP": str(folder)}
    environment = {name: value for name, value in environment.items() if name not in ("AIMLAPI_API_KEY", "FORCE_COLOR")}
    command = [sys.executable, str(EXAMPLE), *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    return [line.strip("│").split("│") for line in done.stdout.splitlines() if line.startswith("│")]


def cells(rows: list[list[str]]) -> list[tuple[str, ...]]:
    return [tuple(cell.strip() for cell in row) for row in rows]


def test_a_pipeline_is_run_and_reported_on(tmp_path: Path) -> None:
    assert cells(report(tmp_path)) == [
        ("anthropic/claude-opus-5", "think", "1", "256", "343", "0.000946"),
        ("gpt-5.6-terra", "act", "2", "150", "28", "0.000475"),
        ("gpt-5.6-terra", "ask", "1", "14", "8", "0.000098"),
        ("text-embedding-3-small", "embed", "1", "6", "0", "0.000000"),
        ("all", "", "5", "426", "379", "0.001519"),
    ]
    assert (tmp_path / "aimlapi-costs.png").read_bytes().startswith(b"\x89PNG")


def test_a_file_of_metas_is_reported_on(tmp_path: Path) -> None:
    """Of any endpoint, with usage and cost or without."""
    chat = {"model": "a", "usage": {"prompt_tokens": 1, "completion_tokens": 2}, "cost": {"usd_spent": 0.25}}
    response = {"model": "a", "usage": {"input_tokens": 10, "output_tokens": 20}, "cost": {"usd_spent": 0.5}}
    lines = [("x", chat), ("x", response), ("y", {"model": "a", "usage": None}), ("x", {"model": "b", "cost": {}})]
    path, chart = tmp_path / "run.jsonl", tmp_path / "chart.png"
    path.write_text("\n".join(json.dumps({"step": step, "meta": meta}) for step, meta in lines), encoding="utf-8")
    assert cells(report(tmp_path, path, chart)) == [
        ("a", "x", "2", "11", "22", "0.750000"),
        ("a", "y", "1", "0", "0", "0.000000"),
        ("b", "x", "1", "0", "0", "0.000000"),
        ("all", "", "4", "11", "22", "0.750000"),
    ]
    assert chart.read_bytes().startswith(b"\x89PNG")
