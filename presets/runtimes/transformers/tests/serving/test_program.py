"""How the program ends when it cannot serve: the exit code, the log and the termination log."""

import json
import os
import socket
from pathlib import Path

import pytest

from serving.program import main


@pytest.fixture
def pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directories of a pod, on a port that nobody has."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    for name, value in {
        "METAKAITO_BASE_PORT": str(port),
        "METAKAITO_HOST": "127.0.0.1",
        "METAKAITO_PID_FILE": str(tmp_path / "server.pid"),
        "METAKAITO_ADAPTER_PATH": str(tmp_path / "adapter"),
        "METAKAITO_TERMINATION_LOG": str(tmp_path / "termination-log"),
    }.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "termination-log").touch()
    return tmp_path


def ended(pod: Path, *flags: str) -> tuple[int, str]:
    """Run the program, and return its exit code and last words."""
    code = main(["--pipeline=text-generation", *flags])
    return code, (pod / "termination-log").read_text()


def test_a_broken_adapter_fails_the_start_and_is_named(
    pod: Path,
    tiny_directory: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    adapter = pod / "adapter" / "mine"
    adapter.mkdir(parents=True)
    (adapter / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 4}))

    told = ended(pod, f"--pretrained_model_name_or_path={tiny_directory}")

    sentence = f"adapter mine: {adapter} has no adapter_model.safetensors"
    assert told == (1, sentence)
    assert caplog.messages[-1] == sentence
    assert not (pod / "server.pid").exists()


def test_a_strength_that_is_no_number_fails_the_start_before_the_model_is_loaded(
    pod: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    adapter = pod / "adapter" / "mine"
    adapter.mkdir(parents=True)
    (adapter / "adapter_config.json").write_text("{}")
    monkeypatch.setenv("mine", "much")

    assert ended(pod, f"--pretrained_model_name_or_path={pod}") == (
        1,
        (
            "adapter mine: its strength, the environment variable mine, is 'much', which is "
            "not a number"
        ),
    )


def test_a_model_that_is_not_there_fails_the_start(pod: Path) -> None:
    assert ended(pod, f"--pretrained_model_name_or_path={pod}/weights") == (
        1,
        (
            f"{pod}/weights: has no config.json, so it holds no model: mount or fetch the weights "
            "there, or "
            "name another directory with --pretrained_model_name_or_path"
        ),
    )


@pytest.mark.parametrize("bits", [4, 8])
def test_quantization_without_what_it_needs_fails_the_start(
    pod: Path,
    tiny_directory: Path,
    bits: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)

    assert ended(
        pod,
        f"--pretrained_model_name_or_path={tiny_directory}",
        f"--load_in_{bits}bit",
    ) == (1, f"--load_in_{bits}bit: needs a CUDA GPU, and there is none: drop the flag")


def test_a_port_that_somebody_has_fails_the_start(pod: Path, tiny_directory: Path) -> None:
    port = int(os.environ["METAKAITO_BASE_PORT"])
    with socket.create_server(("127.0.0.1", port)):
        told = ended(pod, f"--pretrained_model_name_or_path={tiny_directory}")

    assert told == (1, f"cannot listen on 127.0.0.1:{port}: Address already in use")


def test_a_setting_that_cannot_be_fails_the_start(
    pod: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("METAKAITO_QUEUE_LENGTH", "many")

    code, words = ended(pod)

    assert code == 2
    assert words.startswith("METAKAITO_QUEUE_LENGTH is 'many': ")
