# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""
Hold what this package says of AIMLAPI's models against a checkout of AIMLAPI's docs.

    git clone --depth 1 https://github.com/aimlapi/api-docs
    python scripts/check_models.py api-docs [--blocks]

First comes what is false: a default or a listed id that is not served, a successor that is not, a profile or a declared
name that the OpenAPI files do not bear out. Then what is new and could be added. Exits with 1 if something is false.
`--blocks` prints the ids and the declared names as the data files have them.
"""

import argparse
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, get_args

from openapi_docs import Docs, Operation, Schema, enumerated

from haystack_integrations.common.aimlapi import models
from haystack_integrations.common.aimlapi.models import Endpoint, ImageInput

Fact = tuple[str, object, object]

ENDPOINTS: tuple[Endpoint, ...] = get_args(Endpoint)
LISTS: dict[Endpoint, tuple[str, list[str]]] = {
    "chat": (models.DEFAULT_CHAT_MODEL, models.CHAT_MODELS),
    "responses": (models.DEFAULT_RESPONSES_MODEL, models.RESPONSES_MODELS),
    "images": (models.DEFAULT_IMAGE_MODEL, models.IMAGE_MODELS),
    "embeddings": (models.DEFAULT_EMBEDDING_MODEL, models.EMBEDDING_MODELS),
}
COMPLETE: tuple[Endpoint, ...] = ("responses", "embeddings")
STOP_PARAMETERS = ("stop", "stop_sequences")
IMAGE_FIELDS = ("image_urls", "image_url", "image")


def false_ids(docs: Docs) -> Iterator[str]:
    """
    Check the ids.

    :param docs: The docs.
    :returns: What is false.
    """
    for endpoint in ENDPOINTS:
        current = docs.current(endpoint)
        default, listed = LISTS[endpoint]
        for model in dict.fromkeys([default, *listed, *models.MODEL_IDS[endpoint].split()]):
            if model not in current:
                yield f"{endpoint}: {model} is {'deprecated' if model in docs.deprecated else 'unknown'}"
        if default not in listed:
            yield f"{endpoint}: the default {default} is not listed"
        lower = {model.lower() for model in current}
        for new, retired in models.RETIRED[endpoint].items():
            if new and new not in current:
                yield f"{endpoint}: the successor {new} is not served"
            yield from (f"{endpoint}: {model} is served again" for model in retired.split() if model.lower() in lower)
    only = docs.current("responses") - docs.documented("chat")
    for model in sorted(only ^ models.RESPONSES_ONLY):
        yield f"responses: {model} answers {'there only' if model in only else 'elsewhere as well'}"


def false_profiles(docs: Docs) -> Iterator[str]:
    """
    Check the profiles of all current models.

    :param docs: The docs.
    :returns: What is false.
    """
    for endpoint in ENDPOINTS:
        for model in sorted(docs.current(endpoint), key=str.lower):
            operation = docs.operation(endpoint, model)
            for name, expected, found in _facts(docs, endpoint, model, operation) if operation else ():
                if expected != found:
                    path = operation.path if operation else ""
                    yield f"{endpoint}: {name} of {model} is {found}, not {expected} [{path}]"


def _facts(docs: Docs, endpoint: Endpoint, model: str, operation: Operation) -> Iterator[Fact]:
    """What is said of a model, and what is declared."""
    profile = models.profile(model)
    if endpoint == "chat":
        yield "structured output", profile.structured_output, structured_output(operation)
        declared = [name for name in STOP_PARAMETERS if name in operation.properties]
        yield "stop parameter", profile.stop_parameter, (declared or [profile.stop_parameter])[0]
    if endpoint == "images":
        yield "image input", profile.images, image_input(docs, model, operation)
    if endpoint == "embeddings":
        parameters = profile.embedding.parameters if profile.embedding else frozenset()
        yield "parameters", sorted(parameters), sorted(operation.properties.keys() - {"model", "input"})


def structured_output(operation: Operation) -> Literal["native", "json_object", "tool", "none"]:
    """
    Tell how the reply of a chat model is bound to a schema.

    :param operation: Its request.
    :returns: The way, as in a profile.
    """
    if "response_format" in operation.properties:
        types = set(enumerated(operation.properties["response_format"]))
        return "native" if "json_schema" in types else "json_object"
    return "tool" if {"tools", "tool_choice"} <= operation.properties.keys() else "none"


def image_input(docs: Docs, model: str, operation: Operation) -> ImageInput | None:
    """
    Tell how an image model takes images.

    :param docs: The docs.
    :param model: The id.
    :param operation: Its request.
    :returns: How, as in a profile.
    """
    edit = docs.operation("edits", model)
    request = edit or operation
    field = next((name for name in IMAGE_FIELDS if name in request.properties), None)
    if field is None:
        return None
    required = field in request.required and not edit
    return ImageInput(field=field, most=_most(request.properties[field]), required=required, edits=bool(edit))


def _most(schema: Schema) -> int:
    return max((part.get("maxItems", 1) for part in (schema, *schema.get("anyOf", ()))), default=1)


def declared_names(docs: Docs, endpoint: Endpoint) -> set[str]:
    """
    Collect the fields that the requests of an endpoint declare.

    :param docs: The docs.
    :param endpoint: The endpoint.
    :returns: The names, also of models that are gone.
    """
    operations = docs.operations[endpoint] + (docs.operations["edits"] if endpoint == "images" else [])
    return {name for operation in operations for name in operation.properties}


def false_names(docs: Docs) -> Iterator[str]:
    """
    Check the declared names.

    :param docs: The docs.
    :returns: What is false.
    """
    for endpoint in ENDPOINTS:
        declared = declared_names(docs, endpoint)
        for name in sorted(declared ^ models.DECLARED[endpoint]):
            yield f"{endpoint}: `{name}` is {'declared' if name in declared else 'not declared'}"


def news(docs: Docs) -> Iterator[str]:
    """
    Collect what could be added.

    :param docs: The docs.
    :returns: What is new.
    """
    for endpoint in ENDPOINTS:
        listed = LISTS[endpoint][1] if endpoint in COMPLETE else models.MODEL_IDS[endpoint].split()
        yield from (f"{endpoint}: {model}" for model in sorted(docs.current(endpoint) - {*listed}, key=str.lower))
        retired = {model.lower() for ids in models.RETIRED[endpoint].values() for model in ids.split()}
        for model in sorted(docs.documented(endpoint) & docs.deprecated):
            if model.lower() not in retired:
                yield f"{endpoint}: {model} is deprecated, and has no successor here"
    ids = [model.lower() for endpoint in ENDPOINTS for model in docs.current(endpoint)]
    for prefix, _ in models.PROFILES:
        # A prefix that ends with a separator is for ids to come.
        if prefix[-1] not in "-." and not any(model.startswith(prefix) for model in ids):
            yield f"no current id begins with {prefix}, which has a profile"


def blocks(docs: Docs) -> Iterator[str]:
    """
    Write the ids and the declared names out.

    :param docs: The docs.
    :returns: One block each, as in the data files.
    """
    for endpoint in ENDPOINTS:
        for title, names in (("ids", docs.current(endpoint)), ("names", declared_names(docs, endpoint))):
            words = " ".join(sorted(names, key=str.lower))
            lines = textwrap.wrap(words, 112, break_long_words=False, break_on_hyphens=False)
            yield "\n".join([f"{endpoint}, {title}", *lines])


def main() -> int:
    """
    Check, and tell.

    :returns: The exit code, 1 if something is false.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("docs", type=Path, help="a checkout of AIMLAPI's docs")
    parser.add_argument("--blocks", action="store_true", help="print the data that can be read off the docs")
    arguments = parser.parse_args()
    if not (arguments.docs / "docs" / "SUMMARY.md").is_file():
        parser.error(f"{arguments.docs} is no checkout of AIMLAPI's docs")
    docs = Docs(arguments.docs)
    false = [*false_ids(docs), *false_profiles(docs), *false_names(docs)]
    lines = [*(f"false: {line}" for line in false), *(f"new: {line}" for line in news(docs))]
    if arguments.blocks:
        lines += blocks(docs)
    counts = ", ".join(f"{len(docs.current(endpoint))} {endpoint}" for endpoint in ENDPOINTS)
    sys.stdout.write("\n".join([*lines, f"{len(false)} false. Current ids: {counts}", ""]))
    return int(bool(false))


if __name__ == "__main__":
    raise SystemExit(main())
