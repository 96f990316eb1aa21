"""``krm``: a function for kustomize and kpt."""

import click

from hooks.cli.completing import FILE


@click.command(short_help="Replace Workspaces by their children, within kustomize or kpt.")
@click.argument("file", default="-", type=FILE, metavar="[FILE|-]")
def krm(file: str) -> int:
    """
    Replace Workspaces by the objects that they become: a KRM function for kustomize and kpt.

    It reads a ResourceList on standard input, or in FILE, and writes one to standard output. What
    Workspaces become is what 'metakaito render' prints for them; every other object of the list
    exists beside them, and is passed on as it is. Each problem is a result in the list, with the
    field, and a line on standard error; then the objects are those that were given.

    The functionConfig may be a ConfigMap, with these fields in 'data', or of a kind of its own:
      apiVersion: metakaito/v1alpha1
      kind: RenderWorkspaces
      metadata: {name: render}
      spec:
        mode: replace            or accompany: the Workspaces stay
        provisioner: nodeclaim   as --provisioner, --cloud and --presets of 'metakaito render'
        cloud: aws
        presets: presets         a directory, from where the function runs

    Examples:
      kustomize build --enable-alpha-plugins --enable-exec examples/kustomize
      metakaito krm examples/kustomize/list.yaml

    Exit codes: 0 done, also where there is no Workspace; 1 it failed: no ResourceList, unfit Nodes,
    or broken presets; 2 a Workspace, the functionConfig or a field of
    the list is refused.

    """
    from hooks.cli.krm_function import answer_list  # noqa: PLC0415  (see the package)

    return answer_list(file)
