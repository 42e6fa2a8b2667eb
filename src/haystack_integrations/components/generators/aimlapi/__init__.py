# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

from .chat.chat_generator import AIMLAPIChatGenerator
from .chat.responses_chat_generator import AIMLAPIResponsesChatGenerator
from .image_generator import AIMLAPIImageGenerator

__all__ = ["AIMLAPIChatGenerator", "AIMLAPIImageGenerator", "AIMLAPIResponsesChatGenerator"]
