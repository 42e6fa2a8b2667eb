# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

import base64
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any, ClassVar

import httpx
import httpx2
import openai
import pytest
from haystack import Pipeline
from haystack.components.builders import PromptBuilder
from haystack.utils import Secret
from hypothesis import example, given
from hypothesis import strategies as st

from haystack_integrations.components.generators.aimlapi import AIMLAPIImageGenerator
from haystack_integrations.components.generators.aimlapi._images.downloads import Downloads
from tests.support.api import PNG, Api, image_generator
from tests.support.modes import LEGACY_UNVERIFIED, Mode, plain_only
from tests.support.names import PUBLIC, Names
from tests.support.recordings import Recording
from tests.support.recordings import names as recordings
from tests.support.replies import PIXEL

BASE64 = PIXEL
SVG = b"<svg xmlns='http://www.w3.org/2000/svg'/>"
CDN = "https://cdn.example.com/"
PROMPT = "A black cat on a red sofa."
FROM_IMAGES = recordings("image_from_*")
RECORDINGS = [name for name in recordings("image_*") if name not in (*FROM_IMAGES, "image_moderation")]
FIELDS = (
    *(
        "data",
        "images",
        "url",
        "b64_json",
        "image_url",
        "mime_type",
        "content_type",
        "revised_prompt",
        "prompt",
        "meta",
    ),
    *("usage", "has_nsfw_concepts", "content_violation", "respect_moderation", "description", "reason", "model"),
    *("meta", "cost", "error", "message", "statusCode", "base_resp"),
)
LINKED = {"data": [{"url": f"{CDN}1.png"}]}
pytestmark = pytest.mark.usefixtures("names")


def encoded(image: bytes) -> str:
    return base64.b64encode(image).decode()


JPEG = encoded(b"\xff\xd8\xff\xe0" + bytes(8))
SVG_URL = f"data:image/svg+xml;base64,{encoded(SVG)}"
IN_LINES = base64.encodebytes(base64.b64decode(PIXEL) + bytes(9000)).decode()
WEBP = encoded(b"RIFF\x08\x00\x00\x00WEBPVP8 ")
# What comes out of the recorded reply of each vendor: the model that made it, and the meta beside cost and ids.
EXPECTED: dict[str, dict[str, Any]] = {
    "image_openai": {
        "created": 1788301000,
        "background": "opaque",
        "output_format": "png",
        "quality": "medium",
        "size": "1024x1024",
        "images": [{}],
        "cost": {"credits_used": 107341, "usd_spent": 0.0536705},
    },
    "image_openai_url": {
        "images": [{"revised_prompt": "A photograph of a black cat on a red sofa."}],
        "cost": {"credits_used": 26465, "usd_spent": 0.0132325},
    },
    "image_flux": {
        "timings": {"inference": 1.2268},
        "seed": 1765470393,
        "has_nsfw_concepts": [False, False],
        "prompt": PROMPT,
        "images": [{"width": 512, "height": 512, "content_type": "image/jpeg"}] * 2,
        "cost": {"credits_used": 52500, "usd_spent": 0.02625},
    },
    "image_google": {
        "images": [
            {"mime_type": "image/png", "prompt": "A sleek black cat lies on a red velvet sofa in soft evening light."}
        ],
        "cost": {"tokens_used": 126000},
    },
    "image_gemini": {
        "description": "Here is your cat!",
        "images": [{"content_type": "image/png", "file_name": "rvE.png"}],
        "cost": {"tokens_used": 315000},
    },
    "image_bytedance": {
        "seed": 623004765,
        "images": [{"content_type": "image/png", "file_name": "O0b.png", "file_size": 3282232}],
        "cost": {"tokens_used": 63000},
    },
    "image_recraft": {"images": [{}], "cost": {"credits_used": 84000, "usd_spent": 0.042}},
    "image_xai": {"images": [{"mime_type": "image/png"}], "cost": {"credits_used": 52000}},
    "image_reve": {
        "images": [{"request_id": "rsid-f08b8f47", "content_violation": False}],
        "cost": {"tokens_used": 126000},
    },
}
REVISED = {
    "image_openai_url": "A photograph of a black cat on a red sofa.",
    "image_google": "A sleek black cat lies on a red velvet sofa in soft evening light.",
}


# Replies


def test_every_recording_is_expected() -> None:
    assert set(RECORDINGS) == EXPECTED.keys()


@plain_only
@pytest.mark.parametrize("name", RECORDINGS)
@pytest.mark.parametrize("family", ["httpx2", "httpx"])
async def test_urls_of_every_vendor_are_passed_on(name: str, mode: Mode, family: str, playback: Any) -> None:
    """As every vendor answers; nothing is downloaded, or the recording would have no answer."""
    settings = {"http_client_kwargs": LEGACY_UNVERIFIED} if family == "httpx" else {}
    recorded = playback(name).exchanges[0]
    model, prompt, parameters = taken_apart(recorded)
    answer = recorded["response"]["json"]
    entries = answer.get("data") or answer["images"]
    recorded["request"]["body"].setdefault("response_format", "url")
    asked = parameters.pop("response_format", "url")
    component = AIMLAPIImageGenerator(model=model, generation_kwargs=parameters, **settings)

    result = await mode.call(component, prompt, response_format=asked)

    told = EXPECTED[name]
    urls = [{"url": entry["url"]} if entry["url"] else {} for entry in entries]
    usage = {"usage": answer["usage"]} if answer.get("usage") else {}
    assert result == {
        "images": [entry["url"] or entry["b64_json"] for entry in entries],
        "revised_prompt": REVISED.get(name, ""),
        "meta": {
            **told,
            **usage,
            "model": model,
            "images": [{**url, **image} for url, image in zip(urls, told["images"], strict=True)],
            "inference_id": recorded["response"]["headers"]["x-inference-id"],
        },
    }


def taken_apart(recorded: dict[str, Any]) -> tuple[str, str, dict[str, Any]]:
    body = dict(recorded["request"]["body"])
    return body.pop("model"), body.pop("prompt"), body


def taken_from(api: Api) -> list[str]:
    """The addresses that were downloaded from; the connection goes to one that the name was looked up for."""
    return [str(request.url.copy_with(host=request.headers["host"])) for request in api.downloads]


@plain_only
@pytest.mark.parametrize("name", [*RECORDINGS, *FROM_IMAGES])
async def test_images_of_every_vendor_are_downloaded(name: str, mode: Mode, names: Names) -> None:
    recorded = Recording(name).exchanges[0]
    answer = recorded["response"]["json"]
    entries = answer.get("data") or answer["images"]
    urls = [entry["url"] for entry in entries if entry["url"]]
    for url in urls:
        names.set(httpx2.URL(url).host, PUBLIC)
    pictures = [SVG if url.endswith(".svg") else PNG + bytes([number]) for number, url in enumerate(urls)]
    api = Api(answer, downloads=pictures)

    result = await mode.call(image_generator(api), PROMPT)

    assert taken_from(api) == urls
    encoded = [base64.b64encode(picture).decode() for picture in pictures]
    assert result["images"] == (encoded or [entry["b64_json"] for entry in entries])


@plain_only
@pytest.mark.parametrize(
    ("entry", "as_base64", "as_url"),
    [
        ({"b64_json": BASE64}, BASE64, f"data:image/png;base64,{BASE64}"),
        ({"b64_json": JPEG}, JPEG, f"data:image/jpeg;base64,{JPEG}"),
        ({"b64_json": IN_LINES}, IN_LINES, f"data:image/png;base64,{IN_LINES}"),
        ({"b64_json": WEBP}, WEBP, f"data:image/webp;base64,{WEBP}"),
        ({"b64_json": WEBP, "mime_type": "image/png"}, WEBP, f"data:image/webp;base64,{WEBP}"),
        ({"b64_json": f"{WEBP[:9]}\n{WEBP[9:]}\n"}, f"{WEBP[:9]}\n{WEBP[9:]}\n", None),
        ({"b64_json": f"data:image/webp;base64,{WEBP}"}, WEBP, f"data:image/webp;base64,{WEBP}"),
        ({"url": f"data:image/webp;base64,{WEBP}"}, WEBP, f"data:image/webp;base64,{WEBP}"),
        ({"b64_json": encoded(SVG), "mime_type": "image/svg+xml"}, encoded(SVG), SVG_URL),
        ({"url": SVG_URL}, encoded(SVG), SVG_URL),
        ({"b64_json": WEBP, "url": f"data:image/webp;base64,{WEBP}"}, WEBP, f"data:image/webp;base64,{WEBP}"),
        ({"b64_json": BASE64, "url": f"{CDN}2.png"}, BASE64, f"{CDN}2.png"),
        (f"{CDN}3.png", BASE64, f"{CDN}3.png"),
        ({"image_url": f"{CDN}4.png"}, BASE64, f"{CDN}4.png"),
        ({"image_url": {"url": f"{CDN}5.png"}}, BASE64, f"{CDN}5.png"),
        ({"image_url": {"url": f"data:image/webp;base64,{WEBP}"}}, WEBP, f"data:image/webp;base64,{WEBP}"),
        ({"b64_json": 5, "url": f"{CDN}6.png"}, BASE64, f"{CDN}6.png"),
        ({"url": f"{CDN}7.png?base64,AAAA"}, BASE64, f"{CDN}7.png?base64,AAAA"),
    ],
)
async def test_images_come_in_the_form_that_was_asked_for(
    mode: Mode, entry: Any, as_base64: str, as_url: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    component = image_generator(Api({"data": [entry]}))
    results = [
        await mode.call(component, PROMPT, **asked)
        for asked in ({}, {"response_format": "b64_json"}, {"response_format": "url"})
    ]
    as_url = as_url or f"data:image/webp;base64,{as_base64}"
    assert [result["images"] for result in results] == [[as_base64], [as_base64], [as_url]]
    assert "base64" not in str(results[0]["meta"]).replace("?base64", "")
    assert repr(as_base64)[1:-1] not in str(results[0]["meta"])
    assert caplog.text == ""


@plain_only
async def test_a_message_beside_an_image_is_no_error(mode: Mode) -> None:
    api = Api({"data": [{"b64_json": BASE64}], "message": "Done"})
    assert (await mode.call(image_generator(api), PROMPT))["images"] == [BASE64]


@plain_only
@pytest.mark.parametrize(
    ("entry", "as_url"),
    [
        ({"b64_json": "AAAA"}, "data:application/octet-stream;base64,AAAA"),
        ({"b64_json": "AAAA", "mime_type": "image/jxl"}, "data:image/jxl;base64,AAAA"),
        ({"b64_json": "AAAA", "mime_type": 5, "content_type": "image/jxl"}, "data:image/jxl;base64,AAAA"),
        ({"b64_json": encoded(SVG)}, f"data:application/octet-stream;base64,{encoded(SVG)}"),
        ({"b64_json": "no image, \ud800"}, "data:application/octet-stream;base64,no image, \ufffd"),
        ({"b64_json": "data:image/png;base64,AAAA"}, "data:image/png;base64,AAAA"),
    ],
)
async def test_data_that_is_no_image_is_kept_with_a_warning(
    mode: Mode, entry: Any, as_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    component = image_generator(Api({"data": [entry]}))
    results = [await mode.call(component, PROMPT, response_format=asked) for asked in ("b64_json", "url")]
    assert [result["images"] for result in results] == [[as_url.rpartition("base64,")[2]], [as_url]]
    told = "What the model returned in base64 does not begin as an image does. It is kept as it is."
    assert caplog.messages == [told] * 2


@plain_only
@pytest.mark.parametrize(
    ("entry", "asked"),
    [
        ({"b64_json": "base64,"}, "b64_json"),
        ({"b64_json": "base64,"}, "url"),
        ({"url": "data:image/png;base64,"}, "b64_json"),
        ({"url": "data:,x"}, "b64_json"),
    ],
)
async def test_data_that_is_nothing_is_an_error(mode: Mode, entry: Any, asked: str) -> None:
    component = image_generator(Api({"data": [{"b64_json": BASE64}, entry]}))
    with pytest.raises(openai.APIError, match="it is no address of an image"):
        await mode.call(component, PROMPT, response_format=asked)


@plain_only
async def test_meta_holds_all_that_is_no_image(mode: Mode) -> None:
    body = {
        "data": [{"url": f"{CDN}1.png", "seed": 1, "revised_prompt": "One."}, {"url": f"{CDN}2.png", "seed": 0}],
        "model": "dated-model",
        "unheard_of": {"x": 1},
        "size": None,
    }
    headers = {"x_inference_id": "inf-1", "x_client_request_id": "mine-1", "x_aimlapi_credits_used": "7"}

    result = await mode.call(image_generator(Api(body, **headers)), PROMPT)

    assert result == {
        "images": [BASE64, BASE64],
        "revised_prompt": "One.",
        "meta": {
            "model": "dated-model",
            "unheard_of": {"x": 1},
            "images": [{"url": f"{CDN}1.png", "seed": 1, "revised_prompt": "One."}, {"url": f"{CDN}2.png", "seed": 0}],
            "cost": {"credits_used": 7},
            "inference_id": "inf-1",
            "client_request_id": "mine-1",
        },
    }


@plain_only
@pytest.mark.parametrize(
    "body",
    [
        {"data": {"url": f"{CDN}1.png", "width": 5}},
        {"data": [], "images": {"url": f"{CDN}1.png", "width": 5}},
        {"images": [{"image_url": {"url": f"{CDN}1.png"}, "width": 5}]},
        {"images": {"image_url": {"url": f"{CDN}1.png", "width": 5}}},
        {"images": {"url": None, "image_url": f"{CDN}1.png", "width": 5}},
    ],
)
async def test_one_image_of_any_shape_is_found(mode: Mode, body: dict[str, Any]) -> None:
    api = Api({**body, "meta": {"usage": {"usd_spent": 1}, "unheard_of": "x"}})
    result = await mode.call(image_generator(api), PROMPT)
    assert taken_from(api) == [f"{CDN}1.png"]
    assert result == {
        "images": [BASE64],
        "revised_prompt": "",
        "meta": {
            "model": "openai/gpt-image-2",
            "images": [{"url": f"{CDN}1.png", "width": 5}],
            "meta": {"unheard_of": "x"},
            "cost": {"usd_spent": 1},
        },
    }


@plain_only
async def test_a_url_alone_is_an_image(mode: Mode) -> None:
    api = Api({"data": f"{CDN}1.png", "meta": "x"})
    result = await mode.call(image_generator(api), PROMPT)
    assert taken_from(api) == [f"{CDN}1.png"]
    assert result["images"] == [BASE64]
    assert result["meta"]["meta"] == "x"


@plain_only
@pytest.mark.parametrize("prompt", [PROMPT, {"text": "A cat."}])
async def test_the_same_prompt_is_no_revision_nor_is_what_is_no_text(mode: Mode, prompt: Any) -> None:
    api = Api({"data": [{"b64_json": BASE64, "prompt": prompt}]})
    assert (await mode.call(image_generator(api), PROMPT))["revised_prompt"] == ""


def test_outputs_go_where_those_of_the_parent_class_went() -> None:
    """What the parent class has for outputs goes on to where it went."""
    api = Api({"data": [{"b64_json": BASE64, "revised_prompt": "Two cats."}]})
    pipeline = Pipeline()
    pipeline.add_component("image", image_generator(api))
    pipeline.add_component("after", PromptBuilder("Describe: {{ picture }}, {{ images | length }}"))
    pipeline.connect("image.revised_prompt", "after.picture")
    pipeline.connect("image.images", "after.images")
    assert pipeline.run({"image": {"prompt": PROMPT}})["after"] == {"prompt": "Describe: Two cats., 1"}


# Requests


@plain_only
async def test_least_that_is_sent(mode: Mode) -> None:
    api = Api()
    await mode.call(image_generator(api), PROMPT)
    assert api.bodies == [{"model": "openai/gpt-image-2", "prompt": PROMPT}]
    assert str(api.requests[0].url) == "https://api.aimlapi.com/v1/images/generations"


@plain_only
async def test_parameters_are_fields_of_the_body_or_options(mode: Mode) -> None:
    api = Api()
    component = image_generator(
        api,
        size="1024x1024",
        quality="hd",
        response_format="url",
        generation_kwargs={"seed": 1, "num_images": 2, "extra_body": {"a": 1}, "style": "vivid"},
        extra_headers={"X-Key": Secret.from_token("s")},
    )
    kept = dict(component.generation_kwargs)
    run = {
        "seed": 0,
        "style": None,
        "image_size": {"width": 512, "height": 512},
        "extra_body": {"b": 2},
        "extra_headers": {"x-title": "Mine"},
        "stream": True,
    }
    await mode.call(component, PROMPT, size="auto", generation_kwargs=run)
    await mode.call(component, PROMPT, quality="low", response_format="b64_json", generation_kwargs={"size": None})

    assert api.bodies == [
        {
            "model": "openai/gpt-image-2",
            "prompt": PROMPT,
            "size": "auto",
            "quality": "hd",
            "response_format": "url",
            "seed": 0,
            "num_images": 2,
            "image_size": {"width": 512, "height": 512},
            "a": 1,
            "b": 2,
        },
        {
            "model": "openai/gpt-image-2",
            "prompt": PROMPT,
            "quality": "low",
            "response_format": "b64_json",
            "seed": 1,
            "num_images": 2,
            "a": 1,
            "style": "vivid",
        },
    ]
    headers = api.requests[0].headers
    assert [headers.get(name) for name in ("x-key", "x-title", "authorization")] == ["s", "Mine", "Bearer test-key"]
    assert component.generation_kwargs == kept


@plain_only
async def test_arguments_by_name_come_before_generation_kwargs(mode: Mode) -> None:
    api = Api(LINKED)
    component = image_generator(api, size="1x1", quality="hd", response_format="b64_json")
    named = {"size": "auto", "quality": "low", "response_format": "url"}
    others = {"size": "2x2", "quality": "high", "response_format": "b64_json"}
    result = await mode.call(component, PROMPT, **named, generation_kwargs=others)
    assert api.bodies == [{"model": "openai/gpt-image-2", "prompt": PROMPT, **named}]
    assert result["images"] == [f"{CDN}1.png"]


@plain_only
@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"prompt": "x"}, "`prompt` of `run`"),
        ({"model": "x"}, "init parameter `model`"),
        ({"response_format": "png"}, "'b64_json' or 'url', got 'png'"),
        ({"extra_headers": {"X-Client-Request-Id": "a b"}}, "X-Client-Request-Id"),
    ],
)
async def test_what_cannot_be_sent_is_refused(mode: Mode, parameters: dict[str, Any], told: str) -> None:
    api = Api()
    with pytest.raises(ValueError, match=told):
        await mode.call(image_generator(api), PROMPT, generation_kwargs=parameters)
    assert api.requests == []


def test_a_response_format_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="got 'png'"):
        AIMLAPIImageGenerator(response_format="png")


# Downloads


@plain_only
async def test_nothing_that_is_for_the_api_leaves_with_a_download(mode: Mode) -> None:
    api = Api(LINKED)
    secret = Secret.from_token("hidden")
    component = AIMLAPIImageGenerator(
        api_key=secret,
        extra_headers={"X-Gateway": secret},
        generation_kwargs={"extra_query": {"q": "hidden"}, "extra_headers": {"X-Other": secret}},
        http_client_kwargs={
            "transport": api,
            "headers": {"X-Client": "hidden", "User-Agent": "hidden"},
            "auth": ("hidden", "hidden"),
            "params": {"q": "hidden"},
            "cookies": {"q": "hidden"},
        },
    )
    assert (await mode.call(component, PROMPT))["images"] == [BASE64]
    (request,) = api.downloads
    assert "hidden" in str(api.requests[0].headers.raw)
    assert "hidden" not in f"{request.url} {request.headers.raw} {request.content.decode()}"
    assert sorted(request.headers) == ["accept", "accept-encoding", "connection", "host", "user-agent"]
    assert (request.method, request.url.host) == ("GET", PUBLIC)


@plain_only
@pytest.mark.parametrize(
    ("settings", "run", "deadline", "connect"),
    [
        ({"timeout": 7}, {}, 7, 5),
        ({"timeout": 7}, {"timeout": 3}, 3, 3),
        ({"timeout": 7}, {"timeout": httpx2.Timeout(4, connect=1)}, 4, 4),
        ({"timeout": 7}, {"timeout": httpx2.Timeout(None)}, 600, 5),
        ({}, {}, 600, 5),
        ({"http_client_kwargs": {"timeout": httpx2.Timeout(9, connect=2)}}, {}, 9, 2),
    ],
)
async def test_timeouts_hold_for_downloads(
    mode: Mode, settings: dict[str, Any], run: dict[str, Any], deadline: float, connect: float
) -> None:
    api = Api(LINKED)
    http_client_kwargs = {"transport": api, **settings.get("http_client_kwargs", {})}
    component = AIMLAPIImageGenerator(**{**settings, "http_client_kwargs": http_client_kwargs})
    await mode.call(component, PROMPT, generation_kwargs=run)
    (request,) = api.downloads
    waits = request.extensions["timeout"]
    assert waits.pop("connect") == pytest.approx(connect, abs=0.5)
    assert waits == dict.fromkeys(("read", "write", "pool"), pytest.approx(deadline, abs=0.5))


@plain_only
async def test_a_passing_fault_is_tried_again(mode: Mode) -> None:
    api = Api(LINKED, downloads=[httpx2.Response(503), PNG])
    assert (await mode.call(image_generator(api, max_retries=1), PROMPT))["images"] == [BASE64]
    assert (len(api.requests), len(api.downloads)) == (1, 2)


@plain_only
@pytest.mark.parametrize(
    ("url", "download", "told"),
    [
        (f"{CDN}1.png?sig=secret", {"status_code": 404, "text": "Gone"}, f"{CDN}1.png failed: HTTP 404"),
        (f"{CDN}1.png", httpx2.ConnectError("reset"), "ConnectError: reset"),
        (f"{CDN}1.png", httpx2.ReadTimeout("slow"), "ReadTimeout: slow"),
        (f"{CDN}1.png", {"html": "<html>"}, "no image, but 6 bytes of type 'text/html"),
        (f"{CDN}1.png", {"json": {}}, "no image, but 2 bytes of type 'application/json'"),
        (f"{CDN}1.png", {}, "no image, but 0 bytes of type ''"),
        (f"{CDN}1.png", {"content": SVG, "headers": {"content-type": "image/svg+xml"}}, "no image, but 41 bytes"),
        (f"{CDN}1.png", {"status_code": 302, "headers": {"location": "http://10.0.0.1/"}}, "10.0.0.1, which is not"),
        ("http://169.254.169.254/latest", PNG, "169.254.169.254, which is not public"),
        ("file:///etc/passwd", PNG, "it must begin with http:// or https://, not 'file'"),
        ("/1.png", PNG, "it must begin with http:// or https://"),
        ("https://\ud800/", PNG, "it is no address of an image"),
    ],
)
async def test_a_download_that_fails_says_where_the_image_is(mode: Mode, url: str, download: Any, told: str) -> None:
    """The image is paid for: the error says where it is, which call made it, and keeps the reply."""
    answer = httpx2.Response(**{"status_code": 200, **download}) if isinstance(download, dict) else download
    body = {"data": [{"b64_json": BASE64}, {"url": url}]}
    api = Api(body, downloads=[answer], x_inference_id="inf-1")
    with pytest.raises(openai.APIError) as raised:
        await mode.call(image_generator(api), PROMPT)
    text = str(raised.value)
    assert text.startswith("The image was made, but its download from ")
    assert told in text
    assert "(model openai/gpt-image-2, inference id inf-1)" in text
    assert "secret" not in text
    assert "Look the model up" not in text
    # Half of a surrogate pair cannot be sent on.
    assert raised.value.body == {"data": [{"b64_json": BASE64}, {"url": url.replace("\ud800", "\ufffd")}]}


@plain_only
async def test_a_download_follows_redirects_and_takes_any_binary(mode: Mode, names: Names) -> None:
    """A redirect is followed, and the type of the content is not asked for."""
    names.set("other.example.com", "8.8.8.8")
    redirect = httpx2.Response(302, headers={"location": "https://other.example.com/1.png"})
    binary = httpx2.Response(200, headers={"content-type": "text/plain"}, content=PNG)
    api = Api(LINKED, downloads=[redirect, binary])
    assert (await mode.call(image_generator(api), PROMPT))["images"] == [BASE64]
    assert taken_from(api) == [f"{CDN}1.png", "https://other.example.com/1.png"]


@plain_only
async def test_svg_is_taken_if_the_reply_says_so(mode: Mode) -> None:
    entries = [{"url": f"{CDN}1.SVG?a=b"}, {"url": f"{CDN}2", "content_type": "image/svg+xml"}]
    result = await mode.call(image_generator(Api({"data": entries}, downloads=[SVG])), PROMPT)
    assert result["images"] == [encoded(SVG)] * 2


@plain_only
async def test_a_private_api_may_have_private_images(mode: Mode) -> None:
    api = Api({"data": [{"url": "http://127.0.0.1:9/1.png"}]})
    component = image_generator(api, api_base_url="http://127.0.0.1:8000/v1")
    assert (await mode.call(component, PROMPT))["images"] == [BASE64]


@plain_only
@pytest.mark.parametrize("family", [httpx2, httpx])
@pytest.mark.parametrize("setting", ["transport", "mounts"])
async def test_transports_of_the_user_serve_downloads_and_stay_open(mode: Mode, family: Any, setting: str) -> None:
    transport = Transport(family)
    own = {"transport": transport} if setting == "transport" else {"mounts": {"all://": transport}}
    component = AIMLAPIImageGenerator(http_client_kwargs=own)
    results = [(await mode.call(component, PROMPT))["images"] for _ in range(2)]
    assert results == [[BASE64], [BASE64]]
    assert transport.closed == 0
    # A mount is found by the name of a host, a transport gets the address that was looked up.
    assert transport.hosts == ["api.aimlapi.com", PUBLIC if setting == "transport" else "cdn.example.com"] * 2


@plain_only
async def test_a_transport_has_no_proxy_of_the_environment(mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    api = Api(LINKED)
    await mode.call(image_generator(api), PROMPT)
    assert [request.url.host for request in api.downloads] == [PUBLIC]


def Transport(family: Any) -> Any:  # noqa: N802
    """A transport of either family, which tells the hosts that it was asked for and how often it was closed."""

    class Kept(family.MockTransport):  # type: ignore[misc]
        hosts: ClassVar[list[str]] = []
        closed = 0

        def close(self) -> None:
            self.closed += 1

        async def aclose(self) -> None:
            self.closed += 1

    def answer(request: Any) -> Any:
        Kept.hosts.append(request.url.host)
        return family.Response(200, json=LINKED) if request.method == "POST" else family.Response(200, content=PNG)

    return Kept(answer)


class Proxy(BaseHTTPRequestHandler):
    """Answers for every host: with the reply to a call, else with the picture."""

    asked: list[str]

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(json.dumps({"data": [{"url": "http://cdn.example.com/1.png"}]}).encode())

    def do_GET(self) -> None:
        self.answer(PNG)

    def do_CONNECT(self) -> None:
        self.asked.append(f"{self.command} {self.path}")
        self.send_error(502)

    def answer(self, body: bytes) -> None:
        self.asked.append(f"{self.command} {self.path}")
        self.send_response(200)
        self.send_header("Content-Type", "application/json" if self.command == "POST" else "image/png")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def proxy() -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Asked", (Proxy,), {"asked": asked}))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()
    thread.join()


@plain_only
@pytest.mark.parametrize("where", ["setting", "httpx", "HTTP_PROXY", "ALL_PROXY"])
async def test_a_proxy_serves_downloads_and_gets_names(
    mode: Mode, where: str, proxy: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, asked = proxy
    settings: dict[str, dict[str, Any]] = {
        "setting": {"proxy": url},
        "httpx": {"proxy": httpx.Proxy(url)},
    }
    if where not in settings:
        monkeypatch.setenv(where, url)
    component = AIMLAPIImageGenerator(
        api_base_url="http://api.aimlapi.com/v1", http_client_kwargs=settings.get(where), max_retries=0
    )
    closed: list[Any] = []
    library = httpx if where == "httpx" else httpx2
    kind, name = (library.AsyncClient, "aclose") if mode.asynchronous else (library.Client, "close")
    close = getattr(kind, name)
    monkeypatch.setattr(kind, name, lambda client: closed.append(type(client)) or close(client))
    assert (await mode.call(component, PROMPT))["images"] == [BASE64]
    assert closed.count(kind) == 1, "what downloads is of one call"
    if mode.asynchronous:
        await component.close_async()
    component.close()
    assert asked == ["POST http://api.aimlapi.com/v1/images/generations", "GET http://cdn.example.com/1.png"]


@plain_only
async def test_a_proxy_for_https_alone_gets_names_as_well(
    mode: Mode, proxy: tuple[str, list[str]], names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, asked = proxy
    monkeypatch.setenv("HTTPS_PROXY", url)
    downloads = Downloads(SimpleNamespace(base_url="https://api.aimlapi.com/v1"), http_client_kwargs=None, timeout=5)
    with pytest.raises(openai.APIError, match=r"its download from https://cdn.example.com/1.png failed: .*502"):
        await fill(downloads, mode, [{"url": "https://cdn.example.com/1.png"}])
    assert asked == ["CONNECT cdn.example.com:443"]


async def fill(downloads: Downloads, mode: Mode, entries: list[dict[str, Any]]) -> list[str]:
    """One image that is missing."""
    if mode.asynchronous:
        return await downloads.fill_async([None], entries, LINKED)
    return downloads.fill([None], entries, LINKED)


@plain_only
@pytest.mark.parametrize("family", [httpx2, httpx])
async def test_a_download_takes_no_longer_than_a_read(mode: Mode, family: Any) -> None:
    api = Api(LINKED)
    await mode.call(image_generator(api, timeout=family.Timeout(60, read=3)), PROMPT)
    assert 0 < api.downloads[0].extensions["timeout"]["read"] <= 3


@plain_only
@pytest.mark.parametrize("settings", [{}, {"trust_env": False}], ids=["no proxy", "none of the environment"])
async def test_without_a_proxy_the_address_that_was_checked_is_asked(
    mode: Mode, settings: dict[str, Any], proxy: tuple[str, list[str]], names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, asked = proxy
    names.set("cdn.example.com", "127.0.0.1")
    if settings:
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    downloads = Downloads(SimpleNamespace(base_url=url), http_client_kwargs=settings, timeout=5)
    entries = [{"url": f"{url.replace('127.0.0.1', 'cdn.example.com')}/1.png"}]
    assert await fill(downloads, mode, entries) == [BASE64]
    assert (asked, names.asked) == (["GET /1.png"], ["cdn.example.com"])


def test_what_stands_in_for_a_client_may_have_no_settings() -> None:
    api = Api(downloads=[httpx2.Response(503), PNG])
    downloads = Downloads(object(), http_client_kwargs={"transport": api}, timeout=None)
    with pytest.raises(openai.APIError, match="HTTP 503"):
        downloads.fill([None], LINKED["data"], LINKED)
    assert downloads.fill([None], LINKED["data"], LINKED) == [BASE64]


# Errors


@plain_only
async def test_an_image_that_moderation_refused_is_an_error(mode: Mode, playback: Any) -> None:
    recorded = playback("image_moderation").exchanges[0]
    with pytest.raises(openai.BadRequestError) as raised:
        await mode.call(AIMLAPIImageGenerator(), recorded["request"]["body"]["prompt"])
    for told in ("rejected by the safety system", "5b6f2a60", "mO1dE2rA3tI4oN5aB6cD7", "rephrase the prompt"):
        assert told in str(raised.value)


@plain_only
@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"data": [{"url": None, "content_violation": True}]}, "^Moderation refused the image "),
        ({"data": [{"url": CDN, "respect_moderation": False}]}, "Moderation refused the image"),
        ({"images": [{"url": CDN}], "has_nsfw_concepts": [True]}, "Moderation refused the image"),
        ({"images": [{"url": CDN}], "has_nsfw_concepts": True}, "Moderation refused the image"),
        ({"data": [], "description": "I draw no people."}, "without an image: I draw no people."),
        ({"data": [{"url": "", "reason": "policy"}]}, "without an image: policy"),
        ({"data": None}, "AIMLAPI answered without an image"),
        ({"data": [None]}, "AIMLAPI answered without an image"),
        ({"data": [5]}, "AIMLAPI answered without an image"),
        ({"data": 5}, "AIMLAPI answered without an image"),
        ({"data": [[CDN]]}, "AIMLAPI answered without an image"),
        ({"data": [{"url": [CDN]}]}, "AIMLAPI answered without an image"),
        ({"images": [{"image_url": {}}, {"image_url": 5}]}, "AIMLAPI answered without an image"),
        ({"created": 1}, "AIMLAPI answered without an image"),
        ({"error": {"message": "Bad luck."}}, "Bad luck."),
        ({"message": "Out of luck.", "statusCode": 400, "requestId": "req-1"}, "Out of luck"),
        ([], "error"),
    ],
)
async def test_a_reply_without_an_image_is_an_error(mode: Mode, body: Any, told: str) -> None:
    api = Api(body, x_inference_id="inf-1")
    with pytest.raises(openai.APIError, match=f"(?s){told}.*model openai/gpt-image-2.*inf-1") as raised:
        await mode.call(image_generator(api), PROMPT)
    assert ("rephrase" in str(raised.value)) == ("Moderation" in told)
    assert raised.value.body == body
    assert api.downloads == []


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.sampled_from([BASE64, f"data:image/png;base64,{BASE64}", f"{CDN}1.png", "https://[", "data:,", "base64,"]),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.sampled_from(FIELDS) | st.text(), values),
    max_leaves=9,
)


@given(
    body=st.dictionaries(st.sampled_from(FIELDS), VALUES) | VALUES, image_format=st.sampled_from(["b64_json", "url"])
)
@example(body={"data": [{"b64_json": BASE64, "mime_type": {}, "revised_prompt": []}]}, image_format="url")
@example(body={"data": [{"b64_json": BASE64, "url": "https://["}, {"url": f"{CDN}1.png"}]}, image_format="b64_json")
def test_any_reply_is_images_or_an_error(body: Any, image_format: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", Names().getaddrinfo)
        try:
            result = image_generator(Api(body)).run(PROMPT, response_format=image_format)
        except openai.APIError as error:
            assert "model openai/gpt-image-2" in str(error)
        else:
            assert result["images"]
            assert {type(image) for image in result["images"]} == {type(result["revised_prompt"])} == {str}
            assert len(result["images"]) == len(result["meta"]["images"])


@plain_only
async def test_a_page_in_place_of_a_reply_is_an_error(mode: Mode) -> None:
    with pytest.raises(openai.APIError, match="Bad luck"):
        await mode.call(image_generator(Api(httpx2.Response(200, html="<html>Bad luck</html>"))), PROMPT)


@plain_only
async def test_a_warning_counts_the_images_that_were_refused(mode: Mode, caplog: pytest.LogCaptureFixture) -> None:
    body = {"images": [{"url": f"{CDN}{n}.png"} for n in range(3)] + [{}], "has_nsfw_concepts": [True, False, False]}
    result = await mode.call(image_generator(Api(body)), PROMPT, response_format="url")
    assert result["images"] == [f"{CDN}1.png", f"{CDN}2.png"]
    assert result["meta"]["has_nsfw_concepts"] == [True, False, False]
    assert "2 of 4 images were refused or left out\n" in caplog.text


@plain_only
async def test_a_warning_says_why_images_are_missing(mode: Mode, caplog: pytest.LogCaptureFixture) -> None:
    body = {
        "data": [
            {"b64_json": BASE64, "description": "A cat."},
            {"url": "", "content_violation": True, "reason": "nudity"},
        ],
        "reason": "One of two.",
    }
    assert (await mode.call(image_generator(Api(body)), PROMPT))["images"] == [BASE64]
    assert "1 of 2 images were refused or left out: One of two.: nudity\n" in caplog.text


@plain_only
async def test_a_flag_that_refuses_nothing_is_no_refusal(mode: Mode) -> None:
    body = {"images": [{"url": f"{CDN}1.png"}], "has_nsfw_concepts": False}
    assert (await mode.call(image_generator(Api(body)), PROMPT))["images"] == [BASE64]


@plain_only
async def test_an_error_tells_what_helps(mode: Mode) -> None:
    body = {"message": "You have run out of credits.", "requestId": "req-1", "statusCode": 403}
    with pytest.raises(openai.PermissionDeniedError, match=r"run out of credits.*req-1.*Top up"):
        await mode.call(image_generator(Api(httpx2.Response(403, json=body))), PROMPT)
