# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, cast

from haystack import component
from haystack.components.generators import OpenAIImageGenerator
from haystack.dataclasses import ImageContent
from haystack.utils import Secret

from haystack_integrations.common.aimlapi.body import checked_body
from haystack_integrations.common.aimlapi.call import call_context
from haystack_integrations.common.aimlapi.checks import check_types
from haystack_integrations.common.aimlapi.client import BASE_URL, ClientOwner
from haystack_integrations.common.aimlapi.errors import map_api_errors
from haystack_integrations.common.aimlapi.models import DEFAULT_IMAGE_MODEL, IMAGE_MODELS
from haystack_integrations.common.aimlapi.parameters import merge_parameters
from haystack_integrations.common.aimlapi.representation import with_description
from haystack_integrations.common.aimlapi.serialization import component_to_dict

from ._images.downloads import Downloads
from ._images.reply import ImageFormat, build_result, convert_image, find_images
from ._images.request import GENERATIONS, build_arguments, send


@with_description
@component
class AIMLAPIImageGenerator(ClientOwner, OpenAIImageGenerator):
    """
    Generates images using any of the image models that AIMLAPI (AI/ML API) serves.

    This component works wherever Haystack's `OpenAIImageGenerator` does, with the models of all vendors: OpenAI, Black
    Forest Labs, Google, ByteDance, Alibaba, Recraft, Stability AI, xAI and more. It shares with `AIMLAPIChatGenerator`
    the client, the environment variables, errors, retries, cost and ids.

    Only what is asked for is sent, as vendors differ: `size` and `quality` are OpenAI's, others take `image_size`,
    `aspect_ratio`, `num_images`, `seed`, `image_urls` and more in `generation_kwargs`. For the models and what they
    take, see the [AIMLAPI documentation](https://docs.aimlapi.com/api-references/image-models).

    ### Usage example
    ```python
    import base64
    from pathlib import Path

    from haystack_integrations.components.generators.aimlapi import AIMLAPIImageGenerator

    generator = AIMLAPIImageGenerator(model="blackforestlabs/flux-2", generation_kwargs={"image_size": "square"})
    result = generator.run("A black cat on a red sofa.")
    Path("cat.png").write_bytes(base64.b64decode(result["images"][0]))
    print(result["meta"]["cost"])
    ```
    """

    SUPPORTED_MODELS: ClassVar[list[str]] = IMAGE_MODELS
    """A selection of the image models. Any other id that AIMLAPI serves works as well.
    See https://docs.aimlapi.com/api-references/image-models for all of them."""

    _endpoint = GENERATIONS

    def __init__(  # noqa: PLR0913 as Haystack's parent class has them
        self,
        *,
        api_key: Secret = Secret.from_env_var("AIMLAPI_API_KEY"),
        model: str = DEFAULT_IMAGE_MODEL,
        quality: str | None = None,
        size: str | None = None,
        response_format: ImageFormat | None = None,
        api_base_url: str | None = BASE_URL,
        generation_kwargs: dict[str, Any] | None = None,
        timeout: float | None = None,
        extra_headers: Mapping[str, str | Secret] | None = None,
        max_retries: int | None = None,
        http_client_kwargs: dict[str, Any] | None = None,
        images: list[ImageContent] | None = None,
    ) -> None:
        """
        Creates an instance of AIMLAPIImageGenerator.

        :param api_key:
            The AIMLAPI key.
        :param model:
            The id of the model, such as `blackforestlabs/flux-2`.
        :param quality:
            The quality, such as `low` or `hd`. Sent only if set: OpenAI's models know it.
        :param size:
            The size, such as `1024x1024`. Sent only if set: OpenAI's models know it, among others.
        :param response_format:
            What `images` holds: `b64_json` (also if not set) for base64, `url` for URLs. Sent only if set, and
            fulfilled whatever the model returns: an image that comes as a URL is downloaded, and base64 becomes a
            data URL. With `url`, nothing is downloaded.
        :param api_base_url:
            The base URL of the API. If it is left at its default, or `None`, the environment variable
            `AIMLAPI_API_BASE` counts, if it is set.
        :param generation_kwargs:
            Parameters of the model, sent as fields of the request body, such as `image_size`, `aspect_ratio`,
            `num_images` or `n`, `seed`, `image_urls`, `negative_prompt`, `output_format`.

            `extra_headers`, `extra_query`, `extra_body` and `timeout` (seconds) are options of the request.
        :param timeout:
            Seconds until a call without an answer fails. If not set, the environment variable `AIMLAPI_TIMEOUT`, else
            the SDK's default: 600 seconds, and 5 to connect.
        :param extra_headers:
            HTTP headers of each request to the API; downloads do without. The value can be a Secret.
            `X-Client-Request-Id` correlates a call with AIMLAPI's logs; `HTTP-Referer` and `X-Title` replace the
            attribution to Haystack.
        :param max_retries:
            How often a call is tried again after a fault that may pass. If not set, the environment variable
            `AIMLAPI_MAX_RETRIES`, else 5.
        :param http_client_kwargs:
            Keyword arguments of the HTTP client, laid over the SDK's defaults. The client is an `httpx2.Client` or
            `httpx2.AsyncClient`, or one of `httpx` if a value is an object of `httpx`. `limits` can be a dictionary.
            Images are downloaded with a client of their own that reaches their hosts in the same way, by the same
            `transport`, `mounts`, `proxy`, `verify`, `cert` and `trust_env`; all else, such as `headers`, `auth` and
            `cookies`, is for the API only.
        :param images:
            Images to start from, for models that edit or combine images. See `run`.
        :raises TypeError:
            If a parameter is of another type than it is declared with.
        :raises ValueError:
            If `response_format` is none of the above, or a number is negative.
        """
        super(AIMLAPIImageGenerator, self).__init__(  # noqa: UP008 since the decorator makes the class anew
            model=model,
            api_key=api_key,
            api_base_url=api_base_url,
            timeout=timeout,
            max_retries=max_retries,
            extra_headers=extra_headers,
            http_client_kwargs=http_client_kwargs,
        )
        check_types(generation_kwargs=generation_kwargs, quality=quality, size=size)
        # The parent class knows OpenAI's values only.
        self.quality = cast(Any, quality)
        self.size = cast(Any, size)
        self.response_format = response_format
        self.generation_kwargs = generation_kwargs or {}
        self.images = images
        _check_format(response_format)

    def to_dict(self) -> dict[str, Any]:
        """
        Serialize this component to a dictionary.

        :returns:
            The serialized component as a dictionary.
        """
        return component_to_dict(
            self,
            quality=self.quality,
            size=self.size,
            response_format=self.response_format,
            images=None if self.images is None else [image.to_dict() for image in self.images],
        )

    @component.output_types(images=list[str], revised_prompt=str, meta=dict[str, Any])
    def run(  # noqa: PLR0913 as Haystack's parent class has them, and `images`
        self,
        prompt: str,
        size: str | None = None,
        quality: str | None = None,
        response_format: ImageFormat | None = None,
        generation_kwargs: dict[str, Any] | None = None,
        *,
        images: list[ImageContent] | None = None,
    ) -> dict[str, Any]:
        """
        Generates images.

        :param prompt:
            What the images show.
        :param size:
            If set, it overrides the size of init.
        :param quality:
            If set, it overrides the quality of init.
        :param response_format:
            If set, it overrides the format of init: `b64_json` or `url`.
        :param generation_kwargs:
            Parameters of the model. They override those of init per key; `extra_body` and `extra_headers` are merged
            one level deeper. A parameter that is None is not sent. See `__init__`.
        :param images:
            Images to start from, in the order that the prompt speaks of them. If set, they override those of init. They
            go into the field that the model takes, or as files to `/v1/images/edits`. An ImageContent in
            `generation_kwargs`, such as a `mask`, goes out likewise. Send images by address, and all images to a model
            that is not known here, in `generation_kwargs`.

        :returns:
            A dictionary with the following keys:
              - `images`: The images, as base64 or URLs.
              - `revised_prompt`: What the model made of the prompt, if it tells, else an empty string.
              - `meta`: The `model`, `cost` and `inference_id`; `images` with what is known of each, such as `url`,
                `width` or `revised_prompt`; and whatever else the API returns, such as `seed` or `usage`.

        :raises TypeError:
            If a parameter is of another type than it is declared with.
        :raises ValueError:
            If there is no API key, a parameter or header cannot be sent, or the model does not take these images or
            needs one.
        :raises openai.APIError:
            If the call, or the download of an image, fails, or moderation refuses it. Its text holds AIMLAPI's message,
            the ids of the call and what can be done.
        """
        with call_context() as call, self._sync_client() as client:
            named = {"size": size, "quality": quality, "response_format": response_format}
            arguments, image_format = self._prepare_api_call(prompt, named, generation_kwargs, images)
            with map_api_errors(call, model=self.model, hint=GENERATIONS.model_hint):
                body = checked_body(send(client, arguments), "an image")
                entries = find_images(body)
                result = build_result(body, entries, model=self.model, prompt=prompt, headers=call.headers)
                found = [convert_image(entry, image_format) for entry in entries]
                downloads = self._downloads(client, arguments)
                result["images"] = found if all(found) else downloads.fill(found, entries, body)
        return result

    @component.output_types(images=list[str], revised_prompt=str, meta=dict[str, Any])
    async def run_async(  # noqa: PLR0913 as Haystack's parent class has them, and `images`
        self,
        prompt: str,
        size: str | None = None,
        quality: str | None = None,
        response_format: ImageFormat | None = None,
        generation_kwargs: dict[str, Any] | None = None,
        *,
        images: list[ImageContent] | None = None,
    ) -> dict[str, Any]:
        """
        Generates images asynchronously. Parameters, results and errors are those of `run`.

        :param prompt:
            What the images show.
        :param size:
            If set, it overrides the size of init.
        :param quality:
            If set, it overrides the quality of init.
        :param response_format:
            If set, it overrides the format of init: `b64_json` or `url`.
        :param generation_kwargs:
            Parameters of the model. They override those of init per key; `extra_body` and `extra_headers` are merged
            one level deeper. A parameter that is None is not sent. See `__init__`.
        :param images:
            Images to start from, in the order that the prompt speaks of them. If set, they override those of init. They
            go into the field that the model takes, or as files to `/v1/images/edits`. An ImageContent in
            `generation_kwargs`, such as a `mask`, goes out likewise. Send images by address, and all images to a model
            that is not known here, in `generation_kwargs`.

        :returns:
            A dictionary with the following keys:
              - `images`: The images, as base64 or URLs.
              - `revised_prompt`: What the model made of the prompt, if it tells, else an empty string.
              - `meta`: The `model`, `cost` and `inference_id`; `images` with what is known of each, such as `url`,
                `width` or `revised_prompt`; and whatever else the API returns, such as `seed` or `usage`.

        :raises TypeError:
            If a parameter is of another type than it is declared with.
        :raises ValueError:
            If there is no API key, a parameter or header cannot be sent, or the model does not take these images or
            needs one.
        :raises openai.APIError:
            If the call, or the download of an image, fails, or moderation refuses it. Its text holds AIMLAPI's message,
            the ids of the call and what can be done.
        """
        with call_context() as call:
            async with self._async_client() as client:
                named = {"size": size, "quality": quality, "response_format": response_format}
                arguments, image_format = self._prepare_api_call(prompt, named, generation_kwargs, images)
                with map_api_errors(call, model=self.model, hint=GENERATIONS.model_hint):
                    body = checked_body(await send(client, arguments), "an image")
                    entries = find_images(body)
                    result = build_result(body, entries, model=self.model, prompt=prompt, headers=call.headers)
                    found = [convert_image(entry, image_format) for entry in entries]
                    downloads = self._downloads(client, arguments)
                    result["images"] = found if all(found) else await downloads.fill_async(found, entries, body)
        return result

    def _prepare_api_call(
        self,
        prompt: str,
        named: dict[str, Any],
        generation_kwargs: dict[str, Any] | None,
        images: Sequence[ImageContent] | None,
    ) -> tuple[dict[str, Any], ImageFormat]:
        check_types(generation_kwargs=generation_kwargs, size=named["size"], quality=named["quality"])
        of_init = {"size": self.size, "quality": self.quality, "response_format": self.response_format}
        parameters = merge_parameters(
            {**of_init, **self.generation_kwargs},
            {**(generation_kwargs or {}), **{name: value for name, value in named.items() if value is not None}},
            headers=self.extra_headers,
        )
        arguments = build_arguments(
            model=self.model,
            prompt=prompt,
            images=(self.images if images is None else images) or [],
            parameters=parameters,
        )
        image_format = {**arguments, **arguments["extra_body"]}.get("response_format")
        _check_format(image_format)
        return arguments, image_format or "b64_json"

    def _downloads(self, client: Any, arguments: dict[str, Any]) -> Downloads:
        return Downloads(client, http_client_kwargs=self.http_client_kwargs, timeout=arguments.get("timeout"))


def _check_format(value: Any) -> None:
    if value not in (None, "b64_json", "url"):
        msg = f"`response_format` must be 'b64_json' or 'url', got '{value}'."
        raise ValueError(msg)
