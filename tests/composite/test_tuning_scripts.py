"""
The scripts of a training's steps, run for real.

By every shell of this machine that may be like the one in the images, in a folder of its own, with
stand-ins for the programs that reach out of it: ``curl``, ``crane``, ``sleep``. The last part runs
the real curl, where there is one, against a server that fails on purpose.
"""

import hashlib
import os
import shutil
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from composite.workspace import scripts

PATH = os.environ["PATH"]  # noqa: TID251  (where the programs of the scripts are)
SHELLS = {
    name: command
    for name, command in {
        "sh": ["/bin/sh"],
        "dash": ["dash"],
        "busybox": ["busybox", "sh"],
        "bash": ["bash", "--posix"],
    }.items()
    if shutil.which(command[0])
}

# Writes what stands in web/<name>, or half of it and fails with the code in web/<name>.fails.
CURL = """#!/bin/sh
echo "$*" >> "$HERE/curl.log"
while [ $# -gt 0 ]; do
  case $1 in
    --output) shift; output=$1 ;;
    --url) shift; url=$1 ;;
  esac
  shift
done
page=$HERE/web/$(echo "$url" | tr '/:' '__')
if [ -e "$page.fails" ]; then
  echo half > "$output"
  echo "curl: (22) The requested URL returned error: 404" >&2
  exit "$(cat "$page.fails")"
fi
cp "$page" "$output"
"""
# Fails as often as refusals says; keeps what it was given.
CRANE = """#!/bin/sh
echo "$*" >> "$HERE/crane.log"
left=$(cat "$HERE/refusals" 2>/dev/null || echo 0)
if [ "$left" -gt 0 ]; then
  echo $((left - 1)) > "$HERE/refusals"
  echo "UNAUTHORIZED: authentication required" >&2
  exit 1
fi
while [ $# -gt 0 ]; do
  case $1 in --new_layer) shift; cp "$1" "$HERE/pushed.tar" ;; esac
  shift
done
"""
SLEEP = """#!/bin/sh
echo "$*" >> "$HERE/sleep.log"
"""


class Place:
    """A folder to run a script in, and what can be seen of it afterwards."""

    def __init__(self, here: Path, shell: list[str]) -> None:
        self.here, self.shell, self.delay = here, shell, 2
        for name, text in {"curl": CURL, "crane": CRANE, "sleep": SLEEP}.items():
            self.write(f"bin/{name}", text).chmod(0o755)
        for folder in ("web", "data", "source", "results", "scratch"):
            (here / folder).mkdir()

    def write(self, name: str, text: str) -> Path:
        path = self.here / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def serve(self, url: str, text: str = "rows", *, fails: int = 0) -> None:
        """Let the stand-in of curl find this at an address, or only half of it."""
        page = "web/" + url.replace("/", "_").replace(":", "_")
        self.write(page, text)
        if fails:
            self.write(f"{page}.fails", str(fails))

    def run(self, script: str, **env: str) -> "subprocess.CompletedProcess[str]":
        # As functions, for a shell that has a program built in does not look for another.
        stand_ins = "".join(
            f'{file.name}() {{ "{file}" "$@"; }}\n' for file in (self.here / "bin").iterdir()
        )
        return subprocess.run(  # noqa: S603  (our own scripts)
            [*self.shell, "-c", stand_ins + script],
            env={"PATH": PATH, "HERE": str(self.here), **env},
            cwd=self.here / "web",
            text=True,
            capture_output=True,
            check=False,
            timeout=60,
        )

    def fetch(self, *urls: str) -> "subprocess.CompletedProcess[str]":
        data = str(self.here / "data")
        script = scripts.FETCH.replace("--retry-delay 2", f"--retry-delay {self.delay}")
        return self.run(script, DATA_URLS=" ".join(urls), DATA_VOLUME_PATH=data)

    def extract(self) -> "subprocess.CompletedProcess[str]":
        source, data = str(self.here / "source"), str(self.here / "data")
        return self.run(scripts.EXTRACT, SOURCE_PATH=source, DATA_VOLUME_PATH=data)

    def push(self) -> "subprocess.CompletedProcess[str]":
        return self.run(
            scripts.PUSH,
            ADAPTER_IMAGE="registry.example/adapters/phi:1",
            BASE_IMAGE="registry.example/busybox:1",
            RESULTS_PATH=str(self.here / "results"),
            SCRATCH_PATH=str(self.here / "scratch"),
        )

    def data(self) -> dict[str, str]:
        """Return what a trainer would find: the names, and what they hold."""
        folder = self.here / "data"
        return {
            str(path.relative_to(folder)): path.read_text()
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path.suffix != ".part"
        }

    def log(self, name: str) -> list[str]:
        file = self.here / f"{name}.log"
        return file.read_text().splitlines() if file.exists() else []


@pytest.fixture(params=list(SHELLS.values()), ids=list(SHELLS))
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return Place(tmp_path, request.param)


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


# --- fetching the data --------------------------------------------------------------------------


def test_files_are_fetched_under_their_names(place: Place) -> None:
    place.serve("https://a.example/data/train.parquet", "rows")
    place.serve("https://b.example/more.json", "others")

    done = place.fetch("https://a.example/data/train.parquet", "https://b.example/more.json")

    assert (done.returncode, done.stderr) == (0, "")
    assert place.data() == {"train.parquet": "rows", "more.json": "others"}
    assert done.stdout.splitlines() == [
        f"Downloading https://a.example/data/train.parquet to {place.here}/data/train.parquet",
        f"Successfully downloaded https://a.example/data/train.parquet, SHA-256 {sha256('rows')}",
        f"Downloading https://b.example/more.json to {place.here}/data/more.json",
        f"Successfully downloaded https://b.example/more.json, SHA-256 {sha256('others')}",
        "All downloads completed successfully",
    ]


def test_curl_follows_says_what_is_wrong_and_tries_again(place: Place) -> None:
    place.serve("https://a.example/x.csv")
    place.fetch("https://a.example/x.csv")

    assert place.log("curl") == [
        (
            "--fail --silent --show-error --location --retry 4 --retry-delay 2 --retry-all-errors "
            f"--output {place.here}/data/x.csv.part --url https://a.example/x.csv"
        )
    ]


@pytest.mark.parametrize("query", ["download=true&a=b", "signature=a/b%2Fc", "token=" + "a" * 180])
def test_a_name_is_that_of_the_file_and_not_of_the_question(place: Place, query: str) -> None:
    place.serve(f"https://a.example/x.parquet?{query}")
    place.fetch(f"https://a.example/x.parquet?{query}")

    assert list(place.data()) == ["x.parquet"]


def test_no_address_at_all_is_said(place: Place) -> None:
    done = place.fetch()

    assert (done.returncode, done.stdout) == (1, "No URLs provided in DATA_URLS.\n")


def test_a_partial_download_is_never_kept(place: Place) -> None:
    place.serve("https://a.example/x.csv", fails=22)

    done = place.fetch("https://a.example/x.csv")

    assert done.returncode == 22
    assert "404" in done.stderr
    assert "Success" not in done.stdout
    assert place.data() == {}


def test_what_follows_a_failure_is_not_fetched(place: Place) -> None:
    place.serve("https://a.example/1.csv", "one")
    place.serve("https://a.example/2.csv", fails=56)
    place.serve("https://a.example/3.csv", "three")

    done = place.fetch(*(f"https://a.example/{number}.csv" for number in (1, 2, 3)))

    assert done.returncode == 56
    assert place.data() == {"1.csv": "one"}


def test_an_empty_file_is_none(place: Place) -> None:
    place.serve("https://a.example/x.csv", "")

    done = place.fetch("https://a.example/x.csv")

    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "https://a.example/x.csv is empty"
    assert place.data() == {}


@pytest.mark.parametrize("written", [str.lower, str.upper])
def test_the_right_checksum_passes(place: Place, written: object) -> None:
    place.serve("https://a.example/x.csv", "rows")
    digest = written(sha256("rows"))  # type: ignore[operator]

    done = place.fetch(f"https://a.example/x.csv#sha256={digest}")

    assert done.returncode == 0
    assert place.data() == {"x.csv": "rows"}


def test_a_wrong_checksum_fails_and_says_both(place: Place) -> None:
    place.serve("https://a.example/x.csv", "rows")
    wanted = sha256("others")

    done = place.fetch(f"https://a.example/x.csv#sha256={wanted}")

    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == (
        f"https://a.example/x.csv has the SHA-256 {sha256('rows')}, wanted is {wanted}"
    )
    assert place.data() == {}


def test_a_checksum_counts_for_its_own_file_only(place: Place) -> None:
    place.serve("https://a.example/x.csv", "rows")
    place.serve("https://a.example/y.csv", "others")

    done = place.fetch(
        f"https://a.example/x.csv#sha256={sha256('rows')}", "https://a.example/y.csv"
    )

    assert done.returncode == 0
    assert place.data() == {"x.csv": "rows", "y.csv": "others"}


def test_equal_names_are_kept_apart(place: Place) -> None:
    # With Kaito the second overwrites the first.
    for host in "abc":
        place.serve(f"https://{host}.example/x.csv", host)

    done = place.fetch(*(f"https://{host}.example/x.csv" for host in "abc"))

    assert done.returncode == 0
    assert place.data() == {"x.csv": "a", "2-x.csv": "b", "3-x.csv": "c"}


def test_nothing_is_overwritten_whatever_the_names(place: Place) -> None:
    urls = [f"https://a.example/{number}/{name}" for number, name in enumerate(("3-x", "x", "x"))]
    for url in urls:
        place.serve(url, url)

    done = place.fetch(*urls)

    assert done.returncode == 0
    assert sorted(place.data().values()) == urls


def test_a_file_that_is_there_already_stays(place: Place) -> None:
    place.write("data/x.csv", "mine")
    place.serve("https://a.example/x.csv", "rows")

    place.fetch("https://a.example/x.csv")

    assert place.data()["x.csv"] == "mine"


def test_no_word_of_an_address_is_a_pattern_for_file_names(place: Place) -> None:
    # The script runs in a folder where such files are.
    for name in ("a.csv", "b.csv"):
        place.write(f"web/{name}", "other")
    place.serve("https://a.example/[ab].csv?x=*", "rows")
    place.serve("*.csv", "star")

    done = place.fetch("https://a.example/[ab].csv?x=*", "*.csv")

    assert done.returncode == 0
    assert place.data() == {"[ab].csv": "rows", "*.csv": "star"}


@pytest.mark.parametrize("url", ["--version", "-o/etc/passwd", "--data=x"])
def test_an_address_is_never_an_option(place: Place, url: str) -> None:
    place.serve(url, "rows")

    done = place.fetch(url)

    assert done.returncode == 0
    assert place.log("curl")[0].endswith(f"--url {url}")
    assert list(place.data().values()) == ["rows"]


def test_nothing_in_an_address_is_run(place: Place) -> None:
    url = "https://a.example/$(touch${IFS}pwned)`touch${IFS}pwned`;touch"
    place.serve(url, "rows")

    assert place.fetch(url).returncode == 0
    assert list(place.here.rglob("pwned")) == []
    assert list(place.data().values()) == ["rows"]


# --- copying the data ---------------------------------------------------------------------------


def test_all_of_the_images_data_are_copied(place: Place) -> None:
    place.write("source/train.csv", "rows")
    place.write("source/.hidden", "too")
    place.write("source/deep/er/more.csv", "others")

    done = place.extract()

    assert done.returncode == 0
    assert place.data() == {".hidden": "too", "deep/er/more.csv": "others", "train.csv": "rows"}
    assert "train.csv" in done.stdout


def test_dot_files_alone_are_data_too(place: Place) -> None:
    place.write("source/.train.csv", "rows")

    assert place.extract().returncode == 0
    assert place.data() == {".train.csv": "rows"}


def test_an_image_without_data_is_said(place: Place) -> None:
    done = place.extract()

    assert done.returncode == 1
    assert done.stdout == f"{place.here}/source of this image is empty\n"


def test_an_image_without_the_folder_is_said(place: Place) -> None:
    (place.here / "source").rmdir()

    done = place.extract()

    assert done.returncode == 1
    assert done.stdout == f"{place.here}/source of this image is empty\n"


# --- pushing the result -------------------------------------------------------------------------


def train(place: Place, folder: str = "results") -> None:
    place.write(f"{folder}/adapter_config.json", "{}")
    place.write(f"{folder}/adapter_model.safetensors", "weights")
    place.write(f"{folder}/fine_tuning_completed.txt", "2026-01-01-12-00-00")
    place.write(f"{folder}/checkpoint-1/optimizer.pt", "much")


def pushed(place: Place) -> dict[str, str]:
    """Return the files of the layer that was pushed."""
    with tarfile.open(place.here / "pushed.tar") as layer:
        found = {m.name: layer.extractfile(m) for m in layer.getmembers()}
        return {name: file.read().decode() for name, file in found.items() if file is not None}


@pytest.mark.parametrize("folder", ["results", "results/deep/er"])
def test_the_adapter_is_pushed_as_kaitos_images_have_it(place: Place, folder: str) -> None:
    train(place, folder)

    done = place.push()

    assert (done.returncode, done.stdout, done.stderr) == (0, "Upload complete\n", "")
    assert pushed(place) == {
        "data/adapter_config.json": "{}",
        "data/adapter_model.safetensors": "weights",
    }
    [call] = place.log("crane")
    assert call.startswith("append --base registry.example/busybox:1 --new_layer ")
    assert call.endswith(" --new_tag registry.example/adapters/phi:1")


def test_a_push_that_is_refused_is_tried_again_with_growing_waits(place: Place) -> None:
    train(place)
    place.write("refusals", "3")

    done = place.push()

    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "Push failed, retrying in 10 seconds...",
        "Push failed, retrying in 20 seconds...",
        "Push failed, retrying in 40 seconds...",
        "Upload complete",
    ]
    assert place.log("sleep") == ["10", "20", "40"]
    assert "UNAUTHORIZED" in done.stderr
    assert pushed(place)["data/adapter_model.safetensors"] == "weights"


def test_a_push_that_is_refused_for_an_hour_is_given_up(place: Place) -> None:
    # Kaito's sidecar tries for ever.
    train(place)
    place.write("refusals", "99")

    done = place.push()

    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == (
        "Push of registry.example/adapters/phi:1 failed 15 times"
    )
    assert len(place.log("crane")) == 15
    waits = [int(wait) for wait in place.log("sleep")]
    assert max(waits) == 300
    assert 45 * 60 < sum(waits) < 60 * 60


def test_a_training_without_a_result_is_not_pushed(place: Place) -> None:
    place.write("results/checkpoint-1/adapter_model.safetensors", "half")

    done = place.push()

    assert done.returncode == 1
    assert done.stdout == (
        "The training ended without a result: there is no fine_tuning_completed.txt in "
        f"{place.here}/results\n"
    )
    assert place.log("crane") == []


@pytest.mark.parametrize("missing", ["adapter_config.json", "adapter_model.safetensors"])
def test_half_a_result_is_not_pushed(place: Place, missing: str) -> None:
    train(place)
    (place.here / "results" / missing).unlink()

    done = place.push()

    assert done.returncode != 0
    assert missing in done.stderr
    assert place.log("crane") == []


def test_a_layer_that_cannot_be_written_whole_is_not_pushed(place: Place) -> None:
    train(place)
    place.write("bin/tar", '#!/bin/sh\necho "tar: No space left on device" >&2\nexit 2\n').chmod(
        0o755
    )

    assert place.push().returncode != 0
    assert place.log("crane") == []


# --- with the real curl -------------------------------------------------------------------------


class Server:
    """A server of one file that answers each request as it is told, and well from then on."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        served = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answer = served.answers.pop(0) if served.answers else "whole"
                if answer.isdigit():
                    self.send_error(int(answer))
                    return
                self.send_response(200)
                self.send_header("Content-Length", "8")
                self.end_headers()
                self.wfile.write(b"all rows" if answer == "whole" else b"all")

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (its name)
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/train.csv"
        threading.Thread(target=self.server.serve_forever, args=(0.01,)).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def answering(request: pytest.FixtureRequest) -> Iterator[Server]:
    server = Server(*request.param)
    yield server
    server.close()


@pytest.fixture
def real(tmp_path: Path) -> Place:
    place = Place(tmp_path, SHELLS["sh"])
    (place.here / "bin" / "curl").unlink()
    place.delay = 1  # the one thing that is not as it is in the image
    return place


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl here")
@pytest.mark.parametrize(
    "answering",
    [["whole"], ["503", "part", "404"]],
    indirect=True,
    ids=["at once", "after an error, half of it, and nothing there"],
)
def test_the_real_curl_brings_the_whole_file(real: Place, answering: Server) -> None:
    done = real.fetch(f"{answering.url}#sha256={sha256('all rows')}")

    assert (done.returncode, done.stdout.splitlines()[-1]) == (
        0,
        "All downloads completed successfully",
    )
    assert real.data() == {"train.csv": "all rows"}


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl here")
@pytest.mark.parametrize("answering", [["404"] * 9], indirect=True)
def test_the_real_curl_gives_up_and_says_why(real: Place, answering: Server) -> None:
    done = real.fetch(answering.url)

    assert done.returncode == 22
    assert "The requested URL returned error: 404" in done.stderr
    assert len(answering.answers) == 9 - 5
    assert real.data() == {}
