"""How the model server is run: command line, image, secrets, adapters, GPUs."""

import pytest

from composite.catalog import Catalog
from composite.models import JsonObject
from composite.origins import DEFAULT, Chosen, Origin, Source, setting, written
from composite.workspace.api import WorkspaceSpec
from composite.workspace.observe import Seen, SeenNode
from composite.workspace.server import (
    PlannedAdapter,
    Server,
    expected_gpus,
    gpus_of_nodes,
    gpus_per_pod,
    plan_server,
)
from tests.composite.makers import (
    EARLIER,
    a_condition,
    a_node,
    a_pod,
    a_preset,
    a_private_preset,
    a_request,
    a_resource,
    a_spec,
    a_workload,
    an_adapter,
    provisioned,
    seen_by,
)

TORCHRUN = "cd /workspace/llama/llama-2 && torchrun"
LLAMA = "inference_api.py --max_batch_size=8 --max_seq_len=512"
ACCELERATE = (
    "accelerate launch --gpu_ids=all --machine_rank=0 --num_machines=1 --num_processes=1 "
    "inference_api.py --pipeline=text-generation"
)


HOMELESS = a_pod(
    "new", conditions=[a_condition("PodScheduled", "False", lastTransitionTime=EARLIER)]
)


def a_server(catalog: Catalog, spec: WorkspaceSpec, gpus: int = 1) -> Server:
    assert spec.inference is not None
    assert spec.inference.preset is not None
    preset = catalog.presets[spec.inference.preset.name]
    asked = Chosen(gpus, (DEFAULT,))
    return plan_server("chat", "default", preset, spec.inference, spec.resource, catalog, asked)


def distributed(preset: str, count: int) -> WorkspaceSpec:
    return a_spec(
        resource=a_resource(instanceType="Standard_NC96ads_A100_v4", count=count),
        inference=a_private_preset(preset),
    )


def test_everything_about_a_server(catalog: Catalog) -> None:
    server = a_server(catalog, a_spec(inference=a_preset() | {"adapters": [an_adapter()]}))

    assert server == Server(
        image="mcr.microsoft.com/aks/kaito/kaito-phi-3-mini-4k-instruct:0.0.2",
        command=f"{ACCELERATE} --torch_dtype=auto --trust_remote_code",
        weights=None,
        gpus=1,
        pull_secrets=(),
        adapters=(
            PlannedAdapter(
                name="poems", key="poems", image="myacr.azurecr.io/poems:0.0.1", strength="0.5"
            ),
        ),
        shared_memory=False,
        deadline_seconds=1800,
        origins={
            "pull_secrets": (written("inference.preset.presetOptions.imagePullSecrets"),),
            "shared_memory": (written("resource.count"),),
            "adapters": (written("inference.adapters"),),
            "image": (setting("IMAGE_REGISTRY"), of_the_preset("image"), setting("RUNTIME")),
            "weights": (
                Origin(Source.PRESET, "weights", "phi-3-mini-4k-instruct", alike=True),
                setting("RUNTIME"),
            ),
            "command": (of_the_preset("command"),),
            "gpus": (DEFAULT,),
            "deadline_seconds": (of_the_preset("readinessTimeoutSeconds"),),
            "adapters[0].name": (written("inference.adapters[0].source.name"),),
            "adapters[0].key": (written("inference.adapters[0].source.name"),),
            "adapters[0].image": (written("inference.adapters[0].source.image"),),
            "adapters[0].strength": (written("inference.adapters[0].strength"),),
        },
    )


def of_the_preset(field: str) -> Origin:
    return Origin(Source.PRESET, field, "phi-3-mini-4k-instruct")


# --- the command line ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("presets", "flags"),
    [
        (("falcon-7b", "falcon-40b-instruct", "mistral-7b"), "--torch_dtype=bfloat16"),
        (("phi-2",), "--torch_dtype=float16"),
        (("phi-3-medium-128k-instruct",), "--torch_dtype=auto --trust_remote_code"),
    ],
)
def test_the_transformers_server(catalog: Catalog, presets: tuple[str, ...], flags: str) -> None:
    commands = {a_server(catalog, a_spec(inference=a_preset(name))).command for name in presets}

    assert commands == {f"{ACCELERATE} {flags}"}


def test_the_number_of_gpus_changes_no_command_of_a_model_that_is_not_distributed(
    catalog: Catalog,
) -> None:
    spec = a_spec(
        resource=a_resource(count=2, instanceType="Standard_NC96ads_A100_v4"),
        inference=a_preset("falcon-40b"),
    )

    assert a_server(catalog, spec, gpus=4).command == f"{ACCELERATE} --torch_dtype=bfloat16"


@pytest.mark.parametrize("preset", ["llama-2-7b", "llama-2-7b-chat"])
def test_a_llama_on_one_gpu_has_the_defaults(catalog: Catalog, preset: str) -> None:
    server = a_server(catalog, distributed(preset, count=1))

    assert server.command == (
        f"{TORCHRUN} --master_addr=localhost --master_port=29500 --nnodes=1 --node_rank=0 "
        "--nproc_per_node=1 --max_restarts=3 --rdzv_backend=c10d --rdzv_endpoint=localhost:29500 "
        f"--rdzv_id=rdzv_id {LLAMA}"
    )


POD_0 = "chat-0.chat-headless.default.svc.cluster.local"


@pytest.mark.parametrize(
    ("preset", "count", "each"),
    [
        ("llama-2-13b", 2, 1),
        ("llama-2-13b-chat", 2, 1),
        ("llama-2-70b", 2, 4),
        ("llama-2-70b-chat", 8, 1),
    ],
)
def test_a_llama_on_several_nodes_meets_at_its_first_pod(
    catalog: Catalog, preset: str, count: int, each: int
) -> None:
    server = a_server(catalog, distributed(preset, count))

    assert server.command == (
        f"{TORCHRUN} --master_addr={POD_0} --master_port=29500 --nnodes={count} "
        f"--node_rank=$(echo $HOSTNAME | grep -o '[^-]*$') --nproc_per_node={each} "
        f"--max_restarts=3 --rdzv_backend=c10d --rdzv_endpoint={POD_0}:29500 --rdzv_id=job {LLAMA}"
    )
    assert server.shared_memory


@pytest.mark.parametrize(("preset", "each"), [("llama-2-13b", 2), ("llama-2-70b", 8)])
def test_a_llama_on_one_node_meets_there_too(catalog: Catalog, preset: str, each: int) -> None:
    server = a_server(catalog, distributed(preset, count=1))

    assert server.command == (
        f"{TORCHRUN} --master_addr=localhost --master_port=29500 --nnodes=1 --node_rank=0 "
        f"--nproc_per_node={each} --max_restarts=3 --rdzv_backend=c10d "
        f"--rdzv_endpoint={POD_0}:29500 --rdzv_id=job {LLAMA}"
    )
    assert not server.shared_memory


# --- image and secrets --------------------------------------------------------------------------


def options(**given: object) -> JsonObject:
    return {"presetOptions": given}


@pytest.mark.parametrize(
    ("inference", "image"),
    [
        (a_preset("phi-2"), "registry.example/kaito-phi-2:0.0.5"),
        (a_preset("falcon-40b"), "registry.example/kaito-falcon-40b:0.0.7"),
        (a_private_preset("llama-2-7b", "a.b/llama:1"), "a.b/llama:1"),
        # A public preset may be private too; and Kaito ignores an image that is not private.
        (a_private_preset("phi-2", "a.b/phi:1"), "a.b/phi:1"),
        (a_preset("phi-2", **options(image="a.b/phi:2")), "a.b/phi:2"),
    ],
)
def test_the_image_is_the_users_or_that_of_the_registry(
    catalog: Catalog, inference: JsonObject, image: str
) -> None:
    known = provisioned(catalog, image_registry="registry.example")

    assert a_server(known, a_spec(inference=inference)).image == image


def with_secrets(*secrets: str) -> JsonObject:
    name = f"from-{'-'.join(secrets)}"
    source = {"name": name, "image": "a.b/c:1", "imagePullSecrets": list(secrets)}
    return {"source": source}


@pytest.mark.parametrize(
    ("inference", "secrets"),
    [
        (a_preset(), ()),
        (a_preset(**options(imagePullSecrets=["b", "a"])), ("b", "a")),
        (
            a_preset() | {"adapters": [with_secrets("b", "a"), with_secrets("c", "b")]},
            ("b", "a", "c"),
        ),
        (
            a_preset(accessMode="private", **options(image="x/y:1", imagePullSecrets=["m", "b"]))
            | {"adapters": [with_secrets("b", "a")]},
            ("m", "b", "a"),
        ),
    ],
)
def test_every_secret_that_an_image_may_need_is_there_once(
    catalog: Catalog, inference: JsonObject, secrets: tuple[str, ...]
) -> None:
    assert a_server(catalog, a_spec(inference=inference)).pull_secrets == secrets


# --- adapters -----------------------------------------------------------------------------------


def test_adapters_keep_their_order_and_get_names_a_shell_passes_on(catalog: Catalog) -> None:
    adapters = [an_adapter("b-2", strength="0.25"), an_adapter("a")]

    server = a_server(catalog, a_spec(inference=a_preset() | {"adapters": adapters}))

    assert [(a.name, a.key, a.strength) for a in server.adapters] == [
        ("b-2", "b_2", "0.25"),
        ("a", "a", "0.5"),
    ]


def test_an_adapter_without_strength_has_strength_1(catalog: Catalog) -> None:
    adapter = {"source": an_adapter()["source"]}

    server = a_server(catalog, a_spec(inference=a_preset() | {"adapters": [adapter]}))

    assert [adapter.strength for adapter in server.adapters] == ["1.0"]


# --- GPUs ---------------------------------------------------------------------------------------


def a_pod_template(gpus: int) -> JsonObject:
    container = {"name": "phi", "resources": {"limits": {"nvidia.com/gpu": str(gpus)}}}
    return {"spec": {"containers": [container]}}


def seen_nodes(*nodes: JsonObject) -> tuple[SeenNode, ...]:
    return seen_by(a_request(related=nodes)).nodes


def on_node(pod: JsonObject, name: str) -> JsonObject:
    return {**pod, "spec": {"nodeName": name}}


def running(gpus: int, *world: JsonObject) -> Seen:
    deployment = a_workload(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "phi", "namespace": "default"},
            "spec": {"replicas": 1, "template": a_pod_template(gpus)},
        }
    )
    return seen_by(a_request(children=[deployment], related=world))


@pytest.mark.parametrize(
    ("instance_type", "preferred", "nodes", "expected"),
    [
        pytest.param("Standard_NC6s_v3", None, [], 1, id="one GPU"),
        pytest.param("Standard_NC24s_v3", None, [], 4, id="the whole instance"),
        pytest.param("Standard_NC24s_v3", None, [a_node(gpus=1)], 4, id="whatever its nodes show"),
        pytest.param(
            "Standard_NC12s_v3",
            ["node-1"],
            [a_node(instance_type="on-prem", gpus=1)],
            1,
            id="a preferred node shows fewer",
        ),
        pytest.param(
            "Standard_NC12s_v3",
            ["node-1"],
            [
                a_node(instance_type="on-prem", gpus=8),
                a_node("node-2", instance_type="Standard_NC12s_v3", gpus=2),
            ],
            2,
            id="the smallest of all nodes",
        ),
        pytest.param("Standard_NC12s_v3", ["node-1"], [], 2, id="preferred nodes are not there"),
        pytest.param(
            "Standard_Nsku",
            None,
            [a_node(instance_type="Standard_Nsku", gpus=4)],
            4,
            id="an unlisted type",
        ),
        pytest.param("Standard_Nsku", None, [], 2, id="an unlisted type, no node yet"),
    ],
)
def test_a_pod_asks_for_all_gpus_of_its_node(
    catalog: Catalog,
    instance_type: str,
    preferred: list[str] | None,
    nodes: list[JsonObject],
    expected: int,
) -> None:
    resource = a_spec(
        resource=a_resource(instanceType=instance_type, preferredNodes=preferred)
    ).resource
    row = catalog.instance_types.get(instance_type)
    preset = catalog.presets["falcon-40b"]

    assert gpus_of_nodes(preset.gpu, row, resource, seen_nodes(*nodes)).value == expected


def test_what_runs_keeps_its_gpus_when_a_node_shows_fewer(catalog: Catalog) -> None:
    resource = a_spec(resource=a_resource(instanceType="Standard_Nsku")).resource
    nodes = seen_nodes(a_node(instance_type="Standard_Nsku", gpus=3))

    assert gpus_per_pod(catalog.presets["phi-2"].gpu, None, resource, nodes, running(4)).value == 4


@pytest.mark.parametrize(
    ("pods", "nodes", "expected"),
    [
        pytest.param([HOMELESS], seen_nodes(a_node("bought", gpus=1)), 1, id="a node has fewer"),
        pytest.param([HOMELESS], seen_nodes(a_node("bought", gpus=4)), 2, id="a node has more"),
        pytest.param([HOMELESS], (), 2, id="no node with GPUs yet"),
        pytest.param([], seen_nodes(a_node("bought", gpus=1)), 2, id="no pod looks for room"),
        pytest.param(
            [on_node(a_pod("old"), "taken"), HOMELESS],
            seen_nodes(a_node("taken", gpus=1)),
            2,
            id="the old pod is on the node with fewer",
        ),
        pytest.param(
            [on_node(a_pod("other"), "taken"), HOMELESS],
            seen_nodes(a_node("bought", gpus=1), a_node("taken", gpus=2)),
            1,
            id="of two pods one has found a node",
        ),
    ],
)
def test_a_pod_that_finds_no_room_asks_for_what_the_free_nodes_have(
    catalog: Catalog, pods: list[JsonObject], nodes: tuple[SeenNode, ...], expected: int
) -> None:
    resource = a_spec(resource=a_resource(preferredNodes=["taken"])).resource
    row = catalog.instance_types["Standard_NC24s_v3"]
    gpu = catalog.presets["phi-2"].gpu

    assert gpus_per_pod(gpu, row, resource, nodes, running(2, *pods)).value == expected


def test_a_node_must_show_all_its_gpus_before_pods_come(catalog: Catalog) -> None:
    preset, row = catalog.presets["phi-2"], catalog.instance_types["Standard_NC24s_v3"]

    assert expected_gpus(preset, row, 0) == 4
    assert expected_gpus(preset, None, 0) == 1
    assert expected_gpus(None, row, 0) == 0
    assert expected_gpus(None, None, 2) == 2
