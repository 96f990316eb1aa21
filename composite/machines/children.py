"""Step 3: spell the planned nodes out as Machines or NodeClaims. No decisions, only shapes."""

from composite import desired, names
from composite.catalog import Cloud, Provisioner, Provisioning
from composite.machines.plan import Plan, PlannedMachine

# Kaito's names for a provisioner and a node pool that need not exist.
PROVISIONER = "default"
NODEPOOL = "kaito"
GPU_TAINT = desired.Taint(key=names.TAINT_KEY, value=names.TAINT_VALUE, effect="NoSchedule")


def requirement(key: str, value: str) -> desired.Requirement:
    """Return the demand for one label of the node."""
    return desired.Requirement(key=key, values=[value])


# The same of every node, and made once.
OF_PROVISIONER = requirement(names.LABEL_PROVISIONER, PROVISIONER)
OF_NODEPOOL = requirement(names.LABEL_NODEPOOL, NODEPOOL)
WITH_GPUS = requirement(names.LABEL_MACHINE_TYPE, "gpu")
WITHOUT_GPUS = requirement(names.LABEL_MACHINE_TYPE, "cpu")
AMD64 = requirement(names.LABEL_ARCH, "amd64")
LINUX = requirement(names.LABEL_OS, "linux")


def build_attachments(plan: Plan, provisioning: Provisioning) -> list[desired.Object]:
    """Return every Machine that should exist; one that is kept is named and not changed."""
    claim = provisioning.provisioner is Provisioner.NODECLAIM
    built: list[desired.Object] = [
        node_claim(planned, plan.namespace, provisioning)
        if claim
        else machine(planned, plan.namespace)
        for planned in plan.wanted
    ]
    return [*built, *(kept(name, claim=claim) for name in plan.kept)]


def kept(name: str, *, claim: bool) -> desired.Object:
    """Return a Machine that stays as it is: its update strategy is OnDelete, so a name will do."""
    return desired.Object(
        apiVersion=names.NODECLAIM_API_VERSION if claim else names.MACHINE_API_VERSION,
        kind="NodeClaim" if claim else "Machine",
        metadata=desired.ObjectMeta(name=name),
    )


def machine(planned: PlannedMachine, namespace: str) -> desired.Machine:
    """
    Return a Machine as Kaito writes it.

    Never with ``metadata.namespace``, which Kaito sends: the kind is cluster-scoped, and
    Metacontroller would make and delete it for ever.
    """
    wanted = planned.machine
    return desired.Machine(
        metadata=desired.ObjectMeta(
            name=wanted.name,
            labels={**node_labels(planned, namespace), names.LABEL_PROVISIONER: PROVISIONER},
        ),
        spec=desired.MachineSpec(
            machineTemplateRef=desired.MachineTemplateRef(name=wanted.name),
            requirements=[
                requirement(names.LABEL_INSTANCE_TYPE, wanted.instanceType),
                OF_PROVISIONER,
                WITH_GPUS if planned.gpu else WITHOUT_GPUS,
                AMD64,
                LINUX,
            ],
            resources=desired.ResourceRequests(requests={"storage": wanted.disk}),
            taints=[GPU_TAINT],
        ),
    )


def node_claim(
    planned: PlannedMachine, namespace: str, provisioning: Provisioning
) -> desired.NodeClaim:
    """Return a NodeClaim as Kaito writes it, in the words of Karpenter v1."""
    wanted, node_class = planned.machine, provisioning.node_class
    azure = provisioning.cloud is Cloud.AZURE
    return desired.NodeClaim(
        metadata=desired.ObjectMeta(
            name=wanted.name,
            labels={**node_labels(planned, namespace), names.LABEL_NODEPOOL: NODEPOOL},
            annotations={names.ANNOTATION_DO_NOT_DISRUPT: "true"},
        ),
        spec=desired.NodeClaimSpec(
            nodeClassRef=desired.NodeClassRef(
                group=node_class.group, kind=node_class.kind, name=node_class.name
            ),
            requirements=[
                OF_NODEPOOL,
                requirement(names.LABEL_INSTANCE_TYPE, wanted.instanceType),
                LINUX,
                *([requirement(names.LABEL_AZURE_SKU, wanted.instanceType)] if azure else []),
            ],
            resources=desired.ResourceRequests(requests={"ephemeral-storage": wanted.disk}),
            taints=[GPU_TAINT],
        ),
    )


def node_labels(planned: PlannedMachine, namespace: str) -> dict[str, str]:
    """Return the labels of a node: the user's in one order, and over them whom it serves."""
    return {
        **planned.machine.users_labels,
        names.LABEL_WORKSPACE: planned.workspace,
        names.LABEL_WORKSPACE_NAMESPACE: namespace,
    }
