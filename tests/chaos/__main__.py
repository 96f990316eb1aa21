"""``python -m tests.chaos``: holds our laws against very many random stories."""

import os
import sys
import time

import click
from click.core import ParameterSource

from tests.chaos.laws import LAWS
from tests.chaos.program import Result, result_of, results, shortened, story_of, table

LISTED = "\n".join(f"  {law}" for law in LAWS)
HELP = f"""\
Play random stories in the embedded cluster and hold laws against each.

In a story a few Workspaces are made, edited and deleted, while launches, hooks, writes, watches and
whole processes fail. Story N of a seed is always the same. Exit code 0: no law was broken; 1: one
was, and the shortest story found that breaks it is printed, as Python for a test, with the names of
tests/chaos/events.py; 2: wrong usage; of the last
two make makes 2. Progress goes to standard error.

\b
Examples:
  make chaos                                   all, 12 minutes on two cores
  make chaos ARGS="--seed 7 --stories 200"     others, and fewer
  make chaos ARGS="--seed 7 --replay 42"       one of them, which is printed too

\b
The laws:
{LISTED}
"""


# Of the options these mean nothing to a story that is played alone.
OF_MANY = ("stories", "processes")


@click.command(help=HELP, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--stories",
    type=click.IntRange(1),
    default=10_000,
    show_default=True,
    help="How many: the numbers from 0 on.",
)
@click.option("--seed", default=0, show_default=True, help="Another seed gives other stories.")
@click.option(
    "--processes",
    type=click.IntRange(1),
    default=os.cpu_count() or 1,
    show_default="one for each core",
    help="How many at a time.",
)
@click.option(
    "--replay",
    type=click.IntRange(0),
    metavar="NUMBER",
    help="Play this one alone, and show it.",
)
@click.pass_context
def main(
    context: click.Context, stories: int, seed: int, processes: int, replay: int | None
) -> None:
    if replay is not None:
        require_one(context)
    started = time.monotonic()
    total = Result()
    if replay is not None:
        story = story_of(seed, replay)
        click.echo(f"{story}\n")
        total = result_of(replay, story)
    else:
        for result in results(seed, stories, processes):
            total = total.plus(result)
            told = f"{total.stories:,} of {stories:,} stories, {len(total.broken)} violations"
            tell(told, last=total.stories == stories)
    click.echo(table(total, started))
    for law in dict.fromkeys(violation.law for _, violation in total.broken):
        number, violation = next(item for item in total.broken if item[1].law == law)
        click.echo(f"\nStory {number} breaks the law that {law}: {violation.how}")
        click.echo("looking for the shortest story that breaks it", err=True)
        click.echo(shortened(story_of(seed, number), law))
        click.echo(f'Again: make chaos ARGS="--seed {seed} --replay {number}"')
    sys.exit(1 if total.broken else 0)


def require_one(context: click.Context) -> None:
    """
    Refuse options that mean nothing to one story.

    Raises:
        click.UsageError: One is given.

    """
    for name in OF_MANY:
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(
                f"--{name} is for many stories, and --replay plays one; leave one out",
                context,
            )


def tell(progress: str, *, last: bool) -> None:
    """Say how far it is: over the line before on a terminal, else in a line of its own."""
    if sys.stderr.isatty():
        click.echo(f"\r{progress}", err=True, nl=last)
    else:
        click.echo(progress, err=True)


if __name__ == "__main__":
    main()
