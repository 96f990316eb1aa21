"""``plan``: what applying Workspaces would do."""

import gc
from collections.abc import Mapping
from pathlib import Path

import click

from hooks.cli.advise import PRICES, REGION
from hooks.cli.completing import FILE
from hooks.cli.options import (
    CONTEXT,
    KUBECONFIG,
    Flags,
    output_option,
    settings_of,
    settings_options,
)

# What a plan makes, models first of all, is used to its end: looking for garbage as often as Python
# does takes a fifth of it.
OBJECTS_PER_COLLECTION = 50_000

OBSERVED = click.option(
    "--observed",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE|DIRECTORY",
    help="What there is: objects as 'kubectl get -o yaml' prints them. May be given several times."
    "  [default: nothing, an empty cluster]",
)


CLUSTER = click.option(
    "--cluster",
    is_flag=True,
    help="Read what there is from the cluster of the kubeconfig, and with which settings the hooks "
    "answer there, where no option says otherwise; nothing is written.",
)

BASE = click.option(
    "--base",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    metavar="FILE|DIRECTORY",
    help="What there is: what these files become once all serves, such as those of another branch. "
    "May be given several times.",
)


@click.command(short_help="Say what applying Workspaces would do, need and cost.")
@click.argument("files", nargs=-1, type=FILE, metavar="[FILE|DIRECTORY|- ...]")
@OBSERVED
@BASE
@CLUSTER
@KUBECONFIG
@CONTEXT
@settings_options
@REGION
@PRICES
@click.option(
    "-R",
    "--recursive",
    is_flag=True,
    help="Read directories within directories, too; --fleet and --observed always do.",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Keep the plan, so that --check can tell later whether it still holds. With --check "
    "it is kept only if nothing has moved.",
)
@click.option(
    "--check",
    "kept",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Say what has moved since a plan was kept, in the cluster or in the files; it fails if "
    "anything has.",
)
@click.option(
    "--fleet",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIRECTORY",
    help="Instead of files: what an upgrade would do to these Workspaces as --from made them.",
)
@click.option(
    "--from",
    "other",
    type=click.Path(path_type=Path),
    metavar="OTHER",
    help="Another metakaito, for --fleet: a virtual environment, or a wheel.",
)
@output_option("text", "json", "markdown", "sarif")
def plan(  # noqa: PLR0913  (one for each option)
    *,
    files: tuple[str, ...],
    observed: tuple[Path, ...],
    base: tuple[Path, ...],
    cluster: bool,
    kubeconfig: Path | None,
    context: str | None,
    region: str | None,
    prices: Path | None,
    recursive: bool,
    out: Path | None,
    kept: Path | None,
    fleet: Path | None,
    other: Path | None,
    output: str,
    flags: Flags,
) -> int:
    r"""
    Say what applying Workspaces would make, change, restart, need and cost; nothing is touched.

    All files make one plan with a total. It is what the hooks answer, played on a copy of what
    there is until the nodes are there; other objects in the files are applied too. Of an edit it
    names every field that changes, the pods that would be started anew for it, and the field that
    forces them. Values of variables are hidden, for they may be secrets. Prices are for nodes on
    demand; one that is not known is "unknown", never zero. SARIF has what is refused or warned of.

    What there is comes from --cluster, from --base, or from --observed with a file made so:
      kubectl get workspaces,machines,nodes,pods,deployments,statefulsets,services,\
        controllerrevisions,configmaps,jobs,namespaces -A -o yaml > cluster.yaml
    and, where the provisioner is nodeclaim, so:
      kubectl get workspaces,nodeclaims,nodes,pods,deployments,statefulsets,services,\
        controllerrevisions,configmaps,jobs,namespaces -A -o yaml > cluster.yaml

    Examples:
      metakaito plan workspace.yaml
      metakaito plan examples/ --region westeurope
      metakaito plan workspace.yaml --cluster
      metakaito plan deploy/ --base ../main/deploy/ -o markdown
      metakaito plan workspace.yaml --observed cluster.yaml --out plan.json
      metakaito plan workspace.yaml --observed cluster-now.yaml --check plan.json
      metakaito plan --fleet workspaces/ --from ../metakaito-0.1/.venv

    Exit codes: 0 nothing would change, 1 it failed or what was kept has moved, 2 a Workspace is
    refused, 3 something would change.

    """
    if fleet is not None or other is not None:
        if fleet is None or other is None:
            missing, given = ("--fleet", "--from") if fleet is None else ("--from", "--fleet")
            raise click.UsageError(f"{given} goes together with {missing}, which is missing")
        require_fleet_alone(
            output,
            {
                "FILE": files,
                "--observed": observed,
                "--base": base,
                "--cluster": cluster,
                "--kubeconfig": kubeconfig,
                "--context": context,
                "--out": out,
                "--check": kept,
            },
        )
        return impact(fleet, other, region, prices, output, flags)
    gc.set_threshold(OBJECTS_PER_COLLECTION)
    if not files:
        raise click.UsageError("Missing argument 'FILE|DIRECTORY|- ...'")
    sources = {"--cluster": cluster, "--observed": observed, "--base": base}
    several = [name for name, value in sources.items() if value]
    if len(several) > 1:
        raise click.UsageError(f"{' and '.join(several)} all say what there is: give one of them")
    if not cluster and (kubeconfig or context):
        raise click.UsageError("--kubeconfig and --context say which cluster: give --cluster too")
    api = None
    if cluster:
        from hooks.cli.cleaning import connect  # noqa: PLC0415  (see the package)

        api = connect(kubeconfig, context, in_cluster=False)
    from hooks.cli.planning import Asked, print_plan  # noqa: PLC0415  (see the package)

    explicit = {name: value for name, value in flags.items() if value is not None}
    asked = Asked(files, observed, api, region, prices, recursive, out, kept, base, explicit)
    return print_plan(asked, settings_of(**flags), output)


def require_fleet_alone(output: str, others: Mapping[str, object]) -> None:
    """Refuse what means nothing for a fleet, by its name."""
    given = [name for name, value in others.items() if value]
    if given:
        raise click.UsageError(
            f"{', '.join(given)}: not with --fleet, which asks about its own directory as the "
            "metakaito of --from has made it"
        )
    if output not in {"text", "json"}:
        raise click.UsageError(f"-o {output}: not with --fleet, which prints text or json")


def impact(
    fleet: Path,
    other: Path,
    region: str | None,
    prices: Path | None,
    output: str,
    flags: Flags,
) -> int:
    """Say what an upgrade does to a fleet."""
    from hooks.cli.fleet import print_impact  # noqa: PLC0415  (see the package)
    from hooks.cli.options import catalog_of  # noqa: PLC0415
    from hooks.cli.pricing import find_prices  # noqa: PLC0415

    settings = settings_of(**flags)
    # Also what a variable says, which is from where we run, and the other one runs elsewhere.
    given = {**flags, "presets": settings.presets}
    given = {name: value for name, value in given.items() if value is not None}
    options = [text for name, value in given.items() for text in (f"--{name}", absolute(value))]
    table = find_prices(region, prices, settings)
    return print_impact(fleet, other, options, catalog_of(settings), table, output)


def absolute(value: object) -> str:
    """Return the value of an option as another folder understands it."""
    return str(value.absolute() if isinstance(value, Path) else value)
