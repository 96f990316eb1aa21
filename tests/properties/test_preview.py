"""A plan lists exactly what Metacontroller then writes, in random clusters and for random edits."""

from typing import Any

from hypothesis import given, reject, settings
from hypothesis import strategies as st

from composite import names
from composite.catalog import Catalog
from composite.differences import differences
from composite.models import JsonObject
from composite.preview import World, preview
from composite.preview.effects import compared
from composite.preview.playing import Write, net, over
from composite.simulate import Clock, Cluster, Ref, gpus_in, objects
from composite.simulate.errors import ApiError
from composite.simulate.in_process import InProcess
from tests.properties.worlds import written

Json = dict[str, Any]

NAMES = ("one", "two")
# As long as it takes from nothing to nodes, and to pods that serve, and in between.
SECONDS = (0.0, 10.0, 130.0, 200.0, 1500.0)

# Until pods serve, and no training has ended yet.
ENOUGH = 1500.0

befallen = st.sampled_from(["nothing", "a Machine is deleted", "a Node is deleted"])


def a_workspace(name: str, spec: Json) -> JsonObject:
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {"name": name, "namespace": "team"},
        **spec,
    }


def a_cluster(catalog: Catalog) -> Cluster:
    clock = Clock()
    return Cluster(InProcess(catalog, clock), clock=clock, gpus=gpus_in(catalog))


def befall(cluster: Cluster, what: str) -> None:
    kind = {"a Machine is deleted": names.MACHINES, "a Node is deleted": names.NODES}.get(what)
    for obj in cluster.store.list_of(kind)[:1] if kind else ():
        cluster.delete(objects.ref_of(obj))


Listed = set[tuple[str, Ref, tuple[str, ...]]]


def as_listed(writes: dict[Ref, Write]) -> Listed:
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


@settings(max_examples=60, deadline=None)
@given(
    there=st.dictionaries(st.sampled_from(NAMES), written, max_size=2),
    played=st.sampled_from(SECONDS),
    trouble=befallen,
    name=st.sampled_from(NAMES),
    wanted=written,
)
def test_a_plan_lists_what_is_written_and_nothing_else(
    catalog: Catalog, there: dict[str, Json], played: float, trouble: str, name: str, wanted: Json
) -> None:
    live = a_cluster(catalog)
    for other, spec in sorted(there.items()):
        try:
            live.apply(a_workspace(other, spec))
        except ApiError:
            reject()
    live.run(played)
    befall(live, trouble)
    live.run(live.clock.seconds)
    observed = objects.clone(live.store.everything())
    workspace = a_workspace(name, wanted)

    plan = preview(World(observed, [], [workspace], gpus_in(catalog), live.clock.now), catalog)

    mark = live.store.last_change
    known = live.store.get(Ref(names.WORKSPACES, "team", name))
    try:
        live.apply(over(workspace, known))
    except ApiError:
        assert [each.refused for each in plan.workspaces if each.name == name] != [()]
    live.run(live.clock.seconds + ENOUGH)
    done = as_listed(net(live.store.changes(mark)))
    said = {
        (
            each.action,
            Ref(f"{each.kind}.{each.apiVersion}", each.namespace, each.name),
            tuple(field.path for field in each.fields),
        )
        for one in plan.workspaces
        for each in one.changes
    }
    assert said == done
