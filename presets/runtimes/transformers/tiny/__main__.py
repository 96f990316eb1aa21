"""``python -m tiny DIRECTORY``: write the tiny model, for a server or a trainer to load."""

import argparse
from pathlib import Path

from tiny import make_model


def main() -> None:
    """Write the model and say so."""
    parser = argparse.ArgumentParser(
        prog="python -m tiny",
        description="Write a Phi-3 of 64 dimensions and 2 layers with random weights: half a MB.",
        epilog="Then: python3 inference_api.py --pipeline=text-generation "
        "--pretrained_model_name_or_path=DIRECTORY",
    )
    parser.add_argument("directory", type=Path, help="where to; it is made if it is not there")
    parser.add_argument("--seed", type=int, default=0, help="of the weights (default: %(default)s)")
    told = parser.parse_args()
    make_model(told.directory, told.seed)
    print(f"wrote {told.directory}")  # noqa: T201  (that is what it is for)


if __name__ == "__main__":
    main()
