# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""A Pydantic model in, an object out."""

from pydantic import BaseModel
from stand_in import api_base_url

from haystack_integrations.components.generators.aimlapi import AIMLAPIChatGenerator


class Person(BaseModel):
    name: str
    birthplace: str
    birth_year: int


generator = AIMLAPIChatGenerator(api_base_url=api_base_url(), generation_kwargs={"response_format": Person})
reply = generator.run("Marie Curie was born in Warsaw in 1867.")["replies"][0]
print(repr(Person.model_validate_json(reply.text)))
