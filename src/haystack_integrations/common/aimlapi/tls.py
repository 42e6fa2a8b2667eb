# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""TLS settings, which clients share: to load the certificates of all authorities takes as long as dozens of calls."""

import os
import ssl
from typing import Any

import httpx2

from .process import PerProcess

_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")

# For each of the settings, the files that they were read from, as they were then.
_contexts: PerProcess[dict[Any, tuple[Any, ssl.SSLContext]]] = PerProcess(dict)


def shared_ssl_context(*, verify: bool | str, cert: Any, trust_env: bool) -> ssl.SSLContext:
    """
    Get the context that all clients with these settings share. None of them may speak HTTP/2, as it offers that.

    :param verify: Whether certificates are checked, or the file or folder of the authorities.
    :param cert: The file of the client's certificate, or that, the one of its key and the password of that.
    :param trust_env: Whether the environment may name the authorities.
    :returns: The context. It is made anew when the environment or a file has changed.
    """
    paths = [os.environ.get(name) for name in _VARIABLES] if trust_env else []
    certificate = (cert,) if isinstance(cert, str) else tuple(cert or ())
    files = [_state(path) for path in (*paths, verify, *certificate[:2]) if isinstance(path, str)]
    key = (verify, certificate, trust_env)
    contexts = _contexts.get()
    state, context = contexts.get(key, (None, None))
    if context is None or state != files:
        context = httpx2.create_ssl_context(verify=verify, cert=cert, trust_env=trust_env)
        # One of truststore's costs little, and grows with each connection.
        if type(context) is ssl.SSLContext:
            contexts[key] = files, context
    return context


def _state(path: str) -> tuple[Any, ...]:
    try:
        status = os.stat(path)
    except OSError:
        return (path,)
    return path, status.st_mtime_ns, status.st_size, status.st_ino
