"""The server as real processes, started as presets write it and ended as Kubernetes does."""

import contextlib
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

HERE = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
WITHIN = 120
"""Seconds that a start or an end may take on a busy machine."""


def free_port(count: int = 1) -> int:
    """Return the first of some neighbouring ports that nobody has."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as first:
            port = int(first.getsockname()[1])
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            for number in range(count):
                stack.enter_context(socket.create_server(("127.0.0.1", port + number)))
            return port


def environment(tmp_path: Path, port: int, **more: str) -> dict[str, str]:
    return {
        **os.environ,
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "OMP_NUM_THREADS": "1",
        "METAKAITO_BASE_PORT": str(port),
        "METAKAITO_PID_FILE": str(tmp_path / "server.pid"),
        "METAKAITO_ADAPTER_PATH": str(tmp_path / "adapter"),
        "METAKAITO_TERMINATION_LOG": str(tmp_path / "termination-log"),
        **more,
    }


@contextlib.contextmanager
def started(command: str, env: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command as a container does, through ``sh -c``, and leave nothing of it behind."""
    with log.open("wb") as out:
        process = subprocess.Popen(  # noqa: S603  (a fixed program)
            ["/bin/sh", "-c", command],
            cwd=HERE, env=env, stdout=out, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_for(
    url: str,
    process: subprocess.Popen[bytes],
    log: Path,
    status: int = 200,
) -> httpx.Response:
    """Wait until an address answers so."""
    deadline = time.monotonic() + WITHIN
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            answer = httpx.get(url)
            if answer.status_code == status:
                return answer
        time.sleep(0.05)
    msg = f"{url} has not answered {status}:\n{log.read_text()}"
    raise AssertionError(msg)


def wait_for_line(line: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the log has a line."""
    deadline = time.monotonic() + WITHIN
    while line not in (told := log.read_text()):
        assert time.monotonic() < deadline, f"not said: {line}\n{told}"
        assert process.poll() is None, f"ended before it said: {line}\n{told}"
        time.sleep(0.05)


def test_the_presets_command_serves_and_the_pre_stop_hook_ends_it_in_order(
    tiny_directory: Path,
    tmp_path: Path,
) -> None:
    port, log = free_port(), tmp_path / "log"
    env = environment(tmp_path, port)
    command = (
        "accelerate launch --gpu_ids=all --machine_rank=0 --num_machines=1 --num_processes=1 "
        "inference_api.py --pipeline=text-generation --torch_dtype=auto --trust_remote_code "
        f"--pretrained_model_name_or_path={shlex.quote(str(tiny_directory))}"
    )
    kwargs = {"max_new_tokens": 500, "min_new_tokens": 500}
    answers: list[httpx.Response] = []
    with started(command, env, log) as process:
        wait_for(f"http://127.0.0.1:{port}/healthz", process, log)

        def ask() -> None:
            body = {"prompt": "What is", "generate_kwargs": kwargs}
            answers.append(httpx.post(f"http://127.0.0.1:{port}/chat", json=body, timeout=WITHIN))

        asking = threading.Thread(target=ask)
        asking.start()
        running = "metakaito_requests_running 1.0"
        while (
            running
            not in httpx.get(
                f"http://127.0.0.1:{port}/metrics",
                headers={"Accept": "text/plain"},
            ).text
        ):
            time.sleep(0.01)
        stopped = subprocess.run(
            [sys.executable, "stop_serving.py", "--wait", "0"],
            cwd=HERE,
            env=env,
            check=False,
        )
        asking.join(WITHIN)
        code = process.wait(WITHIN)

    assert (stopped.returncode, code) == (0, 0)
    assert [each.status_code for each in answers] == [200]  # what was being answered was finished
    told = log.read_text()
    assert "code that comes with it is not run" in told
    assert "Did not find any valid adapters mounted" in told
    assert "Model loaded successfully" in told
    assert not (tmp_path / "server.pid").exists()


def test_of_two_processes_one_serves_and_the_other_is_healthy_and_ends_with_it(
    tiny_directory: Path,
    tmp_path: Path,
) -> None:
    port, log = free_port(2), tmp_path / "log"
    env = environment(tmp_path, port)
    command = (
        f"exec torchrun --nproc_per_node=2 --master_port={free_port()} inference_api.py "
        "--pipeline=text-generation "
        f"--pretrained_model_name_or_path={shlex.quote(str(tiny_directory))}"
    )
    with started(command, env, log) as process:
        follower = wait_for(f"http://127.0.0.1:{port + 1}/healthz", process, log)
        wait_for(f"http://127.0.0.1:{port}/healthz", process, log)
        body = {"prompt": "What is", "generate_kwargs": {"max_new_tokens": 3}}
        answer = httpx.post(f"http://127.0.0.1:{port}/chat", json=body)
        misdirected = httpx.post(f"http://127.0.0.1:{port + 1}/chat", json=body)
        metrics = httpx.get(f"http://127.0.0.1:{port + 1}/metrics").json()
        wait_for_line("Process 0 is there; this one ends when it does", process, log)
        pid = int((tmp_path / "server.pid").read_text().split()[0])
        os.kill(pid, signal.SIGTERM)
        code = process.wait(WITHIN)

    assert follower.json() == {"status": "Healthy"}
    assert answer.status_code == 200
    assert misdirected.status_code == 421
    assert metrics.keys() == {"gpu_info", "cpu_info"}
    assert code == 0
    assert "Process 0 has ended" in log.read_text()


def test_a_server_that_is_ended_before_it_listens_ends_with_0(
    tiny_directory: Path, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    env = environment(tmp_path, free_port())
    command = (
        "exec python3 inference_api.py --pipeline=text-generation "
        f"--pretrained_model_name_or_path={shlex.quote(str(tiny_directory))}"
    )
    with started(command, env, log) as process:
        while not (tmp_path / "server.pid").exists():
            time.sleep(0.01)
        stopped = subprocess.run(
            [sys.executable, "stop_serving.py", "--wait", "0"], cwd=HERE, env=env, check=False
        )
        code = process.wait(WITHIN)

    assert (stopped.returncode, code) == (0, 0)
    assert "Asked to end before anything was answered" in log.read_text()
    assert not (tmp_path / "server.pid").exists()


def test_a_flag_that_is_not_known_ends_the_program_before_anything_is_loaded(
    tmp_path: Path,
) -> None:
    (tmp_path / "termination-log").touch()
    ended = subprocess.run(
        [sys.executable, "inference_api.py", "--pipeline=text-generation", "--max_batch=3"],
        cwd=HERE, env=environment(tmp_path, free_port()),
        capture_output=True, check=False, text=True,
    )  # fmt: skip

    sentence = "--max_batch: there is no such flag; see --help for those there are"
    assert ended.returncode == 2
    assert (tmp_path / "termination-log").read_text() == sentence


def test_a_stopped_or_foreign_process_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "server.pid").write_text(f"{os.getpid()} 1.0\n")  # another process had this number
    ended = subprocess.run(
        [sys.executable, "stop_serving.py", "--wait=0"],
        cwd=HERE, env=environment(tmp_path, 5000), capture_output=True, check=False, text=True,
    )  # fmt: skip

    assert (ended.returncode, ended.stdout) == (
        0,
        f"no server runs that {tmp_path}/server.pid names\n",
    )
