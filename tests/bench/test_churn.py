from tests.bench import waits
from tests.bench.fleet import Key
from tests.bench.waits import Done, Log, Waits

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
