"""The KRM function: lists in and out, what is passed on, what is said."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.conftest import QUICK_START, TUNING, Run

NAMED = {"apiVersion": "kaito.sh/v1alpha1", "kind": "Workspace", "name": "workspace-phi-3-mini"}
WORKSPACE = yaml.safe_load(QUICK_START)
OTHER = {
    "apiVersion": "gateway.networking.k8s.io/v1",
    "kind": "HTTPRoute",
    "metadata": {"generateName": "any-", "annotations": {"config.kubernetes.io/index": "0"}},
    "spec": {"hostnames": None, "rules": []},
}
SETTINGS = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "settings", "annotations": {"internal.config.kubernetes.io/path": "a"}},
    "data": {"a": "yes"},
}
A_NODE = {
    "apiVersion": "v1",
    "kind": "Node",
    "metadata": {
        "name": "mine",
        "labels": {"apps": "phi-3", "node.kubernetes.io/instance-type": "Standard_NC6s_v3"},
    },
}
CONFIG = {
    "apiVersion": "metakaito/v1alpha1",
    "kind": "RenderWorkspaces",
    "metadata": {"name": "render", "annotations": {"config.kubernetes.io/function": "exec: {}"}},
}


def resource_list(*items: object, config: object = None) -> dict[str, Any]:
    found = {"functionConfig": config} if config is not None else {}
    return {
        "apiVersion": "config.kubernetes.io/v1",
        "kind": "ResourceList",
        **found,
        "items": list(items),
    }


def configured(**fields: object) -> dict[str, Any]:
    return {**CONFIG, "spec": fields}


def edited(**resource: object) -> dict[str, Any]:
    return {**WORKSPACE, "resource": {**WORKSPACE["resource"], **resource}}


def answered(run: Run, given: object) -> dict[str, Any]:
    result = run("krm", stdin=yaml.safe_dump(given))
    assert (result.code, result.err) == (0, "")
    found: dict[str, Any] = yaml.safe_load(result.out)
    return found


def rendered(run: Run, *options: str) -> list[Any]:
    return list(json.loads(run("render", "phi.yaml", "-o", "json", *options).out)["items"])


def test_a_workspace_is_replaced_and_others_keep_their_order(run: Run) -> None:
    given = resource_list(OTHER, WORKSPACE, SETTINGS, config=CONFIG)

    assert answered(run, given) == {**given, "items": [OTHER, SETTINGS, *rendered(run)]}


def test_a_workspace_is_accompanied(run: Run) -> None:
    given = resource_list(WORKSPACE, SETTINGS, config=configured(mode="accompany"))

    assert answered(run, given)["items"] == [WORKSPACE, SETTINGS, *rendered(run)]


def test_without_a_workspace_and_without_a_config_nothing_happens(run: Run) -> None:
    given = resource_list(OTHER, SETTINGS)

    assert answered(run, given) == given


MISSPELT: dict[str, tuple[str, object]] = {
    "itms": ("items", [WORKSPACE]),
    "functionConfg": ("functionConfig", CONFIG),
}


@pytest.mark.parametrize("field", MISSPELT)
def test_a_misspelt_field_of_the_list_is_refused_by_its_name(run: Run, field: str) -> None:
    meant, value = MISSPELT[field]
    given = {**resource_list(OTHER), field: value}
    del given["items"]
    message = (
        f"is not a field here; did you mean {meant!r}? "
        "allowed: apiVersion, functionConfig, items, kind, metadata, results"
    )

    result = run("krm", stdin=yaml.safe_dump(given))

    assert (result.code, result.err) == (2, f"ResourceList: {field}: {message}\n")
    assert yaml.safe_load(result.out) == {
        **given,
        "items": [],
        "results": [{"message": message, "severity": "error", "field": {"path": field}}],
    }


FIELDS: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {
    "provisioner": ({"provisioner": "nodeclaim"}, ("--provisioner", "nodeclaim")),
    "cloud": (
        {"provisioner": "nodeclaim", "cloud": "azure"},
        ("--provisioner", "nodeclaim", "--cloud", "azure"),
    ),
    "mode": ({"mode": "replace"}, ()),
}


@pytest.mark.parametrize(("fields", "flags"), FIELDS.values(), ids=FIELDS)
def test_a_field_of_the_config_is_applied_also_of_a_config_map(
    run: Run, fields: dict[str, str], flags: tuple[str, ...]
) -> None:
    config_map = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "a"},
        "data": fields,
    }

    for config in (configured(**fields), config_map):
        given = resource_list(WORKSPACE, config=config)
        assert answered(run, given)["items"] == rendered(run, *flags)


def test_the_cloud_decides_which_instance_types_there_are(run: Run) -> None:
    given = resource_list(edited(instanceType="p3.2xlarge"), config=configured(cloud="aws"))

    assert answered(run, given)["items"][0]["kind"] == "Machine"


def test_presets_are_read_from_where_the_function_runs(run: Run) -> None:
    own = Path("own/models/mine.yaml")
    own.parent.mkdir(parents=True)
    source = Path(__file__).parents[2] / "presets/models/phi-3-mini-4k-instruct.yaml"
    own.write_text(
        source.read_text("utf-8").replace("name: phi-3-mini-4k-instruct", "name: mine", 1),
        encoding="utf-8",
    )
    workspace = {**WORKSPACE, "inference": {"preset": {"name": "mine"}}}

    refused = run("krm", stdin=json.dumps(resource_list(workspace)))
    found = answered(run, resource_list(workspace, config=configured(presets="own")))

    assert refused.code == 2
    assert [each["kind"] for each in found["items"]][1:3] == ["Service", "Deployment"]


REFUSED_CONFIGS: dict[str, tuple[object, str, str]] = {
    "a misspelt field": (
        configured(provisoner="nodeclaim"),
        "spec.provisoner",
        (
            "is not a field here; did you mean 'provisioner'? "
            "allowed: cloud, mode, presets, provisioner"
        ),
    ),
    "a field beside spec": (
        {**CONFIG, "strict": True},
        "strict",
        "is not a field here; allowed: apiVersion, kind, metadata, spec",
    ),
    "no such mode": (
        configured(mode="extend"),
        "spec.mode",
        "extend cannot be used; allowed: replace, accompany",
    ),
    "a mode that is no text": (configured(mode=True), "spec.mode", "must be text, is True"),
    "no such provisioner": (
        configured(provisioner="karpenter"),
        "spec.provisioner",
        "karpenter cannot be used; allowed: machine, nodeclaim, none",
    ),
    "no such directory": (
        configured(presets="nowhere"),
        "spec.presets",
        "nowhere cannot be used; allowed: a directory that exists",
    ),
    "a spec that is no object": ({**CONFIG, "spec": ["mode"]}, "spec", "must be an object"),
    "another kind": (
        {**CONFIG, "kind": "Render"},
        "kind",
        (
            "must be RenderWorkspaces, of metakaito/v1alpha1, or ConfigMap, of v1; "
            "is 'Render', of 'metakaito/v1alpha1'"
        ),
    ),
    "a config map with a misspelt field": (
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"x": "y"}},
        "data.x",
        "is not a field here; allowed: cloud, mode, presets, provisioner",
    ),
}


@pytest.mark.parametrize(
    ("config", "field", "message"), REFUSED_CONFIGS.values(), ids=REFUSED_CONFIGS
)
def test_a_field_of_the_config_that_cannot_be_applied_is_refused(
    run: Run, config: dict[str, Any], field: str, message: str
) -> None:
    given = resource_list(WORKSPACE, config=config)

    result = run("krm", stdin=yaml.safe_dump(given))

    name = config["metadata"]["name"]
    about = {"apiVersion": config["apiVersion"], "kind": config["kind"], "name": name}
    assert (result.code, result.err) == (2, f"functionConfig: {name}: {field}: {message}\n")
    assert yaml.safe_load(result.out) == {
        **given,
        "results": [
            {
                "message": message,
                "severity": "error",
                "resourceRef": about,
                "field": {"path": field},
            }
        ],
    }


def test_a_refused_workspace_is_a_result_in_the_words_of_render(run: Run) -> None:
    workspace = edited(instanceType="Standard_NV6")
    annotated = {
        "config.kubernetes.io/index": "2",
        "config.kubernetes.io/path": "models/phi.yaml",
        "internal.config.kubernetes.io/index": "2",
        "internal.config.kubernetes.io/path": "models/phi.yaml",
    }
    workspace["metadata"] = {
        **workspace["metadata"],
        "namespace": "models",
        "annotations": annotated,
    }
    given = resource_list(SETTINGS, workspace, config=CONFIG)

    result = run("krm", stdin=yaml.safe_dump(given))

    said = run("render", "-", stdin=yaml.safe_dump(workspace)).err.removeprefix("-: ")
    _, field, message = said.strip().split(": ", 2)
    assert (result.code, result.err) == (2, f"models/phi.yaml: {said}")
    assert yaml.safe_load(result.out) == {
        **given,
        "results": [
            {
                "message": message,
                "severity": "error",
                "resourceRef": {**NAMED, "namespace": "models"},
                "file": {"path": "models/phi.yaml", "index": 2},
                "field": {"path": field},
            }
        ],
    }


def test_a_warning_is_a_result_and_no_failure(run: Run) -> None:
    given = resource_list(edited(preferredNodes=["gone"]))

    result = run("krm", stdin=yaml.safe_dump(given))

    (said,) = yaml.safe_load(result.out)["results"]
    assert result.code == 0
    assert (said["severity"], said["field"]) == ("warning", {"path": "resource.preferredNodes"})
    assert said["resourceRef"] == NAMED
    assert result.err == (
        f"items[0]: workspace-phi-3-mini: warning: resource.preferredNodes: {said['message']}\n"
    )


def test_nodes_of_the_list_exist_for_the_workspaces(run: Run) -> None:
    given = resource_list(A_NODE, WORKSPACE)

    found = answered(run, given)["items"]

    assert found[0] == A_NODE
    assert [each["kind"] for each in found[1:]] == ["Service", "Deployment", "ControllerRevision"]


def test_a_config_map_of_the_list_is_the_one_that_a_training_names(run: Run) -> None:
    tuning = yaml.safe_load(TUNING)
    tuning["tuning"]["config"] = "mine"
    config = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "mine"},
        "data": {
            "training_config.yaml": "training_config: "
            "{QuantizationConfig: {load_in_4bit: true}, TrainingArguments: {seed: 4711}}"
        },
    }

    alone = run("krm", stdin=yaml.safe_dump(resource_list(tuning)))
    found = answered(run, resource_list(tuning, config))["items"]

    assert alone.err == (
        "items[0]: workspace-tuning-phi-3: tuning.config: there is no ConfigMap 'mine' in "
        "namespace 'default'\n"
    )
    assert found[0] == config
    (made,) = [each for each in found[1:] if each["kind"] == "ConfigMap"]
    assert '"seed": 4711' in made["data"]["training_config.yaml"]


def test_unfit_nodes_fail_and_everything_stays(run: Run) -> None:
    node = {**A_NODE, "status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    given = resource_list(WORKSPACE, node, config=configured(provisioner="none"))

    result = run("krm", stdin=yaml.safe_dump(given))

    assert result.code == 1
    (said,) = yaml.safe_load(result.out)["results"]
    assert said == {"message": result.err.rstrip("\n"), "severity": "error"}
    assert yaml.safe_load(result.out) == {**given, "results": [said]}
    assert result.err == (
        "items[0]: workspace-phi-3-mini: node mine shows 0 of 1 nvidia.com/gpu: "
        "does the GPU device plugin run on it?\n"
    )


def test_two_of_one_name_are_refused(run: Run) -> None:
    result = run("krm", stdin=yaml.safe_dump(resource_list(WORKSPACE, WORKSPACE)))

    assert (result.code, result.err) == (
        2,
        (
            "items[1]: workspace-phi-3-mini: metadata.name: items[0] is a Workspace of this name "
            "already; use another one\n"
        ),
    )


def test_once_more_gives_the_same_and_keeps_where_children_were_written(run: Run) -> None:
    config = configured(mode="accompany")
    first = answered(run, resource_list(WORKSPACE, SETTINGS, config=config))
    for number, each in enumerate(first["items"][2:]):
        notes = each["metadata"].setdefault("annotations", {})
        notes["internal.config.kubernetes.io/path"] = f"file-{number}.yaml"

    assert answered(run, first) == first


def test_an_earlier_child_is_made_anew(run: Run) -> None:
    config = configured(mode="accompany")
    made = answered(run, resource_list(WORKSPACE, config=config))["items"]
    (deployment,) = [each for each in made if each["kind"] == "Deployment"]
    old = {**deployment, "spec": {**deployment["spec"], "replicas": 7}}

    found = answered(run, resource_list(old, WORKSPACE, config=config))["items"]

    assert found[:2] == [deployment, WORKSPACE]


def test_what_a_workspace_does_not_become_any_more_is_named_and_left(run: Run) -> None:
    config = configured(mode="accompany", provisioner="nodeclaim")
    made = answered(run, resource_list(WORKSPACE, config=config))["items"]
    (revision,) = [each for each in made if each["kind"] == "ControllerRevision"]
    old = {**revision, "metadata": {**revision["metadata"], "name": "old"}}

    result = run("krm", stdin=yaml.safe_dump(resource_list(old, *made, config=config)))

    sentence = "Workspace workspace-phi-3-mini does not become this any more: remove it"
    assert (result.code, result.err) == (0, f"items[0]: old: warning: {sentence}\n")
    found = yaml.safe_load(result.out)
    assert found["items"] == [old, *made]
    assert found["results"] == [
        {
            "message": sentence,
            "severity": "warning",
            "resourceRef": {
                "apiVersion": "apps/v1",
                "kind": "ControllerRevision",
                "namespace": "default",
                "name": "old",
            },
        }
    ]


STRANGE = {
    "nothing": {},
    "a kind without an apiVersion": {"kind": "Service"},
    "metadata that is a list": {"apiVersion": "a/v1", "kind": "A", "metadata": ["a"]},
    "labels that are text": {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "a", "labels": "b", "annotations": "c"},
    },
}


@pytest.mark.parametrize("item", STRANGE.values(), ids=STRANGE)
def test_a_strange_object_is_passed_on_or_named(run: Run, item: object) -> None:
    given = resource_list(item, WORKSPACE)

    result = run("krm", stdin=json.dumps(given))

    items = json.loads(result.out)["items"]
    if result.code == 0:
        assert items == [item, *rendered(run)]
    else:
        assert (result.code, items) == (1, [item, WORKSPACE])
        assert result.err.startswith("items[0]: ")


@pytest.mark.parametrize("metadata", [["a"], "a", 1])
def test_a_workspace_whose_metadata_is_no_object_is_refused(run: Run, metadata: object) -> None:
    given = resource_list({**WORKSPACE, "metadata": metadata})

    result = run("krm", stdin=json.dumps(given))

    assert (result.code, json.loads(result.out)["items"]) == (2, given["items"])
    assert result.err.startswith("items[0]: line 1: metadata: must be a map, is ")


def test_json_is_answered_in_json(run: Run) -> None:
    given = resource_list(OTHER, WORKSPACE)

    result = run("krm", stdin=json.dumps(given))

    assert json.loads(result.out)["items"] == [OTHER, *rendered(run)]
    assert result == run("krm", stdin=json.dumps(given))


def test_a_plain_list_is_answered_with_one_and_without_results(run: Run) -> None:
    given = {"apiVersion": "v1", "kind": "List", "items": [edited(instanceType="Standard_NV6")]}

    result = run("krm", stdin=yaml.safe_dump(given))

    assert (result.code, yaml.safe_load(result.out)) == (2, given)


WRITTEN = """\
apiVersion: config.kubernetes.io/v1
kind: ResourceList
items:
- apiVersion: v1
  kind: ConfigMap
  metadata: {name: 'quoted', annotations: {config.kubernetes.io/index: '0'}}
  data:
    mode: "0644"
    octal: 0644
    float: 1.10
    truth: yes
    absent: null
    lines: |
      one
        two
"""


def test_what_is_passed_on_keeps_its_words_and_quotes(run: Run) -> None:
    result = run("krm", stdin=WRITTEN)

    assert result == (0, WRITTEN, "")


NO_LISTS = {
    "nothing": ("", "-: must be one ResourceList, holds 0 documents\n"),
    "two documents": ("a: 1\n---\na: 2\n", "-: must be one ResourceList, holds 2 documents\n"),
    "one object": (QUICK_START, "-: kind: must be ResourceList, is 'Workspace'\n"),
    "another version": (
        "{apiVersion: config.kubernetes.io/v2, kind: ResourceList}",
        "-: apiVersion: must be config.kubernetes.io/v1, is 'config.kubernetes.io/v2'\n",
    ),
    "items that are no list": (
        "{apiVersion: v1, kind: List, items: {a: 1}}",
        "-: items: must be a list of objects\n",
    ),
    "an item that is no object": (
        "{apiVersion: v1, kind: List, items: [a]}",
        "-: items[0]: must be an object\n",
    ),
    "no YAML": (
        "a: [1\nb: 2\n",
        "-:2: did not find expected ',' or ']' while parsing a flow sequence\n",
    ),
}


@pytest.mark.parametrize(("text", "said"), NO_LISTS.values(), ids=NO_LISTS)
def test_what_is_no_list_of_objects_fails(run: Run, text: str, said: str) -> None:
    assert run("krm", stdin=text) == (1, "", said)


def test_the_list_of_a_function_is_nothing_to_apply(run: Run, folder: Path) -> None:
    (folder / "deploy").mkdir()
    (folder / "deploy/list.yaml").write_text(yaml.safe_dump(resource_list(WORKSPACE)))
    (folder / "deploy/a.yaml").write_text(QUICK_START.replace("workspace-", "another-"))

    plan = json.loads(run("plan", "deploy", "-o", "json").out)

    assert [each["name"] for each in plan["workspaces"]] == ["another-phi-3-mini"]
