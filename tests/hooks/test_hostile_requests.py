"""
What hostile requests have broken once, or would have; ``python -m tests.fuzz`` finds such.

No answer is a traceback, none deletes for want of understanding, and none would make Metacontroller
ask again without end.
"""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient

from composite.catalog import Catalog
from hooks.app import create_app
from hooks.logs import TextLines
from hooks.settings import Settings
from tests.hooks.conftest import Lines
from tests.hooks.questions import (
    JsonObject,
    a_customize,
    a_namespace,
    a_namespace_sync,
    a_sync,
    a_workspace,
    text,
)

LABELS = {"apps": "falcon", "node.kubernetes.io/instance-type": "Standard_NC12s_v3"}


def a_node(**more: Any) -> JsonObject:  # noqa: ANN401  (JSON)
    ready = {"type": "Ready", "status": "True"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": "node-0", "labels": LABELS},
        "status": {"conditions": [ready], "allocatable": {"nvidia.com/gpu": "2"}},
        **more,
    }


def of_kind(kind: str, version: str, **more: Any) -> JsonObject:  # noqa: ANN401  (JSON)
    meta = {"name": "falcon", "namespace": "default"}
    return {"apiVersion": version, "kind": kind, "metadata": meta, **more}


def synced(client: FlaskClient, question: JsonObject) -> JsonObject:
    response = client.post("/workspaces/sync", data=text(question))
    assert response.status_code == 200, response.text
    return dict(json.loads(response.data))


def message_of(answer: JsonObject, kind: str) -> str:
    found = [c["message"] for c in answer["status"]["conditions"] if c["type"] == kind]
    return str(found[0])


@pytest.mark.parametrize(
    ("question", "message"),
    [
        (
            a_sync(nodes=[a_node(status={"conditions": [{"type": 7}]})]),
            "Node node-0: status.conditions.0.type: must be text",
        ),
        (a_sync(nodes=[a_node(spec=None)]), "Node node-0: spec: must be an object"),
        (
            a_sync(pods=[of_kind("Pod", "v1", status={"containerStatuses": [{}]})]),
            "Pod falcon: status.containerStatuses.0.name: is missing",
        ),
        (
            a_sync(children=[of_kind("Job", "batch/v1", spec={"template": {"spec": []}})]),
            "Job falcon: spec.template.spec: must be an object",
        ),
        (
            a_sync(children=[of_kind("Job", "batch/v1", metadata={"name": "j" * 64})]),
            f"Job {'j' * 63}: metadata.name: String should have at most 63 characters",
        ),
        (
            a_sync(children=[of_kind("Deployment", "apps/v1", spec={"template": {"spec": []}})]),
            "Template: spec: must be an object",
        ),
        (
            a_sync(children=[of_kind("ControllerRevision", "apps/v1", revision=2**63 - 1)]),
            (
                "ControllerRevision falcon: revision: "
                f"Input should be less than or equal to {2**63 - 2}"
            ),
        ),
    ],
)
def test_an_object_that_no_api_server_would_send_is_malformed(
    client: FlaskClient, question: JsonObject, message: str
) -> None:
    response = client.post("/workspaces/sync", data=text(question))

    assert (response.status_code, response.text) == (422, f"malformed request: {message}\n")


@pytest.mark.parametrize(
    "status",
    [
        {"conditions": [{"type": "Accepted", "lastTransitionTime": "2026-01-01T00:00:00"}]},
        {"machines": [{"name": "a", "index": -1}]},
        {"machines": [{"name": "a" * 64}]},
        {"machines": [{"name": "a", "message": "b" * 1025}]},
        {"tuning": {"hash": "a" * 65}},
        {"tuning": {"job": "a" * 64}},
    ],
)
def test_a_status_that_is_none_of_ours_is_malformed(
    client: FlaskClient, status: JsonObject
) -> None:
    response = client.post("/workspaces/sync", data=text(a_sync(a_workspace(status=status))))

    assert response.status_code == 422
    assert response.text.startswith("malformed request: parent.status.")


def test_a_node_that_changes_at_the_end_of_time_is_waited_for_as_from_now(
    client: FlaskClient,
) -> None:
    away = {
        "type": "Ready",
        "status": "False",
        "lastTransitionTime": "9999-12-31T23:59:59Z",
    }
    status = {"workerNodes": ["node-0"], "observedGeneration": 3}
    node = a_node(status={"conditions": [away]})

    answer = synced(client, a_sync(a_workspace(status=status), nodes=[node]))

    assert answer["resyncAfterSeconds"] <= 300


def test_amounts_of_gpus_that_are_no_quantity_are_none(client: FlaskClient) -> None:
    ready = {"type": "Ready", "status": "True"}
    node = a_node(status={"conditions": [ready], "allocatable": {"nvidia.com/gpu": "many"}})

    answer = synced(client, a_sync(nodes=[node]))

    assert message_of(answer, "ResourceReady").startswith("node node-0 shows 0 of 2 nvidia.com/gpu")


def a_template(**spec: Any) -> JsonObject:  # noqa: ANN401  (JSON)
    pod = {"containers": [{"name": "a", "image": "b"}], **spec}
    return a_workspace(inference={"template": {"spec": pod}})


def test_a_number_of_thousands_of_digits_is_no_quantity(client: FlaskClient) -> None:
    greedy = [{"name": "a", "resources": {"limits": {"memory": "1" * 5000}}}]

    answer = synced(client, a_sync(a_template(containers=greedy)))

    assert "is not a quantity such as 1, 500m, 16Gi" in message_of(answer, "Accepted")


def test_a_template_too_deep_to_be_read_again_in_its_children_is_refused(
    client: FlaskClient,
) -> None:
    deep: object = 1
    for _ in range(150):
        deep = [deep]

    answer = synced(client, a_sync(a_template(x=deep), nodes=[a_node()]))

    assert message_of(answer, "Accepted") == (
        "inference.template: is nested 152 levels deep, at most 100 are allowed"
    )
    assert answer["children"] == []


def test_a_template_leaves_no_null_in_the_answer(client: FlaskClient) -> None:
    odd = a_template(tolerations=[{"a": [[None, 1], {"b": None}, None]}])

    response = client.post("/workspaces/sync", data=text(a_sync(odd, nodes=[a_node()])))

    assert response.status_code == 200
    assert b"null" not in response.data
    assert b'"a":[[1],{}]' in response.data


def test_a_volume_leaves_no_null_in_the_answer(client: FlaskClient) -> None:
    volume = {"volumeSource": {"persistentVolumeClaim": {"claimName": None, "readOnly": True}}}
    tuning = {
        "preset": {"name": "falcon-7b"},
        "method": "qlora",
        "input": volume,
        "output": volume,
    }
    question = a_sync(a_workspace(inference=None, tuning=tuning), nodes=[a_node()])
    question["children"].update({"Job.batch/v1": {}, "ConfigMap.v1": {}})

    response = client.post("/workspaces/sync", data=text(question))

    assert response.get_json()["children"][-1]["kind"] == "Job", response.text
    assert b"null" not in response.data


def test_a_number_that_python_cannot_write_is_malformed(client: FlaskClient) -> None:
    body = text(a_sync(a_template(priority=4711), nodes=[a_node()])).replace(b"4711", b"1e400")

    response = client.post("/workspaces/sync", data=body)

    assert response.status_code == 422
    assert response.text == "malformed request: it holds a number that is out of range\n"


def in_another_order(value: Any) -> Any:  # noqa: ANN401  (JSON in, JSON out)
    if isinstance(value, dict):
        return {key: in_another_order(item) for key, item in reversed(value.items())}
    return [in_another_order(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    "workspace",
    [a_workspace(), a_workspace(resource={"b": 1, "a": 2, "labelSelector": {"d": 1, "c": 1}})],
    ids=["accepted", "refused"],
)
def test_what_was_accepted_and_what_is_refused_are_told_in_one_order_of_keys(
    client: FlaskClient, workspace: JsonObject
) -> None:
    children = synced(client, a_sync(nodes=[a_node()]))["children"]
    question = a_sync(workspace, children=children)

    first = client.post("/workspaces/sync", data=text(question))
    second = client.post("/workspaces/sync", data=text(in_another_order(question)))

    assert first.status_code == second.status_code == 200
    assert first.data == second.data


@pytest.mark.parametrize(
    "note",
    ["NaN", "[" * 5000, '{"adapters": []}', '{"adapters": {"a": 7}}', '{"image": "\\ud800"}'],
)
def test_a_note_of_somebody_elses_on_a_revision_is_passed_over(
    client: FlaskClient, note: str
) -> None:
    children = synced(client, a_sync(nodes=[a_node()]))["children"]
    for child in children:
        if child["kind"] == "ControllerRevision":
            child["metadata"]["annotations"]["kaito.sh/server"] = note

    answer = synced(client, a_sync(children=children, nodes=[a_node()]))

    kinds = {child["kind"] for child in children}
    assert {child["kind"] for child in answer["children"]} == kinds


@pytest.mark.parametrize(
    "data", [{"resource": 7, "inference": 7}, {"inference": {"adapters": 7}}, {"inference": None}]
)
def test_a_revision_of_somebody_elses_deletes_nothing(
    client: FlaskClient, data: JsonObject
) -> None:
    children = synced(client, a_sync(nodes=[a_node()]))["children"]
    for child in children:
        if child["kind"] == "ControllerRevision":
            child["data"] = data
            child["metadata"]["annotations"]["kaito.sh/server"] = '{"adapters": {}}'

    response = client.post(
        "/workspaces/sync", data=text(a_sync(children=children, nodes=[a_node()]))
    )

    named = {(c["kind"], c["metadata"]["name"]) for c in children}
    answered = {(c["kind"], c["metadata"]["name"]) for c in response.get_json()["children"]}
    assert named <= answered


def test_a_revision_that_is_sent_twice_is_kept_once(client: FlaskClient) -> None:
    children = synced(client, a_sync(nodes=[a_node()]))["children"]
    question = a_sync(children=children, nodes=[a_node()])
    revisions = question["children"]["ControllerRevision.apps/v1"]
    [revision] = revisions.values()
    revisions["default/another"] = revision

    answer = synced(client, question)

    kept = [c["metadata"]["name"] for c in answer["children"] if c["kind"] == revision["kind"]]
    assert kept == [revision["metadata"]["name"]]


def planned(client: FlaskClient, **more: Any) -> JsonObject:  # noqa: ANN401  (JSON)
    status = synced(client, a_sync())["status"]
    return a_workspace(status={**status, "observedGeneration": 3, **more})


def machine_named(name: str, owner: str) -> JsonObject:
    meta = {"name": name, "labels": {"kaito.sh/workspace": owner}}
    return {"apiVersion": "karpenter.sh/v1alpha5", "kind": "Machine", "metadata": meta}


def attached(client: FlaskClient, question: JsonObject) -> list[str]:
    response = client.post("/machines/sync", data=text(question))
    assert response.status_code == 200, response.text
    return [each["metadata"]["name"] for each in response.get_json()["attachments"]]


@pytest.mark.parametrize("owner", ["falcon", "another"])
def test_a_machine_that_an_unreadable_workspace_names_is_kept_whatever_its_label(
    client: FlaskClient, owner: str
) -> None:
    workspace = planned(client, observedGeneration="many")
    [machine] = workspace["status"]["machines"]

    kept = attached(client, a_namespace_sync([workspace], [machine_named(machine["name"], owner)]))

    assert kept == [machine["name"]]


@pytest.mark.parametrize("time", [False, 0.5, "soon", [], {}])
def test_a_time_of_deletion_that_is_none_deletes_no_machine(
    client: FlaskClient, time: object
) -> None:
    workspace = planned(client)
    workspace["metadata"]["deletionTimestamp"] = time
    [machine] = workspace["status"]["machines"]

    kept = attached(
        client, a_namespace_sync([workspace], [machine_named(machine["name"], "falcon")])
    )

    assert kept == [machine["name"]]


def test_a_machine_that_two_workspaces_plan_is_made_once(client: FlaskClient) -> None:
    first = planned(client)
    second = {**first, "metadata": {**first["metadata"], "name": "gull"}}

    assert len(attached(client, a_namespace_sync([first, second]))) == 1


def test_a_machine_that_is_planned_twice_is_planned_once(client: FlaskClient) -> None:
    workspace = planned(client)
    workspace["status"]["machines"] *= 3

    assert len(synced(client, a_sync(workspace))["status"]["machines"]) == 1


def test_a_wait_of_millennia_is_an_hour(client: FlaskClient) -> None:
    workspace = planned(client)
    workspace["status"]["machines"][0]["notBefore"] = "9999-12-31T23:59:59Z"

    response = client.post("/machines/sync", data=text(a_namespace_sync([workspace])))

    assert response.get_json() == {"attachments": [], "resyncAfterSeconds": 3600}


def test_a_name_that_is_no_label_is_in_no_selector(client: FlaskClient) -> None:
    name = "a" * 64
    response = client.post(
        "/workspaces/customize", data=text(a_customize(a_workspace(name, resource=None)))
    )

    rules = response.get_json()["relatedResources"]
    assert [rule.get("names") for rule in rules if rule["resource"] != "machines"] == [[name]] * 2


def test_adapters_that_are_no_list_are_asked_nothing_for(client: FlaskClient) -> None:
    odd = a_workspace(inference={"adapters": 7})

    response = client.post("/workspaces/customize", data=text(a_customize(odd)))

    assert response.status_code == 200
    assert "workspaces" not in {
        rule["resource"] for rule in response.get_json()["relatedResources"]
    }


def test_a_namespace_without_a_name_asks_for_no_workspaces_of_all_namespaces(
    client: FlaskClient,
) -> None:
    nameless = {**a_namespace(), "metadata": {"name": ""}}

    response = client.post("/machines/customize", data=text(a_customize(nameless)))

    assert response.status_code == 422
    assert response.text.startswith("malformed request: parent.metadata.name: ")


def test_nothing_that_steers_a_terminal_is_answered(client: FlaskClient) -> None:
    key = "default/\x1b[31m\u202egnp"

    response = client.post(
        "/workspaces/sync", data=text({**a_sync(), "children": {"Service.v1": {key: 1}}})
    )

    assert response.status_code == 422
    assert response.text.removesuffix("\n").isprintable()


def test_nothing_that_steers_a_terminal_is_logged(
    client: FlaskClient, lines: Lines, caplog: pytest.LogCaptureFixture
) -> None:
    client.post("/workspaces/sync", data=text(a_sync(a_workspace("\x1b[31mred"))))

    [line] = lines()
    assert line["name"] == "\N{REPLACEMENT CHARACTER}[31mred"
    assert TextLines().format(caplog.records[0]).isprintable()


@pytest.mark.parametrize(
    "time",
    ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "9999-12-31T23:59:59Z"],
)
def test_a_virtual_clock_does_not_leave_the_calendar(catalog: Catalog, time: str) -> None:
    app = create_app(
        catalog, Settings(virtual_clock=True), lambda: datetime(2026, 1, 1, tzinfo=UTC)
    )

    answer = app.test_client().post(
        "/workspaces/sync", json=a_sync(), headers={"Metakaito-Now": time}
    )

    assert (answer.status_code, answer.text) == (
        422,
        f"malformed request: Metakaito-Now: {time!r} is not a time from 1970 to 9000\n",
    )
