"""A newer chart, other values: what serves goes on serving, in the same pods."""

from collections.abc import Iterator

import pytest

from tests.e2e.cluster.bundle import NODECLAIMS, Bundle, eventually, installed
from tests.e2e.cluster.cluster import Cluster
from tests.e2e.workspaces import await_ready, example, served_template


@pytest.fixture
def bundle(fresh_cluster: Cluster) -> Iterator[Bundle]:
    with installed(fresh_cluster, NODECLAIMS) as bundle:
        yield bundle


def test_an_upgrade_of_the_chart_restarts_no_model(
    bundle: Bundle, cluster: Cluster, namespace: str
) -> None:
    cluster.apply(
        example("phi-3.yaml", name="phi", namespace=namespace),
        served_template("templated", namespace),
    )
    for name in ("phi", "templated"):
        await_ready(cluster, name, namespace)
    before = state(cluster, namespace)
    # Another registry for new servers, and what every upgrade brings: other labels of the release.
    bundle.upgrade(
        values={
            "imageRegistry": "mirror.example/kaito",
            "commonLabels": {"example.com/upgraded": "yes"},
            "controllers": {"resyncPeriodSeconds": 600},
        }
    )
    bundle.restart()
    cluster.apply(example("phi-3.yaml", name="newer", namespace=namespace))
    await_ready(cluster, "newer", namespace)
    cluster.kubectl("annotate", "workspace", "--all", "-n", namespace, "example.com/look=again")
    eventually(lambda: looked_at_again(bundle), seconds=30)
    after = state(cluster, namespace)
    assert {name: after[name] for name in before} == before
    newer = cluster.get("deployment", "newer", namespace) or {}
    image = newer["spec"]["template"]["spec"]["containers"][0]["image"]
    assert image.startswith("mirror.example/kaito/")


def state(cluster: Cluster, namespace: str) -> dict[str, tuple[str, str]]:
    """Return generation and pod of each Deployment: what a restart would change."""
    pods = {
        pod["metadata"]["labels"]["kaito.sh/workspace"]: pod["metadata"]["uid"]
        for pod in cluster.items("pods", "-n", namespace)
    }
    return {
        deployment["metadata"]["name"]: (
            str(deployment["metadata"]["generation"]),
            pods[deployment["metadata"]["name"]],
        )
        for deployment in cluster.items("deployments", "-n", namespace)
    }


def looked_at_again(bundle: Bundle) -> bool:
    """Tell whether the new hooks have answered for the Workspaces that were there before."""
    log = bundle.hooks_log().rpartition("listening on")[2]
    return all(f'"{name}"' in log for name in ("phi", "templated", "newer"))
