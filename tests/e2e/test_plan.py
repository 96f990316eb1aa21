"""A plan of a real cluster says nothing where all is as it should be, and what an edit writes."""

import json
from pathlib import Path
from typing import Any

import yaml

from tests.e2e.cluster.bundle import Bundle, eventually
from tests.e2e.program import metakaito
from tests.e2e.workspaces import EXAMPLES, await_ready

PHI = "workspace-phi-3-mini"
ADAPTER = {"source": {"name": "style", "image": "registry.example/style:1"}, "strength": "0.5"}


def plan(bundle: Bundle, file: Path) -> tuple[int, Any]:
    """Return the exit code and the plan, as a user of the cluster has it made."""
    provisioner = bundle.values["provisioner"]
    place = ("--cluster", "--kubeconfig", bundle.cluster.kubeconfig)
    done = metakaito("plan", file, *place, "--provisioner", provisioner, "-o", "json")
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)


def test_a_plan_of_what_serves_is_empty_and_that_of_an_edit_is_what_then_happens(
    bundle: Bundle, namespace: str, tmp_path: Path
) -> None:
    cluster = bundle.cluster
    workspace = yaml.safe_load((EXAMPLES / "phi-3.yaml").read_text())
    workspace["metadata"]["namespace"] = namespace
    file = tmp_path / "workspace.yaml"
    file.write_text(yaml.safe_dump(workspace))

    fresh, new = plan(bundle, file)
    cluster.kubectl("apply", "-f", file)
    await_ready(cluster, PHI, namespace)
    settled, nothing = plan(bundle, file)
    workspace["inference"]["adapters"] = [ADAPTER]
    file.write_text(yaml.safe_dump(workspace))
    edited, edit = plan(bundle, file)
    before = cluster.get("deployment", PHI, namespace) or {}
    cluster.kubectl("apply", "-f", file)
    eventually(lambda: generation(bundle, namespace) > before["metadata"]["generation"])

    told = [(one["namespace"], one["name"], one["nodes"]) for one in nothing["workspaces"]]
    assert (nothing["applied"], actions(nothing)) == ([], [])
    assert told == [(namespace, PHI, [])]
    assert (fresh, settled, edited) == (3, 0, 3)
    assert actions(new) == [
        ("added", "ControllerRevision"),
        ("added", "Deployment"),
        ("added", "NodeClaim"),
        ("added", "Service"),
    ]
    assert actions(edit) == [("added", "ControllerRevision"), ("changed", "Deployment")]
    [change] = [each for each in edit["workspaces"][0]["changes"] if each["action"] == "changed"]
    pods = [each for each in change["restarts"] if each.startswith(PHI)]
    assert len(pods) == 1
    container = (cluster.get("deployment", PHI, namespace) or {})["spec"]["template"]["spec"]
    assert [each["image"] for each in container["initContainers"]] == ["registry.example/style:1"]


def generation(bundle: Bundle, namespace: str) -> int:
    """Return how often the Deployment was written."""
    found = bundle.cluster.get("deployment", PHI, namespace) or {}
    return int(found["metadata"]["generation"])


def actions(found: Any) -> list[tuple[str, str]]:  # noqa: ANN401  (JSON)
    """Return what a plan would do to which kinds."""
    return sorted(
        (each["action"], each["kind"]) for one in found["workspaces"] for each in one["changes"]
    )
