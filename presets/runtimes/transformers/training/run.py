"""The story of a training, from the configuration to the adapter."""

import logging
from pathlib import Path

from training.configuration import read_configuration
from training.files import data_files
from training.fingerprint import fingerprint
from training.reporter import Reporter
from training.results import has_result, older_result, write_completed
from training.settings import Settings
from training.stop import StopSignal
from training.validation import check_data_set

logger = logging.getLogger(__name__)

FEW = 5
"""Names that a line has."""


def enumerated(names: list[str]) -> str:
    """Return the first few names, and how many more there are."""
    more = f" and {len(names) - FEW} more" if len(names) > FEW else ""
    return f"{', '.join(names[:FEW])}{more}"


def train(settings: Settings, reporter: Reporter, stop: StopSignal) -> None:
    """
    Train as the configuration says, or find that it is done already.

    Raises:
        TrainingFailure: What keeps the training from its result, or that it was told to stop.

    """
    configuration = read_configuration(settings)
    if configuration.name:
        logger.info("this is %s", configuration.name)
    for note in configuration.notes:
        logger.info("%s", note)
    files, others = data_files(configuration.dataset, settings.dataset_folder, settings.mount)
    if others:
        logger.info("not of the data set: %s", enumerated(others))
    names = enumerated([file.name for file in files])
    reporter.begin(f"checking the rows of {names}")
    check_data_set(files, configuration.dataset, reporter.detail)
    stop.require_none()
    reporter.begin(f"reading {names}")
    identity = fingerprint(configuration, files, settings, reporter.detail)
    if not configuration.begin_anew and has_result(configuration.output_dir, identity):
        logger.info("the adapter of this very training is in %s already", configuration.output_dir)
        if settings.writes:
            write_completed(configuration.output_dir)
        return
    stop.require_none()
    tell_replaced(configuration.output_dir, identity)
    reporter.begin("starting PyTorch")
    from training.tune import tune  # noqa: PLC0415, it takes seconds, and a refusal need not wait

    tune(configuration, files, identity, settings, reporter, stop)


def tell_replaced(output_dir: Path, identity: str) -> None:
    """Say which adapter, if there is one, the result of this training is going to replace."""
    older = older_result(output_dir, identity)
    if older:
        logger.warning("the adapter that is in %s will be replaced: %s", output_dir, older)
