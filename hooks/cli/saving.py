"""Files that are written whole or not at all."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from hooks.cli.errors import Failed

FOR_ALL = 0o666  # less what the umask says
FOR_THE_OWNER = 0o600


def save(path: Path, content: bytes, mode: int = FOR_ALL) -> None:
    """
    Write a file in the place of the one that is there, with these rights whatever that one has.

    What is no file, such as a pipe or a device, is written to as it is.

    Raises:
        Failed: It cannot be written; then the one that was there is as it was.

    """
    unfinished: Path | None = None
    try:
        # Before the path is resolved: that of a pipe, such as /dev/stdout, leads to no name.
        if path.exists() and not path.is_file():
            path.write_bytes(content)
            return
        target = path.resolve()
        unfinished = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
        handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        unfinished.replace(target)
    except OSError as error:
        if unfinished is not None:
            with suppress(OSError):
                unfinished.unlink()
        raise Failed(f"{path}: cannot be written: {error.strerror or error}") from None
