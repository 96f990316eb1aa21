"""``python -m bench``: measure, tell, and say whether the goals are met."""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import torch
import transformers

from bench.in_process import load_pipeline
from bench.model import ON_CPU, ON_GPU, make_model
from bench.over_http import running_server
from bench.report import Setting, as_json, as_text, goals
from bench.rounds import measure
from telemetry.readings import read_gpus


def main() -> int:
    """Return 0 if all goals are met, else 1."""
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Compare the model server, asked over HTTP, with transformers' pipeline, "
        "called in this process: tokens per second with 1, 4 and 16 clients, and time to the first "
        "token. On a GPU, if there is one, with a larger model.",
        epilog="The exit code is 1 if a goal is not met.",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument("--rounds", type=int, default=5, help="(default: %(default)s)")
    parser.add_argument(
        "--tokens", type=int, default=64, help="of each answer (default: %(default)s)"
    )
    told = parser.parse_args()
    transformers.logging.set_verbosity_error()
    shape = ON_GPU if torch.cuda.is_available() else ON_CPU
    with tempfile.TemporaryDirectory() as scratch:
        directory = Path(scratch, "model")
        tell("making the model")
        weights = make_model(directory, shape)
        asked = load_pipeline(directory, shape.dtype)
        before = gpu_memory()
        tell("starting the server")
        with running_server(directory, shape.dtype, Path(scratch)) as server:
            figures = measure(asked, server, told.rounds, told.tokens, tell)
            after = gpu_memory()
            setting = Setting(
                device=torch.cuda.get_device_name() if torch.cuda.is_available() else "the CPU",
                weights=weights,
                dtype=shape.dtype,
                rounds=told.rounds,
                tokens=told.tokens,
                threads=torch.get_num_threads(),
                server_memory=server.memory(),
                gpu_memory=None if before is None or after is None else after - before,
            )
    if told.json is not None:
        told.json.write_text(json.dumps(as_json(figures, setting), indent=2) + "\n")
    print(as_text(figures, setting))  # noqa: T201
    return 0 if all(goals(figures).values()) else 1


def gpu_memory() -> int | None:
    """Return the GPU memory in use by all processes, in bytes; None without a GPU."""
    gpus = read_gpus()
    return sum(gpu.memory.used for gpu in gpus) if gpus else None


def tell(progress: str) -> None:
    """Say what is being done."""
    print(f"{time.strftime('%H:%M:%S')} {progress}", file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
