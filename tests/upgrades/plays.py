"""A member of the fleet in the embedded cluster: as the released hooks left it, and upgraded."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from composite import names
from composite.catalog import Catalog
from composite.differences import ABSENT, Difference, differences
from composite.models import JsonObject
from composite.preview.effects import Effect
from composite.simulate import (
    Clock,
    Cluster,
    Exchange,
    Hooks,
    Scenario,
    controllers,
    gpus_in,
    objects,
)
from composite.simulate.in_process import InProcess
from composite.simulate.provisioner import CLAIMS
from composite.simulate.scenario import Delays
from tests.upgrades.answers import Answers, last_answers
from tests.upgrades.comparison import (
    HARMFUL,
    Change,
    change,
    changes_of_children,
    changes_of_status,
)
from tests.upgrades.fleet import Member

# Long enough for nodes and models to come, and for a short training to end, in seconds.
GROWING = 2 * 3600.0
# Long enough for every back-off and every forgotten answer of a customize hook.
AFTERWARDS = 3600.0

NOTHING_GOES_WRONG = "all-goes-well"


class Switch:
    """Hooks that can be exchanged while the cluster runs, as an upgrade does it."""

    def __init__(self, hooks: Hooks) -> None:
        self.hooks = hooks

    def call(self, path: str, body: JsonObject) -> JsonObject:
        """Ask whoever answers now."""
        return self.hooks.call(path, body)


@dataclass(frozen=True)
class Upgrade:
    """
    What an upgrade did to a member.

    ``pods`` and ``machines`` count what was there before, ``restarted`` and ``replaced`` what of it
    is there no more or had to start again. ``anew`` is where the objects would differ if the
    Workspaces were made anew today, as far as somebody has asked.
    """

    member: Member
    changes: tuple[Change, ...]
    pods: int
    restarted: int
    machines: int
    replaced: int
    anew: tuple[Change, ...] = ()

    @cached_property
    def verdict(self) -> str:
        """The worst effect, or ``unchanged`` if nothing that is there was touched."""
        found = {each.effect for each in self.changes} - {Effect.DEFERRED}
        return next((effect.value for effect in Effect if effect in found), "unchanged")


def grown(member: Member, hooks: Hooks, clock: Clock) -> Cluster:
    """Return a cluster in which the Workspaces run, for whom these hooks answered."""
    cluster = Cluster(
        hooks,
        Scenario(
            name=NOTHING_GOES_WRONG,
            description="Nothing goes wrong.",
            delays=Delays(train=member.installation.training),
        ),
        clock=clock,
        provisioner=member.installation.provisioner,
        gpus=gpus_in(member.catalog),
    )
    for obj in sorted(member.objects, key=lambda obj: obj["kind"] == "Workspace"):
        cluster.apply(obj)
    cluster.run(until=GROWING)
    return cluster


def answers_of_today(member: Member) -> Answers:
    """Return what today's hooks answer for a member once it runs."""
    clock = Clock()
    return last_answers(grown(member, InProcess(member.catalog, clock), clock).requests)


def released_world(member: Member, answers: Answers) -> tuple[Cluster, Switch]:
    """Return a cluster that runs as released hooks answered, and whom it asks."""
    switch = Switch(answers.with_gone())
    cluster = grown(member, switch, Clock())
    switch.hooks = answers
    cluster.resync()
    cluster.run(until=cluster.clock.seconds + AFTERWARDS)
    return cluster, switch


def upgraded(
    member: Member,
    answers: Answers,
    *,
    hooks: Hooks | None = None,
    catalog: Catalog | None = None,
) -> Upgrade:
    """
    Return what comes of it if other hooks answer from now on.

    Args:
        member: Whom for.
        answers: What the hooks answered before.
        hooks: Who answers now; by default today's.
        catalog: What today's hooks know; by default the catalog of the member.

    """
    cluster, switch = released_world(member, answers)
    before, asked = cluster.store.everything(), len(cluster.requests)
    told = len(cluster.timeline)
    switch.hooks = hooks or InProcess(catalog or member.catalog, cluster.clock)
    cluster.resync()
    cluster.run(until=cluster.clock.seconds + AFTERWARDS)
    after = cluster.store.everything()
    found = [
        *failures(cluster, told),
        *(each for exchange in cluster.requests[asked:] for each in changes_of(member, exchange)),
    ]
    machines_lost = replaced_machines(before, after)
    known = {each.name for each in found if each.effect is Effect.RECREATED}
    found += [each for each in machines_lost if each.name not in known]
    lost = lost_pods(before, after)
    if lost and not any(each.effect in HARMFUL for each in found):
        gone = Difference("metadata.uid", lost[0]["metadata"]["uid"], ABSENT)
        found.append(change(lost[0], gone, Effect.ROLLED))
    return Upgrade(
        member=member,
        changes=tuple({each[:3]: each for each in reversed(found)}.values())[::-1],
        pods=len(living(before, names.PODS)),
        restarted=len(lost),
        machines=sum(len(living(before, kind)) for kind in CLAIMS),
        replaced=len(machines_lost),
    )


def made_anew(upgrade: Upgrade, answers: Answers) -> Upgrade:
    """Return an upgrade that also tells what the Workspaces would be if they were made anew."""
    today = answers_of_today(upgrade.member)
    return replace(upgrade, anew=tuple(differing(answers, today)))


def changes_of(member: Member, exchange: Exchange) -> Iterator[Change]:
    """Yield what the answer to a sync changes; to what was there, and in the status."""
    if not exchange.path.endswith("/sync") or exchange.response is None:
        return
    request, answer = exchange.request, exchange.response
    by_path = {one.sync_path: one for one in controllers(member.installation.provisioner)}
    controller = by_path[exchange.path]
    parent = request.get("parent") or request["object"]
    observed = request.get("children") or request.get("attachments") or {}
    wanted = answer.get("children") or answer.get("attachments") or []
    yield from changes_of_children(controller, parent, observed, wanted)
    if "status" in answer:
        yield from changes_of_status(parent, answer["status"])


def failures(cluster: Cluster, told: int) -> Iterator[Change]:
    """Yield what a hook or the API server refused."""
    for entry in cluster.timeline[told:]:
        if entry.what == "failed":
            kind, _, name = entry.about.partition(" ")
            for detail in entry.details:
                yield Change(kind, name.rpartition("/")[2], "", ABSENT, detail, Effect.REFUSED)


def living(world: list[JsonObject], kind: str) -> list[JsonObject]:
    """Return the objects of a kind that are not on their way out."""
    found = [obj for obj in world if objects.kind_key(obj) == kind]
    return [obj for obj in found if not objects.is_terminating(obj)]


def replaced_machines(before: list[JsonObject], after: list[JsonObject]) -> list[Change]:
    """Return the Machines that are not there any more, whatever is there in their place."""
    there = {objects.uid_of(obj) for kind in CLAIMS for obj in living(after, kind)}
    return [
        change(obj, Difference("metadata.uid", objects.uid_of(obj), ABSENT), Effect.RECREATED)
        for kind in CLAIMS
        for obj in living(before, kind)
        if objects.uid_of(obj) not in there
    ]


def lost_pods(before: list[JsonObject], after: list[JsonObject]) -> list[JsonObject]:
    """Return the pods that are gone, and those whose containers were started again."""
    there = {objects.uid_of(pod): restarts(pod) for pod in living(after, names.PODS)}
    pods = living(before, names.PODS)
    return [pod for pod in pods if there.get(objects.uid_of(pod), -1) != restarts(pod)]


def restarts(pod: JsonObject) -> int:
    """Return how often containers of a pod were started again."""
    status = objects.status_of(pod)
    kinds = ("initContainerStatuses", "containerStatuses")
    return sum(int(s.get("restartCount", 0)) for kind in kinds for s in status.get(kind) or ())


def differing(before: Answers, after: Answers) -> Iterator[Change]:
    """Yield where what is made anew today is not what was made then."""
    one, other = before.objects, after.objects
    for key in sorted({**one, **other}):
        if key not in one or key not in other:
            kind, name = key
            there, wanted = (name if key in found else ABSENT for found in (one, other))
            yield Change(kind, name, "metadata.name", there, wanted, Effect.DEFERRED)
            continue
        for each in differences(one[key], other[key]):
            yield change(one[key], each, Effect.DEFERRED)
