"""Files that are there whole or not at all, whenever the process is killed."""

import os
import tempfile
from pathlib import Path


def write_atomically(file: Path, content: bytes, *, durable: bool = True) -> None:
    """
    Write a file beside its place and move it there, readable by all; of two writers one wins.

    Args:
        file: Its directory is there.
        content: All of it.
        durable: Whether it must outlive the machine, not only the process.

    """
    descriptor, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    beside = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as output:
            output.write(content)
            if durable:
                output.flush()
                os.fsync(output.fileno())
        beside.chmod(0o644)
        beside.replace(file)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
