"""From the options of a request to transformers' own generation config, or to a refusal."""

import copy
import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import torch
from pydantic import (
    AfterValidator,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    TypeAdapter,
    ValidationError,
)
from transformers import (
    EosTokenCriteria,
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
    MaxLengthCriteria,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    StoppingCriteriaList,
    WatermarkingConfig,
)
from transformers.generation.configuration_utils import GenerationMode

from serving.engine.sampling import Chooser, chooser

REFUSED = {
    **dict.fromkeys(
        ("output_attentions", "output_hidden_states", "output_scores", "output_logits",
         "return_dict_in_generate"),
        "the answer is text and has no place for it",
    ),
    **dict.fromkeys(
        ("encoder_repetition_penalty", "encoder_no_repeat_ngram_size", "decoder_start_token_id"),
        "it is for models with an encoder, and this one has none",
    ),
    **dict.fromkeys(
        ("penalty_alpha", "low_memory", "dola_layers", "num_beam_groups", "diversity_penalty",
         "constraints", "force_words_ids"),
        "transformers has it only as remote code, which is not run here",
    ),
    **dict.fromkeys(
        ("continuous_batching_config", "compile_config", "disable_compile", "cache_config",
         "cache_implementation", "max_cache_len", "use_cache", "prefill_chunk_size"),
        "the server decides how it computes",
    ),
    **dict.fromkeys(
        ("is_assistant", "use_mtp", "num_assistant_tokens", "num_assistant_tokens_schedule",
         "assistant_confidence_threshold", "assistant_early_exit", "assistant_lookbehind",
         "target_lookbehind", "assistant_ensemble_weight", "speculation_type"),
        "there is no assistant model",
    ),
    **dict.fromkeys(
        ("transformers_version", "continuous_batching", "assistant_model", "logits_processor",
         "stopping_criteria", "prefix_allowed_tokens_fn", "streamer", "synced_gpus", "inputs",
         "input_ids", "attention_mask", "negative_prompt_ids", "negative_prompt_attention_mask",
         "custom_generate", "generation_config", "use_model_defaults", "tokenizer"),
        "it cannot be said in a request",
    ),
}  # fmt: skip
"""Options of ``generate()`` that are not for a request, and why."""


def finite(number: float) -> float:
    """
    Return a number that 32 bits can hold.

    Raises:
        ValueError: It is too large, infinite, or none.

    """
    if abs(number) > LARGEST or math.isnan(number):
        raise ValueError("has to be a finite number of 32 bits")
    return number


LARGEST = torch.finfo(torch.float32).max

NUMBER = Annotated[StrictInt | StrictFloat, AfterValidator(finite)]

COUNT = Annotated[StrictInt, Field(ge=1)]

KINDS: dict[str, Any] = {
    **dict.fromkeys(("num_beams", "num_return_sequences"), COUNT),
    **dict.fromkeys(
        ("max_length", "max_new_tokens", "min_length", "min_new_tokens", "top_k",
         "no_repeat_ngram_size", "forced_bos_token_id", "pad_token_id", "bos_token_id",
         "prompt_lookup_num_tokens", "max_matching_ngram_size"),
        StrictInt,
    ),
    **dict.fromkeys(
        ("max_time", "temperature", "top_p", "min_p", "top_h", "typical_p", "epsilon_cutoff",
         "eta_cutoff", "repetition_penalty", "length_penalty", "guidance_scale"),
        NUMBER,
    ),
    **dict.fromkeys(
        ("do_sample", "renormalize_logits", "remove_invalid_values", "token_healing"), StrictBool
    ),
    "early_stopping": StrictBool | StrictStr,
    "eos_token_id": StrictInt | list[StrictInt],
    "forced_eos_token_id": StrictInt | list[StrictInt],
    "suppress_tokens": list[StrictInt],
    "begin_suppress_tokens": list[StrictInt],
    "bad_words_ids": list[list[StrictInt]],
    "stop_strings": StrictStr | list[StrictStr],
    "exponential_decay_length_penalty": tuple[StrictInt, NUMBER],
    "sequence_bias": list[tuple[list[StrictInt], NUMBER]],
    "watermarking_config": dict[StrictStr, Any],
}  # fmt: skip
"""
What the options are; transformers takes anything and fails in the middle.

https://huggingface.co/docs/transformers/main_classes/text_generation
"""

TYPES: dict[str, TypeAdapter[Any]] = {name: TypeAdapter(kind) for name, kind in KINDS.items()}

BATCHED_MODES = (GenerationMode.GREEDY_SEARCH, GenerationMode.SAMPLE)


class OptionError(ValueError):
    """
    An option cannot be applied.

    Args:
        option: Its name.
        reason: What is wrong with it and what to do.

    """

    def __init__(self, option: str, reason: str) -> None:
        super().__init__(f"{option}: {reason}")
        self.option = option
        self.reason = reason


@dataclass
class Plan:
    """
    What is to be done for one request.

    ``config`` is for ``generate()``, ``limit`` counts tokens of prompt and answer together,
    ``ends`` are the tokens that end an answer, ``criteria`` what else ends it, ``extra`` are
    processors of our own. ``alone`` says that only ``generate()`` can do it.
    """

    config: GenerationConfig
    limit: int
    ends: frozenset[int]
    chooser: Chooser
    criteria: StoppingCriteriaList
    extra: tuple[LogitsProcessor, ...]
    alone: bool


def require_known(options: Mapping[str, object]) -> None:
    """
    Refuse what ``generate()`` does not know or a request may not say.

    Raises:
        OptionError: With the names that are alike.

    """
    for name, value in options.items():
        if name in REFUSED:
            raise OptionError(name, f"is not available here: {REFUSED[name]}")
        if name not in TYPES:
            near = difflib.get_close_matches(name, TYPES, n=3)
            hint = f"; did you mean {' or '.join(near)}?" if near else ""
            raise OptionError(name, f"generate() knows no such option{hint}")
        if value is not None:
            try:
                TYPES[name].validate_python(value)
            except ValidationError as error:
                told = error.errors()[0]["msg"]
                raise OptionError(name, f"is {value!r}: {told[0].lower()}{told[1:]}") from error


TOKENS = (
    "eos_token_id", "pad_token_id", "bos_token_id", "forced_bos_token_id", "forced_eos_token_id",
    "suppress_tokens", "begin_suppress_tokens", "bad_words_ids",
)  # fmt: skip
"""Options that are tokens; those of ``sequence_bias`` stand beside numbers."""


def require_tokens(model: PreTrainedModel, options: Mapping[str, Any]) -> None:
    """
    Refuse tokens that the model does not have; a GPU stops computing at all for one of them.

    Raises:
        OptionError: With the first of them.

    """
    size = vocabulary_size(model)
    biased = [tokens for tokens, _ in options.get("sequence_bias") or ()]
    for name, value in [(name, options.get(name)) for name in TOKENS] + [("sequence_bias", biased)]:
        strange = next((token for token in flat(value) if not 0 <= token < size), None)
        if strange is not None:
            raise OptionError(name, f"there is no token {strange}: the vocabulary has {size}")


def flat(tokens: Any) -> list[int]:  # noqa: ANN401  (lists of lists, to any depth)
    """Return the tokens of a list of lists."""
    if isinstance(tokens, list | tuple):
        return [token for each in tokens for token in flat(each)]
    return [] if tokens is None else [int(tokens)]


def vocabulary_size(model: PreTrainedModel) -> int:
    """Return how many tokens the model has."""
    return int(model.config.get_text_config().vocab_size)


def make_plan(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompt_length: int,
    options: Mapping[str, Any],
    *,
    seed: int | None = None,
    extra: tuple[LogitsProcessor, ...] = (),
) -> Plan:
    """
    Return what a request becomes, by transformers' own rules.

    They are in private methods of ``GenerationMixin``, which keep ``generate()`` and the batch
    alike; the lock file holds the release for which the tests say so.

    Args:
        model: Its generation config has the defaults.
        tokenizer: Finds ``stop_strings``.
        prompt_length: In tokens.
        options: As ``generate()`` takes them; those that are None count as not given.
        seed: Of this row's draws.
        extra: Processors of our own, applied before those that narrow the choice.

    Raises:
        OptionError: An option is unknown or cannot be, or prompt and answer do not fit.

    """
    require_known(options)
    require_tokens(model, options)
    given = {name: value for name, value in options.items() if value is not None}
    if isinstance(marking := given.get("watermarking_config"), dict):
        given["watermarking_config"] = watermarking(marking)
    try:
        config, _ = model._prepare_generation_config(None, **given)  # noqa: SLF001
        config.validate(user_set_attributes=set())
        mode = config.get_generation_mode()
        config.max_length = total_length(model, config, given, prompt_length)
        if config.min_new_tokens is not None:
            config.min_length = prompt_length + config.min_new_tokens
        config.max_new_tokens = config.min_new_tokens = None
        asked = copy.deepcopy(config)
        model._prepare_special_tokens(config, device=model.device)  # noqa: SLF001
        processors = model._get_logits_processor(  # noqa: SLF001
            config,
            input_ids_seq_length=prompt_length,
            logits_processor=LogitsProcessorList(extra),
            device=model.device,
        )
        criteria = model._get_stopping_criteria(config, StoppingCriteriaList(), tokenizer=tokenizer)  # noqa: SLF001
    except OptionError:
        raise
    except Exception as error:
        # What transformers raises for options that cannot be is of any kind.
        raise OptionError("generate_kwargs", sentence(error)) from error
    ends = config._eos_token_tensor  # noqa: SLF001
    return Plan(
        config=asked,
        limit=config.max_length,
        ends=frozenset() if ends is None else frozenset(int(end) for end in ends.tolist()),
        chooser=chooser(processors, config, seed, model.device),
        criteria=StoppingCriteriaList(
            each for each in criteria if not isinstance(each, MaxLengthCriteria | EosTokenCriteria)
        ),
        extra=extra,
        alone=not batchable(model)
        or mode not in BATCHED_MODES
        or (config.num_return_sequences or 1) > 1
        or (config.guidance_scale or 1) != 1
        or bool(config.token_healing),
    )


def total_length(
    model: PreTrainedModel, config: GenerationConfig, given: Mapping[str, Any], prompt_length: int
) -> int:
    """
    Return how many tokens prompt and answer may have together.

    As in ``generate()``, ``max_new_tokens`` goes before ``max_length``.

    Raises:
        OptionError: They do not fit into the model's context, or leave no token for the answer.

    """
    if config.max_new_tokens is not None:
        option, new = "max_new_tokens", int(config.max_new_tokens)
    else:
        option, new = "max_length", int(config.max_length) - prompt_length
    if prompt_length == 0:
        raise OptionError("prompt", "has no tokens; the model needs one at least")
    context = context_length(model)
    if new < 1:
        if option == "max_new_tokens":
            raise OptionError(option, f"is {new}, must be 1 at least")
        if context is not None and prompt_length >= context:
            raise OptionError(
                option,
                f"the prompt has {prompt_length} tokens, but the model's context is {context} "
                "tokens for prompt and answer together: shorten the prompt",
            )
        raise OptionError(
            option,
            f"is {given.get('max_length', config.max_length)} and counts the prompt, which has "
            f"{prompt_length} tokens: raise it, or set max_new_tokens instead",
        )
    if context is not None and prompt_length + new > context:
        raise OptionError(
            option,
            f"the prompt has {prompt_length} tokens and the answer may have {new}, but the model's "
            f"context is {context} tokens: shorten the prompt or ask for fewer",
        )
    return prompt_length + new


def context_length(model: PreTrainedModel) -> int | None:
    """Return how many tokens the model sees at once; None if its configuration does not say."""
    length = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    return None if length is None else int(length)


def watermarking(options: dict[str, Any]) -> WatermarkingConfig:
    """Return a watermark's options, which JSON can only tell as an object."""
    try:
        marking = WatermarkingConfig(**options)
        marking.validate()
    except (TypeError, ValueError) as error:
        raise OptionError("watermarking_config", sentence(error)) from error
    return marking


def sentence(error: Exception) -> str:
    """Return the first line of what transformers says."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def batchable(model: PreTrainedModel) -> bool:
    """
    Say whether rows of different requests may share a forward pass of this model.

    They may where each layer keeps keys and values, of all tokens or of a window; not where a layer
    keeps a state, and not with "dynamic" rotary embedding, whose frequencies depend on the longest
    row.
    """
    config = model.config.get_text_config()
    attends = set(getattr(config, "layer_types", None) or ()) <= {
        "full_attention",
        "sliding_attention",
    }
    rope = rope_parameters(model)
    return (
        attends
        and not model.config.is_encoder_decoder
        and not getattr(model, "_is_stateful", False)
        and rope.get("rope_type") != "dynamic"
    )


def rope_parameters(model: PreTrainedModel) -> dict[str, Any]:
    """Return how the model's rotary embedding is scaled; empty if it has none."""
    return dict(getattr(model.config.get_text_config(), "rope_parameters", None) or {})


def long_from(model: PreTrainedModel) -> int | None:
    """
    Return from how many tokens on the rotary frequencies are other ones; None if they never are.

    Phi-3's "longrope" has frequencies for short and for long texts, and the longest row of a batch
    chooses for all. https://huggingface.co/papers/2402.13753
    """
    rope = rope_parameters(model)
    if rope.get("rope_type") != "longrope":
        return None
    return int(rope["original_max_position_embeddings"]) + 1
