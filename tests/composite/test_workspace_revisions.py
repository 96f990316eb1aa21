"""The history of what was accepted, and Kaito's hash of it."""

import hashlib

import pytest

from composite.catalog import Catalog
from composite.models import JsonObject
from composite.workspace.observe import SeenRevision
from composite.workspace.revisions import (
    PlannedRevision,
    data_hash,
    go_json,
    last_accepted,
    plan_revisions,
    revision_data,
)
from composite.workspace.rules import read_spec
from tests.composite.makers import (
    a_preset,
    a_request,
    a_resource,
    a_revision,
    a_spec,
    a_template,
    an_adapter,
    seen_by,
    synced,
    the,
)


def seen(*revisions: JsonObject) -> tuple[SeenRevision, ...]:
    return seen_by(a_request(children=revisions)).revisions


def as_seen(revision: PlannedRevision) -> SeenRevision:
    return SeenRevision(*revision)


def edited(number: int) -> JsonObject:
    """Return a spec that differs from every other number's."""
    return {
        "resource": a_resource(),
        "inference": a_preset() | {"adapters": [an_adapter(f"adapter-{number}")]},
    }


# --- Kaito's hash -------------------------------------------------------------------------------


def test_hashes_the_lines_of_kaitos_own_test_as_kaito_does() -> None:
    selector = {"matchLabels": {"workspace.kaito.io/name": "testWorkspace"}}
    resource = {"count": 1, "instanceType": "Standard_NC12s_v3", "labelSelector": selector}
    inference = {"preset": {"name": "test-model", "presetOptions": {}}}

    lines = "".join(f"{go_json(part)}\n" for part in (resource, inference, None))

    assert lines == (
        '{"count":1,"instanceType":"Standard_NC12s_v3","labelSelector":'
        '{"matchLabels":{"workspace.kaito.io/name":"testWorkspace"}}}\n'
        '{"preset":{"name":"test-model","presetOptions":{}}}\n'
        "null\n"
    )
    assert hashlib.sha256(lines.encode()).hexdigest() == (
        "1171dc5d15043c92e684c8f06689eb241763a735181fdd2b59c8bd8fd6eecdd4"
    )


def chat(count: int) -> JsonObject:
    image = "myacr.azurecr.io/llama-2-13b-chat:0.0.3"
    options = {"image": image, "imagePullSecrets": ["myacr-secret"]}
    return {
        "resource": a_resource(
            count=count,
            instanceType="Standard_NC12s_v3",
            labelSelector={"matchLabels": {"apps": "llama-2-13b-chat"}},
        ),
        "inference": a_preset("llama-2-13b-chat", accessMode="private", presetOptions=options),
    }


ADAPTER = {
    "source": {
        "name": "phi-3-adapter",
        "image": "myacr.azurecr.io/phi-3-adapter:0.0.1",
        "imagePullSecrets": ["myacr-secret"],
    },
    "strength": "1.0",
}
# Section 10 of the contract, each computed from Kaito's algorithm.
HASHES: dict[str, tuple[JsonObject, str]] = {
    "phi-3-mini-4k-instruct": (
        {"resource": a_resource(), "inference": a_preset()},
        "f4521baab9fb1f4073345a5fe80a1eadc957888df0757f85456763ff9f9712cd",
    ),
    "phi-3-mini-128k-instruct with an adapter": (
        {
            "resource": a_resource(labelSelector={"matchLabels": {"apps": "phi-3-adapter"}}),
            "inference": a_preset("phi-3-mini-128k-instruct") | {"adapters": [ADAPTER]},
        },
        "7be8adfa15f1f58fda4c2563d7e6d7b19bf8545dab9349197b3706023a59bc3c",
    ),
    "llama-2-13b-chat on two nodes": (
        chat(2),
        "f60e442a6c1218825345f5909c27bff241d01412fe724a3b8d2cd567c0103b02",
    ),
    "llama-2-13b-chat on one node": (
        chat(1),
        "d0efaed377d6233ea5e6d76a91cd95edc6d4b200fb3aa23f313e5908cd7c6ca3",
    ),
}


@pytest.mark.parametrize("case", HASHES)
def test_hashes_as_kaito_does(case: str) -> None:
    written, expected = HASHES[case]

    assert data_hash(revision_data(read_spec(written))) == expected


def test_the_order_in_which_a_user_writes_keys_does_not_matter() -> None:
    labels = {"b": "2", "a": "1"}
    one = a_spec(resource=a_resource(labelSelector={"matchLabels": labels}))
    other = a_spec(resource=a_resource(labelSelector={"matchLabels": dict(sorted(labels.items()))}))

    assert data_hash(revision_data(one)) == data_hash(revision_data(other))
    assert go_json(revision_data(one)) == go_json(revision_data(other))


def test_what_is_empty_is_as_if_it_were_absent() -> None:
    bare = a_spec()
    empty = a_spec(
        resource=a_resource(preferredNodes=[]),
        inference=a_preset(presetOptions={"image": "", "imagePullSecrets": []}) | {"adapters": []},
    )

    assert data_hash(revision_data(empty)) == data_hash(revision_data(bare))


def test_a_default_that_is_written_is_as_if_it_were_absent() -> None:
    bare = a_spec(
        resource={"labelSelector": {"matchLabels": {"apps": "x"}}},
        inference={"preset": {"name": "phi-2"}},
    )

    assert revision_data(bare) == {
        "resource": {
            "count": 1,
            "instanceType": "Standard_NC12s_v3",
            "labelSelector": {"matchLabels": {"apps": "x"}},
        },
        "inference": {
            "preset": {"name": "phi-2", "accessMode": "public", "presetOptions": {}},
        },
    }


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("<a> & b", '"\\u003ca\\u003e \\u0026 b"'),
        ("\N{LINE SEPARATOR}", '"\\u2028"'),
        ("äöü", '"äöü"'),
        ('say "hi"\n', '"say \\"hi\\"\\n"'),
    ],
)
def test_texts_are_escaped_as_go_does(text: str, written: str) -> None:
    assert go_json(text) == written


def test_a_template_keeps_what_is_empty_in_it() -> None:
    template = {"spec": {"volumes": [{"name": "a", "emptyDir": {}}], "containers": [{"name": "b"}]}}

    assert revision_data(a_spec(inference={"template": template}))["inference"] == {
        "template": template
    }


# --- the history --------------------------------------------------------------------------------


def test_the_first_revision_is_number_1_and_named_by_five_digits_of_the_hash() -> None:
    [revision] = plan_revisions("workspace-phi-3-mini", revision_data(a_spec()), None, ())

    assert revision == PlannedRevision(
        name="workspace-phi-3-mini-f4521",
        number=1,
        hash="f4521baab9fb1f4073345a5fe80a1eadc957888df0757f85456763ff9f9712cd",
        data={"resource": a_resource(), "inference": a_preset(presetOptions={})},
    )


def test_an_unchanged_workspace_keeps_its_revision() -> None:
    [first] = plan_revisions("phi", revision_data(a_spec()), None, ())

    assert plan_revisions("phi", revision_data(a_spec()), None, (as_seen(first),)) == (first,)


def test_a_change_adds_a_revision() -> None:
    [first] = plan_revisions("phi", revision_data(a_spec()), None, ())

    kept, new = plan_revisions("phi", revision_data(read_spec(edited(2))), None, (as_seen(first),))

    assert kept == first
    assert new.number == 2


def test_what_was_accepted_before_gets_its_revision_back_under_a_new_number() -> None:
    [first] = plan_revisions("phi", revision_data(a_spec()), None, ())
    second = plan_revisions("phi", revision_data(read_spec(edited(2))), None, (as_seen(first),))[-1]

    kept, again = plan_revisions(
        "phi", revision_data(a_spec()), None, (as_seen(first), as_seen(second))
    )

    assert kept == second
    assert again == first._replace(number=3)


def test_ten_revisions_are_kept_the_oldest_goes() -> None:
    history = seen(*[a_revision(number, edited(number)) for number in range(1, 11)])

    planned = plan_revisions("phi", revision_data(a_spec()), None, history)

    assert [revision.number for revision in planned] == [2, 3, 4, 5, 6, 7, 8, 9, 10, 11]


def test_eleven_revisions_that_kaito_left_become_ten() -> None:
    newest = data_hash(revision_data(a_spec()))
    history = seen(
        *[a_revision(number, edited(number)) for number in range(1, 11)],
        a_revision(11, {"resource": a_resource()}, digest=newest),
    )

    planned = plan_revisions("phi", revision_data(a_spec()), None, history)

    assert [revision.number for revision in planned] == [2, 3, 4, 5, 6, 7, 8, 9, 10, 11]


def test_revisions_are_ordered_by_number_not_by_name() -> None:
    history = seen(
        a_revision(10, edited(10), name="phi-00000"), a_revision(9, edited(9), name="phi-fffff")
    )

    assert [revision.number for revision in history] == [9, 10]


def test_a_name_that_is_taken_by_another_hash_gets_a_sixth_digit() -> None:
    digest = data_hash(revision_data(a_spec()))
    taken = a_revision(1, edited(1), name=f"phi-{digest[:5]}", digest=f"{digest[:5]}{'0' * 59}")

    new = plan_revisions("phi", revision_data(a_spec()), None, seen(taken))[-1]

    assert new.name == f"phi-{digest[:6]}"


def test_nothing_was_accepted_where_there_is_no_revision() -> None:
    assert last_accepted(()) is None


def test_kaitos_revision_is_read_back_without_its_nulls() -> None:
    data = {"inference": a_preset(presetOptions={}), "resource": a_resource(), "tuning": None}

    [revision] = seen(a_revision(4, data))

    assert last_accepted((revision,)) == {
        "inference": a_preset(presetOptions={}),
        "resource": a_resource(),
    }


def test_a_workspace_that_kaito_served_keeps_its_revision_and_its_number(catalog: Catalog) -> None:
    digest = data_hash(revision_data(a_spec()))
    data = {"inference": a_preset(presetOptions={}), "resource": a_resource(), "tuning": None}
    kaitos = a_revision(7, data, name=f"phi-{digest[:5]}", digest=digest)

    answer = synced(a_request(children=[kaitos]), catalog)

    assert the(answer, "ControllerRevision", f"phi-{digest[:5]}")["revision"] == 7


def test_the_template_of_a_revision_is_what_was_accepted() -> None:
    [revision] = plan_revisions(
        "phi", revision_data(a_spec(inference=a_template(hostNetwork=True))), None, ()
    )

    assert revision.data["inference"] == a_template(hostNetwork=True)
