"""``kubectl metakaito``, what completes it, and what krew is told of it."""

import hashlib
import os
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from hooks.cli import kubectl_plugin
from hooks.cli.kubectl_plugin import complete

ROOT = Path(__file__).parents[2]
KREW = ROOT / "examples/krew"
SCRIPTS = Path(sys.executable).parent


def plugin(*arguments: str, path: str = f"{SCRIPTS}:{os.environ['PATH']}") -> str:  # noqa: TID251
    """Return what kubectl prints, with our programs on its PATH."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("there is no kubectl on the PATH")
    done = subprocess.run(  # noqa: S603  (our own arguments)
        [kubectl, *arguments],
        env={"PATH": path, "HOME": "/nowhere"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_kubectl_runs_it_and_the_help_says_how_it_was_called() -> None:
    assert plugin("metakaito", "render", "--help").startswith("Usage: kubectl metakaito render ")


def test_kubectl_completes_it() -> None:
    lines = plugin("__complete", "metakaito", "re").splitlines()

    assert "render\tPrint every object that a Workspace becomes." in lines
    assert lines[-1] == ":4"


def test_a_mistake_names_the_program_as_it_was_called(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["kubectl-metakaito", "rendr"])

    with pytest.raises(SystemExit) as ended:
        kubectl_plugin.main()

    assert ended.value.code == 2
    assert capsys.readouterr().err == (
        "kubectl metakaito: No such command 'rendr'. Did you mean 'render'? "
        "See 'kubectl metakaito --help'.\n"
    )


COMPLETED = {
    "render --provisioner no": ["nodeclaim", "none", ":4"],
    "render work": [":0"],
    "render --presets ": [":16"],
    "presets show phi-3-mini-4": ["phi-3-mini-4k-instruct", ":4"],
    "nothing like this": [":4"],
}


@pytest.mark.parametrize(("words", "lines"), COMPLETED.items(), ids=COMPLETED)
def test_completes(words: str, lines: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    complete(words.split(" "))

    printed = capsys.readouterr().out.splitlines()
    assert printed[-1] == lines[-1]
    assert [line.partition("\t")[0] for line in printed] == [
        *(word for word in lines[:-1]),
        lines[-1],
    ]


def manifest() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((KREW / "metakaito.yaml").read_text("utf-8"))
    return found


def packed(file: Path) -> bytes:
    """Return the archive, as its script writes it."""
    subprocess.run(  # noqa: S603  (our own script)
        [sys.executable, KREW / "pack.py", file], capture_output=True, check=True
    )
    return file.read_bytes()


# https://github.com/kubernetes-sigs/krew/blob/v0.4.5/internal/index/validation/validate.go and
# https://krew.sigs.k8s.io/docs/developer-guide/plugin-manifest/
def test_krew_would_take_the_manifest() -> None:
    found = manifest()
    spec = found["spec"]

    assert found["apiVersion"] == "krew.googlecontainertools.github.com/v1alpha2"
    assert found["kind"] == "Plugin"
    assert found["metadata"] == {"name": "metakaito"}
    assert re.fullmatch(r"v\d+\.\d+\.\d+", spec["version"])
    assert spec["description"]
    assert spec["shortDescription"]
    assert "\n" not in spec["shortDescription"]
    assert {*spec} <= {
        *("version", "homepage", "shortDescription", "description", "caveats", "platforms")
    }
    assert spec["platforms"]
    for platform in spec["platforms"]:
        assert {*platform} == {"selector", "uri", "sha256", "bin"}
        assert platform["uri"].endswith((".zip", ".tar.gz"))
        assert re.fullmatch("[a-f0-9]{64}", platform["sha256"])
        for expression in platform["selector"]["matchExpressions"]:
            assert expression["key"] in ("os", "arch")
            assert expression["operator"] == "In"
            assert expression["values"]


def test_krew_is_told_the_version_and_the_digest(tmp_path: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    spec = manifest()["spec"]
    (platform,) = spec["platforms"]

    assert spec["version"] == f"v{project['version']}"
    assert f"/{spec['version']}/" in platform["uri"]
    assert platform["sha256"] == hashlib.sha256(packed(tmp_path / "a.zip")).hexdigest()


def test_what_krew_unpacks_hands_over_to_the_program(tmp_path: Path) -> None:
    packed(tmp_path / "a.zip")
    (platform,) = manifest()["spec"]["platforms"]
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert sorted(archive.namelist()) == ["LICENSE", platform["bin"]]
        mode = archive.getinfo(platform["bin"]).external_attr >> 16
        archive.extract(platform["bin"], tmp_path)
    launcher = tmp_path / platform["bin"]
    launcher.chmod(mode)

    with_it, without = (
        subprocess.run(  # noqa: S603  (our own script)
            [launcher, "version"], env={"PATH": path}, capture_output=True, text=True, check=False
        )
        for path in (f"{SCRIPTS}:/usr/bin:/bin", "/usr/bin:/bin")
    )

    assert (with_it.returncode, with_it.stdout[:10]) == (0, "metakaito ")
    assert (without.returncode, without.stdout) == (1, "")
    assert without.stderr.startswith("kubectl metakaito: metakaito is not on the PATH: ")


def test_equal_files_give_equal_archives(tmp_path: Path) -> None:
    assert packed(tmp_path / "a.zip") == packed(tmp_path / "b.zip")
    assert runpy.run_path(str(KREW / "pack.py"))["packed"]() == packed(tmp_path / "a.zip")
