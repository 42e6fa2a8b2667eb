# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""Components as a reader of a log sees them."""

import re
from collections.abc import Callable
from typing import Any, TypeVar

from .client import BASE_URL

ComponentT = TypeVar("ComponentT")


def describe(component: Any) -> str:
    """
    Describe a component: its class, its model, and where it calls.

    :param component: The component.
    :returns: The description, without what a URL may hold of users, passwords and keys.
    """
    url = re.sub(r"(?<=//)[^/?#]*@", "***@", component.api_base_url or BASE_URL)
    return f"{type(component).__name__}(model={component.model!r}, api_base_url={re.split('[?#]', url)[0]!r})"


def with_description(component_class: type[ComponentT]) -> type[ComponentT]:
    """
    Put the description in front of what Haystack tells of a component: its name in a pipeline, and its sockets.

    :param component_class: The class, as `@component` made it.
    :returns: The same class.
    """
    told_by_haystack: Callable[[Any], str] = component_class.__repr__

    def represent(self: Any) -> str:
        # Where Haystack has the class and the address in memory.
        return describe(self) + "".join(told_by_haystack(self).partition("\n")[1:])

    component_class.__repr__ = represent  # type: ignore[method-assign]
    return component_class
