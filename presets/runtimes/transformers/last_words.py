"""Says why a program ended where Kubernetes shows it; server, trainer and fetch do it alike."""

from pathlib import Path

LONGEST_WORDS = 4096
"""
Bytes of a termination log that Kubernetes reads.

https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/
"""


def leave_last_words(sentence: str, file: Path) -> None:
    """Write why the program ends where Kubernetes looks for it, if that file is there."""
    words = sentence.encode()
    if len(words) > LONGEST_WORDS:
        words = words[: LONGEST_WORDS - 4].decode(errors="ignore").encode() + b" ..."
    try:
        # Not made: outside of Kubernetes nobody reads it.
        if file.exists():
            file.write_bytes(words)
    except OSError:
        return  # the sentence is in the log, which Kubernetes falls back to
