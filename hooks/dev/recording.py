"""Every question to a hook and its answer, in files."""

import json
import re
from itertools import count
from pathlib import Path

from composite.models import JsonObject


class Recording:
    """
    Writes exchanges to a directory, one file each, in the order in which they ended.

    Args:
        directory: Where; it is made.

    Raises:
        OSError: It cannot be.

    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        known = (re.match(r"\d+", path.name) for path in directory.glob("*.json"))
        last = max((int(number[0]) for number in known if number), default=0)
        self._directory = directory
        self._numbers = count(last + 1)

    def write(
        self, path: str, request: JsonObject, response: JsonObject | None, error: str | None
    ) -> None:
        """Write one exchange; an answer that failed has an error instead of a response."""
        outcome = {"response": response} if error is None else {"error": error}
        name = re.sub(r"\W+", "-", "/".join(path.rsplit("/", 2)[-2:])).strip("-")
        file = self._directory / f"{next(self._numbers):05d}-{name}.json"
        # In one line: indenting takes ten times as long, and a namespace can be a megabyte.
        text = json.dumps({"path": path, "request": request, **outcome}, ensure_ascii=False)
        file.write_text(f"{text}\n", encoding="utf-8")
