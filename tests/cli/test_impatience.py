"""Whatever is given to a command, it says what is wrong with what, and never a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import QUICK_START, Run

FILES = {
    "nothing there": None,
    "no text": b"\xff\xfe\x00",
    "nothing in it": b"",
    "no YAML": b"a: [",
    "a list": b"- 1",
    "a name that is a list": (
        b"apiVersion: kaito.sh/v1alpha1\nkind: Workspace\nmetadata: {name: [a]}"
    ),
    "a namespace that is an object": (
        b"apiVersion: kaito.sh/v1alpha1\nkind: Workspace\nmetadata: {name: a, namespace: {b: c}}"
    ),
    "an empty name": QUICK_START.replace("workspace-phi-3-mini", "''").encode(),
    "an unknown preset": QUICK_START.replace("phi-3-mini-4k-instruct", "phi-9").encode(),
    "an object of no kind": b"kind: [x]\nmetadata: {name: c}\n---\n" + QUICK_START.encode(),
    "a Node with a number for labels": (
        b"apiVersion: v1\nkind: Node\nmetadata: {name: a, labels: 5}\n---\n" + QUICK_START.encode()
    ),
    "a ConfigMap with a number for data": (
        b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: 7\n---\n"
        + QUICK_START.encode()
    ),
}
COMMANDS = (
    *(["plan", "bad.yaml"], ["plan", "phi.yaml", "--observed", "bad.yaml"]),
    *(["plan", "phi.yaml", "--base", "bad.yaml"], ["plan", "phi.yaml", "--check", "bad.yaml"]),
    *(["check", "bad.yaml"], ["check", "phi.yaml", "--beside", "bad.yaml"]),
    *(["krm", "bad.yaml"], ["replay", "bad.yaml"], ["render", "bad.yaml"]),
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
def test_a_file_that_is_of_no_use(
    run: Run, folder: Path, command: list[str], content: bytes | None
) -> None:
    if content is not None:
        (folder / "bad.yaml").write_bytes(content)

    result = run(*command)  # what is not told would be raised here

    assert result.code in {0, 1, 2, 3}
    told = result.err + result.out
    assert result.code in {0, 3} or "bad.yaml" in told or "  refused: " in told


def test_a_namespace_that_cannot_be_is_refused_on_its_line(run: Run, folder: Path) -> None:
    text = QUICK_START.replace("metadata:", 'metadata:\n  namespace: "Bad Name"', 1)
    (folder / "a.yaml").write_text(text)

    assert run("check", "a.yaml") == (
        2,
        (
            "a.yaml:4: workspace-phi-3-mini: metadata.namespace: must be the name of a namespace: "
            "lower-case letters, digits and '-', at most 63; is the text 'Bad Name'\n"
        ),
        "",
    )


@pytest.mark.parametrize(
    ("arguments", "option"),
    [(["../a"], "NAME"), (["a", "-n", "Bad Name"], "--namespace"), ([""], "NAME")],
)
def test_a_bundle_of_what_cannot_be_is_refused_before_anybody_is_asked(
    run: Run, arguments: list[str], option: str
) -> None:
    result = run("support-bundle", *arguments)

    assert (result.code, result.out) == (2, "")
    assert f"Invalid value for {option}: " in result.err
    assert "must be lower-case letters, digits and '-', at most 63" in result.err


KUBECONFIGS = {
    "nothing there": (None, "config does not exist; the file of kubectl, "),
    "nothing in it": (b"", "config file is empty"),
    "no text": (b"\xff", "invalid start byte (config)"),
    "no YAML": (b"a: [", 'in "config", line 1, column 5 (config)'),
    "a list": (b"- 1", "it is no kubeconfig (config)"),
}


@pytest.mark.parametrize("command", [["plan", "phi.yaml", "--cluster"], ["support-bundle", "a"]])
@pytest.mark.parametrize(("content", "said"), KUBECONFIGS.values(), ids=KUBECONFIGS)
def test_a_kubeconfig_that_is_of_no_use_is_named(
    run: Run, folder: Path, command: list[str], content: bytes | None, said: str
) -> None:
    if content is not None:
        (folder / "config").write_bytes(content)

    result = run(*command, "--kubeconfig", "config")

    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("--kubeconfig: ")
    assert said in result.err
    assert len(result.err.splitlines()) == 1


CONTEXTS = {
    "that is not there": (
        "current-context: a",
        ["--context", "nope"],
        "config has no context 'nope'; it has a, b",
    ),
    "that nobody names": (
        "kind: Config",
        [],
        "config says no current context that it has, so one must be given: a, b",
    ),
    "that is said to be current and is not there": (
        "current-context: c",
        [],
        "config says no current context that it has, so one must be given: a, b",
    ),
}


@pytest.mark.parametrize(("line", "options", "said"), CONTEXTS.values(), ids=CONTEXTS)
def test_a_context_that_is_missing_is_named_beside_those_there_are(
    run: Run, folder: Path, line: str, options: list[str], said: str
) -> None:
    context = "context: {cluster: it, user: me}"
    (folder / "config").write_text(
        "clusters: [{name: it, cluster: {server: 'http://127.0.0.1:1'}}]\n"
        "users: [{name: me, user: {}}]\n"
        f"contexts: [{{name: a, {context}}}, {{name: b, {context}}}]\n{line}\n"
    )

    result = run("plan", "phi.yaml", "--cluster", "--kubeconfig", "config", *options)

    assert result == (1, "", f"--context: {said}\n")


ROOT = Path(__file__).parents[2]
PRINTING = (
    *(["plan", "phi.yaml", "-o", "json"], ["check", "phi.yaml"]),
    *(["krm", str(ROOT / "examples/kustomize/list.yaml")],),
    ["replay", str(ROOT / "examples/recorded")],
    *(["--help"], ["simulate", "--help"]),
)


def program(folder: Path, arguments: list[str], stdout: int) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(  # noqa: S603  (our own arguments)
        [sys.executable, "-m", "hooks.cli", *arguments],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("arguments", PRINTING, ids=lambda found: found[0])
def test_whoever_has_read_enough_hears_no_complaint(folder: Path, arguments: list[str]) -> None:
    read, write = os.pipe()
    os.close(read)

    done = program(folder, arguments, write)

    os.close(write)
    assert done.stderr.count("Traceback") + done.stderr.count("Errno") == 0


@pytest.mark.parametrize("arguments", PRINTING, ids=lambda found: found[0])
def test_a_full_disk_is_told(folder: Path, arguments: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = program(folder, arguments, full.fileno())

    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert "standard output: cannot be written: No space left on device" in lines
