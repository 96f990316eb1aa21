"""The training loop: that of transformers, with checkpoints that are whole or not there."""

import logging
import shutil
from pathlib import Path
from typing import Any

import torch
import torch.distributed
from peft import PeftModel
from transformers import (
    DataCollatorForLanguageModeling,
    DataCollatorForSeq2Seq,
    PreTrainedTokenizerBase,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from training.checkpoints import discard_oldest, mark_whole
from training.configuration import CollatorOptions, Configuration, refused_by
from training.corpus import Corpus
from training.examples import IGNORED
from training.reporter import Counts, Reporter
from training.stop import StopSignal

logger = logging.getLogger(__name__)

TOLD = ("loss", "grad_norm", "learning_rate", "train_loss", "eval_loss")
"""What is told of the figures that transformers logs; the rest is in the lines of progress."""


def received_anywhere(stop: StopSignal) -> bool:
    """Say whether any of the processes was told to stop; all get the same answer."""
    if not torch.distributed.is_initialized():
        return stop.received
    device = "cuda" if torch.distributed.get_backend() == "nccl" else "cpu"
    flag = torch.tensor(int(stop.received), device=device)
    torch.distributed.all_reduce(flag, torch.distributed.ReduceOp.MAX)
    return bool(flag.item())


class Pulse(TrainerCallback):
    """
    Counts steps for the reporter, and ends the training after a step if it was told to stop.

    Args:
        reporter: Is told.
        stop: Knows whether this process was told to stop.

    Attributes:
        counts: What was counted.
        stopped: Whether the training was ended before its last step.

    """

    def __init__(self, reporter: Reporter, stop: StopSignal) -> None:
        self.reporter = reporter
        self.stop = stop
        self.counts = Counts()
        self.stopped = False

    def on_train_begin(
        self, _args: TrainingArguments, state: TrainerState, _control: TrainerControl, **_: object
    ) -> None:
        """Begin to tell of steps rather than of what is loaded."""
        epoch = state.epoch or 0.0  # that of the checkpoint, if one is resumed
        self.counts.begin(state.global_step, state.max_steps, epoch, state.num_train_epochs)
        self.reporter.count(self.counts)

    def on_step_end(
        self, _args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> TrainerControl:
        """Count; stop with a checkpoint if that is wanted."""
        self.counts.step = state.global_step
        self.counts.epoch = state.epoch or 0.0
        if self.counts.step == self.counts.first_step + 1:
            self.reporter.speak()
        if received_anywhere(self.stop) and state.global_step < state.max_steps:
            self.stopped = control.should_save = control.should_training_stop = True
        return control

    def on_epoch_end(
        self, _args: TrainingArguments, _state: TrainerState, control: TrainerControl, **_: object
    ) -> TrainerControl:
        """Keep what an epoch ends with from an epoch that was stopped: there are seconds left."""
        if self.stopped:
            control.should_save = control.should_evaluate = False
        return control

    def on_log(
        self,
        _args: TrainingArguments,
        state: TrainerState,
        _control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **_: object,
    ) -> None:
        """Tell what ``logging_strategy`` asks for."""
        told = {name: value for name, value in (logs or {}).items() if name in TOLD}
        if told and state.is_world_process_zero:
            figures = ", ".join(f"{name} {value:.4g}" for name, value in told.items())
            logger.info("at step %d: %s", state.global_step, figures)

    def on_train_end(
        self, _args: TrainingArguments, _state: TrainerState, _control: TrainerControl, **_: object
    ) -> None:
        """Tell the last step, and no more."""
        self.reporter.speak()
        self.reporter.count(None)


class AdapterTrainer(Trainer):
    """
    Trains an adapter, counts what goes through it, and marks each checkpoint when it is whole.

    Args:
        counts: Are added to.
        fingerprint: Of this training, for its checkpoints.
        kept_checkpoints: How many are kept; None for all. It is not left to transformers, which
            deletes an old one before the new one is marked, and those of others too.
        arguments: Of ``transformers.Trainer``.

    """

    def __init__(
        self,
        counts: Counts,
        fingerprint: str,
        kept_checkpoints: int | None,
        **arguments: Any,  # noqa: ANN401, its parent's
    ) -> None:
        self.counts = counts
        self.fingerprint = fingerprint
        self.kept_checkpoints = kept_checkpoints
        self._counted = (-1, torch.tensor(0.0))
        self._tokens: torch.Tensor | int = 0
        super().__init__(**arguments)

    def training_step(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor:
        """Do it, and count rows, tokens and loss without waiting for the GPU."""
        tokens, samples = inputs["attention_mask"].sum(), len(inputs["input_ids"])
        loss: torch.Tensor = super().training_step(model, inputs, num_items_in_batch)
        # The losses of the batches of one step add up to that of the step.
        step, before = self._counted
        same = step == self.state.global_step
        self._counted = (self.state.global_step, before + loss if same else loss)
        self.counts.loss = self._counted[1]
        # The other processes have as many rows, and about as many tokens.
        self.counts.samples += samples * self.args.world_size
        self._tokens = self._tokens + tokens * self.args.world_size
        self.counts.tokens = self._tokens
        return loss

    def _save_checkpoint(self, model: torch.nn.Module, trial: Any) -> None:  # noqa: ANN401, its parent's
        output_dir = Path(str(self.args.output_dir))
        checkpoint = output_dir / f"checkpoint-{self.state.global_step}"
        if self.args.should_save:
            # A half of an earlier one, or one of another training of the same number of steps.
            shutil.rmtree(checkpoint, ignore_errors=True)
        self.accelerator.wait_for_everyone()
        super()._save_checkpoint(model, trial)
        self.accelerator.wait_for_everyone()
        if self.args.should_save:
            mark_whole(checkpoint, self.fingerprint)
            if self.kept_checkpoints is not None:
                discard_oldest(
                    output_dir,
                    self.fingerprint,
                    self.kept_checkpoints,
                    self.state.best_model_checkpoint,
                )


def training_arguments(configuration: Configuration, *, debug: bool) -> TrainingArguments:
    """
    Return what transformers is told; without a GPU it trains on the processors.

    Raises:
        ConfigurationRefused: It refuses a value, or a combination.

    """
    without_gpu = {} if torch.cuda.is_available() else {"use_cpu": True}
    quiet = {} if debug else {"log_level": "warning"}
    try:
        return TrainingArguments(
            **{**quiet, **configuration.training, **without_gpu},
            output_dir=str(configuration.output_dir),
            disable_tqdm=True,
            report_to="none",
        )
    except (ValueError, TypeError, ImportError) as error:
        raise refused_by("TrainingArguments", error) from error


def collator(
    options: CollatorOptions, tokenizer: PreTrainedTokenizerBase
) -> DataCollatorForLanguageModeling | DataCollatorForSeq2Seq:
    """
    Return what makes a batch of examples.

    With a mask, tokens are hidden and guessed, and what the examples say of labels does not count.
    """
    if options.mlm:
        return _Masking(
            tokenizer=tokenizer,
            mlm=True,
            mlm_probability=options.mlm_probability,
            pad_to_multiple_of=options.pad_to_multiple_of,
        )
    return DataCollatorForSeq2Seq(
        tokenizer=tokenizer,
        padding=True,
        label_pad_token_id=IGNORED,
        pad_to_multiple_of=options.pad_to_multiple_of,
    )


class _Masking(DataCollatorForLanguageModeling):
    def torch_call(self, examples: list[Any]) -> dict[str, Any]:
        tokens = [{"input_ids": example["input_ids"]} for example in examples]
        batch: dict[str, Any] = super().torch_call(tokens)
        return batch


def make_trainer(
    configuration: Configuration,
    arguments: TrainingArguments,
    model: PeftModel,
    tokenizer: PreTrainedTokenizerBase,
    corpus: Corpus,
    fingerprint: str,
    pulse: Pulse,
) -> AdapterTrainer:
    """
    Return the loop, ready to run.

    Raises:
        ConfigurationRefused: transformers refuses what it is told.

    """
    try:
        trainer = AdapterTrainer(
            pulse.counts,
            fingerprint,
            configuration.kept_checkpoints,
            model=model,
            args=arguments,
            data_collator=collator(configuration.collator, tokenizer),
            train_dataset=corpus.training,
            eval_dataset=corpus.evaluation,
            processing_class=tokenizer,
            callbacks=[pulse],
        )
        trainer.create_optimizer()  # now, since some need libraries or a GPU that is not there
    except (ValueError, ImportError) as error:
        raise refused_by("TrainingArguments", error) from error
    trainer.remove_callback(PrinterCallback)
    return trainer
