"""
Ends the model server of this container in order; for a ``preStop`` hook.

Kubernetes sends SIGTERM to process 1, which is a shell or a launcher that does not pass it on. So
this program sends it to the server itself.
"""

import argparse
import contextlib
import sys
import time

import psutil

from serving.pid_file import has_ended, served_by
from serving.settings import SettingsError, load_settings

BEYOND_GRACE = 5
"""Seconds that the server may take to end, beyond those for what is being answered."""


def main() -> int:
    """Wait, ask the server to end, wait for it; return 0 if it has ended."""
    parser = argparse.ArgumentParser(
        prog="stop_serving.py",
        description="End the model server of this container in order: wait until no new requests "
        "come, send SIGTERM, and wait for what is being answered.",
        epilog="Both waits have to fit into the pod's terminationGracePeriodSeconds. How long "
        "answers may take says METAKAITO_GRACE_SECONDS, which the server reads as well.",
    )
    parser.add_argument(
        "--wait", type=float, default=5, metavar="SECONDS",
        help="until load balancers know that the pod is going (default: %(default)s)",
    )  # fmt: skip
    told = parser.parse_args()
    try:
        settings = load_settings()
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    time.sleep(max(0.0, told.wait))
    process = served_by(settings.pid_file)
    if process is None:
        print(f"no server runs that {settings.pid_file} names")  # noqa: T201
        return 0
    with contextlib.suppress(psutil.NoSuchProcess):
        process.terminate()
    deadline = time.monotonic() + settings.grace_seconds + BEYOND_GRACE
    while not has_ended(process):
        if time.monotonic() > deadline:
            print(f"process {process.pid} has not ended", file=sys.stderr)  # noqa: T201
            return 1
        time.sleep(0.1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
