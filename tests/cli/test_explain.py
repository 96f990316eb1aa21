import json
from pathlib import Path

import pytest
import yaml

from composite.models import JsonObject
from tests.cli.conftest import Golden, Run

REFUSED = Path(__file__).parents[2] / "examples" / "refused" / "falcon_7b_on_a_small_gpu.yaml"
IMAGE = "spec.template.spec.containers[0].image"


def objects(text: str) -> list[JsonObject]:
    return list(yaml.safe_load_all(text))


def test_prints_every_object_with_the_origin_of_each_field_beside_it(
    run: Run, golden: Golden
) -> None:
    result = run("explain", "phi.yaml")

    assert (result.code, result.err) == (0, "")
    golden("explain-quick-start.yaml", result.out)


@pytest.mark.parametrize("file", ["phi.yaml", "tuning.yaml"])
def test_without_the_comments_it_is_what_the_hooks_ask_for(run: Run, file: str) -> None:
    told = json.loads(run("explain", file, "-o", "json").out)["items"]
    text = objects(run("explain", file).out)

    assert [(each["kind"], each["metadata"]["name"]) for each in text] == [
        (each["kind"], each["name"]) for each in told
    ]
    asked = {(each["kind"], each["metadata"]["name"]): each for each in text}
    for rendered in objects(run("render", file).out):
        mine = asked.get((rendered["kind"], rendered["metadata"]["name"]))
        if mine is not None:
            assert mine.get("spec") == rendered.get("spec")
            assert mine.get("data") == rendered.get("data")


def test_every_field_says_where_it_is_from(run: Run) -> None:
    found = json.loads(run("explain", "phi.yaml", "-o", "json").out)["items"]

    assert all(each.get("from") or each.get("hereFor") for item in found for each in item["fields"])


def test_one_field_of_every_object_that_has_it(run: Run) -> None:
    result = run("explain", "phi.yaml", "--field", "metadata.namespace")

    assert (result.code, result.err) == (0, "")
    assert result.out == (
        "ControllerRevision workspace-phi-3-mini-f4521 in namespace default\n"
        "  metadata.namespace = default\n"
        "    Workspace: metadata.namespace (not set)\n"
        "\n"
        "Service workspace-phi-3-mini in namespace default\n"
        "  metadata.namespace = default\n"
        "    Workspace: metadata.namespace (not set)\n"
        "\n"
        "Deployment workspace-phi-3-mini in namespace default\n"
        "  metadata.namespace = default\n"
        "    Workspace: metadata.namespace (not set)\n"
    )


@pytest.mark.parametrize(
    "field", [f"Deployment.{IMAGE}", f"deployment.{IMAGE}", IMAGE.replace("[0]", ""), f".{IMAGE}"]
)
def test_a_field_of_one_kind_with_or_without_the_number_of_an_item(run: Run, field: str) -> None:
    result = run("explain", "phi.yaml", "--field", field)

    assert (result.code, result.err) == (0, "")
    assert result.out == (
        "Deployment workspace-phi-3-mini in namespace default\n"
        f"  {IMAGE} = mcr.microsoft.com/aks/kaito/kaito-phi-3-mini-4k-instruct:0.0.2\n"
        "    setting: METAKAITO_IMAGE_REGISTRY (not set)\n"
        "    preset phi-3-mini-4k-instruct: image\n"
        "    setting: METAKAITO_RUNTIME (not set)\n"
    )


def test_json_and_yaml_list_the_fields_one_by_one(run: Run) -> None:
    asked = ("explain", "phi.yaml", "--field", "Deployment.spec.replicas", "-o")
    expected = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": "workspace-phi-3-mini",
        "namespace": "default",
        "hereFor": [
            "preset phi-3-mini-4k-instruct: worldSize",
            "cluster: all its nodes are Ready",
        ],
        "fields": [
            {"path": "spec.replicas", "value": 1, "from": ["Workspace: resource.count (not set)"]}
        ],
    }

    assert json.loads(run(*asked, "json").out) == {"items": [expected]}
    assert yaml.safe_load(run(*asked, "yaml").out) == expected


def test_a_setting_that_is_given_is_told_from_one_that_is_not(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("METAKAITO_NODE_CLASS_NAME", "mine")
    result = run("explain", "phi.yaml", "--provisioner", "nodeclaim",
                 "--field", "NodeClaim.spec.nodeClassRef", "-o", "json")  # fmt: skip

    (item,) = json.loads(result.out)["items"]
    assert item["hereFor"] == ["setting: METAKAITO_PROVISIONER"]
    assert [(each["path"], each["value"], *each["from"]) for each in item["fields"]] == [
        (
            "spec.nodeClassRef.group",
            "karpenter.azure.com",
            "setting: METAKAITO_NODE_CLASS_GROUP (not set)",
        ),
        ("spec.nodeClassRef.kind", "AKSNodeClass", "setting: METAKAITO_NODE_CLASS_KIND (not set)"),
        ("spec.nodeClassRef.name", "mine", "setting: METAKAITO_NODE_CLASS_NAME"),
    ]


def test_a_field_that_nothing_has_is_told_with_the_nearest(run: Run) -> None:
    result = run("explain", "phi.yaml", "--field", "Deployment.spec.replica")

    assert (result.code, result.out) == (1, "")
    assert result.err == (
        "--field Deployment.spec.replica: nothing here has it (Machine, ControllerRevision, "
        "Service, Deployment); did you mean Deployment.spec.replicas?\n"
    )


@pytest.mark.parametrize(
    ("field", "meant"),
    [
        ("image", f"Deployment.{IMAGE}"),
        ("Machine.spec.resurces", "Machine.spec.resources"),
        ("Deployment.spec.template.spec.contaners", "Deployment.spec.template.spec.containers[0]"),
    ],
)
def test_a_first_guess_is_told_the_nearest(run: Run, field: str, meant: str) -> None:
    assert f"did you mean {meant}" in run("explain", "phi.yaml", "--field", field).err


def test_where_several_fields_have_the_name_they_are_told_the_outer_ones_first(run: Run) -> None:
    adapter = Path(__file__).parents[2] / "examples/plan/adapter.yaml"

    said = run("explain", str(adapter), "--field", "image").err

    assert said.endswith(
        "; did you mean Deployment.spec.template.spec.containers[0].image or "
        "Deployment.spec.template.spec.initContainers[0].image or "
        "ControllerRevision.data.inference.adapters[0].source.image?\n"
    )


def test_a_workspace_that_is_refused_is_refused_as_render_does(run: Run) -> None:
    result = run("explain", str(REFUSED))

    assert (result.code, result.out) == (2, "")
    assert result == run("render", str(REFUSED))
