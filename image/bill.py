"""
The bills of materials of the images as the locks have them: which files may be in them.

Each image holds a bill of what was installed into it. These say the same without an image, and more
of where it is from: the hashes of the files that each package may be installed from. Equal locks
make equal bytes.

Source: https://cyclonedx.org/docs/1.6/json/
"""

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import Distribution, distributions
from pathlib import Path

import click
from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import License
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL
from packaging.utils import canonicalize_name

from image.locks import SOURCE, Pin, pins
from image.omissions import OMISSIONS, VARIANTS, Variant

RUNTIME = SOURCE / "presets/runtimes/transformers"

# What a package may say of its licence besides an SPDX expression: a name, not its whole text.
LONGEST_NAME = 64
TROVE = "License :: "

HINT = (
    "Licences are read from what is installed in the locked version. How to name other folders "
    "that have more of them, with --site-packages, is shown by: make sbom ARGS=--help"
)


def bills(licences: Mapping[tuple[str, str], str]) -> dict[str, str]:
    """
    Return the bills in CycloneDX' JSON, by the names of their files.

    Args:
        licences: Licence by canonical name and version, as far as it is known.

    """
    hooks = bill(SOURCE / "pyproject.toml", pins(SOURCE / "requirements/runtime.txt"), licences)
    return {
        "metakaito.cdx.json": hooks,
        **{
            f"metakaito-transformers-{variant}.cdx.json": bill(
                RUNTIME / "pyproject.toml", runtime_pins(variant), licences, suffix=f"-{variant}"
            )
            for variant in VARIANTS
        },
    }


def runtime_pins(variant: Variant) -> list[Pin]:
    """Return what is in the runtime's image: what is locked, but for what is left out whole."""
    left_out = {
        canonicalize_name(found[1])
        for each in OMISSIONS
        for pattern in each.patterns
        if variant in each.variants and (found := re.fullmatch(r"(.*)-\*\.dist-info", pattern))
    }
    locked = pins(RUNTIME / f"requirements/{variant}.txt")
    return [pin for pin in locked if pin.name not in left_out]


def bill(
    pyproject: Path,
    locked: Iterable[Pin],
    licences: Mapping[tuple[str, str], str],
    suffix: str = "",
) -> str:
    """
    Return one bill in CycloneDX' JSON.

    Args:
        pyproject: Of the project that the image is for.
        locked: What is installed for it.
        licences: Licence by canonical name and version.
        suffix: What the image's tag has behind the version.

    """
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    root = Component(
        type=ComponentType.CONTAINER,
        name=project["name"],
        version=f"{project['version']}{suffix}",
        description=project["description"],
        licenses=[LicenseFactory().make_from_string(project["license"])],
        bom_ref=project["name"],
    )
    components = {pin: component(pin, licences.get((pin.name, pin.version))) for pin in locked}
    by_name: dict[str, Component] = {pin.name: each for pin, each in components.items()}
    by_name[canonicalize_name(project["name"])] = root
    bom = Bom(components=components.values())
    bom.metadata.component = root
    for pin, each in components.items():
        for name in pin.asked_for_by:
            if name in by_name:
                bom.register_dependency(by_name[name], [each])
    # Both would tell of the moment, and equal locks shall make equal bytes.
    bom.metadata.timestamp = None  # type: ignore[assignment]  # "reproducible" of cyclonedx-py
    bom.serial_number = None  # type: ignore[assignment]  # "reproducible" of cyclonedx-py
    written = make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6)
    return written.output_as_string(indent=2) + "\n"


def component(pin: Pin, licence: str | None) -> Component:
    """Return a package with the hashes of the files of which one is installed."""
    url = PackageURL("pypi", name=pin.name, version=pin.version)
    files = ExternalReference(
        type=ExternalReferenceType.DISTRIBUTION,
        # The lock names no server: any index may have these files, and the hashes tell them.
        url=XsUri(url.to_string()),
        comment="one of the files with these hashes",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest) for digest in pin.hashes],
    )
    return Component(
        type=ComponentType.LIBRARY,
        name=pin.name,
        version=pin.version,
        purl=url,
        bom_ref=url.to_string(),
        licenses=[read_licence(licence)] if licence else None,
        external_references=[files],
    )


def read_licence(text: str) -> License:
    """Return a licence: an SPDX identifier or expression where it is one, else its name."""
    return LicenseFactory().make_from_string(text)


def installed_licences(site_packages: Iterable[Path] = ()) -> dict[tuple[str, str], str]:
    """
    Return the licences of what is installed, by canonical name and version.

    Args:
        site_packages: Folders to look in. Without any, where this Python looks.

    """
    folders = [str(folder) for folder in site_packages]
    found = distributions(path=folders) if folders else distributions()
    return {
        (canonicalize_name(each.name), each.version): licence
        for each in found
        if (licence := licence_of(each))
    }


def licence_of(distribution: Distribution) -> str | None:
    """Return what a package says of its licence, in the best words that it has for it."""
    metadata = distribution.metadata
    if "License-Expression" in metadata:
        return str(metadata["License-Expression"])
    named = str(metadata["License"]).strip() if "License" in metadata else ""
    if named and "\n" not in named and len(named) <= LONGEST_NAME and named != "UNKNOWN":
        return named
    troves = [each for each in metadata.get_all("Classifier", []) if each.startswith(TROVE)]
    return " AND ".join(sorted({each.rpartition(" :: ")[2] for each in troves})) or None


def write_bills(folder: Path, site_packages: Iterable[Path], say: Callable[[str], None]) -> None:
    """
    Write the bills into a folder, and say how many packages and licences are in each.

    Raises:
        OSError: The folder cannot be made, or nothing can be written into it.

    """
    folder.mkdir(parents=True, exist_ok=True)
    incomplete = False
    for name, text in bills(installed_licences(site_packages)).items():
        (folder / name).write_text(text, encoding="utf-8")
        packages, licences = counts(text)
        say(f"wrote {folder / name}: {packages} packages, the licences of {licences} known")
        incomplete = incomplete or licences < packages
    if incomplete:
        say(HINT)


def counts(text: str) -> tuple[int, int]:
    """Return how many packages are in a bill, and of how many the licence is known."""
    libraries = text.count('"type": "library"')
    return libraries, text.count('"licenses": [') - 1  # one is of the image itself


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--site-packages",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    multiple=True,
    help="Where to read licences, of packages in the versions that are locked; may be repeated. "
    "[default: where this Python has its packages]",
)
def sbom(directory: Path, site_packages: tuple[Path, ...]) -> None:
    """
    Write the bills of materials of the images into DIRECTORY, in CycloneDX 1.6.

    They are made of the lock files alone: each package with its version, the SHA-256 of the files
    that it may be installed from, and who needs it. Licences are in no lock. They are read from
    what is installed, and missing of what is not. The same locks and licences give the same bytes.

    \b
    Exit codes:
      0  they are written
      1  they cannot be written there
      2  the command line cannot be understood

    \b
    Example:
      python -m image sbom dist
      python -m image sbom dist --site-packages .venv/lib/python3.11/site-packages \\
        --site-packages presets/runtimes/transformers/.venv/lib/python3.11/site-packages
    """  # noqa: D301  (click's mark for lines that stay as they are)
    try:
        write_bills(directory, site_packages, lambda line: click.echo(line, err=True))
    except OSError as error:
        raise click.ClickException(
            f"{error.filename or directory}: cannot be written: {error.strerror}"
        ) from error
