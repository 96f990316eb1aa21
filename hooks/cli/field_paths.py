"""Which fields a path of the user's means."""

import re

from composite.models import JsonObject

ITEM = re.compile(r"\[\d+\]")


class Wanted:
    """
    A path such as ``spec.replicas`` or ``Deployment.spec.template.spec.containers[0].image``.

    Without a number it means every item of a list, as ``kubectl explain`` has it.
    """

    def __init__(self, path: str) -> None:
        self._path = path.strip().removeprefix(".").replace("[*]", "").removesuffix(".")

    def has(self, content: JsonObject, path: str) -> bool:
        """Whether the field of an object is one that is meant, or inside of it."""
        kind, _, rest = self._path.partition(".")
        wanted = rest if kind.lower() == str(content["kind"]).lower() else self._path
        if not wanted:
            return True
        asked = path if ITEM.search(wanted) else ITEM.sub("", path)
        return asked == wanted or (asked.startswith(wanted) and asked[len(wanted)] in ".[")
