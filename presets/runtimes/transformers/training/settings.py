"""What the trainer and its metrics server read from the environment, and nothing else reads."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

VARIABLES = {
    "YAML_FILE_PATH": "the configuration (default: /mnt/config/training_config.yaml)",
    "DATASET_FOLDER_PATH": "where the files of the data set are (default: /mnt/data)",
    "DEFAULT_TARGET_MODULES": "comma-separated; for LoraConfig without target_modules",
    "DEBUG_MODE": "true: say more, and show the traceback of a failure",
    "LOCAL_RANK": "set by accelerate launch; the metrics server adds it to its port 5000",
    "MOUNT_FOLDER_PATH": "what dataset_path and a relative output_dir are below (default: /mnt)",
    "PROGRESS_FILE_PATH": "where progress is left for the metrics server"
    " (default: /tmp/training_progress.json)",
    "PROGRESS_SECONDS": "time between two lines of progress (default: 5)",
    "PID_FILE_PATH": "the process to send SIGTERM to (default: /tmp/fine_tuning.pid)",
    "TERMINATION_LOG_PATH": "where the last sentence of a failure goes"
    " (default: /dev/termination-log)",
}
"""Each variable and what it means, for ``--help``."""


@dataclass(frozen=True)
class Settings:
    """
    The environment of one process.

    Attributes:
        configuration: The file with the root key ``training_config``.
        dataset_folder: Where files are looked for unless the configuration names one.
        weights: The model, unless the configuration names another.
        mount: Paths in the configuration lead below it.
        target_modules: The parts of the model to adapt, unless the configuration names them; none
            if nothing is known of the model.
        debug: Whether to say more.
        rank: Of this process among all; 0 writes.
        local_rank: Of this process among those of this machine.
        processes: How many train together.
        progress_file: Written by the trainer, read by the metrics server.
        progress_seconds: Between two lines of progress.
        pid_file: Holds the number of the process of rank 0.
        termination_log: Kubernetes shows what it holds as the reason of a failure.
            https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/

    """

    configuration: Path = Path("/mnt/config/training_config.yaml")
    dataset_folder: Path = Path("/mnt/data")
    weights: Path = Path("/workspace/tfs/weights")
    mount: Path = Path("/mnt")
    target_modules: tuple[str, ...] = ()
    debug: bool = False
    rank: int = 0
    local_rank: int = 0
    processes: int = 1
    progress_file: Path = Path("/tmp/training_progress.json")  # noqa: S108, the one writable place
    progress_seconds: float = 5.0
    pid_file: Path = Path("/tmp/fine_tuning.pid")  # noqa: S108, the same
    termination_log: Path = field(default=Path("/dev/termination-log"))

    @property
    def writes(self) -> bool:
        """Say whether this process writes files and the log; the others only compute."""
        return self.rank == 0


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """
    Return the settings; an empty variable counts as none.

    Raises:
        ValueError: A number is none, or too small.

    """
    given = {name: value.strip() for name, value in environment.items() if value.strip()}
    modules = given.get("DEFAULT_TARGET_MODULES", "").split(",")
    default = Settings()

    def path(name: str, otherwise: Path) -> Path:
        return Path(given.get(name, otherwise))

    return Settings(
        configuration=path("YAML_FILE_PATH", default.configuration),
        dataset_folder=path("DATASET_FOLDER_PATH", default.dataset_folder),
        mount=path("MOUNT_FOLDER_PATH", default.mount),
        target_modules=tuple(module.strip() for module in modules if module.strip()),
        debug=given.get("DEBUG_MODE", "false").lower() == "true",
        rank=_number(given, "RANK", 0),
        local_rank=_number(given, "LOCAL_RANK", 0),
        processes=_number(given, "WORLD_SIZE", 1),
        progress_file=path("PROGRESS_FILE_PATH", default.progress_file),
        progress_seconds=float(_number(given, "PROGRESS_SECONDS", 5, least=1)),
        pid_file=path("PID_FILE_PATH", default.pid_file),
        termination_log=path("TERMINATION_LOG_PATH", default.termination_log),
    )


def _number(given: Mapping[str, str], name: str, otherwise: int, least: int = 0) -> int:
    written = given.get(name, str(otherwise))
    if not written.isdecimal() or int(written) < least:
        raise ValueError(f"{name} is {written!r}, must be a whole number, at least {least}")
    return int(written)
