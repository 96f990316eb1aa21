"""Whatever is put where secrets are is nowhere in what is written."""

import copy
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from composite.catalog import Catalog
from composite.redaction import Redactor
from hooks.answers import served
from hooks.recording.exchange import Exchange, Question, answering, recorded
from presets import load_catalog
from presets.loading import read_yaml
from tests.hooks.questions import a_namespace_sync, a_sync, a_workspace

NOW = datetime(2026, 1, 1, tzinfo=UTC)
GOLDEN = Path(__file__).parents[2] / "golden/workspace"
APPLIED = (
    "kubectl.kubernetes.io/last-applied-configuration",
    "metacontroller.k8s.io/last-applied-configuration",
)

Json = Any


def a_template(env: Json, **more: Json) -> Json:
    container = {
        "name": "server",
        "image": "registry.example/server:1",
        "resources": {"limits": {"nvidia.com/gpu": "2"}},
        "env": env,
        **more,
    }
    return {
        "template": {
            "spec": {"initContainers": [{**container, "name": "first"}], "containers": [container]}
        }
    }


def an_env(*values: str) -> Json:
    return [{"name": f"V{number}", "value": value} for number, value in enumerate(values)]


def a_pod(env: Json, message: str = "") -> Json:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "falcon-0", "namespace": "default"},
        "spec": {"containers": [{"name": "server", "env": env}]},
        "status": {
            "containerStatuses": [
                {"name": "server", "state": {"terminated": {"message": message, "exitCode": 1}}}
            ]
        },
    }


def a_holder(kind: str, value: str, **more: Json) -> Json:
    return {
        "apiVersion": "v1",
        "kind": kind,
        "metadata": {"name": "settings", "namespace": "default"},
        "data": {"training_config.yaml": value},
        "binaryData": {"b": value},
        "stringData": {"s": value},
        **more,
    }


def applied(obj: Json) -> Json:
    """The object with itself in the annotations that kubectl and Metacontroller write."""
    text = json.dumps(obj)
    metadata = {**obj["metadata"], "annotations": dict.fromkeys(APPLIED, text)}
    return {**obj, "metadata": metadata}


def redacted(value: Json) -> Json:
    return Redactor().request(value)


class TestWhatIsHidden:
    def test_values_of_env_and_neither_names_nor_references(self) -> None:
        reference = {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}
        env = [{"name": "A", "value": "hunter2"}, reference, {"name": "C", "value": ""}]

        assert redacted(a_pod(env))["spec"]["containers"][0]["env"] == [
            {"name": "A", "value": "redacted-1"},
            reference,
            {"name": "C", "value": ""},
        ]

    @pytest.mark.parametrize("kind", ["ConfigMap", "Secret"])
    def test_all_that_a_config_map_or_a_secret_holds(self, kind: str) -> None:
        found = redacted(a_holder(kind, "hunter2", immutable=True))

        assert found == {
            **a_holder(kind, "redacted-1", immutable=True),
            "data": {"training_config.yaml": "redacted-1"},
        }

    def test_the_same_where_only_the_map_of_a_request_says_the_kind(self) -> None:
        bare = {"metadata": {"name": "s"}, "data": {"k": "hunter2"}}

        found = redacted({"related": {"Secret.v1": {"default/s": bare}}})

        assert found["related"]["Secret.v1"]["default/s"]["data"] == {"k": "redacted-1"}

    @pytest.mark.parametrize("kind", ["SecretList", "List"])
    def test_the_same_in_a_list(self, kind: str) -> None:
        item = a_holder("Secret", "hunter2")
        if kind == "SecretList":
            del item["kind"]

        assert "hunter2" not in json.dumps(redacted({"kind": kind, "items": [item]}))

    def test_but_not_what_a_controller_revision_holds(self) -> None:
        revision = {"kind": "ControllerRevision", "data": {"preset": "falcon-7b"}}

        assert redacted(revision) == revision

    @pytest.mark.parametrize("annotation", APPLIED)
    def test_the_same_in_an_object_that_an_annotation_holds(self, annotation: str) -> None:
        inside = json.dumps(a_holder("Secret", "hunter2"))
        obj = {"metadata": {"annotations": {annotation: inside}}}

        found = redacted(obj)["metadata"]["annotations"][annotation]

        assert json.loads(found) == a_holder("Secret", "redacted-1")

    @pytest.mark.parametrize("text", ["password: hunter2", '{"data": {"a": "hunter2"', "[" * 300])
    def test_the_whole_annotation_where_it_is_no_json(self, text: str) -> None:
        obj = {"metadata": {"annotations": {APPLIED[0]: text, "other": "stays"}}}

        assert redacted(obj) == {
            "metadata": {"annotations": {APPLIED[0]: "redacted-1", "other": "stays"}}
        }

    def test_an_annotation_within_an_annotation_whole(self) -> None:
        obj = applied(applied(a_holder("Secret", "hunter2")))

        assert "hunter2" not in json.dumps(redacted(obj))

    @pytest.mark.parametrize(
        ("url", "expected"),
        [
            ("https://me:hunter2@h.example/a?b=1#c", "https://redacted-1@h.example/a?b=1#c"),
            ("https://h/a?sv=2022-11-02&sig=Yh%2B=", "https://h/a?sv=redacted-1&sig=redacted-2"),
            ("https://h/a?sig=abcdefg==", "https://h/a?sig=redacted-1"),
            ("https://h/a?hunter2", "https://h/a?redacted-1"),
            ("https://h/a?download=true;v=10", "https://h/a?download=true;v=10"),
            ("registry.example/a@sha256:0123", "registry.example/a@sha256:0123"),
        ],
    )
    def test_who_asks_and_what_is_asked_in_a_url(self, url: str, expected: str) -> None:
        assert redacted({"urls": [url]}) == {"urls": [expected]}

    def test_a_hidden_value_in_a_message(self) -> None:
        pod = a_pod(an_env("hunter2 of mine"), "login: hunter2 of mine was refused")

        found = redacted(pod)["status"]["containerStatuses"][0]["state"]["terminated"]

        assert found["message"] == "login: redacted-1 was refused"

    def test_a_line_of_a_hidden_value_in_a_message(self) -> None:
        found = redacted(
            [a_holder("Secret", "first line\n  second line\n"), {"note": "second line"}]
        )

        assert found[1] == {"note": "redacted-1"}

    def test_all_of_a_message_that_quotes_a_training_configuration(self) -> None:
        status = {"message": "tuning.config: TrainingArguments.seed must be a number, is 'hunter2'"}

        assert redacted(status) == {"message": "tuning.config: redacted"}

    @pytest.mark.parametrize(
        "env", [{"A": "hunter2"}, ["hunter2"], [{"value": {"a": ["hunter2"]}}]]
    )
    def test_values_in_an_env_of_another_shape(self, env: Json) -> None:
        assert "hunter2" not in json.dumps(redacted({"containers": [{"env": env}]}))

    def test_what_a_command_says_under_the_name_of_a_secret(self) -> None:
        container = {
            "command": ["serve", "--api-key", "hunter2", "--model", "m"],
            "args": ["--data=https://me:hunter2@h.example/a", "--password=hunter2"],
            "lifecycle": {
                "preStop": {"exec": {"command": ["sh", "-c", "TOKEN=hunter2 stop -n 1"]}}
            },
        }

        assert redacted(container) == {
            "command": ["serve", "--api-key", "redacted-1", "--model", "m"],
            "args": ["--data=https://redacted-2@h.example/a", "--password=redacted-1"],
            "lifecycle": {
                "preStop": {"exec": {"command": ["sh", "-c", "TOKEN=redacted-1 stop -n 1"]}}
            },
        }

    def test_how_a_probe_logs_in(self) -> None:
        headers = [{"name": "X-Api-Key", "value": "hunter2"}, {"name": "Accept", "value": "a/b"}]

        assert redacted({"httpHeaders": headers}) == {
            "httpHeaders": [{"name": "X-Api-Key", "value": "redacted-1"}, headers[1]]
        }

    def test_no_variable_of_ours(self) -> None:
        env = [{"name": "METAKAITO_PROVISIONER", "value": "machine"}]

        assert redacted({"env": env}) == {"env": env}

    def test_a_label_that_is_called_env_stays(self) -> None:
        labels = {"metadata": {"labels": {"env": "production"}}}

        assert redacted(labels) == labels


class TestWhatStays:
    def test_what_was_equal_is_equal(self) -> None:
        found = redacted([an_env("a" * 9), {"env": an_env("a" * 9, "b" * 9, "a" * 9)}])

        assert [each["value"] for each in found[1]["env"]] == [
            "redacted-1",
            "redacted-2",
            "redacted-1",
        ]

    def test_what_was_given_is_not_changed(self) -> None:
        given = applied(a_holder("ConfigMap", "hunter2"))
        before = copy.deepcopy(given)

        redacted(given)

        assert given == before

    def test_a_request_that_holds_nothing_of_the_kind_is_equal(self) -> None:
        assert redacted(a_sync()) == a_sync()

    def test_what_was_hidden_is_counted(self) -> None:
        redactor = Redactor()
        redactor.request([a_pod(an_env("a", "b")), a_holder("Secret", "c"), "https://a:b@c"])

        assert redactor.hidden == {
            "env of containers": 2,
            "data of Secrets": 3,
            "logins and queries of URLs": 1,
        }

    def test_an_answer_says_the_same_of_every_value(self) -> None:
        redactor = Redactor()
        redactor.request(a_pod(an_env("hunter2")))

        found = redactor.answer([a_pod(an_env("hunter2", "new", "redacted-1"), "hunter2")])

        assert found == [a_pod(an_env("redacted", "redacted", "redacted"), "redacted")]


# As long as no word of a request, and with all that JSON and YAML have trouble with.
SECRETS = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from("\"'\\\n{}[]:#@?&= "),
    min_size=6,
    max_size=40,
).map(lambda text: f"s3{text}cret")


def written(question: Json, path: str, catalog: Catalog) -> Exchange:
    answered = served(path, question, catalog, NOW)
    return recorded(Question(path, question, NOW), answered, answering("1", catalog), NOW, "a")


def holds(text: bytes, secret: str) -> bool:
    """Whether a secret stands in JSON, or in JSON that is in a text of it, however escaped."""
    forms = {secret, repr(secret)[1:-1]}
    for _ in range(3):
        forms |= {
            json.dumps(form, ensure_ascii=not plain)[1:-1] for form in forms for plain in (0, 1)
        }
    return any(form.encode() in text for form in forms)


def question_with(secrets: list[str], kind: str) -> Json:
    """A request about a Workspace, with a secret in each place where one may be."""
    env, config, secret, old, word = secrets
    # A mistake that the refusal quotes.
    wrong = f"training_config: {{TrainingArguments: {{seed: {json.dumps(config)}}}}}"
    args = ["--token", env, f"--api-key={env}", "--model", "m"]
    template = a_workspace("falcon", inference=a_template(an_env(env), args=args))
    workspace = applied({**template, "metadata": {**template["metadata"]}})
    workspace["status"] = {
        "conditions": [
            {
                "type": "WorkspaceReady",
                "status": "False",
                "reason": "X",
                "message": f"it said {env}{f' and {config}' * (kind == 'inference')}.",
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            }
        ]
    }
    revision = {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {"name": "falcon-1", "namespace": "default"},
        "data": {"resource": workspace["resource"], "inference": a_template(an_env(old))},
        "revision": 1,
    }
    objects = [
        applied(a_pod(an_env(env, old), f"could not log in with {env}")),
        applied(a_holder("ConfigMap", wrong if kind == "tuning" else config)),
        applied(a_holder("Secret", secret)),
    ]
    if kind == "Namespace":
        return a_namespace_sync([workspace])
    tuning = {
        **workspace,
        "resource": {**workspace["resource"], "instanceType": "Standard_NC24ads_A100_v4"},
        "tuning": {
            "preset": {"name": "phi-3-mini-128k-instruct"},
            "method": "qlora",
            "config": "settings",
            "input": {"urls": [f"https://h.example/a?sig={word.encode().hex()}"]},
            "output": {"image": "registry.example/a:1", "imagePushSecret": "push"},
        },
    }
    if kind == "tuning":
        del tuning["inference"]
    found = (
        a_sync(tuning, more=objects)
        if kind == "tuning"
        else a_sync(workspace, [applied(revision)], more=objects)
    )
    found["children"] |= {"Job.batch/v1": {}, "ConfigMap.v1": {}}
    return found


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    secrets=st.lists(SECRETS, min_size=5, max_size=5, unique=True),
    kind=st.sampled_from(["inference", "tuning", "Namespace"]),
)
def test_no_secret_is_written(secrets: list[str], kind: str) -> None:
    question = question_with(secrets, kind)
    path = "/machines/sync" if kind == "Namespace" else "/workspaces/sync"
    secrets = [*secrets[:4], secrets[4].encode().hex()]

    found = written(question, path, CATALOG)
    text = found.to_bytes()

    assert found.status == 200
    assert [secret for secret in secrets if holds(text, secret)] == []


CATALOG = load_catalog()


@settings(max_examples=60, deadline=None)
@given(
    st.recursive(
        SECRETS | st.integers() | st.none(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["env", "data", "name", "value", "kind", "message", "annotations"]),
                inner,
            )
        ),
    )
)
def test_what_is_redacted_again_stays(value: Json) -> None:
    once = redacted({"env": value})

    assert Redactor().answer(once) == Redactor().answer(Redactor().answer(once))


def test_a_template_with_secrets_is_answered_alike_without_them(catalog: Catalog) -> None:
    question = a_sync(a_workspace(inference=a_template(an_env("hunter2"))))

    found = written(question, "/workspaces/sync", catalog)

    assert found.hidden == {"env of containers": 2}
    assert found.redacted is None


def test_what_depends_on_a_hidden_value_is_told(catalog: Catalog) -> None:
    question = read_yaml(GOLDEN / "tuning-with-a-config-map-is-made-of-what-it-says/request.yaml")

    found = written(question, "/workspaces/sync", catalog)

    assert found.redacted is not None
    accepted, refused = (
        answered.answer["status"]["conditions"][0] if answered.answer else {}
        for answered in (found.answered, found.expected)
    )
    assert (accepted["status"], refused["status"]) == ("True", "False")
    assert refused["message"] == "tuning.config: redacted"
