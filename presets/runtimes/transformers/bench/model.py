"""The models that are measured: Phi-3's architecture with random weights."""

from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import Phi3Config, Phi3ForCausalLM

from tiny.model import CONTEXT, VOCABULARY, make_tokenizer


@dataclass(frozen=True)
class Shape:
    """How large a model is, and in which type its weights are computed."""

    hidden: int
    intermediate: int
    layers: int
    heads: int
    dtype: str


ON_CPU = Shape(hidden=512, intermediate=1536, layers=8, heads=8, dtype="float32")
"""27 million weights, 108 MB: more than a processor's cache, so that each step reads memory."""

ON_GPU = Shape(hidden=2048, intermediate=8192, layers=16, heads=32, dtype="bfloat16")
"""1.1 thousand million weights, 2.1 GB."""


def make_model(directory: Path, shape: Shape) -> int:
    """
    Write a model that never ends its answer before it is told to.

    Returns:
        How many weights it has.

    """
    tokenizer = make_tokenizer()
    tokenizer.save_pretrained(directory)
    config = Phi3Config(
        vocab_size=VOCABULARY,
        hidden_size=shape.hidden,
        intermediate_size=shape.intermediate,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.heads,
        max_position_embeddings=CONTEXT,
        original_max_position_embeddings=CONTEXT,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=None,
        pad_token_id=tokenizer.pad_token_id,
        dtype=shape.dtype,
    )
    torch.manual_seed(0)
    model = Phi3ForCausalLM(config).to(getattr(torch, shape.dtype))
    model.generation_config.eos_token_id = None
    model.save_pretrained(directory)
    return int(sum(each.numel() for each in model.parameters()))
