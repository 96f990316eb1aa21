"""
Settings of the model server, from the environment; the only module of it that reads there.

A variable that is absent or empty has its default. What is a model's and not an installation's is
on the command line instead (``arguments.py``).
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

VARIABLES = {
    "debug": "DEBUG_MODE",
    "rank": "RANK",
    "local_rank": "LOCAL_RANK",
    "rank_0_host": "MASTER_ADDR",
}
"""
Those that Kaito, torchrun and accelerate give their names to; all others are ``METAKAITO_<NAME>``.
"""

FIRST_PORT = 5000


class SettingsError(ValueError):
    """A variable holds what it cannot."""


class Settings(BaseModel):
    """How the server runs here. Each field's variable is told by ``variable``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    debug: bool = Field(default=False, description="Log more.")
    rank: Annotated[int, Field(ge=0)] = Field(
        default=0, description="Which of all processes this is; 0 loads and answers."
    )
    local_rank: Annotated[int, Field(ge=0)] = Field(
        default=0, description="Which of this node's processes this is; its port is 5000 more."
    )
    rank_0_host: str = Field(default="127.0.0.1", description="The node of process 0.")
    host: str = Field(default="0.0.0.0", description="Address to listen on.")  # noqa: S104  (a pod's)
    base_port: Annotated[int, Field(ge=1, le=65535)] = Field(
        default=FIRST_PORT, description="Port of each node's first process."
    )
    model_name: str | None = Field(
        default=None,
        description="What OpenAI's clients call the model. Default: the last part of its path, or "
        "its architecture if that is 'weights'.",
    )
    batch_size: Annotated[int, Field(ge=1, le=1024)] = Field(
        default=32,
        description="Requests that share a step of the model, at most. More answer more clients in "
        "the same time, each of them later.",
    )
    queue_length: Annotated[int, Field(ge=0)] = Field(
        default=128, description="Requests that wait for the batch, at most; the next gets 429."
    )
    queue_wait_seconds: Annotated[float, Field(gt=0)] = Field(
        default=60, description="How long a request may wait before it gets 429."
    )
    cache_share: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.7,
        description="Share of the memory that is free beside the loaded model, for keys and "
        "values. The rest is for what is computed in between.",
    )
    grace_seconds: Annotated[float, Field(ge=0)] = Field(
        default=20,
        description="How long requests may go on after SIGTERM. With the wait of the preStop hook "
        "it has to stay below the pod's terminationGracePeriodSeconds, by default 30.",
    )
    body_bytes: Annotated[int, Field(ge=1024)] = Field(
        default=16 * 1024**2, description="Size of a request, at most; a larger one gets 413."
    )
    adapter_path: Path = Field(
        default=Path("/mnt/adapter"), description="Each directory in it holds an adapter."
    )
    pid_file: Path = Field(
        default=Path("/tmp/metakaito-inference.pid"),  # noqa: S108  (all else is read-only)
        description="Where stop_serving.py finds the process to end.",
    )
    termination_log: Path = Field(
        default=Path("/dev/termination-log"),
        description="Where Kubernetes reads why a container ended.",
    )

    @property
    def port(self) -> int:
        """The port of this process."""
        return self.base_port + self.local_rank


def variable(field: str) -> str:
    """Return the environment variable of a setting."""
    return VARIABLES.get(field, f"METAKAITO_{field.upper()}")


def load_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """
    Read the settings.

    Raises:
        SettingsError: With the variable, its text and what is wrong with it.

    """
    given = {
        field: environment[variable(field)]
        for field in Settings.model_fields
        if environment.get(variable(field))
    }
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        field = str(first["loc"][0])
        raise SettingsError(f"{variable(field)} is {given[field]!r}: {first['msg']}") from error


def termination_log(environment: Mapping[str, str] = os.environ) -> Path:
    """Return where last words go, also where another setting cannot be read."""
    told = environment.get(variable("termination_log"))
    return Path(told) if told else Settings().termination_log


def adapter_strengths(
    names: list[str], environment: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """Return the text of each adapter's strength: the variable of its name, by default "1.0"."""
    return {name: environment.get(name, "1.0") for name in names}


def settings_help() -> str:
    """Return one paragraph for each setting, for ``--help``."""
    return "\n".join(
        f"  {variable(name)}  {field.description} (default: {default_text(field.default)})"
        for name, field in Settings.model_fields.items()
    )


def default_text(default: Any) -> str:  # noqa: ANN401  (a field's default is anything)
    """Return a default as one would write it."""
    return "none" if default is None else str(default)
