"""A configuration, a data set and a model become an adapter, the same each time."""

import json
import logging
import os
import re
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from hub.marker import MARKER
from tests.training.lab import CHATS, Lab
from training.configuration import parse_configuration
from training.model import base_model_name
from training.progress import read_progress
from training.results import older_result
from training.settings import Settings

RESULT = ["adapter_config.json", "adapter_model.safetensors", "fine_tuning_completed.txt"]


def adapter(lab: Lab) -> bytes:
    return (lab.results / "adapter_model.safetensors").read_bytes()


def test_the_result_is_an_adapter_that_all_may_read_and_a_sign(
    lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        assert lab.train() == 0

    names = sorted(path.name for path in lab.results.iterdir())
    assert names == [*RESULT, "fine_tuning_result.json"]
    assert {oct(path.stat().st_mode & 0o777) for path in lab.results.iterdir()} == {"0o644"}
    sign = (lab.results / "fine_tuning_completed.txt").read_text()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d\n", sign)
    config = json.loads((lab.results / "adapter_config.json").read_text())
    assert (config["r"], config["lora_alpha"], config["task_type"]) == (4, 8, "CAUSAL_LM")
    assert config["base_model_name_or_path"] == str(lab.weights)
    assert "24 rows of" in caplog.text
    assert re.search(
        r"step 6 of 6, epoch 1.00 of 1, loss \d\.\d+, \S+ samples/s, \d+ tokens/s, 0s left",
        caplog.text,
    )
    assert "\r" not in caplog.text
    progress = read_progress(lab.settings.progress_file)
    assert progress is not None
    assert (progress.state, progress.step, progress.total_steps, progress.epoch) == (
        "finished",
        6,
        6,
        1,
    )
    assert not lab.settings.pid_file.exists()
    assert lab.last_words == ""


def test_the_adapter_changes_what_the_model_says(lab: Lab) -> None:
    arguments = {"num_train_epochs": 4, "learning_rate": 0.05}
    assert lab.configured(TrainingArguments=arguments).train() == 0

    model = AutoModelForCausalLM.from_pretrained(lab.weights)
    tokens = torch.arange(20).reshape(1, 20)
    before = model(tokens).logits
    after = PeftModel.from_pretrained(model, lab.results)(tokens).logits

    assert not torch.allclose(before, after, atol=0.1)


def test_equal_configurations_make_equal_adapters_and_another_seed_does_not(
    lab: Lab, tmp_path: Path
) -> None:
    results = []
    for name, seed in (("one", 1), ("same", 1), ("other", 2)):
        arguments = {"output_dir": str(tmp_path / name), "seed": seed}
        assert lab.configured(TrainingArguments=arguments).train() == 0
        results.append((tmp_path / name / "adapter_model.safetensors").read_bytes())

    assert results[0] == results[1]
    assert results[0] != results[2]


def test_what_is_done_is_not_done_again_and_another_configuration_is(
    lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    assert lab.train() == 0
    first = adapter(lab)
    (lab.results / "fine_tuning_completed.txt").unlink()  # as a pusher may do

    with caplog.at_level(logging.INFO):
        assert lab.train() == 0
    assert "the adapter of this very training is in" in caplog.text
    assert "loading" not in caplog.text
    assert (lab.results / "fine_tuning_completed.txt").exists()

    assert lab.configured(LoraConfig={"r": 2}).train() == 0
    assert adapter(lab) != first
    assert lab.with_rows([*CHATS, CHATS[0]]).train() == 0
    assert lab.configured(TrainingArguments={"overwrite_output_dir": True}).train() == 0


def test_an_adapter_that_is_replaced_is_told_before_the_training(
    lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    assert lab.train() == 0
    assert "will be replaced" not in caplog.text
    file = lab.results / "adapter_model.safetensors"
    os.utime(file, (1700000000, 1700000000))
    older = json.loads((lab.results / "fine_tuning_result.json").read_text())["fingerprint"]

    with caplog.at_level(logging.INFO):
        assert lab.configured(LoraConfig={"r": 2}).train() == 0
    newer = json.loads((lab.results / "fine_tuning_result.json").read_text())["fingerprint"]
    told = (
        f"the adapter that is in {lab.results} will be replaced: it was written at 2023-11-14 "
        "22:13:20 UTC, by a training with another configuration, data set or model (fingerprint "
        f"{older[:12]}, of this one {newer[:12]}); another TrainingArguments.output_dir keeps both"
    )
    assert caplog.messages.index(told) < caplog.messages.index("starting PyTorch")


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (None, "it was written at 2023-11-14 22:13:20 UTC"),
        ("{", "it was written at 2023-11-14 22:13:20 UTC"),
        (
            '{"fingerprint": "mine"}',
            (
                "it was written at 2023-11-14 22:13:20 UTC, by a training with this configuration, "
                "data set and model"
            ),
        ),
    ],
)
def test_an_older_result_is_described_as_far_as_it_is_known(
    tmp_path: Path, record: str | None, expected: str
) -> None:
    assert older_result(tmp_path, "mine") is None

    file = tmp_path / "adapter_model.safetensors"
    file.touch()
    os.utime(file, (1700000000, 1700000000))
    if record is not None:
        (tmp_path / "fine_tuning_result.json").write_text(record)
    assert older_result(tmp_path, "mine") == expected


def test_a_training_that_fails_leaves_no_sign_of_an_older_one(lab: Lab) -> None:
    assert lab.train() == 0

    worse = lab.configured(TrainingArguments={"optim": "galore_adamw", "optim_target_modules": "x"})
    assert worse.train() != 0

    assert not (lab.results / "fine_tuning_completed.txt").exists()


def test_quantized_training_without_a_gpu_says_what_to_change(
    lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    assert lab.configured(QuantizationConfig={"load_in_4bit": True}).train() == 2

    sentence = (
        "QuantizationConfig.load_in_4bit: quantized training needs a GPU with CUDA, and this node "
        "shows none: use the method lora, or an instance type with a GPU"
    )
    assert lab.last_words == sentence
    assert caplog.messages[-1] == sentence
    progress = read_progress(lab.settings.progress_file)
    assert progress is not None
    assert progress.state == "failed"


def test_bad_rows_fail_it_with_one_sentence(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    assert lab.with_rows([*CHATS, {"messages": []}]).train() == 3

    sentence = '1 of 25 rows cannot be used: train.jsonl row 25: "messages" is empty'
    assert lab.last_words == sentence
    assert caplog.messages[-1] == sentence


def test_a_model_that_is_not_there_fails_it(lab: Lab) -> None:
    assert lab.configured(ModelConfig={"pretrained_model_name_or_path": "/nowhere"}).train() == 4

    assert lab.last_words == (
        "ModelConfig.pretrained_model_name_or_path: there is no directory /nowhere: is the image "
        "one with weights, or are they fetched to another place?"
    )


def test_weights_that_are_broken_fail_it(lab: Lab, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    for file in lab.weights.iterdir():
        (broken / file.name).write_bytes(file.read_bytes())
    (broken / "model.safetensors").write_bytes(b"none")

    assert lab.configured(ModelConfig={"pretrained_model_name_or_path": str(broken)}).train() == 4
    assert lab.last_words.startswith(f"the model in {broken} cannot be loaded: ")


def test_modules_that_the_model_does_not_have_are_told_or_refused(
    lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    assert lab.train(target_modules=("q_proj", "o_proj", "down_proj")) == 0
    assert (
        "DEFAULT_TARGET_MODULES: the model has no q_proj; o_proj, down_proj are adapted, of "
        "down_proj, gate_up_proj, lm_head, o_proj, qkv_proj"
    ) in caplog.text
    adapted = {name.split(".")[-3] for name in load_file(lab.results / "adapter_model.safetensors")}
    assert adapted == {"o_proj", "down_proj"}

    assert lab.configured(LoraConfig={"target_modules": ["q_proj"]}).train() == 2
    assert lab.last_words == (
        "LoraConfig.target_modules: the model has none of q_proj; it has down_proj, gate_up_proj, "
        "lm_head, o_proj, qkv_proj"
    )


def test_mlm_is_taken_for_false_without_a_mask_token(
    lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    assert lab.train() == 0
    plain = adapter(lab)
    assert lab.configured(DataCollator={"mlm": True}).train() == 0

    assert "DataCollator.mlm is taken for false: the tokenizer has no mask token" in caplog.text
    assert adapter(lab) == plain


@pytest.mark.parametrize(
    ("files", "told", "expected"),
    [
        ({}, None, "{weights}"),
        ({"config.json": {"_name_or_path": "/models/x"}}, None, "{weights}"),
        ({"config.json": {"_name_or_path": "org/own"}}, None, "org/own"),
        (
            {"config.json": {"_name_or_path": "org/own"}, MARKER: {"name": "org/fetched"}},
            None,
            "org/fetched",
        ),
        ({MARKER: {"name": "org/fetched"}}, "org/told", "org/told"),
    ],
)
def test_the_adapter_says_which_model_it_belongs_to(
    tmp_path: Path, files: dict[str, object], told: str | None, expected: str
) -> None:
    for name, content in files.items():
        (tmp_path / name).write_text(json.dumps(content))
    configuration = parse_configuration(
        {"LoraConfig": {"base_model_name_or_path": told}}, Settings(weights=tmp_path)
    )

    assert base_model_name(configuration) == expected.format(weights=tmp_path)


def test_the_best_checkpoint_is_kept_and_becomes_the_result(lab: Lab) -> None:
    told = lab.configured(
        TrainingArguments={
            "eval_strategy": "epoch",
            "save_strategy": "epoch",
            "save_total_limit": 1,
            "load_best_model_at_end": True,
            "greater_is_better": True,  # so that it is not the last one
            "num_train_epochs": 4,
        },
        DatasetConfig={"train_test_split": 0.5},
    ).train()
    assert told == 0

    state = json.loads((lab.results / "checkpoint-12/trainer_state.json").read_text())
    best = Path(state["best_model_checkpoint"])
    assert best.name != "checkpoint-12"
    assert adapter(lab) == (best / "adapter_model.safetensors").read_bytes()


def test_what_the_arguments_say_is_done(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        told = lab.configured(
            LoraConfig={"base_model_name_or_path": "microsoft/Phi-3", "use_rslora": True},
            TrainingArguments={
                "do_eval": True,
                "evaluation_strategy": "epoch",
                "gradient_accumulation_steps": 2,
                "gradient_checkpointing": True,
                "group_by_length": True,
                "logging_steps": 1,
                "run_name": "the first try",
                "save_strategy": "epoch",
                "save_total_limit": 1,
                "num_train_epochs": 2,
                "load_best_model_at_end": False,
            },
            DatasetConfig={"train_test_split": 0.75},
        ).train()
    assert told == 0

    # 18 rows in batches of 4: 5 batches, so 3 steps of 2 in each epoch.
    assert "step 6 of 6, epoch 2.00 of 2" in caplog.text
    assert len(re.findall(r"at step \d+: loss \S+, grad_norm \S+, learning_rate", caplog.text)) == 6
    assert len(re.findall(r"at step \d+: eval_loss", caplog.text)) == 3
    assert "this is the first try" in caplog.text
    assert [path.name for path in lab.results.glob("checkpoint-*")] == ["checkpoint-6"]
    config = json.loads((lab.results / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "microsoft/Phi-3"
    assert config["use_rslora"] is True
