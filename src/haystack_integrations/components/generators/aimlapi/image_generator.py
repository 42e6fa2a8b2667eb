# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

import base64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, Literal, cast

import httpx2
from haystack import component, default_from_dict, default_to_dict, logging
from haystack.components.generators import OpenAIImageGenerator
from haystack.utils import Secret
from openai import APIError, APIStatusError, Omit

from haystack_integrations.components.generators.aimlapi._call import (
    call_meta,
    deserialize_component_data,
    merge_parameters,
    present,
    rest_of_service_meta,
    serialize_headers,
    serialize_parameters,
    split_parameters,
)
from haystack_integrations.components.generators.aimlapi._client import BASE_URL, ClientOwner, recorded_response
from haystack_integrations.components.generators.aimlapi._errors import failures, reject
from haystack_integrations.components.generators.aimlapi._stream import answer_body

logger = logging.getLogger(__name__)

ImageFormat = Literal["b64_json", "url"]

_PLACES = {"prompt": "the `prompt` of `run`", "model": "the init parameter `model`"}
# How images of these types begin in base64.
_BEGINNINGS = {"iVBOR": "image/png", "/9j/": "image/jpeg", "UklGR": "image/webp", "R0lGOD": "image/gif"}


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

    SUPPORTED_MODELS: ClassVar[list[str]] = [
        "openai/gpt-image-2",
        "openai/gpt-image-1-5",
        "openai/gpt-image-1-mini",
        "dall-e-3",
        "blackforestlabs/flux-2-max",
        "blackforestlabs/flux-2-pro",
        "blackforestlabs/flux-2",
        "flux/kontext-max/text-to-image",
        "flux/schnell",
        "google/gemini-3-1-flash-image-preview",
        "google/gemini-3-pro-image-preview",
        "google/imagen-4.0-ultra-generate-001",
        "google/imagen-4.0-generate-001",
        "bytedance/seedream-5-0-pro",
        "bytedance/seedream-4-5",
        "alibaba/qwen-image-3",
        "alibaba/wan-2-7-image-pro",
        "alibaba/z-image-turbo",
        "x-ai/grok-imagine-image-pro",
        "x-ai/grok-imagine-image",
        "recraft-v3",
        "reve/create-image",
        "luma/uni-1-max",
        "hunyuan/hunyuan-image-v3-text-to-image",
        "microsoft/mai-image-2.5",
        "klingai/image-o1",
        "stable-diffusion-v35-large",
        "topaz-labs/sharpen",
    ]
    """A selection of the image models. Any other id that AIMLAPI serves works as well.
    See https://docs.aimlapi.com/api-references/image-models for all of them."""

    def __init__(
        self,
        *,
        api_key: Secret = Secret.from_env_var("AIMLAPI_API_KEY"),
        model: str = "openai/gpt-image-2",
        quality: str | None = None,
        size: str | None = None,
        response_format: ImageFormat | None = None,
        api_base_url: str | None = BASE_URL,
        generation_kwargs: dict[str, Any] | None = None,
        timeout: float | None = None,
        extra_headers: dict[str, str | Secret] | None = None,
        max_retries: int | None = None,
        http_client_kwargs: dict[str, Any] | None = None,
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
            The base URL of the API. `None` means AIMLAPI's own.
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
            Images are downloaded with the same client: what is set as its `headers` or `auth` goes to their hosts too.
        :raises ValueError:
            If `response_format` is none of the above.
        """
        super(AIMLAPIImageGenerator, self).__init__(  # noqa: UP008 since the decorator makes the class anew
            model=model,
            api_key=api_key,
            api_base_url=api_base_url,
            timeout=timeout,
            max_retries=max_retries,
            http_client_kwargs=http_client_kwargs,
        )
        # The parent class knows OpenAI's values only.
        self.quality = cast(Any, quality)
        self.size = cast(Any, size)
        self.response_format = response_format
        self.generation_kwargs = generation_kwargs or {}
        self.extra_headers = extra_headers
        self._forget_clients()
        _check_format(response_format)

    def to_dict(self) -> dict[str, Any]:
        """
        Serialize this component to a dictionary.

        :returns:
            The serialized component as a dictionary.
        """
        return default_to_dict(
            self,
            api_key=self.api_key,
            model=self.model,
            quality=self.quality,
            size=self.size,
            response_format=self.response_format,
            api_base_url=self.api_base_url,
            generation_kwargs=serialize_parameters(self.generation_kwargs),
            timeout=self.timeout,
            extra_headers=serialize_headers(self.extra_headers),
            max_retries=self.max_retries,
            http_client_kwargs=self.http_client_kwargs,
        )

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "AIMLAPIImageGenerator":
        """
        Deserialize this component from a dictionary.

        :param data:
            The dictionary representation of this component. It is left as it is.
        :returns:
            The deserialized component instance.
        """
        return default_from_dict(cls, deserialize_component_data(data))

    @component.output_types(images=list[str], revised_prompt=str, meta=dict[str, Any])
    def run(
        self,
        prompt: str,
        size: str | None = None,
        quality: str | None = None,
        response_format: ImageFormat | None = None,
        generation_kwargs: dict[str, Any] | None = None,
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

        :returns:
            A dictionary with the following keys:
            - `images`: The images, as base64 or URLs.
            - `revised_prompt`: What the model made of the prompt, if it tells, else an empty string.
            - `meta`: The `model`, `cost` and `inference_id`; `images` with what is known of each image, such as `url`,
              `width` or `revised_prompt`; and whatever else the API returns, such as `seed` or `usage`.

        :raises ValueError:
            If there is no API key, or a parameter or header cannot be sent.
        :raises openai.APIError:
            If the call, or the download of an image, fails, or moderation refuses it. Its text holds AIMLAPI's message,
            the ids of the call and what can be done.
        """
        with recorded_response() as received:
            arguments, image_format = self._prepare_api_call(prompt, size, quality, response_format, generation_kwargs)
            client = self._sync_client()
            with failures(self):
                body = answer_body(client.images.generate(**arguments), "an image")
                entries = _find_images(body)
                result = _describe(body, entries, arguments, received.headers)
                for entry in entries:
                    image = _convert(entry, image_format)
                    if image is None:
                        with _downloading(entry["url"]):
                            image = _encode(client.get(entry["url"], **_download(arguments)))
                    result["images"].append(image)
        return result

    @component.output_types(images=list[str], revised_prompt=str, meta=dict[str, Any])
    async def run_async(
        self,
        prompt: str,
        size: str | None = None,
        quality: str | None = None,
        response_format: ImageFormat | None = None,
        generation_kwargs: dict[str, Any] | None = None,
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

        :returns:
            A dictionary with the following keys:
            - `images`: The images, as base64 or URLs.
            - `revised_prompt`: What the model made of the prompt, if it tells, else an empty string.
            - `meta`: The `model`, `cost` and `inference_id`; `images` with what is known of each image, such as `url`,
              `width` or `revised_prompt`; and whatever else the API returns, such as `seed` or `usage`.

        :raises ValueError:
            If there is no API key, or a parameter or header cannot be sent.
        :raises openai.APIError:
            If the call, or the download of an image, fails, or moderation refuses it. Its text holds AIMLAPI's message,
            the ids of the call and what can be done.
        """
        with recorded_response() as received:
            arguments, image_format = self._prepare_api_call(prompt, size, quality, response_format, generation_kwargs)
            client = await self._async_client()
            with failures(self):
                body = answer_body(await client.images.generate(**arguments), "an image")
                entries = _find_images(body)
                result = _describe(body, entries, arguments, received.headers)
                for entry in entries:
                    image = _convert(entry, image_format)
                    if image is None:
                        with _downloading(entry["url"]):
                            image = _encode(await client.get(entry["url"], **_download(arguments)))
                    result["images"].append(image)
        return result

    def _prepare_api_call(
        self,
        prompt: str,
        size: str | None,
        quality: str | None,
        response_format: ImageFormat | None,
        generation_kwargs: dict[str, Any] | None,
    ) -> tuple[dict[str, Any], ImageFormat]:
        named = {"size": self.size, "quality": self.quality, "response_format": self.response_format}
        run = {"size": size, "quality": quality, "response_format": response_format}
        parameters = merge_parameters(
            {**named, **self.generation_kwargs},
            {**(generation_kwargs or {}), **{name: value for name, value in run.items() if value is not None}},
        )
        options, body = split_parameters(parameters, self.extra_headers, _PLACES)
        body = {name: value for name, value in body.items() if value is not None}
        _check_format(body.get("response_format"))
        return (
            {"model": self.model, "prompt": prompt, "extra_body": body, **options},
            body.get("response_format", "b64_json"),
        )


def _download(arguments: dict[str, Any]) -> dict[str, Any]:
    """
    Build the options of a download: of those of the call, the host that an image lies on gets the timeout only.
    """
    timeout = {"timeout": arguments["timeout"]} if "timeout" in arguments else {}
    headers = {"Accept": "image/*", "Authorization": Omit(), "Content-Type": Omit()}
    return {"cast_to": httpx2.Response, "options": {**timeout, "headers": headers}}


def _check_format(value: Any) -> None:
    if value not in (None, "b64_json", "url"):
        msg = f"`response_format` must be 'b64_json' or 'url', got '{value}'."
        raise ValueError(msg)


def _find_images(body: dict[str, Any]) -> list[dict[str, Any]]:
    """
    Find the images in a reply: OpenAI's shape has them in `data`, that of others in `images`, and some in both.

    :raises APIError: If there is none, or moderation refused all of them.
    """
    found: Any = body.get("data") or body.get("images") or []
    entries = [_entry(value) for value in (found if isinstance(found, list) else [found])]
    # A picture without anything to see takes the place of what moderation refused.
    nsfw = body.get("has_nsfw_concepts")
    flags = dict(enumerate(nsfw if isinstance(nsfw, list) else [nsfw] * len(entries)))
    refused = [
        bool(flags.get(number) or entry.get("content_violation") or entry.get("respect_moderation") is False)
        for number, entry in enumerate(entries)
    ]
    images: list[dict[str, Any]] = []
    missing: list[dict[str, Any]] = []
    for entry, is_refused in zip(entries, refused, strict=True):
        is_image = not is_refused and (entry.get("b64_json") or entry.get("url"))
        (images if is_image else missing).append(entry)
    told = "".join(f": {text}" for part in (body, *missing) if (text := part.get("description") or part.get("reason")))
    if not images:
        reason = "Moderation refused the image" if any(refused) else "AIMLAPI answered without an image"
        reject(body, f"{reason}{told}")
    if missing:
        logger.warning(
            "{missing} of {total} images were refused or left out{told}",
            missing=len(missing),
            total=len(entries),
            told=told,
        )
    return images


def _entry(value: Any) -> dict[str, Any]:
    """
    Get an image as a dictionary that has its data in `b64_json`, and its URL in `url`.
    """
    entry = dict(value) if isinstance(value, dict) else {"url": value}
    if linked := entry.pop("image_url", None):
        entry.update(linked if isinstance(linked, dict) else {"url": linked})
    return {name: part for name, part in entry.items() if name not in ("b64_json", "url") or isinstance(part, str)}


def _describe(
    body: dict[str, Any], entries: list[dict[str, Any]], arguments: dict[str, Any], headers: Mapping[str, str]
) -> dict[str, Any]:
    """
    Build the result of a run, but for the images themselves.
    """
    service_meta = body.get("meta")
    images = []
    for entry in entries:
        data_url = str(entry.get("url") or "").startswith("data:")
        images.append(present(entry, {"b64_json", "url"} if data_url else {"b64_json"}))
    revised = entries[0].get("revised_prompt") or entries[0].get("prompt") or ""
    return {
        "images": [],
        "revised_prompt": revised if revised != arguments["prompt"] else "",
        "meta": {
            "model": arguments["model"],
            **present(body, {"data", "meta"}),
            **rest_of_service_meta(service_meta),
            "images": images,
            **call_meta(service_meta, headers),
        },
    }


def _convert(entry: dict[str, Any], image_format: ImageFormat) -> str | None:
    """
    Give an image the form that was asked for.

    :returns: Base64 or a URL; None if it must be downloaded.
    """
    data, url = entry.get("b64_json") or "", entry.get("url") or ""
    if image_format == "url" and url:
        return str(url)
    head, _, data = (data or url).rpartition("base64,")
    if image_format == "b64_json":
        return data if entry.get("b64_json") or head.startswith("data:") else None
    if head:
        return f"{head}base64,{data}"
    known = entry.get("mime_type") or entry.get("content_type")
    media_type = known or next((type_ for start, type_ in _BEGINNINGS.items() if data.startswith(start)), "image/png")
    return f"data:{media_type};base64,{data}"


@contextmanager
def _downloading(url: str) -> Iterator[None]:
    # Its own record, so that a failure is told with the ids of the call that made the image.
    with recorded_response():
        try:
            yield
        except APIError as error:
            if isinstance(error, APIStatusError):
                told = f"HTTP {error.status_code}"
            else:
                told = f"{error.message} {error.__cause__ or ''}".strip()
            msg = f"The image was made, but its download from {url} failed: {told}"
            raise APIError(msg, error.request, body=None) from error


def _encode(response: httpx2.Response) -> str:
    media_type = response.headers.get("content-type", "")
    if not response.content or media_type.startswith(("text/", "application/json")):
        reject(None, f"the answer is no image, but {len(response.content)} bytes of type '{media_type}'")
    return base64.b64encode(response.content).decode()
