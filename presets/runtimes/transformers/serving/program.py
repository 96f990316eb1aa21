"""The program: reads settings and command line, does what its rank asks, says how it ended."""

import asyncio
import logging
import sys
from collections.abc import Sequence

from last_words import leave_last_words
from serving.arguments import ArgumentError, parse_arguments
from serving.listening import ListenError
from serving.process import endable
from serving.ranks import serve_follower
from serving.refusal import LoadError
from serving.settings import Settings, SettingsError, load_settings, termination_log

LOG = logging.getLogger("metakaito")

USAGE_ERROR = 2


def main(argv: Sequence[str] | None = None) -> int:
    """
    Serve until told to end.

    Returns:
        The exit code: 0 after SIGTERM, 1 if the model cannot be served, 2 if the command line or a
        setting cannot be followed. The reason is the last line of the log, and in the termination
        log.

    """
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    try:
        settings = load_settings()
    except SettingsError as error:
        LOG.error("%s", error)  # noqa: TRY400  (it is our own sentence)
        leave_last_words(str(error), termination_log())
        return USAGE_ERROR
    configure_logging(settings)
    try:
        arguments = parse_arguments(sys.argv[1:] if argv is None else argv)
        with endable(settings):
            if settings.rank > 0:
                return serve_follower(settings)
            # torch and transformers take seconds to import: not before the command line is known
            # to be right, and not in processes that load nothing.
            from serving.leader import serve  # noqa: PLC0415

            return asyncio.run(serve(settings, arguments))
    except ArgumentError as error:
        return last_words(settings, str(error), USAGE_ERROR)
    except (LoadError, ListenError) as error:
        return last_words(settings, str(error), 1)


def configure_logging(settings: Settings) -> None:
    """Log as much as was asked for."""
    level = logging.DEBUG if settings.debug else logging.INFO
    logging.getLogger("metakaito").setLevel(level)
    logging.getLogger("uvicorn.error").setLevel(logging.INFO if settings.debug else logging.WARNING)
    for noisy in ("httpx", "httpcore", "urllib3"):
        logging.getLogger(noisy).setLevel(logging.ERROR)


def last_words(settings: Settings, sentence: str, code: int) -> int:
    """Say why the program ends, and return the exit code."""
    LOG.error("%s", sentence)
    leave_last_words(sentence, settings.termination_log)
    return code
