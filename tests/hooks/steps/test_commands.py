"""``metakaito fetch`` and ``metakaito push`` as a Job and as people run them."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from hooks.steps.patience import duration
from hooks.steps.progress import progress_words, size_words
from tests.hooks.steps.registries import running
from tests.hooks.steps.servers import Answer, Handler, Site, body, resumable, status
from tests.hooks.steps.test_fetch import CONTENT, SHA256
from tests.hooks.steps.test_layer import finish

ROOT = Path(__file__).parents[3]


def metakaito(*arguments: str | Path, **variables: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.defpath, **{key: str(value) for key, value in variables.items()}}
    return subprocess.run(  # noqa: S603  (our own program)
        [sys.executable, "-m", "hooks.cli", *map(str, arguments)],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_job_fetches_what_its_variables_say(site: Site, tmp_path: Path) -> None:
    site.answers = {"/a": [body(CONTENT)], "/b": [body(CONTENT)]}

    done = metakaito(
        "fetch",
        DATA_URLS=f"{site.url('/a')} {site.url('/b')}#sha256={SHA256}",
        DATA_VOLUME_PATH=tmp_path / "data",
        METAKAITO_FETCH_ALLOW_NETWORKS="10.0.0.0/8,127.0.0.0/8",
    )

    assert (done.returncode, done.stdout) == (
        0,
        f"{SHA256}  {tmp_path}/data/a\n{SHA256}  {tmp_path}/data/b\n",
    )
    assert done.stderr.splitlines()[-1] == f"b: 250.0 KiB, SHA-256 {SHA256}, as wanted"


def test_a_job_that_fails_names_the_field(site: Site, tmp_path: Path) -> None:
    done = metakaito("fetch", DATA_URLS=site.url("/nowhere"), DATA_VOLUME_PATH=tmp_path)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1].startswith(
        "tuning.input.urls: 127.0.0.1 is a loopback address: data is fetched from public"
    )


def test_people_fetch_with_arguments(site: Site, tmp_path: Path) -> None:
    site.answers = {"/a": [body(CONTENT)]}
    arguments = ("--into", tmp_path, "--allow-network", "127.0.0.0/8", "-o", "json")

    done = metakaito("fetch", site.url("/a"), *arguments)
    failed = metakaito("fetch", site.url("/b"), *arguments)

    assert json.loads(done.stdout) == [
        {"path": f"{tmp_path}/a", "size": len(CONTENT), "sha256": SHA256}
    ]
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr.splitlines()[-1] == f"{site.url('/b')} answers HTTP 404 Not Found"


def test_a_job_pushes_what_its_variables_say(tmp_path: Path) -> None:
    finish(tmp_path / "results" / "out")
    words = tmp_path / "termination-log"
    with running(tmp_path) as registry:
        image = f"{registry.host}/adapter:1"
        done = metakaito(
            *("push", "--digest-file", words),
            RESULTS_PATH=tmp_path / "results",
            ADAPTER_IMAGE=image,
            BASE_IMAGE="scratch",
            DOCKER_CONFIG=tmp_path,
        )

    assert done.returncode == 0, done.stderr
    name, digest = words.read_text().splitlines()
    assert done.stdout == f"{name}\n"
    assert name == f"{image}@{digest}"
    assert len(digest) == len("sha256:") + 64


def test_a_job_that_cannot_use_the_base_says_who_names_it(tmp_path: Path) -> None:
    finish(tmp_path / "results")

    done = metakaito(
        "push",
        RESULTS_PATH=tmp_path / "results",
        ADAPTER_IMAGE="registry.test/a:1",
        BASE_IMAGE="Busy:Box",
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(
        "tuning.output: METAKAITO_ADAPTER_BASE of the installation (chart value "
        "training.adapterBase): 'Busy:Box' "
    )


def test_people_push_with_arguments(tmp_path: Path) -> None:
    finish(tmp_path / "out")
    with running(tmp_path) as registry:
        image = f"{registry.host}/adapter:1"
        done = metakaito("push", tmp_path, image, "-o", "json", HOME=tmp_path)

    pushed = json.loads(done.stdout)
    assert sorted(pushed) == ["digest", "image", "layers", "size"]
    assert (pushed["image"], len(pushed["layers"])) == (image, 1)


def test_a_push_that_fails_leaves_its_last_words(tmp_path: Path) -> None:
    words = tmp_path / "termination-log"

    done = metakaito(
        *("push", "--digest-file", words),
        RESULTS_PATH=tmp_path / "results",
        ADAPTER_IMAGE="registry.test/a:1",
    )

    sentence = (
        "tuning.output: the training ended without a result: there is no "
        f"fine_tuning_completed.txt in {tmp_path}/results, which is not there"
    )
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"{sentence}\n")
    assert words.read_text() == sentence


def begun(*arguments: str | Path, **variables: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603  (our own program)
        [sys.executable, *map(str, arguments)],
        env={"PATH": os.defpath, **{key: str(value) for key, value in variables.items()}},
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )


class Hanging:
    """An answer that is begun, and goes on when the test has seen enough."""

    def __init__(self, beginning: Answer | None = None) -> None:
        self._beginning = beginning
        self.begun = threading.Event()
        self.go_on = threading.Event()

    def __call__(self, handler: Handler) -> None:
        if self._beginning is not None:
            self._beginning(handler)
            handler.wfile.flush()
        self.begun.set()
        self.go_on.wait(30)


def stopped(process: subprocess.Popen[str], answer: Hanging) -> tuple[int, str]:
    """Stop a program in the middle of an answer; return its exit code and its last line."""
    assert answer.begun.wait(30)
    process.terminate()
    _, lines = process.communicate(timeout=20)
    answer.go_on.set()
    return process.returncode, lines.splitlines()[-1]


def wait_for_bytes(path: Path, size: int) -> None:
    """Wait until a program has written so many bytes, and has had a moment to count them."""
    end = time.monotonic() + 30
    while not path.exists() or path.stat().st_size < size:
        assert time.monotonic() < end, f"{path} has not {size} bytes"
        time.sleep(0.01)
    time.sleep(0.2)


def test_a_fetch_that_is_stopped_says_so_and_is_gone_on_with(site: Site, tmp_path: Path) -> None:
    hanging = Hanging(resumable(CONTENT, '"1"', cut_at=1000))
    site.answers = {"/a": [body(CONTENT, ETag='"1"')], "/b": [hanging, resumable(CONTENT, '"1"')]}
    fetch: list[str | Path] = [
        "-m",
        "hooks.cli",
        "fetch",
        site.url("/a"),
        site.url("/b"),
        "--into",
        tmp_path,
    ]
    fetch += ["--into", tmp_path, "--allow-network", "127.0.0.0/8"]
    process = begun(*fetch)
    wait_for_bytes(tmp_path / ".unfinished b", 1000)

    assert stopped(process, hanging) == (
        143,
        "stopped by SIGTERM: what is whole is kept, and another run goes on from there",
    )
    again = begun(*fetch)
    _, lines = again.communicate(timeout=60)

    assert again.returncode == 0, lines
    assert "a: is there already, whole and the same" in lines
    assert "b: goes on after 1000 bytes that an earlier run fetched" in lines
    assert [(tmp_path / name).read_bytes() == CONTENT for name in ("a", "b")] == [True, True]


def test_a_pod_that_is_deleted_leaves_nothing_that_cannot_be_gone_on_with(
    site: Site, tmp_path: Path
) -> None:
    hanging = Hanging(body(CONTENT, cut_at=1000))
    site.answers = {"/a": [hanging]}
    process = begun(
        *("-m", "hooks.cli", "fetch", site.url("/a")),
        DATA_VOLUME_PATH=tmp_path,
        METAKAITO_FETCH_ALLOW_NETWORKS="127.0.0.0/8",
    )

    code, _ = stopped(process, hanging)

    assert (code, list(tmp_path.iterdir())) == (143, [])


def test_a_push_that_is_stopped_says_so_and_leaves_its_last_words(
    site: Site, tmp_path: Path
) -> None:
    finish(tmp_path / "results")
    (tmp_path / "room").mkdir()
    hanging = Hanging()
    site.answers = {"/v2/": [status(200)], "/v2/adapter/blobs/uploads/": [hanging]}
    process = begun(
        *("-m", "hooks.cli", "push", tmp_path / "results"),
        *(f"127.0.0.1:{site.server_port}/adapter:1", "--digest-file", tmp_path / "words"),
        TMPDIR=tmp_path / "room",
        HOME=tmp_path,
    )

    sentence = (
        "stopped by SIGTERM: what the registry has by now is kept, and another run sends the rest"
    )
    assert stopped(process, hanging) == (143, sentence)
    assert (tmp_path / "words").read_text() == sentence
    assert list((tmp_path / "room").iterdir()) == []


def test_a_step_that_hangs_outside_of_python_is_stopped_as_well(tmp_path: Path) -> None:
    # As a name server that does not answer: one call into C, for minutes.
    process = begun(
        "-c",
        "import hashlib, pathlib, sys\n"
        "from hooks.cli.stepping import last_words\n"
        "with last_words('', pathlib.Path(sys.argv[1]), 'nothing is there'):\n"
        "    print('begun', file=sys.stderr, flush=True)\n"
        "    hashlib.pbkdf2_hmac('sha256', b'', b'', 10**9)\n",
        tmp_path / "words",
    )
    assert process.stderr is not None
    assert process.stderr.readline() == "begun\n"

    process.terminate()
    _, lines = process.communicate(timeout=60)

    assert (process.returncode, lines) == (143, "stopped by SIGTERM: nothing is there\n")
    assert (tmp_path / "words").read_text() == "stopped by SIGTERM: nothing is there"


def test_the_steps_know_nothing_of_the_webhooks() -> None:
    code = (
        "import pkgutil, importlib, sys, hooks.steps as steps\n"
        "for found in pkgutil.iter_modules(steps.__path__):\n"
        "    importlib.import_module(f'hooks.steps.{found.name}')\n"
        "print(sorted({'composite', 'flask', 'hooks.settings', 'presets'} & sys.modules.keys()))"
    )

    done = subprocess.run(  # noqa: S603  (our own code)
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (0.5, "0.5 s"),
        (42, "42 s"),
        (200, "3 min 20 s"),
        (3600, "1 h"),
        (7261, "2 h 1 min"),
    ],
)
def test_durations_read_well(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("size", "words"),
    [(1, "1 byte"), (1023, "1023 bytes"), (1024, "1.0 KiB"), (3 << 29, "1.5 GiB")],
)
def test_sizes_read_well(size: int, words: str) -> None:
    assert size_words(size) == words


def test_progress_reads_well() -> None:
    mib = 1 << 20

    assert progress_words(mib, 4 * mib, mib) == "1.0 MiB of 4.0 MiB (25 %), 1.0 MiB/s, 3 s left"
    assert progress_words(mib, None, mib) == "1.0 MiB, 1.0 MiB/s"
