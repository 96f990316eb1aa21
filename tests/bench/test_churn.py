import random
from collections import Counter
from itertools import pairwise

import pytest

from composite.models import JsonObject
from tests.bench import call_log, churn, waits
from tests.bench.churn import ADAPTERS, FULL, Disturbed, Found
from tests.bench.figures import Row
from tests.bench.fleet import Key
from tests.bench.heard import Heard
from tests.bench.waits import Counts, Done, Log, Waits
from tests.bench.wire import Address

A, B = Key("bench-00", "a"), Key("bench-00", "b")


def test_an_edit_waits_for_the_first_status_about_it_or_a_later_one() -> None:
    done = Done(edits=[(10.0, A, 2), (11.0, A, 3)])
    log = Log(accepted={A: [(9.0, 1), (12.0, 3), (13.0, 4)]})

    assert waits.of(done, log) == Waits([2.0, 1.0], [], [], [], [])


def test_what_a_deletion_overtook_is_not_counted_and_what_was_never_seen_is_named() -> None:
    done = Done(edits=[(10.0, A, 2), (10.0, B, 2)], creations=[(10.0, A), (10.0, B)])
    log = Log(workspaces_gone={A: 11.0})

    assert waits.of(done, log) == Waits([], [], [], [], ["edit 2 of b", "creation of b"])


def test_a_creation_waits_until_it_is_ready() -> None:
    done, log = Done(creations=[(10.0, A)]), Log(ready={A: 10.5})

    assert waits.of(done, log).creations == [0.5]


def test_a_deletion_waits_for_the_last_machine() -> None:
    done = Done(deletions=[(10.0, A)])
    made = [(1.0, "ws1"), (1.0, "ws2"), (2.0, "ws3")]
    gone = [(3.0, "ws1"), (10.5, "ws2"), (12.0, "ws3")]

    assert waits.of(done, Log(machines_made={A: made}, machines_gone={A: gone})) == Waits(
        [], [], [2.0], [], []
    )


def test_a_machine_that_stays_after_its_workspace_is_named() -> None:
    done = Done(deletions=[(10.0, A)])

    assert waits.of(done, Log(machines_made={A: [(1.0, "ws1")]})).never == [
        "deletion of a: ws1 stayed"
    ]


def test_a_failure_waits_for_the_next_machine_of_the_same_workspace() -> None:
    done = Done(failures=[(10.0, A, "ws1"), (20.5, A, "ws3")])
    made = [(1.0, "ws1"), (2.0, "ws0"), (11.5, "ws2"), (20.0, "ws3"), (21.0, "ws3")]

    assert waits.of(done, Log(machines_made={A: made, B: [(10.1, "ws9")]})).failures == [1.5, 0.5]


def test_what_was_seen_before_a_thing_was_done_is_no_answer_to_it() -> None:
    done = Done(edits=[(10.0, A, 2)], creations=[(10.0, B)])
    log = Log(accepted={A: [(9.5, 2), (11.0, 2)]}, ready={B: 9.9})

    assert waits.of(done, log) == Waits([1.0], [], [], [], ["creation of b"])


def test_each_edit_changes_something() -> None:
    chance, drawn = random.Random(7), [""]  # noqa: S311  (no secret)
    for _ in range(200):
        drawn.append(churn.another(drawn[-1], chance))

    assert set(drawn[1:]) == set(ADAPTERS)
    assert all(one != other for one, other in pairwise(drawn))


@pytest.mark.parametrize(("about", "is_ready"), [(1, False), (2, True)])
def test_a_workspace_is_ready_only_for_the_generation_that_was_written(
    about: int, *, is_ready: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    conditions = [{"type": "WorkspaceReady", "status": "True", "observedGeneration": about}]
    workspace: JsonObject = {
        "metadata": {"namespace": A.namespace, "name": A.name, "generation": 2},
        "status": {"observedGeneration": about, "conditions": conditions},
    }

    with hearing(monkeypatch, workspace) as heard:
        if is_ready:
            heard.wait_until_ready([A], 10)
        else:
            with pytest.raises(TimeoutError, match="1 Workspaces are not ready: a"):
                heard.wait_until_ready([A], 0.2)
    assert (A in heard.log.ready) == is_ready


def hearing(monkeypatch: pytest.MonkeyPatch, workspace: JsonObject) -> Heard:
    class Told:
        def __init__(self, _: Address) -> None: ...

        def watch(self, path: str) -> list[JsonObject]:
            is_of_workspaces = path.endswith("/workspaces")
            return [{"type": "MODIFIED", "object": workspace}] if is_of_workspaces else []

        def close(self) -> None: ...

    monkeypatch.setattr("tests.bench.heard.Wire", Told)
    return Heard(Address("", 0, "", ""))


def test_the_pace_that_was_reached_stands_beside_the_wanted_one() -> None:
    done = Done(
        edits=[(0.0, A, 2)] * 1500,
        creations=[(0.0, A)] * 600,
        deletions=[(0.0, A)] * 540,
        failures=[(0.0, A, "ws1")] * 294,
    )
    found = Found(
        disturbed=Disturbed(done.counts, 300.0, 15),
        waits=Waits([1.0, 3.0, 2.0], [], [2.5], [4.0], []),
        differences=[],
        leaks=[],
        lost=[],
        asked=call_log.Asked(Counter(create=9, get=5), Counter(), Counter({409: 2})),
        calls=call_log.Calls(Counter(), {}, Counter()),
    )

    table = churn.table(FULL, found, "Metacontroller")

    assert done.counts == Counts(1500, 600, 540, 294)
    assert table.rows == (
        Row(name="edit, until it is accepted and planned", cells=(5.0, 5.0, 3.0, 2.0, 3.0)),
        Row(name="creation, until it is ready", cells=(2.0, 2.0, 0.0, None, None)),
        Row(name="deletion, until its Machines are gone", cells=(2.0, 1.8, 1.0, 2.5, 2.5)),
        Row(
            name="failure, until the next Machine is there",
            cells=(1.0, 0.98, 1.0, 4.0, 4.0),
        ),
    )
    assert "7 writes, 2 conflicts, 0 other writes that failed" in table.about
