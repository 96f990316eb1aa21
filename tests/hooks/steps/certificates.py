"""A certificate authority of one's own, made by openssl."""

import shutil
import ssl
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest


class Authority(NamedTuple):
    """An authority, and a server's certificate that it signed."""

    certificate: Path
    server_certificate: Path
    server_key: Path

    def server_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.server_certificate, self.server_key)
        return context

    def client_context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.certificate)


def make_authority(folder: Path, names: str = "DNS:localhost,IP:127.0.0.1") -> Authority:
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl on the PATH to make certificates with")
    made = Authority(folder / "ca.crt", folder / "server.crt", folder / "server.key")
    key = folder / "ca.key"
    subject = ("-nodes", "-newkey", "rsa:2048", "-days", "2")
    openssl(
        *("req", "-x509", *subject, "-keyout", key, "-out", made.certificate),
        *("-subj", "/CN=an authority of our own", "-addext", "keyUsage=critical,keyCertSign"),
    )
    openssl(
        *("req", "-x509", *subject, "-keyout", made.server_key, "-out", made.server_certificate),
        *("-CA", made.certificate, "-CAkey", key, "-subj", "/CN=server"),
        *("-addext", f"subjectAltName={names}", "-addext", "basicConstraints=critical,CA:FALSE"),
    )
    return made


def openssl(*arguments: str | Path, stdin: bytes = b"") -> bytes:
    done = subprocess.run(  # noqa: S603  (fixed words)
        ["openssl", *arguments],  # noqa: S607  (whichever is there)
        input=stdin,
        capture_output=True,
        check=True,
    )
    return done.stdout
