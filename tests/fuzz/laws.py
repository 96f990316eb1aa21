"""What holds for the answer to every request, however hostile; each breach is one sentence."""

import json
import re
from collections.abc import Iterator
from typing import Any, NoReturn

from composite.models import JsonObject
from composite.workspace.api import LABEL_KEY_PATTERN, LABEL_VALUE_PATTERN
from tests.fuzz.asking import Answer
from tests.fuzz.deletions import dropped_plans, lost_children, lost_machines
from tests.fuzz.requests import WITH_TOKEN, HostileRequest
from tests.fuzz.seeds import CUSTOMIZE_MACHINES, ENDPOINTS, SYNC_MACHINES, SYNC_WORKSPACE

# By status, what the log may call it. ARCHITECTURE.md, "How it says no", and HTTP's own.
STATED = {
    200: ("accepted", "refused"),
    400: ("malformed",),
    401: ("unauthorized",),
    404: ("malformed",),
    405: ("malformed",),
    413: ("malformed",),
    422: ("malformed",),
    500: ("unplannable",),
}
# The reasons for which nothing can be answered, as the core states them.
UNPLANNABLE = (
    "what was accepted cannot be planned any more: ",
    "the Workspace is refused, and no revision tells what was accepted",
    "the Workspace is refused, and revision ",
    "the request holds no ",
    "this installation makes no nodes: its provisioner is none",
)
MOST_CHARACTERS = 500
# Metacontroller counts nanoseconds in 64 bits: beyond 292 years it would ask again at once, for
# ever. Nothing of ours waits longer than an hour.
LONGEST_WAIT_SECONDS = 3600
MOST_INTEGER = 2**63 - 1
PROBES = ("/healthz", "/readyz", "/metrics")


def breaches(
    request: HostileRequest, answer: Answer, provisioner: str, slow_seconds: float | None
) -> Iterator[str]:
    """Yield every law that an answer breaks."""
    if answer.exception or answer.status not in STATED:
        yield f"status {answer.status}, raised: {answer.exception or answer.body[:200]!r}"
        return
    if slow_seconds is not None:
        allowed = slow_seconds * max(1.0, len(request.body) / 2**20)
        if answer.seconds > allowed:
            yield f"took more than {slow_seconds:g} s for each MiB, or for less than one"
    if request.hook in PROBES or request.method == "HEAD":
        return
    yield from logged(answer)
    if answer.status != 200:
        yield from short_error(answer)
        yield from stated_error(request, answer)
        return
    if request.hook not in ENDPOINTS or request.method.upper() != "POST":
        yield f"{request.method} {request.path[:40]} is answered"
        return
    found = list(json_of(answer))
    if not isinstance(found[0], dict):
        yield str(found[0])
        return
    yield from lawful(request, found[0], provisioner)


def logged(answer: Answer) -> Iterator[str]:
    """One line for each answer, in either format, and it says what the status says."""
    if len(answer.lines) != 2:
        yield f"{len(answer.lines)} lines are logged"
    for line in answer.lines:
        if len(line.splitlines()) != 1 and "\n" in line:
            yield "what is logged has several lines"
        if not line.isprintable() and re.search(r"[\x00-\x1f\x7f-\x9f]", line):
            yield "what is logged holds a control character"
    if answer.outcome not in STATED[answer.status]:
        yield f"status {answer.status} is logged as {answer.outcome!r}"


def short_error(answer: Answer) -> Iterator[str]:
    """An error is one short line of plain text, for it becomes an Event."""
    try:
        text = answer.body.decode()
    except ValueError:
        yield "an error is not UTF-8"
        return
    line = text.removesuffix("\n")
    if not line or len(line.splitlines()) != 1 or len(line) > MOST_CHARACTERS:
        yield f"an error is not one line of 1 to {MOST_CHARACTERS} characters"
    if re.search(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e]", line):
        yield "an error holds a control character"
    if not answer.headers.get("Content-Type", "").startswith("text/plain"):
        yield "an error is not plain text"
    if "Traceback" in text or 'File "' in text:
        yield "an error holds a traceback"


def stated_error(request: HostileRequest, answer: Answer) -> Iterator[str]:
    """Every error has a reason that was stated."""
    text = answer.body.decode(errors="replace")
    if answer.status == 500 and not text.startswith(UNPLANNABLE):
        yield f"500 for a reason that is not stated: {text[:60]!r}"
    if answer.status == 401 and request.app != WITH_TOKEN:
        yield "401 where no token is wanted"
    if request.is_plain and answer.status in (400, 404, 405):
        yield f"{answer.status} for a request that is a POST of its length to a hook"


def json_of(answer: Answer) -> Iterator[JsonObject | str]:
    """Yield the answer, or why it is no JSON that Metacontroller can take."""
    if answer.headers.get("Content-Type") != "application/json":
        yield "an answer is not declared as JSON"
        return
    try:
        found = json.loads(answer.body, parse_constant=refuse)
    except (ValueError, RecursionError):
        yield "an answer is not JSON in UTF-8"
        return
    if b"null" in answer.body and has_null(found):
        yield "an answer holds a null"
    elif b"\\ud" in answer.body and has_lone_surrogate(found):
        yield "an answer holds half of a character"
    elif not isinstance(found, dict):
        yield "an answer is not an object"
    else:
        yield found


def refuse(_: str) -> NoReturn:
    """Read no NaN."""
    raise ValueError("a number that is none")


def has_null(value: Any) -> bool:  # noqa: ANN401  (JSON)
    """Whether there is a null anywhere."""
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return value is None or any(map(has_null, items))


def has_lone_surrogate(value: Any) -> bool:  # noqa: ANN401  (JSON)
    """Whether a text anywhere cannot be written in UTF-8."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def lawful(request: HostileRequest, found: JsonObject, provisioner: str) -> Iterator[str]:
    """Check what an answer says, against the question."""
    question = json.loads(request.body)
    wait = found.get("resyncAfterSeconds", 1)
    if not 0 < wait <= LONGEST_WAIT_SECONDS:
        yield "what shall be waited is nothing, or more than an hour"
    if request.hook == SYNC_WORKSPACE:
        yield from well_formed_children(question, found)
        yield from (f"deletes {lost}" for lost in lost_children(question, found))
        yield from (f"drops {lost}" for lost in dropped_plans(question, found, provisioner))
    elif request.hook == SYNC_MACHINES:
        yield from well_formed_attachments(found)
        yield from (f"deletes {lost}" for lost in lost_machines(question, found, provisioner))
    else:
        yield from well_formed_rules(found, every=request.hook == CUSTOMIZE_MACHINES)


def well_formed_children(question: JsonObject, found: JsonObject) -> Iterator[str]:
    """Children are each there once, in the Workspace's namespace; so are Machines in the plan."""
    meta = question["parent"]["metadata"]
    known = [(each["kind"], each["metadata"]["name"]) for each in found["children"]]
    if len(known) != len(set(known)):
        yield "a child is there twice"
    for child in found["children"]:
        if child["metadata"].get("namespace") != meta["namespace"]:
            yield f"a {child['kind']} in another namespace"
        if child["kind"] == "ControllerRevision" and not 0 <= child["revision"] <= MOST_INTEGER:
            yield "a revision with a number that no API server takes"
    listed = [each["name"] for each in found["status"]["machines"]]
    if len(listed) != len(set(listed)):
        yield "a Machine is planned twice"
    types = [each["type"] for each in found["status"]["conditions"]]
    if len(types) != len(set(types)):
        yield "a condition is there twice"


def well_formed_attachments(found: JsonObject) -> Iterator[str]:
    """Machines are each there once, and have no namespace; the status is left alone."""
    listed = [each["metadata"]["name"] for each in found["attachments"]]
    if len(listed) != len(set(listed)):
        yield "a Machine is there twice"
    if any("namespace" in each["metadata"] for each in found["attachments"]):
        yield "a Machine has a namespace"
    if "status" in found:
        yield "the status of a Namespace is written"


def well_formed_rules(found: JsonObject, *, every: bool) -> Iterator[str]:
    """Metacontroller can select by the rules, and none selects everything that there is."""
    for rule in found["relatedResources"]:
        selector = rule.get("labelSelector") or {}
        labels = selector.get("matchLabels") or {}
        if "names" in rule and selector:
            yield "a rule has both names and labels"
        if not rule.get("names") and not labels and not (every and rule.get("namespace")):
            yield f"a rule asks for all {rule['resource']}"
        if not all(is_label(key, value) for key, value in labels.items()):
            yield "a rule has labels that no object can have"


def is_label(key: str, value: str) -> bool:
    """Whether an API server takes this for a label."""
    return (
        re.fullmatch(LABEL_KEY_PATTERN, key) is not None
        and re.fullmatch(LABEL_VALUE_PATTERN, value) is not None
    )
