"""
Nodes that are only played: Karpenter makes them of NodeClaims, kwok plays their kubelets.

Both are processes beside a cluster, of whatever kind it is. Pods on these nodes become Ready, and
nothing runs in them. **A Pod's address must not be dialled**: it is somebody else's on the real
network.
"""

import json
from collections.abc import Callable
from pathlib import Path

from presets import load_catalog
from tests.e2e.cluster.processes import HOST, Processes, answers, free_ports

MANIFESTS = Path(__file__).parent / "manifests"


class PlayedNodes:
    """
    kwok and Karpenter with its kwok provider.

    Args:
        built: Folder with ``bin/`` and ``share/``.
        kubeconfig: The cluster.
        processes: What starts and ends them.

    """

    def __init__(self, built: Path, kubeconfig: Path, processes: Processes) -> None:
        self._bin = built / "bin"
        self._share = built / "share"
        self._kubeconfig = kubeconfig
        self._processes = processes

    @property
    def crds(self) -> list[Path]:
        """The definitions of Karpenter and gpu-provisioner; they have to be there first."""
        return [*sorted((self._share / "crds").glob("*.yaml")), MANIFESTS / "machines.yaml"]

    def start(self) -> Callable[[], None]:
        """
        Start both, and return what waits until they are ready.

        Raises:
            NotReady: By what is returned, with the end of a log.

        """
        work = self._processes.logs
        kwok, metrics, health = free_ports(3)
        (work / "instance-types.json").write_text(json.dumps(instance_types()))
        stages = [*sorted((self._share / "stages").glob("*.yaml")), MANIFESTS / "stages.yaml"]
        (work / "stages.yaml").write_text("\n---\n".join(path.read_text() for path in stages))
        self._processes.start(
            "kwok",
            (
                *(self._bin / "kwok", "--kubeconfig", self._kubeconfig),
                *("--config", work / "stages.yaml"),
                *("--server-address", f"{HOST}:{kwok}", "--node-ip", HOST),
                *("--manage-nodes-with-annotation-selector", "kwok.x-k8s.io/node=fake"),
                # Not the range of the Services, which is its default too.
                *("--node-lease-duration-seconds", 40, "--cidr", "198.18.0.0/16"),
            ),
        )
        self._processes.start(
            "karpenter-kwok",
            (self._bin / "karpenter-kwok",),
            {
                "KUBECONFIG": str(self._kubeconfig),
                "DISABLE_LEADER_ELECTION": "true",
                "METRICS_PORT": str(metrics),
                "HEALTH_PROBE_PORT": str(health),
                "INSTANCE_TYPES_FILE_PATH": str(work / "instance-types.json"),
            },
        )

        def wait() -> None:
            self._processes.wait("kwok", lambda: answers(f"http://{HOST}:{kwok}/readyz"))
            self._processes.wait(
                "karpenter-kwok", lambda: answers(f"http://{HOST}:{health}/readyz")
            )

        return wait


def instance_types() -> list[dict[str, object]]:
    """
    Return what Karpenter's kwok provider can make: every type that metakaito knows, in one zone.

    CPU and memory are the same for all: nothing that is tested depends on them.
    """
    return [
        {
            "name": instance_type.name,
            "architecture": "amd64",
            "operatingSystems": ["linux"],
            "resources": {
                "cpu": "64",
                "memory": "512Gi",
                "ephemeral-storage": "1000Gi",
                "pods": "110",
                instance_type.gpuResource: str(instance_type.gpuCount),
            },
            "offerings": [
                {
                    "Price": 1.0,
                    "Available": True,
                    "Requirements": [
                        requirement("karpenter.sh/capacity-type", "on-demand"),
                        requirement("topology.kubernetes.io/zone", "zone-1"),
                    ],
                }
            ],
        }
        for instance_type in load_catalog().instance_types.values()
    ]


def requirement(key: str, value: str) -> dict[str, object]:
    """Return a requirement of one value."""
    return {"key": key, "operator": "In", "values": [value]}
