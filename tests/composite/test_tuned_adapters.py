"""
From the tuned adapter to the served one: an adapter named by the Workspace that tunes it.

It is waited for, resolved, and then left alone. An extension of Kaito's API; Kaito's own form, an
image, is in test_workspace_children.py, that the two exclude each other in test_workspace_rules.py.
"""

import json

import pytest

from composite import workspace
from composite.catalog import Catalog
from composite.models import JsonObject
from tests.composite.makers import (
    a_machine,
    a_node,
    a_preset,
    a_request,
    a_training_pod,
    a_tuner,
    a_workspace,
    afterwards,
    an_adapter,
    condition,
    kinds_of,
    synced,
    the,
    training,
    with_job,
    with_related,
)

WORKSPACES = "Workspace.kaito.sh/v1alpha1"
IMAGE = "registry.example/adapters/phi:0.0.1"
DIGEST = f"sha256:{'0a' * 32}"
FIELD = "inference.adapters[0].source.workspace"
NO_RESULT = "has no result yet: this goes on by itself when its training has succeeded"


def tuned(
    phase: str = "Succeeded", image: str | None = IMAGE, digest: str | None = None
) -> JsonObject:
    """Return the Workspace that tunes, as the API server has it."""
    status = {"phase": phase, "hash": "h", "job": "tuner"} | ({"image": image} if image else {})
    status |= {"digest": digest} if digest else {}
    return a_tuner("tuner") | {"status": {"tuning": status}}


def a_served(*sources: JsonObject, strength: str = "0.5", **metadata: object) -> JsonObject:
    """Return a Workspace that serves with these adapters."""
    adapters = [{"source": source, "strength": strength} for source in sources]
    inference = a_preset() | {"adapters": adapters}
    return a_workspace(inference=inference, **metadata)  # type: ignore[arg-type]


BY_WORKSPACE = {"name": "poems", "workspace": "tuner"}


def why_not(catalog: Catalog, *related: JsonObject) -> str:
    """Return why a Workspace with an adapter from ``tuner`` is not accepted; empty if it is."""
    answer = synced(a_request(a_served(BY_WORKSPACE), related=related), catalog)
    status, _, message = condition(answer, "Accepted")
    assert (status == "False") == (kinds_of(answer) == [] == answer["status"]["machines"])
    return message if status == "False" else ""


def serving(catalog: Catalog, *related: JsonObject) -> JsonObject:
    """Return the request once the server was made, with the adapter of ``tuner``."""
    first = a_request(a_served(BY_WORKSPACE), related=related)
    planned = synced(first, catalog)
    [machine] = planned["status"]["machines"]
    world = [a_machine(machine["name"], node="node-1"), a_node(owner="phi"), *related]
    made = afterwards(first, planned, related=world)
    return afterwards(made, synced(made, catalog), ready=None)


def images_of(answer: JsonObject) -> dict[str, str]:
    pod = the(answer, "Deployment")["spec"]["template"]["spec"]
    return {container["name"]: container["image"] for container in pod["initContainers"]}


# --- it waits, and then goes on -----------------------------------------------------------------


@pytest.mark.parametrize("phase", ["Pending", "Fetching", "Training", "Pushing"])
def test_it_waits_for_the_result(catalog: Catalog, phase: str) -> None:
    # How far it is stands in the other's status: here each step would be another one to write.
    assert why_not(catalog, tuned(phase)) == f"{FIELD}: Workspace 'tuner' {NO_RESULT}"


def test_it_waits_for_another_result_after_a_failure(catalog: Catalog) -> None:
    assert why_not(catalog, tuned("Failed")) == (
        f"{FIELD}: the training of Workspace 'tuner' has failed: this goes on by itself when "
        "another has succeeded"
    )


def test_a_training_that_has_not_been_looked_at_yet_is_pending(catalog: Catalog) -> None:
    assert why_not(catalog, a_tuner("tuner")) == f"{FIELD}: Workspace 'tuner' {NO_RESULT}"


def test_it_waits_for_a_workspace_that_is_not_there(catalog: Catalog) -> None:
    assert why_not(catalog) == f"{FIELD}: there is no Workspace 'tuner' in namespace 'default'"


def test_a_workspace_that_serves_has_no_adapter(catalog: Catalog) -> None:
    assert why_not(catalog, a_workspace("tuner")) == f"{FIELD}: Workspace 'tuner' tunes no model"


def test_a_result_on_a_volume_cannot_be_served(catalog: Catalog) -> None:
    assert why_not(catalog, tuned(image=None)) == (
        f"{FIELD}: Workspace 'tuner' writes its result to a volume: let it push an image"
    )


def test_it_is_served_as_soon_as_there_is_a_result(catalog: Catalog) -> None:
    assert why_not(catalog, tuned()) == ""
    assert images_of(synced(serving(catalog, tuned()), catalog)) == {"poems": IMAGE}


def test_the_two_forms_give_the_same_server(catalog: Catalog) -> None:
    by_workspace = synced(serving(catalog, tuned()), catalog)
    by_image = a_served({"name": "poems", "image": IMAGE})
    first = a_request(by_image)
    world = [a_machine("ws947b23817", node="node-1"), a_node(owner="phi")]
    made = synced(afterwards(first, synced(first, catalog), related=world), catalog)

    assert the(by_workspace, "Deployment") == the(made, "Deployment")


def test_what_a_training_says_is_what_is_served(catalog: Catalog) -> None:
    # From the one hook to the other, without a stand-in between.
    request = with_related(training(catalog), a_training_pod("done"))
    answer = synced(with_job(request, end="done"), catalog)
    parent = a_tuner("tuner") | {"status": answer["status"]}

    assert images_of(synced(serving(catalog, parent), catalog)) == {"poems": IMAGE}


def test_it_is_served_by_its_digest_where_that_is_known(catalog: Catalog) -> None:
    # From the pusher's last words to the image that is pulled.
    ended = {"exitCode": 0, "message": f"{IMAGE}\n{DIGEST}\n"}
    request = with_related(training(catalog), a_training_pod("pusher", ended=ended))
    answer = synced(with_job(request, end="done"), catalog)
    parent = a_tuner("tuner") | {"status": answer["status"]}
    request = serving(catalog, parent)

    assert images_of(synced(request, catalog)) == {"poems": f"{IMAGE}@{DIGEST}"}
    [revision] = request["children"]["ControllerRevision.apps/v1"].values()
    note = json.loads(revision["metadata"]["annotations"]["kaito.sh/server"])
    assert note["adapters"] == {"poems": f"{IMAGE}@{DIGEST}"}


def test_both_forms_may_stand_side_by_side(catalog: Catalog) -> None:
    parent = a_served(BY_WORKSPACE, an_adapter("tales")["source"])
    first = a_request(parent, related=[tuned()])
    world = [a_machine("ws947b23817", node="node-1"), a_node(owner="phi"), tuned()]
    answer = synced(afterwards(first, synced(first, catalog), related=world), catalog)

    assert images_of(answer) == {"poems": IMAGE, "tales": "myacr.azurecr.io/tales:0.0.1"}


def test_all_adapters_that_are_not_there_are_told(catalog: Catalog) -> None:
    parent = a_served(BY_WORKSPACE, {"name": "tales", "workspace": "other"})
    message = condition(synced(a_request(parent, related=[tuned("Training")]), catalog), "Accepted")

    assert message[2].split("; ") == [
        f"{FIELD}: Workspace 'tuner' {NO_RESULT}",
        f"{FIELD.replace('0', '1')}: there is no Workspace 'other' in namespace 'default'",
    ]


# --- what is served stays -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "later",
    [
        pytest.param([tuned("Training", "registry.example/adapters/phi:2")], id="is trained anew"),
        pytest.param([tuned("Succeeded", "registry.example/adapters/phi:2")], id="has another"),
        pytest.param([tuned(digest=DIGEST)], id="tells its digest only now"),
        pytest.param([tuned("Failed")], id="has failed"),
        pytest.param([], id="is deleted"),
    ],
)
def test_a_model_that_serves_keeps_its_adapter_whatever_becomes_of_the_other(
    catalog: Catalog, later: list[JsonObject]
) -> None:
    request = serving(catalog, tuned())
    before = synced(request, catalog)
    related = {**request["related"], WORKSPACES: {}}
    after = synced(with_related({**request, "related": related}, *later), catalog)

    assert after == before


def test_an_edit_takes_the_result_of_its_time(catalog: Catalog) -> None:
    request = serving(catalog, tuned())
    parent = request["parent"] | {"inference": a_served(BY_WORKSPACE, strength="1")["inference"]}
    newer = tuned(image="registry.example/adapters/phi:2")
    answer = synced(with_related({**request, "parent": parent}, newer), catalog)

    assert images_of(answer) == {"poems": "registry.example/adapters/phi:2"}


@pytest.mark.parametrize("others", [[tuned("Training")], [tuned("Failed")], []])
def test_an_edit_of_something_else_keeps_what_is_served(
    catalog: Catalog, others: list[JsonObject]
) -> None:
    request = serving(catalog, tuned())
    before = images_of(synced(request, catalog))
    parent = request["parent"] | {"inference": a_served(BY_WORKSPACE, strength="1")["inference"]}
    request = with_related({**request, "parent": parent}, *others)
    if not others:
        request["related"][WORKSPACES] = {}
    answer = synced(request, catalog)

    assert condition(answer, "Accepted")[0] == "True"
    assert images_of(answer) == before


def test_an_edit_that_has_to_wait_changes_nothing_yet(catalog: Catalog) -> None:
    request = serving(catalog, tuned())
    before = synced(request, catalog)
    other = {"name": "other", "workspace": "tuner"}
    parent = request["parent"] | {"inference": a_served(BY_WORKSPACE, other)["inference"]}
    answer = synced(with_related({**request, "parent": parent}, tuned("Training")), catalog)

    assert condition(answer, "Accepted")[0] == "False"
    assert answer["children"] == before["children"]
    assert condition(answer, "WorkspaceReady")[0] == "True"


# --- what is asked for --------------------------------------------------------------------------


def rules(catalog: Catalog, parent: JsonObject) -> list[JsonObject]:
    question = workspace.CustomizeQuestion.model_validate({"parent": parent})
    answer = workspace.customize(question, catalog).to_json()
    return [rule for rule in answer["relatedResources"] if rule["resource"] == "workspaces"]


def test_the_workspaces_that_tune_are_asked_for_by_name(catalog: Catalog) -> None:
    parent = a_served(
        BY_WORKSPACE, {"name": "tales", "workspace": "b"}, {"name": "more", "workspace": "b"}
    )

    assert rules(catalog, parent) == [
        {
            "apiVersion": "kaito.sh/v1alpha1",
            "resource": "workspaces",
            "namespace": "default",
            "names": ["b", "tuner"],
        }
    ]


@pytest.mark.parametrize(
    "parent",
    [
        a_workspace(),
        a_tuner(),
        a_served({"name": "poems", "image": IMAGE}),
        a_workspace(inference={"adapters": [None, {"source": 5}, {"source": {"workspace": []}}]}),
        a_workspace(inference={"adapters": "text"}),
    ],
)
def test_no_workspace_is_asked_for_where_none_is_named(
    catalog: Catalog, parent: JsonObject
) -> None:
    assert rules(catalog, parent) == []
