"""A tiny model, a small data set, and trainings of them."""

from pathlib import Path

import pytest

from tests.training.lab import CHATS, Lab
from tiny import make_model


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("model")
    make_model(directory)
    return directory


@pytest.fixture
def lab(tmp_path: Path, model: Path) -> Lab:
    for name in ("data", "results"):
        (tmp_path / name).mkdir()
    (tmp_path / "termination-log").touch()
    lab = Lab(tmp_path, model)
    return lab.with_rows(CHATS).configured(
        ModelConfig={"pretrained_model_name_or_path": str(model), "local_files_only": True},
        LoraConfig={"r": 4, "lora_alpha": 8, "lora_dropout": 0.1},
        TrainingArguments={
            "output_dir": str(tmp_path / "results"),
            "save_strategy": "no",
            "per_device_train_batch_size": 4,
            "num_train_epochs": 1,
            "learning_rate": 0.01,
        },
        DatasetConfig={"train_test_split": 1},
        DataCollator={"mlm": False},
    )
