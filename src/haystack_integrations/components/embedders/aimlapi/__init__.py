# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

from .document_embedder import AIMLAPIDocumentEmbedder
from .text_embedder import AIMLAPITextEmbedder

__all__ = ["AIMLAPIDocumentEmbedder", "AIMLAPITextEmbedder"]
