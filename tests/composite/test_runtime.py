"""
Models that metakaito's own runtime serves and tunes: which those are, and what their pods are.

Every pod of it keeps to the Pod Security standard "restricted".
"""

import pytest

from composite.catalog import AccessMode, Catalog, Runtime, Weights
from composite.models import JsonObject
from composite.workspace.api import PresetRef
from composite.workspace.server import own_weights, runtime_notes, server_image
from tests.composite.makers import (
    RUNTIME,
    a_preset,
    a_private_preset,
    a_spec,
    a_tuner,
    a_workspace,
    an_adapter,
    on_our_runtime,
    provisioned,
    serving,
    synced,
    the,
    training,
    weighing,
)
from tests.golden.test_pod_security import (
    RESTRICTED_VOLUMES,
    beyond_baseline,
    beyond_restricted,
    containers,
)

NAME = "phi-3-mini-4k-instruct"
WEIGHTS = Weights(claim="models")
OURS = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "runAsUser": 65532,
}
MOUNT = {"name": "weights-volume", "mountPath": "/workspace/tfs/weights", "readOnly": True}
HEALTH = {"httpGet": {"path": "/healthz", "port": 5000}, "periodSeconds": 10}
GPU = {"nvidia.com/gpu": "1"}
# Less than the 120 s after which the kubelet kills what has not ended.
GRACE = {"name": "METAKAITO_GRACE_SECONDS", "value": "90"}
DOWNLOADER: JsonObject = {
    "name": "weights-downloader",
    "image": RUNTIME,
    "command": ["python3", "fetch_weights.py", "me/phi", "--revision=v1"],
    "volumeMounts": [{"name": "weights-volume", "mountPath": "/workspace/tfs/weights"}],
    "securityContext": OURS,
    "terminationMessagePolicy": "FallbackToLogsOnError",
}
TOKEN = [
    {
        "name": "HF_TOKEN",
        "valueFrom": {"secretKeyRef": {"name": "hub", "key": "HF_TOKEN", "optional": True}},
    }
]
HUB = {"name": "me/phi", "revision": "v1"}

# What a preset says of its weights, and what that is in a pod: the volume's source, where in it
# the weights are, and the step that fetches them.
SOURCES: dict[str, tuple[JsonObject, JsonObject, JsonObject, list[JsonObject]]] = {
    "an image": (
        {"image": "r.example/weights:1"},
        {"image": {"reference": "r.example/weights:1"}},
        {},
        [],
    ),
    "a folder of an image": (
        {"image": "r.example/weights:1", "path": "phi/3"},
        {"image": {"reference": "r.example/weights:1"}},
        {"subPath": "phi/3"},
        [],
    ),
    "a claim": (
        {"claim": "models"},
        {"persistentVolumeClaim": {"claimName": "models", "readOnly": True}},
        {},
        [],
    ),
    "a folder of a claim": (
        {"claim": "models", "path": "phi"},
        {"persistentVolumeClaim": {"claimName": "models", "readOnly": True}},
        {"subPath": "phi"},
        [],
    ),
    "a directory of the node": (
        {"hostPath": "/models/phi"},
        {"hostPath": {"path": "/models/phi", "type": "Directory"}},
        {},
        [],
    ),
    "the Hub": ({"huggingFace": HUB}, {"emptyDir": {}}, {}, [DOWNLOADER]),
    "the Hub, with a token": (
        {"huggingFace": HUB | {"tokenSecret": "hub"}},
        {"emptyDir": {}},
        {},
        [DOWNLOADER | {"env": TOKEN}],
    ),
}


def pod_of(answer: JsonObject, kind: str) -> JsonObject:
    return dict(the(answer, kind)["spec"]["template"]["spec"])


def served(catalog: Catalog, **inference: object) -> JsonObject:
    """Return the pod that serves."""
    parent = a_workspace(inference=a_preset() | inference)
    return pod_of(synced(serving(catalog, parent), catalog), "Deployment")


def tuned(catalog: Catalog, **tuning: JsonObject) -> JsonObject:
    """Return the pod that tunes."""
    return pod_of(synced(training(catalog, a_tuner("phi", **tuning)), catalog), "Job")


# --- which runtime ------------------------------------------------------------------------------

KAITOS = "mcr.microsoft.com/aks/kaito/kaito-p:1"
# What the preset says of a runtime, of an image and of weights; then whose image serves it where
# the installation prefers Kaito's runtime, and where it prefers ours.
TABLE = [
    (None, "kaito-p:1", None, KAITOS, KAITOS),
    (None, None, WEIGHTS, RUNTIME, RUNTIME),
    (None, "kaito-p:1", WEIGHTS, KAITOS, RUNTIME),
    (Runtime.KAITO, "kaito-p:1", None, KAITOS, KAITOS),
    (Runtime.KAITO, "kaito-p:1", WEIGHTS, KAITOS, KAITOS),
    (Runtime.METAKAITO, None, WEIGHTS, RUNTIME, RUNTIME),
    (Runtime.METAKAITO, "kaito-p:1", WEIGHTS, RUNTIME, RUNTIME),
]


@pytest.mark.parametrize(("wish", "image", "weights", "by_kaito", "by_us"), TABLE)
def test_a_preset_is_served_by_who_can_and_first_by_who_is_preferred(
    catalog: Catalog,
    wish: Runtime | None,
    image: str | None,
    weights: Weights | None,
    by_kaito: str,
    by_us: str,
) -> None:
    changes = {"name": "p", "runtime": wish, "image": image, "weights": weights}
    preset = catalog.presets[NAME].model_copy(update=changes)
    named = PresetRef(name="p")
    found = [
        (
            server_image(preset, named, where, "inference.preset").value,
            own_weights(preset, named, where),
        )
        for setting in Runtime
        for where in [provisioned(catalog, runtime=setting, runtime_image=RUNTIME)]
    ]

    assert found == [(each, weights if each == RUNTIME else None) for each in (by_kaito, by_us)]


@pytest.mark.parametrize("mode", ["public", "private"])
@pytest.mark.parametrize("setting", Runtime)
@pytest.mark.parametrize(("wish", "image", "weights"), [row[:3] for row in TABLE])
def test_an_image_that_the_user_names_is_server_and_weights(
    catalog: Catalog,
    wish: Runtime | None,
    image: str | None,
    weights: Weights | None,
    setting: Runtime,
    mode: str,
) -> None:
    changes = {"name": "p", "runtime": wish, "image": image, "weights": weights}
    preset = catalog.presets[NAME].model_copy(update=changes)
    options = {"image": "u.example/i:1"}
    named = PresetRef.model_validate({"name": "p", "accessMode": mode, "presetOptions": options})
    where = provisioned(catalog, runtime=setting)

    assert server_image(preset, named, where, "inference.preset").value == "u.example/i:1"
    assert own_weights(preset, named, where) is None


def test_a_private_preset_is_the_users_image_whatever_the_installation_prefers(
    catalog: Catalog,
) -> None:
    where = on_our_runtime(catalog)
    named = PresetRef.model_validate(
        {"name": "llama-2-7b", "accessMode": "private", "presetOptions": {"image": "u.example/l:1"}}
    )
    preset = catalog.presets["llama-2-7b"]

    assert preset.accessMode == AccessMode.PRIVATE
    assert own_weights(preset, named, where) is None
    assert server_image(preset, named, where, "inference.preset").value == "u.example/l:1"


# The same presets; then what the status says where the installation prefers our runtime.
NOTES = [
    (None, "kaito-p:1", None, "the preset has no weights"),
    (None, None, WEIGHTS, None),
    (None, "kaito-p:1", WEIGHTS, None),
    (Runtime.KAITO, "kaito-p:1", None, "the preset has no weights"),
    (Runtime.KAITO, "kaito-p:1", WEIGHTS, "the preset asks for that"),
    (Runtime.METAKAITO, None, WEIGHTS, None),
    (Runtime.METAKAITO, "kaito-p:1", WEIGHTS, None),
]


@pytest.mark.parametrize("half", ["inference", "tuning"])
@pytest.mark.parametrize(("wish", "image", "weights", "why"), NOTES)
def test_kaitos_image_where_our_runtime_is_preferred_is_worth_a_word(
    catalog: Catalog,
    wish: Runtime | None,
    image: str | None,
    weights: Weights | None,
    why: str | None,
    half: str,
) -> None:
    changes = {"runtime": wish, "image": image, "weights": weights}
    preset = catalog.presets[NAME].model_copy(update=changes)
    known = catalog.model_copy(update={"presets": {NAME: preset}})
    halves: dict[str, JsonObject] = {
        "inference": a_preset(),
        "tuning": a_tuner()["tuning"],
    }
    spec = a_spec(**({"inference": None} | {half: halves[half]}))

    assert list(runtime_notes(spec, on_our_runtime(known), None)) == (
        []
        if why is None
        else [
            (
                f"{NAME} runs on Kaito's image, and not on metakaito's runtime, which "
                f"METAKAITO_RUNTIME prefers: {why}"
            )
        ]
    )
    assert list(runtime_notes(spec, known, None)) == []


def test_an_image_that_the_user_names_is_worth_no_word(catalog: Catalog) -> None:
    spec = a_spec(inference=a_private_preset("llama-2-7b"))

    assert list(runtime_notes(spec, on_our_runtime(catalog), None)) == []


# --- serving ------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", SOURCES)
def test_a_server_of_our_runtime(catalog: Catalog, source: str) -> None:
    weights, volume, place, steps = SOURCES[source]
    pod = served(weighing(on_our_runtime(catalog), weights))
    [container] = pod["containers"]

    assert pod.keys() - {"initContainers"} == {
        "affinity",
        "containers",
        "securityContext",
        "terminationGracePeriodSeconds",
        "tolerations",
        "volumes",
    }
    assert container == {
        "name": "phi",
        "image": RUNTIME,
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
        "env": [GRACE],
        "resources": {"requests": GPU, "limits": GPU},
        "volumeMounts": [MOUNT | place],
        "livenessProbe": HEALTH | {"initialDelaySeconds": 600},
        "readinessProbe": HEALTH | {"initialDelaySeconds": 30},
        "lifecycle": {"preStop": {"exec": {"command": ["python3", "stop_serving.py"]}}},
        "securityContext": OURS,
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    assert pod.get("initContainers", []) == steps
    assert pod["volumes"] == [{"name": "weights-volume", **volume}]
    assert pod["securityContext"] == {
        "fsGroup": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert pod["terminationGracePeriodSeconds"] == 120


@pytest.mark.parametrize("source", SOURCES)
def test_a_server_of_our_runtime_with_adapters(catalog: Catalog, source: str) -> None:
    weights, volume, place, steps = SOURCES[source]
    where = weighing(on_our_runtime(catalog), weights)
    pod = served(where, adapters=[an_adapter("my-poems")])
    adapters = {"name": "adapter-volume", "mountPath": "/mnt/adapter"}
    [container] = pod["containers"]

    assert pod.get("initContainers", []) == [
        *steps,
        {
            "name": "my-poems",
            "image": "myacr.azurecr.io/my-poems:0.0.1",
            "imagePullPolicy": "Always",
            "command": [
                "/bin/sh",
                "-c",
                "mkdir -p /mnt/adapter/my_poems && cp -r /data/* /mnt/adapter/my_poems",
            ],
            "volumeMounts": [adapters],
            "securityContext": OURS,
        },
    ]
    assert pod["volumes"] == [
        {"name": "adapter-volume", "emptyDir": {}},
        {"name": "weights-volume", **volume},
    ]
    assert container["volumeMounts"] == [adapters, MOUNT | place]
    assert container["env"] == [{"name": "my_poems", "value": "0.5"}, GRACE]


def test_a_server_of_kaitos_runtime_has_nothing_of_all_this(catalog: Catalog) -> None:
    pod = served(catalog)
    [container] = pod["containers"]

    assert pod.keys() == {"affinity", "containers", "tolerations"}
    assert container.keys() == {
        "command",
        "image",
        "livenessProbe",
        "name",
        "ports",
        "readinessProbe",
        "resources",
    }


# --- tuning -------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", SOURCES)
def test_a_training_of_our_runtime(catalog: Catalog, source: str) -> None:
    weights, volume, place, steps = SOURCES[source]
    where = weighing(on_our_runtime(catalog), weights)
    theirs, ours = tuned(catalog), tuned(where)
    *fetching, trainer = ours["initContainers"]
    [downloader, their_trainer] = theirs["initContainers"]

    assert fetching == [*steps, downloader]
    assert trainer == their_trainer | {
        "image": RUNTIME,
        "volumeMounts": [*their_trainer["volumeMounts"], MOUNT | place],
        "securityContext": OURS,
    }
    assert ours["containers"] == theirs["containers"]
    assert ours["volumes"] == [*theirs["volumes"], {"name": "weights-volume", **volume}]
    changed = {key: ours[key] for key in ("initContainers", "volumes")}
    assert ours == theirs | changed


def test_an_image_that_only_tunes_is_of_kaitos_runtime(catalog: Catalog) -> None:
    # Never the image of one with the weights of the other.
    facts = catalog.presets[NAME].tuning
    assert facts is not None
    tunes = facts.model_copy(update={"image": "kaito-tuner:1"})
    pod = tuned(weighing(catalog, {"claim": "models"}, image=None, tuning=tunes))

    assert pod["initContainers"][-1]["image"] == "mcr.microsoft.com/aks/kaito/kaito-tuner:1"
    assert "weights-volume" not in [volume["name"] for volume in pod["volumes"]]


def test_a_preset_without_any_image_is_tuned_by_our_runtime(catalog: Catalog) -> None:
    facts = catalog.presets[NAME].tuning
    assert facts is not None
    where = provisioned(catalog, runtime_image=RUNTIME)
    tunes = facts.model_copy(update={"image": None})
    pod = tuned(weighing(where, {"claim": "models"}, image=None, tuning=tunes))

    assert pod["initContainers"][-1]["image"] == RUNTIME
    assert pod["volumes"][-1]["name"] == "weights-volume"


def test_an_image_of_the_users_tunes_with_its_own_weights(catalog: Catalog) -> None:
    preset = {"name": NAME, "presetOptions": {"image": "u.example/tuner:1"}}
    pod = tuned(on_our_runtime(catalog), preset=preset)

    assert pod["initContainers"][-1]["image"] == "u.example/tuner:1"
    assert pod == tuned(catalog, preset=preset)


# --- what a pod may do --------------------------------------------------------------------------

INPUTS: dict[str, JsonObject] = {
    "addresses": {"urls": ["https://data.example/train.parquet"]},
    "an image": {"image": "r.example/data:1"},
    "a volume": {"volumeSource": {"persistentVolumeClaim": {"claimName": "data"}}},
}
OUTPUTS: dict[str, JsonObject] = {
    "an image": {"image": "r.example/o:1", "imagePushSecret": "push"},
    "a volume": {"volumeSource": {"persistentVolumeClaim": {"claimName": "results"}}},
}


def beyond(pod: JsonObject) -> dict[str, list[str]]:
    """Return what of a pod is beyond "restricted"; nothing, if it keeps to it."""
    kinds = {kind for volume in pod["volumes"] for kind in volume if kind != "name"}
    found = {
        container["name"]: list(beyond_restricted(container, pod)) for container in containers(pod)
    }
    found |= {"baseline": list(beyond_baseline(pod)), "volumes": sorted(kinds - RESTRICTED_VOLUMES)}
    return {key: value for key, value in found.items() if value}


@pytest.mark.parametrize("source", SOURCES)
def test_a_server_keeps_to_restricted(catalog: Catalog, source: str) -> None:
    weights, *_ = SOURCES[source]
    where = weighing(on_our_runtime(catalog), weights)
    pods = [served(where), served(where, adapters=[an_adapter()])]

    assert [beyond(pod) for pod in pods] == [on_a_node(weights)] * 2


@pytest.mark.parametrize("written", OUTPUTS)
@pytest.mark.parametrize("read", INPUTS)
@pytest.mark.parametrize("source", SOURCES)
def test_a_training_keeps_to_restricted(
    catalog: Catalog, source: str, read: str, written: str
) -> None:
    weights, *_ = SOURCES[source]
    where = weighing(on_our_runtime(catalog), weights)

    assert beyond(tuned(where, input=INPUTS[read], output=OUTPUTS[written])) == on_a_node(weights)


def on_a_node(weights: JsonObject) -> dict[str, list[str]]:
    """Return the one exception: a directory of the node is for whoever trusts all pods there."""
    if "hostPath" not in weights:
        return {}
    return {"baseline": ["hostPath of weights-volume"], "volumes": ["hostPath"]}
