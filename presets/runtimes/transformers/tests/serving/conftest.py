"""The tiny model, tiny models of the presets' families, and servers that answer over HTTP."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from tests.serving.lab import FAMILIES, Served, family_model, serving
from tiny import make_model


@pytest.fixture(scope="session")
def tiny_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("models") / "tiny"
    make_model(directory)
    return directory


@pytest.fixture(scope="session")
def model(tiny_directory: Path) -> PreTrainedModel:
    return AutoModelForCausalLM.from_pretrained(tiny_directory).eval()


@pytest.fixture(scope="session")
def tokenizer(tiny_directory: Path) -> PreTrainedTokenizerBase:
    return AutoTokenizer.from_pretrained(tiny_directory)


@pytest.fixture(params=FAMILIES, scope="session")
def family(request: pytest.FixtureRequest) -> PreTrainedModel:
    return family_model(request.param)


@pytest.fixture(scope="session")
def served(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> Iterator[Served]:
    with serving(model, tokenizer) as running:
        yield running


@pytest.fixture(scope="session")
def conversational(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> Iterator[Served]:
    with serving(model, tokenizer, "--pipeline=conversational") as running:
        yield running
