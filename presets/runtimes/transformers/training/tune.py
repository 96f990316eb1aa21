"""What PyTorch does of a training: the model is loaded, rows become tokens, the loop runs."""

import dataclasses
import logging

import torch
from transformers import PreTrainedTokenizerBase, set_seed
from transformers.utils import logging as transformers_logging

from training.checkpoints import choose_checkpoint
from training.configuration import Configuration
from training.corpus import Corpus, load_corpus
from training.examples import Encoder
from training.failures import ExitCode, TrainingFailure
from training.files import DataFile
from training.model import (
    base_model_name,
    context_length,
    load_model,
    load_tokenizer,
    require_quantization,
    with_adapter,
)
from training.reporter import Reporter
from training.results import forget_result, write_result
from training.settings import Settings
from training.stop import StopSignal
from training.trainer import (
    AdapterTrainer,
    Pulse,
    make_trainer,
    training_arguments,
)

logger = logging.getLogger(__name__)


def tune(
    configuration: Configuration,
    files: list[DataFile],
    identity: str,
    settings: Settings,
    reporter: Reporter,
    stop: StopSignal,
) -> None:
    """
    Train the adapter and write it.

    Args:
        configuration: Says how.
        files: Of the data set.
        identity: The fingerprint of this training.
        settings: Of this process.
        reporter: Is told how far it is.
        stop: Ends it after a step.

    Raises:
        TrainingFailure: What keeps the training from its result, or that it was told to stop.

    """
    transformers_logging.disable_progress_bar()  # with carriage returns, which a log cannot show
    require_quantization(configuration)
    arguments = training_arguments(configuration, debug=settings.debug)
    set_seed(arguments.seed)
    reporter.begin(f"loading {configuration.model.pretrained_model_name_or_path}")
    tokenizer = load_tokenizer(configuration.model)
    model = load_model(configuration, settings.local_rank, settings.processes)
    encoder = Encoder(tokenizer, context_length(model, tokenizer))
    adapted = with_adapter(model, configuration, settings.target_modules)
    stop.require_none()

    reporter.begin("making tokens of the rows")
    corpus = load_corpus(files, configuration.dataset, encoder, reporter.detail)
    tell_corpus(corpus, encoder)
    stop.require_none()

    reporter.begin("preparing the first step")
    output_dir = configuration.output_dir
    if settings.writes:
        output_dir.mkdir(parents=True, exist_ok=True)
        forget_result(output_dir)
    checkpoint = resumed(configuration, identity)
    pulse = Pulse(reporter, stop)
    trainer = make_trainer(
        with_possible_collator(configuration, tokenizer),
        arguments,
        adapted,
        tokenizer,
        corpus,
        identity,
        pulse,
    )
    trainer.train(resume_from_checkpoint=checkpoint)
    if pulse.stopped:
        raise stopped(trainer)
    if configuration.evaluates and corpus.evaluation is not None:
        reporter.begin(f"evaluating {len(corpus.evaluation)} rows")
        trainer.evaluate()
    if settings.writes:
        require_finite(adapted)
        reporter.begin(f"writing the adapter to {output_dir}")
        write_result(adapted, output_dir, identity, base_model_name(configuration))
    trainer.accelerator.wait_for_everyone()
    trainer.accelerator.end_training()


def require_finite(model: torch.nn.Module) -> None:
    """
    Check that the weights which were trained are numbers.

    Raises:
        TrainingFailure: They are not: the training has diverged.

    """
    trained = [(name, each) for name, each in model.named_parameters() if each.requires_grad]
    spoilt = [name for name, weight in trained if not torch.isfinite(weight).all()]
    if spoilt:
        raise TrainingFailure(
            f"the training has diverged: {len(spoilt)} of {len(trained)} matrices of the adapter "
            "hold infinite numbers or none; lower TrainingArguments.learning_rate, or set "
            "max_grad_norm or warmup_steps",
            ExitCode.CONFIGURATION,
        )


def with_possible_collator(
    configuration: Configuration, tokenizer: PreTrainedTokenizerBase
) -> Configuration:
    """Return the configuration without ``mlm`` where the tokenizer has nothing to mask with."""
    if not configuration.collator.mlm or tokenizer.mask_token is not None:
        return configuration
    logger.warning("DataCollator.mlm is taken for false: the tokenizer has no mask token")
    options = dataclasses.replace(configuration.collator, mlm=False)
    return dataclasses.replace(configuration, collator=options)


def tell_corpus(corpus: Corpus, encoder: Encoder) -> None:
    """Say what is trained on."""
    logger.info(
        "%d rows of %d tokens; %d to train on, %d for the evaluation",
        corpus.rows,
        corpus.tokens,
        len(corpus.training),
        len(corpus.evaluation or ()),
    )
    if corpus.cut:
        logger.warning(
            "%d of %d rows are longer than the %d tokens that the model can see, and lose their "
            "end",
            corpus.cut,
            corpus.rows,
            encoder.context,
        )


def resumed(configuration: Configuration, identity: str) -> str | None:
    """Return the checkpoint to go on from, and say why it is this one."""
    if configuration.begin_anew:
        logger.info(
            "TrainingArguments.overwrite_output_dir: begins anew, checkpoints are not resumed"
        )
        return None
    choice = choose_checkpoint(configuration.output_dir, identity)
    for remark in choice.remarks:
        logger.warning("%s", remark)
    if choice.checkpoint is None:
        return None
    logger.info("resumes %s, after %d steps", choice.checkpoint.name, choice.step)
    return str(choice.checkpoint)


def stopped(trainer: AdapterTrainer) -> TrainingFailure:
    """Return the end that SIGTERM brings."""
    step = trainer.state.global_step
    again = (
        "the same training begins anew when it is started again, for with "
        "TrainingArguments.save_only_model a checkpoint has no state of the optimizer"
        if trainer.args.save_only_model
        else "the same training goes on from there when it is started again"
    )
    return TrainingFailure(
        f"told to stop after step {step} of {trainer.state.max_steps}: checkpoint-{step} is "
        f"written, and {again}",
        ExitCode.TERMINATED,
    )
