"""How Kubernetes writes numbers with units. Expectations are what the API server gives back."""

from decimal import Decimal

import pytest

from composite.quantity import canonical_quantity, parse_quantity

CANONICAL = {
    1: "1",
    0: "0",
    0.5: "500m",
    "1": "1",
    "0": "0",
    "0Gi": "0",
    "0.5": "500m",
    "1.5": "1500m",
    "500m": "500m",
    "1000m": "1",
    "2000m": "2",
    "100n": "100n",
    "1000": "1k",
    "1500": "1500",
    "400": "400",
    "1000000": "1M",
    "1e3": "1k",
    "12E2": "1200",
    "1E": "1E",
    "64Mi": "64Mi",
    "1024Mi": "1Gi",
    "1536Mi": "1536Mi",
    "1.5Gi": "1536Mi",
    "0.5Ki": "512",
    "1.5Ki": "1536",
    "158Gi": "158Gi",
    "1024Gi": "1Ti",
    "0.1Gi": "107374182400m",
    "+1": "1",
    "-1": "-1",
}


@pytest.mark.parametrize("text", CANONICAL, ids=str)
def test_is_written_as_the_api_server_writes_it(text: str | float) -> None:
    assert canonical_quantity(text) == CANONICAL[text]


@pytest.mark.parametrize("text", CANONICAL, ids=str)
def test_the_canonical_form_is_the_same_number_and_stays_as_it_is(text: str | float) -> None:
    canonical = canonical_quantity(text)

    assert parse_quantity(canonical) == parse_quantity(text)
    assert canonical_quantity(canonical) == canonical


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("16Gi", 16 * 1024**3),
        ("1k", 1000),
        ("1Ki", 1024),
        ("250m", Decimal("0.25")),
        (".5", Decimal("0.5")),
        ("5.", 5),
        ("1e-3", Decimal("0.001")),
    ],
)
def test_stands_for_a_number(text: str, number: Decimal | int) -> None:
    assert parse_quantity(text) == number


@pytest.mark.parametrize(
    "text", ["", "Gi", "1 Gi", "1gi", "1K", "one", "1Gi ", "1e", "--1", "0x10"]
)
def test_refuses_what_is_no_quantity(text: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  (the whole message is compared below)
        parse_quantity(text)

    assert str(caught.value) == f"{text!r} is not a quantity such as 1, 500m, 16Gi"


@pytest.mark.parametrize("value", [True, None])
def test_refuses_what_json_has_besides_texts_and_numbers(value: object) -> None:
    with pytest.raises(ValueError, match=rf"^{str(value)!r} is not a quantity|is not a quantity"):
        parse_quantity(value)  # type: ignore[arg-type]
