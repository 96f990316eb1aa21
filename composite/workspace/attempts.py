"""When a Machine is given up, and the attempt that takes its place."""

from datetime import datetime, timedelta

from composite.workspace.api import MAX_MESSAGE, PlannedMachine, SeenMachine
from composite.workspace.observe import Seen, SeenClaim
from composite.workspace.related import machine_name

# After a failed attempt: 30 s, doubled each time, at most 15 minutes; a crash-loop back-off for
# nodes. A provisioner needs minutes to find out, so faster would only burn its quota. The first
# that fails without a reason is not counted.
BACK_OFF = timedelta(seconds=30)

LONGEST_BACK_OFF = timedelta(minutes=15)

# More than a hundred years of back-off; a status that says otherwise is forged.
MOST_ATTEMPTS = 10_000_000


def advanced(
    machine: SeenMachine, uid: str, seen: Seen, now: datetime, *, going: bool
) -> PlannedMachine:
    """
    Return the plan for one node after a look at its Machine.

    It is given up when it was there and is gone, when it is being deleted, or when the provisioner
    says that no such instance can be had. A Workspace on its way out plans nothing new.
    """
    claim = seen.claims.get(machine.name)
    given_up = machine.created is True if claim is None else claim.deleting or claim.unavailable
    if given_up and not going:
        return next_attempt(machine, uid, claim, now)
    is_ready = claim is not None and claim.ready
    return PlannedMachine(
        name=machine.name,
        index=machine.index,
        attempt=machine.attempt,
        failures=None if is_ready else machine.failures,
        instanceType=machine.instanceType,
        disk=machine.disk,
        labels=dict(sorted(machine.labels.items())),
        created=machine.created or claim is not None or None,
        ready=machine.ready or is_ready or None,
        notBefore=machine.notBefore if claim is None else None,
        message=None if claim is None or is_ready else short(claim.message),
        lastFailure=None if is_ready else machine.lastFailure,
    )


def next_attempt(
    machine: SeenMachine, uid: str, claim: SeenClaim | None, now: datetime
) -> PlannedMachine:
    """
    Plan the node anew under another name, later if the last one never became Ready.

    The first that is deleted without a reason is made anew at once: a provisioner that cannot
    launch deletes the next one too, somebody who did it by mistake does not.
    """
    failures = 0 if machine.ready else (machine.failures or 0) + 1
    told = claim is not None and claim.unavailable
    counted = failures if told else failures - 1
    attempt = min(machine.attempt, MOST_ATTEMPTS) + 1
    return PlannedMachine(
        name=machine_name(uid, machine.index, attempt),
        index=machine.index,
        attempt=attempt,
        failures=failures or None,
        instanceType=machine.instanceType,
        disk=machine.disk,
        labels=dict(sorted(machine.labels.items())),
        notBefore=now + back_off(counted) if counted > 0 else None,
        lastFailure=why_given_up(machine, claim),
    )


def why_given_up(machine: SeenMachine, claim: SeenClaim | None) -> str:
    """Say what became of the last attempt."""
    if machine.ready:
        return f"{machine.name} was Ready and is gone"
    if claim is not None and claim.unavailable:
        return short(f"{machine.name} was given up: {claim.message}")
    last = f"; it said last: {machine.message}" if machine.message else ""
    return short(f"{machine.name} was deleted before it was Ready{last}")


def short(message: str) -> str:
    """Cut a message of somebody else's to what the status may hold."""
    return message if len(message) <= MAX_MESSAGE else f"{message[: MAX_MESSAGE - 3]}..."


def back_off(failures: int) -> timedelta:
    """Return how long to wait after so many failed attempts in a row."""
    doubled: int = 2 ** min(failures - 1, 16)
    return min(BACK_OFF * doubled, LONGEST_BACK_OFF)


def is_failing(machine: PlannedMachine, claim: SeenClaim | None) -> bool:
    """Whether a Machine cannot be launched, or waits because the last one could not."""
    return machine.notBefore is not None if claim is None else claim.failed
