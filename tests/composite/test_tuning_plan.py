"""
What an edit does to a training: a new Job, none, or a refusal that keeps the one there is.

The Workspace's own words and the configuration decide; a Job is never changed.
"""

from collections.abc import Iterable

import pytest

from composite.catalog import Catalog
from composite.models import JsonObject
from composite.origins import DEFAULT, Chosen
from composite.refusal import Unplannable
from composite.workspace.api import Tuning
from composite.workspace.training import plan_training, training_hash
from composite.workspace.training_config import resolved
from presets.documents import read_document
from tests.composite.makers import (
    TUNING_TYPE,
    a_config,
    a_request,
    a_resource,
    a_training_pod,
    a_tuner,
    a_tuning,
    afterwards,
    condition,
    kinds_of,
    provisioned,
    seen_by,
    synced,
    the,
    training,
    with_job,
    with_related,
    without_job,
    without_related,
)

OTHER = {"urls": ["https://data.example/other.parquet"]}
IMAGE = "registry.example/adapters/phi:0.0.1"
TAKEN = (
    "tuning.output.image: {} holds the result of an earlier training: use another tag to keep it, "
    "or the tag latest to overwrite it"
)
EIGHT = {"QuantizationConfig": {"load_in_8bit": True}}
BROKEN = a_config(data={"training_config.yaml": "training_config: ["})


def pushed(image: str) -> JsonObject:
    return {"image": image, "imagePushSecret": "push"}


def edit(request: JsonObject, *world: JsonObject, **fields: object) -> JsonObject:
    """Return the request after the user has edited the Workspace, or the ConfigMap in ``world``."""
    metadata = request["parent"]["metadata"]
    parent = request["parent"] | fields
    if fields:
        parent["metadata"] = metadata | {"generation": metadata["generation"] + 1}
    related = [each for group in request["related"].values() for each in group.values()]
    children = [each for group in request["children"].values() for each in group.values()]
    return a_request(parent, children=children, related=[*related, *world])


def told(request: JsonObject, catalog: Catalog) -> JsonObject:
    """Return the request after that one was answered; what Jobs have reported they keep."""
    following = afterwards(request, synced(request, catalog))
    before, made = request["children"]["Job.batch/v1"], following["children"]["Job.batch/v1"]
    jobs = {key: before.get(key, job) for key, job in made.items()}
    return following | {"children": following["children"] | {"Job.batch/v1": jobs}}


def running(
    catalog: Catalog, parent: JsonObject | None = None, world: Iterable[JsonObject] = ()
) -> JsonObject:
    request = with_related(training(catalog, parent, world=world), a_training_pod("phi"))
    return told(with_job(request, active=1), catalog)


def succeeded(
    catalog: Catalog, parent: JsonObject | None = None, world: Iterable[JsonObject] = ()
) -> JsonObject:
    request = with_related(training(catalog, parent, world=world), a_training_pod("done"))
    return told(with_job(request, end="done"), catalog)


def jobs_of(answer: JsonObject) -> list[str]:
    return [c["metadata"]["name"] for c in answer["children"] if c["kind"] == "Job"]


def configs_of(answer: JsonObject) -> list[str]:
    return [c["metadata"]["name"] for c in answer["children"] if c["kind"] == "ConfigMap"]


def is_refused(answer: JsonObject) -> bool:
    return condition(answer, "Accepted")[0] == "False"


# --- a new Job ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"input": OTHER}, id="urls"),
        pytest.param({"input": {"image": "r.example/data:1"}}, id="from urls to an image"),
        pytest.param({"output": pushed("r.example/adapters/phi:2")}, id="where it goes"),
        pytest.param(
            {"output": {"image": IMAGE, "imagePushSecret": "other"}}, id="the Secret to push with"
        ),
    ],
)
def test_an_edit_is_another_job_and_the_old_one_goes(catalog: Catalog, changes: JsonObject) -> None:
    request = running(catalog)
    answer = synced(edit(request, tuning=a_tuning(**changes)), catalog)
    [name] = jobs_of(answer)
    job = the(answer, "Job", name)

    assert name.startswith("phi-")
    assert len(name) == len("phi-") + 10
    assert job["metadata"]["annotations"]["workspace.kaito.io/revision"] == "2"
    assert job["metadata"]["annotations"]["kaito.sh/training-hash"].startswith(name[4:])
    assert answer["status"]["tuning"]["job"] == name
    assert answer["status"]["tuning"]["phase"] == "Pending"


def test_the_new_job_keeps_its_name_when_the_old_one_is_gone(catalog: Catalog) -> None:
    request = edit(running(catalog), tuning=a_tuning(input=OTHER))
    first = synced(request, catalog)
    second = synced(told(request, catalog), catalog)

    assert jobs_of(first) == jobs_of(second) != ["phi"]


def test_an_edit_taken_back_at_once_finds_its_job_still_there(catalog: Catalog) -> None:
    request = running(catalog)
    edited = edit(request, tuning=a_tuning(input=OTHER))
    synced(edited, catalog)

    assert jobs_of(synced(edit(edited, tuning=a_tuning()), catalog)) == ["phi"]


def test_an_edit_taken_back_later_is_a_new_job(catalog: Catalog) -> None:
    request = told(edit(running(catalog), tuning=a_tuning(input=OTHER)), catalog)
    answer = synced(edit(request, tuning=a_tuning()), catalog)

    assert jobs_of(answer) == ["phi"]
    assert the(answer, "Job")["metadata"]["annotations"]["workspace.kaito.io/revision"] == "3"


def test_an_edit_after_success_trains_again(catalog: Catalog) -> None:
    request = succeeded(catalog)
    fields = a_tuning(input=OTHER, output=pushed("r.example/adapters/phi:2"))
    answer = synced(edit(request, tuning=fields), catalog)

    assert jobs_of(answer) != ["phi"]
    assert len(jobs_of(answer)) == 1
    assert answer["status"]["tuning"]["phase"] == "Pending"
    assert condition(answer, "WorkspaceSucceeded")[0] == "False"


def test_an_edit_after_failure_trains_again(catalog: Catalog) -> None:
    request = told(with_job(running(catalog), end="failed"), catalog)
    answer = synced(edit(request, tuning=a_tuning(input=OTHER)), catalog)

    assert len(jobs_of(answer)) == 1
    assert jobs_of(answer) != ["phi"]


# --- no new Job ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param(
            {"resource": a_resource(instanceType=TUNING_TYPE, preferredNodes=["node-1"])},
            id="preferred nodes",
        ),
        pytest.param({"tuning": a_tuning()}, id="nothing"),
        pytest.param(
            {
                "tuning": a_tuning(
                    preset={
                        "name": "phi-3-mini-4k-instruct",
                        "accessMode": "public",
                        "presetOptions": {},
                    }
                )
            },
            id="defaults written out",
        ),
    ],
)
def test_what_changes_no_training_changes_no_job(catalog: Catalog, fields: JsonObject) -> None:
    # Kaito kills and restarts the Job for any of them.
    answer = synced(edit(running(catalog), **fields), catalog)

    assert not is_refused(answer)
    assert jobs_of(answer) == ["phi"]
    assert answer["status"]["tuning"]["phase"] == "Training"


def test_a_new_catalog_changes_no_job(catalog: Catalog) -> None:
    # Its name and hash are the same; what else of it would differ is not applied to a Job.
    other = provisioned(catalog, steps_image="registry.example/steps:2", runtime="metakaito")
    request = running(catalog)
    before, after = synced(request, catalog), synced(request, other)

    assert after["status"] == before["status"]
    assert the(after, "Job")["metadata"] == the(before, "Job")["metadata"]
    assert the(after, "Job") != the(before, "Job")


EMPTY: JsonObject = {"imagePullSecrets": []}


def test_the_hash_is_of_words_and_configuration(catalog: Catalog) -> None:
    def tuning(**changes: object) -> Tuning:
        return Tuning.model_validate(a_tuning(**changes))

    config = resolved(catalog.tuning_configs["qlora"])
    same = training_hash(tuning(), config)

    assert training_hash(tuning(method="QLoRA"), config) == same
    assert training_hash(tuning(), dict(reversed(config.items()))) == same
    assert training_hash(tuning(), config | {"LoraConfig": {"r": 16}}) == same
    mine = training_hash(tuning(config="mine"), config)
    assert training_hash(tuning(config="other"), config) == mine != same
    assert training_hash(tuning(config="mine"), config | {"LoraConfig": {"r": 16}}) != mine
    assert training_hash(tuning(input=a_tuning()["input"] | EMPTY), config) == same
    assert training_hash(tuning(input=OTHER), config) != same


# --- the user's ConfigMap -----------------------------------------------------------------------


def test_a_config_map_that_is_missing_refuses_and_one_that_comes_is_accepted(
    catalog: Catalog,
) -> None:
    parent = a_tuner(config="mine")
    first = synced(a_request(parent), catalog)
    second = synced(a_request(parent | {"status": first["status"]}, related=[a_config()]), catalog)

    assert is_refused(first)
    assert kinds_of(first) == []
    assert first["status"]["machines"] == []
    assert not is_refused(second)
    assert len(second["status"]["machines"]) == 1


def test_a_config_map_edited_while_running_is_another_job(catalog: Catalog) -> None:
    request = running(catalog, a_tuner(config="mine"), [a_config()])
    before = synced(request, catalog)
    answer = synced(edit(request, a_config(EIGHT)), catalog)

    assert not is_refused(answer)
    assert len(jobs_of(answer)) == len(configs_of(answer)) == 1
    assert jobs_of(answer) != jobs_of(before)
    assert configs_of(answer) != configs_of(before)


def test_a_config_map_that_says_the_same_in_other_words_is_no_edit(catalog: Catalog) -> None:
    request = running(catalog, a_tuner(config="mine"), [a_config()])
    text = "# the same\ntraining_config:\n  QuantizationConfig:\n    load_in_4bit: yes\n"
    answer = synced(edit(request, a_config(data={"training_config.yaml": text})), catalog)

    assert jobs_of(answer) == ["phi"]


@pytest.mark.parametrize(
    "sections",
    [
        pytest.param(None, id="as it is"),
        *(
            pytest.param(
                {"QuantizationConfig": {"load_in_4bit": True}, "TrainingArguments": arguments},
                id=f"{arguments}",
            )
            for arguments in (
                {"learning_rate": 0.00001},
                {"learning_rate": 1e-05, "max_grad_norm": 1e16},
                {"learning_rate": "2e-4"},
                {"weight_decay": 0.1, "run_name": "größer 🙂"},
                {"run_name": "yes", "logging_dir": "1e5"},
                {"output_dir": "out"},
            )
        ),
    ],
)
@pytest.mark.parametrize(
    "later", [pytest.param(BROKEN, id="invalid"), pytest.param(None, id="removed")]
)
def test_a_config_map_made_invalid_keeps_the_job_that_runs(
    catalog: Catalog, sections: JsonObject | None, later: JsonObject | None
) -> None:
    request = running(catalog, a_tuner(config="mine"), [a_config(sections)])
    before = synced(request, catalog)
    changed = edit(request, later) if later else without_related(request, "ConfigMap.v1")
    answer = synced(changed, catalog)

    assert is_refused(answer)
    assert answer["children"] == before["children"]
    assert answer["status"]["tuning"] == before["status"]["tuning"]


def test_a_config_map_made_invalid_after_an_edit_keeps_the_newer_job(catalog: Catalog) -> None:
    # The older Job and its configuration are still on their way out.
    for eight, four in ((EIGHT, None), (None, EIGHT)):
        request = running(catalog, a_tuner(config="mine"), [a_config(eight)])
        edited = edit(request, a_config(four))
        newer = synced(edited, catalog)
        after = told(edited, catalog)
        both = {
            kind: request["children"][kind] | group for kind, group in after["children"].items()
        }
        answer = synced(edit(after | {"children": both}, BROKEN), catalog)

        assert is_refused(answer)
        assert jobs_of(answer) == jobs_of(newer)


def test_an_edit_of_the_name_of_the_config_map_waits_for_it(catalog: Catalog) -> None:
    request = running(catalog, a_tuner(config="mine"), [a_config()])
    changed = edit(request, tuning=a_tuning(config="other"))
    waits = synced(changed, catalog)
    goes_on = synced(edit(changed, a_config(EIGHT, name="other")), catalog)

    assert condition(waits, "Accepted")[2] == (
        "tuning.config: there is no ConfigMap 'other' in namespace 'default'"
    )
    assert jobs_of(waits) == ["phi"]
    assert not is_refused(goes_on)
    assert jobs_of(goes_on) != ["phi"]


def test_a_config_map_edited_after_success_is_another_result(catalog: Catalog) -> None:
    request = succeeded(catalog, a_tuner(config="mine"), [a_config()])
    answer = synced(edit(request, a_config(EIGHT)), catalog)

    assert condition(answer, "Accepted")[2] == TAKEN.format(IMAGE)
    assert jobs_of(answer) == ["phi"]
    assert condition(answer, "WorkspaceReady")[0] == "True"


def test_an_accepted_configuration_that_is_gone_is_said(catalog: Catalog) -> None:
    request = running(catalog, a_tuner(config="mine"), [a_config()])
    lost = without_related(without_job(request), "ConfigMap.v1")
    lost["children"]["ConfigMap.v1"] = {}

    with pytest.raises(Unplannable, match="the configuration that was accepted is not there"):
        synced(lost, catalog)


# --- where the result goes ----------------------------------------------------------------------


def test_another_result_under_the_same_tag_is_refused(catalog: Catalog) -> None:
    request = succeeded(catalog)
    answer = synced(edit(request, tuning=a_tuning(input=OTHER)), catalog)

    assert condition(answer, "Accepted") == ("False", "Refused", TAKEN.format(IMAGE))
    assert jobs_of(answer) == ["phi"]
    assert answer["status"]["tuning"]["phase"] == "Succeeded"


@pytest.mark.parametrize(
    "image", ["registry.example/adapters/phi:latest", "registry.example:5000/adapters/phi:latest"]
)
def test_the_tag_latest_is_meant_to_move(catalog: Catalog, image: str) -> None:
    request = succeeded(catalog, a_tuner(output=pushed(image)))
    answer = synced(edit(request, tuning=a_tuning(input=OTHER, output=pushed(image))), catalog)

    assert not is_refused(answer)
    assert jobs_of(answer) != ["phi"]


@pytest.mark.parametrize("end", ["failed", None])
def test_a_tag_that_holds_nothing_is_free(catalog: Catalog, end: str | None) -> None:
    request = running(catalog)
    request = told(with_job(request, end=end), catalog) if end else request

    assert not is_refused(synced(edit(request, tuning=a_tuning(input=OTHER)), catalog))


def test_a_tag_that_an_earlier_training_was_pushed_to_is_still_taken(catalog: Catalog) -> None:
    request = succeeded(catalog)
    elsewhere = a_tuning(input=OTHER, output=pushed("registry.example/adapters/phi:0.0.2"))
    request = told(edit(request, tuning=elsewhere), catalog)
    answer = synced(edit(request, tuning=a_tuning(input=OTHER)), catalog)

    assert condition(answer, "Accepted")[2] == TAKEN.format(IMAGE)


def test_a_volume_may_be_written_to_again(catalog: Catalog) -> None:
    volume = {"volumeSource": {"persistentVolumeClaim": {"claimName": "results"}}}
    request = succeeded(catalog, a_tuner(output=volume))
    answer = synced(edit(request, tuning=a_tuning(input=OTHER, output=volume)), catalog)

    assert not is_refused(answer)


def test_the_very_same_training_is_done_already(catalog: Catalog) -> None:
    request = succeeded(catalog)
    answer = synced(edit(request, tuning=a_tuning()), catalog)

    assert not is_refused(answer)
    assert jobs_of(answer) == ["phi"]
    assert answer["status"]["tuning"]["phase"] == "Succeeded"


# --- the plan -----------------------------------------------------------------------------------


def test_a_plan_of_a_model_that_cannot_be_tuned_is_a_mistake_of_ours(catalog: Catalog) -> None:
    request = a_request(a_tuner())
    tuning = Tuning.model_validate(a_tuning())

    config, gpus = Chosen[JsonObject]({}, (DEFAULT,)), Chosen(1, (DEFAULT,))
    preset = catalog.presets["llama-2-7b"]

    with pytest.raises(ValueError, match="llama-2-7b cannot be tuned"):
        plan_training("phi", preset, tuning, config, gpus, seen_by(request), catalog)


def test_the_same_world_has_the_same_answer(catalog: Catalog) -> None:
    request = running(catalog, a_tuner(config="mine"), [a_config()])

    assert synced(request, catalog) == synced(request, catalog)


def test_the_config_map_that_is_made_is_what_is_read_back(catalog: Catalog) -> None:
    request = running(catalog, a_tuner(config="mine"), [a_config(EIGHT)])
    [own] = request["children"]["ConfigMap.v1"].values()

    assert read_document(own["data"]["training_config.yaml"]) == {
        "training_config": EIGHT | {"TrainingArguments": {"output_dir": "/mnt/output"}}
    }


# --- what is not lost ---------------------------------------------------------------------------


def test_a_new_default_configuration_begins_no_training_anew(catalog: Catalog) -> None:
    request = running(catalog)
    configs = {
        method: {**config, "LoraConfig": {"r": 16}}
        for method, config in catalog.tuning_configs.items()
    }
    later = catalog.model_copy(update={"tuning_configs": configs})

    assert synced(request, later)["children"] == synced(request, catalog)["children"]


def test_what_was_pushed_a_moment_ago_is_not_overwritten(catalog: Catalog) -> None:
    request = with_job(running(catalog), end="done")

    assert request["parent"]["status"]["tuning"]["phase"] != "Succeeded"
    assert is_refused(synced(edit(request, tuning=a_tuning(input=OTHER)), catalog))


def test_trainings_to_one_volume_have_a_directory_each(catalog: Catalog) -> None:
    volume = {"volumeSource": {"persistentVolumeClaim": {"claimName": "mine"}}}
    request = running(catalog, a_tuner(output=volume))
    again = edit(request, tuning=a_tuning(output=volume, input=OTHER))
    places = {
        mount["subPath"]
        for answer in (synced(request, catalog), synced(again, catalog))
        for job in answer["children"]
        if job["kind"] == "Job"
        for mount in job["spec"]["template"]["spec"]["containers"][0]["volumeMounts"]
        if mount["name"] == "results-volume"
    }

    assert len(places) == 2


def test_a_job_that_does_not_come_is_told(catalog: Catalog) -> None:
    request = training(catalog)
    request["children"]["Job.batch/v1"] = {}
    first = synced(request, catalog)
    request["parent"]["status"] = first["status"]
    second = synced(request, catalog)
    request["parent"]["status"] = second["status"]
    third = synced(request, catalog)

    assert condition(second, "JobStarted")[2].startswith("job phi was asked for and is not there")
    assert third["status"] == second["status"]


def test_a_configuration_of_ours_that_somebody_edited_is_written_anew(catalog: Catalog) -> None:
    request = running(catalog)
    before = synced(request, catalog)
    for config in request["children"]["ConfigMap.v1"].values():
        config["data"]["training_config.yaml"] = "training_config: x"

    assert synced(request, catalog) == before


def test_what_was_lost_with_its_node_is_told(catalog: Catalog) -> None:
    request = running(catalog)
    for pod in request["related"]["Pod.v1"].values():
        pod["status"]["phase"] = "Failed"
        pod["status"]["conditions"] = [
            {
                "type": "DisruptionTarget",
                "status": "True",
                "reason": "TerminationByKubelet",
                "message": "The node was low on resource: ephemeral-storage.",
            }
        ]

    assert condition(synced(request, catalog), "JobStarted")[2].endswith(
        "was lost: TerminationByKubelet: The node was low on resource: ephemeral-storage."
    )
