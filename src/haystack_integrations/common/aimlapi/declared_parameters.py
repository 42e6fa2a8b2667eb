# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""
The names of the fields that AIMLAPI's requests declare, by endpoint: the union over its OpenAPI files.

`scripts/check_models.py` holds them against a checkout of AIMLAPI's docs.
"""

from .model_ids import Endpoint

DECLARED: dict[Endpoint, frozenset[str]] = {
    "chat": frozenset(
        """
        add_generation_prompt add_special_tokens audio best_of chat_template chat_template_kwargs documents
        early_stopping echo enable_search enable_thinking frequency_penalty guided_choice
        guided_decoding_backend guided_grammar guided_json guided_regex guided_whitespace_pattern ignore_eos
        include_stop_str_in_output ip last_updated_after_filter last_updated_before_filter length_penalty
        logit_bias logprobs mask_sensitive_info max_completion_tokens max_tokens messages metadata min_p
        min_tokens modalities model n normalize_tool_schemas parallel_tool_calls prediction presence_penalty
        provider reasoning reasoning_effort repetition_penalty response_format return_images
        return_related_questions search_after_date_filter search_before_date_filter search_domain_filter
        search_mode search_options search_recency_filter seed skip_special_tokens
        spaces_between_special_tokens stop stop_sequences stop_token_ids stream stream_options system
        temperature thinking thinking_budget tool_choice tools top_a top_k top_logprobs top_p
        use_beam_search user web_search_options
        """.split()
    ),
    "responses": frozenset(
        """
        background include input instructions max_output_tokens model parallel_tool_calls
        previous_response_id prompt reasoning store stream temperature text tool_choice tools top_p
        truncation
        """.split()
    ),
    "images": frozenset(
        """
        acceleration add_watermark alpha_keyframe_index alpha_mode alpha_url aspect_ratio background colors
        convert_base64_to_url enable_prompt_expansion enable_safety_checker enable_web_search enhance_prompt
        face_enhancement face_enhancement_creativity face_enhancement_strength focus_boost guidance_scale
        image image_size image_url image_urls keep_size loras mask max_completion_tokens max_resolution
        max_tokens minor_denoise mode model moderation n negative_prompt num_images num_inference_steps
        output_compression output_format person_generation prompt prompt_expansion provider quality raw
        reference_image_url resolution response_format safety_setting safety_tolerance scale seed size steps
        strength style subject_detection sync_mode temperature type watermark web_search
        """.split()
    ),
    "embeddings": frozenset(
        """
        auto_truncate dimensions encoding_format input input_type model task_type title
        """.split()
    ),
}
