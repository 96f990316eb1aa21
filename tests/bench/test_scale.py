"""What is said of the plays, and that a play is one."""

import pytest

from tests.bench.scale import Play, Played, goals, name_of, picture, played, points, table


def a_play(workspaces: int, seconds: float, of_a_namespace: int = 100) -> Played:
    calls = {"/workspaces/sync": 17 * workspaces, "/machines/sync": 5}
    writes = {"metacontroller": 14 * workspaces, "user": 2 * workspaces}
    return Played(Play(workspaces, of_a_namespace), seconds, calls, writes, 50.0, 341.0)


FOUND = [
    a_play(100, 1),
    a_play(100, 4),
    a_play(100, 2),
    a_play(1000, 40),
    a_play(1000, 90, of_a_namespace=1000),
]


def test_of_each_size_the_median_counts_and_one_namespace_is_another_matter() -> None:
    assert points(FOUND) == ((100.0, 2), (1000.0, 40))
    assert points(FOUND, crowded=True) == ((1000.0, 90),)


def test_the_goal_is_the_exponent_between_the_sizes_that_were_played() -> None:
    (goal,) = goals(FOUND)

    assert goal.name == "scale: growth exponent of time from 100 to 1,000"
    assert goal.figure == pytest.approx(1.301, abs=0.001)
    assert not goal.met


def test_each_size_has_a_line() -> None:
    rows = table(FOUND).rows

    assert [row.name for row in rows] == [
        "100 Workspaces",
        "1,000 Workspaces",
        name_of(FOUND[-1].play),
    ]
    assert rows[2].name == "1,000 Workspaces in one namespace"
    assert rows[1].cells[2:6] == (17.0, 17_005.0, 14.0, 16.0)
    assert all(len(row.cells) == len(table(FOUND).columns) for row in rows)


def test_the_picture_has_a_straight_line_beside() -> None:
    measured, linear = picture(FOUND).series

    assert measured.points == ((100.0, 2), (1000.0, 40))
    assert linear.points == ((100.0, 2), (1000.0, 20))


def test_a_play_ends_with_every_workspace_served() -> None:
    found = played(Play(2))

    assert found.syncs > 2
    assert found.writes["metacontroller"] > 2
    assert found.memory > 1
    assert found.virtual > 60


def test_more_workspaces_are_not_synced_more_often() -> None:
    assert played(Play(6)).syncs <= played(Play(2)).syncs
