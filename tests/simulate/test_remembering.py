"""What a play keeps, and what it looks like: enough to tell what is new, and no more than that."""

from composite import names
from composite.models import JsonObject
from composite.simulate import Cluster, objects
from composite.simulate.objects import Ref
from composite.simulate.picture import Picture
from composite.simulate.store import Change
from tests.simulate.stubs import StubHooks, a_cluster, a_config_map, a_service, a_workspace, wants


def played(*, remembers: bool) -> Cluster:
    cluster = a_cluster(StubHooks(sync=wants(a_service())))
    cluster.remembers = remembers
    cluster.apply(a_workspace("one"))
    cluster.run()
    cluster.delete(Ref(names.SERVICES, "default", "phi"))
    cluster.run()
    return cluster


def test_a_cluster_that_remembers_nothing_goes_the_same_way() -> None:
    whole, forgetful = played(remembers=True), played(remembers=False)

    assert forgetful.store.everything() == whole.store.everything()
    assert forgetful.writes == whole.writes
    assert forgetful.writes.total() == len(whole.store.changes(0))
    assert forgetful.store.last_change == whole.store.last_change
    assert (forgetful.timeline, forgetful.requests, forgetful.store.changes(0)) == ([], [], [])


def test_changes_are_numbered_on_after_some_were_forgotten() -> None:
    store = played(remembers=False).store
    last = store.last_change

    store.create(a_config_map())

    assert [change.number for change in store.changes(last)] == [last + 1]
    assert store.changes(last + 1) == []
    assert [change.number for change in store.changes(0)] == [last + 1]


def changed(picture: Picture, old: JsonObject | None, new: JsonObject | None) -> int:
    picture.notice(Change(0, "MODIFIED", old, new, ""))
    return picture.taken()


def test_a_picture_is_another_one_only_for_what_lasts() -> None:
    picture = Picture()
    empty = picture.taken()
    one, two = a_config_map(), objects.with_metadata(a_config_map(), name="two")
    first = changed(picture, None, one)
    again = changed(picture, one, objects.with_metadata(one, resourceVersion="9"))
    labelled = changed(picture, one, objects.with_metadata(one, labels={"a": "b"}))

    assert first == again
    assert len({empty, first, labelled}) == 3
    assert changed(picture, None, two) not in {empty, first, labelled}
    assert changed(picture, two, None) == labelled
    assert changed(picture, one, None) == empty
