"""The command: ask, and tell what became of it."""

import json
import os
import sys
import time

import click

from composite.models import JsonObject
from tests.fuzz.asking import in_process
from tests.fuzz.campaign import BLOCK, Campaign, Tally, run
from tests.fuzz.requests import shown
from tests.fuzz.seeds import load_corpus

MIB = 2**20
LINE_EVERY = 20_000  # requests, where progress is no terminal's


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--requests", default=1_000_000, show_default=True, type=click.IntRange(1))
@click.option("--seed", default=1, show_default=True, help="Another seed gives other requests.")
@click.option(
    "--processes",
    default=os.cpu_count() or 1,
    show_default="one for each core",
    type=click.IntRange(1),
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
    help="Unexpected is a process that grows by more after its first 6,000 requests.",
)
@click.option(
    "--only", type=click.IntRange(0), metavar="NUMBER", help="Replay this one and show it."
)
@click.option(
    "-o", "output", type=click.Choice(["text", "json"]), default="text", show_default=True
)
def main(
    requests: int,
    seed: int,
    processes: int,
    slow_seconds: float,
    memory_mib: int,
    only: int | None,
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
      python -m tests.fuzz                               a million, 10 minutes on two cores
      python -m tests.fuzz --requests 20000 --seed 7     others, and fewer
      python -m tests.fuzz --seed 7 --only 4711          one of them, with its answer

    Exit status: 0 nothing was unexpected, 1 something was, 2 wrong usage.
    """
    if only is not None:
        sys.exit(replay(only, seed, slow_seconds))
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


def replay(number: int, seed: int, slow_seconds: float) -> int:
    """Ask one request again, show it with its answer, and return the exit status."""
    corpus = load_corpus()
    with in_process(corpus.catalogs) as hooks:
        campaign = Campaign(seed, corpus, hooks, slow_seconds)
        request = campaign.request(number)
        answer, found = campaign.tried(request, number)
    click.echo(shown(request))
    click.echo(f"\n{answer.status} {answer.headers.get('Content-Type', '')}, {answer.outcome}")
    click.echo(answer.body.decode(errors="backslashreplace"))
    click.echo(answer.lines[0] if answer.lines else "nothing is logged")
    for law in found:
        click.echo(f"unexpected: {law}")
    return 1 if found else 0


def unexpected_of(tally: Tally, memory_mib: int) -> list[JsonObject]:
    """Return each kind of breach with how often and where, the most frequent first."""
    found: list[JsonObject] = [
        {"what": law, "count": count, "numbers": tally.examples[law]}
        for law, count in tally.breaches.most_common()
    ]
    if tally.growth() > memory_mib * MIB:
        grown = f"a process grew by {tally.growth() // MIB} MiB"
        found.append({"what": grown, "count": 1, "numbers": []})
    return found


def report_of(tally: Tally, unexpected: list[JsonObject], seed: int, seconds: float) -> JsonObject:
    """Return all that is told at the end."""
    slowest, number, size = tally.slowest
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
            "growthMiB": tally.growth() // MIB,
        },
        "unexpected": unexpected,
    }


def text_of(report: JsonObject) -> str:
    """Return the same for people."""
    rows = [
        f"{row['endpoint']:<23} {row['status']:>6}  {row['outcome'] or '-':<12} {row['count']:>9,}"
        for row in report["answers"]
    ]
    slowest, memory = report["slowest"], report["memory"]
    lines = [
        f"{'ENDPOINT':<23} {'STATUS':>6}  {'OUTCOME':<12} {'ANSWERS':>9}",
        *rows,
        "",
        f"{report['requests']:,} requests of seed {report['seed']} in {report['seconds']:.0f} s",
        (
            f"slowest: number {slowest['number']} with {slowest['bytes']:,} bytes took "
            f"{slowest['seconds']:.3f} s of a processor; largest: {report['largestBytes']:,} bytes"
        ),
        f"memory of a process: {memory['residentMiB']} MiB, grown by {memory['growthMiB']} MiB",
        "",
    ]
    for each in report["unexpected"]:
        first, *others = map(str, each["numbers"]) if each["numbers"] else [""]
        more = f"   (and {', '.join(others)})" if others else ""
        lines.append(f"unexpected, {each['count']:,} times: {each['what']}")
        lines += [f"    --seed {report['seed']} --only {first}{more}"] if first else []
    return "\n".join([*lines, f"{len(report['unexpected']) or 'nothing'} unexpected"])


if __name__ == "__main__":
    main()
