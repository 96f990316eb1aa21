"""Progress is told in lines, in Kaito's JSON and to Prometheus."""

import logging
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from training.atomically import write_atomically
from training.metrics import make_app
from training.progress import Progress, duration, progress_line, read_progress, write_progress
from training.reporter import Counts, Reporter
from training.settings import Settings

HALFWAY = Progress(
    state="training",
    step=30,
    total_steps=60,
    epoch=1.5,
    total_epochs=3,
    loss=2.34567,
    samples_per_second=3.21,
    tokens_per_second=812.4,
    seconds_left=250.2,
    updated=1700000000.0,
)


@pytest.mark.parametrize(
    ("progress", "line"),
    [
        (
            HALFWAY,
            "step 30 of 60, epoch 1.50 of 3, loss 2.3457, 3.21 samples/s, 812 tokens/s, 4m10s left",
        ),
        (Progress(total_steps=60, total_epochs=3), "step 0 of 60, epoch 0.00 of 3"),
    ],
)
def test_a_line_says_what_is_known(progress: Progress, line: str) -> None:
    assert progress_line(progress) == line


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.4, "0s"), (59.6, "1m00s"), (250, "4m10s"), (7260, "2h01m")]
)
def test_times_are_said_as_people_do(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_what_is_written_is_read_and_what_is_none_is_none(tmp_path: Path) -> None:
    file = tmp_path / "progress.json"
    assert read_progress(file) is None

    write_progress(HALFWAY, file)
    assert read_progress(file) == HALFWAY
    assert [path.name for path in tmp_path.iterdir()] == ["progress.json"]

    file.write_text("{")
    assert read_progress(file) is None


def test_counts_become_rates_and_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "monotonic", lambda: 110.0)
    counts = Counts(
        began=100.0, first_step=10, step=15, total_steps=30, epoch=1.5, total_epochs=3,
        samples=40, tokens=2000, loss=float("nan"),
    )  # fmt: skip

    progress = counts.progress("training")

    assert progress == Progress(
        state="training", step=15, total_steps=30, epoch=1.5, total_epochs=3, loss=None,
        samples_per_second=4, tokens_per_second=200, seconds_left=30, updated=progress.updated,
    )  # fmt: skip


def test_a_training_that_is_resumed_begins_in_the_epoch_of_its_checkpoint() -> None:
    counts = Counts()

    counts.begin(40, 240, 20.0, 120)

    assert progress_line(counts.progress("training")) == "step 40 of 240, epoch 20.00 of 120"


def test_what_takes_long_is_told_again_with_how_far_it_is(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = replace(Settings(), progress_file=tmp_path / "progress.json", progress_seconds=0.01)
    with caplog.at_level(logging.INFO), Reporter(settings) as reporter:
        reporter.begin("reading x.csv")
        reporter.detail("7 rows")
        while "for 0s: 7 rows" not in caplog.text:
            time.sleep(0.01)

    assert "reading x.csv, for 0s: 7 rows" in caplog.text


def test_the_metrics_server_answers_in_kaitos_json_with_the_training_added(tmp_path: Path) -> None:
    file = tmp_path / "progress.json"
    client = TestClient(make_app(file))

    before = client.get("/metrics").json()
    assert before.keys() == {"gpu_info", "cpu_info", "training"}
    assert before["training"] is None

    write_progress(HALFWAY, file)
    assert client.get("/metrics").json()["training"] == HALFWAY.model_dump()
    assert client.get("/healthz").json() == {"status": "ok"}


def test_the_metrics_server_answers_prometheus_in_its_text(tmp_path: Path) -> None:
    file = tmp_path / "progress.json"
    write_progress(HALFWAY.model_copy(update={"loss": None}), file)

    answer = TestClient(make_app(file)).get("/metrics", headers={"accept": "text/plain"})

    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
        if sample.name.startswith("metakaito_training_")
    }
    assert samples == {
        ("metakaito_training_state", "preparing"): 0,
        ("metakaito_training_state", "training"): 1,
        ("metakaito_training_state", "finished"): 0,
        ("metakaito_training_state", "failed"): 0,
        ("metakaito_training_state", "stopped"): 0,
        ("metakaito_training_step",): 30,
        ("metakaito_training_steps",): 60,
        ("metakaito_training_epoch",): 1.5,
        ("metakaito_training_epochs",): 3,
        ("metakaito_training_samples_per_second",): 3.21,
        ("metakaito_training_tokens_per_second",): 812.4,
        ("metakaito_training_left_seconds",): 250.2,
        ("metakaito_training_updated_timestamp_seconds",): 1700000000,
    }
    assert "metakaito_memory_bytes" in answer.text


def test_a_failure_to_read_the_machine_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise RuntimeError("Test Exception")

    monkeypatch.setattr("training.metrics.accelerator_report", fail)

    answer = TestClient(make_app(tmp_path / "none")).get("/metrics")

    assert (answer.status_code, answer.json()) == (500, {"detail": "Test Exception"})


def test_two_writers_of_one_file_do_not_get_in_each_others_way(tmp_path: Path) -> None:
    file = tmp_path / "progress.json"
    failures: list[BaseException] = []

    def write(content: bytes) -> None:
        try:
            for _ in range(500):
                write_atomically(file, content, durable=False)
        except BaseException as error:  # noqa: BLE001  (any is one too many)
            failures.append(error)

    writers = [threading.Thread(target=write, args=(word,)) for word in (b"one", b"two")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    assert failures == []
    assert file.read_bytes() in (b"one", b"two")
    assert [path.name for path in tmp_path.iterdir()] == ["progress.json"]


def test_without_room_for_its_progress_a_training_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(progress_file=tmp_path / "nowhere" / "progress.json")
    with Reporter(settings) as reporter:
        reporter.end("finished")

    assert "progress cannot be told to the metrics server" in caplog.text
