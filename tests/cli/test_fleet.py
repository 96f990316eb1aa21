"""``metakaito plan --fleet --from``: what an upgrade would do to what another metakaito made."""

import json
import sys
import zipfile
from pathlib import Path

import pytest

from composite.preview.api import Action, FieldChange, ObjectChange, WorkspacePreview
from composite.preview.effects import Effect
from hooks.cli.about import installed
from hooks.cli.fleet_report import MEANING, because, outcome
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
    assert found["counts"] == {**dict.fromkeys(MEANING, 0), "rolled": 1}


def a_change(kind: str, action: Action, *effects: Effect) -> ObjectChange:
    api_version = {
        "Machine": "karpenter.sh/v1alpha5", "Deployment": "apps/v1", "StatefulSet": "apps/v1",
        "ControllerRevision": "apps/v1", "Job": "batch/v1",
    }.get(kind, "v1")  # fmt: skip
    fields = [FieldChange(path="spec", before=1, after=2, effect=effect) for effect in effects]
    return ObjectChange(
        action=action,
        apiVersion=api_version,
        kind=kind,
        namespace="default",
        name="a",
        about=(),
        fields=tuple(fields),
    )


OUTCOMES = {
    text: (
        outcome,
        WorkspacePreview(namespace="default", name="a", given="same", changes=changes),
    )
    for text, outcome, changes in (
        ("nothing is written", "unchanged", ()),
        ("a revision is pruned", "changed", (a_change("ControllerRevision", "removed"),)),
        ("a Service goes", "changed", (a_change("Service", "removed"),)),
        ("a Service comes anew", "changed", (a_change("Service", "recreated"),)),
        ("a Service is other", "disturbed", (a_change("Service", "changed", Effect.DISTURBED),)),
        ("a label", "changed", (a_change("Deployment", "changed", Effect.UPDATED),)),
        ("a template", "rolled", (a_change("Deployment", "changed", Effect.ROLLED),)),
        ("a Job more", "added", (a_change("Job", "added"),)),
        ("a Deployment comes anew", "recreated", (a_change("Deployment", "recreated"),)),
        (
            "a Machine for a Machine",
            "recreated",
            (a_change("Machine", "removed"), a_change("Machine", "added")),
        ),
        (
            "a StatefulSet for a Deployment",
            "recreated",
            (a_change("Deployment", "removed"), a_change("StatefulSet", "added")),
        ),
        ("a Machine goes", "lost", (a_change("Machine", "removed"),)),
        (
            "a Machine goes and a Deployment comes",
            "lost",
            (a_change("Machine", "removed"), a_change("Deployment", "added")),
        ),
        (
            "what the API server refuses",
            "failing",
            (a_change("Deployment", "changed", Effect.REFUSED),),
        ),
    )
}


@pytest.mark.parametrize(("expected", "one"), OUTCOMES.values(), ids=OUTCOMES)
def test_what_becomes_of_a_workspace_is_the_worst_that_becomes_of_its_objects(
    expected: str, one: WorkspacePreview
) -> None:
    assert outcome(one) == expected


def test_what_metacontroller_fails_with_is_no_mere_change() -> None:
    one = WorkspacePreview(namespace="default", name="a", given="same", fails="it is not valid")

    assert (outcome(one), list(because(one))) == ("failing", ["it is not valid"])


def an_environment(folder: Path, script: str) -> str:
    """A virtual environment whose metakaito is a script."""
    program = folder / "environment/bin/metakaito"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return str(folder / "environment")


STRANGERS = {
    "that says nothing": ("exit 0", "does not say its version: exit code 0, without a word"),
    "that fails": ("echo no such thing >&2; exit 3", "does not say its version: no such thing"),
    "that is no program": ("\0", "does not say its version: "),
}


@pytest.mark.parametrize(("script", "said"), STRANGERS.values(), ids=STRANGERS)
def test_another_metakaito_is_told_of_in_a_line(
    run: Run, folder: Path, fleet: Path, script: str, said: str
) -> None:
    result = run("plan", "--fleet", str(fleet), "--from", an_environment(folder, script))

    assert (result.code, result.out) == (1, "")
    assert said in result.err
    assert len(result.err.splitlines()) == 1


PLAYS_BADLY = {
    "and prints no JSON": (
        "echo hello",
        "fleet/phi.yaml: what the other metakaito says is not JSON: ",
    ),
    "and prints other JSON": (
        'echo "{}"',
        "fleet/phi.yaml: the other metakaito says something else: objects: is missing",
    ),
    "and fails": (
        'echo "no: never" >&2; exit 1',
        "fleet/phi.yaml: the other metakaito does not bring it up: no: never",
    ),
    "and refuses an option": (
        'echo "No such option: --cloud" >&2; exit 2',
        "No such option: --cloud",
    ),
}


@pytest.mark.parametrize(("script", "said"), PLAYS_BADLY.values(), ids=PLAYS_BADLY)
def test_what_another_metakaito_does_not_bring_up_is_unknown(
    run: Run, folder: Path, fleet: Path, script: str, said: str
) -> None:
    other = an_environment(
        folder, f'[ "$1" = --version ] && {{ echo "metakaito 1"; exit; }}\n{script}'
    )
    assert fleet.is_dir()

    result = run("plan", "--fleet", "fleet", "--from", other)

    assert (result.code, result.err) == (1, "")
    assert f"\nunknown: default/workspace-phi-3-mini (fleet/phi.yaml)\n  {said}" in result.out
    assert result.out.endswith("\nPrice of all nodes: unknown\n")


def test_one_bad_file_of_a_fleet_is_told_in_its_row_and_the_others_are_asked_about(
    run: Run, fleet: Path
) -> None:
    refused = QUICK_START.replace("phi-3-mini-4k", "no-such")
    (fleet / "no-preset.yaml").write_text(
        f"{refused}---\n{QUICK_START.replace('name: workspace-', 'name: other-')}"
    )
    (fleet / "twice.yaml").write_text(f"{QUICK_START}---\n{QUICK_START}")

    result = run("plan", "--fleet", "fleet", "--from", str(ENVIRONMENT), "-o", "json")
    members = [
        (each["file"], each["name"], each["outcome"]) for each in json.loads(result.out)["members"]
    ]

    assert (result.code, result.err) == (1, "")
    assert members == [
        ("fleet/no-preset.yaml", "workspace-phi-3-mini", "refused"),
        ("fleet/no-preset.yaml", "other-phi-3-mini", "unknown"),
        ("fleet/phi.yaml", "workspace-phi-3-mini", "unchanged"),
        ("fleet/twice.yaml", "workspace-phi-3-mini", "refused"),
        ("fleet/twice.yaml", "workspace-phi-3-mini", "refused"),
    ]


def test_a_fleet_with_a_workspace_that_is_refused_is_refused_and_all_of_it_is_told(
    run: Run, fleet: Path
) -> None:
    (fleet / "no-preset.yaml").write_text(QUICK_START.replace("phi-3-mini-4k", "no-such"))

    result = run("plan", "--fleet", "fleet", "--from", str(ENVIRONMENT))

    assert (result.code, result.err) == (2, "")
    assert result.out.startswith(f"From metakaito {installed()} to this one, 2 Workspaces:\n")
    assert (
        "\nrefused: default/workspace-phi-3-mini (fleet/no-preset.yaml)\n"
        "  by the other one: inference.preset.name: no preset is called 'no-such-instruct'"
    ) in result.out
    assert "1            unchanged   is not touched\n" in result.out


def test_a_file_of_a_fleet_that_cannot_be_read_is_told_by_its_line(run: Run, fleet: Path) -> None:
    (fleet / "helm.yaml").write_text("a: 1\nb: {{ .Values.b }}\n")

    result = run("plan", "--fleet", "fleet", "--from", str(ENVIRONMENT))

    assert (result.code, result.err) == (1, "")
    assert result.out.startswith(
        f"From metakaito {installed()} to this one, 1 Workspace and 1 file that cannot be read:\n"
    )
    assert "\nunknown: fleet/helm.yaml\n  fleet/helm.yaml:2: " in result.out
    assert "1            unchanged   is not touched\n" in result.out


def test_a_file_that_is_no_wheel_is_told_of(run: Run, folder: Path, fleet: Path) -> None:
    (folder / "a.whl").write_bytes(b"no archive")

    assert run("plan", "--fleet", str(fleet), "--from", "a.whl") == (
        1,
        "",
        "--from a.whl: cannot be unpacked: File is not a zip file\n",
    )


def test_presets_of_a_variable_are_those_of_the_other_one_too(
    run: Run, folder: Path, fleet: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "presets/models").mkdir(parents=True)
    monkeypatch.setenv("METAKAITO_PRESETS", "presets")
    wheel = a_wheel(folder, *IMPATIENT)

    assert run("plan", "--fleet", str(fleet), "--from", str(wheel)).code == 3


NOT_OF_A_FLEET = (
    *(["phi.yaml"], ["--observed", "phi.yaml"], ["--base", "phi.yaml"], ["--cluster"]),
    *(["--kubeconfig", "a"], ["--context", "a"], ["--out", "a"], ["--check", "a"]),
    *(["-o", "markdown"], ["-o", "sarif"]),
)


@pytest.mark.parametrize("option", NOT_OF_A_FLEET, ids=" ".join)
def test_what_means_nothing_for_a_fleet_is_refused_by_its_name(
    run: Run, fleet: Path, option: list[str]
) -> None:
    result = run("plan", "--fleet", str(fleet), "--from", str(ENVIRONMENT), *option)

    name = "FILE" if option == ["phi.yaml"] else " ".join(option[: 2 if option[0] == "-o" else 1])
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith(f"metakaito plan: {name}: not with --fleet, ")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--fleet", "."], 2, "--fleet goes together with --from, which is missing"),
        (["--from", "."], 2, "--from goes together with --fleet, which is missing"),
        (["--from", ".", "phi.yaml"], 2, "--from goes together with --fleet, which is missing"),
        (
            ["--fleet", "fleet", "--from", "fleet"],
            1,
            "must be a virtual environment with metakaito",
        ),
        (
            ["--fleet", "fleet", "--from", "no"],
            1,
            "--from no: does not exist; it must be a virtual",
        ),
        (["--fleet", "empty", "--from", "fleet"], 1, "--from fleet: must be"),
        (["--fleet", "none", "--from", str(ENVIRONMENT)], 1, "holds no Workspace"),
    ],
)
def test_what_is_no_fleet_is_told(
    run: Run, folder: Path, fleet: Path, arguments: list[str], code: int, said: str
) -> None:
    assert fleet.is_dir()
    (folder / "empty").mkdir()
    (folder / "none").mkdir()
    (folder / "none" / "node.yaml").write_text("{apiVersion: v1, kind: Node, metadata: {name: n}}")

    result = run("plan", *arguments)

    assert result.code == code
    assert said in result.err
