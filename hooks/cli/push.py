"""``push``: deliver the result of a training."""

import sys
from pathlib import Path

import click

from hooks.cli.options import output_option

AT_A_TERMINAL_SECONDS = 30.0
IN_A_JOB_SECONDS = 3600.0
GOES_ON = "what the registry has by now is kept, and another run sends the rest"


@click.command(short_help="Push a finished adapter as an image, as a training's last step does.")
@click.argument(
    "results",
    metavar="DIRECTORY",
    type=click.Path(path_type=Path),
    envvar="RESULTS_PATH",
)
@click.argument("image", metavar="IMAGE", envvar="ADAPTER_IMAGE")
@click.option(
    "--base",
    metavar="IMAGE",
    default="scratch",
    show_default=True,
    envvar="BASE_IMAGE",
    show_envvar=True,
    help="The image that the files are laid on; scratch is an empty one. An adapter is copied out "
    "of its image with 'cp', so the base needs one to be served.",
)
@click.option(
    "--platform",
    metavar="OS/ARCHITECTURE",
    help="Which of the base's images, and what an empty one is for.  [default: linux on this "
    "machine's architecture]",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIRECTORY",
    envvar="DOCKER_CONFIG",
    show_envvar=True,
    help="Where 'docker login' keeps config.json, with ca.crt beside it for a registry whose "
    "certificate is of an authority of its own.  [default: ~/.docker]",
)
@click.option(
    "--digest-file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Where the digest is written, as the last line.  [default: /dev/termination-log in a Pod]",
)
@click.option(
    "--patience",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="How long it is tried again; 0 is one try.  [default: 3600, at a terminal 30]",
)
@output_option("text", "json")
@click.pass_context
def push(  # noqa: PLR0913  (click passes each option by name)
    context: click.Context,
    *,
    results: Path,
    image: str,
    base: str,
    platform: str | None,
    config: Path | None,
    digest_file: Path | None,
    patience: float | None,
    output: str,
) -> None:
    """
    Push the newest finished result in a directory, or below it, as an image.

    Finished is what has fine_tuning_completed.txt beside adapter_config.json and
    adapter_model.safetensors. These two become /data of the image, in one layer on top of the base;
    equal files make an equal image. What the registry has already is not sent, and what another of
    its repositories has is mounted. In the end the image is read back, and its digest printed.

    While the registry refuses or does not answer it is tried again, with credentials and
    certificates read anew each time, for they can be mended meanwhile. What can never be, such as
    an invalid name, fails at once. Plain HTTP is spoken to this machine only. The layer is made in
    TMPDIR or /tmp, which needs as much room as the files.

    HTTPS_PROXY and NO_PROXY are honoured where they are set: by hand in the shell, in a Pod by the
    image. A Job of metakaito sets neither.

    Examples:
      metakaito push results ghcr.io/me/my-adapter:1 --base docker.io/library/busybox:1.37.0
      metakaito push results localhost:5000/my-adapter:1 -o json

    In a Job everything comes in variables: RESULTS_PATH, ADAPTER_IMAGE, BASE_IMAGE, DOCKER_CONFIG.

    Exit codes: 0 the registry has the image; 1 it does not; 2 a name cannot be used, or the
    registry can never have such an image; 143 SIGTERM stopped it. Run again, it sends what the
    registry has not.

    """
    from hooks.cli.output import as_json, print_text  # noqa: PLC0415  (see the package)
    from hooks.cli.stepping import given_by_job, last_words, say  # noqa: PLC0415
    from hooks.steps.images import parse_platform, this_platform  # noqa: PLC0415
    from hooks.steps.last_words import leave_words, termination_log  # noqa: PLC0415
    from hooks.steps.patience import Clock  # noqa: PLC0415
    from hooks.steps.push import Order  # noqa: PLC0415
    from hooks.steps.push import push as pushed  # noqa: PLC0415
    from hooks.steps.registry import Words  # noqa: PLC0415

    by_job = given_by_job(context, "image")
    words = (
        Words(
            "tuning.output.image",
            "the Secret of tuning.output.imagePushSecret",
            "METAKAITO_ADAPTER_BASE of the installation (chart value training.adapterBase)",
        )
        if by_job
        else Words()
    )
    at_terminal = sys.stderr.isatty()
    default = AT_A_TERMINAL_SECONDS if at_terminal else IN_A_JOB_SECONDS
    file = digest_file or termination_log()
    with last_words("tuning.output" if by_job else "", file, GOES_ON):
        order = Order(
            results=results,
            image=image,
            base=base,
            platform=parse_platform(platform) if platform else this_platform(),
            config=config or Path.home() / ".docker",
            patience=default if patience is None else patience,
            words=words,
        )
        done = pushed(order, Clock(), say)
        leave_words(f"{done.reference}\n{done.digest}\n", file)
    if output == "json":
        print_text(as_json(done._asdict()))
    else:
        print_text(f"{done.reference}\n")
