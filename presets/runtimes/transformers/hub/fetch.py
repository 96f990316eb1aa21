"""The fetch itself: find the commit, choose files, see that they fit, download, mark as whole."""

import glob
import shutil
import time
from collections.abc import Callable, Collection
from http import HTTPStatus
from pathlib import Path

from httpx2 import TransportError
from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
from huggingface_hub.utils.tqdm import disable_progress_bars

from hub.failure import Failure
from hub.marker import MARKER, Snapshot, file_size, is_whole, read_marker, write_marker
from hub.progress import GIB, UNFINISHED, progress_lines
from hub.selection import needed_files
from hub.settings import Settings

ATTEMPTS = 5
"""How often a download is begun when the connection fails; within one, each file has five more."""
WAIT_SECONDS = 2.0
"""Before the second attempt, and twice as long before each that follows."""
SPARE = 64 * 2**20
"""What must be free beside the files, in bytes: the hub's notes, and the file system's own."""

Say = Callable[[str], None]


def fetch(name: str, revision: str, into: Path, settings: Settings, say: Say) -> Snapshot:
    """
    Bring a model into a directory, unless it is there as a whole.

    What was asked for by a branch or tag is the commit that it was at the first time: a Pod that
    starts again does not ask anew. Files that are whole are kept when a fetch is repeated; one that
    was cut off with its process begins again.

    Args:
        name: As on Hugging Face: owner and model.
        revision: A branch, a tag or a commit.
        into: A volume. What is there of another commit of this model is replaced.
        settings: The environment.
        say: Takes a line of progress, at least every two seconds while something is downloaded.

    Raises:
        Failure: The volume holds another model or is too small, or nothing of it can be loaded.
        HfHubHTTPError, HFValidationError, TransportError, OSError: See :mod:`hub.failure`.

    """
    into.mkdir(parents=True, exist_ok=True)
    before = read_marker(into)
    if before is not None and before.name != name:
        raise Failure(f"{into} holds {before.name} already: give {name} a volume of its own")
    if before is not None and revision in {before.revision, before.commit}:
        if is_whole(into, before):
            say(f"{name} is there as a whole, at commit {before.commit}: nothing is fetched")
            return before
        say(f"{into} lacks files of {name} that were there: they are fetched again")
        revision = before.commit
    snapshot = find_snapshot(name, revision, settings)
    say(f"{name} at {revision} is commit {snapshot.commit}")
    remove_leftovers(into, before, snapshot)
    require_space(into, snapshot)
    count, size = len(snapshot.files), snapshot.size
    say(f"fetching {count} files, {size / GIB:.2f} GiB, from {settings.endpoint} into {into}")
    with progress_lines(into, snapshot, say):
        download(snapshot, into, settings, say)
    asked = before.revision if before is not None and revision == before.commit else revision
    whole = Snapshot(name, asked, snapshot.commit, snapshot.files)
    write_marker(into, whole)
    say(f"{name} is there as a whole: {size / GIB:.2f} GiB in {into}")
    return whole


def find_snapshot(name: str, revision: str, settings: Settings) -> Snapshot:
    """Return which commit the revision is now, and the files of it that are needed."""
    api = HfApi(endpoint=settings.endpoint, token=settings.token or False)
    found = api.model_info(name, revision=revision, files_metadata=True)
    sizes = {each.rfilename: each.size or 0 for each in found.siblings or ()}
    if found.sha is None:
        raise Failure(f"{settings.endpoint} does not say which commit {name} at {revision} is")
    chosen = needed_files(sizes, name)
    return Snapshot(name, revision, found.sha, {file: sizes[file] for file in chosen})


def remove_leftovers(into: Path, before: Snapshot | None, snapshot: Snapshot) -> None:
    """Remove what is of no use any more: the mark, files of another commit, and parts of files."""
    (into / MARKER).unlink(missing_ok=True)
    for file in set(before.files if before else ()) - set(snapshot.files):
        (into / file).unlink(missing_ok=True)
    for part in into.glob(UNFINISHED):
        part.unlink()


def require_space(into: Path, snapshot: Snapshot) -> None:
    """
    See that what is not there yet fits.

    Raises:
        Failure: It does not.

    """
    there = sum(min(file_size(into / file), size) for file, size in snapshot.files.items())
    lacking, free = snapshot.size - there + SPARE, shutil.disk_usage(into).free
    if lacking > free:
        raise Failure(
            f"{snapshot.name} needs {lacking / GIB:.2f} GiB more in {into} and"
            f" {free / GIB:.2f} GiB are free: give the volume more room"
        )


def download(snapshot: Snapshot, into: Path, settings: Settings, say: Say) -> None:
    """Download what is not there, and begin again where the connection fails for a while."""
    disable_progress_bars()
    for attempt in range(1, ATTEMPTS + 1):
        try:
            snapshot_download(
                snapshot.name,
                revision=snapshot.commit,
                local_dir=into,
                allow_patterns=exactly(snapshot.files),
                endpoint=settings.endpoint,
                token=settings.token or False,
                max_workers=4,
            )
        except (TransportError, HfHubHTTPError, LocalEntryNotFoundError) as error:
            if attempt == ATTEMPTS or not is_passing(error):
                raise
            wait = WAIT_SECONDS * 2 ** (attempt - 1)
            say(f"the connection failed ({type(error).__name__}); again in {wait:.0f} s")
            time.sleep(wait)
        else:
            break
    if not is_whole(into, snapshot):
        raise Failure(
            f"what {settings.endpoint} sent of {snapshot.name} is not of the size that it says: "
            "try again, and ask whoever runs the mirror or proxy between"
        )


def exactly(files: Collection[str]) -> list[str]:
    """Return patterns that fit these files and no others."""
    return [glob.escape(file) for file in files]


def is_passing(error: Exception) -> bool:
    """Say whether the same request may succeed a little later."""
    if isinstance(error, HfHubHTTPError):
        status = error.response.status_code
        return status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS
    return True
