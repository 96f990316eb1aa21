"""
Every parameter of the section ``TrainingArguments``, which is that of transformers 4.41.

What transformers 5 no longer has is translated where it has a successor.
https://github.com/huggingface/transformers/blob/v4.41.2/src/transformers/training_args.py
"""

from typing import Any

from training.kinds import Kind
from training.parameter import (
    Arguments,
    Parameter,
    applied,
    json_text,
    one_of,
    only,
    renamed,
    switch,
)

HUB = "the result goes where tuning.output of the Workspace says, not to the Hub"
REPORTS = "no service for reports is installed; progress is in the log and on /metrics"
SHARDS = "each process holds the whole model, and its adapter is written from one of them"
LEVELS = ("debug", "info", "warning", "error", "critical", "passive")

SAME_NAME: dict[Kind, tuple[str, ...]] = {
    "boolean": (
        "auto_find_batch_size", "bf16", "bf16_full_eval", "dataloader_drop_last",
        "dataloader_persistent_workers", "dataloader_pin_memory", "ddp_broadcast_buffers",
        "ddp_find_unused_parameters", "do_eval", "eval_do_concat_batches", "fp16", "fp16_full_eval",
        "full_determinism", "greater_is_better", "ignore_data_skip", "load_best_model_at_end",
        "log_on_each_node", "logging_first_step", "logging_nan_inf_filter", "overwrite_output_dir",
        "prediction_loss_only", "remove_unused_columns", "restore_callback_states_from_checkpoint",
        "save_on_each_node", "save_only_model", "skip_memory_metrics", "tf32", "torch_compile",
        "use_cpu",
    ),
    "integer": ("max_steps", "seed"),
    "text": (
        "lr_scheduler_type", "optim", "optim_args", "output_dir", "run_name",
        "torch_compile_backend", "torch_compile_mode",
    ),
    "any": ("optim_target_modules",),
}  # fmt: skip

AT_LEAST: dict[Kind, dict[str, int]] = {
    "integer": {
        "data_seed": 0,
        "dataloader_num_workers": 0,
        "dataloader_prefetch_factor": 1,
        "ddp_bucket_cap_mb": 1,
        "ddp_timeout": 1,
        "eval_accumulation_steps": 1,
        "gradient_accumulation_steps": 1,
        "per_device_eval_batch_size": 1,
        "per_device_train_batch_size": 1,
        "save_total_limit": 1,
        "warmup_steps": 0,
    },
    "number": {
        "adam_beta1": 0,
        "adam_beta2": 0,
        "adam_epsilon": 0,
        "eval_delay": 0,
        "eval_steps": 0,
        "label_smoothing_factor": 0,
        "learning_rate": 0,
        "logging_steps": 0,
        "max_grad_norm": 0,
        "neftune_noise_alpha": 0,
        "num_train_epochs": 0,
        "save_steps": 0,
        "weight_decay": 0,
    },
}


def warmup_ratio(value: float) -> Arguments:
    """Return the share of the steps that transformers 5 takes as ``warmup_steps`` below 1."""
    if value == 1:
        raise ValueError("must be below 1: the learning rate would never be reached")
    return {"warmup_steps": value} if value else {}


def debug_options(value: Any) -> Arguments:  # noqa: ANN401, text or a list
    """Return the options, of which the one for TPUs is refused."""
    words = value.split() if isinstance(value, str) else value
    if not isinstance(words, list) or any(word != "underflow_overflow" for word in words):
        raise ValueError(f"must be '' or underflow_overflow, not {value!r}")
    return {"debug": " ".join(words)}


TRAINING_ARGUMENTS: dict[str, Parameter] = {
    **{name: applied(name, kind) for kind, names in SAME_NAME.items() for name in names},
    **{
        name: applied(name, kind, low)
        for kind, lows in AT_LEAST.items()
        for name, low in lows.items()
    },
    "accelerator_config": json_text("accelerator_config"),
    "adafactor": switch(optim="adafactor"),
    "batch_eval_metrics": only("boolean", (False,), why="nothing but the loss is evaluated"),
    "ddp_backend": one_of("ddp_backend", "nccl", "gloo", "mpi"),
    "debug": Parameter("any", debug_options),
    "deepspeed": only("text", ("",), why=f"DeepSpeed is not installed; {SHARDS}"),
    "disable_tqdm": only("boolean", (True, False), why="progress is told in lines, without a bar"),
    "dispatch_batches": Parameter(
        "boolean",
        lambda value: {"accelerator_config": {"dispatch_batches": value}},
        note="is a part of accelerator_config now",
    ),
    "do_predict": only("boolean", (False,), why="nothing is predicted"),
    "do_train": only("boolean", (True,), why="this program trains"),
    "eval_strategy": one_of("eval_strategy", "no", "steps", "epoch"),
    "evaluation_strategy": Parameter(
        "text",
        one_of("eval_strategy", "no", "steps", "epoch").translate,
        note="is called eval_strategy now",
    ),
    "fp16_backend": only("text", ("auto",), why="transformers 5 has the one of PyTorch only"),
    "fp16_opt_level": only(
        "text", ("O1",), why="it was for Apex, which transformers 5 does not use"
    ),
    "fsdp": only("any", ("", []), why=SHARDS),
    "fsdp_config": only("text", ("", "{}"), why=SHARDS),
    "fsdp_min_num_params": only("integer", (0,), why=SHARDS),
    "fsdp_transformer_layer_cls_to_wrap": only("text", ("",), why=SHARDS),
    "gradient_checkpointing": renamed("boolean", "activation_checkpointing"),
    "gradient_checkpointing_kwargs": Parameter(
        "text",
        json_text("activation_checkpointing_kwargs").translate,
        note="is called activation_checkpointing_kwargs now",
    ),
    "group_by_length": switch(train_sampling_strategy="group_by_length"),
    "half_precision_backend": only(
        "text", ("auto",), why="transformers 5 has the one of PyTorch only"
    ),
    "hub_always_push": only("boolean", (False,), why=HUB),
    "hub_model_id": only("text", ("",), why=HUB),
    "hub_private_repo": only("boolean", (False,), why=HUB),
    "hub_strategy": only("text", ("every_save",), why=HUB),
    "hub_token": only("text", ("",), why=HUB),
    "include_inputs_for_metrics": only(
        "boolean", (False,), why="nothing but the loss is evaluated"
    ),
    "include_num_input_tokens_seen": only(
        "boolean", (False, True), why="tokens are always counted"
    ),
    "include_tokens_per_second": only(
        "boolean", (False, True), why="tokens per second are always told"
    ),
    "jit_mode_eval": only("boolean", (False,), why="transformers 5 has no such mode"),
    "label_names": only("list", (["labels"],), why="the labels of a causal model are called so"),
    "length_column_name": only("text", ("length",), why="the rows are measured in tokens"),
    "local_rank": only("integer", (-1,), why="accelerate launch counts the processes"),
    "log_level": one_of("log_level", *LEVELS),
    "log_level_replica": one_of("log_level_replica", *LEVELS),
    "logging_dir": only("text", ("",), why=REPORTS),
    "logging_strategy": one_of("logging_strategy", "no", "steps", "epoch"),
    "lr_scheduler_kwargs": json_text("lr_scheduler_kwargs"),
    "metric_for_best_model": one_of("metric_for_best_model", "loss", "eval_loss"),
    "mp_parameters": only("text", ("",), why="it was for SageMaker"),
    "no_cuda": renamed("boolean", "use_cpu"),
    "past_index": only("integer", (-1,), why="transformers 5 keeps no past in training"),
    "per_gpu_eval_batch_size": renamed("integer", "per_device_eval_batch_size", low=1),
    "per_gpu_train_batch_size": renamed("integer", "per_device_train_batch_size", low=1),
    "push_to_hub": only("boolean", (False,), why=HUB),
    "push_to_hub_model_id": only("text", ("",), why=HUB),
    "push_to_hub_organization": only("text", ("",), why=HUB),
    "push_to_hub_token": only("text", ("",), why=HUB),
    "ray_scope": only("text", ("last",), why="hyperparameters are not searched for"),
    "report_to": only("any", ("none", "all", [], ["none"], ["all"]), why=REPORTS),
    "resume_from_checkpoint": only(
        "text",
        ("",),
        why="the newest checkpoint of the same configuration and data is resumed by itself",
    ),
    "save_safetensors": only("boolean", (True,), why="adapters are served from safetensors"),
    "save_strategy": one_of("save_strategy", "no", "steps", "epoch", "best"),
    "split_batches": Parameter(
        "boolean",
        lambda value: {"accelerator_config": {"split_batches": value}},
        note="is a part of accelerator_config now",
    ),
    "torchdynamo": renamed("text", "torch_compile_backend"),
    "tpu_metrics_debug": only("boolean", (False,), why="the trainer is not made for TPUs"),
    "tpu_num_cores": only("integer", (0,), why="the trainer is not made for TPUs"),
    "use_ipex": only("boolean", (False,), why="Intel's extension is not installed"),
    "use_legacy_prediction_loop": only("boolean", (False,), why="transformers 5 has one loop only"),
    "use_mps_device": only("boolean", (False,), why="the trainer is not made for Apple's GPUs"),
    "warmup_ratio": Parameter(
        "number", warmup_ratio, low=0, high=1, note="is a warmup_steps below 1 now"
    ),
}
