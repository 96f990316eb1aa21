"""The preview: what is written, Workspace by Workspace, and what that needs and costs."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from composite import names
from composite.catalog import Catalog
from composite.models import JsonObject
from composite.preview.api import (
    NodesChange,
    ObjectChange,
    Preview,
    WorkspacePreview,
)
from composite.preview.changes import instance_type_of, object_change
from composite.preview.client_apply import NOTE
from composite.preview.effects import compared
from composite.preview.memory import memory, need_of
from composite.preview.playing import Played, World, Write, over, play, workspace_ref
from composite.preview.sums import total
from composite.prices import PriceTable, cost, times
from composite.refusal import Problem
from composite.simulate import Ref, controllers, objects
from composite.simulate.admission import admitted
from composite.simulate.provisioner import CLAIMS
from composite.workspace.observe import CLAIM_KINDS

Given = Literal["new", "edited", "same", "not given"]


class About(NamedTuple):
    """What every part of a preview is made of."""

    played: Played
    world: World
    catalog: Catalog
    prices: PriceTable | None


def preview(world: World, catalog: Catalog, prices: PriceTable | None = None) -> Preview:
    """
    Return what applying some Workspaces would do to a cluster.

    The order is that of the Workspaces given, then of others that are affected, by name.

    Args:
        world: What there is, and the Workspaces, which may be refused only on account of it.
        catalog: The settings of the installation, with presets and instance types.
        prices: What nodes cost; without them every price is unknown.

    Raises:
        Unforeseeable: What is observed lacks something without which nothing can be said.

    """
    played = play(world, catalog)
    by_owner = owned(played.writes)
    given = [workspace_ref(each) for each in world.wanted]
    concerned = by_owner.keys() | moved_nodes(played)
    refs = [*dict.fromkeys(given), *sorted(concerned - set(given))]
    about = About(played, world, catalog, prices)
    found = tuple(one(ref, by_owner.get(ref, {}), about) for ref in refs)
    return Preview(
        applied=tuple(applied(about)),
        workspaces=found,
        total=total(found),
        currency=prices.currency if prices is not None else None,
    )


def applied(about: About) -> Iterator[ObjectChange]:
    """Yield the user's own writes; what differs only in its defaults is the same."""
    for ref, write in sorted(about.played.applied.items()):
        before, after = (told(each) for each in (write.before, write.after))
        if before != after:
            yield object_change(ref, Write(before, after, anew=False), (), about.world.observed)


def told(obj: JsonObject | None) -> JsonObject | None:
    """Return an object with its defaults, and without what kubectl notes of it and its status."""
    if obj is None:
        return None
    annotations = obj["metadata"].get("annotations") or {}
    kept = {key: value for key, value in annotations.items() if key != NOTE}
    return admitted(compared(objects.with_metadata(obj, annotations=kept or None)))


def moved_nodes(played: Played) -> set[Ref]:
    """
    Return the Workspaces whose Machines come or go, whoever has them do so.

    Not of one that is gone or goes: its Machines go whatever is applied.
    """
    before, after = played.claims
    moved = [
        each[ref] for ref in before.keys() ^ after.keys() for each in played.claims if ref in each
    ]
    stays = {ref for ref, obj in played.before.items() if not objects.is_terminating(obj)}
    return {workspace_of(each) for each in moved} & stays


def given_as(ref: Ref, about: About) -> Given:
    """Return what the files say of a Workspace; what differs only in its defaults is the same."""
    if all(workspace_ref(each) != ref for each in about.world.wanted):
        return "not given"
    if ref not in about.played.before:
        return "new"
    write = about.played.applied.get(ref)
    edited = write is not None and told(write.before) != told(write.after)
    return "edited" if edited or ref in about.played.rejected else "same"


def owned(writes: Mapping[Ref, Write]) -> dict[Ref, dict[Ref, Write]]:
    """Return the writes by the Workspace that they are for."""
    found: dict[Ref, dict[Ref, Write]] = {}
    for ref, write in writes.items():
        found.setdefault(workspace_of(write.after or write.before or {}), {})[ref] = write
    return found


def workspace_of(obj: JsonObject) -> Ref:
    """Return the Workspace that a child is for: its owner, or whom a Machine is labelled for."""
    labels = objects.labels_of(obj)
    owner = objects.controller_of(obj)
    if owner is not None and owner["kind"] == names.KIND:
        return Ref(names.WORKSPACES, objects.namespace_of(obj), owner["name"])
    return Ref(
        names.WORKSPACES,
        labels.get(names.LABEL_WORKSPACE_NAMESPACE, ""),
        labels.get(names.LABEL_WORKSPACE, ""),
    )


def one(ref: Ref, writes: Mapping[Ref, Write], about: About) -> WorkspacePreview:
    """Return what becomes of one Workspace."""
    world, catalog = about.world, about.catalog
    found = about.played.found.get(ref)
    refused = tuple(refusals(ref, found, about.played))
    given = given_as(ref, about)
    made, gone = (nodes_of(each) for each in moved_claims(ref, about.played))
    provisioner = catalog.provisioning.provisioner
    return WorkspacePreview(
        namespace=ref.namespace,
        name=ref.name,
        given=given,
        refused=refused,
        deleting=tuple(leaving(ref, about)),
        changes=tuple(
            object_change(each, write, controllers(provisioner), world.observed)
            for each, write in in_order(writes)
        ),
        nodes=tuple(nodes_changes(made, gone, about.prices)),
        keeps=tuple(kept_nodes(found, world.observed)),
        memory=None if refused or found is None else memory(found, catalog),
        notes=() if refused or found is None or given == "not given" else notes(found),
        waits="" if refused or found is None else waits(found),
        fails=fails(ref, about.played),
        unknown=() if refused or found is None else tuple(unknown(found, made, about)),
    )


def in_order(writes: Mapping[Ref, Write]) -> list[tuple[Ref, Write]]:
    """Return writes in the order in which things come: nodes, then what runs on them."""
    order = (*CLAIMS, names.REVISIONS, names.CONFIGMAPS, names.SERVICES)

    def place(item: tuple[Ref, Write]) -> tuple[int, Ref]:
        kind = item[0].kind
        return (order.index(kind) if kind in order else len(order), item[0])

    return sorted(writes.items(), key=place)


def refusals(ref: Ref, found: JsonObject | None, played: Played) -> Iterator[Problem]:
    """Yield why a Workspace is refused, by the API server or by us."""
    if ref in played.rejected:
        yield from played.rejected[ref]
        return
    accepted = objects.condition_of(found, "Accepted") if found is not None else None
    if accepted is not None and accepted["status"] == "False":
        for sentence in str(accepted["message"]).split("; "):
            field, colon, rest = sentence.partition(": ")
            yield Problem(field=field if colon else "resource", message=rest or sentence)


def notes(found: JsonObject) -> tuple[str, ...]:
    """Return what is worth a word of a Workspace that is accepted, as its status says it."""
    accepted = objects.condition_of(found, "Accepted")
    message = str(accepted["message"]) if accepted is not None else ""
    return tuple(message.split("; ")) if message else ()


def moved_claims(ref: Ref, played: Played) -> tuple[list[JsonObject], list[JsonObject]]:
    """Return the Machines of a Workspace that come, and those that go, whoever writes them."""
    before, after = (
        {each: claim for each, claim in claims.items() if workspace_of(claim) == ref}
        for claims in played.claims
    )
    come = [claim for each, claim in sorted(after.items()) if each not in before]
    return come, [claim for each, claim in sorted(before.items()) if each not in after]


def nodes_of(claims: Iterable[JsonObject]) -> list[str]:
    """Return the instance type of each Machine or NodeClaim."""
    return [instance_type_of(claim) for claim in claims]


def leaving(ref: Ref, about: About) -> Iterator[str]:
    """Yield a Workspace that is being deleted, and what goes with it."""
    workspace = about.played.before.get(ref)
    if workspace is None or not objects.is_terminating(workspace):
        return
    yield str(ref)
    uid = objects.uid_of(workspace)
    for obj in about.world.observed:
        owner = objects.controller_of(obj)
        its_own = owner is not None and owner.get("uid") == uid
        if its_own or (objects.kind_key(obj) in CLAIMS and workspace_of(obj) == ref):
            yield str(objects.ref_of(obj))


def nodes_changes(
    made: Sequence[str], gone: Sequence[str], prices: PriceTable | None
) -> Iterator[NodesChange]:
    """Yield the nodes that come and go by instance type, with the difference in price."""
    for instance_type in sorted({*made, *gone}):
        added, removed = made.count(instance_type), gone.count(instance_type)
        each = cost(prices, instance_type)
        yield NodesChange(
            instanceType=instance_type,
            added=added,
            removed=removed,
            hourly=times(each.hourly, added - removed),
            monthly=times(each.monthly, added - removed),
            spotHourly=times(each.spot_hourly, added - removed),
            spotMonthly=times(each.spot_monthly, added - removed),
        )


def kept_nodes(found: JsonObject | None, observed: Iterable[JsonObject]) -> list[str]:
    """Return the nodes of a Workspace that are there already."""
    there = {obj["metadata"]["name"] for obj in observed if objects.kind_key(obj) == names.NODES}
    used = objects.status_of(found).get("workerNodes") or () if found is not None else ()
    return [name for name in used if name in there]


def waits(found: JsonObject) -> str:
    """Return why a Workspace does not get its nodes, in the words of its status."""
    ready = objects.condition_of(found, "ResourceReady")
    if ready is None or ready["status"] == "True":
        return ""
    return str(ready["message"] or ready["reason"])


def fails(ref: Ref, played: Played) -> str:
    """Return what Metacontroller does not get done for a Workspace."""
    taken = [
        f"{child['kind']} {child['metadata']['name']}"
        for parent, child in played.foreign
        if ref == (parent if parent.kind == names.WORKSPACES else workspace_of(child))
    ]
    if taken:
        return f"{', '.join(taken)}: there already and somebody else's, and so left alone"
    return played.failing.get(str(ref), "")


def unknown(found: JsonObject, made: Sequence[str], about: About) -> Iterator[str]:
    """Yield what cannot be known before it is applied, or before its nodes are there."""
    need, instance_type, _ = need_of(found, about.catalog)
    if made and objects.ref_of(found) not in about.played.before:
        kind = CLAIM_KINDS.get(about.catalog.provisioning.provisioner, names.MACHINES)
        claims = f"{kind.partition('.')[0]}s"
        yield f"the names of its {claims}: they follow from the uid that it will be given"
    if instance_type and instance_type not in about.catalog.instance_types:
        yield f"{instance_type} is in no table: its GPUs and their memory are seen on the node"
    elif need is None:
        yield "how much GPU memory the pod template needs"
    if made:
        yield "whether the cloud has the capacity, and you the quota"
    if is_kept_unsaid(objects.ref_of(found), about):
        yield (
            "whether fields that the file leaves out shall go: they stay, for nothing says what "
            "was applied before"
        )
    if "tuning" in found:
        yield "when the training ends: its nodes are given back then"


def is_kept_unsaid(ref: Ref, about: About) -> bool:
    """Whether ``kubectl apply`` keeps what a file leaves out, for it finds no note of its own."""
    before = about.played.before.get(ref)
    given = next((each for each in about.world.wanted if workspace_ref(each) == ref), None)
    if before is None or given is None or NOTE in (before["metadata"].get("annotations") or {}):
        return False
    wanted, kept = (
        {key: each[key] for key in names.SPEC_FIELDS if each.get(key) is not None}
        for each in map(admitted, (given, over(given, before)))
    )
    return not objects.same(wanted, kept)
