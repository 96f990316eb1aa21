"""The file that says which process serves, for the program that ends it."""

import os
from pathlib import Path

import psutil


def write_pid_file(path: Path) -> None:
    """Write this process, with the time it was started: numbers of processes come again."""
    part = path.with_suffix(f".{os.getpid()}")
    part.write_text(f"{os.getpid()} {psutil.Process().create_time()}\n")
    part.replace(path)


def remove_pid_file(path: Path) -> None:
    """Remove the file, if it is of this process."""
    if (process := served_by(path)) is not None and process.pid == os.getpid():
        path.unlink(missing_ok=True)


def served_by(path: Path) -> psutil.Process | None:
    """Return the process that a file names, if it still runs, is the same, and is ours to end."""
    try:
        pid, started = path.read_text().split()
        process = psutil.Process(int(pid))
        same = abs(process.create_time() - float(started)) < 1
        ours = process.uids().effective == os.geteuid()
    except (OSError, ValueError, psutil.Error):
        return None
    return process if same and ours and not has_ended(process) else None


def has_ended(process: psutil.Process) -> bool:
    """Say whether a process computes no more, even if its parent has not asked how it ended."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
