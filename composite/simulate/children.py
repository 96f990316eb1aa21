"""
Which children are a parent's, and how they become what the hook wants.

Sources: pkg/third_party/kubernetes/controller_ref_manager.go and
pkg/controller/common/manage_children.go of Metacontroller v4.17.2.
"""

from collections.abc import Iterable, Iterator

from composite.models import JsonObject
from composite.simulate import objects
from composite.simulate.appliers import Applier
from composite.simulate.controllers import GROUP, Controller, Style
from composite.simulate.errors import HookError, NotFoundError, SyncError, during, together
from composite.simulate.objects import Ref
from composite.simulate.store import Store, rewrite

# The generated selector of a composite, and the mark of a decorator.
CONTROLLER_UID = "controller-uid"
DECORATOR = f"{GROUP}/decorator-controller"

ObjectsByKind = dict[str, dict[str, JsonObject]]


def observed_children(controller: Controller, parent: JsonObject, store: Store) -> ObjectsByKind:
    """
    Return the parent's children by kind and key; every declared kind is there, even if empty.

    A namespaced parent finds children in its own namespace only, so never a cluster-scoped one.

    Raises:
        SyncError: One that should be adopted or released cannot be.

    """
    result: ObjectsByKind = {}
    for rule in controller.children:
        kind = rule.kind.key
        mine = (
            _attachments(controller, parent, kind, store)
            if controller.style is Style.DECORATOR
            else _claimed(parent, kind, store)
        )
        result[kind] = {objects.ref_of(obj).key: obj for obj in mine}
    return result


def _attachments(
    controller: Controller, parent: JsonObject, kind: str, store: Store
) -> list[JsonObject]:
    """Return what a decorator made; it never adopts and never releases."""
    namespace = parent["metadata"].get("namespace", "")
    return [
        obj
        for obj in store.owned_by(kind, objects.uid_of(parent), namespace)
        if (obj["metadata"].get("annotations") or {}).get(DECORATOR) == controller.name
    ]


def _claimed(parent: JsonObject, kind: str, store: Store) -> list[JsonObject]:
    """
    Return a composite's children: owned and labelled, or adopted just now.

    One that is owned and has lost the label is released: it stays, and is nobody's. A parent that
    is going away neither adopts nor releases. What was adopted is returned as it was before.
    """
    uid = objects.uid_of(parent)
    namespace = parent["metadata"].get("namespace", "")
    owned = store.owned_by(kind, uid, namespace)
    mine = [obj for obj in owned if _is_labelled(obj, uid)]
    if objects.is_terminating(parent):
        return mine
    failures: list[SyncError] = []
    lost = [obj for obj in owned if not _is_labelled(obj, uid)]
    found = [
        obj
        for obj in store.orphans(kind, namespace)
        if _is_labelled(obj, uid) and not objects.is_terminating(obj)
    ]
    for claim, obj in (*((_release, obj) for obj in lost), *((_adopt, obj) for obj in found)):
        try:
            claim(parent, obj, store)
        except NotFoundError:
            continue
        except SyncError as failure:
            failures.append(failure)
        else:
            mine += [obj] if claim is _adopt else []
    if failures:
        with during(f"can't claim {kind.partition('.')[0]} children"):
            raise together(failures)
    return mine


def _is_labelled(obj: JsonObject, uid: str) -> bool:
    return objects.labels_of(obj).get(CONTROLLER_UID) == uid


def _adopt(parent: JsonObject, obj: JsonObject, store: Store) -> None:
    """
    Make an orphan a child.

    Raises:
        SyncError: The parent is going away after all, or the orphan is refused.

    """
    now = store.read(objects.ref_of(parent))
    if now is None or objects.uid_of(now) != objects.uid_of(parent):
        raise SyncError(f"can't adopt {objects.ref_of(obj)}: its parent is gone")
    if objects.is_terminating(now):
        raise SyncError(f"can't adopt {objects.ref_of(obj)}: its parent has just been deleted")
    reference = objects.owner_reference(parent)

    def adopted(current: JsonObject) -> JsonObject:
        owners = list(current["metadata"].get("ownerReferences") or ())
        places = [owner["uid"] for owner in owners]
        if reference["uid"] in places:
            owners[places.index(reference["uid"])] = reference
        else:
            owners.append(reference)
        return objects.with_metadata(current, ownerReferences=owners)

    rewrite(store, obj, adopted, store.update)


def _release(parent: JsonObject, obj: JsonObject, store: Store) -> None:
    """Make a child nobody's."""
    uid = objects.uid_of(parent)

    def released(current: JsonObject) -> JsonObject:
        owners = current["metadata"].get("ownerReferences") or ()
        others = [owner for owner in owners if owner["uid"] != uid]
        return objects.with_metadata(current, ownerReferences=others or None)

    rewrite(store, obj, released, store.update)


def placed_children(
    parent: JsonObject, answer: Iterable[JsonObject]
) -> Iterator[tuple[Ref, JsonObject]]:
    """Return the children of an answer as a user would apply them: with their namespace."""
    namespace = parent["metadata"].get("namespace")
    for child in answer:
        placed = objects.with_metadata(
            child, namespace=child["metadata"].get("namespace") or namespace
        )
        yield objects.ref_of(placed), placed


def desired_children(
    controller: Controller, parent: JsonObject, answer: Iterable[JsonObject]
) -> ObjectsByKind:
    """
    Return the wanted children by kind and key, with what Metacontroller adds to each.

    A child without a namespace gets the parent's, whatever its scope. A composite's child gets the
    label by which it is found again, a decorator's the annotation.

    Raises:
        HookError: A child has another value in the label by which children are found.

    """
    uid = objects.uid_of(parent)
    result: ObjectsByKind = {}
    for ref, child in placed_children(parent, answer):
        placed = child
        if controller.style is Style.DECORATOR:
            annotations = placed["metadata"].get("annotations") or {}
            marked = {**annotations, DECORATOR: controller.name}
            placed = objects.with_metadata(placed, annotations=marked)
        else:
            labels = {CONTROLLER_UID: uid, **objects.labels_of(placed)}
            if labels[CONTROLLER_UID] != uid:
                raise HookError(f"labels of {ref} don't match the parent's selector", 200)
            placed = objects.with_metadata(placed, labels=labels)
        result.setdefault(ref.kind, {})[ref.key] = placed
    return result


def manage(
    controller: Controller,
    parent: JsonObject,
    observed: ObjectsByKind,
    desired: ObjectsByKind,
    store: Store,
    applier: Applier,
) -> list[SyncError]:
    """
    Delete, create and update until observed is desired; return what went wrong, go on regardless.

    All deletions come first, then the kinds in the order of group, version and kind. A child that
    is going away is left alone, and its name is not free before it is gone.
    """
    failures: list[SyncError] = []
    for kind in controller.child_kinds:
        for key, child in observed[kind].items():
            if key in desired.get(kind, {}) or objects.is_terminating(child):
                continue
            try:
                store.delete(objects.ref_of(child), objects.uid_of(child))
                applier.forget(child)
            except NotFoundError:
                continue
            except SyncError as failure:
                failures.append(failure)
    for kind in sorted(desired, key=_kind_order):
        for key, child in sorted(desired[kind].items()):
            try:
                applier.apply(controller, parent, observed.get(kind, {}).get(key), child)
            except SyncError as failure:
                failures.append(failure)
    return failures


def _kind_order(kind: str) -> tuple[str, str, str]:
    name, _, version = kind.partition(".")
    return objects.Kind(version, name, "").sort_key
