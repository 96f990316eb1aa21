"""
The manifests, whole. The expectations are those of Kaito v0.3.2, field by field.

What differs is said beside it: nodes made for another Workspace are shut out, replicas are spread,
a slow start is no failure, and an adapter's directory has a name that a shell passes on.
"""

import pytest

from composite.catalog import Catalog
from composite.models import JsonObject
from tests.composite.makers import (
    a_node,
    a_preset,
    a_private_preset,
    a_request,
    a_resource,
    a_template,
    a_workspace,
    an_adapter,
    kinds_of,
    synced,
    the,
)

HEALTH = {"httpGet": {"path": "/healthz", "port": 5000}, "periodSeconds": 10}
TOLERATIONS = [
    {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
    {"key": "sku", "operator": "Equal", "value": "gpu", "effect": "NoSchedule"},
]


def in_(key: str, value: str) -> JsonObject:
    return {"key": key, "operator": "In", "values": [value]}


UNOWNED = {"key": "kaito.sh/workspace", "operator": "DoesNotExist"}


def own(name: str) -> list[JsonObject]:
    return [in_("kaito.sh/workspace", name), in_("kaito.sh/workspacenamespace", "default")]


def on_nodes(name: str, *labels: JsonObject) -> JsonObject:
    """Kaito has one term, the labels; which nodes are whose is ours."""
    terms = [
        {"matchExpressions": [*labels, *own(name)]},
        {"matchExpressions": [*labels, UNOWNED]},
    ]
    return {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}
        }
    }


def spread(name: str) -> JsonObject:
    """Kaito lets replicas share a node. https://github.com/kaito-project/kaito/issues/34."""
    return {
        "podAntiAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [
                {
                    "labelSelector": {"matchLabels": {"kaito.sh/workspace": name}},
                    "topologyKey": "kubernetes.io/hostname",
                }
            ]
        }
    }


def answered(catalog: Catalog, parent: JsonObject) -> JsonObject:
    """Return the answer once all the nodes are there."""
    resource = parent["resource"]
    row = catalog.instance_types.get(resource["instanceType"])
    nodes = [
        a_node(
            f"node-{number}",
            gpus=row.gpuCount if row else 1,
            instance_type=resource["instanceType"],
            labels=resource["labelSelector"]["matchLabels"],
        )
        for number in range(resource["count"])
    ]
    return synced(a_request(parent, related=nodes), catalog)


PHI = a_workspace("workspace-phi-3-mini")
ADAPTED = a_workspace(
    "workspace-phi-3-mini-adapter",
    resource=a_resource(labelSelector={"matchLabels": {"apps": "phi-3-adapter"}}),
    inference=a_preset("phi-3-mini-128k-instruct")
    | {
        "adapters": [
            {
                "source": {
                    "name": "phi-3-adapter",
                    "image": "myacr.azurecr.io/phi-3-adapter:0.0.1",
                    "imagePullSecrets": ["myacr-secret"],
                },
                "strength": "1.0",
            }
        ]
    },
)
LLAMA = a_workspace(
    "workspace-llama-2-13b-chat",
    resource=a_resource(
        count=2,
        instanceType="Standard_NC12s_v3",
        labelSelector={"matchLabels": {"apps": "llama-2-13b-chat"}},
    ),
    inference=a_preset(
        "llama-2-13b-chat",
        accessMode="private",
        presetOptions={
            "image": "myacr.azurecr.io/llama-2-13b-chat:0.0.3",
            "imagePullSecrets": ["myacr-secret"],
        },
    ),
)


# --- which children, in which order -------------------------------------------------------------


@pytest.mark.parametrize(
    ("parent", "kinds"),
    [
        pytest.param(PHI, ["ControllerRevision", "Service", "Deployment"], id="a preset"),
        pytest.param(
            LLAMA,
            ["ControllerRevision", "Service", "Service", "StatefulSet"],
            id="a distributed preset",
        ),
        pytest.param(
            a_workspace(inference=a_template()),
            ["ControllerRevision", "Deployment"],
            id="a template",
        ),
    ],
)
def test_the_children(catalog: Catalog, parent: JsonObject, kinds: list[str]) -> None:
    assert kinds_of(answered(catalog, parent)) == kinds


def test_before_the_nodes_are_there_all_but_the_workload(catalog: Catalog) -> None:
    assert kinds_of(synced(a_request(LLAMA), catalog)) == [
        "ControllerRevision",
        "Service",
        "Service",
    ]


def test_every_child_is_in_the_namespace_of_its_workspace(catalog: Catalog) -> None:
    parent = a_workspace(namespace="team-a")

    answer = answered(catalog, parent)

    assert {child["metadata"]["namespace"] for child in answer["children"]} == {"team-a"}


# --- worked example (a): phi-3-mini on one node -------------------------------------------------


def test_the_revision(catalog: Catalog) -> None:
    assert the(answered(catalog, PHI), "ControllerRevision", "workspace-phi-3-mini-f4521") == {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {
            "name": "workspace-phi-3-mini-f4521",
            "namespace": "default",
            "labels": {"workspace.kaito.io/name": "workspace-phi-3-mini"},
            "annotations": {
                "workspace.kaito.io/hash": (
                    "f4521baab9fb1f4073345a5fe80a1eadc957888df0757f85456763ff9f9712cd"
                ),
                "kaito.sh/server": (
                    '{"command": "accelerate launch --gpu_ids=all --machine_rank=0 '
                    "--num_machines=1 --num_processes=1 inference_api.py "
                    '--pipeline=text-generation --torch_dtype=auto --trust_remote_code", '
                    '"image": "mcr.microsoft.com/aks/kaito/kaito-phi-3-mini-4k-instruct:0.0.2"}'
                ),
            },
        },
        "revision": 1,
        "data": {
            "resource": {
                "count": 1,
                "instanceType": "Standard_NC6s_v3",
                "labelSelector": {"matchLabels": {"apps": "phi-3"}},
            },
            "inference": {
                "preset": {
                    "name": "phi-3-mini-4k-instruct",
                    "accessMode": "public",
                    "presetOptions": {},
                }
            },
        },
    }


HTTP = {"name": "http", "protocol": "TCP", "port": 80, "targetPort": 5000}
TORCH = {"name": "torch", "protocol": "TCP", "port": 29500, "targetPort": 29500}


def test_the_service(catalog: Catalog) -> None:
    # Kaito publishes the addresses of pods that are not ready too: those would get requests.
    assert the(answered(catalog, PHI), "Service", "workspace-phi-3-mini") == {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "workspace-phi-3-mini", "namespace": "default"},
        "spec": {
            "type": "ClusterIP",
            "ports": [HTTP, TORCH],
            "selector": {"kaito.sh/workspace": "workspace-phi-3-mini"},
        },
    }


def test_a_load_balancer(catalog: Catalog) -> None:
    parent = a_workspace(annotations={"kaito.sh/enablelb": "True"})

    assert the(answered(catalog, parent), "Service")["spec"]["type"] == "LoadBalancer"


def test_the_deployment(catalog: Catalog) -> None:
    name = "workspace-phi-3-mini"
    container = {
        "name": name,
        "image": "mcr.microsoft.com/aks/kaito/kaito-phi-3-mini-4k-instruct:0.0.2",
        "command": [
            "/bin/sh",
            "-c",
            (
                "accelerate launch --gpu_ids=all --machine_rank=0 --num_machines=1 "
                "--num_processes=1 inference_api.py --pipeline=text-generation "
                "--torch_dtype=auto --trust_remote_code"
            ),
        ],
        "ports": [{"containerPort": 5000}],
        "resources": {"limits": {"nvidia.com/gpu": "1"}, "requests": {"nvidia.com/gpu": "1"}},
        "livenessProbe": HEALTH | {"initialDelaySeconds": 600},
        "readinessProbe": HEALTH | {"initialDelaySeconds": 30},
    }

    assert the(answered(catalog, PHI), "Deployment", name) == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": name,
            "namespace": "default",
            "annotations": {"workspace.kaito.io/revision": "1"},
        },
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"kaito.sh/workspace": name}},
            "template": {
                "metadata": {"labels": {"kaito.sh/workspace": name}},
                "spec": {
                    "containers": [container],
                    "affinity": on_nodes(name, in_("apps", "phi-3")),
                    "tolerations": TOLERATIONS,
                },
            },
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0},
            },
            # Kaito leaves it at 600 s while it waits for 1800 s.
            "progressDeadlineSeconds": 1800,
        },
    }


# --- worked example (b): an adapter -------------------------------------------------------------


def test_an_adapter_is_copied_out_of_its_image_before_the_server_starts(catalog: Catalog) -> None:
    name = "workspace-phi-3-mini-adapter"
    pod = the(answered(catalog, ADAPTED), "Deployment", name)["spec"]["template"]["spec"]
    [server] = pod["containers"]
    mounts = [{"name": "adapter-volume", "mountPath": "/mnt/adapter"}]

    # Kaito's directory is called phi-3-adapter; the server reads a variable of the same name.
    assert pod["initContainers"] == [
        {
            "name": "phi-3-adapter",
            "image": "myacr.azurecr.io/phi-3-adapter:0.0.1",
            "imagePullPolicy": "Always",
            "command": [
                "/bin/sh",
                "-c",
                "mkdir -p /mnt/adapter/phi_3_adapter && cp -r /data/* /mnt/adapter/phi_3_adapter",
            ],
            "volumeMounts": mounts,
        }
    ]
    assert server["env"] == [{"name": "phi_3_adapter", "value": "1.0"}]
    assert server["volumeMounts"] == mounts
    assert pod["volumes"] == [{"name": "adapter-volume", "emptyDir": {}}]
    assert pod["imagePullSecrets"] == [{"name": "myacr-secret"}]


def test_several_adapters_keep_their_order(catalog: Catalog) -> None:
    adapters = [an_adapter("b", strength="0.25"), an_adapter("a")]
    parent = a_workspace(inference=a_preset() | {"adapters": adapters})

    pod = the(answered(catalog, parent), "Deployment")["spec"]["template"]["spec"]

    assert [container["name"] for container in pod["initContainers"]] == ["b", "a"]
    assert pod["containers"][0]["env"] == [
        {"name": "b", "value": "0.25"},
        {"name": "a", "value": "0.5"},
    ]
    assert pod["volumes"] == [{"name": "adapter-volume", "emptyDir": {}}]


def test_without_adapters_there_is_nothing_of_them(catalog: Catalog) -> None:
    pod = the(answered(catalog, PHI), "Deployment", "workspace-phi-3-mini")["spec"]["template"][
        "spec"
    ]

    assert pod.keys() == {"containers", "affinity", "tolerations"}
    assert pod["containers"][0].keys() & {"env", "volumeMounts"} == set()


# --- worked example (c): a distributed model on two nodes ---------------------------------------


def test_the_service_of_a_distributed_model_leads_to_its_first_pod(catalog: Catalog) -> None:
    name = "workspace-llama-2-13b-chat"

    assert the(answered(catalog, LLAMA), "Service", name)["spec"] == {
        "type": "ClusterIP",
        "ports": [HTTP, TORCH],
        "selector": {
            "kaito.sh/workspace": name,
            "statefulset.kubernetes.io/pod-name": f"{name}-0",
        },
        "publishNotReadyAddresses": True,
    }


def test_the_headless_service(catalog: Catalog) -> None:
    name = "workspace-llama-2-13b-chat"

    assert the(answered(catalog, LLAMA), "Service", f"{name}-headless") == {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": f"{name}-headless", "namespace": "default"},
        "spec": {
            "clusterIP": "None",
            "ports": [TORCH | {"name": "torchrun"}],
            "selector": {"kaito.sh/workspace": name},
            "publishNotReadyAddresses": True,
        },
    }


def test_the_stateful_set(catalog: Catalog) -> None:
    name = "workspace-llama-2-13b-chat"
    # Kaito writes the Service's cluster IP as master_addr, which only the API server knows.
    pod_0 = f"{name}-0.{name}-headless.default.svc.cluster.local"
    container = {
        "name": name,
        "image": "myacr.azurecr.io/llama-2-13b-chat:0.0.3",
        "command": [
            "/bin/sh",
            "-c",
            (
                f"cd /workspace/llama/llama-2 && torchrun --master_addr={pod_0} "
                "--master_port=29500 --nnodes=2 --node_rank=$(echo $HOSTNAME | grep -o '[^-]*$') "
                "--nproc_per_node=1 --max_restarts=3 --rdzv_backend=c10d "
                f"--rdzv_endpoint={pod_0}:29500 --rdzv_id=job "
                "inference_api.py --max_batch_size=8 --max_seq_len=512"
            ),
        ],
        "ports": [{"containerPort": 5000}],
        "resources": {"limits": {"nvidia.com/gpu": "2"}, "requests": {"nvidia.com/gpu": "2"}},
        "volumeMounts": [{"name": "dshm", "mountPath": "/dev/shm"}],  # noqa: S108
        "livenessProbe": HEALTH | {"initialDelaySeconds": 600},
        "readinessProbe": HEALTH | {"initialDelaySeconds": 30},
    }

    assert the(answered(catalog, LLAMA), "StatefulSet", name) == {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {
            "name": name,
            "namespace": "default",
            # Kaito has no revision there.
            "annotations": {"workspace.kaito.io/revision": "1"},
        },
        "spec": {
            "replicas": 2,
            "serviceName": f"{name}-headless",
            "podManagementPolicy": "Parallel",
            "selector": {"matchLabels": {"kaito.sh/workspace": name}},
            "template": {
                "metadata": {"labels": {"kaito.sh/workspace": name}},
                "spec": {
                    "containers": [container],
                    "imagePullSecrets": [{"name": "myacr-secret"}],
                    "affinity": on_nodes(name, in_("apps", "llama-2-13b-chat")) | spread(name),
                    "tolerations": TOLERATIONS,
                    "volumes": [{"name": "dshm", "emptyDir": {"medium": "Memory"}}],
                },
            },
        },
    }


def test_shared_memory_and_adapters_share_their_mounts(catalog: Catalog) -> None:
    parent = a_workspace(
        resource=a_resource(count=2), inference=a_preset() | {"adapters": [an_adapter()]}
    )

    pod = the(answered(catalog, parent), "Deployment")["spec"]["template"]["spec"]

    mounts = [
        {"name": "dshm", "mountPath": "/dev/shm"},  # noqa: S108
        {"name": "adapter-volume", "mountPath": "/mnt/adapter"},
    ]
    assert pod["containers"][0]["volumeMounts"] == mounts
    assert pod["initContainers"][0]["volumeMounts"] == mounts
    assert pod["volumes"] == [
        {"name": "dshm", "emptyDir": {"medium": "Memory"}},
        {"name": "adapter-volume", "emptyDir": {}},
    ]


def test_a_distributed_model_on_one_node_is_a_stateful_set_too(catalog: Catalog) -> None:
    parent = a_workspace(
        resource=a_resource(instanceType="Standard_NC12s_v3"),
        inference=a_private_preset("llama-2-13b"),
    )

    pod = the(answered(catalog, parent), "StatefulSet")["spec"]["template"]["spec"]

    assert "volumes" not in pod
    assert "podAntiAffinity" not in pod["affinity"]


# --- labels -------------------------------------------------------------------------------------


def test_pods_stay_on_nodes_with_all_the_labels_in_the_order_of_their_keys(
    catalog: Catalog,
) -> None:
    selector = {
        "matchLabels": {"b": "2", "a": "1"},
        "matchExpressions": [{"key": "c", "operator": "In", "values": ["3"]}],
    }
    parent = a_workspace(resource=a_resource(labelSelector=selector))
    node = a_node(labels={"a": "1", "b": "2", "c": "3"})

    answer = synced(a_request(parent, related=[node]), catalog)

    affinity = the(answer, "Deployment")["spec"]["template"]["spec"]["affinity"]
    assert affinity == on_nodes("phi", in_("a", "1"), in_("b", "2"), in_("c", "3"))


# --- templates ----------------------------------------------------------------------------------


def apart(name: str) -> JsonObject:
    selector = {"matchLabels": {"kaito.sh/workspace": name}}
    term = {"labelSelector": selector, "topologyKey": "kubernetes.io/hostname"}
    return {"requiredDuringSchedulingIgnoredDuringExecution": [term]}


def templated(catalog: Catalog, template: JsonObject, count: int = 1) -> JsonObject:
    parent = a_workspace(resource=a_resource(count=count), inference={"template": template})
    return the(answered(catalog, parent), "Deployment")


def test_a_template_is_passed_on_found_by_our_label_and_kept_to_our_nodes(
    catalog: Catalog,
) -> None:
    deployment = templated(
        catalog,
        {
            "metadata": {"labels": {"team": "a"}, "annotations": {"note": "mine"}},
            "spec": {
                "serviceAccountName": "server",
                "tolerations": [{"key": "team", "operator": "Exists"}],
                "containers": [{"name": "server", "image": "nginx", "args": ["--fast"]}],
            },
        },
        count=2,
    )

    assert deployment == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "phi",
            "namespace": "default",
            # Kaito has no revision there and never applies an edit.
            "annotations": {"workspace.kaito.io/revision": "1"},
        },
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"kaito.sh/workspace": "phi"}},
            # The GPUs of a node are free for the new pod only when the old one has gone.
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1},
            },
            "template": {
                "metadata": {
                    "labels": {"team": "a", "kaito.sh/workspace": "phi"},
                    "annotations": {"note": "mine"},
                },
                "spec": {
                    "serviceAccountName": "server",
                    "tolerations": [{"key": "team", "operator": "Exists"}, *TOLERATIONS],
                    "containers": [{"name": "server", "image": "nginx", "args": ["--fast"]}],
                    "affinity": on_nodes("phi", in_("apps", "phi-3"))
                    | {"podAntiAffinity": apart("phi")},
                },
            },
        },
    }


def test_the_affinity_of_a_template_is_narrowed_and_not_replaced(catalog: Catalog) -> None:
    mine = {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "preference": {}}]}
    zones = [{"matchExpressions": [in_("zone", "1")]}, {"matchExpressions": [in_("zone", "2")]}]
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": zones}}
    affinity = {"podAffinity": {"x": "y"}, "nodeAffinity": mine | required}

    container = {"name": "a", "image": "registry.example/a:1"}
    deployment = templated(catalog, {"spec": {"containers": [container], "affinity": affinity}})

    phi, ours = in_("apps", "phi-3"), own("phi")
    assert deployment["spec"]["template"]["spec"]["affinity"] == {
        "podAffinity": {"x": "y"},
        "nodeAffinity": {
            **mine,
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [
                    {"matchExpressions": [in_("zone", "1"), phi, *ours]},
                    {"matchExpressions": [in_("zone", "1"), phi, UNOWNED]},
                    {"matchExpressions": [in_("zone", "2"), phi, *ours]},
                    {"matchExpressions": [in_("zone", "2"), phi, UNOWNED]},
                ]
            },
        },
    }


def test_a_template_is_written_as_the_api_server_writes_it_back(catalog: Catalog) -> None:
    deployment = templated(
        catalog,
        {
            "metadata": {"creationTimestamp": None},
            "spec": {
                "volumes": [{"name": "scratch", "emptyDir": {}}],
                "containers": [
                    {
                        "name": "a",
                        "image": "registry.example/a:1",
                        "env": [],
                        "resources": {
                            "requests": {"memory": "1024Mi", "cpu": 1},
                            "limits": {"nvidia.com/gpu": 1, "cpu": 1.5},
                        },
                    }
                ],
            },
        },
    )

    template = deployment["spec"]["template"]
    assert template["metadata"] == {"labels": {"kaito.sh/workspace": "phi"}}
    assert template["spec"]["volumes"] == [{"name": "scratch", "emptyDir": {}}]
    assert template["spec"]["containers"] == [
        {
            "name": "a",
            "image": "registry.example/a:1",
            "resources": {
                "requests": {"memory": "1Gi", "cpu": "1"},
                "limits": {"nvidia.com/gpu": "1", "cpu": "1500m"},
            },
        }
    ]


def test_no_answer_holds_a_null_or_an_empty_list(catalog: Catalog) -> None:
    for parent in (PHI, ADAPTED, LLAMA, a_workspace(inference=a_template(hostNetwork=None))):
        assert nothings(answered(catalog, parent)["children"]) == []


def nothings(value: object, path: str = "") -> list[str]:
    """Return where a value holds nothing."""
    if value is None or value == []:
        return [path]
    items: list[tuple[object, object]] = []
    if isinstance(value, dict):
        items = [*value.items()]
    elif isinstance(value, list):
        items = [*enumerate(value)]
    return [found for key, item in items for found in nothings(item, f"{path}.{key}")]
