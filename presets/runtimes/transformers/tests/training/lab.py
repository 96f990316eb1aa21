"""One directory with all that a training needs, and trainings in it."""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from training.program import run
from training.settings import Settings

RUNTIME = Path(__file__).parents[2]

CHATS = [
    {
        "messages": [
            {"role": "user", "content": f"What is {number}?"},
            {"role": "assistant", "content": f"It is the answer {number * 7}, which is a number."},
        ]
    }
    for number in range(24)
]


@dataclass
class Lab:
    """One directory with a configuration, a data set and results, and what runs on them."""

    root: Path
    weights: Path
    sections: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        return Settings(
            configuration=self.root / "training_config.yaml",
            dataset_folder=self.root / "data",
            weights=self.weights,
            mount=self.root,
            progress_file=self.root / "progress.json",
            pid_file=self.root / "pid",
            termination_log=self.root / "termination-log",
        )

    @property
    def results(self) -> Path:
        return self.root / "results"

    @property
    def last_words(self) -> str:
        return (self.root / "termination-log").read_text()

    def configured(self, **sections: dict[str, Any]) -> "Lab":
        """Return it with further parameters, as the hooks write them: JSON below one key."""
        merged = {
            name: {**self.sections.get(name, {}), **sections.get(name, {})}
            for name in self.sections.keys() | sections.keys()
        }
        text = json.dumps({"training_config": merged})
        self.settings.configuration.write_text(text)
        assert yaml.safe_load(text) == {"training_config": merged}
        return replace(self, sections=merged)

    def with_rows(self, rows: list[Any], name: str = "train.jsonl") -> "Lab":
        (self.root / "data" / name).write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        return self

    def train(self, **settings: object) -> int:
        """Train in this process."""
        return run(replace(self.settings, **settings))  # type: ignore[arg-type]

    def environment(self) -> dict[str, str]:
        settings = self.settings
        return {
            **{
                name: value
                for name, value in os.environ.items()
                if name != "PYTHONDONTWRITEBYTECODE"
            },
            "PYTHONPYCACHEPREFIX": f"{tempfile.gettempdir()}/metakaito-runtime-pycache",
            "OMP_NUM_THREADS": "1",
            "YAML_FILE_PATH": str(settings.configuration),
            "DATASET_FOLDER_PATH": str(settings.dataset_folder),
            "MOUNT_FOLDER_PATH": str(settings.mount),
            "PROGRESS_FILE_PATH": str(settings.progress_file),
            "PID_FILE_PATH": str(settings.pid_file),
            "TERMINATION_LOG_PATH": str(settings.termination_log),
        }

    def start(self, *launcher: str) -> subprocess.Popen[str]:
        """Start the program in a process of its own."""
        return subprocess.Popen(  # noqa: S603, what it runs is ours
            [sys.executable, *launcher, "fine_tuning.py"],
            cwd=RUNTIME,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
