"""
``helm uninstall`` as a user runs it, with the Job that looks for nodes before anything is removed.

Where Pods do not run, the Job's Pod is played: its node takes no Pod meanwhile, so that kwok does
not say for it that all went well; its command runs here, with a token of the ServiceAccount that
Helm has made for it; and how that ends is how the Pod ends.
"""

import json
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

from tests.e2e.cluster.bundle import NAMESPACE, RELEASE, Bundle, eventually
from tests.e2e.cluster.cluster import CommandFailed

JOB = f"{RELEASE}-before-uninstall"
# The one node of the local control plane that takes Pods without GPUs.
NODE = "system-0"
# For Helm to give up on what never comes.
PATIENCE = "--timeout=120s"


class Uninstalled(NamedTuple):
    """What came of it: the exit code and the words of Helm, and what the Job wrote."""

    code: int
    helm: str
    job: str


def try_to_uninstall(bundle: Bundle) -> Uninstalled:
    """Run ``helm uninstall``, whatever comes of it."""
    cluster = bundle.cluster
    command = ("helm", "uninstall", RELEASE, "--namespace", NAMESPACE, "--wait", PATIENCE)
    if cluster.real_pods:
        done = cluster.attempt(*command)
        # Gone with the release, if that went.
        log = cluster.attempt("kubectl", "logs", f"job/{JOB}", "-n", NAMESPACE)
        return Uninstalled(done.returncode, done.stderr, log.stdout)
    cluster.kubectl("cordon", NODE)
    try:
        with ThreadPoolExecutor(1) as beside:
            helm = beside.submit(cluster.attempt, *command)
            job = play_job(bundle, helm)
            done = helm.result()
    finally:
        cluster.kubectl("uncordon", NODE)
    return Uninstalled(done.returncode, done.stderr, job)


def uninstall(bundle: Bundle) -> None:
    """
    Remove the release, and stop what stood for its Pods.

    Raises:
        CommandFailed: Helm does not remove it.

    """
    done = try_to_uninstall(bundle)
    if done.code:
        raise CommandFailed(f"helm uninstall:\n{done.helm}\n{done.job}")
    bundle.stop()


def play_job(bundle: Bundle, helm: "Future[Any]") -> str:
    """Run what the Job's Pod would, end the Pod as that ends, and return what it wrote."""
    cluster = bundle.cluster

    def look() -> dict[str, Any] | None:
        found = cluster.items("pods", "-n", NAMESPACE, "-l", f"batch.kubernetes.io/job-name={JOB}")
        waiting = [pod for pod in found if pod["status"]["phase"] == "Pending"]
        return waiting[0] if waiting else None

    pod = eventually(lambda: look() or (helm.done() and helm.result()))
    assert isinstance(pod, dict), f"Helm did not wait for the Job: {pod}"
    [container] = pod["spec"]["containers"]
    program, *words = container["command"]
    assert (program, "--in-cluster" in words) == ("metakaito", True), container["command"]
    kubeconfig = cluster.work / "uninstall.kubeconfig"
    bundle.write_kubeconfig(kubeconfig, pod["spec"]["serviceAccountName"])
    done = subprocess.run(
        [
            *(sys.executable, "-m", "hooks.cli"),
            *(word for word in words if word != "--in-cluster"),
            *("--kubeconfig", str(kubeconfig)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    status = {
        "phase": "Failed" if done.returncode else "Succeeded",
        "containerStatuses": [
            {
                **{key: container[key] for key in ("name", "image")},
                "imageID": "",
                "ready": False,
                "restartCount": 0,
                "state": {"terminated": {"exitCode": done.returncode, "message": done.stderr}},
            }
        ],
    }
    cluster.kubectl(
        *("patch", "pod", pod["metadata"]["name"], "-n", NAMESPACE, "--subresource=status"),
        *("--type=merge", "--patch", json.dumps({"status": status})),
    )
    return done.stderr
