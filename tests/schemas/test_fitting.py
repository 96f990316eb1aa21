"""A document that is quickly said to fit has nothing wrong with it: jsonschema says the same."""

import json
import re
import subprocess
import sys
from typing import Any

import pytest

from schemas.editor import workspace_schema
from schemas.fitting import WORDS, fits
from schemas.reading import validator
from tests.schemas.documents import GOOD, SMALL, changed
from tests.schemas.test_same_verdict import EXTRA, WRONG_VALUES, variants
from tests.schemas.walking import nodes

SCHEMA = workspace_schema()
PARTS = [node for _, node in nodes(SCHEMA)]
NUMBERS = [1, 1.0, -1, 10**30, 1e300]


def test_every_word_of_the_schema_is_known_and_every_constant_a_text() -> None:
    words = {word for node in PARTS for word in node}
    constants = [
        value for node in PARTS for value in [node.get("const", ""), *node.get("enum", ())]
    ]

    assert words <= WORDS.keys()
    assert all(isinstance(value, str) for value in constants)


def test_a_word_that_is_not_known_is_no_yes() -> None:
    with pytest.raises(KeyError):
        fits({}, {"unevaluatedProperties": False})


@pytest.mark.parametrize("name", [*GOOD, *EXTRA])
def test_what_is_written_fits_where_jsonschema_finds_nothing(name: str) -> None:
    document = {**GOOD, **EXTRA}[name]

    assert fits(document, SCHEMA) == validator().is_valid(document)


def test_jsonschema_says_the_same_of_every_small_change() -> None:
    different = [
        name
        for name, document in variants()
        if fits(document, SCHEMA) != validator().is_valid(document)
    ]

    assert different == []


def test_jsonschema_says_the_same_of_every_part_and_value() -> None:
    values: list[Any] = [*WRONG_VALUES, *NUMBERS, "a", ["a"], {"a": "b"}, *GOOD.values()]
    different = [
        (part, value)
        for part in PARTS
        for value in values
        if fits(value, part) != validator().evolve(schema=part).is_valid(value)
    ]

    assert different == []


@pytest.mark.parametrize("number", [float("inf"), float("nan")])
def test_a_number_that_json_does_not_have_is_no_whole_one(number: float) -> None:
    assert not fits(changed(SMALL, "resource.count", number), SCHEMA)


def test_jsonschema_is_loaded_only_for_a_document_with_a_mistake() -> None:
    program = (
        "import json, sys; from schemas import problems; "
        "print(problems(json.load(sys.stdin)), 'jsonschema' in sys.modules)"
    )

    def printed(document: object) -> str:
        return subprocess.run(  # noqa: S603  (our own interpreter)
            [sys.executable, "-c", program],
            input=json.dumps(document),
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    assert printed(SMALL) == "[] False\n"
    assert re.fullmatch(r"\[Problem.*\] True\n", printed(changed(SMALL, "metadata.name", 1)))
