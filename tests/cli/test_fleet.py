"""``metakaito plan --fleet --from``: what an upgrade would do to what another metakaito made."""

import json
import sys
import zipfile
from pathlib import Path

import pytest

from tests.cli.conftest import QUICK_START, Run

ROOT = Path(__file__).parents[2]
PACKAGES = ("hooks", "composite", "presets", "schemas", "charts")
ENVIRONMENT = Path(sys.prefix)
IMPATIENT = ("initialDelaySeconds=30, periodSeconds=10", "initialDelaySeconds=31, periodSeconds=10")


@pytest.fixture
def fleet(folder: Path) -> Path:
    found = folder / "fleet"
    found.mkdir()
    (found / "phi.yaml").write_text(QUICK_START)
    (found / "other.txt").write_text("no Workspace")
    return found


def a_wheel(folder: Path, old: str, new: str) -> Path:
    """What we are, but for a word in what children are made of."""
    wheel = folder / "metakaito-0.0.1-py3-none-any.whl"
    changed = 0
    with zipfile.ZipFile(wheel, "w") as archive:
        for package in PACKAGES:
            for file in (ROOT / package).rglob("*"):
                name = file.relative_to(ROOT)
                if not file.is_file() or "runtimes" in name.parts or "__pycache__" in name.parts:
                    continue
                content = file.read_bytes()
                if name.as_posix() == "composite/workspace/children.py":
                    changed = content.count(old.encode())
                    content = content.replace(old.encode(), new.encode())
                archive.writestr(str(name), content)
    assert changed == 1
    return wheel


def test_from_the_same_version_nothing_is_touched(run: Run, fleet: Path) -> None:
    result = run("plan", "--fleet", str(fleet), "--from", str(ENVIRONMENT))

    assert result.code == 0
    assert "1            unchanged   is not touched\n" in result.out
    assert "Price of all nodes: +0.000 USD an hour\n" in result.out


def test_a_change_of_a_pod_template_is_a_roll_out_and_is_named(
    run: Run, folder: Path, fleet: Path
) -> None:
    wheel = a_wheel(folder, *IMPATIENT)

    text = run("plan", "--fleet", str(fleet), "--from", str(wheel))
    found = json.loads(run("plan", "--fleet", str(fleet), "--from", str(wheel), "-o", "json").out)

    assert text.code == 3
    assert (
        f"rolled: default/workspace-phi-3-mini ({fleet}/phi.yaml)\n"
        "  Deployment workspace-phi-3-mini: "
        "spec.template.spec.containers[0].readinessProbe.initialDelaySeconds\n"
    ) in text.out
    assert found["counts"] == {
        "refused": 0,
        "recreated": 0,
        "rolled": 1,
        "changed": 0,
        "unchanged": 0,
    }


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--fleet", "."], 2, "--fleet and --from go together"),
        (["--fleet", ".", "--from", ".", "phi.yaml"], 2, "--fleet and --from go together"),
        (["--fleet", "fleet", "--from", "fleet"], 1, "is no virtual environment with metakaito"),
        (["--fleet", "none", "--from", str(ENVIRONMENT)], 1, "holds no Workspace"),
        (["--fleet", "bad", "--from", str(ENVIRONMENT)], 1, "does not bring it up: "),
    ],
)
def test_what_is_no_fleet_is_told(
    run: Run, folder: Path, fleet: Path, arguments: list[str], code: int, said: str
) -> None:
    assert fleet.is_dir()
    (folder / "none").mkdir()
    (folder / "none" / "node.yaml").write_text("{apiVersion: v1, kind: Node, metadata: {name: n}}")
    (folder / "bad").mkdir()
    (folder / "bad" / "poor.yaml").write_text(QUICK_START.replace("phi-3-mini-4k", "falcon"))

    result = run("plan", *arguments)

    assert result.code == code
    assert said in result.err
