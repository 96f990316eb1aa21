"""Selectors as people write them."""

import pytest

from composite.models import JsonObject
from composite.simulate.errors import InvalidError
from composite.simulate.selectors import matches_labels, parse_selector


@pytest.mark.parametrize(
    ("text", "requirements"),
    [
        ("a=b", [{"key": "a", "operator": "In", "values": ["b"]}]),
        ("a == b", [{"key": "a", "operator": "In", "values": ["b"]}]),
        ("x.io/a!=b", [{"key": "x.io/a", "operator": "NotIn", "values": ["b"]}]),
        ("a in (c, b)", [{"key": "a", "operator": "In", "values": ["b", "c"]}]),
        ("a notin (b)", [{"key": "a", "operator": "NotIn", "values": ["b"]}]),
        ("a,!b", [{"key": "a", "operator": "Exists"}, {"key": "b", "operator": "DoesNotExist"}]),
        (
            "a in (b,c),d=",
            [
                {"key": "a", "operator": "In", "values": ["b", "c"]},
                {"key": "d", "operator": "In", "values": [""]},
            ],
        ),
    ],
)
def test_a_text_is_a_list_of_requirements(text: str, requirements: list[JsonObject]) -> None:
    assert parse_selector(text) == {"matchExpressions": requirements}


@pytest.mark.parametrize("text", ["", " "])
def test_no_text_means_all(text: str) -> None:
    assert parse_selector(text) == {}


@pytest.mark.parametrize("text", ["a b", "=b", "a in b", "!a=b", "a in ()", "a=b=c"])
def test_what_is_no_selector_is_refused(text: str) -> None:
    with pytest.raises(InvalidError, match="is not a requirement such as app=web"):
        parse_selector(text)


@pytest.mark.parametrize(
    ("text", "labels", "meant"),
    [
        ("a=b", {"a": "b"}, True),
        ("a!=b", {}, True),
        ("a notin (b)", {"a": "b"}, False),
        ("a,!b", {"a": "x"}, True),
        ("a,!b", {"a": "x", "b": ""}, False),
    ],
)
def test_a_selector_means_what_kubectl_means(
    text: str, labels: dict[str, str], *, meant: bool
) -> None:
    assert matches_labels(parse_selector(text), labels) is meant
