"""A version that breaks something is told so: in which field, for whom, and what it does."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from composite.models import JsonObject
from composite.simulate import Clock, Hooks, objects
from composite.simulate.in_process import InProcess
from tests.upgrades.answers import released
from tests.upgrades.declarations import Declaration, causes
from tests.upgrades.fleet import Member, chosen
from tests.upgrades.plays import Upgrade, upgraded
from tests.upgrades.sentences import Report

Edit = Callable[[JsonObject], JsonObject | None]


class Altered:
    """Today's hooks, but for one edit of every object that they want."""

    def __init__(self, hooks: Hooks, edit: Edit) -> None:
        self._hooks = hooks
        self._edit = edit

    def call(self, path: str, body: JsonObject) -> JsonObject:
        answer = objects.clone(self._hooks.call(path, body))
        for field in ("children", "attachments"):
            if field in answer:
                edited = [self._edit(each) for each in answer[field]]
                answer[field] = [each for each in edited if each is not None]
        return dict(answer)


def member(name: str) -> Member:
    [found] = chosen([name])
    return found


def broken(name: str, edit: Edit) -> Upgrade:
    """Return what comes of it if a version wants something else."""
    found = member(name)
    # Nothing that is asked here needs the time.
    hooks = Altered(InProcess(found.catalog, Clock()), edit)
    return upgraded(found, released(found), hooks=hooks)


def setting(kind: str, path: str, value: Any) -> Edit:  # noqa: ANN401  (JSON)
    """Return an edit that sets a field of the objects of a kind."""

    def edit(obj: JsonObject) -> JsonObject:
        if obj["kind"] == kind:
            *way, last = path.split("/")
            place: Any = obj
            for step in way:
                place = place[int(step) if isinstance(place, list) else step]
            place[last] = value
        return obj

    return edit


def dropping(kind: str) -> Edit:
    return lambda obj: None if obj["kind"] == kind else obj


def told(upgrade: Upgrade) -> Iterator[tuple[str, str, str, str]]:
    for each in causes(upgrade):
        yield each.effect.value, each.kind, each.path, str(each.after)


ON_ONE_NODE = "azure-machines/phi-2-on-one-node"
SPLIT = "azure-machines/llama-2-13b-chat-split-over-two-nodes"
TRAINS = "trainings-that-run/from-an-address-to-an-image"
POD = "spec/template/spec"


@pytest.mark.parametrize(
    ("name", "edit", "verdict", "sentence"),
    [
        pytest.param(
            ON_ONE_NODE,
            setting("Deployment", f"{POD}/containers/0/image", "b"),
            "rolled",
            ("Deployment", "spec.template.spec.containers[0].image", "b"),
            id="an image",
        ),
        pytest.param(
            SPLIT,
            setting("StatefulSet", f"{POD}/containers/0/readinessProbe/periodSeconds", 99),
            "rolled",
            ("StatefulSet", "spec.template.spec.containers[0].readinessProbe.periodSeconds", "99"),
            id="a probe",
        ),
        pytest.param(
            "own-runtime/the-tiny-model",
            setting("Deployment", f"{POD}/terminationGracePeriodSeconds", 30),
            "rolled",
            ("Deployment", "spec.template.spec.terminationGracePeriodSeconds", "30"),
            id="a grace period",
        ),
        pytest.param(
            ON_ONE_NODE,
            setting("Deployment", "spec/replicas", 0),
            "disturbed",
            ("Deployment", "spec.replicas", "0"),
            id="fewer replicas",
        ),
        pytest.param(
            SPLIT,
            setting("StatefulSet", "spec/serviceName", "elsewhere"),
            "refused",
            ("StatefulSet", "spec.serviceName", "elsewhere"),
            id="a name that cannot be changed",
        ),
        pytest.param(
            ON_ONE_NODE,
            setting("Deployment", "spec/selector/matchLabels", {"app": "x"}),
            "refused",
            ("Deployment", "spec.selector.matchLabels.app", "x"),
            id="a selector",
        ),
        pytest.param(
            ON_ONE_NODE,
            setting("Service", "spec/clusterIP", "10.0.0.1"),
            "refused",
            ("Service", "spec.clusterIP", "10.0.0.1"),
            id="an address",
        ),
        pytest.param(
            ON_ONE_NODE,
            setting("Service", "spec/selector", {"app": "x"}),
            "disturbed",
            ("Service", "spec.selector.app", "x"),
            id="where an address leads",
        ),
        pytest.param(
            ON_ONE_NODE,
            dropping("Service"),
            "recreated",
            ("Service", "metadata.name", "(absent)"),
            id="a child that is dropped",
        ),
        pytest.param(
            ON_ONE_NODE,
            dropping("Machine"),
            "recreated",
            ("Machine", "metadata.name", "(absent)"),
            id="a Machine that is dropped",
        ),
        pytest.param(
            "azure-nodeclaims/one-node",
            setting("NodeClaim", "metadata/name", "another"),
            "recreated",
            ("NodeClaim", "metadata.name", "another"),
            id="a NodeClaim that is renamed",
        ),
        pytest.param(
            TRAINS,
            setting("Job", "metadata/name", "another"),
            "recreated",
            ("Job", "metadata.name", "another"),
            id="a Job that is renamed",
        ),
        pytest.param(
            TRAINS,
            setting("ConfigMap", "data/training_config.yaml", "{}"),
            "refused",
            ("ConfigMap", 'data["training_config.yaml"]', "{}"),
            id="a configuration that is rewritten",
        ),
    ],
)
def test_harm_is_told(name: str, edit: Edit, verdict: str, sentence: tuple[str, str, str]) -> None:
    upgrade = broken(name, edit)

    assert upgrade.verdict == verdict
    assert (verdict, *sentence) in told(upgrade)
    assert Report("0.1.0", (upgrade,), ()).mistakes


@pytest.mark.parametrize(
    ("name", "edit", "lost"),
    [
        (ON_ONE_NODE, setting("Deployment", f"{POD}/containers/0/image", "b"), (1, 0)),
        (SPLIT, setting("StatefulSet", f"{POD}/containers/0/image", "b"), (2, 0)),
        ("azure-machines/three-replicas-of-phi-3", dropping("Machine"), (3, 3)),
    ],
)
def test_pods_and_machines_that_are_lost_are_counted(
    name: str, edit: Edit, lost: tuple[int, int]
) -> None:
    upgrade = broken(name, edit)

    assert (upgrade.restarted, upgrade.replaced) == lost


@pytest.mark.parametrize(
    ("name", "edit"),
    [
        (ON_ONE_NODE, setting("Deployment", "spec/progressDeadlineSeconds", 9)),
        (ON_ONE_NODE, setting("ControllerRevision", "metadata/labels/more", "x")),
    ],
)
def test_what_is_written_in_place_is_told_apart(name: str, edit: Edit) -> None:
    upgrade = broken(name, edit)

    assert (upgrade.restarted, upgrade.replaced) == (0, 0)
    assert {c.effect.value for c in upgrade.changes if c.kind != "Workspace"} == {"updated"}


@pytest.mark.parametrize(
    ("name", "edit"),
    [
        (ON_ONE_NODE, setting("Machine", "spec/resources/requests/storage", "99Gi")),
        (TRAINS, setting("Job", f"{POD}/containers/0/image", "b")),
    ],
)
def test_what_reaches_only_new_objects_is_no_change(name: str, edit: Edit) -> None:
    upgrade = broken(name, edit)

    assert upgrade.verdict == "unchanged"
    assert {each.effect.value for each in upgrade.changes} == {"deferred"}


def test_the_sentence_says_all_that_has_to_be_known() -> None:
    names = (ON_ONE_NODE, "azure-machines/falcon-7b-on-one-node")
    edit = setting("Deployment", f"{POD}/containers/0/image", "b")
    report = Report("0.1.0", tuple(broken(name, edit) for name in names), ())

    [told_once] = report.mistakes
    assert told_once == (
        "Deployment phi-2: spec.template.spec.containers[0].image: "
        "mcr.microsoft.com/aks/kaito/kaito-phi-2:0.0.5 → b: restarts 2 of the fleet: "
        "azure-machines/phi-2-on-one-node, azure-machines/falcon-7b-on-one-node; "
        "if it must be, declare it in CHANGELOG.md, in what is unreleased: "
        "* **Roll-out**: `Deployment spec.template.spec.containers[*].image`: why"
    )


def test_what_is_declared_is_let_through_and_nothing_else() -> None:
    edit = setting("Deployment", f"{POD}/containers/0/image", "b")
    upgrade = broken(ON_ONE_NODE, edit)
    image = Declaration("Deployment", "spec.template.spec.containers[*].image", "azure-*/*", "why")
    probe = Declaration("Deployment", "spec.template.spec.containers[*].ports", "*", "why")

    assert Report("0.1.0", (upgrade,), (image,)).mistakes == []
    assert len(Report("0.1.0", (upgrade,), (probe,)).mistakes) == 2
    assert Report("0.1.0", (upgrade,), (image, probe)).mistakes == [
        f"CHANGELOG.md: {probe}: nothing of the kind happens; remove it"
    ]


def test_no_declaration_lets_through_what_the_api_server_refuses() -> None:
    upgrade = broken(SPLIT, setting("StatefulSet", "spec/serviceName", "elsewhere"))
    declared = Declaration("StatefulSet", "spec.serviceName", "*", "why")

    [refused, field] = Report("0.1.0", (upgrade,), (declared,)).mistakes

    assert "updates to statefulset spec for fields other than" in refused
    assert field.endswith("no release may do this")
