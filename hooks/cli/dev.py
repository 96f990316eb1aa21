"""``dev``: Metacontroller's part, played against a real API server."""

from pathlib import Path

import click

from hooks.cli.errors import Failed
from hooks.cli.options import CONTEXT, KUBECONFIG


@click.command(short_help="Play Metacontroller against a real API server, for development.")
@KUBECONFIG
@CONTEXT
@click.option(
    "--apply-strategy",
    type=click.Choice(("dynamic-apply", "server-side-apply")),
    default="dynamic-apply",
    show_default=True,
    help="How children become what the hooks want.",
)
@click.option(
    "--apply-strategy-ssa-field-manager",
    "field_manager",
    default="metacontroller",
    show_default=True,
    metavar="NAME",
    help="Who applies, with server-side-apply.",
)
@click.option(
    "--target-label-selector",
    "labels",
    default="",
    metavar="SELECTOR",
    help="Play only controllers with these labels, as app.kubernetes.io/part-of=metakaito.  "
    "[default: all]",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="Syncs of one controller at a time.",
)
@click.option(
    "--record",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIRECTORY",
    help="Write each question to a hook and its answer to a numbered JSON file.",
)
@click.option(
    "--health-probe-bind-address",
    "probes",
    metavar="HOST:PORT",
    help="Answer /healthz and /readyz there; ready means that every controller runs.",
)
@click.option(
    "-o",
    "--output",
    type=click.Choice(("text", "json")),
    default="text",
    show_default=True,
    help="Form of the lines: text on standard error, or JSON on standard output.",
)
def dev(  # noqa: PLR0913  (one for each option)
    *,
    kubeconfig: Path | None,
    context: str | None,
    apply_strategy: str,
    field_manager: str,
    labels: str,
    workers: int,
    record: Path | None,
    probes: str | None,
    output: str,
) -> None:
    """
    Play Metacontroller against a real API server until SIGINT or SIGTERM.

    It reads CompositeControllers and DecoratorControllers from the cluster, asks their webhooks and
    does what they say, with the requests, the rights and the Events of Metacontroller v4.17. For
    development and for tests; production runs Metacontroller, and the two must not run at once on
    the same controllers. It plays hooks of version v2 and says so of a controller that has what it
    does not play: finalize hooks, rolling updates, generateSelector: false, several resources of a
    DecoratorController, a namespaceSelector, ETags, responseUnMarshallMode loose, or TLS and
    basicAuth settings.

    It logs a line for each write, with what differs and for whom, and for each sync that fails; the
    line 'ready' comes once every controller runs.

    Examples:
      metakaito dev --kubeconfig kind.yaml
      metakaito dev --target-label-selector app.kubernetes.io/part-of=metakaito --record exchanges

    It needs the package kubernetes: pip install 'metakaito[cluster]'.

    Exit codes: 0 stopped by a signal, 1 there is no cluster or a hook's answer would crash
    Metacontroller, 2 an option cannot be used.

    """
    try:
        from hooks.cli import playing  # noqa: PLC0415  (see the package)
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.partition(".")[0] not in ("kubernetes", "urllib3"):
            raise
        raise Failed(
            "metakaito dev needs the package kubernetes: pip install 'metakaito[cluster]'"
        ) from None
    playing.play(
        playing.Wanted(
            kubeconfig=kubeconfig,
            context=context,
            server_side_apply=apply_strategy == "server-side-apply",
            field_manager=field_manager,
            labels=labels,
            workers=workers,
            record=record,
            probes=probes,
        ),
        output,
    )
