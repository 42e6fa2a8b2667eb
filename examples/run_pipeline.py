# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""Load a pipeline from YAML and run it."""

from pathlib import Path

from haystack import Pipeline
from stand_in import api_base_url

pipeline = Pipeline.loads(Path(__file__).with_name("pipeline.yaml").read_text(encoding="utf-8"))
pipeline.get_component("llm").api_base_url = api_base_url()

result = pipeline.run({"prompt": {"audience": "a child of six", "question": "What is a rainbow?"}})
print(result["llm"]["replies"][0].text)
