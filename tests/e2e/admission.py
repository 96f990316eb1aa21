"""The admission policy of the bundle, switched off for a while."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from tests.e2e.cluster.bundle import RELEASE, eventually
from tests.e2e.cluster.cluster import Cluster
from tests.e2e.workspaces import served_template

BINDING = ("validatingadmissionpolicybinding", f"{RELEASE}-workspaces")


@contextmanager
def only_audited(cluster: Cluster) -> Iterator[None]:
    """Let the API server take what the plan refuses, as one without our policy does."""
    act(cluster, "Audit")
    try:
        yield
    finally:
        act(cluster, "Deny")


def act(cluster: Cluster, action: str) -> None:
    """Say what is done about what is refused, and wait until it is."""
    patch = json.dumps({"spec": {"validationActions": [action]}})
    cluster.kubectl("patch", *BINDING, "--type", "merge", "--patch", patch)
    probe = served_template("probe", "default")
    probe["inference"]["template"]["spec"]["containers"] *= 2  # two of one name
    denied = action == "Deny"

    def in_effect() -> bool:
        given = json.dumps(probe)
        done = cluster.attempt("kubectl", "create", "--dry-run=server", "-f", "-", given=given)
        return (done.returncode != 0) is denied

    eventually(in_effect)
