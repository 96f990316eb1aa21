"""Values: read by Helm and by us, they mean the same, and what cannot be is told in sentences."""

import json
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft7Validator

from charts.reading import InvalidValues, read_values
from charts.release import Release
from charts.values import Values
from charts.values_files import default_values, meaning, values_schema, values_text
from charts.values_parts import Section
from composite.models import JsonObject
from tests.charts.rendering import CHART, helm

RELEASE = Release()
VALIDATOR = Draft7Validator(values_schema())
CI = sorted(CHART.glob("ci/*.yaml"))

# Values that cannot work, with the beginning of what is said of them by Helm and by us.
IMPOSSIBLE: dict[str, JsonObject] = {
    "hooks.deploy: is false, so say in hooks.url where the hooks answer": {
        "hooks": {"deploy": False}
    },
    "webhookAuthentication.secretName: is empty; name the Secret with the token, made for example "
    "with: kubectl -n metakaito-system create secret generic metakaito-token "
    '--from-literal=token="$(openssl rand -hex 32)"': {"webhookAuthentication": {"enabled": True}},
    "nodeClass: set group and kind together, or neither for those of the cloud": {
        "nodeClass": {"kind": "AKSNodeClass"}
    },
    "admissionPolicy.limits: need admissionPolicy.enabled; nobody else applies them": {
        "admissionPolicy": {"enabled": False, "limits": {"maxNodes": 2}},
    },
    "networkPolicy.from: is empty; say from which Pods the existing Metacontroller calls the "
    "hooks, or set networkPolicy.enabled to false": {"metacontroller": {"mode": "existing"}},
    "hooks.autoscaling: minReplicas is larger than maxReplicas": {
        "hooks": {"autoscaling": {"enabled": True, "minReplicas": 7}}
    },
    'presets.models.small.name: is "tiny-chat"; it must be the name under which it is listed': {
        "presets": {
            "models": {
                "small": yaml.safe_load((CHART / "ci/own-presets-values.yaml").read_text("utf-8"))[
                    "presets"
                ]["models"]["tiny-chat"]
            }
        }
    },
}


def test_what_is_written_are_the_defaults() -> None:
    assert yaml.safe_load(values_text()) == default_values()


def test_defaults_keep_to_the_schema() -> None:
    assert list(VALIDATOR.iter_errors(default_values())) == []


def test_every_value_says_what_it_means() -> None:
    def silent(section: Section, path: str) -> list[str]:
        found = []
        for name, field in type(section).model_fields.items():
            value = getattr(section, name)
            found += [] if meaning(field, value) else [f"{path}.{name}"]
            found += silent(value, f"{path}.{name}") if isinstance(value, Section) else []
        return found

    assert silent(Values(), "") == []


def test_nothing_is_allowed_that_is_not_listed() -> None:
    def open_objects(node: JsonObject, path: str) -> list[str]:
        inner = node.get("properties", {})
        here = [path] if inner and node.get("additionalProperties") is not False else []
        return here + [p for name, at in inner.items() for p in open_objects(at, f"{path}.{name}")]

    assert open_objects(values_schema(), "") == []


@pytest.mark.parametrize("path", ["provisioner", "hooks.replicas", "metacontroller.image.tag"])
def test_no_value_can_be_set_to_null(path: str) -> None:
    code, _, err = helm("template", CHART, "--set", f"{path}=null")

    assert code == 1
    assert f"missing property '{path.rpartition('.')[2]}'" in err


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            {"hooks": {"replica": 3}},
            "hooks.replica: there is no such value; did you mean replicas?",
        ),
        ({"nothing": 1}, "nothing: there is no such value"),
        ({"provisioner": "machines"}, "provisioner: must be 'auto', 'machine', 'nodeclaim' or "),
        ({"hooks": {"replicas": "2"}}, "hooks.replicas: must be a valid integer"),
        (
            {"commonLabels": {"app.kubernetes.io/part-of": "mine"}},
            "commonLabels: app.kubernetes.io/part-of is set by the chart",
        ),
        (
            {"hooks": {"podLabels": {"helm.sh/chart": "mine"}}},
            "hooks.podLabels: helm.sh/chart is set by the chart",
        ),
        ({"runtime": {"name": "vllm"}}, "runtime.name: must be 'kaito' or 'metakaito'"),
        ({"runtime": {"image": "https://r.example/a:1"}}, "runtime.image: String should match "),
        ({"training": {"adapterBase": ""}}, "training.adapterBase: String should match pattern "),
        (
            {"training": {"fetchNetworks": ["10.0.0.0"]}},
            "training.fetchNetworks.0: String should match pattern ",
        ),
        ({"fullnameOverride": "Meta.Kaito"}, "fullnameOverride: String should match pattern "),
        ({"nameOverride": "1st"}, "nameOverride: String should match pattern "),
        ({"devicePlugin": {"nodeLabel": "a b"}}, "devicePlugin.nodeLabel: String should match "),
        ({"metacontroller": {"goMemLimit": "1G"}}, "metacontroller.goMemLimit: String should "),
    ],
)
def test_we_refuse_what_the_schema_refuses(given: JsonObject, sentence: str) -> None:
    with pytest.raises(InvalidValues) as refused:
        read_values([given], RELEASE)

    assert str(refused.value).startswith(sentence)
    code, out, _ = helm("template", CHART, "--values", "-", given=json.dumps(given))
    assert (code, out) == (1, "")


@pytest.mark.parametrize("sentence", IMPOSSIBLE)
def test_helm_and_we_say_the_same_of_what_cannot_work(sentence: str) -> None:
    given = {"provisioner": "machine", **IMPOSSIBLE[sentence]}

    with pytest.raises(InvalidValues) as refused:
        read_values([given], RELEASE)
    code, out, err = helm(
        *("template", "metakaito", CHART, "--namespace", RELEASE.namespace, "--values", "-"),
        given=json.dumps(given),
    )

    assert refused.value.problems == (sentence,)
    assert (code, out) == (1, "")
    assert sentence in err.splitlines()


def test_as_part_of_another_chart_it_gets_what_such_charts_get() -> None:
    given = {"provisioner": "none", "enabled": True, "global": {"registry": "r.example"}}

    code, out, err = helm("template", CHART, "--values", "-", given=json.dumps(given))

    assert (code, err) == (0, "")
    assert out != ""
    assert read_values([given], RELEASE) == Values(provisioner="none")


def test_what_a_section_means_stands_above_it() -> None:
    text = values_text()

    assert (
        "\n# A token without which the hooks answer nobody.\n#\n"
        "# Metacontroller reads the Secret, for which it needs the right to list all Secrets"
    ) in text
    described = values_schema()["properties"]["devicePlugin"]["description"]
    assert 'which the Pod Security standard "baseline" forbids' in described


def test_monitoring_needs_the_operator_and_the_sentence_says_so() -> None:
    code, _, err = helm(
        *("template", CHART, "--set", "provisioner=machine"),
        *("--set", "monitoring.serviceMonitor.enabled=true"),
    )

    assert code == 1
    assert "monitoring: the cluster has no API monitoring.coreos.com/v1; install the" in err


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(InvalidValues) as refused:
        read_values([{"hooks": {"deploy": False}, "nodeClass": {"group": "a"}}], RELEASE)

    assert len(refused.value.problems) == 2


@pytest.mark.parametrize("file", CI, ids=lambda file: file.stem)
def test_we_read_what_helm_reads(file: Path) -> None:
    given = yaml.safe_load(file.read_text(encoding="utf-8"))

    assert read_values([given], RELEASE) is not None


def test_later_files_lie_on_top_and_maps_are_merged() -> None:
    values = read_values(
        [
            {"hooks": {"replicas": 5, "resources": {"limits": {"cpu": "2"}}}},
            {"hooks": {"replicas": 6}, "imagePullSecrets": [{"name": "a"}]},
        ],
        RELEASE,
    )

    assert values.hooks.replicas == 6
    assert values.hooks.resources == {
        "requests": {"cpu": "100m", "memory": "256Mi"},
        "limits": {"memory": "1Gi", "cpu": "2"},
    }
    assert values.imagePullSecrets == [{"name": "a"}]


def test_given_values_become_the_defaults_of_a_chart() -> None:
    values = Values(provisioner="none")

    assert yaml.safe_load(values_text(values)) == {**default_values(), "provisioner": "none"}
