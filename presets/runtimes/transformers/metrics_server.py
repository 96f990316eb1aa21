"""Serve ``/metrics`` and ``/healthz`` of the trainer; ``--help`` says where."""

import argparse

import uvicorn

from training.metrics import make_app
from training.settings import read_settings

PORT = 5000
"""As Kaito's trainer; the local rank is added to it."""


def main() -> None:
    """Serve until told to stop."""
    argparse.ArgumentParser(
        prog="metrics_server.py",
        description=(
            "Serve GET /metrics (Kaito's JSON, or Prometheus' text for who accepts that) and "
            "GET /healthz on port 5000 + LOCAL_RANK, while fine_tuning.py trains beside it."
        ),
        epilog=(
            "environment: LOCAL_RANK (default: 0), PROGRESS_FILE_PATH (default: "
            "/tmp/training_progress.json), which fine_tuning.py writes."
        ),
    ).parse_args()
    settings = read_settings()
    uvicorn.run(
        make_app(settings.progress_file),
        host="0.0.0.0",  # noqa: S104, Prometheus asks from outside of the Pod
        port=PORT + settings.local_rank,
        log_level="warning",
    )


if __name__ == "__main__":
    main()
