# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""Exceptions that cross from one process to another."""

import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from typing import Any

import httpx2
import openai
import pytest
from haystack.utils import Secret

from haystack_integrations.components.generators.aimlapi import AIMLAPIChatGenerator
from tests.support.api import Api, chat_generator, plain
from tests.support.modes import MODES, Mode, in_all_modes, in_both_clients
from tests.support.replies import MODEL, failure
from tests.support.server import Answer, FaultServer, drop, serving, stall, whole

KEY = "sk-0123456789abcdef"
IDS = {"x_inference_id": "inf-1", "x_client_request_id": "mine", "x_secret": "of-the-server"}
TEXT = "Error code: {} - No (model vendor/model, request id req-1, inference id inf-1, client request id mine)"


def fail(url: str, mode: Mode) -> None:
    generator = AIMLAPIChatGenerator(
        model=MODEL, api_key=Secret.from_token(KEY), api_base_url=url, max_retries=0, timeout=0.5
    )
    mode.complete(generator)


ANSWERS: dict[type[openai.APIError], Answer] = {
    openai.BadRequestError: whole(failure("No", 400), 400, **IDS),
    openai.NotFoundError: whole(failure("No", 404), 404, **IDS),
    openai.RateLimitError: whole(failure("No", 429), 429, **IDS),
    openai.InternalServerError: whole(failure("No", 500), 500, **IDS),
    openai.APIError: whole(failure("No", 200), 200, **IDS),
    openai.APIConnectionError: (b"HTTP/1.1", drop),
    openai.APITimeoutError: (stall,),
}


@in_all_modes
@in_both_clients
@pytest.mark.parametrize(("kind", "answer"), ANSWERS.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_exceptions_are_the_same_after_pickling(
    kind: type[openai.APIError], answer: Answer, mode: Mode, http_client_kwargs
) -> None:
    settings: dict[str, Any] = {"timeout": 0.2} if kind is openai.APITimeoutError else {}
    query = {"generation_kwargs": {"extra_query": {"token": "in-the-query"}}, "max_retries": 0}
    with serving(
        answer, api_key=Secret.from_token(KEY), http_client_kwargs=http_client_kwargs, **settings, **query
    ) as (_, generator):
        with pytest.raises(kind) as caught:
            mode.complete(generator)
    error = caught.value
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        data = pickle.dumps(error, protocol)
        assert not [part for part in (KEY, "Bearer", "in-the-query", "of-the-server") if part.encode() in data]
        # Some systems hand an exception on more than once.
        check_same(pickle.loads(pickle.dumps(pickle.loads(data))), error)


def check_same(copy: openai.APIError, error: openai.APIError) -> None:
    assert type(copy) is type(error)
    assert (str(copy), copy.args, copy.message, copy.body) == (str(error), error.args, error.message, error.body)
    assert (copy.code, copy.param, copy.type) == (error.code, error.param, error.type)
    assert copy.request.method == "POST"
    assert copy.request.url.path == error.request.url.path
    if isinstance(error, openai.APIStatusError):
        assert (copy.status_code, copy.request_id) == (error.status_code, "req-1")
        assert copy.response.status_code == error.status_code
        assert copy.response.headers["x-inference-id"] == "inf-1"
        assert "request id req-1, inference id inf-1, client request id mine)" in str(copy)


@pytest.mark.slow
def test_exceptions_cross_from_worker_processes() -> None:
    kinds = [openai.NotFoundError, openai.RateLimitError, openai.APIError, openai.APIConnectionError]
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        for mode, kind in product(MODES, kinds):
            with FaultServer(ANSWERS[kind]) as server, pytest.raises(kind) as caught:
                pool.submit(fail, server.url, mode).result(timeout=50)
            assert type(caught.value) is kind
            assert KEY not in str(caught.value.__cause__)  # The traceback in the worker, as a text.
            if issubclass(kind, openai.APIStatusError):
                assert str(caught.value).startswith(TEXT.format(caught.value.status_code))
                assert caught.value.request_id == "req-1"
                assert caught.value.body["message"] == "No"


def test_exceptions_of_others_cross_as_well() -> None:
    """As mocks make them."""
    request = httpx2.Request("GET", "https://api.openai.com/v1/models")
    response = httpx2.Response(401, request=request)
    for error in (
        openai.OAuthError(response=response, body={"error": "invalid_grant"}),
        openai.APIResponseValidationError(response, body=None),
        openai.APIConnectionError(request=None),
    ):
        copy = pickle.loads(pickle.dumps(error))
        assert type(copy) is type(error)
        assert str(copy) == str(error)
    assert pickle.loads(pickle.dumps(openai.OAuthError(response=response, body={"error": "x"}))).error == "x"


def test_an_exception_without_a_request_gets_one_without_an_address() -> None:
    error = pickle.loads(pickle.dumps(openai.APIConnectionError(request=None)))
    assert (error.request.method, str(error.request.url)) == ("POST", "")


def test_an_address_crosses_without_what_may_be_secret() -> None:
    request = httpx2.Request("GET", "https://me:secret@api.openai.com/v1/models?key=secret")
    error = pickle.loads(pickle.dumps(openai.APIConnectionError(request=request)))
    assert (error.request.method, str(error.request.url)) == ("GET", "https://api.openai.com/v1/models")


def test_subclasses_of_users_pickle_in_their_own_way() -> None:
    error = Refused("No")
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), copy.extra) == (Refused, "Refused: No", 1)


class Refused(openai.APIError):
    extra = 1

    def __init__(self, what: str) -> None:
        super().__init__(f"Refused: {what}", httpx2.Request("GET", "https://x"), body=None)

    def __reduce__(self) -> Any:
        return Refused, (self.message.removeprefix("Refused: "),)


def test_error_of_a_mocked_transport_pickles() -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        chat_generator(Api(plain(failure("No", 400), 400))).run("Hi")
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
