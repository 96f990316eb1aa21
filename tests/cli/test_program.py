"""What all commands have in common, and those that only print."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import click
import pytest

from hooks.cli import cli
from hooks.pages import pages
from schemas.files import generated
from tests.cli.conftest import Run, completed

ROOT = Path(__file__).parents[2]
MAKEFILE = ROOT / "Makefile"
QUICK_START = str(ROOT / "examples/inference/kaito_workspace_phi_3_mini_4k.yaml")


def commands(group: click.Group = cli, *path: str) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        yield (*path, name)
        if isinstance(command, click.Group):
            yield from commands(command, *path, name)


@pytest.mark.parametrize("path", list(commands()), ids=" ".join)
def test_every_help_teaches(run: Run, path: tuple[str, ...]) -> None:
    result = run(*path, "--help")

    assert (result.code, result.err) == (0, "")
    assert result.out.startswith(f"Usage: metakaito {' '.join(path)} ")
    assert re.search(rf"\n  Examples?:\n(    .*\n)*    .*metakaito {path[0]}", result.out)
    assert re.search(r"\n  Exit code[s]?: 0", result.out)


def test_the_first_help_names_every_command(run: Run) -> None:
    result = run("--help")

    listed = re.findall(r"^  ([a-z][a-z-]*)  +[A-Z]", result.out, flags=re.MULTILINE)
    assert result.code == 0
    assert listed == list(cli.commands)


def test_nothing_slow_is_imported_for_help() -> None:
    slow = "{'composite', 'flask', 'hooks.settings', 'jsonschema', 'pydantic', 'rich', 'yaml'}"
    code = f"import sys, hooks.cli; print(sorted({slow} & sys.modules.keys()))"

    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert done.stdout == "[]\n"


MISTAKES = {
    "no such command": (
        ("rendr",),
        "metakaito: No such command 'rendr'. Did you mean 'render'? See 'metakaito --help'.\n",
    ),
    "a command like two others": (
        ("pln",),
        (
            "metakaito: No such command 'pln'. (Did you mean one of: 'explain', 'plan'?) "
            "See 'metakaito --help'.\n"
        ),
    ),
    "an option without its value": (
        ("presets", "show", "phi-2", "-o"),
        (
            "metakaito presets show: Option '-o' requires an argument. "
            "See 'metakaito presets show --help'.\n"
        ),
    ),
    "a word for a number": (
        ("cleanup", "--timeout", "soon"),
        (
            "metakaito cleanup: Invalid value for '--timeout': 'soon' is not a number. "
            "See 'metakaito cleanup --help'.\n"
        ),
    ),
    "no such option": (
        ("render", "--prvisioner", "none"),
        (
            "metakaito render: No such option '--prvisioner'. Did you mean '--provisioner'? "
            "See 'metakaito render --help'.\n"
        ),
    ),
    "no such choice": (
        ("render", "phi.yaml", "--cloud", "gcp"),
        (
            "metakaito render: Invalid value for '--cloud': 'gcp' is not one of 'azure', 'aws'. "
            "See 'metakaito render --help'.\n"
        ),
    ),
    "no file": (
        ("render",),
        "metakaito render: Missing argument 'FILE|- ...'. See 'metakaito render --help'.\n",
    ),
}


@pytest.mark.parametrize(("arguments", "said"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_in_the_arguments_is_one_line(
    run: Run, arguments: tuple[str, ...], said: str
) -> None:
    assert run(*arguments) == (2, "", said)


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "ascii"])
def test_what_goes_into_a_file_is_utf8_whatever_the_system_writes(
    folder: Path, encoding: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "hooks.cli", "plan", "phi.yaml"],
        cwd=folder,
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": encoding},  # noqa: TID251  (of the tests)
        check=False,
    )

    assert (done.returncode, done.stderr) == (3, b"")
    assert "GPU memory  [███████" in done.stdout.decode()


NOT_UTF8 = b"\xff.yaml"
# As Python's own defaults have it in a shell of any language, and in one of none.
LOCALES = {"any": {"LC_ALL": "C.UTF-8"}, "none": {"LC_ALL": "C", "PYTHONUTF8": "0"}}


def run_with_bytes(*arguments: str | bytes, **variables: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(  # noqa: S603  (our own program)
        [sys.executable, "-m", "hooks.cli", *arguments],
        capture_output=True,
        env={**os.environ, **variables},  # noqa: TID251  (of the tests)
        check=False,
    )


@pytest.mark.parametrize("locale", LOCALES)
def test_a_file_name_that_is_not_utf8_is_told_on_both_streams(folder: Path, locale: str) -> None:
    poor = (folder / "phi.yaml").read_bytes().replace(b"NC6s_v3", b"NV6")
    Path(os.fsdecode(NOT_UTF8)).write_bytes(poor)

    checked = run_with_bytes("check", NOT_UTF8, **LOCALES[locale])
    missed = run_with_bytes("render", b"no" + NOT_UTF8, **LOCALES[locale])

    assert (checked.returncode, checked.stderr) == (2, b"")
    assert checked.stdout.startswith(NOT_UTF8 + b":6: workspace-phi-3-mini: resource.instanceType")
    assert (missed.returncode, missed.stdout, missed.stderr) == (
        1,
        b"",
        b"no\\udcff.yaml: cannot be read: No such file or directory\n",
    )


def test_what_machines_read_is_utf8_though_a_file_name_is_not(folder: Path) -> None:
    poor = (folder / "phi.yaml").read_bytes().replace(b"NC6s_v3", b"NV6")
    Path(os.fsdecode(NOT_UTF8)).write_bytes(poor)

    plain = json.loads(run_with_bytes("check", NOT_UTF8, "-o", "json").stdout.decode())
    sarif = json.loads(run_with_bytes("check", NOT_UTF8, "-o", "sarif").stdout.decode())

    (result,) = sarif["runs"][0]["results"]
    (location,) = result["locations"]
    assert {each["file"] for each in plain} == {os.fsdecode(NOT_UTF8)}
    assert location["physicalLocation"]["artifactLocation"] == {"uri": "%FF.yaml"}


def test_without_a_command_it_helps_and_is_not_content(run: Run) -> None:
    result = run()

    assert (result.code, result.out) == (2, "")
    assert result.err == run("--help").out


def test_a_setting_that_cannot_be_used_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METAKAITO_CLOUD", "gcp")

    assert run("render", "phi.yaml") == (
        2,
        "",
        "METAKAITO_CLOUD='gcp' cannot be used; allowed: azure, aws\n",
    )


def test_version(run: Run) -> None:
    version = metadata.version("metakaito")

    assert run("version") == (0, f"metakaito {version}\n", "")
    assert run("--version") == run("version")
    assert json.loads(run("version", "-o", "json").out) == {
        "metakaito": version,
        "kaito": "v0.3.2",
        "hooks": "v2",
    }


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(run: Run, shell: str) -> None:
    result = run("completion", shell)

    assert (result.code, result.err) == (0, "")
    assert "_METAKAITO_COMPLETE=" in result.out
    if shutil.which(shell) is not None:
        subprocess.run([shell, "-n"], input=result.out, text=True, check=True)  # noqa: S603


COMPLETED = {
    "re": "plain,render\nplain,replay\n",
    "render pri": "file,pri\n",
    "simulate wor": "file,wor\n",
    "sync req": "file,req\n",
    "simulate a.yaml --scenario node": "plain,node-lost\n",
    "simulate a.yaml --scenario ./mi": "file,./mi\n",
    "render --presets own": "dir,own\n",
    "presets show phi-3-mini-4": "plain,phi-3-mini-4k-instruct\n",
    "presets --presets nowhere show phi": "\n",
    "instance-types show Standard_NC6s_v3": "plain,Standard_NC6s_v3\n",
    "instance-types --cloud aws show p4d.": "plain,p4d.24xlarge\n",
}


@pytest.mark.parametrize(("words", "offered"), COMPLETED.items(), ids=COMPLETED)
def test_completes(words: str, offered: str) -> None:
    assert completed(words) == offered


def test_crd(run: Run) -> None:
    result = run("crd")

    assert result == (0, generated()["schemas/crd/kaito.sh_workspaces.yaml"], "")
    assert json.loads(run("crd", "-o", "json").out)["kind"] == "CustomResourceDefinition"


@pytest.mark.parametrize("name", ["workspace", "preset", "instance-types", "prices"])
def test_schema(run: Run, name: str) -> None:
    assert run("schema", name) == (0, generated()[f"schemas/{name}.schema.json"], "")


def test_schema_is_that_of_a_workspace_unless_told_otherwise(run: Run) -> None:
    assert run("schema") == run("schema", "workspace")


def test_a_reader_that_has_enough_is_no_error() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "hooks.cli", "instance-types", "-o", "json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()

        assert process.stderr.read() == b""
        assert process.wait() == 0


def test_head_has_enough_of_a_play() -> None:
    done = subprocess.run(  # noqa: S603
        [
            "/bin/bash",
            "-c",
            "set -o pipefail; $0 -m hooks.cli simulate $1 | head -1",
            sys.executable,
            QUICK_START,
        ],
        capture_output=True,
        text=True,
        check=True,
    )

    assert (done.stdout, done.stderr) == (
        " 0:00:00  Workspace default/workspace-phi-3-mini is created\n",
        "",
    )


def test_the_pages_show_options_as_the_program_does(run: Run) -> None:
    page = pages()["docs/reference/cli.md"]

    assert run("crd", "--help").out.splitlines()[-1] in page.splitlines()


def test_make_serves_this_machine_only() -> None:
    assert "serve --bind 127.0.0.1:8080 $(ARGS)" in MAKEFILE.read_text(encoding="utf-8")
