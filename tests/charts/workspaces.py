"""Workspaces that the hooks accept and refuse, for whoever else must say the same of them."""

import json
from itertools import product
from pathlib import Path

import yaml

from composite.catalog import Catalog
from composite.models import JsonObject
from composite.names import API_VERSION, KIND
from presets.safe_loader import SafeLoader
from tests.schemas.documents import changed

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(ROOT.glob("examples/[!r]*/*.yaml"))
REFUSED = sorted(ROOT.glob("examples/refused/*.yaml"))
GOLDEN = sorted(ROOT.glob("tests/golden/workspace/*/request.yaml"))
FIELDS = ("resource", "inference", "tuning")


def written(files: list[Path]) -> dict[str, JsonObject]:
    """Return the Workspaces in these files by file and name."""
    return {
        f"{file.stem}/{document['metadata']['name']}": document
        for file in files
        for document in yaml.safe_load_all(file.read_text(encoding="utf-8"))
        if document.get("kind") == KIND
    }


def golden() -> dict[str, JsonObject]:
    """Return what the user wrote in the golden cases: what several have in common only once."""
    found = {}
    for file in GOLDEN:
        request = yaml.load(file.read_text(encoding="utf-8"), SafeLoader)  # noqa: S506  (it is safe)
        document = _as_written(request["parent"])
        found[json.dumps(document, sort_keys=True)] = (file.parent.name, document)
    return dict(found.values())


def _as_written(parent: JsonObject) -> JsonObject:
    meta = {key: parent["metadata"][key] for key in ("name", "namespace")}
    fields = {key: parent[key] for key in FIELDS if key in parent}
    return {"apiVersion": API_VERSION, "kind": KIND, "metadata": meta, **fields}


def combinations(catalog: Catalog) -> dict[str, JsonObject]:
    """Return each model on some instance types and counts, and one model on each type."""
    some = ("Standard_NC6s_v3", "Standard_NC12", "Standard_ND96asr_v4")
    every = [
        *(("inference", *each) for each in product(catalog.presets, some, (1, 3))),
        *(("tuning", *each) for each in product(catalog.presets, some[:1], (1,))),
        *(("inference", *each) for each in product(("phi-2",), catalog.instance_types, (1,))),
    ]
    return {
        f"{half} {model} on {count} x {kind}": on_nodes(half_document(half, model), kind, count)
        for half, model, kind, count in every
    }


def on_nodes(document: JsonObject, kind: str, count: int = 1) -> JsonObject:
    """Return a Workspace on other nodes."""
    resource = document["resource"] | {"instanceType": kind, "count": count}
    return document | {"resource": resource}


def half_document(half: str, model: str) -> JsonObject:
    """Return a Workspace that serves or tunes a model, the image of which is brought along."""
    preset = {
        "name": model,
        "accessMode": "private",
        "presetOptions": {"image": "registry.example/models/mine:1"},
    }
    halves: dict[str, JsonObject] = {
        "inference": {"preset": preset},
        "tuning": {
            "preset": preset,
            "method": "lora",
            "input": {"urls": ["https://data.example/a.parquet"]},
            "output": {"image": "registry.example/tuned:1", "imagePushSecret": "push"},
        },
    }
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": "my-model"},
        "resource": {
            "count": 1,
            "instanceType": "Standard_NC24ads_A100_v4",
            "labelSelector": {"matchLabels": {"apps": "my-model"}},
        },
        half: halves[half],
    }


SERVED = half_document("inference", "phi-2")
TUNED = half_document("tuning", "phi-2")
SPLIT = half_document("inference", "llama-2-70b")
ADAPTER = {"source": {"name": "poems", "image": "registry.example/adapters/poems:1.0"}}


def templated(**spec: object) -> JsonObject:
    """Return a Workspace with a pod template."""
    return {
        **{key: value for key, value in SERVED.items() if key != "inference"},
        "inference": {"template": {"spec": spec}},
    }


def container(**fields: object) -> JsonObject:
    """Return a container of a template."""
    return {"name": "server", "image": "registry.example/server:1", **fields}


GOOD: dict[str, JsonObject] = {
    "served": SERVED,
    "tuned": TUNED,
    "templated": templated(
        initContainers=[container(name="first", image="registry.example/first:1")],
        containers=[
            container(
                ports=[{"containerPort": 80}, {"containerPort": 81}],
                env=[{"name": "A", "value": "x"}, {"name": "B", "value": "x"}],
                volumeMounts=[{"name": "v", "mountPath": "/a"}, {"name": "v", "mountPath": "/b"}],
            )
        ],
        volumes=[{"name": "v", "emptyDir": {}}, {"name": "w", "emptyDir": {}}],
    ),
    "a template on nodes without GPUs": changed(
        templated(containers=[container()]), "resource.instanceType", "Standard_D4s_v5"
    ),
    "tuned from and to volumes": changed(
        changed(TUNED, "tuning.input", {"volumeSource": {"configMap": {"name": "data"}}}),
        "tuning.output",
        {"volumeSource": {"persistentVolumeClaim": {"claimName": "result"}}},
    ),
    "a name of 52 characters": changed(SPLIT, "metadata.name", "a" * 52)
    | {"resource": SPLIT["resource"] | {"instanceType": "Standard_ND96asr_v4"}},
    "with an adapter": changed(SERVED, "inference.adapters", [ADAPTER]),
}

# Accepted with a word of warning.
NOTED: dict[str, JsonObject] = {
    "an unlisted instance type": changed(SERVED, "resource.instanceType", "Standard_NC9s_v9"),
    "whole on each node": changed(
        changed(half_document("inference", "falcon-40b"), "resource.instanceType", "Standard_NC12"),
        "resource.count",
        4,
    ),
    "whole on each node with one GPU": changed(
        changed(
            half_document("inference", "phi-3-mini-4k-instruct"),
            "resource.instanceType",
            "Standard_NV6",
        ),
        "resource.count",
        2,
    ),
    "too little memory to tune": changed(
        half_document("tuning", "falcon-7b"), "resource.instanceType", "Standard_NV6"
    ),
    "several files": changed(
        TUNED, "tuning.input.urls", ["https://data.example/a", "https://data.example/b"]
    ),
    "a placeholder to read": changed(TUNED, "tuning.input", {"image": "REGISTRY_HERE/data:1"}),
    "a placeholder to write": changed(TUNED, "tuning.output.image", "<registry>/tuned:1"),
    "a load balancer, asked for in lower case": changed(
        SERVED, "metadata.annotations", {"kaito.sh/enablelb": "true"}
    ),
    "nodes to give back, asked for in lower case": changed(
        TUNED, "metadata.annotations", {"kaito.sh/release-nodes": "yes"}
    ),
    **{
        f"with a label of ours, {label}": changed(
            SERVED, "resource.labelSelector.matchLabels", {"apps": "a", label: "b"}
        )
        for label in (
            "kaito.sh/workspace",
            "kaito.sh/workspacenamespace",
            "karpenter.sh/nodepool",
            "karpenter.sh/provisioner-name",
        )
    },
}

BAD: dict[str, JsonObject] = {
    "called like a step": changed(TUNED, "metadata.name", "pusher"),
    "called like the step before a server": changed(SERVED, "metadata.name", "weights-downloader"),
    "a name of 53 characters": changed(SPLIT, "metadata.name", "a" * 53),
    "a training's name of 53 characters": changed(TUNED, "metadata.name", "a" * 53),
    "only labels of ours": changed(
        SERVED, "resource.labelSelector", {"matchLabels": {"kaito.sh/workspace": "a"}}
    ),
    "no container": templated(containers=[]),
    "an empty template": changed(templated(), "inference.template", {}),
    "a container without an image": templated(
        containers=[container()], initContainers=[{"name": "first"}]
    ),
    "an empty image": templated(containers=[container(image="")]),
    "ports alike": templated(
        containers=[container(ports=[{"containerPort": 80}, {"containerPort": 80}])]
    ),
    "variables alike": templated(containers=[container(env=[{"name": "A"}, {"name": "A"}])]),
    "mounts alike": templated(
        containers=[container(volumeMounts=[{"name": n, "mountPath": "/a"} for n in "vw"])]
    ),
    "containers alike": templated(containers=[container()], initContainers=[container()]),
    "volumes alike": templated(containers=[container()], volumes=[{"name": "v"}, {"name": "v"}]),
    "an unknown model": changed(SERVED, "inference.preset.name", "phi-44"),
    "an unknown model to tune": changed(TUNED, "tuning.preset.name", "phi-44"),
    "a private model, publicly": changed(
        changed(SPLIT, "inference.preset", {"name": "llama-2-70b"}),
        "resource.instanceType",
        "Standard_ND96asr_v4",
    ),
    "what cannot be tuned": half_document("tuning", "falcon-7b-instruct"),
    "a private model that cannot be tuned, publicly": changed(
        TUNED, "tuning.preset", {"name": "llama-2-7b"}
    ),
    "another spelling": changed(SERVED, "resource.instanceType", "standard_nc6s_v3"),
    "a family without GPUs": changed(SERVED, "resource.instanceType", "Standard_D4s_v5"),
    "an unknown instance type": changed(SERVED, "resource.instanceType", "p3.2xlarge"),
    "another maker's GPUs": changed(SERVED, "resource.instanceType", "Standard_NV32as_v4"),
    "an uneven split": changed(
        changed(SPLIT, "resource.instanceType", "Standard_ND96asr_v4"), "resource.count", 3
    ),
    "too small in every way": changed(SPLIT, "resource.instanceType", "Standard_NV6"),
    "an adapter of a distributed model": changed(
        changed(SPLIT, "resource.instanceType", "Standard_ND96asr_v4"),
        "inference.adapters",
        [ADAPTER],
    ),
    "an adapter called like the Workspace": changed(
        changed(SERVED, "inference.adapters", [ADAPTER]),
        "inference.adapters.0.source.name",
        "my-model",
    ),
    "an adapter called like the step before a server": changed(
        changed(SERVED, "inference.adapters", [ADAPTER]),
        "inference.adapters.0.source.name",
        "weights-downloader",
    ),
    "no volume": changed(TUNED, "tuning.input", {"volumeSource": {}}),
    "two volumes": changed(
        TUNED, "tuning.output", {"volumeSource": {"nfs": {"path": "/"}, "rbd": {"image": "a"}}}
    ),
    "a volume that is a word": changed(
        TUNED, "tuning.input", {"volumeSource": {"configMap": "my-data"}}
    ),
    "a volume that is a list": changed(
        TUNED, "tuning.output", {"volumeSource": {"persistentVolumeClaim": ["result"]}}
    ),
    "an impossible volume that is a word": changed(
        TUNED, "tuning.input", {"volumeSource": {"hostPath": "/data"}}
    ),
    "a volume that goes with its pod": changed(
        TUNED, "tuning.output", {"volumeSource": {"emptyDir": {}}}
    ),
    "data that goes with its node": changed(
        TUNED, "tuning.input", {"volumeSource": {"hostPath": {"path": "/a"}}}
    ),
}
