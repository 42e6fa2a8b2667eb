# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""TLS settings, and which clients share them."""

import asyncio
import os
import ssl
import threading
import traceback
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
import trustme
import truststore

from haystack_integrations.common.aimlapi.http_settings import http_client_settings
from haystack_integrations.common.aimlapi.tls import shared_ssl_context
from haystack_integrations.components.generators.aimlapi import AIMLAPIChatGenerator, AIMLAPIImageGenerator
from tests.support.modes import Mode, in_all_modes
from tests.support.server import FaultServer, hello

AUTHORITY, OTHER = trustme.CA(), trustme.CA()
# Older versions of httpx2 leave it to truststore, which may read the environment whatever is asked for.
MAY_READ_ENVIRONMENT = type(httpx2.create_ssl_context(trust_env=False)) is not ssl.SSLContext
# httpx2 would have users make a context instead.
pytestmark = pytest.mark.filterwarnings("ignore:`(verify|cert)=:DeprecationWarning")


@pytest.fixture
def tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert("127.0.0.1").configure_cert(context)
    return context


def trusts(server: FaultServer, mode: Mode, **http_client_kwargs: Any) -> bool:
    """Whether a new component takes the server for what it says to be, and is taken by it."""
    settings = {"max_retries": 0, "http_client_kwargs": http_client_kwargs}
    generator = AIMLAPIChatGenerator(api_base_url=server.url, **settings)
    try:
        return mode.complete(generator).text == "Hello"
    except openai.APIConnectionError:
        return False
    finally:
        generator.close()


@pytest.mark.skipif(MAY_READ_ENVIRONMENT, reason="contexts of truststore are not shared")
@pytest.mark.parametrize("http_client_kwargs", [None, {"verify": False}, {"proxy": "http://127.0.0.1:9"}])
def test_clients_with_the_same_settings_share_a_context(
    http_client_kwargs: dict[str, Any] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, here = ssl.SSLContext.__new__, threading.get_ident()
    made: list[list[str]] = []

    def watched_make(kind: Any, *args: Any, **kwargs: Any) -> ssl.SSLContext:
        if threading.get_ident() == here:
            made.append(traceback.format_stack())
        return make(kind, *args, **kwargs)

    def use_all() -> None:
        for kind in (AIMLAPIChatGenerator, AIMLAPIImageGenerator):
            generator = kind(http_client_kwargs=http_client_kwargs)
            generator.warm_up()
            for _ in range(2):
                asyncio.run(generator.warm_up_async())
            generator.close()

    use_all()
    monkeypatch.setattr(ssl.SSLContext, "__new__", watched_make)
    generators = [AIMLAPIChatGenerator(http_client_kwargs=http_client_kwargs) for _ in range(2)]
    for generator in generators:
        generator.warm_up()
    use_all()
    assert made == []
    for generator in generators:
        generator.close()


@in_all_modes
def test_file_of_authorities_is_read_again_when_it_changes(mode: Mode, tls: ssl.SSLContext, tmp_path: Path) -> None:
    file = tmp_path / "authorities.pem"
    with FaultServer(hello(mode), tls=tls) as server:
        for authority, trusted in ((OTHER, False), (AUTHORITY, True), (OTHER, False)):
            file.unlink(missing_ok=True)
            authority.cert_pem.write_to_path(file)
            assert trusts(server, mode, verify=str(file)) is trusted


@in_all_modes
def test_environment_is_read_again_when_it_changes(
    mode: Mode, tls: ssl.SSLContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, authority in {"ours": AUTHORITY, "other": OTHER}.items():
        authority.cert_pem.write_to_path(tmp_path / name)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with FaultServer(hello(mode), tls=tls) as server:
        assert not trusts(server, mode)
        for name in ("other", "ours", "other"):
            monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / name))
            assert trusts(server, mode) is (name == "ours")
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ours"))
        assert MAY_READ_ENVIRONMENT or not trusts(server, mode, trust_env=False)
        assert trusts(server, mode, verify=False, trust_env=False)


@in_all_modes
def test_certificate_of_a_client_is_its_own(mode: Mode, tls: ssl.SSLContext, tmp_path: Path) -> None:
    AUTHORITY.configure_trust(tls)
    tls.verify_mode = ssl.CERT_REQUIRED
    file = tmp_path / "client.pem"
    AUTHORITY.issue_cert("client.test").private_key_and_cert_chain_pem.write_to_path(file)
    with FaultServer(hello(mode), tls=tls) as server:
        assert not trusts(server, mode, verify=False)
        assert trusts(server, mode, verify=False, cert=str(file))
        assert trusts(server, mode, verify=False, cert=[str(file), str(file)])
        assert not trusts(server, mode, verify=False)
        own = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        AUTHORITY.configure_trust(own)
        assert trusts(server, mode, verify=own, cert=str(file))


@pytest.mark.skipif(MAY_READ_ENVIRONMENT, reason="contexts of truststore are not shared")
def test_certificate_of_a_client_is_read_again_when_it_changes(tmp_path: Path) -> None:
    contexts = []
    for name in ("one.test", "another.example.com"):
        AUTHORITY.issue_cert(name).private_key_and_cert_chain_pem.write_to_path(tmp_path / "client.pem")
        settings = {"verify": False, "cert": str(tmp_path / "client.pem"), "trust_env": False}
        contexts += [shared_ssl_context(**settings) for _ in range(2)]
    assert contexts[0] is contexts[1] is not contexts[2] is contexts[3]


@in_all_modes
def test_context_of_the_user_is_used_by_its_client_only(mode: Mode, tls: ssl.SSLContext) -> None:
    own = ssl.create_default_context()
    AUTHORITY.configure_trust(own)
    with FaultServer(hello(mode), tls=tls) as server:
        assert trusts(server, mode, verify=own)
        assert not trusts(server, mode)


def test_client_that_offers_http_2_has_its_own_context() -> None:
    assert "verify" not in http_client_settings({"http2": True})[1]


def test_missing_file_is_reported_each_time(tmp_path: Path) -> None:
    missing = os.fspath(tmp_path / "missing.pem")
    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            shared_ssl_context(verify=missing, cert=None, trust_env=True)


def test_context_that_grows_with_each_connection_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(httpx2, "create_ssl_context", lambda **_: truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    first, second = (shared_ssl_context(verify="a file", cert=None, trust_env=False) for _ in range(2))
    assert first is not second
