"""Laws of the Workspace's sync that hold for every Workspace in every world."""

import json
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from composite import names
from composite.catalog import Catalog
from composite.refusal import Unplannable
from tests.properties.worlds import (
    CONFIGS,
    NOW,
    Json,
    answer_of,
    requests,
    served,
    shuffled,
    written,
)

EXAMPLES = settings(max_examples=150, deadline=None)


def condition(answer: Json, kind: str) -> Json:
    return next(c for c in answer["status"]["conditions"] if c["type"] == kind)


def machine_names(answer: Json) -> set[str]:
    return {machine["name"] for machine in answer["status"]["machines"]}


def answer_or_error(request: Json, catalog: Catalog) -> Json:
    """Answer, or say why not; where machines are planned of a refused Workspace that is right."""
    try:
        return answer_of(request, catalog)
    except Unplannable as error:
        return {"error": str(error)}


@EXAMPLES
@given(request=requests(), data=st.data())
def test_the_same_world_in_another_order_of_keys_gives_the_same_bytes(
    request: Json, data: st.DataObject, catalog: Catalog
) -> None:
    other = shuffled(request, data.draw)

    first, second = answer_or_error(request, catalog), answer_or_error(other, catalog)

    assert json.dumps(first) == json.dumps(second)


def nulls(value: object) -> list[object]:
    if isinstance(value, dict):
        return [found for item in value.values() for found in nulls(item)]
    if isinstance(value, list):
        return [found for item in value for found in nulls(item)]
    return [value] if value is None else []


@EXAMPLES
@given(request=requests())
def test_an_answer_survives_json_and_holds_no_null(request: Json, catalog: Catalog) -> None:
    answer = answer_or_error(request, catalog)

    assert json.loads(json.dumps(answer)) == answer
    assert nulls(answer) == []


@EXAMPLES
@given(request=requests())
def test_the_second_answer_to_an_unchanged_world_is_the_last(
    request: Json, catalog: Catalog
) -> None:
    first = answer_or_error(request, catalog)
    if "error" in first:
        return
    second_request = served(request, first)
    second = answer_of(second_request, catalog)
    third = answer_of(served(second_request, second), catalog, NOW + timedelta(seconds=1))

    assert third["children"] == second["children"]
    # The one thing that time alone changes: an existing node's grace runs out.
    assert {**third, "resyncAfterSeconds": 0} == {**second, "resyncAfterSeconds": 0}


@EXAMPLES
@given(request=requests(), mistake=written)
def test_a_refusal_never_loses_a_child(request: Json, mistake: Json, catalog: Catalog) -> None:
    first = answer_or_error(request, catalog)
    if "error" in first or not first["children"]:
        return
    edited = served(request, first)
    edited["parent"] = {**edited["parent"], **mistake}

    second = answer_or_error(edited, catalog)

    if "error" not in second and condition(second, "Accepted")["status"] == "False":
        assert second["children"] == answer_of(served(request, first), catalog)["children"]


@EXAMPLES
@given(request=requests(), later=requests())
def test_no_machine_is_dropped_while_the_workspace_wants_it(
    request: Json, later: Json, catalog: Catalog
) -> None:
    first = answer_or_error(request, catalog)
    if "error" in first:
        return
    # The world turns into any other in which none of the planned Machines was given up.
    changed = served(request, first)
    changed["parent"]["status"]["machines"] = [
        {key: value for key, value in machine.items() if key not in ("created", "ready")}
        for machine in first["status"]["machines"]
    ]
    given_up = machine_names(first) & later["related"]["Machine.karpenter.sh/v1alpha5"].keys()
    changed["related"] = {
        **later["related"],
        "Machine.karpenter.sh/v1alpha5": {
            name: claim
            for name, claim in later["related"]["Machine.karpenter.sh/v1alpha5"].items()
            if name not in given_up
        },
    }

    second = answer_of(changed, catalog)

    # One beyond what is asked for stays for as long as it is there, and of these none is.
    asked = request["parent"]["resource"].get("count", 1)
    wanted = {m["name"] for m in first["status"]["machines"] if m["index"] < asked}
    assert wanted <= machine_names(second)


@EXAMPLES
@given(request=requests())
def test_children_are_named_after_the_workspace_and_stay_in_its_namespace(
    request: Json, catalog: Catalog
) -> None:
    answer = answer_or_error(request, catalog)

    for child in answer.get("children", []):
        assert child["metadata"]["name"].startswith(request["parent"]["metadata"]["name"])
        assert child["metadata"]["namespace"] == request["parent"]["metadata"]["namespace"]
        assert "controller-uid" not in child["metadata"].get("labels", {})


def test_the_random_worlds_hold_many_that_run(catalog: Catalog) -> None:
    kinds: list[set[str]] = []

    @EXAMPLES
    @given(request=requests())
    def count(request: Json) -> None:
        children = answer_or_error(request, catalog).get("children", [])
        kinds.append({child["kind"] for child in children})

    count()

    # Otherwise the laws above would say little about what they are there for.
    assert sum(bool({"Deployment", "StatefulSet"} & found) for found in kinds) >= len(kinds) / 30
    assert sum("Job" in found for found in kinds) >= len(kinds) / 30


@EXAMPLES
@given(request=requests(), after=st.sampled_from([*CONFIGS.values(), "[", ""]))
def test_no_edit_of_a_config_map_leaves_a_training_without_its_job(
    request: Json, after: str, catalog: Catalog
) -> None:
    first = answer_or_error(request, catalog)
    if not any(child["kind"] == "Job" for child in first.get("children", [])):
        return
    later = served(request, first)
    later["related"] = {
        **later["related"],
        names.CONFIGMAPS: {
            key: {**config, "data": {names.TRAINING_CONFIG_FILE: after}}
            for key, config in later["related"][names.CONFIGMAPS].items()
        },
    }

    second = answer_of(later, catalog)

    jobs = [child for child in second["children"] if child["kind"] == "Job"]
    assert [job["metadata"]["name"] for job in jobs] == [second["status"]["tuning"]["job"]]
    if condition(second, "Accepted")["status"] == "False":
        assert second["children"] == first["children"]
