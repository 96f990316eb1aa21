"""Fields that differ are named as people name them."""

from typing import Any

import pytest

from composite.differences import ABSENT, Difference, differences, shown


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ({"a": {"b": 1}}, {"a": {"b": 1}}, []),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, [("a.b", 1, 2)]),
        ({"a": 1}, {}, [("a", 1, ABSENT)]),
        ({}, {"a": {"b": 1}}, [("a", ABSENT, {"b": 1})]),
        ({"a": 1}, {"a": True}, [("a", 1, True)]),
        ({"kaito.sh/x": "1"}, {"kaito.sh/x": "2"}, [('["kaito.sh/x"]', "1", "2")]),
        ({"l": [1, 2]}, {"l": [1, 3, 4]}, [("l[1]", 2, 3), ("l[2]", ABSENT, 4)]),
        (
            {"c": [{"name": "a", "v": 1}, {"name": "b", "v": 2}]},
            {"c": [{"name": "new"}, {"name": "a", "v": 1}, {"name": "b", "v": 3}]},
            [("c[1].v", 2, 3), ("c[2]", ABSENT, {"name": "new"})],
        ),
        (
            {"c": [{"name": "a"}, {"name": "b"}]},
            {"c": [{"name": "b"}, {"name": "a"}]},
            [("c[0].name", "a", "b"), ("c[1].name", "b", "a")],
        ),
    ],
)
def test_differences(before: Any, after: Any, found: list[Any]) -> None:  # noqa: ANN401  (JSON)
    assert [*differences(before, after)] == [Difference(*each) for each in found]


def test_of_long_texts_the_place_is_shown_where_they_part() -> None:
    command = "accelerate launch --num_processes=1 inference_api.py --torch_dtype="
    difference = Difference("command", f"{command}auto {'x' * 90}", f"{command}float16")

    assert shown(difference) == (f"…torch_dtype=auto {'x' * 43}… → …torch_dtype=float16")


def test_what_is_not_there_is_called_so() -> None:
    assert shown(Difference("a", ABSENT, {"b": 1})) == '(absent) → {"b":1}'
