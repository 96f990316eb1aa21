"""
What is accepted and what is refused, with the whole sentence.

The tables are Kaito's own unit tests (api/v1alpha1/workspace_validation_test.go, v0.3.2). Where
metakaito says no and Kaito yes, or the other way round, the row says why. Kaito's tables about
tuning are in test_tuning_rules.py.
"""

from collections.abc import Callable, Iterable, Sequence

import pytest

from composite.catalog import Catalog, Cloud, GpuNeed, Preset
from composite.models import JsonObject
from composite.refusal import Refusal
from composite.workspace.api import WorkspaceSpec
from composite.workspace.rules import notes, problems, read_spec
from presets import load_catalog
from tests.composite.makers import (
    a_preset,
    a_private_preset,
    a_resource,
    a_spec,
    a_template,
    a_workspace_spec,
    an_adapter,
    on_aws,
)

IMMUTABLE = "is immutable: delete the Workspace and create another one"
IMAGE = (
    "must be registry/repository:tag, the repository in lower case, "
    "for example registry.example/adapters/my-adapter:1.0"
)
NAME = (
    "must be lower-case letters, digits and '-', at most 63, a letter first and no '-' last, "
    "for example my-adapter-1"
)
PLACEHOLDER = "replace the placeholder by a name of yours"
STRENGTH = 'must be a number between 0 and 1 as text, for example "0.5"'


def said(
    catalog: Catalog,
    name: str = "phi",
    accepted: WorkspaceSpec | None = None,
    **written: object,
) -> list[str]:
    """Return every problem of a Workspace, whether it shows in reading or in judging."""
    try:
        spec = read_spec(a_workspace_spec(**written))
    except Refusal as refusal:
        return [str(problem) for problem in refusal.problems]
    return [str(problem) for problem in problems(name, spec, catalog, accepted)]


def with_preset(catalog: Catalog, preset: Preset) -> Catalog:
    return catalog.model_copy(update={"presets": {**catalog.presets, preset.name: preset}})


def a_model(catalog: Catalog, gpus: int, per_gpu: int, total: int) -> Preset:
    need = GpuNeed(count=gpus, perGpuMemoryGi=per_gpu, totalMemoryGi=total)
    return catalog.presets["falcon-7b"].model_copy(update={"name": "test", "gpu": need})


# --- do more nodes help ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("instance_type", "count", "expected"),
    [
        # Two halves on a node of one GPU each fit; on one such node they do not.
        pytest.param(
            "Standard_NC24ads_A100_v4",
            1,
            ["2 GPUs, 1 x Standard_NC24ads_A100_v4 has 1: choose a type with more GPUs {more}"],
            id="as many nodes as processes are enough",
        ),
        pytest.param(
            "Standard_NC6",
            1,
            [
                "2 GPUs, 1 x Standard_NC6 has 1: choose a type with more GPUs",
                "15Gi on each GPU, Standard_NC6 has 12Gi: choose a type with larger GPUs",
                ("30Gi of GPU memory, 1 x Standard_NC6 has 12Gi: choose a type with more"),
            ],
            id="no number of nodes is enough",
        ),
    ],
)
def test_more_nodes_are_advised_where_they_help(
    catalog: Catalog, instance_type: str, count: int, expected: list[str]
) -> None:
    shared = a_model(catalog, 2, 15, 30).model_copy(update={"worldSize": 2})
    resource = a_resource(instanceType=instance_type, count=count)

    found = said(with_preset(catalog, shared), resource=resource, inference=a_preset("test"))

    assert found == [
        f"resource.instanceType: test needs at least {each}".format(more="or raise resource.count")
        for each in expected
    ]


# --- does the model fit the nodes ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("instance_type", "count", "need", "expected"),
    [
        pytest.param("Standard_ND96asr_v4", 1, (8, 19, 152), [], id="Valid Resource"),
        pytest.param("Standard_NC12s_v3", 1, (1, 16, 16), [], id="SKU Capacity == Requirement"),
        pytest.param(
            "Standard_NC6",
            1,
            (1, 0, 14),
            [
                (
                    "resource.instanceType: test needs at least 14Gi of GPU memory, 1 x "
                    "Standard_NC6 has 12Gi: choose a type with more"
                )
            ],
            id="Insufficient total GPU memory",
        ),
        pytest.param(
            "Standard_NC24ads_A100_v4",
            1,
            (2, 15, 30),
            [
                (
                    "resource.instanceType: test needs at least 2 GPUs, 1 x "
                    "Standard_NC24ads_A100_v4 has 1: choose a type with more GPUs"
                )
            ],
            id="Insufficient number of GPUs",
        ),
        pytest.param(
            "Standard_NC6",
            2,
            (1, 15, 15),
            [
                (
                    "resource.instanceType: test needs at least 15Gi on each GPU, Standard_NC6 has "
                    "12Gi: choose a type with larger GPUs"
                )
            ],
            id="Insufficient per GPU memory",
        ),
        pytest.param(
            "Standard_NC6",
            1,
            (2, 15, 30),
            [
                (
                    "resource.instanceType: test needs at least 2 GPUs, 1 x Standard_NC6 has 1: "
                    "choose a type with more GPUs"
                ),
                (
                    "resource.instanceType: test needs at least 15Gi on each GPU, Standard_NC6 has "
                    "12Gi: choose a type with larger GPUs"
                ),
                (
                    "resource.instanceType: test needs at least 30Gi of GPU memory, 1 x "
                    "Standard_NC6 has 12Gi: choose a type with more"
                ),
            ],
            id="all three at once",
        ),
        pytest.param("Standard_Nsku", 1, (8, 80, 640), [], id="an unlisted type is not measured"),
    ],
)
def test_a_model_must_fit_its_nodes(
    catalog: Catalog,
    instance_type: str,
    count: int,
    need: tuple[int, int, int],
    expected: list[str],
) -> None:
    known = with_preset(catalog, a_model(catalog, *need))
    resource = a_resource(instanceType=instance_type, count=count)

    assert said(known, resource=resource, inference=a_preset("test")) == expected


def test_every_preset_fits_the_instance_type_of_kaitos_example(catalog: Catalog) -> None:
    examples = {
        "falcon-7b": ("Standard_NC12s_v3", 1),
        "falcon-7b-instruct": ("Standard_NC12s_v3", 1),
        "falcon-40b": ("Standard_NC96ads_A100_v4", 1),
        "falcon-40b-instruct": ("Standard_NC96ads_A100_v4", 1),
        "llama-2-7b": ("Standard_NC12s_v3", 1),
        "llama-2-7b-chat": ("Standard_NC12s_v3", 1),
        "llama-2-13b": ("Standard_NC12s_v3", 1),
        "llama-2-13b-chat": ("Standard_NC12s_v3", 1),
        "llama-2-70b": ("Standard_NC96ads_A100_v4", 2),
        "llama-2-70b-chat": ("Standard_NC96ads_A100_v4", 2),
        "mistral-7b": ("Standard_NC12s_v3", 1),
        "mistral-7b-instruct": ("Standard_NC12s_v3", 1),
        "phi-2": ("Standard_NC6s_v3", 1),
        "phi-3-mini-4k-instruct": ("Standard_NC6s_v3", 1),
        "phi-3-mini-128k-instruct": ("Standard_NC6s_v3", 1),
        "tiny-phi-3-test": ("Standard_NC6s_v3", 1),  # none of Kaito's
        "phi-3-medium-4k-instruct": ("Standard_NC24ads_A100_v4", 1),
        "phi-3-medium-128k-instruct": ("Standard_NC24ads_A100_v4", 1),
    }
    refused = {
        name: found
        for name, (instance_type, count) in examples.items()
        if (
            found := said(
                catalog,
                resource=a_resource(instanceType=instance_type, count=count),
                inference=a_private_preset(name) if "llama" in name else a_preset(name),
            )
        )
    }

    assert refused == {}
    assert examples.keys() == catalog.presets.keys()


@pytest.mark.parametrize(
    ("instance_type", "inference", "expected"),
    [
        pytest.param(
            "Standard_invalid_sku",
            a_template(),
            "resource.instanceType: no instance type of azure is called 'Standard_invalid_sku'",
            id="Invalid SKU",
        ),
        pytest.param("Standard_NV12s_v3", a_template(), None, id="Only Template set"),
        pytest.param("Standard_Nsku", a_template(), None, id="N-Prefix SKU"),
        pytest.param("Standard_Dsku", a_template(), None, id="D-Prefix SKU"),
        pytest.param("Standard_Nsku", a_preset(), None, id="N-Prefix SKU, preset"),
        # Kaito takes it, and its pods wait for ever for a GPU that the node has not.
        pytest.param(
            "Standard_D4s_v3",
            a_preset(),
            "resource.instanceType: Standard_D4s_v3 is of a family without GPUs, and a preset "
            "needs one: choose one that 'metakaito instance-types' lists",
            id="D-Prefix SKU, preset",
        ),
        pytest.param("Standard_NV32as_v4", a_template(), None, id="AMD, template"),
        pytest.param(
            "Standard_NV32as_v4",
            a_preset(),
            "resource.instanceType: Standard_NV32as_v4 has AMD Radeon Instinct MI25, and the "
            "images of the presets need nvidia.com/gpu: choose an instance type with NVIDIA GPUs",
            id="AMD, preset",
        ),
        pytest.param(
            "standard_nc6s_v3",
            a_preset(),
            "resource.instanceType: is standard_nc6s_v3, is spelled Standard_NC6s_v3",
            id="names are case sensitive",
        ),
    ],
)
def test_an_instance_type_must_be_known_or_of_a_known_family(
    catalog: Catalog, instance_type: str, inference: JsonObject, expected: str | None
) -> None:
    found = said(catalog, resource=a_resource(instanceType=instance_type), inference=inference)

    assert [sentence.partition(": use ")[0] for sentence in found] == (
        [expected] if expected else []
    )


def test_names_the_nearest_instance_types(catalog: Catalog) -> None:
    found = said(catalog, resource=a_resource(instanceType="Standrd_NC24ads_A100_v4"))

    assert found == [
        (
            "resource.instanceType: no instance type of azure is called 'Standrd_NC24ads_A100_v4': "
            "use Standard_NC24ads_A100_v4, Standard_NC48ads_A100_v4, Standard_NC96ads_A100_v4 or "
            "another that 'metakaito instance-types' lists"
        )
    ]


def test_each_cloud_has_its_own_instance_types() -> None:
    aws = on_aws(load_catalog(Cloud.AWS))

    assert said(aws, resource=a_resource(instanceType="p3.2xlarge")) == []
    assert said(aws, resource=a_resource(instanceType="Standard_NC6s_v4x")) == []


ARM = (
    "resource.instanceType: g5g.xlarge has Arm CPUs, and a Machine asks for amd64, so no new "
    "node would come: choose a type with x86 CPUs"
)


@pytest.mark.parametrize("make_catalog", [load_catalog, lambda cloud: on_aws(load_catalog(cloud))])
def test_no_type_is_advised_that_would_be_refused(
    make_catalog: Callable[[Cloud], Catalog],
) -> None:
    aws = make_catalog(Cloud.AWS)

    [found] = said(aws, resource=a_resource(instanceType="g5"))
    advised = found.partition(": use ")[2].partition(" or another")[0].split(", ")

    assert advised[0] == "g5.xlarge"
    assert [said(aws, resource=a_resource(instanceType=name)) for name in advised] == [[], [], []]


@pytest.mark.parametrize("inference", [a_preset(), a_template()], ids=["preset", "template"])
def test_no_machine_ever_gets_a_node_with_arm_cpus(inference: JsonObject) -> None:
    resource = a_resource(instanceType="g5g.xlarge")
    machines, claims = load_catalog(Cloud.AWS), on_aws(load_catalog(Cloud.AWS))

    assert said(machines, resource=resource, inference=inference) == [ARM]
    assert said(claims, resource=resource, inference=inference) == []
    assert list(notes(a_spec(resource=resource, inference=inference), claims)) == [
        (
            "resource.instanceType: g5g.xlarge has Arm CPUs: an image that is built for amd64 only "
            "does not start there"
        )
    ]


def test_arm_cpus_that_were_accepted_are_worth_a_note() -> None:
    machines, spec = load_catalog(Cloud.AWS), a_spec(resource=a_resource(instanceType="g5g.xlarge"))

    assert list(problems("phi", spec, machines, spec)) == []
    assert list(notes(spec, machines)) == [f"{ARM} (it was accepted before this was known)"]


# --- how the work is shared out -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("preset", "count", "expected"),
    [
        ("llama-2-13b", 1, []),
        ("llama-2-13b", 2, []),
        (
            "llama-2-13b",
            3,
            [
                (
                    "resource.count: llama-2-13b runs as 2 processes, which 3 nodes cannot share "
                    "evenly: use 1 or 2"
                )
            ],
        ),
        ("llama-2-70b", 4, []),
        (
            "llama-2-70b",
            3,
            [
                (
                    "resource.count: llama-2-70b runs as 8 processes, which 3 nodes cannot share "
                    "evenly: use 1 or 2 or 4 or 8"
                )
            ],
        ),
        (
            "llama-2-70b",
            16,
            [
                (
                    "resource.count: llama-2-70b runs as 8 processes, which 16 nodes cannot share "
                    "evenly: use 1 or 2 or 4 or 8"
                )
            ],
        ),
        ("llama-2-7b", 3, []),
    ],
)
def test_the_processes_of_a_model_are_shared_out_evenly(
    catalog: Catalog, preset: str, count: int, expected: list[str]
) -> None:
    resource = a_resource(instanceType="Standard_ND96asr_v4", count=count)

    assert said(catalog, resource=resource, inference=a_private_preset(preset)) == expected


# --- labels -------------------------------------------------------------------------------------


def selector(*expressions: tuple[str, str, list[str] | None], **labels: str) -> JsonObject:
    listed = [
        {"key": key, "operator": operator} | ({} if values is None else {"values": values})
        for key, operator, values in expressions
    ]
    found: JsonObject = {"matchLabels": labels} if labels else {}
    return found | ({"matchExpressions": listed} if listed else {})


CERTAIN = (
    "new nodes are made with these labels, so each must be certain: "
    'use the operator "In" with exactly one value'
)
NONE_AT_ALL = (
    "resource.labelSelector: at least one label is needed to find the nodes again, "
    "for example matchLabels: {apps: my-model}"
)


@pytest.mark.parametrize(
    ("label_selector", "expected"),
    [
        (selector(apps="phi"), []),
        (selector(("apps", "In", ["phi"])), []),
        (selector(("size", "In", ["big"]), apps="phi"), []),
        (
            selector(("size", "In", ["big", "small"]), apps="phi"),
            [f"resource.labelSelector.matchExpressions[0]: {CERTAIN}"],
        ),
        (
            selector(("a", "In", ["b"]), ("size", "Exists", None), apps="phi"),
            [f"resource.labelSelector.matchExpressions[1]: {CERTAIN}"],
        ),
        (
            selector(("size", "NotIn", ["big"]), apps="phi"),
            [f"resource.labelSelector.matchExpressions[0]: {CERTAIN}"],
        ),
        (
            selector(("size", "DoesNotExist", None), ("size", "Foo", ["big"]), apps="phi"),
            [
                f"resource.labelSelector.matchExpressions[0]: {CERTAIN}",
                f"resource.labelSelector.matchExpressions[1]: {CERTAIN}",
            ],
        ),
        ({}, [NONE_AT_ALL]),
        ({"matchLabels": {}}, [NONE_AT_ALL]),
        ({"matchLabels": {}, "matchExpressions": []}, [NONE_AT_ALL]),
    ],
)
def test_labels_must_be_such_that_a_node_can_be_made_with_them(
    catalog: Catalog, label_selector: JsonObject, expected: list[str]
) -> None:
    assert said(catalog, resource=a_resource(labelSelector=label_selector)) == expected


@pytest.mark.parametrize("key", ["kaito.sh/workspace", "karpenter.sh/provisioner-name"])
def test_labels_that_are_ours_to_set_do_not_count(catalog: Catalog, key: str) -> None:
    found = said(catalog, resource=a_resource(labelSelector={"matchLabels": {key: "mine"}}))

    assert found == [NONE_AT_ALL]


def test_labels_that_are_ours_to_set_are_worth_a_note(catalog: Catalog) -> None:
    spec = a_spec(
        resource=a_resource(
            labelSelector={
                "matchLabels": {
                    "apps": "phi",
                    "kaito.sh/workspace": "x",
                    "karpenter.sh/nodepool": "y",
                }
            }
        )
    )

    assert list(notes(spec, catalog)) == [
        "resource.labelSelector: kaito.sh/workspace says whom a node serves and is set for you",
        "resource.labelSelector: karpenter.sh/nodepool says whom a node serves and is set for you",
    ]


def test_an_unlisted_instance_type_is_worth_a_note(catalog: Catalog) -> None:
    spec = a_spec(resource=a_resource(instanceType="Standard_Nsku"))

    assert list(notes(spec, catalog)) == [
        (
            "resource.instanceType: Standard_Nsku is not in the table of azure (perhaps "
            "Standard_ND6s, Standard_ND24s or Standard_ND12s is meant), "
            "so nothing is known of its GPUs and whether the model fits"
        )
    ]


# --- what to serve ------------------------------------------------------------------------------

PRIVATE_ONLY = (
    "inference.preset.accessMode: the image of llama-2-7b is not public: set private, and "
    "presetOptions.image to an image of yours that holds the model"
)


@pytest.mark.parametrize(
    ("inference", "expected"),
    [
        pytest.param(
            a_preset("Invalid-Preset-Name"),
            ["inference.preset.name: no preset is called 'Invalid-Preset-Name'"],
            id="Invalid Preset Name",
        ),
        pytest.param(a_template(), [], id="Only Template set"),
        pytest.param(
            {},
            [
                "inference.preset: exactly one of preset and template is needed, neither is set",
            ],
            id="Preset and Template Unset",
        ),
        pytest.param(
            a_preset() | a_template(),
            ["inference.preset: exactly one of preset and template is needed, both are set"],
            id="Preset and Template Set",
        ),
        pytest.param(
            a_preset(accessMode="private"),
            [
                (
                    "inference.preset.presetOptions.image: accessMode private needs the image that "
                    "holds the model"
                )
            ],
            id="Private Access Without Image",
        ),
        pytest.param(
            {"preset": {"name": "llama-2-7b"}}, [PRIVATE_ONLY], id="Private Preset, no AccessMode"
        ),
        pytest.param(
            {"preset": {"name": "llama-2-7b", "presetOptions": {"image": "a/b:c"}}},
            [PRIVATE_ONLY],
            id="Private Preset With Public AccessMode",
        ),
        pytest.param(a_private_preset("llama-2-7b"), [], id="Private Preset"),
        pytest.param(a_preset(), [], id="Valid Preset"),
        # Kaito takes the empty template; the Deployment it makes of it is invalid.
        pytest.param(
            {"template": {}},
            ["inference.template.spec.containers: at least one container is needed"],
            id="Template {}",
        ),
    ],
)
def test_exactly_one_model_that_exists_and_can_be_pulled(
    catalog: Catalog, inference: JsonObject, expected: list[str]
) -> None:
    found = said(catalog, inference=inference)

    assert [sentence.partition(": use ")[0] for sentence in found] == expected


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("phi3-mini-4k", "phi-3-mini-4k-instruct or another"),
        ("Falcon-40B-Instruct", "falcon-40b-instruct or another"),
        ("falcon7b", "falcon-7b, falcon-7b-instruct or another"),
        ("bloom", "one"),
    ],
)
def test_names_the_nearest_presets(catalog: Catalog, name: str, instead: str) -> None:
    [found] = said(catalog, inference=a_preset(name))

    assert found == (
        f"inference.preset.name: no preset is called {name!r}: use {instead} that "
        "'metakaito presets' lists"
    )


TUNING: JsonObject = {
    "preset": {"name": "falcon-7b"},
    "method": "qlora",
    "input": {"urls": ["https://example.com/data.parquet"]},
    "output": {"image": "myacr.azurecr.io/tuned:0.0.1", "imagePushSecret": "push"},
}


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        pytest.param(
            {"inference": None},
            ["inference: exactly one of inference and tuning is needed, neither is set"],
            id="empty",
        ),
        pytest.param({"inference": a_preset()}, [], id="only inference"),
        pytest.param({"inference": None, "tuning": TUNING}, [], id="only tuning"),
    ],
)
def test_exactly_one_of_inference_and_tuning(
    catalog: Catalog, written: JsonObject, expected: list[str]
) -> None:
    assert said(catalog, **written) == expected


def test_not_both_of_inference_and_tuning(catalog: Catalog) -> None:
    assert said(catalog, tuning=TUNING) == [
        "inference: exactly one of inference and tuning is needed, both are set"
    ]


# --- adapters -----------------------------------------------------------------------------------


def from_image(**source: object) -> JsonObject:
    standard = {"name": "adapter-1", "image": "fake.kaito.com/kaito-image:0.0.1"}
    return {"source": {k: v for k, v in (standard | source).items() if v is not None}}


@pytest.mark.parametrize(
    ("adapters", "expected"),
    [
        pytest.param(
            [{"strength": "0.5"}],
            ["inference.adapters[0].source: is required"],
            id="Missing Source",
        ),
        pytest.param(
            [from_image(name=None)],
            ["inference.adapters[0].source.name: is required"],
            id="Missing Source Name",
        ),
        pytest.param(
            [from_image(image=None)],
            [
                (
                    "inference.adapters[0].source: exactly one of image and workspace is needed, "
                    "neither is set"
                )
            ],
            id="Missing Image",
        ),
        pytest.param(
            [from_image(workspace="tuner")],
            [
                (
                    "inference.adapters[0].source: exactly one of image and workspace is needed, "
                    "both are set"
                )
            ],
            id="image and workspace",
        ),
        pytest.param(
            [from_image() | {"strength": "invalid"}],
            [f"inference.adapters[0].strength: is 'invalid', {STRENGTH}"],
            id="strength not a number",
        ),
        pytest.param(
            [from_image() | {"strength": "1.5"}],
            ["inference.adapters[0].strength: is 1.5, must be between 0 and 1"],
            id="strength > 1",
        ),
        pytest.param(
            [from_image() | {"strength": "-0.5"}],
            [f"inference.adapters[0].strength: is '-0.5', {STRENGTH}"],
            id="strength < 0",
        ),
        pytest.param(
            [from_image() | {"strength": "NaN"}],
            [f"inference.adapters[0].strength: is 'NaN', {STRENGTH}"],
            id="strength not a number at all",
        ),
        pytest.param(
            [from_image(name="Adapter-1")],
            [f"inference.adapters[0].source.name: is 'Adapter-1', {NAME}"],
            id="upper case",
        ),
        pytest.param(
            [from_image(name="1st")],
            [f"inference.adapters[0].source.name: is '1st', {NAME}"],
            id="starts with a digit",
        ),
        pytest.param(
            [from_image(name="a.b")],
            [f"inference.adapters[0].source.name: is 'a.b', {NAME}"],
            id="dots",
        ),
        pytest.param(
            [from_image(), from_image(image="a.b/c:2")],
            ["inference.adapters: 2 adapters are called 'adapter-1': names must differ"],
            id="duplicated names",
        ),
        pytest.param(
            [from_image(name="phi")],
            [
                (
                    "inference.adapters[0].source.name: 'phi' is the name of the Workspace and so "
                    "of its container: use another name"
                )
            ],
            id="named like the Workspace",
        ),
        pytest.param(
            [from_image(name="weights-downloader")],
            [
                (
                    "inference.adapters[0].source.name: 'weights-downloader' is the name of the "
                    "step that fetches the weights: use another name"
                )
            ],
            id="named like a step",
        ),
        pytest.param(
            [from_image(urls=["https://example.com/a"])],
            [
                "inference.adapters[0].source.urls: an adapter comes from an image: remove this",
            ],
            id="image and urls",
        ),
        pytest.param(
            [from_image(volumeSource={"emptyDir": {}})],
            [
                (
                    "inference.adapters[0].source.volumeSource: an adapter comes from an image: "
                    "remove this"
                ),
            ],
            id="image and volume",
        ),
        pytest.param([from_image()], [], id="Valid Adapter"),
        pytest.param([from_image() | {"strength": "0"}], [], id="strength 0"),
        pytest.param([from_image() | {"strength": "1"}], [], id="strength 1"),
        pytest.param([from_image(name=f"a{n}") for n in range(10)], [], id="10 adapters"),
        pytest.param(
            [from_image(name=f"a{n}") for n in range(11)],
            ["inference.adapters: has 11 items, at most 10 are allowed"],
            id="more than 10 adapters",
        ),
        pytest.param(
            [from_image(image="fake.kaito.com/Kaito-image:0.0.1") | {"strength": "2"}],
            [
                (
                    "inference.adapters[0].source.image: is 'fake.kaito.com/Kaito-image:0.0.1', "
                    f"{IMAGE}"
                ),
            ],
            id="what cannot be read comes before what cannot be done",
        ),
    ],
)
def test_adapters(catalog: Catalog, adapters: list[JsonObject], expected: list[str]) -> None:
    assert said(catalog, inference=a_preset() | {"adapters": adapters}) == expected


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (63, []),
        (64, ["inference.adapters[0].source.name: has 64 characters, at most 63 are allowed"]),
        (256, ["inference.adapters[0].source.name: has 256 characters, at most 63 are allowed"]),
    ],
)
def test_an_adapter_names_a_container(catalog: Catalog, length: int, expected: list[str]) -> None:
    adapter = from_image(name="a" * length)

    assert said(catalog, inference=a_preset() | {"adapters": [adapter]}) == expected


def test_a_template_has_no_adapters(catalog: Catalog) -> None:
    assert said(catalog, inference=a_template() | {"adapters": [an_adapter()]}) == [
        "inference.adapters: adapters need a preset: a template brings its own model server"
    ]


def test_the_server_of_a_distributed_model_loads_no_adapters(catalog: Catalog) -> None:
    inference = a_private_preset("llama-2-13b") | {"adapters": [an_adapter()]}

    assert said(
        catalog, resource=a_resource(instanceType="Standard_NC12s_v3"), inference=inference
    ) == ["inference.adapters: the model server of llama-2-13b cannot load adapters: remove them"]


@pytest.mark.parametrize(
    ("image", "good"),
    [
        ("AZURE_ACR.azurecr.io/test:0.0.0", True),
        ("aimodels.azurecr.io/data-image:latest", True),
        ("localhost:5000/repo:tag", True),
        ("repo/name@sha256:abc", True),
        ("docker.io/library/deep/er:1", True),
        ("data-image:latest", False),
        ("aimodels.azurecr.io/data-image", False),
        ("aimodels.azurecr.io/INPUT:0.0.0", False),
        ("aimodels.azurecr.io/a:b:c", False),
        ("", False),
    ],
)
def test_images(catalog: Catalog, image: str, good: bool) -> None:  # noqa: FBT001  (a table)
    found = said(catalog, inference=a_preset() | {"adapters": [from_image(image=image)]})

    assert found == ([] if good else [f"inference.adapters[0].source.image: is {image!r}, {IMAGE}"])


@pytest.mark.parametrize(
    "image", ["<YOUR_IMAGE>", "ACR_REPO_HERE.azurecr.io/ADAPTER_HERE:0.0.1", "r.example/A_HERE:1"]
)
def test_a_placeholder_is_to_be_replaced(catalog: Catalog, image: str) -> None:
    found = said(catalog, inference=a_preset() | {"adapters": [from_image(image=image)]})

    assert found == [f"inference.adapters[0].source.image: is {image!r}, {PLACEHOLDER}"]


# --- the Workspace's name -----------------------------------------------------------------------


def too(name: str, longest: int = 63) -> list[str]:
    return [
        (
            f"metadata.name: {name!r} names a Service and a container too: use lower-case letters, "
            f"digits and '-', start with a letter, at most {longest} characters"
        )
    ]


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("phi-3", True),
        ("p" * 63, True),
        ("p" * 64, False),
        ("3-phi", False),
        ("phi.3", False),
        ("phi-", False),
    ],
)
def test_a_workspace_names_a_service_and_a_container(
    catalog: Catalog,
    name: str,
    good: bool,  # noqa: FBT001  (a table)
) -> None:
    assert said(catalog, name=name) == ([] if good else too(name))


def test_a_model_server_is_not_called_like_the_step_before_it(catalog: Catalog) -> None:
    name = "weights-downloader"

    assert said(catalog, name=name, inference=a_template()) == []
    [told] = said(catalog, name=name)
    assert told == (
        f"metadata.name: {name!r} is the name of the step that fetches the weights: "
        "use another name"
    )


@pytest.mark.parametrize(("length", "good"), [(52, True), (53, False)])
def test_the_pods_of_a_distributed_model_carry_labels_of_its_name(
    catalog: Catalog,
    length: int,
    good: bool,  # noqa: FBT001  (a table)
) -> None:
    name = "l" * length
    resource = a_resource(instanceType="Standard_NC12s_v3")
    found = said(catalog, name, resource=resource, inference=a_private_preset("llama-2-13b"))

    assert found == ([] if good else too(name, longest=52))


# --- templates ----------------------------------------------------------------------------------


def a_container(**changes: object) -> JsonObject:
    return {"name": "server", "image": "nginx"} | changes


MALFORMED: dict[str, tuple[JsonObject, str]] = {
    "no containers": (a_template(containers=[]), "spec.containers"),
    "containers that are no list": (a_template(containers={"name": "a"}), "spec.containers"),
    "a container that is no object": (
        a_template(containers=["server"]),
        "spec.containers[0]",
    ),
    "a container without a name": (
        a_template(containers=[{"image": "nginx"}]),
        "spec.containers[0].name",
    ),
    "an init container without a name": (
        a_template(initContainers=[{"image": "nginx"}]),
        "spec.initContainers[0].name",
    ),
    "a container without an image": (
        a_template(containers=[{"name": "server"}]),
        "spec.containers[0].image",
    ),
    "an init container with an empty image": (
        a_template(initContainers=[{"name": "first", "image": ""}]),
        "spec.initContainers[0].image",
    ),
    "a quantity that is none": (
        a_template(containers=[a_container(resources={"limits": {"memory": "lots"}})]),
        "spec.containers[0].resources.limits.memory",
    ),
}
SHAPELESS: dict[str, tuple[JsonObject, str]] = {
    "metadata": ({"template": {"metadata": "x", **a_template()["template"]}}, "metadata"),
    "labels": (
        {"template": {"metadata": {"labels": ["x"]}, **a_template()["template"]}},
        "metadata.labels",
    ),
    "tolerations": (a_template(tolerations="x"), "spec.tolerations"),
    "a toleration": (a_template(tolerations=["x"]), "spec.tolerations"),
    "affinity": (a_template(affinity="x"), "spec.affinity"),
    "node affinity": (a_template(affinity={"nodeAffinity": "x"}), "spec.affinity"),
    "node selector terms": (
        a_template(
            affinity={
                "nodeAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": ["x"]}
                }
            }
        ),
        "spec.affinity",
    ),
    "init containers": (a_template(initContainers=3), "spec.initContainers"),
    "resources": (
        a_template(containers=[a_container(resources="x")]),
        "spec.containers[0].resources",
    ),
    "limits": (
        a_template(containers=[a_container(resources={"limits": ["x"]})]),
        "spec.containers[0].resources.limits",
    ),
}


def fields(sentences: Iterable[str]) -> list[str]:
    return [sentence.partition(":")[0] for sentence in sentences]


@pytest.mark.parametrize("case", MALFORMED)
def test_a_template_no_deployment_can_be_made_of_is_refused(catalog: Catalog, case: str) -> None:
    inference, field = MALFORMED[case]

    assert fields(said(catalog, inference=inference)) == [f"inference.template.{field}"]


@pytest.mark.parametrize("part", SHAPELESS)
def test_a_template_of_another_shape_is_refused_and_crashes_nothing(
    catalog: Catalog, part: str
) -> None:
    inference, field = SHAPELESS[part]

    [found] = fields(said(catalog, inference=inference))

    assert found.startswith(f"inference.template.{field}")


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        (
            {"spec": {"contaners": [{"name": "a", "image": "nginx"}]}},
            "spec.containers: at least one container is needed: 'contaners' is no field",
        ),
        (
            {"specc": {"containers": [{"name": "a", "image": "nginx"}]}},
            "spec.containers: at least one container is needed: 'specc' is no field",
        ),
        (
            {"spec": {"containers": [{"name": "a", "imagee": "nginx"}]}},
            "spec.containers[0].image: is required: 'imagee' is no field",
        ),
        (
            {"spec": {"containers": [{"Name": "a", "image": "nginx"}]}},
            "spec.containers[0].name: is required: 'Name' is no field",
        ),
        (
            {"spec": {"containers": [a_container(imagee="x"), {"name": "b"}]}},
            "spec.containers[1].image: is required",
        ),
    ],
)
def test_the_word_in_the_place_of_a_field_that_lacks_is_named(
    catalog: Catalog, template: JsonObject, expected: str
) -> None:
    assert said(catalog, inference={"template": template}) == [f"inference.template.{expected}"]


def test_what_was_meant_is_looked_for_once_however_many_fields_lack(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def noted(word: str, possible: Sequence[str], **_: object) -> list[str]:
        asked.append(word)
        return [*possible][:1]

    monkeypatch.setattr("composite.workspace.template.get_close_matches", noted)
    template = {"spec": {"contaners": [], "volums": [], "containers": [{"name": "a"}] * 50}}

    assert len(said(catalog, inference={"template": template})) == 51
    assert asked == ["contaners", "volums"]


def test_a_name_of_no_field_cannot_make_another_line_or_sentence(catalog: Catalog) -> None:
    odd = {"a; b": 1, "x\ny.yaml:1: other": 1, "\x1b[2J": 1}
    spec = a_spec(inference=a_template(containers=[a_container(**odd)]))

    assert [note.partition(": Kubernetes")[0] for note in notes(spec, catalog)] == [
        f"inference.template.spec.containers[0].{name}"
        for name in ("??2J", "a??b", "x?y.yaml?1??other")
    ]


def test_a_template_that_was_accepted_without_an_image_stays_accepted(catalog: Catalog) -> None:
    before = {"inference": a_template(containers=[{"name": "server"}])}
    after = {"inference": a_template(containers=[{"name": "server", "command": ["serve"]}])}

    assert edited(catalog, before, before) == []
    assert edited(catalog, before, after) == [
        "inference.template.spec.containers[0].image: is required"
    ]


# --- edits --------------------------------------------------------------------------------------


def edited(catalog: Catalog, before: JsonObject, after: JsonObject, name: str = "phi") -> list[str]:
    return said(catalog, name, accepted=a_spec(**before), **after)


def test_an_equal_workspace_is_no_edit(catalog: Catalog) -> None:
    assert edited(catalog, {}, {}) == []


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"count": 5}, {"count": 10}, f"resource.count: {IMMUTABLE} (it was 5)"),
        (
            {"instanceType": "Standard_NC6s_v3"},
            {"instanceType": "Standard_NC12s_v3"},
            f"resource.instanceType: {IMMUTABLE} (it was Standard_NC6s_v3)",
        ),
        (
            {"labelSelector": selector(key2="value2")},
            {"labelSelector": selector(key1="value1")},
            f"resource.labelSelector: {IMMUTABLE} (it was key2=value2)",
        ),
        (
            {"labelSelector": selector(a="1")},
            {"labelSelector": selector(a="1", b="2")},
            f"resource.labelSelector: {IMMUTABLE} (it was a=1)",
        ),
        ({"labelSelector": selector(a="1")}, {"labelSelector": selector(("a", "In", ["1"]))}, None),
        ({}, {"preferredNodes": ["node-1"]}, None),
    ],
)
def test_the_nodes_of_a_workspace_are_settled(
    catalog: Catalog, before: JsonObject, after: JsonObject, expected: str | None
) -> None:
    found = edited(catalog, {"resource": a_resource(**before)}, {"resource": a_resource(**after)})

    assert found == ([expected] if expected else [])


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (a_preset("falcon-7b"), a_preset("phi-2"), "inference.preset"),
        (
            a_private_preset("phi-2", "a/b:1"),
            a_private_preset("phi-2", "a/b:2"),
            "inference.preset",
        ),
        (
            a_preset(),
            a_preset(presetOptions={"imagePullSecrets": ["secret"]}),
            "inference.preset",
        ),
        (a_preset(), a_preset() | {"adapters": [an_adapter()]}, None),
        (a_preset() | {"adapters": [an_adapter()]}, a_preset(), None),
        (a_template(), a_template(hostNetwork=True), None),
    ],
)
def test_the_model_is_settled_its_adapters_and_a_template_are_not(
    catalog: Catalog, before: JsonObject, after: JsonObject, expected: str | None
) -> None:
    found = edited(catalog, {"inference": before}, {"inference": after})

    assert fields(found) == ([expected] if expected else [])


def test_says_which_model_it_was(catalog: Catalog) -> None:
    found = edited(catalog, {"inference": a_preset("falcon-7b")}, {"inference": a_preset("phi-2")})

    assert found == [f"inference.preset: {IMMUTABLE} (it was falcon-7b)"]


@pytest.mark.parametrize(
    ("before", "after"), [(a_preset(), a_template()), (a_template(), a_preset())]
)
def test_preset_and_template_cannot_be_exchanged(
    catalog: Catalog, before: JsonObject, after: JsonObject
) -> None:
    found = edited(catalog, {"inference": before}, {"inference": after})

    assert found[0] == (
        "inference.template: preset and template cannot be exchanged: create another Workspace"
    )


def test_inference_cannot_become_tuning(catalog: Catalog) -> None:
    found = edited(catalog, {}, {"inference": None, "tuning": TUNING})

    assert found == [
        "inference: cannot be added or removed: create another Workspace",
        "tuning: cannot be added or removed: create another Workspace",
    ]


def test_tuning_cannot_become_inference(catalog: Catalog) -> None:
    found = edited(catalog, {"inference": None, "tuning": TUNING}, {})

    assert found == [
        "inference: cannot be added or removed: create another Workspace",
        "tuning: cannot be added or removed: create another Workspace",
    ]


def test_an_edit_keeps_the_rules_of_a_new_workspace(catalog: Catalog) -> None:
    # Kaito drops most of them there.
    found = edited(catalog, {}, {"inference": a_preset() | {"adapters": [an_adapter("phi")]}})

    assert fields(found) == ["inference.adapters[0].source.name"]
