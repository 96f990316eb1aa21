"""
What else a Workspace depends on: the objects Metacontroller shall send along.

The answer is cached per uid and generation, so it depends on what the user wrote, the name and the
uid; and on the status in one case, in which more is asked for and never less: after an edit that
may yet be refused, what the plan before it is made of is asked for as well. The question about an
edit comes with the status of before, so this is in the answer that is cached.

Each event of a related kind is held against each rule of each Workspace, therefore few rules, and
Machines by name: a name is a pure function, so those of all attempts are known.

Source: https://metacontroller.github.io/metacontroller/api/customize.html
"""

import hashlib
import re

from composite import names
from composite.catalog import Provisioner
from composite.desired import LabelSelector as Labels
from composite.metacontroller import RelatedRule
from composite.workspace.api import (
    LABEL_KEY_PATTERN,
    LABEL_VALUE_PATTERN,
    MAX_COUNT,
    SeenMachine,
    Workspace,
)

# After so many attempts a node's names begin anew. By then the first is long gone: even with no
# back-off a provisioner needs minutes for each.
ATTEMPTS = 8


def machine_name(uid: str, index: int, attempt: int) -> str:
    """
    Return the name of a Machine or NodeClaim: ``ws`` and 9 hex digits.

    11 characters, for AKS agent pools are named like their Machine and may have no more.
    https://learn.microsoft.com/en-us/azure/aks/create-node-pools#limitations
    """
    seed = f"{uid}/{index}/{attempt % ATTEMPTS}"
    return f"ws{hashlib.sha256(seed.encode()).hexdigest()[:9]}"


def own_machines(workspace: Workspace) -> tuple[SeenMachine, ...]:
    """
    Return the Machines of the last plan, as the status has it.

    Somebody who may write the status may have written others: a name that is none of this
    Workspace's, or a number of a node that it cannot have, is no plan of ours and forgotten.
    """
    meta = workspace.metadata
    found = {
        machine.name: machine
        for machine in workspace.status.machines
        if machine.index < MAX_COUNT
        and machine.name == machine_name(meta.uid, machine.index, machine.attempt)
    }
    return tuple(found.values())


def related_rules(workspace: Workspace, provisioner: Provisioner) -> list[RelatedRule]:
    """
    Return the rules: this Workspace's Machines, the Nodes it may use, its Pods.

    A Workspace that cannot be read gets rules too, with what is readable of it, since the sync
    that follows must see the world to say no without losing anything. For the same reason an edit
    that may yet be refused still asks for what the last plan is made of.
    """
    meta = workspace.metadata
    return [
        *machine_rules(workspace, provisioner),
        labelled_for(meta.name, "pods", namespace=meta.namespace),
        *node_rules(workspace),
        *config_rules(workspace),
        *adapter_rules(workspace),
    ]


def labelled_for(name: str, resource: str, namespace: str | None = None) -> RelatedRule:
    """
    Ask for what is labelled for a Workspace.

    Its name may be longer than a label, and then it is refused: nothing is labelled so, and a
    selector of it would fail the whole sync. The kind has to be asked for all the same.
    """
    possible = is_label(names.LABEL_WORKSPACE, name)
    return RelatedRule(
        apiVersion="v1",
        resource=resource,
        namespace=namespace,
        names=None if possible else [name],
        labelSelector=Labels(matchLabels={names.LABEL_WORKSPACE: name}) if possible else None,
    )


def adapter_rules(workspace: Workspace) -> list[RelatedRule]:
    """Ask for the Workspaces that tune the adapters, by name."""
    wanted = tuning_workspaces(workspace)
    if not wanted:
        return []
    return [
        RelatedRule(
            apiVersion=names.API_VERSION,
            resource="workspaces",
            namespace=workspace.metadata.namespace,
            names=wanted,
        )
    ]


def tuning_workspaces(workspace: Workspace) -> list[str]:
    """Return the names of the Workspaces that adapters come from, as far as they can be read."""
    inference = workspace.inference if isinstance(workspace.inference, dict) else {}
    adapters = inference.get("adapters")
    listed = adapters if isinstance(adapters, list) else []
    sources = [a.get("source") for a in listed if isinstance(a, dict)]
    found = [s.get("workspace") for s in sources if isinstance(s, dict)]
    return sorted({name for name in found if isinstance(name, str) and name})


def config_rules(workspace: Workspace) -> list[RelatedRule]:
    """Ask for the ConfigMap with the user's training configuration, by name."""
    name = named_config(workspace)
    if name is None:
        return []
    namespace = workspace.metadata.namespace
    return [RelatedRule(apiVersion="v1", resource="configmaps", namespace=namespace, names=[name])]


def named_config(workspace: Workspace) -> str | None:
    """Return the name of the ConfigMap that the user names, as far as it can be read."""
    tuning = workspace.tuning if isinstance(workspace.tuning, dict) else {}
    name = tuning.get("config")
    return name if isinstance(name, str) and name else None


def machine_rules(workspace: Workspace, provisioner: Provisioner) -> list[RelatedRule]:
    """Ask for the Machines or NodeClaims of all attempts, by name."""
    if provisioner is Provisioner.NONE:
        return []
    planned = [machine.index for machine in own_machines(workspace)]
    indices = range(max([wanted_count(workspace), *(index + 1 for index in planned)]))
    machines = provisioner is Provisioner.MACHINE
    return [
        RelatedRule(
            apiVersion=names.MACHINE_API_VERSION if machines else names.NODECLAIM_API_VERSION,
            resource="machines" if machines else "nodeclaims",
            names=[
                machine_name(workspace.metadata.uid, index, attempt)
                for index in indices
                for attempt in range(ATTEMPTS)
            ],
        )
    ]


def node_rules(workspace: Workspace) -> list[RelatedRule]:
    """Ask for the Nodes with the Workspace's labels; without any, for its own Nodes only."""
    labels = readable_labels(workspace)
    wanted = [labels] if labels else []
    in_use = list(workspace.status.workerNodes) if is_edited(workspace) else []
    if is_edited(workspace):
        planned = [m.labels for m in own_machines(workspace) if are_labels(m.labels)]
        wanted += [other for other in planned[:1] if other != labels]
    own = [] if labels else [labelled_for(workspace.metadata.name, "nodes")]
    return [
        *own,
        *(nodes_with(labels) for labels in wanted),
        *([RelatedRule(apiVersion="v1", resource="nodes", names=in_use)] if in_use else []),
    ]


def nodes_with(labels: dict[str, str]) -> RelatedRule:
    """Ask for the Nodes that carry these labels."""
    selector = Labels(matchLabels=labels)
    return RelatedRule(apiVersion="v1", resource="nodes", labelSelector=selector)


def is_edited(workspace: Workspace) -> bool:
    """Whether the last plan may be of another spec: of an earlier one, or this one is refused."""
    status = workspace.status
    refused = any(c.type == "Accepted" and c.status == "False" for c in status.conditions)
    return refused or status.observedGeneration < workspace.metadata.generation


def readable_labels(workspace: Workspace) -> dict[str, str]:
    """Return the labels that a node needs, as far as they can be read."""
    resource = workspace.resource if isinstance(workspace.resource, dict) else {}
    selector = resource.get("labelSelector")
    selector = selector if isinstance(selector, dict) else {}
    listed = selector.get("matchExpressions")
    pairs = [
        (e.get("key"), e["values"][0])
        for e in (listed if isinstance(listed, list) else [])
        if isinstance(e, dict) and isinstance(e.get("values"), list) and len(e["values"]) == 1
    ]
    mapped = selector.get("matchLabels")
    pairs += list(mapped.items()) if isinstance(mapped, dict) else []
    return {
        str(key): str(value)
        for key, value in sorted(pairs, key=str)
        if is_label(key, value) and key not in names.RESERVED_LABELS
    }


def is_label(key: object, value: object) -> bool:
    """Whether this can be a label; a selector of others would fail the whole sync."""
    return (
        isinstance(key, str)
        and isinstance(value, str)
        and re.fullmatch(LABEL_KEY_PATTERN, key) is not None
        and re.fullmatch(LABEL_VALUE_PATTERN, value) is not None
    )


def are_labels(labels: dict[str, str]) -> bool:
    """Whether there is a label, and each can be one."""
    return bool(labels) and all(is_label(key, value) for key, value in labels.items())


def wanted_count(workspace: Workspace) -> int:
    """Return how many nodes are wanted, within what can be had; 1 where it cannot be read."""
    resource = workspace.resource if isinstance(workspace.resource, dict) else {}
    count = resource.get("count", 1)
    readable = isinstance(count, int) and not isinstance(count, bool)
    return min(max(count, 1), MAX_COUNT) if readable else 1
