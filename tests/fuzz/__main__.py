"""The command: ask, and tell what became of it."""

import json
import os
import sys
import time

import click
from click.core import ParameterSource

from composite.models import JsonObject
from tests.fuzz.asking import in_process
from tests.fuzz.campaign import BLOCK, SETTLING, Campaign, Tally, run
from tests.fuzz.requests import shown
from tests.fuzz.seeds import load_corpus

MIB = 2**20
LINE_EVERY = 20_000  # requests, where progress is no terminal's
SETTLED = SETTLING * BLOCK  # requests of a process
# What is shown of a request or an answer, in characters: some are megabytes.
LONGEST_LINE, MOST = 1_000, 12_000
# Of the options these mean nothing to a request that is asked alone.
OF_MANY = ("requests", "processes", "memory_mib", "output")
MEANINGS = {
    "accepted": "as asked for",
    "refused": "the status says why, and what was accepted before goes on",
    "malformed": "stated: the request is at fault, nothing changes",
    "unauthorized": "stated: asked without the token, nothing changes",
    "unplannable": "stated: nothing can be planned, nothing changes",
}
"""Of what the log calls an answer."""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--requests",
    default=1_000_000,
    show_default=True,
    type=click.IntRange(1),
    help="How many: the numbers from 0 on.",
)
@click.option("--seed", default=1, show_default=True, help="Another seed gives other requests.")
@click.option(
    "--processes",
    default=os.cpu_count() or 1,
    show_default="one for each core",
    type=click.IntRange(1),
    help="How many at a time.",
)
@click.option(
    "--slow-seconds",
    default=2.0,
    show_default=True,
    type=click.FloatRange(0, min_open=True),
    help="Unexpected is an answer that takes more of the processor, for each MiB of its request.",
)
@click.option(
    "--memory-mib",
    default=100,
    show_default=True,
    type=click.IntRange(1),
    help=f"Unexpected is a process that grows by more after its first {SETTLED:,} requests; of "
    "fewer that is not measured.",
)
@click.option(
    "--only",
    type=click.IntRange(0),
    metavar="NUMBER",
    help="Ask this one alone, and show it with its answer.",
)
@click.option(
    "--whole", is_flag=True, help="With --only: show all of it, which may be some megabytes."
)
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="For people, or for programs.",
)
@click.pass_context
def main(  # noqa: PLR0913, PLR0917  (an argument for each option)
    context: click.Context,
    requests: int,
    seed: int,
    processes: int,
    slow_seconds: float,
    memory_mib: int,
    only: int | None,
    whole: bool,  # noqa: FBT001  (click passes it by name)
    output: str,
) -> None:
    """
    Ask the hooks hostile requests, and hold every answer against the laws of this product.

    The requests are the golden cases with a few things wrong: values of other types, in other
    places, absurd, missing or many; and bytes that are no JSON, or HTTP that is none. They depend
    on the seed alone. The laws: a stated status, no traceback, nothing deleted without a reason,
    JSON without null, errors of one short line, the same bytes for the same question, bounded time
    and memory. Progress goes to standard error.

    \b
    Examples:
      make fuzz                                         a million, 12 minutes on two cores
      make fuzz ARGS="--seed 7 --requests 20000"        others, and fewer
      make fuzz ARGS="--seed 7 --only 4711"             one of them, with its answer

    Exit status: 0 nothing was unexpected, 1 something was, 2 wrong usage; of the last two make
    makes 2.
    """
    require_sense(context, alone=only is not None)
    if only is not None:
        sys.exit(replay(only, seed, slow_seconds, whole=whole))
    started = time.monotonic()
    told: set[str] = set()

    def progress(tally: Tally) -> None:
        seconds, done = time.monotonic() - started, tally.requests
        left = seconds / done * (requests - done)
        line = (
            f"{done:,} of {requests:,} requests, {tally.breaches.total():,} unexpected, "
            f"{seconds:.0f} s, about {left:.0f} s left"
        )
        for law in tally.examples.keys() - told:
            told.add(law)
            click.echo(f"\nunexpected, number {tally.examples[law][0]}: {law}", err=True)
        if sys.stderr.isatty():
            click.echo(f"\r{line}  ", err=True, nl=done == requests)
        elif done == requests or done // LINE_EVERY != (done - BLOCK) // LINE_EVERY:
            click.echo(line, err=True)

    tally = run(requests, seed, processes, slow_seconds, progress)
    unexpected = unexpected_of(tally, memory_mib)
    report = report_of(tally, unexpected, seed, time.monotonic() - started)
    click.echo(json.dumps(report, indent=2) if output == "json" else text_of(report))
    sys.exit(1 if unexpected else 0)


def require_sense(context: click.Context, *, alone: bool) -> None:
    """
    Refuse options that would be ignored.

    Raises:
        click.UsageError: One is for many requests and only one is asked, or the other way round.

    """
    for option in context.command.params:
        given = context.get_parameter_source(str(option.name)) is ParameterSource.COMMANDLINE
        if given and alone and option.name in OF_MANY:
            raise click.UsageError(
                f"{option.opts[-1]} is for many requests, and --only asks one; leave one out",
                context,
            )
        if given and not alone and option.name == "whole":
            raise click.UsageError("--whole needs --only NUMBER", context)


def replay(number: int, seed: int, slow_seconds: float, *, whole: bool) -> int:
    """Ask one request again, show it with its answer, and return the exit status."""
    corpus = load_corpus()
    with in_process(corpus.catalogs) as hooks:
        campaign = Campaign(seed, corpus, hooks, slow_seconds)
        request = campaign.request(number)
        answer, found = campaign.tried(request, number)
    click.echo(excerpt(shown(request), whole=whole))
    click.echo(f"\n{answer.status} {answer.headers.get('Content-Type', '')}, {answer.outcome}")
    click.echo(excerpt(readable(answer.body), whole=whole))
    click.echo(answer.lines[0] if answer.lines else "nothing is logged")
    for law in found:
        click.echo(f"unexpected: {law}")
    return 1 if found else 0


def readable(body: bytes) -> str:
    """Return an answer for people: JSON in many lines, else as it is."""
    try:
        return json.dumps(json.loads(body), indent=2)
    except (ValueError, RecursionError):
        return body.decode(errors="backslashreplace")


def excerpt(text: str, *, whole: bool) -> str:
    """Return what is shown of a text: all of it, or its beginning and how to see the rest."""
    lines = [
        each if len(each) <= LONGEST_LINE else f"{each[:LONGEST_LINE]} ..."
        for each in text.split("\n")
    ]
    begun = "\n".join(lines)[:MOST]
    if whole or begun == text:
        return text
    return f"{begun}\n... this is not all of {len(text):,} characters; --whole shows them"


def unexpected_of(tally: Tally, memory_mib: int) -> list[JsonObject]:
    """Return each kind of breach with how often and where, the most frequent first."""
    found: list[JsonObject] = [
        {"what": law, "count": count, "numbers": tally.examples[law]}
        for law, count in tally.breaches.most_common()
    ]
    growth = tally.growth()
    if growth is not None and growth > memory_mib * MIB:
        grown = f"a process grew by {growth // MIB} MiB"
        found.append({"what": grown, "count": 1, "numbers": []})
    return found


def report_of(tally: Tally, unexpected: list[JsonObject], seed: int, seconds: float) -> JsonObject:
    """Return all that is told at the end."""
    slowest, number, size = tally.slowest
    growth = tally.growth()
    return {
        "seed": seed,
        "requests": tally.requests,
        "seconds": round(seconds, 1),
        "answers": [
            {"endpoint": endpoint, "status": status, "outcome": outcome, "count": count}
            for (endpoint, status, outcome), count in sorted(tally.answers.items())
        ],
        "slowest": {"number": number, "seconds": round(slowest, 3), "bytes": size},
        "largestBytes": tally.largest,
        "memory": {
            "residentMiB": max(each[-1] for each in tally.resident.values()) // MIB,
            "growthMiB": None if growth is None else growth // MIB,
        },
        "unexpected": unexpected,
    }


def text_of(report: JsonObject) -> str:
    """Return the same for people."""
    rows = [
        f"{row['endpoint']:<23} {row['status']:>6}  {row['outcome'] or '-':<12} {row['count']:>9,}"
        f"  {MEANINGS.get(row['outcome'], '')}".rstrip()
        for row in report["answers"]
    ]
    slowest, memory = report["slowest"], report["memory"]
    grown = (
        f"growth not measured: no process had more than {SETTLED:,} requests"
        if memory["growthMiB"] is None
        else f"grown by {memory['growthMiB']} MiB"
    )
    lines = [
        f"{'ENDPOINT':<23} {'STATUS':>6}  {'OUTCOME':<12} {'ANSWERS':>9}  MEANING",
        *rows,
        "",
        f"{report['requests']:,} requests of seed {report['seed']} in {report['seconds']:.0f} s",
        (
            f"slowest: number {slowest['number']} with {slowest['bytes']:,} bytes took "
            f"{slowest['seconds']:.3f} s of a processor; largest: {report['largestBytes']:,} bytes"
        ),
        f"memory of a process: {memory['residentMiB']} MiB, {grown}",
        "",
    ]
    for each in report["unexpected"]:
        first, *others = map(str, each["numbers"]) if each["numbers"] else [""]
        more = f"   (and {', '.join(others)})" if others else ""
        lines.append(f"unexpected, {each['count']:,} times: {each['what']}")
        again = f'    make fuzz ARGS="--seed {report["seed"]} --only {first}"'
        lines += [f"{again}{more}"] if first else []
    return "\n".join([*lines, f"{len(report['unexpected']) or 'nothing'} unexpected"])


if __name__ == "__main__":
    main()
