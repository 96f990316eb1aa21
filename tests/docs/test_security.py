"""A document that says a test holds what it claims names a test that exists."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.test_documents import DOCUMENTS, ROOT

NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
FOUND = [
    pytest.param(path, name, id=f"{document.name}: {name}")
    for document in DOCUMENTS
    for path, name in NAMED.findall(document.read_text(encoding="utf-8"))
]


def functions(path: Path) -> Iterator[str]:
    """Yield the names of the tests in a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield node.name


@pytest.mark.parametrize(("path", "name"), FOUND)
def test_a_named_test_exists(path: str, name: str) -> None:
    assert name in set(functions(ROOT / path))


def test_each_claim_about_security_names_a_test() -> None:
    page = (ROOT / "docs/security.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if re.match(r"\| (?!-|it tries|bound|link)", line)]
    unheld = [row for row in rows if not NAMED.search(row) and not row.endswith("| the same |")]

    assert len(rows) > 30
    assert unheld == []
