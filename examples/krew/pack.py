"""Pack the plugin for krew; the same files always give the same bytes, and so the same digest."""  # noqa: INP001  (no package: it stands beside the manifest)

import hashlib
import io
import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).parent
MEMBERS = ((HERE / "kubectl-metakaito", 0o755), (HERE.parents[1] / "LICENSE", 0o644))


def packed() -> bytes:
    """Return the archive; not compressed, for that differs between versions of zlib."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_STORED) as archive:
        for path, mode in MEMBERS:
            member = zipfile.ZipInfo(path.name)
            member.create_system = 3  # Unix, which has modes
            member.external_attr = (0o100000 | mode) << 16
            archive.writestr(member, path.read_bytes())
    return whole.getvalue()


if __name__ == "__main__":
    whole = packed()
    Path(sys.argv[1]).write_bytes(whole)
    sys.stdout.write(f"wrote {sys.argv[1]}, sha256 {hashlib.sha256(whole).hexdigest()}\n")
