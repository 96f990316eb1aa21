"""transformers' pipeline, called in this process."""

import time
from pathlib import Path

import torch
from transformers import Pipeline, pipeline


def load_pipeline(directory: Path, dtype: str) -> Pipeline:
    """Return the pipeline, on the GPU if there is one."""
    device = 0 if torch.cuda.is_available() else -1
    return pipeline(
        "text-generation", model=str(directory), dtype=getattr(torch, dtype), device=device
    )


def seconds_for(asked: Pipeline, prompts: list[str], tokens: int, batch: int) -> float:
    """Return how long it takes for some answers of so many tokens, in batches of a fixed size."""
    begun = time.perf_counter()
    asked(
        prompts,
        max_new_tokens=tokens,
        do_sample=False,
        eos_token_id=None,
        batch_size=batch,
        return_full_text=False,
    )
    return time.perf_counter() - begun
