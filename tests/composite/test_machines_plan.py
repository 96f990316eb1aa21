"""
The fail-safe hand: which Machines of a namespace exist, each rule a sentence.

Deleting is decided only for a Workspace that is gone, or going, or whose current plan no longer
lists the name (design, section 1).
"""

import pytest

from composite.catalog import Catalog
from composite.models import JsonObject
from composite.refusal import Unplannable
from composite.workspace.related import machine_name
from tests.composite.makers import (
    EARLIER,
    NOW,
    UID,
    a_machine,
    a_namespace_request,
    a_resource,
    a_workspace,
    machines_synced,
    seconds,
    stamp,
)

INDICES = {machine_name(UID, index, 0): index for index in range(3)}
MINE, OTHER, THIRD = sorted(INDICES)


def an_entry(name: str = MINE, **changes: object) -> JsonObject:
    standard = {
        "name": name,
        "index": INDICES.get(name, 0),
        "attempt": 0,
        "instanceType": "Standard_NC6s_v3",
        "disk": "50Gi",
        "labels": {"apps": "phi-3"},
    }
    return standard | changes


def wanting(
    *entries: JsonObject,
    name: str = "phi",
    seen: int = 1,
    resource: JsonObject | None = None,
    **metadata: object,
) -> JsonObject:
    """Return a Workspace that plans these Machines."""
    status = {"observedGeneration": seen, "machines": list(entries)}
    return a_workspace(name, resource=resource, status=status, **metadata)


def made(name: str = MINE, owner: str = "phi") -> JsonObject:
    """Return a Machine that exists, for a Workspace."""
    labels = {"kaito.sh/workspace": owner, "kaito.sh/workspacenamespace": "default"}
    return a_machine(name, labels=labels if owner else {})


def names(catalog: Catalog, workspaces: list[JsonObject], machines: list[JsonObject]) -> list[str]:
    answer = machines_synced(a_namespace_request(workspaces, machines), catalog)
    return [attachment["metadata"]["name"] for attachment in answer["attachments"]]


# --- making -------------------------------------------------------------------------------------


def test_makes_what_every_workspace_plans(catalog: Catalog) -> None:
    two = wanting(an_entry(MINE), an_entry(OTHER), resource=a_resource(count=2))
    workspaces = [two, wanting(an_entry(THIRD), name="chat")]

    assert sorted(names(catalog, workspaces, [])) == [MINE, OTHER, THIRD]


def test_a_machine_that_exists_stays(catalog: Catalog) -> None:
    assert names(catalog, [wanting(an_entry())], [made()]) == [MINE]


def test_a_namespace_without_workspaces_has_no_machines(catalog: Catalog) -> None:
    assert machines_synced(a_namespace_request(), catalog) == {"attachments": []}


# --- keeping ------------------------------------------------------------------------------------

UNREADABLE: dict[str, JsonObject] = {
    "has no status yet": a_workspace(),
    "has no plan yet": a_workspace(status={"observedGeneration": 1, "conditions": []}),
    "has Kaito's status": a_workspace(status={"workerNodes": ["node-1"], "conditions": []}),
    "lags behind": wanting(generation=2),
    "lags behind with another plan": wanting(an_entry(OTHER), generation=2),
    "plans no list": a_workspace(status={"observedGeneration": 1, "machines": "x"}),
    "plans a Machine without a name": a_workspace(
        status={"observedGeneration": 1, "machines": [{"index": 0}]}
    ),
    "plans a Machine of a name that is not ours": wanting(an_entry("my-vm")),
    "plans a Machine without labels": wanting(an_entry(labels=None)),
    "plans a Machine with a time that is none": wanting(an_entry(notBefore="soon")),
    "has a status that is none": a_workspace(status={"observedGeneration": "x", "machines": []}),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_a_workspace_that_cannot_be_acted_on_keeps_its_machines(
    catalog: Catalog, case: str
) -> None:
    assert names(catalog, [UNREADABLE[case]], [made()]) == [MINE]


@pytest.mark.parametrize(
    ("workspace_made", "kept"),
    [("10:59:59Z", True), ("11:00:00Z", True), ("11:00:01Z", False), ("soon", True)],
)
def test_but_none_of_an_earlier_workspace_of_its_name(
    catalog: Catalog, workspace_made: str, *, kept: bool
) -> None:
    """It was deleted and made anew, and its Machine was not heard of until now."""
    lagging = wanting(generation=2, creationTimestamp=f"2026-01-01T{workspace_made}")
    machine = made()
    machine["metadata"]["creationTimestamp"] = "2026-01-01T11:00:00Z"

    assert names(catalog, [lagging], [machine]) == ([MINE] if kept else [])


def test_nor_is_one_taken_that_its_status_names(catalog: Catalog) -> None:
    lagging = wanting(an_entry(), generation=2, creationTimestamp="2026-01-01T11:00:01Z")
    machine = made()
    machine["metadata"]["creationTimestamp"] = "2026-01-01T11:00:00Z"

    assert names(catalog, [lagging], [machine]) == [MINE]


@pytest.mark.parametrize("case", UNREADABLE)
def test_and_gets_no_new_ones(catalog: Catalog, case: str) -> None:
    assert names(catalog, [UNREADABLE[case]], []) == []


@pytest.mark.parametrize("case", UNREADABLE)
def test_and_touches_no_neighbour(catalog: Catalog, case: str) -> None:
    neighbour = wanting(an_entry(OTHER), name="chat")
    gone = made(THIRD, owner="gone")

    found = names(catalog, [UNREADABLE[case], neighbour], [made(), made(OTHER, "chat"), gone])

    assert sorted(found) == [MINE, OTHER]


def test_a_machine_that_is_kept_is_named_and_not_changed(catalog: Catalog) -> None:
    answer = machines_synced(a_namespace_request([a_workspace()], [made()]), catalog)

    assert answer["attachments"] == [
        {"apiVersion": "karpenter.sh/v1alpha5", "kind": "Machine", "metadata": {"name": MINE}}
    ]


def test_a_machine_of_which_nobody_knows_whose_it_is_stays(catalog: Catalog) -> None:
    assert names(catalog, [wanting()], [made(owner="")]) == [MINE]


@pytest.mark.parametrize(
    ("owner", "neighbours"),
    [
        pytest.param("", [], id="the label was removed"),
        pytest.param("chat", [a_workspace("chat")], id="the label names a neighbour without plan"),
    ],
)
def test_a_machine_is_answered_once_whatever_its_label_says(
    catalog: Catalog, owner: str, neighbours: list[JsonObject]
) -> None:
    request = a_namespace_request([wanting(an_entry()), *neighbours], [made(owner=owner)])

    [attachment] = machines_synced(request, catalog)["attachments"]

    assert attachment["metadata"]["labels"]["kaito.sh/workspace"] == "phi"


@pytest.mark.parametrize("missing", ["attachments", "related"])
def test_a_kind_that_was_not_sent_changes_nothing(catalog: Catalog, missing: str) -> None:
    request = a_namespace_request([wanting(an_entry())], [made()])
    request[missing] = {}

    with pytest.raises(Unplannable, match=r"^the request holds no \S+: are both hooks of version"):
        machines_synced(request, catalog)


# --- removing -----------------------------------------------------------------------------------


def test_a_workspace_that_is_gone_loses_its_machines(catalog: Catalog) -> None:
    assert names(
        catalog, [wanting(an_entry(OTHER), name="chat")], [made(), made(OTHER, "chat")]
    ) == [OTHER]


@pytest.mark.parametrize(
    "going",
    [
        pytest.param(wanting(an_entry(), deletionTimestamp=EARLIER), id="that can be read"),
        pytest.param(a_workspace(deletionTimestamp=EARLIER), id="without a plan"),
        pytest.param(
            wanting(an_entry(), generation=2, deletionTimestamp=EARLIER), id="that lags behind"
        ),
    ],
)
def test_a_workspace_that_is_being_deleted_loses_its_machines(
    catalog: Catalog, going: JsonObject
) -> None:
    assert names(catalog, [going], [made()]) == []


def test_a_name_that_a_current_plan_no_longer_lists_is_removed(catalog: Catalog) -> None:
    assert names(catalog, [wanting(an_entry(OTHER))], [made(), made(OTHER)]) == [OTHER]


def test_a_plan_without_machines_removes_all_of_its_own(catalog: Catalog) -> None:
    assert names(catalog, [wanting()], [made(), made(OTHER, "chat")]) == []


def test_a_plan_ahead_of_its_workspace_counts(catalog: Catalog) -> None:
    assert names(catalog, [wanting(seen=2)], [made()]) == []


# --- waiting ------------------------------------------------------------------------------------


def waiting(when: float, name: str = MINE) -> JsonObject:
    return an_entry(name, notBefore=stamp(NOW + seconds(when)), failures=1)


def test_a_machine_that_waits_is_not_made_and_asks_for_a_look_then(catalog: Catalog) -> None:
    request = a_namespace_request([wanting(waiting(30))])

    assert machines_synced(request, catalog) == {"attachments": [], "resyncAfterSeconds": 30.0}


def test_the_first_of_several_that_wait_decides(catalog: Catalog) -> None:
    workspaces = [wanting(waiting(90)), wanting(waiting(60, OTHER), name="chat")]

    answer = machines_synced(a_namespace_request(workspaces), catalog)

    assert answer == {"attachments": [], "resyncAfterSeconds": 60.0}


def test_the_one_before_it_goes_meanwhile(catalog: Catalog) -> None:
    assert names(catalog, [wanting(waiting(30, OTHER))], [made(MINE)]) == []


def test_once_the_wait_is_over_it_is_made(catalog: Catalog) -> None:
    request = a_namespace_request([wanting(waiting(0))])

    answer = machines_synced(request, catalog)

    assert [each["metadata"]["name"] for each in answer["attachments"]] == [MINE]
    assert answer["resyncAfterSeconds"] == 15  # should nobody hear of it


def test_a_machine_that_exists_is_not_removed_for_a_wait_in_a_stale_plan(
    catalog: Catalog,
) -> None:
    request = a_namespace_request([wanting(waiting(30))], [made()])

    answer = machines_synced(request, catalog)

    assert [each["metadata"]["name"] for each in answer["attachments"]] == [MINE]
    assert "resyncAfterSeconds" not in answer


def test_a_wait_of_a_workspace_that_is_going_asks_for_nothing(catalog: Catalog) -> None:
    request = a_namespace_request([wanting(waiting(30), deletionTimestamp=EARLIER)])

    assert machines_synced(request, catalog) == {"attachments": []}


def test_a_status_that_names_a_neighbours_machine_keeps_none_and_changes_none(
    catalog: Catalog,
) -> None:
    theirs = machine_name("another uid", 0, 0)
    forger = wanting(an_entry(theirs, labels={"evil": "1"}), name="a-forger")
    neighbour = wanting(an_entry(theirs), name="chat", uid="another uid")

    [kept] = machines_synced(
        a_namespace_request([forger, neighbour], [made(theirs, "chat")]), catalog
    )["attachments"]

    assert kept["metadata"]["labels"]["kaito.sh/workspace"] == "chat"
    assert names(catalog, [forger], [made(theirs, "chat")]) == []
