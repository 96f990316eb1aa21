"""Kubernetes quantities: numbers with a unit, compared and written in their canonical form."""

import re
from decimal import Decimal, InvalidOperation

# https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
DECIMAL = {"n": -3, "u": -2, "m": -1, "": 0, "k": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}
_PATTERN = re.compile(
    r"([+-]?(?:\d+\.?\d*|\.\d+))(?:([KMGTPE]i|[numkMGTPE])|[eE]([+-]?\d{1,3}))?", re.ASCII
)
# Characters. No amount of anything needs more, and Python writes no number of thousands of digits.
LONGEST = 64


def parse_quantity(text: str | float) -> Decimal:
    """
    Return the number a quantity stands for, in its base unit (bytes, cores, pieces).

    Raises:
        ValueError: The text is no quantity.

    """
    found = _PATTERN.fullmatch(str(text))
    if found is None or len(str(text)) > LONGEST:
        shown = text[:LONGEST] if isinstance(text, str) else text
        raise ValueError(f"{shown!r} is not a quantity such as 1, 500m, 16Gi")
    number, unit, exponent = found.groups(default="")
    try:
        value = Decimal(number)
    except InvalidOperation as error:  # pragma: no cover  (the pattern allows no such text)
        raise ValueError(f"{text!r} is not a quantity") from error
    if exponent:
        return value.scaleb(int(exponent))
    return (
        value * 1024 ** BINARY[unit] if unit in BINARY else value * Decimal(1000) ** DECIMAL[unit]
    )


def canonical_quantity(text: str | float) -> str:
    """
    Return the quantity as the API server writes it back: ``1024Mi`` as ``1Gi``, ``1`` as ``"1"``.

    A desired manifest in any other form differs from the stored one for ever, and Metacontroller
    would send an update at every sync.

    Raises:
        ValueError: The text is no quantity.

    """
    value = parse_quantity(text)
    if str(text).endswith("i"):
        return _largest_unit(value, BINARY, 1024) or _decimal(value)
    return _decimal(value)


def _decimal(value: Decimal) -> str:
    whole = _largest_unit(value, DECIMAL, 1000)
    return whole if whole is not None else f"{value.normalize():f}"


def _largest_unit(value: Decimal, units: dict[str, int], base: int) -> str | None:
    """Write ``value`` with the largest unit that leaves a whole number."""
    if value == 0:
        return "0"
    for unit, power in sorted(units.items(), key=lambda item: -item[1]):
        number = value / Decimal(base) ** power
        if number == number.to_integral_value():
            return f"{int(number)}{unit}"
    return f"{int(value)}" if units is BINARY and value == value.to_integral_value() else None
