"""``replay``: recorded requests answered again, by this version."""

from pathlib import Path

import click

from hooks.cli.completing import FILE
from hooks.cli.options import PRESETS, output_option


@click.command(short_help="Answer recorded requests again, and show what differs.")
@click.argument("files", nargs=-1, required=True, type=FILE, metavar="FILE|DIR...")
@click.option("--diff", is_flag=True, help="Show each field that differs: was → is.")
@click.option(
    "--settings",
    type=click.Choice(("recorded", "current")),
    default="recorded",
    show_default=True,
    help="Answer with the provisioner, cloud and images that were recorded, or with those of the "
    "METAKAITO_ variables here. Presets and instance types are always those of here.",
)
@click.option(
    "--now",
    metavar="TIME",
    help="The time of answers that do not say theirs, 2026-01-01T00:00:00Z.",
)
@PRESETS
@output_option("text", "json")
def replay(
    *,
    files: tuple[str, ...],
    diff: bool,
    settings: str,
    now: str | None,
    presets: Path | None,
    output: str,
) -> int:
    """
    Answer recorded requests again with this version, and show what differs.

    A server with METAKAITO_RECORD=DIR records what it is asked and answers; 'metakaito
    support-bundle' makes the same of what is in a cluster. FILE is one of these requests or an
    archive of them (.tar, .tar.gz), DIR a directory of them. Each is answered as of its time.

    Of each it says:
      equal       the answer is the same
      differs     it is another one
      redacted    it is what the recording version answers to the redacted request; the answer
                  it gave depends on what was redacted, and cannot be repeated
      unreadable  the file holds no recorded request

    It also reads what 'metakaito dev --record' writes, and a request.yaml with a response.yaml
    beside it; these need --now.

    Examples:
      metakaito replay recorded/
      metakaito replay bundle.tar.gz --diff
      metakaito replay tests/golden/workspace --now 2026-01-01T12:00:00Z -o json

    Exit codes: 0 nothing differs, 1 a file cannot be read or a setting is broken, 2 an option
    cannot be used, 3 something differs.

    """
    from hooks.cli.replaying import Wanted, replay_files  # noqa: PLC0415  (see the package)

    wanted = Wanted(diff=diff, recorded_settings=settings == "recorded", presets=presets)
    return replay_files(files, wanted, now, output)
