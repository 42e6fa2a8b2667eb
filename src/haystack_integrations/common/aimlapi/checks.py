# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""Whether parameters are of the types that they are declared with, told before anything is sent."""

import math
from collections.abc import Callable, Mapping
from numbers import Integral, Real
from typing import Any

import httpx
import httpx2
from haystack.utils import Secret

_NONE = type(None)
_TEXT = ((str, _NONE), "a string or None")
_PARAMETERS = ((Mapping, _NONE), "a dictionary or None")

# name: types, what they are to the user. A bool is a number to Python only.
_ALLOWED: dict[str, tuple[tuple[Any, ...], str]] = {
    "api_key": ((Secret,), "a Secret, such as `Secret.from_token(...)` or `Secret.from_env_var(...)`"),
    "streaming_callback": ((Callable, _NONE), "a function or None"),
    "model": ((str,), "a string"),
    "api_base_url": _TEXT,
    "timeout": ((Real, httpx2.Timeout, httpx.Timeout, _NONE), "a number of seconds or None"),
    "max_retries": ((Integral, _NONE), "a whole number or None"),
    "generation_kwargs": _PARAMETERS,
    "extra_headers": ((Mapping, _NONE), "a mapping of names to strings or Secrets, or None"),
    "http_client_kwargs": ((dict, _NONE), "a dictionary or None"),
    "tools_strict": ((bool, _NONE), "True or False"),
    "quality": _TEXT,
    "size": _TEXT,
}


def check_types(**parameters: Any) -> None:
    """
    Check the parameters of a component.

    :param parameters: The parameters by name. Those of other names are left to the component.
    :raises TypeError: If one is of another type than it is declared with. Its value is not told.
    :raises ValueError: If a number is negative or not finite.
    """
    for name, value in parameters.items():
        if name not in _ALLOWED:
            continue
        types, allowed = _ALLOWED[name]
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            msg = f"`{name}` must be {allowed}, got {type(value).__name__}."
            raise TypeError(msg)
        if isinstance(value, Real) and not 0 <= float(value) < math.inf:
            msg = f"`{name}` must be {allowed}, neither negative nor endless, got {value}."
            raise ValueError(msg)
