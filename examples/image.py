# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""An image, written to a file."""

import base64
import tempfile
from pathlib import Path

from stand_in import api_base_url

from haystack_integrations.components.generators.aimlapi import AIMLAPIImageGenerator

generator = AIMLAPIImageGenerator(model="openai/gpt-image-2", api_base_url=api_base_url(), response_format="b64_json")
result = generator.run("A black cat on a red sofa.")
path = Path(tempfile.gettempdir()) / "aimlapi-cat.png"
path.write_bytes(base64.b64decode(result["images"][0]))
print("image:", path)
print("cost:", result["meta"]["cost"])
