"""What is read from the environment, and nothing else reads."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

VARIABLES = {
    "HF_TOKEN": "a token of Hugging Face, for models that are gated or private",
    "HF_ENDPOINT": "a mirror in the place of https://huggingface.co",
    "TERMINATION_LOG_PATH": "where the last sentence of a failure goes"
    " (default: /dev/termination-log)",
}
"""Each variable and what it means, for ``--help``."""


@dataclass(frozen=True)
class Settings:
    """
    The environment of one process.

    Attributes:
        token: Sent with every request; without one, nothing is.
        endpoint: The Hub's address, without a slash at its end.
        termination_log: Kubernetes shows what it holds as the reason of a failure.
            https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/

    """

    token: str | None = None
    endpoint: str = "https://huggingface.co"
    termination_log: Path = Path("/dev/termination-log")


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings; an empty variable counts as none."""
    given = {name: value.strip() for name, value in environment.items() if value.strip()}
    default = Settings()
    return Settings(
        token=given.get("HF_TOKEN"),
        endpoint=given.get("HF_ENDPOINT", default.endpoint).rstrip("/"),
        termination_log=Path(given.get("TERMINATION_LOG_PATH", default.termination_log)),
    )
