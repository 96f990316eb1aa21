"""``generate``: what is installed in a cluster, without Helm or as a chart of your own."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from hooks.cli.completing import FILE
from hooks.cli.options import PROVISIONERS, DirectoryToBe, output_option
from hooks.cli.output import as_json, as_yaml, print_text

# What prints manifests: the module with ``documents(values, release)``, and what they are.
MANIFESTS = {
    "controllers": ("charts.controllers", "the CompositeController and the DecoratorController"),
    "rbac": ("charts.rbac", "the rights of Metacontroller: what it does for us, and no more"),
    "crd": ("charts.crds", "the CustomResourceDefinitions of Workspace and of Metacontroller"),
    "policy": ("charts.policy", "the policies that refuse a bad Workspace at 'kubectl apply'"),
    "dashboards": ("charts.dashboards", "the Grafana dashboard and the alerts"),
}
# What writes a directory: the module with ``texts(values, release)``, what it is, and its use.
DIRECTORIES = {
    "chart": (
        "charts.chart",
        "the Helm chart, with your values as its defaults",
        "helm install metakaito ./metakaito -n metakaito-system --create-namespace",
    ),
    "kustomize": (
        "charts.kustomize",
        "a kustomize base and the CRDs that it needs, for those who do not use Helm",
        "\n  ".join(f"kubectl apply --server-side -k metakaito/{of}" for of in ("crds", "base")),
    ),
}

Command = Callable[..., None]

VALUES = click.option(
    "-f",
    "--values",
    "files",
    type=FILE,
    multiple=True,
    metavar="FILE",
    help="Values of the chart, YAML or JSON; may be given several times, the last one wins.",
)
NAMESPACE = click.option(
    "-n",
    "--namespace",
    default="metakaito-system",
    show_default=True,
    help="Where the hooks and Metacontroller run.",
)
NAME = click.option(
    "--name", default="metakaito", show_default=True, help="First part of the names."
)
PROVISIONER = click.option(
    "--provisioner",
    type=click.Choice(PROVISIONERS),
    help="What makes nodes.  [default: the value provisioner; auto needs --api-versions]",
)
API_VERSIONS = click.option(
    "--api-versions",
    multiple=True,
    metavar="GROUP/VERSION/KIND",
    help="An API that the cluster has, such as karpenter.sh/v1/NodeClaim, as Helm's option. It "
    "decides where the value provisioner is auto.",
)
# Which options what is made depends on, beside the values; without an entry on all of them.
DEPENDS_ON = {
    "chart": (PROVISIONER,),
    "crd": (),
    "policy": (NAMESPACE, NAME),
    "dashboards": (NAMESPACE, NAME),
}
EVERYTHING = (NAMESPACE, NAME, PROVISIONER, API_VERSIONS)
WANTED = ("namespace", "name", "provisioner", "api_versions")


def values_options(name: str) -> Callable[[Command], Command]:
    """Add what says for which installation; the command gets it as ``wanted``."""

    def add(command: Command) -> Command:
        @wraps(command)
        def with_wanted(*, files: tuple[str, ...], **given: Any) -> None:  # noqa: ANN401  (options)
            from hooks.cli.generating import wanted  # noqa: PLC0415  (see the package)

            chosen = {key: given.pop(key) for key in WANTED if key in given}
            command(wanted=wanted(files, **chosen), **given)

        changed: Command = with_wanted
        for option in reversed((VALUES, *DEPENDS_ON.get(name, EVERYTHING))):
            changed = option(changed)
        return changed

    return add


@click.group(short_help="Print or write what is installed in a cluster.")
def generate() -> None:
    """
    Print or write what is installed in a cluster; all of it follows from the code.

    The values are those of the Helm chart, and what is printed is what Helm renders of them.

    Examples:
      metakaito generate chart metakaito
      metakaito generate controllers --provisioner nodeclaim | kubectl apply --server-side -f -
      metakaito generate rbac -f values.yaml --provisioner nodeclaim -o json

    Exit codes: 0 it is printed or written; 1 a file cannot be read or written; 2 a value is
    misspelt, or does not go with another one.

    """


def manifests_command(name: str, module: str, what: str) -> click.Command:
    """Return a command that prints manifests."""

    @click.command(name, short_help=f"Print {what}.")
    @values_options(name)
    @output_option("yaml", "json")
    def command(wanted: Any, output: str) -> None:  # noqa: ANN401  (imported late)
        from hooks.cli.generating import documents  # noqa: PLC0415  (see the package)

        found = documents(module, wanted)
        print_text(as_json(found) if output == "json" else as_yaml(found))

    chosen = "" if name in DEPENDS_ON else " --provisioner nodeclaim"
    command.help = (
        f"Print {what}.\n\n"
        f"Example:\n  metakaito generate {name}{chosen} | kubectl apply --server-side -f -\n\n"
        "Exit codes: 0 printed, 1 a file cannot be read, 2 a value cannot be used."
    )
    return command


def directory_command(name: str, module: str, what: str, then: str) -> click.Command:
    """Return a command that writes a directory."""

    @click.command(name, short_help=f"Write {what}.")
    @click.argument("directory", type=DirectoryToBe(path_type=Path))
    @values_options(name)
    @click.option("--force", is_flag=True, help="Replace files that are there.")
    def command(wanted: Any, directory: Path, *, force: bool) -> None:  # noqa: ANN401  (see above)
        from hooks.cli.generating import write  # noqa: PLC0415  (see the package)

        write(module, wanted, directory, force=force)

    chosen = "" if name in DEPENDS_ON else " --provisioner nodeclaim"
    command.help = (
        f"Write {what}.\n\n"
        f"Example:\n  metakaito generate {name} metakaito{chosen}\n  {then}\n\n"
        "Exit codes: 0 written; 1 it cannot be, or a file is there; 2 a value cannot be used."
    )
    return command


for _name, (_module, _what, _then) in DIRECTORIES.items():
    generate.add_command(directory_command(_name, _module, _what, _then))
for _name, (_module, _what) in MANIFESTS.items():
    generate.add_command(manifests_command(_name, _module, _what))
