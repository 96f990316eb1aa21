"""The image as a function for kustomize and kpt: another user, no network, nothing to write to."""

import subprocess
import sys
from pathlib import Path

import pytest

from image.interpreter import ETC
from tests.image.container import container, why_not

EXAMPLE = Path(__file__).parents[2] / "examples/kustomize/list.yaml"


def test_a_function_in_a_container_answers_as_the_program_does(root: Path) -> None:
    if reason := why_not():
        pytest.skip(reason)
    given = EXAMPLE.read_text("utf-8").replace("Standard_NV6", "Standard_NC6s_v3")

    contained, here = (
        subprocess.run(  # noqa: S603  (our own image and program)
            command, input=given, capture_output=True, text=True, check=True
        )
        for command in (
            container(root, "metakaito", "krm"),
            [sys.executable, "-m", "hooks.cli", "krm"],
        )
    )

    assert (contained.stdout, contained.stderr) == (here.stdout, here.stderr)
    assert contained.stdout.count("\n- apiVersion:") == 5


def test_the_user_that_functions_run_as_is_known(root: Path) -> None:
    users = (root / "etc/passwd").read_text("utf-8").splitlines()

    assert users == ETC["passwd"].splitlines()
    assert [user for user in users if user.startswith("nobody:x:65534:65534:")]
