"""
The rights of Metacontroller's ServiceAccount: each is used, and none is lacking.

Runs last, when the other tests have done everything there is to do. The API server's audit log
tells which verbs were used, by the bundle that most tests share.
"""

from collections.abc import Iterator

import pytest

from tests.e2e.cluster import audit
from tests.e2e.cluster.bundle import ACCOUNT, Bundle

Right = tuple[str, str, str]


def test_each_granted_verb_is_used_and_each_used_verb_is_granted(bundle: Bundle) -> None:
    used = {right for right, allowed in requests(bundle) if allowed}
    rights = granted(bundle)
    assert {"never used": sorted(rights - used), "not granted": sorted(used - rights)} == {
        "never used": [],
        "not granted": [],
    }


def test_nothing_was_forbidden(bundle: Bundle) -> None:
    assert [right for right, allowed in requests(bundle) if not allowed] == []


def requests(bundle: Bundle) -> Iterator[tuple[Right, bool]]:
    """
    Return what Metacontroller asked the API server for, and whether it had the right to.

    A 403 may also mean that a namespace is going away; that is no matter of rights.
    """
    if bundle.cluster.audit is None:
        pytest.skip(f"a {bundle.cluster.provider} cluster has no audit log that can be read here")
    for event in audit.requests(bundle.cluster.audit):
        group = event["objectRef"].get("apiGroup", "")
        allowed = event["annotations"]["authorization.k8s.io/decision"] == "allow"
        verbs = [event["verb"]]
        if "sendInitialEvents=true" in event["requestURI"]:
            # A watch that begins with a list; of a server before 1.32 it is a list.
            verbs.append("list")
        for verb in verbs:
            yield (group, audit.resource(event), verb), allowed


def granted(bundle: Bundle) -> set[Right]:
    """Return the rights of the release's roles for Metacontroller."""
    return {
        (group, resource, verb)
        for document in bundle.rendered()
        if document["kind"] in {"ClusterRole", "Role"} and document["metadata"]["name"] == ACCOUNT
        for rule in document["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
