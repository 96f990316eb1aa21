"""The KRM function within a real kustomize."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from tests.charts.rendering import program
from tests.cli.conftest import Run, documents

EXAMPLE = Path(__file__).parents[2] / "examples/kustomize"


class Built(NamedTuple):
    code: int
    objects: list[Any]
    said: str


@pytest.fixture
def example(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EXAMPLE, tmp_path / "example"))


def build(folder: Path) -> Built:
    """Return what kustomize makes of a folder, with our program on the PATH."""
    beside = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{beside}:{os.environ['PATH']}"}  # noqa: TID251
    done = subprocess.run(  # noqa: S603  (our own arguments)
        [program("kustomize"), "build", "--enable-alpha-plugins", "--enable-exec", folder],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return Built(done.returncode, documents(done.stdout), done.stderr)


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def in_any_order(objects: list[Any]) -> list[Any]:
    return sorted(objects, key=lambda each: (each["kind"], each["metadata"]["name"]))


def rendered(run: Run, file: Path) -> list[Any]:
    text = file.read_text(encoding="utf-8")
    there = text.replace("metadata:\n", "metadata:\n  namespace: models\n", 1)
    result = run("render", "-", "--provisioner", "nodeclaim", stdin=there)
    assert (result.code, result.err) == (0, "")
    return documents(result.out)


def test_a_workspace_is_replaced_by_what_render_prints(run: Run, example: Path) -> None:
    built = build(example)

    assert (built.code, built.said) == (0, "")
    assert in_any_order(built.objects) == in_any_order(rendered(run, example / "workspace.yaml"))


def test_the_example_is_the_quick_start() -> None:
    quick_start = EXAMPLE.parent / "phi-3.yaml"

    assert yaml.safe_load((EXAMPLE / "workspace.yaml").read_text("utf-8")) == yaml.safe_load(
        quick_start.read_text("utf-8")
    )


def test_a_workspace_is_accompanied_and_others_pass(run: Run, example: Path) -> None:
    edit(example / "render.yaml", "mode: replace", "mode: accompany")
    edit(example / "kustomization.yaml", "resources:\n", "resources:\n  - other.yaml\n")
    other = {
        "apiVersion": "example.com/v1",
        "kind": "Other",
        "metadata": {"name": "other", "namespace": "models"},
        "spec": {"date": "2024-01-01", "empty": {}},
    }
    (example / "other.yaml").write_text(yaml.safe_dump(other), encoding="utf-8")
    workspace = yaml.safe_load((example / "workspace.yaml").read_text("utf-8"))
    workspace["metadata"]["namespace"] = "models"

    built = build(example)

    children = rendered(run, example / "workspace.yaml")
    assert (built.code, built.said) == (0, "")
    assert in_any_order(built.objects) == in_any_order([other, workspace, *children])


def test_presets_of_the_kustomization_are_known(example: Path) -> None:
    shipped = EXAMPLE.parents[1] / "presets/models/phi-3-mini-4k-instruct.yaml"
    own = example / "presets/models/mine.yaml"
    own.parent.mkdir(parents=True)
    shutil.copyfile(shipped, own)
    edit(own, "name: phi-3-mini-4k-instruct", "name: mine")
    edit(example / "workspace.yaml", "name: phi-3-mini-4k-instruct", "name: mine")
    edit(example / "render.yaml", "mode: replace", "presets: presets")

    assert build(example).code == 0


def test_a_refusal_fails_the_build_with_its_sentence(example: Path) -> None:
    edit(example / "workspace.yaml", "Standard_NC6s_v3", "Standard_NV6")

    built = build(example)

    assert (built.code, built.objects) == (1, [])
    assert (
        "workspace-phi-3-mini: resource.instanceType: phi-3-mini-4k-instruct needs at least 9Gi "
        "of GPU memory, 1 x Standard_NV6 has 8Gi: choose a type with more\n"
    ) in built.said


def test_a_misspelt_field_of_the_function_fails_the_build(example: Path) -> None:
    edit(example / "render.yaml", "provisioner:", "provisoner:")

    built = build(example)

    assert built.code == 1
    assert built.said.startswith(
        "functionConfig: render: spec.provisoner: is not a field here; did you mean 'provisioner'?"
    )
