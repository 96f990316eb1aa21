"""The pure functions: microseconds for each question, and for each step of one."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from pydantic_core import from_json

from composite import machines, workspace
from composite.workspace.children import build_children
from composite.workspace.observe import observe
from composite.workspace.plan import plan_newest
from composite.workspace.status import report
from tests.bench import questions
from tests.bench.figures import Figure, Goal, Part, Picture, Row, Series, Table
from tests.bench.measuring import as_served, figure, line, ratios, seconds_each
from tests.bench.questions import WORKSPACES, Question

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
NODES = (1, 8, 64)
WORKSPACES_OF_A_NAMESPACE = (1, 10, 100, 1000)
MICRO = 1e6

Seconds = Mapping[str, list[float]]


class Size(NamedTuple):
    """How much a set of questions is measured."""

    runs: int
    budget: float
    workspaces: tuple[int, ...]


FULL = Size(5, 0.1, WORKSPACES_OF_A_NAMESPACE)
QUICK = Size(5, 0.02, (1, 10, 50))


def measured(tell: Callable[[str], None], *, quick: bool) -> Part:
    """Measure every question, and the steps of the most common one."""
    size = QUICK if quick else FULL
    tell("making the questions")
    with as_served():
        asked = workspace_questions()
        spaces = {count: questions.namespace_of(count, bare=True) for count in size.workspaces}
    tell("asking about Workspaces")
    times = seconds_each(
        {**calls(asked), "json": twice_through_json(asked[ONE])},
        runs=size.runs,
        budget=size.budget,
    )
    tell("taking one question to pieces")
    pieces = seconds_each(steps(asked[ONE]), runs=size.runs, budget=size.budget)
    tell("asking about Namespaces")
    wide = seconds_each(
        {
            name: asked
            for count, question in spaces.items()
            for name, asked in {str(count): sync_of(question), whole(count): call(question)}.items()
        },
        runs=size.runs,
        budget=size.budget,
    )
    return Part(
        name="core",
        title="The pure functions",
        goals=(*workspace_goals(times), *namespace_goals(wide)),
        tables=(
            questions_table(asked, times),
            steps_table(pieces),
            namespaces_table(spaces, wide),
        ),
        pictures=(picture(times, wide),),
    )


ONE = "converged, 1 node"
MANAGED = "converged, 1 node, with managedFields"


def whole(count: int) -> str:
    """Return what the whole answer for so many Workspaces is called, with reading and writing."""
    return f"{count}, from bytes to bytes"


def workspace_questions() -> dict[str, Question]:
    """Return a question of every kind about a Workspace."""
    serving = {n: questions.settled(questions.a_workspace("bench", count=n)) for n in NODES}
    refused = questions.a_workspace("bench", inference={"preset": {"name": "no-such"}})
    template = questions.settled(questions.a_template("bench"))
    tuning = questions.settled(questions.a_tuning("bench"))
    return {
        "fresh": questions.first_question(serving[1], WORKSPACES, bare=True),
        **{
            name_of(nodes): questions.last_question(cluster, WORKSPACES, bare=True)
            for nodes, cluster in serving.items()
        },
        MANAGED: questions.last_question(serving[1], WORKSPACES),
        "refused": questions.last_question(questions.settled(refused), WORKSPACES, bare=True),
        "template": questions.last_question(template, WORKSPACES, bare=True),
        "tuning": questions.last_question(tuning, WORKSPACES, bare=True),
    }


def call(question: Question) -> Callable[[], object]:
    """Return what answers a question: from the bytes of the one to the bytes of the other."""
    hook = answer_workspace if question.path == WORKSPACES else answer_namespace
    return lambda: hook(question.body)


def calls(asked: Mapping[str, Question]) -> dict[str, Callable[[], object]]:
    """Return what answers each of several questions."""
    return {name: call(question) for name, question in asked.items()}


def answer_workspace(body: bytes) -> str:
    """Answer as the server does, without HTTP around it."""
    request = workspace.Request.model_validate(from_json(body))
    answer = workspace.sync(request, questions.catalog(), NOON)
    return answer.model_dump_json(exclude_none=True)


def answer_namespace(body: bytes) -> str:
    """Answer as the server does, without HTTP around it."""
    request = machines.Request.model_validate(from_json(body))
    answer = machines.sync(request, questions.catalog(), NOON)
    return answer.model_dump_json(exclude_none=True)


def sync_of(question: Question) -> Callable[[], object]:
    """Return what only decides about a Namespace: the question is read, the answer not written."""
    request = machines.Request.model_validate(from_json(question.body))
    return lambda: machines.sync(request, questions.catalog(), NOON)


def twice_through_json(question: Question) -> Callable[[], object]:
    """Return what only reads and writes a body with Python's json: the yardstick."""
    return lambda: json.dumps(json.loads(question.body))


def steps(question: Question) -> dict[str, Callable[[], object]]:
    """Return each step of an answer by itself, on what the one before has returned."""
    catalog = questions.catalog()
    provisioner = catalog.provisioning.provisioner
    request = workspace.Request.model_validate(from_json(question.body))
    seen = observe(request, provisioner)
    plan = plan_newest(request.parent, seen, catalog, NOON)
    answer = workspace.sync(request, catalog, NOON)
    return {
        "parse": lambda: workspace.Request.model_validate(from_json(question.body)),
        "observe": lambda: observe(request, provisioner),
        "plan": lambda: plan_newest(request.parent, seen, catalog, NOON),
        "children": lambda: build_children(plan),
        "status": lambda: report(request.parent, seen, plan, None, provisioner, NOON),
        "serialise": lambda: answer.model_dump_json(exclude_none=True),
    }


def workspace_goals(times: Seconds) -> tuple[Goal, ...]:
    """Return the goals for one question."""
    points = [(float(n), median(times[name_of(n)])) for n in NODES]
    return (
        Goal(
            name="core: converged, one node",
            figure=median(times[ONE]),
            limit=150,
            unit="µs",
        ),
        Goal(
            name="core: converged, one node, against json",
            figure=ratios(times[ONE], times["json"]).median,
            limit=4,
            unit="times json.loads and json.dumps of the body",
        ),
        Goal(
            name="core: a straight line through 1, 8 and 64 nodes",
            figure=1 - line(points)[2],
            limit=0.02,
            unit="of the variance not explained by it",
        ),
    )


def namespace_goals(wide: Seconds) -> tuple[Goal, ...]:
    """Return the goals for a Namespace."""
    points = [(float(name), median(times)) for name, times in wide.items() if name.isdigit()]
    most = max(points)
    return (
        Goal(
            name="core: machines.sync, for each Workspace",
            figure=most[1] / most[0],
            limit=25,
            unit=f"µs, at {most[0]:.0f} Workspaces",
        ),
        Goal(
            name="core: a straight line through all sizes of a Namespace",
            figure=1 - line(points)[2],
            limit=0.02,
            unit="of the variance not explained by it",
        ),
    )


def name_of(nodes: int) -> str:
    """Return what the question about so many nodes is called."""
    return f"converged, {nodes} node{'s' * (nodes > 1)}"


def median(times: list[float]) -> float:
    """Return how long something took, in microseconds."""
    return figure(times).median * MICRO


def micro(times: list[float]) -> Figure:
    """Return how long something took, in microseconds."""
    return figure(seconds * MICRO for seconds in times)


def questions_table(asked: Mapping[str, Question], times: Seconds) -> Table:
    """Return what each kind of question takes."""
    return Table(
        title="One question about a Workspace",
        about="From the bytes of the question to the bytes of the answer, in one process without "
        f"HTTP; processor time. Last, what json.loads and json.dumps of the body of “{ONE}” take. "
        "Metacontroller sends managedFields, which nobody reads but the parser.",
        columns=("bytes", "µs"),
        rows=(
            *(
                Row(name=name, cells=(float(len(question.body)), micro(times[name])))
                for name, question in asked.items()
            ),
            Row(name="json", cells=(float(len(asked[ONE].body)), micro(times["json"]))),
        ),
    )


def steps_table(pieces: Seconds) -> Table:
    """Return what each step of an answer takes."""
    return Table(
        title="The steps of an answer",
        about=f"“{ONE}”, each step by itself on what the one before has returned.",
        columns=("µs",),
        rows=tuple(Row(name=name, cells=(micro(found),)) for name, found in pieces.items()),
    )


def namespaces_table(spaces: Mapping[int, Question], wide: Seconds) -> Table:
    """Return what a Namespace takes, by its Workspaces."""
    return Table(
        title="One question about a Namespace",
        about="Each of its Workspaces serves, on one node. machines.sync alone, and with reading "
        "and writing JSON around it.",
        columns=("bytes", "µs", "µs for each Workspace", "µs from bytes to bytes"),
        rows=tuple(
            Row(
                name=f"{count:,} Workspaces",
                cells=(
                    float(len(question.body)),
                    micro(wide[str(count)]),
                    figure(seconds * MICRO / count for seconds in wide[str(count)]),
                    micro(wide[whole(count)]),
                ),
            )
            for count, question in spaces.items()
        ),
    )


def picture(times: Seconds, wide: Seconds) -> Picture:
    """Return how both grow."""
    return Picture(
        name="core",
        title="Time of an answer",
        x="nodes of a Workspace, or Workspaces of a Namespace",
        y="µs",
        series=(
            Series(
                name="Workspace",
                points=tuple((float(n), median(times[name_of(n)])) for n in NODES),
            ),
            Series(
                name="Namespace",
                points=tuple(
                    (float(name), median(found)) for name, found in wide.items() if name.isdigit()
                ),
            ),
        ),
    )
