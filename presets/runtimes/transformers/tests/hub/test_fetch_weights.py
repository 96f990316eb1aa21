"""The program, as an init container runs it, against a server that speaks the Hub's API."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hub.marker import MARKER, read_marker
from tests.hub.hub_server import COMMIT, Hub, serving

RUNTIME = Path(__file__).parents[2]
NAME = "owner/tiny"
OTHER_COMMIT = "2e" * 20
MIB = 2**20
WEIGHTS = bytes(range(256)) * 4096 * 48
FILES = {
    "README.md": b"# Tiny",
    "config.json": b"{}",
    "model.safetensors": WEIGHTS,
    "pytorch_model.bin": b"the same again",
    "tokenizer.json": b'{"version": "1.0"}',
}
WANTED = {name: FILES[name] for name in ("config.json", "model.safetensors", "tokenizer.json")}


@dataclass
class Fetch:
    """The program's surroundings: a volume, a termination log, a Hub."""

    hub: Hub
    into: Path
    log: Path
    token: str = ""
    more: tuple[str, ...] = field(default=())

    def command(self, name: str, *arguments: str) -> list[str]:
        program = (sys.executable, "fetch_weights.py", name, "--into", str(self.into))
        return [*self.more, *program, *arguments]

    def environment(self) -> dict[str, str]:
        kept = {key: os.environ[key] for key in ("PATH",) if key in os.environ}
        return {
            **kept,
            "HF_ENDPOINT": self.hub.endpoint,
            "HF_HOME": str(self.into.parent / "home"),
            "HF_TOKEN": self.token,
            "TERMINATION_LOG_PATH": str(self.log),
        }

    def __call__(self, *arguments: str, name: str = NAME) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(  # noqa: S603  (our own program)
            self.command(name, *arguments),
            cwd=RUNTIME,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def start(self) -> "subprocess.Popen[str]":
        return subprocess.Popen(  # noqa: S603  (the same)
            self.command(NAME),
            cwd=RUNTIME,
            env=self.environment(),
            stdout=subprocess.PIPE,
            text=True,
        )

    def there(self) -> dict[str, bytes]:
        """What is in the volume, without notes of ours and the library's."""
        found = (path for path in self.into.rglob("*") if path.is_file())
        paths = {str(path.relative_to(self.into)): path for path in found}
        return {name: path.read_bytes() for name, path in paths.items() if name[0] != "."}


@pytest.fixture
def fetch(tmp_path: Path) -> Iterator[Fetch]:
    log = tmp_path / "termination-log"
    log.touch()
    with serving(Hub({NAME: dict(FILES)})) as hub:
        yield Fetch(hub, tmp_path / "weights", log)


def failed(fetch: Fetch, done: "subprocess.CompletedProcess[str]") -> str:
    """The one sentence that a failure leaves, in the log and where Kubernetes reads it."""
    last = done.stdout.splitlines()[-1]
    assert done.returncode == 1, done.stdout
    assert last == f"error: {fetch.log.read_text()}"
    assert "Traceback" not in done.stdout
    return fetch.log.read_text().replace(fetch.hub.endpoint, "HUB")


def test_what_is_needed_comes_whole_and_is_marked_with_its_commit(fetch: Fetch) -> None:
    done = fetch()
    marked = read_marker(fetch.into)

    assert done.returncode == 0, done.stdout
    assert fetch.there() == WANTED
    assert fetch.hub.fetched() == sorted(WANTED)
    assert marked is not None
    assert (marked.name, marked.revision, marked.commit) == (NAME, "main", COMMIT)
    assert marked.files == {name: len(content) for name, content in WANTED.items()}
    assert f"{NAME} at main is commit {COMMIT}" in done.stdout.splitlines()
    assert fetch.log.read_text() == ""


def test_a_pod_that_starts_again_asks_for_nothing(fetch: Fetch) -> None:
    fetch()
    fetch.hub.asked.clear()
    done = fetch()

    assert done.returncode == 0
    assert fetch.hub.asked == []
    assert done.stdout == (f"{NAME} is there as a whole, at commit {COMMIT}: nothing is fetched\n")


def test_a_branch_that_moved_is_not_followed_by_a_pod_that_starts_again(fetch: Fetch) -> None:
    fetch()
    fetch.hub.revisions["main"] = OTHER_COMMIT

    assert fetch().returncode == 0
    assert read_marker(fetch.into).commit == COMMIT  # type: ignore[union-attr]


def test_a_cut_connection_is_taken_up_where_it_was_cut(fetch: Fetch) -> None:
    fetch.hub.cuts = Counter({"model.safetensors": 2})
    done = fetch()
    ranges = [asked[2] for asked in fetch.hub.asked if asked[1].endswith("model.safetensors")]

    assert done.returncode == 0, done.stdout
    assert fetch.there() == WANTED
    # Cut after 24 of 48 MiB, and after 14 of the other 28; the client writes 10 at a time.
    assert [each for each in ranges if each] == [f"bytes={20 * MIB}-", f"bytes={30 * MIB}-"]


def test_a_server_that_is_away_for_a_moment_is_asked_again(fetch: Fetch) -> None:
    fetch.hub.broken = Counter({"model.safetensors": 1})
    done = fetch()

    assert done.returncode == 0, done.stdout
    assert fetch.there() == WANTED


def test_a_process_that_was_killed_keeps_whole_files_and_leaves_no_parts(fetch: Fetch) -> None:
    fetch.hub.hold = threading.Event()
    fetch.hub.models[NAME] = {"config.json": b"", "model.safetensors": WEIGHTS}
    process = fetch.start()
    wait_for(lambda: any(part.stat().st_size for part in parts(fetch.into)))
    wait_for((fetch.into / "config.json").exists)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    left = parts(fetch.into)
    fetch.hub.hold.set()
    fetch.hub.asked.clear()
    done = fetch()

    assert len(left) == 1
    assert done.returncode == 0, done.stdout
    assert fetch.hub.fetched() == ["model.safetensors"]
    assert fetch.there() == {"config.json": b"", "model.safetensors": WEIGHTS}
    assert parts(fetch.into) == []


def test_progress_is_said_while_nothing_comes(fetch: Fetch) -> None:
    fetch.hub.hold = threading.Event()
    process = fetch.start()
    assert process.stdout is not None
    lines = iter(process.stdout.readline, "")
    seen = [line for line, _ in zip(lines, range(4), strict=False)]
    fetch.hub.hold.set()
    rest = process.communicate()[0]
    size = sum(map(len, WANTED.values()))

    assert re.fullmatch(
        rf"0\.02 of 0\.05 GiB \({20 * MIB} of {size} bytes\), 41%, \d+\.\d MiB/s\n", seen[2]
    )
    assert rest.splitlines()[-1] == f"{NAME} is there as a whole: 0.05 GiB in {fetch.into}"


def test_files_that_were_lost_are_fetched_again_at_the_same_commit(fetch: Fetch) -> None:
    fetch()
    fetch.hub.revisions = {"main": OTHER_COMMIT, "old": COMMIT}
    (fetch.into / "model.safetensors").unlink()
    done = fetch()

    assert done.returncode == 0, done.stdout
    assert fetch.there() == WANTED
    assert (fetch.into / MARKER).read_text() == json.dumps(
        {
            "name": NAME,
            "revision": "main",
            "commit": COMMIT,
            "files": {name: len(content) for name, content in WANTED.items()},
        },
        indent=2,
    )


def test_another_revision_takes_the_place_of_the_first(fetch: Fetch) -> None:
    fetch.hub.models[NAME] = {"config.json": b"{}", "pytorch_model.bin": WEIGHTS}
    fetch()
    fetch.hub.models[NAME] = {"config.json": b'{"a": 1}', "model.safetensors": WEIGHTS}
    fetch.hub.revisions["v2"] = OTHER_COMMIT
    done = fetch("--revision", "v2")

    assert done.returncode == 0, done.stdout
    assert fetch.there() == fetch.hub.models[NAME]
    assert read_marker(fetch.into).commit == OTHER_COMMIT  # type: ignore[union-attr]


def test_a_volume_of_another_model_is_left_alone(fetch: Fetch) -> None:
    fetch()
    fetch.hub.models["owner/other"] = {"config.json": b"", "model.safetensors": b"x"}
    done = fetch(name="owner/other")

    assert failed(fetch, done) == (
        f"{fetch.into} holds {NAME} already: give owner/other a volume of its own"
    )
    assert fetch.there() == WANTED


def test_a_gated_model_comes_with_a_token(fetch: Fetch) -> None:
    fetch.hub.gated.add(NAME)
    fetch.hub.tokens.add("hf_good")
    fetch.token = "hf_good"  # noqa: S105  (a test's)
    done = fetch()

    assert done.returncode == 0, done.stdout
    assert "hf_good" not in done.stdout


def test_a_gated_model_without_a_token_names_the_key(fetch: Fetch) -> None:
    fetch.hub.gated.add(NAME)

    assert failed(fetch, fetch()) == (
        f"{NAME} is gated and no token was given: accept its conditions on HUB/{NAME} and put a"
        " token into a Secret's key HF_TOKEN"
    )


def test_a_token_that_is_refused_names_the_key(fetch: Fetch) -> None:
    fetch.token = "hf_expired"  # noqa: S105  (the same)

    assert failed(fetch, fetch()) == (
        "HUB refuses the token in the Secret's key HF_TOKEN: renew it"
    )


def test_a_model_that_is_not_there_is_named(fetch: Fetch) -> None:
    assert failed(fetch, fetch(name="owner/teeny")) == (
        "HUB has no model owner/teeny that may be read without a token: correct the name, or, if it"
        " is private, put a token into a Secret's key HF_TOKEN"
    )


def test_a_model_that_is_not_there_for_this_token_is_named(fetch: Fetch) -> None:
    fetch.hub.tokens.add("hf_good")
    fetch.token = "hf_good"  # noqa: S105  (the same)

    assert failed(fetch, fetch(name="owner/teeny")) == (
        "HUB has no model owner/teeny that the token may read: correct the name, or the token in"
        " the Secret's key HF_TOKEN"
    )


def test_a_revision_that_is_not_there_is_named(fetch: Fetch) -> None:
    assert failed(fetch, fetch("--revision", "v9")) == (
        f"{NAME} has no revision v9: name a branch, a tag or a commit that HUB/{NAME} has"
    )


def test_what_is_no_name_is_refused_without_asking(fetch: Fetch) -> None:
    assert failed(fetch, fetch(name="a/b/c")) == (
        "'a/b/c' is no name of a model: write it as on HUB, as in microsoft/phi-2"
    )
    assert fetch.hub.asked == []


def test_a_hub_that_cannot_be_reached_names_the_setting(fetch: Fetch) -> None:
    fetch.hub.endpoint = "http://127.0.0.1:9"

    assert re.fullmatch(
        r"HUB cannot be reached \(.*refused.*\): let the Pod reach it, or name a mirror in"
        r" HF_ENDPOINT",
        failed(fetch, fetch()),
    )


def test_a_model_that_does_not_fit_is_refused_before_anything_is_fetched(fetch: Fetch) -> None:
    if os.geteuid():
        pytest.skip("to mount a small file system needs root")
    fetch.into.mkdir()
    mounted = 'mount -t tmpfs -o size=32m tmpfs "$0" && exec "$@"'
    fetch.more = ("unshare", "--mount", "sh", "-c", mounted, str(fetch.into))
    if not shutil.which("unshare") or "denied" in fetch("--help").stdout:
        pytest.skip("this machine's root may not mount")

    assert failed(fetch, fetch()) == (
        f"{NAME} needs 0.11 GiB more in {fetch.into} and 0.03 GiB are free: give the volume more"
        " room"
    )
    assert fetch.hub.fetched() == []


def test_a_volume_that_cannot_be_written_names_the_remedy(fetch: Fetch) -> None:
    if os.geteuid():
        fetch.into.mkdir(mode=0o500)
    elif shutil.which("setpriv"):
        fetch.into.mkdir(mode=0o500)
        # Root without the right to write what it may not.
        rights = "-dac_override,-dac_read_search,-fowner"
        fetch.more = ("setpriv", f"--bounding-set={rights}", f"--inh-caps={rights}")
    else:
        pytest.skip("to be root without all of its rights needs setpriv")
    done = fetch()

    assert re.fullmatch(
        r"the volume cannot be written \(.*Permission denied.*\): does the Pod set fsGroup\?",
        failed(fetch, done),
    )


def parts(into: Path) -> list[Path]:
    return list((into / ".cache").rglob("*.incomplete"))


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
