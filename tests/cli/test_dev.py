"""``metakaito dev`` as a program: options, exit codes, lines, and how it stops."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

import hooks.cli
from tests.cli.conftest import Run
from tests.hooks.dev.conftest import fake_api, wait_for
from tests.hooks.dev.fake_api import FakeApi
from tests.hooks.dev.hook_server import HookServer
from tests.hooks.dev.makers import CRD, a_composite
from tests.simulate.stubs import a_service, a_workspace, wants

SECONDS = 30

EndedBy = Callable[[Callable[[], object]], None]


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeApi]:
    with fake_api(monkeypatch) as fake:
        fake.apply(CRD)
        yield fake


@pytest.fixture
def webhooks() -> Iterator[HookServer]:
    server = HookServer()
    yield server
    server.stop()


@contextmanager
def started(api: FakeApi, folder: Path, *options: str) -> Iterator["subprocess.Popen[str]"]:
    """The program, which is ended in any case."""
    command = [sys.executable, "-m", "hooks.cli", "dev", *options]
    with subprocess.Popen(  # noqa: S603  (our own program)
        [*command, "--kubeconfig", str(api.kubeconfig(folder))],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_it_plays_until_a_signal_and_each_line_is_json(
    api: FakeApi, webhooks: HookServer, tmp_path: Path
) -> None:
    webhooks.answers["/workspaces/sync"] = wants(a_service(), workerNodes=["a"])
    api.apply(a_composite(webhooks.url))
    api.apply(a_workspace())
    lines = []
    with started(api, tmp_path, "--output", "json") as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(json.loads(line))
            if lines[-1]["message"].startswith("updated"):
                break
        process.terminate()
        out, err = process.communicate(timeout=SECONDS)
    lines += [json.loads(line) for line in out.splitlines()]

    assert (process.returncode, err) == (0, "")
    assert [line["message"] for line in lines] == [
        f"playing Metacontroller on {api.url}",
        "starting CompositeController workspaces",
        "ready: workspaces",
        "created Service default/phi",
        "updated status of Workspace default/phi",
        "stopping",
    ]
    assert {key: lines[4][key] for key in ("controller", "for", "changed")} == {
        "controller": "workspaces",
        "for": "Workspace default/phi",
        "changed": "status",
    }


@pytest.fixture
def ended_by() -> Iterator[EndedBy]:
    """
    Sends this process SIGTERM once something is so, or has not come true in time.

    Only while the program waits for it: where it has ended already, that would end the tests.
    """
    threads: list[Thread] = []
    usual = signal.getsignal(signal.SIGTERM)

    def when(it_is_so: Callable[[], object]) -> None:
        def end() -> None:
            try:
                wait_for(it_is_so)
            finally:
                if signal.getsignal(signal.SIGTERM) is not usual:
                    os.kill(os.getpid(), signal.SIGTERM)

        threads.append(Thread(target=end))
        threads[-1].start()

    yield when
    for thread in threads:
        thread.join()


def test_lines_for_people_are_on_standard_error(
    api: FakeApi, webhooks: HookServer, run: Run, folder: Path, ended_by: EndedBy
) -> None:
    api.apply(a_composite(webhooks.url))
    api.apply(a_workspace())
    usual = signal.getsignal(signal.SIGTERM)
    ended_by(lambda: webhooks.requests_to("/workspaces/sync"))
    result = run("dev", "--kubeconfig", str(api.kubeconfig(folder)))

    assert (result.code, result.out) == (0, "")
    assert [line.partition(" ")[2] for line in result.err.splitlines()[:3]] == [
        f"INFO playing Metacontroller on {api.url}",
        "INFO starting CompositeController workspaces",
        "INFO ready: workspaces",
    ]
    assert signal.getsignal(signal.SIGTERM) is usual


def test_it_is_ready_once_every_controller_runs(
    api: FakeApi, webhooks: HookServer, run: Run, folder: Path, ended_by: EndedBy
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as place:
        address = f"127.0.0.1:{place.getsockname()[1]}"
    before: list[int] = []

    def is_ready() -> bool:
        wait_for(lambda: code_of(f"http://{address}/healthz") == 200)
        before.extend(code_of(f"http://{address}/{path}") for path in ("readyz", "other"))
        api.apply(a_composite(webhooks.url))
        return bool(wait_for(lambda: code_of(f"http://{address}/readyz") == 200))

    ended_by(is_ready)
    kubeconfig = str(api.kubeconfig(folder))
    result = run("dev", "--kubeconfig", kubeconfig, "--health-probe-bind-address", address)

    assert result.code == 0
    assert before == [503, 404]


def code_of(url: str) -> int:
    try:
        with urlopen(url, timeout=5) as response:  # noqa: S310  (of this process)
            return int(response.status)
    except HTTPError as error:
        return error.code
    except OSError:
        return 0


def test_an_answer_that_would_crash_metacontroller_ends_it(
    api: FakeApi, webhooks: HookServer, run: Run, folder: Path
) -> None:
    webhooks.answers["/workspaces/sync"] = wants(None)
    api.apply(a_composite(webhooks.url))
    api.apply(a_workspace())
    result = run("dev", "--kubeconfig", str(api.kubeconfig(folder)))

    assert result.code == 1
    assert result.err.splitlines()[-1].startswith(
        "Metacontroller would crash: children[0] is null: "
    )
    assert "Traceback" not in result.err


@pytest.mark.parametrize(
    ("options", "code", "reason"),
    [
        (
            ("--target-label-selector", "a b"),
            2,
            "--target-label-selector: 'a b' is not a requirement such as app=web",
        ),
        (
            ("--health-probe-bind-address", "here"),
            2,
            "--health-probe-bind-address: 'here' is not an address such as :8080, ",
        ),
        (("--context", "other"), 1, "--context: "),
        (("--record", "kubeconfig"), 2, "metakaito dev: Invalid value for '--record'"),
        (("--workers", "0"), 2, "metakaito dev: Invalid value for '--workers'"),
        (("--apply-strategy", "kubectl"), 2, "metakaito dev: Invalid value for '--apply-strategy'"),
    ],
)
def test_options_that_cannot_be_used_are_told(
    api: FakeApi, run: Run, folder: Path, options: tuple[str, ...], code: int, reason: str
) -> None:
    result = run("dev", "--kubeconfig", str(api.kubeconfig(folder)), *options)

    assert (result.code, result.out) == (code, "")
    assert result.err.startswith(reason)
    assert len(result.err.splitlines()) == 1


def test_there_is_no_kubeconfig(run: Run) -> None:
    result = run("dev", "--kubeconfig", "none")

    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("--kubeconfig: none does not exist; ")


def test_nobody_answers(run: Run, folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as place:
        server = f"http://127.0.0.1:{place.getsockname()[1]}"
    cluster = {"name": "c", "cluster": {"server": server}}
    context = {"name": "c", "context": {"cluster": "c", "user": "u"}}
    config = {"clusters": [cluster], "contexts": [context], "users": [{"name": "u", "user": {}}]}
    (folder / "config").write_text(json.dumps({**config, "current-context": "c"}))
    result = run("dev", "--kubeconfig", "config")

    assert (result.code, result.out) == (1, "")
    assert result.err.startswith(f"the cluster does not answer: GET {server}/api: ")
    assert "refused" in result.err


def test_the_token_is_refused(api: FakeApi, run: Run, folder: Path) -> None:
    file = api.kubeconfig(folder)
    file.write_text(file.read_text().replace('"secret"', '"other"'))
    result = run("dev", "--kubeconfig", str(file))

    assert result == (1, "", "the cluster does not answer: Unauthorized\n")


def test_the_package_is_missing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("hooks.dev")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "hooks.cli.playing", raising=False)
    monkeypatch.delattr(hooks.cli, "playing", raising=False)
    monkeypatch.setitem(sys.modules, "kubernetes", None)
    monkeypatch.setitem(sys.modules, "kubernetes.client", None)
    result = run("dev")

    assert result == (
        1,
        "",
        "metakaito dev needs the package kubernetes: pip install 'metakaito[cluster]'\n",
    )
