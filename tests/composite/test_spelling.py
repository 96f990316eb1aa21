"""Which name was meant by one that there is not."""

import pytest

from composite.catalog import Catalog
from composite.spelling import instead, meant, nearest, no_preset


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "phi3",
            ("phi-3-mini-4k-instruct", "phi-3-medium-4k-instruct", "phi-3-mini-128k-instruct"),
        ),
        ("phi3-mini", ("phi-3-mini-4k-instruct", "phi-3-mini-128k-instruct")),
        ("Phi_3 Mini 4K", ("phi-3-mini-4k-instruct",)),
        ("falcon7b", ("falcon-7b", "falcon-7b-instruct")),
        ("llama", ("llama-2-7b", "llama-2-13b", "llama-2-70b")),
        ("7b-instruct", ("falcon-7b-instruct", "mistral-7b-instruct")),
        ("tiiuae/falcon-40b", ("falcon-40b", "falcon-40b-instruct")),
        ("mistrl-7b", ("mistral-7b", "mistral-7b-instruct")),
        ("microsoft/phi-2/", ("phi-2",)),
        ("phi-4", ("phi-2", "phi-3-mini-4k-instruct", "phi-3-medium-4k-instruct")),
        ("llama-3-8b", ("llama-2-7b", "llama-2-13b", "llama-2-70b")),
        ("i", ()),
        ("gpt-2", ()),
        ("", ()),
        ("---", ()),
        ("x" * 1_000_000, ()),
    ],
)
def test_letters_and_digits_say_which_preset_was_meant(
    catalog: Catalog, name: str, expected: tuple[str, ...]
) -> None:
    assert nearest(name, catalog.presets) == expected


def test_what_to_use_instead_is_one_sentence() -> None:
    known = ("falcon-7b", "falcon-7b-instruct", "phi-2")

    assert [no_preset(name, known) for name in ("falcon7b", "phi2", "x")] == [
        (
            "no preset is called 'falcon7b': use falcon-7b, falcon-7b-instruct or another that "
            "'metakaito presets' lists"
        ),
        "no preset is called 'phi2': use phi-2 or another that 'metakaito presets' lists",
        "no preset is called 'x': use one that 'metakaito presets' lists",
    ]
    assert instead("x", known, "a list") == "use one that 'a list' lists"


@pytest.mark.parametrize(
    ("near", "expected"),
    [
        ((), ""),
        (("a",), " (perhaps a is meant)"),
        (("a", "b"), " (perhaps a or b is meant)"),
        (("a", "b", "c"), " (perhaps a, b or c is meant)"),
    ],
)
def test_what_may_be_meant_stands_in_brackets(near: tuple[str, ...], expected: str) -> None:
    assert meant(near) == expected
