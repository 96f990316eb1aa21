"""A user's YAML means what it means to the trainer, and nobody can hurt us with it."""

import math
import time

import pytest
import yaml

from presets import load_catalog
from presets.documents import DEEPEST, LARGEST, read_document

MEBIBYTE = "written out, it takes more than 1 MiB"


def reason(text: str) -> str:
    with pytest.raises(ValueError, match=r".") as refused:
        read_document(text)
    return str(refused.value)


def levels(number: int) -> str:
    return "[" * number + "]" * number


def test_it_is_the_catalogs_reader() -> None:
    assert load_catalog().read_document is read_document


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "---\n"])
def test_an_empty_document_is_none(text: str) -> None:
    assert read_document(text) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", True),
        ("No", False),
        ("on", True),
        ("OFF", False),
        ("true", True),
        ("~", None),
        ("8", 8),
        ("0x10", 16),
        ("010", 8),
        ("1_000", 1000),
        ("1:30", 90),
        ("1.0e-4", 0.0001),
        ("1e-4", "1e-4"),
        (".inf", math.inf),
        ("'yes'", "yes"),
        ("!!str yes", "yes"),
        ("y", "y"),
    ],
)
def test_plain_words_mean_what_yaml_1_1_says(text: str, value: object) -> None:
    assert read_document(text) == value
    assert read_document(text) == yaml.safe_load(text)


@pytest.mark.parametrize("text", ["2024-11-16", "2001-12-14t21:59:43.10-05:00"])
def test_a_date_is_text(text: str) -> None:
    assert read_document(f"run_name: {text}") == {"run_name": text}


def test_json_is_read() -> None:
    text = '{"training_config": {"LoraConfig": {"r": 8, "modules": ["q", null]}}}'

    assert read_document(text) == {
        "training_config": {"LoraConfig": {"r": 8, "modules": ["q", None]}}
    }


def test_aliases_and_merges_are_followed() -> None:
    text = "a: &a { r: 8, bias: none }\nb: *a\nc: { <<: *a, r: 16 }\n"
    a = {"r": 8, "bias": "none"}

    assert read_document(text) == {"a": a, "b": a, "c": {"r": 16, "bias": "none"}}


def test_the_last_of_two_equal_keys_counts() -> None:
    assert read_document("r: 8\nr: 16\n") == {"r": 16}


def test_a_byte_order_mark_is_skipped() -> None:
    assert read_document("\ufeffr: 8") == {"r": 8}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("r: 8\n8: r", "line 2, column 1: a key must be text: write it in quotes, '8'"),
        ("on: 8", "line 1, column 1: a key must be text: write it in quotes, 'on'"),
        ("? [r]\n: 8", "line 1, column 3: while constructing a mapping, found unhashable key"),
        ("r: !!int eight", "line 1, column 4: 'eight' is no int"),
        ("r: !!bool maybe", "line 1, column 4: 'maybe' is no bool"),
        ("r: !!float ''", "line 1, column 4: '' is no float"),
        ("r: 0b_", "line 1, column 4: '0b_' is no int"),
        (
            "r: !!binary aGk=",
            (
                "line 1, column 4: could not determine a constructor for the tag "
                "'tag:yaml.org,2002:binary'"
            ),
        ),
        (
            "r:\n- !!python/name:os.system",
            (
                "line 2, column 3: could not determine a constructor for the tag "
                "'tag:yaml.org,2002:python/name:os.system'"
            ),
        ),
        (
            "a\n---\nb",
            (
                "line 2, column 1: expected a single document in the stream, "
                "but found another document"
            ),
        ),
        ("r: 8\nbias: a\x00b", "line 2, column 8: the character U+0000 cannot stand in YAML"),
        ("bias: \ud800", "line 1, column 7: the character U+D800 cannot stand in YAML"),
        ("bias: \ufeff", "line 1, column 7: the character U+FEFF cannot stand in YAML"),
        (f"r: {'9' * 5000}", "line 1, column 4: a number is longer than 100 characters"),
        (f"r: 0x{'f' * 5000}", "line 1, column 4: a number is longer than 100 characters"),
        (f"r: 1{':01' * 5000}", "line 1, column 4: a number is longer than 100 characters"),
        (
            f"!{'a' * 5000} r",
            "line 1, column 1: could not determine a constructor for the tag ...",
        ),
    ],
)
def test_what_is_not_plain_data_is_refused_in_one_line(text: str, told: str) -> None:
    assert reason(text) == told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: b: c", "line 1, column 5: mapping values are not allowed in this context"),
        (
            "a: [b\n",
            "line 2, column 1: while parsing a flow sequence, did not find expected ',' or ']'",
        ),
        ("a: *b", "line 1, column 4: found undefined alias"),
        (
            "a:\n\t- b",
            (
                "line 2, column 1: while scanning for the next token, "
                "found character that cannot start any token"
            ),
        ),
    ],
)
def test_what_is_not_yaml_is_refused_in_one_line(text: str, told: str) -> None:
    """The words after the place are the parser's, which has two implementations."""
    if yaml.__with_libyaml__:
        assert reason(text) == told
    else:
        assert reason(text).startswith(told.split(": ", maxsplit=1)[0] + ": ")


def test_a_document_may_have_so_many_levels() -> None:
    assert read_document(levels(DEEPEST)) is not None
    assert reason(levels(DEEPEST + 1)) == "line 1, column 101: it has more than 100 levels"


def test_levels_are_counted_through_aliases() -> None:
    half, more = DEEPEST // 2, DEEPEST // 2 + 1

    assert read_document(f"a: &a {levels(half)}\nb: {'[' * (half - 1)}*a{']' * (half - 1)}")
    assert (
        reason(f"a: &a {levels(half)}\nb: {'[' * half}*a{']' * half}")
        == f"line 2, column {half + 4}: it has more than 100 levels"
    )
    assert reason(
        f"- &a {levels(half)}\n- &b [{'[' * (more - 3)}*a{']' * (more - 3)}]\n- [*b]"
    ) == ("line 3, column 4: it has more than 100 levels")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("&a [*a]", "line 1, column 5: *a stands within what it stands for"),
        ("a: &a { b: [*a] }", "line 1, column 13: *a stands within what it stands for"),
        ("- &a 1\n- &a [*a]", "line 2, column 7: *a stands within what it stands for"),
    ],
)
def test_what_contains_itself_is_refused(text: str, told: str) -> None:
    assert reason(text) == told


def test_a_long_text_is_refused() -> None:
    assert read_document("r" * (LARGEST - 100)) is not None
    assert reason("r" * (LARGEST + 1)) == "it is longer than 1 MiB"


def laughs(first: str, later: str) -> str:
    """Return ten lines, each of ten times the line before: 10 GB of JSON."""
    lines = [f"a0: &a0 {first}"]
    lines += [f"a{i}: &a{i} {later % ', '.join([f'*a{i - 1}'] * 10)}" for i in range(1, 10)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        pytest.param(laughs("laugh", "[%s]"), "line 6, column 15", id="lists of lists"),
        pytest.param(laughs("{ a: 1 }", "{ <<: [%s] }"), "line 5, column 36", id="merged maps"),
        pytest.param(
            f"a: &a {'x' * 1000}\nb: [{'*a, ' * 2000}]", "line 2, column 3945", id="a long text"
        ),
        pytest.param(
            f"%TAG ! tag:{'a' * 1000}\n---\n[{'!a b, ' * 2000}]", "line 3, column 5876", id="tags"
        ),
        pytest.param("- \n" * 100_000, "line 16384, column 2", id="a million nothings"),
    ],
)
def test_what_would_become_large_is_refused(text: str, place: str) -> None:
    start = time.perf_counter()

    assert reason(text) == f"{place}: {MEBIBYTE}"
    assert time.perf_counter() - start < 2, "It must be refused before it is built."
