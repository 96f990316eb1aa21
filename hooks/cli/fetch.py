"""``fetch``: bring the data of a training."""

from pathlib import Path

import click

from hooks.cli.options import output_option

GOES_ON = "what is whole is kept, and another run goes on from there"


class SeparatedByCommas(click.ParamType[str]):
    """Text of which a variable may have more than one."""

    name = "text"
    envvar_list_splitter = ","


@click.command(short_help="Fetch files over HTTP, as a training's first step does.")
@click.argument("urls", nargs=-1, metavar="URL...", envvar="DATA_URLS")
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIRECTORY",
    required=True,
    envvar="DATA_VOLUME_PATH",
    show_envvar=True,
    help="Where the files go; made where it is missing.",
)
@click.option(
    "--allow-network",
    "allowed",
    type=SeparatedByCommas(),
    multiple=True,
    metavar="CIDR",
    envvar="METAKAITO_FETCH_ALLOW_NETWORKS",
    show_envvar=True,
    help="A network that may be reached though it is not public; may be repeated, and in the "
    "variable separated by commas.",
)
@click.option(
    "--patience",
    type=click.FloatRange(min=0),
    default=600,
    show_default=True,
    metavar="SECONDS",
    help="How long a file is tried again without getting any further.",
)
@click.option(
    "--max-bytes",
    type=click.IntRange(min=1),
    metavar="BYTES",
    help="The largest file that is taken.  [default: what the disk has room for]",
)
@output_option("text", "json")
@click.pass_context
def fetch(
    context: click.Context,
    *,
    urls: tuple[str, ...],
    into: Path,
    allowed: tuple[str, ...],
    patience: float,
    max_bytes: int | None,
    output: str,
) -> None:
    """
    Fetch files over HTTP into a directory, each whole or not at all.

    A file is called like the last part of its URL, and gets a number in front where that is taken.
    With #sha256=<64 hex digits> behind the URL only those bytes are taken; the checksum is printed
    in any case. A fetch that is cut is resumed where the server can do that, and tried again with
    growing waits after errors that pass. An HTML page is not taken for data. Credentials in a URL
    are sent to its own server only, and never shown.

    It can be run again, also after it was stopped: files that are whole and still the same are
    kept, a beginning is gone on with, and a file that the server has in another version is
    replaced. What came from where is noted in the directory, in a hidden file.

    Only public addresses are connected to, also after a redirect: not those of the cluster or of
    the cloud's metadata server. Names are resolved once, and the connection goes to the address
    that was checked.

    HTTPS_PROXY, HTTP_PROXY and NO_PROXY are honoured where they are set: by hand in the shell, in a
    Pod by the image. A Job of metakaito sets none. A proxy resolves the names, and so it is the
    proxy that has to check them; that is said.

    Examples:
      metakaito fetch https://data.example/train.parquet --into data
      metakaito fetch https://minio.lan/train.jsonl --into data --allow-network 10.0.0.0/8

    In a Job the URLs come in DATA_URLS, separated by blanks.

    Exit codes: 0 all files are there; 1 one cannot be had; 2 a URL cannot be used or leads where it
    must not; 143 SIGTERM stopped it.

    """
    from hooks.cli.output import as_json, print_text  # noqa: PLC0415  (see the package)
    from hooks.cli.stepping import given_by_job, last_words, say  # noqa: PLC0415
    from hooks.steps.addresses import parse_networks  # noqa: PLC0415
    from hooks.steps.download import Limits  # noqa: PLC0415
    from hooks.steps.fetch import fetch as fetched  # noqa: PLC0415
    from hooks.steps.hops import Rules  # noqa: PLC0415
    from hooks.steps.last_words import termination_log  # noqa: PLC0415
    from hooks.steps.patience import Clock  # noqa: PLC0415
    from hooks.steps.trust import trust  # noqa: PLC0415

    field = "tuning.input.urls" if given_by_job(context, "urls") else ""
    with last_words(field, termination_log(), GOES_ON):
        rules = Rules(trust=trust(), allowed=parse_networks(allowed), say=say)
        files = fetched(urls, into, rules, Limits(patience, max_bytes), Clock(), say)
    if output == "json":
        print_text(as_json([{**file._asdict(), "path": str(file.path)} for file in files]))
    else:
        print_text("".join(f"{file.sha256}  {file.path}\n" for file in files))
