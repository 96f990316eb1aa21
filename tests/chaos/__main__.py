"""``python -m tests.chaos``: holds our laws against very many random stories."""

import os
import pprint
import sys
import time

import click

from tests.chaos.laws import LAWS
from tests.chaos.program import Result, result_of, results, shortened, story_of, table

LISTED = "\n".join(f"  {law}" for law in LAWS)
HELP = f"""\
Play random stories in the embedded cluster and hold laws against each.

In a story a few Workspaces are made, edited and deleted, while launches, hooks, writes, watches and
whole processes fail. Story N of a seed is always the same. Exit code 0: no law was broken; 1: one
was, and the shortest story found that breaks it is printed, for a test.

\b
The laws:
{LISTED}
"""


@click.command(help=HELP)
@click.option("--stories", type=click.IntRange(1), default=10_000, show_default=True)
@click.option("--seed", default=0, show_default=True, help="Which stories.")
@click.option(
    "--processes",
    type=click.IntRange(1),
    default=os.cpu_count() or 1,
    help="How many at a time; by default one for each core.",
)
@click.option("--replay", type=click.IntRange(0), help="Only the story of this number.")
def main(stories: int, seed: int, processes: int, replay: int | None) -> None:
    started = time.monotonic()
    total = Result()
    if replay is not None:
        total = result_of(replay, story_of(seed, replay))
    else:
        for result in results(seed, stories, processes):
            total = total.plus(result)
            tell(f"{total.stories:,} of {stories:,} stories, {len(total.broken)} violations")
    click.echo(table(total, started))
    for law in dict.fromkeys(violation.law for _, violation in total.broken):
        number, violation = next(item for item in total.broken if item[1].law == law)
        click.echo(f"\nStory {number} breaks the law that {law}: {violation.how}")
        tell("looking for the shortest story that breaks it")
        click.echo(pprint.pformat(shortened(story_of(seed, number), law), width=100))
        click.echo(f"Again: python -m tests.chaos --seed {seed} --replay {number}")
    sys.exit(1 if total.broken else 0)


def tell(progress: str) -> None:
    """Say how far it is: over the line before on a terminal, else in a line of its own."""
    click.echo(
        f"\r{progress}" if sys.stderr.isatty() else progress, err=True, nl=not sys.stderr.isatty()
    )


if __name__ == "__main__":
    main()
