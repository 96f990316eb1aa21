import errno
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

import hooks.recording.serving
from composite.catalog import Catalog
from hooks.app import create_app
from hooks.recording.exchange import Exchange
from hooks.settings import Settings, fingerprint
from tests.hooks.conftest import NOW, Lines
from tests.hooks.questions import (
    a_customize,
    a_namespace,
    a_namespace_sync,
    a_sync,
    a_workspace,
    text,
)

BASE = datetime(2026, 1, 1, tzinfo=UTC)


def files(path: Path) -> list[Path]:
    return sorted(path.glob("*.json")) if path.exists() else []


def read(path: Path) -> list[Exchange]:
    return [Exchange.from_bytes(file.read_bytes()) for file in files(path)]


def client_of(catalog: Catalog, path: Path, **more: Any) -> FlaskClient:  # noqa: ANN401  (settings)
    settings = Settings.model_validate({"record": path, **more})
    return create_app(catalog, settings, clock=lambda: NOW).test_client()


@pytest.fixture
def recorded(catalog: Catalog, tmp_path: Path) -> FlaskClient:
    return client_of(catalog, tmp_path / "recorded")


QUESTIONS = {
    "/workspaces/sync": a_sync(),
    "/workspaces/customize": a_customize(a_workspace()),
    "/machines/sync": a_namespace_sync([a_workspace()]),
    "/machines/customize": a_customize(a_namespace()),
}


@pytest.mark.parametrize("path", QUESTIONS)
def test_a_question_and_its_answer_are_written(
    recorded: FlaskClient, catalog: Catalog, tmp_path: Path, path: str
) -> None:
    answer = recorded.post(path, json=QUESTIONS[path])

    [found] = read(tmp_path / "recorded")
    assert found.request == QUESTIONS[path]
    assert found.answer == answer.get_json()
    assert (found.path, found.status, found.error, found.hidden) == (path, 200, None, {})
    assert (found.asOf, found.recorded) == (NOW, NOW)
    assert found.settings == fingerprint(catalog)
    assert found.provisioning == catalog.provisioning


def test_the_name_of_a_file_says_when_what_and_which(
    recorded: FlaskClient, tmp_path: Path, lines: Lines, caplog: pytest.LogCaptureFixture
) -> None:
    recorded.post("/workspaces/sync", json=a_sync())

    lines()
    logged = caplog.records[-1].__dict__["fields"]["id"]
    [file] = files(tmp_path / "recorded")
    assert file.name == f"20260101T000000000000Z-workspaces-sync-{logged}.json"
    assert read(file.parent)[0].id == logged


def test_names_sort_by_time(catalog: Catalog, tmp_path: Path) -> None:
    times = [BASE + timedelta(microseconds=n) for n in (0, 9, 10, 999_999, 1_000_000)]
    clock = iter([time for time in times for _ in range(2)])
    settings = Settings(record=tmp_path)
    client = create_app(catalog, settings, clock=lambda: next(clock)).test_client()
    for _ in times:
        client.post("/workspaces/sync", json=a_sync())

    assert [each.recorded for each in read(tmp_path)] == times


def test_nothing_is_written_without_the_setting(
    client: FlaskClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    client.post("/workspaces/sync", json=a_sync())

    assert list(tmp_path.iterdir()) == []


def test_an_error_is_written_as_it_was_answered(recorded: FlaskClient, tmp_path: Path) -> None:
    question = {**a_sync(), "related": {"Machine.karpenter.sh/v1alpha5": {}, "Node.v1": {}}}
    unplannable = recorded.post("/workspaces/sync", json=question)
    malformed = recorded.post("/workspaces/sync", json={"parent": {}})

    assert sorted((each.status, each.error) for each in read(tmp_path / "recorded")) == [
        (422, malformed.text.strip()),
        (500, unplannable.text.strip()),
    ]


def test_a_fault_of_ours_is_written_without_its_number(
    recorded: FlaskClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("hooks.app.workspace.sync", broken)
    recorded.post("/workspaces/sync", json=a_sync())

    assert [each.error for each in read(tmp_path / "recorded")] == ["internal error"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/workspaces/sync", b"not JSON hunter2"),
        ("POST", "/workspaces/sync", b'["hunter2"]'),
        ("POST", "/elsewhere", b"{}"),
        ("GET", "/healthz", b""),
        ("GET", "/workspaces/sync", b""),
    ],
)
def test_what_is_no_question_is_not_written(
    recorded: FlaskClient, tmp_path: Path, method: str, path: str, body: bytes
) -> None:
    recorded.open(path, method=method, data=body)

    assert files(tmp_path / "recorded") == []


def test_a_token_is_not_written_nor_the_question_of_whoever_does_not_know_it(
    catalog: Catalog, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("opensesame")
    client = client_of(catalog, tmp_path / "recorded", token_file=tmp_path / "token")
    refused = client.post("/workspaces/sync", json=a_sync())
    known = {"Authorization": "Bearer opensesame"}
    client.post("/workspaces/sync", json=a_sync(), headers=known)

    [file] = files(tmp_path / "recorded")
    assert refused.status_code == 401
    assert b"opensesame" not in file.read_bytes()


def test_it_is_written_as_of_the_time_that_a_request_names(
    catalog: Catalog, tmp_path: Path
) -> None:
    client = client_of(catalog, tmp_path, virtual_clock=True)
    client.post("/workspaces/sync", json=a_sync(), headers={"Metakaito-Now": "2030-01-01T00:00Z"})

    [found] = read(tmp_path)
    assert (found.asOf.year, found.recorded) == (2030, NOW)


def test_no_more_are_kept_than_the_settings_say(catalog: Catalog, tmp_path: Path) -> None:
    client = client_of(catalog, tmp_path, record_max_requests=2)
    for _ in range(4):
        client.post("/workspaces/sync", json=a_sync())

    assert len(files(tmp_path)) == 2


class TestWhatCannotBeWritten:
    def test_is_said_once_until_it_works_again(
        self, catalog: Catalog, tmp_path: Path, lines: Lines
    ) -> None:
        place = tmp_path / "recorded"
        client = client_of(catalog, place)
        place.write_text("in the way")

        def ask() -> int:
            return client.post("/workspaces/sync", json=a_sync()).status_code

        assert [ask(), ask(), ask()] == [200, 200, 200]
        place.unlink()
        assert [ask(), ask()] == [200, 200]
        told = [line for line in lines() if line["logger"] == "metakaito.recording"]
        assert told == [
            {
                "level": "warning",
                "logger": "metakaito.recording",
                "message": "requests are answered and not recorded",
                "folder": str(place),
                "reason": "File exists",
            },
            {
                "level": "info",
                "logger": "metakaito.recording",
                "message": "requests are recorded again",
                "folder": str(place),
            },
        ]
        assert len(files(place)) == 2

    def test_fails_no_request_where_the_disk_is_full(
        self,
        recorded: FlaskClient,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        lines: Lines,
    ) -> None:
        def full(*_: object, **__: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr("hooks.recording.folder.tempfile.mkstemp", full)
        answers = [recorded.post("/workspaces/sync", json=a_sync()) for _ in range(2)]

        assert [each.status_code for each in answers] == [200, 200]
        reasons = [line["reason"] for line in lines() if "reason" in line]
        assert reasons == ["No space left on device"]
        assert files(tmp_path / "recorded") == []

    def test_a_fault_of_the_recording_is_told_without_what_it_was_about(
        self, recorded: FlaskClient, monkeypatch: pytest.MonkeyPatch, lines: Lines
    ) -> None:
        def broken(*_: object) -> None:
            raise ValueError("hunter2")

        monkeypatch.setattr(hooks.recording.serving, "recorded", broken)
        answer = recorded.post("/workspaces/sync", json=a_sync())

        assert answer.status_code == 200
        assert "ValueError at /workspaces/sync" in [line.get("reason") for line in lines()]
        assert "hunter2" not in json.dumps(lines())


def test_what_is_not_finite_is_written_and_read(recorded: FlaskClient, tmp_path: Path) -> None:
    body = text(a_sync(a_workspace(status={"x": "?"}))).replace(b'"?"', b"1e400")
    recorded.post("/workspaces/sync", data=body)

    [found] = read(tmp_path / "recorded")
    assert found.request["parent"]["status"] == {"x": float("inf")}
