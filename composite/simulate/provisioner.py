"""
What makes and removes nodes: a provisioner for Machines and NodeClaims, and the device plugin.

Reduced to what can be seen from outside. Sources: gpu-provisioner and Karpenter's lifecycle
controllers, https://karpenter.sh/docs/concepts/nodeclaims/
"""

from collections.abc import Iterator

from composite import names
from composite.models import JsonObject
from composite.simulate import objects
from composite.simulate.objects import Ref
from composite.simulate.store import Change
from composite.simulate.world import WorldActor, condition

CLAIMS = (names.MACHINES, names.NODECLAIMS)
FINALIZER = "karpenter.sh/termination"
# How long a Machine stays whose instance type cannot be had, when that is announced.
ANNOUNCED_SECONDS = 60


class Provisioner(WorldActor):
    """Makes a Node for each Machine or NodeClaim, and takes it away with it."""

    name = "provisioner"

    def notice(self, change: Change) -> Iterator[Ref]:
        """Look at claims, and at the claim of a Node that is gone."""
        ref = objects.ref_of(change.obj)
        if ref.kind in CLAIMS:
            yield ref
        elif ref.kind == names.NODES and change.new is None:
            owner = objects.controller_of(change.obj)
            if owner is not None and is_provisioned(change.obj):
                yield Ref(f"{owner['kind']}.{owner['apiVersion']}", "", owner["name"])

    def act(self, key: Ref) -> None:
        """Bring one claim a step further, if its time has come."""
        claim = self.store.get(key)
        if claim is None:
            return
        if objects.is_terminating(claim):
            self._terminate(claim)
        elif self._has_lost_its_node(claim):
            self.store.delete(key, objects.uid_of(claim))
        elif objects.is_true(claim, "Ready"):
            return
        elif FINALIZER not in (claim["metadata"].get("finalizers") or ()):
            finalizers = [*(claim["metadata"].get("finalizers") or ()), FINALIZER]
            self.store.update(objects.with_metadata(claim, finalizers=finalizers))
        else:
            self._make(claim)

    def _make(self, claim: JsonObject) -> None:
        delays = self.world.delays
        if objects.status_of(claim).get("nodeName"):
            self._initialize(claim)
        elif not self.passed(claim, "launch", delays.launch):
            self._report(claim, 0)
        elif "providerID" not in objects.status_of(claim) and self._is_unavailable(claim):
            self._give_up(claim)
        elif not self.passed(claim, "register", delays.register_):
            self._report(claim, 1)
        else:
            self._initialize(claim)

    def _initialize(self, claim: JsonObject) -> None:
        """Bring up the Node that a claim has, or give it one."""
        node = self._node(claim)
        if not self.passed(claim, "initialize", self.world.delays.initialize):
            self._report(claim, 2)
        else:
            ready = condition("Ready", "True", "KubeletReady", "kubelet is posting ready status")
            self.write_status(node, self._with_conditions(node, ready))
            self._report(claim, 3)

    def _report(self, claim: JsonObject, steps: int) -> None:
        """Write how many of launched, registered and initialized are done."""
        machine = objects.kind_key(claim) == names.MACHINES
        prefix = "Machine" if machine else ""
        waiting = (
            ("Launched", "AwaitingReconciliation", "object is awaiting reconciliation"),
            ("Registered", "NodeNotFound", "Node not registered with cluster"),
            ("Initialized", "NodeNotReady", "Node status is NotReady"),
        )
        conditions = [
            condition(f"{prefix}{kind}", "True", kind)
            if number < steps
            else condition(f"{prefix}{kind}", "Unknown", reason, message)
            for number, (kind, reason, message) in enumerate(waiting)
        ]
        if steps == len(waiting):
            conditions.append(condition("Ready", "True", "Ready"))
        else:
            lacking, reason, _ = waiting[steps]
            conditions.append(condition("Ready", "Unknown", reason, f"{prefix}{lacking}=Unknown"))
        status = self._with_conditions(claim, *conditions)
        if steps > 0:
            status.setdefault("providerID", _provider_id(claim))
        if steps > 1:
            status["nodeName"] = given_node(claim)
        self.write_status(claim, status)

    def _with_conditions(self, obj: JsonObject, *conditions: JsonObject) -> JsonObject:
        known = objects.status_of(obj).get("conditions") or ()
        now = self.world.clock.stamp
        return {
            **objects.status_of(obj),
            "conditions": objects.with_conditions(known, now, *conditions),
        }

    def _is_unavailable(self, claim: JsonObject) -> bool:
        fault = self.world.faults.instanceTypesUnavailable
        if fault is None:
            return False
        return fault.attempts is None or self._attempt(claim["metadata"]["name"]) < fault.attempts

    def _attempt(self, name: str) -> int:
        """Return which attempt this is, from 0; its Workspace knows."""
        for workspace in self.store.list_of(names.WORKSPACES):
            for machine in objects.status_of(workspace).get("machines") or ():
                if machine["name"] == name:
                    return int(machine.get("attempt", 0))
        return 0

    def _give_up(self, claim: JsonObject) -> None:
        """Delete a claim whose instance type cannot be had, after saying so or at once."""
        fault = self.world.faults.instanceTypesUnavailable
        if fault is not None and fault.announced:
            prefix = "Machine" if objects.kind_key(claim) == names.MACHINES else ""
            launched = condition(f"{prefix}Launched", "False", "LaunchFailed", names.UNAVAILABLE)
            ready = condition("Ready", "False", "LaunchFailed", names.UNAVAILABLE)
            claim = self.write_status(claim, self._with_conditions(claim, launched, ready))
            if not self.passed(claim, "unavailable", ANNOUNCED_SECONDS):
                return
        self.store.delete(objects.ref_of(claim), objects.uid_of(claim))

    def _has_lost_its_node(self, claim: JsonObject) -> bool:
        """Tell whether somebody deleted the Node of a claim."""
        node = objects.status_of(claim).get("nodeName", "")
        return node != "" and self.store.get(Ref(names.NODES, "", node)) is None

    def _terminate(self, claim: JsonObject) -> None:
        """Remove the Node at once, and what held the claim when the machine is gone."""
        finalizers = claim["metadata"].get("finalizers") or ()
        if FINALIZER not in finalizers:
            return
        node = self.store.get(Ref(names.NODES, "", given_node(claim)))
        if node is not None and not objects.is_terminating(node):
            self.store.delete(objects.ref_of(node))
        launched = "providerID" in objects.status_of(claim)
        if self.passed(claim, "terminate", self.world.delays.terminate if launched else 0):
            left = [item for item in finalizers if item != FINALIZER]
            self.store.update(objects.with_metadata(claim, finalizers=left or None))

    def _node(self, claim: JsonObject) -> JsonObject:
        """Return the Node of a claim, made on first need and not Ready at first."""
        name = given_node(claim)
        known = self.store.get(Ref(names.NODES, "", name))
        if known is not None:
            return known
        node = {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {
                "name": name,
                "labels": node_labels(claim),
                "ownerReferences": [objects.owner_reference(claim)],
            },
            "spec": {
                "providerID": _provider_id(claim),
                "taints": list(claim["spec"].get("taints") or ()),
            },
        }
        created = self.store.create(node)
        ready = condition("Ready", "False", "KubeletNotReady", "container runtime is not ready")
        resources = {"pods": "110"}
        status = {
            **self._with_conditions(created, ready),
            "capacity": resources,
            "allocatable": resources,
        }
        return self.store.update_status({**created, "status": status})


class DevicePlugin(WorldActor):
    """Shows the GPUs of each Node that a provisioner made, a while after it became Ready."""

    name = "device-plugin"

    def notice(self, change: Change) -> Iterator[Ref]:
        """Look at Nodes."""
        if objects.kind_key(change.obj) == names.NODES:
            yield objects.ref_of(change.obj)

    def act(self, key: Ref) -> None:
        """Write capacity and allocatable of one Node."""
        node = self.store.get(key)
        if node is None or self.world.faults.gpuPluginMissing or not is_provisioned(node):
            return
        if not objects.is_true(node, "Ready"):
            return
        instance_type = objects.labels_of(node).get(names.LABEL_INSTANCE_TYPE, "")
        gpus = self.world.gpus.get(instance_type, self.world.other_gpus)
        if gpus.count < 1 or not self.passed(node, "gpu", self.world.delays.gpu):
            return
        status = objects.status_of(node)
        shown = {gpus.resource: str(gpus.count)}
        self.write_status(
            node,
            {
                **status,
                "capacity": {**status.get("capacity", {}), **shown},
                "allocatable": {**status.get("allocatable", {}), **shown},
            },
        )


def is_provisioned(node: JsonObject) -> bool:
    """Tell whether a Node was made for a claim, and not given."""
    owner = objects.controller_of(node)
    return owner is not None and f"{owner['kind']}.{owner['apiVersion']}" in CLAIMS


def given_node(claim: JsonObject) -> str:
    """Return the name of a claim's Node: as its status says, else as it will be."""
    return objects.status_of(claim).get("nodeName") or node_name(claim)


def node_name(claim: JsonObject) -> str:
    """Return the name of a claim's Node, in the style of its cloud."""
    number = int(objects.short_hash([objects.uid_of(claim)], 8), 16)
    if _is_azure(claim):
        return f"aks-{claim['metadata']['name']}-{number % 10**8:08}-vmss000000"
    return f"ip-10-{number >> 16 & 255}-{number >> 8 & 255}-{number & 255}.ec2.internal"


def node_labels(claim: JsonObject) -> dict[str, str]:
    """Return the labels of a claim's Node: the claim's, single-valued requirements, well-known."""
    requirements = {
        item["key"]: item["values"][0]
        for item in claim["spec"].get("requirements") or ()
        if item.get("operator") == "In" and len(item.get("values") or ()) == 1
    }
    return {
        names.LABEL_ARCH: "amd64",
        names.LABEL_OS: "linux",
        **requirements,
        **objects.labels_of(claim),
        names.LABEL_HOSTNAME: node_name(claim),
    }


def _is_azure(claim: JsonObject) -> bool:
    node_class = claim["spec"].get("nodeClassRef") or {}
    return "aws" not in str(node_class.get("group", ""))


def _provider_id(claim: JsonObject) -> str:
    if _is_azure(claim):
        return f"azure:///virtualMachines/{node_name(claim)}"
    return f"aws:///i-{objects.short_hash([objects.uid_of(claim)], 17)}"
