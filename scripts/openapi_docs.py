# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""What a checkout of AIMLAPI's docs says of its models: which there are, and what their requests declare."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

Schema = dict[str, Any]

PATHS = {
    "/chat/completions": "chat",
    "/responses": "responses",
    "/images/generations": "images",
    "/images/edits": "edits",
    "/embeddings": "embeddings",
}
SECTIONS = {"Text Models (LLM)": "chat", "Image Models": "images", "Embedding Models": "embeddings"}
# Models of other kinds are documented on the path of the images too.
FOLDERS = ("text-models-llm", "image-models", "embedding-models")


@dataclass(frozen=True)
class Operation:
    """
    A request that an OpenAPI file documents.

    :param path: The file, from the folder of the docs.
    :param models: The ids that the request takes.
    :param properties: The schema of each field of its body.
    :param required: The fields that it needs.
    """

    path: str
    models: tuple[str, ...]
    properties: dict[str, Schema]
    required: frozenset[str]


class Docs:
    """
    A checkout of AIMLAPI's docs.

    :param checkout: Its folder.
    """

    def __init__(self, checkout: Path) -> None:
        self.root = checkout / "docs"

    @cached_property
    def operations(self) -> dict[str, list[Operation]]:
        """The documented requests by endpoint, those on pages that readers are led to first."""
        found: dict[str, list[Operation]] = defaultdict(list)
        for folder in FOLDERS:
            for file in sorted((self.root / "api-references" / folder).rglob("*.json")):
                document = json.loads(file.read_text(encoding="utf-8"))
                for path, methods in document.get("paths", {}).items():
                    if (endpoint := PATHS.get(path.removeprefix("/v1"))) and "post" in methods:
                        found[endpoint].append(_operation(file.relative_to(self.root), methods["post"], document))
        for operations in found.values():
            operations.sort(key=lambda operation: operation.path not in self.shown)
        return found

    @cached_property
    def shown(self) -> set[str]:
        """The OpenAPI files on pages that are in the table of contents and not hidden."""
        contents = (self.root / "SUMMARY.md").read_text(encoding="utf-8")
        files: set[str] = set()
        for page in re.findall(r"]\(([^)]+\.md)\)", contents):
            if (self.root / page).exists():
                text = (self.root / page).read_text(encoding="utf-8")
                front_matter = text.split("---")[1] if text.startswith("---") else ""
                if not re.search(r"^(hidden|noIndex): true", front_matter, re.MULTILINE):
                    files.update(re.findall(r"/main/docs/([^)\s]+\.json)", text))
        return files

    @cached_property
    def _database(self) -> tuple[dict[str, set[str]], set[str]]:
        """The ids of the model database by section, and those that it calls deprecated."""
        listed: dict[str, set[str]] = defaultdict(set)
        section = ""
        for line in (self.root / "api-references" / "model-database.md").read_text(encoding="utf-8").splitlines():
            if line.startswith("#"):
                section = "deprecated" if "Deprecated" in line else line.strip("# ")
            elif line.startswith("<table"):
                listed[section].update(_ids(line))
        return listed, listed.pop("deprecated", set())

    @property
    def deprecated(self) -> set[str]:
        """The ids that are called deprecated and not listed as current ones as well."""
        listed, deprecated = self._database
        current = {model.lower() for models in listed.values() for model in models}
        return {model for model in deprecated if model.lower() not in current}

    def documented(self, endpoint: str) -> set[str]:
        """
        Tell which ids have a documented request, also those of models that are gone.

        :param endpoint: The endpoint.
        :returns: The ids.
        """
        return {model for operation in self.operations[endpoint] for model in operation.models}

    def current(self, endpoint: str) -> set[str]:
        """
        Tell which ids an endpoint serves: the database's, and those on shown pages, which name aliases as well.

        :param endpoint: The endpoint.
        :returns: The ids.
        """
        listed, _ = self._database
        everywhere = {model.lower() for models in listed.values() for model in models}
        deprecated = {model.lower() for model in self.deprecated}
        ids = {model for model in self.documented(endpoint) if model.lower() in everywhere}
        for operation in self.operations[endpoint]:
            if operation.path in self.shown and deprecated.isdisjoint(map(str.lower, operation.models)):
                ids.update(operation.models)
        elsewhere = self.documented("responses") - self.documented("chat") if endpoint == "chat" else set()
        known = {model.lower() for model in ids | elsewhere}
        for section, name in SECTIONS.items():
            if name == endpoint:
                ids.update(model for model in listed[section] if model.lower() not in known)
        return ids

    def operation(self, endpoint: str, model: str) -> Operation | None:
        """
        Find the documented request of a model.

        :param endpoint: The endpoint.
        :param model: The id.
        :returns: The request, of several the one on a shown page; None if there is none.
        """
        return next((found for found in self.operations[endpoint] if model in found.models), None)


def _ids(table: str) -> Iterator[str]:
    for row in re.findall(r"<tr>(.*?)</tr>", table):
        for cell in re.findall(r"<td[^>]*>(.*?)</td>", row)[:1]:
            # Long ids are broken over two links, and a cell may have several.
            text = re.sub(r"<(?!br|/p)[^>]*>", "", cell)
            for part in re.split(r"<br>|</p>| or\b", text):
                if model := part.strip(" ,-"):
                    yield model


def _operation(path: Path, post: Schema, document: Schema) -> Operation:
    properties: dict[str, Schema] = {}
    required: set[str] = set()
    for content in post.get("requestBody", {}).get("content", {}).values():
        for alternative in alternatives(content.get("schema", {}), document):
            properties = {**_resolved_properties(alternative, document), **properties}
            required.update(alternative.get("required", ()))
    models = tuple(dict.fromkeys(enumerated(properties.get("model", {}))))
    return Operation(path=path.as_posix(), models=models, properties=properties, required=frozenset(required))


def _resolved_properties(schema: Schema, document: Schema) -> dict[str, Schema]:
    return {name: _resolve(value, document) for name, value in schema.get("properties", {}).items()}


def _resolve(schema: Any, document: Schema) -> Any:
    while isinstance(schema, dict) and "$ref" in schema:
        reference = schema["$ref"]
        schema = document
        for key in reference.removeprefix("#/").split("/"):
            schema = schema[key]
    return schema


def alternatives(schema: Schema, document: Schema) -> Iterator[Schema]:
    """
    Walk over the alternatives of a schema.

    :param schema: The schema.
    :param document: The OpenAPI file, for its references.
    :returns: The schema itself, and those that it is a union of.
    """
    schema = _resolve(schema, document)
    yield schema
    for key in ("anyOf", "oneOf", "allOf"):
        for part in schema.get(key, ()):
            yield from alternatives(part, document)


def enumerated(schema: Any) -> Iterator[str]:
    """
    Collect the strings that a schema enumerates, at any depth.

    :param schema: The schema.
    :returns: The strings.
    """
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key == "enum":
                yield from (item for item in value if isinstance(item, str))
            elif key not in ("default", "example", "description"):
                yield from enumerated(value)
    elif isinstance(schema, list):
        for item in schema:
            yield from enumerated(item)
