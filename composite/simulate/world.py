"""What every actor of the cluster has in common: the store, the time, the scenario."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from composite import names
from composite.catalog import Catalog
from composite.models import JsonObject
from composite.simulate import objects
from composite.simulate.clock import Agenda, Clock
from composite.simulate.memory import MemoryStore
from composite.simulate.objects import Ref
from composite.simulate.scenario import Delays, Faults, Scenario
from composite.simulate.store import Change


@dataclass(frozen=True)
class Gpus:
    """What a node of some instance type shows once its device plugin runs."""

    resource: str = names.GPU
    count: int = 1


ONE_GPU = Gpus()


def gpus_in(catalog: Catalog) -> dict[str, Gpus]:
    """Return what Nodes of the instance types of a catalog show."""
    rows = catalog.instance_types.values()
    return {row.name: Gpus(row.gpuResource, row.gpuCount) for row in rows}


@dataclass(frozen=True)
class World:
    """
    What actors act on and in.

    ``gpus`` says by instance type what a Node shows, ``other_gpus`` what it shows of a type that
    is not in the table.
    """

    store: MemoryStore
    agenda: Agenda
    scenario: Scenario
    gpus: Mapping[str, Gpus] = field(default_factory=dict)
    other_gpus: Gpus = ONE_GPU

    @property
    def clock(self) -> Clock:
        """The virtual clock."""
        return self.agenda.clock

    @property
    def delays(self) -> Delays:
        """How long things take."""
        return self.scenario.delays

    @property
    def faults(self) -> Faults:
        """What goes wrong."""
        return self.scenario.faults


class WorldActor:
    """
    A controller that looks at one object at a time and compares what is with what should be.

    It is told nothing but "look": all it knows is in the store, and when it first saw what.
    """

    name = ""

    def __init__(self, world: World) -> None:
        self.world = world
        self.store = world.store
        self._due: dict[tuple[str, str], float] = {}

    def notice(self, change: Change) -> Iterator[Ref]:
        """Return what has to be looked at because of a change."""
        raise NotImplementedError

    def act(self, key: Ref) -> None:
        """Look at one object."""
        raise NotImplementedError

    def restart(self) -> Iterator[Ref]:
        """Forget what was first seen when, and return what has to be looked at again."""
        self._due.clear()
        self.world.agenda.drop(self)
        for obj in self.store.everything():
            yield from self.notice(Change(0, "ADDED", None, obj, ""))

    def passed(self, obj: JsonObject, step: str, seconds: float) -> bool:
        """Tell whether some time has passed since this was first asked; come back when it has."""
        clock = self.world.clock
        due = self._due.setdefault((objects.uid_of(obj), step), clock.seconds + seconds)
        if clock.seconds >= due:
            return True
        self.world.agenda.add_at(self, objects.ref_of(obj), due)
        return False

    def write_status(self, obj: JsonObject, status: JsonObject) -> JsonObject:
        """Return the object with another status, written only if it is another one."""
        if status == objects.status_of(obj):
            return obj
        return self.store.update_status({**obj, "status": status})


def condition(kind: str, status: str, reason: str = "", message: str = "") -> JsonObject:
    """Return a condition without its time; an empty reason or message is left out."""
    cause = {"reason": reason, "message": message}
    return {"type": kind, "status": status, **{key: text for key, text in cause.items() if text}}
