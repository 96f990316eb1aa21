"""Runs a root directory as a container runtime would: another user, files that are read-only."""

import os
import shutil
import subprocess
from pathlib import Path

from image.interpreter import USER

PROGRAMS = ("chroot", "mount", "setpriv", "sh", "unshare")

# Nothing can be written to but /tmp, and no right of root's is left.
CONTAINER = f"""
set -e
root=$0 setpriv=$1 chroot=$2 mount=$3
shift 3
"$mount" --bind "$root" "$root"
"$mount" -o remount,bind,ro "$root"
"$mount" -t tmpfs -o mode=1777 tmpfs "$root/tmp"
"$mount" -t proc proc "$root/proc"
"$mount" --bind /dev "$root/dev"
exec "$setpriv" --no-new-privs "$chroot" --userspec={USER}:{USER} "$root" "$@"
"""


def why_not() -> str | None:
    """Why nothing can be run so on this machine."""
    if os.geteuid():
        return "to run it as another user, with its files mounted read-only, needs root"
    absent = [name for name in PROGRAMS if not shutil.which(name)]
    if absent:
        return f"{', '.join(absent)} must be on the PATH"
    probe = subprocess.run(
        ("unshare", "--mount", "true"),  # noqa: S607  (a container's root may lack the right)
        capture_output=True,
        text=True,
        check=False,
    )
    return probe.stderr.strip() or "unshare --mount fails" if probe.returncode else None


def container(root: Path, *command: str) -> list[str]:
    """The command line that runs a command in the root directory."""
    chroot, mount, setpriv, sh, unshare = (str(shutil.which(name)) for name in PROGRAMS)
    inside = (unshare, "--mount", "--pid", "--fork", "--kill-child", sh, "-c", CONTAINER)
    return [*inside, str(root), setpriv, chroot, mount, *command]
