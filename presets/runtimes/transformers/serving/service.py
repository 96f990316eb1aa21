"""The loaded model as the routes see it: ready or not, and how to ask it."""

import logging
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from serving.arguments import Arguments
from serving.engine.batch import Batch, Row
from serving.engine.generation import Generation
from serving.engine.line import Limits
from serving.engine.options import batchable, make_plan, vocabulary_size
from serving.engine.scheduler import Scheduler
from serving.metrics import Metrics
from serving.refusal import LoadError
from serving.settings import Settings
from telemetry.readings import read_cpu

LOG = logging.getLogger("metakaito.service")


@dataclass
class Service:
    """
    What the routes share.

    ``model`` is None until it is loaded, ``scheduler`` until it may be asked.

    ``created`` is in seconds since 1970, as OpenAI tells when a model came.
    """

    settings: Settings
    arguments: Arguments
    metrics: Metrics = field(default_factory=Metrics)
    created: int = field(default_factory=lambda: int(time.time()))
    model: PreTrainedModel | None = None
    tokenizer: PreTrainedTokenizerBase | None = None
    scheduler: Scheduler | None = None

    @property
    def name(self) -> str:
        """What OpenAI's clients call the model."""
        if self.settings.model_name:
            return self.settings.model_name
        last = Path(self.arguments.path).name
        if last != "weights" or self.model is None:
            return last
        return str(self.model.config.model_type)

    def missing(self) -> str | None:
        """Say what is not there yet, in Kaito's words, or no more; None if all is there."""
        if self.model is None:
            return "Model not initialized"
        if self.scheduler is None:
            return "Pipeline not initialized"
        return self.scheduler.trouble()

    def ready(self) -> "Ready":
        """
        Return what answers need.

        Raises:
            NotReadyError: It is not there yet.

        """
        if self.model is None or self.tokenizer is None or self.scheduler is None:
            raise NotReadyError(self.missing() or "Pipeline not initialized")
        return Ready(self.model, self.tokenizer, self.scheduler)


class NotReadyError(Exception):
    """The model is still being loaded."""


@dataclass(frozen=True)
class Ready:
    """A loaded model and what asks it."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    scheduler: Scheduler


@torch.inference_mode()
def require_finite_scores(model: PreTrainedModel, adapters: list[str]) -> None:
    """
    Refuse a model that computes, but nothing that could be chosen from.

    Args:
        model: Loaded, with its adapters.
        adapters: The names of those, which are the likely cause.

    Raises:
        LoadError: Its scores are not finite numbers.

    """
    size = vocabulary_size(model)
    ids = torch.arange(min(8, size), device=model.device).unsqueeze(0)
    if not bool(model(input_ids=ids).logits.amax(dim=-1).isfinite().all()):
        what = f"with the adapters {', '.join(adapters)} the model" if adapters else "the model"
        raise LoadError(
            f"{what} gives scores that are not finite numbers: its training has diverged, or its "
            "weights are broken"
        )


def limits(
    settings: Settings, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase
) -> Limits:
    """
    Return what the engine may take.

    A first answer shows whether the model computes at all.

    It also shows the size of keys and values, whatever the architecture.
    """
    plan = make_plan(model, tokenizer, 1, {"max_new_tokens": 2, "do_sample": False})
    cells = 0
    if batchable(model):
        batch = Batch(model, torch.Generator(model.device))
        batch.prefill([Row(Generation([0], plan), [0])], 1)
        batch.step()
        cells = cells_that_fit(batch, settings.cache_share)
        LOG.info("Keys and values of %d tokens fit into memory", cells)
    else:
        LOG.warning("Models of type %s answer one request at a time", model.config.model_type)
        model.generate(torch.zeros((1, 1), dtype=torch.long, device=model.device), max_new_tokens=2)
    return Limits(
        rows=settings.batch_size,
        queue=settings.queue_length,
        cells=cells,
        wait=settings.queue_wait_seconds,
    )


def cells_that_fit(batch: Batch, share: float) -> int:
    """Return for how many tokens there is room on each device that has layers."""
    sizes: dict[torch.device, int] = {}
    for layer in batch.cache.padded:
        for states in (layer.keys, layer.values):
            assert states is not None  # noqa: S101  (the batch has taken a step)
            per_token = states.shape[1] * states.shape[3] * states.element_size()
            sizes[states.device] = sizes.get(states.device, 0) + per_token
    return min(int(free_bytes(device) * share / size) for device, size in sizes.items())


def free_bytes(device: torch.device) -> int:
    """Return how much memory of a device is free."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(free)
    memory = read_cpu().memory
    return min(memory.total - memory.used, int(psutil.virtual_memory().available))
