"""The result: the adapter, what says that it is whole, and what tells the pusher to fetch it."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from training.atomically import write_atomically

if TYPE_CHECKING:  # it takes seconds
    from peft import PeftModel

ADAPTER = ("adapter_config.json", "adapter_model.safetensors")
COMPLETED = "fine_tuning_completed.txt"
RECORD = "fine_tuning_result.json"
"""Which training the adapter is of. It outlives ``COMPLETED``, which a pusher may delete."""


def forget_result(output_dir: Path) -> None:
    """Delete what says that there is a result, so that nobody pushes that of another training."""
    for name in (COMPLETED, RECORD):
        (output_dir / name).unlink(missing_ok=True)


def has_result(output_dir: Path, fingerprint: str) -> bool:
    """Say whether the whole result of this training is there."""
    try:
        record = json.loads((output_dir / RECORD).read_bytes())
        sizes = {name: (output_dir / name).stat().st_size for name in ADAPTER}
    except (OSError, ValueError):
        return False
    return bool(record == {"fingerprint": fingerprint, "sizes": sizes})


def older_result(output_dir: Path, fingerprint: str) -> str | None:
    """
    Return which adapter there is in a directory, for the end of a sentence; None if there is none.

    Args:
        output_dir: Need not be there.
        fingerprint: Of this training.

    """
    try:
        written = (output_dir / ADAPTER[1]).stat().st_mtime
    except OSError:
        return None
    sentence = f"it was written at {datetime.fromtimestamp(written, UTC):%Y-%m-%d %H:%M:%S} UTC"
    try:
        other = str(json.loads((output_dir / RECORD).read_bytes())["fingerprint"])
    except (OSError, ValueError, KeyError, TypeError):
        return sentence  # a training deletes the record before it begins
    if other == fingerprint:
        return f"{sentence}, by a training with this configuration, data set and model"
    return (
        f"{sentence}, by a training with another configuration, data set or model (fingerprint "
        f"{other[:12]}, of this one {fingerprint[:12]}); another TrainingArguments.output_dir "
        "keeps both"
    )


def write_result(model: "PeftModel", output_dir: Path, fingerprint: str, base_model: str) -> None:
    """
    Write the adapter, then the record, then the sign that it is completed.

    A kill at any moment leaves either no sign or a whole result. Equal adapters make equal files.

    Args:
        model: Holds the adapter.
        output_dir: Is there.
        fingerprint: Of this training.
        base_model: What the adapter says it belongs to.

    """
    beside = output_dir / ".adapter"
    shutil.rmtree(beside, ignore_errors=True)
    model.save_pretrained(str(beside))
    config = json.loads((beside / "adapter_config.json").read_bytes())
    config["base_model_name_or_path"] = base_model
    if isinstance(config.get("target_modules"), list):  # a set, in any order
        config["target_modules"] = sorted(config["target_modules"])
    config_text = json.dumps(config, indent=2, sort_keys=True)
    write_atomically(output_dir / "adapter_config.json", config_text.encode())
    weights = beside / "adapter_model.safetensors"
    weights.chmod(0o644)  # safetensors makes it readable by its owner only
    weights.replace(output_dir / weights.name)
    shutil.rmtree(beside)
    sizes = {name: (output_dir / name).stat().st_size for name in ADAPTER}
    record = json.dumps({"fingerprint": fingerprint, "sizes": sizes}, indent=2, sort_keys=True)
    write_atomically(output_dir / RECORD, record.encode())
    write_completed(output_dir)


def write_completed(output_dir: Path) -> None:
    """Write the sign that a pusher waits for: one line, the time."""
    now = datetime.now(UTC)  # noqa: TID251, a program may ask the clock; the hooks' core may not
    write_atomically(output_dir / COMPLETED, f"{now:%Y-%m-%d-%H-%M-%S}\n".encode())
