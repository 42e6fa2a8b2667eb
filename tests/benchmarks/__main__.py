# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""Side-by-side figures of this package and its peers: `hatch run bench:all`."""

import argparse
import json
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from cases import CASES, Bench, Result
from contenders import installed
from server import running_server

PACKAGES = ("haystack-ai", "openai", "httpx2", "aiohttp", "openrouter-haystack", "langchain-openai", "litellm")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python tests/benchmarks", description=__doc__)
    parser.add_argument("--case", action="append", choices=CASES, help="only this case; may be given again")
    parser.add_argument("--quick", action="store_true", help="fewer turns and shorter streams: coarse figures")
    parser.add_argument("--json", action="store_true", help="every sample and all pairwise ratios instead of tables")
    options = parser.parse_args()

    results = []
    with running_server() as server:
        bench = Bench(server, installed(), options.quick)
        for name in options.case or CASES:
            print(name, file=sys.stderr)
            results += CASES[name](bench)
    print(json.dumps(report(results), indent=2) if options.json else tables(results))
    if missed := [result.case for result in results for reference in result.bars if result.met(reference) is False]:
        sys.exit(f"Missed: {', '.join(missed)}")


def environment() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


def report(results: list[Result]) -> dict[str, Any]:
    return {
        "environment": environment(),
        "cases": [
            {
                "case": result.case,
                "unit": result.unit,
                "medians": {name: result.value(name) for name in result.samples},
                "ratios": {name: {to: result.value(name, to) for to in result.samples} for name in result.samples},
                "bars": [
                    {"against": reference, "bar": bar, "met": result.met(reference)}
                    for reference, bar in result.bars.items()
                ],
                "samples": result.samples,
            }
            for result in results
        ],
    }


def tables(results: list[Result]) -> str:
    names = list(dict.fromkeys(name for result in results for name in result.samples))
    ratios = [["case", "against", *names, "bar for this package"]]
    medians = [["case", "unit", *names]]
    for result in results:
        medians.append([result.case, result.unit, *(figure(result, name, None) for name in names)])
        for reference, bar in result.bars.items():
            against = reference or f"({result.unit})"
            mark = {True: " ✓", False: " ✗", None: ""}[result.met(reference)]
            shown = "" if bar is None else f"{'≥' if result.more_is_better else '≤'} {bar:g}{mark}"
            ratios.append([result.case, against, *(figure(result, name, reference) for name in names), shown])
    versions = ", ".join(f"{name} {number}" for name, number in environment().items())
    return f"## Ratios\n\n{markdown(ratios)}\n\n## Medians\n\n{markdown(medians)}\n\n{versions}"


def figure(result: Result, name: str, reference: str | None) -> str:
    if name not in result.samples or (reference and reference not in result.samples):
        return ""
    value = result.value(name, reference)
    return f"{value:.2f}" if abs(value) < 10 else f"{value:,.0f}"


def markdown(rows: list[list[str]]) -> str:
    head, *body = rows
    rule = ["---", "---", *("---:" for _ in head[2:])]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *body))


if __name__ == "__main__":
    main()
