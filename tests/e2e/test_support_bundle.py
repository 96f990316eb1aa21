"""What a support bundle of a real cluster says, and that it replays."""

import json
import re
import tarfile
from pathlib import Path
from typing import Any

from tests.e2e.cluster.bundle import Bundle
from tests.e2e.program import metakaito
from tests.e2e.workspaces import EXAMPLES, await_ready

PHI = "workspace-phi-3-mini"


def test_a_bundle_of_a_ready_workspace_replays_as_equal(
    bundle: Bundle, namespace: str, tmp_path: Path
) -> None:
    cluster = bundle.cluster
    cluster.kubectl("apply", "-n", namespace, "-f", EXAMPLES / "phi-3.yaml")
    await_ready(cluster, PHI, namespace)
    served = cluster.get("workspace", PHI, namespace) or {}
    file = tmp_path / "bundle.tar.gz"
    place = ("-n", namespace, "--kubeconfig", cluster.kubeconfig)

    made = metakaito("support-bundle", PHI, *place, "-o", file)
    replayed = metakaito("replay", file)

    assert (made.returncode, made.stderr) == (0, "")
    assert "noted:" not in made.stdout
    assert (replayed.returncode, replayed.stderr) == (0, "")
    assert re.findall(r"^\w+", replayed.stdout, re.MULTILINE) == [*["equal"] * 4, "4"]
    exchange = sync_in(file)
    assert exchange["settings"]["provisioner"] == "nodeclaim"
    # What is answered now is what the cluster has become.
    answered = exchange["answer"]["status"]
    assert answered["workerNodes"] == served["status"]["workerNodes"]
    assert names_of(answered["machines"]) == names_of(served["status"]["machines"])


def names_of(machines: list[dict[str, Any]]) -> list[str]:
    """Return names alone: what is told of a node goes on changing for a while."""
    return [each["name"] for each in machines]


def sync_in(file: Path) -> Any:  # noqa: ANN401  (JSON)
    """Return the exchange about the Workspace."""
    with tarfile.open(file) as found:
        [name] = [each for each in found.getnames() if each.endswith("2-workspaces-sync.json")]
        member = found.extractfile(name)
        assert member is not None
        return json.load(member)
