"""Somebody who writes the same objects all the while, so that writes of the bundle conflict."""

import contextlib
import threading
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from composite.simulate import objects
from composite.simulate.errors import ConflictError, NotFoundError
from tests.e2e.cluster import audit
from tests.e2e.faults.stage import RealStage
from tests.stories.stage import served
from tests.stories.table import Measured

KINDS = (objects.WORKSPACE, objects.DEPLOYMENT, objects.CONTROLLER_REVISION)
MOST_EDITS = 30


def test_edits_of_others_all_the_while_lose_nothing(stage: RealStage, measured: Measured) -> None:
    arrived: list[float] = []
    with meddled_with(stage):
        stage.create(served("served"))
        stage.until_ready("served")
        # Whether two writes meet is chance, so there are edits until some have met.
        while not arrived or (not conflicts(stage) and len(arrived) < MOST_EDITS):
            arrived.append(edited(stage, f"registry.example/server:{len(arrived) + 2}"))
    lost = conflicts(stage)
    assert lost, f"in {len(arrived)} edits no two writes met"
    measured["others write the same objects all the while"] = (
        f"an edit arrives {max(arrived):.1f} s, {lost} of its writes lost"
    )


def edited(stage: RealStage, image: str) -> float:
    """Have another image served, and return the seconds after which the workload has it."""
    stage.patch(objects.WORKSPACE, "served", {"inference": with_image(image)})
    passed = stage.until(lambda: images(stage) == [image])
    stage.until_ready("served")
    assert images(stage) == [image]
    return passed


@contextlib.contextmanager
def meddled_with(stage: RealStage) -> Iterator[None]:
    """Annotate every object of the namespace anew 50 times a second."""
    over = threading.Event()

    def meddle() -> None:
        turn = 0
        while not over.wait(0.02):
            turn += 1
            stamp = {"metadata": {"annotations": {"example.com/turn": str(turn)}}}
            for kind in KINDS:
                for obj in stage.items(kind):
                    with contextlib.suppress(ConflictError, NotFoundError):  # the next turn's
                        stage.patch(kind, obj["metadata"]["name"], stamp)

    thread = threading.Thread(target=meddle)
    thread.start()
    try:
        yield
        assert thread.is_alive(), "nobody meddles any more"
    finally:
        over.set()
        thread.join()


def conflicts(stage: RealStage) -> int:
    """Return how many writes of the bundle in the namespace came too late."""
    log = stage.bundle.cluster.audit
    assert log is not None
    return sum(
        event["objectRef"].get("namespace") == stage.namespace
        and event.get("responseStatus", {}).get("code") == HTTPStatus.CONFLICT
        for event in audit.requests(log)
    )


def with_image(image: str) -> dict[str, Any]:
    """Return what is served, with another image."""
    template: dict[str, Any] = served("any")["inference"]["template"]
    template["spec"]["containers"][0]["image"] = image
    return {"template": template}


def images(stage: RealStage) -> list[str]:
    """Return the images that the workload runs."""
    found = stage.get(objects.DEPLOYMENT, "served") or {}
    return [container["image"] for container in found["spec"]["template"]["spec"]["containers"]]
