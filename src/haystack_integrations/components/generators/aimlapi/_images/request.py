# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""A prompt, images and parameters become a request to an image model."""

import base64
from collections.abc import Sequence
from typing import Any

from haystack.dataclasses import ImageContent
from openai.types.image_edit_params import ImageEditParamsNonStreaming
from openai.types.image_generate_params import ImageGenerateParamsNonStreaming

from haystack_integrations.common.aimlapi.endpoint import Endpoint, request
from haystack_integrations.common.aimlapi.image_types import image_type
from haystack_integrations.common.aimlapi.models import is_current, profile
from haystack_integrations.common.aimlapi.parameters import split_parameters

GENERATIONS = Endpoint(
    name="images",
    path="/images/generations",
    resource=lambda client: client.images,
    declared=ImageGenerateParamsNonStreaming.__annotations__,
    method="generate",
)
_RESERVED = {"prompt": "the `prompt` of `run`", "model": "the init parameter `model`"}
_IMAGE_FIELDS = {"image", "image_url", "image_urls"}


def build_arguments(
    *, model: str, prompt: str, images: Sequence[ImageContent], parameters: dict[str, Any]
) -> dict[str, Any]:
    """
    Build the arguments of a call.

    :param model: The model.
    :param prompt: The prompt.
    :param images: The images to start from.
    :param parameters: The merged `generation_kwargs`. An ImageContent among them becomes what the endpoint takes.
    :returns: The arguments of the SDK's `edit` if images go out as files, else those of its `generate`.
    :raises TypeError: If one of the images is no ImageContent.
    :raises ValueError: If the model does not take these images, needs one, or a parameter has another place.
    """
    options, body = split_parameters(parameters, reserved=_RESERVED, endpoint="images")
    body = {name: value for name, value in body.items() if value is not None}
    _check_images(model, images, body)
    takes = profile(model).images
    if not (takes and takes.edits and (images or takes.field in body)):
        body = {name: _data_url(value) if isinstance(value, ImageContent) else value for name, value in body.items()}
        if images and takes:
            urls = [_data_url(image) for image in images]
            body[takes.field] = urls if takes.most > 1 else urls[0]
        return {"model": model, "prompt": prompt, "extra_body": body, **options}
    body = {name: _file(value, name) if isinstance(value, ImageContent) else value for name, value in body.items()}
    if images:
        body[takes.field] = [_file(image, f"image-{number}") for number, image in enumerate(images, 1)]
    # What the SDK does not know as a parameter goes out as text: files must be among those that it knows.
    declared = ImageEditParamsNonStreaming.__annotations__
    return {
        "model": model,
        "prompt": prompt,
        **{name: value for name, value in body.items() if name in declared},
        "extra_body": {name: value for name, value in body.items() if name not in declared},
        **options,
    }


def send(client: Any, arguments: dict[str, Any]) -> Any:
    """
    Send a request.

    :param client: The client.
    :param arguments: What `build_arguments` returned.
    :returns: What the client returns; awaitable, if it is asynchronous.
    """
    if "image" in arguments:
        return client.images.edit(**arguments)
    return request(client, GENERATIONS, arguments)


def _check_images(model: str, images: Sequence[Any], body: dict[str, Any]) -> None:
    if strangers := [type(image).__name__ for image in images if not isinstance(image, ImageContent)]:
        msg = f"`images` must be a list of ImageContent, got {strangers[0]}. Addresses go into `generation_kwargs`."
        raise TypeError(msg)
    if problem := _problem(model, len(images), sorted(_IMAGE_FIELDS & body.keys())):
        raise ValueError(problem)


def _problem(model: str, count: int, fields: list[str]) -> str | None:
    takes = profile(model).images
    if count and fields:
        return f"Images are given twice: in `images`, and in `generation_kwargs` as `{fields[0]}`."
    if count and takes is None:
        if is_current(model, "images"):
            return f"The model {model} takes no images, and got {count}."
        return (
            f"It is not known how the model {model} takes images. Set the field that its documentation names, such as "
            f"`image_urls`, in `generation_kwargs`."
        )
    if takes and count > takes.most:
        return f"The model {model} takes {takes.most} image{'s' if takes.most > 1 else ''} at most, and got {count}."
    if takes and takes.required and not (count or fields):
        return f"The model {model} needs an image: pass `images`, or set `{takes.field}` in `generation_kwargs`."
    return None


def _media_type(image: ImageContent) -> str:
    known = image.mime_type or image_type(base64.b64decode(image.base64_image))
    return known or "application/octet-stream"


def _data_url(image: ImageContent) -> str:
    return f"data:{_media_type(image)};base64,{image.base64_image}"


def _file(image: ImageContent, name: str) -> tuple[str, bytes, str]:
    media_type = _media_type(image)
    return (f"{name}.{media_type.rpartition('/')[2]}", base64.b64decode(image.base64_image), media_type)
