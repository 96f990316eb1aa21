import io
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

import pytest
import yaml

from composite.models import JsonObject
from hooks.cli import run as run_cli
from hooks.cli.servers import Server, started_server
from hooks.settings import Settings

EXPECTED = Path(__file__).with_name("expected")
QUICK_START = """\
apiVersion: kaito.sh/v1alpha1
kind: Workspace
metadata:
  name: workspace-phi-3-mini
resource:
  instanceType: Standard_NC6s_v3
  labelSelector:
    matchLabels:
      apps: phi-3
inference:
  preset:
    name: phi-3-mini-4k-instruct
"""

TUNING = """\
apiVersion: kaito.sh/v1alpha1
kind: Workspace
metadata:
  name: workspace-tuning-phi-3
resource:
  instanceType: Standard_NC24ads_A100_v4
  labelSelector:
    matchLabels:
      app: tuning-phi-3
tuning:
  preset:
    name: phi-3-mini-128k-instruct
  method: qlora
  input:
    urls:
      - https://data.example/train.parquet
  output:
    image: registry.example/adapters/phi-3:0.0.1
    imagePushSecret: push
"""

Golden = Callable[[str, str], None]


class Result(NamedTuple):
    code: int
    out: str
    err: str


class Run(Protocol):
    def __call__(self, *arguments: str, stdin: str = "") -> Result: ...


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"METAKAITO_{name.upper()}", raising=False)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with the quick start and a Workspace that tunes in it."""
    monkeypatch.chdir(tmp_path)
    Path("tuning.yaml").write_text(TUNING, encoding="utf-8")
    Path("phi.yaml").write_text(QUICK_START, encoding="utf-8")
    return tmp_path


@pytest.fixture
def run(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """One command in this process, in the folder."""
    assert folder.is_dir()

    def run_command(*arguments: str, stdin: str = "") -> Result:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        code = run_cli(arguments)
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return run_command


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """Compare with a file in expected/, or rewrite it with --update-golden."""

    def compare(name: str, text: str) -> None:
        file = EXPECTED / name
        if request.config.getoption("--update-golden"):
            file.write_text(text, encoding="utf-8")

        assert text == file.read_text(encoding="utf-8")

    return compare


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real server on a virtual clock."""
    with started_server(tmp_path_factory.mktemp("server") / "server.log") as started:
        yield started


def completed(words: str) -> str:
    """Return what bash is offered after some words of a command line."""
    done = subprocess.run(
        [sys.executable, "-c", "from hooks.cli import main; main()"],
        env={
            "_METAKAITO_COMPLETE": "bash_complete",
            "COMP_WORDS": f"metakaito {words}",
            "COMP_CWORD": str(len(words.split())),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def served_by_a_template(name: str, secret: str) -> JsonObject:
    """Return a Workspace whose own server is told a secret."""
    return {
        "apiVersion": "kaito.sh/v1alpha1",
        "kind": "Workspace",
        "metadata": {"name": name, "namespace": "default"},
        "resource": {
            "instanceType": "Standard_NC6s_v3",
            "labelSelector": {"matchLabels": {"apps": name}},
        },
        "inference": {
            "template": {
                "spec": {
                    "containers": [
                        {
                            "name": "server",
                            "image": "registry.example/server:1",
                            "resources": {"limits": {"nvidia.com/gpu": "1"}},
                            "env": [{"name": "TOKEN", "value": secret}],
                        }
                    ]
                }
            }
        },
    }


def documents(text: str) -> list[object]:
    return list(yaml.safe_load_all(text))
