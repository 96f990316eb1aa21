"""``support-bundle``: what a maintainer needs to repeat a case, from a cluster, in one file."""

import re
from pathlib import Path

import click

from hooks.cli.options import CONTEXT, KUBECONFIG

# https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-label-names
LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


@click.command(name="support-bundle", short_help="Collect a Workspace's case from a cluster.")
@click.argument("name")
@click.option(
    "-n",
    "--namespace",
    default="default",
    show_default=True,
    metavar="NAMESPACE",
    help="Where the Workspace is.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, allow_dash=True, dir_okay=False),
    metavar="FILE",
    help="Where to write; - for standard output.  [default: support-bundle-NAMESPACE-NAME.tar.gz]",
)
@KUBECONFIG
@CONTEXT
def support_bundle(
    *,
    name: str,
    namespace: str,
    output: Path | None,
    kubeconfig: Path | None,
    context: str | None,
) -> None:
    """
    Collect what a maintainer needs to repeat the case of the Workspace NAME, in one file.

    It reads and changes nothing: the Workspace, its children, Machines or NodeClaims, Nodes, Pods
    and Events, the controllers, and the Deployments of metakaito and Metacontroller. No Secret is
    read. From them it makes the requests that Metacontroller would send now, with the answers of
    this version, so that 'metakaito replay' reads the file as it is.

    Values of env, what ConfigMaps hold, what a command says under a name such as token, and what
    stands for a password in a URL are redacted before anything is written. Names, labels, images
    and all else of command lines are not: look at the file before you give it away. What may not be
    read or is not there is noted in its manifest.json.

    Examples:
      metakaito support-bundle workspace-phi-3 -n models
      metakaito support-bundle workspace-phi-3 -n models -o - | tar tzf -

    It needs the package kubernetes: pip install 'metakaito[cluster]'.

    Exit codes: 0 written, also where something could not be read; 1 there is no such Workspace, the
    API server does not answer, or the file cannot be written.

    """
    for what, text in (("NAME", name), ("--namespace", namespace)):
        if not LABEL.fullmatch(text):
            raise click.BadParameter(
                f"{text!r}: must be lower-case letters, digits and '-', at most 63",
                param_hint=what,
            )
    from hooks.cli.cleaning import connect  # noqa: PLC0415  (see the package)

    api = connect(kubeconfig, context, in_cluster=False)
    # Only now is it known that the package kubernetes is there.
    from hooks.cli.bundling import write_bundle  # noqa: PLC0415

    write_bundle(api, namespace, name, output)
