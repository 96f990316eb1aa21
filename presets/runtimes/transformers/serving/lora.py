"""
Applies LoRA adapters to the model, all combined into one.

A module apart from ``adapters.py``, because PEFT takes seconds to import and most models have no
adapter.
"""

import logging
from typing import Any, cast

import torch
from peft import LoraConfig, PeftConfig, PeftModel, set_peft_model_state_dict
from peft.tuners.lora import LoraLayer
from peft.utils import load_peft_weights
from transformers import PreTrainedModel

from serving.adapters import CONFIG, Adapter
from serving.loading import one_line
from serving.refusal import LoadError

LOG = logging.getLogger("metakaito.adapters")

COMBINED = "combined_adapter"

WEIGHTS = ("adapter_model.safetensors", "adapter_model.bin")

DENSITY = 0.2
"""
Share of the weights that pruning types keep; Kaito cannot say one, and PEFT has no default.

https://huggingface.co/docs/peft/developer_guides/model_merging
"""


def with_adapters(
    model: PreTrainedModel, adapters: list[Adapter], combination_type: str
) -> PreTrainedModel:
    """
    Return the model with all adapters applied; several become one called ``combined_adapter``.

    A strength of 0 leaves an adapter out, so that nothing but such adapters is the model itself. A
    single adapter is scaled and not combined, so that at strength 1 it is exactly itself. For
    several, "svd" is computed as "cat": both stand for the weighted sum, which "cat" is exactly,
    and which "svd" would cut to the rank of the largest adapter.

    Args:
        model: It is changed.
        adapters: All are loaded, to see that they fit.
        combination_type: As in PEFT's ``add_weighted_adapter``.

    Raises:
        LoadError: An adapter cannot be read, does not fit, or cannot be combined.

    """
    used = [adapter for adapter in adapters if adapter.strength != 0]
    configs = {adapter.key: adapter_config(adapter) for adapter in adapters}
    for adapter in used:
        require_applicable(adapter, configs[adapter.key], alone=len(used) == 1)
    # Before anything is changed: a module that an adapter has whole would otherwise be the other's.
    weights = {
        adapter.key: adapter_weights(adapter)
        if adapter in used
        else lora_weights(model, adapter, adapter_weights(adapter))
        for adapter in adapters
    }
    peft_model: PeftModel | None = None
    for adapter in adapters:
        config = configs[adapter.key]
        if adapter not in used:
            config.bias, config.modules_to_save = "none", None
        peft_model = loaded(model, peft_model, adapter, config, weights[adapter.key])
    LOG.info("Adapter added: %s", ", ".join(sorted(adapter.name for adapter in adapters)))
    tuned = cast("PeftModel", peft_model)
    if not used:
        return cast("PreTrainedModel", tuned.unload())
    kept = combined(tuned, used, combination_type)
    tuned.set_adapter(kept)
    for adapter in adapters:
        if adapter.key != kept:
            tuned.delete_adapter(adapter.key)
    tuned.eval()
    return cast("PreTrainedModel", tuned.get_base_model())


def require_applicable(adapter: Adapter, config: LoraConfig, *, alone: bool) -> None:
    """
    Refuse an adapter that cannot be applied with its strength, or with others.

    Raises:
        LoadError: With the reason.

    """
    if not alone and uncombinable(config):
        raise LoadError(
            f"adapter {adapter.name}: changes more than LoRA's matrices (DoRA, biases or whole "
            "modules) and cannot be combined with others: serve it alone"
        )
    if adapter.strength != 1 and (config.modules_to_save or config.bias != "none"):
        raise LoadError(
            f"adapter {adapter.name}: its strength is {adapter.strength:g}, but it replaces biases "
            "or whole modules (modules_to_save), which have no strength: it has to be 0 or 1"
        )


def lora_weights(
    model: PreTrainedModel, adapter: Adapter, weights: dict[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """
    Return LoRA's own weights of an adapter, without the biases and modules that it replaces.

    Raises:
        LoadError: What it replaces is not in the model, or has another shape.

    """
    shapes = {name: each.shape for name, each in model.state_dict(keep_vars=True).items()}
    for name, tensor in weights.items():
        if "lora_" in name:
            continue
        place = name.removeprefix("base_model.model.").replace(".base_layer.", ".")
        if place not in shapes:
            raise LoadError(
                f"adapter {adapter.name}: was made for another model: it has weights for {name}, "
                "which this model does not have"
            )
        if shapes[place] != tensor.shape:
            raise LoadError(
                f"adapter {adapter.name}: does not fit this model: {name} has the shape "
                f"{tuple(tensor.shape)} and not {tuple(shapes[place])}"
            )
    return {name: tensor for name, tensor in weights.items() if "lora_" in name}


def loaded(
    model: PreTrainedModel,
    peft_model: PeftModel | None,
    adapter: Adapter,
    config: LoraConfig,
    weights: dict[str, torch.Tensor],
) -> PeftModel:
    """
    Return the model with one more adapter, under its key.

    Raises:
        LoadError: It is for another model.

    """
    key = adapter.key
    try:
        if peft_model is None:
            peft_model = PeftModel(model, config, adapter_name=key)
        else:
            peft_model.add_adapter(key, config)
        result = set_peft_model_state_dict(peft_model, weights, adapter_name=key)
    except (ValueError, RuntimeError, KeyError, TypeError) as error:
        raise LoadError(
            f"adapter {adapter.name}: does not fit this model: {one_line(error)[:300]}"
        ) from error
    missing = [each for each in result.missing_keys if f".{key}" in each]
    strange = list(result.unexpected_keys)
    if missing or strange:
        others = len(missing) + len(strange) - 1
        what = f"has no weights for {missing[0]}" if missing else f"has weights for {strange[0]}"
        raise LoadError(
            f"adapter {adapter.name}: was made for another model: it {what}"
            f"{f' and {others} more' if others else ''}"
            f"{', which this model does not have' if not missing else ''}"
        )
    return peft_model


def adapter_config(adapter: Adapter) -> LoraConfig:
    """
    Return what the adapter is.

    Raises:
        LoadError: The file cannot be read, or it is no LoRA.

    """
    try:
        config = PeftConfig.from_pretrained(str(adapter.directory))
    except (ValueError, TypeError, KeyError, OSError) as error:
        raise LoadError(
            f"adapter {adapter.name}: {CONFIG} cannot be read: {one_line(error)[:300]}"
        ) from error
    if not isinstance(config, LoraConfig):
        raise LoadError(
            f"adapter {adapter.name}: is of type {config.peft_type}, only LORA can be served"
        )
    config.inference_mode = True
    return config


def adapter_weights(adapter: Adapter) -> dict[str, torch.Tensor]:
    """
    Return the adapter's weights.

    Raises:
        LoadError: There are none, or the file is broken.

    """
    if not any((adapter.directory / name).is_file() for name in WEIGHTS):
        raise LoadError(f"adapter {adapter.name}: {adapter.directory} has no {WEIGHTS[0]}")
    try:
        weights: dict[str, torch.Tensor] = load_peft_weights(str(adapter.directory), device="cpu")
    except Exception as error:
        # safetensors and pickle have errors of their own, with no common kind.
        raise LoadError(
            f"adapter {adapter.name}: its weights cannot be read: {one_line(error)[:300]}"
        ) from error
    spoiled = next((name for name, each in weights.items() if not each.isfinite().all()), None)
    if spoiled is not None:
        raise LoadError(
            f"adapter {adapter.name}: its weights {spoiled} are not all finite numbers: its "
            "training has diverged"
        )
    return weights


def combined(model: PeftModel, adapters: list[Adapter], combination_type: str) -> str:
    """
    Return the key of the adapter that all of them are together, which may be one of them.

    Raises:
        LoadError: PEFT cannot combine them so.

    """
    only = adapters[0]
    if len(adapters) == 1:
        for layer in lora_layers(model):
            if only.key in layer.scaling:
                layer.scaling[only.key] *= only.strength
        return only.key
    try:
        model.base_model.add_weighted_adapter(
            [adapter.key for adapter in adapters],
            [adapter.strength for adapter in adapters],
            COMBINED,
            combination_type="cat" if combination_type == "svd" else combination_type,
            density=None if not needs_density(combination_type) else DENSITY,
            svd_full_matrices=False,
        )
    except (ValueError, RuntimeError, KeyError, TypeError) as error:
        raise LoadError(
            f"adapters {', '.join(adapter.name for adapter in adapters)}: cannot be combined with "
            f"--combination_type={combination_type}: {one_line(error)[:300]}"
        ) from error
    # PEFT takes over the first one's rank stabilization, and would scale what is scaled already.
    for layer in lora_layers(model):
        if COMBINED in layer.scaling:
            layer.scaling[COMBINED] = 1.0
    return COMBINED


def needs_density(combination_type: str) -> bool:
    """Say whether a type prunes weights."""
    return combination_type.startswith(("ties", "dare", "magnitude_prune"))


def uncombinable(config: Any) -> bool:  # noqa: ANN401  (PEFT's configs have no common fields)
    """Say whether an adapter changes what PEFT's combination would lose."""
    return bool(config.use_dora or config.modules_to_save or config.bias != "none")


def lora_layers(model: PeftModel) -> list[LoraLayer]:
    """Return the layers that adapters change."""
    return [module for module in model.modules() if isinstance(module, LoraLayer)]
