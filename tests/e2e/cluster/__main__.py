"""
``make cluster``: a control plane with the bundle on it, until you stop it.

    python -m tests.e2e.cluster [--provider local|kind|existing] [--provisioner ...] [-- COMMAND]
"""

import argparse
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from tests.e2e.cluster.bundle import MACHINES, NODECLAIMS, OWN_NODES, Bundle, installed
from tests.e2e.cluster.cluster import Cluster
from tests.e2e.cluster.processes import NotReady
from tests.e2e.cluster.programs import ProgramsMissing
from tests.e2e.cluster.providers import PROVIDERS
from tests.e2e.cluster.provisioning import start_gpu_provisioner

VALUES = {"machine": MACHINES, "nodeclaim": NODECLAIMS, "none": OWN_NODES}

EPILOGUE = """
Without a COMMAND it waits for Ctrl-C. METACONTROLLER=/path/to/metacontroller lets the real program
play Metacontroller; without it, and without one on the PATH, `metakaito dev` does.
"""


def main() -> None:
    """Start, say how to use it, wait, and end everything whatever happens."""
    parser = argparse.ArgumentParser(
        prog="make cluster",
        description=__doc__,
        epilog=EPILOGUE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--provider", choices=sorted(PROVIDERS), default="local")
    parser.add_argument(
        "--provisioner", choices=sorted(VALUES), default="nodeclaim", help="what makes nodes"
    )
    parser.add_argument(
        "--bare", action="store_true", help="only the control plane: install nothing on it"
    )
    parser.add_argument("command", nargs="*", help="run this instead of waiting")
    arguments = parser.parse_args()
    # SIGINT too: a shell that starts this in the background has it ignored.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _: sys.exit(128 + received))
    provider = PROVIDERS[arguments.provider]
    if reason := provider.why_not():
        sys.exit(f"no {provider.name} cluster here: {reason}")
    try:
        sys.exit(run(arguments))
    except (NotReady, ProgramsMissing) as error:
        sys.exit(str(error))


def run(arguments: argparse.Namespace) -> int:
    """Start what was asked for, and return the exit status of the command in it."""
    begun = time.monotonic()
    say("starting, which takes half a minute ...")
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="metakaito-cluster-")))
        cluster = stack.enter_context(PROVIDERS[arguments.provider].started(work))
        bundle = None
        if not arguments.bare:
            if arguments.provisioner == "machine" and not cluster.real_pods:
                start_gpu_provisioner(cluster)
            bundle = stack.enter_context(installed(cluster, VALUES[arguments.provisioner]))
        say(f"ready after {time.monotonic() - begun:.1f} s")
        tell(cluster, bundle)
        if not arguments.command:
            signal.pause()
        environment = {**os.environ, **variables(cluster)}  # noqa: TID251  (a child's)
        return subprocess.run(arguments.command, env=environment, check=False).returncode


def variables(cluster: Cluster) -> dict[str, str]:
    """Return the variables that make a shell speak to the cluster."""
    path = [*map(str, cluster.programs), os.environ.get("PATH", "")]  # noqa: TID251  (a child's)
    return {"KUBECONFIG": str(cluster.kubeconfig), "PATH": os.pathsep.join(path)}


def tell(cluster: Cluster, bundle: Bundle | None) -> None:
    """Say how to use it."""
    if bundle is not None:
        say(f"Metacontroller is played by {bundle.player.name}")
    say(f"logs are in {cluster.work}")
    say("\nIn another terminal:\n")
    say(f"  export KUBECONFIG={shlex.quote(str(cluster.kubeconfig))}")
    if cluster.programs:
        folders = os.pathsep.join(map(str, cluster.programs))
        say(f"  export PATH={shlex.quote(folders)}:$PATH")
    if bundle is not None:
        say("  kubectl apply -f examples/phi-3.yaml")
        say("  kubectl get workspaces --watch")
    if bundle is not None and not cluster.real_pods:
        say("\nPods and Jobs are only played: nothing answers on /chat, and helm test and helm")
        say(
            "uninstall, with what it checks before, mean nothing here. To install anything: --bare."
        )
    say("\nCtrl-C ends all of it, and removes the logs.")


def say(text: str) -> None:
    """Print one line for the person who waits."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
