"""``serve``: the webhooks behind HTTP."""

import gc

import click

from hooks.cli.errors import Failed
from hooks.cli.options import Flags, settings_of, settings_options


@click.command(short_help="Answer Metacontroller's webhooks over HTTP.")
@click.option(
    "--bind",
    metavar="HOST:PORT",
    help="Address to listen on; port 0 takes a free one.  [default: METAKAITO_BIND or :8080]",
)
@click.option("--workers", type=int, help="Processes.  [default: METAKAITO_WORKERS or 2]")
@click.option(
    "--virtual-clock/--no-virtual-clock",
    is_flag=True,
    default=None,
    help="Answer at the time that a request names in its header Metakaito-Now, for "
    "'metakaito simulate --hooks'. Never in a cluster.",
)
@settings_options
def serve(
    bind: str | None,
    workers: int | None,
    virtual_clock: bool | None,  # noqa: FBT001  (click passes it by name)
    flags: Flags,
) -> None:
    """
    Answer Metacontroller's webhooks over HTTP until SIGTERM.

    It answers POST /workspaces/sync, /workspaces/customize, /machines/sync, /machines/customize and
    GET /healthz, /readyz, /metrics. Every other setting is a variable called METAKAITO_...

    Example:
      metakaito serve --bind 127.0.0.1:8080

    Exit codes: 0 stopped by SIGTERM, 1 it cannot listen, or a file of presets or of a token is
    broken, 2 a setting cannot be used.

    """
    gc.disable()  # what is loaded now stays; the server collects once it is
    from hooks.authentication import InvalidToken  # noqa: PLC0415  (see the package)
    from hooks.server import serve as run  # noqa: PLC0415
    from presets import InvalidPresets  # noqa: PLC0415

    settings = settings_of(bind=bind, workers=workers, virtual_clock=virtual_clock, **flags)
    try:
        run(settings.bind, settings)
    except InvalidPresets as error:
        raise Failed(*error.problems) from None
    except InvalidToken as error:
        raise Failed(str(error)) from None
