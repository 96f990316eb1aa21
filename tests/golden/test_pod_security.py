"""
Every pod of every answer keeps to a Pod Security standard.

All keep to "baseline", and our own containers to "restricted", as do all containers of a pod with
our runtime. ``EXCEPTIONS`` says which rules of "restricted" others break, each with its reason:
exactly these, so that the table stays true.

Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from composite import names
from composite.models import JsonObject
from composite.workspace import weights
from tests.golden.test_golden import CASES, named, read

RESTRICTED_VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
}
BASELINE_CAPABILITIES = {
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
}
OURS = {names.DOWNLOADER, names.PUSHER}
# Every container of a pod that has weights of its own: our runtime's, and what runs before it.
RUNTIMES = "our runtime"
EVERY_RULE = {"allowPrivilegeEscalation", "capabilities", "runAsNonRoot", "seccompProfile"}

# What of "restricted" a container does not keep, and why.
EXCEPTIONS: dict[str, tuple[set[str], str]] = {
    "trainer": (
        {"runAsNonRoot"},
        (
            "The image of the model belongs to root: its weights and its working directory are "
            "root's, and the trainer writes beside them. It may do no more than another user."
        ),
    ),
    names.EXTRACTOR: (
        {"runAsNonRoot"},
        "The image of the data set is its maker's, and so is the user that may read /data there.",
    ),
    "server": (
        EVERY_RULE,
        "The server of a model is Kaito's, field for field, and has no security context there.",
    ),
    "adapter": (
        EVERY_RULE,
        (
            "The step that copies an adapter is Kaito's, field for field, and runs in the "
            "adapter's image as its maker's user."
        ),
    ),
    "template": (EVERY_RULE, "A pod template is the user's and run as it came."),
}


def pods(case: Path) -> Iterator[tuple[JsonObject, JsonObject]]:
    """Yield each child that makes pods, and the spec of these."""
    for child in read(case / "response.yaml").get("children") or ():
        if "template" in child.get("spec", {}):
            yield child, child["spec"]["template"]["spec"]


def containers(pod: JsonObject) -> list[JsonObject]:
    return [*(pod.get("initContainers") or ()), *pod["containers"]]


def has_our_runtime(pod: JsonObject) -> bool:
    return weights.VOLUME in [volume["name"] for volume in pod.get("volumes") or ()]


def kind_of(container: JsonObject, child: JsonObject) -> str:
    """Say whose a container is."""
    name = str(container["name"])
    if has_our_runtime(child["spec"]["template"]["spec"]):
        return RUNTIMES
    if child["kind"] == "Job":
        return name if name in {*OURS, names.EXTRACTOR} else "trainer"
    # The plan of a refused edit is the last one's, so what runs is told from the pod.
    if name == child["metadata"]["name"] and "livenessProbe" in container:
        return "server"
    return "adapter" if "/mnt/adapter" in str(container) else "template"


def beyond_baseline(pod: JsonObject) -> Iterator[str]:
    """Yield what a pod may not be by the standard "baseline"."""
    yield from (field for field in ("hostNetwork", "hostPID", "hostIPC") if pod.get(field))
    for volume in pod.get("volumes") or ():
        if "hostPath" in volume:
            yield f"hostPath of {volume['name']}"
    context = pod.get("securityContext") or {}
    if context.get("sysctls") or (context.get("windowsOptions") or {}).get("hostProcess"):
        yield "sysctls or hostProcess"
    for container in containers(pod):
        for what in unsafe(container, context):
            yield f"{container['name']} {what}"


def unsafe(container: JsonObject, context: JsonObject) -> Iterator[str]:
    """Yield what a container may not be or do by the standard "baseline"."""
    own = container.get("securityContext") or {}
    added = (own.get("capabilities") or {}).get("add") or []
    profiles = [(c.get("seccompProfile") or {}).get("type") for c in (context, own)]
    if own.get("privileged"):
        yield "is privileged"
    if not set(added) <= BASELINE_CAPABILITIES:
        yield f"adds {added}"
    if own.get("procMount", "Default") != "Default" or "Unconfined" in profiles:
        yield "is not confined"
    if any(port.get("hostPort") for port in container.get("ports") or ()):
        yield "has a port of the node"


def beyond_restricted(container: JsonObject, pod: JsonObject) -> Iterator[str]:
    """Yield which rules of the standard "restricted" a container does not keep."""
    common, own = pod.get("securityContext") or {}, container.get("securityContext") or {}
    capabilities = own.get("capabilities") or {}
    profile = own.get("seccompProfile") or common.get("seccompProfile") or {}
    user = own.get("runAsUser", common.get("runAsUser"))
    if own.get("allowPrivilegeEscalation") is not False:
        yield "allowPrivilegeEscalation"
    if capabilities.get("drop") != ["ALL"] or set(capabilities.get("add") or ()) - {
        "NET_BIND_SERVICE"
    }:
        yield "capabilities"
    if own.get("runAsNonRoot", common.get("runAsNonRoot")) is not True or user == 0:
        yield "runAsNonRoot"
    if profile.get("type") not in ("RuntimeDefault", "Localhost"):
        yield "seccompProfile"


@pytest.mark.parametrize("case", CASES, ids=named)
def test_every_pod_keeps_to_baseline(case: Path) -> None:
    assert [list(beyond_baseline(pod)) for _, pod in pods(case)] == [[] for _ in pods(case)]


@pytest.mark.parametrize("case", CASES, ids=named)
def test_our_containers_keep_to_restricted_and_others_but_for_the_exceptions(case: Path) -> None:
    for child, pod in pods(case):
        for container in containers(pod):
            kind = kind_of(container, child)
            broken, _ = EXCEPTIONS[kind] if kind not in {*OURS, RUNTIMES} else (set(), "")

            assert set(beyond_restricted(container, pod)) == broken, (kind, container["name"])


@pytest.mark.parametrize("case", CASES, ids=named)
def test_a_training_and_our_runtime_have_volumes_that_restricted_allows(case: Path) -> None:
    for child, pod in pods(case):
        if child["kind"] == "Job" or has_our_runtime(pod):
            kinds = {kind for volume in pod["volumes"] for kind in volume if kind != "name"}

            assert kinds <= RESTRICTED_VOLUMES


def test_every_exception_is_met() -> None:
    found = {
        kind_of(container, child)
        for case in CASES
        for child, pod in pods(case)
        for container in containers(pod)
    }

    assert found == {*OURS, RUNTIMES, *EXCEPTIONS}


@pytest.mark.parametrize(
    ("pod", "expected"),
    [
        ({"hostNetwork": True, "containers": []}, ["hostNetwork"]),
        (
            {"containers": [], "volumes": [{"name": "v", "hostPath": {"path": "/"}}]},
            ["hostPath of v"],
        ),
        (
            {"containers": [{"name": "c", "securityContext": {"privileged": True}}]},
            ["c is privileged"],
        ),
        (
            {
                "containers": [
                    {"name": "c", "securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}}
                ]
            },
            ["c adds ['SYS_ADMIN']"],
        ),
    ],
)
def test_what_is_beyond_baseline_is_seen(pod: JsonObject, expected: list[str]) -> None:
    assert list(beyond_baseline(pod)) == expected
