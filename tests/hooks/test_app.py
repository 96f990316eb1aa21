import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient
from pydantic import BaseModel
from werkzeug.test import TestResponse

from composite import machines, workspace
from composite.catalog import Catalog
from hooks.app import create_app
from hooks.logs import JsonLines
from hooks.settings import Settings, fingerprint
from tests.hooks.conftest import NOW, Lines
from tests.hooks.questions import (
    JsonObject,
    a_customize,
    a_namespace,
    a_namespace_sync,
    a_sync,
    a_workspace,
    text,
)


def planned(catalog: Catalog) -> JsonObject:
    """A Workspace whose status has a plan, as the API server gives it back."""
    question = workspace.Request.model_validate(a_sync())
    status = workspace.sync(question, catalog, NOW).status.to_json()
    return a_workspace(status={**status, "observedGeneration": 3})


class TestAnswersOverHttpAsInProcess:
    def test_workspaces_sync(self, client: FlaskClient, catalog: Catalog) -> None:
        question = a_sync()

        response = client.post("/workspaces/sync", data=text(question))

        answer = workspace.sync(workspace.Request.model_validate(question), catalog, NOW)
        assert response.json == answer.to_json()
        assert response.status_code == 200
        assert response.content_type == "application/json"

    def test_workspaces_customize(self, client: FlaskClient, catalog: Catalog) -> None:
        question = a_customize(a_workspace())

        response = client.post("/workspaces/customize", data=text(question))

        asked = workspace.CustomizeQuestion.model_validate(question)
        assert response.json == workspace.customize(asked, catalog).to_json()

    def test_machines_sync(self, client: FlaskClient, catalog: Catalog) -> None:
        question = a_namespace_sync([planned(catalog)])

        response = client.post("/machines/sync", data=text(question))

        answer = machines.sync(machines.Request.model_validate(question), catalog, NOW)
        assert len(answer.attachments) == 1
        assert response.json == answer.to_json()

    def test_machines_customize(self, client: FlaskClient, catalog: Catalog) -> None:
        question = a_customize(a_namespace())

        response = client.post("/machines/customize", data=text(question))

        asked = machines.CustomizeQuestion.model_validate(question)
        assert response.json == machines.customize(asked, catalog).to_json()

    def test_the_same_question_gives_the_same_bytes(self, client: FlaskClient) -> None:
        first, second = (client.post("/workspaces/sync", data=text(a_sync())) for _ in range(2))

        assert first.data == second.data
        assert first.data == text(first.get_json())

    def test_the_content_type_does_not_matter(self, client: FlaskClient) -> None:
        response = client.post("/workspaces/sync", data=text(a_sync()), content_type="text/plain")

        assert response.status_code == 200

    def test_of_a_key_that_is_written_twice_the_last_counts_as_in_go(
        self, client: FlaskClient
    ) -> None:
        body = b'{"parent":1,' + text(a_sync())[1:]

        assert client.post("/workspaces/sync", data=body).status_code == 200


DEEP = b'{"parent":' * 5000
NAN = text(a_sync(a_workspace(inference={"template": {"spec": "?"}}))).replace(b'"?"', b"NaN")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "not JSON: EOF while parsing a value at line 1 column 0"),
        (b"parent=falcon", "not JSON: expected value at line 1 column 1"),
        (b'{"parent":', "not JSON: EOF while parsing a value at line 1 column 10"),
        (b'{"parent": "\xff"}', "not JSON: invalid unicode code point at line 1 column 13"),
        (b"\xef\xbb\xbf{}", "not JSON: expected value at line 1 column 1"),
        (b"{} {}", "not JSON: trailing characters at line 1 column 4"),
        (NAN, f"not JSON: expected value at line 1 column {NAN.index(b'NaN') + 1}"),
        (DEEP, "not JSON: recursion limit exceeded at line 1 column 2011"),
        (b"9" * 5000, "not JSON: number out of range at line 1 column 4302"),
        (b"null", "request: must be an object"),
        (b"[]", "request: must be an object"),
        (b"{}", "parent: is missing; children: is missing; related: is missing"),
        (
            b'{"parent": {}, "children": {}, "related": {}}',
            "parent.metadata: is missing",
        ),
        (
            b'{"parent": {"metadata": {"name": 1}}, "children": [], "related": {"Node.v1": []}}',
            (
                "parent.metadata.name: must be text; parent.metadata.namespace: is missing; "
                "parent.metadata.uid: is missing; and 2 more"
            ),
        ),
        (
            text(a_sync({**a_workspace(), "status": {"conditions": [{"type": ["hunter2"]}]}})),
            "parent.status.conditions.0.type: must be text",
        ),
        (
            text({**a_sync(), "children": {"Service.v1": {"default/" + "x" * 300: "hunter2"}}}),
            f"children.Service.v1.default/{'x' * 49}...: must be an object",
        ),
        (
            text({**a_sync(), "finalizing": "hunter2"}),
            "finalizing: Input should be a valid boolean, unable to interpret input",
        ),
    ],
)
def test_what_is_no_sync_request_is_422_in_one_line_without_its_values(
    client: FlaskClient, body: bytes, message: str
) -> None:
    response = client.post("/workspaces/sync", data=body)

    assert (response.status_code, response.text) == (422, f"malformed request: {message}\n")


@pytest.mark.parametrize(
    ("hook", "message"),
    [
        ("machines/sync", "object: is missing; attachments: is missing; related: is missing"),
        ("machines/customize", "parent: is missing"),
        ("workspaces/customize", "parent: is missing"),
    ],
)
def test_every_hook_says_what_it_misses(client: FlaskClient, hook: str, message: str) -> None:
    response = client.post(f"/{hook}", data=b"{}")

    assert (response.status_code, response.text) == (422, f"malformed request: {message}\n")


def test_a_malformed_request_is_logged_with_whose_it_is(client: FlaskClient, lines: Lines) -> None:
    client.post("/workspaces/sync", data=text({**a_sync(), "children": []}))

    assert lines() == [
        {
            "level": "warning",
            "logger": "metakaito",
            "message": "workspaces/sync malformed",
            "hook": "workspaces/sync",
            "outcome": "malformed",
            "controller": "metakaito-workspaces",
            "namespace": "default",
            "name": "falcon",
            "generation": 3,
            "reason": "children: must be an object",
        }
    ]


class TestTooLarge:
    @pytest.fixture
    def client(self, catalog: Catalog) -> FlaskClient:
        return create_app(catalog, Settings(max_request_bytes=65536)).test_client()

    def test_a_larger_request_is_413(self, client: FlaskClient) -> None:
        response = client.post("/machines/sync", data=b" " * 65537)

        assert (response.status_code, response.text) == (
            413,
            "request has more than 65536 bytes; METAKAITO_MAX_REQUEST_BYTES allows more\n",
        )

    def test_one_that_just_fits_is_read(self, client: FlaskClient) -> None:
        body = text(a_sync()).ljust(65536)

        assert client.post("/workspaces/sync", data=body).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "message"),
    [
        ("GET", "/workspaces/sync", 405, "405 Method Not Allowed\n"),
        ("OPTIONS", "/machines/sync", 405, "405 Method Not Allowed\n"),
        ("POST", "/healthz", 405, "405 Method Not Allowed\n"),
        ("POST", "/workspaces/finalize", 404, "404 Not Found\n"),
        ("POST", "/workspaces/sync/", 404, "404 Not Found\n"),
        ("POST", "//workspaces/sync", 404, "404 Not Found\n"),
        ("POST", "/workspaces//sync", 404, "404 Not Found\n"),
        ("GET", "/static/x", 404, "404 Not Found\n"),
        ("GET", "/", 404, "404 Not Found\n"),
    ],
)
def test_another_path_or_method_is_a_short_error_and_never_a_redirect(
    client: FlaskClient, method: str, path: str, status: int, message: str
) -> None:
    response = client.open(path, method=method, base_url="http://hooks")

    assert (response.status_code, response.text) == (status, message)


def test_another_path_is_logged_in_one_short_line(client: FlaskClient, lines: Lines) -> None:
    client.post("/workspaces/" + "x" * 1000)

    assert lines() == [
        {
            "level": "warning",
            "logger": "metakaito",
            "message": "other malformed",
            "hook": "other",
            "outcome": "malformed",
            "reason": f"404 Not Found: POST /workspaces/{'x' * 265}...",
        }
    ]


class TestWhatIsNotTheUsersFault:
    """All of it is 500, which changes nothing in the cluster."""

    def test_an_accepted_workspace_whose_preset_is_gone(
        self, client: FlaskClient, catalog: Catalog, lines: Lines
    ) -> None:
        children = client.post("/workspaces/sync", data=text(a_sync())).json["children"]  # type: ignore[index]
        poorer = create_app(catalog.model_copy(update={"presets": {}}), Settings())
        lines_before = len(lines())

        response = poorer.test_client().post(
            "/workspaces/sync", data=text(a_sync(children=children))
        )

        message = (
            "what was accepted cannot be planned any more: "
            "inference.preset.name: no preset is called 'falcon-7b'"
        )
        assert response.status_code == 500
        assert response.text.startswith(message)
        assert response.text.count("\n") == 1
        assert lines()[lines_before:] == [
            {
                "level": "warning",
                "logger": "metakaito",
                "message": "workspaces/sync unplannable",
                "hook": "workspaces/sync",
                "outcome": "unplannable",
                "controller": "metakaito-workspaces",
                "namespace": "default",
                "name": "falcon",
                "generation": 3,
                "reason": response.text.strip(),
            }
        ]

    def test_a_fault_of_ours_is_an_id_that_the_log_knows(
        self, catalog: Catalog, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, logger="metakaito")

        response = asking(catalog, stopped_clock).post("/workspaces/sync", data=text(a_sync()))

        [line] = logged(caplog)
        assert response.status_code == 500
        assert response.text == f"internal error, id {line['id']}\n"
        assert (line["level"], line["outcome"], line["name"]) == ("error", "error", "falcon")
        assert "in stopped_clock" in line["exception"]
        assert line["exception"].endswith("\nZeroDivisionError: the clock stopped")

    def test_a_model_of_ours_that_cannot_be_built_is_no_malformed_request(
        self, catalog: Catalog, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, logger="metakaito")

        response = asking(catalog, misread_clock).post(
            "/machines/sync", data=text(a_namespace_sync([]))
        )

        [line] = logged(caplog)
        assert response.status_code == 500
        assert line["exception"].endswith("\nValidationError: hour: must be a whole number")
        assert VALUE not in json.dumps(line)

    def test_only_what_is_nested_too_deeply_is_the_senders(
        self, catalog: Catalog, lines: Lines
    ) -> None:
        response = asking(catalog, endless_clock).post("/workspaces/sync", data=text(a_sync()))

        assert (response.status_code, response.text) == (
            422,
            "malformed request: nested too deeply\n",
        )
        assert [line["outcome"] for line in lines()] == ["malformed"]


def asking(catalog: Catalog, clock: Callable[[], datetime]) -> FlaskClient:
    return create_app(catalog, Settings(), clock=clock).test_client()


def logged(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [json.loads(JsonLines().format(record)) for record in caplog.records]


VALUE = "hunter2"


class Time(BaseModel):
    hour: int


def stopped_clock() -> datetime:
    raise ZeroDivisionError("the clock stopped")


def misread_clock() -> datetime:
    return datetime(2026, 1, 1, Time.model_validate({"hour": [VALUE]}).hour, tzinfo=UTC)


def endless_clock() -> datetime:
    return endless_clock()


class TestProbes:
    def test_is_alive(self, client: FlaskClient) -> None:
        response = client.get("/healthz")

        assert (response.status_code, response.text) == (200, "ok\n")

    def test_is_ready_with_presets(self, client: FlaskClient, catalog: Catalog) -> None:
        response = client.get("/readyz")

        assert (response.status_code, response.text) == (
            200,
            f"ok, {len(catalog.presets)} presets\n",
        )

    def test_is_not_ready_without(self, catalog: Catalog) -> None:
        app = create_app(catalog.model_copy(update={"presets": {}}), Settings())

        response = app.test_client().get("/readyz")

        assert (response.status_code, response.text) == (503, "no presets are loaded\n")

    def test_a_probe_that_is_well_is_not_logged(self, client: FlaskClient, lines: Lines) -> None:
        client.get("/healthz")
        client.get("/metrics")

        assert lines() == []


def test_a_request_may_name_its_time_where_that_is_allowed(catalog: Catalog) -> None:
    app = create_app(catalog, Settings(virtual_clock=True), clock=lambda: NOW).test_client()
    named = {"Metakaito-Now": "2026-05-01T10:00:00.250000+02:00"}

    answer = app.post("/workspaces/sync", json=a_sync(a_workspace()), headers=named)
    unnamed = app.post("/workspaces/sync", json=a_sync(a_workspace()))

    assert since(answer) == {"2026-05-01T08:00:00Z"}
    assert answer.headers["Metakaito-Now"] == named["Metakaito-Now"]
    assert since(unnamed) == {"2026-01-01T00:00:00Z"}
    assert "Metakaito-Now" not in unnamed.headers
    assert json.loads(answer.headers["Metakaito-Settings"]) == fingerprint(catalog)
    assert "Metakaito-Settings" not in unnamed.headers


def test_a_named_time_is_ignored_where_it_is_not_allowed(client: FlaskClient) -> None:
    answer = client.post(
        "/workspaces/sync",
        json=a_sync(a_workspace()),
        headers={"Metakaito-Now": "2026-05-01T10:00:00Z"},
    )

    assert since(answer) == {"2026-01-01T00:00:00Z"}
    assert "Metakaito-Now" not in answer.headers


@pytest.mark.parametrize("text", ["soon", "2026-05-01T10:00:00"])
def test_a_time_that_is_none_is_malformed(text: str, catalog: Catalog) -> None:
    app = create_app(catalog, Settings(virtual_clock=True), clock=lambda: NOW).test_client()

    answer = app.post(
        "/workspaces/sync", json=a_sync(a_workspace()), headers={"Metakaito-Now": text}
    )

    assert (answer.status_code, answer.text) == (
        422,
        f"malformed request: Metakaito-Now: {text!r} is not a time such as 2026-01-01T00:00:00Z\n",
    )


def since(answer: TestResponse) -> set[str]:
    assert answer.json is not None
    return {condition["lastTransitionTime"] for condition in answer.json["status"]["conditions"]}
