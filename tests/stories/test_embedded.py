"""Every story in the embedded cluster, held against what was recorded on a real control plane."""

from pathlib import Path

import pytest

from composite import machines, workspace
from composite.catalog import Catalog
from composite.simulate.clock import Clock
from composite.simulate.in_process import InProcess
from tests.stories.answers import milestones, sequence
from tests.stories.embedded import EmbeddedStage
from tests.stories.listed import STORIES
from tests.stories.recorded import FOLDER, Asked, files, read
from tests.stories.stage import Json

RECORDED = [file for story in STORIES for file in files(story)]
# Longer than anybody who waits for a node buys another one after.
LATER_SECONDS = 1800.0
SYNC = "/workspaces/sync"


def played(story: str, catalog: Catalog) -> EmbeddedStage:
    """Play a story until nothing happens any more."""
    clock = Clock()
    stage = EmbeddedStage("played", story, InProcess(catalog, clock), clock)
    STORIES[story](stage)
    assert stage.cluster.run()
    made = stage.machines()
    stage.wait(LATER_SECONDS)
    assert stage.machines() == made
    return stage


def recorded(story: str) -> list[tuple[Json, Json]]:
    """Return what was asked about Workspaces on a real control plane, with the answers."""
    found = map(read, files(story))
    return [(asked.request, asked.answer) for asked in found if asked.path == SYNC]


@pytest.mark.parametrize("story", STORIES)
def test_the_embedded_cluster_comes_to_the_same_answers_as_a_real_one(
    story: str, catalog: Catalog
) -> None:
    real, embedded = recorded(story), played(story, catalog).exchanges()
    workspaces = {question["parent"]["metadata"]["name"] for question, _ in real}
    assert workspaces, "nothing was recorded"

    for name in workspaces:
        seen, all_seen = milestones(real, name), milestones(embedded, name)
        # Some are passed by too fast to be seen in a real cluster; none is left out here.
        assert [each for each in all_seen if each in seen] == seen, name
        assert sequence(embedded, name)[-1] == sequence(real, name)[-1], name


@pytest.mark.parametrize("file", RECORDED, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_what_was_asked_on_a_real_control_plane_is_answered_as_it_was(
    file: Path, catalog: Catalog
) -> None:
    asked = read(file)
    assert answer(asked, catalog) == asked.answer


def test_every_story_was_recorded_and_nothing_else() -> None:
    assert {folder.name for folder in FOLDER.iterdir()} == set(STORIES)


def answer(asked: Asked, catalog: Catalog) -> Json:
    """Ask the same question again, at the same time."""
    match asked.path:
        case "/workspaces/sync":
            question = workspace.Request.model_validate(asked.request)
            return workspace.sync(question, catalog, asked.at).to_json()
        case "/workspaces/customize":
            about = workspace.CustomizeQuestion.model_validate(asked.request)
            return workspace.customize(about, catalog).to_json()
        case "/machines/sync":
            space = machines.Request.model_validate(asked.request)
            return machines.sync(space, catalog, asked.at).to_json()
        case path:
            assert path == "/machines/customize"
            whose = machines.CustomizeQuestion.model_validate(asked.request)
            return machines.customize(whose, catalog).to_json()
