"""The fetch step: every file of the data, whole and checked, into one directory."""

from collections.abc import Sequence
from pathlib import Path

from hooks.steps.download import Download, Fetched, Limits
from hooks.steps.earlier import load_earlier
from hooks.steps.failures import CannotBe, StepFailed
from hooks.steps.files import alone_in
from hooks.steps.hops import Rules
from hooks.steps.patience import Clock, Say
from hooks.steps.progress import size_words
from hooks.steps.sources import Source, file_names, parse_source, shown


def fetch(
    addresses: Sequence[str], folder: Path, rules: Rules, limits: Limits, clock: Clock, say: Say
) -> list[Fetched]:
    """
    Fetch one file after the other; a file of somebody else that is there already keeps its name.

    What an earlier run fetched of the same addresses is kept where it is still the same, and gone
    on with where it is not whole.

    Args:
        addresses: URLs, each with ``#sha256=<64 hex>`` behind it or not.
        folder: Where to; made where it is missing.
        rules: Which hosts may be asked.
        limits: How long and how much, for each file.
        clock: Tells the time and waits.
        say: Told of the progress.

    Raises:
        CannotBe: An address is none; then nothing was fetched. Or it leads where it must not.
        StepFailed: A file cannot be had.

    """
    if not addresses:
        raise CannotBe("there is no address to fetch from")
    sources = [parse_source(address) for address in addresses]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with alone_in(folder):
            return fetch_all(sources, folder, rules, limits, clock, say)
    except OSError as error:
        raise StepFailed(f"{folder} cannot be written: {error.strerror or error}") from error


def fetch_all(
    sources: Sequence[Source], folder: Path, rules: Rules, limits: Limits, clock: Clock, say: Say
) -> list[Fetched]:
    """
    Fetch into a directory that is there, and in which nobody else is.

    Raises:
        CannotBe: An address leads where it must not.
        StepFailed: A file cannot be had.
        OSError: The directory cannot be read.

    """
    earlier = load_earlier(folder, {source.key for source in sources}, clock, say)
    names = file_names(sources, {path.name for path in folder.iterdir()}, earlier.names)
    done = []
    for number, (source, name) in enumerate(zip(sources, names, strict=True), start=1):
        say(f"{number} of {len(sources)}: {shown(source.url)} to {folder / name}")
        place = earlier.place(name, source.key)
        file = Download(source, place, rules, limits, clock, say).run()
        say(f"{name}: {size_words(file.size)}, SHA-256 {file.sha256}{verdict(source.sha256)}")
        done.append(file)
    return done


def verdict(wanted: str | None) -> str:
    """Return whether the checksum was held against one that the address has."""
    return "" if wanted is None else ", as wanted"
