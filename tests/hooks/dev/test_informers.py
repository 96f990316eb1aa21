"""What an informer knows, and how it behaves towards an API server that is no help."""

import logging
import threading
import time
from collections.abc import Iterator

import pytest

from composite.simulate.objects import Kind
from hooks.dev.api import Api
from hooks.dev.informers import Informer
from tests.hooks.dev.conftest import wait_for
from tests.hooks.dev.fake_api import FakeApi
from tests.simulate.stubs import a_config_map

CONFIG_MAPS = Kind("v1", "ConfigMap", "configmaps")
PATH = "/api/v1/configmaps"


@pytest.fixture
def informer(connection: Api) -> Iterator[Informer]:
    made = Informer(connection, CONFIG_MAPS)
    yield made
    made.stop()
    wait_for(lambda: all(each.name != "watch configmaps" for each in threading.enumerate()))


def test_what_goes_while_all_there_is_is_sent_is_not_there(
    api: FakeApi, informer: Informer
) -> None:
    kept = api.apply(a_config_map("b"))
    gone = a_config_map("a")
    api.leaving.append({**gone, "metadata": {**gone["metadata"], "resourceVersion": "1"}})
    informer.start()
    wait_for(informer.synced.is_set)

    assert informer.list_of() == [kept]


@pytest.mark.parametrize("code", [410, 422])
def test_an_api_server_that_refuses_is_not_asked_without_a_pause(
    api: FakeApi, informer: Informer, code: int
) -> None:
    api.refusals[PATH] = (code, "no")
    informer.start()
    asked_in_two_seconds(api)


def test_a_watch_that_ends_at_once_is_not_repeated_without_a_pause(
    api: FakeApi, informer: Informer
) -> None:
    api.brief = True
    informer.start()
    asked_in_two_seconds(api)

    assert informer.synced.is_set()


def asked_in_two_seconds(api: FakeApi) -> None:
    """It is asked again, and seldom: to stream, to list, and after each pause."""
    wait_for(lambda: api.requests)
    time.sleep(2)

    assert 2 <= len(api.requests) <= 5


def test_422_is_told_where_it_does_not_mean_an_older_api_server(
    api: FakeApi, informer: Informer, caplog: pytest.LogCaptureFixture
) -> None:
    api.refusals[PATH] = (422, "configmaps is invalid")
    informer.start()
    wait_for(lambda: caplog.records)

    assert api.requests[:2] == [f"WATCH {PATH}", f"GET {PATH}"]
    assert [
        (record.levelno, record.message, record.__dict__["fields"]["because"])
        for record in caplog.records[:1]
    ] == [(logging.WARNING, "cannot watch configmaps", "configmaps is invalid")]
