# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""`scripts/check_models.py` on docs that say what the data says, and on docs that do not."""

import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from haystack_integrations.common.aimlapi.models import DECLARED, MODEL_IDS, RESPONSES_ONLY, ModelProfile, profile

SCRIPT = Path(__file__).parent.parent / "scripts" / "check_models.py"
SECTIONS = {"chat": "Text Models (LLM)", "images": "Image Models", "embeddings": "Embedding Models"}
PATHS = {
    "chat": "/v1/chat/completions",
    "responses": "/v1/responses",
    "images": "/v1/images/generations",
    "edits": "/v1/images/edits",
    "embeddings": "/v1/embeddings",
}
STRING = {"type": "string"}
TOOLS = {"tools": STRING, "tool_choice": STRING}


class MiniatureDocs:
    """Docs with all ids of the data, one OpenAPI file per profile. They are changed before they are written."""

    def __init__(self) -> None:
        self.listed: dict[str, list[str]] = {endpoint: MODEL_IDS[endpoint].split() for endpoint in SECTIONS}
        self.listed["chat"] += RESPONSES_ONLY
        self.deprecated: list[str] = ["gpt-4"]
        self.files: list[tuple[str, list[str], dict[str, Any]]] = []
        for endpoint in SECTIONS:
            groups: dict[ModelProfile, list[str]] = defaultdict(list)
            for model in MODEL_IDS[endpoint].split():
                groups[profile(model)].append(model)
            for found, models in groups.items():
                self.add(endpoint, models, **_properties(endpoint, found))
                if found.images and found.images.edits:
                    self.add("edits", models, image={**_image(found.images.most), "x-required": True})
        self.add("responses", MODEL_IDS["responses"].split(), **dict.fromkeys(DECLARED["responses"], STRING))

        self.hidden: list[tuple[str, list[str], dict[str, Any]]] = []

    def add(self, endpoint: str, models: list[str], **properties: Any) -> None:
        self.files.append((endpoint, models, properties))

    def hide(self, endpoint: str, models: list[str], **properties: Any) -> None:
        self.hidden.append((endpoint, models, properties))

    def properties(self, model: str) -> dict[str, Any]:
        return next(properties for _, models, properties in self.files if model in models)

    def write(self, root: Path) -> Path:
        folder = root / "docs" / "api-references"
        contents = []
        for number, (endpoint, models, properties) in enumerate([*self.hidden, *self.files]):
            required = [name for name, schema in properties.items() if schema.get("x-required")]
            schema = {
                "properties": {**properties, "model": {"enum": models}},
                "required": ["model", *required],
            }
            operation = {"requestBody": {"content": {"application/json": {"schema": schema}}}}
            path = f"api-references/text-models-llm/{number}"
            _write(root / "docs" / f"{path}.json", json.dumps({"paths": {PATHS[endpoint]: {"post": operation}}}))
            front_matter = "---\nhidden: true\n---\n" if number < len(self.hidden) else ""
            _write(root / "docs" / f"{path}.md", f"{front_matter}[OpenAPI](https://example.com/main/docs/{path}.json)")
            contents.append(f"* [Page]({path}.md)")
        _write(root / "docs" / "SUMMARY.md", "\n".join(contents))
        tables = [f"### {SECTIONS[endpoint]}\n\n{_table(models)}" for endpoint, models in self.listed.items()]
        _write(
            folder / "model-database.md", "\n\n".join([*tables, f"### Deprecated Models\n\n{_table(self.deprecated)}"])
        )
        return root


def _properties(endpoint: str, found: ModelProfile) -> dict[str, Any]:
    if found == ModelProfile():
        others = {"chat": {"stop_sequences"}, "images": {"image", "image_url", "image_urls"}}.get(endpoint, set())
        names = dict.fromkeys(DECLARED[endpoint] - others, STRING)
        return {**names, "response_format": {"oneOf": [{"enum": ["json_object"]}, {"enum": ["json_schema"]}]}}
    if endpoint == "embeddings":
        return dict.fromkeys(["input", *found.embedding.parameters], STRING)
    if endpoint == "images":
        image = found.images
        return {} if image.edits else {image.field: {**_image(image.most), "x-required": image.required}}
    properties = {"stop_sequences": STRING} if found.stop_parameter == "stop_sequences" else {}
    formats = {"tool": TOOLS, "json_object": {"response_format": {"enum": ["json_object"]}}, "none": {}}
    return {**properties, **formats[found.structured_output]}


def _image(most: int) -> dict[str, Any]:
    return {"anyOf": [STRING, {"type": "array", "maxItems": most}]} if most > 1 else STRING


def _table(models: list[str]) -> str:
    """As in the docs: several ids in a cell, and long ones broken over two links."""
    cells = [
        '<a href="a.md">{}</a>-<a href="a.md">{}</a>'.format(*model.rsplit("-", 1)) if "-" in model else model
        for model in models
    ]
    first, second, *others = [*cells, "-", "-"]
    rows = [f"<p>{first} or<br>{second}</p>", *others]
    return f"<table><thead><tr><th>Id</th></tr></thead>{''.join(f'<tr><td>{row}</td><td>x</td></tr>' for row in rows)}"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _check(docs: Path) -> tuple[int, list[str]]:
    run = subprocess.run([sys.executable, SCRIPT, docs], capture_output=True, check=False, text=True)
    return run.returncode, run.stdout.splitlines()


def test_docs_that_say_the_same_are_accepted(tmp_path):
    code, lines = _check(MiniatureDocs().write(tmp_path))
    assert [line for line in lines if line.startswith("false")] == []
    assert lines[-1].startswith("0 false.")
    assert code == 0


def _deprecate_a_default(docs: MiniatureDocs) -> str:
    docs.listed["chat"].remove("openai/gpt-5.6-terra")
    docs.deprecated.append("openai/gpt-5.6-terra")
    return "false: chat: openai/gpt-5.6-terra is deprecated"


def _forget_a_model(docs: MiniatureDocs) -> str:
    docs.listed["images"].remove("recraft-v3")
    for _, models, _ in docs.files:
        if "recraft-v3" in models:
            models.remove("recraft-v3")
    return "false: images: recraft-v3 is unknown"


def _serve_a_retired_model_again(docs: MiniatureDocs) -> str:
    docs.listed["chat"].append("gpt-4")
    return "false: chat: gpt-4 is served again"


def _move_a_model_to_chat(docs: MiniatureDocs) -> str:
    docs.add("chat", ["openai/gpt-5-4"], **docs.properties("openai/gpt-5.6-terra"))
    return "false: responses: openai/gpt-5-4 answers elsewhere as well"


def _declare_response_format(docs: MiniatureDocs) -> str:
    docs.properties("x-ai/grok-4-5")["response_format"] = {"enum": ["json_object", "json_schema"]}
    return "false: chat: structured output of x-ai/grok-4-5 is native, not tool"


def _rename_stop(docs: MiniatureDocs) -> str:
    docs.properties("anthropic/claude-opus-5")["stop"] = STRING
    return "false: chat: stop parameter of anthropic/claude-opus-5 is stop, not stop_sequences"


def _take_fewer_images(docs: MiniatureDocs) -> str:
    docs.properties("klingai/image-o1")["image_urls"] = {"maxItems": 2}
    return "false: images: image input of klingai/image-o1 is ImageInput(field='image_urls', most=2"


def _declare_dimensions(docs: MiniatureDocs) -> str:
    docs.properties("voyage-2")["dimensions"] = STRING
    return "false: embeddings: parameters of voyage-2 is ['dimensions', 'input_type'], not ['input_type']"


def _declare_a_new_name(docs: MiniatureDocs) -> str:
    docs.properties("openai/gpt-5.6-terra")["verbosity"] = STRING
    return "false: chat: `verbosity` is declared"


@pytest.mark.parametrize(
    "change",
    [
        _deprecate_a_default,
        _forget_a_model,
        _serve_a_retired_model_again,
        _move_a_model_to_chat,
        _declare_response_format,
        _rename_stop,
        _take_fewer_images,
        _declare_dimensions,
        _declare_a_new_name,
    ],
)
def test_docs_that_say_something_else_fail(change, tmp_path):
    docs = MiniatureDocs()
    expected = change(docs)
    code, lines = _check(docs.write(tmp_path))
    assert any(line.startswith(expected) for line in lines), lines
    assert code == 1


def test_of_several_files_that_name_a_model_the_one_on_a_shown_page_counts(tmp_path):
    docs = MiniatureDocs()
    docs.hide("chat", ["anthropic/claude-opus-5"], **docs.properties("openai/gpt-5.6-terra"))
    code, lines = _check(docs.write(tmp_path))
    assert code == 0, lines


def test_pages_that_are_shown_name_further_ids_and_hidden_ones_do_not(tmp_path):
    docs = MiniatureDocs()
    properties = docs.properties("openai/gpt-5.6-terra")
    docs.add("chat", ["vendor/alias", "o1"], **properties)
    docs.deprecated.append("o1")  # and listed as a current one, as some are
    docs.hide("chat", ["vendor/gone"], **properties)
    code, lines = _check(docs.write(tmp_path))
    assert "new: chat: vendor/alias" in lines
    assert not [line for line in lines if "vendor/gone" in line]
    assert code == 0


def test_what_is_new_is_told_and_fails_nothing(tmp_path):
    docs = MiniatureDocs()
    docs.listed["chat"].append("vendor/new-model")
    docs.deprecated.append("vendor/old-model")
    docs.add("chat", ["vendor/old-model"], **docs.properties("openai/gpt-5.6-terra"))
    code, lines = _check(docs.write(tmp_path))
    assert "new: chat: vendor/new-model" in lines
    assert "new: chat: vendor/old-model is deprecated, and has no successor here" in lines
    assert code == 0


def test_a_folder_without_docs_is_refused(tmp_path):
    code, lines = _check(tmp_path)
    assert (code, lines) == (2, [])
