"""Dynamic apply: three-way merges on plain JSON."""

import pytest

from composite.simulate.apply import applied, merge_key, merged, with_last_applied
from composite.simulate.errors import InvalidError
from tests.simulate.stubs import a_service


@pytest.mark.parametrize(
    ("observed", "last", "desired", "result"),
    [
        pytest.param({"a": 1, "b": 2}, {"a": 1}, {"a": 3}, {"a": 3, "b": 2}, id="others stay"),
        pytest.param({"a": 1, "b": 2}, {"a": 1}, {}, {"b": 2}, id="dropped is removed"),
        pytest.param({"a": {"x": 1}}, {}, {"a": {"y": 2}}, {"a": {"x": 1, "y": 2}}, id="deep"),
        pytest.param({"a": [1, 2]}, {"a": [1]}, {"a": [3]}, {"a": [3]}, id="lists are replaced"),
        pytest.param(
            {"a": [{"k": 1}]}, {}, {"a": [{"k": 2}]}, {"a": [{"k": 2}]}, id="no merge key"
        ),
        pytest.param(
            {"a": [{"name": "x", "set": 1}, {"name": "theirs"}]},
            {"a": [{"name": "x"}, {"name": "old"}]},
            {"a": [{"name": "new"}, {"name": "x"}]},
            {"a": [{"name": "x", "set": 1}, {"name": "theirs"}, {"name": "new"}]},
            id="lists with names are merged, in place",
        ),
        pytest.param(
            {"a": [{"name": "x"}, {"name": "old"}]},
            {"a": [{"name": "x"}, {"name": "old"}]},
            {"a": [{"name": "x"}]},
            {"a": [{"name": "x"}]},
            id="an item that was ours and is not wanted goes",
        ),
        pytest.param(
            {"ports": [{"port": 80, "protocol": "TCP"}]},
            {},
            {"ports": [{"port": 80, "protocol": "UDP"}, {"port": 80, "protocol": "TCP"}]},
            {"ports": [{"port": 80, "protocol": "TCP"}]},
            id="two ports of one number are taken for one",
        ),
    ],
)
def test_merges(observed: object, last: object, desired: object, result: object) -> None:
    assert merged(observed, last, desired) == result


def test_different_shapes_cannot_be_merged() -> None:
    with pytest.raises(InvalidError, match=r"^spec\.a: an object is needed, not str$"):
        merged({"spec": {"a": {}}}, {}, {"spec": {"a": "text"}})


def test_the_merge_key_is_one_that_all_items_have() -> None:
    assert merge_key([{"containerPort": 1, "name": "a"}], [{"name": "b"}]) == "name"
    assert merge_key([{"port": 1, "name": "a"}], []) == "port"
    assert merge_key([{"a": 1}], [{"name": "b"}]) is None
    assert merge_key(["a"], []) is None
    assert merge_key([], []) is None


def test_what_the_api_server_writes_is_not_the_hooks_to_change() -> None:
    wanted = {**a_service(), "status": {"mine": True}}
    wanted["metadata"] = {"name": "phi", "uid": "mine", "generation": 7}
    observed = with_last_applied(a_service(), wanted)
    observed["metadata"] |= {"uid": "theirs", "resourceVersion": "5"}
    observed["status"] = {"theirs": True}

    assert applied(observed, wanted) == observed
