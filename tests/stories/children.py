"""Children that somebody deletes or edits, and many Workspaces at once."""

from composite.simulate import objects
from composite.simulate.objects import Kind
from tests.e2e.workspaces import example
from tests.stories.stage import Json, Stage, is_another, served
from tests.stories.table import Measured

CHILDREN = (objects.DEPLOYMENT, objects.SERVICE, objects.CONTROLLER_REVISION, objects.POD)


def a_child_that_is_deleted_is_back_at_once(stage: Stage) -> Measured:
    """First the Service, then the Deployment."""
    stage.create(without_namespace(example("phi-3.yaml", name="served")))
    stage.until_ready("served")
    found: Measured = {}
    for kind, what in ((objects.SERVICE, "the Service"), (objects.DEPLOYMENT, "the workload")):
        found[f"{what} is deleted"] = f"back {losing(stage, kind):.2f} s"
    stage.until_ready("served")
    return found


def losing(stage: Stage, kind: Kind) -> float:
    """Delete a child, and return after how many seconds there was another."""
    before = stage.get(kind, "served")
    stage.delete(kind, "served")
    return stage.until(lambda: is_another(stage.get(kind, "served"), before))


def a_child_that_is_edited_is_as_it_was_at_once(stage: Stage) -> Measured:
    """Somebody scales the Deployment."""
    stage.create(served("served"))
    stage.until_ready("served")
    before = deployed(stage)
    stage.patch(objects.DEPLOYMENT, "served", {"spec": {"replicas": 3}})

    passed = stage.until(lambda: deployed(stage) == before)
    stage.until(lambda: len(stage.items(objects.POD)) == 1)
    stage.until_ready("served")
    return {"the workload is edited by hand": f"as it was {passed:.2f} s"}


def deployed(stage: Stage) -> Json:
    """Return what the Deployment asks for."""
    spec: Json = (stage.get(objects.DEPLOYMENT, "served") or {})["spec"]
    return spec


def an_adapter_without_a_strength_is_served(stage: Stage) -> Measured:
    """It counts in full."""
    document = without_namespace(example("phi-3.yaml", name="phi"))
    document["inference"]["adapters"] = [
        {"source": {"name": "poems", "image": "registry.example/adapters/poems:1"}}
    ]
    stage.create(document)
    stage.until_ready("phi")
    return {"an adapter without a strength": "works"}


def many_that_are_deleted_at_once_leave_nothing(stage: Stage) -> Measured:
    """Twenty come and go."""
    many = [f"many-{number}" for number in range(20)]
    stage.create(*(served(name) for name in many))
    stage.until_ready(*many, seconds=120)
    assert len(stage.machines()) == len(many)
    for name in many:
        stage.delete(objects.WORKSPACE, name)

    gone = stage.until(lambda: not stage.items(objects.WORKSPACE))
    stage.until(lambda: not (stage.machines() or stage.nodes()), seconds=120)
    stage.until(lambda: not any(map(stage.items, CHILDREN)), seconds=120)
    return {"20 Workspaces deleted at once": f"gone {gone:.2f} s"}


def without_namespace(document: Json) -> Json:
    """Return a document for the namespace of the stage."""
    metadata = {key: value for key, value in document["metadata"].items() if key != "namespace"}
    return {**document, "metadata": metadata}
