"""``metakaito plan`` of what is there already: what the real cluster would do, no more, no less."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from composite import names
from composite.models import JsonObject
from composite.preview.client_apply import NOTE, as_applied
from tests.cli.conftest import QUICK_START, TUNING, Run

NAME = "workspace-phi-3-mini"
ADAPTER = """\
  adapters:
    - source: { name: style, image: registry.example/style:1 }
      strength: "0.5"
"""
Items = list[JsonObject]
Plan = Callable[..., Any]


@pytest.fixture
def there(run: Run, folder: Path) -> Items:
    """The objects of a cluster in which the quick start serves."""
    assert run("simulate", "phi.yaml", "--dump", "cluster.yaml").code == 0
    items: Items = yaml.safe_load((folder / "cluster.yaml").read_text())["items"]
    return items


@pytest.fixture
def plan(run: Run, folder: Path) -> Plan:
    """The plan of a file on some objects, as JSON, and the exit code."""

    def planned(text: str, observed: Items, *arguments: str) -> Any:  # noqa: ANN401  (JSON)
        (folder / "observed.yaml").write_text(yaml.safe_dump({"kind": "List", "items": observed}))
        (folder / "given.yaml").write_text(text)
        asked = ("plan", "given.yaml", "--observed", "observed.yaml", *arguments)
        result = run(*asked, "-o", "json")
        assert result.out, result.err
        return {**json.loads(result.out), "code": result.code, "text": run(*asked).out}

    return planned


def of_kind(items: Items, kind: str) -> JsonObject:
    return next(each for each in items if each["kind"] == kind)


def facts(found: Any) -> dict[str, Any]:  # noqa: ANN401  (JSON)
    """What is said of the only Workspace, but for its memory."""
    (one,) = found["workspaces"]
    return {
        key: one[key]
        for key in ("given", "refused", "changes", "nodes", "keeps", "deleting", "waits", "fails")
    }


def nothing(**other: Any) -> dict[str, Any]:  # noqa: ANN401  (JSON)
    usual = {"given": "same", "refused": [], "changes": [], "nodes": [], "deleting": []}
    return {**usual, "waits": "", "fails": "", **other}


def a_later_catalog(folder: Path) -> str:
    """Presets in which the GPU of the quick start is too small by now."""
    place = folder / "later" / "instance_types"
    place.mkdir(parents=True)
    (place / "azure.yaml").write_text(
        "- {name: Standard_NC6s_v3, gpuCount: 1, gpuMemoryGi: 2, gpuModel: none,\n"
        "   source: https://example.com}\n"
    )
    return str(folder / "later")


def test_a_workspace_that_runs_is_not_refused_by_a_catalog_that_came_later(
    there: Items, plan: Plan, folder: Path
) -> None:
    later = ("--presets", a_later_catalog(folder))

    new = facts(plan(QUICK_START.replace(NAME, "other"), there, *later))
    running = facts(plan(QUICK_START, there, *later))

    node = of_kind(there, "Node")["metadata"]["name"]
    assert [each["field"] for each in new["refused"]] == ["resource.instanceType"]
    assert running == nothing(keeps=[node])


def test_an_edit_of_a_fixed_field_is_refused_as_the_api_server_does(
    there: Items, plan: Plan
) -> None:
    edited = QUICK_START.replace("Standard_NC6s_v3", "Standard_NC12s_v3")

    found = plan(edited, there)

    immutable = "is immutable: delete the Workspace and create another one"
    assert facts(found) == nothing(
        given="edited",
        refused=[{"field": "resource.instanceType", "message": immutable}],
        keeps=[of_kind(there, "Node")["metadata"]["name"]],
    )
    assert (found["code"], found["applied"]) == (2, [])


def test_a_malformed_edit_of_what_is_there_is_refused_as_an_edit(there: Items, plan: Plan) -> None:
    found = facts(plan(QUICK_START.replace("resource:", "resource:\n  count: many"), there))

    assert found["given"] == "edited"
    assert [each["field"] for each in found["refused"]] == ["resource.count"]


def test_the_successor_of_a_machine_that_goes_costs_nothing_more(there: Items, plan: Plan) -> None:
    machine = of_kind(there, "Machine")
    machine["metadata"]["deletionTimestamp"] = "2026-01-01T01:00:00Z"
    expected = {"instanceType": "Standard_NC6s_v3", "added": 1, "removed": 1, "hourly": 0.0}

    (nodes,) = facts(plan(QUICK_START, there))["nodes"]

    assert {key: nodes[key] for key in expected} == expected


def test_the_successor_of_a_machine_that_lost_its_node_costs_nothing_more(
    there: Items, plan: Plan
) -> None:
    other = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "other"}, "spec": {}}
    left = [each for each in there if each["kind"] != "Node"]

    (nodes,) = facts(plan(QUICK_START, [*left, other]))["nodes"]

    assert (nodes["added"], nodes["removed"], nodes["hourly"]) == (1, 1, 0.0)


def test_pods_that_are_not_in_the_dump_are_counted_by_the_status(there: Items, plan: Plan) -> None:
    found = plan(QUICK_START + ADAPTER, [each for each in there if each["kind"] != "Pod"])

    (changed,) = (e for e in facts(found)["changes"] if e["kind"] == "Deployment")
    assert (changed["restarts"], changed["unseen"], found["total"]["restarts"]) == ([], 1, 1)
    assert "      restarts 1 pod by its status (none is in what is observed), " in found["text"]
    assert "; 1 pod restarted." in found["text"]


def test_pods_without_a_namespace_are_those_of_the_default_one(there: Items, plan: Plan) -> None:
    for each in there:
        if each["metadata"].get("namespace") == "default":
            del each["metadata"]["namespace"]

    found = plan(QUICK_START + ADAPTER, there)

    assert found["total"]["restarts"] == 1


@pytest.mark.parametrize("state", ["Succeeded", "Failed", "terminating"])
def test_pods_that_have_ended_or_go_do_not_restart(there: Items, plan: Plan, state: str) -> None:
    pod = of_kind(there, "Pod")
    if state == "terminating":
        pod["metadata"]["deletionTimestamp"] = "2026-01-01T01:00:00Z"
    else:
        pod["status"]["phase"] = state

    found = plan(QUICK_START + ADAPTER, there)

    assert found["total"]["restarts"] == 0


def test_a_child_of_somebody_else_is_told_though_it_is_named_after_nobody(
    run: Run, folder: Path
) -> None:
    two = QUICK_START.replace("resource:", "resource:\n  count: 2").replace(
        "phi-3-mini-4k-instruct", "llama-2-13b-chat"
    )
    private = "\n    accessMode: private\n    presetOptions: {image: r.example/llama:1}\n"
    (folder / "two.yaml").write_text(
        two.replace("Standard_NC6s_v3", "Standard_NC24s_v3").rstrip() + private
    )
    rendered = run("render", "two.yaml", "-o", "json")
    services = [
        each["metadata"]["name"]
        for each in json.loads(rendered.out)["items"]
        if each["kind"] == "Service"
    ]
    headless = next(name for name in services if name != NAME)
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": headless, "namespace": "default"},
        "spec": {"ports": [{"port": 1}]},
    }
    (folder / "there.yaml").write_text(yaml.safe_dump(service))

    found = json.loads(run("plan", "two.yaml", "--observed", "there.yaml", "-o", "json").out)

    said = f"Service {headless}: there already and somebody else's, and so left alone"
    assert [each["fails"] for each in found["workspaces"]] == [said]


def test_a_machine_whose_node_is_not_ready_gets_no_other_node(there: Items, plan: Plan) -> None:
    machine, node = of_kind(there, "Machine"), of_kind(there, "Node")
    workspace = of_kind(there, "Workspace")
    node["metadata"]["name"] = machine["status"]["nodeName"] = "aks-mine"
    for each in (machine, node):
        for condition in each["status"]["conditions"]:
            if condition["type"] in ("Ready", "MachineInitialized"):
                condition["status"] = "False"
    workspace["status"]["workerNodes"] = ["aks-mine"]

    found = facts(plan(QUICK_START, there))

    assert (found["keeps"], found["nodes"]) == (["aks-mine"], [])


def test_an_edit_of_labels_alone_is_the_users_own_write(there: Items, plan: Plan) -> None:
    found = plan(QUICK_START.replace(f"name: {NAME}", f"name: {NAME}\n  labels: {{a: b}}"), there)

    (mine,) = found["applied"]
    assert (found["code"], facts(found)["given"], facts(found)["changes"]) == (3, "edited", [])
    assert (mine["action"], mine["kind"]) == ("changed", "Workspace")
    assert [(e["path"], e["before"], e["after"]) for e in mine["fields"]] == [
        ("metadata.labels", None, {"a": "b"})
    ]
    assert found["text"].startswith("Applied from the files:\n  ~ Workspace   workspace-phi-3-mini")


def test_an_edited_config_map_beside_a_workspace_is_the_users_own_write(
    there: Items, plan: Plan
) -> None:
    config = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "c", "namespace": "default"},
        "data": {"a": "1"},
    }
    edited = yaml.safe_dump({**config, "data": {"a": "2"}})

    same = plan(f"{QUICK_START}---\n{yaml.safe_dump(config)}", [*there, config])
    found = plan(f"{QUICK_START}---\n{edited}", [*there, config])

    assert (same["code"], same["applied"]) == (0, [])
    (mine,) = found["applied"]
    assert (found["code"], mine["kind"], [each["path"] for each in mine["fields"]]) == (
        3,
        "ConfigMap",
        ["data.a"],
    )


def test_what_a_file_leaves_out_goes_if_it_was_applied_before_and_stays_if_not(
    run: Run, folder: Path, plan: Plan
) -> None:
    (folder / "phi.yaml").write_text(QUICK_START + ADAPTER)
    assert run("simulate", "phi.yaml", "--dump", "cluster.yaml").code == 0
    items: Items = yaml.safe_load((folder / "cluster.yaml").read_text())["items"]
    noted = [as_applied(e) if e["kind"] == names.KIND else e for e in items]
    assert NOTE in of_kind(noted, "Workspace")["metadata"]["annotations"]

    kept, removed = plan(QUICK_START, items), plan(QUICK_START, noted)

    assert (kept["code"], facts(kept)["given"]) == (0, "same")
    assert "they stay, for nothing says what was applied before" in kept["text"]
    (mine,) = removed["applied"]
    assert [each["path"] for each in mine["fields"]] == ["inference.adapters"]
    assert removed["total"]["restarts"] == 1


BALANCED = "metadata:\n  annotations: { kaito.sh/enablelb: 'True' }"


def test_a_block_of_annotations_that_a_file_leaves_out_goes_with_what_it_asked_for(
    run: Run, folder: Path, plan: Plan
) -> None:
    (folder / "phi.yaml").write_text(QUICK_START.replace("metadata:", BALANCED))
    assert run("simulate", "phi.yaml", "--dump", "cluster.yaml").code == 0
    items: Items = yaml.safe_load((folder / "cluster.yaml").read_text())["items"]
    noted = [as_applied(e) if e["kind"] == names.KIND else e for e in items]
    of_kind(noted, "Workspace")["metadata"]["annotations"]["example.com/of"] = "somebody else"

    found = plan(QUICK_START, noted)

    (mine,) = found["applied"]
    assert [(each["path"], each["after"]) for each in mine["fields"]] == [
        ('metadata.annotations["kaito.sh/enablelb"]', None)
    ]
    (service,) = facts(found)["changes"]
    assert [(each["path"], each["before"], each["after"]) for each in service["fields"]] == [
        ("spec.type", "LoadBalancer", "ClusterIP")
    ]


def test_a_block_of_labels_that_a_file_leaves_out_goes(there: Items, plan: Plan) -> None:
    workspace = of_kind(there, "Workspace")
    workspace["metadata"]["labels"] = {"team": "a"}
    noted = [as_applied(e) if e["kind"] == names.KIND else e for e in there]

    found = plan(QUICK_START, noted)

    (mine,) = found["applied"]
    assert [(each["path"], each["after"]) for each in mine["fields"]] == [("metadata.labels", None)]


def test_a_workspace_on_its_way_out_is_not_brought_back(there: Items, plan: Plan) -> None:
    workspace = of_kind(there, "Workspace")
    workspace["metadata"]["deletionTimestamp"] = "2026-01-01T01:00:00Z"
    workspace["metadata"]["finalizers"] = ["foregroundDeletion"]

    found = plan(QUICK_START, there)

    one = facts(found)
    assert one["deleting"][0] == f"Workspace default/{NAME}"
    assert {each.partition(" ")[0] for each in one["deleting"][1:]} == {
        "ControllerRevision",
        "Deployment",
        "Machine",
        "Service",
    }
    assert [(each["added"], each["removed"]) for each in one["nodes"]] == [(0, 1)]
    said = "  Deleting    it is being deleted, and applying a file does not bring it back; with it"
    assert said in found["text"]


def test_a_machine_of_a_workspace_that_is_gone_is_nothing_that_is_applied(
    there: Items, plan: Plan
) -> None:
    machine = json.loads(json.dumps(of_kind(there, "Machine")))
    machine["metadata"] |= {
        "name": "ws000000000",
        "uid": "another",
        "deletionTimestamp": "2026-01-01T01:00:00Z",
        "finalizers": ["karpenter.sh/termination"],
    }
    for owner in machine["metadata"].get("ownerReferences", ()):
        owner |= {"name": "elsewhere", "uid": "nobody"}
    machine["metadata"]["labels"]["kaito.sh/workspace"] = "gone"
    machine["metadata"]["labels"]["kaito.sh/workspacenamespace"] = "elsewhere"
    machine["status"]["nodeName"] = "going"
    node = json.loads(json.dumps(of_kind(there, "Node")))
    node["metadata"] |= {"name": "going", "uid": "a third"}
    node["metadata"]["labels"] |= machine["metadata"]["labels"]

    found = plan(QUICK_START, [*there, machine, node])

    assert (found["code"], [each["name"] for each in found["workspaces"]]) == (0, [NAME])


def beat(items: Items) -> None:
    """Let a minute pass in which nothing happens."""
    node = of_kind(items, "Node")
    node["metadata"]["annotations"] = {"volumes.kubernetes.io/attached": "now"}
    node["metadata"]["resourceVersion"] = "999"
    node["status"]["images"] = [{"names": ["registry.example/other:1"]}]
    for each in node["status"]["conditions"]:
        each["lastHeartbeatTime"] = "2030-01-01T00:00:00Z"
    of_kind(items, "Deployment")["status"]["conditions"] = []
    of_kind(items, "Deployment")["status"]["observedGeneration"] = 7
    of_kind(items, "Workspace")["metadata"]["managedFields"] = [{"time": "now"}]


def cordon(items: Items) -> None:
    of_kind(items, "Node")["spec"]["unschedulable"] = True


def relabel(items: Items) -> None:
    of_kind(items, "Node")["metadata"]["labels"]["apps"] = "another"


def appear(items: Items) -> None:
    items.append({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "one"}, "spec": {}})


def become_another(items: Items) -> None:
    of_kind(items, "Deployment")["metadata"]["uid"] = "another"


def lose_a_pod(items: Items) -> None:
    of_kind(items, "Deployment")["status"]["replicas"] = 0


def have_no_room(items: Items) -> None:
    conditions = [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]
    of_kind(items, "Pod")["status"]["conditions"] = conditions


def train(items: Items) -> None:
    of_kind(items, "Workspace")["status"]["tuning"] = {"phase": "Training"}


@pytest.mark.parametrize(
    ("happens", "said"),
    [
        (beat, ""),
        (lose_a_pod, f"Deployment default/{NAME}: changed"),
        (have_no_room, "Pod default/POD: changed"),
        (train, f"Workspace default/{NAME}: changed"),
        (cordon, "Node NODE: changed"),
        (relabel, "Node NODE: changed"),
        (appear, "Node one: is new"),
        (become_another, f"Deployment default/{NAME}: changed"),
    ],
)
def test_only_what_a_plan_depends_on_has_moved(
    run: Run, folder: Path, there: Items, happens: Callable[[Items], None], said: str
) -> None:
    asked = ("plan", "phi.yaml", "--observed")
    assert run(*asked, "cluster.yaml", "--out", "plan.json").code == 0
    happens(there)
    (folder / "now.yaml").write_text(yaml.safe_dump({"kind": "List", "items": there}))

    result = run(*asked, "now.yaml", "--check", "plan.json")

    expected = said.replace("NODE", of_kind(there, "Node")["metadata"]["name"])
    expected = expected.replace("POD", of_kind(there, "Pod")["metadata"]["name"])
    assert result.err.splitlines()[1:] == ([expected] if said else [])
    assert (result.code == 1) == bool(said)


def test_an_edited_config_of_a_training_begins_another_one(
    run: Run, folder: Path, plan: Plan
) -> None:
    config = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "mine"},
        "data": {
            "training_config.yaml": "training_config: {QuantizationConfig: {load_in_4bit: true}, "
            "LoraConfig: {r: 16}}"
        },
    }
    pushed = "image: registry.example/adapters/phi-3:0.0.1\n    imagePushSecret: push"
    volume = "volumeSource: {persistentVolumeClaim: {claimName: mine}}"
    text = f"{TUNING.replace(pushed, volume)}---\n{yaml.safe_dump(config)}".replace(
        "qlora", "qlora\n  config: mine"
    )
    (folder / "mine.yaml").write_text(text)
    assert run("simulate", "mine.yaml", "--dump", "there.yaml").code == 0

    found = plan(
        text.replace("r: 16", "r: 8"), yaml.safe_load((folder / "there.yaml").read_text())["items"]
    )

    (mine,) = found["applied"]
    assert (found["code"], mine["kind"], mine["name"]) == (3, "ConfigMap", "mine")
    done = [(each["action"], each["kind"]) for each in facts(found)["changes"]]
    assert sorted(done) == [
        ("added", "ConfigMap"),
        ("added", "Job"),
        ("removed", "ConfigMap"),
        ("removed", "Job"),
    ]
