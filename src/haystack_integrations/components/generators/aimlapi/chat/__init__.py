# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

from .chat_generator import AIMLAPIChatGenerator
from .responses_chat_generator import AIMLAPIResponsesChatGenerator

__all__ = ["AIMLAPIChatGenerator", "AIMLAPIResponsesChatGenerator"]
