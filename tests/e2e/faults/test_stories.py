"""Every story on a real control plane."""

import pytest

from tests.e2e.faults.stage import RealStage
from tests.stories.listed import STORIES
from tests.stories.table import Measured


@pytest.mark.parametrize("story", STORIES)
def test_story(stage: RealStage, measured: Measured, story: str) -> None:
    measured.update(STORIES[story](stage))
