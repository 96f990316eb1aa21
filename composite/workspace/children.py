"""Step 3: spell the plan out as Kubernetes objects. No decisions here, only shapes."""

import json

from composite import desired, names
from composite.models import JsonObject, sorted_json
from composite.quantity import canonical_quantity
from composite.workspace.job import training_children
from composite.workspace.placement import (
    affinity,
    node_terms,
    one_pod_per_node,
    pod_labels,
    tolerations,
)
from composite.workspace.plan import TOLERATIONS, Plan
from composite.workspace.revisions import PlannedRevision
from composite.workspace.rights import OUR_POD, OURS
from composite.workspace.server import PlannedAdapter, Server, headless_name
from composite.workspace.weights import weights_mounts, weights_steps, weights_volumes

HEALTH = desired.HTTPGetAction(path="/healthz", port=names.PORT)
# Loading the weights takes minutes; a server that was restarted for being slow never gets there.
ALIVE = desired.Probe(httpGet=HEALTH, initialDelaySeconds=600, periodSeconds=10)
READY = desired.Probe(httpGet=HEALTH, initialDelaySeconds=30, periodSeconds=10)

ADAPTERS = "adapter-volume"

# Our server is asked to end by a program, for the shell and the launcher before it pass no signal
# on: it answers until nobody sends requests any more, and finishes those that it has.
STOP = desired.Lifecycle(
    preStop=desired.LifecycleHandler(
        exec=desired.ExecAction(command=["python3", "stop_serving.py"])
    )
)
# For answers that have just begun. Before them the program waits a moment, after them the server
# tidies up, so the server is told to give up a little earlier.
GRACE_SECONDS = 120
OWN_GRACE = desired.EnvVar(name="METAKAITO_GRACE_SECONDS", value=str(GRACE_SECONDS - 30))

# Each node holds one replica: stop the old pod first, there is no GPU left to start the new one.
ONE_BY_ONE = desired.DeploymentStrategy(
    rollingUpdate=desired.RollingUpdateDeployment(maxSurge=0, maxUnavailable=1)
)

MEMORY = desired.Volume(
    name=names.SHARED_MEMORY, emptyDir=desired.EmptyDirVolumeSource(medium="Memory")
)
ROOM = desired.Volume(name=ADAPTERS, emptyDir=desired.EmptyDirVolumeSource())


def build_children(plan: Plan) -> list[desired.Object]:
    """Return every child that should exist, in the order a reader would create them."""
    return [*revisions(plan), *services(plan), *workloads(plan), *training_children(plan)]


def revisions(plan: Plan) -> list[desired.Object]:
    """Return the history of what was accepted."""
    return [controller_revision(plan, revision) for revision in plan.revisions]


def controller_revision(plan: Plan, revision: PlannedRevision) -> desired.ControllerRevision:
    """Return one member of the history."""
    return desired.ControllerRevision(
        metadata=desired.ObjectMeta(
            name=revision.name,
            namespace=plan.namespace,
            labels={names.LABEL_REVISION_OF: plan.name},
            annotations={names.ANNOTATION_HASH: revision.hash, **server_note(revision)},
        ),
        revision=revision.number,
        data=revision.data,
    )


def server_note(revision: PlannedRevision) -> dict[str, str]:
    """Return what a revision was resolved to, as an annotation."""
    if revision.server is None:
        return {}
    return {names.ANNOTATION_SERVER: json.dumps(revision.server, sort_keys=True)}


def services(plan: Plan) -> list[desired.Object]:
    """Return the addresses of a preset's server; a template brings its own, if it has any."""
    if plan.server is None:
        return []
    return [service(plan), *([headless_service(plan)] if plan.distributed else [])]


def service(plan: Plan) -> desired.Service:
    """Return the stable address of the model; of a distributed one only the first pod answers."""
    first_pod = {names.LABEL_POD_NAME: f"{plan.name}-0"} if plan.distributed else {}
    return desired.Service(
        metadata=desired.ObjectMeta(name=plan.name, namespace=plan.namespace),
        spec=desired.ServiceSpec(
            type="LoadBalancer" if plan.load_balanced else "ClusterIP",
            selector={**pod_labels(plan), **first_pod},
            ports=[
                desired.ServicePort(name="http", port=names.SERVICE_PORT, targetPort=names.PORT),
                torch_port("torch"),
            ],
            # The processes of a distributed model find each other before they are ready.
            publishNotReadyAddresses=True if plan.distributed else None,
        ),
    )


def headless_service(plan: Plan) -> desired.Service:
    """Return the Service that gives each pod a name, for the processes to find each other."""
    return desired.Service(
        metadata=desired.ObjectMeta(name=headless_name(plan.name), namespace=plan.namespace),
        spec=desired.ServiceSpec(
            clusterIP="None",
            selector=pod_labels(plan),
            ports=[torch_port("torchrun")],
            publishNotReadyAddresses=True,
        ),
    )


def torch_port(name: str) -> desired.ServicePort:
    """Return the port over which the processes of a distributed model talk."""
    return desired.ServicePort(name=name, port=names.TORCH_PORT, targetPort=names.TORCH_PORT)


def workloads(plan: Plan) -> list[desired.Object]:
    """Return what runs, once it may."""
    if not plan.workload or plan.training is not None:
        return []
    return [
        stateful_set(plan, plan.server) if plan.server and plan.distributed else deployment(plan)
    ]


def deployment(plan: Plan) -> desired.Deployment:
    """Return the workload of an ordinary preset or of a template."""
    server = plan.server
    return desired.Deployment(
        metadata=workload_meta(plan),
        spec=desired.DeploymentSpec(
            replicas=plan.replicas,
            selector=desired.LabelSelector(matchLabels=pod_labels(plan)),
            strategy=ONE_BY_ONE,
            progressDeadlineSeconds=server.deadline_seconds if server is not None else None,
            template=user_pod(plan) if server is None else server_pod(plan, server),
        ),
    )


def stateful_set(plan: Plan, server: Server) -> desired.StatefulSet:
    """Return the workload of a distributed preset: its processes know each other by name."""
    return desired.StatefulSet(
        metadata=workload_meta(plan),
        spec=desired.StatefulSetSpec(
            replicas=plan.replicas,
            serviceName=headless_name(plan.name),
            selector=desired.LabelSelector(matchLabels=pod_labels(plan)),
            template=server_pod(plan, server),
        ),
    )


def workload_meta(plan: Plan) -> desired.ObjectMeta:
    """Return the identity of the workload and which revision it runs."""
    return desired.ObjectMeta(
        name=plan.name,
        namespace=plan.namespace,
        annotations={names.ANNOTATION_REVISION: str(plan.revision.number)},
    )


def server_pod(plan: Plan, server: Server) -> desired.PodTemplateSpec:
    """Return a pod that serves a preset."""
    mounts = volume_mounts(server)
    copies = [adapter_copy(adapter, server, mounts) for adapter in server.adapters]
    return desired.PodTemplateSpec(
        metadata=desired.ObjectMeta(labels=pod_labels(plan)),
        spec=desired.PodSpec(
            initContainers=[*weights_steps(server.weights, server.image), *copies] or None,
            containers=[server_container(plan, server, mounts)],
            imagePullSecrets=[
                desired.LocalObjectReference(name=name) for name in server.pull_secrets
            ]
            or None,
            affinity=affinity(plan),
            tolerations=tolerations(),
            volumes=[*volumes(server), *weights_volumes(server.weights)] or None,
            terminationGracePeriodSeconds=GRACE_SECONDS if server.ours else None,
            securityContext=OUR_POD if server.ours else None,
        ),
    )


def server_container(
    plan: Plan, server: Server, mounts: list[desired.VolumeMount]
) -> desired.Container:
    """Return the container that runs the model server."""
    gpus = {names.GPU: str(server.gpus)}
    strengths = [desired.EnvVar(name=a.key, value=a.strength) for a in server.adapters]
    return desired.Container(
        name=plan.name,
        image=server.image,
        command=["/bin/sh", "-c", server.command],
        ports=[desired.ContainerPort(containerPort=names.PORT)],
        env=[*strengths, *([OWN_GRACE] if server.ours else [])] or None,
        resources=desired.ResourceRequirements(requests=gpus, limits=gpus),
        volumeMounts=[*mounts, *weights_mounts(server.weights)] or None,
        livenessProbe=ALIVE,
        readinessProbe=READY,
        lifecycle=STOP if server.ours else None,
        securityContext=OURS if server.ours else None,
        terminationMessagePolicy="FallbackToLogsOnError" if server.ours else None,
    )


def adapter_copy(
    adapter: PlannedAdapter, server: Server, mounts: list[desired.VolumeMount]
) -> desired.Container:
    """Return the init container that copies an adapter out of its image."""
    directory = f"{names.ADAPTER_PATH}/{adapter.key}"
    return desired.Container(
        name=adapter.name,
        image=adapter.image,
        imagePullPolicy="Always",
        command=["/bin/sh", "-c", f"mkdir -p {directory} && cp -r /data/* {directory}"],
        volumeMounts=mounts,
        securityContext=OURS if server.ours else None,
    )


def volumes(server: Server) -> list[desired.Volume]:
    """Return the volumes of a pod: shared memory between nodes' processes, room for adapters."""
    return [
        *([MEMORY] if server.shared_memory else []),
        *([ROOM] if server.adapters else []),
    ]


def volume_mounts(server: Server) -> list[desired.VolumeMount]:
    """Return where each volume appears, in every container alike."""
    paths = {names.SHARED_MEMORY: names.SHARED_MEMORY_PATH, ADAPTERS: names.ADAPTER_PATH}
    return [
        desired.VolumeMount(name=volume.name, mountPath=paths[volume.name])
        for volume in volumes(server)
    ]


def user_pod(plan: Plan) -> JsonObject:
    """Return the user's pod, found by our label and kept to our nodes; the rest is as it came."""
    template = canonical(plan.template or {})
    meta, spec = template.get("metadata") or {}, template["spec"]
    return {
        **template,
        "metadata": {**meta, "labels": {**(meta.get("labels") or {}), **pod_labels(plan)}},
        "spec": {
            **spec,
            "affinity": user_affinity(plan, spec.get("affinity") or {}),
            "tolerations": [*(spec.get("tolerations") or []), *TOLERATIONS],
        },
    }


def user_affinity(plan: Plan, affinity: JsonObject) -> JsonObject:
    """
    Return the user's affinity with each of its node terms narrowed to our nodes.

    Replicas keep to different nodes, unless the user says which pods keep apart.
    """
    required = "requiredDuringSchedulingIgnoredDuringExecution"
    node_affinity = affinity.get("nodeAffinity") or {}
    users = (node_affinity.get(required) or {}).get("nodeSelectorTerms") or [{}]
    ours = [term.to_json()["matchExpressions"] for term in node_terms(plan)]
    terms = [
        {**term, "matchExpressions": [*(term.get("matchExpressions") or []), *expressions]}
        for term in users
        for expressions in ours
    ]
    narrowed = {**node_affinity, required: {"nodeSelectorTerms": terms}}
    spread = {"podAntiAffinity": one_pod_per_node(plan).to_json()} if plan.replicas > 1 else {}
    return {**spread, **affinity, "nodeAffinity": narrowed}


def canonical(template: JsonObject) -> JsonObject:
    """
    Return a pod template as the API server would write it back, as far as that is cheap to know.

    Without nulls and empty lists, with quantities in their canonical form: each difference would
    be an update at every sync.
    """
    pruned = without_empty(template)
    spec = pruned["spec"]
    containers = {
        kind: [with_canonical_resources(container) for container in spec[kind]]
        for kind in ("initContainers", "containers")
        if kind in spec
    }
    return {**pruned, "spec": {**spec, **containers}}


def without_empty(value: JsonObject) -> JsonObject:
    """Leave out nulls and empty lists, and sort the keys."""
    return {
        key: kept(item) for key, item in sorted(value.items()) if item is not None and item != []
    }


def kept(item: object) -> object:
    """Leave out what is empty in the fields of an object, and the nulls of a list."""
    if isinstance(item, dict):
        return without_empty(item)
    if isinstance(item, list):
        found = [each for each in item if each is not None]
        return [without_empty(i) if isinstance(i, dict) else sorted_json(i) for i in found]
    return item


def with_canonical_resources(container: JsonObject) -> JsonObject:
    """Return a container with its requests and limits in canonical form."""
    if "resources" not in container:
        return container
    resources = {
        key: {name: canonical_quantity(amount) for name, amount in value.items()}
        if key in ("requests", "limits")
        else value
        for key, value in container["resources"].items()
    }
    return {**container, "resources": resources}
