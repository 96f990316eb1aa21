import json
from collections import Counter
from pathlib import Path

import pytest

from tests.bench import call_log, consumption, control_plane, fleet
from tests.bench.bare_cluster import CLIENT, OURS
from tests.bench.call_log import Asked, Calls
from tests.bench.consumption import Taken
from tests.bench.control_plane import Extent, Measured, Size
from tests.bench.fleet import Key
from tests.bench.kaito import KAITO
from tests.bench.limit import Written
from tests.bench.payload import Share, share
from tests.bench.ready_at_once import is_served
from tests.bench.rounds import PROGRAMS, Round, Steady

STATUS = """Name:\tmetacontroller
VmPeak:\t 1304324 kB
VmHWM:\t   38092 kB
VmRSS:\t   37000 kB
"""


def event(
    verb: str, what: str, code: int = 200, user: str = OURS, at: str = "", name: str = "a"
) -> str:
    plural, _, part = what.partition("/")
    return json.dumps(
        {
            "verb": verb,
            "user": {"username": user},
            "objectRef": {
                "resource": plural,
                "namespace": "bench-00",
                "name": name,
                **({"subresource": part} if part else {}),
            },
            "responseStatus": {"code": code},
            "stageTimestamp": at,
        }
    )


def test_requests_are_counted_by_who_asked_and_what_is_refused_writes_nothing(
    tmp_path: Path,
) -> None:
    audit = tmp_path / "audit.log"
    audit.write_text(event("create", "services") + "\n")
    mark = call_log.size(audit)
    with audit.open("a") as log:
        for line in (
            event("create", "machines", 201),
            event("create", "machines", 409),
            event("update", "workspaces/status"),
            event("update", "workspaces/status", 404),
            event("update", "workspaces/status", 422),
            event("delete", "machines", 500),
            event("get", "workspaces"),
            event("get", "workspaces", 404),
            event("watch", "workspaces"),
            event("list", "nodes"),
            event("create", "events", 201),
            event("create", "machines", 201, CLIENT),
            event("create", "deployments", 201)[:-1],  # not written to its end yet
        ):
            log.write(line + "\n")

    found = call_log.asked(audit, mark, OURS)

    assert found == Asked(
        Counter(create=2, update=3, delete=1, get=2),
        Counter(
            {
                "create machines": 2,
                "update workspaces/status": 3,
                "delete machines": 1,
                "get workspaces": 2,
            }
        ),
        failed=Counter({409: 1, 404: 1, 422: 1, 500: 1}),
    )
    assert (found.writes, found.attempts, found.requests) == (2, 6, 8)
    assert (found.conflicts, found.other_failures) == (1, 3)


def test_statuses_that_were_written_are_counted_for_each_workspace(tmp_path: Path) -> None:
    audit = tmp_path / "audit.log"
    lines = (
        event("update", "workspaces/status", name="a"),
        event("update", "workspaces/status", name="a"),
        event("update", "workspaces/status", 409, name="a"),
        event("update", "workspaces/status", name="b"),
        event("update", "workspaces/status", user=CLIENT, name="b"),
        event("get", "workspaces/status", name="b"),
        event("update", "workspaces", name="b"),
    )
    audit.write_text("".join(f"{line}\n" for line in lines))

    assert call_log.statuses(audit, 0, OURS) == {
        Key("bench-00", "a"): 2,
        Key("bench-00", "b"): 1,
    }


def test_the_moments_of_one_kind_of_request_are_in_order(tmp_path: Path) -> None:
    audit = tmp_path / "audit.log"
    audit.write_text(
        "\n".join(
            (
                event("create", "machines", at="2026-01-01T00:00:02.5Z"),
                event("create", "machines", at="2026-01-01T00:00:01.5Z"),
                event("create", "services", at="2026-01-01T00:00:03.5Z"),
                "",
            )
        )
    )

    found = call_log.moments(audit, 0, OURS, "create machines")

    assert found == ["2026-01-01T00:00:01.5Z", "2026-01-01T00:00:02.5Z"]


def test_questions_are_counted_by_hook_with_the_largest_of_each(tmp_path: Path) -> None:
    log = tmp_path / "hooks.log"
    lines = (
        {"message": "Booting worker"},
        {"hook": "machines/sync", "bytes": 300, "milliseconds": 1.5},
        {"hook": "machines/sync", "bytes": 200, "milliseconds": 2.0},
        {"hook": "workspaces/sync", "bytes": None, "milliseconds": 0.25},
    )
    log.write_text("listening\n" + "".join(json.dumps(line) + "\n" for line in lines))

    assert call_log.calls(log, 0) == Calls(
        Counter({"machines/sync": 2, "workspaces/sync": 1}),
        {"machines/sync": 300, "workspaces/sync": 0},
        Counter({"machines/sync": 3.5, "workspaces/sync": 0.25}),
    )


def test_a_log_that_is_not_there_yet_is_empty(tmp_path: Path) -> None:
    assert call_log.size(tmp_path / "hooks.log") == 0


def test_the_peak_of_memory_is_not_what_is_resident_now() -> None:
    assert consumption.peak(STATUS) == pytest.approx(38092 / 1024)
    assert consumption.peak("Name:\tkthreadd\n") == 0


def test_between_two_looks_cpu_is_a_difference_and_memory_the_peak() -> None:
    assert Taken(5.0, 80.0) - Taken(2.0, 60.0) == Taken(3.0, 80.0)


def test_workspaces_are_dealt_out_over_namespaces() -> None:
    assert fleet.keys(3, 2) == [
        Key("bench-00", "fleet-0000"),
        Key("bench-01", "fleet-0001"),
        Key("bench-00", "fleet-0002"),
    ]


def test_a_deployment_is_served_once_its_status_is_about_what_it_is_now() -> None:
    metadata = {"generation": 2}

    assert not is_served({"metadata": metadata})
    assert not is_served({"metadata": metadata, "status": {"observedGeneration": 1}})
    assert is_served({"metadata": metadata, "status": {"observedGeneration": 2}})


def test_what_objects_take_is_counted_as_go_writes_them() -> None:
    found = share(
        "Machine", [{"metadata": {"name": "é"}}, {"metadata": {"managedFields": [{"a": 1}]}}]
    )

    assert found == Share("Machine", 2, 26 + 40, 2 + 9)


def a_round(workspaces: int, namespaces: int, first: float, last: float) -> Round:
    return Round(
        workspaces=workspaces,
        namespaces=namespaces,
        machines=last,
        workloads=last,
        first=first,
        last=last,
        asked=Asked(Counter(create=7 * workspaces, get=3 * workspaces), Counter(), Counter()),
        statuses={},
        calls=Calls(Counter({"machines/sync": 4}), {"machines/sync": 3 << 20}, Counter()),
        taken=dict.fromkeys(PROGRAMS, Taken(1.0, 50.0)),
    )


def test_goals_compare_the_two_largest_fleets() -> None:
    small, middle, wide, spread = Size(1), Size(100), Size(1000), Size(1000, 50)
    extent = Extent((small, middle, wide, spread), rest=60.0)
    bare = {small: 0.1, middle: 4.0, wide: 30.0, spread: 30.0}
    found = Measured(
        {
            small: [a_round(1, 1, 0.2, 0.2)],
            middle: [a_round(100, 1, 1, 6)],
            wide: [a_round(1000, 1, 6, 60)],
            spread: [a_round(1000, 50, 6, 50)],
        },
        {size: [Written(seconds, 1.0, 8.0)] for size, seconds in bare.items()},
        Steady(60, writes=0, reads=0, calls=1),
        payload=(),
    )

    goals = {goal.name: (goal.figure, goal.met) for goal in control_plane.goals(extent, found)}

    before = "control plane: "
    assert goals == {
        f"{before}a fleet ready, against the bare client": (1.5, True),
        f"{before}a large fleet ready, against the bare client": (2.0, False),
        f"{before}growth of the time": (10.0, True),
        f"{before}the first Workspace ready, of the time of the last": (10.0, False),
        f"{before}writes for each Workspace of a fleet": (7.0, True),
        f"{before}writes for each Workspace of a large fleet": (7.0, True),
        f"{before}a large fleet in one namespace, against many": (1.2, True),
        f"{before}writes in the steady state": (0.0, True),
        f"{before}questions to the hooks in the steady state": (1.0, False),
        f"{before}the largest question to the hooks": (3.0, False),
    }


def test_what_kaito_was_not_measured_at_is_said_to_be_an_estimate_with_its_range() -> None:
    known = KAITO["Kaito v0.3.2"]
    seen, guess = known.series("Kaito v0.3.2")

    assert (known.cell(100), known.cell(1000)) == (102.99, "870 to 1,030, estimated")
    assert max(seen.points) == (100, 102.99)
    assert not seen.estimated
    assert seen.name.endswith("measured once on such a machine, not in this run")
    assert guess.points == ((100, 102.99), (1000, 870), (1000, 1030))
    assert guess.estimated
    assert guess.name == "Kaito v0.3.2, estimated for 1,000: 870 to 1,030 s"
