"""Reading what was heard, and what a line says of a write."""

import pytest

from composite.models import JsonObject
from composite.simulate import objects
from composite.simulate.apply import LAST_APPLIED
from composite.simulate.errors import (
    AlreadyExistsError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
)
from composite.simulate.objects import NAMESPACE, SERVICE, Ref
from hooks.dev.api import Api, refusal
from hooks.dev.discovery import Discovery
from hooks.dev.informers import Informers
from hooks.dev.store import ApiStore, differences
from tests.hooks.dev.fake_api import FakeApi
from tests.simulate.stubs import a_service

PHI = Ref("Service.v1", "default", "phi")


@pytest.fixture
def informers(connection: Api) -> Informers:
    return Informers(connection)


@pytest.fixture
def store(connection: Api, informers: Informers) -> ApiStore:
    return ApiStore(connection, Discovery(connection), informers, "metacontroller", "applier")


def placed(name: str = "phi", **metadata: object) -> JsonObject:
    return objects.with_metadata(a_service(name), **{"namespace": "default", **metadata})


def test_what_was_never_asked_for_is_not_known(api: FakeApi, store: ApiStore) -> None:
    api.apply(placed())

    assert store.get(PHI) is None
    assert store.list_of(PHI.kind) == []
    assert store.read(PHI) == api.store.get(PHI)


def test_what_was_heard_is_found_by_name_namespace_and_owner(
    api: FakeApi, store: ApiStore, informers: Informers
) -> None:
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}})
    owner = {"apiVersion": "v1", "kind": "X", "name": "x", "uid": "1", "controller": True}
    first = api.apply(placed("b"))
    second = api.apply(placed("a", namespace="a", ownerReferences=[owner]))
    third = api.apply(placed("a", ownerReferences=[{**owner, "controller": False}]))
    informers.acquire(SERVICE).synced.wait(5)
    kind = SERVICE.key

    assert store.list_of(kind) == [second, third, first]
    assert store.list_of(kind, "default") == [third, first]
    assert store.owned_by(kind, "1") == [second]
    assert store.owned_by(kind, "1", "default") == []
    assert store.orphans(kind) == [third, first]
    informers.stop()


def test_an_informer_lives_as_long_as_somebody_uses_it(informers: Informers, api: FakeApi) -> None:
    first, second = informers.acquire(NAMESPACE), informers.acquire(NAMESPACE)
    informers.release(NAMESPACE)

    assert first is second
    assert informers.find(NAMESPACE.key) is first

    informers.release(NAMESPACE)

    assert informers.find(NAMESPACE.key) is None
    assert informers.acquire(NAMESPACE) is not first
    informers.stop()
    assert api.requests.count("WATCH /api/v1/namespaces") <= 2


def test_writes_are_refused_as_the_api_server_refuses_them(api: FakeApi, store: ApiStore) -> None:
    made = store.create(placed())
    api.apply(placed(labels={"a": "b"}))

    with pytest.raises(AlreadyExistsError):
        store.create(placed())
    with pytest.raises(ConflictError):
        store.update(made)
    with pytest.raises(ConflictError):
        store.delete(PHI, "another")
    with pytest.raises(NotFoundError):
        store.delete(PHI._replace(name="none"))
    with pytest.raises(NotFoundError, match=r"can't find kind Thing in apiVersion a\.b/v1"):
        store.create({"apiVersion": "a.b/v1", "kind": "Thing", "metadata": {"name": "x"}})


@pytest.mark.parametrize(
    ("status", "body", "kind", "message"),
    [
        (404, b'{"message":"none"}', NotFoundError, "none"),
        (409, b'{"message":"there","reason":"AlreadyExists"}', AlreadyExistsError, "there"),
        (409, b'{"message":"changed","reason":"Conflict"}', ConflictError, "changed"),
        (403, b'{"message":"no"}', ForbiddenError, "no"),
        (422, b'{"message":"bad"}', InvalidError, "bad"),
        (503, b"upstream\n", Exception, "upstream"),
        (500, b"", Exception, "HTTP 500"),
        (500, b"[]", Exception, "[]"),
    ],
)
def test_a_refusal_is_in_the_api_servers_words(
    status: int, body: bytes, kind: type[Exception], message: str
) -> None:
    found = refusal(status, body)

    assert isinstance(found, kind)
    assert (str(found), found.code) == (message, status)


def test_a_line_names_what_differs_and_no_more_than_helps() -> None:
    before = {
        "metadata": {"resourceVersion": "1", "annotations": {LAST_APPLIED: "x"}},
        "a": {"b": 1},
    }
    after = {
        "metadata": {"resourceVersion": "2", "annotations": {LAST_APPLIED: "y"}},
        "a": {"c": 1},
    }
    many = dict.fromkeys("abcdefgh", 1)

    assert differences(before, after) == "a.b, a.c"
    assert differences({}, many) == "a, b, c, d, e, f and 2 more"
    assert differences(before, before) == "what is noted as wanted"
    assert differences(None, {"a": 1}) == "a"
