"""
What may be secret in Kubernetes objects, replaced before anything is written or shown.

That is each value of ``env`` (its name and a ``valueFrom`` stay, and so does a variable of ours),
all that ConfigMaps and Secrets hold, the same within annotations that hold an object as JSON, what
a command, its arguments or a header say under a name such as ``token``, what stands for a password
in a URL, and wherever a message repeats one of these.

Equal values become equal words, so that what was equal still is; the words are numbered as the
values are met, and say nothing else of them.
"""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from pydantic_core import from_json, to_json

from composite import names
from composite.confidential import (
    is_our_variable,
    is_secret_name,
    without_logins,
    without_secret_arguments,
)
from composite.models import JsonObject
from composite.workspace.revisions import data_hash

WORD = "redacted"
_NUMBERED = re.compile(rf"{WORD}-[1-9]\d*")

ENV = "env of containers"
URLS = "logins and queries of URLs"
ARGUMENTS = "secrets in commands"
HEADERS = "secrets in headers"
# What people see of what is hidden.
HIDDEN = "(hidden)"
# What objects of these kinds hold, in whichever of the fields.
HOLDERS = ("ConfigMap", "Secret")
HELD = frozenset({"data", "binaryData", "stringData"})
COMMANDS = frozenset({"command", "args"})
# The whole object as it was applied, as JSON.
APPLIED = "last-applied-configuration"
# What was accepted of a Workspace, as it was then.
REVISION = "ControllerRevision"
# Text of people and programs, which may quote anything.
MESSAGES = frozenset({"message", "note"})
# What is wrong with a training configuration is told with the values in it.
QUOTING = "tuning.config"
# A shorter value is too common a word to be looked for in messages.
SHORTEST = 6

Json = Any


class Redactor:
    """
    Hides what may be secret in one request, and in the answer to it.

    ``hidden`` counts what was hidden in the request, by what it is.
    """

    def __init__(self) -> None:
        self.hidden: Counter[str] = Counter()
        self._words: dict[str, str] = {}
        self._quoted: dict[str, set[tuple[str, str]]] = {}
        self._revisions: set[str] = set()
        self._answering = False

    def request(self, sent: Json) -> Json:
        """Return a request, or any objects, without what may be secret."""
        return self._without_quotes(self._clean(sent, ""))

    def answer(self, made: Json) -> Json:
        """
        Return an answer, with the same word for all that is hidden in it.

        So an answer to what was asked can be held against one to what is left of that: a variable
        that the hooks set has its value in both, and a number in at most one.
        """
        self._answering = True
        return self._without_quotes(self._clean(made, ""))

    def _clean(self, value: Json, holder: str, *, nested: bool = False) -> Json:
        """
        Return a value without what is known by its place.

        Args:
            value: Any JSON.
            holder: ConfigMap or Secret, where what is around the value says that it is one.
            nested: Whether it comes out of an annotation.

        """
        if isinstance(value, dict):
            own = holder_of(value.get("kind")) or holder
            clean = {key: self._field(key, item, own, nested=nested) for key, item in value.items()}
            return self._revision(value, clean) if value.get("kind") == REVISION else clean
        if isinstance(value, list):
            return [self._clean(item, holder, nested=nested) for item in value]
        return self._text(value) if isinstance(value, str) else value

    def _revision(self, revision: JsonObject, clean: JsonObject) -> JsonObject:
        """
        Return a ControllerRevision with the hash of what is left in it.

        By its hash the hooks know again what they accepted; and values could be guessed by it. The
        name of one that an answer adds ends in the first digits of its hash.
        """
        hashed, name = noted_hash(revision), str((clean.get("metadata") or {}).get("name"))
        if not self._answering:
            self._revisions.add(name)
        if clean.get("data") == revision.get("data") or hashed is None:
            return clean
        if hash_of(revision) != hashed:
            return clean
        metadata = clean["metadata"]
        word = WORD if self._answering else hash_of(clean)
        annotations = {**metadata["annotations"], names.ANNOTATION_HASH: word}
        if self._answering and name not in self._revisions:
            first, _, digits = name.rpartition("-")
            name = f"{first}-{WORD}" if hashed.startswith(digits) else name
        return {**clean, "metadata": {**metadata, "name": name, "annotations": annotations}}

    def _field(self, key: str, item: Json, holder: str, *, nested: bool) -> Json:
        """Return one field of an object."""
        if holder and key in HELD:
            return self._all(item, f"data of {holder}s")
        if key == "env" and isinstance(item, list | dict):
            return self._env(item, nested=nested)
        if key in COMMANDS and isinstance(item, list):
            item = without_secret_arguments(item, lambda value: self._word(value, ARGUMENTS))
        if key == "httpHeaders" and isinstance(item, list):
            item = [self._header(each) for each in item]
        if key == "annotations" and isinstance(item, dict):
            return {
                name: self._annotation(name, text, nested=nested) for name, text in item.items()
            }
        within = holder_of(key)
        if within and isinstance(item, dict):  # objects by their names, as in a request
            return {name: self._clean(each, within, nested=nested) for name, each in item.items()}
        inherited = within or holder if isinstance(item, list) else ""
        return self._clean(item, inherited, nested=nested)

    def _env(self, items: Json, *, nested: bool) -> Json:
        """Return variables without their values."""
        if not isinstance(items, list):
            return self._all(items, ENV)
        return [
            {
                key: self._clean(item, "", nested=nested)
                if key == "name"
                or (key == "valueFrom" and isinstance(item, dict))
                or (key == "value" and is_our_variable(each.get("name")))
                else self._all(item, ENV)
                for key, item in each.items()
            }
            if isinstance(each, dict)
            else self._all(each, ENV)
            for each in items
        ]

    def _header(self, header: Json) -> Json:
        """Return what a probe says to a server, without its value if that is how it logs in."""
        if not isinstance(header, dict) or not is_secret_name(str(header.get("name"))):
            return header
        return {k: v if k == "name" else self._all(v, HEADERS) for k, v in header.items()}

    def _annotation(self, name: str, text: Json, *, nested: bool) -> Json:
        """Return an annotation; if it holds JSON, what may be secret there is hidden."""
        is_json = isinstance(text, str) and text.lstrip()[:1] in ("{", "[") and not nested
        inside = read(text) if is_json else None
        if inside is not None:
            clean = self._clean(inside, "", nested=True)
            return text if clean == inside else to_json(clean).decode()
        if name.endswith(APPLIED):
            return self._all(text, "annotations")
        return self._clean(text, "", nested=nested)

    def _all(self, value: Json, what: str) -> Json:
        """Return a value of which nothing is left but its shape."""
        if isinstance(value, dict):
            return {key: self._all(item, what) for key, item in value.items()}
        if isinstance(value, list):
            return [self._all(item, what) for item in value]
        return value if value is None or value == "" else self._word(value, what)

    def _word(self, value: Json, what: str) -> str:
        """Return the word that stands for a value."""
        if not self._answering:
            self.hidden[what] += 1
        key = value if isinstance(value, str) else f"\0{value!r}"
        word = self._words.get(key)
        if word is None:
            word = WORD if self._answering else f"{WORD}-{len(self._words) + 1}"
            self._words[key] = word
            if isinstance(value, str):
                self._remember(value, word)
        return WORD if self._answering else word

    def _remember(self, value: str, word: str) -> None:
        """Look for a value, and for each of its lines, in messages."""
        for text in {value, *(line.strip() for line in value.splitlines())}:
            if len(text) >= SHORTEST:
                self._quoted.setdefault(text[:SHORTEST], set()).add((text, word))

    def _text(self, text: str) -> str:
        """Return a text with the URLs in it, but without who asks there and what is asked."""
        if self._answering and WORD in text:
            text = _NUMBERED.sub(WORD, text)
        return without_logins(text, lambda value: self._word(value, URLS))

    def _without_quotes(self, value: Json) -> Json:
        """Return a value whose messages repeat nothing that was hidden."""
        if isinstance(value, dict):
            return {
                key: self._quoting(key, item)
                if isinstance(item, str)
                else self._without_quotes(item)
                for key, item in value.items()
            }
        if isinstance(value, list):
            return [self._without_quotes(item) for item in value]
        return value

    def _quoting(self, key: str, text: str) -> str:
        """Return one field, if it is a message or may hold some."""
        if key in MESSAGES:
            return self._message(text)
        may_hold = text[:1] == "{" and any(f'"{each}"' in text for each in MESSAGES)
        inside = read(text) if may_hold else None
        clean = self._without_quotes(inside)
        return text if clean == inside else to_json(clean).decode()

    def _message(self, text: str) -> str:
        """Return a message without what it repeats."""
        if QUOTING in text:
            return f"{QUOTING}: {WORD}"
        return "".join(self._parts(text)) if self._quoted else text

    def _parts(self, text: str) -> Iterator[str]:
        """Yield a text piece by piece, in the place of each hidden value its word."""
        start = 0
        while start < len(text):
            found = [
                (known, word)
                for known, word in self._quoted.get(text[start : start + SHORTEST], ())
                if text.startswith(known, start)
            ]
            known, word = max(found, key=lambda each: len(each[0]), default=(text[start], ""))
            yield known if not word else WORD if self._answering else word
            start += len(known)


def holder_of(kind: Json) -> str:
    """Return ConfigMap or Secret for ``Secret``, ``Secret.v1`` and ``SecretList``, else nothing."""
    name = kind.partition(".")[0].removesuffix("List") if isinstance(kind, str) else ""
    return name if name in HOLDERS else ""


def hash_of(revision: JsonObject) -> str | None:
    """Return the hash that the hooks give to what a ControllerRevision holds, if they can."""
    try:
        return data_hash(revision["data"])
    except (AttributeError, LookupError, TypeError, ValueError):
        return None


def noted_hash(revision: JsonObject) -> str | None:
    """Return the hash that a ControllerRevision carries."""
    try:
        found: Json = revision["metadata"]["annotations"][names.ANNOTATION_HASH]
    except (LookupError, TypeError):
        return None
    return found if isinstance(found, str) else None


def read(text: str) -> JsonObject | list[Json] | None:
    """Return the JSON object or list in a text, or None if it is no such thing."""
    try:
        found = from_json(text)
    except ValueError:
        return None
    return found if isinstance(found, dict | list) else None


def shown_to_people(value: Json) -> Json:
    """Return what is left of something redacted, with one word for all that is hidden in it."""
    if isinstance(value, dict):
        return {key: shown_to_people(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shown_to_people(item) for item in value]
    return _NUMBERED.sub(HIDDEN, value) if isinstance(value, str) else value
