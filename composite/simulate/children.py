"""
Which children are a parent's, and how they become what the hook wants.

Sources: pkg/third_party/kubernetes/controller_ref_manager.go and
pkg/controller/common/manage_children.go of Metacontroller v4.17.2.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress

from composite.models import JsonObject
from composite.simulate import apply, objects
from composite.simulate.controllers import GROUP, Controller, Style
from composite.simulate.errors import (
    AlreadyExistsError,
    ConflictError,
    HookError,
    NotFoundError,
    SyncError,
)
from composite.simulate.objects import Ref
from composite.simulate.store import Store

# The generated selector of a composite, and the mark of a decorator.
CONTROLLER_UID = "controller-uid"
DECORATOR = f"{GROUP}/decorator-controller"

ObjectsByKind = dict[str, dict[str, JsonObject]]


def observed_children(controller: Controller, parent: JsonObject, store: Store) -> ObjectsByKind:
    """
    Return the parent's children by kind and key; every declared kind is there, even if empty.

    A namespaced parent finds children in its own namespace only, so never a cluster-scoped one.
    """
    namespace = parent["metadata"].get("namespace", "")
    result: ObjectsByKind = {}
    for kind in controller.child_kinds:
        candidates = store.list_of(kind, namespace)
        if namespace:
            candidates = [obj for obj in candidates if obj["metadata"].get("namespace")]
        mine = (
            [obj for obj in candidates if _is_attachment(controller, parent, obj)]
            if controller.style is Style.DECORATOR
            else [found for obj in candidates if (found := _claimed(parent, obj, store))]
        )
        result[kind] = {objects.ref_of(obj).key: obj for obj in mine}
    return result


def _is_attachment(controller: Controller, parent: JsonObject, obj: JsonObject) -> bool:
    """Tell whether a decorator made this; it never adopts and never releases."""
    owner = objects.controller_of(obj)
    annotations = obj["metadata"].get("annotations") or {}
    return (
        owner is not None
        and owner["uid"] == objects.uid_of(parent)
        and annotations.get(DECORATOR) == controller.name
    )


def _claimed(parent: JsonObject, obj: JsonObject, store: Store) -> JsonObject | None:
    """
    Return the object if it is a composite's child: owned and labelled, or adopted just now.

    One that is owned and has lost the label is released: it stays, and is nobody's. A parent that
    is going away neither adopts nor releases.
    """
    uid = objects.uid_of(parent)
    owner = objects.controller_of(obj)
    labelled = objects.labels_of(obj).get(CONTROLLER_UID) == uid
    references = list(obj["metadata"].get("ownerReferences") or ())
    if owner is None:
        if not labelled or objects.is_terminating(parent) or objects.is_terminating(obj):
            return None
        references.append(objects.owner_reference(parent))
        return _survive(store, objects.with_metadata(obj, ownerReferences=references))
    if owner["uid"] != uid:
        return None
    if not labelled and not objects.is_terminating(parent):
        others = [item for item in references if item["uid"] != uid]
        _survive(store, objects.with_metadata(obj, ownerReferences=others or None))
    return obj if labelled else None


def _survive(store: Store, obj: JsonObject) -> JsonObject | None:
    """Update an object that may be gone or different by now: the next event tells."""
    try:
        return store.update(obj)
    except (ConflictError, NotFoundError):
        return None


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
            except NotFoundError:
                continue
            except SyncError as failure:
                failures.append(failure)
    for kind in sorted(desired, key=_kind_order):
        for key, child in sorted(desired[kind].items()):
            try:
                _apply_child(controller, parent, observed.get(kind, {}).get(key), child, store)
            except SyncError as failure:
                failures.append(failure)
    return failures


def _kind_order(kind: str) -> tuple[str, str, str]:
    name, _, version = kind.partition(".")
    return objects.Kind(version, name, "").sort_key


def _apply_child(
    controller: Controller,
    parent: JsonObject,
    observed: JsonObject | None,
    desired: JsonObject,
    store: Store,
) -> None:
    """Make one child what is wanted."""
    if observed is None:
        _create_child(parent, desired, store)
        return
    method = controller.method(objects.kind_key(observed))
    if objects.is_terminating(observed) or method == "OnDelete":
        return
    wanted = apply.applied(observed, desired)
    if wanted == observed:
        return
    if method == "Recreate":
        store.delete(objects.ref_of(observed), objects.uid_of(observed))
    else:
        _survive(store, wanted)


def _create_child(parent: JsonObject, desired: JsonObject, store: Store) -> None:
    """Create one child as the parent's; somebody else's object of that name stays as it is."""
    owners = list(desired["metadata"].get("ownerReferences") or ())
    if not any(owner["uid"] == objects.uid_of(parent) for owner in owners):
        owners.append(objects.owner_reference(parent))
    noted = apply.with_last_applied(desired, desired)
    with suppress(AlreadyExistsError):
        store.create(objects.with_metadata(noted, ownerReferences=owners))
