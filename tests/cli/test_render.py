import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from hooks.cli.showing import quick_start
from tests.cli.conftest import QUICK_START, TUNING, Golden, Run, documents

EXAMPLES = Path(__file__).parents[2] / "examples" / "inference"

A_NODE = """\
apiVersion: v1
kind: Node
metadata:
  name: mine
  labels: {apps: phi-3, node.kubernetes.io/instance-type: Standard_NC6s_v3}
"""

A_CONFIG = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: mine
data:
  training_config.yaml: |
    training_config:
      QuantizationConfig: {load_in_4bit: true}
      TrainingArgs: {output_dir: /mnt/results}
"""


def kinds(out: str) -> list[tuple[str, str]]:
    return [(each["kind"], each["metadata"]["name"]) for each in yaml.safe_load_all(out)]


def test_prints_what_the_quick_start_becomes(run: Run, golden: Golden) -> None:
    result = run("render", "phi.yaml")

    assert (result.code, result.err) == (0, "")
    golden("render-quick-start.yaml", result.out)


def test_json_is_a_list_of_the_same_objects(run: Run) -> None:
    result = run("render", "phi.yaml", "-o", "json")

    assert result.code == 0
    assert json.loads(result.out) == {
        "apiVersion": "v1",
        "kind": "List",
        "items": documents(run("render", "phi.yaml").out),
    }


@pytest.mark.parametrize("command", ["render", "explain", "simulate"])
def test_a_directory_is_told_from_its_files(run: Run, folder: Path, command: str) -> None:
    (folder / "deploy").mkdir()

    assert run(command, "deploy") == (
        1,
        "",
        "deploy: is a directory: name the files in it, such as deploy/*.yaml\n",
    )


def test_reads_standard_input(run: Run) -> None:
    assert run("render", "-", stdin=QUICK_START) == run("render", "phi.yaml")


def test_reads_a_list_in_json(run: Run) -> None:
    items = [yaml.safe_load(QUICK_START)]
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": items}, indent="\t")

    assert run("render", "-", stdin=text) == run("render", "phi.yaml")


def test_what_kubectl_prints_of_a_workspace_keeps_its_uid_and_so_its_machines(run: Run) -> None:
    stored = yaml.safe_load(QUICK_START)
    stored["metadata"] |= {
        "uid": "11111111-1111-4111-8111-111111111111",
        "resourceVersion": "4711",
        "generation": 3,
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "ownerReferences": [
            {"apiVersion": "v1", "kind": "ConfigMap", "name": "gone", "uid": "another"}
        ],
    }
    stored["status"] = {"observedGeneration": 3, "conditions": [], "machines": []}

    result = run("render", "-", stdin=yaml.safe_dump(stored))

    assert kinds(result.out) == [
        ("Machine", "wsf533929b6"),
        ("Service", "workspace-phi-3-mini"),
        ("Deployment", "workspace-phi-3-mini"),
        ("ControllerRevision", "workspace-phi-3-mini-f4521"),
    ]


def test_makes_node_claims(run: Run) -> None:
    result = run("render", "phi.yaml", "--provisioner", "nodeclaim")

    assert [kind for kind, _ in kinds(result.out)] == [
        "NodeClaim",
        "Service",
        "Deployment",
        "ControllerRevision",
    ]


IMAGINED = "-: warning: no Node is given, so Nodes that fit are imagined\n"


@pytest.mark.parametrize(("beside", "said"), [("", IMAGINED), (A_NODE, "")])
def test_without_a_provisioner_there_is_a_node_or_one_is_imagined(
    run: Run, beside: str, said: str
) -> None:
    result = run("render", "-", "--provisioner", "none", stdin=f"{QUICK_START}---\n{beside}")

    assert (result.code, result.err) == (0, said)
    assert [kind for kind, _ in kinds(result.out)] == [
        "Service",
        "Deployment",
        "ControllerRevision",
    ]


def test_a_node_that_exists_is_used_whichever_file_it_is_in(run: Run) -> None:
    Path("node.yaml").write_text(A_NODE, encoding="utf-8")

    result = run("render", "node.yaml", "phi.yaml")

    assert [kind for kind, _ in kinds(result.out)] == [
        "Service",
        "Deployment",
        "ControllerRevision",
    ]


def test_one_node_serves_only_one_of_two_workspaces(run: Run) -> None:
    other = QUICK_START.replace("workspace-phi-3-mini", "another")

    result = run("render", "-", stdin=f"{QUICK_START}---\n{other}---\n{A_NODE}")

    assert [kind for kind, _ in kinds(result.out)].count("Deployment") == 2


def test_says_why_a_given_node_is_not_fit(run: Run) -> None:
    blind = f"{A_NODE}status:\n  conditions: [{{type: Ready, status: 'True'}}]\n"

    result = run("render", "-", "--provisioner", "none", stdin=f"{QUICK_START}---\n{blind}")

    assert result == (
        1,
        "",
        (
            "-: workspace-phi-3-mini: node mine shows 0 of 1 nvidia.com/gpu: "
            "does the GPU device plugin run on it?\n"
        ),
    )


UNFIT = {
    "another instance type": A_NODE.replace("NC6s_v3", "NC12s_v3"),
    "other labels": A_NODE.replace("phi-3", "falcon"),
    "not Ready": f"{A_NODE}status: {{conditions: [{{type: Ready, status: 'False'}}]}}\n",
}


@pytest.mark.parametrize("node", UNFIT.values(), ids=UNFIT)
def test_no_node_is_imagined_beside_given_ones_that_do_not_fit(run: Run, node: str) -> None:
    result = run("render", "-", "--provisioner", "none", stdin=f"{QUICK_START}---\n{node}")

    assert (result.code, result.out) == (1, "")
    assert re.fullmatch(r"-: workspace-phi-3-mini: .*node.*\n", result.err)


def test_one_node_is_not_enough_for_two_workspaces_without_a_provisioner(run: Run) -> None:
    other = QUICK_START.replace("workspace-phi-3-mini", "another")

    result = run(
        "render", "-", "--provisioner", "none", stdin=f"{QUICK_START}---\n{other}---\n{A_NODE}"
    )

    assert result.code == 1
    assert result.err.count("\n") == 1


WARNED = {
    "an instance type that is in no table": (
        QUICK_START.replace("Standard_NC6s_v3", "Standard_NOPE"),
        (
            r"-: workspace-phi-3-mini: warning: resource\.instanceType: Standard_NOPE is not in "
            r"the table of azure \(perhaps .* is meant\), so nothing is known of its GPUs.*\n"
        ),
    ),
    "a preferred node that is not there": (
        QUICK_START.replace("resource:\n", "resource:\n  preferredNodes: [mine, other]\n"),
        (
            r"-: workspace-phi-3-mini: warning: resource\.preferredNodes: mine is not used: .*\n"
            r"-: workspace-phi-3-mini: warning: resource\.preferredNodes: other is not used: .*\n"
        ),
    ),
    "a preferred node that is there": (
        QUICK_START.replace("resource:\n", "resource:\n  preferredNodes: [mine]\n")
        + f"---\n{A_NODE}",
        "",
    ),
    "a kind that is misspelt": (
        f"{QUICK_START}---\n{A_NODE.replace('kind: Node', 'kind: Nod')}",
        r"-:14: warning: kind: nothing here knows a Nod; did you mean Node\?\n",
    ),
    "a kind of somebody else": (
        f"{QUICK_START}---\n{A_NODE.replace('kind: Node', 'kind: Gateway')}",
        r"-:14: warning: kind: nothing here knows a Gateway; it changes nothing\n",
    ),
    "a kind that is often beside": (
        f"{QUICK_START}---\n{A_NODE.replace('kind: Node', 'kind: ConfigMap')}",
        "",
    ),
}


@pytest.mark.parametrize(("text", "said"), WARNED.values(), ids=WARNED)
def test_warns_of_what_is_accepted_and_worth_a_word(run: Run, text: str, said: str) -> None:
    result = run("render", "-", stdin=text)

    assert result.code == 0
    assert result.out != ""
    assert re.fullmatch(said, result.err)


def test_warns_of_namesakes_in_two_files(run: Run) -> None:
    Path("copy.yaml").write_text(QUICK_START, encoding="utf-8")

    result = run("render", "phi.yaml", "copy.yaml")

    assert (result.code, result.err) == (
        0,
        (
            "copy.yaml: workspace-phi-3-mini: warning: metadata.name: phi.yaml:1 has this name "
            "too, so their objects are the same\n"
        ),
    )


def test_an_unlisted_instance_type_has_the_gpus_that_the_preset_needs(run: Run) -> None:
    text = QUICK_START.replace("Standard_NC6s_v3", "Standard_NEW").replace(
        "phi-3-mini-4k-instruct", "falcon-40b"
    )

    result = run("render", "-", "-o", "json", stdin=text)

    (deployment,) = [i for i in json.loads(result.out)["items"] if i["kind"] == "Deployment"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["requests"] == {"nvidia.com/gpu": "2"}


def test_the_flag_overrides_the_environment(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METAKAITO_PROVISIONER", "nodeclaim")

    assert kinds(run("render", "phi.yaml").out)[0][0] == "NodeClaim"
    assert kinds(run("render", "phi.yaml", "--provisioner", "machine").out)[0][0] == "Machine"


def edited(*changes: tuple[str, str]) -> str:
    text = QUICK_START
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


REFUSED = {
    "a misspelt field": (
        edited(("instanceType", "instanceTyp")),
        (
            "-: workspace-phi-3-mini: resource.instanceTyp: is not a field here; did you mean "
            "'instanceType'? allowed: count, instanceType, labelSelector, preferredNodes\n"
        ),
    ),
    "an unknown preset and an unknown instance type, both at once": (
        edited(("phi-3-mini-4k-instruct", "phi-3-mini-4k"), ("Standard_NC6s_v3", "Standard_X")),
        (
            "-: workspace-phi-3-mini: inference.preset.name: no preset is called 'phi-3-mini-4k': "
            "use phi-3-mini-4k-instruct or another that 'metakaito presets' lists\n"
            "-: workspace-phi-3-mini: resource.instanceType: no instance type of azure is called "
            "'Standard_X': use Standard_NV6, Standard_NC6, Standard_NV24 or another that "
            "'metakaito instance-types' lists\n"
        ),
    ),
    "a too small instance type": (
        edited(("Standard_NC6s_v3", "Standard_NV6")),
        (
            "-: workspace-phi-3-mini: resource.instanceType: phi-3-mini-4k-instruct needs at least "
            "9Gi of GPU memory, 1 x Standard_NV6 has 8Gi: choose a type with more\n"
        ),
    ),
    "an instance type of another cloud": (
        edited(("Standard_NC6s_v3", "p4d.24xlarge")),
        (
            "-: workspace-phi-3-mini: resource.instanceType: no instance type of azure is called "
            "'p4d.24xlarge'; it is one of aws: --cloud aws or METAKAITO_CLOUD=aws\n"
        ),
    ),
    "tuning that is not complete": (
        QUICK_START.partition("inference")[0] + "tuning:\n  preset: {name: phi-2}\n",
        (
            "-: workspace-phi-3-mini: tuning.method: is missing: write for example method: qlora\n"
            "-: workspace-phi-3-mini: tuning.input: is missing: write for example input: "
            "{urls: ['https://data.example/train.parquet']}\n"
            "-: workspace-phi-3-mini: tuning.output: is missing: write for example output: "
            "{image: registry.example/tuned:1.0, imagePushSecret: my-secret}\n"
        ),
    ),
    "nothing but a name": (
        QUICK_START.partition("resource")[0],
        (
            "-: workspace-phi-3-mini: resource: is missing: write for example resource: "
            "{instanceType: Standard_NC24ads_A100_v4, labelSelector: {matchLabels: {apps: "
            "my-model}}}\n"
            "-: workspace-phi-3-mini: inference: exactly one of inference and tuning must be set\n"
        ),
    ),
    "neither inference nor tuning": (
        QUICK_START.partition("inference")[0],
        (
            "-: workspace-phi-3-mini: inference: exactly one of inference and tuning is needed, "
            "neither is set\n"
        ),
    ),
    "both inference and tuning": (
        QUICK_START + "tuning:\n  preset: {name: phi-2}\n  method: lora\n"
        "  input: {urls: [https://data.example/a]}\n"
        "  output: {image: registry.example/a:1, imagePushSecret: push}\n",
        (
            "-: workspace-phi-3-mini: inference: exactly one of inference and tuning is needed, "
            "both are set\n"
        ),
    ),
    "a model that cannot be tuned": (
        TUNING.replace("phi-3-mini-128k-instruct", "falcon-40b-instruct"),
        (
            "-: workspace-tuning-phi-3: tuning.preset.name: falcon-40b-instruct cannot be tuned; "
            "those that can are falcon-40b, falcon-7b, mistral-7b, phi-2, "
            "phi-3-medium-128k-instruct, phi-3-medium-4k-instruct, phi-3-mini-128k-instruct, "
            "phi-3-mini-4k-instruct, tiny-phi-3-test\n"
        ),
    ),
    "a training without its ConfigMap": (
        TUNING.replace("qlora", "qlora\n  config: mine"),
        (
            "-: workspace-tuning-phi-3: tuning.config: there is no ConfigMap 'mine' in namespace "
            "'default'\n"
        ),
    ),
    "a training whose ConfigMap says something unknown": (
        TUNING.replace("qlora", "qlora\n  config: mine") + "---\n" + A_CONFIG,
        (
            "-: workspace-tuning-phi-3: tuning.config: there is no section called 'TrainingArgs'; "
            "did you mean 'TrainingArguments'? there are DataCollator, DatasetConfig, LoraConfig, "
            "ModelConfig, QuantizationConfig, TrainingArguments\n"
        ),
    ),
    "an adapter of a Workspace that is not there": (
        f"{QUICK_START}  adapters:\n  - source: {{name: mine, workspace: tuner}}\n",
        (
            "-: workspace-phi-3-mini: inference.adapters[0].source.workspace: there is no "
            "Workspace 'tuner' in namespace 'default'\n"
        ),
    ),
    "a word that YAML takes for a boolean": (
        edited(("apps: phi-3", "apps: yes")),
        (
            "-: workspace-phi-3-mini: resource.labelSelector.matchLabels.apps: must be text, is "
            "true: put it in quotes\n"
        ),
    ),
    "a misspelt kind": (
        edited(("kind: Workspace", "kind: Workspce")),
        "-: workspace-phi-3-mini: kind: must be Workspace, is the text 'Workspce'\n",
    ),
    "no name": (
        edited(("name: workspace-phi-3-mini", "labels: {}")),
        "-: line 1: metadata.name: is missing: write for example name: my-model\n",
    ),
    "metadata that is a list": (
        edited(("metadata:\n  name: workspace-phi-3-mini", "metadata: [workspace-phi-3-mini]")),
        (
            "-: line 1: metadata: must be a map, is a list: write its fields below it: name, "
            "namespace, labels, annotations\n"
        ),
    ),
    "a name that no Service can have": (
        edited(("workspace-phi-3-mini", "Phi_3")),
        (
            "-: Phi_3: metadata.name: 'Phi_3' names a Service and a container too: use lower-case "
            "letters, digits and '-', start with a letter, at most 63 characters\n"
        ),
    ),
    "a spec": (
        QUICK_START + "spec: {}\n",
        (
            "-: workspace-phi-3-mini: spec: a Workspace has no spec: write resource and inference "
            "or tuning beside metadata\n"
        ),
    ),
    "two of one name": (
        f"{QUICK_START}---\n{QUICK_START}",
        (
            "-: workspace-phi-3-mini: metadata.name: -:1 is a Workspace of this name already; "
            "use another one\n"
        ),
    ),
    "no Workspace": (
        A_NODE,
        (
            "-: holds no Workspace, only Node; write apiVersion: kaito.sh/v1alpha1 and kind: "
            "Workspace\n"
        ),
    ),
    "nothing": (
        "# later\n",
        (
            "-: holds no Workspace: it is empty; write apiVersion: kaito.sh/v1alpha1 and kind: "
            "Workspace\n"
        ),
    ),
}


@pytest.mark.parametrize(("text", "said"), REFUSED.values(), ids=REFUSED)
def test_refuses_with_the_field_and_what_to_do(run: Run, text: str, said: str) -> None:
    assert run("render", "-", stdin=text) == (2, "", said)


def test_one_refusal_keeps_everything_from_being_printed(run: Run) -> None:
    Path("bad.yaml").write_text(edited(("phi-3-mini-4k-instruct", "x")), encoding="utf-8")

    result = run("render", "phi.yaml", "bad.yaml")

    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("bad.yaml: workspace-phi-3-mini: inference.preset.name: ")


UNREADABLE = {
    "a bracket that is never closed": (
        b"a: [1\nb: 2\n",
        "file.yaml:2: did not find expected ',' or ']' while parsing a flow sequence\n",
    ),
    "a key that is written twice": (
        b"a: 1\nb: 2\na: 3\n",
        "file.yaml:3: 'a' is written already on line 1\n",
    ),
    "a control character": (
        b"a: 1\nb: \x01\n",
        "file.yaml:2: control characters are not allowed\n",
    ),
    "no text": (b"a: 1\n\xff\xfe", "file.yaml:2: is not UTF-8 text: invalid start byte\n"),
    "no object": (
        b"---\nhello\n",
        "file.yaml:2: must be an object with kind and metadata, is 'hello'\n",
    ),
    "an object without a kind": (
        b"a: 1\n",
        "file.yaml:1: apiVersion: is missing, so nobody knows what this is\n",
    ),
    "an object without a name": (
        b"apiVersion: v1\nkind: Node\n",
        "file.yaml:1: metadata.name: is missing; every object needs a name\n",
    ),
    "a List without items": (
        b"kind: List\nitmes: []\n",
        "file.yaml:1: items: is missing: a List holds its objects there\n",
    ),
    "a List of something else": (
        b"kind: List\nitems: a\n",
        "file.yaml:1: items: must be a list of objects\n",
    ),
    "a template": (
        b"a: {{ .Values.a }}\n",
        (
            "file.yaml:1: found unhashable key while constructing a mapping; a template has to be "
            "rendered first (helm template)\n"
        ),
    ),
    "itself": (b"a: &a [*a]\n", "file.yaml:1: refers to itself, or is nested too deeply\n"),
    "bytes": (
        b"a: !!binary aGk=\n",
        "file.yaml:1: holds a value of type bytes, which JSON does not have\n",
    ),
    "a tag": (
        b"a: !foo 1\n",
        "file.yaml:1: could not determine a constructor for the tag '!foo'\n",
    ),
    "a Node of a wrong shape": (
        f"{QUICK_START}---\n{A_NODE}status: {{conditions: Ready}}\n".encode(),
        "file.yaml:14: status.conditions: must be a list\n",
    ),
}


@pytest.mark.parametrize(("content", "said"), UNREADABLE.values(), ids=UNREADABLE)
def test_a_file_that_cannot_be_read_fails_with_its_line(
    run: Run, content: bytes, said: str
) -> None:
    Path("file.yaml").write_bytes(content)

    assert run("render", "file.yaml") == (1, "", said)


def test_a_file_that_is_not_there_fails(run: Run) -> None:
    said = "nowhere.yaml: cannot be read: No such file or directory\n"

    assert run("render", "nowhere.yaml") == (1, "", said)


def test_dates_and_versions_are_text_as_for_kubectl(run: Run) -> None:
    text = edited(("apps: phi-3", "since: 2024-11-16\n      version: 1.2.3"))

    assert run("render", "-", stdin=text).code == 0


def test_the_quick_start_of_the_demo_is_the_example(run: Run) -> None:
    example = EXAMPLES / "kaito_workspace_phi_3_mini_4k.yaml"

    with quick_start() as manifest:
        assert manifest.content == yaml.safe_load(example.read_text(encoding="utf-8"))
        assert Path(manifest.file).read_text(encoding="utf-8") == example.read_text("utf-8")
    assert run("render", str(example)) == run("render", "phi.yaml")


def test_there_are_the_19_examples_each_with_a_comment_first() -> None:
    files = sorted(EXAMPLES.glob("kaito_workspace_*.yaml"))

    assert len(files) == 19
    every = [*EXAMPLES.parent.glob("*/*.yaml")]
    assert [f.name for f in every if not f.read_text("utf-8").startswith("# ")] == []


def test_the_bytes_do_not_depend_on_the_hash_seed() -> None:
    folders = [EXAMPLES, EXAMPLES.parent / "tuning", EXAMPLES.parent / "together"]
    files = [str(file) for folder in folders for file in sorted(folder.glob("*.yaml"))]
    outputs = {
        subprocess.run(  # noqa: S603
            [sys.executable, "-m", "hooks.cli", "render", *files],
            env={**os.environ, "PYTHONHASHSEED": seed},  # noqa: TID251
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }

    assert len(outputs) == 1
    assert len(documents(outputs.pop().decode())) == 19 * 4 + 6 + 24
