"""Each key once, never to two workers, and some of them later."""

from threading import Thread

from hooks.dev.queueing import WorkQueue


def taken(queue: WorkQueue[str], count: int) -> list[str]:
    keys = []
    for _ in range(count):
        key = queue.get()
        assert key is not None
        queue.done(key)
        keys.append(key)
    return keys


def test_a_key_waits_once_however_often_it_is_added() -> None:
    queue = WorkQueue[str]()
    for key in ("a", "b", "a"):
        queue.add(key)
    queue.add_after("end", 0.01)

    assert taken(queue, 3) == ["a", "b", "end"]


def test_a_key_that_is_added_while_it_is_looked_at_waits_until_that_is_done() -> None:
    queue = WorkQueue[str]()
    queue.add("a")
    assert queue.get() == "a"
    queue.add("a")
    queue.add("b")

    assert queue.get() == "b"

    queue.done("a")

    assert queue.get() == "a"


def test_of_several_later_times_the_earliest_counts() -> None:
    queue = WorkQueue[str]()
    queue.add_after("late", 0.05)
    queue.add_after("early", 60)
    queue.add_after("early", 0.02)
    queue.add_after("early", 120)

    assert taken(queue, 2) == ["early", "late"]


def test_a_key_that_waits_for_later_can_be_added_now_and_comes_again_then() -> None:
    queue = WorkQueue[str]()
    queue.add_after("a", 0.02)
    queue.add("a")

    assert taken(queue, 2) == ["a", "a"]


def test_no_time_at_all_is_now() -> None:
    queue = WorkQueue[str]()
    queue.add_after("a", 0)
    queue.add_after("b", -1)

    assert taken(queue, 2) == ["a", "b"]


def test_a_worker_that_waits_goes_home_at_the_end() -> None:
    queue = WorkQueue[str]()
    found: list[str | None] = []
    worker = Thread(target=lambda: found.append(queue.get()))
    worker.start()
    queue.shut_down()
    worker.join(5)

    assert found == [None]
