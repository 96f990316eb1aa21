"""Random Workspaces and random worlds around them, for laws that must hold in all of them."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from composite import names, workspace
from composite.catalog import Catalog
from composite.workspace.related import machine_name

Json = dict[str, Any]

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
UID = "6f1d3c5e-0000-4000-8000-000000000001"
NAME = "w"
NAMESPACE = "team"
TYPES = ["Standard_NC6s_v3", "Standard_NC12s_v3", "Standard_NC96ads_A100_v4", "Standard_New", "no"]
PRESETS = ["phi-2", "phi-3-mini-4k-instruct", "falcon-7b", "llama-2-13b-chat", "mistral-7b", "no"]
LABELS: list[Json] = [
    {"apps": "a"},
    {"apps": "a", "zone": "1"},
    {"kaito.sh/workspace": "x", "b": "c"},
]

CHILD_KINDS = (
    names.CONFIGMAPS,
    names.DEPLOYMENTS,
    names.JOBS,
    names.REVISIONS,
    names.SERVICES,
    names.STATEFULSETS,
)

AGES = [timedelta(seconds=1), timedelta(minutes=15)]

adapters = st.lists(
    st.fixed_dictionaries(
        {
            "source": st.fixed_dictionaries(
                {
                    "name": st.sampled_from(["one", "two-b", "three", NAME, "Bad"]),
                    "image": st.sampled_from(["r.example/a/one:1", "r.example/b/two:2", "bad"]),
                },
                optional={"imagePullSecrets": st.lists(st.sampled_from(["s1", "s2"]), max_size=2)},
            )
        },
        optional={"strength": st.sampled_from(["0.5", "1", "1.5", "much"])},
    ),
    max_size=3,
)
preset = st.fixed_dictionaries(
    {"name": st.sampled_from(PRESETS)},
    optional={
        "accessMode": st.sampled_from(["public", "private"]),
        "presetOptions": st.fixed_dictionaries(
            {}, optional={"image": st.just("r.example/m/m:1"), "imagePullSecrets": st.just(["p"])}
        ),
    },
)
template = st.fixed_dictionaries(
    {
        "spec": st.fixed_dictionaries(
            {
                "containers": st.lists(
                    st.fixed_dictionaries(
                        {"name": st.just("c"), "image": st.just("nginx")},
                        optional={
                            "resources": st.just({"limits": {names.GPU: 1, "memory": "1024Mi"}}),
                            "env": st.just([{"name": "A", "value": "b"}]),
                        },
                    ),
                    max_size=2,
                )
            },
            optional={
                "tolerations": st.just([{"key": "t", "operator": "Exists"}]),
                "affinity": st.just({"podAntiAffinity": {"x": []}, "nodeAffinity": None}),
            },
        )
    }
)
inference: st.SearchStrategy[Json] = st.one_of(
    st.fixed_dictionaries({"preset": preset}, optional={"adapters": adapters}),
    st.fixed_dictionaries({"template": template}),
    st.just({}),
)
resource = st.fixed_dictionaries(
    {"labelSelector": st.sampled_from([{"matchLabels": labels} for labels in [*LABELS, {}]])},
    optional={
        "count": st.sampled_from([1, 1, 1, 2, 3, 0]),
        "instanceType": st.sampled_from(TYPES),
        "preferredNodes": st.lists(st.sampled_from(["node-0", "node-1"]), max_size=2),
    },
)
CONFIGS = {
    "good": "training_config: {QuantizationConfig: {load_in_8bit: true}, LoraConfig: {r: 16}}",
    "tiny": "training_config: {QuantizationConfig: {load_in_4bit: true},\n"
    "  TrainingArguments: {learning_rate: 1.0e-5, output_dir: results, max_steps: null}}",
    "bad": "training_config: {LoraConfig: {rank: 16}}",
}
VOLUME: Json = {"volumeSource": {"persistentVolumeClaim": {"claimName": "claim"}}}
PUSHED: Json = {"image": "r.example/out/adapter:1", "imagePushSecret": "push"}
tuning = st.fixed_dictionaries(
    {
        "preset": st.fixed_dictionaries({"name": st.sampled_from(["phi-2", "falcon-7b", "no"])}),
        "method": st.sampled_from(["lora", "qlora", "QLoRA", "no"]),
        "input": st.sampled_from([{"urls": ["https://d.example/a"]}, VOLUME, {}]),
        "output": st.sampled_from([PUSHED, VOLUME, {}]),
    },
    optional={"config": st.sampled_from([*CONFIGS, "none"])},
)
written = st.one_of(
    st.fixed_dictionaries({"resource": resource, "inference": inference}),
    st.fixed_dictionaries({"resource": resource, "tuning": tuning}),
)


@st.composite
def conditions(draw: st.DrawFn, types: list[str]) -> list[Json]:
    return [
        {
            "type": kind,
            "status": draw(st.sampled_from(["True", "True", "False", "Unknown"])),
            "reason": "Because",
            "message": draw(st.sampled_from(["", "told you", names.UNAVAILABLE])),
            "lastTransitionTime": (NOW - draw(st.sampled_from(AGES))).isoformat(),
        }
        for kind in types
        if draw(st.booleans())
    ]


@st.composite
def nodes(draw: st.DrawFn) -> dict[str, Json]:
    found = {}
    for index in range(draw(st.integers(0, 3))):
        labels = dict(draw(st.sampled_from(LABELS)))
        labels[names.LABEL_INSTANCE_TYPE] = draw(st.sampled_from(TYPES))
        owner = draw(st.sampled_from([None, NAME, "other"]))
        if owner is not None:
            labels |= {names.LABEL_WORKSPACE: owner, names.LABEL_WORKSPACE_NAMESPACE: NAMESPACE}
        found[f"node-{index}"] = {
            "metadata": {"name": f"node-{index}", "labels": labels},
            "spec": {"unschedulable": draw(st.booleans())},
            "status": {
                "conditions": draw(conditions(["Ready", "Ready"])),
                "allocatable": {names.GPU: draw(st.sampled_from(["0", "1", "4"]))},
            },
        }
    return found


@st.composite
def claims(draw: st.DrawFn) -> dict[str, Json]:
    found = {}
    for index in range(draw(st.integers(0, 2))):
        name = machine_name(UID, index, draw(st.integers(0, 1)))
        meta: Json = {"name": name}
        if draw(st.integers(0, 4)) == 0:
            meta["deletionTimestamp"] = "2026-01-01T11:00:00Z"
        found[name] = {
            "metadata": meta,
            "status": {
                "nodeName": draw(st.sampled_from(["", "node-0", "node-1"])),
                "conditions": draw(conditions(["MachineLaunched", "MachineRegistered", "Ready"])),
            },
        }
    return found


@st.composite
def statuses(draw: st.DrawFn) -> Json:
    machines = [
        {
            "name": machine_name(UID, index, attempt),
            "index": index,
            "attempt": attempt,
            "instanceType": draw(st.sampled_from(TYPES)),
            "disk": "50Gi",
            "labels": {"apps": "a"},
            "created": draw(st.booleans()),
            "ready": draw(st.booleans()),
        }
        for index in range(draw(st.integers(0, 2)))
        for attempt in [draw(st.integers(0, 9))]
    ]
    return {"workerNodes": draw(st.lists(st.sampled_from(["node-0"]))), "machines": machines}


# A Workspace that is accepted, whatever is chosen of it, and a world in which its nodes are ready.
ACCEPTED_TYPE = "Standard_NC96ads_A100_v4"
accepted_inference: st.SearchStrategy[Json] = st.one_of(
    st.fixed_dictionaries(
        {"preset": st.fixed_dictionaries({"name": st.sampled_from(["phi-2", "falcon-7b"])})},
        optional={
            "adapters": st.just([{"source": {"name": "one", "image": "r.example/a/one:1"}}]),
        },
    ),
    st.just(
        {
            "preset": {
                "name": "llama-2-13b-chat",
                "accessMode": "private",
                "presetOptions": {"image": "r.example/m/m:1"},
            }
        }
    ),
    st.builds(
        lambda spec: {"template": {"spec": {"containers": [{"name": "c"}], **spec}}},
        st.fixed_dictionaries(
            {},
            optional={
                "nodeSelector": st.just({}),
                "hostNetwork": st.sampled_from([False]),
                "volumes": st.just([None, {"name": "v", "emptyDir": {}}]),
                "affinity": st.just({"podAntiAffinity": {"x": []}, "nodeAffinity": None}),
            },
        ),
    ),
)
accepted_tuning: st.SearchStrategy[Json] = st.fixed_dictionaries(
    {
        "preset": st.fixed_dictionaries({"name": st.sampled_from(["phi-2", "falcon-7b"])}),
        "method": st.sampled_from(["qlora", "QLoRA"]),
        "input": st.sampled_from(
            [{"urls": ["https://d.example/a"]}, {"image": "r.example/d/data:1"}, VOLUME]
        ),
        "output": st.sampled_from([PUSHED, VOLUME]),
    },
    optional={"config": st.sampled_from(["good", "tiny"])},
)


def accepted_resource(counts: list[int]) -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries(
        {
            "labelSelector": st.just({"matchLabels": {"zone": "1", "apps": "a"}}),
            "instanceType": st.just(ACCEPTED_TYPE),
            "count": st.sampled_from(counts),
        }
    )


accepted_written = st.one_of(
    st.fixed_dictionaries({"resource": accepted_resource([1, 2]), "inference": accepted_inference}),
    st.fixed_dictionaries({"resource": accepted_resource([1]), "tuning": accepted_tuning}),
)


def ready_nodes(gpus: str) -> dict[str, Json]:
    """Return two nodes that are all that the accepted Workspaces ask for."""
    labels = {"apps": "a", "zone": "1", names.LABEL_INSTANCE_TYPE: ACCEPTED_TYPE}
    status = {"conditions": [{"type": "Ready", "status": "True"}], "allocatable": {names.GPU: gpus}}
    return {
        name: {"metadata": {"name": name, "labels": labels}, "status": status}
        for name in ("node-0", "node-1")
    }


def config_maps() -> dict[str, Json]:
    """Return the ConfigMaps that a training may name."""
    return {
        f"{NAMESPACE}/{name}": {
            "metadata": {"name": name, "namespace": NAMESPACE},
            "data": {names.TRAINING_CONFIG_FILE: text},
        }
        for name, text in CONFIGS.items()
    }


@st.composite
def requests(draw: st.DrawFn) -> Json:
    """A sync request of a Workspace that was never accepted before: half of any, half that run."""
    runs = draw(st.booleans())
    related = {names.MACHINES: {}, names.NODES: ready_nodes("4")}
    if not runs:
        related = {names.MACHINES: draw(claims()), names.NODES: draw(nodes())}
    return {
        "parent": {
            "apiVersion": names.API_VERSION,
            "kind": names.KIND,
            "metadata": {"name": NAME, "namespace": NAMESPACE, "uid": UID, "generation": 1},
            "status": {} if runs else draw(statuses()),
            **draw(accepted_written if runs else written),
        },
        "children": {kind: {} for kind in CHILD_KINDS},
        "related": {**related, names.PODS: {}, names.CONFIGMAPS: config_maps()},
    }


def served(request: Json, answer: Json) -> Json:
    """Return the next request: the answer's children as the API server would have them."""
    children: Json = {kind: {} for kind in request["children"]}
    for child in answer["children"]:
        kind = f"{child['kind']}.{child['apiVersion']}"
        meta = {**child["metadata"], "generation": 1, "uid": f"uid-of-{child['metadata']['name']}"}
        key = f"{meta['namespace']}/{meta['name']}"
        children[kind][key] = {**child, "metadata": meta}
    parent = {**request["parent"], "status": answer["status"]}
    return {**request, "parent": parent, "children": children}


def shuffled(value: Any, draw: Any) -> Any:  # noqa: ANN401  (JSON in, JSON out)
    """Return equal JSON whose objects list their keys in another order."""
    if isinstance(value, Mapping):
        keys = draw(st.permutations(list(value)))
        return {key: shuffled(value[key], draw) for key in keys}
    if isinstance(value, list):
        return [shuffled(item, draw) for item in value]
    return value


def answer_of(request: Json, catalog: Catalog, now: datetime = NOW) -> Json:
    return workspace.sync(workspace.Request.model_validate(request), catalog, now).to_json()
