"""Volumes that a Pod without rights may read, or write to."""

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.cluster.cluster import Cluster
from tests.e2e.node.conftest import GREETING, GREETING_FILE
from tests.e2e.node.pods import USER, said_by, shell_pod
from tests.e2e.node.registry import nodes_folder

MOUNT = "/mounted"


def mounting(name: str, namespace: str, script: str, volume: dict[str, Any]) -> dict[str, Any]:
    """A Pod on the second node with a volume at `MOUNT`."""
    mounts = {"volumeMounts": [{"name": "volume", "mountPath": MOUNT}]}
    volumes = [{"name": "volume", **volume}]
    return shell_pod(name, namespace, script, container=mounts, nodeName="node1", volumes=volumes)


@pytest.mark.parametrize("policy", ["Never", "IfNotPresent"])
def test_an_image_is_a_volume_for_reading(pair: Cluster, restricted: str, policy: str) -> None:
    script = f"id -u; cat {MOUNT}/{GREETING_FILE}; touch {MOUNT}/new 2>&1 || true"
    volume = {"image": {"reference": GREETING, "pullPolicy": policy}}

    printed = said_by(pair, mounting("reads", restricted, script, volume))

    assert printed == (
        f"{USER}\nhello from a volume\ntouch: cannot touch '{MOUNT}/new': Read-only file system\n"
    )


def persistent(namespace: str, source: dict[str, Any]) -> list[dict[str, Any]]:
    """A PersistentVolume on the second node, and the claim for it."""
    name = f"{namespace}-kept"
    term = {"key": "kubernetes.io/hostname", "operator": "In", "values": ["node1"]}
    where = {"required": {"nodeSelectorTerms": [{"matchExpressions": [term]}]}}
    # No class: nobody is to make a volume for the claim.
    both = {"accessModes": ["ReadWriteOnce"], "storageClassName": "", "volumeMode": "Filesystem"}
    size = {"storage": "1Gi"}
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {**both, **source, "capacity": size, "nodeAffinity": where},
    }
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "kept", "namespace": namespace},
        "spec": {**both, "volumeName": name, "resources": {"requests": size}},
    }
    return [volume, claim]


CLAIMED = {"persistentVolumeClaim": {"claimName": "kept"}}


@pytest.fixture
def folder(pair: Cluster, restricted: str) -> Path:
    """A new folder of root's that others may not write to, as an installer makes it."""
    made = nodes_folder(pair) / restricted
    made.mkdir(mode=0o755)
    return made


def test_a_local_volume_is_given_to_the_group_of_the_pod(
    pair: Cluster, restricted: str, folder: Path
) -> None:
    pair.apply(*persistent(restricted, {"local": {"path": str(folder)}}))
    script = f"touch {MOUNT}/new; stat -c '%u %g' {MOUNT}/new; stat -c '%u %g %A' {MOUNT}"

    printed = said_by(pair, mounting("writes", restricted, script, CLAIMED))

    assert printed == f"{USER} {USER}\n0 {USER} drwxrwsr-x\n"
    assert [path.name for path in folder.iterdir()] == ["new"]


@pytest.mark.parametrize(
    ("mode", "answer"),
    [(0o755, f"touch: cannot touch '{MOUNT}/new': Permission denied\n"), (0o777, "")],
    ids=["of-others", "of-all"],
)
def test_a_host_path_stays_as_it_is(
    pair: Cluster, restricted: str, folder: Path, mode: int, answer: str
) -> None:
    folder.chmod(mode)
    pair.apply(*persistent(restricted, {"hostPath": {"path": str(folder)}}))
    script = f"touch {MOUNT}/new 2>&1 || true"

    assert said_by(pair, mounting("writes", restricted, script, CLAIMED)) == answer
