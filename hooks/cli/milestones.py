"""
The short story: a line for each step that a newcomer wants to see, and for what goes wrong.

``demo`` and ``simulate`` tell it; :mod:`.story` tells every change.
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from rich.console import Console
from rich.text import Text

from composite import names
from composite.simulate import Entry
from hooks.cli.story import BAD, clock_time

# Where no terminal says how wide it is.
USUAL_WIDTH = 160
SHOWN_GPUS = f"status.allocatable.{names.GPU}: "

CLAIMS = ("Machine", "NodeClaim")
WORKLOADS = ("Deployment", "StatefulSet", "Job")
# What is worth a line when it goes.
MOURNED = (names.KIND, "Namespace", "Service", "Pod", "Node", *CLAIMS, *WORKLOADS)

# How a container is while nothing is wrong with it.
WELL = ("", "waiting", "ContainerCreating", "PodInitializing", "running", "ready", "Completed")


class Step(NamedTuple):
    """What is told when something of a kind is changed so: by a detail that begins like this."""

    what: str
    kinds: tuple[str, ...]
    detail: str
    sentence: str


STEPS = (
    Step("created", (names.KIND,), "", "is created"),
    Step("created", CLAIMS, "", "is asked for, through status.machines and /machines/sync"),
    Step("updated", CLAIMS, "MachineLaunched=True", "is launched by the provisioner"),
    Step("updated", CLAIMS, "Launched=True", "is launched by the provisioner"),
    Step("updated", CLAIMS, "MachineRegistered=True", "has registered its node"),
    Step("updated", CLAIMS, "Registered=True", "has registered its node"),
    Step("updated", ("Node",), "Ready=True", "is Ready"),
    Step("created", ("Deployment",), "", "is made, now that its pod can run at once"),
    Step("created", ("StatefulSet",), "", "is made, now that its pods can run at once"),
    Step("created", ("Job",), "", "is made, now that its pod can run at once"),
    Step("created", ("Service",), "", "is made"),
    Step("updated", ("Pod",), "PodScheduled=True", "is on the node and pulls its image"),
    Step("updated", ("Pod",), "status.phase: Pending → Running", "has started and loads the model"),
    Step("updated", ("Pod",), "Ready=True", "answers"),
)
# What a pod does that trains is told by its Workspace instead, by the step it is at.
ONLY_SERVING = STEPS[-2:]
TRAINS = "JobStarted=True WorkspaceTuningJobStatusStarted: Tuning job has started: "


class Milestones:
    """Tells a timeline in few lines, piece by piece; it remembers how the Workspaces were."""

    def __init__(self) -> None:
        self._ready: dict[str, str] = {}
        self._held_up: set[str] = set()
        self._going: dict[str, float] = {}
        self._said: set[tuple[str, ...]] = set()
        self._jobs: set[str] = set()
        self._step: dict[str, str] = {}

    def told(self, entries: Iterable[Entry], width: int = USUAL_WIDTH) -> Iterator[Text]:
        """Yield a line for each step, none wider than ``width``."""
        for entry in entries:
            for sentence in self._sentences(entry):
                line = Text.assemble(
                    (f"{clock_time(entry.seconds):>8}  ", "cyan"),
                    (f"{entry.about} {sentence}", BAD if entry.what == "failed" else ""),
                )
                line.truncate(width, overflow="ellipsis")
                yield line

    def _sentences(self, entry: Entry) -> Iterator[str]:
        kind, _, place = entry.about.partition(" ")
        trains = kind == "Pod" and any(place.startswith(job) for job in self._jobs)
        if kind == "Job" and entry.what == "created":
            self._jobs.add(place)
        if entry.what == "failed":
            yield from self._failure(entry)
        elif entry.what in ("terminating", "deleted") and kind in MOURNED:
            yield from self._end(entry)
        elif entry.who == "user" and entry.what == "updated":
            yield f"is edited: {'; '.join(entry.details)}".removesuffix(": ")
        elif kind == names.KIND and entry.what == "updated":
            yield from self._workspace(entry)
        elif kind == "Pod" and entry.what == "updated":
            yield from self._containers(entry)
        elif kind == "Node" and entry.what == "updated":
            yield from _gpus(entry)
        yield from (
            step.sentence
            for step in STEPS
            if step.what == entry.what
            and kind in step.kinds
            and not (trains and step in ONLY_SERVING)
            and any(detail.startswith(step.detail) for detail in (*entry.details, ""))
        )

    def _failure(self, entry: Entry) -> Iterator[str]:
        """Tell what cannot be done, once: it is tried again and again."""
        if self._is_news(entry.about, *entry.details):
            yield f"fails: {'; '.join(entry.details)}"

    def _containers(self, entry: Entry) -> Iterator[str]:
        """Tell once what keeps a container from running: it is restarted again and again."""
        for detail in entry.details:
            container, _, state = detail.partition(": ")
            word = re.split(r"[ ,]", state)[0]
            is_bad = container.startswith("container ") and word not in WELL
            if is_bad and self._is_news(entry.about, container, word):
                yield f"has trouble: {detail}"

    def _is_news(self, *said: str) -> bool:
        """Whether this was not told yet; from now on it was."""
        was_said = said in self._said
        self._said.add(said)
        return not was_said

    def _end(self, entry: Entry) -> Iterator[str]:
        """Tell who deletes something, and that it is gone where that takes a while."""
        began = self._going.pop(entry.about, None)
        if entry.what == "terminating":
            self._going[entry.about] = entry.seconds
        if began is None:
            is_name = entry.who == "metacontroller"
            yield f"is deleted by {'Metacontroller' if is_name else f'the {entry.who}'}"
        elif began != entry.seconds:
            yield "is gone"

    def _workspace(self, entry: Entry) -> Iterator[str]:
        """Tell what a Workspace says of itself, where that is news."""
        for detail in entry.details:
            condition, _, said = detail.partition(" ")
            reason, _, message = said.partition(": ")
            if condition == "Accepted=False":
                yield f"is refused: {message}"
            if condition == "JobStarted=False":
                self._step.pop(entry.about, None)
            doing = detail.removeprefix(TRAINS).partition(";")[0]
            if detail.startswith(TRAINS) and self._step.get(entry.about) != doing:
                self._step[entry.about] = doing
                yield f"is {doing}"
            if not condition.startswith("WorkspaceReady="):
                continue
            status, before = condition.partition("=")[2], self._ready.get(entry.about)
            if status == "True" and before != "True":
                yield "is ready"
            elif status != "True" and before == "True":
                yield f"is not ready any more: {message}"
            elif reason == "workspaceFailed" and entry.about not in self._held_up:
                yield f"is held up: {message}"
            self._ready[entry.about] = status
            is_held_up = reason == "workspaceFailed"
            (self._held_up.add if is_held_up else self._held_up.discard)(entry.about)


def width_of(screen: Console) -> int:
    """Return how wide a line may be."""
    return screen.width if screen.is_terminal else USUAL_WIDTH


def _gpus(entry: Entry) -> Iterator[str]:
    """Tell how many GPUs a Node shows from now on."""
    for detail in entry.details:
        if detail.startswith(SHOWN_GPUS):
            count = detail.rpartition("→ ")[2]
            yield "shows its GPU" if count == "1" else f"shows its {count} GPUs"
