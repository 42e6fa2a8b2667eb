# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""What is measured. CPU time unless a figure is per second; contenders take turns, so that they share the weather."""

import asyncio
import gc
import importlib
import importlib.util
import os
import resource
import subprocess
import sys
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import linear_regression, median, quantiles
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any

import httpx2
import jiter
from contenders import (
    AIMLAPIEmbedder,
    AIMLAPIGenerator,
    Contender,
    HaystackEmbedder,
    HaystackGenerator,
    OpenAISDK,
    RawAiohttp,
)
from relay import Relay, running_relay
from server import KINDS, WORD_LENGTH, Server

SDK, HAYSTACK, PARENT = OpenAISDK.name, HaystackGenerator.name, HaystackEmbedder.name
OURS = (AIMLAPIGenerator.name, AIMLAPIEmbedder.name)


@dataclass
class Result:
    """One figure of every contender: a sample per turn."""

    case: str
    unit: str
    samples: dict[str, list[float]]
    bars: dict[str | None, float | None] = field(default_factory=lambda: {SDK: None})
    """What to compare with (None: nothing, the figure speaks for itself), and what this package is to reach."""
    more_is_better: bool = False

    def value(self, name: str, reference: str | None = None) -> float:
        if reference is None:
            return median(self.samples[name])
        return median(ours / theirs for ours, theirs in zip(self.samples[name], self.samples[reference], strict=True))

    def met(self, reference: str | None) -> bool | None:
        bar, name = self.bars[reference], next((name for name in OURS if name in self.samples), None)
        if bar is None or name is None or (reference and reference not in self.samples):
            return None
        value = self.value(name, reference)
        return value >= bar if self.more_is_better else value <= bar


@dataclass
class Bench:
    server: Server
    contenders: list[type[Contender]]
    quick: bool

    def turns(self, number: int) -> int:
        return max(2, number // 5) if self.quick else number

    @contextmanager
    def opened(
        self,
        url: str,
        contenders: list[type[Contender]] | None = None,
        loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
        **request: Any,
    ) -> Iterator[tuple[list[Any], asyncio.Runner]]:
        sides = [contender(url, **request) for contender in contenders or self.contenders]
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            yield sides, runner
            for side in sides:
                side.close()
                runner.run(side.close_async())


def ignore(chunk: Any) -> None:
    """The consumer of a stream whose work is not measured."""


def take_turns(sides: list[Any], measure: Callable[[Any], Any], turns: int) -> dict[str, list[Any]]:
    samples: dict[str, list[Any]] = {side.name: [] for side in sides}
    for turn in range(turns + 1):
        for side in sides:
            gc.collect()
            sample = measure(side)
            if turn:  # the first one warms up
                samples[side.name].append(sample)
    return samples


def cpu(action: Callable[[], object], times: int = 1) -> float:
    start = process_time()
    for _ in range(times):
        action()
    return (process_time() - start) / times


def actions(runner: asyncio.Runner, *, streamed: bool) -> dict[str, Callable[[Any], str]]:
    """One request of a contender, synchronously and asynchronously."""
    if streamed:
        return {"sync": lambda side: side.stream(ignore), "async": lambda side: runner.run(side.stream_async(ignore))}
    return {"sync": lambda side: side.call(), "async": lambda side: runner.run(side.call_async())}


def stream(bench: Bench) -> Iterator[Result]:
    """CPU per chunk of streams of 1,000 chunks."""
    for kind in KINDS:
        with bench.opened(bench.server.url(kind, 1000)) as (sides, runner):
            check_whole(sides, kind)
            for mode, run in actions(runner, streamed=True).items():
                samples = take_turns(sides, lambda side, run=run: cpu(lambda: run(side)) * 1e6 / 1000, bench.turns(15))
                yield Result(f"stream of {kind}, {mode}", "µs per chunk", samples, {SDK: 0.18})


def paced(bench: Bench) -> Iterator[Result]:
    """CPU per chunk of streams that bring a chunk every 2 ms, one per read: as models do."""
    bars = {
        (True, "async"): {SDK: 0.30},
        (True, "async, uvloop"): {SDK: 0.22},
        (True, "sync"): {SDK: 0.40},
    }
    loops: dict[str, Any] = {"async": None}
    with suppress(ModuleNotFoundError):
        loops["async, uvloop"] = importlib.import_module("uvloop").new_event_loop
    chunks = 200
    for tls in (True, False):
        scheme = "TLS" if tls else "plain HTTP"
        for mode, loop_factory in loops.items():
            for streams in (8, 50):
                contenders = [*bench.contenders, *([RawAiohttp] if importlib.util.find_spec("aiohttp") else [])]
                url = bench.server.url("text", chunks, pace_ms=2, tls=tls)
                with bench.opened(url, contenders, loop_factory=loop_factory) as (sides, runner):

                    def measure(side: Any, streams: int = streams, runner: asyncio.Runner = runner) -> float:
                        return burst(runner, lambda _: side.stream_async(ignore), streams)[1] / streams / chunks * 1e6

                    samples = take_turns(sides, measure, bench.turns(10))
                bar = bars.get((tls, mode), {SDK: None})
                yield Result(f"paced stream, {mode}, {scheme}, {streams} at once", "µs per chunk", samples, bar)
        with bench.opened(bench.server.url("text", chunks, pace_ms=2, tls=tls)) as (sides, _):
            samples = take_turns(
                sides, lambda side: cpu(lambda: side.stream(ignore), times=3) * 1e6 / chunks, bench.turns(10)
            )
        yield Result(f"paced stream, sync, {scheme}", "µs per chunk", samples, bars.get((tls, "sync"), {SDK: None}))


def relay(bench: Bench) -> Iterator[Result]:
    """Streams that a core relays from a pipeline behind FastAPI, at 50 chunks a second each, over TLS."""
    if not (importlib.util.find_spec("fastapi") and importlib.util.find_spec("uvicorn")):
        print("relay is left out: there is no fastapi or uvicorn", file=sys.stderr)
        return
    streams, chunks, per_second = 50 if bench.quick else 100, 50, 50
    url = bench.server.url("text", chunks, pace_ms=1000 // per_second, tls=True)
    names = [side.name for side in bench.contenders if issubclass(side, HaystackGenerator)]

    def measure(side: Relay) -> float:
        async def listen(client: httpx2.AsyncClient) -> None:
            assert len((await client.post(f"{side.url}/chat")).text) == chunks * WORD_LENGTH

        async def run() -> None:
            async with httpx2.AsyncClient(timeout=60, limits=httpx2.Limits(max_connections=streams)) as client:
                await asyncio.gather(*(listen(client) for _ in range(streams)))

        start = side.cpu()
        asyncio.run(run())
        return streams * chunks / per_second / (side.cpu() - start)

    with ExitStack() as stack:
        relays = [stack.enter_context(running_relay(name, url)) for name in names]
        samples = take_turns(relays, measure, bench.turns(10))
    yield Result("streams that a core relays", "at once", samples, {HAYSTACK: 2.4}, more_is_better=True)


def check_whole(sides: list[Any], kind: str) -> None:
    whole = max(len(side.stream(ignore)) for side in sides)
    for side in sides:
        if (length := len(side.stream(ignore))) < whole:
            print(f"{side.name} returns {length / whole:.0%} of a stream of {kind}", file=sys.stderr)


def call(bench: Bench) -> Iterator[Result]:
    """CPU of a plain call."""
    with bench.opened(bench.server.url("plain", 100)) as (sides, runner):
        for mode, run in actions(runner, streamed=False).items():
            samples = take_turns(sides, lambda side, run=run: cpu(lambda: run(side), times=30) * 1e6, bench.turns(25))
            yield Result(f"plain call, {mode}", "µs", samples, {SDK: 0.60 if mode == "sync" else 0.38})


def conversation(messages: int, tools: int) -> dict[str, Any]:
    """The request of an agent late in its run."""
    turns: list[dict[str, Any]] = [{"role": "system", "content": "You are a helpful assistant."}]
    while len(turns) < messages:
        call_id = f"call_{len(turns)}"
        arguments = '{"query": "natural language processing", "limit": 10}'
        function = {"function": {"name": "tool_1", "arguments": arguments}}
        turns += [
            {"role": "user", "content": "What's new in natural language processing? " * 4},
            {"role": "assistant", "content": "", "tool_calls": [{"id": call_id, "type": "function"} | function]},
            {"role": "tool", "tool_call_id": call_id, "content": "It is a field of computer science. " * 10},
            {"role": "assistant", "content": "Natural language processing is a field of computer science. " * 4},
        ]
    properties = {
        "query": {"type": "string", "description": "What to look for"},
        "limit": {"type": "integer", "description": "How many to return", "minimum": 1},
        "tags": {"type": "array", "items": {"type": "string", "enum": ["news", "papers", "code"]}},
    }
    parameters = {"type": "object", "properties": properties, "required": ["query"]}
    return {
        "messages": turns[:messages],
        "tools": [
            {
                "type": "function",
                "function": {"name": f"tool_{number}", "description": "Looks things up.", "parameters": parameters},
            }
            for number in range(tools)
        ],
    }


def prepare(bench: Bench) -> Iterator[Result]:
    """CPU of preparing a request with 1,000 messages and 50 tools, up to the call of the SDK."""
    generators: list[type[Contender]] = [side for side in bench.contenders if issubclass(side, HaystackGenerator)]
    with bench.opened(bench.server.url("plain"), generators, **conversation(1000, 50)) as (sides, _):
        samples = take_turns(sides, lambda side: cpu(side.arguments, times=5) * 1e3, bench.turns(25))
    yield Result("preparing 1,000 messages and 50 tools", "ms", samples, {HAYSTACK: 1.0})


def long_call(bench: Bench) -> Iterator[Result]:
    """CPU of a whole call with 200 messages and 50 tools, and whether it grows in step with the request."""
    with (
        bench.opened(bench.server.url("plain", 100), **conversation(200, 50)) as (sides, runner),
        bench.opened(bench.server.url("plain", 100), **conversation(800, 200)) as (large_sides, _),
    ):
        for mode, run in actions(runner, streamed=False).items():
            samples = take_turns(sides, lambda side, run=run: cpu(lambda: run(side), times=3) * 1e3, bench.turns(15))
            yield Result(f"call with 200 messages and 50 tools, {mode}", "ms", samples, {SDK: 0.15})
        large = {side.name: side for side in large_sides}

        def growth(side: Any) -> float:
            return cpu(large[side.name].call, times=2) / cpu(side.call, times=8) / 4

        samples = take_turns(sides, growth, bench.turns(5))
        yield Result("CPU per message and tool at 800 + 200 against 200 + 50", "ratio", samples, {None: 1.05})


@contextmanager
def bytecode() -> Iterator[dict[str, str]]:
    """An environment in which every module is compiled once, wherever it is installed and whatever the user has set."""
    with TemporaryDirectory() as folder:
        inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        yield inherited | {"PYTHONPYCACHEPREFIX": folder}


def imports(bench: Bench) -> Iterator[Result]:
    """CPU of importing each module in a process of its own, and on top of Haystack's chat generator module."""
    # CPython pays for imports by the depth of the stack they happen at, up to a tenth, since frames live in blocks that
    # come and go. So each turn has a depth of its own.
    script = (
        "import sys\n"
        "def at(depth):\n"
        "    return at(depth - 1) if depth else __import__(sys.argv[1])\n"
        "at(int(sys.argv[2]))"
    )
    added_script = (
        f"from time import process_time; import {HaystackGenerator.module}\n"
        "import sys; start = process_time(); __import__(sys.argv[1]); print(process_time() / start)"
    )
    turn = Counter[type[Contender]]()

    def measure(side: type[Contender]) -> float:
        turn[side] += 1
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [sys.executable, "-c", script, side.module, str(7 * turn[side])]
        subprocess.run(command, check=True, env=environment, stderr=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1e3

    def added(side: type[Contender]) -> float:
        command = [sys.executable, "-c", added_script, side.module]
        return float(subprocess.check_output(command, env=environment, stderr=subprocess.DEVNULL))

    generators: list[type[Contender]] = [side for side in bench.contenders if issubclass(side, HaystackGenerator)]
    with bytecode() as environment:
        yield Result("import", "ms", take_turns(bench.contenders, measure, bench.turns(15)), {HAYSTACK: 1.02})
        samples = take_turns(generators, added, bench.turns(5))
    yield Result("import of both against OpenAIChatGenerator's module alone", "ratio", samples, {None: 1.02})


def first_call(bench: Bench) -> Iterator[Result]:
    """CPU of making a client and the first call in a fresh process, its import apart."""
    script = (
        "import sys; from time import process_time; import contenders; import importlib\n"
        "side = next(side for side in contenders.ALL if side.name == sys.argv[1])\n"
        "importlib.import_module(side.module)\n"
        "start = process_time(); side(sys.argv[2]).call(); print((process_time() - start) * 1e3)"
    )

    def measure(side: type[Contender]) -> float:
        command = [sys.executable, "-c", script, side.name, bench.server.url("plain", 100)]
        folder = Path(__file__).parent
        return float(subprocess.check_output(command, cwd=folder, env=environment, stderr=subprocess.DEVNULL))

    with bytecode() as environment:
        samples = take_turns(bench.contenders, measure, bench.turns(10))
    yield Result("first call", "ms", samples, {SDK: None, HAYSTACK: None})


def burst(runner: asyncio.Runner, action: Callable[[int], Any], number: int) -> tuple[float, float]:
    """Wall clock and CPU seconds of many requests at once."""

    async def run() -> None:
        await asyncio.gather(*map(action, range(number)))

    start, cpu_start = perf_counter(), process_time()
    runner.run(run())
    return perf_counter() - start, process_time() - cpu_start


def steady_burst(runner: asyncio.Runner, action: Callable[[], Any], number: int) -> tuple[float, float]:
    """Requests per second and CPU milliseconds of each, of many at once on a client that is in use already."""
    for _ in range(2):
        wall, used = burst(runner, lambda _: action(), number)
    return number / wall, used / number * 1e3


def column(samples: dict[str, list[tuple[float, ...]]], number: int) -> dict[str, list[float]]:
    return {name: [sample[number] for sample in taken] for name, taken in samples.items()}


def many_streams(bench: Bench) -> Iterator[Result]:
    """100 streams at once: throughput and how long the first chunks take."""
    streams, chunks = 100, 200
    with bench.opened(bench.server.url("text", chunks)) as (sides, runner):

        def measure(side: Any) -> tuple[float, float, float]:
            begun = perf_counter()
            first = [0.0] * streams

            async def run(number: int) -> None:
                def on_chunk(chunk: Any) -> None:
                    first[number] = first[number] or perf_counter() - begun

                await side.stream_async(on_chunk)

            wall, used = burst(runner, run, streams)
            total = streams * chunks
            return total / wall, quantiles(first, n=20)[-1] * 1e3, used / total * 1e6

        samples = take_turns(sides, measure, bench.turns(6))
    both: dict[str | None, float | None] = {SDK: None, HAYSTACK: None}
    yield Result("100 concurrent streams", "chunks per s", column(samples, 0), both, more_is_better=True)
    yield Result("100 concurrent streams, p95 of the time to the first chunk", "ms", column(samples, 1), both)
    yield Result("100 concurrent streams, CPU", "µs per chunk", column(samples, 2), both)


def short_streams(bench: Bench) -> Iterator[Result]:
    """200 streams of 50 chunks at once, on clients that are in use already."""
    with bench.opened(bench.server.url("text", 50)) as (sides, runner):
        samples = take_turns(
            sides, lambda side: steady_burst(runner, lambda: side.stream_async(ignore), 200), bench.turns(6)
        )
    yield Result(
        "200 concurrent streams of 50 chunks", "streams per s", column(samples, 0), {HAYSTACK: 3}, more_is_better=True
    )
    yield Result("200 concurrent streams of 50 chunks, CPU", "ms per stream", column(samples, 1), {HAYSTACK: None})


def many_calls(bench: Bench) -> Iterator[Result]:
    """Many calls at once to a server that takes 50 ms, on clients that are in use already."""
    for calls, bar in ((200, 0.18), (500, None)):
        with bench.opened(bench.server.url("plain", 20, delay_ms=50)) as (sides, runner):
            samples = take_turns(
                sides, lambda side, calls=calls: steady_burst(runner, side.call_async, calls), bench.turns(6)
            )
        case = f"{calls} concurrent calls at 50 ms delay"
        yield Result(case, "calls per s", column(samples, 0), {SDK: 2}, more_is_better=True)
        yield Result(f"{case}, CPU", "ms per call", column(samples, 1), {SDK: bar})


def length(bench: Bench) -> Iterator[Result]:
    """CPU per chunk of a long stream against that of short ones."""
    long = 10_000 if bench.quick else 50_000
    with (
        bench.opened(bench.server.url("text", 1000)) as (sides, _),
        bench.opened(bench.server.url("text", long)) as (long_sides, _),
    ):
        by_name = {side.name: side for side in long_sides}

        def growth(side: Any) -> float:
            short_cpu = median(cpu(lambda: side.stream(ignore)) for _ in range(7)) / 1000
            return cpu(lambda: by_name[side.name].stream(ignore)) / long / short_cpu

        samples = take_turns(sides, growth, bench.turns(3))
    yield Result(f"CPU per chunk at {long:,} chunks against 1,000", "ratio", samples, {None: 1.05})


def memory(bench: Bench) -> Iterator[Result]:
    """Bytes that each further chunk of a stream keeps, its text not counted: the slope over a stream's middle part."""
    count = 4_000 if bench.quick else 10_000
    with bench.opened(bench.server.url("text", count)) as (sides, _):

        def measure(side: Any) -> float:
            seen, points = 0, []

            def on_chunk(chunk: Any) -> None:
                nonlocal seen
                seen += 1
                if seen % 50 == 0 and seen >= count // 10:
                    gc.collect()
                    points.append((seen, tracemalloc.get_traced_memory()[0]))

            side.stream(ignore)
            jiter.cache_clear()  # it keeps the strings of the stream before
            gc.collect()
            gc.freeze()
            tracemalloc.start()
            side.stream(on_chunk)
            tracemalloc.stop()
            gc.unfreeze()
            return linear_regression(*zip(*points, strict=True)).slope - WORD_LENGTH

        samples = take_turns(sides, measure, 2)
    yield Result("memory kept per streamed chunk, beyond its text", "bytes", samples, {None: 20})


def connections(bench: Bench) -> Iterator[Result]:
    """TCP connections that 20 streamed calls in a row open."""
    for mode in ("sync", "async"):
        with bench.opened(bench.server.url("text", 20)) as (sides, runner):
            run = actions(runner, streamed=True)[mode]

            samples: dict[str, list[float]] = {}
            for side in sides:
                before = bench.server.connections()
                for _ in range(20):
                    run(side)
                samples[side.name] = [bench.server.connections() - before]
        yield Result(f"connections opened by 20 streamed calls, {mode}", "connections", samples, {None: 1})


def embeddings(bench: Bench) -> Iterator[Result]:
    """CPU of embedding documents in 1,536 dimensions, and what memory it takes at most beside the vectors."""
    number = 1_000 if bench.quick else 10_000
    url = bench.server.url("embeddings", 1536)
    embedders: list[type[Contender]] = [HaystackEmbedder, AIMLAPIEmbedder]
    with bench.opened(url, embedders, documents=number) as (sides, runner):
        for mode, run in actions(runner, streamed=False).items():
            samples = take_turns(sides, lambda side, run=run: cpu(lambda: run(side)) * 1e6 / number, 2)
            yield Result(f"embedding {number:,} documents, {mode}", "µs per document", samples, {PARENT: 0.25})

    def beside_the_result(run: Callable[[], Any]) -> float:
        tracemalloc.start()
        result = run()
        kept, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        del result
        return (most - kept) / 2**20

    number = 1_000  # all objects are counted, which takes its time
    with bench.opened(url, embedders, documents=number) as (sides, runner):
        embed: dict[str, Callable[[Any], Any]] = {
            "sync": lambda side: side.embedder.run(side.documents),
            "async": lambda side: runner.run(side.embedder.run_async(side.documents)),
        }
        for mode, run in embed.items():
            samples = take_turns(sides, lambda side, run=run: beside_the_result(lambda: run(side)), 1)
            case = f"most memory while {number:,} documents are embedded, beside the result, {mode}"
            yield Result(case, "MiB", samples, {None: 2, PARENT: None})


CASES: dict[str, Callable[[Bench], Iterator[Result]]] = {
    "paced": paced,
    "relay": relay,
    "stream": stream,
    "call": call,
    "long-call": long_call,
    "prepare": prepare,
    "import": imports,
    "first-call": first_call,
    "memory": memory,
    "connections": connections,
    "length": length,
    "many-streams": many_streams,
    "short-streams": short_streams,
    "many-calls": many_calls,
    "embeddings": embeddings,
}
