"""Our hooks in process fail as the server would."""

import pytest

from composite import names
from composite.catalog import Catalog
from composite.simulate import Clock, HookError
from composite.simulate.in_process import InProcess
from tests.composite.makers import a_request


@pytest.mark.parametrize(
    ("path", "code"), [("/workspaces/sync", 422), ("/machines/customize", 422), ("/other", 404)]
)
def test_a_request_that_cannot_be_read_is_refused(path: str, code: int, catalog: Catalog) -> None:
    with pytest.raises(HookError) as refused:
        InProcess(catalog, Clock()).call(path, {"parent": {}})

    assert refused.value.code == code


def test_an_object_that_cannot_be_read_is_refused(catalog: Catalog) -> None:
    node = {"kind": "Node", "metadata": 5}
    request = a_request()

    with pytest.raises(HookError) as refused:
        InProcess(catalog, Clock()).call(
            "/workspaces/sync",
            {**request, "related": {**request["related"], names.NODES: {"a": node}}},
        )

    assert (refused.value.code, str(refused.value)) == (
        422,
        "/workspaces/sync: Node cannot be read",
    )
