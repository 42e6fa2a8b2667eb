# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""Images that an image model starts from."""

import base64
import json
from typing import Any

import httpx2
import openai
import pytest
import yaml
from haystack import Pipeline
from haystack.components.converters.image import ImageFileToImageContent
from haystack.dataclasses import ImageContent

from haystack_integrations.common.aimlapi.models import MODEL_IDS, profile
from haystack_integrations.components.generators.aimlapi import AIMLAPIImageGenerator
from tests.support.api import PNG, Api, image_generator
from tests.support.modes import Mode, plain_only
from tests.support.recordings import names
from tests.support.replies import PIXEL

PROMPT = "Put a crown on the cat's head."
CAT = ImageContent(PIXEL, "image/png")
JPEG = base64.b64encode(b"\xff\xd8\xff\xe0" + bytes(8)).decode()
CAT_URL = f"data:image/png;base64,{PIXEL}"
TAKING = [model for model in MODEL_IDS["images"].split() if profile(model).images]
TAKING_NONE = [model for model in MODEL_IDS["images"].split() if not profile(model).images]
of_every_taking_model = pytest.mark.parametrize("model", TAKING)


def file(name: str, content_type: str = "image/png", data: str = PIXEL) -> dict[str, str]:
    return {"filename": name, "content_type": content_type, "base64": data}


@plain_only
@pytest.mark.parametrize("name", names("image_from_*"))
@pytest.mark.parametrize("given", ["init", "run"])
async def test_images_go_where_the_model_takes_them(name: str, mode: Mode, given: str, playback: Any) -> None:
    recorded = playback(name).exchanges[0]
    asked, answer = recorded["request"]["body"], recorded["response"]["json"]
    asked["response_format"] = "url"  # Nothing is downloaded.
    parameters = {name: value for name, value in asked.items() if not name.startswith("image") or name == "image_size"}
    model, prompt = parameters.pop("model"), parameters.pop("prompt")
    images = [CAT] * json.dumps(asked).count(PIXEL)
    settings: dict[str, dict[str, Any]] = {"init": {}, "run": {}, given: {"images": images}}
    component = AIMLAPIImageGenerator(model=model, generation_kwargs=parameters, **settings["init"])

    result = await mode.call(component, prompt, **settings["run"])

    assert result["images"] == [entry["url"] for entry in answer.get("data") or answer["images"]]
    assert result["meta"]["inference_id"] == recorded["response"]["headers"]["x-inference-id"]


@plain_only
@of_every_taking_model
async def test_every_model_gets_its_images(mode: Mode, model: str) -> None:
    api, takes = Api(), profile(model).images
    assert takes
    result = await mode.call(image_generator(api, model=model), PROMPT, images=[CAT] * takes.most)
    if takes.edits:
        files = [file(f"image-{number}.png") for number in range(1, 17)]
        assert api.bodies == [{"model": model, "prompt": PROMPT, "image[]": files}]
        assert api.requests[0].url.path == "/v1/images/edits"
    else:
        value = CAT_URL if takes.most == 1 else [CAT_URL] * takes.most
        assert api.bodies == [{"model": model, "prompt": PROMPT, takes.field: value}]
        assert api.requests[0].url.path == "/v1/images/generations"
    assert result["images"] == [PIXEL]


@plain_only
async def test_files_go_out_with_all_that_a_call_has(mode: Mode) -> None:
    api = Api({"data": [{"b64_json": PIXEL, "revised_prompt": "A king."}], "size": "9x9"}, x_inference_id="inf-1")
    component = image_generator(api, size="1x1", extra_headers={"X-Title": "Mine"})
    parameters = {"mask": CAT, "n": 2, "unheard_of": "x", "extra_query": {"q": "1"}, "timeout": 3}
    images = [CAT, ImageContent(JPEG, "image/jpeg")]

    result = await mode.call(
        component, PROMPT, images=images, response_format="url", generation_kwargs={**parameters, "style": None}
    )

    assert api.bodies == [
        {
            "model": "openai/gpt-image-2",
            "prompt": PROMPT,
            "size": "1x1",
            "response_format": "url",
            "n": "2",
            "unheard_of": "x",
            "mask": file("mask.png"),
            "image[]": [file("image-1.png"), file("image-2.jpeg", "image/jpeg", JPEG)],
        }
    ]
    (request,) = api.requests
    assert str(request.url) == "https://api.aimlapi.com/v1/images/edits?q=1"
    assert [request.headers[name] for name in ("x-title", "authorization")] == ["Mine", "Bearer test-key"]
    assert request.extensions["timeout"]["read"] == 3
    assert result == {
        "images": [CAT_URL],
        "revised_prompt": "A king.",
        "meta": {
            "model": "openai/gpt-image-2",
            "size": "9x9",
            "images": [{"revised_prompt": "A king."}],
            "inference_id": "inf-1",
        },
    }


@plain_only
async def test_files_may_be_given_as_the_sdk_takes_them(mode: Mode) -> None:
    api = Api()
    await mode.call(image_generator(api), PROMPT, generation_kwargs={"image": ("cat.png", PNG, "image/png")})
    assert api.bodies == [{"model": "openai/gpt-image-2", "prompt": PROMPT, "image": file("cat.png")}]


@plain_only
async def test_a_call_without_images_goes_to_generations(mode: Mode) -> None:
    api = Api()
    component = image_generator(api, images=[CAT])
    await mode.call(component, PROMPT, images=[])
    await mode.call(component, PROMPT)
    assert [request.url.path.rpartition("/")[2] for request in api.requests] == ["generations", "edits"]


@plain_only
@pytest.mark.parametrize("kind", ["image", "image_url", "image_urls"])
@pytest.mark.parametrize("model", ["flux/dev/image-to-image", "flux-pro", "some/model-that-is-new"])
async def test_images_in_generation_kwargs_are_sent_as_they_are(mode: Mode, kind: str, model: str) -> None:
    api = Api()
    await mode.call(image_generator(api, model=model), PROMPT, generation_kwargs={kind: "https://example.com/1.png"})
    await mode.call(image_generator(api, model=model, generation_kwargs={"extra_body": {kind: [CAT_URL]}}), PROMPT)
    assert [body[kind] for body in api.bodies] == ["https://example.com/1.png", [CAT_URL]]


@plain_only
async def test_an_image_among_the_parameters_is_sent_by_data_url(mode: Mode) -> None:
    api = Api()
    component = image_generator(api, model="beeble/switchx-image-to-image")
    await mode.call(component, PROMPT, images=[CAT], generation_kwargs={"reference_image_url": CAT})
    assert api.bodies[0]["image_url"] == api.bodies[0]["reference_image_url"] == CAT_URL


@plain_only
@pytest.mark.parametrize(
    ("image", "media_type"),
    [
        (ImageContent(JPEG, validation=False), "image/jpeg"),
        (ImageContent("AAAA", validation=False), "application/octet-stream"),
        (ImageContent("AAAA", "image/webp", validation=False), "image/webp"),
    ],
)
async def test_the_type_of_an_image_is_told(mode: Mode, image: ImageContent, media_type: str) -> None:
    api = Api()
    await mode.call(image_generator(api, model="reve/edit-image"), PROMPT, images=[image])
    assert api.bodies[0]["image_url"] == f"data:{media_type};base64,{image.base64_image}"


# What is told before the call


async def refused(mode: Mode, model: str, told: str, **run: Any) -> None:
    api = Api()
    with pytest.raises(ValueError, match=told) as raised:
        await mode.call(image_generator(api, model=model), PROMPT, **run)
    assert model in str(raised.value)
    assert api.requests == []


@plain_only
@of_every_taking_model
async def test_too_many_images_are_refused(mode: Mode, model: str) -> None:
    takes = profile(model).images
    assert takes
    told = f"takes {takes.most} image{'s' * (takes.most > 1)} at most, and got {takes.most + 1}"
    await refused(mode, model, told, images=[CAT] * (takes.most + 1))


@plain_only
@of_every_taking_model
async def test_a_model_that_needs_an_image_says_so(mode: Mode, model: str) -> None:
    takes = profile(model).images
    assert takes
    if takes.required:
        await refused(mode, model, f"needs an image: pass `images`, or set `{takes.field}` in `generation_kwargs`")
        await refused(mode, model, "needs an image", generation_kwargs={takes.field: None})
    else:
        api = Api()
        await mode.call(image_generator(api, model=model), PROMPT)
        assert api.bodies == [{"model": model, "prompt": PROMPT}]


@plain_only
@pytest.mark.parametrize("model", TAKING_NONE)
async def test_a_model_that_takes_no_images_says_so(mode: Mode, model: str) -> None:
    await refused(mode, model, "takes no images, and got 1", images=[CAT])


@plain_only
async def test_images_for_a_model_that_is_not_known_are_refused(mode: Mode) -> None:
    """What the API does not know by this name, it would drop, and bill."""
    await refused(mode, "some/model-that-is-new", "`image_urls`, in `generation_kwargs`", images=[CAT])


@plain_only
async def test_images_given_twice_are_refused(mode: Mode) -> None:
    api = Api()
    component = image_generator(api, model="blackforestlabs/flux-2-edit", generation_kwargs={"image_urls": [CAT_URL]})
    with pytest.raises(ValueError, match="given twice: in `images`, and in `generation_kwargs` as `image_urls`"):
        await mode.call(component, PROMPT, images=[CAT])
    assert api.requests == []


@plain_only
async def test_addresses_are_no_images(mode: Mode) -> None:
    api = Api()
    with pytest.raises(TypeError, match=r"ImageContent, got str\. Addresses go into `generation_kwargs`"):
        await mode.call(image_generator(api), PROMPT, images=["https://example.com/1.png"])
    assert api.requests == []


@plain_only
async def test_data_that_is_no_base64_is_refused(mode: Mode) -> None:
    api = Api()
    with pytest.raises(ValueError, match=r"base64|padding"):
        await mode.call(image_generator(api), PROMPT, images=[ImageContent("A", "image/png", validation=False)])
    assert api.requests == []


# Errors, watchers, serialization


@plain_only
async def test_an_edit_that_fails_tells_what_any_call_does(mode: Mode) -> None:
    body = {"message": "You have run out of credits.", "requestId": "req-1", "statusCode": 403}
    api = Api(httpx2.Response(403, json=body, headers={"x-inference-id": "inf-1"}))
    with pytest.raises(openai.PermissionDeniedError, match=r"run out of credits.*req-1.*inf-1.*Top up"):
        await mode.call(image_generator(api), PROMPT, images=[CAT])


@plain_only
@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (httpx2.Response(200, html="<html>Bad luck</html>"), "Bad luck"),
        (httpx2.Response(200, headers={"content-type": "application/json"}, content=b'{"data"'), "malformed JSON"),
        ({"data": 5}, "without an image"),
        ({"data": [5]}, "without an image"),
        ([], "error"),
        ({"error": {"message": "Bad luck."}}, "Bad luck"),
    ],
)
async def test_an_edit_without_an_image_is_an_error(mode: Mode, answer: Any, told: str) -> None:
    with pytest.raises(openai.APIError, match=told):
        await mode.call(image_generator(Api(answer)), PROMPT, images=[CAT])


@plain_only
async def test_an_edit_is_tried_again_with_all_its_files(mode: Mode) -> None:
    api = Api(httpx2.Response(503), {"data": [{"b64_json": PIXEL}]})
    result = await mode.call(image_generator(api, max_retries=1), PROMPT, images=[CAT])
    assert result["images"] == [PIXEL]
    assert api.bodies[0] == api.bodies[1]


@plain_only
async def test_whoever_watches_edit_sees_it(mode: Mode) -> None:
    api, seen = Api(), list[dict[str, Any]]()
    component = image_generator(api)
    component.warm_up()
    await component.warm_up_async()
    client: Any = component.async_client if mode.asynchronous else component.client
    edit = client.images.edit

    def watched(**arguments: Any) -> Any:
        seen.append(arguments)
        return edit(**arguments)

    client.images.edit = watched
    assert (await mode.call(component, PROMPT, size="1x1", images=[CAT]))["images"] == [PIXEL]
    (arguments,) = seen
    assert arguments["image"] == [("image-1.png", PNG, "image/png")]
    assert (arguments["model"], arguments["prompt"], arguments["size"]) == ("openai/gpt-image-2", PROMPT, "1x1")


def test_images_of_init_are_serialized() -> None:
    component = AIMLAPIImageGenerator(images=[CAT, ImageContent(JPEG, "image/jpeg", detail="low", meta={"page": 1})])
    data = component.to_dict()
    text = yaml.safe_dump(data)
    loaded = AIMLAPIImageGenerator.from_dict(yaml.safe_load(text))
    assert loaded.images == component.images
    assert loaded.to_dict() == data
    assert json.loads(json.dumps(data)) == data
    assert AIMLAPIImageGenerator.from_dict(AIMLAPIImageGenerator(images=[]).to_dict()).images == []


def test_a_converter_of_haystack_feeds_them(tmp_path: Any) -> None:
    (tmp_path / "cat.png").write_bytes(PNG)
    api = Api()
    pipeline = Pipeline()
    pipeline.add_component("files", ImageFileToImageContent())
    pipeline.add_component("generator", image_generator(api, model="blackforestlabs/flux-2-edit"))
    pipeline.connect("files.image_contents", "generator.images")
    result = pipeline.run({"files": {"sources": [tmp_path / "cat.png"]}, "generator": {"prompt": PROMPT}})
    assert api.bodies[0]["image_urls"] == [CAT_URL]
    # And a result is what they, and chat models, take.
    assert ImageContent(base64_image=result["generator"]["images"][0]) == CAT
