"""Options that several commands have, and the settings they make together with the environment."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from hooks.cli.errors import Failed, Refused

if TYPE_CHECKING:
    from composite.catalog import Catalog
    from hooks.settings import Settings

Command = TypeVar("Command", bound=Callable[..., Any])
Flags = dict[str, object]

# Spelled out, for importing the enumerations takes longer than all of `--help`.
PROVISIONERS = ("machine", "nodeclaim", "none")
CLOUDS = ("azure", "aws")


class DirectoryToBe(click.Path):
    """A path that is completed as a directory, and not looked at."""

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002  (overridden)
        param: click.Parameter,  # noqa: ARG002  (overridden)
        incomplete: str,
    ) -> list[CompletionItem[str]]:
        """Let the shell complete directories."""
        return [CompletionItem(incomplete, type="dir")]


PROVISIONER = click.option(
    "--provisioner",
    type=click.Choice(PROVISIONERS),
    help="What makes nodes: karpenter.sh/v1alpha5 Machines, karpenter.sh/v1 NodeClaims, or none: "
    "nodes that exist.  [default: METAKAITO_PROVISIONER or machine]",
)
CLOUD = click.option(
    "--cloud",
    type=click.Choice(CLOUDS),
    help="Whose instance types a Workspace can name.  [default: METAKAITO_CLOUD or azure]",
)
PRESETS = click.option(
    "--presets",
    # That it is a directory is checked with the other settings; this is for completion.
    type=DirectoryToBe(path_type=Path),
    metavar="DIRECTORY",
    help="Presets and instance types of your own, added to those that come with metakaito.  "
    "[default: METAKAITO_PRESETS]",
)


KUBECONFIG = click.option(
    "--kubeconfig",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="How to reach the cluster.  [default: KUBECONFIG or ~/.kube/config]",
)
CONTEXT = click.option(
    "--context", metavar="NAME", help="A context of that file.  [default: its current]"
)


def settings_options(command: Callable[..., int | None]) -> Callable[..., int | None]:
    """
    Add ``--provisioner``, ``--cloud`` and ``--presets``.

    The command gets what was given of them in one argument, ``flags``, for :func:`settings_of`.
    What it returns is its exit code, if it returns anything.
    """

    @wraps(command)
    def with_flags(
        *, provisioner: str | None, cloud: str | None, presets: Path | None, **others: object
    ) -> int | None:
        flags = {"provisioner": provisioner, "cloud": cloud, "presets": presets}
        return command(flags=flags, **others)

    return PROVISIONER(CLOUD(PRESETS(with_flags)))


def output_option(*forms: str) -> Callable[[Command], Command]:
    """Add ``-o``; the first form is the default."""
    return click.option(
        "-o",
        "--output",
        type=click.Choice(forms),
        default=forms[0],
        show_default=True,
        help="Form of what is printed.",
    )


def settings_of(**flags: object) -> "Settings":
    """
    Return the settings in the environment, overridden by the flags that were given.

    Raises:
        Refused: A setting has a value that cannot be used.

    """
    from pydantic import ValidationError  # noqa: PLC0415  (see the package)

    from hooks.settings import (  # noqa: PLC0415
        InvalidSettings,
        Settings,
        allowed,
        load_settings,
        set_variables,
    )

    given = {name: value for name, value in flags.items() if value is not None}
    try:
        load_settings()
        return Settings.model_validate({**set_variables(), **given})
    except InvalidSettings as error:
        raise Refused(*str(error).splitlines()) from None
    except ValidationError as error:
        details = error.errors(include_url=False)
        raise Refused(
            *(
                f"--{name.replace('_', '-')}: {detail['input']} cannot be used; "
                f"allowed: {allowed(name)}"
                for detail in details
                for name in [str(detail["loc"][0])]
            )
        ) from None


def catalog_of(settings: "Settings") -> "Catalog":
    """
    Return presets and instance types.

    Raises:
        Failed: A file of presets says something that it cannot.

    """
    from presets import InvalidPresets  # noqa: PLC0415  (see the package)

    try:
        return settings.catalog()
    except InvalidPresets as error:
        raise Failed(*error.problems) from None
