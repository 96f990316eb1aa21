"""Files that are there whole or not at all, whenever the process is killed."""

import os
from pathlib import Path


def write_atomically(file: Path, content: bytes, *, durable: bool = True) -> None:
    """
    Write a file beside its place and move it there, readable by all.

    Args:
        file: Its directory is there.
        content: All of it.
        durable: Whether it must outlive the machine, not only the process.

    """
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    with beside.open("wb") as output:
        output.write(content)
        if durable:
            output.flush()
            os.fsync(output.fileno())
    beside.chmod(0o644)
    beside.replace(file)
