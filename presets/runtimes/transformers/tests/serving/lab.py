"""Tiny models of the presets' families, engines over them, and servers that answer over HTTP."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import torch
import uvicorn
from transformers import (
    FalconConfig,
    FalconForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Phi3Config,
    Phi3ForCausalLM,
    PhiConfig,
    PhiForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from serving.app import create_app
from serving.arguments import Arguments, parse_arguments
from serving.engine.generation import Generation, Piece
from serving.engine.line import Limits
from serving.engine.options import make_plan
from serving.engine.scheduler import Scheduler
from serving.metrics import Metrics
from serving.service import Service
from serving.settings import Settings

SMALL: dict[str, Any] = {
    "vocab_size": 512,
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 256,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 2,
}

FAMILIES = ("phi-3", "phi-3-long", "phi-2", "falcon-7b", "falcon-40b", "falcon-rw", "mistral")


def family_model(family: str) -> PreTrainedModel:  # noqa: PLR0911  (one for each family)
    """Return a random model of one of the presets' architectures, or near to one."""
    torch.manual_seed(1)
    wide: dict[str, Any] = {**SMALL, "intermediate_size": 128}
    match family:
        case "phi-3":
            return Phi3ForCausalLM(Phi3Config(**wide, num_key_value_heads=2)).eval()
        case "phi-3-long":  # as the presets with 128k: other rotary frequencies beyond 40 tokens
            factors: dict[str, Any] = {
                "short_factor": [1.0] * 8,
                "long_factor": [1.0 + i for i in range(8)],
            }
            rope: dict[str, Any] = {"rope_type": "longrope", "rope_theta": 10000.0, **factors}
            rope["original_max_position_embeddings"] = 40
            config = Phi3Config(
                **wide,
                num_key_value_heads=2,
                original_max_position_embeddings=40,
                rope_parameters=rope,
            )
            return Phi3ForCausalLM(config).eval()
        case "phi-2":
            return PhiForCausalLM(PhiConfig(**wide, partial_rotary_factor=0.5)).eval()
        case "falcon-7b":
            return FalconForCausalLM(FalconConfig(**SMALL, multi_query=True, alibi=False)).eval()
        case "falcon-40b":
            new: dict[str, Any] = {
                "new_decoder_architecture": True,
                "num_kv_heads": 2,
                "alibi": False,
            }
            return FalconForCausalLM(FalconConfig(**SMALL, **new)).eval()
        case "falcon-rw":
            old: dict[str, Any] = {
                "multi_query": False,
                "parallel_attn": False,
                "bias": True,
                "alibi": True,
            }
            return FalconForCausalLM(FalconConfig(**SMALL, **old)).eval()
        case "mistral":
            config = MistralConfig(**wide, num_key_value_heads=2, sliding_window=16)
            return MistralForCausalLM(config).eval()
    raise ValueError(family)


def said_by_generate(model: PreTrainedModel, prompt: list[int], **options: Any) -> list[int]:  # noqa: ANN401  (generate's options)
    """Return what ``generate()`` answers, alone and without our code."""
    ids = torch.tensor([prompt])
    found = model.generate(ids, attention_mask=torch.ones_like(ids), **options)
    tokens: list[int] = found[0, len(prompt) :].tolist()
    return tokens


@contextlib.asynccontextmanager
async def running_engine(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    *,
    rows: int = 8,
    queue: int = 64,
    cells: int = 10**6,
    wait: float = 60,
) -> AsyncIterator[Scheduler]:
    """Run an engine in the event loop of a test."""
    limits = Limits(rows, queue, cells, wait)
    engine = Scheduler(model, tokenizer, limits, Metrics(), asyncio.get_running_loop())
    engine.start()
    try:
        yield engine
    finally:
        engine.abort()
        assert await asyncio.to_thread(engine.join, 30)


def generation(
    engine: Scheduler, prompt: list[int], *, stream: bool = False, seed: int | None = None,
    **options: Any,  # noqa: ANN401  (generate's options)
) -> Generation:  # fmt: skip
    """Return a request that is not yet submitted."""
    plan = make_plan(engine.model, engine.tokenizer, len(prompt), options, seed=seed)
    return Generation(prompt, plan, stream=stream)


async def pieces(engine: Scheduler, asked: Generation) -> list[Piece]:
    """Submit a request and return all that comes."""
    engine.submit(asked)
    return [piece async for piece in asked.pieces()]


async def said(engine: Scheduler, asked: Generation) -> list[int]:
    """Submit a request and return its tokens."""
    return [token for piece in await pieces(engine, asked) for token in piece.tokens]


def arguments(*told: str, path: Path | str = "tiny") -> Arguments:
    """Return the arguments of a command line about the tiny model."""
    return parse_arguments(
        [
            "--pipeline=text-generation",
            f"--pretrained_model_name_or_path={path}",
            *told,
        ],
    )


@contextlib.contextmanager
def serving(
    model: PreTrainedModel | None,
    tokenizer: PreTrainedTokenizerBase | None,
    *told: str,
    settings: Settings | None = None,
    rows: int = 8,
    queue: int = 64,
) -> Iterator["Served"]:
    """Serve a model over real HTTP, by uvicorn in a thread, on a free port."""
    service = Service(settings or Settings(), arguments(*told))
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(create_app(service), log_level="error", timeout_graceful_shutdown=5),
    )
    begun = threading.Event()

    async def run() -> None:
        service.model, service.tokenizer = model, tokenizer
        if model is not None and tokenizer is not None:
            limits = Limits(rows, queue, 10**6, 60)
            loop = asyncio.get_running_loop()
            service.scheduler = Scheduler(model, tokenizer, limits, service.metrics, loop)
            service.scheduler.start()
        begun.set()
        await server.serve([listening])
        if service.scheduler is not None:
            service.scheduler.abort()
            await asyncio.to_thread(service.scheduler.join, 30)

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    begun.wait(30)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    with httpx.Client(base_url=url, timeout=60) as client:
        yield Served(url, client, service)
    server.should_exit = True
    thread.join(30)


class Served:
    """A server under test."""

    def __init__(self, url: str, client: httpx.Client, service: Service) -> None:
        self.url = url
        self.client = client
        self.service = service

    def chat(self, **body: object) -> httpx.Response:
        """Ask in Kaito's words."""
        return self.client.post("/chat", json=body)

    @property
    def engine(self) -> Scheduler:
        """What answers."""
        assert self.service.scheduler is not None
        return self.service.scheduler
