from pathlib import Path

import pytest

from hooks.cli.files import read_manifests
from hooks.cli.output import as_table, as_yaml

TEXTS = ["y", "N", "on", "1e3", "12e5", "0x1f", "017", "1_0", "2024-11-16", "1:30", "~", "", "a: b"]


@pytest.mark.parametrize("text", TEXTS)
def test_text_stays_text_for_kubectl(folder: object, text: str) -> None:
    assert folder is not None
    obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": text}}

    Path("a.yaml").write_text(as_yaml([obj]), encoding="utf-8")

    assert [manifest.content for manifest in read_manifests("a.yaml")] == [obj]


def test_many_lines_stay_many_lines_and_a_long_one_stays_one() -> None:
    assert as_yaml([{"a": "b\nc\n", "d": "e " * 100 + "f"}]) == (
        "---\na: |\n  b\n  c\nd: " + "e " * 100 + "f\n"
    )


def test_a_table_lines_up() -> None:
    assert as_table(("NAME", "GPUS"), [("a", 1), ("longer", 16)]) == (
        "NAME     GPUS\na        1\nlonger   16\n"
    )
