"""A plan foresees exactly what comes of an apply, in random clusters and for random edits."""

from collections import Counter
from typing import Any, NamedTuple

from hypothesis import given, reject, settings
from hypothesis import strategies as st

from composite import names
from composite.catalog import Catalog, Provisioner
from composite.differences import differences
from composite.models import JsonObject
from composite.preview import Preview
from composite.preview.api import ObjectChange
from composite.preview.client_apply import NOTE, as_applied
from composite.preview.effects import compared
from composite.preview.playing import PARENTS, Write, net, over
from composite.simulate import Clock, Cluster, Ref, gpus_in, objects
from composite.simulate.in_process import InProcess
from composite.simulate.metacontroller import Metacontroller
from composite.simulate.provisioner import CLAIMS
from hooks.cli.files import Manifest
from hooks.cli.planning import foreseen
from hooks.cli.rendering import shown_gpus, well
from hooks.settings import Settings
from tests.properties.worlds import LABELS, NAMESPACE, TYPES, written
from tests.schemas.admission import refusals

Json = dict[str, Any]

NAMES = ("one", "two")
# As long as it takes from nothing to nodes, and to pods that serve, and in between.
SECONDS = (0.0, 10.0, 130.0, 200.0, 1500.0)

# Until pods serve, and no training has ended yet.
ENOUGH = 1500.0
CATALOGS = {each: Settings(provisioner=each).catalog() for each in Provisioner}

befallen = st.sampled_from(["nothing", "a Machine is deleted", "a Node is deleted"])
marked = st.fixed_dictionaries(
    {},
    optional={
        "labels": st.sampled_from([{"team": "a"}, {"team": "b"}]),
        "annotations": st.sampled_from([{names.ANNOTATION_ENABLE_LB: "True"}, {"note": "x"}]),
    },
)
given_nodes = st.lists(st.sampled_from(["node-0", "node-1"]), unique=True, max_size=2)


class Case(NamedTuple):
    """A cluster that is brought up to a moment, and what is applied then."""

    provisioner: Provisioner
    nodes: list[str]
    there: dict[str, Json]
    noted: bool
    played: float
    trouble: str
    name: str
    wanted: Json
    metadata: Json


cases = st.builds(
    Case,
    provisioner=st.sampled_from(Provisioner),
    nodes=given_nodes,
    there=st.dictionaries(st.sampled_from(NAMES), written, max_size=2),
    noted=st.booleans(),
    played=st.sampled_from(SECONDS),
    trouble=befallen,
    name=st.sampled_from(NAMES),
    wanted=written,
    metadata=marked,
)


class Outcome(NamedTuple):
    """What comes of an apply, or is foreseen to."""

    applied: set[tuple[str, Ref, tuple[str, ...]]]
    written: set[tuple[str, Ref, tuple[str, ...]]]
    restarted: set[str]
    nodes: Counter[tuple[str, str, str]]
    kept: set[tuple[str, str]]


def a_workspace(name: str, spec: Json, metadata: Json | None = None) -> JsonObject:
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {"name": name, "namespace": NAMESPACE, **(metadata or {})},
        **spec,
    }


def a_node(name: str, catalog: Catalog) -> JsonObject:
    labels = {**LABELS[1], names.LABEL_INSTANCE_TYPE: TYPES[0]}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "spec": {},
        "status": well(gpus_in(catalog)[TYPES[0]]),
    }


def a_cluster(catalog: Catalog, gpus: Any) -> Cluster:  # noqa: ANN401  (by instance type)
    clock = Clock()
    provisioner = catalog.provisioning.provisioner
    return Cluster(InProcess(catalog, clock), clock=clock, provisioner=provisioner, gpus=gpus)


def befall(cluster: Cluster, what: str) -> None:
    kinds = {"a Machine is deleted": CLAIMS, "a Node is deleted": (names.NODES,)}.get(what, ())
    found = [obj for kind in kinds for obj in cluster.store.list_of(kind)]
    for obj in found[:1]:
        cluster.delete(objects.ref_of(obj))


def as_listed(writes: dict[Ref, Write]) -> set[tuple[str, Ref, tuple[str, ...]]]:
    return {(as_done(write), ref, fields(write)) for ref, write in writes.items()}


def fields(write: Write) -> tuple[str, ...]:
    if write.anew or write.before is None or write.after is None:
        return ()
    found = differences(compared(write.before), compared(write.after))
    return tuple(each.path for each in found) or ("metadata.annotations",)


def as_done(write: Write) -> str:
    if write.anew:
        return "recreated"
    if write.before is None:
        return "added"
    return "removed" if write.after is None else "changed"


def as_told(change: ObjectChange) -> tuple[str, Ref, tuple[str, ...]]:
    ref = Ref(f"{change.kind}.{change.apiVersion}", change.namespace, change.name)
    return change.action, ref, tuple(field.path for field in change.fields)


def told(plan: Preview) -> Outcome:
    return Outcome(
        applied={as_told(each) for each in plan.applied},
        written={as_told(each) for one in plan.workspaces for each in one.changes},
        restarted={pod for one in plan.workspaces for pod in one.restarts},
        nodes=Counter(
            {
                (one.name, each.instanceType, sign): count
                for one in plan.workspaces
                for each in one.nodes
                for sign, count in (("+", each.added), ("-", each.removed))
                if count
            }
        ),
        kept={(one.name, node) for one in plan.workspaces if not one.refused for node in one.keeps},
    )


def machines(store: Any) -> dict[str, tuple[str, str]]:  # noqa: ANN401  (everything in it)
    """Whom each Machine is for, and of which type it is."""
    found = {}
    for obj in store:
        if objects.kind_key(obj) in CLAIMS:
            types = {
                each["key"]: each["values"][0]
                for each in obj["spec"]["requirements"]
                if each.get("values")
            }
            whom = objects.labels_of(obj)[names.LABEL_WORKSPACE]
            found[obj["metadata"]["name"]] = whom, types[names.LABEL_INSTANCE_TYPE]
    return found


def happened(live: Cluster, mark: int, observed: list[JsonObject], plan: Preview) -> Outcome:
    """What came of it, of all that a plan tells of."""
    everything = live.store.everything()
    changes = live.store.changes(mark)
    before, after = machines(observed), machines(everything)
    uids = {objects.uid_of(each) for each in everything}
    nodes_there = {each["metadata"]["name"] for each in everything if each["kind"] == "Node"}
    nodes_before = {each["metadata"]["name"] for each in observed if each["kind"] == "Node"}
    shown = {one.name for one in plan.workspaces if not one.refused}
    return Outcome(
        applied=as_listed(
            {
                ref: write._replace(before=unnoted(write.before), after=unnoted(write.after))
                for ref, write in net(changes, live.user.name).items()
                if ref.kind != objects.NAMESPACES
            }
        ),
        written=as_listed(
            {
                ref: write
                for ref, write in net(changes, Metacontroller.name).items()
                if ref.kind not in PARENTS
            }
        ),
        restarted={
            each["metadata"]["name"]
            for each in observed
            if each["kind"] == "Pod"
            and not objects.is_terminating(each)
            and objects.status_of(each).get("phase") not in ("Succeeded", "Failed")
            and objects.uid_of(each) not in uids
            and each["spec"].get("nodeName", "") in {"", *(nodes_there)}
        },
        nodes=Counter((*after[name], "+") for name in after.keys() - before.keys())
        + Counter((*before[name], "-") for name in before.keys() - after.keys()),
        kept={
            (each["metadata"]["name"], node)
            for each in everything
            if each["kind"] == names.KIND and each["metadata"]["name"] in shown
            for node in objects.status_of(each).get("workerNodes") or ()
            if node in nodes_before
        },
    )


def unnoted(obj: JsonObject | None) -> JsonObject | None:
    """An object without what kubectl notes of it."""
    if obj is None:
        return None
    annotations = obj["metadata"].get("annotations") or {}
    kept = {key: value for key, value in annotations.items() if key != NOTE}
    return objects.with_metadata(obj, annotations=kept or None)


def is_accepted(live: Cluster, name: str) -> bool:
    found = live.store.get(Ref(names.WORKSPACES, NAMESPACE, name))
    return found is not None and objects.is_true(found, "Accepted")


@settings(max_examples=60, deadline=None)
@given(case=cases)
def test_a_plan_foresees_what_comes_of_an_apply_and_nothing_else(case: Case) -> None:
    catalog = CATALOGS[case.provisioner]
    workspace = a_workspace(case.name, case.wanted, case.metadata)
    manifest = Manifest("w.yaml", 1, workspace)
    try:
        gpus = {**gpus_in(catalog), **shown_gpus([manifest], catalog)}
    except Exception:  # noqa: BLE001  (it cannot be read, and so is not played)
        gpus = gpus_in(catalog)
    live = a_cluster(catalog, gpus)
    # Pods are not played in a plan: where two share a node, one may find no room later.
    alone = case.there.keys() <= {case.name}
    for node in case.nodes if alone else ():
        live.apply(a_node(node, catalog))
    for other, spec in sorted(case.there.items()):
        plain = a_workspace(other, spec)
        if refusals(plain):
            reject()
        live.apply(as_applied(plain) if case.noted else plain)
    live.run(case.played)
    befall(live, case.trouble)
    live.run(live.clock.seconds)
    observed = objects.clone(live.store.everything())

    plan = foreseen([manifest], observed, catalog, None, live.clock.now)

    (one,) = (each for each in plan.workspaces if each.name == case.name)
    mark = live.store.last_change
    known = live.store.get(Ref(names.WORKSPACES, NAMESPACE, case.name))
    wanted = over(workspace, known)
    refused = refusals(wanted, known)
    if not refused:
        live.apply(wanted)
    live.run(live.clock.seconds + ENOUGH)
    assert bool(one.refused) == (bool(refused) or not is_accepted(live, case.name))
    if known is None and one.refused:
        assert (plan.applied, one.changes, one.nodes) == ((), (), ())
        return
    foretold, done = told(plan), happened(live, mark, observed, plan)
    gone = {each["metadata"]["name"] for each in observed if is_on_lost_node(each, live)}
    assert foretold._replace(restarted=foretold.restarted - gone) == done


def is_on_lost_node(pod: JsonObject, live: Cluster) -> bool:
    node = pod["spec"].get("nodeName") if pod["kind"] == "Pod" else None
    return bool(node) and live.store.get(Ref(names.NODES, "", str(node))) is None
