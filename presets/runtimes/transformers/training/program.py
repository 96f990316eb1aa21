"""``fine_tuning.py``: its help, its log, and how it ends."""

import argparse
import logging
import os
import sys
import textwrap
import warnings

from last_words import leave_last_words
from training.configuration import OUTPUT_DIR
from training.failures import (
    MEANINGS,
    ConfigurationRefused,
    ExitCode,
    TrainingFailure,
    known_failure,
)
from training.parameters import SECTIONS
from training.reporter import Reporter
from training.run import train
from training.settings import VARIABLES, Settings, read_settings
from training.stop import StopSignal

logger = logging.getLogger(__name__)

DESCRIPTION = f"""\
Train a LoRA adapter. There are no arguments: the configuration, a YAML file with the root key
training_config, says which model, which data set and how. The result is adapter_config.json and
adapter_model.safetensors, then fine_tuning_completed.txt, in TrainingArguments.output_dir
(default: {OUTPUT_DIR}, which is {Settings().mount / OUTPUT_DIR}). It replaces an older one there.

Rows have "messages" (a chat: a list of turns with role and content; what the assistant says is
learned), "prompt" and "completion" (the completion is learned), or "text" (all of it is), in files
that end in .parquet, .jsonl, .json, .csv or .arrow. Each row has to be usable; one that is longer
than the model can see loses its end. A training that was interrupted goes on from its newest
checkpoint."""


def help_text() -> str:
    """Return what follows the description in ``--help``."""
    variables = _table([(name, meaning) for name, meaning in VARIABLES.items()])
    codes = _table([(str(code.value), meaning) for code, meaning in MEANINGS.items()])
    sections = "\n\n".join(
        f"  {name}\n{_paragraph(sorted(parameters))}" for name, parameters in SECTIONS.items()
    )
    return f"environment:\n{variables}\n\nexit codes:\n{codes}\n\nconfiguration:\n\n{sections}"


def _paragraph(names: list[str]) -> str:
    indent = " " * 4
    return textwrap.fill(", ".join(names), 100, initial_indent=indent, subsequent_indent=indent)


def _table(rows: list[tuple[str, str]]) -> str:
    width = max(len(name) for name, _ in rows) + 2
    return "\n".join(f"  {name:<{width}}{meaning}" for name, meaning in rows)


def main() -> int:
    """Train, and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="fine_tuning.py",
        description=DESCRIPTION,
        epilog=help_text(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _, arguments = parser.parse_known_args()
    if arguments:
        parser.error(
            f"there are no arguments, so {' '.join(arguments)} means nothing: a configuration says "
            "how to train, see --help"
        )
    start_log(Settings())
    try:
        settings = read_settings()
    except ValueError as error:
        failure = ConfigurationRefused(str(error))
        tell(failure, error, Settings())
        return failure.code
    start_log(settings)
    return run(settings)


def run(settings: Settings) -> int:
    """Train with these settings, and return the exit code."""
    stop = StopSignal()
    stop.listen()
    if settings.writes:
        settings.pid_file.write_text(f"{os.getpid()}\n", encoding="ascii")
    with Reporter(settings) as reporter:
        try:
            train(settings, reporter, stop)
        except Exception as error:  # noqa: BLE001, whatever it is, it is the end and must be told
            failure = known_failure(error) or unexpected(error)
            tell(failure, error, settings)
            reporter.end("stopped" if failure.code == ExitCode.TERMINATED else "failed")
            return failure.code
        finally:
            if settings.writes:
                settings.pid_file.unlink(missing_ok=True)
        reporter.end("finished")
        logger.info("finished")
        return ExitCode.FINISHED


def unexpected(error: Exception) -> TrainingFailure:
    """Return a failure for an exception that this program does not know."""
    return TrainingFailure(f"{type(error).__name__}: {error}", ExitCode.UNEXPECTED)


def tell(failure: TrainingFailure, error: Exception, settings: Settings) -> None:
    """Say why there is no result, in one sentence, where each reader looks."""
    if settings.debug or failure.code == ExitCode.UNEXPECTED:
        logger.error("a failure, and where it was:", exc_info=error)
    sentence = " ".join(str(failure).split())
    logger.error("%s", sentence)
    leave_last_words(sentence, settings.termination_log)


def start_log(settings: Settings) -> None:
    """
    Write plain lines: errors to the standard error output, the rest to the standard output.

    Other processes than the first say only errors.
    """
    level = logging.DEBUG if settings.debug else logging.INFO
    output, errors = logging.StreamHandler(sys.stdout), logging.StreamHandler(sys.stderr)
    output.addFilter(lambda record: record.levelno < logging.ERROR)
    errors.setLevel(logging.ERROR)
    logging.basicConfig(
        handlers=[output, errors],
        level=level if settings.writes else logging.ERROR,
        format="%(asctime)s %(levelname)s %(message)s",
        force=True,
    )
    logging.captureWarnings(capture=True)
    if not settings.debug:
        # Libraries deprecate what other libraries use; nothing of it is the user's.
        warnings.simplefilter("ignore")
        for noisy in ("httpx", "urllib3", "filelock", "fsspec", "torch", "accelerate"):
            logging.getLogger(noisy).setLevel(logging.WARNING)
