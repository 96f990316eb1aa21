"""Dynamic apply: three-way merges on plain JSON."""

import pytest

from composite.simulate.apply import LAST_APPLIED, applied, merge_key, merged, with_last_applied
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
        pytest.param(
            {"ports": [{"port": 80, "protocol": "TCP"}, {"port": 80, "protocol": "UDP"}]},
            {},
            {"ports": [{"port": 80, "name": "a"}]},
            {
                "ports": [
                    {"port": 80, "protocol": "UDP", "name": "a"},
                    {"port": 80, "protocol": "UDP", "name": "a"},
                ]
            },
            id="and become alike where both are there",
        ),
        pytest.param(
            {"a": {"x": 1, "y": 2}}, {"a": {"x": 1}}, {"a": "text"}, {"a": {"y": 2}}, id="no object"
        ),
        pytest.param(
            {"a": [{"name": "x"}]}, {}, {"a": "text"}, {"a": [{"name": "x"}]}, id="no list"
        ),
        pytest.param({"a": [1]}, {}, {"a": "text"}, {"a": None}, id="no list to replace a list"),
    ],
)
def test_merges(observed: object, last: object, desired: object, result: object) -> None:
    assert merged(observed, last, desired) == result


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


def test_the_note_has_the_bytes_that_go_writes() -> None:
    wanted = {"metadata": {"name": "é"}, "b": "<a x='1'>&\u2028\n\t\"\\", "a": [1.0, 0.5]}
    noted = with_last_applied(wanted, wanted)["metadata"]["annotations"][LAST_APPLIED]

    assert noted == (
        r"""{"a":[1,0.5],"b":"\u003ca x='1'\u003e\u0026\u2028\n\t\"\\","metadata":{"name":"é"}}"""
    )


def test_the_note_is_never_the_hooks_to_write() -> None:
    wanted = a_service()
    observed = with_last_applied(wanted, wanted)
    copied = {
        **wanted,
        "metadata": {"name": "phi", "annotations": {LAST_APPLIED: "mine", "a": "b"}},
    }

    assert applied(observed, copied)["metadata"]["annotations"] == {
        "a": "b",
        LAST_APPLIED: (
            '{"apiVersion":"v1","kind":"Service","metadata":{"annotations":{"a":"b"},"name":"phi"},'
            '"spec":{"ports":[{"port":80,"targetPort":5000}],"selector":{"a":"b"}}}'
        ),
    }


@pytest.mark.parametrize("note", ["{x", "[]", "text"])
def test_a_note_that_cannot_be_read_fails_the_sync(note: str) -> None:
    observed = a_service()
    observed["metadata"]["annotations"] = {LAST_APPLIED: note}

    with pytest.raises(InvalidError, match=f'^can\'t unmarshal "{LAST_APPLIED}" annotation: '):
        applied(observed, a_service())
