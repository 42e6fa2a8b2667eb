# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""
Answer a file of prompts with Ray Data: pip install "ray[data]" and then

    python examples/ray_batch.py prompts.jsonl answers --actors 2 --calls 8

The file, JSONL or Parquet, has the columns `id` and `prompt`. Each answer is written into the folder as soon as it is
there. What is written is not asked again: not by an actor that takes over from one that died, and not when the same
command is run again, which asks the rows that are left or have failed. The result is answers/answers.parquet.
"""

import argparse
import hashlib
import json
import tempfile
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import pandas as pd
import ray
from haystack import Pipeline
from stand_in import api_base_url
from tqdm import tqdm

from haystack_integrations.components.generators.aimlapi import AIMLAPIChatGenerator

Row = dict[str, Any]

STARTS = 3  # Ray gives the batch of an actor that died to another one, without an end


def written(*journals: Path) -> Iterator[Row]:
    for journal in journals:
        for line in journal.read_text(encoding="utf-8").splitlines():
            try:
                yield json.loads(line)
            except ValueError:  # the last line of an actor that died
                continue


class Answer:
    """
    What each actor does.

    :param url: Of the API.
    :param prefix: The beginning of the paths of what is written in this run.
    :param calls: How many calls an actor makes at a time.
    """

    def __init__(self, url: str, prefix: str, calls: int) -> None:
        self.prefix = Path(prefix)
        self.pool = ThreadPoolExecutor(calls)
        self.pipeline = Pipeline()
        self.pipeline.add_component("llm", AIMLAPIChatGenerator(api_base_url=url, max_retries=5))
        self.pipeline.warm_up()

    def __call__(self, batch: pd.DataFrame) -> pd.DataFrame:
        # The same batch has the same name in every actor.
        name = f"{self.prefix.name}-{hashlib.sha256(repr(list(batch['id'])).encode()).hexdigest()[:16]}"
        earlier = list(self.prefix.parent.glob(f"{name}-*.jsonl"))
        if len(earlier) == STARTS:
            msg = f"{STARTS} actors died over the batch that begins with {batch['id'].iloc[0]}"
            raise RuntimeError(msg)
        rows = list(written(*earlier))
        done = [row["id"] for row in rows]
        futures = [self.pool.submit(self.ask, **row) for row in batch[~batch["id"].isin(done)].to_dict("records")]
        with self.prefix.with_name(f"{name}-{len(earlier)}.jsonl").open("x", encoding="utf-8") as journal:
            for future in as_completed(futures):
                rows.append(future.result())
                print(json.dumps(rows[-1]), file=journal, flush=True)
        return pd.DataFrame({"usd": [row["usd"] for row in rows]})

    def ask(self, id: Any, prompt: str) -> Row:  # noqa: A002
        row = {"id": id, "prompt": prompt, "text": None, "error": None, "usd": 0.0}
        try:
            reply = self.pipeline.run({"llm": {"messages": prompt}})["llm"]["replies"][0]
        except Exception as error:  # one row that fails does not end the work on the others
            return row | {"error": str(error)}
        return row | {"text": reply.text, "usd": reply.meta.get("cost", {}).get("usd_spent", 0.0)}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("prompts", type=Path, nargs="?", default=Path(__file__).with_name("prompts.jsonl"))
    parser.add_argument("folder", type=Path, nargs="?", default=Path(tempfile.gettempdir()) / "aimlapi-answers")
    parser.add_argument("--actors", type=int, default=2)
    parser.add_argument("--calls", type=int, default=8, help="that an actor makes at a time")
    parser.add_argument("--batch", type=int, default=64, help="rows that an actor gets at a time")
    args = parser.parse_args()
    folder = args.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    done = [row["id"] for row in written(*folder.glob("*.jsonl")) if row["error"] is None]

    url = api_base_url()  # before Ray starts, whose actors inherit the environment
    ray.init(include_dashboard=False)
    ray.data.DataContext.get_current().enable_progress_bars = False  # the one below shows the cost
    read = ray.data.read_parquet if args.prompts.suffix == ".parquet" else ray.data.read_json
    prompts = read(str(args.prompts)).select_columns(["id", "prompt"])
    left = prompts.map_batches(lambda batch: batch[~batch["id"].isin(done)], batch_format="pandas").materialize()
    answers = left.repartition(target_num_rows_per_block=args.batch).map_batches(
        Answer,
        fn_constructor_args=(url, str(folder / uuid.uuid4().hex[:8]), args.calls),
        batch_format="pandas",
        compute=ray.data.ActorPoolStrategy(size=args.actors),
        num_cpus=0.1,  # an actor waits for the network
    )
    with tqdm(total=left.count(), unit="row") as progress:
        usd = 0.0
        for answer in answers.iter_rows():
            usd += answer["usd"]
            progress.set_postfix_str(f"${usd:.6f}", refresh=False)
            progress.update()

    lines = sorted(written(*folder.glob("*.jsonl")), key=lambda row: row["error"] is None)
    rows = {row["id"]: row for row in lines}  # an answer replaces an earlier error
    pd.DataFrame(rows.values()).to_parquet(folder / "answers.parquet")
    failed = sum(row["error"] is not None for row in rows.values())
    print(f"{len(rows) - failed} answered, {failed} failed, ${sum(row['usd'] for row in lines):.6f} in all")
    print("answers:", folder / "answers.parquet")


if __name__ == "__main__":
    main()
