"""
A newer chart with other values: what runs goes on running, in the same pods, on the same nodes.

``tests/upgrades`` asks the same of every kind of Workspace without a cluster. Here real controllers
judge: whatever is written to a workload would restart its pods.
"""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from tests.e2e.cluster.bundle import (
    CHART,
    NAMESPACE,
    NODECLAIMS,
    RELEASE,
    Bundle,
    eventually,
    installed,
)
from tests.e2e.cluster.cluster import Cluster
from tests.e2e.test_tuning import TUNING, push_secret
from tests.e2e.workspaces import await_ready, columns, example, served_template

NEWER = "0.99.0"
WORKLOADS = ("deployments", "statefulsets", "jobs")
CHILDREN = (*WORKLOADS, "services", "configmaps", "controllerrevisions")


class Identity(NamedTuple):
    """Which object it is, and how often somebody has changed it or anything of it."""

    uid: str
    generation: int
    version: str


class World(NamedTuple):
    """What runs in a namespace."""

    pods: dict[str, int]
    claims: dict[str, tuple[str, int]]
    children: dict[str, Identity]
    templates: dict[str, Any]


@pytest.fixture
def bundle(fresh_cluster: Cluster) -> Iterator[Bundle]:
    with installed(fresh_cluster, NODECLAIMS) as bundle:
        yield bundle


def test_an_upgrade_of_the_chart_restarts_no_model_and_no_training(
    bundle: Bundle, cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    cluster.apply(push_secret(namespace), *fleet(namespace))
    for name in ("phi", "templated", "split", "adapted", "ours"):
        await_ready(cluster, name, namespace)
    await_training(cluster, "endless", namespace)
    before = settled(cluster, namespace)
    assert len(before.pods) == 1 + 2 + 2 + 1 + 1 + 1

    # Other images for what is made anew, and what every upgrade brings: labels of the release.
    upgrade(
        bundle,
        newer(tmp_path),
        {
            "imageRegistry": "mirror.example/kaito",
            "commonLabels": {"example.com/upgraded": "yes"},
            "controllers": {"resyncPeriodSeconds": 600},
        },
    )
    cluster.apply(example("phi-3.yaml", name="newer", namespace=namespace))
    await_ready(cluster, "newer", namespace)
    cluster.kubectl("annotate", "workspace", "--all", "-n", namespace, "example.com/look=again")
    eventually(lambda: looked_at_again(bundle), seconds=30)

    after = settled(cluster, namespace)
    gone = [uid for uid, restarts in before.pods.items() if after.pods.get(uid) != restarts]
    print(f"{len(gone)} of {len(before.pods)} pods restarted")  # noqa: T201  (what -s shows)
    assert gone == []
    assert {name: after.claims.get(name) for name in before.claims} == before.claims
    assert {name: after.templates.get(name) for name in before.templates} == before.templates
    assert {name: after.children.get(name) for name in before.children} == before.children
    for name in ("phi", "templated", "split", "adapted", "ours"):
        assert columns(cluster, name, namespace)["WORKSPACEREADY"] == "True"
    assert columns(cluster, "endless", namespace)["JOBSTARTED"] == "True"

    # The upgrade did arrive: what is new has it.
    newest = cluster.get("deployment", "newer", namespace) or {}
    image = newest["spec"]["template"]["spec"]["containers"][0]["image"]
    assert image.startswith("mirror.example/kaito/")
    hooks = bundle.container("Deployment", RELEASE)
    assert any(NEWER in str(variable.get("value")) for variable in hooks["env"])


def fleet(namespace: str) -> list[dict[str, Any]]:
    """Return a Workspace of each kind of workload, of adapter and of runtime."""
    split = example("inference/kaito_workspace_llama2_13b.yaml", name="split", namespace=namespace)
    adapted = example(
        "inference/kaito_workspace_phi_3_with_adapters.yaml", name="adapted", namespace=namespace
    )
    ours = example("tiny/serve.yaml", name="ours", namespace=namespace)
    return [
        example("phi-3.yaml", name="phi", namespace=namespace),
        served_template("templated", namespace, count=2),
        {**split, "resource": nodes("split", count=2)},
        {**adapted, "resource": nodes("adapted")},
        {**ours, "resource": nodes("ours")},
        {
            **example(TUNING, name="endless", namespace=namespace),
            "resource": nodes("endless", type_="Standard_NC24ads_A100_v4"),
        },
    ]


def nodes(name: str, *, count: int = 1, type_: str = "Standard_NC6s_v3") -> dict[str, Any]:
    """Return nodes that are one Workspace's alone."""
    labels = {"matchLabels": {"apps": name}}
    return {"count": count, "instanceType": type_, "labelSelector": labels}


def newer(folder: Path) -> Path:
    """Return the chart as a later version, which names later images."""
    chart = folder / "metakaito"
    shutil.copytree(CHART, chart)
    about = yaml.safe_load((chart / "Chart.yaml").read_text())
    (chart / "Chart.yaml").write_text(
        yaml.safe_dump({**about, "version": NEWER, "appVersion": NEWER})
    )
    return chart


def upgrade(bundle: Bundle, chart: Path, values: Mapping[str, Any]) -> None:
    """Bring the release to another chart and to other values, as a user does it."""
    bundle.values = {**bundle.values, **values}
    path = bundle.cluster.work / "values-of-the-upgrade.yaml"
    path.write_text(yaml.safe_dump(bundle.values))
    bundle.cluster.helm(
        *("upgrade", RELEASE, chart, "--values", path, "--namespace", NAMESPACE),
        *("--wait", "--timeout", "120s"),
    )
    bundle.restart()


def await_training(cluster: Cluster, name: str, namespace: str) -> None:
    """Wait until the Job of a Workspace runs."""

    def runs() -> bool:
        job = cluster.get("job", name, namespace) or {}
        return bool(job.get("status", {}).get("ready"))

    eventually(runs)


def settled(cluster: Cluster, namespace: str) -> World:
    """Return what runs, once it is the same twice in a row."""
    seen = [world(cluster, namespace)]

    def same() -> World | None:
        seen.append(world(cluster, namespace))
        return seen[-1] if seen[-1] == seen[-2] else None

    found: World = eventually(same, every=1.0)
    return found


def world(cluster: Cluster, namespace: str) -> World:
    """Return every pod, node and child of a namespace."""
    pods = cluster.items("pods", "-n", namespace)
    claims = cluster.items("nodeclaims", "-l", f"kaito.sh/workspacenamespace={namespace}")
    children = {
        f"{kind}/{child['metadata']['name']}": child
        for kind in CHILDREN
        for child in cluster.items(kind, "-n", namespace)
    }
    return World(
        pods={pod["metadata"]["uid"]: restarts(pod) for pod in pods},
        claims={
            claim["metadata"]["name"]: (
                claim["metadata"]["uid"],
                claim["metadata"]["generation"],
            )
            for claim in claims
        },
        children={name: identity(child) for name, child in children.items()},
        templates={
            name: child["spec"]["template"]
            for name, child in children.items()
            if name.startswith(WORKLOADS)
        },
    )


def restarts(pod: Mapping[str, Any]) -> int:
    """Return how often containers of a pod were started again."""
    status = pod.get("status", {})
    kinds = ("initContainerStatuses", "containerStatuses")
    return sum(each["restartCount"] for kind in kinds for each in status.get(kind, ()))


def identity(obj: Mapping[str, Any]) -> Identity:
    """Return which object it is, and of what version."""
    metadata = obj["metadata"]
    return Identity(metadata["uid"], metadata.get("generation", 0), metadata["resourceVersion"])


def looked_at_again(bundle: Bundle) -> bool:
    """Tell whether the new hooks have answered for the Workspaces that were there before."""
    log = bundle.hooks_log().rpartition("listening on")[2]
    names = ("phi", "templated", "split", "adapted", "ours", "endless", "newer")
    return all(f'"{name}"' in log for name in names)
