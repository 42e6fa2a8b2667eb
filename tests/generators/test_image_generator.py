# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

import base64
from typing import Any

import httpx
import httpx2
import openai
import pytest
from haystack import Pipeline
from haystack.components.builders import PromptBuilder
from haystack.utils import Secret

from haystack_integrations.components.generators.aimlapi import AIMLAPIImageGenerator
from tests.support.api import PNG, Api, image_generator
from tests.support.modes import Mode, plain_only
from tests.support.recordings import Recording, names
from tests.support.replies import PIXEL

BASE64 = PIXEL
CDN = "https://cdn.example.com/"
PROMPT = "A black cat on a red sofa."
RECORDINGS = [name for name in names("image_*") if name != "image_moderation"]
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
    settings = {"http_client_kwargs": {"limits": httpx.Limits()}} if family == "httpx" else {}
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


@plain_only
@pytest.mark.parametrize("name", RECORDINGS)
async def test_images_of_every_vendor_are_downloaded(name: str, mode: Mode) -> None:
    recorded = Recording(name).exchanges[0]
    model, prompt, parameters = taken_apart(recorded)
    answer = recorded["response"]["json"]
    entries = answer.get("data") or answer["images"]
    urls = [entry["url"] for entry in entries if entry["url"]]
    pictures = [bytes([number]) * 9 for number in range(len(urls))]
    api = Api(answer, downloads=pictures)

    result = await mode.call(image_generator(api, model=model), prompt, generation_kwargs=parameters)

    assert [str(request.url) for request in api.downloads] == urls
    encoded = [base64.b64encode(picture).decode() for picture in pictures]
    assert result["images"] == (encoded or [entry["b64_json"] for entry in entries])
    assert api.bodies == [recorded["request"]["body"]]


@plain_only
@pytest.mark.parametrize(
    ("entry", "as_base64", "as_url"),
    [
        ({"b64_json": BASE64}, BASE64, f"data:image/png;base64,{BASE64}"),
        ({"b64_json": "/9j/AA=="}, "/9j/AA==", "data:image/jpeg;base64,/9j/AA=="),
        ({"b64_json": "AAAA"}, "AAAA", "data:image/png;base64,AAAA"),
        ({"b64_json": "AAAA", "mime_type": "image/svg+xml"}, "AAAA", "data:image/svg+xml;base64,AAAA"),
        ({"b64_json": "data:image/webp;base64,AAAA"}, "AAAA", "data:image/webp;base64,AAAA"),
        ({"url": "data:image/webp;base64,AAAA"}, "AAAA", "data:image/webp;base64,AAAA"),
        ({"b64_json": "AAAA", "url": f"{CDN}2.png"}, "AAAA", f"{CDN}2.png"),
        (f"{CDN}3.png", BASE64, f"{CDN}3.png"),
        ({"image_url": f"{CDN}4.png"}, BASE64, f"{CDN}4.png"),
        ({"image_url": {"url": f"{CDN}5.png"}}, BASE64, f"{CDN}5.png"),
        ({"image_url": {"url": "data:image/webp;base64,AAAA"}}, "AAAA", "data:image/webp;base64,AAAA"),
        ({"b64_json": 5, "url": f"{CDN}6.png"}, BASE64, f"{CDN}6.png"),
    ],
)
async def test_images_come_in_the_form_that_was_asked_for(mode: Mode, entry: Any, as_base64: str, as_url: str) -> None:
    component = image_generator(Api({"data": [entry]}))
    results = [
        await mode.call(component, PROMPT, **asked)
        for asked in ({}, {"response_format": "b64_json"}, {"response_format": "url"})
    ]
    assert [result["images"] for result in results] == [[as_base64], [as_base64], [as_url]]
    assert "base64" not in str(results[0]["meta"])


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
    assert [str(request.url) for request in api.downloads] == [f"{CDN}1.png"]
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
    assert [str(request.url) for request in api.downloads] == [f"{CDN}1.png"]
    assert result["images"] == [BASE64]
    assert result["meta"]["meta"] == "x"


@plain_only
async def test_the_same_prompt_is_no_revision(mode: Mode) -> None:
    api = Api({"data": [{"b64_json": BASE64, "prompt": PROMPT}]})
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
async def test_no_secret_leaves_with_a_download(mode: Mode) -> None:
    api = Api()
    secret = Secret.from_token("hidden")
    component = image_generator(
        api,
        api_key=secret,
        extra_headers={"X-Gateway": secret},
        generation_kwargs={"extra_query": {"q": "hidden"}, "extra_headers": {"X-Other": secret}},
    )
    await mode.call(component, PROMPT)
    (request,) = api.downloads
    assert "hidden" not in f"{request.url} {request.headers.raw} {request.content.decode()}"
    assert "authorization" not in request.headers
    assert request.method == "GET"


@plain_only
async def test_timeouts_hold_for_downloads(mode: Mode) -> None:
    api = Api()
    await mode.call(image_generator(api, timeout=7), PROMPT)
    await mode.call(image_generator(api, timeout=7), PROMPT, generation_kwargs={"timeout": 3})
    assert [request.extensions["timeout"] for request in api.downloads] == [
        dict.fromkeys(("connect", "read", "write", "pool"), seconds) for seconds in (7, 3)
    ]


@plain_only
async def test_a_passing_fault_is_tried_again(mode: Mode) -> None:
    api = Api(downloads=[httpx2.Response(503), httpx2.ConnectError("reset"), PNG])
    assert (await mode.call(image_generator(api, max_retries=2), PROMPT))["images"] == [BASE64]
    assert (len(api.requests), len(api.downloads)) == (1, 3)


@plain_only
@pytest.mark.parametrize(
    ("download", "told"),
    [
        ({"status_code": 404, "text": "Gone"}, "HTTP 404"),
        (httpx2.ConnectError("reset"), "reset"),
        (httpx2.ReadTimeout("slow"), "timed out"),
        ({"html": "<html>"}, "no image, but 6 bytes of type 'text/html"),
        ({"json": {}}, "no image, but 2 bytes of type 'application/json'"),
        ({}, "no image, but 0 bytes of type ''"),
    ],
)
async def test_a_download_that_fails_says_where_the_image_is(mode: Mode, download: Any, told: str) -> None:
    """The image is paid for: the text says where it is, and which call made it."""
    answer = httpx2.Response(**{"status_code": 200, **download}) if isinstance(download, dict) else download
    api = Api(downloads=[answer], x_inference_id="inf-1")
    with pytest.raises(openai.APIError) as raised:
        await mode.call(image_generator(api), PROMPT)
    text = str(raised.value)
    assert text.startswith(f"The image was made, but its download from {CDN}1.png failed: ")
    assert told in text
    assert "(model openai/gpt-image-2, inference id inf-1)" in text
    assert "Look the model up" not in text


@plain_only
async def test_a_download_follows_redirects_and_takes_any_binary(mode: Mode) -> None:
    """A redirect is followed, and the type of the content does not matter if it is none of a text."""
    redirect = httpx2.Response(302, headers={"location": "https://other.example.com/1.png"})
    binary = httpx2.Response(200, headers={"content-type": "application/octet-stream"}, content=PNG)
    api = Api(downloads=[redirect, binary])
    assert (await mode.call(image_generator(api), PROMPT))["images"] == [BASE64]
    assert [str(request.url) for request in api.downloads] == [f"{CDN}1.png", "https://other.example.com/1.png"]


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
        ({"data": [{"url": None, "content_violation": True}]}, "Moderation refused the image"),
        ({"data": [{"url": CDN, "respect_moderation": False}]}, "Moderation refused the image"),
        ({"images": [{"url": CDN}], "has_nsfw_concepts": [True]}, "Moderation refused the image"),
        ({"images": [{"url": CDN}], "has_nsfw_concepts": True}, "Moderation refused the image"),
        ({"data": [], "description": "I draw no people."}, "without an image: I draw no people."),
        ({"data": [{"url": "", "reason": "policy"}]}, "without an image: policy"),
        ({"data": None}, "without an image"),
        ({"data": [None]}, "without an image"),
        ({"data": [5]}, "without an image"),
        ({"data": 5}, "without an image"),
        ({"data": [[CDN]]}, "without an image"),
        ({"data": [{"url": [CDN]}]}, "without an image"),
        ({"images": [{"image_url": {}}, {"image_url": 5}]}, "without an image"),
        ({"created": 1}, "without an image"),
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
    assert api.downloads == []


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
