"""The stand-in for gpu-provisioner as a process beside the cluster."""

import sys

from tests.e2e.cluster.cluster import Cluster


def start_gpu_provisioner(cluster: Cluster) -> None:
    """Start what makes Nodes of Machines."""
    cluster.processes.start(
        "gpu-provisioner",
        (
            *(sys.executable, "-m", "tests.e2e.cluster.gpu_provisioner"),
            *("--kubeconfig", cluster.kubeconfig),
        ),
    )
