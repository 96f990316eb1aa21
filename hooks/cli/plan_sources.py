"""What ``plan`` reads: files that are to be applied, and files that say what there is."""

from collections.abc import Iterable
from pathlib import Path

from composite import names
from composite.models import JsonObject
from hooks.cli.errors import Failed, Refused
from hooks.cli.files import ENDINGS, Manifest, files_in, read_manifests
from hooks.cli.rendering import require_readable
from hooks.cli.worlds import is_named, is_workspace, require_distinct, require_identity


def read_files(files: Iterable[str], *, beside_base: bool, recursive: bool) -> list[Manifest]:
    """
    Return every object of the files that are to be applied; in a directory may be other things.

    Raises:
        Failed: One cannot be read.
        Refused: There is no Workspace and no base, or two have one name.

    """
    # Beside a base, that nothing is left is a plan, too.
    listed = files_in if beside_base else expanded
    paths = {path: path == file for file in files for path in listed(file, recursive=recursive)}
    found = [
        each
        for path, named in paths.items()
        for each in read_manifests(path)
        if named or is_workspace(each) or is_named(each)
    ]
    if not beside_base and not any(map(is_workspace, found)):
        raise Refused(
            f"{', '.join(files)}: holds no Workspace; "
            f"write apiVersion: {names.API_VERSION} and kind: {names.KIND}"
        )
    for each in found:
        if not is_workspace(each):
            require_identity(each)
    require_distinct(found)
    return found


def read_observed(files: Iterable[Path]) -> list[JsonObject]:
    """
    Return what there is, as files say it.

    Raises:
        Failed: A file cannot be read, a file or directory holds nothing, or an object has not the
            shape of its kind.

    """
    # Once each, in whichever directory it is named again.
    read: dict[str, list[Manifest]] = {}
    for file in files:
        paths = expanded(str(file), recursive=True)
        read.update({path: read_manifests(path) for path in paths if path not in read})
        if not any(read[path] for path in paths):
            raise Failed(
                f"{file}: holds no object: was kubectl refused? leave --observed out for an empty "
                "cluster"
            )
    found = [each for manifests in read.values() for each in manifests]
    for each in found:
        require_readable(require_identity(each))
    require_distinct(found)
    return [each.content for each in found]


def expanded(file: str, *, recursive: bool) -> list[str]:
    """
    Return the file, or the files of a directory that may hold objects.

    Raises:
        Failed: There is none in a directory.

    """
    found = files_in(file, recursive=recursive)
    if not found:
        raise Failed(f"{file}: holds no file that ends with {', '.join(ENDINGS)}")
    return found
