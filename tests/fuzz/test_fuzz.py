"""Some of the million, in the ordinary test run; and that the checker notices what it is for."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from composite.models import JsonObject
from tests.fuzz.asking import Answer, Hooks, Wsgi, in_process
from tests.fuzz.campaign import BLOCK, Campaign, Tally, run
from tests.fuzz.laws import breaches
from tests.fuzz.requests import HostileRequest, request_of
from tests.fuzz.seeds import SYNC_MACHINES, SYNC_WORKSPACE, Corpus, Seed, load_corpus

REQUESTS = 10_000


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return load_corpus()


@pytest.fixture
def hooks(corpus: Corpus) -> Iterator[Hooks]:
    with in_process(corpus.catalogs) as hooks:
        yield hooks


def test_ten_thousand_hostile_requests_break_no_law() -> None:
    tally = run(REQUESTS, seed=0, processes=2, slow_seconds=None, progress=lambda _: None)

    assert tally.examples == {}
    assert tally.requests == REQUESTS
    # Otherwise they would say little: of each outcome there are many.
    of_sync = {key[1:]: count for key, count in tally.answers.items() if key[0] == SYNC_WORKSPACE}
    wanted = [(200, "accepted"), (200, "refused"), (422, "malformed"), (500, "unplannable")]
    assert all(of_sync[each] > REQUESTS / 100 for each in wanted)


def test_a_number_gives_the_same_request_each_time(corpus: Corpus) -> None:
    numbers, again = range(50), load_corpus.__wrapped__()

    first = [request_of(number, 3, corpus) for number in numbers]

    assert [request_of(number, 3, again) for number in numbers] == first
    assert [request_of(number, 4, corpus) for number in numbers] != first


def seed_with(corpus: Corpus, endpoint: str, fits: Callable[[JsonObject], bool]) -> Seed:
    return next(seed for seed in corpus.seeds[endpoint] if fits(seed.document))


def asked(seed: Seed) -> HostileRequest:
    body = json.dumps(seed.document).encode()
    return HostileRequest(seed.provisioning, seed.endpoint, body, path=seed.endpoint)


def broken_by(hooks: Hooks, request: HostileRequest, edit: Callable[[Any], None]) -> list[str]:
    """The laws that an answer breaks once it is edited."""
    answer = hooks.ask(request)
    assert list(breaches(request, answer, "machine", None)) == []
    found = json.loads(answer.body)
    edit(found)
    edited = replace(answer, body=json.dumps(found).encode())
    return list(breaches(request, edited, "machine", None))


def without(kind: str) -> Callable[[JsonObject], None]:
    def edit(found: JsonObject) -> None:
        found["children"] = [child for child in found["children"] if child["kind"] != kind]

    return edit


def has_child(kind: str) -> Callable[[JsonObject], bool]:
    return lambda document: bool(document["children"].get(kind))


@pytest.mark.parametrize(
    ("kind", "of", "law"),
    [
        ("Deployment", "Deployment.apps/v1", "deletes the Deployment of a model that is served"),
        ("StatefulSet", "StatefulSet.apps/v1", "deletes the StatefulSet of a model that is served"),
        ("Service", "Deployment.apps/v1", "deletes the Service of a model that is served"),
        ("Job", "Job.batch/v1", "deletes the Job of the training that the status tells of"),
        ("ConfigMap", "Job.batch/v1", "deletes the ConfigMap that a Job reads"),
        (
            "ControllerRevision",
            "ControllerRevision.apps/v1",
            "deletes a revision, and there is room for it",
        ),
    ],
)
def test_a_child_that_is_dropped_is_noticed(
    corpus: Corpus, hooks: Hooks, kind: str, of: str, law: str
) -> None:
    seeds = [
        seed
        for seed in corpus.seeds[SYNC_WORKSPACE]
        if has_child(of)(seed.document) and seed.provisioning == "{}"
    ]
    seeds = [seed for seed in seeds if keeps(hooks.ask(asked(seed)), kind)]

    # Without its revision an answer does not say what it is about, so one of them will do.
    found = [law for seed in seeds for law in broken_by(hooks, asked(seed), without(kind))]
    assert law in found


def test_a_training_that_is_dropped_and_not_told_of_is_noticed(
    corpus: Corpus, hooks: Hooks
) -> None:
    def edit(found: JsonObject) -> None:
        without("Job")(found)
        found["status"].pop("tuning")

    seeds = [
        seed
        for seed in corpus.seeds[SYNC_WORKSPACE]
        if has_child("Job.batch/v1")(seed.document)
        and "tuning" in seed.document["parent"].get("status", {})
        and seed.provisioning == "{}"
        and keeps(hooks.ask(asked(seed)), "Job")
    ]
    broken = [broken_by(hooks, asked(seed), edit) for seed in seeds]

    law = "deletes the Job of the training that the status tells of"
    noticed = sum(law in found for found in broken)
    assert noticed > len(seeds) * 0.9, f"{noticed} of {len(seeds)}"


def keeps(answer: Answer, kind: str) -> bool:
    if answer.status != 200:
        return False
    return any(child["kind"] == kind for child in json.loads(answer.body)["children"])


def test_an_answer_without_children_is_noticed(corpus: Corpus, hooks: Hooks) -> None:
    seed = seed_with(corpus, SYNC_WORKSPACE, has_child("Deployment.apps/v1"))

    found = broken_by(hooks, asked(seed), lambda answer: answer.update(children=[]))

    assert found == ["deletes everything is deleted"]


def test_a_machine_that_is_dropped_is_noticed(corpus: Corpus, hooks: Hooks) -> None:
    seed = seed_with(
        corpus, SYNC_MACHINES, lambda d: bool(d["attachments"].get("Machine.karpenter.sh/v1alpha5"))
    )

    found = broken_by(hooks, asked(seed), lambda answer: answer.update(attachments=[]))

    assert found == ["deletes a Machine that a living Workspace names"]


def test_a_machine_that_leaves_the_plan_is_noticed(corpus: Corpus, hooks: Hooks) -> None:
    seed = seed_with(
        corpus,
        SYNC_WORKSPACE,
        lambda d: (
            bool(d["related"].get("Machine.karpenter.sh/v1alpha5"))
            and bool(d["parent"].get("status", {}).get("machines"))
        ),
    )

    found = broken_by(hooks, asked(seed), lambda answer: answer["status"].update(machines=[]))

    assert found == ["drops a Machine that is there, from the plan"]


@pytest.mark.parametrize(
    ("edit", "law"),
    [
        (lambda answer: answer["status"].update(tuning=None), "an answer holds a null"),
        (lambda answer: answer.update(resyncAfterSeconds=1e10), "what shall be waited is nothing"),
        (lambda answer: answer["children"].append(answer["children"][0]), "a child is there twice"),
        (lambda answer: answer["status"].update(x=float("nan")), "an answer is not JSON in UTF-8"),
        (lambda answer: answer["status"].update(x="\ud800"), "an answer holds half of a character"),
    ],
)
def test_an_answer_that_metacontroller_cannot_take_is_noticed(
    corpus: Corpus, hooks: Hooks, edit: Callable[[Any], None], law: str
) -> None:
    seed = seed_with(corpus, SYNC_WORKSPACE, has_child("Deployment.apps/v1"))

    [found] = broken_by(hooks, asked(seed), edit)

    assert found.startswith(law)


def campaign_of(corpus: Corpus, hooks: Hooks, answer: Callable[[Wsgi], Wsgi]) -> Campaign:
    """The hooks behind something that spoils their answers."""
    hooks.apps = {name: answer(app) for name, app in hooks.apps.items()}
    return Campaign(0, corpus, hooks, slow_seconds=None)


def test_an_exception_that_comes_out_of_the_app_is_noticed(corpus: Corpus, hooks: Hooks) -> None:
    def raising(_: Wsgi) -> Wsgi:
        def app(*_: object) -> object:
            raise ZeroDivisionError

        return app

    tally = campaign_of(corpus, hooks, raising).block(range(10))

    assert tally.breaches.total() == 10
    assert all(law.startswith("status 599, raised: ") for law in tally.breaches)


def test_an_error_of_several_lines_is_noticed(corpus: Corpus, hooks: Hooks) -> None:
    def talkative(app: Wsgi) -> Wsgi:
        def spoiled(environ: dict[str, Any], start: Callable[..., Any]) -> list[bytes]:
            body = b"".join(app(environ, start))
            return [body if body.startswith(b"{") else body * 2]

        return spoiled

    tally = campaign_of(corpus, hooks, talkative).block(range(100))

    assert set(tally.breaches) == {
        "an error is not one line of 1 to 500 characters",
        "an error holds a control character",
    }


def test_answers_that_differ_are_noticed(corpus: Corpus, hooks: Hooks) -> None:
    counted = iter(range(10**6))

    def counting(app: Wsgi) -> Wsgi:
        def spoiled(environ: dict[str, Any], start: Callable[..., Any]) -> list[bytes]:
            body = b"".join(app(environ, start))
            return [body.replace(b"malformed", b"malformed %d" % next(counted))]

        return spoiled

    tally = campaign_of(corpus, hooks, counting).block(range(200))

    assert set(tally.breaches) == {"the same request, asked twice, is answered differently"}


def test_blocks_are_counted_together() -> None:
    seen: list[int] = []

    def progress(tally: Tally) -> None:
        seen.append(tally.requests)

    tally = run(BLOCK + 1, seed=0, processes=1, slow_seconds=None, progress=progress)

    assert seen == [BLOCK, BLOCK + 1]
    assert tally.requests == BLOCK + 1


@pytest.mark.parametrize(("blocks", "grown"), [(1, None), (3, None), (4, 70)])
def test_growth_is_measured_only_of_a_process_that_had_more_than_its_first_blocks(
    blocks: int, grown: int | None
) -> None:
    sizes = {1: [100, 130, 120, 200][:blocks], 2: [500, 400]}

    assert Tally(resident=sizes).growth() == grown
