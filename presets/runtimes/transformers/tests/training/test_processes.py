"""Several processes train one adapter, and only one of them writes."""

import re

import torch
from safetensors.torch import load_file

from tests.training.lab import Lab

# Where there is no GPU, accelerate starts several processes only if told that there are some.
TWO = ("-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes=2", "--num_machines=1",
       "--mixed_precision=no", "--dynamo_backend=no", "--main_process_port=0")  # fmt: skip


def test_two_processes_train_as_one_with_a_batch_of_both(lab: Lab) -> None:
    one = lab.configured(
        LoraConfig={"lora_dropout": 0.0}, TrainingArguments={"save_strategy": "epoch"}
    )
    two = one.configured(TrainingArguments={"per_device_train_batch_size": 2})
    process = two.start(*TWO)
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors

    # 24 rows, 2 of each of two processes in a step.
    assert output.count("step 6 of 6") == 1
    assert output.count("writing the adapter") == 1
    (checkpoint,) = two.results.glob("checkpoint-*")
    names = {path.name for path in checkpoint.iterdir()}
    assert {"rng_state_0.pth", "rng_state_1.pth", "fine_tuning_checkpoint.json"} <= names
    together = load_file(two.results / "adapter_model.safetensors")

    again = one.configured(TrainingArguments={"per_device_train_batch_size": 4})
    assert again.train() == 0
    alone = load_file(two.results / "adapter_model.safetensors")
    assert together.keys() == alone.keys()
    for name, weights in alone.items():
        torch.testing.assert_close(together[name], weights, rtol=0.05, atol=0.005)


def test_a_refusal_of_all_processes_is_told_in_the_log_and_left_once(lab: Lab) -> None:
    process = lab.configured(LoraConfig={"r": 0}).start(*TWO)
    _, errors = process.communicate(timeout=120)

    assert process.returncode == 1  # that of the launcher
    # The launcher may end the others as soon as one has ended.
    line = r"^\S+ \S+ ERROR LoraConfig\.r: must be at least 1, not 0$"
    assert re.search(line, errors, re.MULTILINE)
    assert lab.last_words == "LoraConfig.r: must be at least 1, not 0"
