"""The hook for pre-commit, and the workflows for GitHub."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.conftest import QUICK_START, Run

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / "examples/github").glob("*.yaml"))
SCRIPTS = Path(sys.executable).parent
ENVIRONMENT = {**os.environ, "PATH": f"{SCRIPTS}:{os.environ['PATH']}"}  # noqa: TID251
BAD = QUICK_START.replace("Standard_NC6s_v3", "Standard_NV6")

# Which files pre-commit gives to a hook with these types.
# https://github.com/pre-commit/identify/blob/main/identify/extensions.py
ENDINGS = {"yaml": (".yaml", ".yml"), "json": (".json",)}


def program(
    *command: str | Path, cwd: Path, **environment: str
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(  # noqa: S603  (our own arguments)
        command,
        cwd=cwd,
        env={**ENVIRONMENT, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git = shutil.which("git")
    if git is None:
        pytest.skip("there is no git on the PATH")
    program(git, "init", "--quiet", cwd=tmp_path)
    return tmp_path


def hook() -> dict[str, Any]:
    (found,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
    return dict(found)


def committing(folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run the hook on what is to be committed, as pre-commit does."""
    program("git", "add", "--all", cwd=folder)
    names = program("git", "diff", "--staged", "--name-only", "-z", cwd=folder).stdout
    endings = tuple(ending for kind in hook()["types_or"] for ending in ENDINGS[kind])
    files = [name for name in names.split("\0") if name.endswith(endings)]
    return program(*shlex.split(hook()["entry"]), *files, cwd=folder)


def test_the_hook_says_what_pre_commit_needs() -> None:
    # https://pre-commit.com/#new-hooks
    assert {"id", "name", "entry", "language"} <= hook().keys()
    assert (hook()["id"], hook()["language"]) == ("metakaito-check", "python")
    # It looks at all files together, so they must not be dealt out to several processes.
    assert hook()["require_serial"] is True


def test_a_commit_with_a_bad_workspace_is_refused_with_its_sentence(repository: Path) -> None:
    (repository / "bad.yaml").write_text(BAD)
    (repository / "values.yaml").write_text("replicas: 1\n")

    done = committing(repository)

    assert done.returncode == 2
    assert done.stdout == (
        "bad.yaml:6: workspace-phi-3-mini: resource.instanceType: phi-3-mini-4k-instruct needs at "
        "least 9Gi of GPU memory, 1 x Standard_NV6 has 8Gi: choose a type with more\n"
    )


def test_a_commit_with_a_good_workspace_and_anything_else_passes(repository: Path) -> None:
    (repository / "good.yaml").write_text(QUICK_START)
    (repository / "template.yaml").write_text("a: {{ .Values.a }}\n")
    (repository / "list.json").write_text("[1]\n")
    (repository / "bad.txt").write_text(BAD)

    done = committing(repository)

    assert (done.returncode, done.stdout) == (0, "good.yaml:1: workspace-phi-3-mini: accepted\n")


def test_a_commit_without_a_workspace_passes_without_a_word(repository: Path) -> None:
    (repository / "values.yaml").write_text("replicas: 1\n")

    done = committing(repository)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def workflow(name: str) -> dict[str, Any]:
    text = (ROOT / "examples/github" / name).read_text("utf-8")
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def steps(found: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in found["jobs"].values() for step in job["steps"]]


def scripts() -> Iterator[tuple[str, str]]:
    for file in WORKFLOWS:
        for step in steps(workflow(file.name)):
            if "run" in step:
                yield file.name, step["run"]


def commands() -> list[list[str]]:
    """Return the words of each call of metakaito in the workflows."""
    return [
        shlex.split(re.split(r" [>|]", line)[0])
        for _, script in scripts()
        for line in map(str.strip, script.splitlines())
        if line.startswith("metakaito ")
    ]


def test_the_workflows_are_workflows() -> None:
    assert [file.name for file in WORKFLOWS] == ["check.yaml", "plan.yaml"]
    for file in WORKFLOWS:
        found = workflow(file.name)
        # YAML 1.1 takes the word `on` for true.
        assert found.keys() - {"concurrency"} == {"name", True, "permissions", "jobs"}
        assert found["permissions"]["contents"] == "read"


def test_actions_are_pinned_to_a_commit() -> None:
    used = [
        step["uses"] for file in WORKFLOWS for step in steps(workflow(file.name)) if "uses" in step
    ]

    assert len(used) == 6
    assert [action for action in used if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", action)] == []


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_the_commands_of_a_workflow_and_their_options_exist(run: Run, words: list[str]) -> None:
    result = run(words[1], "--help")

    assert result.code == 0
    for option in [word for word in words if word.startswith("-")]:
        assert re.search(rf"^ +(-\w, )?{option}\b", result.out, flags=re.MULTILINE), option
    forms = re.search(r"--output \[([a-z|]+)\]", result.out)
    assert forms is not None
    assert words[words.index("-o") + 1] in forms[1].split("|")


def test_both_workflows_run_one_command_of_ours() -> None:
    assert [words[:2] for words in commands()] == [["metakaito", "check"], ["metakaito", "plan"]]


def played(name: str, deploy: str, folder: Path) -> tuple[str, int]:
    """Run the steps of a workflow with our command, and the last; return what was written."""
    (folder / "deploy").mkdir()
    (folder / "deploy/workspace.yaml").write_text(deploy)
    told = {"GITHUB_ENV": str(folder / "env"), "GITHUB_STEP_SUMMARY": str(folder / "summary")}
    run_steps = [step["run"] for step in steps(workflow(name)) if "run" in step]
    (ours,) = [script for script in run_steps if "CODE=" in script]
    done = program("/bin/bash", "-e", "-c", ours, cwd=folder, **told)
    assert (done.returncode, done.stderr) == (0, "")
    code = (folder / "env").read_text().strip().removeprefix("CODE=")
    last = program("/bin/bash", "-e", "-c", run_steps[-1], cwd=folder, CODE=code)
    return code, last.returncode


@pytest.mark.parametrize(("text", "code", "ended"), [(QUICK_START, "3", 0), (BAD, "2", 2)])
def test_the_plan_is_written_and_only_a_refusal_fails(
    tmp_path: Path, text: str, code: str, ended: int
) -> None:
    assert played("plan.yaml", text, tmp_path) == (code, ended)
    plan = (tmp_path / "plan.md").read_text()
    assert "workspace-phi-3-mini" in plan
    assert (tmp_path / "summary").read_text() == plan


def test_the_plan_is_beside_what_the_files_of_the_base_become(tmp_path: Path) -> None:
    (tmp_path / "base/deploy").mkdir(parents=True)
    (tmp_path / "base/deploy/workspace.yaml").write_text(QUICK_START)
    adapter = "  adapters: [{source: {name: style, image: registry.example/style:1}}]\n"

    assert played("plan.yaml", QUICK_START + adapter, tmp_path) == ("3", 0)
    assert "1 to add, 1 to change, 0 to remove" in (tmp_path / "plan.md").read_text()


@pytest.mark.parametrize(("text", "code"), [(QUICK_START, 0), (BAD, 2)])
def test_the_check_writes_sarif_and_a_refusal_fails(tmp_path: Path, text: str, code: int) -> None:
    assert played("check.yaml", text, tmp_path) == (str(code), code)
    assert '"version": "2.1.0"' in (tmp_path / "metakaito.sarif").read_text()


GH = """#!/bin/sh
echo "$@" >> calls
case "$*" in *--paginate*) cat ids ;; esac
"""


@pytest.mark.parametrize(
    ("ids", "call"),
    [
        ("", "api --method POST repos/o/r/issues/7/comments --field body=@comment.md"),
        ("11\n12\n", "api --method PATCH repos/o/r/issues/comments/11 --field body=@comment.md"),
    ],
    ids=["the first time", "later"],
)
def test_the_plan_is_one_comment_which_is_written_anew(tmp_path: Path, ids: str, call: str) -> None:
    (tmp_path / "gh").write_text(GH)
    (tmp_path / "gh").chmod(0o755)
    (tmp_path / "ids").write_text(ids)
    (tmp_path / "plan.md").write_text("the plan\n")
    (comment,) = [step for step in steps(workflow("plan.yaml")) if step.get("name") == "Comment"]

    done = program(
        *("/bin/bash", "-e", "-c", comment["run"]),
        cwd=tmp_path,
        PATH=f"{tmp_path}:{os.environ['PATH']}",  # noqa: TID251
        COMMENTS="repos/o/r/issues/7/comments",
        COMMENT="repos/o/r/issues/comments",
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "comment.md").read_text() == "<!-- metakaito plan -->\nthe plan\n"
    listed, written = (tmp_path / "calls").read_text().splitlines()
    assert listed.startswith("api --paginate repos/o/r/issues/7/comments --jq ")
    assert written == call
