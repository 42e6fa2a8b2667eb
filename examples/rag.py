# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""Index this package's README, and answer a question from it with sources, all on one key."""

import re
import sys
from pathlib import Path

from haystack import Document, Pipeline
from stand_in import api_base_url

question = " ".join(sys.argv[1:]) or "What happens when a call fails?"
readme = Path(__file__).parents[1] / "README.md"
_, *sections = readme.read_text(encoding="utf-8").split("\n## ")
documents = [
    Document(content=body.strip(), meta={"title": title}) for title, _, body in (s.partition("\n") for s in sections)
]

url = api_base_url()
definitions = Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8").split("\n---\n")
indexing, asking = map(Pipeline.loads, definitions)
for pipeline, name in [(indexing, "embedder"), (asking, "embedder"), (asking, "llm")]:
    pipeline.get_component(name).api_base_url = url

indexed = indexing.run({"embedder": {"documents": documents}})
result = asking.run(
    {"embedder": {"text": question}, "prompt": {"question": question}},
    include_outputs_from={"embedder", "retriever"},
)

reply = result["llm"]["replies"][0]
cited = re.findall(r"\[(.+?)\]", reply.text)
print(reply.text)
for document in result["retriever"]["documents"]:
    if document.meta["title"] in cited:
        print(f"source: {readme.name}, {document.meta['title']}")
metas = [indexed["embedder"]["meta"], result["embedder"]["meta"], reply.meta]
print(f"cost:   ${sum(meta['cost'].get('usd_spent', 0) for meta in metas):.6f}")
