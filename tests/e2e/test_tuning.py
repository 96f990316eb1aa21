"""Fine-tuning, to success and to failure; kwok ends the Pods of Jobs as tests/e2e/cluster says."""

from typing import Any

from tests.e2e.cluster.bundle import eventually
from tests.e2e.cluster.cluster import Cluster
from tests.e2e.workspaces import await_ready, columns, conditions, example

TUNING = "tuning/kaito_workspace_tuning_phi_3.yaml"


def test_a_training_runs_to_success(cluster: Cluster, namespace: str) -> None:
    cluster.apply(push_secret(namespace), example(TUNING, name="tuned", namespace=namespace))
    await_ready(cluster, "tuned", namespace)
    seen = columns(cluster, "tuned", namespace)
    assert (seen["RESOURCEREADY"], seen["JOBSTARTED"], seen["WORKSPACEREADY"]) == ("True",) * 3
    (job,) = cluster.items("jobs", "-n", namespace)
    assert job["status"]["succeeded"] == 1


def test_a_training_that_fails_says_why_and_is_not_repeated(
    cluster: Cluster, namespace: str
) -> None:
    cluster.apply(push_secret(namespace), example(TUNING, name="fails", namespace=namespace))

    def failed() -> dict[str, tuple[str, str]] | None:
        seen = conditions(cluster, "fails", namespace)
        return seen if "exit code 1" in seen.get("WorkspaceReady", ("", ""))[1] else None

    seen: dict[str, tuple[str, str]] = eventually(failed)
    assert seen["WorkspaceReady"][0] == "False"
    assert "no space left on device" in seen["WorkspaceReady"][1]

    def reason() -> str:
        (job,) = cluster.items("jobs", "-n", namespace)
        found = {c["type"]: c["reason"] for c in job["status"].get("conditions", ())}
        return str(found.get("Failed", ""))

    assert eventually(reason) in {"PodFailurePolicy", "BackoffLimitExceeded"}
    assert len(cluster.items("pods", "-n", namespace)) == 1


def push_secret(namespace: str) -> dict[str, Any]:
    """Return the Secret that the example names; nobody reads it here."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "my-registry", "namespace": namespace},
        "type": "kubernetes.io/dockerconfigjson",
        "stringData": {".dockerconfigjson": '{"auths": {}}'},
    }
