"""Whether Workspaces among any files are accepted, for people, programs and code hosts."""

import json
from pathlib import Path
from textwrap import indent
from typing import Any

import jsonschema
import pytest

from hooks.cli.about import installed
from hooks.cli.files import Manifest, yaml_nodes
from hooks.cli.positions import field_line
from hooks.cli.sarif import SCHEMA, Finding, sarif_log
from tests.cli.conftest import QUICK_START, TUNING, Run
from tests.cli.test_render import A_CONFIG

BAD = QUICK_START.replace("Standard_NC6s_v3", "Standard_NV6")
SENTENCE = (
    "phi-3-mini-4k-instruct needs at least 9Gi of GPU memory, 1 x Standard_NV6 has 8Gi: "
    "choose a type with more"
)
HEAD = """\
apiVersion: kaito.sh/v1alpha1
kind: Workspace
metadata: {name: mine}
resource:
  instanceType: Standard_NC6s_v3
  labelSelector:
    matchLabels: {apps: mine}
"""
TEMPLATE = "kind: Deployment\nmetadata: {name: {{ .Values.name }}, labels: {kaito.sh/workspace: a}}"


def write(name: str, text: str) -> str:
    file = Path(name)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return name


def test_says_of_each_workspace_that_it_is_accepted(run: Run) -> None:
    assert run("check", "phi.yaml", "tuning.yaml") == (
        0,
        (
            "phi.yaml:1: workspace-phi-3-mini: accepted\n"
            "tuning.yaml:1: workspace-tuning-phi-3: accepted\n"
        ),
        "",
    )


def test_says_on_which_line_one_is_refused_and_looks_at_the_rest(run: Run) -> None:
    write("bad.yaml", f"# later\n---\n{BAD}")

    assert run("check", "bad.yaml", "phi.yaml") == (
        2,
        (
            f"bad.yaml:8: workspace-phi-3-mini: resource.instanceType: {SENTENCE}\n"
            "phi.yaml:1: workspace-phi-3-mini: accepted\n"
        ),
        "",
    )


LIKELY_MISTAKES = {
    "a container without an image": (
        (
            f"{HEAD}inference:\n  template:\n    spec:\n      containers:\n        - name: a\n"
            "          imagee: nginx\n"
        ),
        2,
        (
            "a.yaml:12: mine: inference.template.spec.containers[0].image: is required: 'imagee' "
            "is no field\n"
        ),
    ),
    "a misspelt field of a template": (
        (
            f"{HEAD}inference:\n  template:\n    spec:\n      containers:\n        - name: a\n"
            "          image: nginx\n          imagePullPolcy: Always\n"
        ),
        0,
        (
            "a.yaml:1: mine: accepted\n"
            "a.yaml:14: mine: warning: inference.template.spec.containers[0].imagePullPolcy: "
            "Kubernetes 1.37 knows no such field (perhaps imagePullPolicy is meant): it is "
            "dropped, or refused with server-side apply\n"
        ),
    ),
    "true in lower case": (
        HEAD.replace("{name: mine}", "{name: mine, annotations: {kaito.sh/enablelb: 'true'}}")
        + "inference: {preset: {name: phi-2}}\n",
        0,
        (
            "a.yaml:1: mine: accepted\n"
            'a.yaml:3: mine: warning: metadata.annotations[kaito.sh/enablelb]: is "true", and only '
            '"True" makes the Service a LoadBalancer: it stays a ClusterIP\n'
        ),
    ),
    "a name without its punctuation": (
        f"{HEAD}inference: {{preset: {{name: falcon7b}}}}\n",
        2,
        (
            "a.yaml:8: mine: inference.preset.name: no preset is called 'falcon7b': use falcon-7b, "
            "falcon-7b-instruct or another that 'metakaito presets' lists\n"
        ),
    ),
}


@pytest.mark.parametrize(("text", "code", "said"), LIKELY_MISTAKES.values(), ids=LIKELY_MISTAKES)
def test_says_where_a_likely_mistake_is(run: Run, text: str, code: int, said: str) -> None:
    assert run("check", write("a.yaml", text)) == (code, said, "")


def test_says_that_a_machine_gets_no_node_with_arm_cpus(run: Run) -> None:
    text = QUICK_START.replace("Standard_NC6s_v3", "g5g.xlarge")
    name = "a.yaml:6: workspace-phi-3-mini: "

    found = run("check", write("a.yaml", text), "--cloud", "aws")
    claimed = run("check", "a.yaml", "--cloud", "aws", "--provisioner", "nodeclaim")

    assert found == (
        2,
        (
            f"{name}resource.instanceType: g5g.xlarge has Arm CPUs, and a Machine asks for amd64, "
            "so no new node would come: choose a type with x86 CPUs\n"
        ),
        "",
    )
    assert claimed == (
        0,
        (
            "a.yaml:1: workspace-phi-3-mini: accepted\n"
            f"{name}warning: resource.instanceType: g5g.xlarge has Arm CPUs: an image that is "
            "built for amd64 only does not start there\n"
        ),
        "",
    )


OTHERS = {
    "nothing": "",
    "a template": TEMPLATE,
    "a list": "- a\n- b\n",
    "no YAML": "a: [\n",
    "another object": A_CONFIG,
    "a Workspace of somebody else": (
        "apiVersion: app.terraform.io/v1alpha2\nkind: Workspace\nmetadata: {name: a}\n"
    ),
    "another kind of the same group": (
        "apiVersion: kaito.sh/v1alpha1\nkind: RAGEngine\nmetadata: {name: a}\n"
    ),
    "a kustomization without a name": (
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
        "patches: [{target: {kind: Workspace, group: kaito.sh}, path: a.yaml}]\n"
    ),
    "a definition": (
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n"
        "metadata: {name: workspaces.kaito.sh}\nspec:\n  group: kaito.sh\n  names:\n"
        "    kind: Workspace\n"
    ),
}


@pytest.mark.parametrize("text", OTHERS.values(), ids=OTHERS)
def test_a_file_without_a_workspace_passes_without_a_word(run: Run, text: str) -> None:
    assert run("check", write("other.yaml", text)) == (0, "", "")


MISSPELT = {
    "the kind": ("kind: Workspace", "kind: Workspce", "kind: must be Workspace, is the text"),
    "the group": ("kaito.sh/", "kaitoo.sh/", "apiVersion: must be kaito.sh/v1alpha1, is the text"),
}


@pytest.mark.parametrize(("old", "new", "said"), MISSPELT.values(), ids=MISSPELT)
def test_a_misspelt_word_does_not_hide_a_workspace(run: Run, old: str, new: str, said: str) -> None:
    result = run("check", write("a.yaml", QUICK_START.replace(old, new)))

    assert result.code == 2
    assert said in result.out


def test_a_file_with_a_workspace_that_cannot_be_read_fails(run: Run) -> None:
    file = write("a.yaml", f"{QUICK_START}---\na: [\n")

    result = run("check", file)

    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("a.yaml:")


def test_one_file_that_cannot_be_read_does_not_hide_the_others(run: Run) -> None:
    write("deploy/a.yaml", f"{QUICK_START}metadata: {{}}\n")
    write("deploy/b.yaml", BAD)
    Path("deploy/c.yaml").write_bytes(f"{QUICK_START}# Größe\n".encode("latin-1"))
    unread = (
        "deploy/a.yaml:13: 'metadata' is written already on line 3\n"
        "deploy/c.yaml:13: is not UTF-8 text: invalid start byte\n"
        "gone.yaml:1: cannot be read: No such file or directory\n"
    )

    result = run("check", "deploy", "gone.yaml", "phi.yaml")

    assert result == (
        1,
        (
            f"deploy/b.yaml:6: workspace-phi-3-mini: resource.instanceType: {SENTENCE}\n"
            "phi.yaml:1: workspace-phi-3-mini: accepted\n"
        ),
        unread,
    )


@pytest.mark.parametrize("option", [[], ["--beside", "deploy"]], ids=["alone", "beside, too"])
def test_what_cannot_be_read_is_in_sarif_and_in_json(run: Run, option: list[str]) -> None:
    write("deploy/a.yaml", f"{QUICK_START}metadata: {{}}\n")
    write("deploy/b.yaml", BAD)
    message = "'metadata' is written already on line 3"

    sarif = run("check", "deploy", *option, "-o", "sarif")
    listed = run("check", "deploy", *option, "-o", "json")

    assert (sarif.code, listed.code) == (1, 1)
    assert sarif.err == listed.err == f"deploy/a.yaml:13: {message}\n"
    found = json.loads(sarif.out)
    jsonschema.validate(found, SARIF)
    refused, unread = found["runs"][0]["results"]
    assert refused["ruleId"] == "refused"
    assert unread == {
        "ruleId": "unreadable",
        "ruleIndex": 2,
        "level": "error",
        "message": {"text": message},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": "deploy/a.yaml"},
                    "region": {"startLine": 13},
                }
            }
        ],
    }
    assert [(one["file"], one["name"]) for one in json.loads(listed.out)] == [
        ("deploy/b.yaml", "workspace-phi-3-mini"),
        ("deploy/a.yaml", None),
    ]
    assert json.loads(listed.out)[1] == {
        "file": "deploy/a.yaml",
        "line": 13,
        "namespace": None,
        "name": None,
        "accepted": False,
        "problems": [{"line": 13, "field": "", "message": message}],
        "warnings": [],
    }


def test_a_file_of_another_encoding_passes_where_no_workspace_is_in_it(run: Run) -> None:
    Path("latin.yaml").write_bytes("# Größe\nkind: ConfigMap\n".encode("latin-1"))
    Path("picture.json").write_bytes(bytes(range(256)))

    assert run("check", "latin.yaml", "picture.json") == (0, "", "")


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_a_workspace_of_another_encoding_does_not_pass(run: Run, encoding: str) -> None:
    Path("a.yaml").write_bytes(f"{QUICK_START}# Größe\n".encode(encoding))

    result = run("check", "a.yaml")

    assert (result.code, result.out) == (1, "")
    assert ": is not UTF-8 text: " in result.err


def test_a_directory_is_read_with_those_in_it_but_for_hidden_ones(run: Run) -> None:
    write("deploy/b/c.yml", QUICK_START)
    write("deploy/a.json", json.dumps({"apiVersion": "v1", "kind": "List", "items": []}))
    write("deploy/.git/bad.yaml", BAD)
    write("deploy/notes.txt", BAD)

    assert run("check", "deploy") == (
        0,
        "deploy/b/c.yml:1: workspace-phi-3-mini: accepted\n",
        "",
    )


def test_what_a_workspace_names_may_be_in_another_file(run: Run) -> None:
    named = TUNING.replace("qlora", "qlora\n  config: mine")
    tuning = write("tuning.yaml", named)
    config = write("deploy/config.yaml", A_CONFIG.replace("TrainingArgs", "TrainingArguments"))

    alone = run("check", tuning)
    said = "tuning.yaml:14: workspace-tuning-phi-3: tuning.config: there is no ConfigMap 'mine'"
    assert (alone.code, alone.out) == (2, f"{said} in namespace 'default'\n")
    accepted = (0, "tuning.yaml:1: workspace-tuning-phi-3: accepted\n", "")
    assert run("check", tuning, config) == accepted
    assert run("check", tuning, "--beside", "deploy") == accepted


def test_an_adapter_of_a_workspace_in_another_file_is_known(run: Run) -> None:
    serving = write(
        "serving.yaml",
        QUICK_START.replace("phi-3-mini-4k-instruct", "phi-3-mini-128k-instruct")
        + "  adapters:\n  - source: {name: a, workspace: workspace-tuning-phi-3}\n",
    )

    assert run("check", serving).code == 2
    assert run("check", serving, "tuning.yaml").code == 0


def test_two_of_one_name_in_one_file_are_refused(run: Run) -> None:
    file = write("two.yaml", f"{QUICK_START}---\n{QUICK_START}")

    assert run("check", file) == (
        2,
        (
            "two.yaml:1: workspace-phi-3-mini: accepted\n"
            "two.yaml:17: workspace-phi-3-mini: metadata.name: two.yaml:1 is a Workspace of this "
            "name already; use another one\n"
        ),
        "",
    )


def test_a_warning_is_no_refusal(run: Run) -> None:
    file = write("new.yaml", QUICK_START.replace("Standard_NC6s_v3", "Standard_NOPE"))

    result = run("check", file)
    (found,) = json.loads(run("check", file, "-o", "json").out)

    assert result.code == 0
    assert result.out.splitlines()[0] == "new.yaml:1: workspace-phi-3-mini: accepted"
    assert result.out.splitlines()[1].startswith(
        "new.yaml:6: workspace-phi-3-mini: warning: resource.instanceType: Standard_NOPE is not in "
    )
    assert (found["accepted"], found["problems"]) == (True, [])
    assert [(each["line"], each["field"]) for each in found["warnings"]] == [
        (6, "resource.instanceType")
    ]


def test_says_so_in_json(run: Run) -> None:
    result = run("check", write("bad.yaml", BAD), "-o", "json")

    assert (result.code, result.err) == (2, "")
    assert json.loads(result.out) == [
        {
            "file": "bad.yaml",
            "line": 1,
            "namespace": "default",
            "name": "workspace-phi-3-mini",
            "accepted": False,
            "problems": [{"line": 6, "field": "resource.instanceType", "message": SENTENCE}],
            "warnings": [],
        }
    ]


# What section 3 of SARIF 2.1.0 demands of the objects that we write, and what GitHub besides.
# https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/sarif-v2.1.0-errata01-os-complete.html
# https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning
TEXT = {
    "type": "object",
    "required": ["text"],
    "properties": {"text": {"type": "string", "minLength": 1}},
    "additionalProperties": False,
}
LEVEL = {"enum": ["none", "note", "warning", "error"]}


def closed(required: dict[str, Any], **optional: Any) -> dict[str, Any]:  # noqa: ANN401
    return {
        "type": "object",
        "required": list(required),
        "properties": {**required, **optional},
        "additionalProperties": False,
    }


SARIF = closed(
    {
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "items": closed(
                {
                    "tool": closed(
                        {
                            "driver": closed(
                                {
                                    "name": {"type": "string"},
                                    "rules": {
                                        "type": "array",
                                        "uniqueItems": True,
                                        "items": closed(
                                            {"id": {"type": "string"}, "shortDescription": TEXT},
                                            defaultConfiguration=closed({}, level=LEVEL),
                                        ),
                                    },
                                },
                                semanticVersion={"type": "string"},
                            )
                        }
                    ),
                    "results": {
                        "type": "array",
                        "items": closed(
                            {
                                "ruleId": {"type": "string"},
                                "message": TEXT,
                                "locations": {
                                    "type": "array",
                                    "minItems": 1,
                                    "items": closed(
                                        {
                                            "physicalLocation": closed(
                                                {
                                                    "artifactLocation": closed(
                                                        {"uri": {"pattern": "^[^ {}#?]+$"}}
                                                    ),
                                                    "region": closed(
                                                        {
                                                            "startLine": {
                                                                "type": "integer",
                                                                "minimum": 1,
                                                            }
                                                        }
                                                    ),
                                                }
                                            )
                                        },
                                        logicalLocations={
                                            "type": "array",
                                            "uniqueItems": True,
                                            "items": closed(
                                                {"fullyQualifiedName": {"type": "string"}}
                                            ),
                                        },
                                    ),
                                },
                            },
                            ruleIndex={"type": "integer", "minimum": 0},
                            level=LEVEL,
                        ),
                    },
                }
            ),
        },
    },
    **{"$schema": {"const": SCHEMA}},
)


def test_says_so_in_sarif(run: Run) -> None:
    result = run("check", write("a b/bad.yaml", BAD), "phi.yaml", "-o", "sarif")

    found = json.loads(result.out)
    jsonschema.validate(found, SARIF)
    ((one,),) = [each["results"] for each in found["runs"]]
    assert result.code == 2
    assert one == {
        "ruleId": "refused",
        "ruleIndex": 0,
        "level": "error",
        "message": {"text": f"workspace-phi-3-mini: resource.instanceType: {SENTENCE}"},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": "a%20b/bad.yaml"},
                    "region": {"startLine": 6},
                },
                "logicalLocations": [
                    {"fullyQualifiedName": "workspace-phi-3-mini/resource.instanceType"}
                ],
            }
        ],
    }
    driver = found["runs"][0]["tool"]["driver"]
    assert (driver["name"], driver["semanticVersion"]) == ("metakaito", installed())


def test_nothing_to_say_is_a_run_without_results(run: Run) -> None:
    found = json.loads(run("check", "phi.yaml", "-o", "sarif").out)

    jsonschema.validate(found, SARIF)
    assert [each["results"] for each in found["runs"]] == [[]]


def test_each_finding_is_an_instance_of_its_rule() -> None:
    found = sarif_log(
        [
            Finding("a.yaml", 1, "a", "", "is wrong"),
            Finding("a.yaml", 2, "a", "b", "is odd", "warning"),
        ],
        "1.0.0",
    )

    jsonschema.validate(found, SARIF)
    (only,) = found["runs"]
    rules = [rule["id"] for rule in only["tool"]["driver"]["rules"]]
    assert [rules[each["ruleIndex"]] for each in only["results"]] == ["refused", "worth-a-word"]
    assert [each["ruleId"] for each in only["results"]] == ["refused", "worth-a-word"]
    assert [each["message"]["text"] for each in only["results"]] == [
        "a: is wrong",
        "a: warning: b: is odd",
    ]


LINES = """\
# one
---
a:
  b.c/d: 1
  b:
  - x: 1
    y: 2
  -
    z: {w: 3}
---
a: other
"""
FIELDS = {
    "a": 3,
    "a.b.c/d": 4,
    "a.b": 5,
    "a.b[0]": 6,
    "a.b[0].y": 7,
    "a.b[1].z.w": 9,
    "a.b[7].y": 5,
    "a.missing": 3,
    "missing": 3,
    "": 3,
}


@pytest.mark.parametrize(("field", "line"), FIELDS.items(), ids=FIELDS)
def test_the_line_of_a_field_is_its_own_or_that_of_what_would_hold_it(
    field: str, line: int
) -> None:
    documents = list(yaml_nodes("-", LINES))

    assert field_line(documents, Manifest("-", 3, {}), field) == line


LIST = f"""\
# a List, as kubectl prints it
apiVersion: v1
kind: List
items:
- {indent(QUICK_START, "  ").strip()}
- {indent(BAD.replace("workspace-", "poor-"), "  ").strip()}
"""


OF_THE_API_SERVER = LIST.replace("kind: List", "kind: WorkspaceList").replace(
    "apiVersion: v1\n", "apiVersion: kaito.sh/v1alpha1\n"
)


@pytest.mark.parametrize("text", [LIST, OF_THE_API_SERVER], ids=["kubectl", "API server"])
def test_the_line_of_a_field_of_a_member_of_a_list_is_its_own(run: Run, text: str) -> None:
    found = run("check", write("list.yaml", text)).out

    line = 1 + next(n for n, text in enumerate(LIST.splitlines()) if "Standard_NV6" in text)
    assert f"list.yaml:{line}: poor-phi-3-mini: resource.instanceType: {SENTENCE}\n" in found


NAMES = {"a number": "5", "a list": "[a]", "an object": "{a: b}", "nothing": "", "empty": "''"}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_what_has_no_text_for_a_name_can_be_named_by_nobody(run: Run, name: str) -> None:
    other = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n---\n"
    file = write("a.yaml", other + QUICK_START)
    unnamed = write("b.yaml", QUICK_START.replace("workspace-phi-3-mini", name))

    assert run("check", file).code == 0
    refused = run("check", unnamed)
    assert refused.code == 2
    assert "metadata.name: " in refused.out


def test_a_malformed_configmap_is_said_to_be_malformed_and_not_missing(run: Run) -> None:
    write("tune.yaml", TUNING.replace("  method: qlora\n", "  method: qlora\n  config: mine\n"))
    write("cm.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: mine}\ndata: {x: 1}\n")

    result = run("check", "tune.yaml", "--beside", "cm.yaml")

    assert (result.code, result.err) == (2, "")
    assert result.out == (
        "tune.yaml:14: workspace-tuning-phi-3: tuning.config: the ConfigMap 'mine' is malformed: "
        "cm.yaml:1: data.x: must be text\n"
    )


def test_a_malformed_configmap_of_another_namespace_is_another(run: Run) -> None:
    write("tune.yaml", TUNING.replace("  method: qlora\n", "  method: qlora\n  config: mine\n"))
    write(
        "cm.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: mine, namespace: b}\ndata: {x: 1}\n",
    )

    assert "there is no ConfigMap 'mine'" in run("check", "tune.yaml", "--beside", "cm.yaml").out
