"""
Where a secret may be, by a name or by its place in a text: one rule for plans and recordings.

Nothing here knows what becomes of a secret: each function is told what to write in its place.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

Json = Any
Instead = Callable[[str], str]

# How our own variables are called; none of them holds a secret.
OURS = "METAKAITO_"

# What a name says, as one word of it or as the end of one.
SECRET = frozenset(
    {
        *("apikey", "authorization", "bearer", "cookie", "cred", "credential"),
        *("passcode", "passphrase", "passwd", "password", "pwd", "secret", "token"),
    }
)
ENDINGS = (
    "accesskey",
    "apikey",
    "passphrase",
    "passwd",
    "password",
    "secret",
    "secretkey",
    "token",
)
# The same as its last word; before others they mean a switch, or a place in a table.
SECRET_AT_THE_END = frozenset({"auth", "key", "pass", "sig", "signature"})
# The last word of a name that says where a secret is, or how it is made, and not what it is.
ABOUT = frozenset(
    {
        *("algorithm", "budget", "count", "dir", "directory", "env", "file", "format", "header"),
        *("id", "ids", "length", "limit", "loss", "mode", "name", "path", "rate", "ref", "size"),
        *("ttl", "type", "url"),
    }
)
# What makes of a token or a key one of a text, a table or a sort.
HARMLESS_BEFORE = {
    "token": frozenset(
        {*("bos", "cls", "eos", "mask", "new", "pad", "sep", "special", "speculative", "unk")}
    ),
    "key": frozenset({"foreign", "partition", "primary", "public", "sort"}),
}
# A number of tokens, and no list of them.
NUMBERED = "tokens"
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")

# A value in a query that is no longer than "false" is no secret, if its name is none.
SHORTEST_IN_QUERY = 6
# Up to the last @ before the path. A password may hold a slash, but is no number then: a port is;
# and it is not endless, nor is the time to look for it.
_LOGIN = re.compile(r"(?<=://)(?:[^/\s?#]+|[^/\s@?#:]*:(?![0-9]+[/?#])[^\s@]{0,256})(?=@)")
_QUERY = re.compile(r"(?<=[?#])[^\s?#]+")
_SAID = re.compile(r"(?P<before>(?:^|[&;])(?>(?P<name>[^&;=]*=)?))(?P<value>[^&;]+)")

_FLAG = re.compile(r"--?(?P<name>[A-Za-z][\w.-]*)")
_ANOTHER_FLAG = re.compile(r"--[A-Za-z]|-[A-Za-z]$")
_ASSIGNED = re.compile(r"(?P<before>-{0,2}(?P<name>[A-Za-z_][\w.-]*)=)(?P<value>.+)", re.DOTALL)
# What a shell is told with; what follows is a script.
_SCRIPT_FLAG = re.compile(r"-[a-z]*c")
# What stands for a value, to Kubernetes and in a script: a name or a file, and no value beside it.
_EXPANDED = re.compile(r"\$\([\w.-]+\)")
_REFERENCE = re.compile(r"(?P<quote>\"?)\$(?:\w+|\{\w+\}|\((?:cat |<)? *[\w./-]+\))(?P=quote)")
_NAMED = re.compile(
    r"(?<![\w.$/-])(?P<dashes>-{0,2})(?P<name>[A-Za-z_][\w.-]*?)[\"']?"
    r"(?P<between>=|[ \t]*=[ \t]*(?=[\"'])|[ \t]*:[ \t]*(?!//)|[ \t]+)"
)
_WORD_OF_SHELL = re.compile(
    r"(?:\"(?:\\.|[^\"\\])*\"|'[^']*'|\\.|\$\([^()]*\)|[^\s\"'\\;&|<>()])+", re.DOTALL
)
_AFTER_COLON = re.compile(r"\"(?:\\.|[^\"\\])*\"|'[^']*'|[^\s\"',}][^\"'\n,}]*", re.DOTALL)


def is_secret_name(name: str) -> bool:
    """Whether a variable, flag, header or parameter of this name may hold a secret."""
    words = [singular(word.lower()) for word in _WORDS.findall(name)]
    if words[-2:] == ["secret", "id"]:  # of an AppRole
        return True
    if not words or words[-1] in ABOUT:
        return False
    if len(words) > 1 and words[-2] in HARMLESS_BEFORE.get(words[-1], ()):
        return False
    strong = any(word in SECRET or word.endswith(ENDINGS) for word in words)
    return strong or words[-1] in SECRET_AT_THE_END


def singular(word: str) -> str:
    """Return one of many: several secrets are as secret as one."""
    one = word.removesuffix("s")
    known = one in SECRET or one in SECRET_AT_THE_END or one.endswith(ENDINGS)
    return one if known and word != NUMBERED else word


def is_our_variable(name: object) -> bool:
    """Whether a variable of the environment is one of ours, which everybody may read."""
    return isinstance(name, str) and name.startswith(OURS) and not is_secret_name(name)


def without_logins(text: str, instead: Instead) -> str:
    """Return a text with the URLs in it, but without who asks there, and what may be a secret."""
    if "://" not in text:
        return text
    text = _LOGIN.sub(lambda found: instead(found[0]), text)

    def said(found: re.Match[str]) -> str:
        name, value = found["name"] or "", found["value"]
        long = len(value) >= SHORTEST_IN_QUERY and text[query.start() - 1] == "?"
        return found["before"] + (instead(value) if long or is_secret_name(name) else value)

    parts, start = [], 0
    for query in _QUERY.finditer(text):
        parts += [text[start : query.start()], _SAID.sub(said, query[0])]
        start = query.end()
    return "".join([*parts, text[start:]])


def without_secret_arguments(items: Sequence[Json], instead: Instead) -> list[Json]:
    """Return a command or its arguments, without the values of what is named like a secret."""
    return [
        argument(before, item, instead) if isinstance(item, str) else item
        for before, item in zip(["", *items], items, strict=False)
    ]


def argument(before: Json, item: str, instead: Instead) -> str:
    """Return one argument; ``before`` is the one before it."""
    before = before if isinstance(before, str) else ""
    flag = _FLAG.fullmatch(before)
    if _EXPANDED.fullmatch(item):
        return item
    if flag and is_secret_name(flag["name"]) and not _ANOTHER_FLAG.match(item):
        return instead(item) if item else item
    whole = _ASSIGNED.fullmatch(item) if not _SCRIPT_FLAG.fullmatch(before) else None
    if whole and is_secret_name(whole["name"]):
        said = whole["value"]
        return whole["before"] + (said if _EXPANDED.fullmatch(said) else instead(said))
    return "".join(parts_of_script(item, instead))


def parts_of_script(text: str, instead: Instead) -> Iterator[str]:
    """Yield a script piece by piece: what is named like a secret in it has no value."""
    start = 0
    for found in _NAMED.finditer(text):
        between = found["between"].strip()
        bearer = found["name"].lower() == "bearer"
        said = between or found["dashes"] or bearer
        if found.start() < start or not said or not is_secret_name(found["name"]):
            continue
        value = (_AFTER_COLON if between == ":" else _WORD_OF_SHELL).match(text, found.end())
        if value is None or _REFERENCE.fullmatch(value[0]):
            continue
        if not between and _ANOTHER_FLAG.match(value[0]):
            continue
        yield text[start : found.end()]
        yield instead(value[0])
        start = value.end()
    yield text[start:]
