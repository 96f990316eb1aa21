import json
from pathlib import Path

import pytest
import yaml

from composite.catalog import Catalog
from tests.cli.conftest import Golden, Run


def test_lists_presets(run: Run, golden: Golden) -> None:
    result = run("presets")

    assert (result.code, result.err) == (0, "")
    golden("presets.txt", result.out)


def test_lists_instance_types(run: Run, golden: Golden) -> None:
    result = run("instance-types", "--cloud", "aws")

    assert (result.code, result.err) == (0, "")
    golden("instance-types-aws.txt", result.out)


def test_json_and_yaml_list_all_there_is_to_know(run: Run, catalog: Catalog) -> None:
    known = catalog.instance_types.values()
    wanted = [each.model_dump(mode="json", exclude_none=True) for each in known]

    assert json.loads(run("instance-types", "-o", "json").out) == wanted
    assert yaml.safe_load(run("instance-types", "-o", "yaml").out) == wanted


@pytest.mark.parametrize("preferred", ["kaito", "metakaito"])
def test_of_presets_they_tell_the_runtime_that_serves_them_here(
    run: Run, catalog: Catalog, monkeypatch: pytest.MonkeyPatch, preferred: str
) -> None:
    monkeypatch.setenv("METAKAITO_RUNTIME", preferred)
    wanted = {
        preset.name: preset.model_dump(mode="json", exclude_none=True)
        | ({"runtime": preferred} if preset.image is not None else {})
        for preset in catalog.presets.values()
    }

    listed = json.loads(run("presets", "-o", "json").out)

    assert {each["name"]: each for each in listed} == wanted
    assert yaml.safe_load(run("presets", "-o", "yaml").out) == listed
    assert (wanted["tiny-phi-3-test"]["runtime"], "runtime" in wanted["llama-2-7b"]) == (
        "metakaito",
        False,
    )


@pytest.mark.parametrize(
    ("command", "name"), [("presets", "phi-2"), ("instance-types", "Standard_NC6s_v3")]
)
def test_shows_one_whole(run: Run, command: str, name: str) -> None:
    everything = json.loads(run(command, "-o", "json").out)
    (wanted,) = [each for each in everything if each["name"] == name]

    assert json.loads(run(command, "show", name, "-o", "json").out) == wanted
    assert yaml.safe_load(run(command, "show", name).out) == wanted


MISTAKES = {
    "a preset that is nearly there": (
        ("presets", "show", "phi-2x"),
        2,
        (
            "metakaito presets show: no preset is called 'phi-2x': use phi-2 or another that "
            "'metakaito presets' lists\n"
        ),
    ),
    "a part of a name": (
        ("presets", "show", "Mistral"),
        2,
        (
            "metakaito presets show: no preset is called 'Mistral': use mistral-7b, "
            "mistral-7b-instruct or another that 'metakaito presets' lists\n"
        ),
    ),
    "an instance type of another cloud": (
        ("instance-types", "show", "p4d.24xlarge"),
        2,
        (
            "metakaito instance-types show: no instance type of azure is called 'p4d.24xlarge'; "
            "it is one of aws: --cloud aws or METAKAITO_CLOUD=aws\n"
        ),
    ),
    "an instance type of nobody": (
        ("instance-types", "show", "xyz"),
        2,
        (
            "metakaito instance-types show: no instance type of azure is called 'xyz': "
            "use one that 'metakaito instance-types --cloud azure' lists\n"
        ),
    ),
    "no name": (
        ("presets", "show"),
        2,
        "metakaito presets show: Missing argument 'NAME'. See 'metakaito presets show --help'.\n",
    ),
    "a directory that is not there": (
        ("presets", "--presets", "nowhere"),
        2,
        "--presets: nowhere cannot be used; allowed: a directory that exists\n",
    ),
}


@pytest.mark.parametrize(("arguments", "code", "said"), MISTAKES.values(), ids=MISTAKES)
def test_says_what_is_wrong(run: Run, arguments: tuple[str, ...], code: int, said: str) -> None:
    assert run(*arguments) == (code, "", said)


def test_a_broken_file_of_presets_fails_with_its_field(run: Run) -> None:
    models = Path("mine/models")
    models.mkdir(parents=True)
    (models / "own.yaml").write_text("nam: own\n", encoding="utf-8")

    result = run("presets", "--presets", "mine")

    assert (result.code, result.out) == (1, "")
    assert result.err.splitlines()[0] == "mine/models/own.yaml: name: is missing"
