"""Patches that make one object of another, as kustomize applies them."""

from collections.abc import Iterator

from composite.models import JsonObject


def target(document: JsonObject) -> JsonObject:
    """Return what a patch is for."""
    return {"kind": document["kind"], "name": document["metadata"]["name"]}


def deletion(document: JsonObject) -> JsonObject:
    """Return the patch that leaves an object out."""
    return {
        "apiVersion": document["apiVersion"],
        "kind": document["kind"],
        "metadata": {
            key: document["metadata"][key]
            for key in ("name", "namespace")
            if key in document["metadata"]
        },
        "$patch": "delete",
    }


def differences(old: object, new: object, path: str) -> Iterator[JsonObject]:
    """Yield the operations of a JSON patch that make one value of another."""
    match old, new:
        case dict(), dict():
            for key in sorted(old.keys() - new.keys()):
                yield {"op": "remove", "path": f"{path}/{escaped(key)}"}
            for key, value in new.items():
                if key in old:
                    yield from differences(old[key], value, f"{path}/{escaped(key)}")
                else:
                    yield {"op": "add", "path": f"{path}/{escaped(key)}", "value": value}
        case list(), list() if len(old) == len(new):
            for index, (before, after) in enumerate(zip(old, new, strict=True)):
                yield from differences(before, after, f"{path}/{index}")
        case _ if old != new:
            yield {"op": "replace", "path": path, "value": new}


def escaped(key: str) -> str:
    """Return a key as a JSON pointer writes it."""
    return key.replace("~", "~0").replace("/", "~1")
